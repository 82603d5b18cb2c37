"""The checks of lesson 02."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, WebSocketHandler, websocket_connect

from chatkit.broadcaster import Broadcaster
from chatkit.lessons.checking import NotYetError, exercise, misnamed, plain, the_class
from chatkit.lessons.serving import serve

VISITORS = 20
END = "that was all"


@exercise(
    "02-1",
    "notify_clients can leave a channel out, and this handler is one.",
    "the line is self.broadcaster.notify_clients(text, but=self).",
)
async def others_hear(handler: type[WebSocketHandler]) -> str:
    """Three clients; the first one says that it is typing."""
    the_class(handler, "Typing", WebSocketHandler)
    broadcaster, visits = Broadcaster(), Visits()
    async with clients_of(watched(handler, visits), 3, broadcaster=broadcaster) as clients:
        await clients[0].write_message("Ada is typing")
        await visits.said.acquire()
        visits.raise_failure()
        heard = await all_heard(broadcaster, clients)
    if heard[0]:
        raise NotYetError("silence at the one who types", f"it heard {heard[0]}")
    if heard[1:] != [["Ada is typing"]] * 2:
        raise NotYetError("the others to hear 'Ada is typing' once each", f"they heard {heard[1:]}")
    return "the two others heard that Ada is typing, and Ada did not."


@exercise(
    "02-2",
    "both are broadcasts; the newcomer is left out of the first by `but`.",
    'in open, below the line there: self.broadcaster.notify_clients("somebody came", but=self). '
    'In on_close, below the line there, the same with "somebody left".',
)
async def others_hear_the_door(handler: type[WebSocketHandler]) -> str:
    """Three clients come, and the last one leaves."""
    the_class(handler, "Doorbell", WebSocketHandler)
    broadcaster, visits = Broadcaster(), Visits()
    async with clients_of(watched(handler, visits), 3, broadcaster=broadcaster) as clients:
        visits.raise_failure()
        coming = await all_heard(broadcaster, clients)
        clients.pop().close()
        await visits.left.acquire()
        visits.raise_failure()
        leaving = await all_heard(broadcaster, clients)
    came, left = "somebody came", "somebody left"
    if came in coming[2]:
        raise NotYetError(f"“{came}” for those who were there", "it for the newcomer, too")
    if coming != [[came, came], [came], []]:
        expected = f"“{came}” twice at the first of the three who connect, and once at the second"
        raise NotYetError(expected, f"they heard {coming[0]} and {coming[1]}")
    if leaving != [[left], [left]]:
        came = f"they heard {leaving}{misnamed(handler, ('open', 'on_message', 'on_close'))}"
        raise NotYetError(f"the two who stayed to hear “{left}” once", came)
    return f"three came and one left: the first heard “{came}” twice, and “{left}” once."


@exercise(
    "02-3",
    "Tornado calls a handler's methods by name. Which names does it know?",
    "compare the names of the methods with those of `Callbacks`, above.",
)
async def nobody_stays_behind(handler: type[WebSocketHandler]) -> str:
    """Twenty clients come and go; the broadcaster must know them, and then forget them."""
    the_class(handler, "Leaky", WebSocketHandler)
    broadcaster, visits = Broadcaster(), Visits()
    async with clients_of(watched(handler, visits), VISITORS, broadcaster=broadcaster) as clients:
        visits.raise_failure()
        here = len(broadcaster.channels)
        clients[0].close()
        await visits.left.acquire()
        stayed = len(broadcaster.channels)
        for client in clients[1:]:
            client.close()
            await visits.left.acquire()
    visits.raise_failure()
    if here != VISITORS:
        raise NotYetError(f"{VISITORS} channels while they were here", str(here))
    if stayed < VISITORS - 1:
        raise NotYetError(f"{VISITORS - 1} channels when one of them has left", str(stayed))
    if broadcaster.channels:
        came = f"{len(broadcaster.channels)} channels of the gone"
        if len(broadcaster.channels) == VISITORS and "on_close" in vars(handler):
            came += ": on_close is called, but takes out none of them"
        raise NotYetError("nobody in the set", came)
    return f"{VISITORS} came and went, and left nothing behind."


class Visits:
    """What happened to a learner's handler, and its errors; Tornado would print those."""

    def __init__(self) -> None:
        self.said, self.left = asyncio.Semaphore(0), asyncio.Semaphore(0)
        self.failures: list[Exception] = []

    def call(self, method: Callable[..., object], *args: object) -> None:
        """Call one of the learner's methods."""
        try:
            plain(method(*args), method.__name__)
        except Exception as error:
            self.failures.append(error)

    def raise_failure(self) -> None:
        """Raise the first error, if there was one."""
        if self.failures:
            raise self.failures[0]


def watched(handler: type[WebSocketHandler], visits: Visits) -> type[WebSocketHandler]:
    """Return the learner's handler, with what happens to it written down."""

    class Watched(handler):  # type: ignore[valid-type, misc]
        def open(self) -> None:
            visits.call(super().open)

        def on_message(self, text: str | bytes) -> None:
            visits.call(super().on_message, text)
            visits.said.release()

        def on_close(self) -> None:
            visits.call(super().on_close)

        def on_connection_close(self) -> None:
            super().on_connection_close()
            visits.left.release()

    Watched.__name__ = Watched.__qualname__ = handler.__name__  # as its errors call it
    Watched.__module__ = handler.__module__
    return Watched


@asynccontextmanager
async def clients_of(
    handler: type[WebSocketHandler], count: int, **settings: Any
) -> AsyncIterator[list[WebSocketClientConnection]]:
    """Serve a handler on a free port, and yield so many clients of it."""
    server, port = serve(Application([("/", handler, settings)]))
    clients: list[WebSocketClientConnection] = []
    try:
        for _ in range(count):
            clients.append(await websocket_connect(f"ws://127.0.0.1:{port}/"))
        yield clients
    finally:
        for client in clients:
            client.close()
        server.stop()


async def all_heard(
    broadcaster: Broadcaster, clients: list[WebSocketClientConnection]
) -> list[list[str]]:
    """Return what each client has heard by now."""
    if len(broadcaster.channels) != len(clients):
        came = str(len(broadcaster.channels))
        raise NotYetError(f"{len(clients)} channels in the set, one for each who is here", came)
    broadcaster.notify_clients(END.encode())
    return [await all_until_end(client) for client in clients]


async def all_until_end(client: WebSocketClientConnection) -> list[str]:
    """Return what a client heard before the end."""
    heard = []
    while (text := await client.read_message()) not in (END, None):
        heard.append(str(text))
    return heard
