"""Start and stop, the same port again, and what can't be had told in one sentence."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from redis import Redis
from websockets.asyncio.client import ClientConnection

from chatkit import server as chatkit_server
from chatkit.client import ChatClient
from chatkit.codecs import TRANSIT
from chatkit.lessons.redis_server import RedisServer
from chatkit.log import MemoryLog, SqliteLog
from chatkit.messages import MAX_MESSAGE, ChatkitError
from chatkit.redis_log import RedisLog
from chatkit.room import Rooms
from chatkit.server import (
    CLOSE_TIMEOUT,
    GOING_AWAY,
    ChatServer,
    PortTakenError,
    codec_named,
    make_app,
    rooms_at,
)
from chatkit.shared import SharedRooms
from tests.conftest import Join, end_of, hear, members, say, serving, until
from tests.faults import TIMEOUT, BareClient, close_code


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def is_free(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT).close()
    except ConnectionRefusedError:
        return True
    return False


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


async def test_port_0_takes_a_free_one_and_says_which(server: ChatServer):
    assert server.port > 0
    assert server.url == f"http://127.0.0.1:{server.port}/"
    assert not is_free(server.port)


async def test_stop_frees_the_port_and_may_be_called_twice():
    server = await ChatServer(port=0).start()
    await server.stop()
    await server.stop()
    assert is_free(server.port)


async def test_a_server_that_runs_may_be_started_again(tmp_path: Path):
    async with serving(log=f"sqlite:{tmp_path / 'chat.db'}") as server:
        port = server.port
        assert await server.start() is server
        async with ChatClient(server.url, "Ada") as ada:
            await ada.send("still here")
            assert (await anext(ada)).message == "still here"
        assert server.port == port


async def test_a_server_that_was_started_again_can_be_stopped_again():
    server = ChatServer(port=0)
    for _ in range(3):
        await server.start()
        async with ChatClient(server.url):
            await server.stop()
    after = await ChatServer(server.port).start()
    await after.stop()


async def test_a_server_that_never_started_can_be_stopped():
    await ChatServer(port=0).stop()


async def test_stop_closes_every_client_with_1001(server: ChatServer, join: Join):
    clients = [await join("Ada"), await join("Bob", TRANSIT), await join("Eve", None)]
    await server.stop()
    assert [await end_of(client) for client in clients] == [GOING_AWAY] * 3
    assert server.rooms.open == {}


async def stop_in_time(server: ChatServer) -> None:
    """Stop a server before Tornado would cut, by itself after five seconds, who is silent."""
    async with asyncio.timeout(CLOSE_TIMEOUT + 4):
        await server.stop()


async def test_stop_waits_for_no_client_longer_than_it_should(server: ChatServer, join: Join):
    polite = await join("Ada")
    async with await BareClient.open(server.url) as silent:
        await until(lambda: len(members(server)) == 2)
        await stop_in_time(server)
        assert close_code(await silent.recv()) == GOING_AWAY
        assert await silent.recv() is None
    assert await end_of(polite) == GOING_AWAY
    assert server.rooms.open == {}


@pytest.mark.parametrize("options", [{"rate": None}])
async def test_stop_ends_a_client_that_stopped_reading(server: ChatServer, join: Join):
    ada = await join("Ada")
    async with await BareClient.open(server.url) as deaf:
        await until(lambda: len(members(server)) == 2)
        await fill(ada)
        await stop_in_time(server)
        deaf.cut()
    assert members(server) == []


async def fill(client: ClientConnection) -> None:
    """Say more than the system's buffers hold for one who doesn't read."""
    for _ in range(800):
        await say(client, "\N{GRINNING FACE}" * MAX_MESSAGE)
        await hear(client)


async def test_another_server_takes_over_the_port_at_once(server: ChatServer, join: Join):
    await join("Ada")
    await server.stop()
    after = await ChatServer(server.port).start()
    try:
        assert after.port == server.port
        ada = await join("Ada")
        await say(ada, "hi")
        assert (await hear(ada))["id"] == 1
    finally:
        await after.stop()


async def test_a_server_listens_on_loopback_alone(server: ChatServer):
    connections = psutil.Process().net_connections("tcp")
    assert [c.laddr.ip for c in connections if c.laddr.port == server.port] == ["127.0.0.1"]


async def test_ipv6_has_its_brackets():
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    async with serving(host="::1") as server:
        assert server.url == f"http://[::1]:{server.port}/"


@pytest.mark.parametrize("options", [{"per_address": 1, "behind_proxy": True}])
async def test_behind_a_proxy_each_client_has_an_address_of_its_own(server: ChatServer):
    async with (
        await BareClient.open(server.url, "X-Real-IP: 192.0.2.1"),
        await BareClient.open(server.url, "X-Real-IP: 192.0.2.2"),
        await BareClient.dial(server.url) as third,
    ):
        await until(lambda: len(members(server)) == 2)
        assert await third.shake_hands(server.url, "X-Real-IP: 192.0.2.2") == 429


@pytest.mark.parametrize("options", [{"per_address": 1}])
async def test_without_a_proxy_nobody_is_believed_to_be_elsewhere(server: ChatServer):
    async with (
        await BareClient.open(server.url, "X-Real-IP: 192.0.2.1"),
        await BareClient.dial(server.url) as other,
    ):
        await until(lambda: members(server))
        assert await other.shake_hands(server.url, "X-Real-IP: 192.0.2.2") == 429


@pytest.mark.parametrize("host", ["", "0.0.0.0", "192.0.2.1", "chat.example.org"])
def test_where_others_can_come_in_no_proxy_is_believed(host: str):
    with pytest.raises(ChatkitError, match="could claim any address as theirs") as no:
        ChatServer(0, host, token="auto", behind_proxy=True)
    assert_one_sentence(no.value)


SLOW = {
    "one who says nothing": b"",
    "one who begins a line": b"GET /ws HTTP/1.1\r\nHost",
    "one who never ends the headers": b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n",
    "one who owes a body": b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx",
    "one who owes a chunk": b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9",
}


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chatkit_server, "HANDSHAKE_TIMEOUT", 0.2)


@pytest.mark.parametrize("begun", SLOW.values(), ids=SLOW)
async def test_who_never_ends_a_request_is_cut_off(short_patience: None, begun: bytes):
    async with serving() as server, await BareClient.dial(server.url) as slow:
        slow.writer.write(begun)
        assert not (await slow.ended()).startswith(b"HTTP/1.1 2")


async def test_who_drips_a_request_is_cut_off_too_and_who_chats_is_not(short_patience: None):
    async with (
        serving() as server,
        await BareClient.open(server.url) as chatting,
        await BareClient.dial(server.url) as slow,
    ):
        ending = asyncio.create_task(slow.ended())
        for byte in b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 10_000:
            if ending.done():
                break
            slow.writer.write(bytes([byte]))
            await asyncio.sleep(0.01)
        assert await ending == b""
        chatting.send('{"message": "still here"}')
        assert b"still here" in (await chatting.recv()).payload


HUGE = {
    "announced": b"Content-Length: 10000000000\r\n\r\n",
    "announced and sent": b"Content-Length: 1000000\r\n\r\n" + b"x" * 1_000_000,
    "in chunks": b"Transfer-Encoding: chunked\r\n\r\n" + (b"2000\r\n" + b"x" * 8192 + b"\r\n") * 99,
    "in a header": b"X-Long: " + b"x" * 1_000_000,
    "in many headers": b"X: x\r\n" * 100_000,
}


@pytest.mark.parametrize("rest", HUGE.values(), ids=HUGE)
async def test_a_huge_request_is_refused_without_being_read(server: ChatServer, rest: bytes):
    async with await BareClient.dial(server.url) as client:
        client.writer.write(b"POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n" + rest)
        assert (await client.ended())[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 413")
    async with await BareClient.open(server.url):
        await until(lambda: members(server))


def assert_one_sentence(error: ChatkitError) -> None:
    words = str(error)
    assert words.endswith(".")
    assert "\n" not in words
    assert ". " not in words


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_a_port_out_of_range_is_told_in_one_sentence(port: int):
    with pytest.raises(ChatkitError, match=f"no port {port}: choose one from") as refusal:
        ChatServer(port)
    assert_one_sentence(refusal.value)


def test_an_unknown_codec_is_told_in_one_sentence():
    with pytest.raises(ChatkitError, match="no codec 'xml': choose one of json, transit") as error:
        ChatServer(0, codec="xml")
    assert_one_sentence(error.value)


async def test_a_taken_port_is_told_with_its_holder_and_what_to_do(taken_port: int):
    with pytest.raises(PortTakenError, match=f"Port {taken_port} is held by .*choose") as refusal:
        await ChatServer(taken_port).start()
    assert_one_sentence(refusal.value)


@pytest.mark.parametrize("host", ["192.0.2.1", "x" * 64, "é" * 64, "a..b", "\udcff"], ids=ascii)
async def test_a_host_that_can_t_be_had_is_told_in_one_sentence(host: str):
    with pytest.raises(ChatkitError, match=f"Can't listen on {host} port 0: ") as refusal:
        await ChatServer(0, host, token="auto").start()
    assert_one_sentence(refusal.value)


def test_codecs_go_by_name():
    assert codec_named("transit") is TRANSIT


def test_an_app_may_be_given_its_rooms():
    rooms = Rooms()
    rules = make_app(rooms).wildcard_router.rules
    assert {rule.target_kwargs.get("rooms") for rule in rules} == {rooms, None}


# Where the rooms are.


@pytest.mark.parametrize("address", ["memory", "sqlite:chat.db"])
def test_rooms_of_a_server_alone(address: str):
    rooms = rooms_at(address)
    assert type(rooms) is Rooms
    assert type(rooms.log) is (MemoryLog if address == "memory" else SqliteLog)


@pytest.mark.parametrize(
    "address",
    ["redis://127.0.0.1:6379/0", "rediss://chat.example.org:6380/1", "unix:///run/redis.sock"],
)
def test_rooms_on_redis_are_open_on_all_servers(address: str):
    rooms = rooms_at(address)
    assert type(rooms) is SharedRooms
    assert type(rooms.log) is RedisLog
    assert ChatServer(0, log=address).log.lasting


@pytest.mark.parametrize(
    "address", ["", "redis", "redis:", "sqlite:", "memory:1", "http://127.0.0.1/", "REDIS://x"]
)
def test_no_such_log_is_told_in_one_sentence(address: str):
    with pytest.raises(ChatkitError, match=r"^There is no log .*: choose memory, sqlite:") as no:
        ChatServer(0, log=address)
    assert_one_sentence(no.value)


@pytest.mark.parametrize("address", ["redis://127.0.0.1:nonsense/0", "redis://127.0.0.1:70000/0"])
def test_an_address_of_a_redis_that_is_none_is_told_in_one_sentence(address: str):
    with pytest.raises(ChatkitError, match="is no address of a Redis") as no:
        ChatServer(0, log=address)
    assert "redis://127.0.0.1:6379/0" in str(no.value)


def test_without_the_extra_a_log_on_redis_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "redis"]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("shared", "redis_link", "redis_log", "redis_roster"):
        monkeypatch.delitem(sys.modules, f"chatkit.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(ChatkitError, match=r"needs more: pip install 'chatkit\[redis\]'") as no:
        ChatServer(0, log="redis://127.0.0.1:6379/0")
    assert_one_sentence(no.value)
    ChatServer(0)  # the others need none


def test_a_server_with_another_log_loads_no_redis():
    code = "import sys; from chatkit import ChatServer; ChatServer(0); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "chatkit.server" in run.stdout.split()
    assert "redis" not in run.stdout.split()


async def test_a_port_that_is_taken_leaves_no_line_to_redis_open(
    taken_port: int, redis_server: RedisServer
):
    server = ChatServer(taken_port, log=redis_server.url)
    with pytest.raises(PortTakenError):
        await server.start()
    with Redis.from_url(redis_server.url) as redis:
        await until(lambda: len(redis.client_list()) == 1)
