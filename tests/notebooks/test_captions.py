"""A captioned cell holds definitions and nothing else, and the lessons build what they teach."""

import ast
from pathlib import Path

import pytest

from chatkit.lessons.engine.parity import CAPTION, caption_of, definitions
from tests.notebooks.captions import LESSONS, captioned_cells, share, summary

DEFINING = (
    ast.ClassDef,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Assign,
    ast.AnnAssign,
    ast.Import,
    ast.ImportFrom,
)

lessons = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.name)


@lessons
def test_a_captioned_cell_holds_definitions_and_nothing_else(lesson: Path):
    others = [
        ast.unparse(node)
        for _, source in captioned_cells(lesson)
        for node in ast.parse(source).body
        if not isinstance(node, DEFINING)
    ]
    assert others == []


@lessons
def test_a_caption_with_a_class_is_followed_by_its_methods_alone(lesson: Path):
    strays = [
        f"{name} under {owner}"
        for _, source in captioned_cells(lesson)
        if (owner := CAPTION.match(source.partition("\n")[0])["owner"])
        for name, _ in definitions(source)
        if name.split(".")[0] != owner
    ]
    assert strays == []


def test_the_lessons_build_what_they_teach():
    assert share() == 1, summary()


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("# chatkit/room.py", "room"),
        ("# chatkit/room.py\nclass Room: ...", "room"),
        ("# chatkit/room.py · Room", "room"),
        ("# chatkit/guide/room.py", "guide.room"),
        ("# chatkit/guide/room.py · Room", "guide.room"),
        ("# chatkit//room.py", None),
        ("# chatkit/room.py, but worse", None),
        ("x = 1\n# chatkit/room.py", None),
        ("# a room", None),
    ],
)
def test_a_caption_is_a_first_line_of_its_own(line: str, module: str | None):
    assert caption_of(line) == module
