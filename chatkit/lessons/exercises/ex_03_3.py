"""Exercise 03-3: a stop that says goodbye to every client."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Any

from chatkit.client import socket_url
from chatkit.lessons.engine.expect import NotYetError, awaited, the_class
from chatkit.lessons.engine.serving import Peer, soon
from chatkit.server import GOING_AWAY, HOST

STOP_LIMIT = 3.0  # seconds
TASK = "Let `stop` close every client's connection with code 1001, going away."
STUB = """
class Brisk(ChatServer):
    async def stop(self):
        self.http.stop()
        await self.http.close_all_connections()
"""
HINTS = (
    "Look at close_sockets in this lesson: how does each client learn that the server is going?",
    "close_all_connections leaves WebSockets open. Keep both lines, and loop over "
    "self.rooms.visitors: channel.close(GOING_AWAY) for each, without await.",
)
SOLUTION = """
class Brisk(ChatServer):
    async def stop(self):
        self.http.stop()
        for channel in self.rooms.visitors:
            channel.close(GOING_AWAY, "the server is stopping")
        await self.http.close_all_connections()
"""
LOOP = """        for channel in self.rooms.visitors:
            channel.close(GOING_AWAY, "the server is stopping")
"""
WRONG = {
    "no code": ('GOING_AWAY, "the server is stopping"', "", "1001.*came: one without a code"),
    "another code": ("GOING_AWAY,", "1000,", "code 1001.*came: a close with code 1000"),
    "a text for a code": (
        "GOING_AWAY,",
        '"1001",',
        "the number 1001 as its code; what came: something that is no number",
    ),
    "the first client alone": (
        "self.rooms.visitors:",
        "self.rooms.visitors[:1]:",
        "each of 3 clients in 2 rooms; what came: 2 of the 3 connections stayed open",
    ),
    "three clients": (
        "self.rooms.visitors:",
        "list(self.rooms.visitors)[:3]:",
        "each of 5 clients in 3 rooms; what came: 2 of the 5 connections stayed open",
    ),
    "another method": (
        "def stop(",
        "def stopp(",
        "a method `stop` in Brisk; what came: none. Is its name spelled right",
    ),
    "one room alone": (
        "self.rooms.visitors:",
        'self.rooms.enter("lobby").members:',
        "came: 1 of the 3 connections stayed open",
    ),
    "a message": (
        'close(GOING_AWAY, "the server is stopping")',
        'tell({"error": "going_away", "detail": "the server is stopping"})',
        "came: all 3 connections stayed open",
    ),
    "a print": (
        'channel.close(GOING_AWAY, "the server is stopping")',
        "print('closing', GOING_AWAY)",
        "stayed open.*Your code printed: closing 1001",
    ),
    "it still listens": (
        "        self.http.stop()\n",
        "",
        "one was, because the port is still open: keep self.http.stop",
    ),
    "close awaited": ("channel.close", "await channel.close", "raised TypeError in line"),
    "a plain def": (
        "class Brisk(ChatServer):\n    def stop(self):\n        self.http.stop()",
        "Expected stop to be an `async def`; what came: a plain `def`",
    ),
    "no await": (
        "await self.http",
        "self.http",
        "made a coroutine, `HTTPServer.close_all_connections`, and nobody awaited it",
    ),
    "a wait that does not end": (
        LOOP,
        "        while self.rooms.visitors:\n            await asyncio.sleep(0.01)\n",
        "`stop` to finish within 3 seconds; what came: it still waits",
    ),
    "no base": (
        "class Brisk(ChatServer)",
        "class Brisk",
        "begins with `class Brisk\\(ChatServer\\)`",
    ),
    "an except that hides it": (
        LOOP,
        "        try:\n            await self.close_socket()\n        except:\n            pass\n",
        "stayed open.*The `except` in line .* hides",
    ),
}
RIGHT = {
    "the base's stop": (
        "class Brisk(ChatServer):\n    async def stop(self):\n        await super().stop()",
    ),
    "close_sockets": (LOOP, "        await self.close_sockets()\n"),
    "room by room": (
        LOOP,
        """        for room in self.rooms.open.values():
            for channel in list(room.members):
                channel.close(code=1001)
""",
    ),
}


async def check(kind: Any) -> str:
    """Stop one server with three clients in two rooms, and one with five in three rooms."""
    the_class(kind, "Brisk", object, "ChatServer")
    if not hasattr(kind, "start"):
        raise NotYetError("a class that begins with `class Brisk(ChatServer)`", "another")
    if next(each for each in kind.__mro__ if "stop" in vars(each)).__name__ == "ChatServer":
        raise NotYetError("a method `stop` in Brisk", "none. Is its name spelled right?")
    await stop_with(kind, "lobby", "lobby", "park")
    await stop_with(kind, "lobby", "park", "park", "attic", "attic")
    return (
        "three clients in two rooms received 1001, going away, then five in three rooms, and "
        "nobody listens any more."
    )


async def stop_with(kind: Any, *rooms: str) -> None:
    """Stop a server with a client in each of these rooms, and see what each receives."""
    server = await kind(port=0).start()
    clients = [await Peer.to(socket_url(server.url, room=room)) for room in rooms]
    try:
        async with asyncio.timeout(STOP_LIMIT):
            await awaited(server.stop(), "stop")
    except TimeoutError:
        expected = f"`stop` to finish within {STOP_LIMIT:.0f} seconds"
        raise NotYetError(expected, "it still waits") from None
    except struct.error:
        expected = f"close to be given the number {GOING_AWAY} as its code"
        raise NotYetError(expected, "something that is no number") from None
    count = len(clients)
    expected = (
        f"a close with code {GOING_AWAY} for each of {count} clients in {len(set(rooms))} rooms"
    )
    with suppress(TimeoutError):
        await soon(asyncio.gather(*(client.closed.wait() for client in clients)))
    if still := sum(not client.closed.is_set() for client in clients):
        few = f"{still} of the {count} connections stayed open"
        raise NotYetError(
            expected, few if still < count else f"all {count} connections stayed open"
        )
    if wrong := {client.connection.close_code for client in clients} - {GOING_AWAY}:
        code = wrong.pop()
        raise NotYetError(expected, f"a close with code {code}" if code else "one without a code")
    with suppress(ConnectionRefusedError):
        socket.create_connection((HOST, server.port)).close()
        came = "one was, because the port is still open: keep self.http.stop()"
        raise NotYetError("no new client to be accepted", came)
