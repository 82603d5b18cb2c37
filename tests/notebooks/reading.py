"""Estimate how long each lesson takes from what is in it: `python -m tests.notebooks.reading`.

The pace is that of a reader to whom all of it is new: prose and code line by line, and a few
minutes for each exercise. An appendix is for another day and counted apart.

With --write it brings what README.md and TEACHING.md say of it up to date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode

from chatkit.lab import number_of
from tests.notebooks import captions
from tests.notebooks.run import NOTEBOOKS, ROOT

LESSONS = sorted(NOTEBOOKS.glob("*.ipynb"))
PART_TWO = "07"  # the first lesson of Part II
OPTIONAL = ("04b",)
WORDS = 160  # that are read in a minute
LINES = 12  # of code
EXERCISE = 4.5  # minutes
STEP = 5  # minutes to which a lesson's time is rounded
APPENDIX = re.compile(r"^## Appendix", re.MULTILINE)
EXERCISES = re.compile(r"^# Exercise \d", re.MULTILINE)
DRAWING = re.compile(r"```mermaid.*?```", re.DOTALL)

PAPERS = (ROOT / "README.md", ROOT / "TEACHING.md")
BLOCK = re.compile(r"(<!-- reckoned: (\w+) -->\n).*?(?=<!-- end -->)", re.DOTALL)
ROW = re.compile(
    r"^(\| (\d\d[a-z]?) \| \[[^|]*\| [a-z][^|]*\|).*", re.MULTILINE
)  # of README's table
TITLE = re.compile(r"^# \d\d[a-z]? · (.+)", re.MULTILINE)
TALK = 5  # minutes to speak about a lesson when all have done it
# What a day is made of: lessons by number, and what else there is, with its minutes.
PLANS = {
    "half_day": (
        *(("Welcome; what we build", 10), "00", "01", ("Break", 10), "02", "03", ("Break", 15)),
        *("04", "05", "06", ("One chat for all, and questions", 10)),
    ),
    "day_1": (
        *(("Welcome; what we build", 15), "00", "01", ("Break", 15), "02", "03", ("Lunch", 60)),
        *("04", "05", ("Break", 15), "06", ("A page of one's own; appendices", 45)),
    ),
    "day_2": (
        *(("What a friendly chat lacks", 10), "07", ("Break", 15), "08", ("Break", 15), "09"),
        *(("Lunch", 60), "10", "11", ("Break", 15), "12"),
        ("Five things to build next, and a show", 60),
    ),
}
START = 9 * 60  # minutes after midnight


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


def halves() -> tuple[list[Path], list[Path]]:
    """The lessons of Part I, and those of Part II, but for those that are optional."""
    needed = [lesson for lesson in LESSONS if number_of(lesson.name) not in OPTIONAL]
    first = [lesson for lesson in needed if lesson.name < PART_TWO]
    return first, needed[len(first) :]


def total(lessons: Iterable[Path], *, appendices: bool = False) -> Reading:
    """What some lessons, or their appendices, ask together: the sum of README's table."""
    asked = [parts(lesson)[appendices] for lesson in lessons]
    minutes = sum(round(there.minutes) for there in asked)
    return Reading(minutes, sum(there.code for there in asked), sum(there.prose for there in asked))


def times() -> str:
    """The table of TEACHING.md: each lesson, how long it takes, and how many cells it has."""
    lines = ["| | lesson | minutes | cells | appendix |", "| --- | --- | --: | --: | --: |"]
    for lesson in LESSONS:
        there, appendix = parts(lesson)
        more = str(appendix.rounded) if appendix.code else ""
        cells = there.code + there.prose
        link = f"[{title(lesson)}](notebooks/{lesson.name})"
        lines.append(f"| {number_of(lesson.name)} | {link} | {there.rounded} | {cells} | {more} |")
    return "\n".join([*lines, ""])


def row(beginning: str, number: str) -> str:
    """A row of README's table: what is written there, and the minutes and cells of the lesson."""
    there, appendix = parts(next(lesson for lesson in LESSONS if number_of(lesson.name) == number))
    more = f"{appendix.minutes:.0f}" if appendix.code else ""
    return f"{beginning} {there.minutes:.0f} | {there.code} + {there.prose} | {more} |"


def course() -> str:
    """A sentence of README.md: how long the course takes."""
    one, two = (hours(total(part)) for part in halves())
    more = hours(total(LESSONS, appendices=True))
    return (
        f"00 to 06 are Part I, the small chat: {one}, without 04b, which is optional. Part II is "
        f"what a real chat needs beyond it: {two}. Its appendices, {more} more, are for another "
        "day.\n"
    )


def hours(there: Reading) -> str:
    """A time in words."""
    whole, rest = divmod(round(there.minutes), 60)
    return f"{whole} hours" + (f" and {rest} minutes" if rest else "")


def plan(parts_of_day: Iterable[str | tuple[str, int]]) -> str:
    """A day of TEACHING.md: when what begins, and how long it takes."""
    by_number = {number_of(lesson.name): lesson for lesson in LESSONS}
    lines, now = ["| from | | minutes |", "| --: | --- | --: |"], START
    for part in parts_of_day:
        if isinstance(part, str):
            if part not in by_number:
                continue
            there, _ = parts(by_number[part])
            part = (f"{part} · {title(by_number[part])}", there.rounded + TALK)
        what, minutes = part
        lines.append(f"| {clock(now)} | {what} | {minutes} |")
        now += minutes
    return "\n".join([*lines, f"| {clock(now)} | End | |", ""])


def clock(minutes: int) -> str:
    """A time of day, as 9:05."""
    return f"{minutes // 60}:{minutes % 60:02}"


def title(lesson: Path) -> str:
    """What a lesson is called, without its number."""
    first = nbformat.reads(lesson.read_text(encoding="utf-8"), as_version=4).cells[0].source
    found = TITLE.search(first)
    assert found, f"{lesson.name} begins with no title"
    return found[1]


def reckoned(text: str) -> str:
    """A text with the times and plans in it up to date."""
    blocks = {"times": times(), "course": course(), "size": f"T{captions.summary()[1:]}.\n"}
    blocks |= {name: plan(parts_) for name, parts_ in PLANS.items()}
    text = BLOCK.sub(lambda found: found[1] + blocks[found[2]], text)
    return ROW.sub(lambda found: row(found[1], found[2]), text)


def main() -> None:
    """Print a line for each lesson, and one for each part; with --write, write the papers too."""
    for paper in PAPERS if "--write" in sys.argv[1:] else ():
        text = reckoned(paper.read_text(encoding="utf-8"))
        paper.write_text(text, encoding="utf-8", newline="\n")
    for lesson in LESSONS:
        there, appendix = parts(lesson)
        more = f" · appendix {appendix.minutes:.0f}" if appendix.code or appendix.prose else ""
        print(f"{lesson.stem:<22} {there.minutes:5.0f} min, {there.code} + {there.prose}{more}")
    for part, lessons in zip(("Part I", "Part II"), halves(), strict=True):
        there = total(lessons)
        print(f"{part:<22} {there.minutes:5.0f} min, {there.code} + {there.prose}")


if __name__ == "__main__":
    main()
