"""Other ends of a connection: independent clients, raw ones, and servers that hang up."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from chatkit.guide.frames import Frame, apply_mask, read_frame

LIMIT = 5  # seconds that a test waits for anything
MASK = b"\x01\x02\x03\x04"


def join(url: str, *subprotocols: str, origin: str | None = None) -> connect:
    """Return a client of the chat at `url`, for `async with`. It is not made of our code."""
    address = url.replace("http", "ws", 1) + "ws"
    return connect(address, subprotocols=subprotocols or None, origin=origin)


async def send(client: ClientConnection, frame: Any) -> None:
    """Send a frame as JSON."""
    await client.send(json.dumps(frame))


async def receive(client: ClientConnection) -> Any:
    """Return the next frame, which must be JSON."""
    async with asyncio.timeout(LIMIT):
        return json.loads(await client.recv())


async def close_code(client: ClientConnection) -> int | None:
    """Return the code with which the server closes a connection, whatever it sends before."""
    async with asyncio.timeout(LIMIT):
        try:
            while True:
                await client.recv()
        except ConnectionClosed:
            return client.close_code


class RawClient:
    """A WebSocket client that does nothing by itself: it never answers a close.

    Use it with `async with`.
    """

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        answer = await self.reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 ")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """Reset the connection, as if the program had been killed."""
        self.writer.transport.abort()

    def send(self, payload: bytes, first: int = 0x81) -> None:
        """Send a short frame. `first` is its first byte; the default makes a whole text frame."""
        head = bytes([first, 0x80 | len(payload)])
        self.writer.write(head + MASK + apply_mask(payload, MASK))

    async def recv(self) -> Frame:
        """Return the next frame."""
        data = b""
        async with asyncio.timeout(LIMIT):
            while not (frame := read_frame(data)):
                data += await self.reader.readexactly(1)
        return frame


class RudeServer:
    """The times at which clients connected to a server that hangs up at once."""

    def __init__(self) -> None:
        self.times: list[float] = []  # of each connection, on the loop's clock
        self.connected = asyncio.Event()

    async def hang_up(self, *_: Any) -> None:
        """Note the time of a connection. The caller closes it."""
        self.times.append(asyncio.get_running_loop().time())
        self.connected.set()

    async def wait_for(self, count: int) -> None:
        """Wait until there have been `count` connections."""
        async with asyncio.timeout(LIMIT):
            while len(self.times) < count:
                self.connected.clear()
                await self.connected.wait()


@asynccontextmanager
async def port_that_never_answers() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Yield the URL of a port that accepts connections and says nothing, and an event.

    The event is set once a client has connected.
    """
    accepted, ended = asyncio.Event(), asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await ended.wait()
        writer.close()

    listener = await asyncio.start_server(wait, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/", accepted
    ended.set()
    listener.close()
