"""What came of a contest, as a picture that can be read on white as on black."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from chatkit.bench.contest import Result, Results
from chatkit.bench.report import cell_words
from chatkit.messages import ChatkitError

SUFFIXES = (".png", ".svg")
INK = "#808080"  # text and lines
COLOURS = ("#f76707", "#228be6", "#2f9e44", "#be4bdb", "#0c9aa8", "#e03131", "#a58000", "#868e96")
MARKERS = "osD^vPX*"
PITCH = 0.19  # inches between two lines of dots


def check_file(file: Path) -> None:
    """Raise ChatkitError unless a plot can be written there."""
    if file.suffix not in SUFFIXES:
        raise ChatkitError(f"A plot is a {' or '.join(SUFFIXES)} file, and this is {file.name!r}.")
    if not file.parent.is_dir():
        raise ChatkitError(f"There is no folder {str(file.parent)!r} to write the plot to.")


def plot(results: Results, file: Path) -> None:
    """Write a plot: deliveries a second and p99, and with slow clients the server's memory."""
    plain = [result for result in results.results if not result.cell.slow]
    slow = [result for result in results.results if result.cell.slow]
    looks = {
        name: {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        for i, name in enumerate(results.versions)
    }
    panels = 2 * bool(plain) + bool(slow)
    height = max(1.6 + PITCH * (len(plain) + 2 * len({result.cell for result in plain})), 3.2)
    figure = Figure(figsize=(1 + 4.4 * panels, height), layout="constrained")
    axes = list(figure.subplots(1, panels, squeeze=False)[0])
    if plain:
        dots(axes[0], plain, looks, "rate", 1, "deliveries a second (more is better)")
        dots(axes[1], plain, looks, "p99", 1000, "p99 until the last has it, ms (less is better)")
        axes[1].set_yticklabels([])
    if slow:
        lines(axes[-1], slow, looks)
    for axis in axes:
        dress(axis)
    handles, labels = axes[0].get_legend_handles_labels()
    known = dict(zip(labels, handles, strict=True))
    figure.legend(
        known.values(),
        known.keys(),
        loc="outside upper center",
        ncols=min(len(known), 4 * panels),
        labelcolor=INK,
        frameon=False,
    )
    figure.savefig(file, transparent=True, dpi=150)


def dots(
    axis: Axes,
    results: Sequence[Result],
    looks: dict[str, dict[str, Any]],
    field: str,
    unit: float,
    label: str,
) -> None:
    """Draw one figure of each result: its median as a dot, least to greatest as a line."""
    line, ticks, words = 0, [], []
    for cell, group in groupby(results, key=lambda result: result.cell):
        start = line
        for line, result in enumerate(group, start):
            value = getattr(result, field)
            axis.plot(
                [value.min * unit, value.max * unit],
                [line, line],
                color=looks[result.contestant]["color"],
                linewidth=2,
                alpha=0.5,
            )
            axis.plot(
                value.median * unit,
                line,
                linestyle="none",
                label=result.contestant,
                **looks[result.contestant],
            )
        ticks.append((start + line) / 2)
        words.append(cell_words(cell).replace(", ", "\n"))
        line += 2
        axis.axhline(line - 1, color=INK, alpha=0.3, linewidth=0.8)
    axis.set_yticks(ticks, words)
    axis.set_ylim(line - 1, -1)
    axis.set_xscale("log")
    least, most = (math.log10(size) for size in axis.get_xlim())
    axis.set_xlim(10 ** math.floor(least), 10 ** math.ceil(most))
    axis.xaxis.set_major_formatter(
        lambda size, _: f"{size:,g}" if size < 1e6 else f"{size / 1e6:g} million"
    )
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel(label)


def lines(axis: Axes, results: Sequence[Result], looks: dict[str, dict[str, Any]]) -> None:
    """Draw how the servers' memory went in the last round."""
    for result in results:
        (_, start), *_ = result.runs[-1].memory
        times = [time for time, _ in result.runs[-1].memory]
        sizes = [(size - start) / 2**20 for _, size in result.runs[-1].memory]
        axis.plot(times, sizes, label=result.contestant, markersize=4, **looks[result.contestant])
    axis.set_xlabel("seconds")
    axis.set_ylabel("server's memory, MiB since the start")
    axis.set_title(cell_words(results[0].cell).replace(" each, ", " each\n"), fontsize="medium")


def dress(axis: Axes) -> None:
    """Give a panel its lines, in the colour of all text."""
    axis.set_facecolor("none")
    axis.grid(axis="both" if axis.get_xscale() == "linear" else "x", color=INK, alpha=0.3)
    axis.tick_params(colors=INK, which="both", length=0)
    for text in (axis.xaxis.label, axis.yaxis.label, axis.title):
        text.set_color(INK)
    for spine in axis.spines.values():
        spine.set_visible(False)
