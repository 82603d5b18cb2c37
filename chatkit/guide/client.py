"""A client that comes back after a cut: the guide's `multi-client-ws.websockets`. Lesson 04."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from chatkit.guide.codecs import JSON

WAIT = 1.0  # seconds after a failure, before the next attempt to connect


async def open_socket(url: str) -> WebSocketClientConnection:
    """Return a WebSocket to the chat at `url`; raise ConnectionError if none answers. Lesson 04.

    `url` is the page's address, such as `http://127.0.0.1:8765/`. The guide's `make-websocket!`.
    """
    address = f"ws{url.rstrip('/').removeprefix('http')}/ws"
    try:
        return await websocket_connect(address, subprotocols=["json"])
    except Exception:
        raise ConnectionError(f"No chat answers at {url}: is the server running?") from None


class Connection:
    """One client's connection to a chat. Lesson 04.

    `url` is the page's address; `on_state` is called with "connected" and with "cut off".
    """

    socket: WebSocketClientConnection | None = None

    def __init__(self, url: str, on_state: Callable[[str], object] = lambda state: None) -> None:
        self.url = url
        self.on_state = on_state

    async def connect(self) -> None:
        """Connect; raise ConnectionError if no chat answers."""
        self.socket = await open_socket(self.url)
        self.on_state("connected")

    async def send(self, text: str) -> None:
        """Send a message; raise ConnectionError if it can't be sent. `send-transit-msg!`."""
        if self.socket:
            with suppress(WebSocketClosedError):
                return await self.socket.write_message(JSON.write({"message": text}))
        raise ConnectionError("There is no connection, so nothing was sent.")

    async def receive(self) -> Any:
        """Return the next frame; raise ConnectionError once closed. `receive-transit-msg!`."""
        data = await self.socket.read_message() if self.socket else None
        if data is not None:
            return JSON.read(data)
        self.disconnect()
        raise ConnectionError("The connection is closed.")

    def disconnect(self) -> None:
        """Close the connection, if there is one."""
        if self.socket:
            self.socket.close(1000)
            self.socket = None
            self.on_state("cut off")


class ReturningConnection(Connection):
    """A connection that comes back after a cut, until it is closed. Lesson 04."""

    closed = False

    async def next_frame(self) -> Any:
        """Return the next frame. Without a connection, connect; wait after each failure.

        Raise StopAsyncIteration once closed.
        """
        while not self.closed:
            try:
                if self.socket:
                    return await self.receive()
                await self.connect()
            except ConnectionError:
                await asyncio.sleep(0 if self.closed else WAIT)
        self.disconnect()
        raise StopAsyncIteration

    def close(self) -> None:
        """Disconnect for good."""
        self.closed = True
        self.disconnect()


class Client(ReturningConnection):
    """A connection that comes back, for `async with` and `async for`. Lesson 04.

    Read its frames with `async for frame in client`.
    """

    waiting: asyncio.Future[Any] | None = None

    def __aiter__(self) -> Self:
        """Read frames with `async for`."""
        return self

    async def __anext__(self) -> Any:
        """Return the next frame. After a timeout, the next call goes on with the same wait."""
        waiting = self.waiting = self.waiting or asyncio.ensure_future(self.next_frame())
        await asyncio.wait([waiting])  # a timeout ends this, and not what it waits for
        self.waiting = None
        return waiting.result()

    async def __aenter__(self) -> Self:
        """Connect for the length of an `async with`."""
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect at its end."""
        self.close()
