"""The checks of lesson 10."""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from tornado.web import Application
from tornado.websocket import WebSocketHandler, websocket_connect

from chatkit.broadcaster import Broadcaster
from chatkit.lessons.checking import NotYetError, exercise, plain_def, returned, the_class
from chatkit.lessons.checks_06 import served
from chatkit.lessons.failure_lab import until
from chatkit.wire import text_frame

PATIENCE = 2.0  # seconds in which a frame on loopback has long arrived
SOON = 3  # turns of the loop within which `call_soon` has long been called
HEAP = 20  # messages that are said in one turn
END = "that was all"
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Relay(WebSocketHandler):
    """The handler of a gatherer that is to be checked."""

    def initialize(self, broadcaster: Any, lines: list[Any]) -> None:
        """Take the gatherer, and a list for all that connect."""
        self.broadcaster = broadcaster
        self.lines = lines
        self.writes: list[bytes] = []

    def open(self, *_: str) -> None:
        """Connect."""
        self.lines.append(self)
        self.broadcaster.connect(self)

    def on_close(self) -> None:
        """Leave."""
        self.broadcaster.disconnect(self)

    def send(self, frames: bytes) -> None:
        """Note what is written, and write it."""
        self.writes.append(frames)
        line: Any = self.ws_connection
        if isinstance(frames, bytes):  # else it would be cut
            line.stream.write(frames)


@asynccontextmanager
async def chat_of(
    handler: type[WebSocketHandler], broadcaster: Any, count: int
) -> AsyncIterator[tuple[list[Any], list[Any]]]:
    """Serve a handler, and yield its lines with their clients, in the order in which they came."""
    lines: list[Any] = []
    clients: list[Any] = []
    app = Application([("/", handler, {"broadcaster": broadcaster, "lines": lines})])
    async with served(app) as url:
        for _ in range(count):
            clients.append(await websocket_connect(url.replace("http", "ws")))
        try:
            yield lines, clients
        finally:
            for line in lines:
                if line.ws_connection:
                    line.ws_connection.stream.close()
            for client in clients:
                while await client.read_message() is not None:
                    pass  # until it knows that the line is cut
                client.close()


async def heard(line: Any, client: Any) -> list[str]:
    """Return what a client has heard by now."""
    line.ws_connection.stream.write(text_frame(END.encode()))
    texts = []
    async with asyncio.timeout(PATIENCE):
        while (text := await client.read_message()) not in (END, None):
            texts.append(str(text))
    return texts


@exercise(
    "10-1",
    "which method of the loop calls a function as soon as this turn is over?",
    "asyncio.get_running_loop().call_soon(self.flush): it takes no seconds.",
)
async def nobody_waits_for_company(gatherer: type[Broadcaster]) -> str:
    """Say one thing alone, and count the loop's turns until it leaves; then a heap in one turn."""
    the_class(gatherer, "Patient", Broadcaster)
    plain_def(gatherer, "say")
    broadcaster: Any = gatherer()
    async with chat_of(Relay, broadcaster, 2) as (lines, clients):
        broadcaster.say(text_frame(b"alone"))
        turns = await turns_until(lambda: all(line.writes for line in lines))
        if turns > SOON:
            raise NotYetError(
                "a lone message to leave when its turn is over", "it was kept waiting"
            )
        for number in range(HEAP):
            broadcaster.say(text_frame(str(number).encode()))
        if not turns or any(len(line.writes) > 1 for line in lines):
            raise NotYetError(
                "what is said in one turn to be gathered",
                "a write for each message (is `flush` called already?)",
            )
        await turns_until(lambda: all(len(line.writes) > 1 for line in lines))
        for _ in range(SOON):
            await asyncio.sleep(0)
        if (writes := max(len(line.writes) - 1 for line in lines)) > 1:
            raise NotYetError(
                f"one write for {HEAP} messages of one turn",
                f"{writes} writes: `flush` was asked for by more than the first of them",
            )
        for line, client in zip(lines, clients, strict=True):
            texts = await heard(line, client)
            if texts != ["alone", *map(str, range(HEAP))]:
                raise NotYetError(f"each of {HEAP + 1} messages once, in order", f"{texts}")
    return "a lone message left at once, and twenty of one turn in one write."


async def turns_until(true: Callable[[], bool]) -> int:
    """Return how many turns of the loop it took until something came true."""
    turns = 0
    try:
        async with asyncio.timeout(PATIENCE):
            while not true():
                turns += 1
                await asyncio.sleep(0)
    except TimeoutError:
        raise NotYetError("what is said to leave some time", "nothing left") from None
    return turns


@exercise(
    "10-2",
    "for each channel of self.channels another piece of bytes: the frames of `arrived` that came "
    "with another channel.",
    "for channel in tuple(self.channels): join the frames of those (frame, by) in `arrived` of "
    "which `by is not channel`, and if there are any, self.notify([channel], …).",
)
async def everyone_hears_the_others(gatherer: type[Broadcaster]) -> str:
    """Three clients: two of them speak in one turn, then one alone."""
    the_class(gatherer, "Others", Broadcaster)
    plain_def(gatherer, "flush")
    broadcaster: Any = gatherer()
    async with chat_of(Relay, broadcaster, 3) as (lines, clients):
        ada, bob, _ = lines
        for text, line in (("a1", ada), ("b1", bob), ("a2", ada)):
            broadcaster.say(text_frame(text.encode()), line)
        await until(lambda: all(line.writes for line in lines), PATIENCE)
        writes = [len(line.writes) for line in lines]
        broadcaster.say(text_frame(b"a3"), ada)
        await until(lambda: len(lines[2].writes) > writes[2], PATIENCE)
        came = [await heard(*pair) for pair in zip(lines, clients, strict=True)]
    for frames in (frames for line in lines for frames in line.writes):
        if not isinstance(frames, bytes):
            raise NotYetError("bytes in each write", returned(frames))
    names = ("Ada", "Bob", "Cy")
    wanted = (["b1"], ["a1", "a2", "a3"], ["a1", "b1", "a2", "a3"])
    for name, texts, want in zip(names, came, wanted, strict=True):
        if texts != want:
            said = "Ada says a1, Bob b1 and Ada a2, and a turn later Ada says a3"
            raise NotYetError(f"{name} to hear {want}, if {said}", f"{texts}")
    if writes != [1, 1, 1]:
        raise NotYetError("one write for each channel in a turn", f"{max(writes)} for one of them")
    if len(ada.writes) > 1:
        raise NotYetError("that who would hear nothing is not written to", "an empty write to Ada")
    return "three people, two of whom spoke: each heard the others, in one write."


class Idle:
    """A broadcaster for a handler whose `send` alone is checked."""

    def connect(self, channel: object) -> None:
        """Do nothing: the check keeps the lines."""

    def disconnect(self, channel: object) -> None:
        """Do nothing."""


class Full:
    """A socket, all of whose buffers are full."""

    def __init__(self, real: socket.socket) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def send(self, *_: object) -> int:
        """Take nothing."""
        raise BlockingIOError

    sendall = send


BIG = text_frame(b"b" * 65_000)
SMALL = [text_frame(f"small {number}".encode()) for number in range(4)]
MOST = 400  # big frames, of which any system's buffers take only some


@exercise(
    "10-3",
    "when the socket has room again, the stream may still keep the rest of an earlier frame. "
    "What must be written first?",
    "send to the socket yourself only `if not stream.writing()`, as OneWrite does.",
)
async def no_frame_is_broken(handler: type[WebSocketHandler]) -> str:
    """A client that reads nothing until the stream has to keep something, and then everything."""
    the_class(handler, "Hasty", WebSocketHandler)
    plain_def(handler, "send")
    lines: list[Any] = []

    class Watched(handler):  # type: ignore[valid-type, misc]
        def initialize(self, broadcaster: Any) -> None:
            self.broadcaster = broadcaster

        def open(self, *_: str) -> None:
            lines.append(self)

    Watched.__name__ = handler.__name__  # as its errors call it
    app = Application([("/", Watched, {"broadcaster": Idle()})])
    loop = asyncio.get_running_loop()
    async with served(app) as url:
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", urlsplit(url).port))
            await loop.sock_sendall(client, HANDSHAKE)
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += await loop.sock_recv(client, 4096)
            await until(lambda: lines, PATIENCE)
            try:
                sent, came = await slow_then_fast(lines[0], client)
            finally:
                lines[0].ws_connection.stream.close()
    if len(came) < len(sent):
        raise NotYetError("every byte to arrive", "the rest of a frame was lost")
    if came != sent:
        raise NotYetError("whole frames, in order", "a small frame in the middle of a big one")
    return "the client read slowly, and then fast: every frame came whole, and in order."


async def slow_then_fast(line: Any, client: socket.socket) -> tuple[bytearray, bytearray]:
    """Return what a line was given to send, and what came of it at a client that reads late."""
    stream = line.ws_connection.stream
    left: list[bytes] = []
    write, stream.write = stream.write, left.append
    line.send(SMALL[0])
    stream.write = write
    if left:
        raise NotYetError("a frame to go straight to a socket with room", "the stream had it")
    real, stream.socket = stream.socket, Full(stream.socket)
    try:
        line.send(SMALL[1])
    finally:
        stream.socket = real
    if not stream.writing():
        raise NotYetError("the stream to keep what the socket can't take", "nothing is kept")
    await until(lambda: not stream.writing(), PATIENCE)
    sent = bytearray(SMALL[0] + SMALL[1])
    while not stream.writing():
        line.send(BIG)
        sent += BIG
        if len(sent) > MOST * len(BIG):
            raise NotYetError("the stream to keep what the socket can't take", "nothing is kept")
    came = read_until_writable(client, stream.socket)
    for frame in SMALL[2:]:
        line.send(frame)
        sent += frame
    loop = asyncio.get_running_loop()
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while len(came) < len(sent):
                came += await loop.sock_recv(client, 2**18)
    return sent, came


def read_until_writable(client: socket.socket, other_end: socket.socket) -> bytearray:
    """Return what a client reads until its other end may write again; the loop stands still."""
    came = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(other_end, selectors.EVENT_WRITE)
        while not selector.select(0.01):
            with suppress(BlockingIOError):
                came += client.recv(2**18)
    return came
