"""Python's errors in a learner's words: what was raised, in which line, and what it often means."""

from __future__ import annotations

import ast
import linecache
import re
from difflib import get_close_matches
from traceback import walk_stack, walk_tb
from types import CodeType, FrameType, FunctionType

LEARNERS = "__main__"  # the module that a notebook's cells are
EXERCISE = "# Exercise "  # how the cell of an exercise begins
# An error's class, what stands in its words, and what to do about it; the first that fits is told.
ADVICE: tuple[tuple[type[BaseException], str, str], ...] = (
    (
        UnboundLocalError,
        "",
        "A name that a function assigns to is its own, and new at each call: give it a value "
        "before every `if` and `try`; or is `self.` missing?",
    ),
    (NameError, "", "Run the cells above first; or is it spelt otherwise there?"),
    (
        RuntimeError,
        "changed (size )?during iteration|mutated during iteration",
        "Somebody comes or goes while you loop: loop over a copy, such as tuple(…).",
    ),
    (
        RuntimeError,
        r"asyncio\.run\(\) cannot|loop is already running",
        "In a notebook an event loop runs already: use `await` instead.",
    ),
    (RuntimeError, "already awaited", "Each call makes one coroutine, which is awaited once."),
    (
        TypeError,
        r"takes (\d+|from .*) positional arguments? but",
        "It gets more than its `def` takes. Is `self` missing, or another parameter?",
    ),
    (
        TypeError,
        "missing .* required (positional|keyword-only) argument",
        "It gets less than its `def` takes. Is an argument forgotten, or a parameter too many? "
        "Or is it called on the class, where an object is needed?",
    ),
    (TypeError, "unexpected keyword argument", "Its `def` has no parameter of that name."),
    (
        TypeError,
        "in 'await' expression|can't be awaited",
        "Only a coroutine can be awaited: leave `await` out, or make it an `async def`.",
    ),
    (
        TypeError,
        "in 'async for'|'async for' requires|asynchronous context manager",
        "It can't be used with `async` like that: leave `async` out, or look at what it is.",
    ),
    (TypeError, "'coroutine' object is not callable", "Give the function itself, without `()`."),
    (Exception, "'coroutine' object|type coroutine|not 'coroutine'", "An `await` is missing."),
    (
        TypeError,
        "bytes-like object is required, not 'str'|can't concat str to bytes"
        r"|can only concatenate str \(not \"bytes\"\)|expected str instance, bytes found"
        r"|sequence item \d+: expected a bytes-like|a string or bytes",
        "Text and bytes are two things: text.encode() makes bytes, data.decode() makes text.",
    ),
    (
        TypeError,
        "'NoneType' object (is not (iterable|subscriptable|an)|does not)|cannot unpack.* NoneType",
        "Something returned nothing: a `return` is missing, or it changes things and returns None.",
    ),
    (
        AttributeError,
        "'NoneType' object has no attribute",
        "Something returned nothing: a `return` is missing, or it changes things and returns None.",
    ),
    (
        TypeError,
        "object is not callable",
        "What is called there is no function. Was one called too early, with `()`, "
        "where it should be handed over?",
    ),
    (
        TypeError,
        r"for \+: 'int' and 'str'|can only concatenate str \(not \"int\"\)",
        'A number comes into a text by an f-string: f"{number} …".',
    ),
    (
        Exception,
        "'Message' object (has no attribute|is not)|of type 'Message' is not",
        "A message's text is message.message, and its author message.name.",
    ),
    (
        AttributeError,
        "type object '.*' has no attribute",
        "That is the class; it is an object of it that has this: are `()` missing?",
    ),
    (AttributeError, "'(function|method)' object has no", "It has to be called: are `()` missing?"),
    (
        AttributeError,
        "'set' object has no attribute|'list' object has no attribute '(add|discard)'",
        "A set has add and discard, a list append and remove.",
    ),
    (Exception, "Expected `str`, got `bytes`", 'A message is text: "…" and not b"…".'),
    (RecursionError, "", "It calls itself without end: was `super()` meant?"),
)


def in_words(error: BaseException) -> str:
    """Return an error as a sentence on `Your code`, and another on what it often means."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    said = f": {error}" if str(error) else ""
    return f"Your code raised {type(error).__name__}{place(error)}{said.removesuffix('.')}." + (
        f" {more}" if (more := advice(error)) else ""
    )


def place(error: BaseException) -> str:
    """Return the last line of the learner's own that an error went through, if it did.

    A line of the exercise comes before one of another cell, which its function tells apart.
    """
    frames = [step for step in walk_tb(error.__traceback__) if is_learners(step[0])]
    if not frames:
        return ""
    own = [step for step in (*callers(error), *frames) if first_line(step[0]).startswith(EXERCISE)]
    frame, number = (own or frames)[-1]
    line = linecache.getline(frame.f_code.co_filename, number).strip()
    elsewhere = "" if own or not line else f" of the cell with `{frame.f_code.co_qualname}`"
    return f" in line {number}{elsewhere}" + (f", `{line}`" if line else "")


def callers(error: BaseException) -> list[tuple[FrameType, int]]:
    """Return the frames that called the one which caught an error, if they still run."""
    caught_by = error.__traceback__.tb_frame.f_back if error.__traceback__ else None
    return [*walk_stack(caught_by)][::-1] if caught_by else []


def first_line(frame: FrameType) -> str:
    """Return the first line of the file or cell that a frame runs; nothing if it isn't known."""
    return linecache.getline(frame.f_code.co_filename, 1)


def is_learners(frame: FrameType) -> bool:
    """Return whether a frame runs code of a notebook's cell."""
    return frame.f_globals.get("__name__") == LEARNERS


def advice(error: BaseException) -> str:
    """Return what an error often means, or nothing."""
    words = str(error)
    fitting = (
        told for kind, part, told in ADVICE if isinstance(error, kind) and re.search(part, words)
    )
    known = next(fitting, "")
    if not known and isinstance(error, AttributeError) and error.name:
        public = [name for name in dir(error.obj) if not name.startswith("_")]
        near = get_close_matches(error.name, public, 1)
        return f"Did you mean `{near[0]}`?" if near else ""
    return known


def hidden(answer: object) -> list[str]:
    """Return a remark if an answer's cell has an `except` that hides every error."""
    code = code_in(answer)
    if code is None:
        return []
    tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    lines = [handler.lineno for handler in handlers if hides(handler)]
    return [
        f"The `except` in line {line} hides what goes wrong: take it out, and look."
        for line in lines[:1]
    ]


def code_in(answer: object) -> CodeType | None:
    """Return some of an answer's own code: a function's, or that of a class's first method."""
    parts = [answer, *(vars(answer).values() if isinstance(answer, type) else ())]
    return next((part.__code__ for part in parts if isinstance(part, FunctionType)), None)


def hides(node: ast.ExceptHandler) -> bool:
    """Return whether this is an `except` for all errors that does nothing about them."""
    match node:
        case ast.ExceptHandler(type=None):
            return True
        case ast.ExceptHandler(type=ast.Name("Exception" | "BaseException"), body=[ast.Pass()]):
            return True
    return False
