"""`check`: ✓ for an answer that does what was asked; ✗, what came and a hint for any other."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chatkit.lessons import check, hint
from chatkit.lessons.engine import cells, checking, expect
from chatkit.lessons.engine.exercise import Exercise
from chatkit.lessons.engine.expect import NotYetError

HINTS = ("Think of two.", "Return 2 * number.")
AGAIN = "\nThis is the same answer as before. If you have changed it, run its cell first."
STUB = "def answer(number):\n    return number"
WRONG = "# Exercise 99-1\ndef answer(number):\n    return {}"


async def doubles(answer: Any) -> str:
    came = answer(21)
    if asyncio.iscoroutine(came):
        came = await came
    expect.expect(came, 42, "42")
    return "21 became 42"


@pytest.fixture(autouse=True)
def exercise(monkeypatch: pytest.MonkeyPatch) -> None:
    """One exercise, 99-1: a function that doubles."""
    exercise = Exercise("99-1", "Double a number.", STUB, HINTS, "", doubles)
    monkeypatch.setattr(checking, "_tries", {})
    load = checking.load
    monkeypatch.setattr(checking, "load", lambda name: exercise if name == "99-1" else load(name))


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[cells.Ran]]:
    """The cells that ran in a notebook."""
    monkeypatch.setattr(cells, "ran", [])
    return cells.ran


async def test_a_right_answer_gets_its_praise():
    verdict = await check("99-1", lambda number: 2 * number)
    assert verdict
    assert repr(verdict) == "✓ 99-1: 21 became 42"


async def test_a_wrong_answer_gets_what_was_expected_what_came_and_a_hint():
    verdict = await check("99-1", lambda number: number)
    assert not verdict
    assert repr(verdict) == "✗ 99-1: Expected 42; what came: 21.\nHint: Think of two."


async def hint_for(answer: Any) -> str:
    return repr(await check("99-1", answer)).partition("Hint: ")[2]


async def test_a_changed_answer_gets_the_second_hint_until_one_was_right():
    assert await hint_for(lambda number: number) == HINTS[0]
    assert await hint_for(lambda number: number + 1) == HINTS[1]
    assert await hint_for(lambda number: number + 2) == HINTS[1]
    assert await hint_for(lambda number: 2 * number) == ""
    assert await hint_for(lambda number: number) == HINTS[0]


async def test_the_same_answer_gets_the_same_hint_and_a_question():
    wrong = lambda number: number  # noqa: E731
    assert await hint_for(wrong) == HINTS[0]
    assert await hint_for(wrong) == HINTS[0] + AGAIN
    assert await hint_for(lambda number: 1) == HINTS[1]


async def test_a_cell_run_again_unchanged_is_the_same_answer(ran: list[cells.Ran]):
    ran.append(cells.Ran(WRONG.format(1)))
    assert await hint_for(lambda number: 1) == HINTS[0]
    ran.append(cells.Ran(WRONG.format("1  # a comment is no change")))
    assert await hint_for(lambda number: 1) == HINTS[0] + AGAIN
    ran.append(cells.Ran(WRONG.format(2)))
    assert await hint_for(lambda number: 2) == HINTS[1]


async def test_a_hint_can_be_asked_for():
    assert repr(hint("99-1")) == f"99-1: {HINTS[0]}"
    assert repr(hint("99-1")) == f"99-1: {HINTS[1]}"
    assert repr(hint("99-1")) == f"99-1: {HINTS[1]}"
    assert await hint_for(lambda number: number) == HINTS[1]
    assert repr(hint("99-9")).startswith("There is no exercise 99-9")


async def test_a_hint_after_a_first_wrong_answer_is_the_second():
    assert await hint_for(lambda number: number) == HINTS[0]
    assert repr(hint("99-1")) == f"99-1: {HINTS[1]}"


def doubled(number: int) -> int:
    return 2 * number


BEFORE = {"answer": id(doubled)}  # what there was when the exercise's cell was last run


async def test_a_cell_that_failed_is_not_judged_by_what_it_was_before(ran: list[cells.Ran]):
    broken = "# Exercise 99-1\ndef answer(:"
    ran.append(cells.Ran(broken, SyntaxError("invalid syntax"), BEFORE))
    verdict = repr(await check("99-1", doubled))
    assert verdict.startswith("✗ 99-1: The exercise's cell ended with SyntaxError: invalid syntax.")
    ran.append(cells.Ran(WRONG.format("2 * number"), before={"answer": 0}))
    assert await check("99-1", doubled)


@pytest.mark.parametrize("error", [ZeroDivisionError(), KeyboardInterrupt()])
async def test_a_cell_that_failed_after_it_had_defined_the_answer_is_judged(
    ran: list[cells.Ran], error: BaseException
):
    ran.append(cells.Ran(WRONG.format("2 * number"), error, before={"answer": 0}))
    assert await check("99-1", doubled)


async def test_a_function_that_the_cell_lacks_now_is_not_judged(ran: list[cells.Ran]):
    renamed = "# Exercise 99-1\ndef anwser(number):\n    return 2 * number"
    ran.append(cells.Ran(renamed, before=BEFORE))
    verdict = repr(await check("99-1", doubled))
    assert verdict == "✗ 99-1: The exercise's cell does not define `answer` any more."


async def test_cells_of_other_exercises_do_not_count(ran: list[cells.Ran]):
    ran.append(cells.Ran(WRONG.format(1)))
    ran.append(cells.Ran("# Exercise 99-2\n1 / 0", ZeroDivisionError()))
    assert await check("99-1", lambda number: 2 * number)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda number: number / 0, "It led to ZeroDivisionError: division by zero."),
        (None, "It led to TypeError: 'NoneType' object is not callable."),
    ],
)
async def test_an_answer_that_raises_is_a_wrong_one(answer: object, told: str):
    verdict = repr(await check("99-1", answer))
    assert verdict == f"✗ 99-1: {told}\nHint: Think of two."


async def test_an_answer_that_never_ends_is_a_wrong_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checking, "TIMEOUT", 0.01)

    async def wait(number: int) -> None:
        await asyncio.Event().wait()

    verdict = await check("99-1", wait)
    assert not verdict
    assert "It did not come to an end within 0 seconds." in repr(verdict)


async def test_an_answer_that_is_right_once_is_told_what_it_keeps():
    said: list[int] = []

    def once(number: int) -> int:
        said.append(number)
        return 2 * number if len(said) == 1 else 0

    verdict = repr(await check("99-1", once))
    assert verdict.startswith("✗ 99-1: It passed once, and failed when it was checked again.")
    assert "Does it keep something in a class attribute" in verdict


async def test_a_verdict_is_escaped_as_html():
    verdict = await check("99-1", lambda number: "<b>")
    assert "&#x27;&lt;b&gt;&#x27;" in verdict._repr_html_()


@pytest.mark.parametrize("name", ["99-9", "98-1", "nonsense", "../02-1"])
async def test_an_exercise_that_does_not_exist_is_said_so(name: str):
    assert repr(await check(name, None)).startswith(f"✗ There is no exercise {name}:")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "nothing. Is a `return` missing? (`print` only shows)"),
        (3, "an int, 3"),
        (Counter, "the class Counter: are `()` missing?"),
        (len, "len itself: are `()` missing?"),
        ("x" * 70, f"a str, '{'x' * 57} …"),
    ],
)
def test_what_a_function_returned_is_said_in_words(answer: object, words: str):
    assert expect.returned(answer) == words


async def late() -> int:
    return 42


def test_a_coroutine_is_closed_and_named_for_what_it_is():
    assert expect.returned(late()).startswith("a coroutine: it is an `async def`")
    with pytest.raises(NotYetError, match="double to be a plain `def`; what came: an `async def`"):
        expect.plain(late(), "double")
    with pytest.raises(NotYetError, match="without `\\(\\)`"):
        expect.the_function(late(), "late")


async def test_a_plain_def_is_no_async_def():
    assert await expect.awaited(late(), "late") == 42
    with pytest.raises(NotYetError, match="late to be an `async def`; what came: a plain `def`"):
        await expect.awaited(None, "late")


@pytest.mark.parametrize(
    ("answer", "came"),
    [
        (None, "None"),
        (Counter(), r"an object: give `check` the class itself, Counter without `\(\)`"),
        (3, "an int, not a class"),
        (int, "a class int that is not made from dict"),
    ],
)
def test_what_is_no_class_is_said_in_words(answer: object, came: str):
    with pytest.raises(NotYetError, match=rf"`class Counter\(dict\):`; what came: {came}"):
        expect.the_class(answer, "Counter", dict)


def test_a_name_that_nobody_calls_is_told_with_the_one_that_is_called():
    class Late:
        def on_closed(self) -> None:
            """Nobody calls it."""

    assert "did you mean `on_close`?" in expect.misnamed(Late, ("open", "on_close"))
    assert expect.misnamed(Counter, ("open", "on_close")) == ""


def test_very_long_words_are_cut():
    assert str(NotYetError("little", "much, " * 100)).endswith("much,  …")
