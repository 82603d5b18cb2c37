"""`check`: runs a learner's answer to an exercise and says ✓ or ✗, with a hint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chatkit.lessons.classroom import Note, tell_class
from chatkit.lessons.engine import cells
from chatkit.lessons.engine.exercise import load
from chatkit.lessons.engine.mistakes import said
from chatkit.lessons.engine.slip import slip
from chatkit.lessons.engine.trial import WrongError, attempt

TIMEOUT = 8.0  # seconds that a check gets


@dataclass
class Verdict:
    """What `check` says. True if the answer is right."""

    right: bool
    words: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return f"{'✓' if self.right else '✗'} {self.words}"

    def _repr_html_(self) -> str:
        return slip(self.right, repr(self))


@dataclass
class Try:
    """The last wrong answer to an exercise, and how many hints were given so far."""

    hints: int = 0
    answer: Any = None
    cell: cells.Ran | None = None
    fault: str = ""

    def is_same(self, answer: Any, cell: cells.Ran | None, fault: str) -> bool:
        """Return True if this is the same answer again, with the same fault."""
        if fault != self.fault:
            return False
        again = self.cell and cell and self.cell is not cell and self.cell.same_code(cell)
        return answer is self.answer or bool(again)


_tries: dict[str, Try] = {}


async def check(name: str, answer: Any) -> Verdict:
    """Try an answer to the exercise `name`, such as `02-1`, and return the verdict.

    A wrong answer never raises. After a first hint, a changed answer that is still wrong gets a
    plainer one; so does `hint`. If you have joined a class, a right answer is reported there.
    """
    try:
        exercise = load(name)
    except LookupError as error:
        return Verdict(False, str(error))
    cell = cells.ran_for(name)
    if cell and cell.left(exercise.asked, answer) and (old := why_old(cell, exercise.asked)):
        return Verdict(False, f"{name}: {old}")
    try:
        praise = await attempt(exercise.check, answer, TIMEOUT)
    except WrongError as error:
        fault = str(error)
        return Verdict(False, f"{name}: {fault}\n{advice(name, answer, cell, fault)}")
    _tries.pop(name, None)
    told = await tell_class(name)
    return Verdict(True, "\n".join(filter(None, (f"{name}: {praise}", told))))


def why_old(cell: cells.Ran, asked: str) -> str:
    """Return why the exercise's cell has left the answer as it was; nothing if that was meant."""
    if cell.failed() and cell.error:
        return (
            f"The exercise's cell ended with {said(cell.error)} So your change is not in use yet: "
            "correct the cell, run it, and check again."
        )
    if asked not in cell.source:
        return f"The exercise's cell does not define `{asked}` any more."
    return ""  # it imports the answer, say


def advice(name: str, answer: Any, cell: cells.Ran | None, fault: str) -> str:
    """Return the hint for a wrong answer; the plainer one only if the answer has changed."""
    last = _tries.get(name, Try())
    same = last.is_same(answer, cell, fault)
    hints = 2 if last.fault and not same else max(last.hints, 1)
    _tries[name] = Try(hints, answer, cell, fault)
    words = f"Hint: {load(name).hints[hints - 1]}"
    if same:
        words += "\nThis is the same answer as before. If you have changed it, run its cell first."
    return words


def hint(name: str) -> Note:
    """Return the next hint on the exercise `name`, such as `02-1`. The second says nearly all."""
    try:
        hints = load(name).hints
    except LookupError as error:
        return Note(str(error))
    last = _tries.setdefault(name, Try())
    last.hints = min(last.hints + 1, len(hints))
    return Note(f"{name}: {hints[last.hints - 1]}")
