"""How long each lesson takes, reckoned from what is in it: `python -m tests.notebooks.reading`.

The pace is that of the readers who tried the lessons: prose as one reads what is new, code line by
line, and a few minutes for each exercise. An appendix is for another day and counted apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from tests.notebooks.run import NOTEBOOKS

LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))
PART_TWO = "07"  # the first lesson of Part II
WORDS = 200  # that are read in a minute
LINES = 15  # of code
EXERCISE = 3.0  # minutes
STEP = 5  # minutes to which a lesson's time is rounded
APPENDIX = re.compile(r"^## Appendix", re.MULTILINE)
EXERCISES = re.compile(r"^# Exercise \d", re.MULTILINE)
DRAWING = re.compile(r"```mermaid.*?```", re.DOTALL)


class Reading(NamedTuple):
    """What a lesson, or a part of one, asks of its reader."""

    minutes: float
    code: int  # cells
    prose: int  # cells

    @property
    def rounded(self) -> int:
        """The minutes as a lesson states them."""
        return max(STEP, STEP * round(self.minutes / STEP))


def parts(lesson: Path) -> tuple[Reading, Reading]:
    """What a lesson asks up to its appendix, and what the appendix asks."""
    cells = nbformat.reads(lesson.read_text(encoding="utf-8"), as_version=4).cells
    starts = [n for n, cell in enumerate(cells) if is_prose(cell) and APPENDIX.search(cell.source)]
    end = starts[0] if starts else len(cells)
    return reading(cells[:end]), reading(cells[end:])


def is_prose(cell: NotebookNode) -> bool:
    """Whether a cell is to be read, not to be run."""
    return bool(cell.cell_type == "markdown")


def reading(cells: Sequence[NotebookNode]) -> Reading:
    """What some cells ask."""
    prose = [cell.source for cell in cells if is_prose(cell)]
    code = [cell.source for cell in cells if not is_prose(cell)]
    words = sum(len(DRAWING.sub("", source).split()) for source in prose)
    lines = sum(len(source.splitlines()) for source in code)
    exercises = sum(len(EXERCISES.findall(source)) for source in code)
    return Reading(words / WORDS + lines / LINES + exercises * EXERCISE, len(code), len(prose))


def total(lessons: Iterable[Path]) -> Reading:
    """What some lessons ask together, their appendices aside."""
    columns = zip(*(parts(lesson)[0] for lesson in lessons), strict=True)
    minutes, code, prose = map(sum, columns)
    return Reading(minutes, int(code), int(prose))


def main() -> None:
    """Print a line for each lesson, and one for each part of the course."""
    for lesson in LESSONS:
        there, appendix = parts(lesson)
        more = f" · appendix {appendix.minutes:.0f}" if appendix.code or appendix.prose else ""
        print(f"{lesson.stem:<22} {there.minutes:5.0f} min, {there.code} + {there.prose}{more}")
    for title, late in (("Part I", False), ("Part II", True)):
        there = total(lesson for lesson in LESSONS if (lesson.name >= PART_TWO) is late)
        print(f"{title:<22} {there.minutes:5.0f} min, {there.code} + {there.prose}")


if __name__ == "__main__":
    main()
