"""The exercises of a lesson: where they are, and what their checks have said."""

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from chatkit.lessons.engine.cells import Ran
from chatkit.lessons.engine.exercise import load
from chatkit.paths import NOTEBOOKS

LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))
VERDICT = re.compile(r"^([✓✗]) (\d\d[a-z]?-\d+): ", re.MULTILINE)
CHECK = re.compile(r"\bcheck\(\s*\"(\d\d[a-z]?-\d+)\"")


def read(lesson: Path) -> NotebookNode:
    """The lesson as it is stored."""
    return nbformat.reads(lesson.read_text(encoding="utf-8"), as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Its cells of code, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def exercise_in(cell: NotebookNode) -> str:
    """The exercise whose cell this is, such as "02-1"; empty for any other cell."""
    return Ran(cell.source).exercise


def exercises_of(notebook: NotebookNode) -> list[str]:
    """All exercises, in order."""
    return [name for cell in code_cells(notebook) if (name := exercise_in(cell))]


def solved(lesson: Path) -> NotebookNode:
    """The lesson with a solution in each exercise's cell, and nothing run yet."""
    notebook = read(lesson)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
        if name := exercise_in(cell):
            exercise = load(name)
            cell.source = exercise.cell(exercise.solution)
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
