"""Lesson 06 builds the three files of static/guide/, and `make sync` keeps its cells up to date."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output

from chatkit.paths import NOTEBOOKS, STATIC
from tests.notebooks import page_cells
from tests.notebooks.excerpts import SyncError
from tests.notebooks.exercises import code_cells, read
from tests.notebooks.page_cells import file_of, page_cell, parts_of, split
from tests.notebooks.run import normalise
from tests.notebooks.sync import synced

FILES = ("chat.js", "index.html", "style.css")
LESSON = NOTEBOOKS / "06-browser-page.ipynb"
SCRIPT = """// A page.

const WAIT = 10; // seconds

/** Adds. */
function add(a, b) {
  return a + b;
}

start();
"""

each_file = pytest.mark.parametrize("file", FILES)


def sources() -> list[str]:
    return [cell.source for cell in code_cells(read(LESSON))]


def strings() -> dict[str, str]:
    """What the captioned cells assign to their names."""
    scope: dict[str, Any] = {}
    for source in sources():
        if file_of(source):
            exec(source, scope)
    return {name: text for name, text in scope.items() if isinstance(text, str)}


def written(file: str) -> Iterator[list[str]]:
    """For each `write(file, …)` in the lesson, the names whose texts it joins."""
    for source in sources():
        compiled = compile(
            source, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        )
        for node in ast.walk(compiled):
            match node:
                case ast.Call(func=ast.Name("write"), args=[ast.Constant(name), *parts]):
                    if name == file and all(isinstance(part, ast.Name) for part in parts):
                        yield [ast.unparse(part) for part in parts]


@each_file
def test_the_cells_hold_each_part_of_a_file_once(file: str):
    shown = [
        part
        for source in sources()
        if file_of(source) == file
        for node in ast.parse(source).body
        for part in split(ast.literal_eval(node.value))
    ]
    assert sorted(shown) == sorted(parts_of(file).values())


@each_file
def test_what_the_lesson_writes_last_is_the_file(file: str):
    *_, names = written(file)
    texts = strings()
    joined = "".join(texts[name] for name in names).lstrip()
    assert joined == (STATIC / "guide" / file).read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(page_cells, "FOLDER", tmp_path)
    (tmp_path / "page.js").write_text(SCRIPT, encoding="utf-8")
    return tmp_path


def cell(*assigned: str) -> str:
    return "\n".join(["# static/guide/page.js", *assigned])


@pytest.mark.usefixtures("folder")
def test_a_string_gets_the_text_of_its_part():
    old = cell('adding = """function add(a) {\n  return a;\n}"""')
    new = 'adding = """\n/** Adds. */\nfunction add(a, b) {\n  return a + b;\n}\n"""'
    assert page_cell(old) == cell(new)
    assert page_cell(cell(new)) == cell(new)


@pytest.mark.usefixtures("folder")
def test_a_string_may_hold_several_parts_and_a_cell_several_strings():
    old = cell('one = "const WAIT\\n\\nstart()"', 'two = "function add(x)"')
    assert page_cell(old) == cell(
        'one = """\n// A page.\n\nconst WAIT = 10; // seconds\n\nstart();\n"""',
        'two = """\n/** Adds. */\nfunction add(a, b) {\n  return a + b;\n}\n"""',
    )


@pytest.mark.usefixtures("folder")
def test_a_comment_alone_belongs_to_the_part_below_it():
    assert list(parts_of("page.js")) == ["const WAIT", "function add", "start"]


@pytest.mark.parametrize("other", ["x = 1", "# chatkit/room.py", "# static/guide/a.js, naive"])
def test_a_cell_without_a_caption_is_left_alone(other: str):
    assert page_cell(other) is None


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (cell('x = "stop();"'), "static/guide/page.js has no part that begins with 'stop'."),
        (cell("x = 1"), "a cell of page.js may only assign strings to names."),
        ("# static/guide/none.js", "there is no static/guide/none.js."),
    ],
)
def test_a_cell_that_can_not_be_written_is_an_error(source: str, reason: str):
    with pytest.raises(SyncError) as error:
        page_cell(source)
    assert str(error.value) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a();\n\na();\n", "two parts of static/guide/page.js begin with the same line."),
        ('a("\\n");\n', "x: Python's triple quotes can't hold a backslash or triple quotes."),
    ],
)
def test_a_file_that_a_cell_can_not_hold_is_an_error(folder: Path, text: str, reason: str):
    (folder / "page.js").write_text(text, encoding="utf-8")
    with pytest.raises(SyncError) as error:
        page_cell(cell('x = "a"'))
    assert str(error.value) == reason


@pytest.mark.usefixtures("folder")
def test_sync_writes_the_cell_and_a_changed_one_loses_its_outputs():
    once = synced(notebook_of(cell('x = "start"')))
    assert once.cells[0].source == cell('x = """\nstart();\n"""')
    assert once.cells[0].outputs == []
    assert synced(once) == once


def notebook_of(source: str) -> NotebookNode:
    output = new_output("stream", text="as before\n")
    return normalise(new_notebook(cells=[new_code_cell(source, id="one", outputs=[output])]))
