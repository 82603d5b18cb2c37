"""The exercises of a lesson: where they are, their solutions, and what their checks have said."""

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from chatkit.paths import NOTEBOOKS

SOLUTIONS = NOTEBOOKS / "solutions"
LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))
EXERCISE = re.compile(r"# Exercise (\d\d-\d+)")
VERDICT = re.compile(r"^([✓✗]) (\d\d-\d+): ", re.MULTILINE)
CHECK = re.compile(r"\bcheck\(\s*\"(\d\d-\d+)\"")


def read(lesson: Path) -> NotebookNode:
    """The lesson as it is stored."""
    return nbformat.reads(lesson.read_text(encoding="utf-8"), as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Its cells of code, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def exercise_in(cell: NotebookNode) -> str | None:
    """The exercise that a cell asks for, such as "02-1"."""
    first_line = EXERCISE.fullmatch(cell.source.partition("\n")[0])
    return first_line[1] if first_line else None


def exercises_of(notebook: NotebookNode) -> list[str]:
    """All exercises, in order."""
    return [name for cell in code_cells(notebook) if (name := exercise_in(cell))]


def solutions_of(lesson: Path) -> dict[str, str]:
    """The source of each solution, by its exercise."""
    files = sorted(SOLUTIONS.glob(f"{lesson.name[:2]}-*.py"))
    return {file.stem: file.read_text(encoding="utf-8").rstrip("\n") for file in files}


def solved(lesson: Path) -> NotebookNode:
    """The lesson with a solution in each exercise's cell, and nothing run yet."""
    notebook, solutions = read(lesson), solutions_of(lesson)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
        if name := exercise_in(cell):
            cell.source = solutions[name]
    return notebook


def verdicts(notebook: NotebookNode) -> dict[str, set[str]]:
    """For each exercise the marks that its check cells show."""
    marks: dict[str, set[str]] = {}
    for cell in code_cells(notebook):
        for output in cell.outputs if CHECK.search(cell.source) else []:
            words = output.get("data", {}).get("text/plain", "") or output.get("text", "")
            for mark, name in VERDICT.findall(words):
                marks.setdefault(name, set()).add(mark)
    return marks


def errors(notebook: NotebookNode) -> list[str]:
    """What the cells that failed say."""
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return [output.evalue for output in outputs if output.output_type == "error"]
