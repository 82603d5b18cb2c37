"""Things that fail when you want them to: a line, a server process, a disk; and a count of losses.

Also the afternoons on which they fail. Lesson 09.
"""

from __future__ import annotations

import asyncio
import atexit
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from html import escape
from itertools import groupby
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from tempfile import TemporaryDirectory
from typing import Any, Self
from urllib.parse import urlsplit

from ipywidgets import HTML, Button, HBox, VBox, Widget
from tornado.websocket import WebSocketClosedError, websocket_connect

from chatkit.client import ChatClient, socket_url
from chatkit.codecs import JSON
from chatkit.lessons.people_lab import Guest
from chatkit.lessons.pictures import Drawing
from chatkit.log import Log, MemoryLog, SqliteLog
from chatkit.messages import ChatkitError, Message, read_message
from chatkit.room import Room, Rooms
from chatkit.server import ChatServer, make_app
from chatkit.widget import ChatWidget

CHUNK = 64 * 1024  # bytes
PATIENCE = 30.0  # seconds
GLANCE = 0.01  # seconds between two looks
SILENCE = 0.5  # seconds without news that count as the end
RETRY = 0.05  # seconds until a naive client tries again
SLOW = 0.1  # seconds that a slow log takes to read


async def until(true: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Wait for what nobody tells of; return whether it came true in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(GLANCE)
    return bool(true())


async def quiet(heard: Sequence[object]) -> None:
    """Wait until nothing more is heard."""
    length = -1
    while length < len(heard):
        length = len(heard)
        await asyncio.sleep(SILENCE)


class Line:
    """A line to a server, by way of this kernel: it can be cut, or lose what goes one way."""

    def __init__(self, url: str) -> None:
        self.server = urlsplit(url)
        self.whole = True
        self.lost: set[str] = set()  # "there", "back" or both
        self.ends: set[asyncio.StreamWriter] = set()

    async def open(self) -> Self:
        """Listen for clients, and return the line."""
        self.relay = await asyncio.start_server(self.connect, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.relay.sockets[0].getsockname()[1]}/"
        return self

    def lose(self, way: str) -> None:
        """Lose what goes `there`, to the server, or comes `back`, while the line seems to stand."""
        self.lost.add(way)

    def cut(self) -> None:
        """Cut all connections; there are no new ones until the line is mended."""
        self.whole = False
        for end in self.ends:
            end.transport.abort()
        self.ends.clear()
        self.lost.clear()

    def mend(self) -> None:
        """Let clients through again: they have to come by themselves."""
        self.whole = True

    def close(self) -> None:
        """Take the line away."""
        self.cut()
        self.relay.close()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a client to the server, if the line is whole and there is a server."""
        with suppress(OSError):
            if self.whole:
                port = self.server.port
                from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
                self.ends |= {writer, to_server}
                await asyncio.gather(
                    self.carry(reader, to_server, "there"),
                    self.carry(from_server, writer, "back"),
                )
        writer.close()

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str
    ) -> None:
        """Pass on what goes one way, unless it is to be lost."""
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if way not in self.lost:
                    writer.write(data)
                    await writer.drain()
        writer.close()


# `chatkit serve`, but it ends when its standard input does: that is, with the kernel at the latest.
PROGRAM = """
import os, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()
from chatkit.cli import main
main()
"""


class ServerProcess:
    """`chatkit serve` as a program of its own: it can be killed, and started on the same port."""

    def __init__(self, log: str = "memory") -> None:
        self.log = log
        self.port = 0
        self.crashes = 0
        self.process: Popen[str] | None = None
        self.starting: asyncio.Task[Any] | None = None

    async def start(self) -> Self:
        """Start the program, and return when it serves."""
        self.process = self.spawn()
        atexit.register(self.kill)
        assert self.process.stdout is not None
        line = await asyncio.wait_for(asyncio.to_thread(self.process.stdout.readline), PATIENCE)
        if not line:
            raise ChatkitError("The server did not start: is its port taken, or its log locked?")
        self.port = urlsplit(line.split()[-1]).port or 0
        return self

    def spawn(self) -> Popen[str]:
        """Return a new process of the program; its first line tells where it serves."""
        options = ["--port", str(self.port), "--log", self.log, "--rate", "off", "--token", ""]
        command = [sys.executable, "-c", PROGRAM, "serve", *options]
        return Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True)

    @property
    def url(self) -> str:
        """Return the address of its page."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def runs(self) -> bool:
        """Return whether it is alive."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """End it as `kill -9` does: at once, without a chance to save anything."""
        atexit.unregister(self.kill)
        if self.process:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                assert pipe is not None
                pipe.close()
            self.process = None

    async def replace(self) -> None:
        """End it as an operator does, with SIGTERM, and start another on the same port.

        Windows knows no such signal: there it is killed.
        """
        if self.process:
            self.process.terminate()
            await asyncio.to_thread(self.process.wait)
        self.kill()
        await self.start()

    def crash(self) -> None:
        """Kill it now, even if it is only just starting, and start it again in the background."""
        if self.starting:
            self.starting.cancel()
        self.kill()
        self.crashes += 1
        self.starting = asyncio.create_task(self.start())

    async def ready(self) -> None:
        """Wait until it is back after a crash, or after several."""
        while self.starting and not self.starting.done():
            await asyncio.wait([self.starting])
        if self.starting:
            self.starting.result()


class Heard(list[str]):
    """The texts that one has heard; whenever there are so many, the server crashes."""

    def __init__(self, server: ServerProcess | None = None, moments: Collection[int] = ()) -> None:
        super().__init__()
        self.server = server
        self.moments = moments

    def append(self, text: str) -> None:
        """Add a text, and let the server crash if it is time for that."""
        super().append(text)
        if self.server and len(self) in self.moments:
            self.server.crash()


class RoomsOf(Rooms):
    """Rooms of a kind that a lesson builds."""

    def __init__(self, kind: type[Room], log: Log | None = None) -> None:
        super().__init__(log)
        self.kind = kind

    def make(self, name: str) -> Room:
        """Return a new room of that kind."""
        return self.kind(name, self.log)


class RoomsServer(ChatServer):
    """A server with rooms of the reader's own, for as many messages a second as may be.

    For `async with`.
    """

    def __init__(self, rooms: Rooms, port: int = 0) -> None:
        super().__init__(port)
        self.rooms = rooms
        self.http = self.make_http(make_app(rooms, rate=None))

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


class LabServer(RoomsServer):
    """Such a server, whose rooms have a log and are of a kind of the reader's own."""

    def __init__(self, log: Log | None = None, room: type[Room] = Room, port: int = 0) -> None:
        super().__init__(RoomsOf(room, log or MemoryLog()), port)


WIDE = 100  # messages in a row of the picture
FEW = 20  # messages that are drawn one by one, with their texts
KINDS = {  # how a message fared: its colour, and how much of the row's height it takes
    "once": ("rgb(40, 165, 105)", 1.0),
    "lost": ("rgb(220, 60, 60)", 0.35),
    "doubled": ("rgb(150, 100, 230)", 1.0),
}
MARGIN = 40  # pixels for the number of a row's first message


class Tally(Drawing):
    """How many messages were heard once, not at all, or more often; and a picture of them."""

    def __init__(self, sent: Sequence[str], heard: Sequence[str]) -> None:
        times = Counter(heard)
        kinds = [["lost", "once", "doubled"][min(times[text], 2)] for text in sent]
        ordered = [*dict.fromkeys(heard)] == [text for text in sent if text in times]
        order = "" if ordered else "not in order"
        counts = [f"{kinds.count(kind):,} {kind}" for kind in KINDS]
        marks = [
            f'<span style="color: {colour}">■</span> {count}'
            for count, (colour, _) in zip(counts, KINDS.values(), strict=True)
        ]
        legend = " &nbsp; ".join([*marks, order])
        picture = few(sent, kinds) if len(sent) <= FEW else many(kinds)
        words = ", ".join(filter(None, [*counts, order]))
        super().__init__(
            "text/html",
            f"<div>{picture}<div>{legend}</div></div>",
            f"{len(sent):,} sent: {words}",
        )


def few(sent: Sequence[str], kinds: Sequence[str]) -> str:
    """Return a picture of a few messages, one beside the other."""
    marks = [
        f'{bar(number * 26, 0, 25, 24, kind)}<text x="{number * 26 + 12}" y="13" '
        f'text-anchor="middle" fill="{ink(kind)}">{escape(text)}</text>'
        for number, (text, kind) in enumerate(zip(sent, kinds, strict=True))
    ]
    return svg(len(sent) * 26, 24, marks)


def ink(kind: str) -> str:
    """Return the colour of a text on a bar, or above a low one: on the notebook's own ground."""
    return "black" if KINDS[kind][1] == 1 else "currentColor"


def many(kinds: Sequence[str]) -> str:
    """Return a picture of many messages, a hundred in a row."""
    marks = []
    for top, start in enumerate(range(0, len(kinds), WIDE)):
        marks.append(f'<text x="34" y="{top * 15 + 10}" text-anchor="end">{start + 1}</text>')
        left = MARGIN
        for kind, run in groupby(kinds[start : start + WIDE]):
            width = 7 * len([*run])
            marks.append(bar(left, top * 15, width - 1, 12, kind))
            left += width
    return svg(MARGIN + 7 * WIDE, 15 * (top + 1), marks)


def bar(left: int, top: int, width: int, height: int, kind: str) -> str:
    """Return a bar in the colour and of the height of its kind; sizes are in pixels."""
    colour, share = KINDS[kind]
    high = round(height * share)
    place = f'x="{left}" y="{top + height - high}" width="{width}" height="{high}"'
    return f'<rect {place} fill="{colour}"/>'


def svg(width: int, height: int, marks: Sequence[str]) -> str:
    """Return a drawing that shrinks where the page is narrow."""
    return (
        f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'style="max-width: 100%" font-size="10" fill="currentColor">{"".join(marks)}</svg>'
    )


class NaiveClient:
    """Lesson 04's client in small: it comes back after a cut, and remembers nothing for that."""

    state = "closed"

    def __init__(self, url: str, name: str) -> None:
        self.address = socket_url(url, name=name)
        self.sent: list[str] = []
        self.heard: list[str] = []
        self.callbacks: list[Callable[[Message], object]] = []

    def on_message(self, callback: Callable[[Message], object]) -> None:
        """Have a function called with each message."""
        self.callbacks.append(callback)

    async def connect(self) -> Self:
        """Return the client once it is welcomed."""
        self.task = asyncio.create_task(self.run())
        await until(lambda: self.state == "connected")
        return self

    async def run(self) -> None:
        """Read until the line is cut, come back, and so on."""
        while True:
            with suppress(Exception):  # whatever it is, try again
                subprotocols = [JSON.subprotocol]
                self.connection = await websocket_connect(self.address, subprotocols=subprotocols)
                while data := await self.connection.read_message():
                    await self.receive(JSON.decode(str(data)))
            self.state = "cut off"
            await asyncio.sleep(RETRY)

    async def receive(self, frame: Any) -> None:
        """Keep a message, and hand it on."""
        if "message" in frame:
            self.heard.append(frame["message"])
            for callback in self.callbacks:
                callback(read_message(frame))
        elif frame.get("event") == "welcome":
            await self.welcomed()
            self.state = "connected"

    async def welcomed(self) -> None:
        """Do nothing: what was under way is forgotten."""

    async def send(self, text: str) -> None:
        """Note a text as sent, and write it to the line."""
        self.sent.append(text)
        await self.write(text)

    async def write(self, text: str) -> None:
        """Write a text to the line, if there is one."""
        with suppress(WebSocketClosedError):
            await self.connection.write_message(JSON.encode(Message(text)))

    async def close(self) -> None:
        """Stop."""
        self.task.cancel()
        self.connection.close()


Client = Callable[[str, str], Any]  # NaiveClient or ChatClient, or one that a lesson builds


async def connected(client: Client, url: str, name: str, heard: list[str]) -> Any:
    """Return a client that has been welcomed, and puts the texts that it hears into a list."""
    chat = client(url, name)
    chat.on_message(lambda message: heard.append(message.message))
    await chat.connect()
    return chat


async def nine_numbers(
    way: str, client: Client, log: Log | None = None, room: type[Room] = Room
) -> Tally:
    """Have Ada send 1 to 9; what comes after 3 is lost one way, and after 6 the line is cut."""
    numbers = [str(number) for number in range(1, 10)]
    echo, heard = Heard(), Heard()
    async with LabServer(log, room) as server:
        line = await Line(server.url).open()
        ada = await connected(client, line.url, "Ada", echo)
        grace = await connected(client, server.url, "Grace", heard)
        for number in numbers:
            await ada.send(number)
            if number == "3":
                await until(lambda: len(echo) == 3 == len(heard))
                line.lose(way)
            if number == "6":
                await until(lambda: way == "there" or len(heard) == 6)
                line.cut()
                await until(lambda: ada.state != "connected")
                line.mend()
                await until(lambda: ada.state == "connected")
        await until(lambda: "9" in echo and "9" in heard)
        await asyncio.gather(ada.close(), grace.close())
        line.close()
    return Tally(numbers, heard)


async def bad_afternoon(
    client: Client, log: str = "memory", crashes: Collection[int] = (200,)
) -> Tally:
    """Have Ada send a thousand numbers while the server is killed and her line is bad.

    It is killed whenever Grace has heard so many as `crashes` says. From 850 on the line loses what
    comes back, and after 900 it is cut.
    """
    numbers = [str(number) for number in range(1, 1001)]
    server = await ServerProcess(log).start()
    line = await Line(server.url).open()
    heard = Heard(server, crashes)
    ada = await connected(client, line.url, "Ada", [])
    grace = await connected(client, server.url, "Grace", heard)
    for sent, number in enumerate(numbers, 1):
        await ada.send(number)
        if sent % 10 == 0:
            await asyncio.sleep(GLANCE)
        if sent == 600:  # a cup of tea
            await server.ready()
        if sent == 850:
            line.lose("back")
        if sent == 900:
            line.cut()
            line.mend()
    if isinstance(ada, NaiveClient):
        await server.ready()
        await quiet(heard)
    else:
        await ada.confirmed()
        await until(lambda: len(heard) >= len(numbers))
        await server.ready()
    await asyncio.gather(ada.close(), grace.close())
    line.close()
    server.kill()
    print("The server was killed", "once." if server.crashes == 1 else f"{server.crashes} times.")
    return Tally(numbers, heard)


async def over_a_restart(
    client: Callable[[str, str], ChatClient], room: type[Room], before: Log, after: Log
) -> list[str]:
    """Return what Grace hears: "one", then, while she is away, "two", a restart, and "three"."""
    heard: list[str] = []
    server = await LabServer(before, room).start()
    line = await Line(server.url).open()
    grace = await connected(client, line.url, "Grace", heard)
    grace.on_error(print)
    async with client(server.url, "Ada") as ada:
        await ada.send("one")
        await until(lambda: "one" in heard)
        line.cut()
        await ada.send("two")
        await ada.confirmed()
    await server.stop()
    server = await LabServer(after, room, server.port).start()
    async with client(server.url, "Ada") as ada:
        await ada.send("three")
        line.mend()
        await until(lambda: "three" in heard)
    await grace.close()
    line.close()
    await server.stop()
    return heard


async def transactions(kind: type[SqliteLog]) -> tuple[int, int]:
    """Return in how many transactions a hundred messages are stored: one by one, and in a turn."""
    begun: list[str] = []
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        log = kind(str(Path(folder, "chat.db")))
        await log.open()
        log.db.set_trace_callback(
            lambda sql: begun.append(sql) if sql.startswith("BEGIN") else None
        )
        for number in range(100):
            await log.append("lobby", [Message(str(number))])
        alone = len(begun)
        await asyncio.gather(*(log.append("lobby", [Message(str(n))]) for n in range(100)))
        await log.close()
    return alone, len(begun) - alone


class SlowLog(MemoryLog):
    """A log that takes its time to read."""

    async def read(self, room: str, after: int, limit: int) -> Sequence[Message]:
        """Read, and hand it over later."""
        found = await super().read(room, after, limit)
        await asyncio.sleep(SLOW)
        return found


async def five_messages(room: type[Room]) -> list[int]:
    """Return the ids that one hears who joins when three are said, the fourth being said then."""
    log = SlowLog()
    visitor = Guest(since=0)
    lobby = room("lobby", log)
    await log.append("lobby", [Message("before")] * 3)
    joining = asyncio.create_task(lobby.join(visitor))
    await asyncio.sleep(SLOW / 2)
    await log.append("lobby", [Message("while it is read")])
    await joining
    await log.append("lobby", [Message("afterwards")])
    return [frame["id"] for frame in visitor.frames if "message" in frame]


class Panel(VBox):
    """A row of handles to click, a line that says how things are, and what they are about."""

    def __init__(self, pulls: Mapping[str, Callable[[], object]], about: Widget) -> None:
        self.state = HTML()
        buttons = [Button(description=words) for words in pulls]
        for button, pull in zip(buttons, pulls.values(), strict=True):
            button.on_click(self.pulled(pull))
        super().__init__([HBox(buttons), self.state, about])
        self.show()

    def pulled(self, pull: Callable[[], object]) -> Callable[[Button], None]:
        """Return what a click on a button calls."""

        def click(_: Button) -> None:
            pull()
            self.show()

        return click

    def start(self, server: ServerProcess) -> None:
        """Start a server again, unless it runs."""
        if not server.runs:
            self.starting = asyncio.create_task(server.start())
            self.starting.add_done_callback(lambda _: self.show())

    def show(self) -> None:
        """Show how things are."""
        raise NotImplementedError


class Handles(Panel):
    """A chat whose line can be cut, and whose server can be killed, with a click."""

    def __init__(self, server: ServerProcess, line: Line, name: str = "Ada") -> None:
        self.server = server
        self.line = line
        self.chat = ChatWidget(line.url, name)
        pulls: dict[str, Callable[[], object]] = {
            "Cut the line": line.cut,
            "Mend the line": line.mend,
            "kill -9 the server": server.kill,
            "Start the server": partial(self.start, server),
        }
        super().__init__(pulls, self.chat)

    def show(self) -> None:
        """Show how line and server are."""
        line = "whole" if self.line.whole else "cut"
        server = "runs" if self.server.runs else "has been killed"
        self.state.value = escape(f"The line is {line}; the server {server}.")

    def leave(self) -> None:
        """Take the chat away, and leave a few words in its place."""
        self.chat.close()
        self.children = [HTML("The server has been stopped: run this cell to start it again.")]

    def __repr__(self) -> str:
        """Return what a notebook shows where it can't draw widgets."""
        return "A chat and four handles: run this cell to pull them"
