"""Every wrong answer is told what is wrong with it, and, asked again, what to do."""

import ast
import asyncio
import linecache
import re
from collections import Counter
from functools import cache
from typing import Any

import psutil
import pytest

from chatkit.lessons import check, checking, trial
from tests.notebooks.exercises import code_cells, read
from tests.notebooks.run import NOTEBOOKS
from tests.notebooks.wrong_answers import WRONG, Wrong

SOLUTIONS = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((NOTEBOOKS / "solutions").glob("*.py"))
}
NAMES = list(SOLUTIONS)
# What exercises take of their lesson's earlier cells, besides their imports.
BUILT = {
    "01": "Echo Opcode apply_mask Frame read_frame read_frames",
    "02": "Callbacks",
    "10": "Naive FrameOnce Gatherer OneWrite",
    "12": "Said",
}
ALREADY = {
    "01": "gone, calls = asyncio.Event(), []",
    "03": "from chatkit.server import ChatServer, make_app",
    "05": "from chatkit.widget import ChatWidget, MessageList",
    "07": "from chatkit.gate import Gate\nfrom chatkit.handlers import ChatSocket\n"
    "from chatkit.messages import key_of",
    "08": "from chatkit.names import looks\nfrom chatkit.room import Room",
    "09": "from chatkit.client import ChatClient\nfrom chatkit.log import MemoryLog\n"
    "from chatkit.room import Room",
    "12": 'BOARD = "export default { render() {} }"',
}

CLOSED = 10.0  # seconds: Tornado cuts a line after five if the other end says no goodbye

each_exercise = pytest.mark.parametrize("name", NAMES)


@cache
def cells(lesson: str) -> list[str]:
    [path] = NOTEBOOKS.glob(f"{lesson}-*.ipynb")
    return [cell.source for cell in code_cells(read(path))]


def written(lesson: str) -> list[str]:
    """The modules that a lesson's cells write to files."""
    return re.findall(r"^%%writefile (\w+)\.py", "\n".join(cells(lesson)), re.MULTILINE)


@cache
def earlier_cells(lesson: str) -> str:
    """The imports of a lesson's cells, and what they build that its exercises need."""
    sources = [s for s in cells(lesson) if not s.startswith(("# Exercise", "%", "!"))]
    statements = [node for source in sources for node in ast.parse(source, mode="exec").body]
    imports = [
        node
        for node in statements
        if isinstance(node, ast.Import)
        or (isinstance(node, ast.ImportFrom) and node.module not in written(lesson))
    ]
    built = BUILT.get(lesson, "").split()
    found = [node for node in statements if getattr(node, "name", "") in built]
    return "\n".join([*map(ast.unparse, [*imports, *found]), ALREADY.get(lesson, "")])


def answer_to(name: str, code: str) -> Any:
    """What the check of an exercise is given, if its cell has this code."""
    learner: dict[str, Any] = {"__name__": "__main__"}
    exec(earlier_cells(name[:2]), learner)
    file = f"<cell {name}>"
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    exec(compile(code, file, "exec"), learner)
    return eval(asked(name), learner)


def asked(name: str) -> str:
    """What an exercise's check is given, in the notebook's words, such as `Typing`."""
    [source] = [source for source in cells(name[:2]) if f'check("{name}", ' in source]
    return source.partition(f'check("{name}", ')[2].rstrip().removesuffix(")")


def code_of(name: str, wrong: Wrong) -> str:
    if isinstance(wrong.code, str):
        return wrong.code
    old, new = wrong.code
    assert old in SOLUTIONS[name]
    return SOLUTIONS[name].replace(old, new)


@pytest.fixture(autouse=True)
def never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_failures", Counter())


async def verdicts(name: str, answer: Any, times: int = 1) -> list[str]:
    """What is said of a wrong answer, each time with the hint of that time and nothing left."""
    before, open_before = asyncio.all_tasks(), connections()
    exercise = checking.find(name)
    assert exercise
    told = []
    for hint in exercise.hints[:times]:
        verdict = await check(name, answer)
        assert not verdict
        words, _, hinted = repr(verdict).partition("\nHint: ")
        assert hinted == hint
        told.append(words)
    assert asyncio.all_tasks() == before
    async with asyncio.timeout(CLOSED):
        while not connections() <= open_before:  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.01)
    return told


def connections() -> set[int]:
    """The file descriptors of this process's sockets, those that listen among them."""
    return {connection.fd for connection in psutil.Process().net_connections(kind="tcp")}


@pytest.mark.parametrize(
    ("name", "wrong", "times"),
    [
        pytest.param(name, wrong, 1 if n else 2, id=f"{name} {wrong.mistake}")
        for name, wrongs in WRONG.items()
        for n, wrong in enumerate(wrongs)
    ],
)
async def test_a_wrong_answer_is_told_what_is_wrong(
    name: str,
    wrong: Wrong,
    times: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):
    checks = f"chatkit.lessons.checks_{name[:2]}"
    checking.find(name)
    if wrong.patience:
        monkeypatch.setattr(trial, "STUCK", 2 * wrong.patience)
        monkeypatch.setattr(f"{checks}.PATIENCE", wrong.patience, raising=False)
        monkeypatch.setattr(f"{checks}.SILENCE", wrong.patience, raising=False)
    if wrong.limit:
        monkeypatch.setattr(checking, "TIMEOUT", wrong.limit)
    for words in await verdicts(name, answer_to(name, code_of(name, wrong)), times):
        assert re.search(wrong.told, words, re.DOTALL)
        assert "Traceback" not in words
    assert capfd.readouterr().err == ""


def test_every_exercise_has_its_wrong_answers():
    assert [name for name in NAMES if len(WRONG[name]) < 4] == []
    assert [name for name in WRONG if name not in NAMES] == []


@each_exercise
async def test_no_answer_is_a_wrong_one(name: str):
    answer = (None, None) if name == "08-1" else None
    [words] = await verdicts(name, answer)
    assert re.match(f"✗ {name}: Expected .*; what came: (None|nothing)", words)


@each_exercise
async def test_the_answer_of_another_exercise_is_a_wrong_one(name: str):
    other = NAMES[NAMES.index(name) - 4]  # a lesson before, or the last
    [words] = await verdicts(name, answer_to(other, SOLUTIONS[other]))
    assert "what came" in words or "Your code raised" in words
