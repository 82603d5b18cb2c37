"""A chat client: connect, send, read what all say, come back after a cut. Lesson 09."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from inspect import isawaitable
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlencode, urlsplit, urlunsplit

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, WebSocketClosedError, websocket_connect

from chatkit.codecs import JSON, Codec
from chatkit.gate import BURST, Pace
from chatkit.messages import ChatkitError, Message, read_message
from chatkit.outbox import Outbox

FIRST_WAIT = 0.5  # seconds
LONGEST_WAIT = 30.0  # seconds
STEADY = 60.0  # seconds after which a line was a good one: then the waits begin anew
CONNECT_TIMEOUT = 10.0  # seconds
PING_INTERVAL = 20  # seconds
CLOSE_TIMEOUT = 2.0  # seconds that a server gets to answer a closing handshake
RETRY_WAIT = 1.0  # seconds until a message that the server could not take goes out again
MISSED = "Some messages from while you were away may be gone."
INBOX = 1000  # messages that wait to be read; then the socket is not read on
REFUSALS = (400, 403, 429, 503)  # HTTP statuses by which a chat lets somebody not in

State = Literal["connecting", "connected", "cut off", "closed"]
T = TypeVar("T")
Urls = str | Sequence[str]  # one address, or several of one chat


def socket_url(url: str, **query: object) -> str:
    """Return the address of the socket that belongs to a page; a ws address names one already.

    What is in `query`, and neither empty nor None, is asked for in the address.
    """
    try:
        scheme, host, path, asked, _ = urlsplit(url)
    except ValueError:  # a bracket that is not closed
        scheme = host = path = asked = ""
    if scheme not in ("http", "https", "ws", "wss") or not host:
        place = url.partition("?")[0]  # what follows may hold a token
        raise ChatkitError(
            f"{place!r} is no address of a chat: it looks like http://127.0.0.1:8765/."
        )
    if scheme.startswith("http"):
        scheme, path = scheme.replace("http", "ws"), path.rstrip("/") + "/ws"
    more = urlencode({key: value for key, value in query.items() if value not in ("", None)})
    return urlunsplit((scheme, host, path, "&".join(filter(None, (asked, more))), ""))


def backoff(attempt: int) -> float:
    """Return how many seconds to wait before an attempt (0, 1, 2 …): longer each time, at random.

    The chance ("full jitter") keeps a thousand clients from coming back in the same instant.
    """
    return random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt, 32)))


async def dial(address: str, codec: Codec) -> WebSocketClientConnection:
    """Return a new WebSocket; one that is no longer wanted when it stands is hung up."""
    request = HTTPRequest(address, connect_timeout=CONNECT_TIMEOUT, request_timeout=CONNECT_TIMEOUT)
    names = [codec.subprotocol, codec.plain]
    calling = asyncio.ensure_future(
        websocket_connect(request, ping_interval=PING_INTERVAL, subprotocols=names)
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


async def say_goodbye(connection: WebSocketClientConnection) -> None:
    """Close a connection, and wait a moment for the server's goodbye."""
    connection.close(1000)
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT):
            while await connection.read_message() is not None:
                pass


def refusal(place: str, error: HTTPClientError) -> str:
    """Return why a server let nobody in: its own sentence, if it gave one."""
    body = error.response.body.decode(errors="replace") if error.response else ""
    reason = body.partition("\n")[0].strip() or str(error)
    return f"{place} does not let you in: {reason}"


class RefusedError(ChatkitError):
    """The server does not let this client in: the sentence says why."""


class ChatClient:
    """One person's end of a chat. The guide's `make-websocket!`. Lesson 09.

    `async for message in client` reads messages; or register a function with `on_message`.
    `last` is how many earlier messages it gets on coming in. Of several addresses of one chat it
    keeps to the first that lets it in, and goes on to the next when that one dies.
    """

    state: State = "closed"
    connection: WebSocketClientConnection | None = None
    task: asyncio.Task[Any] | None = None
    attempt = 0
    count = 0  # how many are in the room; `members` names no more than a hundred
    log = ""
    seen: int | None = None  # id of the last message that came, in that log
    welcomed = False
    resume_at = 0.0  # the loop's time before which nothing more is sent
    reading = False

    def __init__(
        self, url: Urls, name: str = "", codec: Codec = JSON, *, room: str = "", last: int = 0
    ) -> None:
        self.urls = deque([url] if isinstance(url, str) else url)
        for each in self.urls or [""]:
            socket_url(each)  # a wrong address is told of here, not at each attempt
        self.name = name
        self.codec = codec
        self.room = room
        self.last = last
        self.mark = secrets.token_hex(16)  # by it the server knows who comes back
        self.members: list[str] = []
        self.pace = Pace(None)
        self.outbox = Outbox()
        self.inbox: asyncio.Queue[Message] = asyncio.Queue(INBOX)
        self.news = asyncio.Event()
        self.answers: set[asyncio.Future[Any]] = set()
        self.message_callbacks: list[Callable[[Message], object]] = []
        self.event_callbacks: list[Callable[[dict[str, Any]], object]] = []
        self.error_callbacks: list[Callable[[str], object]] = []
        self.state_callbacks: list[Callable[[State], object]] = []

    def on_message(self, callback: Callable[[Message], object]) -> None:
        """Have a function called with each message; then none waits for `async for`.

        It may be an `async def`: each call is then a task of its own.
        """
        self.message_callbacks.append(callback)
        self.hand_on()

    def on_event(self, callback: Callable[[dict[str, Any]], object]) -> None:
        """Have a function called with each event: welcome, joined, left, typing, rooms."""
        self.event_callbacks.append(callback)

    def on_error(self, callback: Callable[[str], object]) -> None:
        """Have a function called with each sentence in which the server objects."""
        self.error_callbacks.append(callback)

    def on_state(self, callback: Callable[[State], object]) -> None:
        """Have a function called with each new state; `connected` once the server has welcomed."""
        self.state_callbacks.append(callback)

    async def connect(self) -> Self:
        """Connect, and return the client; raise ChatkitError if no chat lets it in."""
        if self.state != "closed":
            raise ChatkitError(
                f"This client is {self.state} already: close it first, or make another."
            )
        self.change_state("connecting")
        dialing = self.task = asyncio.create_task(self.open())
        try:
            await dialing
        except BaseException:
            if self.task is dialing:  # else `close` has ended it
                await self.close()
                raise
        if self.task is not dialing:
            raise ChatkitError(f"The client was closed before {self.place} answered.")
        self.task = asyncio.create_task(self.run())
        return self

    def start(self) -> None:
        """Connect in the background, and go on trying for as long as it takes."""
        if self.state == "closed":
            self.change_state("connecting")
            self.task = asyncio.create_task(self.run())

    async def send(self, text: str) -> str:
        """Send a message and return its key; raise ChatkitError if it can't be sent.

        It is in the outbox until the server has confirmed it: what is under way at a cut, or
        written while the line is down, goes out once it is back. The guide's `send-transit-msg!`.
        """
        if self.state == "closed":
            raise ChatkitError("This client is closed, so nothing was sent: connect it first.")
        key = self.outbox.add(text)
        await asyncio.sleep(0)  # one who sends and sends lets others have their turn
        return key

    async def confirmed(self) -> None:
        """Wait until the server has everything that was sent; raise ChatkitError once closed.

        Who has begun to read with `async for` has to read on: where a thousand messages wait to be
        read, the confirmations wait behind them.
        """
        while self.outbox.unconfirmed:
            if self.state == "closed":
                raise ChatkitError("The client is closed, and not all that was sent is confirmed.")
            await self.outbox.changed()

    async def typing(self) -> None:
        """Tell the others that one is typing, if there is a line and it isn't too busy."""
        await self.tell_server({"event": "typing"})

    async def ask_rooms(self) -> None:
        """Ask which rooms there are; the answer comes as an event."""
        await self.tell_server({"event": "rooms"})

    async def close(self) -> None:
        """Say goodbye and stop; messages that have come can still be read.

        What was sent gets a moment to be confirmed; what is not stays in the outbox.
        """
        if self.connection and self.outbox.unconfirmed:
            with suppress(TimeoutError, ChatkitError):
                await asyncio.wait_for(self.confirmed(), CLOSE_TIMEOUT)
        task, connection = self.task, self.connection
        self.task = self.connection = None
        self.change_state("closed")
        self.outbox.news.set()
        if task:
            task.cancel()
        if connection:
            await say_goodbye(connection)
        if task:
            await asyncio.wait([task])
        if task and (left := len(self.outbox.unconfirmed)):
            self.complain(f"Closed with {left} not confirmed: they go out if it connects again.")

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
        return f"<ChatClient {self.name or 'without a name'} at {self.place}: {self.state}>"

    @property
    def url(self) -> str:
        """Return the address that it keeps to."""
        return self.urls[0]

    @property
    def place(self) -> str:
        """Return the address without its query, which may hold a token."""
        return self.url.partition("?")[0]

    async def open(self) -> WebSocketClientConnection:
        """Open a line at the first address where a chat lets this client in; else ChatkitError."""
        for _ in range(len(self.urls)):
            try:
                return await self.try_to_open()
            except ChatkitError as error:
                refusal = error
                self.urls.rotate(-1)
        raise refusal

    async def try_to_open(self) -> WebSocketClientConnection:
        """Open a line and be welcomed; raise ChatkitError if no chat lets this client in."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                connection = await dial(self.address(), self.codec)
                if self.has_events(connection):  # else no welcome comes
                    await self.be_welcomed(connection)
        except Exception as error:  # what answers there may say anything
            if isinstance(error, HTTPClientError) and error.code in REFUSALS:
                raise RefusedError(refusal(self.place, error)) from error
            reason = str(error) or type(error).__name__
            raise ChatkitError(
                f"No chat answers at {self.place} ({reason}): is the server running? "
                "Start it with launch() in a cell, or with chatkit serve."
            ) from error
        self.connection = connection
        self.outbox.again(*self.outbox.unconfirmed)
        self.change_state("connected")
        return connection

    def has_events(self, connection: WebSocketClientConnection) -> bool:
        """Return True if the server sends and takes events; a plain one has messages alone."""
        return connection.selected_subprotocol == self.codec.subprotocol

    def address(self) -> str:
        """Return the address that asks for this name, this room, and all that was missed."""
        known = {"last": self.last} if self.seen is None else {"since": self.seen, "log": self.log}
        return socket_url(self.url, room=self.room, name=self.name, client=self.mark, **known)

    async def be_welcomed(self, connection: WebSocketClientConnection) -> None:
        """Read until the welcome; raise ChatkitError if the server hangs up instead."""
        self.welcomed = False
        try:
            while not self.welcomed:
                if (data := await connection.read_message()) is None:
                    raise ChatkitError("it hung up before its welcome")
                await self.receive(data)
        finally:
            if not self.welcomed:
                connection.close()

    async def run(self) -> None:
        """Talk until the line is cut, wait, come back, and so on until `close` ends it."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self.talk(self.connection or await self.open())
            except RefusedError as error:
                self.complain(str(error))
            except ChatkitError:
                pass  # nothing answers: the state tells of it
            if loop.time() - began > STEADY:
                self.attempt = 0
            self.change_state("cut off")
            await asyncio.sleep(backoff(self.attempt))
            self.attempt += 1

    async def talk(self, connection: WebSocketClientConnection) -> None:
        """Read what comes and send what waits until the line ends."""
        posting = asyncio.create_task(self.post(connection))
        try:
            while (data := await connection.read_message()) is not None:
                await self.receive(data)
        finally:
            posting.cancel()
            connection.close()
            self.connection = None

    async def post(self, connection: WebSocketClientConnection) -> None:
        """Send what is in the outbox, oldest first, no faster than the server wants it."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                while not self.outbox.due:
                    await self.outbox.changed()
                await asyncio.sleep(max(self.pace.wait(), self.resume_at - loop.time()))
                self.pace.take()
                if message := self.outbox.take():
                    await connection.write_message(self.codec.encode(message))
                    if not self.has_events(connection):  # a plain server confirms nothing
                        self.outbox.confirm(message.key)
        except WebSocketClosedError:
            pass  # the reading will end, too
        except Exception as error:  # a codec may raise anything
            self.complain(f"A message could not be sent. {error}")
            connection.close()  # a line on which nothing can be sent is none

    async def tell_server(self, frame: dict[str, Any]) -> None:
        """Send an event, if there is a line and it isn't too busy."""
        if self.connection and self.has_events(self.connection) and self.pace.take():
            with suppress(WebSocketClosedError):
                await self.connection.write_message(self.codec.encode(frame))

    async def receive(self, data: str | bytes) -> None:
        """Decode one frame and hand it on. The guide's `receive-transit-msg!`."""
        text = data if isinstance(data, str) else data.decode(errors="replace")
        try:
            match frame := self.codec.decode(text):
                case {"event": str()}:
                    self.take_event(frame)
                case {"error": str(code), "detail": str(detail)}:
                    self.take_error(code, detail, frame.get("key"))
                case _:
                    await self.take_message(read_message(frame))
        except Exception as error:  # a codec may raise anything; the next frame may be sound
            self.complain(f"A frame came that is no chat message. {error}")

    def take_event(self, frame: dict[str, Any]) -> None:
        """Keep what an event tells, and hand it on."""
        if frame["event"] == "welcome":
            self.take_welcome(frame)
        self.members = frame.get("members", self.members)
        self.count = frame.get("count", len(self.members))
        self.tell(self.event_callbacks, frame)

    def take_welcome(self, frame: dict[str, Any]) -> None:
        """Take the name that was granted, the pace, and from where messages come."""
        self.name = frame["name"]
        self.room = frame.get("room", self.room)
        self.pace = Pace(frame.get("rate"), BURST / 2)  # half: what was late arrives in a heap
        self.log, self.seen = frame.get("log", ""), frame.get("since", self.seen or 0)
        if frame.get("missed"):
            self.complain(MISSED)
        self.welcomed = True

    def take_error(self, code: str, detail: str, key: str | None) -> None:
        """Send again later what the server could not take; give up what it will never take."""
        if code not in ("too_fast", "log_unavailable"):
            self.outbox.confirm(key)
        elif key in self.outbox.unconfirmed:
            self.resume_at = asyncio.get_running_loop().time() + RETRY_WAIT
            self.outbox.again(key)
        self.complain(detail)

    async def take_message(self, message: Message) -> None:
        """Hand a message on, unless it came before; one's own is confirmed by it."""
        self.attempt = 0  # backoff begins anew; a line that merely stands proves nothing
        self.outbox.confirm(message.key)
        if self.seen is None or not message.id:  # a plain server's: it may count anew any time
            await self.deliver(message)
        elif message.id > self.seen:
            await self.deliver(message)
            self.seen = message.id

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
