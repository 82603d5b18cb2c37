"""What all tests share."""

import asyncio
import json
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlencode

import hypothesis
import nbval.kernel
import pytest
from redis import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chatkit.codecs import JSON, Codec
from chatkit.lessons.redis_server import RedisServer
from chatkit.messages import ChatkitError
from chatkit.server import ChatServer

Join = Callable[..., Awaitable[ClientConnection]]

# A shell has what it runs in the background ignore Ctrl+C, and so would the programs of the tests.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples on every run; a slow machine is no reason to fail.
hypothesis.settings.register_profile("chatkit", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("chatkit")


start_kernel = nbval.kernel.start_new_kernel


def start_kernel_again(*args: Any, **options: Any) -> Any:
    """Start a kernel, and once more if need be.

    Jupyter chooses free ports for it, and lets them go until it binds them: another test may be
    faster.
    """
    try:
        return start_kernel(*args, **options)
    except RuntimeError:
        return start_kernel(*args, **options)


nbval.kernel.start_new_kernel = start_kernel_again


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the lessons build, how often the chat was attacked, and the time."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    if any("test_captions.py" in getattr(report, "nodeid", "") for report in reports):
        from tests.notebooks import captions

        terminalreporter.write_line(captions.summary())
    called = [report for report in reports if getattr(report, "when", "") == "call"]
    said = [words for report in called for words in report.user_properties]
    if cases := sum(count for what, count in said if what == "hostile cases"):
        terminalreporter.write_line(f"{cases} hostile cases, and after each the chat went on")
    if started := os.environ.get("CHATKIT_STARTED"):  # pytest knows nothing of lint and installing
        minutes, seconds = divmod(int(time.time()) - int(started), 60)
        terminalreporter.write_line(f"make test took {minutes} min {seconds} s in all")


@pytest.fixture
def options() -> dict[str, Any]:
    """What `server` is given besides its port: parametrize this to have it otherwise."""
    return {}


@pytest.fixture
async def server(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> AsyncIterator[ChatServer]:
    """A started server on a free port, stopped afterwards; it may have logged no error."""
    async with serving(**options) as server:
        yield server
    records = [record for when in ("setup", "call") for record in caplog.get_records(when)]
    assert [record.getMessage() for record in records if record.levelno >= logging.ERROR] == []


@pytest.fixture(scope="module")
def redis_process() -> Iterator[RedisServer]:
    """A redis-server for the tests of a file, which take it as `redis_server`."""
    try:
        redis = RedisServer("none")
    except ChatkitError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    with redis:
        yield redis


@pytest.fixture
def redis_server(redis_process: RedisServer) -> RedisServer:
    """A redis-server in which there is nothing; one that a test has ended is started again."""
    if redis_process.process.poll() is not None:
        redis_process.start()
    with Redis.from_url(redis_process.url) as redis:
        redis.flushall()
    return redis_process


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[ChatServer]:
    """A server with options of its own, started on a free port and stopped afterwards."""
    server = await ChatServer(**{"port": 0} | options).start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
async def join(server: ChatServer) -> AsyncIterator[Join]:
    """A function that lets an independent client in and returns it, welcomed.

    `codec=None` makes it a plain one, that offers no subprotocol. Other keywords are for the
    query (`room="kitchen"`). Cut off afterwards.
    """
    async with AsyncExitStack() as stack:

        async def join(
            name: str = "", codec: Codec | None = JSON, origin: str | None = None, **query: Any
        ) -> ClientConnection:
            client = await stack.enter_async_context(
                connect(
                    socket_url(server, name=name, **query),
                    subprotocols=[codec.subprotocol] if codec else None,
                    origin=origin,
                )
            )
            if codec:
                client.welcome = codec.decode(await client.recv())
            stack.callback(client.transport.abort)  # a goodbye would wait for all that is unread
            return client

        yield join


def socket_url(server: ChatServer, **query: Any) -> str:
    """The address of a server's socket, on loopback; None stands for no such field."""
    asked = {key: value for key, value in query.items() if value is not None}
    host = f"[{server.host}]" if ":" in server.host else "127.0.0.1"
    return f"ws://{host}:{server.port}/ws?{urlencode(asked)}"


def members(server: ChatServer, room: str = "lobby") -> list[str]:
    """The names of those who are in a room, in the order in which they came."""
    return list(server.rooms.open[room].members.values()) if room in server.rooms.open else []


async def until(true: Callable[[], object]) -> None:
    """Wait for what nobody tells of, such as a room's members leaving."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0)


async def say(client: ClientConnection, text: str, key: str | None = None) -> None:
    """Send a chat message as JSON."""
    await client.send(json.dumps({"message": text} | ({"key": key} if key else {})))


async def hear(client: ClientConnection, codec: Codec = JSON) -> Any:
    """Return the next frame that is no event: a message or an error."""
    while "event" in (frame := codec.decode(await client.recv())):
        pass
    return frame


async def hear_event(client: ClientConnection, event: str, codec: Codec = JSON) -> Any:
    """Return the next event of a kind, whatever comes before it."""
    while (frame := codec.decode(await client.recv())).get("event") != event:
        pass
    return frame


async def end_of(client: ClientConnection) -> int:
    """Return the code with which a client's connection is closed, whatever comes before it."""
    with suppress(ConnectionClosed):
        while True:
            await client.recv()
    return client.close_code


async def refused(server: ChatServer, **options: Any) -> tuple[int, str]:
    """Return the status and the words with which a server refuses a client.

    `origin` is the page's; other keywords are for the query.
    """
    origin = options.pop("origin", None)
    with pytest.raises(InvalidStatus) as refusal:
        await connect(socket_url(server, **options), origin=origin)
    response = refusal.value.response
    return response.status_code, response.body.decode()
