"""An exercise: one file of chatkit/lessons/exercises, from which all else about it follows."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from textwrap import fill
from types import ModuleType

from chatkit.lessons import exercises
from chatkit.lessons.engine.trial import Check

WIDTH = 88  # characters of a line of the task


@dataclass(frozen=True)
class Exercise:
    """What an exercise's file holds.

    `wrong` has, for each mistake, an answer and what the verdict must say, a regular expression;
    `right` has unusual right answers. An answer is its code, or two texts: what to replace in the
    solution, and by what. `given` is what the check is given, if that is not what the stub defines
    last.
    """

    name: str
    task: str
    stub: str
    hints: tuple[str, str]
    solution: str
    check: Check
    wrong: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    right: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    given: str = ""

    @property
    def asked(self) -> str:
        """What the check is given, as the notebook writes it: what the stub defines last."""
        return self.given or last_name(self.stub)

    def cell(self, code: str) -> str:
        """Return code as the exercise's cell holds it: below its name and its task."""
        task = fill(self.task, WIDTH, initial_indent="# ", subsequent_indent="# ")
        return f"# Exercise {self.name}\n{task}\n{code.strip()}"

    def edited(self, code: str, new: str | None = None) -> str:
        """Return an answer's code: as given, or the solution with `new` in place of `code`.

        Raise LookupError if the solution does not have it.
        """
        if new is None:
            return code
        if code not in self.solution:
            raise LookupError(f"The solution of {self.name} has no {code!r}.")
        return self.solution.replace(code, new)


def last_name(code: str) -> str:
    """Return the name that some code defines last."""
    match ast.parse(code).body:
        case [*_, ast.ClassDef(name=name) | ast.FunctionDef(name=name)]:
            return name
        case [*_, ast.AsyncFunctionDef(name=name)]:
            return name
    raise ValueError("The stub ends with no definition: say in GIVEN what the check is given.")


def names() -> list[str]:
    """Return the names of all exercises, such as `02-1`, in order."""
    files = Path(exercises.__file__).parent.glob("ex_*.py")
    return sorted(file.stem.removeprefix("ex_").replace("_", "-") for file in files)


def load(name: str) -> Exercise:
    """Return the exercise of this name; raise LookupError if there is none."""
    if name not in names():
        raise LookupError(f"There is no exercise {name}: an exercise's first line has its name.")
    return from_module(name, import_module(f"{exercises.__name__}.ex_{name.replace('-', '_')}"))


def from_module(name: str, module: ModuleType) -> Exercise:
    """Return the exercise that a module describes."""
    return Exercise(
        name,
        module.TASK,
        module.STUB.strip(),
        module.HINTS,
        module.SOLUTION.strip(),
        module.check,
        module.WRONG,
        module.RIGHT,
        getattr(module, "GIVEN", ""),
    )
