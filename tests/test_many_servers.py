"""One room on three servers: some die, Redis crashes, and nothing that was confirmed is lost."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import connect

from chatkit import client as client_module
from chatkit.client import MISSED, ChatClient
from chatkit.codecs import JSON
from chatkit.lessons.redis_server import RedisServer
from chatkit.messages import Message
from chatkit.redis_log import stream_of
from chatkit.server import ChatServer
from tests.conftest import hear, hear_event
from tests.test_cli import needs_signals
from tests.test_cli import serving as process
from tests.test_lose_nothing import Listener, talk
from tests.test_redis_roster import soon

TALKERS = ("Ada", "Bob", "Cleo", "Dan", "Eve")
EACH = 400  # messages of each of them
PATIENCE = 90.0  # seconds: only a failure takes that long


@pytest.fixture(autouse=True)
def back_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that were cut off come back without much waiting."""
    monkeypatch.setattr(client_module, "FIRST_WAIT", 0.02)
    monkeypatch.setattr(client_module, "LONGEST_WAIT", 0.2)
    monkeypatch.setattr(client_module, "RETRY_WAIT", 0.1)


async def logged(redis: Redis, room: str) -> list[tuple[int, str, str]]:
    """Return what Redis has of a room: ids, names and texts."""
    entries = await redis.xrange(stream_of(room))
    said = [(int(at[2:]), json.loads(fields[b"message"])) for at, fields in entries]
    return [(number, message["name"], message["message"]) for number, message in said]


@asynccontextmanager
async def spread(
    ports: Sequence[int], names: Sequence[str], room: str
) -> AsyncIterator[tuple[list[ChatClient], list[Listener]]]:
    """Clients with the addresses of all servers, each of which begins with another one."""
    urls = [f"http://127.0.0.1:{port}/" for port in ports]
    clients = [
        ChatClient([*urls[n % len(urls) :], *urls[: n % len(urls)]], name, room=room)
        for n, name in enumerate(names)
    ]
    listeners = [Listener(client) for client in clients]
    async with AsyncExitStack() as stack:
        for client in clients:
            await stack.enter_async_context(client)
        yield clients, listeners


async def read_plainly(port: int, room: str, count: int, there: asyncio.Event) -> list[tuple]:
    """Return what a client that knows nothing of chatkit hears of a room on one line."""
    url = f"ws://127.0.0.1:{port}/ws?room={room}"
    async with connect(url, subprotocols=[JSON.subprotocol]) as line:
        await hear_event(line, "welcome")
        there.set()
        frames = [await hear(line) for _ in range(count)]
    return [(frame["id"], frame["name"], frame["message"]) for frame in frames]


@pytest.mark.timeout(300)  # five seconds, where nothing else goes on
async def test_a_server_and_redis_are_killed_and_every_message_comes_once_in_one_order():
    total = len(TALKERS) * EACH
    async with AsyncExitStack() as stack:
        redis_server = stack.enter_context(RedisServer("always"))
        options = ("--port", "0", "--rate", "off", "--log", redis_server.url)
        servers = [stack.enter_context(process(*options)) for _ in range(3)]
        ports = [port for _, port in servers]
        talkers, listeners = await stack.enter_async_context(spread(ports, TALKERS, "hall"))
        [cook], [kitchen] = await stack.enter_async_context(spread(ports, ["Cook"], "kitchen"))
        plain = []
        for port in ports[1:]:
            there = asyncio.Event()
            plain.append(asyncio.create_task(read_plainly(port, "hall", total, there)))
            await asyncio.wait_for(there.wait(), PATIENCE)

        async def faults() -> None:
            await listeners[1].until(total // 4)
            servers[0][0].kill()
            await listeners[1].until(total // 2)
            redis_server.kill()
            assert listeners[1].heard[-1][0] < total - 8 * len(TALKERS)  # much is still to be said
            redis_server.start()

        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(
                faults(), talk(cook, 50), *(talk(client, EACH) for client in talkers)
            )
            for listener in listeners:
                await listener.until(total)
            await kitchen.until(50)
            read = await asyncio.gather(*plain)
        async with Redis.from_url(redis_server.url) as redis:
            log = await logged(redis, "hall")
            assert await logged(redis, "kitchen") == kitchen.heard
        assert [number for number, _, _ in log] == [*range(1, total + 1)]
        for name in TALKERS:
            said = sorted(text for _, talker, text in log if talker == name)
            assert said == sorted(f"{name} {number}" for number in range(1, EACH + 1))
        for listener in listeners:
            assert listener.heard == log
            assert MISSED not in listener.complaints
        for heard in read:
            assert heard == log
        assert {text for _, _, text in kitchen.heard} == {f"Cook {n}" for n in range(1, 51)}
        assert [client.name for client in (*talkers, cook)] == [*TALKERS, "Cook"]


@needs_signals
@pytest.mark.timeout(120)
async def test_silent_servers_are_gone_within_ten_seconds_and_who_was_only_stopped_is_back(
    redis_server: RedisServer,
):
    options = ("--port", "0", "--log", redis_server.url)
    loop = asyncio.get_running_loop()
    with ExitStack() as servers:
        (_, first), (killed, second), (stopped, third) = (
            servers.enter_context(process(*options)) for _ in range(3)
        )
        async with AsyncExitStack() as stack:
            ada, _, cy, di = [
                await stack.enter_async_context(ChatClient(f"http://127.0.0.1:{port}/", name))
                for port, name in ((first, "Ada"), (second, "Bob"), (third, "Cy"), (first, "Di"))
            ]
            await soon(lambda: sorted(ada.members) == ["Ada", "Bob", "Cy", "Di"])
            rooms: dict[str, int] = {}
            di.on_event(lambda event: rooms.update(event.get("rooms", {})))
            killed.kill()
            stopped.send_signal(signal.SIGSTOP)
            try:
                began = loop.time()
                await soon(lambda: sorted(ada.members) == ["Ada", "Di"] == sorted(di.members))
                assert loop.time() - began < 10
                await di.ask_rooms()
                await soon(lambda: rooms == {"lobby": 2})
            finally:
                stopped.send_signal(signal.SIGCONT)
            await soon(lambda: sorted(ada.members) == ["Ada", "Cy", "Di"])
            await soon(lambda: sorted(cy.members) == ["Ada", "Cy", "Di"])
            await ada.send("welcome back")
            assert (await asyncio.wait_for(anext(cy), 20)).message == "welcome back"


# What a crash of Redis leaves, by its own settings


class Reader:
    """A client that keeps what it hears by log and id, and what it is told of losses."""

    def __init__(self, urls: Sequence[str], name: str) -> None:
        self.client = ChatClient(urls, name)
        self.client.on_message(self.hear)
        self.client.on_error(self.note)
        self.heard: list[tuple[str, int, str]] = []
        self.missed = 0

    def hear(self, message: Message) -> None:
        self.heard.append((self.client.log, message.id, message.message))

    def note(self, sentence: str) -> None:
        self.missed += sentence == MISSED

    @property
    def newest(self) -> int:
        return self.heard[-1][1] if self.heard else 0


async def say(reader: Reader, first: int, last: int) -> None:
    """Say some numbers, and wait until they are confirmed."""
    for number in range(first, last + 1):
        await reader.client.send(str(number))
    async with asyncio.timeout(PATIENCE):
        await reader.client.confirmed()


def lose_the_end(folder: str) -> None:
    """Cut the end off what Redis wrote, as when the power fails before the disk has it."""
    [path] = Path(folder).glob("appendonlydir/*.incr.aof")
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b'"message":"15"')])


def nothing(folder: str) -> None:
    """Leave what Redis wrote as it is: the process alone has crashed."""


CRASHES = [
    pytest.param("none", nothing, 0, id="none"),
    pytest.param("rdb", nothing, 10, id="rdb"),
    pytest.param("everysec", nothing, 20, id="everysec"),
    pytest.param("everysec", lose_the_end, 14, id="everysec, no power"),
    pytest.param("always", nothing, 20, id="always"),
]


@asynccontextmanager
async def three_readers(
    persistence: str,
) -> AsyncIterator[tuple[RedisServer, list[ChatServer], list[Reader]]]:
    """Two servers, and Ada on one, Bob on the other, and Cy, who is away when it happens.

    Twenty messages were said and heard by all; after the tenth Redis wrote a snapshot, if it does.
    """
    async with AsyncExitStack() as stack:
        redis_server = stack.enter_context(RedisServer(persistence))
        servers = []
        for _ in range(2):
            servers.append(await ChatServer(0, log=redis_server.url, rate=None).start())
            stack.push_async_callback(servers[-1].stop)
        urls = [server.url for server in servers]
        readers = [Reader(urls[:: (-1) ** n], name) for n, name in enumerate(("Ada", "Bob", "Cy"))]
        for reader in readers:
            await stack.enter_async_context(reader.client)
        await say(readers[0], 1, 10)
        await soon(lambda: [reader.newest for reader in readers] == [10] * 3)
        if persistence == "rdb":
            async with Redis.from_url(redis_server.url) as redis:
                await redis.save()
        for number in range(11, 21):  # one by one, for a batch is lost or kept as a whole
            await say(readers[1], number, number)
        await soon(lambda: [reader.newest for reader in readers] == [20] * 3)
        await readers[2].client.close()
        yield redis_server, servers, readers


def agree(readers: Sequence[Reader]) -> None:
    """See that an id of a log is the same message for all, and that none comes twice."""
    known: dict[tuple[str, int], str] = {}
    for reader in readers:
        assert len({(log, number) for log, number, _ in reader.heard}) == len(reader.heard)
        for log, number, text in reader.heard:
            assert known.setdefault((log, number), text) == text


@pytest.mark.parametrize("servers_too", [False, True], ids=["redis", "redis and servers"])
@pytest.mark.parametrize(("persistence", "damage", "kept"), CRASHES)
@pytest.mark.timeout(120)
async def test_what_a_crash_of_redis_leaves_is_what_its_settings_promise_and_the_rest_is_told(
    persistence: str, damage: Callable[[str], None], kept: int, servers_too: bool
):
    async with three_readers(persistence) as (redis_server, servers, readers):
        ada, bob, cy = readers
        if servers_too:  # nobody is left who knows what was said
            for server in servers:
                await server.rooms.link.close()
                await server.stop()
        redis_server.kill()
        damage(redis_server.folder.name)
        redis_server.start()
        if servers_too:
            for server in servers:
                await server.start()
        await say(ada, 21, 50)
        await soon(lambda: ada.heard[-30:] == bob.heard[-30:])
        await cy.client.connect()  # with the id of the twentieth: there are more than that by now
        await soon(lambda: cy.newest == ada.newest)
        unsure = servers_too and persistence != "always"  # nobody is left who knows
        assert [reader.missed > 0 for reader in readers] == [kept < 20 or unsure] * 3
        agree(readers)
        assert ada.heard[-30:] == bob.heard[-30:] == cy.heard[-30:]
        async with Redis.from_url(redis_server.url) as redis:
            log = await logged(redis, "lobby")
        said = [*range(1, kept + 1), *range(21, 51)]
        assert sorted(int(text) for _, _, text in log) == said
        assert [text for _, _, text in log[:kept]] == [str(n) for n in range(1, kept + 1)]
        assert [number for number, _, _ in log] == [*range(1, len(said) + 1)]
        assert [entry[1:] for entry in ada.heard[-30:]] == [(n, text) for n, _, text in log[-30:]]
