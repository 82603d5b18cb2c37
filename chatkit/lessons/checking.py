"""`check`: runs a learner's answer to an exercise and says ✓ or ✗, with a hint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from inspect import isawaitable, iscoroutine, iscoroutinefunction
from typing import Any, TypeVar, cast

from chatkit.lessons.classroom import tell_class
from chatkit.lessons.slip import slip
from chatkit.lessons.trial import Test, WrongError, attempt

TIMEOUT = 10.0  # seconds that an answer gets
WIDTH = 60  # characters of an answer that are shown
MOST = 300  # characters of what came that are told

T = TypeVar("T")


class NotYetError(WrongError):
    """An answer that does not do what the exercise asks: what was expected, and what came."""

    def __init__(self, expected: str, came: str) -> None:
        if len(came) > MOST:
            came = f"{came[:MOST]} …"
        end = "" if came.endswith("?") else "."
        super().__init__(f"Expected {expected}; what came: {came}{end}")


NO_RETURN = "nothing: a `return` is missing (`print` only shows)"


def returned(answer: object, nothing: str = NO_RETURN) -> str:
    """Return in words what kind of thing a learner's function returned, when it is a wrong one."""
    if answer is None:
        return nothing
    if iscoroutine(answer):
        answer.close()  # or Python warns that nobody awaited it
        return "a coroutine: it is an `async def`, or an `await` is missing in it"
    if isinstance(answer, type):
        return f"the class {answer.__name__}: are `()` missing?"
    if callable(answer) and hasattr(answer, "__name__"):
        return f"{answer.__name__} itself: are `()` missing?"
    return f"{an(type(answer).__name__)}, {shown(answer)}"


def an(name: str) -> str:
    """Return a name after `a` or `an`."""
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def shown(answer: object) -> str:
    """Return what an answer looks like, and not more than fits in a line."""
    words = repr(answer)
    return words if len(words) <= WIDTH else f"{words[: WIDTH - 2]} …"


def plain(result: T, name: str) -> T:
    """Return what the learner's function `name` returned; it must not have to be awaited."""
    if iscoroutine(result):
        result.close()
        raise NotYetError(f"{name} to be a plain `def`", "an `async def`, whose call only begins")
    return result


def plain_def(kind: type, name: str) -> None:
    """Raise NotYetError if a class's method, which nobody awaits, is an `async def`."""
    if iscoroutinefunction(getattr(kind, name, None)):
        raise NotYetError(f"a plain `def {name}`: it is called without await", "an `async def`")


async def awaited(result: Any, name: str) -> Any:
    """Return what the learner's coroutine `name` returns; it must not be a plain function."""
    if not isawaitable(result):
        came = "a plain `def`" if result is None else f"a plain `def` that returned {shown(result)}"
        raise NotYetError(f"{name} to be an `async def`", came)
    return await result


def the_class(answer: Any, name: str, base: type[T]) -> type[T]:
    """Return an answer that is a class made of `base`; NotYetError says what else it is."""
    expected = f"the class {name}" + (f", made from {base.__name__}" if base is not object else "")
    if not isinstance(answer, type):
        came = f"{an(type(answer).__name__)}, not a class"
        if type(answer).__name__ == name:
            came = f"an object: give `check` the class itself, {type(answer).__name__} without `()`"
        raise NotYetError(expected, "None" if answer is None else came)
    if not issubclass(answer, base):
        raise NotYetError(expected, f"the class {answer.__name__}, which is not made from it")
    return answer


def misnamed(kind: type, known: Iterable[str]) -> str:
    """Return a remark if a class has a method whose name is nearly one of those that are called."""
    names = [name for name in vars(kind) if not hasattr(kind.__base__, name)]
    for name in names:
        if near := get_close_matches(name, known, 1, 0.8):
            return f" (nobody calls `{name}`: did you mean `{near[0]}`?)"
    return ""


def the_function(answer: Any, name: str) -> Callable[..., Any]:
    """Return an answer that can be called; NotYetError says what else it is."""
    expected = f"the function {name}"
    if isinstance(answer, type):
        raise NotYetError(expected, f"the class {answer.__name__}")
    if iscoroutine(answer):
        answer.close()
        raise NotYetError(expected, f"what a call of it returned: give `check` {name} without `()`")
    if not callable(answer):
        raise NotYetError(f"{expected} itself, without `()`", shown(answer))
    return cast("Callable[..., Any]", answer)


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
    try:
        praise = await attempt(wanted.test, answer, TIMEOUT)
    except WrongError as error:
        fault = str(error)
    else:
        _failures[name] = 0
        told = await tell_class(name)
        return Verdict(True, "\n".join(filter(None, (f"{name}: {praise}", told))))
    _failures[name] += 1
    hint = wanted.hints[0] if _failures[name] == 1 else wanted.hints[1]
    return Verdict(False, f"{name}: {fault}\nHint: {hint}")
