"""Looks at an answer from the kernel's loop, and says why it has to stop, if it has to."""

from __future__ import annotations

import asyncio
import linecache
import queue
import selectors
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from inspect import CO_COROUTINE
from traceback import walk_stack
from typing import Any

import psutil

from chatkit.lessons.engine.mistakes import in_exercise, is_learners

TICK = 0.05  # seconds between two looks
BUSY = 0.2  # seconds for a look after which the kernel itself was busy
ASLEEP = 0.3  # seconds without a turn of the loop after which a `sleep` is reported
STUCK = 3.0  # seconds without a turn of the loop after which an answer has to stop
MEMORY = 200 << 20  # bytes that the process may grow by
WAITING = {module.__file__ for module in (queue, selectors, socket, ssl, subprocess, threading)}


class Position:
    """Where a thread is: the learner's line that runs, and what it waits for."""

    def __init__(self, thread: threading.Thread) -> None:
        stack = [frame for frame, _ in walk_stack(sys._current_frames().get(thread.ident or 0))]
        frames = [frame for frame in stack if is_learners(frame)]
        own = [frame for frame in frames if in_exercise(frame)]
        self.words = self.line = ""  # for a sentence, and the code itself
        self.in_coroutine = False
        self.waits = bool(stack) and stack[0].f_code.co_filename in WAITING
        for frame in (own or frames)[:1]:
            self.in_coroutine = bool(frame.f_code.co_flags & CO_COROUTINE)
            if number := frame.f_lineno:  # some instructions have none
                self.line = linecache.getline(frame.f_code.co_filename, number).strip()
                self.words = f" in line {number}" + (f", `{self.line}`" if self.line else "")


class Watch:
    """Looks at one thread and its loop, every TICK seconds."""

    def __init__(
        self,
        thread: threading.Thread,
        call: Callable[[Callable[[], None]], Any],
        forgotten: Callable[[], list[str]],
    ) -> None:
        self.late = False  # it had to stop because its time was over
        self.asleep = ""  # where it slept, in a sentence
        self._thread, self._call, self._forgotten = thread, call, forgotten
        self._turn = self._slept = time.monotonic()

    async def reason_to_stop(self, outcome: Future[Any], limit: float) -> str:
        """Return why it has to stop within `limit` seconds; nothing if it is done before."""
        until, most = time.monotonic() + limit, psutil.Process().memory_info().rss + MEMORY
        done = asyncio.wrap_future(outcome)
        while True:
            asked = time.monotonic()
            self._call(self._note_turn)
            await asyncio.wait([done], timeout=TICK)
            if done.done():
                return ""
            now = time.monotonic()
            if now > asked + BUSY:  # that was the kernel's own time
                self._turn += now - asked
                until += now - asked
            elif psutil.Process().memory_info().rss > most:
                return (
                    f"Your code took more than {MEMORY >> 20} MB of memory"
                    f"{Position(self._thread).words}. Does it make something again and again, "
                    "without end?"
                )
            elif now > until:
                self.late = True
                return f"It did not come to an end within {limit:.0f} seconds."
            elif now > self._turn + ASLEEP and (reason := self._standstill(now)):
                return reason

    def _note_turn(self) -> None:
        """Note that the answer's loop goes round."""
        self._turn = time.monotonic()

    def _standstill(self, now: float) -> str:
        """Return why an answer has to stop whose loop stands still; nothing if it may go on."""
        if forgotten := self._forgotten():  # a loop that calls `asyncio.sleep` never sleeps
            return forgotten[0]
        here = Position(self._thread)
        if "sleep(" in here.line and not self.asleep:
            self._slept = now
            self.asleep = (
                f"Your code held up everything else while it slept{here.words}: the event loop can "
                "do nothing meanwhile."
            )
            if here.in_coroutine:
                self.asleep += " In a coroutine write `await asyncio.sleep(…)`."
        if self.asleep and now > self._slept + STUCK:
            return self.asleep
        if now < self._turn + STUCK:
            return ""
        if here.waits:
            more = "This call waits, and the event loop with it: use one that can be awaited."
        elif here.in_coroutine:
            more = (
                "Does it ever end? A loop that waits needs an `await` that really waits, such as "
                "`await asyncio.sleep(0.1)`."
            )
        else:
            more = "Does it ever end?"
        held_up = f"Your code still ran after {STUCK:.0f} seconds{here.words}"
        return f"{held_up}, and held up everything else. {more}"
