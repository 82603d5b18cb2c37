"""`chatkit bench`: its options, a progress bar, and what it prints."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import Progress

from chatkit.bench.cells import (
    CELLS,
    CROWD,
    MAX_SERVERS,
    SLOW_CELLS,
    STAGE_CELLS,
    Cell,
    check,
    within,
)
from chatkit.bench.contest import contest
from chatkit.bench.contestants import STAGES, contestants
from chatkit.bench.report import tables, warnings, where
from chatkit.messages import ChatkitError
from chatkit.server import rooms_at

WIDTH = 120  # characters of a table where the terminal doesn't say


def run(
    *,
    against: str,
    stages: bool,
    clients: str,
    flight: str,
    senders: str,
    rounds: int,
    seconds: float,
    log: str,
    servers: str,
    as_json: bool,
    plot: Path | None,
) -> None:
    """Do what `chatkit bench` was asked for; raise ChatkitError if that can't be."""
    logs, many = split(log) or ["memory"], numbers("--servers", servers) or [1]
    if plot:
        from chatkit.bench.plot import check_file

        check_file(plot)
    asked = cells(clients, flight, senders) or (STAGE_CELLS if stages else CELLS)
    asked += SLOW_CELLS if stages else []
    names = [*(STAGES if stages else ["chatkit"]), *split(against)]
    for number in many:
        within("servers", number, 1, MAX_SERVERS)
    here, missing = contestants(names, logs, many)
    check(asked, rounds, seconds, len(here))
    asyncio.run(try_logs(logs))
    told = Console(stderr=True)
    for sentence in missing:
        told.print(sentence, markup=False, soft_wrap=True)
    with Progress(console=told, transient=True, disable=not told.is_terminal) as bar:
        task = bar.add_task("", total=len(here) * len(asked) * rounds)
        done = -1

        def progress(next_one: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, completed=done, description=next_one)

        results = contest(here, asked, rounds, seconds, missing, progress)
    if plot:
        from chatkit.bench.plot import plot as draw

        draw(results, plot)
    for sentence in warnings(results):
        told.print(sentence, markup=False, soft_wrap=True)
    if as_json:
        print(msgspec.json.encode(results).decode())
        return
    out = Console()
    out.width = out.width if out.is_terminal else WIDTH
    for table in tables(results):
        out.print(table)
        out.print()
    for words in (results.how, where(results)):
        out.print(words, markup=False, highlight=False)


async def try_logs(logs: Sequence[str]) -> None:
    """Open each log and close it again; raise ChatkitError if that can't be done."""
    for log in logs:
        rooms = rooms_at(log)
        await rooms.start()
        await rooms.stop()


def cells(clients: str, flight: str, senders: str) -> list[Cell]:
    """Return the cells that options ask for, each with each; none if they are all empty."""
    if not clients + flight + senders:
        return []
    return [
        Cell(crowd, under_way, crowd if talking == "all" else whole("--senders", talking))
        for talking in split(senders or "1")
        for under_way in numbers("--flight", flight or "1,64")
        for crowd in numbers("--clients", clients or f"100,{CROWD}")
    ]


def numbers(option: str, value: str) -> list[int]:
    """Return the numbers in an option; raise ChatkitError if there is something else in it."""
    return [whole(option, part) for part in split(value)]


def whole(option: str, value: str) -> int:
    """Return a whole number; raise ChatkitError if it is none."""
    if not value.isascii() or not value.isdigit():
        raise ChatkitError(f"{option} takes whole numbers, as 1,64; this is {value!r}.")
    return int(value)


def split(value: str) -> list[str]:
    """Return the parts of a value that is written with commas, each once."""
    return [*dict.fromkeys(part.strip() for part in value.split(",") if part.strip())]
