"""What follows from an exercise's file: the cells of its stub and its check, the class's board."""

import re

from chatkit.lessons.engine import cells
from chatkit.lessons.engine.exercise import Exercise, load, names
from chatkit.paths import NOTEBOOKS
from tests.notebooks.excerpts import SyncError

CHECK = re.compile(
    r'^(?:# Check (\d\d[a-z]?-\d+)$|await check\("(\d\d[a-z]?-\d+)".*)', re.MULTILINE
)
BOARD = """// Written by `make sync` from the lessons and their exercises.

export const LESSONS = [
{lessons}];
"""
LESSON = '  {{ number: "{number}", name: "{name}", exercises: [{exercises}] }},\n'


def stub(cell: str) -> str | None:
    """Return the cell of an exercise, with its stub; None if the cell is none.

    SyncError if the exercise has no file.
    """
    name = cells.Ran(cell).exercise
    if not name:
        return None
    exercise = found(name)
    return exercise.cell(exercise.stub)


def check(cell: str) -> str | None:
    """Return a cell with the call that checks an exercise; None if there is none in it."""
    return CHECK.sub(call, cell) if CHECK.search(cell) else None


def call(match: re.Match[str]) -> str:
    """Return the call of `check` for the exercise in a match of CHECK."""
    name = match[1] or match[2]
    return f'await check("{name}", {found(name).asked})'


def found(name: str) -> Exercise:
    """Return an exercise; SyncError if it has no file."""
    try:
        return load(name)
    except LookupError:
        file = f"chatkit/lessons/exercises/ex_{name.replace('-', '_')}.py"
        raise SyncError(f"exercise {name} has no file: write {file}.") from None


def board() -> str:
    """Return class-lessons.js: the lessons, and the exercises that a projector shows."""
    lessons = []
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        number, _, name = path.stem.partition("-")
        exercises = ", ".join(f'"{one}"' for one in names() if one.startswith(f"{number}-"))
        fields = {"number": number, "name": name.replace("-", " "), "exercises": exercises}
        lessons.append(LESSON.format(**fields))
    return BOARD.format(lessons="".join(lessons))
