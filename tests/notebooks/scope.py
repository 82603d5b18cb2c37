"""What a lesson's cells have defined by the time that an exercise's cell runs."""

from __future__ import annotations

import ast
import builtins
import linecache
from functools import cache
from symtable import SymbolTable, symtable
from typing import Any

from chatkit.lessons.engine.exercise import Exercise
from chatkit.lessons.engine.parity import CAPTION, caption_of
from chatkit.paths import NOTEBOOKS
from tests.notebooks.exercises import code_cells, read

FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST


@cache
def defined_in(lesson: str) -> dict[str, str]:
    """For each name that the lesson's cells define, the statement that does; the last one counts.

    What a captioned cell defines is imported from the package.
    """
    [path] = NOTEBOOKS.glob(f"{lesson}-*.ipynb")
    found: dict[str, str] = {}
    for cell in code_cells(read(path)):
        if cell.source.startswith(("# Exercise", "%", "!")):
            continue
        module, caption = caption_of(cell.source), CAPTION.match(cell.source.partition("\n")[0])
        if caption and caption["owner"]:  # a class that this cell extends
            found[caption["owner"]] = f"from chatkit.{module} import {caption['owner']}"
        for statement in compile(cell.source, path.name, "exec", FLAGS).body:
            code = ast.unparse(statement)
            for name in names_of(statement):
                here = module and not isinstance(statement, ast.Import | ast.ImportFrom)
                package = f"chatkit.{module}"
                found[name] = f"from {package} import {name}" if here else code
    return found


def names_of(statement: ast.stmt) -> list[str]:
    """The names that a statement gives a value to, unless it has to be awaited."""
    match statement:
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return [alias.asname or alias.name.split(".")[0] for alias in aliases]
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            method = any("method_of" in ast.unparse(d) for d in statement.decorator_list)
            return [] if method else [statement.name]
        case ast.Assign() if not any(isinstance(n, ast.Await) for n in ast.walk(statement)):
            return [
                node.id
                for target in statement.targets
                for node in ast.walk(target)
                if isinstance(node, ast.Name)
            ]
    return []


def names_used(code: str) -> set[str]:
    """The names that some code expects to be defined already, Python's own aside."""
    return globals_of(symtable(code, "<code>", "exec")) - set(dir(builtins))


def globals_of(scope: SymbolTable) -> set[str]:
    """The names that a scope, and those in it, read without giving them a value."""
    top = scope.get_type() == "module"
    own = {
        symbol.get_name()
        for symbol in scope.get_symbols()
        if (symbol.is_referenced() and not symbol.is_assigned() if top else symbol.is_global())
    }
    inner = {name for child in scope.get_children() for name in globals_of(child)}
    assigned = {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_assigned()}
    return own | (inner - assigned if top else inner)


def fill(scope: dict[str, Any], lesson: str, code: str) -> None:
    """Define in a scope what some code needs of the lesson's cells."""
    known = defined_in(lesson)
    for name in sorted(names_used(code) & set(known)):
        if name not in scope:
            scope[name] = None  # so that a function that uses itself is not defined for ever
            fill(scope, lesson, known[name])
            exec(known[name], scope)


def answer_of(exercise: Exercise, code: str) -> Any:
    """What the check is given if the exercise's cell has this code."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    fill(scope, exercise.name.partition("-")[0], f"{code}\n{exercise.asked}")
    cell, file = exercise.cell(code), f"<cell {exercise.name}>"
    linecache.cache[file] = (len(cell), None, cell.splitlines(keepends=True), file)
    exec(compile(cell, file, "exec"), scope)
    return eval(exercise.asked, scope)
