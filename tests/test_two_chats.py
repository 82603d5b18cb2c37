"""The guide's chat and the library's: each one's client talks to the other one's server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import Mock

import pytest

from chatkit import client as client_module
from chatkit.client import ChatClient
from chatkit.codecs import CODECS, Codec
from chatkit.guide import client as guide_client
from chatkit.guide.client import Client
from chatkit.guide.server import Server
from chatkit.messages import Message
from chatkit.server import ChatServer
from tests.conftest import Join, hear, members, say, serving, until

LIMIT = 5  # seconds

codecs = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


@pytest.fixture(autouse=True)
def back_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that were cut off come back without much waiting."""
    monkeypatch.setattr(client_module, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(client_module, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(guide_client, "WAIT", 0.01)


@asynccontextmanager
async def guide_server(port: int = 0) -> AsyncIterator[Server]:
    """The guide's server, started; it is stopped at the end."""
    server = Server(port)
    server.broadcaster.notify_clients = Mock(wraps=server.broadcaster.notify_clients)
    server.start()
    yield server
    await server.stop()


def messages_at(server: Server) -> list[str]:
    """Return the texts that have come to the guide's server."""
    return [call.args[0]["message"] for call in server.broadcaster.notify_clients.call_args_list]


async def receive(client: ChatClient) -> Message:
    """Return the next message that the library's client receives."""
    return await asyncio.wait_for(anext(client), LIMIT)


async def next_frame(client: Client) -> Any:
    """Return the next frame that the guide's client receives."""
    return await asyncio.wait_for(anext(client), LIMIT)


# The library's client, the guide's server.


@codecs
async def test_a_chat_client_talks_at_the_guide_s_server(codec: Codec):
    errors: list[str] = []
    async with (
        guide_server() as server,
        ChatClient(server.url, "Ada", codec) as ada,
        ChatClient(server.url) as bob,
    ):
        ada.on_error(errors.append)
        assert ada.state == "connected"
        assert ada.connection.selected_subprotocol == codec.plain
        await ada.typing()  # the guide's server takes no events: it would answer with an error
        await ada.ask_rooms()
        for text in ("one", "two"):
            await ada.send(text)
        for client in (ada, bob):
            assert [await receive(client), await receive(client)] == [
                *(Message("one"), Message("two")),
            ]
        await ada.confirmed()
        await bob.send("three")
        assert await receive(ada) == Message("three")
    assert errors == []


@codecs
async def test_a_chat_client_is_back_after_a_relaunch_and_sends_nothing_twice(codec: Codec):
    states: list[str] = []
    async with guide_server() as server:
        ada = await ChatClient(server.url, "Ada", codec).connect()
        ada.on_state(states.append)
        await ada.send("before")
        await ada.confirmed()
        assert await receive(ada) == Message("before")
    await until(lambda: ada.state == "cut off")
    await ada.send("meanwhile")
    assert len(ada.outbox.unconfirmed) == 1
    async with guide_server(server.port) as server:
        await until(lambda: ada.state == "connected")
        await ada.send("after")
        await ada.confirmed()
        assert [await receive(ada), await receive(ada)] == [Message("meanwhile"), Message("after")]
        await ada.close()
        assert messages_at(server) == ["meanwhile", "after"]
    assert states == ["cut off", "connected", "closed"]


async def test_a_chat_client_goes_from_the_library_s_server_to_the_guide_s():
    async with serving() as server:
        ada = await ChatClient(server.url, "Ada").connect()
        await ada.send("there")
        assert (await receive(ada)).id == 1
        await ada.confirmed()
    await until(lambda: ada.state == "cut off")
    async with guide_server(server.port):
        await until(lambda: ada.state == "connected")
        await ada.send("here")
        assert await receive(ada) == Message("here")
        await ada.close()


# The guide's client, the library's server.


async def test_the_guide_s_client_talks_at_a_chat_server(server: ChatServer, join: Join):
    async with Client(server.url) as ada:
        await until(lambda: members(server) == ["guest-1"])
        bob = await join("Bob")
        await ada.send("hi")
        received = await next_frame(ada)  # and not that Bob has joined
        assert (received["message"], received["name"], received["id"]) == ("hi", "guest-1", 1)
        assert (await hear(bob))["message"] == "hi"
        await say(bob, "hello")
        assert (await next_frame(ada))["name"] == "Bob"


async def test_the_guide_s_client_receives_the_library_s_errors(server: ChatServer):
    async with Client(server.url) as ada:
        await ada.send(" ")
        assert await next_frame(ada) == {
            "error": "bad_message",
            "detail": "A message needs some text.",
        }
        await ada.send("hi")
        assert (await next_frame(ada))["message"] == "hi"


async def test_the_guide_s_client_is_back_after_a_relaunch_of_a_chat_server():
    async with serving() as server:
        ada = Client(server.url)
        await ada.connect()
        await ada.send("before")
        assert (await next_frame(ada))["message"] == "before"
    reading = asyncio.create_task(anext(ada))
    async with serving(port=server.port) as server:
        await until(lambda: members(server) == ["guest-1"])
        await until(lambda: ada.socket)
        await ada.send("after")
        assert (await asyncio.wait_for(reading, LIMIT))["message"] == "after"
        ada.close()
