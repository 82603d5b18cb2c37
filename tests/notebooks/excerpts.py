"""Excerpts of the package for the cells captioned with one of its files.

The cell says which definitions it shows, and in which order. Their text is the file's: comments are
kept, docstrings are left out. A class may be shown in part: the cell has all its attributes, and
the methods that it had before. The caption, the imports and `@method_of` are the cell's own.
"""

import ast
from collections.abc import Collection, Iterator
from functools import cache
from itertools import takewhile

from chatkit.lessons.engine.parity import (
    caption_of,
    definitions,
    is_function,
    owner_in,
    source_of,
)

Block = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class SyncError(Exception):
    """A cell can't be written: the sentence says why."""


def captioned(cell: str) -> str | None:
    """Return a captioned cell with the package's code; None if the cell has no caption.

    SyncError if the package lacks something that the cell shows.
    """
    module = caption_of(cell)
    if module is None:
        return None
    caption, _, rest = cell.partition("\n")
    shown, package = Code(rest), package_code(module)
    lines = shown.lines.copy()
    for node in reversed(shown.body):
        if names := names_in(node):
            place = shown.span(node)
            lines[place.start : place.stop] = package.excerpt(names, marks_of(node))
    return "\n".join([caption, *lines])


@cache
def package_code(module: str) -> "Code":
    """Return the code of a module of the package; SyncError if there is no such module."""
    file = f"chatkit/{module.replace('.', '/')}.py"
    try:
        return Code(source_of(module), file)
    except FileNotFoundError as error:
        raise SyncError(f"there is no {file}.") from error


def names_in(node: ast.stmt) -> list[str]:
    """Return the name that a statement defines and, if that is a class, those of its methods."""
    return [name for name, _ in definitions(ast.unparse(node))]


def decorators_of(node: ast.stmt) -> list[ast.expr]:
    """Return a statement's decorators; only a class or function has any."""
    return node.decorator_list if isinstance(node, Block) else []


def marks_of(node: ast.stmt) -> list[str]:
    """Return a definition's `@method_of(…)`, as a list that is empty if there is none."""
    return [f"@{ast.unparse(mark)}" for mark in decorators_of(node) if owner_in(mark)]


def methods_of(node: ast.stmt) -> list[tuple[str, ast.stmt]]:
    """Return the methods of a class with their names, such as "Room.join"."""
    if not isinstance(node, ast.ClassDef):
        return []
    return [(f"{node.name}.{part.name}", part) for part in node.body if is_function(part)]


def named(body: list[ast.stmt]) -> Iterator[tuple[str, ast.stmt]]:
    """Yield each definition in a module with its name, methods included."""
    for node in body:
        for name in names_in(node)[:1]:
            yield name, node
        yield from methods_of(node)


def docstring_of(block: Block) -> list[ast.stmt]:
    """Return the statement that is a block's docstring, or nothing."""
    return [] if ast.get_docstring(block) is None else block.body[:1]


def first_line(node: ast.stmt) -> int:
    """Return the index of a statement's first line, that of a decorator if it has one."""
    return min([node.lineno, *(decorator.lineno for decorator in decorators_of(node))]) - 1


class Code:
    """Source code, and the lines of each definition in it."""

    def __init__(self, source: str, file: str = "") -> None:
        self.file = file
        self.lines = source.split("\n")
        tree = ast.parse(source)
        self.body = tree.body
        self.defined = dict(named(tree.body))
        self.inside_strings = {
            n
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant | ast.JoinedStr)
            for n in range(node.lineno, node.end_lineno or 0)
        }

    def excerpt(self, names: list[str], marks: list[str]) -> list[str]:
        """Return the lines of a definition as a cell shows it, with these decorators on top.

        `names` are its own and, if it is a class, those of the methods to show.
        """
        for name in names:
            if name not in self.defined:
                raise SyncError(f"{self.file} has no {name}.")
        node = self.defined[names[0]]
        lines = self.shown(node, names[1:])
        for n in lines.keys() - self.inside_strings:
            lines[n] = lines[n][node.col_offset :]
        first = first_line(node)
        lines[first] = "\n".join([*marks, lines[first]])
        return [lines[n] for n in sorted(lines)]

    def shown(self, node: ast.stmt, methods: Collection[str]) -> dict[int, str]:
        """Return a definition's lines by index: no docstrings, of a class only these methods."""
        lines = {n: self.lines[n] for n in self.span(node)}
        blocks = [block for block in ast.walk(node) if isinstance(block, Block)]
        for block in reversed(blocks):  # inner blocks first: an outer one may hide them
            hidden = docstring_of(block)
            if block is node:
                hidden += [part for name, part in methods_of(node) if name not in methods]
            for part in hidden:
                self.remove(part, lines)
            if len(hidden) == len(block.body):
                lines[first_line(hidden[0])] = " " * hidden[0].col_offset + "pass"
        return lines

    def remove(self, part: ast.stmt, lines: dict[int, str]) -> None:
        """Remove a statement's lines, and the blank ones below it."""
        place = self.span(part)
        for n in place:
            lines.pop(n, None)
        below = takewhile(lambda n: lines.get(n) == "", range(place.stop, len(self.lines)))
        for n in list(below):
            del lines[n]

    def span(self, node: ast.stmt) -> range:
        """Return the indexes of a statement's lines; a definition's comments belong to it."""
        start, stop = first_line(node), node.end_lineno or 0
        if isinstance(node, ast.Expr):  # a docstring
            return range(start, stop)
        margin = " " * node.col_offset
        while start > 0 and self.lines[start - 1].startswith(f"{margin}#"):
            start -= 1
        for n in range(stop, len(self.lines)):
            if self.lines[n].startswith(f"{margin} "):  # a comment that ends the block
                stop = n + 1
            elif self.lines[n]:
                break
        return range(start, stop)
