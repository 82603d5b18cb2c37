"""Our client, against another library's server and against our own."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve

from chatkit import client as client_module
from chatkit.client import FIRST_WAIT, LONGEST_WAIT, ChatClient, backoff, socket_url
from chatkit.codecs import CODECS, TRANSIT, Codec
from chatkit.messages import ChatkitError, Message
from chatkit.server import ChatServer
from tests.conftest import Join, hear, say, until


@pytest.fixture(autouse=True)
def back_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that were cut off come back without much waiting."""
    monkeypatch.setattr(client_module, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(client_module, "LONGEST_WAIT", 0.05)


async def echo(connection: ServerConnection) -> None:
    async for frame in connection:
        await connection.send(frame)


@asynccontextmanager
async def their_server(
    handler: Callable = echo, port: int = 0
) -> AsyncIterator[tuple[Server, str]]:
    names = [codec.subprotocol for codec in CODECS.values()]
    async with serve(handler, "127.0.0.1", port, subprotocols=names) as server:
        yield server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
async def test_it_talks_with_a_server_of_the_websockets_library(codec: Codec):
    async with their_server() as (_, url), ChatClient(url, codec=codec) as client:
        assert client.connection.selected_subprotocol == codec.subprotocol
        await client.send("hi")
        assert await anext(client) == Message("hi")


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
async def test_it_talks_with_a_client_of_the_websockets_library(
    codec: Codec, server: ChatServer, join: Join
):
    bob = await join("Bob")
    async with ChatClient(server.url, "Ada", codec) as ada:
        await ada.send("hi")
        await say(bob, "hello")
        heard = [await anext(ada) for _ in range(2)]
    assert sorted((told.name, told.message) for told in heard) == [("Ada", "hi"), ("Bob", "hello")]
    assert [(await hear(bob))["id"] for _ in range(2)] == [told.id for told in heard] == [1, 2]


async def test_it_asks_for_its_name_and_takes_the_one_that_is_granted(
    server: ChatServer, join: Join
):
    await join("Ada Lovelace &c")
    async with ChatClient(server.url, "Ada Lovelace &c") as client:
        await until(lambda: client.name == "Ada Lovelace &c-2")
        assert list(server.room.members.values()) == ["Ada Lovelace &c", "Ada Lovelace &c-2"]


async def test_async_for_reads_until_the_client_is_closed(server: ChatServer):
    client = await ChatClient(server.url, "Ada").connect()
    for text in ("one", "two", "three"):
        await client.send(text)
    heard = []
    async for message in client:
        heard.append(message.message)
        if len(heard) == 3:
            await client.close()
    assert heard == ["one", "two", "three"]


async def test_on_message_calls_every_function_once_for_each_message(server: ChatServer):
    heard: list[Message] = []
    also: list[Message] = []
    async with ChatClient(server.url) as client:
        client.on_message(heard.append)
        client.on_message(also.append)
        await client.send("one")
        await client.send("two")
        await until(lambda: len(also) == 2)
    assert [message.message for message in heard] == ["one", "two"]
    assert also == heard
    assert client.inbox.empty()


async def test_one_sentence_tells_of_each_refusal(server: ChatServer):
    told: list[str] = []
    async with ChatClient(server.url) as client:
        client.on_error(told.append)
        await client.connection.write_message("junk")
        await until(lambda: told)
        await client.send("still here")
        assert (await anext(client)).message == "still here"
    (sentence,) = told
    assert sentence.startswith("This is not JSON")


async def test_it_comes_back_by_itself_to_their_server():
    states: list[str] = []
    async with their_server() as (server, url):
        client = await ChatClient(url, "Ada").connect()
        client.on_state(states.append)
        server.close()
        await until(lambda: "cut off" in states)
    port = int(url.split(":")[2].rstrip("/"))
    async with their_server(port=port):
        await until(lambda: client.state == "connected")
        await client.send("back")
        assert (await anext(client)).message == "back"
        await client.close()
    assert states == ["cut off", "connected", "closed"]


async def test_it_comes_back_by_itself_to_our_server_and_asks_for_its_name_again(
    server: ChatServer,
):
    async with ChatClient(server.url, "Ada", TRANSIT) as client:
        await until(lambda: server.room.members)
        await server.stop()
        await until(lambda: client.state == "cut off")
        after = await ChatServer(server.port).start()
        try:
            await until(lambda: list(after.room.members.values()) == ["Ada"])
            await until(lambda: client.state == "connected")
            await client.send("back")
            assert (await anext(client)).message == "back"
        finally:
            await after.stop()


async def test_nothing_that_answers_is_told_in_one_sentence_with_the_address():
    client = ChatClient("http://127.0.0.1:1/")
    with pytest.raises(ChatkitError, match=r"No chat answers at http://127\.0\.0\.1:1/ .*Start it"):
        await client.connect()
    assert client.state == "closed"


async def test_sending_while_cut_off_is_told_in_one_sentence(server: ChatServer):
    client = ChatClient(server.url)
    with pytest.raises(ChatkitError, match=f"Not connected to {server.url} just now.*try again"):
        await client.send("hi")


async def test_closing_says_goodbye_and_leaves_no_task(server: ChatServer):
    before = asyncio.all_tasks()
    async with ChatClient(server.url):
        await until(lambda: server.room.members)
    assert server.room.members == {}
    await until(lambda: asyncio.all_tasks() == before)


async def test_closing_while_it_waits_to_try_again_ends_the_waiting(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(client_module, "backoff", lambda attempt: 1000)
    client = ChatClient("http://127.0.0.1:1/")
    client.start()
    await until(lambda: client.state == "cut off")
    async with asyncio.timeout(5):
        await client.close()
    assert client.task is None
    assert [message async for message in client] == []


async def test_frames_it_does_not_know_are_no_end():
    frames = ["junk", "7", '{"event":"joined"}', json.dumps({"message": "hi"})]

    async def odd(connection: ServerConnection) -> None:
        for frame in frames:
            await connection.send(frame)
        await connection.wait_closed()

    told: list[str] = []
    async with their_server(odd) as (_, url):
        client = ChatClient(url)
        client.on_error(told.append)
        async with client:
            assert await anext(client) == Message("hi")
    assert len(told) == 2


@pytest.mark.parametrize(
    ("page", "name", "address"),
    [
        ("http://127.0.0.1:8765/", "", "ws://127.0.0.1:8765/ws"),
        ("http://127.0.0.1:8765", "", "ws://127.0.0.1:8765/ws"),
        (
            "https://hub.example/user/ada/proxy/8765/",
            "",
            "wss://hub.example/user/ada/proxy/8765/ws",
        ),
        ("http://[::1]:8765/", "", "ws://[::1]:8765/ws"),
        ("ws://127.0.0.1:8765/other", "", "ws://127.0.0.1:8765/other"),
        ("http://127.0.0.1/", "Ada & Zoë", "ws://127.0.0.1/ws?name=Ada%20%26%20Zo%C3%AB"),
    ],
)
def test_the_socket_s_address_follows_the_page_s(page: str, name: str, address: str):
    assert socket_url(page, name) == address


@pytest.mark.parametrize("url", ["", "127.0.0.1:8765", "ftp://127.0.0.1/", "http://", "chat"])
def test_an_address_that_is_none_is_told_at_once(url: str):
    with pytest.raises(ChatkitError, match="is no address of a chat: it looks like"):
        ChatClient(url)


def test_the_wait_grows_at_random_up_to_a_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client_module, "FIRST_WAIT", FIRST_WAIT)
    monkeypatch.setattr(client_module, "LONGEST_WAIT", LONGEST_WAIT)
    monkeypatch.setattr(random, "uniform", lambda least, most: most)
    assert [backoff(attempt) for attempt in range(4)] == [0.5, 1, 2, 4]
    assert backoff(50) == LONGEST_WAIT
    monkeypatch.undo()
    assert len({backoff(3) for _ in range(10)}) > 1
