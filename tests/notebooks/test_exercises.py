"""Every exercise is whole, and its check judges each of its answers as its file says."""

import asyncio
import re
from typing import Any

import psutil
import pytest

from chatkit.lab import number_of
from chatkit.lessons import check
from chatkit.lessons.engine import checking
from chatkit.lessons.engine.exercise import Exercise, load, names
from tests.notebooks.exercises import LESSONS, exercises_of, read, verdicts
from tests.notebooks.run import BLANK
from tests.notebooks.scope import answer_of

FEWEST_WRONG, FEWEST_RIGHT = 8, 2
CLOSED = 10.0  # seconds: Tornado cuts a connection after five if the other end does not answer
PATIENCE = 30.0  # seconds that a check gets here
EXERCISES = {name: load(name) for name in names()}

each_exercise = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=list(EXERCISES))
lessons = pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.name)


def answers(kind: str) -> Any:
    """Each answer of one kind, such as `wrong`, as a test's parameters."""
    return pytest.mark.parametrize(
        ("exercise", "answer"),
        [
            pytest.param(exercise, answer, id=f"{name} {mistake}")
            for name, exercise in EXERCISES.items()
            for mistake, answer in getattr(exercise, kind).items()
        ],
    )


@pytest.fixture(autouse=True)
def never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was tried before, and a busy machine has time: what is slow is not tested here."""
    monkeypatch.setattr(checking, "_tries", {})
    monkeypatch.setattr(checking, "TIMEOUT", PATIENCE)


async def verdict_on(exercise: Exercise, *code: str) -> str:
    """What `check` says of an answer, in words, with nothing of the answer left behind."""
    tasks, sockets = asyncio.all_tasks(), open_sockets()
    verdict = repr(await check(exercise.name, answer_of(exercise, exercise.edited(*code))))
    assert asyncio.all_tasks() == tasks
    async with asyncio.timeout(CLOSED):
        while not open_sockets() <= sockets:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.01)
    return verdict


def open_sockets() -> set[int]:
    """The file descriptors of this process's sockets, those that listen among them."""
    return {connection.fd for connection in psutil.Process().net_connections(kind="tcp")}


@answers("wrong")
async def test_a_wrong_answer_hears_what_is_wrong(
    exercise: Exercise, answer: tuple[str, ...], capfd: pytest.CaptureFixture[str]
):
    *code, told = answer
    words = await verdict_on(exercise, *code)
    assert words.startswith(f"✗ {exercise.name}: ")
    assert re.search(told, words.partition("\nHint: ")[0], re.DOTALL), words
    assert "Traceback" not in words
    assert capfd.readouterr() == ("", "")


@answers("right")
async def test_an_unusual_right_answer_passes(
    exercise: Exercise, answer: tuple[str, ...], capfd: pytest.CaptureFixture[str]
):
    words = await verdict_on(exercise, *answer)
    assert words.startswith(f"✓ {exercise.name}: ")
    assert capfd.readouterr() == ("", "")


@each_exercise
async def test_the_solution_passes(exercise: Exercise, capfd: pytest.CaptureFixture[str]):
    assert (await verdict_on(exercise, exercise.solution)).startswith(f"✓ {exercise.name}: ")
    assert capfd.readouterr() == ("", "")


@each_exercise
async def test_the_stub_gets_the_first_hint(exercise: Exercise):
    words = await verdict_on(exercise, exercise.stub)
    assert words.startswith(f"✗ {exercise.name}: ")
    assert words.endswith(f"Hint: {exercise.hints[0]}")


@each_exercise
async def test_no_answer_is_a_wrong_one(exercise: Exercise):
    nothing = (None,) * exercise.asked.count(",") + (None,) if "," in exercise.asked else None
    words = repr(await check(exercise.name, nothing))
    assert re.match(f"✗ {exercise.name}: Expected .*; what came: (None|nothing)", words)


@each_exercise
async def test_the_answer_to_another_exercise_is_a_wrong_one(exercise: Exercise):
    others = list(EXERCISES.values())
    other = others[(others.index(exercise) - 4) % len(others)]  # of another lesson
    words = repr(await check(exercise.name, answer_of(other, other.solution)))
    assert re.search("what came|raised|It led to", words)


@each_exercise
def test_an_exercise_has_enough_answers(exercise: Exercise):
    assert len(exercise.wrong) >= FEWEST_WRONG
    assert len(exercise.right) >= FEWEST_RIGHT


@each_exercise
def test_an_exercise_has_a_task_and_two_hints(exercise: Exercise):
    first, second = exercise.hints
    assert first != second
    assert re.fullmatch(r"[A-Z].*[.?]", exercise.task)
    assert exercise.stub != exercise.solution


@lessons
def test_a_lesson_has_its_exercises_and_each_stub_got_a_cross(lesson: Any):
    notebook = read(lesson)
    numbers = [name for name in names() if name.startswith(f"{number_of(lesson.name)}-")]
    assert sorted(exercises_of(notebook)) == numbers
    if lesson.name != BLANK:
        assert verdicts(notebook) == {name: {"✗"} for name in numbers}
