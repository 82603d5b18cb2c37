"""What the guide's tests share."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from tornado.queues import QueueEmpty

from chatkit.guide import client as guide_client
from chatkit.guide.server import LaunchedServer, Server, launch
from tests.guide.peers import LIMIT


@pytest.fixture
def no_error_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test that leaves an error in the log, such as an exception that nobody retrieved."""
    gc.freeze()  # the collection below then looks at this test's objects alone
    yield
    gc.collect()
    gc.unfreeze()
    records = [record for when in ("setup", "call") for record in caplog.get_records(when)]
    assert [each.getMessage() for each in records if each.levelno >= logging.ERROR] == []


@pytest.fixture
async def no_socket_is_left(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Wait until every client's socket is closed: a close ends when the server has answered it."""
    opened = []
    open_socket = guide_client.open_socket

    async def note(url: str) -> object:
        socket = await open_socket(url)
        opened.append((socket.protocol.stream, socket.read_queue))
        return socket

    monkeypatch.setattr(guide_client, "open_socket", note)
    yield
    async with asyncio.timeout(LIMIT):
        for stream, unread in opened:
            while not stream.closed():
                with suppress(QueueEmpty):
                    unread.get_nowait()
                await asyncio.sleep(0)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server on a free port, started; it is stopped at the end."""
    server = Server()
    server.start()
    yield server
    await server.stop()


@pytest.fixture
def launched() -> Iterator[LaunchedServer]:
    """A launched server on a free port; whatever is launched then is stopped at the end."""
    yield launch()
    launch().stop()
