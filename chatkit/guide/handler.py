"""The server's side of one WebSocket: the guide's `websocket-callbacks`. Lessons 02 and 03."""

import asyncio
from typing import Any

from tornado.websocket import WebSocketHandler

from chatkit.guide.broadcaster import Broadcaster
from chatkit.guide.codecs import CODECS, JSON, FrameError


def read_message(frame: Any) -> dict[str, str]:
    """Return a new message with the text of a frame; raise FrameError if it has none. Lesson 02.

    Nothing else in the frame is kept, so that a client can't send what only a server may. Half of
    a surrogate pair is refused: UTF-8 can't encode it.
    """
    match frame:
        case {"message": str(text)} if text.encode(errors="ignore").decode() == text:
            return {"message": str(text)}
    raise FrameError('Send an object like {"message": "hi"}, whose text has whole characters.')


class ChatHandler(WebSocketHandler):
    """One client's connection: a channel that reads and writes messages in its codec. Lesson 03."""

    def initialize(self, broadcaster: Broadcaster) -> None:
        """Take what all connections share."""
        self.broadcaster = broadcaster
        self.codec = JSON
        self.closed = asyncio.Event()

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Return the first codec that the client offers and the server has, if any."""
        chosen = next((name for name in subprotocols if name in CODECS), None)
        self.codec = CODECS.get(chosen or "", JSON)
        return chosen

    def open(self) -> None:
        """Join the broadcast. The guide's `:on-open`."""
        self.broadcaster.connect(self)

    def on_message(self, data: str | bytes) -> None:
        """Send a message to everyone, or an error to its sender. The guide's `:on-message`."""
        try:
            self.broadcaster.notify_clients(read_message(self.codec.read(data)))
        except FrameError as error:
            self.broadcaster.notify(self, {"error": "bad_message", "detail": str(error)})

    def on_close(self) -> None:
        """Leave the broadcast. The guide's `:on-close`."""
        self.broadcaster.disconnect(self)
        self.closed.set()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message in this client's codec."""
        sent = self.write_message(self.codec.write(message))
        sent.add_done_callback(lambda sent: sent.cancelled() or sent.exception())
