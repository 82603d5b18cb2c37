"""The frame inspector: a relay on loopback that shows what passes between a client and a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from typing import Any, Self
from urllib.parse import urlsplit

from chatkit.wire import Frame, Opcode, read_frames

CHUNK = 64 * 1024  # bytes
TIMEOUT = 5.0  # seconds to wait for a frame
MOST = 1000  # frames that an inspector keeps
SHOWN = 64  # bytes of a payload that the byte view shows
CLIENT, SERVER = "client", "server"
COLOURS = {"header": "#c96f00", "mask": "#8e5bd0", "payload": "#1f8a5b"}  # on light and on dark


@dataclass(frozen=True)
class Passed:
    """One thing that passed: a frame, or the head of the HTTP request or answer."""

    sender: str
    what: Frame | str

    @property
    def title(self) -> str:
        """Return what it is: `TEXT`, `CLOSE 1001`, `GET /ws`, `101 Switching Protocols`."""
        match self.what:
            case Frame(opcode=Opcode.CLOSE, payload=payload) if len(payload) >= 2:
                return f"CLOSE {int.from_bytes(payload[:2], 'big')}"
            case Frame(opcode=opcode):
                return name_of(opcode)
            case head:
                first, second, *rest = head.partition("\r\n")[0].split(" ")
                return f"{first} {second}" if self.sender == CLIENT else " ".join([second, *rest])

    @property
    def text(self) -> str:
        """Return a frame's payload as text; nothing for a head."""
        if isinstance(self.what, str):
            return ""
        payload = self.what.payload[2:] if self.what.opcode == Opcode.CLOSE else self.what.payload
        return payload.decode(errors="backslashreplace")


def name_of(opcode: int) -> str:
    """Return an opcode's name, or its number where the RFC leaves it unnamed."""
    try:
        return Opcode(opcode).name
    except ValueError:
        return f"opcode {opcode}"


class Direction:
    """Takes apart the bytes that one side sends: an HTTP head first, then frames."""

    def __init__(self, sender: str, keep: Callable[[Passed], None]) -> None:
        self.sender = sender
        self.keep = keep
        self.rest = b""
        self.upgraded = False

    def feed(self, data: bytes) -> None:
        """Take some more bytes."""
        self.rest += data
        if not self.upgraded and b"\r\n\r\n" in self.rest:
            head, _, self.rest = self.rest.partition(b"\r\n\r\n")
            self.keep(Passed(self.sender, head.decode(errors="replace")))
            self.upgraded = True
        if self.upgraded:
            frames, self.rest = read_frames(self.rest)
            for frame in frames:
                self.keep(Passed(self.sender, frame))


class Drawing:
    """A picture for the notebook, with text for where pictures can't be shown."""

    def __init__(self, mime: str, source: str, text: str) -> None:
        self.bundle = {mime: source, "text/plain": text}
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return self.bundle


class Inspector:
    """A relay in front of a server: give `inspector.url` to a client and look at what passes.

    Use it with `async with Inspector(server.url) as inspector:`, or `start` and `stop` it.
    """

    def __init__(self, url: str) -> None:
        self.target = urlsplit(url)
        self.passed: list[Passed] = []
        self.news = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> Self:
        """Listen on a free port of loopback."""
        self.listener = await asyncio.start_server(self.relay, "127.0.0.1", 0)
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

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass a client's bytes on to the server, and the server's to the client."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        try:
            host, port = self.target.hostname, self.target.port
            far_reader, far_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        client, server = Direction(CLIENT, self.keep), Direction(SERVER, self.keep)
        there = asyncio.create_task(pump(reader, far_writer, client))
        back = asyncio.create_task(pump(far_reader, writer, server))
        try:
            await asyncio.gather(there, back)
        finally:
            there.cancel()
            back.cancel()
            far_writer.close()
            writer.close()

    def keep(self, passed: Passed) -> None:
        """Remember what passed; of very many, the latest."""
        self.passed = [*self.passed, passed][-MOST:]
        self.news.set()

    async def wait_for(self, count: int) -> None:
        """Wait until so many frames have passed; raise TimeoutError if they don't come."""
        async with asyncio.timeout(TIMEOUT):
            while len(self.frames) < count:
                self.news.clear()
                await self.news.wait()

    @property
    def frames(self) -> list[Frame]:
        """Return the frames that passed, without the heads."""
        return [passed.what for passed in self.passed if isinstance(passed.what, Frame)]

    def table(self) -> Drawing:
        """Return a table of what passed."""
        heads = ("", "from", "what", "bytes", "masked", "payload")
        rows = [row_of(number, passed) for number, passed in enumerate(self.passed, 1)]
        text = "\n".join("  ".join(row) for row in rows)
        cells = "".join(f"<tr>{''.join(f'<td>{escape(c)}</td>' for c in row)}</tr>" for row in rows)
        titles = "".join(f"<th>{head}</th>" for head in heads)
        source = f"<table style='text-align:left'><tr>{titles}</tr>{cells}</table>"
        return Drawing("text/html", source, text)

    def bytes(self, number: int) -> Drawing:
        """Return the bytes of the frame with this number in the table: header, mask, payload."""
        frame = self.passed[number - 1].what
        if not isinstance(frame, Frame):
            raise LookupError(f"Number {number} is no frame: choose one that has bytes.")
        parts = {"header": frame.header, "mask": frame.mask, "payload": frame.payload[:SHOWN]}
        parts = {name: data for name, data in parts.items() if data}
        text = "   ".join(f"{name} {data.hex(' ')}" for name, data in parts.items())
        source = "".join(part_html(name, data) for name, data in parts.items())
        return Drawing("text/html", f"<div style='line-height:1.8'>{source}</div>", text)

    def diagram(self) -> Drawing:
        """Return a sequence diagram of what passed, drawn by JupyterLab's Mermaid."""
        lines = ["sequenceDiagram", "participant client", "participant server"]
        for passed in self.passed:
            other = SERVER if passed.sender == CLIENT else CLIENT
            words = f"{passed.title} {passed.text}".strip()
            lines.append(f"{passed.sender}->>{other}: {plain(words)}")
        source = "\n".join(lines)
        return Drawing("text/vnd.mermaid", source, source)


async def pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
) -> None:
    """Pass bytes on, and a copy to the one who takes them apart, until they end."""
    with suppress(ConnectionError):
        while data := await reader.read(CHUNK):
            direction.feed(data)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


def row_of(number: int, passed: Passed) -> tuple[str, ...]:
    """Return one row of the table."""
    if isinstance(passed.what, str):
        return (str(number), passed.sender, passed.title, "", "", "")
    masked = "yes" if passed.what.mask else "no"
    size = str(passed.what.size)
    return (str(number), passed.sender, passed.title, size, masked, passed.text)


def part_html(name: str, data: bytes) -> str:
    """Return one part of a frame as coloured bytes, with its name and what the bytes spell."""
    spelled = "".join(chr(b) if 32 <= b < 127 else "·" for b in data)
    style = f"display:inline-block; margin-right:1em; border-bottom:3px solid {COLOURS[name]}"
    return (
        f'<span style="{style}"><code>{data.hex(" ")}</code><br>'
        f'<small style="color:{COLOURS[name]}">{name}</small> '
        f"<small><code>{escape(spelled) if name == 'payload' else ''}</code></small></span>"
    )


def plain(words: str, longest: int = 60) -> str:
    """Return words in which Mermaid finds no mark of its own."""
    words = words if len(words) <= longest else words[: longest - 1] + "…"
    return "".join(c if c.isalnum() or c in " .,-…" else f"#{ord(c)};" for c in words)
