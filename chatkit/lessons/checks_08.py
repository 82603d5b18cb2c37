"""The checks of lesson 08."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, websocket_connect

from chatkit.client import ChatClient, socket_url
from chatkit.codecs import JSON
from chatkit.gate import Gate
from chatkit.handlers import ChatSocket
from chatkit.lessons import serving
from chatkit.lessons.checking import NotYetError, exercise, plain_def, returned, the_class
from chatkit.lessons.failure_lab import RoomsOf
from chatkit.messages import FrameError, key_of
from chatkit.room import Room, Rooms, Visitor
from chatkit.server import ChatServer, make_app

SECRET = "psst"
END = "that was all"
PATIENCE = 2.0  # seconds in which who knocks on loopback has long been let in
PRIVATE = {"event": "private", "name": "Ada", "to": "Bob", "message": SECRET}

Frames = list[dict[str, Any]]


@exercise(
    "08-1",
    "what is taken is a look, and a zero looks like an O. Where a wish ends in a number already, "
    "that number goes first.",
    "Bob, bob and B0b look the same, so the second gets -2 and the third -3, each with its own "
    "spelling. No wish makes a guest. And Bob-2 looks like bob-2: which number is free by then?",
)
async def names_are_granted(answer: tuple[list[str], list[str]]) -> str:
    """Connect a client for each wish, and compare the names that the room gave."""
    wanted, called = answer
    for name, names in (("wanted", wanted), ("called", called)):
        if not isinstance(names, list | tuple):
            raise NotYetError(f"a list of names in `{name}`", returned(names, "None"))
    if not wanted:
        raise NotYetError("at least one name in `wanted`", "none")
    server = await ChatServer(port=0).start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop)
        for name in wanted:
            await stack.enter_async_context(ChatClient(server.url, name))
        granted = list(server.rooms.open["lobby"].members.values())
    if len(called) != len(granted):
        raise NotYetError(f"{len(granted)} names in `called`", f"{len(called)}")
    pairs = zip(called, granted, strict=True)
    wrong = [str(number) for number, (mine, theirs) in enumerate(pairs, 1) if mine != theirs]
    if wrong:
        raise NotYetError("the names that the room gives", f"others at place {', '.join(wrong)}")
    return f"the room called them {', '.join(granted)}, as you said."


@exercise(
    "08-2",
    "self.room.members knows the name of each visitor, your own among them; each visitor can be "
    "told a frame of its own with `visitor.tell(frame)`.",
    "go through self.room.members.items(), find the visitors whose name is `to`, or raise "
    'FrameError("nobody", …); then tell the frame to them and to self, with '
    '"name": self.room.members[self].',
)
async def reaches_two_alone(handler: type[ChatSocket]) -> str:
    """Ada writes to Bob; Bob-2 and Eve are there, too, and another Bob in another room."""
    the_class(handler, "PrivateSocket", ChatSocket)
    plain_def(handler, "receive")
    rooms = Rooms()
    settings = {"rooms": rooms, "gate": Gate(), "codec": JSON}
    async with (
        watched(handler) as kind,
        serve(Application([("/ws", kind, settings)])) as join,
    ):
        wishes = (" Ada", "Bob-2", " Bob", "Eve")  # granted are others than these
        ada, second, bob, eve = [await join(name=wish) for wish in wishes]
        elsewhere = await join(name="Bob", room="elsewhere")
        lines = [ada, bob, second, eve, elsewhere]
        heard = await heard_of(ada, {"to": "Bob", "message": SECRET, "name": "Eve"}, lines)
        again = await heard_of(ada, {"to": "Zoe", "message": SECRET}, lines)
        kept = [message.message for message in await rooms.log.read("lobby", 0, 100)]
    check_private(heard, kept)
    check_nobody(again)
    return "Bob and Ada heard it, Bob-2, Eve, another room's Bob and the log did not."


@asynccontextmanager
async def watched(handler: type[ChatSocket]) -> AsyncIterator[type[ChatSocket]]:
    """Yield a handler like a learner's; raise the first error of its `receive` at the end.

    Tornado would print it, and hang up; so the client is told that its message is given up.
    """
    faults: list[Exception] = []

    class Watched(handler):  # type: ignore[valid-type, misc]
        def receive(self, frame: Any) -> None:
            try:
                super().receive(frame)
            except FrameError:
                raise
            except Exception as error:
                faults.append(error)
                raise FrameError("broken", str(error), key_of(frame)) from error

    Watched.__name__ = handler.__name__  # as its errors call it
    try:
        yield Watched
    except NotYetError:
        if not faults:
            raise
    if faults:
        raise faults[0]


def check_private(heard: list[Frames], kept: list[str]) -> None:
    """Raise NotYetError unless Ada and Bob heard the secret once each, and no other did."""
    ada, bob, second, eve, elsewhere = heard
    if SECRET in kept:
        raise NotYetError("nothing of it in the log", "the message stands there for ever")
    if eve:
        raise NotYetError("silence at Eve, to whom nobody wrote", f"she heard {eve}")
    if second:
        raise NotYetError("the visitor whose whole name is Bob to hear it", "Bob-2 heard it, too")
    if elsewhere:
        raise NotYetError("the Bob of this room alone to hear it", "a Bob in another room did, too")
    for who, frames in (("Bob", bob), ("Ada, the sender,", ada)):
        if not frames:
            raise NotYetError(f"{who} to hear it", "nothing")
        if frames[0].get("name") == "Eve":
            raise NotYetError("Ada's own name as the sender", "the name that her frame claimed")
        if "text" in frames[0]:
            raise NotYetError("tell to be given a dict", "text: it makes JSON of it by itself")
        if frames != [PRIVATE]:
            raise NotYetError(f"{PRIVATE} at {who.strip(',')}", f"{frames}")


def check_nobody(heard: list[Frames]) -> None:
    """Raise NotYetError unless Ada alone was told that there is no Zoe."""
    ada, *others = heard
    if any(others):
        raise NotYetError("nobody to hear what was for Zoe, who is not here", f"{others}")
    if [[*frame][:1] for frame in ada] != [["error"]]:
        raise NotYetError("an error for Ada, who wrote to Zoe, and nobody is Zoe", f"{ada}")


@exercise(
    "08-3",
    "the ghost leaves twice: once when its name is given back, and once when its line is closed. "
    "Whose name is freed the second time?",
    "who is no member any more has nothing left to free, and was announced: "
    "`if visitor not in self.members: return`.",
)
async def leaves_once(kind: type[Room]) -> str:
    """Ada comes back and finds her ghost; a stranger wants her name; then she leaves."""
    the_class(kind, "HastyRoom", object)
    if not hasattr(kind, "leave"):
        raise NotYetError("a class that begins with `class HastyRoom(Room)`", "another")
    plain_def(kind, "leave")
    rooms = WatchedRooms(kind)
    try:
        async with serve(make_app(rooms)) as join, asyncio.timeout(PATIENCE):
            bob = await join(name="Bob")
            await join(name="Ada", client="a mark")
            ada = await join(name="Ada", client="a mark")
            await rooms.departures.acquire()  # the ghost's line is closed
            await join(name="Ada")
            called = rooms.names()
            ada.connection.close()
            await rooms.departures.acquire()
            await join(name="Ada")
            inherited = rooms.names()
            heard = [f"{frame['name']} {frame['event']}" for frame in await bob.until_end()]
    except TimeoutError:
        if not rooms.failures:
            raise NotYetError("Ada to come back", "she was not let in") from None
    if rooms.failures:
        raise rooms.failures[0]
    if called.count("Ada") != 1:
        raise NotYetError("one Ada, and a stranger who is Ada-2", f"{', '.join(called)}")
    if "Ada" not in inherited:
        raise NotYetError("the name to be free when Ada has left", f"{', '.join(inherited)}")
    wanted = ["Ada joined", "Ada left", "Ada joined", "Ada-2 joined", "Ada left", "Ada joined"]
    if heard != wanted:
        raise NotYetError(f"Bob to hear {', '.join(wanted)}", ", ".join(heard) or "nothing")
    return "Ada came back and her ghost left once; a stranger was Ada-2, until she had gone."


class WatchedRooms(RoomsOf):
    """Rooms of a learner's kind, with the errors of its `leave`: Tornado would print those."""

    def __init__(self, kind: type[Room]) -> None:
        super().__init__(kind)
        self.failures: list[Exception] = []
        self.departures = asyncio.Semaphore(0)

    def leave(self, room: Room, visitor: Visitor) -> None:
        """Let a visitor go."""
        try:
            room.leave(visitor)  # a connection can end twice: a write fails, then it is closed
            super().leave(room, visitor)
        except Exception as error:
            self.failures.append(error)
        self.departures.release()

    def names(self) -> list[str]:
        """Return what those in the lobby are called."""
        return list(self.open["lobby"].members.values())


class Line:
    """A client that speaks JSON, hears events and is never behind with its reading."""

    connection: WebSocketClientConnection

    def __init__(self) -> None:
        self.frames: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    @classmethod
    async def to(cls, url: str, **query: str) -> Line:
        """Return a line to a room, which has welcomed it."""
        line = cls()
        line.connection = await websocket_connect(
            socket_url(url, **query),
            on_message_callback=line.take,
            subprotocols=[JSON.subprotocol],
        )
        await line.frames.get()
        return line

    def take(self, data: str | bytes | None) -> None:
        """Take one frame, or None at the end."""
        frame = None if data is None else JSON.decode(str(data))
        self.frames.put_nowait({"text": frame} if isinstance(frame, str) else frame)

    async def send(self, frame: dict[str, Any]) -> None:
        """Send one frame."""
        await self.connection.write_message(JSON.encode(frame))

    async def until_end(self) -> Frames:
        """Have the room say a last word, and return what was heard before it."""
        await self.send({"message": END})
        return await self.before_end()

    async def before_end(self) -> Frames:
        """Return what was heard before the last word, or before the line was closed."""
        frames = []
        while (frame := await self.frames.get()) and frame.get("message") != END:
            frames.append(frame)
        return frames


async def heard_of(speaker: Line, frame: dict[str, Any], lines: list[Line]) -> list[Frames]:
    """Return what each line heard, but for comings and goings, when one of them sent a frame."""
    await speaker.send(frame)
    await speaker.send({"message": END})
    await lines[-1].send({"message": END})  # it is in another room
    heard = [await line.before_end() for line in lines]
    return [[frame for frame in frames if frame.get("event") != "joined"] for frames in heard]


@asynccontextmanager
async def serve(app: Application) -> AsyncIterator[Callable[..., Awaitable[Line]]]:
    """Serve an application on a free port, and yield a function that lets a line in."""
    server, port = serving.serve(app)
    lines: list[Line] = []

    async def join(**query: str) -> Line:
        lines.append(await Line.to(f"http://127.0.0.1:{port}/", **query))
        return lines[-1]

    try:
        yield join
    finally:
        for line in lines:
            line.connection.close()
        server.stop()
