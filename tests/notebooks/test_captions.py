"""A caption is a promise: the cell is the package's code, and nothing else."""

import ast
from pathlib import Path

import pytest

from chatkit.lessons.parity import definitions, package_definitions
from tests.notebooks.captions import (
    CAPTION,
    LESSONS,
    caption_of,
    captioned_cells,
    share,
    summary,
)
from tests.notebooks.run import short_diff

LEAST_SHARE = 0.9
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
def test_a_captioned_cell_is_the_package_s_code(lesson: Path):
    faults = []
    for module, source in captioned_cells(lesson):
        theirs = package_definitions(module)
        for name, mine in definitions(source):
            if name not in theirs:
                faults.append(f"chatkit/{module}.py has no {name}")
            elif mine != theirs[name]:
                diff = "\n".join(short_diff(mine, theirs[name]))
                faults.append(f"chatkit/{module}.py has another {name}:\n{diff}")
    assert not faults, "\n".join(faults)


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
    assert share() >= LEAST_SHARE, summary()


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("# chatkit/room.py", "room"),
        ("# chatkit/room.py\nclass Room: ...", "room"),
        ("# chatkit/room.py · Room", "room"),
        ("# chatkit/room.py, but worse", None),
        ("x = 1\n# chatkit/room.py", None),
        ("# a room", None),
    ],
)
def test_a_caption_is_a_first_line_of_its_own(line: str, module: str | None):
    assert caption_of(line) == module
