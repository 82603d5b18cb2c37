"""The naive broadcaster in Tornado: `write_message` to one client after the other."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler

clients: set["Relay"] = set()


class Relay(WebSocketHandler):
    """Sends on to everyone what anyone says."""

    def check_origin(self, origin: str) -> bool:
        """Let every page in: only the load comes here."""
        return True

    def open(self, *args: Any) -> None:
        """Add a client."""
        self.set_nodelay(True)
        clients.add(self)

    def on_message(self, message: str | bytes) -> None:
        """Send it on."""
        for client in list(clients):
            with suppress(WebSocketClosedError):  # it has just left
                client.write_message(message)

    def on_close(self) -> None:
        """Forget a client."""
        clients.discard(self)


async def main() -> None:
    """Serve on a free port, and print it."""
    logging.disable(logging.ERROR)  # else each write to one who has just left is a traceback
    server = Application([(r"/ws", Relay)]).listen(0, "127.0.0.1")
    print(next(iter(server._sockets.values())).getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
