"""The laboratory of lesson 11: with Redis and without, its crashes and counts; and its checks."""

import importlib
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from chatkit.lessons import check
from chatkit.lessons import many_lab as lab
from chatkit.lessons.failure_lab import until
from chatkit.lessons.redis_server import RedisServer
from chatkit.lessons.speed_lab import Lines
from chatkit.log import MemoryLog
from chatkit.messages import ChatkitError
from chatkit.redis_link import RedisLink
from chatkit.redis_log import RedisLog
from chatkit.room import Rooms
from chatkit.server import launch
from chatkit.shared import SharedRooms

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def redis() -> Iterator[lab.LessonRedis]:
    running = lab.start_redis()
    yield running
    running.stop()


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A machine without redis-server."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)


async def test_a_command_goes_to_redis_word_by_word(redis: lab.LessonRedis):
    assert "Redis is running: redis://127.0.0.1:" in repr(redis)
    assert await redis("XADD", "lobby", "0-*", "text", "one") == "0-1"
    assert await redis("XRANGE", "lobby", "-", "+") == [("0-1", {"text": "one"})]
    assert "Redis objects: " in repr(await redis("XADD", "lobby", "0-1", "text", "one"))


async def test_an_experiment_begins_in_an_empty_database(redis: lab.LessonRedis):
    async def add(client: Any) -> int:
        await client.rpush("words", "one")
        return await client.llen("words")

    assert [await redis.run(add), await redis.run(add)] == [1, 1]
    assert await redis("EXISTS", "words") == 0


def test_it_starts_anew_and_stops_twice():
    first = lab.start_redis()
    second = lab.start_redis()
    assert repr(first) == "Redis has stopped."
    assert repr(second.stop().stop()) == "Redis has stopped."


async def test_after_its_end_whatever_needs_redis_says_how_to_have_it_again():
    redis = lab.start_redis().stop()
    assert await redis("PING") is lab.STOPPED
    assert await redis.run(lab.ear) is lab.STOPPED
    assert await lab.kill_one(redis) is lab.STOPPED


async def test_without_redis_every_experiment_says_so(nowhere: None):
    redis = lab.start_redis()
    assert "There is no redis-server on this machine" in repr(redis)
    for said in (
        await redis("PING"),
        await redis.run(lab.ear, "lobby"),
        await lab.roll_call_with(redis, SharedRooms),
        await lab.both_append(redis, RedisLink, RedisLog),
        await lab.kill_one(redis),
        await lab.crash_redis(redis),
        await lab.crashes(redis),
        await lab.two_servers(redis),
        await lab.spread(redis, [], lambda room, cells: 0),
        await lab.cost(redis),
    ):
        assert said is lab.MISSING
    assert redis.stop() is redis


def test_under_ci_there_has_to_be_one(nowhere: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(ChatkitError, match="no redis-server"):
        lab.start_redis()


@pytest.fixture
def without_redis_py(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("CI", raising=False)
    gone = {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] == "redis"
        or name.startswith(("chatkit.redis_", "chatkit.shared"))
    }
    for name in gone:
        del sys.modules[name]
    monkeypatch.setattr(lab, "find_spec", lambda name: None)
    yield
    for name in {*sys.modules} & {*gone, *lab.REDIS_PY}:
        del sys.modules[name]
    sys.modules.update(gone)


def test_without_redis_py_the_lesson_s_imports_succeed_all_the_same(without_redis_py: None):
    assert repr(lab.start_redis()).startswith(lab.NO_REDIS_PY)
    for module in ("redis_link", "redis_log", "redis_roster", "shared"):
        importlib.import_module(f"chatkit.{module}")
    assert repr(lab.start_redis()).startswith(lab.NO_REDIS_PY)


async def test_without_redis_py_a_check_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lab, "without_redis_py", lambda: True)

    async def follow(redis: Any, hear: Any) -> None:
        """Never called."""

    assert "redis-py is not installed" in repr(await check("11-3", follow))


async def test_an_ear_hears_nothing_before_and_after(redis: lab.LessonRedis):
    async def words(client: Any) -> list[str]:
        await client.publish("lobby", "before")
        async with lab.ear(client, "lobby") as heard:
            await client.publish("lobby", "one")
        await client.publish("lobby", "after")
        return heard

    assert await redis.run(words) == ["one"]


async def test_two_servers_with_a_log_each_are_two_rooms():
    one, two = launch(port=0), launch(port=0)
    try:
        heard = repr(await lab.roll_call(one, two)).splitlines()
    finally:
        one.stop()
        two.stop()
    assert [line.rpartition("heard ")[2] for line in heard] == ["Ada, Bob"] * 2 + ["Cy, Grace"] * 2


async def test_two_servers_on_one_redis_are_one_room(redis: lab.LessonRedis):
    heard = repr(await lab.roll_call_with(redis, SharedRooms)).splitlines()
    assert [line.rpartition("heard ")[2] for line in heard] == ["Ada, Bob, Cy, Grace"] * 4


async def test_both_append_tells_one_order_from_two(redis: lab.LessonRedis):
    def of_its_own(link: Any, on_break: Any) -> Any:
        return MemoryLog()

    said = repr(await lab.both_append(redis, RedisLink, RedisLog, 20))
    assert "heard 40, numbered without a gap: True" in said
    assert "in the same order: True" in said
    patience, lab.PATIENCE = lab.PATIENCE, 0.1
    try:
        said = repr(await lab.both_append(redis, RedisLink, of_its_own, 20))
    finally:
        lab.PATIENCE = patience
    assert "heard 20, " in said
    assert "in the same order: False" in said


async def test_nothing_is_lost_when_a_server_is_killed(
    redis: lab.LessonRedis, capsys: pytest.CaptureFixture[str]
):
    assert repr(await lab.kill_one(redis, 100)) == "100 sent: 100 once, 0 lost, 0 doubled"
    assert "the second server now: True" in capsys.readouterr().out


async def test_nothing_is_lost_when_redis_is_killed(redis: lab.LessonRedis):
    said = repr(await lab.crash_redis(redis, 100))
    assert said.count("has heard 100: 0 lost, 0 twice.") == 2
    assert said.endswith("in the same order: True")


@pytest.mark.parametrize(
    ("persistence", "left", "told"), [("none", 0, True), ("rdb", 60, True), ("always", 100, False)]
)
async def test_what_a_crash_leaves(persistence: str, left: int, told: bool):
    with lab.kept_errors():
        assert await lab.after_a_crash(persistence) == (left, told)


async def test_the_table_has_a_row_for_each_promise(redis: lab.LessonRedis, monkeypatch: Any):
    async def crash(persistence: str) -> tuple[int, bool]:
        return len(persistence), persistence == "none"

    monkeypatch.setattr(lab, "after_a_crash", crash)
    rows = [line.split() for line in repr(await lab.crashes(redis)).splitlines()]
    assert [row[0] for row in rows[1:]] == [*lab.PROMISES]
    assert "yes" in rows[1]
    assert "yes" not in rows[4]


async def test_rooms_are_in_the_cells_that_they_were_sent_to(redis: lab.LessonRedis):
    def cell_of(room: str, cells: int) -> int:
        return len(room) % cells

    said = await lab.spread(redis, ["a", "bb", "ccc"], cell_of)
    assert repr(said) == "cell 0: bb\ncell 1: a, ccc"
    assert isinstance(said, Lines)


def press(hands: lab.TwoServers, words: str) -> None:
    """Click one of the handles."""
    next(button for button in hands.children[0].children if button.description == words).click()


async def test_the_handles_kill_and_start_and_the_widget_moves_on(redis: lab.LessonRedis):
    hands = await lab.two_servers(redis)
    assert isinstance(hands, lab.TwoServers)
    client = hands.chat.client
    assert await until(lambda: "the widget talks to server 1" in hands.state.value)
    press(hands, "kill -9 server 1")
    assert await until(lambda: "the widget talks to server 2" in hands.state.value)
    assert "Server 1 has been killed; Server 2 runs; Redis runs" in hands.state.value
    press(hands, "kill -9 Redis")
    assert "Redis has been killed" in hands.state.value
    await client.send("while Redis is away")
    press(hands, "Start Redis")
    await client.confirmed()
    press(hands, "Start server 1")
    assert await until(lambda: "Server 1 runs" in hands.state.value)
    redis.stop()
    assert not any(server.runs for server in hands.servers)
    assert not lab.alive(hands.redis)


async def test_handles_that_are_shown_again_take_the_place_of_those_before(redis: lab.LessonRedis):
    before = await lab.two_servers(redis)
    after = await lab.two_servers(redis)
    assert isinstance(before, lab.TwoServers)
    assert redis.hands is after
    assert not lab.alive(before.redis)


async def test_a_room_s_server_is_one_of_the_reader_s_rooms():
    async with lab.RoomsServer(Rooms()) as server:
        assert server.log is server.rooms.log


def test_a_redis_that_dies_without_a_word_is_told_of(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "which", lambda program: sys.executable)  # it knows no such options
    with pytest.raises(ChatkitError, match=r"redis-server did not start: it did not say why\."):
        RedisServer()
