"""The frame inspector: a relay on loopback that shows what passes between a client and a server."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import closing, suppress
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from chatkit.lessons import pictures
from chatkit.lessons.pictures import CLIENT, SERVER, Drawing, Passed
from chatkit.messages import ChatkitError
from chatkit.wire import Frame, read_frames

CHUNK = 64 * 1024  # bytes
TIMEOUT = 5.0  # seconds to wait for a frame
MOST = 1000  # frames and heads that an inspector keeps: the latest
LARGEST = 1024 * 1024  # bytes of one frame; from a larger one on, all passes but is not shown
HEAD_END = b"\r\n\r\n"
UPGRADE = re.compile(rb"^upgrade:[ \t]*websocket", re.IGNORECASE | re.MULTILINE)
REFUSAL = re.compile(rb"HTTP/1\.. (?!101)")
NOBODY = b"HTTP/1.1 502 No server answers there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Direction:
    """Takes apart what one side sends: an HTTP head and, if that asks or agrees to, frames.

    What follows another head, such as a page or the reason of a refusal, is not shown.
    """

    def __init__(self, sender: str, keep: Callable[[str, Frame | str], None]) -> None:
        self.sender = sender
        self.keep = keep
        self.rest = b""
        self.expects: Literal["head", "frames", "nothing"] = "head"

    def feed(self, data: bytes) -> None:
        """Take some more bytes."""
        if self.expects == "nothing":
            return
        self.rest += data
        if self.expects == "head" and HEAD_END in self.rest:
            head, _, self.rest = self.rest.partition(HEAD_END)
            self.keep(self.sender, head.decode(errors="replace"))
            upgrades = UPGRADE.search(head) and not REFUSAL.match(head)
            self.expects = "frames" if upgrades else "nothing"
        if self.expects == "frames":
            frames, self.rest = read_frames(self.rest)
            for frame in frames:
                self.keep(self.sender, frame)
        if self.expects == "nothing" or len(self.rest) > LARGEST:
            self.expects, self.rest = "nothing", b""


class Inspector:
    """A relay in front of a server: give `inspector.url` to a client and look at what passes.

    Use it with `async with Inspector(server.url) as inspector:`, or `start` and `stop` it.
    Lesson 01.
    """

    def __init__(self, url: str) -> None:
        self.target = urlsplit(url)
        if self.target.scheme not in ("http", "ws") or not self.target.hostname:
            raise ChatkitError(
                f"{url!r} is no address to inspect: it looks like http://127.0.0.1:8765/."
            )
        self.passed: deque[Passed] = deque(maxlen=MOST)
        self.count = 0  # of what passed ever
        self.frame_count = 0
        self.news = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> Self:
        """Listen on a free port of loopback."""
        self.listener = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        port = self.listener.sockets[0].getsockname()[1]
        self.url = self.target._replace(netloc=f"127.0.0.1:{port}").geturl()
        return self

    async def stop(self) -> None:
        """Cut what is open and listen no more."""
        self.listener.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a client that has connected."""
        task = asyncio.create_task(self.relay(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a client and the server until one of them ends, or say that there is no server."""
        client, server = Direction(CLIENT, self.keep), Direction(SERVER, self.keep)
        with closing(writer), suppress(ConnectionError):
            try:
                address = self.target.hostname, self.target.port or 80
                far_reader, far_writer = await asyncio.open_connection(*address)
            except OSError:
                client.feed(await reader.read(CHUNK))
                server.feed(NOBODY)
                writer.write(NOBODY)
                return
            with closing(far_writer):
                there = pump(reader, far_writer, client)
                back = pump(far_reader, writer, server)
                await both(there, back)

    def keep(self, sender: str, what: Frame | str) -> None:
        """Remember what passed; of very much, the latest."""
        self.count += 1
        self.frame_count += isinstance(what, Frame)
        self.passed.append(Passed(self.count, sender, what))
        self.news.set()

    async def wait_for(self, count: int) -> None:
        """Wait until so many frames have passed; raise TimeoutError if they don't come."""
        try:
            async with asyncio.timeout(TIMEOUT):
                while self.frame_count < count:
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            words = f"After {TIMEOUT:.0f} seconds {self.frame_count} of {count} frames have passed."
            raise TimeoutError(words) from None

    @property
    def frames(self) -> list[Frame]:
        """Return the frames that passed, without the heads."""
        return [passed.what for passed in self.passed if isinstance(passed.what, Frame)]

    def table(self) -> Drawing:
        """Return a table of what passed."""
        return pictures.table(self.passed)

    def bytes(self, number: int) -> Drawing:
        """Return the bytes of the frame with this number in the table: header, mask, payload."""
        for passed in self.passed:
            if passed.number == number and isinstance(passed.what, Frame):
                return pictures.byte_view(passed.what)
        raise ChatkitError(f"Number {number} is no frame that was kept: see table() for those.")

    def diagram(self) -> Drawing:
        """Return a sequence diagram of what passed last, drawn by JupyterLab's Mermaid."""
        return pictures.diagram(self.passed)

    def __repr__(self) -> str:
        """Return what this is in front of, and how much has passed."""
        return f"<Inspector of {self.target.geturl()}: {self.frame_count} frames have passed>"


async def both(*pumps: Coroutine[Any, Any, None]) -> None:
    """Run both pumps to their end; where one end was cut, cut the other too."""
    try:
        async with asyncio.TaskGroup() as group:
            for pump in pumps:
                group.create_task(pump)
    except* OSError:
        pass


async def pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
) -> None:
    """Pass bytes on, and a copy to the one who takes them apart, until they end."""
    while data := await reader.read(CHUNK):
        direction.feed(data)
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
