"""Tornado, the frame built once for all clients. Lesson 10."""

import asyncio
from typing import Any

from tornado.escape import utf8
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from chatkit.guide.frames import text_frame

clients: set["Relay"] = set()


class Relay(WebSocketHandler):
    """Sends on to everyone what anyone says."""

    def check_origin(self, origin: str) -> bool:
        """Let every page in: only the load comes here."""
        return True

    def open(self, *args: Any) -> None:
        """Add a client."""
        assert self.ws_connection
        assert self.ws_connection.stream
        self.set_nodelay(True)
        self.stream = self.ws_connection.stream
        clients.add(self)

    def on_message(self, message: str | bytes) -> None:
        """Frame it, and send the same bytes to everyone."""
        frame = text_frame(utf8(message))
        for client in clients:
            if not client.stream.closed():
                client.stream.write(frame)

    def on_close(self) -> None:
        """Forget a client."""
        clients.discard(self)


async def main() -> None:
    """Serve on a free port, and print it."""
    server = Application([(r"/ws", Relay)]).listen(0, "127.0.0.1")
    print(next(iter(server._sockets.values())).getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
