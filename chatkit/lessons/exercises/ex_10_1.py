"""Exercise 10-1: send a lone message as soon as the turn is over."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any
from unittest.mock import patch

from chatkit.guide.broadcaster import Broadcaster
from chatkit.guide.frames import text_frame
from chatkit.lessons.engine.channels import Recorder
from chatkit.lessons.engine.expect import NotYetError, plain_def, the_class
from chatkit.lessons.engine.serving import soon, turns

TASK = "Let messages leave as soon as this turn of the loop is over, not some time later."
STUB = """
class Patient(Gatherer):
    def say(self, frame):
        if not self.arrived:
            asyncio.get_running_loop().call_later(0.05, self.flush)  # seconds
        self.arrived.append(frame)
"""
HINTS = (
    "One method of the loop calls a function as soon as this turn is over, with no delay.",
    "It is asyncio.get_running_loop().call_soon(self.flush), without any seconds.",
)
SOLUTION = """
class Patient(Gatherer):
    def say(self, frame):
        if not self.arrived:
            asyncio.get_running_loop().call_soon(self.flush)
        self.arrived.append(frame)
"""
SCHEDULE = "asyncio.get_running_loop().call_soon(self.flush)"
BODY = f"""if not self.arrived:
            {SCHEDULE}
        self.arrived.append(frame)"""
WRONG = {
    "a shorter delay": (
        "call_soon(self.flush)",
        "call_later(0.005, self.flush)",
        r"a lone message to leave as soon as the turn is over; what came: it left later",
    ),
    "scheduled for each message": (
        BODY,
        f"{SCHEDULE}\n        self.arrived.append(frame)",
        "Expected one write for 20 messages of one turn; what came: 20 writes, 19 of them empty",
    ),
    "called too early": (
        "call_soon(self.flush)",
        "call_soon(self.flush())",
        r"`flush` to run when the turn is over; what came: it ran inside `say`.*runs it at once",
    ),
    "sent at once": (
        BODY,
        "self.arrived.append(frame)\n        self.flush()",
        "to leave when the turn is over; what came: one was sent inside `say`",
    ),
    "a coroutine that nobody awaits": (
        BODY,
        f"{BODY}\n\n    async def flush(self):\n        super().flush()",
        r"raised TypeError in line \d+.*coroutines cannot be used with call_soon",
    ),
    "with seconds": (
        "call_soon(",
        "call_soon(0, ",
        r"in line \d+.*expected by call_soon\(\), got 0",
    ),
    "sent once more later": (
        SCHEDULE,
        f"{SCHEDULE}\n            asyncio.get_running_loop().call_later(0.05, self.flush)",
        "nothing more after a lone message left; what came: an empty write",
    ),
    "the first twenty": (
        BODY,
        f"""{BODY}

    def flush(self):
        frames, self.arrived = b"".join(self.arrived[:20]), []
        self.notify_clients(frames)""",
        "one write for 37 messages.*one write, but 17 of the messages are missing",
    ),
    "the last alone": (
        "self.arrived.append(frame)",
        "self.arrived = [frame]",
        "19 of the messages",
    ),
    "backwards": ("append(", "insert(0, ", "not in the order in which they were said"),
    "once only": (
        "call_soon(self.flush)",
        "call_soon(self.notify_clients, frame)",
        "what was said before had left, but nothing after it",
    ),
    "appended before it asks": (
        BODY,
        f"self.arrived.append(frame)\n        if not self.arrived:\n            {SCHEDULE}",
        "nothing was sent in time",
    ),
    "only a full batch": (
        BODY,
        f"self.arrived.append(frame)\n        if len(self.arrived) == 20:\n            {SCHEDULE}",
        "a lone message to leave.*nothing was sent in time",
    ),
    "time.sleep": (
        SCHEDULE,
        "__import__('time').sleep(0.5)\n            self.flush()",
        r"it ran inside `say`.*held up everything else while it slept in line 6,.*meanwhile\.$",
    ),
    "another thread": (
        SCHEDULE,
        "__import__('threading').Timer(0, self.flush).start()",
        "it was sent in another thread",
    ),
    "a print": (SCHEDULE, "print(frame)", "nothing was sent in time.*Your code printed: b'"),
    "async": ("def say", "async def say", "a plain `def say`: it is.*came: an `async def`"),
    "no frame": ("self, frame", "self", "`say` is called with more values than its `def`"),
}
RIGHT = {
    "a task": (
        "get_running_loop().call_soon(self.flush)\n        self.arrived.append(frame)",
        "create_task(self.later())\n        self.arrived.append(frame)\n\n"
        "    async def later(self):\n        self.flush()",
    ),
    "no seconds": ("call_soon(self.flush)", "call_later(0, lambda: self.flush())"),
    "appended before it counts": (
        BODY,
        f"self.arrived.append(frame)\n        if len(self.arrived) == 1:\n            {SCHEDULE}",
    ),
    "Gatherer's own": (BODY, "super().say(frame)"),
}


async def check(gatherer: Any) -> str:
    """Say one thing alone, and then several things in one turn."""
    the_class(gatherer, "Patient", Broadcaster)
    plain_def(gatherer, "say")
    broadcaster, channels = gatherer(), [Recorder(), Recorder()]
    for channel in channels:
        broadcaster.connect(channel)
    silence = "nothing was sent in time"
    for count in COUNTS:
        said = f"{count} messages of one turn" if count > 1 else "a lone message"
        frames = [text_frame(f"{number} of {count}".encode()) for number in range(1, count + 1)]
        say(broadcaster, frames, channels[0])
        for channel in channels:
            await leave(channel, f"{said} to leave as soon as the turn is over", silence)
            if channel.writes != [b"".join(frames)]:
                raise NotYetError(f"one write for {said}", in_words(channel, frames))
            channel.clear()
        silence = "what was said before had left, but nothing after it"
        await a_minute_later()
        if more := channels[0].writes:
            came = channels[0].in_words() if len(more) == 1 else f"{len(more)} more writes"
            raise NotYetError(f"nothing more after {said} left", came)
    return f"a lone message left at once, and {COUNTS[-1]} of one turn in one write, in order."


COUNTS = (1, 20, 1, 37)  # messages in one turn


def say(broadcaster: Any, frames: Iterable[bytes], channel: Recorder) -> None:
    """Say some frames in one turn; NotYetError if something is sent meanwhile."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)  # so that `call_soon(0, …)` raises there, and not when it is too late
    try:
        for frame in frames:
            broadcaster.say(frame)
    finally:
        loop.set_debug(False)
        if b"" in channel.writes:
            came = "it ran inside `say`, with nothing to send yet: `self.flush()` runs it at once"
            raise NotYetError("`flush` to run when the turn is over", came)
    if channel.writes:
        raise NotYetError("messages to leave when the turn is over", "one was sent inside `say`")


async def leave(channel: Recorder, expected: str, silence: str) -> None:
    """Wait until something was sent to a channel; NotYetError if it took longer than a turn."""
    await turns(5)
    if channel.writes:
        return
    try:
        await soon(channel.written.wait())
        came = "it left later, when some time was over"
    except TimeoutError:
        stray = "it was sent in another thread, where a socket can't be used"
        came = stray if channel.strays else silence
    raise NotYetError(expected, came)


async def a_minute_later() -> None:
    """Let everything happen that is due within a minute."""
    loop = asyncio.get_running_loop()
    with patch.object(loop, "time", lambda: time.monotonic() + 60):
        await turns(5)


def in_words(channel: Recorder, frames: Sequence[bytes]) -> str:
    """Return what is wrong with the writes of some frames."""
    if empty := channel.writes.count(b""):
        return f"{len(channel.writes)} writes, {empty} of them empty"
    if len(channel.writes) > 1:
        return f"{len(channel.writes)} writes"
    missing = sum(frame not in channel.writes[0] for frame in frames)
    if missing:
        return f"one write, but {missing} of the messages are missing from it"
    return "one write, but not in the order in which they were said"
