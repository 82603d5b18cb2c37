"""The checks of lesson 03."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.httpserver import HTTPServer
from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, websocket_connect

from chatkit.codecs import JSON
from chatkit.lessons.checking import NotYetError, exercise
from chatkit.room import Room
from chatkit.server import GOING_AWAY, HOST

PATIENCE = 1.0  # seconds in which a server that stops has closed its sockets


@exercise(
    "03-1",
    "the name of the codec is handed on to `codec_named`, which knows two.",
    'codec="transit".',
)
async def default_codec(answer: Callable[[], Any]) -> str:
    """Talk Transit without having offered it, and JSON having offered that."""
    server = answer()
    if not hasattr(server, "start"):
        raise NotYetError("a ChatServer that your function returns", type(server).__name__)
    await server.start()
    try:
        plain, modern = await line_to(server.port), await line_to(server.port, JSON.subprotocol)
        await plain.write_message('["^ ","~:message","hello"]')
        said = str(await plain.read_message())
        if not said.startswith('["^ "'):
            raise NotYetError('a Transit map, which begins with ["^ "', said.partition(",")[0])
        await modern.read_message()  # welcome
        heard = str(await modern.read_message()).partition(",")[0]
        return f'a client that offered nothing heard ["^ " …, and one that offered JSON {heard}, …'
    finally:
        await server.stop()


@exercise(
    "03-2",
    "the list takes a route, as in make_app: (path, handler, what its initialize gets). "
    "And get answers with self.write.",
    '[(r"/hello", Hello, {"room": room})]; and self.write(f"{len(self.room.members)} here").',
)
async def hello_route(answer: Callable[[Room], Application]) -> str:
    """Ask for /hello with nobody in the room, and with two."""
    app = answer(Room())
    if not isinstance(app, Application):
        raise NotYetError("the app that your function returns", type(app).__name__)
    http, port = serve(app)
    lines: list[WebSocketClientConnection] = []
    try:
        told = [await ask(port, "hello")]
        lines += [await line_to(port), await line_to(port)]
        told.append(await ask(port, "hello"))
        await ask(port, "healthz")
    finally:
        for line in lines:
            line.close()
        http.stop()
    if told != ["0 here", "2 here"]:
        raise NotYetError('"0 here", then "2 here" when two had come', f'"{told[0]}", "{told[1]}"')
    return 'the server said "0 here", then two came in, and it said "2 here".'


@exercise(
    "03-3",
    "look into your own stop: who closes the WebSockets there?",
    "close_all_connections leaves WebSockets open. Loop over tuple(self.room.members), and "
    "close each with GOING_AWAY.",
)
async def stops_with_1001(answer: Callable[..., Any]) -> str:
    """Stop a server and see what a client hears of it."""
    server = await answer(port=0).start()
    line = await line_to(server.port)
    try:
        await server.stop()
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


async def line_to(port: int, *subprotocols: str) -> WebSocketClientConnection:
    """Return a bare WebSocket to a server on this machine."""
    return await websocket_connect(f"ws://{HOST}:{port}/ws", subprotocols=list(subprotocols))


def serve(app: Application) -> tuple[HTTPServer, int]:
    """Serve an app on a free port."""
    listener = socket.create_server((HOST, 0))
    listener.setblocking(False)
    http = HTTPServer(app)
    http.add_socket(listener)
    return http, listener.getsockname()[1]


async def ask(port: int, path: str) -> str:
    """Return what a server answers at a path."""
    request = HTTPRequest(f"http://{HOST}:{port}/{path}")
    response: HTTPResponse = await AsyncHTTPClient().fetch(request, raise_error=False)
    if response.code == 404:
        raise NotYetError(f"an answer at /{path}", "404: no route leads there")
    if response.code != 200:
        raise NotYetError(f"an answer at /{path}", f"{response.code}: the handler failed")
    return response.body.decode().strip()
