"""The checks of lesson 09."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from inspect import iscoroutinefunction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from chatkit.client import ChatClient
from chatkit.codecs import JSON
from chatkit.lessons.checking import (
    NotYetError,
    exercise,
    plain_def,
    returned,
    the_class,
    the_function,
)
from chatkit.lessons.checks_04 import failures, told
from chatkit.lessons.failure_lab import LabServer, Line, PulledPlug, until
from chatkit.log import Log
from chatkit.messages import Message
from chatkit.room import Room

PATIENCE = 2.0  # seconds in which a message on loopback has long arrived
AWAY = 25  # messages that are said while Grace is away


@exercise(
    "09-1",
    "Grace has seen message 1, and 2 to 26 are said while she is away: how many are those?",
    "a place for each of the 25 messages that were said: MemoryLog(kept=25).",
)
async def none_is_missed(a_small_log: Callable[[], Log]) -> str:
    """Let Grace be away while the log fills, and see what she hears when she is back."""
    log: Any = the_function(a_small_log, "a_small_log")()
    if isinstance(log, type) or not hasattr(log, "kept"):
        raise NotYetError("a MemoryLog", returned(log))
    kept = log.kept
    if not isinstance(kept, int):
        raise NotYetError("a number of places that are kept", returned(kept))
    async with LabServer(log) as server:
        line = await Line(server.url).open()
        faults: list[str] = []
        grace = await ChatClient(line.url, "Grace").connect()
        grace.on_error(faults.append)
        async with ChatClient(server.url, "Ada") as ada:
            await ada.send("0")
            await ada.confirmed()
            await until(lambda: grace.seen == 1, PATIENCE)
            line.cut()
            for number in range(AWAY):
                await ada.send(str(number + 1))
            await ada.confirmed()
        line.mend()
        await until(lambda: grace.seen == AWAY + 1, 2 * PATIENCE)
        await grace.close()
        line.close()
    heard = [message.message async for message in grace]
    if faults or len(heard) < AWAY + 1:
        missed = AWAY + 1 - len(heard)
        said = f"“{faults[0].rstrip('.')}”" if faults else "silence"
        raise NotYetError("no message to be missed", f"{missed} missed, and {said}")
    if kept > AWAY:
        raise NotYetError("as few places as will do", f"{kept}, and fewer would do")
    return f"{kept} places, and Grace had all {AWAY} messages when she was back."


WELCOME = {"event": "welcome", "room": "lobby", "name": "Ada", "last": 0, "log": "a", "rate": None}


# What Bob says, by number. He may say one thing twice; and what was between 3 and 5 is gone.
BOBS = {1: "yes", 2: "no", 3: "yes", 5: "maybe"}


class Stammerer(WebSocketHandler):
    """A server that says many things twice."""

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Speak JSON."""
        return JSON.subprotocol

    def open(self) -> None:
        """Welcome the client, and tell it of Bob's messages, of two of them twice."""
        self.tell(WELCOME)
        for number in (1, 2, 1, 2, 3, 5):
            self.tell({"id": number, "name": "Bob", "message": BOBS[number]})

    def on_message(self, data: str | bytes) -> None:
        """Confirm a message twice, and say something after it."""
        sent: Any = JSON.decode(str(data))
        mine = {"id": 6, "name": "Ada", "message": sent["message"], "key": sent.get("key")}
        for frame in (mine, mine, {"id": 7, "name": "Bob", "message": "the end"}):
            self.tell(frame)

    def tell(self, frame: Mapping[str, Any]) -> None:
        """Send a frame."""
        self.write_message(JSON.encode(frame))


@exercise(
    "09-2",
    "compare message.id with self.seen before you deliver, and set it afterwards; "
    "self.outbox.confirm takes the message's key.",
    "self.outbox.confirm(message.key); if message.id > self.seen: await self.deliver(message), "
    "and then self.seen = message.id.",
)
async def hears_once(listener: type[ChatClient]) -> str:
    """Let a server say things twice, and see what the client hands on and what its outbox keeps."""
    the_class(listener, "OnlyOnce", object)
    if not iscoroutinefunction(getattr(listener, "take_message", None)):
        raise NotYetError("an `async def take_message`", "none")
    listener_socket, port = bind_unused_port()
    server = HTTPServer(Application([("/ws", Stammerer)]))
    server.add_socket(listener_socket)
    heard: dict[int, list[str]] = {}  # by number
    faults: list[str] = []
    failed: list[Exception] = []

    class Watched(listener):  # type: ignore[misc, valid-type]
        async def take_message(self, message: Message) -> None:
            try:
                await super().take_message(message)
            except Exception as error:  # the client would say that the frame is no message
                failed.append(error)
                raise

    client = Watched(f"http://127.0.0.1:{port}/", "Ada")
    client.on_message(lambda message: heard.setdefault(message.id, []).append(message.message))
    client.on_error(faults.append)
    try:
        await client.connect()
        await client.send("Ada's own")
        await until(lambda: 7 in heard or faults, PATIENCE)
        waiting = [message.message for message in client.outbox.unconfirmed.values()]
        client.outbox.unconfirmed.clear()  # so that closing need not wait for it
    finally:
        await client.close()
        server.stop()
        await server.close_all_connections()
    if failed:
        raise failed[0]
    if faults:
        raise NotYetError("each frame to be taken", f"“{faults[0].rstrip('.')}”")
    for texts in heard.values():
        if len(texts) > 1:
            raise NotYetError("each message to be handed on once", f"“{texts[0]}” came twice")
    if 3 not in heard and 5 in heard:
        raise NotYetError("both times that Bob says “yes”, for they are two messages", "one")
    if 5 not in heard and 3 in heard:
        raise NotYetError("message 5, though there was no 4 after 3", "silence from then on")
    wanted = [*BOBS, 6, 7]
    if [*heard] != wanted:
        raise NotYetError(f"the messages {wanted}", f"{[*heard]}")
    if waiting:
        raise NotYetError("an empty outbox", f"“{waiting[0]}” still in it, though confirmed")
    return "nine frames came, six messages were handed on, and the outbox is empty."


@exercise(
    "09-3",
    "who calls hear when the log has the messages? The log itself: Room.__init__ follows it.",
    "leave out self.hear, and keep what self.log.append returns: "
    "appending.add_done_callback(partial(self.report, batch)).",
)
async def nothing_heard_is_lost(room: type[Room]) -> str:
    """Pull the plug of the disk, and compare what was heard with what is on it afterwards."""
    the_class(room, "Eager", object)
    plain_def(room, "flush")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = str(Path(folder, "chat.db"))
        async with failures() as failed:
            heard, hints = await until_the_plug_is_pulled(path, room)
        again = PulledPlug(path)
        await again.open()
        stored = [message.message for message in await again.read("lobby", 0, 10)]
        await again.close()
    ghosts = [text for text in heard if text not in stored]
    if ghosts:
        came = f"Grace heard “{ghosts[0]}”, and after the crash the disk has {len(stored)} message"
        raise NotYetError("that what was heard is on the disk", came)
    if heard != ["one"] or stored != ["one"]:
        came = f"Grace heard {heard}, and the disk has {stored}"
        raise told("“one”, which was said while there was power", came, failed)
    if not hints:
        came = "Ada was told nothing, so she waits for ever: let report do it"
        raise told("that the sender is told when the log fails", came, failed)
    return "Grace heard only what the disk has, and Ada was told to send the other one again."


async def until_the_plug_is_pulled(path: str, room: type[Room]) -> tuple[list[str], list[str]]:
    """Return what Grace heard, with power and without, and what Ada was told."""
    log = PulledPlug(path)
    heard: list[str] = []
    hints: list[str] = []

    def hear(message: Message) -> None:
        heard.append(message.message)

    async with LabServer(log, room) as server:
        ada = await ChatClient(server.url, "Ada").connect()
        grace = await ChatClient(server.url, "Grace").connect()
        grace.on_message(hear)
        ada.on_error(hints.append)
        await ada.send("one")
        await until(lambda: heard, PATIENCE)
        await until(lambda: not ada.outbox.unconfirmed, PATIENCE)
        await log.pull()
        await ada.send("two")
        await until(lambda: hints or len(heard) > 1, PATIENCE)
        ada.outbox.unconfirmed.clear()  # so that closing need not wait for it
        await asyncio.gather(ada.close(), grace.close())
    return heard, hints
