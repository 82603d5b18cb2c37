"""Stops threads: an exception is thrown into each of them, until it has ended or time is over."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from traceback import walk_stack
from types import FrameType

TICK = 0.05  # seconds between two exceptions
PATIENCE = 1.0  # seconds for a thread to end after the first exception

Threads = Callable[[], Iterable[threading.Thread]]


class StopAnswer(BaseException):
    """Thrown into an answer that has to stop. `except Exception` does not catch it."""


def stop(threads: Threads) -> None:
    """Interrupt threads until they have ended, or PATIENCE is over.

    `threads` is asked again each time, as a thread may start others.
    """
    until = time.monotonic() + PATIENCE
    while (alive := running(threads())) and time.monotonic() < until:
        frames = sys._current_frames()
        for thread in alive:
            interrupt(thread, frames.get(thread.ident or 0))
        join(alive, TICK)


def interrupt(thread: threading.Thread, frame: FrameType | None) -> None:
    """Throw StopAnswer into a thread, and wake it if it waits for a queue, an event or a condition.

    It does nothing for a thread that waits in C, such as in `time.sleep`, until that is over.
    """
    stop = ctypes.py_object(StopAnswer)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), stop)
    for caller, _ in walk_stack(frame):
        if caller.f_code is threading.Condition.wait.__code__:  # it stands still: look into it
            with suppress(KeyError, RuntimeError):  # it was woken meanwhile
                caller.f_locals["waiter"].release()


def running(threads: Iterable[threading.Thread]) -> list[threading.Thread]:
    """Return the threads that have not ended."""
    return [thread for thread in threads if thread.is_alive()]


def join(threads: Iterable[threading.Thread], seconds: float) -> None:
    """Wait until all threads have ended, but no longer than this."""
    until = time.monotonic() + seconds
    for thread in running(threads):
        thread.join(max(until - time.monotonic(), 0))
