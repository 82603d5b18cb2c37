"""Thin Tornado adapters: the socket that a room talks to, and the pages around it."""

from __future__ import annotations

import asyncio
import mimetypes
from contextlib import suppress
from pathlib import Path
from typing import Any

from tornado.web import RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

import chatkit
from chatkit.codecs import CODECS, Codec
from chatkit.messages import FrameError, read_message
from chatkit.paths import STATIC
from chatkit.room import Room

mimetypes.add_type("text/javascript", ".js")  # Windows' registry may call it plain text


class ChatSocket(WebSocketHandler):
    """One client's socket: frames in, to the room; the room's frames out. Lesson 03.

    The guide's `websocket-callbacks`: `:on-open`, `:on-message`, `:on-close`.
    """

    def initialize(self, room: Room, codec: Codec) -> None:
        """Take the room, and the codec for a client that asks for none."""
        self.room = room
        self.codec = codec
        self.closed = asyncio.Event()

    def prepare(self) -> None:
        """Read the query before the upgrade, so that a bad one gets a plain 400."""
        self.wanted = self.get_query_argument("name", "")

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Return the name of our codec if the client offers it, else of another that it offers."""
        for codec in (self.codec, *CODECS.values()):
            if codec.subprotocol in subprotocols:
                self.codec = codec
                return codec.subprotocol
        return None

    def open(self) -> None:
        """Join the room; a client that speaks chatkit is told its name there."""
        self.line = self.ws_connection  # `close` forgets that, and `cut` still needs it
        name = self.room.connect(self, self.codec, self.wanted)
        if self.selected_subprotocol:
            self.tell({"event": "welcome", "room": self.room.name, "name": name})

    def on_message(self, data: str | bytes) -> None:
        """Send a message on to the room, or tell the sender alone what is wrong with it."""
        try:
            if isinstance(data, bytes):
                raise FrameError("bad_frame", "This is a binary frame: send text.")
            self.room.send(self, read_message(self.codec.decode(data)))
        except FrameError as error:
            self.tell(error.frame())

    def on_close(self) -> None:
        """Leave the room."""
        self.room.disconnect(self)
        self.closed.set()

    def tell(self, frame: dict[str, Any]) -> None:
        """Send a frame to this client alone."""
        with suppress(WebSocketClosedError):  # then there is nobody to tell
            self.send(self.codec.encode(frame))

    def send(self, text: str) -> None:
        """Send one text frame; raise WebSocketClosedError if the client has gone."""
        future = self.write_message(text)
        future.add_done_callback(asyncio.Future.exception)  # on_close tells of a cut later on

    def cut(self) -> None:
        """End the connection without waiting for the client's goodbye."""
        if self.line and self.line.stream:
            self.line.stream.close()


class StaticFile(StaticFileHandler):
    """A file of the page, asked for anew each time so that an edit shows at once. Lesson 06."""

    def set_extra_headers(self, path: str) -> None:
        """Let the browser keep the file, but ask whether it has changed."""
        self.set_header("Cache-Control", "no-cache")

    def compute_etag(self) -> str:
        """Return a mark of the file as it is now; Tornado's own keeps to what it first read."""
        return f'"{self.get_content_version(str(self.absolute_path))}"'


class Health(RequestHandler):
    """How the server is, as JSON: its rooms, connections and version."""

    def initialize(self, room: Room) -> None:
        """Take the room to count."""
        self.room = room

    def get(self) -> None:
        """Answer with the counts."""
        connections = len(self.room.members)
        self.write({"rooms": 1, "connections": connections, "version": chatkit.__version__})


def page_routes(folder: Path = STATIC) -> list[Any]:
    """Return the routes of the page: itself at `/`, its icon, and its parts. Lesson 06."""
    return [
        (r"/()", StaticFile, {"path": folder, "default_filename": "index.html"}),
        (r"/(favicon\.ico)", StaticFile, {"path": folder}),
        (r"/static/(.*)", StaticFile, {"path": folder}),
    ]
