"""A chat client: connect, send, read what everyone says, come back after a cut. Lesson 04."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Literal, Self, TypeVar
from urllib.parse import quote, urlsplit

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    WebSocketError,
    websocket_connect,
)

from chatkit.codecs import JSON, Codec
from chatkit.messages import ChatkitError, FrameError, Message, read_message

FIRST_WAIT = 0.5  # seconds
LONGEST_WAIT = 30.0  # seconds
CONNECT_TIMEOUT = 10.0  # seconds
PING_INTERVAL = 20  # seconds
CLOSE_TIMEOUT = 2.0  # seconds that a server gets to answer a closing handshake
INBOX = 1000  # messages that wait to be read; then the socket is not read on

State = Literal["connecting", "connected", "cut off", "closed"]
T = TypeVar("T")

log = logging.getLogger("chatkit")


def socket_url(url: str, name: str = "") -> str:
    """Return the address of the socket that belongs to a page; a ws address stays as it is."""
    scheme, host, path, _, _ = urlsplit(url)
    if scheme not in ("http", "https", "ws", "wss") or not host:
        raise ChatkitError(
            f"{url!r} is no address of a chat: it looks like http://127.0.0.1:8765/."
        )
    if scheme.startswith("http"):
        scheme, path = scheme.replace("http", "ws"), path.rstrip("/") + "/ws"
    query = f"?name={quote(name)}" if name else ""
    return f"{scheme}://{host}{path}{query}"


def backoff(attempt: int) -> float:
    """Return how many seconds to wait before an attempt (0, 1, 2 …): longer each time, at random.

    The chance ("full jitter") keeps a thousand clients from coming back in the same instant.
    """
    return random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2**attempt))


class ChatClient:
    """One person's end of a chat. The guide's `make-websocket!`. Lesson 04.

    `async for message in client` reads messages; or register a function with `on_message`.
    """

    def __init__(self, url: str, name: str = "", codec: Codec = JSON) -> None:
        self.url = url
        self.name = name
        self.codec = codec
        self.address = socket_url(url, name)
        self.state: State = "closed"
        self.inbox: asyncio.Queue[Message | None] = asyncio.Queue(INBOX)
        self.message_callbacks: list[Callable[[Message], object]] = []
        self.error_callbacks: list[Callable[[str], object]] = []
        self.state_callbacks: list[Callable[[State], object]] = []
        self.connection: WebSocketClientConnection | None = None
        self.task: asyncio.Task[None] | None = None

    def on_message(self, callback: Callable[[Message], object]) -> None:
        """Have a function called with each message; then none waits for `async for`."""
        self.message_callbacks.append(callback)

    def on_error(self, callback: Callable[[str], object]) -> None:
        """Have a function called with each sentence in which the server objects."""
        self.error_callbacks.append(callback)

    def on_state(self, callback: Callable[[State], object]) -> None:
        """Have a function called with each new state, and when the server grants a name."""
        self.state_callbacks.append(callback)

    async def connect(self) -> Self:
        """Connect, and return the client; raise ChatkitError if nothing answers."""
        self.change_state("connecting")
        try:
            self.connection = await self.open()
        except ChatkitError:
            self.change_state("closed")
            raise
        self.start()
        return self

    def start(self) -> None:
        """Connect in the background, and go on trying for as long as it takes."""
        self.task = self.task or asyncio.create_task(self.run())

    async def send(self, text: str) -> None:
        """Send a message; raise ChatkitError if it can't be. The guide's `send-transit-msg!`."""
        try:
            if self.connection is None:
                raise WebSocketClosedError
            await self.connection.write_message(self.codec.encode(Message(text)))
        except WebSocketClosedError as error:
            raise ChatkitError(
                f"Not connected to {self.url} just now, so nothing was sent: try again in a moment."
            ) from error

    async def close(self) -> None:
        """Say goodbye and stop; messages that have come can still be read."""
        self.change_state("closed")
        if self.task:
            self.task.cancel()
            await asyncio.wait([self.task])
            self.task = None
        if self.connection:
            await say_goodbye(self.connection)
            self.connection = None
        if not self.inbox.full():
            self.inbox.put_nowait(None)

    async def __aenter__(self) -> Self:
        """Connect for the length of an `async with`."""
        return await self.connect()

    async def __aexit__(self, *_: object) -> None:
        """Close at the end of it."""
        await self.close()

    def __aiter__(self) -> Self:
        """Read messages with `async for`, until the client is closed."""
        return self

    async def __anext__(self) -> Message:
        """Wait for the next message and return it."""
        if self.state == "closed" and self.inbox.empty():
            raise StopAsyncIteration
        message = await self.inbox.get()
        if message is None:
            raise StopAsyncIteration
        return message

    def __repr__(self) -> str:
        """Return who this is, where, and whether the line is up."""
        return f"<ChatClient {self.name or 'without a name'} at {self.url}: {self.state}>"

    async def open(self) -> WebSocketClientConnection:
        """Return a new connection; raise ChatkitError if nothing that speaks WebSocket answers."""
        try:
            request = HTTPRequest(self.address, connect_timeout=CONNECT_TIMEOUT)
            connection = await websocket_connect(
                request,
                ping_interval=PING_INTERVAL,
                subprotocols=[self.codec.subprotocol],
            )
        except (OSError, HTTPClientError, StreamClosedError, WebSocketError) as error:
            raise ChatkitError(
                f"No chat answers at {self.url} ({error}): is the server running? "
                "Start it with launch() in a cell, or with chatkit serve."
            ) from error
        self.change_state("connected")
        return connection

    async def run(self) -> None:
        """Read until the connection is cut, come back, and so on until closed."""
        while True:
            self.connection = self.connection or await self.reopen()
            await self.read(self.connection)
            self.connection.close()
            self.connection = None
            self.change_state("cut off")

    async def reopen(self) -> WebSocketClientConnection:
        """Try until a connection stands, waiting a little longer each time."""
        for attempt in count():
            with suppress(ChatkitError):
                return await self.open()
            self.change_state("cut off")
            await asyncio.sleep(backoff(attempt))
        raise AssertionError("never gives up")

    async def read(self, connection: WebSocketClientConnection) -> None:
        """Take in each frame until the connection ends."""
        while (data := await connection.read_message()) is not None:
            try:
                await self.receive(data)
            except FrameError as error:
                self.tell(self.error_callbacks, f"A frame came that is no chat message. {error}")

    async def receive(self, data: str | bytes) -> None:
        """Decode one frame and hand it on. The guide's `receive-transit-msg!`."""
        frame = self.codec.decode(data if isinstance(data, str) else data.decode(errors="replace"))
        match frame:
            case {"event": "welcome", "name": str(name)}:
                self.name = name
                self.tell(self.state_callbacks, self.state)
            case {"event": _}:
                pass  # an event of a newer server
            case {"error": str(), "detail": str(detail)}:
                self.tell(self.error_callbacks, detail)
            case _:
                await self.deliver(read_message(frame))

    async def deliver(self, message: Message) -> None:
        """Call those who asked to be called; else keep the message until it is read."""
        if self.message_callbacks:
            self.tell(self.message_callbacks, message)
        else:
            await self.inbox.put(message)

    def change_state(self, state: State) -> None:
        """Take a new state and tell of it, if it is new."""
        if state != self.state:
            self.state = state
            self.tell(self.state_callbacks, state)

    def tell(self, callbacks: list[Callable[[T], object]], news: T) -> None:
        """Call each function with the news; one that fails stops neither others nor the reading."""
        for callback in tuple(callbacks):
            try:
                callback(news)
            except Exception:
                log.exception("a function that was to hear of %r failed", news)


async def say_goodbye(connection: WebSocketClientConnection) -> None:
    """Close a connection and wait, for a moment, until the other side has said so too."""
    connection.close(1000)
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT):
            while await connection.read_message() is not None:
                pass
