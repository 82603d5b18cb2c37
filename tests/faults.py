"""Clients that misbehave, made to do so on demand."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Self
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve

from chatkit.codecs import CODECS
from chatkit.guide.frames import Frame, Opcode, apply_mask, read_frames

MASK = b"\x01\x02\x03\x04"
CHUNK = 64 * 1024  # bytes
TIMEOUT = 5.0  # seconds


class BareClient:
    """A WebSocket client that sends what it is told and does nothing by itself.

    It answers no ping and no close, reads only when asked to, and can be cut.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.rest = b""
        self.frames: list[Frame] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()

    @classmethod
    async def dial(cls, url: str) -> Self:
        """Connect to the server whose page is at `url`, and say nothing."""
        address = urlsplit(url)
        return cls(*await asyncio.open_connection(address.hostname, address.port))

    @classmethod
    async def open(cls, url: str, *headers: str) -> Self:
        """Shake hands with the chat whose page is at `url`, asking for what is in its query."""
        client = await cls.dial(url)
        assert await client.shake_hands(url, *headers) == 101
        return client

    async def shake_hands(self, url: str, *headers: str, host: str = "") -> int:
        """Ask for a WebSocket and return the status of the answer.

        `host` is what the client believes to be the name of the machine.
        """
        self.writer.write(handshake(url, *headers, host=host))
        async with asyncio.timeout(TIMEOUT):
            head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head.split()[1])

    async def ended(self) -> bytes:
        """Wait until the server has ended the connection, and return all that it said before."""
        said = self.rest
        async with asyncio.timeout(TIMEOUT):
            with suppress(ConnectionError):  # a server that has enough need not read the rest
                while data := await self.reader.read(CHUNK):
                    said += data
        return said

    def send(self, text: str | bytes, opcode: int = Opcode.TEXT, **oddities: Any) -> None:
        """Send one frame; its oddities are those of `frame`."""
        self.writer.write(
            frame(text.encode() if isinstance(text, str) else text, opcode, **oddities)
        )

    async def recv(self) -> Frame | None:
        """Return the next frame; None when the server has ended the connection."""
        async with asyncio.timeout(TIMEOUT):
            while not self.frames:
                data = await self.reader.read(CHUNK)
                if not data:
                    return None
                self.frames, self.rest = read_frames(self.rest + data)
        return self.frames.pop(0)

    def cut(self) -> None:
        """Vanish without a goodbye, as when a machine loses its power (here: TCP reset)."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        with suppress(OSError):  # the server was quicker
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def frame(
    payload: bytes,
    opcode: int = Opcode.TEXT,
    *,
    final: bool = True,
    reserved: int = 0,
    masked: bool = True,
    announced: int | None = None,
) -> bytes:
    """Return a frame as a client sends it, or, on demand, as none should.

    `reserved` are the three reserved bits; `announced` is the length that it claims to have.
    """
    length = len(payload) if announced is None else announced
    head = bytes([final << 7 | reserved << 4 | opcode])
    bit = masked << 7
    if length < 126:
        head += bytes([bit | length])
    elif length < 2**16:
        head += bytes([bit | 126]) + length.to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + length.to_bytes(8, "big")
    return head + (MASK + apply_mask(payload, MASK) if masked else payload)


def handshake(url: str, *headers: str, host: str = "") -> bytes:
    """Return the request for a WebSocket, and no more."""
    address = urlsplit(url)
    lines = (
        f"GET /ws?{address.query} HTTP/1.1",
        f"Host: {host or address.netloc}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
    )
    return "\r\n".join([*lines, *headers, "", ""]).encode()


def close_code(frame: Frame | None) -> int:
    """Return the code that a close frame carries."""
    assert frame is not None
    assert frame.opcode == Opcode.CLOSE
    return int.from_bytes(frame.payload[:2], "big")


WELCOME: dict[str, Any] = {  # of a server of the tests' own
    "event": "welcome",
    "room": "lobby",
    "name": "Ada",
    "members": ["Ada"],
    "count": 1,
    "since": 0,
    "last": 0,
    "log": "theirs",
    "missed": False,
    "rate": None,
}


@asynccontextmanager
async def their_server(
    handler: Callable[[ServerConnection], Awaitable[None]], port: int = 0, plain: bool = False
) -> AsyncIterator[tuple[Server, str]]:
    """A server of the websockets library, and the address of its page.

    A plain one knows no subprotocol.
    """
    names = None if plain else [codec.subprotocol for codec in CODECS.values()]
    async with serve(handler, "127.0.0.1", port, subprotocols=names) as server:
        yield server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


class Proxy:
    """A way to a server that can be cut, at any byte and in either direction.

    `budget` is called for each direction of each line, and says after how many bytes both are
    cut. `url` is the address of the page through it.
    """

    def __init__(self, port: int, budget: Callable[[], float] = lambda: float("inf")) -> None:
        self.port = port
        self.budget = budget
        self.cuts = 0
        self.lines: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self.unnoticed: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self.tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self.listener = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.listener.sockets[0].getsockname()[1]}/"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.listener.close()
        for line in self.lines + self.unnoticed:
            for writer in line:
                writer.close()
        while self.tasks:
            await asyncio.wait(self.tasks)

    async def serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """Carry one line until an end hangs up, or it is cut."""
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:  # no server just now
            client.close()
            return
        self.lines.append((client, server))
        for source, target in ((reader, server), (answers, client)):
            self.tasks.add(task := asyncio.create_task(self.carry(source, target, self.budget())))
            task.add_done_callback(self.tasks.discard)

    async def carry(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, budget: float
    ) -> None:
        """Carry one direction until its source ends or its budget is spent; then end the line."""
        with suppress(OSError):
            while budget > 0 and (data := await source.read(CHUNK)):
                target.write(data[: int(min(budget, CHUNK))])
                budget -= len(data)
                await target.drain()
        for line in [line for line in self.lines if target in line]:
            self.cuts += budget <= 0
            self.lines.remove(line)
            for writer in line:
                writer.close()

    def cut_unnoticed(self) -> None:
        """Cut all lines for the clients alone: to the server they still seem to stand."""
        for client, _ in self.lines:
            client.transport.abort()
        self.unnoticed, self.lines = self.unnoticed + self.lines, []
