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


@exercise(
    "02-1",
    "a name is trimmed first; then it is compared with the others in small letters.",
    'the second one asks for "BOB", which is taken: it gets its own spelling with -2. '
    "Then the third one's wish is taken as well.",
)
async def names_are_granted(answer: tuple[list[str], list[str]]) -> str:
    """Connect a client for each wish, and compare the names that the room gave."""
    wanted, called = answer
    server = await ChatServer(port=0).start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.stop)
        for name in wanted:
            await stack.enter_async_context(ChatClient(server.url, name))
        granted = list(server.room.members.values())
    if called != granted:
        raise NotYetError("the names that the room gives", f"your guess {called}")
    return f"the room called them {', '.join(granted)}, as you said."


@exercise(
    "02-2",
    "loop over a copy of broadcaster.channels, and leave one out.",
    "`if channel is not sender`; and put try and except around channel.send(text), as in "
    "notify_clients, not around the whole loop.",
)
async def others_hear(notify_others: Callable[[Any, Any, str], object]) -> str:
    """Three clients and a dead line; the first client speaks."""
    broadcaster = Broadcaster()
    dead = DeadChannel()

    class Handler(WebSocketHandler):
        def open(self) -> None:
            broadcaster.connect(self)

        def on_message(self, text: str | bytes) -> None:
            broadcaster.connect(dead)
            notify_others(broadcaster, self, str(text))
            broadcaster.notify_clients("that was all")

        def on_close(self) -> None:
            broadcaster.disconnect(self)

        def send(self, text: str) -> None:
            self.write_message(text)

    async with clients_of(Handler, 3) as clients:
        await clients[0].write_message("hello, you")
        heard = [await all_until(client, "that was all") for client in clients]
    if heard[0]:
        raise NotYetError("silence at the sender", f"it heard {heard[0]}")
    if heard[1:] != [["hello, you"]] * 2:
        raise NotYetError("the others to hear 'hello, you' once each", f"they heard {heard[1:]}")
    return "two others heard it once each, the sender did not, and a dead line stopped nobody."


@exercise(
    "02-3",
    "Tornado calls a handler's methods by name. Which names does it know?",
    "look at the name of the method that is to be called when a socket closes, in the table "
    "of the guide's three callbacks.",
)
async def nobody_stays_behind(handler: type[WebSocketHandler]) -> str:
    """Twenty clients come, one by one, and go; the broadcaster must forget them."""
    broadcaster = Broadcaster()
    left = asyncio.Semaphore(0)

    class Watched(handler):  # type: ignore[valid-type, misc]
        def on_connection_close(self) -> None:
            super().on_connection_close()
            left.release()

    async with clients_of(Watched, VISITORS, broadcaster=broadcaster) as clients:
        for client in clients:
            client.close()
        for _ in clients:
            await left.acquire()
    if broadcaster.channels:
        raise NotYetError("nobody in the set", f"{len(broadcaster.channels)} channels of the gone")
    return f"{VISITORS} came and went, and left nothing behind."


class DeadChannel:
    """A channel that can't be written to."""

    def send(self, text: str) -> None:
        """Fail."""
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
