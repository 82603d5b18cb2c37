"""Runs a learner's answer in a thread and on an event loop of its own, and stops it.

The kernel's loop only looks on (`watch`), so the notebook stays usable whatever an answer does. An
answer that does not end is cancelled, then interrupted by an exception (`stopping`), and in the end
abandoned. Only code in C that keeps the interpreter to itself can't be stopped.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from traceback import clear_frames
from typing import Any
from weakref import ref

from chatkit.lessons.engine import intercept
from chatkit.lessons.engine.mistakes import Answer, in_words, said
from chatkit.lessons.engine.stopping import TICK, StopAnswer, join, running, stop
from chatkit.lessons.engine.watch import Watch

GOODBYE = 0.2  # seconds for connections on loopback to close at both ends
CANCELLING = 1.0  # seconds for an answer to end after it was cancelled
AGAIN = 1.0  # seconds that the second run gets at least
THREADS = 100  # that an answer may start
PRINTED = 300  # characters of its output that are kept

Check = Callable[[Any], Coroutine[Any, Any, str]]

# Tasks that ignored their cancellation. Without a reference Python would end their coroutines, and
# a bare `except` in an endless loop would then freeze whichever thread does so.
_stubborn: list[asyncio.Task[Any]] = []


class WrongError(Exception):
    """An answer that is not right: the words say what is wrong with it."""


async def attempt(check: Check, answer: Any, limit: float) -> str:
    """Return what `check` says of a right answer; raise WrongError for any other.

    A check gets `limit` seconds. It runs twice, each time on a new loop: an answer that is right
    only once keeps something where it should not. Nothing that the answer does is printed into the
    cell. Nothing of it goes on afterwards, unless the error says so.
    """
    begun, code = time.monotonic(), Answer(answer)
    praise = await Trial(check, answer, code).verdict(limit)
    again = Trial(check, answer, code)
    try:
        await again.verdict(max(begun + limit - time.monotonic(), AGAIN))
    except WrongError as error:
        if again.late:
            raise WrongError(
                f"It is right, but too slow: it has {limit:.0f} seconds to be checked twice."
            ) from None
        raise WrongError(
            f"It passed once, and failed when it was checked again. {error}\nDoes it keep "
            "something in a class attribute or a global, where the next run finds it?"
        ) from None
    return praise


class Trial:
    """One run of a check on an answer, and what was noticed during it."""

    def __init__(self, check: Check, answer: Any, code: Answer) -> None:
        self.failed = asyncio.Event()  # set on the trial's loop when the answer has raised
        self.late = False  # it had to stop because its time was over
        self._check, self._answer, self._code = check, answer, code
        self._errors: list[str] = []  # that only a log would have shown
        self._forgotten: list[str] = []  # coroutines that nobody awaited
        self._printed = ""  # the beginning of the output
        self._over = False  # what is raised from now on is not the answer's fault
        self._ending = False  # it has to start nothing any more
        self._threads: list[threading.Thread] = []
        self._sockets: list[ref[socket.socket]] = []
        self._processes: list[subprocess.Popen[Any]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[str] | None = None
        self._executor = ThreadPoolExecutor()
        self._cancelled = threading.Event()
        self._outcome: Future[tuple[str, list[str]]] = Future()  # the praise, and what is wrong

    async def verdict(self, limit: float) -> str:
        """Return the check's praise; raise WrongError, which says what is wrong.

        The answer is stopped in the background if this is cancelled.
        """
        intercept.begin(self)
        self.adopt(thread := threading.Thread(target=self._run, daemon=True, name="answer"))
        watch = Watch(thread, self._call, self._forgotten_in_words)
        ended: Future[bool] = Future()
        collecting = gc.isenabled()
        gc.disable()  # so that all that is made meanwhile is young, and a quick look finds it
        thread.start()
        try:
            stopped = await watch.reason_to_stop(self._outcome, limit)
            intercept.keep_streams()
        finally:
            args = (ended, collecting)
            threading.Thread(target=self._end, args=args, daemon=True, name="end").start()
        abandoned = await asyncio.wrap_future(ended)
        self.late = watch.late
        return self._judge(stopped, watch.asleep, abandoned)

    # What `intercept` reports.

    def adopt(self, thread: threading.Thread) -> None:
        """Count a thread as one of this trial."""
        if self._ending:
            raise StopAnswer
        if len(running(self._threads)) > THREADS:
            raise RuntimeError(f"an answer may have {THREADS} threads")
        intercept.mark(thread, self)
        self._threads.append(thread)

    def keep_socket(self, made: socket.socket) -> None:
        """Remember to close a socket: a closed loop closes none."""
        self._sockets.append(ref(made))

    def keep_process(self, started: subprocess.Popen[Any]) -> None:
        """Remember to end a process."""
        self._processes.append(started)

    def note(self, error: BaseException | None) -> None:
        """Keep an error of the answer, in words."""
        if error and self._code.raised(error):
            self._keep(error)

    def note_output(self, text: str) -> None:
        """Keep the beginning of what the answer prints."""
        if len(self._printed) <= PRINTED:
            self._printed += text[: PRINTED + 1]

    def note_forgotten(self, coroutine: str) -> None:
        """Keep the name of a coroutine that was never awaited."""
        if coroutine not in self._forgotten:
            self._forgotten.append(coroutine)

    def _keep(self, error: BaseException) -> None:
        """Keep an error in words, unless it comes of the end."""
        if not (self._over or self._ending):
            self._errors.append(in_words(error, self._code))
            self._call(self.failed.set)

    # In the answer's thread.

    def _run(self) -> None:
        """Run the check, and set its outcome."""
        praise, faults = "", ["It did not come to an end."]
        try:
            self._loop = loop = asyncio.SelectorEventLoop()  # Tornado needs this one on Windows
            self._sockets.clear()  # those are the loop's own
            asyncio.set_event_loop(loop)
            loop.set_exception_handler(self._note_fault)
            loop.set_default_executor(self._executor)
            self._task = loop.create_task(self._check(self._answer))
            gc.collect(0)  # what others have left is not this answer's fault
            self._forgotten.clear()
            praise, faults = self._result(loop)
        except BaseException as error:
            if not self._ending:
                faults = [f"It led to {said(error)}"]
        finally:
            self._outcome.set_result((praise, faults))

    def _result(self, loop: asyncio.AbstractEventLoop) -> tuple[str, list[str]]:
        """Return the check's praise, and what is wrong with the answer."""
        praise, faults = "", []
        try:
            assert self._task
            praise = loop.run_until_complete(self._task)
        except BaseException as error:
            faults = self._fault(error)
            forget_locals(error)  # among them may be a coroutine that nobody awaited
        self._over = True
        goodbye = self._say_goodbye()
        with suppress(BaseException):  # such as a second StopAnswer
            loop.run_until_complete(goodbye)
        goodbye.close()
        gc.collect(0)  # a coroutine that a cycle holds has not been missed yet
        _stubborn.extend(asyncio.all_tasks(loop))
        faults += [*self._errors[:1], *self._forgotten_in_words()]
        return praise, faults + (self._code.hidden() if faults else [])

    def _note_fault(self, _: asyncio.AbstractEventLoop, fault: dict[str, Any]) -> None:
        """Keep an error of a callback or a task."""
        error = fault.get("exception")
        if "handle" in fault and isinstance(error, TypeError):  # `call_soon(flush())`, say
            self._keep(error)
        else:
            self.note(error)

    async def _say_goodbye(self) -> None:
        """Let connections close at both ends, and cancel what then still runs."""
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            _, late = await asyncio.wait(others, timeout=GOODBYE)
            for task in late:
                task.cancel()
            await asyncio.wait(others, timeout=CANCELLING / 2)

    def _fault(self, error: BaseException) -> list[str]:
        """Return in words what the check found, or the error that went through it."""
        match error:
            case WrongError():
                return [str(error)]
            case asyncio.CancelledError():
                return ["Your code raised CancelledError, as if somebody had stopped it."]
            case _ if self._code.raised(error):
                return [in_words(error, self._code)]
            case _ if self._errors:
                return []  # this came of them
        return [f"It led to {said(error)}"]

    def _forgotten_in_words(self) -> list[str]:
        """Return which coroutine nobody awaited, a library's inner ones aside."""
        for name in self._forgotten:
            own = self._code.defines(name)
            if own or not name.rpartition(".")[2].startswith("_"):
                more = ", or write a plain `def`" if own else ""
                return [
                    f"Your code made a coroutine, `{name}`, and nobody awaited it: put `await` "
                    f"before the call{more}."
                ]
        return []

    # In a thread that only ends the others.

    def _end(self, ended: Future[bool], collecting: bool) -> None:
        """Stop everything of the trial; tell `ended` whether something is abandoned."""
        self._ending = True
        intercept.mark(threading.current_thread(), self)  # it destroys what the answer has left
        try:
            self._stop_all()
        finally:
            if collecting:
                gc.enable()
            if not (abandoned := bool(running(self._threads))):
                intercept.end(self)
            ended.set_result(abandoned)
        if abandoned:  # it must not print into a cell until it ends one day
            while running(self._threads):
                stop(lambda: self._threads)
            self._close_loop()
            intercept.end(self)

    def _stop_all(self) -> None:
        """Stop the answer's threads and processes, and close its sockets and its loop."""
        self._stop_check()
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.kill()
            with suppress(subprocess.TimeoutExpired):
                process.wait(CANCELLING)
        join(self._threads[1:], GOODBYE)
        stop(lambda: self._threads[1:])
        self._each_socket(socket.socket.close)
        self._close_loop()

    def _close_loop(self) -> None:
        """Close the loop, if there is one and it does not run, and destroy what it held."""
        if self._loop and not self._loop.is_running():
            self._loop.close()
            gc.collect(1)  # young objects, and those that the look after the check has left

    def _stop_check(self) -> None:
        """Stop the answer's own thread."""
        main, patience = self._threads[:1], GOODBYE
        if not self._outcome.done():
            self._call(self._cancel)
            turns = self._cancelled.wait(2 * TICK)  # if not, the loop can't cancel anything
            patience = CANCELLING if turns else 0
        join(main, patience)
        if running(main):  # perhaps it waits to receive
            intercept.drop_forgotten()
            self._each_socket(lambda made: made.shutdown(socket.SHUT_RDWR))
            stop(lambda: main)

    def _cancel(self) -> None:
        """Cancel the check, on its loop."""
        self._cancelled.set()
        if self._task:
            self._task.cancel()

    def _call(self, function: Callable[[], object]) -> None:
        """Call a function on the trial's loop, if there is one."""
        with suppress(AttributeError, RuntimeError):  # not yet, or not any more
            self._loop.call_soon_threadsafe(function)  # type: ignore[union-attr]

    def _each_socket(self, act: Callable[[socket.socket], object]) -> None:
        """Do something with each socket that is left."""
        for made in [one for each in list(self._sockets) if (one := each())]:
            with suppress(OSError):
                act(made)

    # In the kernel's thread, when all is over.

    def _judge(self, stopped: str, asleep: str, abandoned: bool) -> str:
        """Return the praise; raise WrongError with all that is wrong with the answer."""
        praise, faults = ("", [stopped]) if stopped else self._outcome.result()
        if asleep and asleep not in faults:
            faults = [asleep, *faults] if stopped else [*faults, asleep]
        if abandoned:
            while_asleep = " while it sleeps" if asleep else ""
            faults.append(
                f"It still runs, and nothing can stop it{while_asleep}: restart the kernel "
                "(Kernel, Restart), then run the cells above again."
            )
        if not faults:
            return praise
        words = " ".join(dict.fromkeys(faults))
        if printed := self._printed.strip():
            more = " …" if len(self._printed) > PRINTED else ""
            words += f"\nYour code printed: {printed[:PRINTED]}{more}"
        raise WrongError(words)


def forget_locals(error: BaseException | None) -> None:
    """Drop the local variables of the frames that an error, and those it came of, went through."""
    while error:
        clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
