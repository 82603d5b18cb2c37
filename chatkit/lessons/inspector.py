"""The frame inspector: a relay on loopback that shows what passes between client and server."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import closing, suppress
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import IPython.display

from chatkit.guide.frames import Frame, read_frames
from chatkit.guide.server import page_links
from chatkit.lessons import pictures
from chatkit.lessons.pictures import CLIENT, SERVER, Drawing, Passed
from chatkit.messages import ChatkitError

CHUNK = 64 * 1024  # bytes
TIMEOUT = 30.0  # seconds to wait for a frame
LATEST = 12  # rows of the table that `watch` shows, so few that it needs no scroll bar
REDRAW = 0.1  # seconds from what passes until `watch` shows it
MOST = 1000  # frames and heads that an inspector keeps: the latest
LARGEST = 1024 * 1024  # bytes of one frame; after a larger one, nothing is shown
screen: Any = IPython.display  # it carries no types
HEAD_END = b"\r\n\r\n"
UPGRADE = re.compile(rb"^upgrade:[ \t]*websocket", re.IGNORECASE | re.MULTILINE)
REFUSAL = re.compile(rb"HTTP/1\.. (?!101)")
NOBODY = b"HTTP/1.1 502 No server answers there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Direction:
    """Splits what one side sends into an HTTP head and, if the head upgrades, frames.

    After any other head nothing is shown: a page may follow, or the reason for an error.
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
    """A relay in front of a server: connect a client to `inspector.url`, and look at what passes.

    Use it with `async with Inspector(server.url) as inspector:`, or with `start` and `stop`.
    """

    def __init__(self, url: str) -> None:
        self.target = urlsplit(url)
        if self.target.scheme not in ("http", "ws") or not self.target.hostname:
            raise ChatkitError(
                f"{url!r} can't be inspected: give an address like http://127.0.0.1:8765/."
            )
        self.passed: deque[Passed] = deque(maxlen=MOST)
        self.count = 0  # frames and heads that have passed
        self.frame_count = 0
        self.size = 0  # bytes that have passed, in both directions
        self.view: Any = None  # the table that `watch` shows
        self.redraws = False  # soon
        self.news = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> Self:
        """Listen on a free port of loopback."""
        self.listener = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.port = self.listener.sockets[0].getsockname()[1]
        self.url = self.target._replace(netloc=f"127.0.0.1:{self.port}").geturl()
        return self

    async def stop(self) -> None:
        """Stop listening, and cut every connection."""
        self.listener.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay a client that has connected."""
        task = asyncio.create_task(self.relay(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay for a client until either end closes; answer 502 if there is no server."""
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
                there = self.pump(reader, far_writer, client)
                back = self.pump(far_reader, writer, server)
                await both(there, back)

    async def pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        """Pass bytes on until they end, and give a copy to `direction`."""
        while data := await reader.read(CHUNK):
            self.size += len(data)
            direction.feed(data)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    def keep(self, sender: str, what: Frame | str) -> None:
        """Remember what passed: the latest `MOST`."""
        self.count += 1
        self.frame_count += isinstance(what, Frame)
        self.passed.append(Passed(self.count, sender, what))
        self.news.set()
        if self.view and not self.redraws:
            self.redraws = True
            asyncio.get_running_loop().call_later(REDRAW, self.redraw)

    async def wait_for(self, count: int) -> None:
        """Wait until this many frames have passed; raise TimeoutError if they don't come."""
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

    def watch(self) -> None:
        """Show links to the page, and a table of the latest that grows as more passes."""
        screen.display(Drawing("text/html", page_links(self.port), f"Open the chat: {self.url}"))
        self.view = screen.display(self.latest(), display_id=True)

    def latest(self) -> Drawing:
        """Return a table of the latest `LATEST` things that passed."""
        return pictures.table(list(self.passed)[-LATEST:])

    def redraw(self) -> None:
        """Bring the table that `watch` shows up to date."""
        self.redraws = False
        self.view.update(self.latest())

    def bytes(self, number: int) -> Drawing:
        """Return the bytes of the frame with this number in the table: header, mask, payload."""
        for passed in self.passed:
            if passed.number == number and isinstance(passed.what, Frame):
                return pictures.byte_view(passed.what)
        raise ChatkitError(f"Number {number} is not a frame: table() shows which numbers are.")

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
