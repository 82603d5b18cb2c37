"""The checks of lesson 01."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from types import TracebackType
from typing import Any, TypeVar

from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler, websocket_connect

from chatkit.lessons.checking import (
    NotYetError,
    exercise,
    misnamed,
    plain,
    returned,
    the_class,
    the_function,
)
from chatkit.lessons.pictures import name_of
from chatkit.lessons.serving import serve
from chatkit.wire import Frame, Opcode, read_frame, text_frame

CHUNK = 4096  # bytes
SILENCE = 1.0  # seconds without an answer that count as silence
MASK = bytes([1, 2, 3, 4])
MOMENTS = ("open", "on_message", "on_close")
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
    server, port = serve(Application([("/", handler)]))
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
    "a string has a method that returns it in capitals; an exclamation mark has to follow.",
    'the line in on_message is self.write_message(text.upper() + "!").',
)
async def it_shouts(handler: Any) -> str:
    """Say two things to the learner's handler and read what it says."""
    the_class(handler, "Shout", WebSocketHandler)
    faults: list[Exception] = []
    async with serving(watched(handler, faults)) as port:
        connection = await websocket_connect(f"ws://127.0.0.1:{port}/")
        try:
            for text in ("hello", "good morning"):
                expected = f"“{text.upper()}!” in answer to “{text}”"
                with suppress(WebSocketClosedError):  # then the read tells of it
                    await connection.write_message(text)
                heard = await soon(connection.read_message(), expected)
                if heard is None:
                    raise faults[0] if faults else NotYetError(expected, "the server hung up")
                if heard != f"{text.upper()}!":
                    raise NotYetError(expected, f"“{heard!s}”{misnamed(handler, MOMENTS)}")
        finally:
            connection.close()
    return "HELLO! and GOOD MORNING! came back over the socket."


def watched(handler: type[WebSocketHandler], faults: list[Exception]) -> type[WebSocketHandler]:
    """Return the handler with a `faults` list that hears what Tornado would put in its log."""

    class Watched(handler):  # type: ignore[misc, valid-type]
        async def on_message(self, message: str | bytes) -> None:
            result = super().on_message(message)
            if inspect.isawaitable(result):
                result = await result
            if isinstance(result, str):
                came = f"“{result}” was returned, which sends nothing"
                faults.append(NotYetError("the answer to be sent with self.write_message", came))
                self.close()

        def log_exception(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> None:
            if isinstance(error, Exception):
                faults.append(error)

    Watched.__name__ = Watched.__qualname__ = handler.__name__  # as its errors call it
    return Watched


@exercise(
    "01-2",
    "as in the masked frame that you built by hand, but with the opcode of a ping.",
    "the first byte is 0x80 | Opcode.PING, the second 0x80 | len(payload).",
)
async def pings_get_pongs(ping_frame: Callable[[bytes, bytes], bytes]) -> str:
    """Send three pings to a server and read its pongs."""
    make = the_function(ping_frame, "ping_frame")
    async with serving(Mirror) as port:
        for payload in (b"still there?", b"", b"x" * 125):
            ping = plain(make(payload, MASK), "ping_frame")
            if not isinstance(ping, bytes):
                raise NotYetError("ping_frame to return bytes", returned(ping))
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
        silence = f"{yours} {why_silent(ping)}{why_cut_short(ping, payload)}"
        answer = await soon(frame_from(reader), expected, silence)
    if answer is None:
        raise NotYetError(expected, f"{yours} the server hung up{why_cut(ping)}")
    if answer.opcode != Opcode.PONG or answer.payload != payload:
        heard = f"a {name_of(answer.opcode)} that carries {shown(answer.payload)}"
        came = f"{yours} the server answered with {heard}{why_cut_short(ping, payload)}"
        if not ping[1] & 0x80:
            came += ", for it took your mask for payload: 0x80 in the second byte tells of a mask"
        raise NotYetError(expected, came)
    frame = read_frame(ping)
    if frame is None or not frame.mask:  # Tornado lets it pass, the standard does not
        came = f"{yours} it has no mask: this server put up with that, others hang up"
        raise NotYetError("a frame with a mask, as a client sends it", came)


def why_silent(ping: bytes) -> str:
    """Return why a server that is sent this says nothing."""
    frame = read_frame(ping)
    if frame is None:
        return "the server still waits for the rest of it"
    return f"the server took it for a {name_of(frame.opcode)} and said nothing"


def why_cut(ping: bytes) -> str:
    """Return why a server that is sent this hangs up, if the first byte tells."""
    if ping and ping[0] == Opcode.PING:
        return ": 0x80 in the first byte says that this is a whole frame, and it is missing"
    return ""


def why_cut_short(ping: bytes, payload: bytes) -> str:
    """Return what a ping's header tells of its length, if that is not the payload's."""
    told = ping[1] & 0x7F if len(ping) > 1 else len(payload)
    if told == len(payload):
        return ""
    return f", for your header tells a length of {told}, and the payload's is {len(payload)}"


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
    """Return four frames cut where frames do not end, the last one more than once."""
    one, two, three, four = (text_frame(word.encode()) for word in WORDS)
    return [one + two[:3], two[3:] + three[:1], three[1:], four[:1], four[1:2], four[2:]]


@exercise(
    "01-3",
    "what becomes of a piece that does not complete any frame?",
    "self.rest has to become what read_frames leaves over, each time, frames or not.",
)
async def no_frame_is_lost(reader_class: Any) -> str:
    """Send frames in pieces, each after the one before was taken, and see which come out."""
    the_class(reader_class, "FrameReader", object)
    if not hasattr(reader_class, "feed"):
        raise NotYetError("a class with the method feed", f"{reader_class.__name__} without it")
    words = ", ".join(WORDS)
    frames: list[Frame] = []
    frame_reader = reader_class()
    server = await asyncio.start_server(send_pieces, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        while data := await reader.read(CHUNK):
            new = plain(frame_reader.feed(data), "feed")
            # The learner's Frame is their notebook's, not chatkit's.
            if not (isinstance(new, list) and all(hasattr(one, "payload") for one in new)):
                raise NotYetError("feed to return a list of frames", returned(new))
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
