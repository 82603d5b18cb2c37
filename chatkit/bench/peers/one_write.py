"""Tornado, and what comes in one turn of the loop leaves in one write per client. Lesson 10."""

import asyncio
from contextlib import suppress
from typing import Any

from tornado.escape import utf8
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from chatkit.guide.frames import text_frame

clients: set["Relay"] = set()
arrived: list[bytes] = []


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
        """Frame it; it leaves with all that comes in this turn of the loop."""
        if not arrived:
            asyncio.get_running_loop().call_soon(flush)
        arrived.append(text_frame(utf8(message)))

    def send(self, frames: bytes) -> None:
        """Send straight to the socket; what it can't take waits in Tornado's stream."""
        if self.stream.closed():
            return
        sent = 0
        if not self.stream.writing():
            with suppress(OSError):
                sent = self.stream.socket.send(frames)
        if sent < len(frames):
            self.stream.write(memoryview(frames)[sent:])

    def on_close(self) -> None:
        """Forget a client."""
        clients.discard(self)


def flush() -> None:
    """Send what has arrived, joined, to everyone."""
    frames = b"".join(arrived)
    arrived.clear()
    for client in clients:
        client.send(frames)


async def main() -> None:
    """Serve on a free port, and print it."""
    server = Application([(r"/ws", Relay)]).listen(0, "127.0.0.1")
    print(next(iter(server._sockets.values())).getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
