"""Our client, against another library's server and against our own."""

import asyncio
import json
import random
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from chatkit import client as client_module
from chatkit.client import FIRST_WAIT, LONGEST_WAIT, ChatClient, backoff, socket_url
from chatkit.codecs import CODECS, JSON, TRANSIT, Codec
from chatkit.messages import MAX_MESSAGE, ChatkitError, FrameError, Message
from chatkit.outbox import OUTBOX
from chatkit.server import ChatServer
from tests.conftest import Join, hear, members, say, serving, until
from tests.faults import WELCOME, their_server


@pytest.fixture(autouse=True)
def back_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that were cut off come back without much waiting."""
    monkeypatch.setattr(client_module, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(client_module, "LONGEST_WAIT", 0.05)


async def echo(connection: ServerConnection) -> None:
    if connection.subprotocol:
        codec = JSON if connection.subprotocol == JSON.subprotocol else TRANSIT
        await connection.send(codec.encode(WELCOME), text=True)
    async for frame in connection:
        await connection.send(frame)


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
async def test_it_talks_with_a_server_of_the_websockets_library(codec: Codec):
    async with their_server(echo) as (_, url), ChatClient(url, codec=codec) as client:
        assert client.connection.selected_subprotocol == codec.subprotocol
        assert client.name == "Ada"
        key = await client.send("hi")
        assert await anext(client) == Message("hi", key=key)
        await client.confirmed()


async def test_a_plain_server_without_a_subprotocol_is_talked_to_at_once_and_nothing_is_kept():
    async with their_server(echo, plain=True) as (_, url), ChatClient(url, "Ada") as client:
        assert client.connection.selected_subprotocol is None
        await client.send("hi")
        assert (await anext(client)).message == "hi"
        await client.confirmed()
        assert client.outbox.unconfirmed == {}
        await client.typing()  # a plain server hears of no events
        await client.ask_rooms()
        await client.send("still here")
        assert (await anext(client)).message == "still here"


async def test_a_plain_server_may_count_its_messages_anew_at_any_time():
    async def count_twice(connection: ServerConnection) -> None:
        for number in (1, 2, 1, 2):
            await connection.send(json.dumps({"message": f"number {number}", "id": number}))
        await connection.wait_closed()

    async with their_server(count_twice, plain=True) as (_, url), ChatClient(url) as client:
        assert [(await anext(client)).id for _ in range(4)] == [1, 2, 1, 2]
        assert "since" not in client.address()


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
        assert client.name == "Ada Lovelace &c-2"
        assert members(server) == ["Ada Lovelace &c", "Ada Lovelace &c-2"]


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


@pytest.mark.parametrize("plain", [False, True], ids=["welcomed", "plain"])
async def test_it_comes_back_by_itself_to_their_server(plain: bool):
    states: list[str] = []
    async with their_server(echo, plain=plain) as (server, url):
        client = await ChatClient(url, "Ada").connect()
        client.on_state(states.append)
        server.close()
        await until(lambda: "cut off" in states)
    await client.send("written meanwhile")
    port = int(url.split(":")[2].rstrip("/"))
    async with their_server(echo, port=port, plain=plain):
        assert (await anext(client)).message == "written meanwhile"
        await client.send("back")
        assert (await anext(client)).message == "back"
        await client.close()
    assert states == ["cut off", "connected", "closed"]


async def test_it_comes_back_by_itself_to_our_server_and_asks_for_its_name_again(
    server: ChatServer,
):
    told: list[str] = []
    async with ChatClient(server.url, "Ada", TRANSIT) as client:
        client.on_error(told.append)
        await server.stop()
        await until(lambda: client.state == "cut off")
        async with serving(port=server.port) as after:
            await until(lambda: client.state == "connected")
            assert members(after) == ["Ada"]
            await client.send("back")
            assert (await anext(client)).message == "back"
    assert told == ["Some messages from while you were away may be gone."]  # its memory is another


# What it sends.


async def test_a_message_is_confirmed_once_the_server_has_it(server: ChatServer, join: Join):
    bob = await join("Bob")
    async with ChatClient(server.url, "Ada") as ada:
        key = await ada.send("hi")
        assert list(ada.outbox.unconfirmed) == [key]
        await ada.confirmed()
        assert ada.outbox.unconfirmed == {}
        assert (await hear(bob))["key"] == key


async def test_what_is_sent_before_the_line_stands_or_while_it_is_down_goes_out_in_order(
    server: ChatServer, join: Join
):
    bob = await join("Bob")
    client = ChatClient(server.url, "Ada")
    client.on_error(str)
    client.start()
    for number in range(3):
        await client.send(str(number))
    assert client.state == "connecting"
    assert [(await hear(bob))["message"] for _ in range(3)] == ["0", "1", "2"]
    await server.stop()
    await until(lambda: client.state == "cut off")
    for number in range(3, 6):
        await client.send(str(number))
    async with serving(port=server.port):
        await client.confirmed()
        heard = [(await anext(client)).message for _ in range(6)]
        await client.close()
    assert heard == [str(number) for number in range(6)]


async def test_only_a_closed_client_refuses_to_send(server: ChatServer):
    client = ChatClient(server.url)
    with pytest.raises(ChatkitError, match=r"closed, so nothing was sent: connect it first\.$"):
        await client.send("before")
    async with client:
        await client.send("during")
    with pytest.raises(ChatkitError, match="closed, so nothing was sent"):
        await client.send("after")
    assert client.outbox.unconfirmed == {}


async def test_a_full_outbox_says_so(server: ChatServer):
    async with ChatClient(server.url) as client:
        await server.stop()
        await until(lambda: client.state == "cut off")
        for number in range(OUTBOX):
            await client.send(str(number))
        with pytest.raises(ChatkitError, match=f"{OUTBOX} messages wait .* wait until some are"):
            await client.send("one more")
        assert len(client.outbox.unconfirmed) == OUTBOX
        client.on_error(str)


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
@pytest.mark.parametrize("letter", ["x", "é", "\x01", "🦆", '"'], ids=ascii)
async def test_the_longest_message_passes_and_a_longer_one_is_refused_before_it_is_sent(
    codec: Codec, letter: str, server: ChatServer
):
    async with ChatClient(server.url, codec=codec) as client:
        with pytest.raises(ChatkitError, match=f"at most {MAX_MESSAGE} characters, and this one"):
            await client.send(letter * (MAX_MESSAGE + 1))
        await client.send(letter * MAX_MESSAGE)
        assert (await anext(client)).message == letter * MAX_MESSAGE


@pytest.mark.parametrize("text", ["\ud800", 7, None, "", "  \n "], ids=ascii)
async def test_what_is_no_text_is_refused_before_it_is_sent(text: Any, server: ChatServer):
    async with ChatClient(server.url) as client:
        with pytest.raises(FrameError) as refusal:
            await client.send(text)
        assert refusal.value.code == "bad_message"
        assert client.outbox.unconfirmed == {}
        await client.send("still here")
        assert (await anext(client)).message == "still here"


# What it hears besides messages.


async def test_events_tell_who_is_here_who_comes_and_goes_and_who_types(server: ChatServer):
    events: list[dict[str, Any]] = []
    ada = ChatClient(server.url, "Ada")
    ada.on_event(lambda event: events.append(event | {"here": list(ada.members)}))
    async with ada:
        assert events[0]["event"] == "welcome"
        assert events[0]["here"] == ["Ada"]
        async with ChatClient(server.url, "Bob") as bob:
            assert bob.members == ["Ada", "Bob"]
            assert bob.count == 2
            await bob.typing()
            await until(lambda: len(events) == 3)
            await ada.ask_rooms()
            await until(lambda: len(events) == 4)
        await until(lambda: len(events) == 5)
        assert ada.members == ["Ada"]
        assert ada.count == 1
    assert [event["event"] for event in events] == ["welcome", "joined", "typing", "rooms", "left"]
    assert events[1]["here"] == ["Ada", "Bob"]
    assert events[2]["name"] == "Bob"
    assert events[3]["rooms"] == {"lobby": 2}


async def test_rooms_are_apart_and_last_brings_what_was_said_before(server: ChatServer):
    async with ChatClient(server.url, "Ada", room="python") as ada:
        assert ada.room == "python"
        for number in range(5):
            await ada.send(str(number))
        await ada.confirmed()
        async with ChatClient(server.url, "Bob", room="python", last=3) as bob:
            assert [(await anext(bob)).message for _ in range(3)] == ["2", "3", "4"]
        async with ChatClient(server.url, "Eve", last=3) as eve:
            await eve.send("alone")
            assert (await anext(eve)).message == "alone"


# Where nobody answers, and the end.


async def test_nothing_that_answers_is_told_in_one_sentence_with_the_address():
    client = ChatClient("http://127.0.0.1:1/")
    with pytest.raises(ChatkitError, match=r"No chat answers at http://127\.0\.0\.1:1/ .*Start it"):
        await client.connect()
    assert client.state == "closed"


async def test_closing_says_goodbye_and_leaves_no_task(server: ChatServer):
    before = asyncio.all_tasks()
    async with ChatClient(server.url) as client:
        assert members(server) == ["guest-1"]
        await client.send("hi")
    assert members(server) == []
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
    frames = [
        *(
            "junk before the welcome",
            json.dumps(WELCOME),
            "junk",
            "7",
            '{"event":"new"}',
            '{"event":7}',
        ),
        *(
            '{"error":"new","detail":"No."}',
            '{"error":"new","key":[]}',
            json.dumps({"message": "hi"}),
        ),
    ]

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
    assert len(told) == 6
    assert told[-2] == "No."


async def test_a_client_goes_on_after_the_id_that_the_welcome_says():
    client = ChatClient("http://127.0.0.1:1/", "Ada")
    client.seen, client.log = 9, "before"
    client.take_welcome(WELCOME | {"log": "after", "since": 5})
    assert client.address().endswith("&since=5&log=after")


@pytest.mark.parametrize(
    ("page", "query", "address"),
    [
        ("http://127.0.0.1:8765/", {}, "ws://127.0.0.1:8765/ws"),
        ("http://127.0.0.1:8765", {"name": "", "since": None}, "ws://127.0.0.1:8765/ws"),
        ("http://127.0.0.1:8765", {"since": 0, "log": "l"}, "ws://127.0.0.1:8765/ws?since=0&log=l"),
        ("https://hub/user/ada/proxy/8765/", {}, "wss://hub/user/ada/proxy/8765/ws"),
        ("http://[::1]:8765/", {}, "ws://[::1]:8765/ws"),
        ("ws://127.0.0.1:8765/other", {}, "ws://127.0.0.1:8765/other"),
        ("http://127.0.0.1/", {"name": "Ada & Zoë"}, "ws://127.0.0.1/ws?name=Ada+%26+Zo%C3%AB"),
        ("ws://127.0.0.1/ws?room=a", {"name": "Ada"}, "ws://127.0.0.1/ws?room=a&name=Ada"),
        ("http://127.0.0.1/?token=t", {}, "ws://127.0.0.1/ws?token=t"),
    ],
)
def test_the_socket_s_address_follows_the_page_s(page: str, query: dict[str, Any], address: str):
    assert socket_url(page, **query) == address


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8765", "ftp://127.0.0.1/", "http://", "chat", "http://[::1/", "//[/"]
)
def test_an_address_that_is_none_is_told_at_once_without_its_token(url: str):
    with pytest.raises(ChatkitError, match="is no address of a chat: it looks like") as refusal:
        ChatClient(f"{url}?token=secret")
    assert "secret" not in str(refusal.value)


def test_the_wait_grows_at_random_up_to_a_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client_module, "FIRST_WAIT", FIRST_WAIT)
    monkeypatch.setattr(client_module, "LONGEST_WAIT", LONGEST_WAIT)
    monkeypatch.setattr(random, "uniform", lambda least, most: most)
    assert [backoff(attempt) for attempt in range(4)] == [0.5, 1, 2, 4]
    assert backoff(50) == backoff(100_000) == LONGEST_WAIT
    monkeypatch.undo()
    assert len({backoff(3) for _ in range(10)}) > 1


# Several addresses of one chat.

DEAD = "http://127.0.0.1:1/"


async def test_of_several_addresses_it_keeps_to_the_first():
    async with serving() as one, serving() as two, ChatClient([one.url, two.url], "Ada") as ada:
        assert members(one) == ["Ada"]
        assert members(two) == []
        assert ada.url == one.url
        assert ada.place in repr(ada)


async def test_a_dead_address_is_passed_over(server: ChatServer):
    async with ChatClient((DEAD, server.url, DEAD), "Ada") as ada:
        assert members(server) == ["Ada"]
        assert [*ada.urls] == [server.url, DEAD, DEAD]
        assert await ada.send("hi")
        assert (await anext(ada)).message == "hi"


async def test_where_all_are_dead_it_says_so_and_begins_with_the_same_again():
    urls = [DEAD, "http://127.0.0.1:9/"]
    client = ChatClient(urls)
    with pytest.raises(ChatkitError, match=r"No chat answers at http://127\.0\.0\.1:9/ "):
        await client.connect()
    assert client.state == "closed"
    assert [*client.urls] == urls


async def test_one_that_refuses_is_passed_over():
    async with serving(token="secret") as strict, serving() as free:
        stranger = strict.url.partition("?")[0]
        async with ChatClient([stranger, free.url], "Ada"):
            assert members(free) == ["Ada"]
        with pytest.raises(ChatkitError, match=f"^{stranger} does not let you in: This chat needs"):
            await ChatClient([DEAD, stranger]).connect()


async def test_one_whose_server_dies_moves_on_and_back_again():
    """The order of the addresses is kept: after the last comes the first."""
    async with serving() as one, serving() as two:
        urls = [one.url, two.url, DEAD]
        async with ChatClient(urls, "Ada") as ada:
            assert members(one) == ["Ada"]
            await one.stop()
            await until(lambda: ada.state != "connected")
            await ada.send("written while it moves")
            await until(lambda: members(two) == ["Ada"])
            await until(lambda: ada.state == "connected")
            assert [*ada.urls] == [*urls[1:], urls[0]]
            assert (await anext(ada)).message == "written while it moves"
            await ada.confirmed()
            await one.start()
            await two.stop()
            await until(lambda: members(one) == ["Ada"])
            await until(lambda: ada.state == "connected")
            assert [*ada.urls] == urls


async def test_a_started_client_finds_the_one_that_is_there(server: ChatServer):
    client = ChatClient([DEAD, server.url], "Ada")
    client.start()
    await until(lambda: members(server) == ["Ada"])
    await client.close()


async def test_a_client_that_is_connected_again_begins_where_it_was():
    async with serving() as one, serving() as two:
        client = ChatClient([DEAD, two.url, one.url], "Ada")
        for _ in range(2):
            async with client:
                assert members(two) == ["Ada"]
        assert members(one) == []


@pytest.mark.parametrize(
    "urls", [[], (), "", ["http://127.0.0.1:8765/", "nonsense?token=secret"], [""]], ids=repr
)
def test_no_address_or_a_wrong_one_among_others_is_told_at_once(urls: Any):
    with pytest.raises(ChatkitError, match=r"^'(nonsense)?' is no address of a chat: .*\.$") as no:
        ChatClient(urls)
    assert "secret" not in str(no.value)


async def test_the_list_that_it_was_given_stays_as_it_was(server: ChatServer):
    urls = [DEAD, server.url]
    async with ChatClient(urls):
        pass
    assert urls == [DEAD, server.url]
