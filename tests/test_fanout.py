"""The fan-out: order, nothing lost, one write a turn, the slow reader, and a fair share for all."""

import asyncio
import gc
import json
import random
import socket
import ssl
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import trustme
from tornado import iostream
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, SSLIOStream
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from chatkit import broadcaster as broadcaster_module
from chatkit.broadcaster import SLICE, FairBroadcaster
from chatkit.codecs import CODECS, JSON, TRANSIT, Codec
from chatkit.guide.frames import Opcode, read_frames, text_frame
from chatkit.handlers import MAX_UNSENT, ChatSocket
from chatkit.log import KEPT, MemoryLog, SqliteLog
from chatkit.messages import MAX_ID, MAX_KEY, MAX_MESSAGE, Message
from chatkit.names import MAX_NAME
from chatkit.room import CHUNK as LOG_CHUNK
from chatkit.room import Room
from chatkit.server import ChatServer
from tests.conftest import end_of, hear, hear_event, members, say, socket_url, until
from tests.faults import CHUNK, BareClient, close_code, frame
from tests.test_broadcaster import Ear, fail
from tests.test_room import Guest, come, said

Visit = Callable[..., Awaitable[ClientConnection]]

SMALL = 4096  # bytes that a socket is asked to hold, so that it is full soon
STRAIGHT, SLOWLY, TLS, DEFLATE = WAYS = (
    "straight to the socket",
    "by write_message",
    "over TLS",
    "compressed",
)


@cache
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS for a server on loopback, and for the clients that trust it."""
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


class TlsServer(ChatServer):
    """A chat behind TLS, as where no proxy sees to that."""

    def make_http(self, app: Any, behind_proxy: bool = False) -> HTTPServer:
        return HTTPServer(app, ssl_options=contexts()[0])


@pytest.fixture
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How frames get to the clients: as a rule straight to the socket."""
    way = getattr(request, "param", STRAIGHT)
    if way == SLOWLY:
        monkeypatch.setattr(ChatSocket, "plain_stream", lambda self: None)
    if way == TLS:
        monkeypatch.setattr("tests.conftest.ChatServer", TlsServer)
    if way == DEFLATE:
        monkeypatch.setattr(ChatSocket, "get_compression_options", lambda self: {})
    return way


@pytest.fixture
def options(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Everyone may talk as fast as they like; the log is in memory as a rule."""
    log = getattr(request, "param", "memory")
    return {"rate": None, "log": f"sqlite:{tmp_path / 'chat.db'}" if log == "sqlite" else log}


by_every_way = pytest.mark.parametrize("way", WAYS, indirect=True)
on_each_log = pytest.mark.parametrize("options", ["memory", "sqlite"], indirect=True)
by_every_way_in_a_codec = pytest.mark.parametrize(
    ("way", "codec"),
    [(STRAIGHT, JSON), (STRAIGHT, TRANSIT), (SLOWLY, JSON), (TLS, TRANSIT), (DEFLATE, JSON)],
    indirect=["way"],
    ids=lambda value: getattr(value, "subprotocol", value),
)


@pytest.fixture
async def server(way: str, server: ChatServer) -> ChatServer:
    """A server that sends in one of the ways."""
    return server


@pytest.fixture(params=[SLICE, 2], ids=["told at once", "told by and by"])
def crowd(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many channels are told in one turn: with two, a handful of clients is a crowd."""
    monkeypatch.setattr(broadcaster_module, "SLICE", request.param)
    return request.param


@pytest.fixture
async def visit(server: ChatServer) -> AsyncIterator[Visit]:
    """A function that lets a client in; once it returns, the client hears what is said.

    A sleepy one takes next to nothing from its line until it is asked to.
    """
    async with AsyncExitStack() as stack:

        async def visit(
            name: str = "", codec: Codec | None = JSON, sleepy: bool = False, **query: Any
        ) -> ClientConnection:
            url, more = socket_url(server, name=name, **query), {}
            if isinstance(server, TlsServer):
                url, more = url.replace("ws:", "wss:", 1), {"ssl": contexts()[1]}
            if sleepy:
                more |= {"sock": await small_socket(server.port), "max_queue": 1}
            offered = [codec.subprotocol] if codec else None
            before = hearers(server)
            client = await stack.enter_async_context(
                connect(url, subprotocols=offered, ping_interval=None, **more)
            )
            stack.callback(client.transport.abort)
            if codec:
                client.welcome = codec.decode(await client.recv())
            else:
                await until(lambda: hearers(server) > before)
            if sleepy:
                hold_little(channel_of(server, client.welcome["name"]))
            return client

        yield visit


async def small_socket(port: int) -> socket.socket:
    """A connection to a server that holds little of what has not been read."""
    line = socket.socket()
    line.setblocking(False)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port))
    return line


def hold_little(channel: ChatSocket) -> None:
    """Have the server's end of a line hold little of what the other end has not read."""
    channel.line.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)


def channel_of(server: ChatServer, name: str, room: str = "lobby") -> ChatSocket:
    """The server's end of a member's line."""
    there = server.rooms.open[room].members
    return next(channel for channel, called in there.items() if called == name)


def hearers(server: ChatServer, room: str = "lobby") -> int:
    """How many hear what is said in a room."""
    there = server.rooms.open.get(room)
    return sum(len(group.channels) for group in there.audiences.values()) if there else 0


def written(*texts: str) -> bytes:
    """Messages as a client sends them in JSON, all at once."""
    return b"".join(frame(json.dumps({"message": text}).encode()) for text in texts)


async def take(reader: ClientConnection, codec: Codec, count: int) -> list[tuple[int, str, str]]:
    """The next messages that a client hears."""
    told = [await hear(reader, codec) for _ in range(count)]
    return [(message["id"], message["name"], message["message"]) for message in told]


class Watched:
    """A socket that notes what it is given to send, and how much of that it took."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.given: list[bytes] = []  # whole, straight from the room
        self.sizes: list[tuple[int, int]] = []  # of what was given, and of what was taken
        self.room = 2**30  # bytes that it will still take

    def send(self, data: bytes | memoryview) -> int:
        if isinstance(data, bytes):
            self.given.append(data)
        taken = 0
        try:
            if self.room == 0:
                raise BlockingIOError
            taken = self.sock.send(data[: self.room])
            self.room -= taken
        finally:
            self.sizes.append((len(data), taken))
        return taken

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)


def watch(channel: ChatSocket) -> Watched:
    """Put a watched socket in the place of a channel's own, and return it."""
    stream = channel.line.stream
    channel.socket = stream.socket = Watched(stream.socket)
    return channel.socket


# Order.

SENDERS = ("Ada", "Bob", "Cleo", "Dan", "Eve", "Fay")


@on_each_log
async def test_all_hear_the_same_in_the_same_order_and_each_sender_s_in_its_own(
    server: ChatServer, visit: Visit, crowd: int, monkeypatch: pytest.MonkeyPatch
):
    each, portion = 120, 20
    batches: list[int] = []
    append = server.log.append
    monkeypatch.setattr(
        server.log, "append", lambda room, new: batches.append(len(new)) or append(room, new)
    )
    codecs = [JSON, TRANSIT, None] * 2
    readers = [(await visit(codec=codec), codec or JSON) for codec in codecs]
    async with AsyncExitStack() as stack:
        senders = [await BareClient.open(f"{server.url}?name={name}") for name in SENDERS]
        for sender in senders:
            await stack.enter_async_context(sender)
        await until(lambda: hearers(server) == len(readers) + len(senders))
        for start in range(0, each, portion):
            for sender in senders:
                sender.writer.write(written(*map(str, range(start, start + portion))))
                await asyncio.sleep(0)
        total = each * len(senders)
        heard = await asyncio.gather(*(take(*reader, total) for reader in readers))
    assert [number for number, _, _ in heard[0]] == [*range(1, total + 1)]
    assert all(one == heard[0] for one in heard)
    for name in SENDERS:
        assert [text for _, who, text in heard[0] if who == name] == [*map(str, range(each))]
    assert len(batches) > 3  # there was an order across batches to keep, and within them
    assert max(batches) > 3


# Nothing lost.


class Wanderer:
    """A client that comes and goes, each time from where it was; it hears no gap and no double."""

    def __init__(self, number: int, codec: Codec, server: ChatServer, visit: Visit) -> None:
        self.chance = random.Random(number)
        self.codec = codec
        self.server = server
        self.visit = visit
        self.first = self.seen = 0
        self.stays = False

    async def come(self) -> None:
        """Come in: the first time from some way back, then from the last message that was heard."""
        query: dict[str, Any] = {"since": self.seen, "log": self.server.log.identity}
        if not self.seen:
            query = {"last": self.chance.choice([0, 1, 40])}
        self.client = await self.visit(codec=self.codec, **query)
        assert self.client.welcome["missed"] is False
        if not self.seen:
            newest = self.client.welcome["last"]
            self.first = self.seen = max(newest - query["last"], 0)

    async def hear(self) -> str:
        """Hear the message that follows the one before."""
        told = await hear(self.client, self.codec)
        assert told["id"] == self.seen + 1
        self.seen += 1
        return told["message"]

    async def wander(self, visits: int) -> None:
        """Come, hear some, and leave: with a goodbye, or cut off."""
        for _ in range(visits):
            await self.come()
            for _ in range(self.chance.randrange(1, 40)):
                await self.hear()
            if self.chance.random() < 0.5:
                await asyncio.gather(self.client.close(), end_of(self.client))
            else:
                self.client.transport.abort()
        await self.come()
        self.stays = True

    async def hear_the_rest(self) -> None:
        """Hear all that there still is, up to the end."""
        while await self.hear() != "end":
            pass


async def flood(talker: BareClient, wanderers: Sequence[Wanderer], room: Room) -> None:
    """Talk until all have come to stay, and never further ahead than a wanderer can follow."""
    while not all(wanderer.stays for wanderer in wanderers):
        talker.writer.write(written(*("more" for _ in range(5))))
        for _ in range(5):
            await talker.recv()
        await until(lambda: room.newest - min(w.seen or room.newest for w in wanderers) < 100)


@on_each_log
async def test_nothing_is_lost_while_clients_come_and_go_during_a_flood(
    server: ChatServer, visit: Visit, crowd: int
):
    server.log.kept = 10**6  # what a memory log has dropped could not be caught up with
    wanderers = [Wanderer(n, codec, server, visit) for n in range(5) for codec in CODECS.values()]

    async def follow(wanderer: Wanderer) -> None:
        await wanderer.wander(5)
        await wanderer.hear_the_rest()

    async with AsyncExitStack() as stack:
        talkers = [
            await stack.enter_async_context(await BareClient.open(server.url)) for _ in range(3)
        ]
        await until(lambda: hearers(server) == len(talkers))
        room = server.rooms.open["lobby"]
        async with asyncio.TaskGroup() as group:
            for wanderer in wanderers:
                group.create_task(follow(wanderer))
            await asyncio.gather(*(flood(talker, wanderers, room) for talker in talkers))
            talkers[0].writer.write(written("end"))
    assert {wanderer.seen for wanderer in wanderers} == {room.newest}
    assert all(room.newest - wanderer.first > 50 for wanderer in wanderers)


# One turn, one write, nothing twice.


class Turns:
    """The turns of the loop, counted."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.now = 0
        self.stopped = False
        self.tick()

    def tick(self) -> None:
        self.now += 1
        if not self.stopped:
            self.loop.call_soon(self.tick)


async def test_a_lone_message_leaves_in_the_next_turn_and_waits_for_no_clock(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
):
    on_message, send = ChatSocket.on_message, ChatSocket.send
    came: list[int] = []
    left: list[int] = []

    def note_coming(self: ChatSocket, data: str) -> Any:
        came.append(turns.now)
        return on_message(self, data)

    def note_leaving(self: ChatSocket, frames: bytes) -> None:
        left.append(turns.now)
        send(self, frames)

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a message had to wait for a clock")

    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(await BareClient.open(server.url)) for _ in range(3)
        ]
        await until(lambda: hearers(server) == len(clients))
        monkeypatch.setattr(ChatSocket, "on_message", note_coming)
        monkeypatch.setattr(ChatSocket, "send", note_leaving)
        turns = Turns()
        with monkeypatch.context() as patch:
            for clock in ("call_later", "call_at"):
                patch.setattr(turns.loop, clock, refuse)
            clients[0].writer.write(written("hi"))
            for client in clients:
                assert b'"hi"' in await client.reader.read(1000)
        turns.stopped = True
    assert left == [came[0] + 1] * len(clients)


async def test_what_comes_in_one_turn_is_built_once_and_leaves_in_one_write(
    server: ChatServer, visit: Visit, monkeypatch: pytest.MonkeyPatch
):
    count = 50
    built = dict.fromkeys(CODECS, 0)

    def counting(name: str) -> Callable[[Any], bytes]:
        encode = CODECS[name].encode

        def encode_and_count(frame: Any) -> bytes:
            built[name] += 1
            return encode(frame)

        return encode_and_count

    readers = [(await visit(codec=codec), codec or JSON) for codec in [JSON, TRANSIT, None] * 4]
    async with await BareClient.open(server.url) as sender:
        await until(lambda: hearers(server) == len(readers) + 1)
        for name, codec in CODECS.items():
            monkeypatch.setattr(codec, "encode", counting(name))
        watched = [watch(channel) for channel in server.rooms.visitors]
        sender.writer.write(written(*map(str, range(count))))
        for reader, codec in readers:
            told = await take(reader, codec, count)
            assert [(number, text) for number, _, text in told] == [
                (number + 1, str(number)) for number in range(count)
            ]
    assert built == dict.fromkeys(CODECS, count)
    writes = max(len(line.sizes) for line in watched)
    assert writes <= 2  # two, if what the sender sent at once did not come at once
    assert {given == taken for line in watched for given, taken in line.sizes} == {True}
    built_data = {id(data) for line in watched for data in line.given}
    assert len(built_data) == writes * len(CODECS)  # the very same for each client


async def made_for_a_message(
    server: ChatServer, hearing: int, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """What is made while a message goes from its sender to so many: futures, tasks."""
    made: list[str] = []

    class Future(asyncio.Future):
        def __init__(self) -> None:
            super().__init__()
            made.append("stream's future")

    loop = asyncio.get_running_loop()
    create_future, create_task = loop.create_future, loop.create_task
    async with AsyncExitStack() as stack:
        for _ in range(hearing):
            await stack.enter_async_context(await BareClient.open(server.url))
        await until(lambda: hearers(server) == hearing)
        watched = [watch(channel) for channel in server.rooms.visitors]
        tasks = asyncio.all_tasks()
        with monkeypatch.context() as patch:
            patch.setattr(iostream, "Future", Future)
            patch.setattr(loop, "create_future", lambda: made.append("future") or create_future())
            patch.setattr(
                loop,
                "create_task",
                lambda *args, **more: made.append("task") or create_task(*args, **more),
            )
            server.rooms.visitors[0].on_message('{"message":"hi"}')
            for _ in range(5):
                await asyncio.sleep(0)
        assert asyncio.all_tasks() == tasks
        assert all(given == taken for line in watched for given, taken in line.sizes)
        assert {len(line.sizes) for line in watched} == {1}
    await until(lambda: not members(server))
    return made


async def test_no_task_and_no_future_is_made_for_each_client(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
):
    few = await made_for_a_message(server, 2, monkeypatch)
    many = await made_for_a_message(server, 40, monkeypatch)
    assert few == many == ["future"]  # the log's


# The slow reader.

NOISE = random.Random(10)


def noise(size: int) -> str:
    """A text that can't be made much shorter."""
    return NOISE.randbytes(size // 2).hex()


@contextmanager
def largest_batch(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The sizes of all that is sent at once."""
    sizes: list[int] = []
    send = ChatSocket.send

    def send_and_note(self: ChatSocket, frames: bytes) -> None:
        sizes.append(len(frames))
        send(self, frames)

    with monkeypatch.context() as patch:
        patch.setattr(ChatSocket, "send", send_and_note)
        yield sizes


async def talk_and_hear(
    talker: ClientConnection, readers: list[tuple[ClientConnection, Codec]], first: int
) -> int:
    """Have a portion said and heard by all who are awake; return the id that comes next."""
    for _ in range(8):
        await say(talker, noise(4000))
    for reader, codec in readers:
        assert [number for number, _, _ in await take(reader, codec, 8)] == [
            *range(first, first + 8)
        ]
    return first + 8


async def read_to_the_end(reader: ClientConnection, codec: Codec) -> tuple[list[int], int]:
    """The ids of all that a client is still sent, and the code with which its line is closed."""
    ids = []
    with suppress(ConnectionClosed):
        while True:
            ids.append((await hear(reader, codec))["id"])
    return ids, reader.close_code


@by_every_way_in_a_codec
async def test_a_slow_reader_is_sent_away_before_it_costs_much_and_comes_back_to_everything(
    server: ChatServer, visit: Visit, codec: Codec, way: str, monkeypatch: pytest.MonkeyPatch
):
    awake = [(await visit("Ada"), JSON), (await visit("Bob", TRANSIT), TRANSIT)]
    talker = awake[0][0]
    slow = await visit("Slow", codec, sleepy=True)
    assert bool(slow.protocol.extensions) == (way == DEFLATE)
    channel = channel_of(server, "Slow")
    newest = unsent = 0
    with largest_batch(monkeypatch) as sizes:
        while not channel.line.is_closing():
            newest = await talk_and_hear(talker, awake, newest + 1) - 1
            unsent = max(unsent, channel.unsent)
            assert unsent <= MAX_UNSENT + max(sizes)
            assert len(channel.line.stream._write_buffer) <= MAX_UNSENT + 2 * max(sizes)
        assert unsent > MAX_UNSENT
        newest = await talk_and_hear(talker, awake, newest + 1) - 1
        assert channel.unsent <= unsent  # who is to go is sent no more
    ids, code = await read_to_the_end(slow, codec)
    assert code == 1013
    assert ids == [*range(1, len(ids) + 1)]
    assert len(ids) < newest
    back = await visit("Slow", codec, since=ids[-1], log=server.log.identity)
    assert back.welcome["missed"] is False
    ids += [number for number, _, _ in await take(back, codec, newest - len(ids))]
    assert ids == [*range(1, newest + 1)]
    newest = await talk_and_hear(talker, [*awake, (back, codec)], newest + 1) - 1
    gone, channel = weakref.ref(channel), None
    await until(lambda: len(members(server)) == 3)
    await until(lambda: gc.collect() >= 0 and gone() is None)


@by_every_way_in_a_codec
async def test_a_slow_reader_that_catches_up_in_time_stays_and_misses_nothing(
    server: ChatServer, visit: Visit, codec: Codec
):
    talker = await visit("Ada")
    slow = await visit("Slow", codec, sleepy=True)
    channel = channel_of(server, "Slow")
    newest = read = 0
    for _ in range(3):
        while channel.unsent < MAX_UNSENT / 2:
            newest = await talk_and_hear(talker, [(talker, JSON)], newest + 1) - 1
        ids = [number for number, _, _ in await take(slow, codec, newest - read)]
        assert ids == [*range(read + 1, newest + 1)]
        read = newest
        await until(lambda: channel.unsent == 0)
    assert newest * 4000 > MAX_UNSENT
    assert members(server) == ["Ada", "Slow"]


async def test_who_neither_reads_nor_answers_is_ended_when_tornado_has_waited_long_enough(
    server: ChatServer, visit: Visit, monkeypatch: pytest.MonkeyPatch
):
    ends: list[tuple[float, Callable[[], None]]] = []
    clock = IOLoop.current()
    add_timeout = clock.add_timeout

    def note(deadline: float, callback: Callable[..., None], *args: Any) -> object:
        ends.append((deadline - clock.time(), callback))
        return add_timeout(deadline, callback, *args)

    talker = await visit("Ada")
    async with await BareClient.open(f"{server.url}?name=Deaf") as deaf:
        deaf.writer.transport.pause_reading()
        await until(lambda: hearers(server) == 2)
        channel = channel_of(server, "Deaf")
        hold_little(channel)
        monkeypatch.setattr(clock, "add_timeout", note)
        newest = 0
        while not channel.line.is_closing():
            newest = await talk_and_hear(talker, [(talker, JSON)], newest + 1) - 1
        assert members(server) == ["Ada", "Deaf"]
        [(seconds, end)] = ends
        assert 0 < seconds <= 5
        end()  # as if they had passed
        await until(lambda: members(server) == ["Ada"])
        assert channel.line.stream.closed()
    assert (await hear_event(talker, "left"))["name"] == "Deaf"


async def test_the_server_s_memory_stays_flat_while_readers_sleep():
    """In a process of its own: what it holds is all its own, too."""
    portion, sleepers = 8, 5
    text = "\N{DUCK}" * MAX_MESSAGE
    size = len(JSON.encode({"message": text}))
    words = written(text) * portion
    command = (sys.executable, "-m", "chatkit.cli", "serve", "--port", "0", "--rate", "off")
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        url = (await process.stdout.readline()).split()[-1].decode()
        memory = psutil.Process(process.pid).memory_info
        async with AsyncExitStack() as stack:

            async def come() -> BareClient:
                return await stack.enter_async_context(await BareClient.open(url))

            async def talk(count: int) -> None:
                """Have so much said, each portion once the one before was heard."""
                heard = 0
                for said in range(portion, count + 1, portion):
                    talker.writer.write(words)
                    while heard < said:
                        heard += (await talker.reader.read(CHUNK)).count(b"}")

            talker = await come()
            await talk(KEPT + 200)  # the log is full now, and grows no more
            sleeping = [await come() for _ in range(sleepers)]
            for sleeper in sleeping:
                sleeper.writer.transport.pause_reading()
            before = memory().rss
            await talk(2000)
            grown = memory().rss - before
            for sleeper in sleeping:
                sleeper.writer.transport.resume_reading()
                told = 0
                while (last := await sleeper.recv()) and last.opcode == Opcode.TEXT:
                    told += 1
                assert told < 1500
                assert last is None or close_code(last) == 1013
    finally:
        process.kill()
        await process.communicate()
    assert grown < 2000 * size / 2  # without a bound it would hold all of it


def test_a_portion_of_the_log_is_less_than_may_wait():
    """Else one who catches up would be sent away for what it had no chance to read."""
    escaped = "\x01"  # six bytes as JSON
    key, name = escaped * MAX_KEY, "\N{DUCK}" * MAX_NAME
    longest = Message(escaped * MAX_MESSAGE, MAX_ID, name, 1.7e9 + 1 / 3, key)
    for codec in CODECS.values():
        assert LOG_CHUNK * len(text_frame(codec.encode(longest))) < MAX_UNSENT


# Wherever the socket cuts.


@asynccontextmanager
async def small_line(server: ChatServer) -> AsyncIterator[tuple[BareClient, ChatSocket]]:
    """A plain client and the server's end of its line, of which neither holds much."""
    ends = await asyncio.open_connection(sock=await small_socket(server.port))
    async with BareClient(*ends) as client:
        assert await client.shake_hands(server.url) == 101
        await until(lambda: hearers(server) == 1)
        [channel] = server.rooms.visitors
        hold_little(channel)
        yield client, channel


def ask_for_life(channel: ChatSocket) -> None:
    """Have a channel send its ping now, whether the one before was answered or not."""
    channel.timer.cancel()
    channel.alive = True
    channel.keep_alive()


async def test_frames_arrive_whole_and_in_order_wherever_the_socket_cuts_them(server: ChatServer):
    chance = random.Random(4)
    sent: list[tuple[int, bytes]] = []
    sizes = (0, 1, 125, 126, 2047, 2049, 65535, 65536)  # of headers, and of Tornado's buffers

    async def talk() -> None:
        for _ in range(150):
            texts = [
                chance.randbytes(
                    chance.choice(sizes) if chance.random() < 0.1 else chance.randrange(3000)
                )
                for _ in range(chance.randrange(1, 4))
            ]
            channel.send(b"".join(map(text_frame, texts)))
            sent.extend((Opcode.TEXT, text) for text in texts)
            if chance.random() < 0.3:
                ask_for_life(channel)
                sent.append((Opcode.PING, b""))
            if chance.random() < 0.1 or channel.unsent > MAX_UNSENT / 2:
                await channel.drain()
            elif chance.random() < 0.5:
                await asyncio.sleep(0)  # the client may have made room that the stream still needs

    async with small_line(server) as (client, channel):
        line = watch(channel)
        talking = asyncio.create_task(talk())
        heard = []
        pongs = 0
        while not talking.done() or len(heard) < len(sent):
            if len(heard) > 150 and chance.random() < 0.1:  # so long only the server asks
                client.send("?", Opcode.PING)
            told = await client.recv()
            if told.opcode == Opcode.PONG:
                pongs += 1
            else:
                heard.append((told.opcode, told.payload))
        await talking
        assert heard == sent
        assert pongs
        assert channel.unsent == 0
    cut = [(given, taken) for given, taken in line.sizes if taken < given]
    assert len(cut) > 20
    assert len({taken for _, taken in cut}) > 5  # at many places


@pytest.mark.parametrize(
    ("opcode", "begin"),
    [
        (Opcode.TEXT, lambda client, channel: channel.send(text_frame(b"first"))),
        (Opcode.PING, lambda client, channel: ask_for_life(channel)),
        (Opcode.PONG, lambda client, channel: client.send("?", Opcode.PING)),
    ],
    ids=["a message", "the server's ping", "the answer to a client's ping"],
)
async def test_no_frame_is_put_into_the_middle_of_another(
    server: ChatServer, opcode: Opcode, begin: Callable[[BareClient, ChatSocket], None]
):
    async with await BareClient.open(server.url) as client:
        await until(lambda: hearers(server) == 1)
        [channel] = server.rooms.visitors
        line = watch(channel)
        line.room = 1
        begin(client, channel)
        await until(lambda: line.room == 0)
        assert channel.line.stream.writing()
        line.room = 2**30
        channel.send(text_frame(b"then"))  # before the stream has got its turn
        assert [(await client.recv()).opcode for _ in range(2)] == [opcode, Opcode.TEXT]


# What we build on, and the ways that do without it.


async def test_what_the_fast_way_builds_on_is_so_in_this_tornado(server: ChatServer):
    """Where this fails, Tornado is made in another way: see `ChatSocket.plain_stream`.

    Below a connection there is a plain stream, and below that a socket that does not block. While
    the stream has nothing to write, what the socket is given is the next that the client reads.
    What is written to the stream then goes out behind it, and Tornado's own frames behind that;
    `writing` and the future say when all has gone. A connection knows that it is closing.
    """
    async with small_line(server) as (client, channel):
        line = channel.ws_connection
        stream = line.stream
        assert type(stream) is IOStream
        assert isinstance(stream.socket, socket.socket)
        assert not stream.socket.getblocking()
        assert not stream.writing()
        big = b"x" * 2**20
        whole = text_frame(b"one") + text_frame(big)
        taken = stream.socket.send(whole)
        assert len(text_frame(b"one")) < taken < len(whole)
        with suppress(BlockingIOError):
            while taken < len(whole):
                taken += stream.socket.send(whole[taken:])
        assert taken < len(whole)
        written = stream.write(memoryview(whole)[taken:])
        assert stream.writing()
        assert not written.done()
        channel.ping(b"two")
        assert [(await client.recv()).payload for _ in range(3)] == [b"one", big, b"two"]
        await written
        assert not stream.writing()
        assert not line.is_closing()
        channel.close()
        assert line.is_closing()
        assert not stream.closed()
        assert (await client.recv()).opcode == Opcode.CLOSE
    async with small_line(server) as (client, channel):
        client.cut()
        await until(channel.line.is_closing)
        assert channel.line.stream.closed()


@by_every_way
async def test_frames_go_straight_to_the_socket_only_where_they_may(
    server: ChatServer, visit: Visit, way: str
):
    await visit("Ada")
    channel = channel_of(server, "Ada")
    stream = channel.line.stream
    assert type(stream) is (SSLIOStream if way == TLS else IOStream)
    assert channel.plain is (stream if way == STRAIGHT else None)


@pytest.mark.parametrize(
    "line",
    [SimpleNamespace(), SimpleNamespace(stream=object())],
    ids=["no stream", "another stream"],
)
async def test_a_tornado_without_such_a_stream_is_left_to_write_by_itself(
    server: ChatServer, visit: Visit, line: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    await visit("Ada")
    channel = channel_of(server, "Ada")
    monkeypatch.setattr(channel, "line", line)
    assert channel.plain_stream() is None


@by_every_way
async def test_the_chat_is_the_same_by_every_way(server: ChatServer, visit: Visit, way: str):
    ada, bob, eve = await visit("Ada"), await visit("Bob", TRANSIT), await visit("Eve", None)
    assert bool(ada.protocol.extensions) == (way == DEFLATE)
    texts = [noise(size) for size in (2, 100, 200, MAX_MESSAGE)] + ["\N{DUCK}" * MAX_MESSAGE]
    for text in texts * 3:
        await say(ada, text)
    wanted = [(number, "Ada", text) for number, text in enumerate(texts * 3, 1)]
    for reader, codec in ((ada, JSON), (bob, TRANSIT), (eve, JSON)):
        assert await take(reader, codec, len(wanted)) == wanted
    await say(eve, "")
    assert (await hear(eve))["error"] == "bad_message"
    await ada.send('{"event":"typing"}')
    assert (await hear_event(bob, "typing", TRANSIT))["name"] == "Ada"
    late = await visit("Fay", TRANSIT, last=4)
    assert await take(late, TRANSIT, 4) == wanted[-4:]
    await bob.close()
    assert (await hear_event(late, "left", TRANSIT))["name"] == "Bob"
    await server.stop()
    assert [await end_of(client) for client in (ada, eve, late)] == [1001] * 3


@by_every_way
async def test_a_sign_of_life_is_asked_for_by_every_way(server: ChatServer, visit: Visit):
    readers = [(await visit("Ada"), JSON), (await visit("Bob", TRANSIT), TRANSIT)]
    for channel in server.rooms.visitors:
        ask_for_life(channel)
        assert not channel.alive
    await until(lambda: all(channel.alive for channel in server.rooms.visitors))
    await say(readers[0][0], "hi")
    for reader, codec in readers:
        assert await take(reader, codec, 1) == [(1, "Ada", "hi")]


# A fair share for all.


class Listener(Ear):
    """A channel that notes in a common list what it hears."""

    def __init__(self, order: list[tuple[Any, bytes]], deed: Callable[[], object] = lambda: None):
        super().__init__(deed)
        self.order = order

    def send(self, frames: bytes) -> None:
        super().send(frames)
        self.order.append((self, frames))


def crowded(fair: FairBroadcaster, count: int) -> tuple[list[Listener], list[tuple[Any, bytes]]]:
    """So many channels in a broadcaster, and the order in which they will hear."""
    order: list[tuple[Any, bytes]] = []
    listeners = [Listener(order) for _ in range(count)]
    for listener in listeners:
        fair.connect(listener)
    return listeners, order


async def test_a_turn_tells_a_few_hundred_and_the_next_turns_the_rest():
    fair = FairBroadcaster()
    _, order = crowded(fair, 3 * SLICE + 10)
    fair.notify_clients(b"one")
    told = [len(order)]
    while fair.rounds:
        await asyncio.sleep(0)
        told.append(len(order))
    assert told == [SLICE, 2 * SLICE, 3 * SLICE, 3 * SLICE + 10]


@pytest.mark.parametrize("count", [0, 1, SLICE - 1, SLICE, SLICE + 1, 3 * SLICE])
async def test_rounds_do_not_overtake_each_other(count: int):
    fair = FairBroadcaster()
    listeners, order = crowded(fair, count)
    rounds = [b"one", b"two", b"three"]
    for frames in rounds:
        fair.notify_clients(frames)
    await until(lambda: not fair.rounds)
    assert [listener.heard for listener in listeners] == [rounds] * count
    assert [frames for _, frames in order] == [frames for frames in rounds for _ in range(count)]


async def test_who_comes_in_the_middle_of_a_round_hears_the_next_one_first():
    fair = FairBroadcaster()
    crowded(fair, 2 * SLICE)
    fair.notify_clients(b"one")
    fair.notify_clients(b"two")
    late = Ear()
    fair.connect(late)
    fair.notify_clients(b"three")
    await until(lambda: not fair.rounds)
    assert late.heard == [b"three"]


async def test_who_leaves_in_the_middle_of_a_round_hears_nothing_of_the_rest():
    fair = FairBroadcaster()
    listeners, _ = crowded(fair, 3 * SLICE)
    fair.notify_clients(b"one")
    fair.notify_clients(b"two")
    told = [listener for listener in listeners if listener.heard]
    untold = [listener for listener in listeners if not listener.heard]
    for gone in (told[0], untold[0]):
        fair.disconnect(gone)
    await until(lambda: not fair.rounds)
    assert told[0].heard == [b"one"]
    assert untold[0].heard == []
    assert all(ear.heard == [b"one", b"two"] for ear in (*told[1:], *untold[1:]))


async def test_who_is_left_out_is_left_out_in_every_part_of_a_round():
    fair = FairBroadcaster()
    listeners, _ = crowded(fair, 2 * SLICE)
    fair.notify_clients(b"one")
    first = next(listener for listener in listeners if listener.heard)
    last = next(listener for listener in listeners if not listener.heard)
    fair.notify_clients(b"two", but=first)
    fair.notify_clients(b"three", but=last)
    await until(lambda: not fair.rounds)
    assert first.heard == [b"one", b"three"]
    assert last.heard == [b"one", b"two"]
    others = [listener for listener in listeners if listener not in (first, last)]
    assert all(listener.heard == [b"one", b"two", b"three"] for listener in others)


async def test_a_channel_that_fails_is_dropped_from_its_part_and_the_rest_hear():
    fair = FairBroadcaster()
    listeners, order = crowded(fair, 2 * SLICE)
    bad = [Listener(order, fail) for _ in range(20)]  # somewhere among the others
    for listener in bad:
        fair.connect(listener)
    fair.notify_clients(b"one")
    fair.notify_clients(b"two")
    await until(lambda: not fair.rounds)
    assert all(listener.closed for listener in bad)
    assert fair.channels == set(listeners)
    assert all(listener.heard == [b"one", b"two"] for listener in listeners)


async def test_a_crowd_that_talks_all_the_time_holds_up_no_other_room_and_no_reader():
    log = MemoryLog()
    order: list[str] = []
    crowd, quiet = Room("crowd", log), Room("quiet", log)
    many = [Guest(events=False, deed=lambda: order.append("crowd")) for _ in range(4 * SLICE)]
    bob = Guest(events=False, deed=lambda: order.append("quiet"))
    await come(crowd, *many)
    await come(quiet, bob)
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()

    def read() -> None:
        here.recv(1)
        order.append("read")

    async def talk() -> None:
        while True:
            crowd.send(many[0], Message("more"))
            await asyncio.sleep(0)

    with here, there:
        loop.add_reader(here, read)
        talking = asyncio.create_task(talk())
        for _ in range(10):
            await until(lambda: crowd.telling(crowd.audiences))
            order.clear()
            quiet.send(bob, Message("now"))
            there.send(b"x")
            await until(lambda: {"quiet", "read"} <= set(order))
            for news in ("quiet", "read"):
                assert order.index(news) <= 2 * SLICE  # two turns, of the four of a round
        talking.cancel()
        loop.remove_reader(here)
    await until(lambda: not crowd.telling(crowd.audiences) and not crowd.arrived)
    assert len(many[0].texts) > 10
    assert all(guest.heard == many[0].heard for guest in many)


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are told in a turn, so that nine are a crowd."""
    monkeypatch.setattr(broadcaster_module, "SLICE", 2)


async def test_what_comes_while_a_crowd_is_told_waits_and_leaves_together(small_slices: None):
    room = Room("lobby", MemoryLog())
    guests = [Guest(events=False) for _ in range(30)]
    await come(room, *guests)
    await said(room, guests[0], Message("0"))
    for number in (1, 2, 3):
        await said(room, guests[number], Message(f"{number}"))
        assert len(room.audiences[JSON].rounds) == 1
    await until(lambda: all(len(guest.texts) == 4 for guest in guests))
    for guest in guests:
        assert guest.texts == ["0", "1", "2", "3"]
        assert [len(read_frames(frames)[0]) for frames in guest.heard] == [1, 3]


async def test_a_crowd_is_settled_once_all_have_been_told_what_waited_too(
    small_slices: None, tmp_path: Path
):
    log = SqliteLog(str(tmp_path / "chat.db"))
    await log.open()
    room = Room("lobby", log)
    guests = [Guest(events=False) for _ in range(30)]
    await come(room, *guests)
    room.send(guests[0], Message("0"))
    await until(lambda: room.telling(room.audiences))
    room.send(guests[1], Message("1"))
    await room.settle()
    assert [guest.texts for guest in guests] == [["0", "1"]] * 30
    await log.close()


async def test_a_confirmation_does_not_overtake_what_it_confirms(small_slices: None):
    """A client takes what comes after a gap for all that there was in it."""
    room = Room("lobby", MemoryLog())
    guests = [Guest(events=False) for _ in range(9)]
    await come(room, *guests)
    for number, guest in enumerate(guests):
        again = Message("again", key=f"k{number}")
        await said(room, guest, Message("first"), again, again)
    await until(lambda: all(len(guest.texts) >= 2 * len(guests) + 1 for guest in guests))
    for guest in guests:
        seen = 0
        for told in guest.frames:
            assert told["id"] <= seen + 1
            seen = max(seen, told["id"])
        assert seen == 2 * len(guests)


async def test_typing_that_can_not_be_told_at_once_is_not_kept(small_slices: None):
    room = Room("lobby", MemoryLog())
    guests = [Guest() for _ in range(9)]
    await come(room, *guests)
    assert room.telling(room.watchers)
    for _ in range(100):
        room.typing(guests[0])
    assert sum(len(group.rounds) for group in room.watchers.values()) == 1
    await until(lambda: not room.telling(room.watchers) and not room.news)
    room.typing(guests[0])
    await until(lambda: not room.telling(room.watchers))
    assert [len(guest.events("typing")) for guest in guests] == [0] + [1] * 8


async def test_of_many_who_come_at_once_a_crowd_hears_what_is_so_in_the_end(small_slices: None):
    room = Room("lobby", MemoryLog())
    guests = [Guest(codec=codec) for codec in CODECS.values() for _ in range(5)]
    await come(room, *guests)
    await until(lambda: not room.telling(room.watchers) and not room.news)
    before = [len(guest.frames) for guest in guests]
    more = [Guest() for _ in range(200)]
    for guest in more:
        await room.join(guest)
        assert all(len(group.rounds) <= 1 for group in room.watchers.values())
    room.leave(more[0])
    await until(lambda: not room.telling(room.watchers) and not room.news)
    for guest, start in zip(guests, before, strict=True):
        assert 1 < len(guest.frames) - start < 10
        assert guest.frames[-1]["event"] == "left"
        assert guest.frames[-1]["count"] == len(guests) + len(more) - 1


async def test_what_sqlite_stores_at_once_leaves_at_once(tmp_path: Path):
    log = SqliteLog(str(tmp_path / "chat.db"))
    await log.open()
    room = Room("lobby", log)
    ada, bob = Guest("Ada", events=False), Guest("Bob", TRANSIT, events=False)
    await come(room, ada, bob)
    busy = threading.Event()
    held = asyncio.get_running_loop().run_in_executor(log.thread, busy.wait)
    for number in range(5):  # the first is under way to the disk, the others wait together
        await said(room, ada, Message(f"{number}"))
    assert bob.texts == []
    busy.set()
    await held
    await until(lambda: len(bob.texts) == 5)
    for guest in (ada, bob):
        assert [len(read_frames(frames)[0]) for frames in guest.heard] == [1, 4]
        assert guest.texts == ["0", "1", "2", "3", "4"]
    await log.close()
