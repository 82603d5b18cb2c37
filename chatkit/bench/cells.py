"""What is measured: how many clients, how many of them talk, and how much at once."""

from __future__ import annotations

import select
from collections.abc import Sequence

import msgspec

from chatkit.bench.load import LENGTH
from chatkit.limits import allow_many_files
from chatkit.messages import MAX_MESSAGE, ChatkitError

MAX_CLIENTS = 20_000 if hasattr(select, "poll") else 400  # Windows' select takes 512 sockets
MAX_FLIGHT = 1024  # messages under way at once
MAX_ROUNDS = 20
MAX_SERVERS = 16
MAX_SECONDS = 10.0  # of one measurement
LONGEST = 3600.0  # seconds that a whole contest may take
AROUND = 1.5  # seconds that go by around a measurement, more or less: start, connect, warm up
SPARE = 64  # files that a process has open besides its clients


class Cell(msgspec.Struct, frozen=True):
    """Clients of which some send, so that so many messages are always under way.

    Messages have `length` characters, and `slow` more clients never read.
    """

    clients: int
    flight: int
    senders: int = 1
    slow: int = 0
    length: int = LENGTH


CROWD = min(1000, MAX_CLIENTS)
CELLS = [
    Cell(100, 1),
    Cell(CROWD, 1),
    Cell(100, 64),
    Cell(CROWD, 64),
    Cell(CROWD // 2, 64, CROWD // 2),
]
STAGE_CELLS = [Cell(100, 64)]
SLOW_CELLS = [Cell(10, 64, slow=1, length=MAX_MESSAGE)]


def check(cells: Sequence[Cell], rounds: int, seconds: float, servers: int) -> None:
    """Raise ChatkitError for what can't be measured, or would take too long."""
    for cell in cells:
        within("clients", cell.clients, 1, MAX_CLIENTS)
        within("messages in flight", cell.flight, 1, MAX_FLIGHT)
        within("senders", cell.senders, 1, cell.clients)
        within("slow clients", cell.slow, 0, MAX_CLIENTS)
        within("characters in a message", cell.length, LENGTH, MAX_MESSAGE)
    within("rounds", rounds, 1, MAX_ROUNDS)
    within("seconds", seconds, 0.1, MAX_SECONDS)
    if (total := servers * len(cells) * rounds * (seconds + AROUND)) > LONGEST:
        raise ChatkitError(
            f"That would take about {total / 60:.0f} minutes, and {LONGEST / 60:.0f} are allowed: "
            "take fewer contestants, cells, rounds or seconds."
        )
    let_open(max((cell.clients + cell.slow for cell in cells), default=0))


def within(what: str, number: float, least: float, most: float) -> None:
    """Raise ChatkitError if a number isn't between the least and the most."""
    if not least <= number <= most:
        raise ChatkitError(f"There can be {least:g} to {most:,g} {what}, and this is {number:g}.")


def let_open(connections: int) -> None:
    """Have this process and those it starts open so many connections; raise ChatkitError."""
    if connections + SPARE > allow_many_files():
        raise ChatkitError(
            f"{connections:,} connections are more open files than this system allows: take "
            "fewer clients, or have its administrator raise the limit (ulimit -Hn)."
        )
