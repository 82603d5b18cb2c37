"""Every exercise has a solution and two hints, and its stub gets ✗.

That each solution gets ✓ is seen in JupyterLab: tests/browser/test_jupyterlab.py.
"""

from importlib import import_module
from pathlib import Path

import pytest

from chatkit.lessons import checking
from tests.notebooks.exercises import (
    CHECK,
    LESSONS,
    SOLUTIONS,
    code_cells,
    exercises_of,
    read,
    solutions_of,
    verdicts,
)

lessons = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.name)


@lessons
def test_every_exercise_has_a_solution_and_a_check_and_they_an_exercise(lesson: Path):
    notebook = read(lesson)
    exercises = exercises_of(notebook)
    assert len(exercises) == len(set(exercises))
    assert sorted(solutions_of(lesson)) == sorted(exercises)
    checked = {name for cell in code_cells(notebook) for name in CHECK.findall(cell.source)}
    assert checked == set(exercises)


def test_every_solution_belongs_to_a_lesson():
    numbers = {lesson.name[:2] for lesson in LESSONS}
    assert [path.name for path in SOLUTIONS.glob("*.py") if path.name[:2] not in numbers] == []


@lessons
def test_a_solution_names_its_exercise_as_the_cell_does(lesson: Path):
    solutions = solutions_of(lesson).items()
    assert [
        name for name, source in solutions if source.split("\n")[0] != f"# Exercise {name}"
    ] == []


@lessons
def test_the_second_hint_is_another(lesson: Path):
    exercises = exercises_of(read(lesson))
    if exercises:
        import_module(f"chatkit.lessons.checks_{lesson.name[:2]}")
    hints = [checking._exercises[name].hints for name in exercises]
    assert [first for first, second in hints if first == second or not (first and second)] == []


@lessons
def test_every_stub_gets_a_cross(lesson: Path):
    notebook = read(lesson)
    assert verdicts(notebook) == {name: {"✗"} for name in exercises_of(notebook)}
