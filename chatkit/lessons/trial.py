"""Tries a learner's answer: nothing of it stays behind, and no endless loop freezes the kernel."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import linecache
import logging
import re
import sys
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar, copy_context
from typing import Any
from weakref import WeakSet

from chatkit.lessons.mistakes import hidden, in_words, is_learners, place

TICK = 0.05  # seconds between two signs of life of the loop
ASLEEP = 0.3  # seconds of standing still in a time.sleep that are told
STUCK = 3.0  # seconds of standing still after which a loop without an end is broken
TIDYING = 1.5  # seconds in which an answer that is stopped has to let go
GOODBYE = 0.2  # seconds in which a connection on loopback has been closed at both ends
LOGS = ("tornado.application", "tornado.general", "asyncio", "chatkit")
GIVEN_UP = "after Future was cancelled"  # so Tornado tells of what nobody waits for any more
CALLED_WRONGLY = re.compile(r" argument|is not callable")  # by the loop, for the learner
NEVER_AWAITED = re.compile(r"coroutine '(.*)' was never awaited")

_tasks_of: ContextVar[WeakSet[asyncio.Future[Any]] | None] = ContextVar("_tasks_of", default=None)

Test = Callable[[Any], Coroutine[Any, Any, str]]


class WrongError(Exception):
    """An answer that is not right: the words say what is wrong with it."""


class StuckError(Exception):
    """Raised in an answer's code that has held up the event loop for too long."""


async def attempt(test: Test, answer: Any, limit: float) -> str:
    """Return a test's praise if it is done in so many seconds; raise WrongError for all else.

    What an answer leaves behind is ended, be it right or wrong: no task goes on. What would be
    printed into the cell meanwhile (an error in a callback, a coroutine that nobody awaits) is a
    part of the words.
    """
    trial = Trial()
    with trial.listening(), all_young():
        fault = ""
        try:
            praise = await trial.run(test(answer), limit)
        except WrongError as error:
            fault = str(error)
        except Exception as error:
            fault = in_words(error)
        gc.collect(0)  # a coroutine that is kept in a circle has not been missed yet
    faults = trial.serious()
    if fault and not trial.watch.stuck:  # else all the rest comes of that
        if "`await` is missing" in fault:
            faults = []
        faults = [fault, *trial.remarks(fault), *faults, *hidden(answer)]
    if faults:
        raise WrongError(" ".join(faults))
    return praise


class Trial:
    """One try of an answer, and what was noticed meanwhile."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []  # coroutines that nobody awaited
        self.errors: list[str] = []  # of the learner's code, in words
        self.tasks: WeakSet[asyncio.Future[Any]] = WeakSet()
        self.watch = Watch(threading.get_ident())

    def serious(self) -> list[str]:
        """Return what is wrong even with an answer that does what it should."""
        faults = []
        if self.watch.stuck:
            faults.append(
                f"Your code held up everything for {STUCK:.0f} seconds{self.watch.stuck}: a loop "
                "that waits needs an `await` in it, or nobody else has a turn."
            )
        elif self.watch.asleep:
            faults.append(
                f"Your code held up everybody while it slept{self.watch.asleep}: in a coroutine "
                "it is `await asyncio.sleep(…)`."
            )
        if self.forgotten:
            faults.append(
                f"Your code made a coroutine, {self.forgotten[0]}, and nobody awaited it: "
                "put `await` before the call, or is a plain `def` wanted?"
            )
        return faults

    def remarks(self, fault: str) -> list[str]:
        """Return what the answer raised besides, where nobody but the log heard of it."""
        return [words for words in self.errors[:1] if words not in fault]

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note what Python, asyncio and Tornado would print."""
        with ExitStack() as stack:
            stack.enter_context(self.hearing_warnings())
            stack.enter_context(self.hearing_loop())
            stack.enter_context(self.hearing_logs())
            stack.enter_context(self.watch)
            yield

    @contextmanager
    def hearing_warnings(self) -> Iterator[None]:
        """Note coroutines that nobody awaits."""
        show = warnings.showwarning

        def hear(message: Warning | str, *more: Any, **named: Any) -> None:
            if found := NEVER_AWAITED.search(str(message)):
                self.forgotten.append(f"`{found[1].rpartition('<locals>.')[2]}`")
            else:
                show(message, *more, **named)

        with warnings.catch_warnings():
            warnings.filterwarnings("always", NEVER_AWAITED.pattern, RuntimeWarning)
            warnings.showwarning = hear
            yield

    @contextmanager
    def hearing_loop(self) -> Iterator[None]:
        """Note errors of callbacks and tasks, and which tasks the answer begins."""
        loop = asyncio.get_running_loop()
        handler, factory = loop.get_exception_handler(), loop.get_task_factory()

        def make(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Any:
            made = (factory or plain_task)(loop, coro, **options)
            tasks = _tasks_of.get()
            if tasks is not None:
                tasks.add(made)
            return made

        def hear(loop: asyncio.AbstractEventLoop, fault: dict[str, Any]) -> None:
            if not self.note(fault.get("exception")):
                handler(loop, fault) if handler else loop.default_exception_handler(fault)

        loop.set_exception_handler(hear)
        loop.set_task_factory(make)
        try:
            yield
        finally:
            loop.set_task_factory(factory)
            loop.set_exception_handler(handler)

    @contextmanager
    def hearing_logs(self) -> Iterator[None]:
        """Note errors that are logged in this thread."""
        logs = [logging.getLogger(name) for name in LOGS]
        before = [(log, log.handlers, log.propagate) for log in logs]
        for log in logs:
            log.handlers, log.propagate = [Hearer(self.note, log.handlers, log.propagate)], False
        try:
            yield
        finally:
            for log, handlers, propagate in before:
                log.handlers, log.propagate = handlers, propagate

    def note(self, error: BaseException | None) -> bool:
        """Keep an error if it is the learner's, and return whether it is."""
        called_wrongly = isinstance(error, TypeError) and CALLED_WRONGLY.search(str(error))
        if not error or not (place(error) or called_wrongly):
            return False
        self.errors.append(in_words(error))
        return True

    async def run(self, test: Coroutine[Any, Any, str], limit: float) -> str:
        """Return what a test returns, and end what it leaves behind."""
        context = copy_context()
        context.run(_tasks_of.set, self.tasks)
        task = asyncio.get_running_loop().create_task(guarded(test), context=context)
        either: list[asyncio.Future[Any]] = [task, self.watch.broken]
        try:
            await asyncio.wait(either, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            late = not task.done()
        finally:
            stubborn = await self.end([task])
            if self.tasks:  # most are connections that say goodbye, and end by themselves
                await asyncio.wait({*self.tasks}, timeout=GOODBYE)
            stubborn |= await self.end(self.tasks)
        if stubborn:
            raise WrongError(
                "It goes on and can't be stopped: a bare `except:` catches CancelledError, too. "
                "Write `except Exception:`, and restart the kernel, since it still runs."
            )
        if late:
            raise WrongError(f"It did not come to an end within {limit:.0f} seconds.")
        if task.cancelled():
            raise WrongError("Your code raised CancelledError, as if somebody had stopped it.")
        return task.result()

    async def end(self, tasks: Iterable[asyncio.Future[Any]]) -> bool:
        """Cancel what still runs; return whether something won't end."""
        running = {task for task in tasks if not task.done()}
        patience, until = TIDYING, time.monotonic() + 2 * TIDYING
        while running and time.monotonic() < until:
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=patience)
            patience = TICK / 2  # it has swallowed one: now in quick succession
        return bool(running)


@contextmanager
def all_young() -> Iterator[None]:
    """Let nothing that is made meanwhile grow old, so that a quick look finds what nobody holds."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


async def guarded(test: Coroutine[Any, Any, str]) -> str:
    """Return what a test returns; an `exit()` in an answer does not end the kernel."""
    try:
        return await test
    except SystemExit as error:
        raise WrongError(in_words(error)) from error


def plain_task(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Future[Any]:
    """Return a task as a loop without a factory makes it."""
    return asyncio.Task(coro, loop=loop, **options)


class Hearer(logging.Handler):
    """Takes what the learner's code has logged in this thread, and hands all else on."""

    def __init__(
        self,
        note: Callable[[BaseException | None], bool],
        handlers: Iterable[logging.Handler],
        propagate: bool,
    ) -> None:
        super().__init__()
        self.note, self.handlers, self.propagate = note, handlers, propagate
        self.here = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record."""
        if record.thread == self.here and self.takes(record):
            return
        for handler in self.handlers:
            handler.handle(record)
        root = logging.getLogger()
        if self.propagate and (root.handlers or not self.handlers):  # else it would be printed
            root.callHandlers(record)

    def takes(self, record: logging.LogRecord) -> bool:
        """Return whether a record is of an error that is the learner's, or of what was given up."""
        if GIVEN_UP in str(record.msg):
            return True
        return record.exc_info is not None and self.note(record.exc_info[1])


class Faults(logging.Handler):
    """Keeps the errors that Tornado would print, with their tracebacks, into the learner's cell."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the error of a record, if it has one."""
        if record.exc_info and record.exc_info[1]:
            self.errors.append(record.exc_info[1])


class Watch:
    """A thread that sees whether the loop of another goes round, and where it stands if not.

    A learner's code that holds the loop for STUCK seconds gets a StuckError: no kernel has to be
    restarted for a `while True` without an await.
    """

    def __init__(self, watched: int) -> None:
        self.watched = watched  # a thread's id
        self.stuck = ""  # the line that held up the loop
        self.loop = asyncio.get_running_loop()
        self.broken: asyncio.Future[None] = self.loop.create_future()  # done if it was broken off
        self.asleep = ""  # the line that slept
        self.last = time.monotonic()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)

    def __enter__(self) -> Watch:
        self.tick()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.timer.cancel()
        self.thread.join()

    def tick(self) -> None:
        """Note that the loop goes round."""
        self.last = time.monotonic()
        self.timer = self.loop.call_later(TICK, self.tick)

    def look(self) -> None:
        """Look again and again, until it is over."""
        while not self.over.wait(TICK):
            still = time.monotonic() - self.last
            if still > ASLEEP:
                self.look_closer(still)

    def look_closer(self, still: float) -> None:
        """See which of the learner's lines the loop stands at; break it if that takes too long."""
        frame = sys._current_frames().get(self.watched)
        if frame is None or not is_learners(frame):
            return
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        where = f" in line {frame.f_lineno}" + (f", `{line}`" if line else "")
        if "sleep(" in line:
            self.asleep = where
        if still > (ASLEEP if self.stuck else STUCK):  # once is enough
            self.stuck = self.stuck or where
            self.loop.call_soon_threadsafe(self.broken.cancel)
            thread = ctypes.c_ulong(self.watched)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(StuckError))
