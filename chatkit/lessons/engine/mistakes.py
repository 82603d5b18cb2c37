"""Python's errors in a learner's words: what was raised, in which line, and what it often means."""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from functools import partial
from traceback import walk_stack, walk_tb
from types import CodeType, FrameType, FunctionType, MethodType, ModuleType

from tornado.websocket import WebSocketClosedError

from chatkit.lessons.engine.cells import EXERCISE

NOT_CLOSED = "a bracket or a quote is not closed"
MOST = 300  # characters of an error's words
LEARNERS = "__main__"  # the module that a notebook's cells are
CALL = re.compile(r"^(?P<name>[\w.<>]+)\(\) (takes|missing|got|argument)")
TOO_MANY = re.compile(r"takes (\d+|from .*) positional arguments? but")
ALIKE = (("send", "write_message", "say", "send_message", "emit"), ("close", "stop"))
ALL_ERRORS = ("Exception", "BaseException")
ERROR_NAMES = ("error", "err", "exception", "exc", "ex", "e")
# An error's class, what its words contain, and what to do about it; the first that fits is told.
# Each is true whenever it fits: where that can't be known, the error's own words are enough.
ADVICE: tuple[tuple[type[BaseException], str, str], ...] = (
    (
        UnboundLocalError,
        "",
        "A name that a function assigns to is local to it: give it a value on every path before "
        "it is used, or write `self.` if you meant an attribute.",
    ),
    (
        RuntimeError,
        "changed (size )?during iteration|mutated during iteration",
        "Somebody comes or goes while you loop: loop over a copy, such as tuple(…).",
    ),
    (
        RuntimeError,
        r"asyncio\.run\(\) cannot|loop is already running",
        "An event loop runs already: use `await`, or in a plain `def` hand it the coroutine.",
    ),
    (RuntimeError, "already awaited", "Each call makes one coroutine, which can be awaited once."),
    (
        Exception,
        "different (event )?loop",
        "It was made on another event loop, perhaps in a cell: `check` runs your answer on a new "
        "loop of its own. Make it inside your function, or in `__init__`.",
    ),
    (
        RuntimeError,
        "no running event loop",
        "Only code that the event loop calls can use it, so not another thread.",
    ),
    (RuntimeError, "`input` asks", "Use what your function is given instead."),
    (
        TypeError,
        "object (builtin_function_or_)?(method|function).* can't be used in 'await' expression",
        "It has to be called: are `()` missing?",
    ),
    (
        TypeError,
        "in 'await' expression|can't be awaited",
        "Only a coroutine can be awaited, and this is none: leave `await` out.",
    ),
    (
        TypeError,
        "in 'async for'|'async for' requires|asynchronous context manager",
        "It can't be used with `async` like that: leave `async` out, or look at what it is.",
    ),
    (TypeError, r"'\w*Client' object is not iterable", "Use `async for`."),
    (TypeError, "'coroutine' object is not callable", "Give the function itself, without `()`."),
    (
        Exception,
        "'coroutine' object|type coroutine|not 'coroutine'"
        "|'_asyncio.Future' object (has no attribute|is not (subscriptable|iterable))|not Future$",
        "An `await` is missing.",
    ),
    (
        TypeError,
        "bytes-like object is required, not 'str'|can't concat str to bytes"
        r"|can only concatenate str \(not \"bytes\"\)|expected str instance, bytes found"
        r"|sequence item \d+: expected a bytes-like.*str found|a string or bytes",
        "Text and bytes are different: text.encode() makes bytes, data.decode() makes text.",
    ),
    (
        Exception,
        "'NoneType' object (is not (iterable|subscriptable|an)|does not|has no attribute)"
        "|cannot unpack.* NoneType",
        "Something is None: perhaps a `return` is missing, or a method changes its object and "
        "returns None.",
    ),
    (
        TypeError,
        "'tuple' object is not callable",
        "A tuple is called here like a function: perhaps a comma is missing between two tuples.",
    ),
    (
        TypeError,
        "object is not callable",
        "What is called here is no function. Perhaps it was called too early, with `()`, where "
        "the function itself is needed.",
    ),
    (
        TypeError,
        r"for \+: 'int' and 'str'|can only concatenate str \(not \"int\"\)",
        'An f-string puts a number into text: f"{number} …".',
    ),
    (
        Exception,
        "'Message' object (has no attribute|is not)|of type 'Message' is not",
        "A message's text is message.message, and its author message.name.",
    ),
    (
        AttributeError,
        "type object '.*' has no attribute",
        "That is the class; an object of it may have this: are `()` missing?",
    ),
    (AttributeError, "'(function|method)' object has no", "It has to be called: are `()` missing?"),
    (
        AttributeError,
        "'set' object has no attribute|'list' object has no attribute '(add|discard)'",
        "A set has add and discard, a list append and remove.",
    ),
    (Exception, "Expected `str`, got", 'A message is text, in quotes: "…".'),
    (TypeError, 'can only concatenate list .not "bytes"', "bytes(…) makes bytes of a list."),
    (RecursionError, "", "A function calls itself, directly or by another, without end."),
    (WebSocketClosedError, "", "That connection is closed already."),
)


class Answer:
    """A learner's answer as code: which functions are its own, and which errors come of it."""

    def __init__(self, answer: object) -> None:
        self._codes = list(codes_of(answer))

    def defines(self, qualname: str) -> bool:
        """Return True if a function of this name is defined in the answer's cell."""
        return any(code.co_qualname == qualname for code in self._codes)

    def raised(self, error: BaseException) -> bool:
        """Return True if an error went through the learner's code, or through a call of it."""
        return bool(place(error)) or self.called_wrongly(error)

    def called_wrongly(self, error: BaseException) -> bool:
        """Return True if somebody called a function of the answer with other arguments."""
        return isinstance(error, TypeError) and self.defines(called(error))

    def hidden(self) -> list[str]:
        """Return a remark if the answer's cell has an `except` that hides every error."""
        for file in {code.co_filename: None for code in self._codes}:
            with suppress(SyntaxError):
                for node in ast.walk(ast.parse("".join(linecache.getlines(file)))):
                    if isinstance(node, ast.ExceptHandler | ast.Call) and (word := hides(node)):
                        return [
                            f"The `{word}` in line {node.lineno} hides errors, if there are any: "
                            "remove it to see them."
                        ]
        return []


def codes_of(answer: object) -> Iterator[CodeType]:
    """Yield the code of every function in the cell that defines an answer."""
    for function in functions_in(answer):
        cell = function.__code__.co_filename
        for value in (answer, *function.__globals__.values()):
            for other in functions_in(value):
                if other.__code__.co_filename == cell:
                    yield from nested(other.__code__)
        return


def functions_in(value: object) -> Iterator[FunctionType]:
    """Yield a function that a cell defines, or those of a class that a cell defines."""
    if type(value).__module__ == LEARNERS:  # an object of a class that a cell defines
        value = type(value)
    for part in vars(value).values() if isinstance(value, type) else (value,):
        match part:  # by type alone: other objects may do anything if they are asked
            case (
                (FunctionType() as function)
                | property(fget=FunctionType() as function)
                | staticmethod(__func__=FunctionType() as function)
                | classmethod(__func__=FunctionType() as function)
                | MethodType(__func__=FunctionType() as function)
                | partial(func=FunctionType() as function)
            ) if is_learners(function):
                yield function


def nested(code: CodeType) -> Iterator[CodeType]:
    """Yield some code and that of the functions in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested(constant)


def called(error: BaseException) -> str:
    """Return the name of the function that Python says was called with wrong arguments."""
    found = CALL.match(text_of(error))
    return found["name"] if found else ""


def in_words(error: BaseException, answer: Answer) -> str:
    """Return an error as a sentence on `Your code`, and another on what it often means."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    try:
        more = advice(error, answer)
    except Exception:  # of the learner's own `__getattr__`, say
        more = ""
    return f"Your code raised {said(error, place(error))}" + (f" {more}" if more else "")


def said(error: BaseException, where: str = "") -> str:
    """Return an error's class, where it came from, and its own words, with one full stop."""
    words = text_of(error)
    if isinstance(error, SyntaxError):
        where = f" in line {error.lineno}" if error.lineno else ""
        words = NOT_CLOSED if error.msg == "incomplete input" else str(error.msg)
    elif isinstance(error, AttributeError) and words == error.name:  # as an Enum has it
        words = f"no {error.name} in {getattr(error.obj, '__name__', 'it')}"
    return f"{type(error).__name__}{where}{f': {words}' if words else ''}".removesuffix(".") + "."


def text_of(error: BaseException) -> str:
    """Return an error's own words, cut to a few lines; its `__str__` may be the learner's."""
    try:
        words = str(error)
    except Exception as other:
        return f"its __str__ raised {type(other).__name__}"
    return words if len(words) <= MOST else f"{words[:MOST]} …"


def place(error: BaseException) -> str:
    """Return the last line of the learner's own that an error went through, if it did.

    A line of the exercise comes before one of another cell, which its function tells apart.
    """
    frames = [step for step in walk_tb(error.__traceback__) if is_learners(step[0])]
    if not frames:
        return ""
    own = [step for step in (*callers(error), *frames) if in_exercise(step[0])]
    frame, number = (own or frames)[-1]
    line = linecache.getline(frame.f_code.co_filename, number).strip()
    elsewhere = "" if own or not line else f" of the cell with `{frame.f_code.co_qualname}`"
    return f" in line {number}{elsewhere}" + (f", `{line}`" if line else "")


def callers(error: BaseException) -> list[tuple[FrameType, int]]:
    """Return the frames that called the one which caught an error, if they still run."""
    caught_by = error.__traceback__.tb_frame.f_back if error.__traceback__ else None
    return [*walk_stack(caught_by)][::-1] if caught_by else []


def in_exercise(frame: FrameType) -> bool:
    """Return True for a frame of the cell of an exercise."""
    return bool(EXERCISE.search("".join(linecache.getlines(frame.f_code.co_filename))))


def is_learners(code: FrameType | FunctionType) -> bool:
    """Return True for a frame or a function of a notebook's cell."""
    scope = code.f_globals if isinstance(code, FrameType) else code.__globals__
    return scope.get("__name__") == LEARNERS


def advice(error: BaseException, answer: Answer) -> str:
    """Return what to do about an error, or nothing where that can't be known."""
    if isinstance(error, TypeError) and (name := called(error)):
        return on_arguments(error, name) if answer.defines(name) else ""
    if isinstance(error, NameError) and not isinstance(error, UnboundLocalError):
        return on_name(error)
    words = text_of(error)
    for kind, part, told in ADVICE:
        if isinstance(error, kind) and re.search(part, words):
            return told
    if isinstance(error, AttributeError) and error.name:
        return on_attribute(error.obj, error.name)
    return ""


def on_arguments(error: TypeError, name: str) -> str:
    """Return advice on a function of the learner's that gets other arguments than it takes."""
    words, short = text_of(error), name.rpartition(".")[2]
    if TOO_MANY.search(words):
        missing = "`self` or another" if "." in name.rpartition("<locals>.")[2] else "a"
        more = f"is {missing} parameter missing?"
        return f"`{short}` is called with more values than its `def` accepts: {more}"
    if "missing" not in words:
        return f"The `def` of `{short}` has no parameter of that name."
    if place(error):
        return "Your call gives it too few values. To hand over the function itself, write no `()`."
    more = " Tornado gives it the third part of its route: is that missing?"
    more = more if short == "initialize" else ""
    return f"`{short}` is called with fewer values than its `def` asks for.{more}"


def on_attribute(owner: object, name: str) -> str:
    """Return which attribute of an object may be meant by a name that it does not have."""
    for group in ALIKE:
        for other in group if name in group else ():
            if hasattr(owner, other):
                return f"Did you mean `{other}`?"
    if name == "notify" and hasattr(owner, "send") and hasattr(owner, "broadcaster"):
        return (
            "`self.send(message)` sends to this client alone, and "
            "`self.broadcaster.notify(channel, message)` to any channel."
        )
    parts = {} if isinstance(owner, ModuleType) else getattr(owner, "__dict__", {})
    for part, value in parts.items():
        if hasattr(value, name):
            return f"Did you mean `{part}.{name}`?"
    return did_you_mean(name, [known for known in dir(owner) if known[0] != "_"])


def on_name(error: NameError) -> str:
    """Return what a name may stand for that Python does not know."""
    steps = [step for step in walk_tb(error.__traceback__) if is_learners(step[0])]
    if not steps or not error.name:
        return ""
    scope, number = steps[-1]
    handled = error.__context__  # the error whose `except` this is, if it is in one
    here = handled and scope in [frame for frame, _ in walk_tb(handled.__traceback__)]
    if here and error.name in ERROR_NAMES:
        return f"Write `except {type(handled).__name__} as {error.name}:`."
    classes = {name: each for name, each in scope.f_globals.items() if isinstance(each, type)}
    for owner, value in (*scope.f_locals.items(), *classes.items()):
        if owner.isidentifier() and hasattr(value, error.name):
            return f"Did you mean `{owner}.{error.name}`?"
    known = [name for name in {*scope.f_locals, *scope.f_globals} if name[0] != "_"]
    if near := did_you_mean(error.name, known):
        return near
    line = linecache.getline(scope.f_code.co_filename, number)
    if re.search(rf"\b{error.name}\(", line):
        return "Nothing has this name. Is it spelled right, and has the cell that defines it run?"
    return "No cell that ran gave this name a value. If it is meant as text, it needs quotes."


def did_you_mean(name: str, known: list[str]) -> str:
    """Return a question that names the one of `known` that is nearly `name`, if there is one."""
    spelled = {each.lower(): each for each in known}
    near = get_close_matches(name.lower(), spelled, 1, 0.75)
    return f"Did you mean `{spelled[near[0]]}`?" if near else ""


def hides(node: ast.AST) -> str:
    """Return the word of a statement that drops all errors: `except` or `suppress`."""
    match node:
        case ast.ExceptHandler(type=None):
            return "except"
        case ast.ExceptHandler(ast.expr() as kind, body=[ast.Pass() | ast.Continue()]):
            return "except" if ast.unparse(kind).strip("(),") in ALL_ERRORS else ""
        case ast.Call(function, [ast.Name(name)]):
            drops = name in ALL_ERRORS and ast.unparse(function).endswith("suppress")
            return "suppress" if drops else ""
    return ""
