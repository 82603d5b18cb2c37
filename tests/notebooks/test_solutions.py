"""Every exercise can be solved: its solution gets ✓, its stub ✗, and hints get plainer."""

import re
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from chatkit.lessons import checking
from tests.notebooks.run import NOTEBOOKS, execute

SOLUTIONS = NOTEBOOKS / "solutions"
LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))
EXERCISE = re.compile(r"# Exercise (\d\d-\d+)")
CHECK = re.compile(r"\bcheck\(\s*\"(\d\d-\d+)\"")
VERDICT = re.compile(r"^([✓✗]) (\d\d-\d+): ", re.MULTILINE)

pytestmark = pytest.mark.timeout(180)  # a lesson runs for some twenty seconds, twice that if busy
lessons = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.name)


def read(lesson: Path) -> NotebookNode:
    return nbformat.reads(lesson.read_text(encoding="utf-8"), as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def exercise_in(cell: NotebookNode) -> str | None:
    first_line = EXERCISE.fullmatch(cell.source.partition("\n")[0])
    return first_line[1] if first_line else None


def exercises_of(notebook: NotebookNode) -> list[str]:
    return [name for cell in code_cells(notebook) if (name := exercise_in(cell))]


def solutions_of(lesson: Path) -> dict[str, str]:
    files = sorted(SOLUTIONS.glob(f"{lesson.name[:2]}-*.py"))
    return {file.stem: file.read_text(encoding="utf-8").rstrip("\n") for file in files}


def verdicts(notebook: NotebookNode) -> dict[str, set[str]]:
    """For each exercise the marks that its check cells show."""
    marks: dict[str, set[str]] = {}
    for cell in code_cells(notebook):
        for output in cell.outputs if CHECK.search(cell.source) else []:
            words = output.get("data", {}).get("text/plain", "") or output.get("text", "")
            for mark, name in VERDICT.findall(words):
                marks.setdefault(name, set()).add(mark)
    return marks


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


@lessons
def test_every_solution_gets_a_tick(lesson: Path):
    notebook, solutions = read(lesson), solutions_of(lesson)
    for cell in code_cells(notebook):
        cell.outputs = []
        if name := exercise_in(cell):
            cell.source = solutions[name]
    execute(notebook, lesson.parent)
    assert verdicts(notebook) == {name: {"✓"} for name in solutions}
