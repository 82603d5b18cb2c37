"""Lesson 07's range: chats to be attacked, and the hands of those who attack them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from typing import Any

from IPython.display import HTML
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, WebSocketHandler, websocket_connect

from chatkit.codecs import JSON
from chatkit.gate import Gate
from chatkit.lessons import serving
from chatkit.links import page_link
from chatkit.room import Rooms
from chatkit.server import CLOSE_TIMEOUT, GOING_AWAY, HOST, log_request

HOLIDAYS = """<body bgcolor="white" text="black">
<h3>You have won a holiday!</h3>
<pre></pre>
<script>
  const show = (line) => document.querySelector("pre").append(line + "\\n");
  const socket = new WebSocket(new URL("CHAT", document.baseURI).href.replace("http", "ws"));
  socket.onopen = () => socket.send('{"message": "I believe in holidays."}');
  socket.onmessage = (event) => show("I read: " + JSON.parse(event.data).message);
  socket.onclose = () => show("(The door is shut.)");
</script>"""

_served: list[tuple[HTTPServer, Rooms]] = []


def serve(
    handler: type[WebSocketHandler],
    gate: Gate | None = None,
    rate: float | None = None,
    pages: Sequence[Any] = (),
    **settings: Any,
) -> int:
    """Serve a new chat with this handler, on this loop; return its port.

    `pages` are routes, and `settings` Tornado's.
    """
    rooms = Rooms()
    parts = {"rooms": rooms, "gate": gate or Gate(), "codec": JSON, "rate": rate}
    app = Application([(r"/ws", handler, parts), *pages], log_function=log_request, **settings)
    server, port = serving.serve(app)
    _served.append((server, rooms))
    return port


async def put_away() -> None:
    """Stop what `serve` has started, and hang up on everyone there."""
    visitors: list[Any] = []
    while _served:
        server, rooms = _served.pop()
        server.stop()
        await server.close_all_connections()
        visitors += rooms.visitors
    for visitor in visitors:
        visitor.close(GOING_AWAY, "the lesson is over")
    if visitors:
        await asyncio.wait([visitor.closed for visitor in visitors], timeout=CLOSE_TIMEOUT)
    for visitor in visitors:
        visitor.cut()  # one of a flood is not read for a second


async def dial(port: int, query: str = "", **headers: str) -> WebSocketClientConnection:
    """Open a socket, with a query and headers of one's own choice."""
    return await websocket_connect(HTTPRequest(f"ws://{HOST}:{port}/ws?{query}", headers=headers))


async def knock(port: int, query: str = "", **headers: str) -> str:
    """Try to come in; return what came of it."""
    try:
        (await dial(port, query, **headers)).close()
        return "let in"
    except HTTPClientError as error:
        body = error.response.body if error.response else b""
        return f"{error.code}, {body.decode()}"


async def say(line: WebSocketClientConnection, text: str) -> None:
    """Send a message."""
    await line.write_message(JSON.encode({"message": text}))


async def hear(line: WebSocketClientConnection) -> dict[str, Any]:
    """Return the next frame that comes; RuntimeError if the line is closed."""
    if (data := await line.read_message()) is None:
        raise RuntimeError("the server has closed this line")
    frame: dict[str, Any] = JSON.decode(str(data))
    return frame


async def names(line: WebSocketClientConnection, count: int) -> dict[str, int]:
    """Return who wrote the next messages that come, and how many each."""
    return dict(Counter([(await hear(line))["name"] for _ in range(count)]))


def foreign_page(port: int) -> HTML:
    """Return a frame with a page that is not the chat's, and opens a socket to it."""
    page = escape(HOLIDAYS.replace("CHAT", page_link(port) + "ws?name=Mallory&last=10"))
    frame = f'<iframe title="A foreign page" srcdoc="{page}" width="100%" height="160"></iframe>'
    return HTML(f"<div>{frame}</div>")  # type: ignore[no-untyped-call]


async def crowd(port: int, size: int) -> list[WebSocketClientConnection]:
    """Open so many sockets; return those that were let in."""
    lines = []
    with suppress(HTTPClientError):
        for _ in range(size):
            lines.append(await dial(port))
    return lines


async def flood(port: int, size: int = 1000) -> WebSocketClientConnection:
    """Send many messages as fast as the line takes them; return the line."""
    line = await dial(port, "name=Mallory")
    for _ in range(size):
        line.write_message('{"message": "Holidays!"}')
    return line


async def answers(port: int, frames: Sequence[str | bytes]) -> None:
    """Send each of the frames on a line of its own, and print what comes back."""
    for frame in frames:
        line = await dial(port)
        await line.write_message(frame, binary=isinstance(frame, bytes))
        data = await line.read_message()
        answer = JSON.decode(str(data)) if data else {"error": "cut", "detail": "the line is dead"}
        verdict = "{error}: {detail}".format(**answer) if "error" in answer else "sent to all!"
        print(f"{frame[:40]!s}\n    {verdict}")
        line.close()
