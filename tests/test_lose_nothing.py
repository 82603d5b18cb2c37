"""Nothing is lost and nothing doubled: catching up, lines that are cut, servers that are killed."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from chatkit import client as client_module
from chatkit.client import ChatClient
from chatkit.codecs import JSON, TRANSIT, Codec
from chatkit.guide.frames import Opcode, text_frame
from chatkit.handlers import ChatSocket
from chatkit.log import SqliteLog
from chatkit.messages import MAX_MESSAGE, Message
from chatkit.room import CHUNK
from chatkit.server import ChatServer
from tests.conftest import end_of, hear, hear_event, members, say, serving, socket_url, until
from tests.faults import BareClient, Proxy

GONE = "Some messages from while you were away may be gone."


@pytest.fixture(autouse=True)
def back_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that were cut off come back without much waiting."""
    monkeypatch.setattr(client_module, "FIRST_WAIT", 0.02)
    monkeypatch.setattr(client_module, "LONGEST_WAIT", 0.2)


@pytest.fixture(params=["memory", "sqlite"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ChatServer]:
    """A server that lets everyone talk as fast as they like, on each log."""
    log = "memory" if request.param == "memory" else f"sqlite:{tmp_path / 'chat.db'}"
    async with serving(log=log, rate=None) as server:
        yield server


@pytest.fixture
async def forgetful() -> AsyncIterator[ChatServer]:
    """A server that keeps five messages a room."""
    async with serving(rate=None) as server:
        server.log.kept = 5
        yield server


def numbered(first: int, last: int, text: str = "") -> list[Message]:
    return [Message(f"{number}{text}", name="Ada") for number in range(first, last + 1)]


async def ids(reader: Any, count: int) -> list[int]:
    return [(await hear(reader))["id"] for _ in range(count)]


# Catching up.


async def test_who_comes_back_gets_exactly_what_it_missed_and_then_the_rest(server: ChatServer):
    await server.log.append("lobby", numbered(1, 250))
    query = {"since": 2, "log": server.log.identity}
    async with connect(socket_url(server, **query), subprotocols=[JSON.subprotocol]) as reader:
        welcome = await hear_event(reader, "welcome")
        assert (welcome["last"], welcome["log"]) == (250, server.log.identity)
        assert welcome["missed"] is False
        assert await ids(reader, 248) == [*range(3, 251)]
        await say(reader, "now")
        assert await ids(reader, 1) == [251]


async def test_nothing_is_sent_to_who_missed_nothing(server: ChatServer):
    await server.log.append("lobby", numbered(1, 3))
    async with connect(socket_url(server, since=3)) as reader:
        await say(reader, "now")
        assert await ids(reader, 1) == [4]


@pytest.mark.parametrize("last", [0, 2, 5, 6, 1000])
async def test_last_brings_so_many_or_all_that_there_are(server: ChatServer, last: int):
    await server.log.append("lobby", numbered(1, 5))
    first = max(6 - last, 1)
    async with connect(socket_url(server, last=last)) as reader:
        await say(reader, "now")
        assert await ids(reader, 7 - first) == [*range(first, 7)]


@pytest.mark.parametrize(
    "query",
    [{"since": 2, "log": "of another server"}, {"since": 4}, {"since": 2**53}],
    ids=["another log", "beyond the newest", "far beyond"],
)
async def test_who_counts_by_another_log_is_told_and_gets_everything(
    server: ChatServer, query: dict[str, Any]
):
    await server.log.append("lobby", numbered(1, 3))
    async with connect(socket_url(server, **query), subprotocols=[JSON.subprotocol]) as reader:
        assert (await hear_event(reader, "welcome"))["missed"] is True
        assert await ids(reader, 3) == [1, 2, 3]


@pytest.mark.parametrize(("since", "missed"), [(3, True), (14, True), (15, False), (18, False)])
async def test_who_comes_too_late_is_told_that_something_is_gone(
    forgetful: ChatServer, since: int, missed: bool
):
    await forgetful.log.append("lobby", numbered(1, 20))
    query = {"since": since, "log": forgetful.log.identity}
    async with connect(socket_url(forgetful, **query), subprotocols=[JSON.subprotocol]) as reader:
        assert (await hear_event(reader, "welcome"))["missed"] is missed
        first = max(since + 1, 16)
        assert await ids(reader, 20 - first + 1) == [*range(first, 21)]


async def test_a_client_that_comes_too_late_says_so_and_has_the_rest(forgetful: ChatServer):
    told: list[str] = []
    async with Proxy(forgetful.port) as proxy, ChatClient(proxy.url, "Ada") as ada:
        ada.on_error(told.append)
        await ada.send("before")
        assert (await anext(ada)).id == 1
        proxy.listener.close()
        proxy.cut_unnoticed()
        await until(lambda: ada.state == "cut off")
        await forgetful.log.append("lobby", numbered(2, 20))
        ada.urls[0] = forgetful.url
        assert [(await anext(ada)).id for _ in range(5)] == [16, 17, 18, 19, 20]
    assert told == [GONE]


async def test_there_is_no_gap_and_no_double_where_catching_up_ends(server: ChatServer):
    before, total = 900, 1000
    await server.log.append("lobby", numbered(1, before))
    url = socket_url(server, since=0)
    async with ChatClient(server.url, "Bob") as bob, AsyncExitStack() as stack:

        async def talk() -> None:
            for number in range(before + 1, total + 1):
                await bob.send(str(number))
                while len(bob.outbox.unconfirmed) > 3:
                    await bob.outbox.changed()

        async def read_plainly(codec: Codec | None) -> list[str]:
            offered = {"subprotocols": [codec.subprotocol]} if codec else {}
            reader = await stack.enter_async_context(connect(url, **offered))
            return [(await hear(reader, codec or JSON))["message"] for _ in range(total)]

        async def read(codec: Codec) -> list[str]:
            client = ChatClient(server.url, codec=codec, last=total)
            client.seen, client.log = 0, server.log.identity
            await stack.enter_async_context(client)
            return [(await anext(client)).message for _ in range(total)]

        async def read_later(newest: int, reading: Callable[[Any], Any], codec: Any) -> list[str]:
            room = server.rooms.open["lobby"]
            await until(lambda: room.newest >= newest)
            return await reading(codec)

        readers = [
            read_later(newest, reading, codec)
            for newest in (900, 905, 950, 985)
            for reading, codec in (
                (read_plainly, None),
                (read_plainly, TRANSIT),
                (read, JSON),
                (read, TRANSIT),
            )
        ]
        _, *heard = await asyncio.gather(talk(), *readers)
    for texts in heard:
        assert texts == [str(number) for number in range(1, total + 1)]


async def test_a_log_that_is_trimmed_while_it_is_read_ends_the_line_and_the_client_resumes(
    monkeypatch: pytest.MonkeyPatch,
):
    taken = asyncio.Event()
    drain = ChatSocket.drain

    async def slowly(self: ChatSocket) -> None:
        await taken.wait()
        await drain(self)

    monkeypatch.setattr(ChatSocket, "drain", slowly)
    told: list[str] = []
    async with serving() as server:
        server.log.kept = 3 * CHUNK
        await server.log.append("lobby", numbered(1, 3 * CHUNK))
        client = await ChatClient(server.url, last=3 * CHUNK).connect()
        client.on_error(told.append)
        async with connect(socket_url(server, since=0)) as plain:
            assert await ids(plain, CHUNK) == [*range(1, CHUNK + 1)]
            assert [(await anext(client)).id for _ in range(CHUNK)] == [*range(1, CHUNK + 1)]
            await server.log.append("lobby", numbered(3 * CHUNK + 1, 6 * CHUNK))
            taken.set()
            error = await hear(plain)
            assert (error["error"], await end_of(plain)) == ("log_unavailable", 1013)
        rest = [(await anext(client)).id for _ in range(3 * CHUNK)]
        await client.close()
    assert rest == [*range(3 * CHUNK + 1, 6 * CHUNK + 1)]
    assert told == [error["detail"], GONE]


async def test_a_slow_reader_that_catches_up_does_not_fill_the_server_s_memory():
    long = "🦆" * (MAX_MESSAGE - 4)
    frame = len(text_frame(JSON.encode(Message(long, 1000, "Ada", 1e9))))
    async with serving() as server:
        await server.log.append("lobby", numbered(1, 1000, long))
        async with await BareClient.open(f"{server.url}?since=0") as reader:
            await until(lambda: members(server))
            [visitor] = server.rooms.visitors
            stream = visitor.line.stream
            await until(stream.writing)
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(stream._write_buffer) <= (CHUNK + 1) * frame
            visitor.alive = False  # no pong is heard while it catches up
            for number in range(1, 1001):
                told = await reader.recv()
                assert told.opcode == Opcode.TEXT
                assert JSON.decode(told.payload)["id"] == number
            assert visitor.alive


async def test_to_who_hangs_up_while_catching_up_nothing_more_is_read():
    reads: list[Any] = []
    async with serving() as server:
        read = server.log.read

        async def counted(*asked: Any) -> Sequence[Message]:
            reads.append(asked)
            return await read(*asked)

        server.log.read = counted
        await server.log.append("lobby", numbered(1, 1000, "🦆" * (MAX_MESSAGE - 4)))
        async with await BareClient.open(f"{server.url}?since=0"):
            await until(lambda: members(server))
            [visitor] = server.rooms.visitors
            await until(visitor.line.stream.writing)
        await until(lambda: not members(server))
    assert len(reads) < 1000 / CHUNK / 2


# Five talk, some only read; whatever happens between them and the log.


async def talk(client: ChatClient, count: int) -> None:
    """Send numbered messages, a few at a time, and wait until the server has them all."""
    for number in range(1, count + 1):
        while len(client.outbox.unconfirmed) >= 8:
            await client.outbox.changed()
        await client.send(f"{client.name} {number}")
    await client.confirmed()


class Listener:
    """All that one client has heard, in order."""

    def __init__(self, client: ChatClient) -> None:
        self.heard: list[tuple[int, str, str]] = []
        self.complaints: list[str] = []
        self.news = asyncio.Event()
        client.on_message(self.hear)
        client.on_error(self.complaints.append)

    def hear(self, message: Message) -> None:
        self.heard.append((message.id, message.name, message.message))
        self.news.set()

    async def until(self, newest: int) -> None:
        """Wait for the message with this id."""
        while not self.heard or self.heard[-1][0] < newest:
            self.news.clear()
            await self.news.wait()


def check(log: Sequence[Message], talkers: Sequence[str], each: int) -> list[tuple[int, str, str]]:
    """See that a log has every message once, without gaps, and each talker's in order."""
    told = [(message.id, message.name, message.message) for message in log]
    assert [number for number, _, _ in told] == [*range(1, len(talkers) * each + 1)]
    for name in talkers:
        said = [text for _, talker, text in told if talker == name]
        assert said == [f"{name} {number}" for number in range(1, each + 1)]
    return told


@asynccontextmanager
async def crowd(
    url: str, talkers: Sequence[str], readers: int
) -> AsyncIterator[tuple[list[ChatClient], list[Listener]]]:
    """Clients that talk and clients that only read, every other one in Transit."""
    names = [*talkers, *(f"reader {number}" for number in range(readers))]
    codecs = [JSON, TRANSIT] * len(names)
    clients = [ChatClient(url, name, codec) for name, codec in zip(names, codecs, strict=False)]
    listeners = [Listener(client) for client in clients]
    try:
        for client in clients:
            client.seen, client.log = 0, ""  # from the first message on, whenever they come in
            client.start()
        yield clients[: len(talkers)], listeners
        assert [client.name for client in clients] == names
    finally:
        await asyncio.gather(*(client.close() for client in clients))


TALKERS = ("Ada", "Bob", "Cleo", "Dan", "Eve")


@pytest.mark.parametrize("seed", range(3))
async def test_lines_that_are_cut_at_any_byte_lose_nothing(server: ChatServer, seed: int):
    chance, each = random.Random(seed), 40
    proxy = Proxy(server.port, lambda: chance.randrange(4000) if proxy.cuts < 60 else 10**9)
    async with proxy, crowd(proxy.url, TALKERS, readers=3) as (talkers, listeners):
        await asyncio.gather(*(talk(client, each) for client in talkers))
        await asyncio.gather(*(listener.until(len(TALKERS) * each) for listener in listeners))
    told = check(await server.log.read("lobby", 0, 1000), TALKERS, each)
    for listener in listeners:
        assert listener.heard == told
        assert listener.complaints == []
    assert proxy.cuts >= 30


class ServerProcess:
    """A server in a process of its own, on one port and one log, that can be killed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.port = 0

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        command = ("-m", "chatkit.cli", "serve", "--rate", "off", "--port", str(self.port))
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, *command, "--log", f"sqlite:{self.path}"),
            stdout=asyncio.subprocess.PIPE,
        )
        line = (await self.process.stdout.readline()).decode()
        assert line.startswith("chatkit is serving on "), line
        self.url = line.split()[-1]
        self.port = int(self.url.split(":")[2].rstrip("/"))

    async def kill(self) -> None:
        """End it as it stands: SIGKILL, or TerminateProcess on Windows."""
        self.process.kill()
        await self.process.communicate()


KILLS = 20


@pytest.mark.timeout(600)  # ten seconds, where nothing else goes on
async def test_a_server_that_is_killed_twenty_times_loses_nothing_and_doubles_nothing(
    tmp_path: Path,
):
    chance, each, path = random.Random(9), 200, tmp_path / "chat.db"
    total = len(TALKERS) * each
    server = ServerProcess(path)
    await server.start()
    try:
        async with crowd(server.url, TALKERS, readers=3) as (talkers, listeners):
            talking = [asyncio.create_task(talk(client, each)) for client in talkers]
            for newest in sorted(chance.sample(range(1, total), KILLS)):
                await chance.choice(listeners).until(newest)
                for _ in range(chance.randrange(30)):
                    await asyncio.sleep(0)
                await server.kill()
                await server.start()
            await asyncio.gather(*talking, *(listener.until(total) for listener in listeners))
    finally:
        await server.kill()
    log = SqliteLog(str(path))
    await log.open()
    told = check(await log.read("lobby", 0, 2 * total), TALKERS, each)
    await log.close()
    for listener in listeners:
        assert listener.heard == told
        assert listener.complaints == []
