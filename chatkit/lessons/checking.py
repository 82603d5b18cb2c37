"""`check`: runs a learner's answer to an exercise and says ✓ or ✗, with a hint."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from chatkit.lessons.classroom import tell_class
from chatkit.lessons.slip import slip

TIMEOUT = 10.0  # seconds that an answer gets

Test = Callable[[Any], Awaitable[str]]


class NotYetError(Exception):
    """An answer that does not do what the exercise asks: what was expected, and what came."""

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(f"Expected {expected}; what came: {came}.")


def returned(answer: object) -> str:
    """Return in words what kind of thing a learner's function returned, when it is a wrong one."""
    return "nothing: a `return` is missing" if answer is None else type(answer).__name__


@dataclass
class Exercise:
    """A test of an answer, a hint for the first failure and a plainer one for those after it."""

    test: Test
    hints: tuple[str, str]


@dataclass
class Verdict:
    """What `check` says. True if the answer is right."""

    right: bool
    words: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return f"{'✓' if self.right else '✗'} {self.words}"

    def _repr_html_(self) -> str:
        return slip(self.right, repr(self))


_exercises: dict[str, Exercise] = {}
_failures: Counter[str] = Counter()


def exercise(name: str, hint: str, plainer: str) -> Callable[[Test], Test]:
    """Return a decorator that makes an async function the test of an exercise, such as `02-1`.

    The function takes the learner's answer, returns a sentence of praise that says what was seen,
    and raises NotYetError, or lets the answer's own error through.
    """

    def register(test: Test) -> Test:
        _exercises[name] = Exercise(test, (hint, plainer))
        return test

    return register


def find(name: str) -> Exercise | None:
    """Return the exercise of this name, if there is one."""
    with suppress(ModuleNotFoundError):
        import_module(f"chatkit.lessons.checks_{name.partition('-')[0]}")
    return _exercises.get(name)


async def check(name: str, answer: Any) -> Verdict:
    """Try an answer and return the verdict; a wrong answer never raises.

    Who has joined a class (`join_class`) has a right answer told there; else nobody is told.
    """
    wanted = find(name)
    if wanted is None:
        return Verdict(False, f"There is no exercise {name}: its name stands in its first line.")
    limit = asyncio.timeout(TIMEOUT)
    try:
        async with limit:
            praise = await wanted.test(answer)
    except NotYetError as error:
        fault = str(error)
    except Exception as error:
        said = f": {error}" if str(error) else ""
        fault = f"Your code raised {type(error).__name__}{said.removesuffix('.')}."
        if limit.expired():
            fault = f"It did not come to an end within {TIMEOUT:.0f} seconds."
    else:
        _failures[name] = 0
        told = await tell_class(name)
        return Verdict(True, "\n".join(filter(None, (f"{name}: {praise}", told))))
    _failures[name] += 1
    hint = wanted.hints[0] if _failures[name] == 1 else wanted.hints[1]
    return Verdict(False, f"{name}: {fault}\nHint: {hint}")
