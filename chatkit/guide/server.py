"""A server for one chat, and `launch`, which starts one from a notebook. Lesson 03."""

import asyncio
import atexit
import os
import socket
import threading
from contextlib import suppress
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, StaticFileHandler

from chatkit.guide.broadcaster import Broadcaster
from chatkit.guide.handler import ChatHandler
from chatkit.paths import STATIC

PAGE = STATIC / "guide"
HOST = "127.0.0.1"  # reachable from this machine alone
MAX_FRAME = 64 * 1024  # bytes
GOING_AWAY = 1001  # close code (RFC 6455, section 7.4.1)
CLOSE_TIMEOUT = 0.5  # seconds that clients have to answer a close
THREAD = "chatkit.guide server"  # the name of a launched server's thread


def make_app(broadcaster: Broadcaster) -> Application:
    """Return the routes of a chat: its WebSocket at `/ws`, and the page. Lesson 03.

    The guide's `websocket-routes`.
    """
    return Application(
        [
            (r"/ws", ChatHandler, {"broadcaster": broadcaster}),
            (r"/([\w.-]*)", StaticFileHandler, {"path": PAGE, "default_filename": "index.html"}),
        ],
        websocket_max_message_size=MAX_FRAME,
        static_hash_cache=False,  # so that an edited file is sent again
        log_function=lambda handler: None,  # so that requests print nothing into a cell
    )


class Server:
    """A chat on one port of this machine; port 0 takes any free one. Lesson 03.

    Raise OSError if the port is taken. The guide's `mount/defstate`.
    """

    def __init__(self, port: int = 0) -> None:
        self.broadcaster = Broadcaster()
        self.http = HTTPServer(make_app(self.broadcaster))
        self.socket = socket.create_server((HOST, port))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}/"

    def start(self) -> None:
        """Accept connections on the event loop that is running."""
        self.http.add_socket(self.socket)

    async def stop(self) -> None:
        """Stop listening, and close every connection with code 1001."""
        self.http.stop()
        self.socket.close()
        channels: list[Any] = list(self.broadcaster.channels)
        for channel in channels:
            channel.close(GOING_AWAY, "the server is stopping")
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                for channel in channels:
                    await channel.closed.wait()
        await self.http.close_all_connections()


def page_links(port: int) -> str:
    """Return links to a server's page, as HTML; the second leads through Jupyter. Lesson 03."""
    base = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "/")
    urls = {f"http://{HOST}:{port}/": "Open the chat", f"{base}proxy/{port}/": "go through Jupyter"}
    return " or ".join(f'<a href="{url}" target="_blank">{name}</a>' for url, name in urls.items())


class LaunchedServer(threading.Thread):
    """A server in a thread with an event loop of its own, shown as links. Lesson 03."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(name=THREAD, daemon=True)
        self.server = Server(port)
        self.port, self.url = self.server.port, self.server.url
        self.loop = asyncio.new_event_loop()
        self.stopping = asyncio.Event()
        atexit.register(self.stop)
        self.start()

    def run(self) -> None:
        """Run the server in this thread until it is stopped."""
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self.serve())

    async def serve(self) -> None:
        """Start the server, wait for `stop`, and stop it."""
        self.server.start()
        await self.stopping.wait()
        await self.server.stop()

    def stop(self) -> None:
        """Stop the server from any other thread; stopping twice is no error."""
        with suppress(RuntimeError):  # the loop is closed already
            self.loop.call_soon_threadsafe(self.stopping.set)
        self.join()
        atexit.unregister(self.stop)

    def _repr_html_(self) -> str:
        """Return links to the page, for a notebook."""
        return page_links(self.port)


def launch(port: int = 0) -> LaunchedServer:
    """Start a server in the background, in place of the one that was launched before. Lesson 03.

    It takes the same port as the one before, unless another is given.
    """
    before: list[Any] = [each for each in threading.enumerate() if each.name == THREAD]
    for server in before:
        server.stop()
        port = port or server.port
    return LaunchedServer(port)
