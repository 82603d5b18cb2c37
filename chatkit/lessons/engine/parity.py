"""Whether a lesson's code is the package's: compared as syntax trees, docstrings aside."""

from __future__ import annotations

import ast
import builtins
import difflib
import re
from abc import update_abstractmethods
from collections.abc import Callable, Collection, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeGuard
from weakref import WeakKeyDictionary

from chatkit.lessons.engine.cells import without_errors
from chatkit.lessons.engine.slip import slip

PACKAGE = Path(__file__).resolve().parents[2]
CAPTION = re.compile(r"# chatkit/(?P<path>\w+(?:/\w+)*)\.py(?: · (?P<owner>\w+))?$")
# The modules that the lessons build whole.
TAUGHT = (
    "guide.frames",
    "guide.broadcaster",
    "guide.codecs",
    "guide.handler",
    "guide.server",
    "guide.client",
    "guide.widget",
)

Definitions = dict[str, str]  # "Broadcaster", "Broadcaster.connect", "launch" … → code, as a canon


def method_of(cls: type) -> Callable[[Any], Any]:
    """Return a decorator that adds a function or property to a class, so that each gets its cell.

    A global of that name stays as it was: a method called `open` must not hide Python's.
    """

    def add(member: Any) -> Any:
        function = getattr(member, "fget", member)
        name = function.__name__
        setattr(cls, name, member)
        update_abstractmethods(cls)  # this one may have been missing
        return function.__globals__.get(name, getattr(builtins, name, None))

    return add


_adopted: WeakKeyDictionary[type, set[str]] = WeakKeyDictionary()
_lent: set[str] = set()  # all that were ever adopted, such as "ChatServer.stop"


def adopt(cls: type, *names: str) -> None:
    """Give a class methods that chatkit's own has and another lesson builds; `same` knows of it."""
    module = home_of(cls.__name__, without_errors())
    own = getattr(import_module(f"chatkit.{module}"), cls.__name__)
    for name in names:
        setattr(cls, name, vars(own)[name])
    update_abstractmethods(cls)  # one of them may have been missing
    _adopted[cls] = {f"{cls.__name__}.{name}" for name in names}
    _lent.update(_adopted[cls])


def canon(node: ast.stmt) -> str:
    """Return a definition's code without its docstring and `method_of`, formatted in one way."""
    node = ast.parse(ast.unparse(node)).body[0]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        node.decorator_list = [d for d in node.decorator_list if owner_in(d) is None]
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    if isinstance(node, ast.ClassDef):  # its methods stand for themselves
        node.body = [part for part in node.body if not is_function(part)] or [ast.Pass()]
    return ast.unparse(node)


def is_function(node: ast.AST) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return whether this defines a function."""
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def owner_in(decorator: ast.expr) -> str | None:
    """Return the class in `@method_of(Class)`; None for any other decorator."""
    match decorator:
        case ast.Call(func=ast.Name("method_of"), args=[ast.Name(owner)]):
            return owner
    return None


def definitions(source: str) -> Iterator[tuple[str, str]]:
    """Yield the name and canon of each class, function, method and constant in some code."""
    for node in ast.parse(source).body:
        match node:
            case ast.ClassDef(name=name):
                yield name, canon(node)
                for part in node.body:
                    if is_function(part):
                        yield f"{name}.{part.name}", canon(part)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                owners = [owner for d in node.decorator_list if (owner := owner_in(d))]
                yield ".".join([*owners, name]), canon(node)
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                yield name, canon(node)


@cache
def defined(cell: str) -> Definitions:
    """Return what a cell defines; kept, since `same` asks for each cell again and again."""
    return dict(definitions(cell))


@cache
def package_definitions(module: str) -> Definitions:
    """Return what a module of the package defines."""
    return dict(definitions(source_of(module)))


def source_of(module: str) -> str:
    """Return the source of a module of the package, such as "room" or "guide.server"."""
    return (PACKAGE / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")


def learned(cells: list[str]) -> Definitions:
    """Return what cells run one after the other leave defined, each class with its methods."""
    known: Definitions = {}
    for cell in cells:
        try:
            new = defined(cell)
        except SyntaxError:  # a cell that failed defined nothing
            continue
        for name in new:
            for method in [old for old in known if old.startswith(f"{name}.")]:
                del known[method]
        known.update(new)
    return known


class Sameness:
    """How a learner's class or function compares with the package's. True if they are the same."""

    def __init__(
        self, name: str, mine: Definitions, theirs: Definitions, lent: Collection[str] = ()
    ) -> None:
        self.name = name
        self.lent = lent  # parts that an earlier class of this name had adopted
        self.missing = [part for part in theirs if part not in mine]
        self.more = [part for part in mine if part not in theirs]
        both = [part for part in theirs if part in mine]
        self.diffs = {p: diff(mine[p], theirs[p]) for p in both if mine[p] != theirs[p]}

    def __bool__(self) -> bool:
        return not (self.missing or self.more or self.diffs)

    def __repr__(self) -> str:
        if self:
            return f"✓ Your {self.name} is the same code as chatkit's."
        lines = [f"✗ Your {self.name} is not yet chatkit's."]
        lost = [part for part in self.missing if part in self.lent]
        unbuilt = [part for part in self.missing if part not in self.lent]
        lines += [f"{part} is missing: run the cell that defines it." for part in unbuilt]
        if lost:
            lines.append(f"Lent, and lost again: {', '.join(lost)}: run the cell with `adopt`.")
        lines += [f"{part} is not in chatkit's." for part in self.more]
        lines += [f"{part} differs (- yours, + chatkit's):\n{d}" for part, d in self.diffs.items()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return slip(bool(self), repr(self))


def diff(mine: str, theirs: str) -> str:
    """Return the lines in which two pieces of code differ, with a little of what is around them."""
    lines = difflib.unified_diff(mine.splitlines(), theirs.splitlines(), lineterm="", n=1)
    return "\n".join(list(lines)[2:])


def same(thing: Any) -> Sameness:
    """Compare a class or function that was built in this notebook with chatkit's own."""
    if not hasattr(thing, "__name__"):
        kind = type(thing).__name__
        raise TypeError(f"`same` compares a class or a function; this is an object of type {kind}.")
    return compare(thing.__name__, without_errors(), _adopted.get(thing, ()), _lent)


def compare(
    name: str, cells: list[str], adopted: Collection[str] = (), lent: Collection[str] = ()
) -> Sameness:
    """Compare what cells define under a name with the package's definition of that name.

    `adopted` are methods that need no cell, `lent` those that were adopted once.
    """
    theirs = part_of(name, package_definitions(home_of(name, cells)))
    given = {part: code for part, code in theirs.items() if part in adopted}
    return Sameness(name, given | part_of(name, learned(cells)), theirs, lent)


def home_of(name: str, cells: list[str]) -> str:
    """Return the module that has a class or function of this name.

    If several have, it is the one in the caption of the last cell that defines it. Raise
    LookupError if none has.
    """
    built = [caption_of(cell) for cell in reversed(cells) if part_of(name, learned([cell]))]
    captioned = [module for module in built if module in modules()]
    for module in (*captioned, *modules()):
        if name in package_definitions(module):
            return module
    raise LookupError(f"chatkit has no {name!r} to compare with.")


@cache
def modules() -> list[str]:
    """Return the names of the modules that a lesson may show, the guide's first."""
    folders = (PACKAGE / "guide", PACKAGE)
    files = [path for folder in folders for path in sorted(folder.glob("[!_]*.py"))]
    return [".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in files]


def caption_of(cell: str) -> str | None:
    """Return the module in a cell's caption, such as "guide.server"; None if it has none."""
    caption = CAPTION.match(cell.partition("\n")[0])
    return caption["path"].replace("/", ".") if caption else None


def part_of(name: str, known: Definitions) -> Definitions:
    """Return the definitions that belong to a class or function: itself and its methods."""
    return {key: code for key, code in known.items() if key.split(".")[0] == name}
