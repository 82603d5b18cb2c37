"""What checks do with a socket: serve an answer, connect clients, and hear all that they hear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError
from tornado.web import Application
from tornado.websocket import (
    WebSocketClientConnection,
    WebSocketClosedError,
    WebSocketHandler,
    websocket_connect,
)

from chatkit.client import ChatClient, socket_url
from chatkit.codecs import JSON
from chatkit.lessons.engine import intercept
from chatkit.lessons.engine.expect import NotYetError, shown
from chatkit.lessons.redis_server import RedisServer
from chatkit.lessons.serving import serve
from chatkit.messages import ChatkitError, FrameError
from chatkit.server import ChatServer, log_request

PATIENCE = 1.0  # seconds after which nothing more comes over loopback
GRACE = 0.1  # seconds in which something may still come after the answer has raised

T = TypeVar("T")


async def soon(awaitable: Awaitable[T]) -> T:
    """Return what comes within PATIENCE; raise TimeoutError, at once if the answer has raised."""
    trial = intercept.current()
    wanted = asyncio.ensure_future(awaitable)
    failed = asyncio.ensure_future(trial.failed.wait() if trial else forever())
    try:
        await asyncio.wait({wanted, failed}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({wanted}, timeout=GRACE)
        if not wanted.done():
            raise TimeoutError
        return wanted.result()
    finally:
        wanted.cancel()
        failed.cancel()


async def forever() -> None:
    """Wait without end."""
    await asyncio.get_running_loop().create_future()


async def in_time(awaitable: Awaitable[T], expected: str, silence: str = "nothing at all") -> T:
    """Return what comes within PATIENCE; NotYetError says what was expected if nothing does."""
    try:
        return await soon(awaitable)
    except TimeoutError:
        raise NotYetError(expected, silence) from None


async def turns(count: int = 3) -> None:
    """Let the event loop go round a few times."""
    for _ in range(count):
        await asyncio.sleep(0)


@asynccontextmanager
async def served(app: Application) -> AsyncIterator[str]:
    """Serve an application on a free port; yield its address, such as `http://127.0.0.1:8123/`."""
    app.settings.setdefault("log_function", log_request)
    http, port = serve(app)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        http.stop()


@asynccontextmanager
async def chat_server(**options: Any) -> AsyncIterator[ChatServer]:
    """Run a chat on a free port; yield its server."""
    server = await ChatServer(port=0, **options).start()
    try:
        yield server
    finally:
        await server.stop()


async def settled(server: ChatServer) -> None:
    """Return when all that a chat has received is in its log and was sent to everyone."""
    for room in server.rooms.open.values():
        await room.settle()


@contextmanager
def own_redis() -> Iterator[RedisServer]:
    """Run Redis for a check, empty; NotYetError says what is missing if it can't be started."""
    from chatkit.lessons.many_lab import without_redis_py

    try:
        if without_redis_py():
            raise ChatkitError("redis-py is not installed: pip install 'chatkit[redis]'.")
        server = RedisServer("none")
    except ChatkitError as error:
        raise NotYetError("Redis, which this check needs", str(error).rstrip(".")) from error
    with server:
        yield server


@asynccontextmanager
async def clients_of(
    handler: type[WebSocketHandler], count: int, **settings: Any
) -> AsyncIterator[list[Peer]]:
    """Serve a handler, which gets the settings; yield this many clients of it."""
    async with peers_of(Application([("/ws", handler, settings)])) as join:
        yield [await join() for _ in range(count)]


@asynccontextmanager
async def peers_of(
    app: Application, *subprotocols: str
) -> AsyncIterator[Callable[..., Awaitable[Peer]]]:
    """Serve an application; yield a function that connects a peer, with a query such as `name=`."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(app))

        async def join(**query: str) -> Peer:
            peer = await Peer.to(socket_url(url, **query), *subprotocols)
            stack.callback(peer.connection.close)
            return peer

        yield join


@asynccontextmanager
async def chat_clients(url: str, *names: str, **options: Any) -> AsyncIterator[list[ChatClient]]:
    """Connect a ChatClient for each name to the chat at `url`."""
    async with AsyncExitStack() as stack:
        clients = [ChatClient(url, name, **options) for name in names]
        for client in clients:
            await stack.enter_async_context(client)
        yield clients


@asynccontextmanager
async def chat_peers(
    server: ChatServer, *names: str, **query: str
) -> AsyncIterator[tuple[Peer, ...]]:
    """Connect a peer for each name to a chat; they hear its events, and so far heard nothing."""
    async with AsyncExitStack() as stack:
        peers: list[Peer] = []
        for name in names:
            url = socket_url(server.url, name=name, **query)
            peers.append(await Peer.to(url, JSON.subprotocol))
            stack.callback(peers[-1].connection.close)
        for peer in peers:
            await peer.news()  # the welcome, and who joined
        yield tuple(peers)


class Peer:
    """A WebSocket client that keeps whatever it receives, in order."""

    connection: WebSocketClientConnection

    def __init__(self) -> None:
        self.received: list[str] = []
        self.closed = asyncio.Event()
        self._pong, self._news = asyncio.Event(), asyncio.Event()

    @classmethod
    async def to(cls, url: str, *subprotocols: str) -> Peer:
        """Return a peer that is connected to the socket at `url`, and known there."""
        peer = cls()
        peer.connection = await websocket_connect(
            url, on_message_callback=peer._take, subprotocols=list(subprotocols)
        )
        peer.connection.on_pong = peer._take_pong  # type: ignore[method-assign]
        await peer.settle()
        return peer

    async def say(self, what: Any) -> None:
        """Send text, or a frame as JSON; return when the server's `on_message` is done with it."""
        with suppress(WebSocketClosedError):  # `settle` notices
            text = what if isinstance(what, str) else JSON.encode(what)
            await self.connection.write_message(text)
        await self.settle()

    async def settle(self) -> None:
        """Return when all that was sent so far, in both directions, has been received.

        A server answers a ping after the frames that came before it. NotYetError if it does not.
        """
        self._pong.clear()
        with suppress(WebSocketClosedError, StreamClosedError):  # `closed` is about to be set
            self.connection.ping(b"settled?")
        either = asyncio.ensure_future(self._pong.wait()), asyncio.ensure_future(self.closed.wait())
        first = asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        try:
            await in_time(first, "each method to come to its end", "one still waits for something")
        finally:
            for one in either:
                one.cancel()

    async def news(self) -> list[str]:
        """Return what was received since the last call."""
        await self.settle()
        news, self.received = self.received, []
        return news

    async def frames(self) -> list[Any]:
        """Return what was received since the last call, decoded from JSON."""
        return [JSON.decode(text) for text in await self.news()]

    async def next_frame(self, expected: str) -> Any:
        """Return the next frame, decoded; NotYetError if none comes."""
        if not self.received:
            await in_time(self._wait(), expected)
        if not self.received:
            raise NotYetError(expected, "the connection was closed")
        return JSON.decode(self.received.pop(0))

    async def _wait(self) -> None:
        """Return when something was received, or the connection is closed."""
        while not (self.received or self.closed.is_set()):
            self._news.clear()
            await self._news.wait()

    def _take_pong(self, data: bytes) -> None:
        """Note that a ping was answered."""
        self._pong.set()

    def _take(self, data: str | bytes | None) -> None:
        """Keep one message, or note the end."""
        if data is None:
            self.closed.set()
        else:
            self.received.append(data if isinstance(data, str) else data.decode(errors="replace"))
        self._news.set()


async def chat_frames(peer: Peer) -> list[Any]:
    """Return the frames that a peer received since the last call; text that is no JSON as it is."""
    frames: list[Any] = []
    for text in await peer.news():
        try:
            frames.append(JSON.decode(text))
        except FrameError:
            frames.append(text)
    return frames


def contents(frames: list[Any]) -> list[str]:
    """Return what each frame of a chat says: a message's text, or an error or event in words."""
    found = []
    for frame in frames:
        match frame:
            case {"message": str(text)}:
                found.append(text)
            case {"error": str(), "detail": str(detail)}:
                found.append(f"error: {detail}")
            case {"event": str(event), "name": str(name)}:
                found.append(f"event: {name} {event}")
            case _:
                found.append(f"no message: {shown(frame)}")
    return found


async def fetch(url: str) -> str:
    """Return the text of a file that a server has."""
    return (await AsyncHTTPClient().fetch(url)).body.decode()


async def knock(url: str, **headers: str) -> tuple[int, str]:
    """Ask for a WebSocket with these headers; return the HTTP status, and the server's reason.

    The status is 101 if the socket was opened. It is closed again.
    """
    try:
        (await websocket_connect(HTTPRequest(url, headers=headers))).close()
    except HTTPClientError as error:
        return error.code, error.response.body.decode() if error.response else ""
    return 101, ""
