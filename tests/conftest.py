"""What all tests share."""

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import hypothesis
import pytest
from websockets.asyncio.client import ClientConnection, connect

from chatkit.codecs import JSON, Codec
from chatkit.server import ChatServer

Join = Callable[..., Awaitable[ClientConnection]]

# The same examples on every run; a slow machine is no reason to fail.
hypothesis.settings.register_profile("chatkit", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("chatkit")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much of the package the lessons build, and how long `make test` took in all."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    if any("test_captions.py" in getattr(report, "nodeid", "") for report in reports):
        from tests.notebooks import captions

        terminalreporter.write_line(captions.summary())
    if started := os.environ.get("CHATKIT_STARTED"):  # pytest knows nothing of lint and installing
        minutes, seconds = divmod(int(time.time()) - int(started), 60)
        terminalreporter.write_line(f"make test took {minutes} min {seconds} s in all")


@pytest.fixture
async def server(caplog: pytest.LogCaptureFixture) -> AsyncIterator[ChatServer]:
    """A started server on a free port, stopped afterwards; it may have logged no error."""
    server = await ChatServer(port=0).start()
    yield server
    await server.stop()
    records = [record for when in ("setup", "call") for record in caplog.get_records(when)]
    assert [record.getMessage() for record in records if record.levelno >= logging.ERROR] == []


@pytest.fixture
async def join(server: ChatServer) -> AsyncIterator[Join]:
    """A function that lets an independent client into the room and returns it, welcomed.

    `codec=None` makes it a plain one, that offers no subprotocol. Closed afterwards.
    """
    async with AsyncExitStack() as stack:

        async def join(name: str = "", codec: Codec | None = JSON, **more: Any) -> ClientConnection:
            url = f"ws://127.0.0.1:{server.port}/ws?name={quote(name)}"
            offered = {"subprotocols": [codec.subprotocol]} if codec else {}
            client = await stack.enter_async_context(connect(url, **offered | more))
            if client.subprotocol:
                await client.recv()
            return client

        yield join


async def until(true: Callable[[], object]) -> None:
    """Wait for what nobody tells of, such as a room's members leaving."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0)


async def say(client: ClientConnection, text: str) -> None:
    """Send a chat message as JSON."""
    await client.send(json.dumps({"message": text}))


async def hear(client: ClientConnection) -> Any:
    """Return the next frame, read as JSON."""
    return json.loads(await client.recv())
