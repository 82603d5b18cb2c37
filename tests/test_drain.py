"""A server that is told to stop: what has arrived is kept and told, and people go elsewhere."""

import asyncio
import json
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from chatkit import log as chatkit_log
from chatkit import server as chatkit_server
from chatkit.client import ChatClient
from chatkit.lessons.redis_server import RedisServer, free_port
from chatkit.log import LOCK_TIMEOUT
from chatkit.room import Rooms
from chatkit.server import GOING_AWAY, ChatServer
from tests.conftest import Join, end_of, hear, refused, say, until
from tests.proxy import LIMIT, Server
from tests.test_cli import needs_signals

PATIENCE = 30  # seconds in which all that is under way has arrived
STOPPING = "This server is stopping: come back in a moment, or ask another."


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "chat.db"


@pytest.fixture
def options(database: Path) -> dict[str, Any]:
    return {"log": f"sqlite:{database}"}


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """A database that another program writes to meanwhile."""
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


async def health(server: ChatServer) -> HTTPResponse:
    """What a server says of itself."""
    url = f"http://127.0.0.1:{server.port}/healthz"
    return await AsyncHTTPClient().fetch(url, raise_error=False)


async def test_while_it_drains_it_says_so_and_takes_nobody_in(
    server: ChatServer, join: Join, database: Path
):
    ada = await join("Ada")
    assert (await health(server)).code == 200
    with locked(database):
        await say(ada, "before")
        await until(lambda: server.log.writer)
        stopping = asyncio.create_task(server.stop())
        await until(lambda: server.rooms.draining)
        answer = await health(server)
        assert answer.code == 503
        assert json.loads(answer.body)["status"] == "draining"
        assert await refused(server) == (503, STOPPING)
        assert await refused(server, room="new") == (503, STOPPING)
        await say(ada, "too late")
    assert (await hear(ada))["message"] == "before"
    assert await end_of(ada) == GOING_AWAY
    await stopping
    assert stored(database) == ["before"]


def stored(database: Path) -> list[str]:
    """The messages that a log has kept."""
    reader = sqlite3.connect(database)
    try:
        return [text for (text,) in reader.execute("SELECT message FROM messages ORDER BY id")]
    finally:
        reader.close()


async def test_what_comes_with_the_signal_is_told_to_everyone_first(
    server: ChatServer, join: Join, database: Path
):
    ada, bob = await join("Ada"), await join("Bob", None)
    await until(lambda: len(server.rooms.visitors) == 2)
    for n in range(10):
        await say(ada, f"{n}")
    await until(lambda: server.rooms.open["lobby"].arrived)
    await server.stop()
    kept = stored(database)
    assert kept == [f"{n}" for n in range(len(kept))]
    for client in (ada, bob):
        assert [(await hear(client))["message"] for _ in kept] == kept
        assert await end_of(client) == GOING_AWAY


async def test_what_a_log_is_behind_with_is_waited_for_too(
    monkeypatch: pytest.MonkeyPatch, server: ChatServer, join: Join, database: Path
):
    monkeypatch.setattr(chatkit_log, "MAX_WAITING", 5)
    ada = await join("Ada")
    with locked(database):
        for n in range(7):
            await say(ada, f"{n}")
        await until(lambda: server.log.backlog > 5)
        stopping = asyncio.create_task(server.stop())
        await until(lambda: server.rooms.draining)
    await stopping
    assert stored(database) == [f"{n}" for n in range(7)]


async def test_stopping_twice_or_before_the_start_is_no_error(database: Path):
    server = ChatServer(0, log=f"sqlite:{database}")
    await server.stop()
    await server.start()
    await asyncio.gather(server.stop(), server.stop())
    await server.stop()


@pytest.mark.parametrize("options", [{}])
async def test_a_server_that_starts_again_takes_people_in_again(server: ChatServer, join: Join):
    await server.stop()
    assert server.rooms.draining
    await server.start()
    await join("Ada")
    assert (await health(server)).code == 200


async def test_a_log_that_does_not_answer_holds_up_nobody_for_long(
    server: ChatServer, join: Join, database: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(chatkit_server, "DRAIN_TIMEOUT", 0.1)
    ada = await join("Ada")
    with locked(database):
        await say(ada, "hi")
        await until(lambda: server.log.writer)
        began = time.monotonic()
        stopping = asyncio.create_task(server.stop())
        assert await end_of(ada) == GOING_AWAY  # as the database is still locked
        assert time.monotonic() - began < LOCK_TIMEOUT
    await stopping


async def test_rooms_with_nothing_under_way_are_drained_at_once():
    rooms = Rooms()
    rooms.enter("lobby")
    async with asyncio.timeout(1):
        await rooms.drain()


# Whole programs.


@asynccontextmanager
async def clients(*homes: list[str]) -> AsyncIterator[list[ChatClient]]:
    """A client for each list of addresses, with a list of what it has heard and of errors."""
    async with AsyncExitStack() as stack:
        group = []
        for n, urls in enumerate(homes):
            client = ChatClient(urls, f"client-{n}")
            client.heard, client.errors = [], []
            client.on_message(client.heard.append)
            client.on_error(client.errors.append)
            group.append(await stack.enter_async_context(client))
        yield group


async def talk(client: ChatClient, count: int) -> None:
    """Say many things, each ten as fast as they are confirmed."""
    for n in range(count):
        await client.send(f"{client.name} {n}")
        if n % 10 == 9:
            await client.confirmed()


async def all_hear_the_same(group: list[ChatClient], count: int) -> None:
    """Wait until all have heard so many messages, and see that they are the same, each once."""
    async with asyncio.timeout(PATIENCE):
        while not all(len(client.heard) >= count for client in group):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert [message.id for message in group[0].heard] == [*range(1, count + 1)]
    assert len({message.message for message in group[0].heard}) == count
    assert all(client.heard == group[0].heard for client in group)


async def half_said(group: list[ChatClient], count: int) -> None:
    """Wait until the first has heard so much."""
    async with asyncio.timeout(PATIENCE):
        while len(group[0].heard) < count:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}/"


@contextmanager
def started(*options: str, folder: Path) -> Iterator[Server]:
    """A `chatkit serve` that writes its log lines to a file."""
    errors = folder / f"server-{len([*folder.iterdir()])}"
    with errors.open("wb") as file:
        server = Server("--rate", "off", *options, errors=file)
        server.errors = errors
        try:
            yield server
        finally:
            server.kill()


@needs_signals
async def test_people_go_on_with_the_other_server(redis_server: RedisServer, tmp_path: Path):
    log = ("--log", redis_server.url)
    with started(*log, folder=tmp_path) as one, started(*log, folder=tmp_path) as other:
        both = [address(one), address(other)]
        async with clients(both, both, both[::-1], both[::-1]) as group:
            talking = asyncio.gather(*(talk(client, 100) for client in group))
            await half_said(group, 150)
            assert await asyncio.to_thread(one.terminate) == 0
            await asyncio.wait_for(talking, PATIENCE)
            await all_hear_the_same(group, 400)
            assert other.connections == 4
            assert [client.errors for client in group] == [[]] * 4
        assert [server.errors.read_text() for server in (one, other)] == ["", ""]


@needs_signals
async def test_people_come_back_to_the_same_port(database: Path, tmp_path: Path):
    options = ("--port", str(free_port()), "--log", f"sqlite:{database}")
    with started(*options, folder=tmp_path) as one:
        url = address(one)
        async with clients([url], [url], [url]) as group:
            talking = asyncio.gather(*(talk(client, 100) for client in group))
            await half_said(group, 100)
            assert await asyncio.to_thread(one.terminate) == 0
            with started(*options, folder=tmp_path) as again:
                assert address(again) == url
                await asyncio.wait_for(talking, PATIENCE)
                await all_hear_the_same(group, 300)
    assert len(stored(database)) == 300


@contextmanager
def asleep(redis: RedisServer) -> Iterator[None]:
    """A Redis that answers nothing meanwhile."""
    redis.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        redis.process.send_signal(signal.SIGCONT)


@needs_signals
async def test_a_second_signal_ends_it_at_once(redis_server: RedisServer, tmp_path: Path):
    options = ("--log", redis_server.url, "--log-level", "info")
    with started(*options, folder=tmp_path) as server:
        async with clients([address(server)]) as [ada]:
            with asleep(redis_server):
                await ada.send("hi")
                server.process.send_signal(signal.SIGTERM)
                await until(lambda: "draining" in server.errors.read_text())
                server.process.send_signal(signal.SIGINT)
                assert server.process.wait(LIMIT) == -signal.SIGINT
                assert "stopped" not in server.errors.read_text()
