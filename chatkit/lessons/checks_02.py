"""The checks of lesson 02."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, WebSocketHandler, websocket_connect

from chatkit.broadcaster import Broadcaster
from chatkit.client import ChatClient
from chatkit.lessons.checking import NotYetError, exercise
from chatkit.server import ChatServer

VISITORS = 20
DEAD = 50  # so many that some stand before the living, whatever the order of the set


@exercise(
    "02-1",
    "spaces at the ends go first; then a name is compared with the others', capitals or not.",
    "a name that is taken keeps its own spelling and gets -2; if that is taken too, -3. "
    "And where a wish ends in a number already, that number goes first.",
)
async def names_are_granted(answer: tuple[list[str], list[str]]) -> str:
    """Connect a client for each wish, and compare the names that the room gave."""
    wanted, called = answer
    if not wanted:
        raise NotYetError("at least one name in `wanted`", "none")
    server = await ChatServer(port=0).start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop)
        for name in wanted:
            await stack.enter_async_context(ChatClient(server.url, name))
        granted = list(server.room.members.values())
    if len(called) != len(granted):
        raise NotYetError(f"{len(granted)} names in `called`", f"{len(called)}")
    pairs = zip(called, granted, strict=True)
    wrong = [str(number) for number, (mine, theirs) in enumerate(pairs, 1) if mine != theirs]
    if wrong:
        raise NotYetError("the names that the room gives", f"others at place {', '.join(wrong)}")
    return f"the room called them {', '.join(granted)}, as you said."


@exercise(
    "02-2",
    "loop over a copy of broadcaster.channels, leave one out, and mind those that fail.",
    "inside the loop: `if channel is not sender:`, and there a `try` around channel.send(text) "
    "alone. A `try` around the whole loop ends it at the first dead line.",
)
async def others_hear(notify_others: Callable[[Any, Any, str], object]) -> str:
    """Three clients, among many dead lines that leave when they fail; the first client speaks."""
    if asyncio.iscoroutinefunction(notify_others):
        raise NotYetError("a plain `def`: it is called without await", "an `async def`")
    broadcaster = Broadcaster()
    failures: list[Exception] = []

    class Handler(WebSocketHandler):
        def open(self) -> None:
            broadcaster.connect(self)

        def on_message(self, text: str | bytes) -> None:
            for _ in range(DEAD):
                broadcaster.connect(DeadChannel(broadcaster))
            try:
                notify_others(broadcaster, self, str(text))
            except Exception as error:
                failures.append(error)
            broadcaster.notify_clients("that was all")

        def on_close(self) -> None:
            broadcaster.disconnect(self)

        def send(self, text: str) -> None:
            self.write_message(text)

    async with clients_of(Handler, 3) as clients:
        await clients[0].write_message("hello, you")
        heard = [await all_until(client, "that was all") for client in clients]
    if failures:
        raise failures[0]
    if heard[0]:
        raise NotYetError("silence at the sender", f"it heard {heard[0]}")
    if heard[1:] != [["hello, you"]] * 2:
        raise NotYetError("the others to hear 'hello, you' once each", f"they heard {heard[1:]}")
    return f"two others heard it once each, the sender did not, past {DEAD} dead lines."


@exercise(
    "02-3",
    "Tornado calls a handler's methods by name. Which names does it know?",
    "compare the names of the methods with those of `Callbacks`, above.",
)
async def nobody_stays_behind(handler: type[WebSocketHandler]) -> str:
    """Twenty clients come and go; the broadcaster must know them, and then forget them."""
    broadcaster = Broadcaster()
    failures: list[Exception] = []
    came, left = asyncio.Semaphore(0), asyncio.Semaphore(0)

    class Watched(handler):  # type: ignore[valid-type, misc]
        def open(self) -> None:
            super().open()
            came.release()

        def on_connection_close(self) -> None:
            super().on_connection_close()
            left.release()

        def on_close(self) -> None:
            try:
                super().on_close()
            except Exception as error:
                failures.append(error)

    async with clients_of(Watched, VISITORS, broadcaster=broadcaster) as clients:
        for _ in clients:
            await came.acquire()
        here = len(broadcaster.channels)
        for client in clients:
            client.close()
        for _ in clients:
            await left.acquire()
    if failures:
        raise failures[0]
    if here != VISITORS:
        raise NotYetError(f"{VISITORS} channels while they were here", str(here))
    if broadcaster.channels:
        raise NotYetError("nobody in the set", f"{len(broadcaster.channels)} channels of the gone")
    return f"{VISITORS} came and went, and left nothing behind."


class DeadChannel:
    """A channel that can't be written to, and leaves when that is tried."""

    def __init__(self, broadcaster: Broadcaster) -> None:
        self.broadcaster = broadcaster

    def send(self, text: str) -> None:
        """Fail, and leave."""
        self.broadcaster.disconnect(self)
        raise ConnectionError("the line is dead")

    def close(self) -> None:
        """Do nothing: it is dead already."""


@asynccontextmanager
async def clients_of(
    handler: type[WebSocketHandler], count: int, **settings: Any
) -> AsyncIterator[list[WebSocketClientConnection]]:
    """Serve a handler on a free port, and yield so many clients of it."""
    server = HTTPServer(Application([("/", handler, settings)]))
    listener, port = bind_unused_port()
    server.add_socket(listener)
    clients = [await websocket_connect(f"ws://127.0.0.1:{port}/") for _ in range(count)]
    try:
        yield clients
    finally:
        for client in clients:
            client.close()
        server.stop()


async def all_until(client: WebSocketClientConnection, end: str) -> list[str]:
    """Return what a client heard before the text `end`."""
    heard = []
    while (text := await client.read_message()) not in (end, None):
        heard.append(str(text))
    return heard
