"""The cells that ran in this notebook: what they hold, and how they ended."""

from __future__ import annotations

import ast
import re
import sys
from asyncio import CancelledError
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST
EXERCISE = re.compile(r"^\s*# Exercise (\d\d[a-z]?-\d+)\b", re.MULTILINE)


@dataclass
class Ran:
    """A cell as it ran. `error` is what ended it, if anything did.

    `source` is plain Python, without magics. `before` has the ids of the functions and classes that
    there were before an exercise's cell ran, by name.
    """

    source: str
    error: BaseException | None = None
    before: Mapping[str, int] = field(default_factory=dict)

    @property
    def exercise(self) -> str:
        """The exercise that it belongs to by its first comment; empty for other cells."""
        found = EXERCISE.search(self.source)
        return found[1] if found else ""

    def left(self, name: str, value: Any) -> bool:
        """Return True if a function or class of this name is still what it was before."""
        return is_definition(value) and self.before.get(name) == id(value)

    def failed(self) -> bool:
        """Return True if the cell ended with an error of its own; ■ is none."""
        return not isinstance(self.error, KeyboardInterrupt | CancelledError | None)

    def same_code(self, other: Ran) -> bool:
        """Return True if both hold the same code, comments and blank lines aside."""
        try:
            mine, theirs = (compile(one.source, "", "exec", FLAGS) for one in (self, other))
        except SyntaxError:
            return self.source == other.source
        return ast.dump(mine) == ast.dump(theirs)


ran: list[Ran] = []  # in the order in which they began
_running: list[Ran] = []  # a cell may run others


def is_definition(value: Any) -> bool:
    """Return True for what `def` and `class` make."""
    return isinstance(value, FunctionType | type)


def shell() -> Any:
    """Return IPython's shell, or None outside a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def ran_for(exercise: str) -> Ran | None:
    """Return how the cell of an exercise was last run; None if it was not."""
    return next((cell for cell in reversed(ran) if cell.exercise == exercise), None)


def without_errors() -> list[str]:
    """Return the sources of the cells that ended well, in order."""
    return [cell.source for cell in ran if cell.error is None]


def watch() -> None:
    """Keep each cell that runs from now on, and those that ran before."""
    if kernel := shell():
        ran.extend(Ran(source) for source in map(_plain, kernel.history_manager.input_hist_raw))
        if ran:
            _running.append(ran[-1])  # it imports this module
        kernel.events.register("pre_run_cell", lambda info: _begin(info.raw_cell))
        kernel.events.register("post_run_cell", _finish)


def _plain(source: str) -> str:
    """Return a cell without magics, if it is valid."""
    with suppress(SyntaxError):
        return str(shell().transform_cell(source))
    return source


def _begin(source: str) -> None:
    """Keep a cell that begins to run."""
    cell = Ran(_plain(source))
    if cell.exercise:
        named = shell().user_ns.items()
        cell.before = {name: id(value) for name, value in named if is_definition(value)}
    ran.append(cell)
    _running.append(cell)


def _finish(result: Any) -> None:
    """Note how a cell has ended."""
    if _running:
        _running.pop().error = result.error_before_exec or result.error_in_exec


watch()
