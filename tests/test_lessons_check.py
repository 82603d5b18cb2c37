"""`check`: ✓ for an answer that does what was asked; ✗, what came and a hint for any other."""

import asyncio
import sys
from collections import Counter
from types import ModuleType

import pytest

from chatkit.lessons import check, checking
from chatkit.lessons.checking import NotYetError, exercise


@pytest.fixture(autouse=True)
def lesson_99(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lesson with one exercise, 99-1: a function that doubles."""
    monkeypatch.setitem(sys.modules, "chatkit.lessons.checks_99", ModuleType("checks_99"))
    monkeypatch.setattr(checking, "_exercises", {})
    monkeypatch.setattr(checking, "_failures", Counter())

    @exercise("99-1", "Think of two.", "Return 2 * number.")
    async def doubles(answer) -> str:
        came = answer(21)
        if asyncio.iscoroutine(came):
            came = await came
        if came != 42:
            raise NotYetError("42", repr(came))
        return "21 became 42"


async def test_a_right_answer_gets_its_praise():
    verdict = await check("99-1", lambda number: 2 * number)
    assert verdict
    assert repr(verdict) == "✓ 99-1: 21 became 42"


async def test_a_wrong_answer_hears_what_was_expected_what_came_and_a_hint():
    verdict = await check("99-1", lambda number: number)
    assert not verdict
    assert repr(verdict) == "✗ 99-1: Expected 42; what came: 21.\nHint: Think of two."


async def test_the_second_hint_and_those_after_it_are_plainer_until_it_was_right():
    async def hint(answer) -> str:
        return repr(await check("99-1", answer)).partition("Hint: ")[2]

    wrong, right = (lambda number: number), (lambda number: 2 * number)
    assert await hint(wrong) == "Think of two."
    assert await hint(wrong) == "Return 2 * number."
    assert await hint(wrong) == "Return 2 * number."
    assert await hint(right) == ""
    assert await hint(wrong) == "Think of two."


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda number: number / 0, "Your code raised ZeroDivisionError: division by zero."),
        (None, "Your code raised TypeError: 'NoneType' object is not callable. What is called"),
        (..., "Your code raised TypeError: 'ellipsis' object is not callable. What is called"),
    ],
)
async def test_an_answer_that_raises_is_a_wrong_one(answer: object, told: str):
    verdict = repr(await check("99-1", answer))
    assert verdict.startswith(f"✗ 99-1: {told}")
    assert verdict.endswith("\nHint: Think of two.")


async def test_an_answer_that_never_ends_is_a_wrong_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checking, "TIMEOUT", 0.01)

    async def wait(number: int) -> None:
        await asyncio.Event().wait()

    verdict = await check("99-1", wait)
    assert not verdict
    assert "It did not come to an end within 0 seconds." in repr(verdict)


async def test_a_verdict_is_escaped_on_its_slip():
    verdict = await check("99-1", lambda number: "<b>")
    assert "&#x27;&lt;b&gt;&#x27;" in verdict._repr_html_()


async def test_an_exercise_that_does_not_exist_is_said_so():
    for name in ("99-9", "98-1", "nonsense"):
        assert repr(await check(name, None)).startswith(f"✗ There is no exercise {name}:")


async def test_a_time_out_of_the_answer_s_own_is_its_error():
    def late(number):
        raise TimeoutError("too late")

    assert "Your code raised TimeoutError: too late." in repr(await check("99-1", late))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "nothing: a `return` is missing (`print` only shows)"),
        (3, "an int, 3"),
        (Counter, "the class Counter: are `()` missing?"),
        (len, "len itself: are `()` missing?"),
        ("x" * 70, f"a str, '{'x' * 57} …"),
    ],
)
def test_what_a_function_returned_is_said_in_words(answer: object, words: str):
    assert checking.returned(answer) == words


async def late() -> int:
    return 42


def test_a_coroutine_is_closed_and_named_for_what_it_is():
    assert checking.returned(late()).startswith("a coroutine: it is an `async def`")
    with pytest.raises(NotYetError, match="double to be a plain `def`; what came: an `async def`"):
        checking.plain(late(), "double")
    with pytest.raises(NotYetError, match="without `\\(\\)`"):
        checking.the_function(late(), "late")


async def test_a_plain_def_is_no_async_def():
    assert await checking.awaited(late(), "late") == 42
    with pytest.raises(NotYetError, match="late to be an `async def`; what came: a plain `def`"):
        await checking.awaited(None, "late")


@pytest.mark.parametrize(
    ("answer", "came"),
    [
        (None, "None"),
        (Counter(), r"an object: give `check` the class itself, Counter without `\(\)`"),
        (3, "an int, not a class"),
        (int, "the class int, which is not made from it"),
    ],
)
def test_what_is_no_class_is_said_in_words(answer: object, came: str):
    with pytest.raises(NotYetError, match=f"the class Counter, made from dict; what came: {came}"):
        checking.the_class(answer, "Counter", dict)


def test_a_name_that_nobody_calls_is_told_with_the_one_that_is_called():
    class Late:
        def on_closed(self) -> None:
            """Nobody calls it."""

    assert "did you mean `on_close`?" in checking.misnamed(Late, ("open", "on_close"))
    assert checking.misnamed(Counter, ("open", "on_close")) == ""


def test_very_long_words_are_cut():
    assert str(NotYetError("little", "much, " * 100)).endswith("much,  ….")
