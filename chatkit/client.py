"""A chat client: connect, send, read what everyone says, come back after a cut. Lesson 04."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from inspect import isawaitable
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from chatkit.codecs import JSON, Codec
from chatkit.messages import MAX_FRAME, ChatkitError, Message, read_message

FIRST_WAIT = 0.5  # seconds
LONGEST_WAIT = 30.0  # seconds
CONNECT_TIMEOUT = 10.0  # seconds
PING_INTERVAL = 20  # seconds
CLOSE_TIMEOUT = 2.0  # seconds that a server gets to answer a closing handshake
INBOX = 1000  # messages that wait to be read; then the socket is not read on

State = Literal["connecting", "connected", "cut off", "closed"]
T = TypeVar("T")


def socket_url(url: str, name: str = "") -> str:
    """Return the address of the socket that belongs to a page; a ws address names one already."""
    scheme, host, path, query, _ = urlsplit(url)
    if scheme not in ("http", "https", "ws", "wss") or not host:
        raise ChatkitError(
            f"{url!r} is no address of a chat: it looks like http://127.0.0.1:8765/."
        )
    if scheme.startswith("http"):
        scheme, path = scheme.replace("http", "ws"), path.rstrip("/") + "/ws"
    if name:
        query = f"{query}&name={quote(name)}".lstrip("&")
    return urlunsplit((scheme, host, path, query, ""))


def backoff(attempt: int) -> float:
    """Return how many seconds to wait before an attempt (0, 1, 2 …): longer each time, at random.

    The chance ("full jitter") keeps a thousand clients from coming back in the same instant.
    """
    return random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2**attempt))


async def dial(address: str, subprotocol: str) -> WebSocketClientConnection:
    """Return a new WebSocket; one that is no longer wanted when it stands is hung up."""
    request = HTTPRequest(address, connect_timeout=CONNECT_TIMEOUT, request_timeout=CONNECT_TIMEOUT)
    calling = asyncio.ensure_future(
        websocket_connect(request, ping_interval=PING_INTERVAL, subprotocols=[subprotocol])
    )
    try:
        return await asyncio.shield(calling)
    except asyncio.CancelledError:
        calling.add_done_callback(hang_up)
        raise


def hang_up(calling: asyncio.Future[WebSocketClientConnection]) -> None:
    """Close a connection that came about after all, if it did."""
    if not calling.cancelled() and not calling.exception():
        calling.result().close(1000)


class ChatClient:
    """One person's end of a chat. The guide's `make-websocket!`. Lesson 04.

    `async for message in client` reads messages; or register a function with `on_message`.
    """

    def __init__(self, url: str, name: str = "", codec: Codec = JSON) -> None:
        socket_url(url)  # a wrong address is told of here, not at each attempt
        self.url = url
        self.name = name
        self.codec = codec
        self.state: State = "closed"
        self.connection: WebSocketClientConnection | None = None
        self.task: asyncio.Task[None] | None = None
        self.attempt = 0
        self.inbox: asyncio.Queue[Message] = asyncio.Queue(INBOX)
        self.news = asyncio.Event()
        self.reading = False
        self.answers: set[asyncio.Future[Any]] = set()
        self.message_callbacks: list[Callable[[Message], object]] = []
        self.error_callbacks: list[Callable[[str], object]] = []
        self.state_callbacks: list[Callable[[State], object]] = []

    def on_message(self, callback: Callable[[Message], object]) -> None:
        """Have a function called with each message; then none waits for `async for`.

        It may be an `async def`: each call is then a task of its own.
        """
        self.message_callbacks.append(callback)
        self.hand_on()

    def on_error(self, callback: Callable[[str], object]) -> None:
        """Have a function called with each sentence in which the server objects."""
        self.error_callbacks.append(callback)

    def on_state(self, callback: Callable[[State], object]) -> None:
        """Have a function called with each new state, and when the server grants a name."""
        self.state_callbacks.append(callback)

    async def connect(self) -> Self:
        """Connect, and return the client; raise ChatkitError if nothing answers."""
        if self.state != "closed":
            raise ChatkitError(
                f"This client is {self.state} already: close it first, or make another."
            )
        self.change_state("connecting")
        try:
            self.connection = await self.open()
        except BaseException:
            self.change_state("closed")
            raise
        self.task = asyncio.create_task(self.run())
        return self

    def start(self) -> None:
        """Connect in the background, and go on trying for as long as it takes."""
        if self.state == "closed":
            self.change_state("connecting")
            self.task = asyncio.create_task(self.run())

    async def send(self, text: str) -> None:
        """Send a message; raise ChatkitError if it can't be. The guide's `send-transit-msg!`.

        That it arrived shows when it comes back: what is under way at a cut may be lost.
        """
        frame = self.codec.encode(read_message({"message": text}))
        if len(frame.encode()) > MAX_FRAME:
            raise ChatkitError(
                f"The message is too long, so nothing was sent: at most {MAX_FRAME} bytes fit."
            )
        try:
            if self.connection is None:
                raise WebSocketClosedError
            await self.connection.write_message(frame)
        except WebSocketClosedError as error:
            raise ChatkitError(
                f"Not connected to {self.url} just now, so nothing was sent: try again in a moment."
            ) from error

    async def close(self) -> None:
        """Say goodbye and stop; messages that have come can still be read."""
        self.change_state("closed")
        task, connection = self.task, self.connection
        self.task = self.connection = None
        if connection:
            connection.close(1000)
        if task:
            await asyncio.wait([task], timeout=CLOSE_TIMEOUT if connection else 0)
            task.cancel()
            await asyncio.wait([task])

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
        self.reading = True
        while self.inbox.empty():
            if self.state == "closed":
                raise StopAsyncIteration
            self.news.clear()
            await self.news.wait()
        return self.inbox.get_nowait()

    def __repr__(self) -> str:
        """Return who this is, where, and whether the line is up."""
        return f"<ChatClient {self.name or 'without a name'} at {self.url}: {self.state}>"

    async def open(self) -> WebSocketClientConnection:
        """Return a new connection; raise ChatkitError if nothing that speaks WebSocket answers."""
        try:
            connection = await dial(socket_url(self.url, self.name), self.codec.subprotocol)
        except Exception as error:  # what answers there may say anything
            raise ChatkitError(
                f"No chat answers at {self.url} ({error}): is the server running? "
                "Start it with launch() in a cell, or with chatkit serve."
            ) from error
        if self.state == "closed":
            connection.close(1000)
            raise ChatkitError(f"The client was closed before {self.url} answered.")
        self.change_state("connected")
        return connection

    async def run(self) -> None:
        """Read until the connection is cut, wait, come back, and so on until closed."""
        while True:
            with suppress(ChatkitError):
                self.connection = self.connection or await self.open()
                await self.read(self.connection)
            if self.state == "closed":
                return
            if self.connection:
                self.connection.close()
                self.connection = None
            self.change_state("cut off")
            await asyncio.sleep(backoff(self.attempt))
            self.attempt += 1

    async def read(self, connection: WebSocketClientConnection) -> None:
        """Take in each frame until the connection ends."""
        while (data := await connection.read_message()) is not None:
            self.attempt = 0  # not when it opens: who opens and hangs up must not be hammered
            try:
                await self.receive(data)
            except Exception as error:  # a codec may raise anything; the next frame may be sound
                self.complain(f"A frame came that is no chat message. {error}")

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
                self.complain(detail)
            case _:
                await self.deliver(read_message(frame))

    async def deliver(self, message: Message) -> None:
        """Keep a message until it is handed on; wait while too many are kept or being answered.

        Where nobody has begun to read, the latest are kept, and nothing waits.
        """
        while len(self.answers) >= INBOX:
            await asyncio.wait(self.answers, return_when=asyncio.FIRST_COMPLETED)
        if self.inbox.full() and not self.reading:
            self.inbox.get_nowait()
        await self.inbox.put(message)
        self.hand_on()

    def hand_on(self) -> None:
        """Call those who asked to be called with what is kept, and wake who waits for it."""
        while self.message_callbacks and not self.inbox.empty():
            self.tell(self.message_callbacks, self.inbox.get_nowait())
        self.news.set()

    def change_state(self, state: State) -> None:
        """Take a new state and tell of it, if it is new."""
        if state != self.state:
            self.state = state
            self.news.set()
            self.tell(self.state_callbacks, state)

    def complain(self, sentence: str) -> None:
        """Tell those who asked to hear of errors; if nobody did, asyncio prints the sentence."""
        self.tell(self.error_callbacks, sentence)
        if not self.error_callbacks:
            asyncio.get_running_loop().call_exception_handler({"message": sentence})

    def tell(self, callbacks: list[Callable[[T], object]], news: T) -> None:
        """Call each function with the news; one that fails stops neither others nor the reading."""
        for callback in tuple(callbacks):
            try:
                answer = callback(news)
                if isawaitable(answer):
                    self.answers.add(task := asyncio.ensure_future(answer))
                    task.add_done_callback(self.answers.discard)
            except Exception as error:
                fault = {"message": f"A function failed at {news!r}.", "exception": error}
                asyncio.get_running_loop().call_exception_handler(fault)
