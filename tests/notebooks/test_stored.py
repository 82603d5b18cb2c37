"""The notebooks as they are stored: all run, short cells, and nothing of the machine that ran them.

nbval, in the same pytest run, compares the outputs; it says nothing of a cell that was never run.
"""

import itertools
import re
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.notebooks.reading import PART_TWO
from tests.notebooks.run import BLANK, NOTEBOOKS, ROOT, dumps, normalise, short_diff

MAX_LINES = 25
MAX_CLASS = 30  # lines of a cell that holds one class
MAX_CELLS = 60  # of a lesson of Part I
LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))
HOMES = re.compile(r"/(?:home|Users|root)/\w|\b[A-Z]:\\+Users\\|/site-packages/|/ipykernel_\d+/")


@pytest.fixture(params=LESSONS, ids=lambda path: path.name)
def lesson(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def notebook(lesson: Path) -> NotebookNode:
    return nbformat.reads(lesson.read_text(encoding="utf-8"), as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_lessons():
    assert LESSONS


def test_every_cell_was_run_in_order(lesson: Path, notebook: NotebookNode):
    cells = code_cells(notebook)
    counts = [cell.execution_count for cell in cells]
    if lesson.name == BLANK:
        assert not any(counts)
        assert not any(cell.outputs for cell in cells)
    else:
        assert counts == list(range(1, len(counts) + 1)), "run make notebooks"


def test_no_cell_is_stored_with_an_error(notebook: NotebookNode):
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []


def test_cells_are_short(notebook: NotebookNode):
    sources = [cell.source.splitlines() for cell in code_cells(notebook)]
    assert [lines for lines in sources if len(lines) > most_lines(lines)] == []


def most_lines(lines: list[str]) -> int:
    """How long a cell may be: longer if it has a caption and one class."""
    tops = [
        line for line in lines[1:] if line[:1].strip() and not line.startswith(("import", "from"))
    ]
    one_class = [line for line in tops if not line.startswith(("@", "#"))]
    return MAX_CLASS if len(one_class) == 1 and one_class[0].startswith("class ") else MAX_LINES


def test_a_lesson_of_part_one_has_no_appendix_and_can_be_finished(
    lesson: Path, notebook: NotebookNode
):
    if lesson.name < PART_TWO:
        assert len(notebook.cells) <= MAX_CELLS
        assert "ppendix" not in lesson.read_text(encoding="utf-8")


def test_prose_parts_the_code(notebook: NotebookNode):
    kinds = [cell.cell_type for cell in notebook.cells]
    runs = [len(list(cells)) for kind, cells in itertools.groupby(kinds) if kind == "code"]
    assert max(runs) <= 2


def test_make_notebooks_would_leave_the_file_as_it_is(lesson: Path, notebook: NotebookNode):
    # As bytes, so that a newline at the end or a carriage return counts.
    stored, left = lesson.read_bytes(), dumps(normalise(notebook)).encode()
    diff = "\n".join(short_diff(stored.decode(), left.decode()))
    if stored != left:
        pytest.fail(f"run make notebooks, which would change\n{diff}")


def test_measured_cells_were_run_as_they_stand(notebook: NotebookNode):
    cells = code_cells(normalise(notebook))
    measured = [cell for cell in cells if "nbval-ignore-output" in cell.metadata.get("tags", [])]
    assert [cell.source for cell in measured if "ran" not in cell.metadata] == [], (
        "run make notebooks"
    )


def test_no_path_of_a_machine(lesson: Path):
    text = lesson.read_text(encoding="utf-8")
    mine = [str(ROOT), sys.prefix, str(Path.home()) + "/", tempfile.gettempdir() + "/"]
    assert [path for path in mine if path in text] == []
    assert HOMES.findall(text) == []
