"""What a check expects of an answer, and how it says what came instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from inspect import (
    isasyncgenfunction,
    isawaitable,
    iscoroutine,
    iscoroutinefunction,
    isgeneratorfunction,
)
from typing import Any, TypeVar, cast

from chatkit.lessons.engine import intercept
from chatkit.lessons.engine.trial import WrongError

WIDTH = 60  # characters of a value that are shown
MOST = 300  # characters that say what came
NO_RETURN = "nothing. Is a `return` missing? (`print` only shows)"

# What people call the methods of a handler that have another name.
OTHER_NAMES = {
    **dict.fromkeys(("on_open", "on_connect", "connect"), "open"),
    **dict.fromkeys(("close", "on_disconnect", "disconnect"), "on_close"),
    **dict.fromkeys(("message", "on_receive", "receive_message"), "on_message"),
}

T = TypeVar("T")


class NotYetError(WrongError):
    """An answer that does not do what the exercise asks: what was expected, and what came."""

    def __init__(self, expected: str, came: str) -> None:
        if len(came) > MOST:
            came = f"{came[:MOST]} …"
        end = "" if came.endswith(("?", "…", ".", ")")) else "."
        super().__init__(f"Expected {expected}; what came: {came}{end}")


def expect(came: object, wanted: object, words: str, came_words: str = "") -> None:
    """Raise NotYetError unless both are equal.

    `words` say what is wanted, `came_words` what came; without them the value itself is shown.
    """
    if came != wanted:
        raise NotYetError(words, came_words or shown(came))


def shown(value: object) -> str:
    """Return what a value looks like, cut to one line."""
    words = repr(value)
    return words if len(words) <= WIDTH else f"{words[: WIDTH - 2]} …"


def listed(values: Iterable[object], nothing: str = "nothing") -> str:
    """Return texts after one another, each in quotes; what can't be seen is escaped."""
    texts = (str(value) for value in values)
    seen = (text if text.isprintable() else repr(text)[1:-1] for text in texts)
    return ", ".join(f"“{text}”" for text in seen) or nothing


def an(name: str) -> str:
    """Return a name after `a` or `an`."""
    return f"{'an' if name[:1] in 'aeiouAEIOU' or name.startswith('HTML') else 'a'} {name}"


def returned(value: object, nothing: str = NO_RETURN) -> str:
    """Return in words what kind of thing a learner's function returned, when it is a wrong one."""
    if value is None:
        return nothing
    if iscoroutine(value):
        value.close()  # or Python warns that nobody awaited it
        return "a coroutine: it is an `async def`, or an `await` is missing in it"
    if isinstance(value, type):
        return f"the class {value.__name__}: are `()` missing?"
    if callable(value) and hasattr(value, "__name__"):
        return f"{value.__name__} itself: are `()` missing?"
    return f"{an(type(value).__name__)}, {shown(value)}"


def the_class(answer: Any, name: str, base: type[T], parent: str = "") -> type[T]:
    """Return an answer that is a class made from `base`; NotYetError says what else it is.

    `parent` is the class that the stub names in brackets, if that is not `base`.
    """
    parent = parent or (base.__name__ if base is not object else "")
    expected = f"`class {name}({parent}):`" if parent else f"the class {name}"
    if not isinstance(answer, type):
        came = f"{an(type(answer).__name__)}, not a class"
        if type(answer).__name__ == name:
            came = f"an object: give `check` the class itself, {name} without `()`"
        elif getattr(answer, "__name__", "") == name:
            came = "a function: write `class`, not `def`"
        raise NotYetError(expected, "None" if answer is None else came)
    if not issubclass(answer, base):
        raise NotYetError(expected, f"a class {answer.__name__} that is not made from {parent}")
    return answer


def the_function(answer: Any, name: str) -> Callable[..., Any]:
    """Return an answer that can be called; NotYetError says what else it is."""
    expected = f"the function {name}"
    if isinstance(answer, type):
        raise NotYetError(expected, f"the class {answer.__name__}")
    if iscoroutine(answer):
        answer.close()
        raise NotYetError(expected, f"what a call of it returned: give `check` {name} without `()`")
    if not callable(answer):
        came = "None" if answer is None else f"{an(type(answer).__name__)}, {shown(answer)}"
        raise NotYetError(expected, came)
    return cast("Callable[..., Any]", answer)


def plain(result: T, name: str) -> T:
    """Return what the learner's function `name` returned; it must not have to be awaited."""
    if iscoroutine(result):
        result.close()
        raise NotYetError(
            f"{name} to be a plain `def`", "an `async def`, whose call only makes a coroutine"
        )
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


def misnamed(kind: type, known: Iterable[str]) -> str:
    """Return a remark if a class has a method whose name is nearly one of those that are called."""
    known = [name for name in known if name not in vars(kind)]
    for name in vars(kind):
        meant = [OTHER_NAMES[name]] if OTHER_NAMES.get(name) in known else []
        if not meant and not hasattr(kind.__base__, name):
            meant = get_close_matches(name, known, 1, 0.8)
        if meant:
            return f" (Tornado does not call `{name}`: did you mean `{meant[0]}`?)"
    return ""


def overrides(kind: type, base: str, method: str) -> None:
    """Raise NotYetError unless a class is made from `base`, and has a `method` of its own.

    `base` is a name, because a notebook builds such a class of its own.
    """
    family = [each.__name__ for each in kind.__mro__]
    if base not in family:
        raise NotYetError(f"`class {kind.__name__}({base}):`", f"a class without {base}")
    own = kind.__mro__[: family.index(base)]
    methods = [name for each in own for name, part in vars(each).items() if callable(part)]
    if method not in methods:
        came = ", ".join(f"`{name}`" for name in methods) or "none"
        raise NotYetError(f"a method `{method}` in {kind.__name__}", came)


def no_yield(function: Any, name: str) -> None:
    """Raise NotYetError if a function that is called has a `yield`: its lines would not run."""
    if isgeneratorfunction(function) or isasyncgenfunction(function):
        came = "a generator: a call of it runs none of its lines"
        raise NotYetError(f"{name} to have no `yield`", came)


def has_raised() -> bool:
    """Return True if the answer has raised an error: the verdict will say so by itself."""
    trial = intercept.current()
    return trial is not None and trial.failed.is_set()
