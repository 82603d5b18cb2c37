"""Hears and holds back what the threads of a trial print, log, raise, start or try to end.

All of that is global in Python. So while a trial lives, each such function is replaced by one that
asks which thread calls it: for a thread of a trial it reports to the trial, for any other it does
what it has always done. Only what is written to file descriptor 1 itself still gets through.
"""

from __future__ import annotations

import _thread
import asyncio
import builtins
import getpass
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol

from chatkit.lessons.engine.cells import shell
from chatkit.lessons.engine.mistakes import is_learners

NEVER_AWAITED = re.compile(r"coroutine '(.*)' was never awaited")
MARK = "chatkit_listener"  # the attribute by which a thread knows its listener


class Listener(Protocol):
    """What is reported of the threads of a trial, and to whom."""

    failed: asyncio.Event  # set when the answer has raised

    def adopt(self, thread: threading.Thread) -> None:
        """Take a thread that one of its threads starts; raise if there may be no more."""

    def keep_socket(self, made: socket.socket) -> None:
        """Take a socket that was made."""

    def keep_process(self, started: subprocess.Popen[Any]) -> None:
        """Take a process that was started."""

    def note(self, error: BaseException | None) -> None:
        """Take an error that would be printed or logged."""

    def note_output(self, text: str) -> None:
        """Take what was printed."""

    def note_forgotten(self, coroutine: str) -> None:
        """Take the name of a coroutine that was never awaited."""


_living: list[Listener] = []
_streams: dict[str, Output] = {}  # in the place of sys.stdout and sys.stderr
_lock = threading.Lock()
_replaced = ExitStack()
_process = os.getpid()


def begin(listener: Listener) -> None:
    """Intercept, until `end`, what the threads marked for this listener do."""
    with _lock:
        if not _living:
            _replace_all()
        for name in ("stdout", "stderr"):
            if not isinstance(stream := getattr(sys, name), Output):
                _streams[name] = Output(stream)
                _set(sys, name, _streams[name])
        _living.append(listener)


def end(listener: Listener) -> None:
    """Stop that; with the last listener all is as before."""
    with _lock:
        _living.remove(listener)
        if not _living:
            _replaced.close()
            _streams.clear()


def keep_streams() -> None:
    """Undo what an answer may have put in the place of `sys.stdout` and `sys.stderr`."""
    for name, stream in _streams.items():
        setattr(sys, name, stream)


def drop_forgotten() -> None:
    """Report no forgotten coroutine until the last listener ends.

    Python drops an exception that is thrown into a thread while it makes such a report. So a loop
    that forgets one coroutine after another could not be stopped.
    """
    with _lock:
        _set(warnings, "_warn_unawaited_coroutine", callable)  # in C, so that nothing is dropped


def mark(thread: threading.Thread, listener: Listener) -> None:
    """Have a thread report to a listener."""
    setattr(thread, MARK, listener)


def current() -> Listener | None:
    """Return the listener of the thread that calls, if it has one."""
    return getattr(threading.current_thread(), MARK, None)


class Output:
    """A stream that hands on what other threads write, and keeps what a trial's threads do."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text, and return its length."""
        listener = current()
        if listener is None:
            return int(self._stream.write(text) or 0)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        listener.note_output(text)
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _replace_all() -> None:
    """Replace every function that a trial has to hear of."""
    _replaced.enter_context(warnings.catch_warnings())
    warnings.filterwarnings("always", NEVER_AWAITED.pattern, RuntimeWarning)
    _replace(warnings, "showwarning", _show_warning)
    _replace(threading.Thread, "start", _start_thread)
    _replace(_thread, "start_new_thread", _refuse_thread)
    _replace(threading, "excepthook", _report_error)
    _replace(sys, "unraisablehook", _report_error)
    _replace(socket.socket, "__init__", _make_socket)
    _replace(subprocess.Popen, "__init__", _start_process)
    _replace(logging.Logger, "isEnabledFor", _is_enabled)
    _replace(logging.Logger, "handle", _handle_record)
    for owner, name in (
        (logging, "basicConfig"),
        (logging, "disable"),
        (logging.Logger, "addHandler"),
        (logging.Logger, "setLevel"),
        (sys, "displayhook"),
        (sys, "excepthook"),
    ):
        _replace(owner, name, _ignore)
    _replace(builtins, "input", _refuse_input)
    _replace(getpass, "getpass", _refuse_input)
    _replace(os, "_exit", _exit)
    if kernel := shell():
        _replace(kernel, "ask_exit", _exit)
        _replace(kernel.display_pub, "publish", _ignore)
        _replace(kernel.display_pub, "clear_output", _ignore)


def _replace(owner: Any, name: str, function: Callable[..., Any]) -> None:
    """Have `function(listener, original, …)` called where a thread of a trial calls `name`."""
    original = getattr(owner, name)

    def called(*args: Any, **named: Any) -> Any:
        listener = current()
        if listener is None:
            return original(*args, **named)
        return function(listener, original, *args, **named)

    _set(owner, name, called)


def _set(owner: Any, name: str, ours: Any) -> None:
    """Set an attribute until all is restored, unless somebody else sets it in between."""
    inherited, original = name not in vars(owner), getattr(owner, name)

    def restore() -> None:
        if vars(owner).get(name) is not ours:
            return
        if inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, original)

    setattr(owner, name, ours)
    _replaced.callback(restore)


def _show_warning(
    listener: Listener, _original: Any, message: Warning | str, *_: Any, **__: Any
) -> None:
    if found := NEVER_AWAITED.search(str(message)):
        listener.note_forgotten(found[1].rpartition("<locals>.")[2])


def _start_thread(listener: Listener, original: Any, thread: threading.Thread) -> None:
    listener.adopt(thread)
    original(thread)


def _refuse_thread(_listener: Listener, _original: Any, *_: Any, **__: Any) -> int:
    raise RuntimeError("start a thread by threading.Thread(target=…).start()")


def _report_error(listener: Listener, _original: Any, fault: Any) -> None:
    listener.note(fault.exc_value)


def _make_socket(
    listener: Listener, original: Any, made: socket.socket, *args: Any, **named: Any
) -> None:
    original(made, *args, **named)
    listener.keep_socket(made)


def _start_process(
    listener: Listener, original: Any, started: subprocess.Popen[Any], *args: Any, **named: Any
) -> None:
    original(started, *args, **named)
    listener.keep_process(started)


def _is_enabled(_listener: Listener, _original: Any, _logger: Any, level: int) -> bool:
    """Take errors whatever the kernel does with its logs: a lesson may have disabled them."""
    return level >= logging.WARNING


def _handle_record(
    listener: Listener, _original: Any, _logger: Any, record: logging.LogRecord
) -> None:
    frame = sys._getframe()
    while frame.f_back and frame.f_globals["__name__"] in (__name__, logging.__name__):
        frame = frame.f_back
    if record.exc_info and not is_learners(frame):  # what it logs by itself, it has handled
        listener.note(record.exc_info[1])  # asyncio logs with `exc_info=False`


def _refuse_input(_listener: Listener, _original: Any, *_: Any, **__: Any) -> str:
    raise RuntimeError("`input` asks the keyboard, and nobody types during a check")


def _exit(_listener: Listener, original: Any, *args: Any) -> None:
    if os.getpid() != _process:  # in a child that was forked, it ends the child
        original(*args)
    raise SystemExit("it would have ended the kernel")


def _ignore(_listener: Listener, _original: Any, *_: Any, **__: Any) -> None:
    """Do nothing."""
