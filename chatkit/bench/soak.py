"""`chatkit soak`: a crowd talks for minutes, comes and goes; nothing may be lost, nothing may grow.

The server is a process of its own, with its log in SQLite. The people are real clients: most of the
time they say something, now and then they leave and come back, or their line is cut. Each of them
counts what it hears, and in the end all that was ever said is read again.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import psutil
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from chatkit.bench.contest import end, last_line, port_of, process_of
from chatkit.client import ChatClient
from chatkit.limits import allow_many_files
from chatkit.messages import ChatkitError, Message

PACE = 10.0  # seconds between two things that one does, on average
LEAVE, CUT = 0.05, 0.05  # how often it is that one leaves, or that a line is cut
AWAY = 2.0  # seconds for which one is away at most
ARRIVALS = 20  # people who come in at once at the beginning
PATIENCE = 60.0  # seconds in which all that is under way has arrived
LOOK = 1.0  # seconds between two looks at the server
LOOKS = 20  # at what is being closed, in that time
THE_END = "This is the end."
ENDED = "The server ended in the midst of it."
ROWS = 10  # of the table
GROWTH = 0.1  # share by which memory may grow from the middle to the end: it is taken in steps
NOISE = 2 * 2**20  # bytes that are no growth


class Sample(NamedTuple):
    """The server at a moment: seconds since the beginning, people, messages, bytes, files, CPU."""

    time: float
    people: int
    messages: int
    memory: int
    files: int
    cpu: float  # share of one core


@dataclass
class Findings:
    """What a soak has seen.

    `files` is how many the server had open before anybody came and after all had left. `on_sample`
    is called with each look at the server.
    """

    samples: list[Sample] = field(default_factory=list)
    sent: int = 0
    heard: int = 0
    left: int = 0
    cut: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    files: tuple[int, int] = (0, 0)
    on_sample: Callable[[Sample], object] = lambda sample: None

    @property
    def memory(self) -> tuple[float, float]:
        """Return the server's memory in bytes, in the middle third and in the last."""
        sizes = [sample.memory for sample in self.samples]
        third = max(1, len(sizes) // 3)
        return statistics.median(sizes[third:-third] or sizes), statistics.median(sizes[-third:])

    def verdicts(self) -> Iterator[tuple[bool, str]]:
        """Yield whether it is well, and in what respect."""
        said = ", ".join(f"{words} ({count})" for words, count in self.faults.most_common(5))
        yield not self.faults, said or f"{self.sent:,} messages: each once, in order, to everyone"
        middle, late = self.memory
        grown = late - middle
        flat = grown <= max(GROWTH * middle, NOISE)
        yield flat, f"memory: {middle / 2**20:.1f} MiB in the middle, {late / 2**20:.1f} at the end"
        before, after = self.files
        yield (
            after <= before,
            f"open files: {before} before anybody came, {after} when all had left",
        )


class Person:
    """A client that talks, goes and comes back, and counts what it hears."""

    def __init__(self, url: str, number: int, room: str, findings: Findings) -> None:
        self.findings = findings
        self.number = number
        self.newest: int | None = None  # id of what it heard last
        self.here = asyncio.Event()
        self.client = ChatClient(url, f"person-{number}", room=room)
        self.client.on_message(self.hear)
        self.client.on_event(self.hear_event)
        self.client.on_error(self.complain)
        self.client.on_state(lambda state: self.here.set() if state == "connected" else None)

    async def come(self) -> None:
        """Come in; raise ChatkitError if that takes too long."""
        self.here.clear()
        self.client.start()
        try:
            await asyncio.wait_for(self.here.wait(), PATIENCE)
        except TimeoutError:
            raise ChatkitError(
                f"Person {self.number} could not come in within {PATIENCE:g} seconds: "
                "take fewer --clients, or a machine with more time to spare."
            ) from None

    def hear(self, message: Message) -> None:
        """Count a message; it has to be the next one."""
        self.findings.heard += 1
        if message.id != (self.newest or 0) + 1:
            self.findings.faults["heard something twice, or not at all"] += 1
        self.newest = message.id

    def hear_event(self, event: dict[str, Any]) -> None:
        """Note at which message it has come in."""
        if event["event"] == "welcome" and self.newest is None:
            self.newest = event["last"]

    def complain(self, sentence: str) -> None:
        """Count what goes wrong."""
        self.findings.faults[sentence] += 1

    async def live(self, end: float) -> None:
        """Do this and that until the loop's time is `end`."""
        loop = asyncio.get_running_loop()
        while (pause := random.expovariate(1 / PACE)) < end - loop.time():
            await asyncio.sleep(pause)
            await self.do_something(random.random())

    async def do_something(self, chance: float) -> None:
        """Leave and come back, lose the line, or, most of the time, say something."""
        heard = self.client.connection and not self.client.outbox.unconfirmed
        if heard and chance < LEAVE:  # who leaves in haste would be told so
            self.findings.left += 1
            await self.client.close()
            await asyncio.sleep(random.uniform(0, AWAY))
            await self.come()
        elif self.client.connection and chance < LEAVE + CUT:
            self.findings.cut += 1
            cut(self.client)
        else:
            self.findings.sent += 1
            await self.client.send(f"{self.number} says {self.findings.sent}")


def cut(client: ChatClient) -> None:
    """Cut a client's line, as a train in a tunnel does."""
    protocol = client.connection and client.connection.protocol
    if protocol and protocol.stream:
        protocol.stream.close()


@contextmanager
def serving(log: str, errors: IO[str]) -> Iterator[tuple[str, psutil.Process]]:
    """Give the address of a server in a process of its own, and that process."""
    options = ["--port", "0", "--log", log, "--per-address", "off", "--token", ""]
    command = [sys.executable, "-m", "chatkit.cli", "serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
        try:
            port = port_of(process)
            if port is None:
                raise ChatkitError(f"The server did not start: {last_line(errors)}")
            yield f"http://127.0.0.1:{port}/", psutil.Process(process_of(process.pid))
        finally:
            end(process)


def open_files(process: psutil.Process) -> int:
    """Return how many files and sockets a process has open."""
    count: int = process.num_handles() if sys.platform == "win32" else process.num_fds()
    return count


def runs(process: psutil.Process) -> bool:
    """Return whether a process has not ended; one that nobody has waited for yet has, too."""
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


async def unless_it_ends(process: psutil.Process, work: Coroutine[Any, Any, None]) -> None:
    """Do some work with the server; raise ChatkitError if it ends before the work does."""
    working = asyncio.create_task(work)
    try:
        while not working.done() and runs(process):
            await asyncio.wait([working], timeout=LOOK)
        if not runs(process):
            raise ChatkitError(ENDED)
        await working
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        if calls := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(calls, timeout=LOOK)  # those that nobody wants any more hang up


async def together(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all of these at once; when one fails, the others are broken off."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def watching(
    process: psutil.Process, people: Sequence[Person], findings: Findings
) -> AsyncIterator[None]:
    """Look at the server again and again, for the length of an `async with`."""
    task = asyncio.create_task(watch(process, people, findings))
    try:
        yield
    finally:
        task.cancel()


async def watch(process: psutil.Process, people: Sequence[Person], findings: Findings) -> None:
    """Look at the server again and again, until it has ended or this is cancelled."""
    began = time.monotonic()
    with suppress(psutil.NoSuchProcess):
        process.cpu_percent()
        while True:
            await asyncio.sleep(LOOK)
            sample = Sample(
                time.monotonic() - began,
                sum(person.client.state == "connected" for person in people),
                findings.sent,
                process.memory_info().rss,
                open_files(process),
                process.cpu_percent() / 100,
            )
            findings.samples.append(sample)
            findings.on_sample(sample)


@asynccontextmanager
async def crowd(people: Sequence[Person]) -> AsyncIterator[None]:
    """Have people come in, a few at a time, and leave in the end."""
    door = asyncio.Semaphore(ARRIVALS)

    async def come(person: Person) -> None:
        async with door:
            await person.come()

    async def go(person: Person) -> None:
        async with door:
            await person.client.close()

    try:
        await together(map(come, people))
        yield
    finally:
        await asyncio.gather(*map(go, people))


async def settle(people: Sequence[Person], findings: Findings) -> None:
    """Wait until everybody has everything; what is missing after a while is a fault."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(person.client.confirmed() for person in people))
            while not agreed(people):  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(LOOK)
    if unconfirmed := sum(len(person.client.outbox.unconfirmed) for person in people):
        findings.faults["was never confirmed"] += unconfirmed
    if not agreed(people):
        findings.faults["not everybody in a room has heard the same"] += 1


def agreed(people: Sequence[Person]) -> bool:
    """Return whether all who are in one room have heard up to the same message."""
    return len({(p.client.room, p.newest) for p in people}) == len({p.client.room for p in people})


async def read_again(url: str, room: str, findings: Findings) -> int:
    """Return how many messages a room has kept; count what is not as it should be."""
    reader = ChatClient(url, room=room)
    reader.seen = 0  # so that it gets all that was ever said
    ids: list[int] = []
    texts: set[str] = set()
    try:
        async with asyncio.timeout(PATIENCE), reader:
            await reader.send(THE_END)
            async for message in reader:
                ids.append(message.id)
                if message.message == THE_END:
                    break
                texts.add(message.message)
    except TimeoutError:
        findings.faults[f"{room} could not be read to its end"] += 1
    else:
        if ids != [*range(1, len(texts) + 2)]:
            findings.faults[f"{room} has kept something twice, or with a gap in its numbers"] += 1
    return len(texts)


async def fewest_files(process: psutil.Process, enough: int = 0) -> int:
    """Return how many files a process has open once those that are being closed are closed."""
    fewest = open_files(process)
    for _ in range(LOOKS):
        if fewest <= enough:
            break
        await asyncio.sleep(LOOK / LOOKS)
        fewest = min(fewest, open_files(process))
    return fewest


async def soak(
    url: str, server: psutil.Process, seconds: float, people: int, rooms: int, findings: Findings
) -> None:
    """Have a crowd in so many rooms talk for so long, and note what comes of it.

    Raises ChatkitError if the server ends in the midst of it, or somebody can't come in.
    """
    await unless_it_ends(server, all_of_it(url, server, seconds, people, rooms, findings))


async def all_of_it(
    url: str, server: psutil.Process, seconds: float, people: int, rooms: int, findings: Findings
) -> None:
    """Soak a server that does not end."""
    group = [Person(url, n, f"room-{n % rooms}", findings) for n in range(people)]
    async with ChatClient(url):  # what is opened once for all is open from now on
        pass
    before = await fewest_files(server)
    async with crowd(group):
        until = asyncio.get_running_loop().time() + seconds
        async with watching(server, group, findings):
            await together(person.live(until) for person in group)
        await settle(group, findings)
    kept = sum([await read_again(url, f"room-{n}", findings) for n in range(min(rooms, people))])
    if kept != findings.sent:
        findings.faults[f"of {findings.sent} messages that were sent {kept} are kept"] += 1
    findings.files = before, await fewest_files(server, before)


def measure(
    seconds: float, people: int, rooms: int, log: str = "", findings: Findings | None = None
) -> Findings:
    """Return what came of a soak with a server of its own; raise ChatkitError if none starts."""
    findings = findings or Findings()
    allow_many_files()
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
    ):
        with serving(log or f"sqlite:{Path(folder, 'soak.db')}", errors) as (url, server):
            asyncio.run(soak(url, server, seconds, people, rooms, findings))
        errors.seek(0)
        findings.faults.update(f"the server said: {line.rstrip()}" for line in errors)
    return findings


def table(findings: Findings) -> Table:
    """Return how the server was, at ten moments or fewer."""
    table = Table(box=None, pad_edge=False)
    for heading in ("seconds", "people", "messages", "MiB", "open files", "CPU"):
        table.add_column(heading, justify="right", min_width=8)
    samples = findings.samples
    step = -(-len(samples) // ROWS) or 1
    for sample in samples[step - 1 :: step]:
        table.add_row(
            f"{sample.time:.0f}",
            f"{sample.people:,}",
            f"{sample.messages:,}",
            f"{sample.memory / 2**20:.1f}",
            f"{sample.files:,}",
            f"{sample.cpu:.0%}",
        )
    return table


def run(seconds: float, people: int, rooms: int, log: str = "") -> bool:
    """Soak a server, print what was seen, and return whether all is well."""
    findings = Findings()
    told = Console(stderr=True)
    with Progress(console=told, transient=True, disable=not told.is_terminal) as bar:
        task = bar.add_task(f"{people:,} people in {rooms} rooms", total=seconds)
        findings.on_sample = lambda sample: bar.update(task, completed=sample.time)
        measure(seconds, people, rooms, log, findings)
    said = Console()
    said.print(table(findings))
    said.print(
        f"\n{people:,} people in {rooms} rooms for {seconds:g} s: {findings.heard:,} deliveries, "
        f"{findings.left:,} left and came back, {findings.cut:,} lines were cut.",
        highlight=False,
        soft_wrap=True,
    )
    verdicts = [*findings.verdicts()]
    for well, words in verdicts:
        said.print(f"{'✓' if well else '✗'} {words}", markup=False, highlight=False, soft_wrap=True)
    return all(well for well, _ in verdicts)
