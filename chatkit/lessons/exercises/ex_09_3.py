"""Exercise 09-3: broadcast a message only once the log has it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from chatkit.lessons.engine.expect import (
    NotYetError,
    expect,
    listed,
    overrides,
    plain_def,
    returned,
    the_class,
)
from chatkit.lessons.engine.serving import soon, turns
from chatkit.lessons.failure_lab import until
from chatkit.lessons.people_lab import Guest
from chatkit.log import Doubles, LogError, MemoryLog
from chatkit.messages import Message

TASK = (
    "Let nobody receive a message before the log has it. Let self.report tell the senders if the "
    "log fails, or if it had their message before."
)
STUB = """
class Eager(Room):
    def flush(self):
        batch, self.arrived = self.arrived, []
        messages = [message for _, message in batch]
        numbered = enumerate(messages, self.newest + 1)
        self.hear([msgspec.structs.replace(message, id=n) for n, message in numbered])
        self.log.append(self.name, messages)
"""
HINTS = (
    "When the log has stored a batch, it calls self.hear itself, because the room follows it. "
    "`flush` can't wait for that: have self.report called when the log is done or has failed.",
    "Leave out self.hear. Keep the future that self.log.append returns: "
    "appending.add_done_callback(partial(self.report, batch)).",
)
SOLUTION = """
class Eager(Room):
    def flush(self):
        batch, self.arrived = self.arrived, []
        appending = self.log.append(self.name, [message for _, message in batch])
        appending.add_done_callback(partial(self.report, batch))
"""
APPEND = "        appending = self.log.append(self.name, [message for _, message in batch])\n"
REPORT = "        appending.add_done_callback(partial(self.report, batch))"
GUESS = (
    "        messages = [message for _, message in batch]\n"
    "        numbered = enumerate(messages, self.newest + 1)\n"
    "        numbered = [msgspec.structs.replace(m, id=n) for n, m in numbered]\n"
)
WRONG = {
    "a little later": (
        REPORT,
        REPORT + "\n" + GUESS + "        loop = asyncio.get_running_loop()\n"
        "        loop.call_later(0.5, self.hear, numbered)",
        "before the log has it; what came: Ada received “one”, “two”",
    ),
    "heard again when the log has it": (
        REPORT,
        REPORT
        + "\n"
        + GUESS
        + "        appending.add_done_callback(lambda _: self.hear(numbered))",
        "once each.*what came: “one”, “two”, “one”, “two”",
    ),
    "not stored": (
        APPEND + REPORT,
        GUESS + "        self.hear(numbered)",
        "before the log has it; what came: Ada received “one”",
    ),
    "the sender told at once": (
        REPORT,
        REPORT + "\n        for visitor, message in batch:\n            visitor.tell(message)",
        "before the log has it; what came: Ada received “one”, and",
    ),
    "nothing reported": (
        APPEND + REPORT,
        APPEND.replace("appending = ", ""),
        "Ada to get one error, “log_unavailable with key of three”.*what came: nothing",
    ),
    "reported at once": (
        REPORT,
        "        self.report(batch, appending)",
        "InvalidStateError in line .*: the log is not done yet: give add_done_callback a function",
    ),
    "report called, not given": (
        "partial(self.report, batch)",
        "self.report(batch, appending)",
        "InvalidStateError in line .*: the log is not done yet: give add_done_callback a function",
    ),
    "report without the visitors": (
        "partial(self.report, batch)",
        "partial(self.report, [message for _, message in batch])",
        "Ada to get .* self.report with the pairs .*cannot unpack non-iterable Message",
    ),
    "a wait for the log": (
        REPORT,
        "        asyncio.run(asyncio.wait([appending]))\n" + REPORT,
        "let add_done_callback call self.report.*RuntimeError in line",
    ),
    "no batch": (
        "partial(self.report, batch)",
        "self.report",
        "Ada to get .* self.report with the pairs .*Room.report.. missing 1 required positional",
    ),
    "only failures reported": (
        REPORT,
        "        def done(appending):\n            if error := appending.exception():\n"
        "                for visitor, _ in batch:\n"
        "                    visitor.tell(error.frame())\n\n"
        "        appending.add_done_callback(done)",
        "“log_unavailable with key of three”.*what came: “log_unavailable with no key”",
    ),
    "an error that is not the log's": (
        REPORT,
        "        def done(appending):\n            if appending.exception():\n"
        "                for visitor, message in batch:\n"
        '                    error = FrameError("failed", "The log failed.", message.key)\n'
        "                    visitor.tell(error.frame())\n\n"
        "        appending.add_done_callback(done)",
        "one error, “log_unavailable with key of three”.*what came: “failed with key of three”",
    ),
    "only failures, each with its key": (
        REPORT,
        "        def done(appending):\n            if error := appending.exception():\n"
        "                for visitor, message in batch:\n"
        "                    visitor.tell(LogError(str(error), message.key).frame())\n\n"
        "        appending.add_done_callback(done)",
        "Ada, who sends “one” again, to receive it again, .*what came: nothing",
    ),
    "what has arrived kept": (
        "batch, self.arrived = self.arrived, []",
        "batch = self.arrived",
        "what came: it still has messages",
    ),
    "one room for all": ("self.name", '"lobby"', "for the room “lunch”; what came: 'lobby'"),
    "only the first": ("in batch]", "in batch[:1]]", "once each.*what came: “one”"),
    "pairs, not messages": (
        "[message for _, message in batch]",
        "batch",
        "a list of messages; what came: pairs .visitor, message. in a list",
    ),
    "a print": (
        REPORT,
        "        appending.add_done_callback(print)",
        "Ada to get .*Your code printed: <Appending",
    ),
    "a coroutine never awaited": (
        APPEND + REPORT,
        "        async def write():\n"
        "            self.report(batch, self.log.append(self.name, [m for _, m in batch]))\n\n"
        "        write()",
        "`write`, and nobody awaited",
    ),
    "async": ("def flush", "async def flush", "a plain `def flush`: it is called without"),
    "no method": (
        "class Eager(Room):\n    pass",
        "a method `flush` in Eager; what came: none",
    ),
    "a misspelt method": ("def flush", "def flushes", "what came: `flushes`"),
    "no self": ("flush(self)", "flush()", "is `self` or another parameter missing"),
}
RIGHT = {
    "the room's own flush": ("class Eager(Room):\n    def flush(self):\n        super().flush()",),
    "a lambda": ("partial(self.report, batch)", "lambda done: self.report(batch, done)"),
    "a task": (
        APPEND + REPORT,
        "        async def write():\n"
        "            done = self.log.append(self.name, [message for _, message in batch])\n"
        "            await asyncio.wait([done])\n            self.report(batch, done)\n\n"
        "        self.writing = asyncio.create_task(write())",
    ),
    "one by one": (
        APPEND + REPORT,
        "        for visitor, message in batch:\n"
        "            done = self.log.append(self.name, [message])\n"
        "            done.add_done_callback(partial(self.report, [(visitor, message)]))",
    ),
}


async def check(kind: Any) -> str:
    """Have a room's log wait, store, fail, and get a message again; see what people receive."""
    the_class(kind, "Eager", object)
    overrides(kind, "Room", "flush")
    plain_def(kind, "flush")
    for name in ("lobby", "lunch"):
        room = kind(name, disk := Disk())
        ada, bob, grace = guests = Guest("Ada"), Guest("Bob"), Guest("Grace")
        for guest in guests:
            await room.join(guest)
        await heard_when_stored(room, disk, ada, bob, grace)
        await reported_when_lost(room, disk, ada, bob, grace)
        await confirmed_when_sent_again(room, ada)
    return "Grace received only what the log has, and Ada was told which message was lost."


class Appending(asyncio.Future[Doubles]):
    """What `append` returns: it says what to do if somebody asks for the outcome too early."""

    def exception(self) -> BaseException | None:
        """Return why the log failed, or None; raise InvalidStateError if it is not done yet."""
        if not self.done():
            words = (
                "the log is not done yet: give add_done_callback a function, which is called then"
            )
            raise asyncio.InvalidStateError(words)
        return super().exception()

    def result(self) -> Doubles:
        """Return what the log had before; raise InvalidStateError if it is not done yet."""
        self.exception()
        return super().result()


class Disk(MemoryLog):
    """A log on a slow disk: what is appended waits until it is known whether there is power."""

    power: bool | None = None

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[str, Sequence[Any], asyncio.Future[Doubles]]] = []

    def append(self, room: str, messages: Sequence[Message]) -> asyncio.Future[Doubles]:
        """Have messages wait; return a future that is done once they are stored or lost."""
        done = Appending()
        done.add_done_callback(asyncio.Future.exception)  # nobody has to ask
        self.waiting.append((room, messages, done))
        if self.power is not None:
            self.work(self.power)
        return done

    def work(self, power: bool) -> None:
        """Store or lose what waits, and all that is appended from now on."""
        self.power = power
        waiting, self.waiting = self.waiting, []
        for room, messages, done in waiting:
            if done.cancelled():
                came = "the future that `append` returned was cancelled"
                raise NotYetError("`flush` to leave the disk the time it takes", came)
            if power:
                done.set_result(super().append(room, messages).result())
            else:
                done.set_exception(LogError("The disk has no power."))


async def heard_when_stored(room: Any, disk: Disk, ada: Guest, bob: Guest, grace: Guest) -> None:
    """Say two things in one turn, and look before and after the disk has stored them."""
    room.send(ada, Message("one", key="key of one"))
    room.send(bob, Message("two", key="key of two"))
    await eventually(lambda: disk.waiting)
    await skip(3.0)
    for name, guest in (("Ada", ada), ("Bob", bob), ("Grace", grace)):
        if early := texts(guest):
            came = f"{name} received {listed(early)}, and the log has nothing yet"
            raise NotYetError("nobody to receive a message before the log has it", came)
    if not disk.waiting:
        raise NotYetError("the log to get “one” and “two” from `flush`", "nothing")
    for name, messages, _ in disk.waiting:
        expect(name, room.name, f"the log to get messages for the room “{room.name}”")
        for message in messages:
            if not isinstance(message, Message):
                pair = isinstance(message, tuple)
                came = "pairs (visitor, message) in a list" if pair else returned(message)
                raise NotYetError("the log to get a list of messages", came)
    disk.work(power=True)
    await eventually(lambda: len(texts(grace)) >= 2)
    words = "Grace to receive “one” and “two” once each, now that the log has them"
    expect(texts(grace), ["one", "two"], words, listed(texts(grace)))
    if room.arrived:
        came = "it still has messages, so `send` never asks for `flush` again"
        raise NotYetError("`flush` to leave self.arrived empty", came)


async def reported_when_lost(room: Any, disk: Disk, ada: Guest, bob: Guest, grace: Guest) -> None:
    """Say two things while the disk has no power."""
    disk.work(power=False)
    room.send(ada, Message("three", key="key of three"))
    room.send(bob, Message("four", key="key of four"))
    await eventually(lambda: errors(ada) and errors(bob))
    await skip(3.0)
    words = "Grace to receive each message once, and none that the log could not store"
    expect(texts(grace), ["one", "two"], words, listed(texts(grace)))
    for name, guest, text in (("Ada", ada, "three"), ("Bob", bob, "four")):
        wanted = f"log_unavailable with key of {text}"
        words = f"{name} to get one error, “{wanted}”: then a client sends “{text}” again"
        nothing = "nothing: let add_done_callback call self.report with the pairs in `batch`"
        expect(errors(guest), [wanted], words, listed(errors(guest), nothing))
    disk.work(power=True)


async def confirmed_when_sent_again(room: Any, ada: Guest) -> None:
    """Send a message with the key of one that is stored: only its sender is told of it."""
    room.send(ada, Message("one", key="key of one"))
    await eventually(lambda: len(texts(ada)) > 2)
    words = "Ada, who sends “one” again, to receive it again, so that her client counts it as sent"
    expect(texts(ada)[2:], ["one"], words, listed(texts(ada)[2:]))


async def eventually(true: Callable[[], object]) -> None:
    """Return when something has become true, or when it is too late for that."""
    with suppress(TimeoutError):
        await soon(until(true))


async def skip(seconds: float) -> None:
    """Set the loop's clock forward, so that what the answer wants to do later happens now."""
    loop = asyncio.get_running_loop()
    clock = loop.time
    loop.time = lambda: clock() + seconds  # type: ignore[method-assign]
    await turns(5)


def texts(guest: Guest) -> list[str]:
    """Return the messages that a guest has received."""
    return [frame["message"] for frame in guest.frames if "message" in frame]


def errors(guest: Guest) -> list[str]:
    """Return the errors that a guest has received, and the keys that they are for."""
    frames = [frame for frame in guest.frames if "error" in frame]
    return [f"{frame['error']} with {frame.get('key', 'no key')}" for frame in frames]
