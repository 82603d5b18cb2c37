"""The checks of lesson 01."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from typing import Any, TypeVar

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import WebSocketHandler, websocket_connect

from chatkit.lessons.checking import NotYetError, exercise
from chatkit.lessons.pictures import name_of
from chatkit.wire import Frame, Opcode, read_frame, text_frame

CHUNK = 4096  # bytes
SILENCE = 1.0  # seconds without an answer that count as silence
MASK = bytes([1, 2, 3, 4])
REQUEST = (
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: c2l4dGVlbiBsZXR0ZXJzIQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
T = TypeVar("T")


class Mirror(WebSocketHandler):
    """A server that sends back what it hears, and answers a ping by itself as Tornado does."""

    def on_message(self, message: str | bytes) -> None:
        """Send a message back."""
        self.write_message(message)


@asynccontextmanager
async def serving(handler: type[WebSocketHandler]) -> AsyncIterator[int]:
    """Serve a handler on a free port for the length of an `async with`."""
    listener, port = bind_unused_port()
    server = HTTPServer(Application([("/", handler)]))
    server.add_socket(listener)
    try:
        yield port
    finally:
        server.stop()
        await server.close_all_connections()


async def soon(answer: Awaitable[T], expected: str, silence: str = "nothing at all") -> T:
    """Return an answer; if none comes, that is what is wrong."""
    try:
        async with asyncio.timeout(SILENCE):
            return await answer
    except TimeoutError:
        raise NotYetError(expected, silence) from None


@exercise(
    "01-1",
    "a string has a method that returns it in capitals; the result needs its mark at the end.",
    'self.write_message(text.upper() + "!")',
)
async def it_shouts(handler: Any) -> str:
    """Say two things to the learner's handler and read what it says."""
    if not (isinstance(handler, type) and issubclass(handler, WebSocketHandler)):
        raise NotYetError("the class Shout", f"{handler!r}")
    faults: list[str] = []
    async with serving(watched(handler, faults)) as port:
        connection = await websocket_connect(f"ws://127.0.0.1:{port}/")
        try:
            for text in ("hello", "good morning"):
                await connection.write_message(text)
                expected = f"“{text.upper()}!” in answer to “{text}”"
                heard = await soon(connection.read_message(), expected)
                if heard != f"{text.upper()}!":
                    raise NotYetError(expected, faults[0] if faults else f"“{heard!s}”")
        finally:
            connection.close()
    return "HELLO! and GOOD MORNING! came back over the socket."


def watched(handler: type[WebSocketHandler], faults: list[str]) -> type[WebSocketHandler]:
    """Return the handler with a `faults` list that hears what Tornado would put in its log."""

    class Watched(handler):  # type: ignore[misc, valid-type]
        def on_message(self, message: str | bytes) -> Any:
            try:
                result = super().on_message(message)
            except Exception as error:
                faults.append(f"{type(error).__name__} in on_message ({error})")
                self.close()
                return None
            if isinstance(result, str):
                faults.append(f"“{result}” was returned, which sends nothing")
                self.close()
                return None
            return result

    return Watched


@exercise(
    "01-2",
    "like the text frame that you built by hand, with the opcode of a ping.",
    "the first byte is 0x80 | Opcode.PING, the second 0x80 | len(payload).",
)
async def pings_get_pongs(ping_frame: Callable[[bytes, bytes], bytes]) -> str:
    """Send three pings to a server and read its pongs."""
    async with serving(Mirror) as port:
        for payload in (b"still there?", b"", b"x" * 125):
            ping = ping_frame(payload, MASK)
            if not isinstance(ping, bytes):
                raise NotYetError("bytes", f"{type(ping).__name__} from ping_frame")
            await ping_once(port, ping, payload)
    return "three pings went out, and the server answered each with a pong."


async def ping_once(port: int, ping: bytes, payload: bytes) -> None:
    """Send a ping and see whether its pong comes back."""
    expected = f"a PONG that carries {shown(payload)}"
    yours = f"your frame began with the bytes {ping[:2].hex(' ')}, and"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with closing(writer):
        writer.write(REQUEST.encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ping)
        waits = f"{yours} the server still waits for the rest of it"
        answer = await soon(frame_from(reader), expected, waits)
    if answer is None:
        raise NotYetError(expected, f"{yours} the server hung up")
    if answer.opcode != Opcode.PONG or answer.payload != payload:
        heard = f"a {name_of(answer.opcode)} that carries {shown(answer.payload)}"
        raise NotYetError(expected, f"{yours} the server answered with {heard}")


async def frame_from(reader: asyncio.StreamReader) -> Frame | None:
    """Return the next frame on a connection, or None if the other end hangs up."""
    data = b""
    while (frame := read_frame(data)) is None:
        try:
            more = await reader.read(CHUNK)
        except ConnectionError:
            more = b""
        if not more:
            return None
        data += more
    return frame


def shown(payload: bytes) -> str:
    """Return a payload as a learner would write it, or how long it is."""
    return repr(payload) if len(payload) < 40 else f"{len(payload)} bytes"


WORDS = ["one", "two", "three", "four"]


def pieces() -> list[bytes]:
    """Return four frames cut where frames do not end."""
    one, two, three, four = map(text_frame, WORDS)
    return [one + two[:3], two[3:] + three[:1], three[1:], four[:2], four[2:]]


@exercise(
    "01-3",
    "a frame may come in so many pieces that none of them makes one whole.",
    "self.rest is only replaced if there are frames; a piece without any is forgotten.",
)
async def no_frame_is_lost(reader_class: Any) -> str:
    """Send frames in pieces, each after the one before was taken, and see which come out."""
    words = ", ".join(WORDS)
    frames: list[Frame] = []
    frame_reader = reader_class()
    server = await asyncio.start_server(send_pieces, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        while data := await reader.read(CHUNK):
            new = frame_reader.feed(data)
            if not isinstance(new, list):
                raise NotYetError("a list of frames from feed", f"{new!r}")
            frames += new
            writer.write(b".")
    finally:
        writer.close()
        server.close()
    texts = [frame.payload.decode(errors="replace") for frame in frames]
    if texts != WORDS:
        raise NotYetError(f"the texts {words}", ", ".join(texts) or "none at all")
    return f"{len(pieces())} pieces came over the wire, and four whole frames came out: {words}."


async def send_pieces(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a piece, wait for a sign that it was read, and so on: TCP then can't join them."""
    with closing(writer):
        for piece in pieces():
            writer.write(piece)
            if not await reader.read(1):
                break
