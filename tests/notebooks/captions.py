"""Which of the package's definitions are built in the lessons' captioned cells."""

import ast
import tokenize
from io import StringIO
from pathlib import Path

import nbformat

from chatkit.lessons.engine.parity import (
    TAUGHT,
    caption_of,
    definitions,
    package_definitions,
    source_of,
)
from tests.notebooks.run import NOTEBOOKS

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SILENT = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    tokenize.ENDMARKER,
}
LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))


def captioned_cells(lesson: Path) -> list[tuple[str, str]]:
    """The module and the code of each captioned cell of a lesson."""
    cells = nbformat.reads(lesson.read_text(encoding="utf-8"), as_version=4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    return [(module, source) for source in sources if (module := caption_of(source))]


def taught(module: str) -> set[str]:
    """The classes, functions and methods of a module, its constants aside."""
    starts = ("class ", "def ", "async def ", "@")
    known = package_definitions(module)
    return {name for name, code in known.items() if code.startswith(starts)}


def unbuilt() -> dict[str, set[str]]:
    """For each taught module what no lesson builds."""
    left = {module: taught(module) for module in TAUGHT}
    for lesson in LESSONS:
        for module, source in captioned_cells(lesson):
            left.get(module, set()).difference_update(name for name, _ in definitions(source))
    return left


def share() -> float:
    """The share of what is to be taught that some lesson builds."""
    total = sum(len(taught(module)) for module in TAUGHT)
    return 1 - sum(map(len, unbuilt().values())) / total


def lines_of(module: str) -> int:
    """How many lines of code a module has, without docstrings, comments and blank lines."""
    source = source_of(module)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type not in SILENT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            lines.difference_update(range(docstring.lineno, (docstring.end_lineno or 0) + 1))
    return len(lines)


def summary() -> str:
    """The same in one line, with how much that is, and the modules that are not yet built whole."""
    left = {module: names for module, names in unbuilt().items() if names}
    parts = [f"{m} {len(taught(m)) - len(names)} of {len(taught(m))}" for m, names in left.items()]
    built = f"{share():.1%} of the" if parts else "all"
    modules = f"the {len(TAUGHT)} modules that they teach"
    size = f"{sum(map(lines_of, TAUGHT)):,} lines of code"
    return f"the lessons build {built} definitions of {modules}, {size}" + (
        f" ({', '.join(parts)})" if parts else ""
    )


if __name__ == "__main__":
    print(summary())
