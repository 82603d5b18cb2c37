"""A lesson says how long it takes, and it is so; each part of the course fits into its evening."""

import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.notebooks import reading
from tests.notebooks.reading import LESSONS

MOST = {"I": 190, "II": 240}  # minutes that a part may take, the appendices aside
STATED = re.compile(r"^About (\d+) minutes\b", re.MULTILINE)


def lessons_of(part: str) -> list[Path]:
    return reading.halves()[part == "II"]


def written(folder: Path, *cells: NotebookNode) -> Path:
    lesson = folder / "lesson.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), lesson)
    return lesson


def prose(text: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(text)


def code(text: str) -> NotebookNode:
    return nbformat.v4.new_code_cell(text)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.name)
def test_a_lesson_takes_as_long_as_it_says(lesson: Path):
    first = nbformat.reads(lesson.read_text(encoding="utf-8"), as_version=4).cells[0].source
    there, _ = reading.parts(lesson)
    assert STATED.findall(first) == [str(there.rounded)], f"{there.minutes:.1f} minutes of reading"


@pytest.mark.parametrize("part", MOST)
def test_a_part_of_the_course_fits_into_its_evening(part: str):
    assert reading.total(lessons_of(part)).minutes < MOST[part]


def test_prose_code_and_exercises_take_their_time(tmp_path: Path):
    lesson = written(
        tmp_path,
        prose("word " * 400 + "\n```mermaid\nA drawing is seen, and not read.\n```"),
        code("line = 1\n" * 30),
        code("# Exercise 00-1"),
    )
    there, appendix = reading.parts(lesson)
    assert there.minutes == pytest.approx(
        400 / reading.WORDS + 31 / reading.LINES + reading.EXERCISE, abs=0.01
    )
    assert (there.code, there.prose) == (2, 1)
    assert appendix.minutes == 0


def test_an_appendix_is_counted_apart(tmp_path: Path):
    lesson = written(
        tmp_path,
        prose("word " * 200 + "\n\n### Appendix is no heading of the second order here"),
        prose("Look.\n\n## Appendix: the rest\n\n" + "word " * 600),
        code("# Exercise 00-1"),
        code("print()"),
    )
    there, appendix = reading.parts(lesson)
    assert (there.code, there.prose) == (0, 1)
    assert (appendix.code, appendix.prose) == (2, 1)
    assert there.minutes < 2 < appendix.minutes
