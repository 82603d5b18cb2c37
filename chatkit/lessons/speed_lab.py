"""How fast a handler is, where its time goes, and what waits for a slow reader. Lesson 10.

The load is a program of its own, `chatkit.bench.load`; the handler is served by a thread of this
kernel, as `launch` does it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import selectors
import socket
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from cProfile import Profile
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from pstats import Stats
from threading import Thread
from typing import TYPE_CHECKING, Any, Self

import IPython.display
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from chatkit.bench.contest import run_load
from chatkit.bench.load import Client, Job, Measured, StalledError, client_frame, payload
from chatkit.client import ChatClient
from chatkit.codecs import JSON
from chatkit.gate import Gate
from chatkit.guide.broadcaster import Broadcaster
from chatkit.lessons.pictures import Drawing
from chatkit.limits import allow_many_files
from chatkit.log import MemoryLog
from chatkit.messages import MAX_MESSAGE, ChatkitError
from chatkit.room import Rooms
from chatkit.server import ChatServer, LaunchedServer, log_request

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

screen: Any = IPython.display  # it carries no types

Handler = type[WebSocketHandler]
Kind = type[Broadcaster] | type[Rooms]  # what makes the thing that all of a server's handlers share

PATIENCE = 20.0  # seconds
LONG = MAX_MESSAGE - 96  # characters of a message that is to fill buffers
KEPT = 20_000  # messages of a log that reaches back far enough, whatever a system's buffers hold
LIMIT = "nothing but send"
AFTERWARDS = 100  # messages that are said after a slow reader was cut off
MEBIBYTE = 2**20  # bytes
BUFFER = 2**16  # bytes that one read may bring


class Faults(logging.Handler):
    """Keeps the errors that Tornado would print, with their tracebacks, into the learner's cell."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the error of a record, if it has one."""
        if record.exc_info and record.exc_info[1]:
            self.errors.append(record.exc_info[1])


class StageServer(ChatServer):
    """A server for one handler, as the learner has it, and a note of its lines."""

    def __init__(self, handler: Handler, kind: Kind, on_line: Callable[[], object]) -> None:
        super().__init__(0)
        self.lines: list[Any] = []  # Tornado's side of each WebSocket that was opened
        app = Application([("/ws", self.noted(handler, on_line), parts(kind))])
        app.settings["log_function"] = log_request
        self.http = self.make_http(app)

    def noted(self, handler: Handler, on_line: Callable[[], object]) -> Handler:
        """Return the handler, with a note of each line that it opens."""
        lines = self.lines

        class Noted(handler):  # type: ignore[valid-type, misc]
            def open(self, *args: str, **kwargs: str) -> Any:
                lines.append(self.ws_connection)
                on_line()
                return super().open(*args, **kwargs)

        return Noted

    async def start(self) -> Self:
        """Listen; that clients hang up while they are told something is no news here."""
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(lambda loop, context: None)
        return await super().start()

    async def stop(self) -> None:
        """Stop, and cut the lines."""
        for line in self.lines:
            line.stream.close()
        await asyncio.sleep(0)  # each handler hears of it
        await super().stop()

    @property
    def waiting(self) -> int:
        """Return how many bytes wait in this program for clients that do not take them."""
        buffers = [getattr(line.stream, "_write_buffer", None) for line in self.lines]
        return sum(len(buffer) for buffer in buffers if buffer is not None)


def parts(kind: Kind) -> dict[str, Any]:
    """Return what a handler's `initialize` is given: a broadcaster, or all that a chat needs."""
    if issubclass(kind, Rooms):
        rooms = kind(MemoryLog(KEPT))
        return {"rooms": rooms, "gate": Gate(per_address=None), "codec": JSON, "rate": None}
    return {"broadcaster": kind()}


@asynccontextmanager
async def serving(
    handler: Handler, kind: Kind, on_line: Callable[[], object] = lambda: None
) -> AsyncIterator[StageServer]:
    """Serve a handler in a thread; if the measurement fails, tell of the handler's own error."""
    allow_many_files()
    with kept_errors() as errors:
        server = StageServer(handler, kind, on_line)
        launched = LaunchedServer(server)
        try:
            yield server
        except (OSError, ChatkitError, StalledError) as error:
            if not errors:
                raise
            reason = f"it raised {type(errors[0]).__name__}: {errors[0]}"
            raise ChatkitError(f"{handler.__name__} could not be measured: {reason}") from error
        finally:
            launched.stop()


@contextmanager
def kept_errors() -> Iterator[list[BaseException]]:
    """Keep the errors that would be printed, with their tracebacks, into the learner's cell."""
    faults = Faults()
    loggers = [logging.getLogger(name) for name in ("tornado.application", "chatkit")]
    for log in loggers:
        log.addHandler(faults)
        log.propagate = False
    try:
        yield faults.errors
    finally:
        for log in loggers:
            log.removeHandler(faults)
            log.propagate = True


class NothingButSend:
    """The least that a server can do, in plain Python: what comes goes to all, as it came.

    It decodes nothing, frames nothing and remembers nothing, so this is the machine's limit.
    """

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.clients: list[socket.socket] = []
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.running = True
        self.thread = Thread(target=self.run, name="nothing but send", daemon=True)
        self.thread.start()

    def run(self) -> None:
        """Serve until told to stop."""
        with suppress(OSError):  # the clients hang up
            while self.running:
                for key, _ in self.selector.select(0.1):
                    if key.fileobj is self.listener:
                        self.take_in()
                    else:
                        self.pass_on(key.fileobj)  # type: ignore[arg-type]

    def take_in(self) -> None:
        """Answer a handshake."""
        client, _ = self.listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        asked = b""
        while not asked.endswith(b"\r\n\r\n"):
            asked += client.recv(4096)
        client.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        self.clients.append(client)
        self.selector.register(client, selectors.EVENT_READ)

    def pass_on(self, sender: socket.socket) -> None:
        """Send to all what one has sent."""
        data = sender.recv(BUFFER)
        for client in self.clients:
            client.sendall(data)

    def stop(self) -> None:
        """Stop, and close everything."""
        self.running = False
        self.thread.join()
        self.selector.close()
        for one in (self.listener, *self.clients):
            one.close()


class Progress:
    """A bar in the cell while something is measured; the result takes its place."""

    def __init__(self, steps: int = 1) -> None:
        self.steps = steps
        self.done = 0
        self.handle: Any = None

    def __enter__(self) -> Self:
        self.handle = screen.display(self.bar("…"), display_id=True)
        return self

    def __exit__(self, *_: object) -> None:
        screen.clear_output(wait=True)

    def bar(self, words: str) -> Any:
        """Return the bar as it is now; with a single step nobody knows how far it is."""
        far = f'value="{self.done}" max="{self.steps}"' if self.steps > 1 else ""
        return screen.HTML(f"<progress {far}></progress> measuring {escape(words)}")

    def step(self, words: str) -> None:
        """Show what is measured next."""
        if self.handle:  # there is none outside of a notebook
            self.handle.update(self.bar(words))
        self.done += 1


@dataclass(frozen=True)
class Speed:
    """How fast something was with so many clients."""

    name: str
    clients: int
    measured: Measured

    @property
    def rate(self) -> float:
        """Return the deliveries a second."""
        return self.measured.rate

    @property
    def p99(self) -> float:
        """Return after how many milliseconds 99 of 100 messages had reached everyone."""
        return self.measured.p99 * 1000

    def __repr__(self) -> str:
        return (
            f"{self.name}, {self.clients} clients: {self.rate:,.0f} deliveries a second; "
            f"99 of 100 messages have reached everyone within {self.p99:,.1f} ms"
        )


async def load(name: str, job: Job) -> Measured:
    """Return what the load's own process has measured; raise ChatkitError if it could not."""
    return await asyncio.to_thread(run_load, name, job)


async def measure(
    handler: Handler,
    kind: Kind = Broadcaster,
    *,
    clients: int = 100,
    flight: int = 64,
    seconds: float = 0.5,
) -> Speed:
    """Return how fast a handler is; `flight` messages are always under way.

    All its instances share a new broadcaster, or new rooms, of that kind.
    """
    with Progress() as progress:
        progress.step(f"{handler.__name__} with {clients} clients")
        return await speed(handler, kind, clients, flight, seconds)


async def speed(handler: Handler, kind: Kind, clients: int, flight: int, seconds: float) -> Speed:
    """Return how fast a handler is, without a bar."""
    async with serving(handler, kind) as server:
        job = Job(server.port, os.getpid(), clients, flight, seconds=seconds, whole=relays(kind))
        return Speed(handler.__name__, clients, await load(handler.__name__, job))


def relays(kind: Kind) -> bool:
    """Return whether a handler of this kind adds nothing to what it passes on."""
    return not issubclass(kind, Rooms)


async def limit(clients: int, flight: int, seconds: float) -> Speed:
    """Return how fast this machine is if all that is done is to send."""
    server = NothingButSend()
    try:
        job = Job(server.port, os.getpid(), clients, flight, seconds=seconds, whole=True)
        return Speed(LIMIT, clients, await load(LIMIT, job))
    finally:
        server.stop()


class Lines:
    """A few lines of text, for the notebook."""

    def __init__(self, *lines: str) -> None:
        self.lines = lines

    def __repr__(self) -> str:
        return "\n".join(self.lines)


def bar(share: float, width: int = 40) -> str:
    """Return a bar of text that is so long: a share of the whole width, to an eighth."""
    eighths = round(share * width * 8)
    rest = " ▏▎▍▌▋▊▉"[eighths % 8].strip()
    return "█" * (eighths // 8) + rest or "▏"


def bars(*speeds: Speed) -> Lines:
    """Return bars of deliveries a second, one under the other, and how many times the first."""
    most = max(one.rate for one in speeds)
    wide = max(len(one.name) for one in speeds)
    head = f"{'':{wide}}  deliveries a second"
    rows = [
        f"{one.name:{wide}}  {bar(one.rate / most):40} {one.rate:>11,.0f}"
        f"  {one.rate / speeds[0].rate:5.1f} ×"
        for one in speeds
    ]
    return Lines(head, *rows)


GROUPS = {
    "send": "the system sends",
    "stream": "Tornado's stream: into its buffer, and out of it",
    "task": "futures and tasks, and the loop that runs them",
    "frame": "text to bytes, with a header in front",
    "rest": "reading, your loop, and all else",
}
FILES = {  # the end of a path: a group
    "tornado/iostream.py": "stream",
    "tornado/platform/asyncio.py": "stream",  # it watches for when a socket can take more
    "tornado/websocket.py": "frame",
    "tornado/escape.py": "frame",
    "tornado/concurrent.py": "task",
}
WAITS = ("poll", "select", "control", "acquire", "sleep", "GetQueuedCompletionStatus")
TOP = 10  # functions in the table

Place = tuple[str, int, str]  # a function as the profiler knows it: file, line, name


async def profile(handler: Handler, kind: Kind = Broadcaster, guess: str = "") -> Lines:
    """Return where a handler's time goes: by groups, and the functions that take most of it."""
    if guess and guess not in GROUPS:
        raise ChatkitError(f"There is no {guess!r} to guess: choose one of {', '.join(GROUPS)}.")
    clients = 100
    profiler = Profile()
    came: list[None] = []

    def begin_when_all_are_here() -> None:
        came.append(None)
        if len(came) == clients:
            asyncio.get_running_loop().call_soon(profiler.enable)

    with Progress() as progress:
        progress.step(f"{handler.__name__}, under the profiler")
        async with serving(handler, kind, begin_when_all_are_here) as server:
            job = Job(server.port, os.getpid(), clients, 64, seconds=0.5, whole=relays(kind))
            try:
                await load(handler.__name__, job)
            finally:  # from Python 3.12 on a process has one profiler
                server.loop.call_soon_threadsafe(profiler.disable)
    found: Any = Stats(profiler)
    return shares(own_times(found.stats), guess)


def own_times(stats: Mapping[Place, Any]) -> Counter[tuple[str, str]]:
    """Return how long each function took by itself, by name and group.

    What is written in C counts as its caller's, except for what a socket does.
    """
    times: Counter[tuple[str, str]] = Counter()
    for place, (_, _, own, _, callers) in stats.items():
        file, _, function = place
        if file != "~":
            times[named(place)] += own
        elif "_socket" in function:
            name = function.split("'")[1]
            times[f"socket.{name}", "send" if name == "send" else "rest"] += own
        elif not any(word in function for word in WAITS):
            for caller, (_, _, own_there, _) in callers.items():
                times[named(caller)] += own_there
    return times


def named(place: Place) -> tuple[str, str]:
    """Return a short name for a function, and its group."""
    path, _, function = place
    file = path.replace(os.sep, "/")
    if ("/asyncio/" in file and "tornado" not in file) or function == "wrapper":
        group = "task"  # Tornado's `wrapper` is what the task for each write runs
    else:
        group = next((group for end, group in FILES.items() if file.endswith(end)), "rest")
    module = "your" if "ipykernel" in file or file.startswith("<") else Path(file).stem
    return f"{module}.{function}", group


def shares(times: Counter[tuple[str, str]], guess: str) -> Lines:
    """Return the shares of groups and of functions as lines with bars."""
    total = sum(times.values())
    groups = Counter(dict.fromkeys(GROUPS, 0.0))
    for (_, group), own in times.items():
        groups[group] += own
    rows = [
        f"{own / total:4.0%} {bar(own / total, 24):24} {group:6} {GROUPS[group]}"
        f"{'  ← your guess' if group == guess else ''}"
        for group, own in groups.most_common()
    ]
    top = [f"{own / total:4.0%} {name:32} {group}" for (name, group), own in times.most_common(TOP)]
    return Lines(*rows, "", f"The {TOP} functions that take most time by themselves:", *top)


@dataclass(frozen=True)
class Climb:
    """What waited in a server for one who does not read, while more and more was said."""

    name: str
    said: list[float]  # MiB
    waiting: list[float]  # MiB


@contextmanager
def dialled(server: StageServer) -> Iterator[Client]:
    """Connect a client of the load to a server, and hang up afterwards."""
    client = Client(server.port, "/ws")
    with client.socket:
        yield client


def talk(talker: Client, whole: bool, go_on: Callable[[int], bool]) -> None:
    """Send long messages, numbered from 0, each when the one before has come back."""
    number = 0
    while go_on(number):
        text = f"{number:09} ".ljust(LONG, "x")
        talker.socket.sendall(client_frame(payload(text, whole)))
        while b"}" not in (data := talker.socket.recv(BUFFER)):
            if not data:
                raise StalledError("The server closed a connection.")
        number += 1


async def slow_reader(handler: Handler, kind: Kind = Broadcaster, said: int = 12) -> Climb:
    """Return what waits for a client that does not read, while so many MiB are said."""
    climb = Climb(handler.__name__, [], [])
    with Progress() as progress:
        progress.step(f"{handler.__name__}, with one who does not read")
        async with serving(handler, kind) as server:

            def note(number: int) -> bool:
                climb.said.append(number * LONG / MEBIBYTE)
                climb.waiting.append(server.waiting / MEBIBYTE)
                return climb.said[-1] < said

            with dialled(server) as talker, dialled(server):
                await asyncio.to_thread(talk, talker, relays(kind), note)
    return climb


async def coffee_break(handler: Handler, kind: Kind = Rooms) -> Lines:
    """Have Grace read one message and no more until the server has cut her off; then all the rest.

    Return what came of it.
    """
    async with serving(handler, kind) as server:
        cut_at: list[int] = []

        def go_on(number: int) -> bool:
            if not cut_at and server.lines[0].is_closing():
                cut_at.append(number)
            return number < (cut_at[0] + AFTERWARDS if cut_at else KEPT)

        async with ChatClient(server.url, "Grace") as grace:
            line: Any = grace.connection
            reading = asyncio.create_task(anext(grace))  # then she has begun to read
            with dialled(server) as ada:
                await asyncio.to_thread(talk, ada, False, go_on)
            heard = [int((await reading).message[:9])]
            if not cut_at:
                raise ChatkitError("The server has never lost patience with Grace.")
            said = cut_at[0] + AFTERWARDS
            async with asyncio.timeout(PATIENCE):
                while heard[-1] < said - 1:
                    heard.append(int((await anext(grace)).message[:9]))
    missing, twice = said - len({*heard}), len(heard) - len({*heard})
    return Lines(
        f"The server closed Grace's line: {line.close_code}, “{line.close_reason}”.",
        f"She came back, and read on: {missing} messages missing, {twice} came twice.",
    )


GREY = "#7d7d7d"  # this and the others can be read on white and on black
COLOURS = ("#dc4c4c", "#c8781a", "#23975b", "#3f83d8", "#9a66e0")
STYLE: Any = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.titlecolor", "axes.edgecolor"), GREY),
    **dict.fromkeys(("xtick.color", "ytick.color", "grid.color"), GREY),
    **dict.fromkeys(("axes.facecolor", "figure.facecolor", "savefig.facecolor"), "none"),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "lines.linewidth": 2.0,
    "font.size": 10.0,
}
WIDTH, HEIGHT = 900, 340  # pixels
SHARPNESS = 2  # pixels of a good screen for one of these
APART = 0.085  # of a panel's height, between two names beside it


class Plot(Drawing):
    """A picture made by matplotlib, and what is to be seen in it."""

    def __init__(self, figure: Figure, words: str) -> None:
        png = BytesIO()
        figure.savefig(png, format="png", metadata={"Software": None})
        super().__init__("image/png", b64encode(png.getvalue()).decode(), words)

    def _repr_mimebundle_(self, **_: Any) -> Any:
        return self.bundle, {"image/png": {"width": WIDTH}}


@contextmanager
def canvas(panels: int) -> Iterator[tuple[Figure, list[Axes]]]:
    """Yield a figure and its panels, side by side, to be drawn on."""
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it tells what it does
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        size = (WIDTH / 100, HEIGHT / 100)
        figure = Figure(figsize=size, dpi=100 * SHARPNESS, layout="constrained")
        yield figure, [*figure.subplots(1, panels, squeeze=False)[0]]


def label_ends(axes: Axes, ends: Sequence[tuple[str, float, float, str]]) -> None:
    """Write names at the ends of lines, in their colours, apart enough to be read."""
    across = axes.transData + axes.transAxes.inverted()
    ends = sorted(ends, key=lambda end: end[2])
    heights = [across.transform((x, y))[1] for _, x, y, _ in ends]
    for _ in range(100):  # whoever is too near pushes, and is pushed
        heights[-1] = min(heights[-1], 0.95)
        for n in range(1, len(heights)):
            lack = max(0.0, APART - heights[n] + heights[n - 1])
            heights[n] += lack / 2
            heights[n - 1] -= lack / 2
    for (name, x, y, colour), height in zip(ends, heights, strict=True):
        right = across.transform((x, y))[0] + 0.02
        axes.text(right, height, name, color=colour, va="center", transform=axes.transAxes)


def waiting_plot(*climbs: Climb) -> Plot:
    """Return a plot of what waits for who does not read, while more and more is said."""
    with canvas(1) as (figure, [axes]):
        ends = []
        for climb, colour in zip(climbs, COLOURS[2:], strict=False):
            axes.plot(climb.said, climb.waiting, color=colour)
            ends.append((climb.name, climb.said[-1], climb.waiting[-1], colour))
        axes.set_xlabel("MiB said so far")
        axes.set_title("MiB that wait in the server for the one who does not read")
        axes.set_xlim(0, max(climb.said[-1] for climb in climbs))
        axes.set_ylim(0, max(1.0, *(high for climb in climbs for high in climb.waiting)) * 1.05)
        label_ends(axes, ends)
        words = "; ".join(
            f"{one.name}: {one.waiting[-1]:.1f} MiB wait at the end" for one in climbs
        )
        return Plot(figure, words)


@dataclass(frozen=True)
class Race:
    """How fast several handlers were with more and more clients, and the machine's limit."""

    speeds: dict[str, list[Speed]]

    def plot(self) -> Plot:
        """Return a plot of deliveries a second and of the time until the last one has heard."""
        from matplotlib.ticker import EngFormatter, FuncFormatter, NullLocator

        with canvas(2) as (figure, panels):
            figures = (
                ("deliveries a second", "rate", EngFormatter(sep="")),
                ("ms until 99 of 100 messages have reached all", "p99", FuncFormatter(plain)),
            )
            for axes, (title, what, form) in zip(panels, figures, strict=True):
                axes.set_xscale("log")
                axes.set_yscale("log")
                axes.set_title(title)
                axes.set_xlabel("clients")
                sizes = [one.clients for one in next(iter(self.speeds.values()))]
                axes.set_xticks(sizes, labels=[str(size) for size in sizes])
                axes.xaxis.set_minor_locator(NullLocator())
                axes.yaxis.set_major_formatter(form)
                ends = []
                for (name, speeds), colour in zip(self.speeds.items(), self.colours, strict=True):
                    heights = [getattr(speed, what) for speed in speeds]
                    dashes = "--" if colour == GREY else "-"
                    axes.plot(sizes, heights, dashes, color=colour, marker="o", markersize=4)
                    ends.append((name, sizes[-1], heights[-1], colour))
                axes.autoscale_view()
                label_ends(axes, ends)
            words = (repr(speeds[-1]) for speeds in self.speeds.values())
            return Plot(figure, "\n".join(words))

    @property
    def colours(self) -> list[str]:
        """Return a colour for each, grey for the limit, which is the last."""
        return [*COLOURS[: len(self.speeds) - 1], GREY]


def plain(value: float, _: object) -> str:
    """Return a number as people write it."""
    return f"{value:,g}"


async def race(
    *stages: tuple[Handler, Kind], clients: Sequence[int] = (10, 30, 100), seconds: float = 0.15
) -> Race:
    """Return how fast handlers are with more and more clients, 64 messages always under way."""
    found: dict[str, list[Speed]] = {}
    with Progress(len(clients) * (len(stages) + 1)) as progress:
        for size in clients:
            for handler, kind in stages:
                progress.step(f"{handler.__name__} with {size} clients")
                one = await speed(handler, kind, size, 64, seconds)
                found.setdefault(one.name, []).append(one)
            progress.step(f"{LIMIT} with {size} clients")
            one = await limit(size, 64, seconds)
            found.setdefault(one.name, []).append(one)
    return Race(found)
