"""A trial of an answer: it says what went wrong unseen, ends what is left, and never hangs."""

import asyncio
import gc
import linecache
import logging
import re
import textwrap
import time
from collections.abc import Callable
from typing import Any

import pytest

from chatkit.lessons import trial
from chatkit.lessons.mistakes import in_words
from chatkit.lessons.trial import WrongError, attempt

LIMIT = 5.0  # seconds


def learners(code: str) -> Callable[[], Any]:
    """The function `answer` of a learner's cell."""
    cell: dict[str, Any] = {"__name__": "__main__", "asyncio": asyncio, "time": time}
    exec(compile(textwrap.dedent(code), "<a cell>", "exec"), cell)
    found: Callable[[], Any] = cell["answer"]
    return found


async def call(answer: Callable[[], Any]) -> str:
    result = answer()
    if asyncio.iscoroutine(result):
        await result
    return "well done"


async def fault_of(code: str, limit: float = LIMIT) -> str:
    before = asyncio.all_tasks()
    with pytest.raises(WrongError) as raised:
        await attempt(call, learners(code), limit)
    assert asyncio.all_tasks() == before
    return str(raised.value)


async def test_a_right_answer_is_praised():
    assert await attempt(call, learners("def answer(): pass"), LIMIT) == "well done"


async def test_a_coroutine_that_nobody_awaits_is_told_of():
    told = await fault_of("async def greet(): pass\ndef answer(): greet()")
    assert told.startswith("Your code made a coroutine, `greet`, and nobody awaited it:")


async def test_a_coroutine_in_a_circle_is_told_of_however_long_it_was_held():
    told = await fault_of(
        """
        async def greet(): pass

        async def answer():
            circle = [greet()]
            circle.append(circle)
            for _ in range(3):
                [[] for _ in range(100_000)]  # enough for the collector to come, if it does
        """
    )
    assert told.startswith("Your code made a coroutine, `greet`, and nobody awaited it:")


async def test_nothing_is_told_of_a_fetch_that_is_given_up(caplog: pytest.LogCaptureFixture):
    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the other end hangs up
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as silent:
        address = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/"
        answer = learners(
            f"""
            from contextlib import suppress
            from tornado.httpclient import AsyncHTTPClient

            async def answer():
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await AsyncHTTPClient().fetch("{address}", request_timeout=0.2)
                await asyncio.sleep(0.3)  # Tornado's own limit is over now
            """
        )
        assert await attempt(call, answer, LIMIT) == "well done"
    assert caplog.messages == []


async def test_a_loop_without_await_is_broken_in_the_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trial, "STUCK", 0.3)
    told = await fault_of("def answer():\n    while True:\n        pass")
    assert "Your code held up everything for 0 seconds in line" in told


async def test_a_loop_that_catches_all_is_broken_again_and_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trial, "STUCK", 0.3)
    code = """
        tries = []
        def answer():
            while len(tries) < 2:
                try:
                    while True:
                        pass
                except Exception:
                    tries.append("again")
    """
    assert "held up everything" in await fault_of(code)


async def test_a_sleep_that_holds_up_everybody_is_told_of(monkeypatch: pytest.MonkeyPatch):
    lines = {2: "    time.sleep(1)"}
    monkeypatch.setattr(trial.linecache, "getline", lambda file, line: lines.get(line, ""))
    told = await fault_of("async def answer():\n    time.sleep(1)")
    assert told.startswith("Your code held up everybody while it slept in line 2, `time.sleep(1)`")


async def test_what_does_not_end_is_stopped():
    code = """
        async def answer():
            while True:
                await asyncio.sleep(0.01)
    """
    assert await fault_of(code, limit=0.1) == "It did not come to an end within 0 seconds."


async def test_what_swallows_its_cancellation_is_stopped_by_the_next():
    code = """
        async def answer():
            for _ in range(3):
                try:
                    await asyncio.sleep(60)
                except BaseException:
                    print(end="")
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "TIDYING", 0.2)
        told = await fault_of(code, limit=0.1)
    assert told.startswith("It did not come to an end within 0 seconds.")


async def test_who_can_t_be_stopped_is_told_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trial, "TIDYING", 0.1)
    mercy = asyncio.Event()

    async def stubborn(answer: object) -> str:
        while not mercy.is_set():
            try:
                await mercy.wait()
            except asyncio.CancelledError:
                continue
        return "at last"

    with pytest.raises(WrongError, match="can't be stopped: a bare `except:` catches"):
        await attempt(stubborn, None, 0.1)
    mercy.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_tasks_that_an_answer_leaves_are_ended():
    code = "def answer(): asyncio.get_running_loop().create_task(asyncio.sleep(60))"
    before = asyncio.all_tasks()
    assert await attempt(call, learners(code), LIMIT) == "well done"
    assert asyncio.all_tasks() == before


async def test_others_tasks_go_on():
    others = asyncio.get_running_loop().create_task(asyncio.sleep(60))
    await attempt(call, learners("def answer(): pass"), LIMIT)
    assert not others.done()
    others.cancel()


async def test_an_error_in_a_callback_is_told_and_not_printed(caplog: pytest.LogCaptureFixture):
    code = """
        async def answer():
            asyncio.get_running_loop().call_soon(lambda: 1 / 0)
            await asyncio.sleep(0)
            raise ValueError("too little")
    """
    told = await fault_of(code)
    assert "ValueError in line 5: too little. Your code raised ZeroDivisionError in line 3" in told
    assert caplog.records == []


async def test_what_a_notebook_does_not_show_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    async def warn(answer: object) -> str:
        logging.getLogger("chatkit").warning("the log is away")
        return "well done"

    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    assert await attempt(warn, None, LIMIT) == "well done"
    assert capsys.readouterr().err == ""


async def test_an_error_of_somebody_else_is_logged_as_ever(caplog: pytest.LogCaptureFixture):
    async def noisy(answer: object) -> str:
        try:
            raise ValueError("ours")
        except ValueError:
            logging.getLogger("tornado.application").exception("Uncaught")
        logging.getLogger("chatkit").warning("in passing")
        return "well done"

    assert await attempt(noisy, None, LIMIT) == "well done"
    assert [record.getMessage() for record in caplog.records] == ["Uncaught", "in passing"]


EARLIER = """
def worry(at):
    raise ValueError(at)
"""
EXERCISE = """# Exercise 99-1
def answer():
    {}
"""


def two_cells(monkeypatch: pytest.MonkeyPatch, exercise: str) -> Callable[[], Any]:
    """The function `answer` of an exercise's cell, which calls what an earlier cell defines."""
    space: dict[str, Any] = {"__name__": "__main__", "logged": logged}
    for file, code in (("<earlier>", EARLIER), ("<exercise>", exercise)):
        lines = code.splitlines(keepends=True)
        monkeypatch.setitem(linecache.cache, file, (len(code), None, lines, file))
        exec(compile(code, file, "exec"), space)
    found: Callable[[], Any] = space["answer"]
    return found


def logged(function: Callable[..., Any], *args: Any) -> None:
    """Call a function, and write into the log what it raises, as a broadcaster does."""
    try:
        function(*args)
    except Exception:
        logging.getLogger("chatkit").exception("dropped")


async def fault_in(answer: Callable[[], Any]) -> str:
    async def call_and_fail(answer: Callable[[], Any]) -> str:
        await call(answer)
        raise WrongError("Wrong.")

    with pytest.raises(WrongError) as raised:
        await attempt(call_and_fail, answer, LIMIT)
    return str(raised.value)


async def test_an_error_in_another_cell_is_told_by_the_exercise_s_line(
    monkeypatch: pytest.MonkeyPatch,
):
    told = await fault_in(two_cells(monkeypatch, EXERCISE.format("worry('here')")))
    assert told == "Your code raised ValueError in line 3, `worry('here')`: here."


async def test_so_is_one_that_somebody_between_them_has_caught(monkeypatch: pytest.MonkeyPatch):
    told = await fault_in(two_cells(monkeypatch, EXERCISE.format("logged(worry, 'here')")))
    assert told.startswith("Wrong. Your code raised ValueError in line 3, `logged(worry, 'here')`:")


async def test_a_line_of_another_cell_is_told_with_its_function(monkeypatch: pytest.MonkeyPatch):
    answer = two_cells(monkeypatch, "import functools\nanswer = functools.partial(worry, 'there')")
    told = await fault_in(answer)
    where = "in line 3 of the cell with `worry`, `raise ValueError(at)`"
    assert told == f"Your code raised ValueError {where}: there."


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def answer(): raise SystemExit(1)", "Your code raised SystemExit in line 1: 1."),
        ("def answer(): raise asyncio.CancelledError", "Your code raised CancelledError, as if"),
        ("def answer(): raise ExceptionGroup('two', [ValueError('one')])", "ValueError: one."),
    ],
)
async def test_what_is_no_ordinary_error_is_a_fault_too(code: str, told: str):
    assert told in await fault_of(code)


async def test_who_interrupts_a_check_is_obeyed():
    checking = asyncio.ensure_future(attempt(call, lambda: asyncio.sleep(60), LIMIT))
    await asyncio.sleep(0)
    before = asyncio.all_tasks() - {checking}
    checking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await checking
    gc.collect()
    assert asyncio.all_tasks() <= before


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("def answer(): return nowhere", "Run the cells above first"),
        ("def answer():\n    count = count + 1", "is `self.` missing?"),
        ("def answer():\n    for one in (many := {1}): many.add(2)", "loop over a copy"),
        ("def answer():\n    for one in (many := {1: 1}): many[2] = 2", "loop over a copy"),
        ("def answer(): (lambda: 1)(2)", "Is `self` missing, or another parameter"),
        ("def answer(): (lambda one: 1)()", "Is an argument forgotten"),
        ("def answer(): (lambda: 1)(one=1)", "has no parameter of that name"),
        ("async def answer(): await None", "Only a coroutine can be awaited"),
        ("def answer(): return b'' + 'a'", "Text and bytes are two things"),
        ("def answer(): return 'a' + b''", "Text and bytes are two things"),
        ("def answer(): return 'a' + 1", "f-string"),
        ("def answer(): return (lambda: None)().name", "a `return` is missing"),
        ("def answer(): return (lambda: None)()[0]", "a `return` is missing"),
        ("def answer(): return (lambda: None)()()", "What is called there is no function"),
        ("def answer(): return int.nothing", r"are `\(\)` missing"),
        ("def answer(): return set().append(1)", "A set has add"),
        ("def answer(): return [].add(1)", "A set has add"),
        ("def answer(): return answer.send(1)", r"are `\(\)` missing"),
        ("def answer(): return ''.uper()", r"Did you mean `upper`\?"),
        ("def answer(): return answer()", "It calls itself without end"),
        ("def answer(): asyncio.run(asyncio.sleep(0))", "use `await` instead"),
    ],
)
async def test_advice_on_what_python_says(code: str, advice: str):
    told = await fault_of(code)
    assert told.startswith("Your code raised ")
    assert re.search(advice, told)


def test_an_error_without_words_is_a_sentence_as_well():
    assert in_words(ValueError()) == "Your code raised ValueError."
