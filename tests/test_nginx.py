"""docs/nginx.conf as it is, with the real nginx, real servers behind it, and a real Redis."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from redis import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from chatkit.client import ChatClient
from chatkit.codecs import JSON
from chatkit.handlers import PING_INTERVAL
from chatkit.lessons.redis_server import RedisServer
from chatkit.redis_log import stream_of
from tests import proxy
from tests.conftest import hear, hear_event
from tests.proxy import Cells, Server
from tests.test_cli import needs_signals

PATIENCE = 30  # seconds in which all that is under way has arrived
ROOMS = [f"room-{n}" for n in range(12)]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    with proxy.serving(tmp_path_factory.mktemp("nginx"), 1) as cells:
        yield cells


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    with proxy.serving(tmp_path_factory.mktemp("nginx"), 2) as cells:
        yield cells


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cells]:
    with proxy.serving(tmp_path_factory.mktemp("nginx"), 1, "--token", "secret", tls=True) as cells:
        yield cells


@asynccontextmanager
async def clients(cells: Cells, count: int, room: str) -> AsyncIterator[list[ChatClient]]:
    """So many clients in a room, each with a list of what it has heard."""
    async with AsyncExitStack() as stack:
        group = []
        for n in range(count):
            client = ChatClient(cells.url, f"client-{n}", room=room)
            client.heard, client.errors = [], []
            client.on_message(client.heard.append)
            client.on_error(client.errors.append)
            group.append(await stack.enter_async_context(client))
        yield group


async def until(true: object) -> None:
    """Wait for what several clients hear."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


def socket_url(cells: Cells, query: str = "") -> str:
    return f"ws://127.0.0.1:{cells.port}/ws{query}"


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[ClientConnection]:
    """A client that is in its room: one that speaks no subprotocol could not know when it is."""
    async with connect(url, subprotocols=[JSON.subprotocol]) as client:
        await hear_event(client, "welcome")
        yield client


async def refusal(url: str, **options: Any) -> tuple[int, str]:
    """The status and the sentence with which a socket is refused."""
    with pytest.raises(InvalidStatus) as error:
        await connect(url, **options)
    response = error.value.response
    return response.status_code, response.body.decode().strip()


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("cells", [1, 2])
def test_nginx_has_nothing_to_object_to(cells: int, tls: bool, tmp_path: Path):
    ports = proxy.SERVERS[: 2 * cells]
    site = proxy.Site(tmp_path, tls)
    command = proxy.command(tmp_path, proxy.example(site, ports, cells))
    done = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    first, second = done.stderr.splitlines()
    assert first.endswith("syntax is ok")
    assert second.endswith("test is successful")


def test_a_quiet_line_is_not_cut_between_two_pings():
    times = re.findall(r"proxy_(read|send)_timeout (\d+)s;", proxy.EXAMPLE.read_text())
    assert [name for name, _ in times] == ["read", "send"]
    assert all(int(seconds) > 2 * PING_INTERVAL for _, seconds in times)


async def test_people_on_all_servers_hear_and_see_each_other(one: Cells):
    async with clients(one, 4, "all") as group:
        assert [server.connections for server in one.servers] == [2, 2]
        await until(lambda: all(client.count == 4 for client in group))
        names = [client.name for client in group]
        assert all(sorted(client.members) == names for client in group)
        for n in range(5):
            await asyncio.gather(*(client.send(f"{client.name} {n}") for client in group))
        await until(lambda: all(len(client.heard) == 20 for client in group))
        assert [message.id for message in group[0].heard] == [*range(1, 21)]
        assert all(client.heard == group[0].heard for client in group)


async def test_a_server_is_killed_and_nobody_loses_a_message(tmp_path: Path):
    with proxy.serving(tmp_path, 1) as cells:
        async with clients(cells, 4, "lobby") as group:
            cut = []
            for client in group:
                client.on_state(lambda state: cut.append(state) if state == "cut off" else None)

            talking = asyncio.gather(*map(talk, group))
            await until(lambda: len(group[0].heard) > 100)
            cells.servers[0].kill()
            await asyncio.wait_for(talking, PATIENCE)
            await all_have_heard_everyone(group)
            assert len(cut) == 2
            assert cells.servers[1].connections == 4


async def talk(client: ChatClient) -> None:
    """Say a hundred things, ten at a time."""
    for n in range(100):
        await client.send(f"{client.name} {n}")
        if n % 10 == 9:
            await client.confirmed()


async def all_have_heard_everyone(group: list[ChatClient]) -> None:
    """Wait until all have heard what four have said, and see that it is the same for each."""
    await until(lambda: all(len(client.heard) == 400 for client in group))
    await until(lambda: all(client.count == 4 for client in group))
    assert [message.id for message in group[0].heard] == [*range(1, 401)]
    assert len({message.message for message in group[0].heard}) == 400
    assert all(client.heard == group[0].heard for client in group)


@needs_signals
async def test_a_server_is_told_to_stop_and_nobody_sees_an_error(tmp_path: Path):
    with proxy.serving(tmp_path, 1) as cells:
        async with clients(cells, 4, "lobby") as group:
            talking = asyncio.gather(*map(talk, group))
            await until(lambda: len(group[0].heard) > 100)
            stopping = asyncio.create_task(asyncio.to_thread(cells.servers[0].terminate))
            pages = 0
            while not stopping.done() or pages < 50:
                assert "<title>" in await asyncio.to_thread(cells.get, "")
                async with connect(socket_url(cells, "?room=other")):
                    pages += 1
            assert await stopping == 0
            await asyncio.wait_for(talking, PATIENCE)
            await all_have_heard_everyone(group)
            assert [client.errors for client in group] == [[]] * 4
            await until(lambda: cells.servers[1].connections == 4)
            assert written(tmp_path, "server-*") == ""


@needs_signals
async def test_while_a_server_drains_newcomers_are_led_to_the_other(tmp_path: Path):
    with proxy.serving(tmp_path, 1) as cells:
        draining, _ = cells.servers
        async with clients(cells, 2, "lobby") as group:  # one at each
            with held(cells.redises[0]):
                for client in group:
                    await client.send("hi")
                draining.process.send_signal(signal.SIGTERM)
                await until(lambda: status_of(draining) == "draining")
                for _ in range(4):
                    assert '"status": "ok"' in await asyncio.to_thread(cells.get, "healthz")
                    newcomer = await connect(socket_url(cells))
                    newcomer.transport.abort()  # for a goodbye, it would wait until it is in
            assert draining.process.wait(proxy.LIMIT) == 0
            await until(lambda: all(len(client.heard) == 2 for client in group))


@contextmanager
def held(redis: RedisServer) -> Iterator[None]:
    """A Redis that takes nothing in meanwhile, but answers questions."""
    with Redis.from_url(redis.url) as line:
        line.client_pause(1000 * PATIENCE, all=False)
        try:
            yield
        finally:
            line.client_unpause()


def status_of(server: Server) -> str:
    """What a server says of itself."""
    try:
        return proxy.get_json(server.port)["status"]
    except HTTPError as error:
        with error:
            return json.load(error)["status"]


def test_the_page_and_its_parts_come_through(one: Cells):
    for path, words in [("", "<title>"), ("static/main.js", "import "), ("healthz", '"version"')]:
        assert words in one.get(path)


async def test_a_foreign_page_is_refused_and_the_own_one_is_not(one: Cells):
    status, sentence = await refusal(socket_url(one), origin="https://evil.example")
    assert (status, sentence[:30]) == (403, "This page is neither the chat'")
    async with connect(socket_url(one), origin=one.url.rstrip("/")) as client:
        await client.send('{"message": "hi"}')
        assert (await hear(client))["message"] == "hi"


@pytest.mark.parametrize("path", ["metrics", "//metrics", "%6detrics", "x/../metrics", "metrics?"])
def test_the_world_does_not_see_the_metrics(one: Cells, path: str):
    with urlopen(f"http://127.0.0.1:{one.servers[0].port}/metrics", timeout=proxy.LIMIT) as answer:
        assert b"\nchatkit_rooms " in answer.read()
    with pytest.raises(HTTPError, match="404") as refusal:
        one.get(path)
    with refusal.value as answer:
        assert b"chatkit_" not in answer.read()


async def test_a_token_is_asked_for_and_written_down_nowhere(tmp_path: Path):
    with proxy.serving(tmp_path, 1, "--token", "secret", "--log-level", "info") as cells:
        assert (await refusal(socket_url(cells)))[0] == 403
        assert (await refusal(socket_url(cells, "?token=wrong")))[0] == 403
        async with ChatClient(cells.url + "?token=secret") as client:
            await client.send("hi")
            assert (await anext(client)).message == "hi"
        assert "<title>" in cells.get("?token=secret")
    assert "refused path=/ws address=127.0.0.1 why=bad_token" in written(tmp_path)
    assert "secret" not in written(tmp_path)


def written(folder: Path, which: str = "*") -> str:
    """All that nginx and the servers have written, in a folder."""
    files = (file for file in folder.rglob(which) if file.is_file() and file.suffix != ".conf")
    return "".join(file.read_text() for file in files if file.name != "pid")


async def test_nobody_can_claim_another_address(tmp_path: Path):
    claims = {"X-Real-IP": "192.0.2.1", "X-Forwarded-For": "192.0.2.1"}
    with proxy.serving(tmp_path, 1, "--log-level", "info") as cells:
        async with connect(socket_url(cells), additional_headers=claims) as client:
            await client.send('{"message": "hi"}')
            await hear(client)
            assert "joined room=lobby name=guest-1 address=127.0.0.1" in written(tmp_path)
            assert "192.0.2.1" not in written(tmp_path)


# With TLS.


def test_http_leads_to_https(safe: Cells):
    line = HTTPConnection("127.0.0.1", safe.site.unsafe_port, timeout=proxy.LIMIT)
    with closing(line):
        line.request("GET", "/?room=python", headers={"Host": "chat.example.org"})
        answer = line.getresponse()
        assert answer.status == 301
        assert answer.getheader("Location") == "https://chat.example.org/?room=python"


def test_the_page_comes_over_https(safe: Cells):
    assert "<title>" in safe.get("")


async def test_a_safe_socket_is_for_the_own_page_alone(safe: Cells):
    url = f"wss://127.0.0.1:{safe.port}/ws?token=secret"
    foreign = await refusal(url, origin="https://evil.example", ssl=safe.context)
    assert foreign[0] == 403
    own = safe.url.rstrip("/")
    async with connect(url, origin=own, ssl=safe.context) as client:
        await client.send('{"message": "hi"}')
        assert (await hear(client))["message"] == "hi"


CLIENT = """
import asyncio, sys
from chatkit import ChatClient

async def main():
    async with ChatClient(sys.argv[1], room="clients") as client:
        await client.send("hi")
        print((await anext(client)).message)

asyncio.run(main())
"""


def test_a_client_trusts_whom_the_environment_names(safe: Cells):
    assert chat_over_tls(safe, SSL_CERT_FILE=str(safe.site.authority)) == ("hi\n", "")
    said, fault = chat_over_tls(safe)
    assert said == ""
    assert "CERTIFICATE_VERIFY_FAILED" in fault.splitlines()[-1]


def chat_over_tls(cells: Cells, **more: str) -> tuple[str, str]:
    """What a client says in a process of its own, with more in its environment, and its errors."""
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, f"{cells.url}?token=secret"],
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.stdout, done.stderr


async def test_one_address_has_a_hundred_connections_and_is_told_so(one: Cells):
    async with AsyncExitStack() as stack:
        for _ in range(100):
            await stack.enter_async_context(connect(socket_url(one)))
        assert await refusal(socket_url(one)) == (
            429,
            "There are too many connections from your address: close some.",
        )


@pytest.mark.parametrize("name", ["a b", "%61%20b", "a%2Fb", "x" * 65, "é"])
async def test_what_is_no_name_of_a_room_is_refused_by_the_server(two: Cells, name: str):
    status, sentence = await refusal(socket_url(two, f"?room={name.replace(' ', '+')}"))
    assert (status, sentence[:17]) == (400, "A room's name has")


async def test_each_room_is_on_one_redis_and_stays_there(two: Cells):
    for _ in range(2):  # whoever comes again finds what was said
        for room in ROOMS:
            async with ChatClient(two.url, room=room, last=10) as client:
                await client.send("hi")
                await client.confirmed()
    lengths = [Counter(), Counter()]
    for there, redis in zip(lengths, two.redises, strict=True):
        with Redis.from_url(redis.url) as line:
            there.update({room: line.xlen(stream_of(room)) for room in ROOMS})
    first, second = (+there for there in lengths)
    assert first
    assert second
    assert first.keys().isdisjoint(second)
    assert first + second == dict.fromkeys(ROOMS, 2)


async def test_however_a_room_is_written_it_is_the_one_in_its_own_cell(two: Cells):
    spellings = ["?room=%s", "?ROOM=%s", "?room=%s&room=other", "?name=a&room=%s&last=0"]
    encoded = ["?%%72oom=%s"]  # nginx sees no room in this, so it is the lobby
    for room in ("lobby", *ROOMS[:4]):
        async with listening(socket_url(two, f"?room={room}")) as listener:
            for spelling in spellings + encoded * (room == "lobby"):
                async with connect(socket_url(two, spelling % room)) as talker:
                    await talker.send(f'{{"message": "{spelling}"}}')
                    heard = await asyncio.wait_for(hear(listener), PATIENCE)
                    assert heard["message"] == spelling


async def test_rooms_of_both_cells_are_open_at_once_and_heard_apart(two: Cells):
    async with AsyncExitStack() as stack:
        groups = [await stack.enter_async_context(clients(two, 2, room)) for room in ROOMS]
        assert sum(server.connections for server in two.servers) == 2 * len(ROOMS)
        await asyncio.gather(*(group[0].send(f"in {group[0].room}") for group in groups))
        await until(lambda: all(group[1].heard for group in groups))
        for group, room in zip(groups, ROOMS, strict=True):
            assert [message.message for message in group[1].heard] == [f"in {room}"]
