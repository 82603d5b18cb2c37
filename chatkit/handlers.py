"""Thin Tornado adapters: the socket that a room talks to, and the pages around it."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from tornado.iostream import IOStream, StreamClosedError
from tornado.log import app_log
from tornado.web import HTTPError, RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

import chatkit
from chatkit.codecs import CODECS, Codec
from chatkit.gate import PENALTY, RATE, Gate, Pace
from chatkit.guide.frames import read_frames, text_frame
from chatkit.journal import note
from chatkit.log import LogError
from chatkit.messages import (
    FrameError,
    Message,
    key_of,
    read_entry,
    read_message,
    within_limits,
)
from chatkit.metrics import TEXT_FORMAT, Meters
from chatkit.paths import STATIC
from chatkit.room import Rooms

mimetypes.add_type("text/javascript", ".js")  # Windows' registry may call it plain text

# HTTP status of a request that is refused; else it is 400. At 503 a proxy asks another server.
REFUSALS = {"bad_origin": 403, "bad_token": 403, "too_many": 429, "going_away": 503}
PING_INTERVAL = 20  # seconds between two pings, and time to answer one
MAX_UNSENT = 2**20  # bytes that may wait for one client
ABNORMAL = 1006  # stands for the close code of a line that just ended (RFC 6455, section 7.4.1)
TRY_AGAIN_LATER = 1013  # close code (IANA's WebSocket Close Code Number Registry)
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self' "
    "http://127.0.0.1:* http://localhost:*"  # a notebook shows the page in a frame
)


class ChatSocket(WebSocketHandler):
    """One client's socket: frames in, to the room; the room's frames out. Lessons 07 and 10.

    The guide's `websocket-callbacks`: `:on-open`, `:on-message`, `:on-close`.
    """

    __slots__ = (  # with these names in its dict, each client would need a kibibyte more
        *("rooms", "gate", "codec", "rate", "pace", "address", "entry", "room", "hears_events"),
        *("line", "plain", "socket", "shared", "unsent", "sent", "alive", "timer", "closed"),
    )

    def initialize(self, rooms: Rooms, gate: Gate, codec: Codec, rate: float | None = RATE) -> None:
        """Take the rooms, who may come in, the codec for who asks for none, and the pace."""
        self.rooms = rooms
        self.gate = gate
        self.codec = codec
        self.rate = rate
        self.pace = Pace(rate)
        self.closed = asyncio.get_running_loop().create_future()
        self.unsent = 0  # bytes that wait in Tornado's stream
        self.sent: asyncio.Future[None]

    def check_origin(self, origin: str) -> bool:
        """Return whether a page from there may open this socket."""
        return self.gate.allows_origin(origin, self.request.host)

    def prepare(self) -> None:
        """Look at who asks before the upgrade, so that a refusal is a plain HTTP answer.

        Tornado would let in a page whose Origin is the Host, and never call `check_origin`.
        """
        self.address = self.request.remote_ip or ""
        origin = self.request.headers.get("Origin")
        try:
            if origin is not None and not self.check_origin(origin):
                detail = "This page is neither the chat's own nor one that its server lets in."
                raise FrameError("bad_origin", detail)
            self.entry = read_entry(self.request.query_arguments)
            self.gate.check(self.entry.token, self.address)
            self.rooms.check(self.entry.room)
        except FrameError as error:
            refuse(self, error)

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Return the best subprotocol that the client offers, if any; take its codec.

        One with events is better than one for messages alone, and then our own codec is better.
        """
        codecs = (self.codec, *CODECS.values())
        named = [(codec.subprotocol, codec) for codec in codecs]
        named += [(codec.plain, codec) for codec in codecs]
        for name, codec in named:
            if name in subprotocols:
                self.codec = codec
                return name
        return None

    async def open(self) -> None:
        """Enter the room; a client whose subprotocol is one of chatkit's own gets events too."""
        assert self.ws_connection
        self.line = self.ws_connection  # `close` forgets that, and `cut` still needs it
        self.plain = self.plain_stream()
        self.socket: Any = getattr(self.plain, "socket", None)
        self.hears_events = self.selected_subprotocol == self.codec.subprotocol
        self.request.headers.clear()  # nobody asks for them again, and they take their place
        self.set_nodelay(True)  # else a small frame may wait 40 ms for the one before
        self.alive, self.shared = True, False
        self.timer = asyncio.get_running_loop().call_later(PING_INTERVAL, self.keep_alive)
        self.gate.enter(self.address)
        self.room = self.rooms.enter(self.entry.room)
        try:
            await self.room.join(self)
            if name := self.room.members.get(self):
                note("joined", room=self.room.name, name=name, address=self.address)
        except LogError as error:
            self.tell(error.frame())
            self.close(TRY_AGAIN_LATER, "the log does not answer")
        except Exception:
            self.on_close()  # after a failure here Tornado would not call it
            raise

    def on_message(self, data: str | bytes) -> Awaitable[None] | None:
        """Do what a frame asks for, or tell the sender alone what is wrong with it.

        Who is too fast is not read on for a second: Tornado waits for what this returns. While the
        server stops, nothing is done or confirmed: the client sends it again, to the next one.
        """
        if self.rooms.draining:
            return None
        in_time = self.pace.take()
        try:
            if isinstance(data, bytes):
                raise FrameError("bad_frame", "This is a binary frame: send text.")
            frame = self.codec.decode(data)
            if not in_time:
                detail = f"At most {self.rate:g} messages a second: wait, and send it again."
                raise FrameError("too_fast", detail, key_of(frame))
            self.receive(frame)
        except FrameError as error:
            self.tell(error.frame())
        return None if in_time else asyncio.sleep(PENALTY)

    def receive(self, frame: Any) -> None:
        """Do what a decoded frame asks for; raise FrameError if it asks for nothing we know."""
        match frame:
            case {"event": "typing"}:
                self.room.typing(self)
            case {"event": "rooms"}:
                self.tell(self.rooms.listing())
            case _:
                self.room.send(self, within_limits(read_message(frame)))

    def keep_alive(self) -> None:
        """Ask for a sign of life, and again later on; end a line that has given none."""
        if not self.alive:
            self.cut()
            return
        self.alive = False
        with suppress(WebSocketClosedError):  # it is about to go
            self.ping()
        self.shared = self.shared or bool(self.plain and self.plain.writing())
        self.timer = asyncio.get_running_loop().call_later(PING_INTERVAL, self.keep_alive)

    def on_pong(self, data: bytes) -> None:
        """Note that the client is alive."""
        self.alive = True

    def on_ping(self, data: bytes) -> None:
        """Note that Tornado writes to this client, too: it answers."""
        self.shared = True

    def on_close(self) -> None:
        """Leave the room."""
        self.timer.cancel()
        name, code = self.room.members.get(self), self.close_code or ABNORMAL
        note("left", room=self.room.name, name=name, address=self.address, code=code)
        self.rooms.leave(self.room, self)
        self.gate.leave(self.address)
        self.closed.set_result(None)

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """Log a fault, but not the address as Tornado does: it may hold the token."""
        if not isinstance(error, HTTPError):  # else it is an answer, and nobody's fault
            where = self.request.path
            app_log.error("Uncaught exception at %s", where, exc_info=(kind, error, trace))

    def tell(self, frame: Message | Mapping[str, Any]) -> None:
        """Send a frame to this client alone."""
        self.send(text_frame(self.codec.encode(frame)))

    def plain_stream(self) -> IOStream | None:
        """Return Tornado's stream if frames may go to its socket as they are, else None. Lesson 10.

        They may not with TLS or compression, nor with a Tornado that is made in another way.
        """
        stream = getattr(self.line, "stream", None)
        as_they_are = type(stream) is IOStream and self.get_compression_options() is None
        return stream if as_they_are else None

    def send(self, frames: bytes) -> None:
        """Send whole frames; who is about to go is not told. Lesson 10.

        They go straight to the socket, with no task, no future and no copy, unless something waits
        to be written before them.
        """
        sent = 0
        waits = self.unsent or (self.shared and self.plain and self.plain.writing())
        if self.socket and not waits:
            try:
                sent = self.socket.send(frames)
            except OSError:  # it is full, or broken: the stream will find out
                sent = 0
        if sent < len(frames):
            self.leave_to_tornado(memoryview(frames)[sent:])

    def leave_to_tornado(self, rest: memoryview) -> None:
        """Have Tornado write what the socket can't take now, or what is not for us to write.

        Who leaves more than a mebibyte waiting is told to come back for it: that loses nothing.
        """
        if self.line.is_closing():
            return
        if self.unsent > MAX_UNSENT:
            self.rooms.counts["drops"] += 1
            note("dropped", room=self.room.name, address=self.address, unsent=self.unsent)
            self.close(TRY_AGAIN_LATER, "you read too slowly: come back for the rest")
            return
        self.unsent += len(rest)
        if self.plain:
            self.sent = self.plain.write(rest)
        else:
            with suppress(WebSocketClosedError):  # it was cut at one of these frames
                for frame in read_frames(bytes(rest))[0]:
                    self.sent = self.write_message(frame.payload)
                    self.sent.add_done_callback(asyncio.Future.exception)  # `on_close` tells of it
        self.sent.add_done_callback(partial(self.on_sent, len(rest)))

    def on_sent(self, size: int, sent: asyncio.Future[None]) -> None:
        """Count what no longer waits."""
        self.unsent -= size

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Say goodbye; no frame may follow that."""
        self.socket = None
        super().close(code, reason)

    async def drain(self) -> None:
        """Wait until what was sent has left this machine; who is gone by then leaves the room."""
        if self.unsent:
            with suppress(WebSocketClosedError, StreamClosedError):
                await self.sent
                self.alive = True  # it reads: no pong is heard as long as `open` is at work
            if self.line.is_closing():
                self.rooms.leave(self.room, self)

    def cut(self) -> None:
        """End the connection without waiting for the client's goodbye."""
        if self.line.stream:
            self.line.stream.close()


def refuse(handler: RequestHandler, error: FrameError) -> None:
    """Answer a request with why it is refused, in plain words. Lesson 12."""
    request = handler.request
    note("refused", path=request.path, address=request.remote_ip, why=error.code)
    handler.set_status(REFUSALS.get(error.code, 400))
    handler.set_header("Content-Type", "text/plain; charset=utf-8")
    handler.finish(error.detail)


class StaticFile(StaticFileHandler):
    """A file of the page, asked for anew each time, so that edits show at once. Lesson 07."""

    def set_default_headers(self) -> None:
        """Forbid the browser what this page never does, such as a script from elsewhere."""
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")  # its address may hold the token

    def set_extra_headers(self, path: str) -> None:
        """Let the browser keep the file, but ask whether it has changed."""
        self.set_header("Cache-Control", "no-cache")

    def compute_etag(self) -> str:
        """Return a mark of the file as it is now; Tornado's own keeps to what it first read."""
        return f'"{self.get_content_version(str(self.absolute_path))}"'


class Health(RequestHandler):
    """How the server is, as JSON: its status, rooms, connections and version."""

    def initialize(self, rooms: Rooms) -> None:
        """Take the rooms to count."""
        self.rooms = rooms

    def get(self) -> None:
        """Answer with the counts; 503 says that it is about to stop."""
        self.set_status(503 if self.rooms.draining else 200)
        self.write(
            {
                "status": "draining" if self.rooms.draining else "ok",
                "rooms": len(self.rooms.open),
                "connections": len(self.rooms.visitors),
                "version": chatkit.__version__,
            }
        )


class Metrics(RequestHandler):
    """What Prometheus asks for, if it knows the token. Lesson 12."""

    def initialize(self, meters: Meters, gate: Gate) -> None:
        """Take the meters to read, and who may see them."""
        self.meters = meters
        self.gate = gate

    def get(self) -> None:
        """Answer with the meters; the token is in the query, or in the header Authorization."""
        scheme, _, token = self.request.headers.get("Authorization", "").partition(" ")
        bearer = token.strip() if scheme.casefold() == "bearer" else ""
        try:
            self.gate.check_token(self.get_query_argument("token", bearer))
        except FrameError as error:
            refuse(self, error)
            return
        self.set_header("Content-Type", TEXT_FORMAT)
        self.finish(self.meters.text())


def page_routes(folder: Path = STATIC) -> list[Any]:
    """Return the routes of the page: itself at `/`, its icon, and its parts."""
    return [
        (r"/()", StaticFile, {"path": folder, "default_filename": "index.html"}),
        (r"/(favicon\.ico)", StaticFile, {"path": folder}),
        (r"/static/([\w.-]+)", StaticFile, {"path": folder}),  # no %00, no way out of the folder
    ]
