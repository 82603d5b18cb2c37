"""What came of a contest, as tables and in words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.table import Table

from chatkit.bench.cells import Cell
from chatkit.bench.contest import Figure, Result, Results
from chatkit.bench.load import LENGTH

IDLE_ENOUGH = 0.05  # share of the load's looks that have to find nothing …
BUSY_ENOUGH = 0.9  # … unless the server works that much of the time: then it is what limits them
BOUNDED = {True: "yes", False: "no", None: "can't tell"}


def cell_words(cell: Cell) -> str:
    """Return what a cell is, in words."""
    if cell.senders == 1:
        talk = "one talks"
    else:
        talk = "all talk" if cell.senders == cell.clients else f"{cell.senders:,} talk"
    slow = f", {cell.slow} more never read{'s' * (cell.slow == 1)}" if cell.slow else ""
    length = f", {cell.length:,} characters each" if cell.length != LENGTH else ""
    return f"{cell.clients:,} clients, {talk}, {cell.flight:,} in flight{length}{slow}"


def where(results: Results) -> str:
    """Return on what it was measured, in words."""
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    return (
        f"{versions}; Python {results.python}, {results.platform}, {results.cores} cores; "
        f"{results.rounds} round{'s' * (results.rounds > 1)} of {results.seconds:g} s"
    )


def warnings(results: Results) -> Iterator[str]:
    """Yield a sentence on each figure that may be the load's rather than the server's."""
    for result in results.results:
        if result.idle.median < IDLE_ENOUGH and result.busy.median < BUSY_ENOUGH:
            yield (
                f"{result.contestant} with {cell_words(result.cell)}: the load was idle in only "
                f"{result.idle.median:.0%} of its looks, and the server busy only "
                f"{result.busy.median:.0%} of the time: it may be faster than this."
            )


def tables(results: Results) -> Iterator[Table]:
    """Yield a table for each cell."""
    first = results.results[0].contestant
    for cell, rows in groupby(results.results, key=lambda result: result.cell):
        table = Table(title=cell_words(cell), title_justify="left", box=None, pad_edge=False)
        table.add_column("", min_width=11, no_wrap=True)
        for heading, width in columns(cell, first):
            wraps = heading == f"{first} is"
            table.add_column(heading, justify="right", min_width=width, no_wrap=not wraps)
        for row in rows:
            table.add_row(row.contestant, *figures(row, first))
        yield table


def columns(cell: Cell, first: str) -> list[tuple[str, int]]:
    """Return the headings of a cell's table, and how wide the columns are at least."""
    memory = [("MiB", 16), ("bounded", 7)] if cell.slow else [("KiB/client", 10)]
    versus = "times naive" if first == "naive" else f"{first} is"
    return [
        ("1000 deliveries/s", 24),
        (versus, 10),
        ("p50 ms", 7),
        ("p99 ms", 7),
        ("CPU µs", 6),
        *memory,
        ("load idle", 9),
        ("server busy", 11),
    ]


def figures(row: Result, first: str) -> list[str]:
    """Return a result as the cells of a table's row."""
    memory = [f"{row.per_connection.median / 1024:.1f}"]
    if row.cell.slow:
        start, peak = (size.median / 2**20 for size in (row.start, row.peak))
        memory = [f"{start:.0f} → {peak:.0f}", BOUNDED[row.bounded]]
    return [
        spread(row.rate, 1000),
        f"{1 / row.ratio:.1f} ×" if first == "naive" else f"{row.ratio:.2f} ×",
        f"{row.p50.median * 1000:.2f}",
        f"{row.p99.median * 1000:.2f}",
        f"{row.cpu.median * 1e6:.2f}",
        *memory,
        f"{row.idle.median:.0%}",
        f"{row.busy.median:.0%}",
    ]


def spread(figure: Figure, unit: float) -> str:
    """Return a median with the least and the greatest."""
    digits = 1 if figure.median < 100 * unit else 0
    median, least, most = (
        f"{value / unit:,.{digits}f}" for value in (figure.median, figure.min, figure.max)
    )
    return f"{median} ({least} … {most})"
