"""Servers against each other: each in a process of its own, and their rounds interleaved."""

from __future__ import annotations

import os
import platform
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import IO

import msgspec
import psutil

from chatkit.bench.cells import CELLS, Cell, check
from chatkit.bench.contestants import Contestant
from chatkit.bench.load import Job, Measured, payload
from chatkit.messages import ChatkitError

PATIENCE = 60.0  # seconds that a server has to start, or the load to connect and to come back
GRACE = 0.5  # seconds between the end of a server's connections and its own
FAREWELL = 5.0  # seconds that a server has to stop by itself
SLOW_SECONDS = 1.5  # of a measurement with slow clients: the system's own buffers fill first
BUFFERED = 8 * 2**20  # bytes that may wait for a slow client before they show: the system's buffers
HOW = (
    "Each message goes to every client, its sender too, over loopback, uncompressed and with "
    "TCP_NODELAY. chatkit does its whole work (a message is decoded, validated, numbered, put in "
    "the log and encoded); the others only relay, and what they are sent is what chatkit would "
    "send on, so that the same bytes leave. For each measurement a server is started anew in a "
    "process of its own, and the load runs in another; rounds are interleaved. Several servers "
    "have one room, their clients are spread evenly, and what a Redis does beside them is not in "
    "their CPU. Figures are medians of all rounds, and (least … greatest)."
)


class Figure(msgspec.Struct, frozen=True):
    """The median of all rounds, and the least and the greatest."""

    median: float
    min: float
    max: float


class Result(msgspec.Struct, frozen=True):
    """What a contestant did in a cell.

    `ratio` is the first contestant's rate by this one's (medians). `rate` is in deliveries a
    second; `p50` and `p99` are seconds until the last client had a message; `cpu` is in seconds a
    delivery, and `per_connection` in bytes. `start` and `peak` are the server's memory in bytes:
    when all clients were there, and at its height. `bounded` says of a cell with slow clients
    whether memory had stopped climbing; None if the run was too short to tell. `idle` is the
    share of the load's looks for news that found none, `busy` the share of the time in which a
    server's process was at work (of several, the mean). `runs` are all rounds.
    """

    contestant: str
    cell: Cell
    ratio: float
    rate: Figure
    p50: Figure
    p99: Figure
    cpu: Figure
    per_connection: Figure
    start: Figure
    peak: Figure
    bounded: bool | None
    idle: Figure
    busy: Figure
    runs: list[Measured]


class Results(msgspec.Struct, frozen=True):
    """What was measured, where and how: what `chatkit bench --json` prints.

    `missing` says of each contestant that was asked for and isn't installed what would help.
    """

    how: str
    python: str
    platform: str
    cores: int
    versions: dict[str, str]
    missing: list[str]
    rounds: int
    seconds: float
    results: list[Result]


class LoadError(ChatkitError):
    """The load gave up a server."""


@contextmanager
def all_running(contestant: Contestant) -> Iterator[list[tuple[int, int]]]:
    """Start all of a contestant's servers, and give the port and the process of each."""
    with ExitStack() as stack:
        yield [stack.enter_context(running(contestant)) for _ in range(contestant.servers)]


@contextmanager
def running(contestant: Contestant) -> Iterator[tuple[int, int]]:
    """Start a server and give its port and the id of its process; it is ended whatever happens.

    Raise ChatkitError if it does not start, or ends while it is needed.
    """
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen(
            contestant.command, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            port = port_of(process)
            if port is None:
                raise ChatkitError(f"{contestant.name} did not start: {last_line(errors)}")
            yield port, process_of(process.pid)
        except LoadError as error:
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
                detail = f"{contestant.name} ended while it was measured: {last_line(errors)}"
                raise ChatkitError(detail) from error
            raise
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """End a server: it may say goodbye, as to a Redis, but not for long."""
    try:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(FAREWELL)
    finally:
        process.kill()


def port_of(process: subprocess.Popen[str]) -> int | None:
    """Return the port with which the first line of a server ends, or None if there is none."""
    assert process.stdout
    alarm = threading.Timer(PATIENCE, process.kill)
    alarm.start()
    try:
        port = re.search(r"(\d+)/?$", process.stdout.readline().rstrip())
    finally:
        alarm.cancel()
    return int(port[1]) if port else None


def process_of(pid: int) -> int:
    """Return the process that serves: on Windows a venv's python only starts the real one."""
    children = psutil.Process(pid).children() if sys.platform == "win32" else []
    return children[0].pid if children else pid


def last_line(errors: IO[str]) -> str:
    """Return the last line that a program has written to its standard error."""
    errors.seek(0)
    return (errors.read().strip().splitlines() or ["it did not say why."])[-1]


def measure(contestant: Contestant, cell: Cell, seconds: float = 1.0) -> Measured:
    """Return what the load sees of a server that is started for it; raise ChatkitError."""
    seconds = max(seconds, SLOW_SECONDS if cell.slow else 0)
    with room_of_its_own(contestant) as room, all_running(contestant) as [(port, pid), *others]:
        job = Job(
            port,
            pid,
            seconds=seconds,
            path=f"/ws?room={room}&since=0",  # who comes in late gets what was said before
            whole=contestant.whole,
            others=others,
            **msgspec.structs.asdict(cell),
        )
        return run_load(contestant.name, job)


@contextmanager
def room_of_its_own(contestant: Contestant) -> Iterator[str]:
    """Give the name of a new room, and have a log that others use as well forget it again."""
    room = f"bench-{secrets.token_hex(8)}"
    try:
        yield room
    finally:
        if contestant.shared:
            from chatkit.bench.tidy import forget

            forget(contestant.log, room)


def run_load(name: str, job: Job) -> Measured:
    """Return what the load sees, in a process of its own; raise LoadError, which has the name."""
    command = [sys.executable, "-m", "chatkit.bench.load", msgspec.json.encode(job).decode()]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=job.seconds + PATIENCE, check=True
        )
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"{name} is too slow for this: take fewer clients or messages.") from error
    except subprocess.CalledProcessError as error:
        why = (error.stderr.strip().splitlines() or ["the load ended without a word."])[-1]
        raise LoadError(f"{name} could not be measured: {why}") from error
    return msgspec.json.decode(done.stdout, type=Measured)


def contest(
    contestants: Sequence[Contestant],
    cells: Sequence[Cell] = CELLS,
    rounds: int = 5,
    seconds: float = 1.0,
    missing: Sequence[str] = (),
    progress: Callable[[str], None] = lambda next_one: None,
) -> Results:
    """Return what the contestants did in each cell, side by side in each round.

    `progress` is told what comes next, as often as there are measurements.
    """
    check(cells, rounds, seconds, len(contestants))
    runs = {(cell, one.name): list[Measured]() for cell in cells for one in contestants}
    for number in range(1, rounds + 1):
        for cell in cells:
            for one in contestants:
                progress(f"{one.name}, {cell.clients} clients, round {number} of {rounds}")
                runs[cell, one.name].append(measure(one, cell, seconds))
    return Results(
        HOW,
        platform.python_version(),
        platform.platform(),
        os.cpu_count() or 1,
        {one.name: one.version for one in contestants},
        [*missing],
        rounds,
        seconds,
        [
            result(one, cell, runs[cell, one.name], runs[cell, contestants[0].name])
            for cell in cells
            for one in contestants
        ],
    )


def result(one: Contestant, cell: Cell, runs: list[Measured], first: list[Measured]) -> Result:
    """Return what a contestant's rounds in a cell come to."""
    rate = figure(run.rate for run in runs)
    return Result(
        contestant=one.name,
        cell=cell,
        ratio=figure(run.rate for run in first).median / rate.median,
        rate=rate,
        p50=figure(run.p50 for run in runs),
        p99=figure(run.p99 for run in runs),
        cpu=figure(run.cpu for run in runs),
        per_connection=figure(run.per_connection for run in runs),
        start=figure(run.memory[0][1] for run in runs),
        peak=figure(max(size for _, size in run.memory) for run in runs),
        bounded=is_bounded(cell, runs[-1]) if cell.slow else None,
        idle=figure(run.idle for run in runs),
        busy=figure(run.cpu * run.rate / one.servers for run in runs),
        runs=runs,
    )


def figure(values: Iterable[float]) -> Figure:
    """Return the median of some values, their least and their greatest."""
    values = [*values]
    return Figure(statistics.median(values), min(values), max(values))


def is_bounded(cell: Cell, run: Measured) -> bool | None:
    """Return whether a server stopped keeping what a slow client doesn't take; None: can't tell."""
    owed = run.messages * cell.slow * len(payload("x" * cell.length, whole=True))
    sizes = [size for _, size in run.memory]
    if sizes[-1] - sizes[len(sizes) * 2 // 3] > owed / 3 / 4:  # it still keeps much of it
        return False
    return True if owed > BUFFERED * cell.slow else None
