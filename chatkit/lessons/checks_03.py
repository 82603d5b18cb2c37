"""The checks of lesson 03."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from inspect import isawaitable
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import HTTPStreamClosedError
from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, websocket_connect

from chatkit.codecs import JSON
from chatkit.lessons.checking import NotYetError, exercise, returned, the_class, the_function
from chatkit.lessons.mistakes import place
from chatkit.lessons.serving import serve
from chatkit.room import Rooms
from chatkit.server import GOING_AWAY, HOST

PATIENCE = 1.0  # seconds in which a server that stops has closed its sockets
STOP_LIMIT = 2.0  # seconds that a stop itself may take


@exercise(
    "03-1",
    "the name of the codec is handed on to `codec_named`, which knows two: "
    "ask it for one that it does not know, and it tells you which.",
    'codec="transit", in small letters and in quotes.',
)
async def default_codec(answer: Callable[[], Any]) -> str:
    """Talk Transit without having offered it, and JSON having offered that."""
    server = the_function(answer, "server_for_the_guide")()
    if hasattr(server, "thread"):
        server.stop()
        raise NotYetError("a ChatServer that is not started yet", "one that is launched")
    if isinstance(server, type) or not hasattr(server, "start"):
        raise NotYetError("a ChatServer that is not started yet", returned(server))
    await server.start()
    lines: list[WebSocketClientConnection] = []
    try:
        plain, modern = await line_to(server.port), await line_to(server.port, JSON.subprotocol)
        lines += [plain, modern]
        await modern.read_message()  # welcome: both are in the room
        await plain.write_message('["^ ","~:message","hello"]')
        said = str(await plain.read_message())
        if not said.startswith('["^ "'):
            raise NotYetError('a message in Transit, which begins with ["^ "', f"{said[:22]} …")
        heard = str(await modern.read_message()).partition(",")[0]
        return (
            'who offered no subprotocol heard ["^ " …, which is Transit; '
            f"who offered JSON heard {heard}, …"
        )
    finally:
        for line in lines:
            line.close()
        await server.stop()


@exercise(
    "03-2",
    "the list takes a route, as in make_app: (path, handler, what its initialize gets). "
    "And get answers with self.write, for which the rooms have their visitors.",
    '[(r"/hello", Hello, {"rooms": rooms})]; and self.write(f"{len(self.rooms.visitors)} here").',
)
async def hello_route(answer: Callable[[Rooms], Application]) -> str:
    """Ask for /hello with nobody in a room, and with two."""
    app = the_function(answer, "app_with_hello")(Rooms())
    if not isinstance(app, Application):
        raise NotYetError("the app that your function returns", returned(app))
    http, port = serve(app)
    lines: list[WebSocketClientConnection] = []
    with errors_of_handlers() as errors:
        try:
            told = [await ask(port, "hello", errors)]
            await ask(port, "healthz", errors)
            lines += [await line_to(port), await line_to(port)]
            told.append(await ask(port, "hello", errors))
        finally:
            for line in lines:
                line.close()
            http.stop()
    if told == ["", ""]:
        raise NotYetError('the answer "0 here"', "an empty page: `get` has to call `self.write`")
    if told != ["0 here", "2 here"]:
        came = f'"{told[0]}", "{told[1]}"'
        if told == ["0 here", "1 here"]:  # both are in the lobby
            came += ": does that count rooms instead of people?"
        raise NotYetError('"0 here", then "2 here" when two had come', came)
    return 'the server said "0 here", then two came in, and it said "2 here".'


@exercise(
    "03-3",
    "look into your own close_sockets: how does each client hear that the server is going away?",
    "close_all_connections leaves WebSockets open. Keep both lines, and loop over "
    "self.rooms.visitors: channel.close(GOING_AWAY) for each, without an await.",
)
async def stops_with_1001(answer: Callable[..., Any]) -> str:
    """Stop a server and see what a client hears of it."""
    the_class(answer, "Brisk", object)
    if not hasattr(answer, "start"):
        raise NotYetError("a class that begins with `class Brisk(ChatServer)`", "another")
    server = await answer(port=0).start()
    line = await line_to(server.port)
    try:
        await stop(server)
        async with asyncio.timeout(PATIENCE):
            await line.read_message()
        if line.close_code != GOING_AWAY:
            code = f"close code {line.close_code}" if line.close_code else "a close without a code"
            raise NotYetError("a close with code 1001", code)
        with suppress(ConnectionRefusedError):
            socket.create_connection((HOST, server.port)).close()
            raise NotYetError("a server that listens no more", "one that lets newcomers in")
    except TimeoutError:
        raise NotYetError("a close with code 1001", "nothing: the socket is still open") from None
    finally:
        server.http.stop()
        line.close()
    return "the client was told 1001, going away, and nobody listens any more."


async def stop(server: Any) -> None:
    """Call an answer's stop, which may be no coroutine or never end."""
    stopping = server.stop()
    if not isawaitable(stopping):
        raise NotYetError("a stop that can be awaited, with `async def`", "a plain `def`")
    try:
        async with asyncio.timeout(STOP_LIMIT):
            await stopping
    except TimeoutError:
        raise NotYetError("a stop that comes to its end", "one that waits and waits") from None


async def line_to(port: int, *subprotocols: str) -> WebSocketClientConnection:
    """Return a bare WebSocket to a server on this machine."""
    return await websocket_connect(f"ws://{HOST}:{port}/ws", subprotocols=list(subprotocols))


@contextmanager
def errors_of_handlers() -> Iterator[list[BaseException]]:
    """Collect the errors that handlers raise; Tornado would print each with its traceback."""
    errors: list[BaseException] = []

    def keep(record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1]:
            errors.append(record.exc_info[1])
        return False

    logs = [logging.getLogger("tornado.application"), logging.getLogger("tornado.access")]
    for log in logs:
        log.addFilter(keep)
    try:
        yield errors
    finally:
        for log in logs:
            log.removeFilter(keep)


async def ask(port: int, path: str, errors: list[BaseException]) -> str:
    """Return what a server answers at a path; `errors` tells why if it fails."""
    request = HTTPRequest(f"http://{HOST}:{port}/{path}")
    with suppress(HTTPStreamClosedError):  # so it ends if a handler can't even be made
        response: HTTPResponse = await AsyncHTTPClient().fetch(request, raise_error=False)
        if response.code == 404:
            raise NotYetError(f"an answer at /{path}", "404: no route leads there")
        if response.code == 405:
            raise NotYetError(f"an answer at /{path}", "405: its handler has no method `get`")
        if response.code == 200:
            return response.body.decode().strip()
    came = "an error"
    if errors and "'await' expression" in str(errors[0]) and not place(errors[0]):
        came = "`get` returned a value, and the server sends only what `self.write` is given"
    elif errors and str(errors[0]).endswith(
        "initialize() missing 1 required positional argument: 'rooms'"
    ):
        came = 'an error: the third part of the route has to be {"rooms": rooms}, for `initialize`'
    elif errors:
        raise errors[0]
    raise NotYetError(f"an answer at /{path}", came)
