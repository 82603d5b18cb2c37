"""Exercise 03-2: a stop that says goodbye to every client."""

import asyncio
import socket
from contextlib import suppress
from typing import Any

from tornado.web import Application
from tornado.websocket import WebSocketHandler

from chatkit.guide.broadcaster import Broadcaster
from chatkit.guide.handler import ChatHandler
from chatkit.lessons.engine.expect import NotYetError, awaited, the_function
from chatkit.lessons.engine.serving import Peer, in_time, soon
from chatkit.lessons.serving import serve

GOING_AWAY = 1001  # close code

TASK = "Let `stop` also close every client's connection with code 1001."
STUB = """
async def stop(http, broadcaster):
    http.stop()
    await http.close_all_connections()
"""
HINTS = (
    "Loop over the channels in broadcaster.channels, and close each with its own `close`, which "
    "takes the code as a number.",
    "Loop over a snapshot, such as tuple(broadcaster.channels), before the last line. `close` is "
    "a plain function, so without `await`; give it 1001, and a reason if you like.",
)
SOLUTION = """
async def stop(http, broadcaster):
    http.stop()
    for channel in tuple(broadcaster.channels):
        channel.close(1001, "the server is stopping")
    await http.close_all_connections()
"""
CLOSE = 'channel.close(1001, "the server is stopping")'
LOOP = f"    for channel in tuple(broadcaster.channels):\n        {CLOSE}\n"
WRONG = {
    "no code": (CLOSE, "channel.close()", "code 1001.*came: a close without a code"),
    "another code": ("1001", "1000", "code 1001 at each of 2 clients; what came: code 1000"),
    "a text for a code": ("1001", '"1001"', "raised error in line 6, .*not an integer"),
    "one client alone": (
        "tuple(broadcaster.channels)",
        "tuple(broadcaster.channels)[:1]",
        "each of 2 clients; what came: 1 of the 2 connections stayed open",
    ),
    "two clients": (
        "tuple(broadcaster.channels)",
        "tuple(broadcaster.channels)[:2]",
        "each of 5 clients; what came: 3 of the 5 connections stayed open",
    ),
    "a message": (
        CLOSE,
        'channel.send({"message": "the server is stopping"})',
        "came: 2 of the 2 connections stayed open",
    ),
    "a print": (
        CLOSE,
        'print("closing", 1001)',
        "stayed open.*Your code printed: closing 1001",
    ),
    "it only forgets them": (LOOP, "    broadcaster.channels.clear()\n", "connections stayed open"),
    "it still listens": ("    http.stop()\n", "", "the port is still open: keep http.stop"),
    "close awaited": ("channel.close", "await channel.close", "raised TypeError in line"),
    "a plain def": (
        "def stop(http, broadcaster):\n    http.stop()",
        "Expected stop to be an `async def`; what came: a plain `def`",
    ),
    "no await": ("await http", "http", "`HTTPServer.close_all_connections`, and nobody awaited"),
    "a wait that does not end": (
        LOOP,
        "    while broadcaster.channels:\n        await asyncio.sleep(0.01)\n",
        "`stop` to finish; what came: it still waits",
    ),
    "a misspelt method": ("channel.close", "channel.closed", "raised TypeError in line"),
    "another server": (
        "server = None\n\n\nasync def stop(http, broadcaster):\n    await server.stop()",
        "only what it is given, `http` and `broadcaster`; what came: it also uses `server`",
    ),
}
RIGHT = {
    "as in Server": (
        """
async def stop(http, broadcaster):
    http.stop()
    channels = list(broadcaster.channels)
    for channel in channels:
        channel.close(1001, "the server is stopping")
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT):
            for channel in channels:
                await channel.closed.wait()
    await http.close_all_connections()
""",
    ),
    "only the notebook's own handlers": (
        """
from chatkit.guide import handler


class ChatHandler(handler.ChatHandler):
    pass


async def stop(http, broadcaster):
    http.stop()
    for channel in [each for each in broadcaster.channels if isinstance(each, ChatHandler)]:
        channel.close(1001)
    await http.close_all_connections()
""",
    ),
    "it waits for the clients": (
        "    await http.close",
        "    await asyncio.wait_for(channel.closed.wait(), 5)\n    await http.close",
    ),
    "a code by name": (CLOSE, "channel.close(code=1001)"),
    "goodbye first": (
        "async def stop(http, broadcaster):\n    while broadcaster.channels:\n"
        "        broadcaster.channels.pop().close(1001)\n    http.stop()",
    ),
}


async def check(stop: Any) -> str:
    """Stop a server with two clients, and one with five."""
    the_function(stop, "stop")
    if "server" in getattr(getattr(stop, "__code__", None), "co_names", ()):
        came = "it also uses `server`, which may be another one"
        raise NotYetError("`stop` to use only what it is given, `http` and `broadcaster`", came)
    for count in 2, 5:
        await stop_with(stop, count)
    return "two clients received 1001, going away, then five at another server."


async def stop_with(stop: Any, count: int) -> None:
    """Stop a server with this many clients, and see what each receives."""
    shared = {"broadcaster": (broadcaster := Broadcaster())}
    http, port = serve(Application([("/ws", handler_of(stop), shared)]))
    clients = [await Peer.to(f"ws://127.0.0.1:{port}/ws") for _ in range(count)]
    try:
        stopping = awaited(stop(http, broadcaster), "stop")
        await in_time(stopping, "`stop` to finish", "it still waits")
        expected = f"a close with code {GOING_AWAY} at each of {count} clients"
        with suppress(TimeoutError):
            await soon(asyncio.gather(*(client.closed.wait() for client in clients)))
        if still := sum(not client.closed.is_set() for client in clients):
            raise NotYetError(expected, f"{still} of the {count} connections stayed open")
        if wrong := {client.connection.close_code for client in clients} - {GOING_AWAY}:
            code = wrong.pop()
            raise NotYetError(expected, f"code {code}" if code else "a close without a code")
        with suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            came = "one was, because the port is still open: keep http.stop()"
            raise NotYetError("no new client to be accepted", came)
    finally:
        http.stop()
        for client in clients:
            client.connection.close()


def handler_of(stop: Any) -> type[WebSocketHandler]:
    """Return the notebook's own ChatHandler, which `stop` may look for; chatkit's if none is."""
    own = getattr(stop, "__globals__", {}).get("ChatHandler")
    return own if isinstance(own, type) and issubclass(own, WebSocketHandler) else ChatHandler
