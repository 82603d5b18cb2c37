# ruff: noqa: ASYNC240 - the disk is what these tests are about
"""Logs: the same tests for each, then what memory trims and what a disk does to SQLite.

What befalls a log on Redis is in test_redis_log.py.
"""

import asyncio
import os
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from chatkit import client as client_module
from chatkit import log as log_module
from chatkit.client import ChatClient
from chatkit.log import KEPT, Log, LogError, MemoryLog, SqliteLog, open_log
from chatkit.messages import MAX_ID, ChatkitError, Message
from chatkit.redis_link import RedisLink
from chatkit.redis_log import RedisLog
from tests.conftest import end_of, hear, say, serving, socket_url, until


def message(text: str, key: str | None = None) -> Message:
    return Message(text, name="Ada", time=1.5, key=key)


def numbered(first: int, last: int) -> list[Message]:
    return [message(str(number)) for number in range(first, last + 1)]


def brief(messages: Sequence[Message]) -> list[tuple[int, str]]:
    return [(told.id, told.message) for told in messages]


async def everything(log: Log, room: str = "lobby") -> list[tuple[int, str]]:
    return brief(await log.read(room, 0, 10_000))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


# Every log. A new one has to pass these too: add it here.


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def log(request: pytest.FixtureRequest, path: Path) -> AsyncIterator[Log]:
    """An open log with nothing in it."""
    async with AsyncExitStack() as stack:
        log: Log
        if request.param == "redis":
            link = RedisLink(request.getfixturevalue("redis_server").url)
            log = RedisLog(link, on_break=partial(pytest.fail, "Redis has lost something"))
            await link.open()
            stack.push_async_callback(link.close)
        else:
            log = MemoryLog() if request.param == "memory" else SqliteLog(str(path))
        await log.open()
        stack.push_async_callback(log.close)
        yield log


async def test_what_is_appended_is_numbered_from_1_and_read_as_it_was(log: Log):
    told = Message("hé 🦆", name="Zoë", time=1700000000.123456, key="k")
    assert await log.append("lobby", [told]) == {}
    assert await log.read("lobby", 0, 10) == [
        Message("hé 🦆", id=1, name="Zoë", time=1700000000.123456, key="k")
    ]


async def test_ids_go_on_without_a_gap_whatever_the_batches(log: Log):
    await asyncio.gather(
        *(log.append("lobby", numbered(first, first + 2)) for first in (1, 4, 7, 10))
    )
    await log.append("lobby", numbered(13, 13))
    assert await everything(log) == [(number, str(number)) for number in range(1, 14)]


async def test_rooms_are_counted_each_for_itself(log: Log):
    await asyncio.gather(*(log.append(room, [message(room)]) for room in ("a", "b", "a", "c")))
    assert [await everything(log, room) for room in "abcd"] == [
        [(1, "a"), (2, "a")],
        [(1, "b")],
        [(1, "c")],
        [],
    ]


async def test_reading_begins_after_an_id_and_ends_at_a_limit(log: Log):
    await log.append("lobby", numbered(1, 5))
    assert brief(await log.read("lobby", 2, 2)) == [(3, "3"), (4, "4")]
    assert brief(await log.read("lobby", 4, 2)) == [(5, "5")]
    for after in (5, 6, MAX_ID):
        assert list(await log.read("lobby", after, 2)) == []
    assert list(await log.read("elsewhere", 0, 2)) == []


async def test_the_span_is_from_the_oldest_to_the_newest(log: Log):
    assert await log.span("lobby") == (1, 0)
    await log.append("lobby", numbered(1, 3))
    assert await log.span("lobby") == (1, 3)
    assert await log.span("elsewhere") == (1, 0)


async def test_with_another_log_it_has_nothing_in_common(log: Log):
    await log.append("lobby", numbered(1, 3))
    for other in ("", "elsewhere", "else.1", "."):
        assert await log.common("lobby", other) == 0


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
async def test_a_key_is_kept_once_and_the_earlier_message_is_given_back(log: Log, together: bool):
    first, again, other = message("hi", "k"), message("HI", "k"), message("hi", "l")
    if together:
        doubles = await log.append("lobby", [first, again, other])
    else:
        assert await log.append("lobby", [first]) == {}
        doubles = await log.append("lobby", [again, other])
    assert brief(list(doubles.values())) == [(1, "hi")]
    assert list(doubles) == ["k"]
    assert await everything(log) == [(1, "hi"), (2, "hi")]


async def test_a_key_belongs_to_its_room_and_none_is_no_key(log: Log):
    for room in ("a", "b"):
        assert await log.append(room, [message("hi", "k"), message("hi"), message("hi")]) == {}
    assert [len(await everything(log, room)) for room in "ab"] == [3, 3]


async def test_followers_get_what_is_new_numbered_and_in_order_and_nothing_else(log: Log):
    heard: list[tuple[int, str]] = []
    await log.append("lobby", [message("before", "k")])
    log.follow("lobby", follower := lambda messages: heard.extend(brief(messages)))
    await asyncio.gather(
        log.append("lobby", [message("before", "k"), message("one")]),
        log.append("elsewhere", [message("nothing to them")]),
        log.append("lobby", [message("two"), message("one more", "k2"), message("again", "k2")]),
        log.append("lobby", [message("before", "k")]),
    )
    assert heard == [(2, "one"), (3, "two"), (4, "one more")]
    log.unfollow("lobby", follower)
    await log.append("lobby", [message("after")])
    assert len(heard) == 3


async def test_a_follower_is_not_called_where_nothing_is_new(log: Log):
    called: list[Any] = []
    await log.append("lobby", [message("hi", "k")])
    log.follow("lobby", called.append)
    await log.append("lobby", [message("hi", "k")])
    assert called == []


async def test_followers_are_told_before_the_future_is_done_and_before_reading_shows_it(log: Log):
    newest = 0

    def follow(messages: Sequence[Message]) -> None:
        nonlocal newest
        newest = messages[-1].id

    async def read() -> None:
        for _ in range(50):
            seen = await log.read("lobby", 0, 1000)
            assert len(seen) <= newest

    async def write() -> None:
        for number in range(50):
            await log.append("lobby", [message(str(number))])
            assert newest == number + 1

    log.follow("lobby", follow)
    async with asyncio.TaskGroup() as group:
        for job in (read(), write(), read()):
            group.create_task(job)
    assert newest == 50


async def test_a_follower_that_fails_stops_neither_others_nor_the_log(
    log: Log, caplog: pytest.LogCaptureFixture
):
    heard: list[Any] = []
    log.follow("lobby", lambda messages: messages.nothing)
    log.follow("lobby", heard.append)
    for number in range(3):
        await asyncio.wait_for(log.append("lobby", [message(str(number))]), 5)
    assert len(heard) == 3
    assert caplog.text.count("a follower of the room lobby failed") == 3


async def test_a_follower_may_append_follow_and_leave(log: Log):
    heard: list[str] = []

    def answer(messages: Sequence[Message]) -> None:
        heard.extend(told.message for told in messages)
        log.unfollow("lobby", answer)
        log.follow("lobby", lambda messages: heard.extend(told.message for told in messages))
        log.append("lobby", [message("answer")])

    log.follow("lobby", answer)
    await log.append("lobby", [message("question")])
    await until(lambda: heard == ["question", "answer"])


async def test_who_gives_up_waiting_holds_up_nobody(log: Log):
    given_up = log.append("lobby", [message("one")])
    given_up.cancel()
    await asyncio.wait_for(log.append("lobby", [message("two")]), 5)
    assert await everything(log) == [(1, "one"), (2, "two")]


def test_logs_are_chosen_by_their_address():
    assert isinstance(open_log("memory"), MemoryLog)
    sqlite = open_log("sqlite:some/chat.db")
    assert isinstance(sqlite, SqliteLog)
    assert sqlite.path == "some/chat.db"


@pytest.mark.parametrize("address", ["", "sqlite", "sqlite:", "memory:x", "redis:", "chat.db"])
def test_an_address_of_no_log_is_told_in_one_sentence(address: str):
    with pytest.raises(
        ChatkitError, match=r"There is no log .*: choose memory, sqlite:chat.db or redis://"
    ):
        open_log(address)


# Memory.


async def test_memory_keeps_the_last_messages_and_says_from_where():
    log = MemoryLog(kept=3)
    await log.append("lobby", numbered(1, 2))
    assert await log.span("lobby") == (1, 2)
    await log.append("lobby", numbered(3, 8))
    assert await log.span("lobby") == (6, 8)
    assert await everything(log) == [(6, "6"), (7, "7"), (8, "8")]
    assert brief(await log.read("lobby", 6, 1)) == [(7, "7")]


async def test_memory_forgets_the_keys_of_what_it_forgets():
    log = MemoryLog(kept=3)
    for number in range(10):
        await log.append("lobby", [message("hi", f"k{number}")])
    assert sorted(log.shelves["lobby"].keys) == ["k7", "k8", "k9"]
    assert brief([*(await log.append("lobby", [message("hi", "k7")])).values()]) == [(8, "hi")]
    assert await log.append("lobby", [message("hi", "k6")]) == {}


async def test_memory_holds_a_thousand_and_is_another_log_each_time():
    log = MemoryLog()
    await log.append("lobby", numbered(1, KEPT + 1))
    assert await log.span("lobby") == (2, KEPT + 1)
    assert log.identity != MemoryLog().identity
    assert not log.lasting


# SQLite.


@pytest.fixture
async def disk(path: Path) -> AsyncIterator[SqliteLog]:
    """An open log in a file."""
    log = SqliteLog(str(path))
    await log.open()
    yield log
    await log.close()


async def test_sqlite_goes_on_where_it_ended_with_its_identity_and_keys(path: Path):
    identities = set()
    for number in range(1, 4):
        log = SqliteLog(str(path))
        await log.open()
        identities.add(log.identity)
        assert await log.append("lobby", [message(str(number), f"k{number}")]) == {}
        doubles = await log.append("lobby", [message("1", "k1")])
        assert brief([*doubles.values()]) == [(1, "1")]
        await log.close()
    assert log.lasting
    assert len(identities) == 1
    await log.open()  # the same one again
    assert await everything(log) == [(1, "1"), (2, "2"), (3, "3")]
    await log.close()
    other = SqliteLog(str(path.with_name("other.db")))
    await other.open()
    assert other.identity not in identities
    await other.close()


async def test_sqlite_waits_for_the_disk_and_writes_ahead(disk: SqliteLog):
    def ask(question: str) -> Any:
        return disk.db.execute(question).fetchone()[0]

    assert await disk.run(ask, "PRAGMA synchronous") == 2  # FULL
    assert await disk.run(ask, "PRAGMA journal_mode") == "wal"


async def test_what_arrives_while_it_writes_goes_into_one_transaction(
    disk: SqliteLog, monkeypatch: pytest.MonkeyPatch
):
    batches: list[int] = []
    store = disk.store

    def counted(batch: Any) -> Any:
        batches.append(len(batch))
        return store(batch)

    monkeypatch.setattr(disk, "store", counted)
    first = disk.append("a", [message("first")])
    await asyncio.sleep(0)  # now it writes
    rest = [disk.append(room, [message(room)]) for room in "abc" * 30]
    await asyncio.gather(first, *rest)
    assert batches == [1, 90]
    assert [len(await everything(disk, room)) for room in "abc"] == [31, 30, 30]


async def test_closing_writes_what_waits(path: Path):
    log = SqliteLog(str(path))
    await log.open()
    futures = [log.append("lobby", [message(str(number))]) for number in range(1, 10)]
    await log.close()
    assert all(future.done() for future in futures)
    await log.open()
    assert await everything(log) == [(number, str(number)) for number in range(1, 10)]
    await log.close()


async def test_a_log_that_is_closed_or_was_never_open_says_so_and_hangs_nobody(path: Path):
    log = SqliteLog(str(path))
    for _ in range(2):
        for asking in (
            log.append("lobby", [message("hi")]),
            log.read("lobby", 0, 1),
            log.span("lobby"),
        ):
            with pytest.raises(LogError, match="The log does not answer just now"):
                await asyncio.wait_for(asking, 5)
        await log.open()
        await log.close()


async def test_any_fault_of_the_writer_is_told_to_all_who_wait_and_the_next_can_write(
    disk: SqliteLog, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.setattr(disk, "put", lambda room, messages: 1 / 0)
        given_up, *appends = [disk.append("lobby", numbered(n, n)) for n in range(3)]
        given_up.cancel()
        for append in appends:
            with pytest.raises(LogError, match="division by zero"):
                await asyncio.wait_for(append, 5)
    await asyncio.wait_for(disk.append("lobby", [message("after")]), 5)
    assert await everything(disk) == [(1, "after")]


async def test_a_batch_is_stored_as_a_whole_or_not_at_all(
    disk: SqliteLog, monkeypatch: pytest.MonkeyPatch
):
    heard: list[Any] = []
    for room in "abc":
        disk.follow(room, heard.append)
    broken = Message("no time", time=None)  # type: ignore[arg-type]
    appends = [disk.append("a", numbered(1, 3)), disk.append("b", [message("b"), broken])]
    for append in appends:
        with pytest.raises(LogError, match="NOT NULL"):
            await append
    assert heard == []
    assert [await everything(disk, room) for room in "ab"] == [[], []]
    await disk.append("a", [message("one")])
    assert await everything(disk, "a") == [(1, "one")]


async def test_too_much_that_waits_is_told_at_once(
    disk: SqliteLog, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(log_module, "MAX_WAITING", 10)
    appends = [disk.append("lobby", numbered(1, 5)) for _ in range(4)]
    assert [append.done() for append in appends] == [False, False, False, True]
    with pytest.raises(LogError, match="The log is behind: send it again in a moment"):
        await appends[3]
    await asyncio.gather(*appends[:3])
    await disk.append("lobby", [message("after")])
    assert await disk.span("lobby") == (1, 16)


# Files that can't be opened.


def no_database(path: Path) -> None:
    path.write_bytes(b"This is a letter to my aunt. " * 100)


def another_program_s(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE messages (subject TEXT, body TEXT)")
        db.commit()


def a_folder(path: Path) -> None:
    path.mkdir()


def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("BEGIN EXCLUSIVE")
        yield
        db.rollback()


async def refusal_to_open(path: Path) -> str:
    log = SqliteLog(str(path))
    with pytest.raises(ChatkitError) as refusal:
        await log.open()
    with pytest.raises(ChatkitError):
        await serving(log=f"sqlite:{path}").__aenter__()
    assert not isinstance(refusal.value, LogError)
    sentence = str(refusal.value)
    assert sentence.startswith(f"Can't keep the log in {path} (")
    assert sentence.endswith(
        "choose a file that may be written here and belongs to no other program."
    )
    return sentence


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (no_database, "file is not a database"),
        (another_program_s, "no such column"),
        (a_folder, "unable to open database file"),
    ],
)
async def test_a_file_that_is_no_log_is_told_in_one_sentence_and_left_alone(
    path: Path, make: Any, reason: str
):
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    assert reason in await refusal_to_open(path)
    if make is no_database:
        assert path.read_bytes() == before


async def test_a_folder_that_is_not_there_is_told_in_one_sentence(tmp_path: Path):
    assert "unable to open" in await refusal_to_open(tmp_path / "nowhere" / "chat.db")


async def test_a_file_that_another_program_holds_is_told_in_one_sentence(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(log_module, "LOCK_TIMEOUT", 0.05)
    holding = locked(path)
    next(holding)
    assert "database is locked" in await refusal_to_open(path)
    next(holding, None)
    log = SqliteLog(str(path))
    await log.open()
    await log.close()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are others there")
async def test_a_file_that_may_not_be_written_is_told_in_one_sentence():
    nobody = 65534
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path: none but its owner gets there
        path = Path(folder) / "chat.db"
        log = SqliteLog(str(path))
        await log.open()
        await log.close()
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        user = os.geteuid()
        if user == 0:  # who may write anything
            os.seteuid(nobody)
        try:
            assert "readonly database" in await refusal_to_open(path)
        finally:
            os.seteuid(user)
            Path(folder).chmod(0o755)


# Disks that fail while the server runs: the sender is told, nothing is half-written, the server
# stays up, and what was sent is stored once the disk is sound again.


@contextmanager
def full(log: SqliteLog) -> Iterator[None]:
    """No page more for the database, as when its disk is full."""

    def limit(pages: int) -> None:
        log.thread.submit(log.db.execute, f"PRAGMA max_page_count = {pages}").result()

    limit(1)  # no fewer than it has already
    try:
        yield
    finally:
        limit(1_000_000)


@contextmanager
def no_room_for_files(log: SqliteLog) -> Iterator[None]:
    """The system lets no file of this process grow, wherever it is."""
    resource = pytest.importorskip("resource")
    sizes = [Path(log.path + end).stat().st_size for end in ("", "-wal", "-shm")]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(sizes), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def held(log: SqliteLog) -> Iterator[None]:
    """Another program holds the database."""
    with closing(sqlite3.connect(log.path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.rollback()


@contextmanager
def damaged(log: SqliteLog) -> Iterator[None]:
    """Somebody has written nonsense all over the database."""
    with closing(sqlite3.connect(log.path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    path = Path(log.path)
    sound = path.read_bytes()
    path.write_bytes(sound[:100] + b"\xa5" * (len(sound) - 100))
    log.thread.submit(log.db.execute, "PRAGMA cache_size = 0").result()
    try:
        yield
    finally:
        path.write_bytes(sound)


@contextmanager
def owned_by_another(log: SqliteLog) -> Iterator[None]:
    """A second server has taken the log over."""

    def own(owner: str) -> None:
        with closing(sqlite3.connect(log.path)) as db:
            db.execute("UPDATE log SET owner = ?", (owner,))
            db.commit()

    own("another")
    try:
        yield
    finally:
        own(log.owner)


FAULTS = {
    "full": (full, "database or disk is full"),
    "no room for files": (no_room_for_files, "disk"),
    "held": (held, "database is locked"),
    "damaged": (damaged, "malformed"),
    "owned by another": (owned_by_another, "Another server writes to"),
}
LONG = "x" * 4000  # characters: a few do not fit into the pages that are there


@pytest.fixture(params=FAULTS.values(), ids=FAULTS)
def fault(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A way to break the disk of a log, and what senders are then told."""
    monkeypatch.setattr(log_module, "LOCK_TIMEOUT", 0.05)
    monkeypatch.setattr(client_module, "RETRY_WAIT", 0.05)
    return request.param


async def test_a_disk_that_fails_is_told_and_nothing_is_half_written(fault: Any, disk: SqliteLog):
    broken, reason = fault
    heard: list[Any] = []
    await disk.append("lobby", numbered(1, 5))
    disk.follow("lobby", heard.extend)
    with broken(disk):
        for _ in range(2):
            with pytest.raises(LogError, match=reason):
                await disk.append("lobby", [message(f"{LONG}{n}", f"k{n}") for n in range(6, 16)])
    assert heard == []
    assert len(await everything(disk)) == 5
    await disk.append("lobby", [message("after", "k6")])
    assert (await everything(disk))[5:] == [(6, "after")]
    assert brief(heard) == [(6, "after")]
    [answer] = disk.db.execute("PRAGMA integrity_check").fetchone()
    assert answer == "ok"


async def test_a_server_whose_disk_fails_tells_the_sender_and_goes_on(path: Path, fault: Any):
    broken, reason = fault
    told: list[str] = []
    rooms: list[dict[str, Any]] = []
    async with serving(log=f"sqlite:{path}", rate=None) as server:
        bob, eve = ChatClient(server.url, "Bob"), ChatClient(server.url, "Eve")
        bob.on_error(told.append)
        eve.on_event(lambda event: rooms.append(event) if event["event"] == "rooms" else None)
        async with bob, eve:
            await eve.send("before")
            await bob.confirmed()
            assert (await anext(bob)).message == "before"
            with broken(server.log):
                for number in range(10):
                    await bob.send(f"{LONG}{number}")
                await until(lambda: len(told) > 10)  # some of them for the second time
                assert {reason in sentence for sentence in told} == {True}
                assert eve.inbox.qsize() == 1
                await eve.ask_rooms()  # all that needs no disk goes on
                await until(lambda: rooms)
            await bob.confirmed()
            heard = [await anext(eve) for _ in range(11)]
        assert brief(heard[:1]) == [(1, "before")]
        assert [one.id for one in heard] == [*range(1, 12)]
        assert sorted(one.message for one in heard[1:]) == [f"{LONG}{n}" for n in range(10)]
        assert len(await everything(server.log)) == 11


async def test_a_sender_of_another_library_gets_the_error_with_its_key(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(log_module, "LOCK_TIMEOUT", 0.05)
    async with serving(log=f"sqlite:{path}") as server, connect(socket_url(server)) as plain:
        with held(server.log):
            for key in ("k1", None):
                await say(plain, "hi", key)
            first, second = await hear(plain), await hear(plain)
        await say(plain, "hi", "k1")
        assert (await hear(plain))["id"] == 1
    assert first["error"] == second["error"] == "log_unavailable"
    assert "database is locked" in first["detail"]
    assert (first["key"], "key" in second) == ("k1", False)


async def test_who_comes_while_the_disk_fails_is_told_and_comes_in_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_module, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(client_module, "LONGEST_WAIT", 0.05)
    told: list[str] = []
    async with serving(log=f"sqlite:{path}") as server:
        await server.log.append("lobby", numbered(1, 3))
        with damaged(server.log):
            async with connect(socket_url(server, last=3)) as plain:
                assert (await hear(plain))["error"] == "log_unavailable"
                assert await end_of(plain) == 1013
            client = ChatClient(server.url, last=3)
            client.on_error(told.append)
            client.start()
            await until(lambda: len(told) > 1)
        assert [(await anext(client)).id for _ in range(3)] == [1, 2, 3]
        await client.close()
    assert all("malformed" in sentence for sentence in told)
