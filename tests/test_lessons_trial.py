"""A trial of an answer: it says what went wrong unseen, ends what is left, and never hangs."""

import asyncio
import gc
import linecache
import logging
import os
import re
import socket
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from chatkit.lessons.engine import stopping, trial, watch
from chatkit.lessons.engine.mistakes import Answer, in_words
from chatkit.lessons.engine.trial import WrongError, attempt

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
    monkeypatch.setattr(watch, "STUCK", 0.3)
    told = await fault_of("def answer():\n    while True:\n        pass")
    assert "Your code still ran after 0 seconds in line" in told


async def test_a_loop_that_catches_errors_is_stopped_as_well(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watch, "STUCK", 0.3)
    code = """
        def answer():
            while True:
                try:
                    while True:
                        pass
                except Exception:
                    pass
    """
    assert "held up everything" in await fault_of(code)


async def test_a_loop_in_a_coroutine_is_told_to_await(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watch, "STUCK", 0.3)
    told = await fault_of("async def answer():\n    while True:\n        pass")
    assert "A loop that waits needs an `await` that really waits, such as" in told


async def test_a_loop_that_forgets_to_await_is_stopped_and_told_so():
    code = """
        async def answer():
            while True:
                asyncio.sleep(0.1)
    """
    told = await fault_of(code)
    assert told == (
        "Your code made a coroutine, `sleep`, and nobody awaited it: put `await` before the call."
    )
    assert "answer" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("async def answer():\n    time.sleep(1)", True),
        ("def answer():\n    time.sleep(1)", False),
    ],
)
async def test_a_sleep_that_holds_up_everything_is_told_of(
    code: str, advice: bool, monkeypatch: pytest.MonkeyPatch
):
    lines = {2: "    time.sleep(1)"}
    monkeypatch.setattr(watch.linecache, "getline", lambda file, line: lines.get(line, ""))
    told = await fault_of(code)
    where = "Your code held up everything else while it slept in line 2, `time.sleep(1)`: "
    assert told.startswith(where)
    assert ("await asyncio.sleep" in told) == advice


async def test_what_does_not_end_is_stopped():
    code = """
        async def answer():
            while True:
                await asyncio.sleep(0.01)
    """
    assert await fault_of(code, limit=0.1) == "It did not come to an end within 0 seconds."


async def test_what_ignores_that_it_is_cancelled_is_stopped_by_an_exception(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(trial, "CANCELLING", 0.2)
    code = """
        async def answer():
            while True:
                try:
                    await asyncio.sleep(0.01)
                except BaseException:
                    pass
    """
    told = await fault_of(code, limit=0.1)
    assert told.startswith("It did not come to an end within 0 seconds.")
    assert "still runs" not in told


async def test_what_can_t_be_stopped_is_abandoned(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watch, "STUCK", 0.1)
    monkeypatch.setattr(stopping, "PATIENCE", 0.1)
    lock = threading.Lock()
    lock.acquire()
    answer = learners("def answer(): blocked()")
    answer.__globals__["blocked"] = lock.acquire  # waits in C
    before = set(threading.enumerate())
    with pytest.raises(WrongError, match="nothing can stop it: restart the kernel"):
        await attempt(call, answer, LIMIT)
    lock.release()
    for thread in set(threading.enumerate()) - before:
        thread.join(LIMIT)


async def test_threads_that_an_answer_leaves_are_ended():
    code = """
        import threading

        def work():
            while True:
                pass

        def answer(): threading.Thread(target=work).start()
    """
    before = threading.active_count()
    assert await attempt(call, learners(code), LIMIT) == "well done"
    assert threading.active_count() <= before + 1  # the loop's own, which waits for work


async def test_sockets_that_an_answer_leaves_are_closed():
    code = """
        import socket
        left = []

        def answer(): left.append(socket.create_server(("127.0.0.1", 0)))
    """
    answer = learners(code)
    assert await attempt(call, answer, LIMIT) == "well done"
    assert [made.fileno() for made in answer.__globals__["left"]] == [-1, -1]


async def test_what_is_printed_is_told_with_what_is_wrong_and_nowhere_else(
    capsys: pytest.CaptureFixture[str],
):
    told = await fault_of("def answer():\n    print('seen')\n    raise ValueError('no')")
    assert told.endswith("no.\nYour code printed: seen")
    assert capsys.readouterr() == ("", "")


async def test_other_threads_print_meanwhile(capsys: pytest.CaptureFixture[str]):
    async def slow(answer: object) -> str:
        await asyncio.sleep(0.2)
        return "well done"

    trying = asyncio.ensure_future(attempt(slow, None, LIMIT))
    await asyncio.sleep(0.05)
    print("a cell's own")
    assert await trying == "well done"
    assert capsys.readouterr().out == "a cell's own\n"


async def test_an_answer_is_asked_twice_and_must_be_right_both_times():
    code = """
        seen = []

        def answer():
            seen.append(1)
            if len(seen) > 1:
                raise ValueError("again")
    """
    told = await fault_of(code)
    assert told.startswith("It passed once, and failed when it was checked again. Your code raised")


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


async def test_what_others_log_is_logged_as_ever(caplog: pytest.LogCaptureFixture):
    async def slow(answer: object) -> str:
        await asyncio.sleep(0.2)
        logging.getLogger("chatkit").warning("of the trial")
        return "well done"

    trying = asyncio.ensure_future(attempt(slow, None, LIMIT))
    await asyncio.sleep(0.05)
    logging.getLogger("chatkit").warning("in passing")
    assert await trying == "well done"
    assert [record.getMessage() for record in caplog.records] == ["in passing"]


async def test_everything_is_as_before_when_a_trial_is_over():
    def replaced() -> list[object]:
        return [sys.stdout, os._exit, socket.socket.__init__, threading.Thread.start, print]

    before = replaced()
    await attempt(call, learners("def answer(): pass"), LIMIT)
    assert replaced() == before


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
        ("def answer(): return nowhere", "No cell that ran gave this name a value"),
        ("def answer(): return anwser()", "Did you mean `answer`"),
        (
            "def answer():\n    try: 1 / 0\n    except ArithmeticError: print(error)",
            "Write `except ZeroDivisionError as error:`",
        ),
        ("def answer():\n    count = count + 1", "is local to it"),
        ("def answer():\n    for one in (many := {1}): many.add(2)", "loop over a copy"),
        ("def answer():\n    for one in (many := {1: 1}): many[2] = 2", "loop over a copy"),
        (
            "def answer(): (lambda: 1)(2)",
            "called with more values than its `def` accepts: is a parameter missing",
        ),
        ("def answer(): (lambda one: 1)()", "Your call gives it too few values"),
        ("def answer(): (lambda: 1)(one=1)", "has no parameter of that name"),
        (
            "class It:\n    def go(one): pass\ndef answer(): It().go(1)",
            "is `self` or another parameter missing",
        ),
        ("async def answer(): await None", "Only a coroutine can be awaited"),
        ("def answer(): return b'' + 'a'", "Text and bytes are different"),
        ("def answer(): return 'a' + b''", "Text and bytes are different"),
        ("def answer(): return 'a' + 1", "f-string"),
        ("def answer(): return (lambda: None)().name", "a `return` is missing"),
        ("def answer(): return (lambda: None)()[0]", "a `return` is missing"),
        ("def answer(): return (lambda: None)()()", "What is called here is no function"),
        ("def answer(one=(1,)): return one(2)", "perhaps a comma is missing"),
        ("def answer(): return int.nothing", r"are `\(\)` missing"),
        ("def answer(): return set().append(1)", "A set has add"),
        ("def answer(): return [].add(1)", "A set has add"),
        ("def answer(): return answer.send(1)", r"are `\(\)` missing"),
        ("def answer(): return ''.uper()", r"Did you mean `upper`\?"),
        ("def answer(): return answer()", "A function calls itself"),
        ("def answer(): asyncio.run(asyncio.sleep(0))", "hand it the coroutine"),
    ],
)
async def test_advice_on_what_python_says(code: str, advice: str):
    told = await fault_of(code)
    assert told.startswith("Your code raised ")
    assert re.search(advice, told)


def test_an_error_without_words_is_a_sentence_as_well():
    assert in_words(ValueError(), Answer(None)) == "Your code raised ValueError."


async def test_a_task_that_ignores_its_end_neither_hides_the_fault_nor_freezes_anything():
    code = """
        async def follow():
            while True:
                try:
                    await asyncio.sleep(0.01)
                except:
                    pass

        def answer():
            asyncio.ensure_future(follow())
    """
    told = await fault_in(learners(code))
    assert told.startswith("Wrong.")
    assert "held up" not in told
    gc.collect()
