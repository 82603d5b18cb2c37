"""The outbox alone, and what the client does with it at servers that refuse, forget or are slow."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from chatkit import client as client_module
from chatkit.client import ChatClient
from chatkit.codecs import JsonCodec
from chatkit.messages import MAX_KEY, ChatkitError, FrameError, Message
from chatkit.outbox import Outbox
from chatkit.server import ChatServer
from tests.conftest import until
from tests.faults import WELCOME, their_server


@pytest.fixture(autouse=True)
def back_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that were cut off or refused come back without much waiting."""
    monkeypatch.setattr(client_module, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(client_module, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(client_module, "RETRY_WAIT", 0.01)


def texts(messages: Any) -> list[str]:
    return [message.message for message in messages]


def all_due(outbox: Outbox) -> list[str]:
    """The texts that have yet to go out, taken."""
    return texts(iter(outbox.take, None))


# Alone.


def test_messages_go_out_oldest_first_and_stay_until_they_are_confirmed():
    outbox = Outbox()
    keys = [outbox.add(text) for text in ("one", "two", "three")]
    assert all_due(outbox) == ["one", "two", "three"]
    assert all_due(outbox) == []
    assert list(outbox.unconfirmed) == keys
    outbox.confirm(keys[1])
    assert texts(outbox.unconfirmed.values()) == ["one", "three"]


def test_on_a_new_line_all_that_is_unconfirmed_goes_out_again_in_its_order():
    outbox = Outbox()
    keys = [outbox.add(text) for text in ("one", "two", "three", "four")]
    outbox.take()
    outbox.take()
    outbox.confirm(keys[0])
    outbox.again(*outbox.unconfirmed)
    assert all_due(outbox) == ["two", "three", "four"]


def test_one_that_is_wanted_again_goes_before_what_was_written_later():
    outbox = Outbox()
    first, *_ = [outbox.add(text) for text in ("one", "two")]
    assert outbox.take().message == "one"
    outbox.again(first)
    assert all_due(outbox) == ["one", "two"]


def test_what_is_confirmed_before_it_goes_out_never_does():
    outbox = Outbox()
    key = outbox.add("one")
    outbox.confirm(key)
    assert (outbox.take(), outbox.due) == (None, set())


@pytest.mark.parametrize("key", [None, "", "somebody else's"])
def test_confirming_what_is_not_here_is_no_error(key: str | None):
    outbox = Outbox()
    outbox.add("one")
    outbox.confirm(key)
    assert all_due(outbox) == ["one"]


def test_keys_are_never_the_same_and_fit_the_limit():
    boxes = [Outbox() for _ in range(100)]
    keys = [box.add("hi") for box in boxes for _ in range(100)]
    assert len({*keys}) == 10_000
    assert len({key[:16] for key in keys}) == 10_000  # who has heard one can't guess the next
    assert max(map(len, keys)) <= MAX_KEY


def test_a_full_outbox_takes_none_until_one_is_confirmed():
    outbox = Outbox(limit=2)
    key = outbox.add("one")
    outbox.add("two")
    with pytest.raises(ChatkitError, match="2 messages wait to be confirmed, so this one was not"):
        outbox.add("three")
    outbox.confirm(key)
    outbox.add("three")
    assert all_due(outbox) == ["two", "three"]


def test_what_can_t_be_sent_is_not_taken():
    outbox = Outbox()
    for text in ("", "x" * 5000, "\ud800"):
        with pytest.raises(FrameError):
            outbox.add(text)
    assert (outbox.unconfirmed, outbox.due) == ({}, set())


async def test_it_tells_everyone_who_waits_of_every_change():
    outbox = Outbox()
    seen: list[int] = []

    async def watch() -> None:
        while True:
            await outbox.changed()
            seen.append(len(outbox.unconfirmed))

    watchers = [asyncio.create_task(watch()) for _ in range(2)]
    await asyncio.sleep(0)
    key = outbox.add("one")
    await until(lambda: seen == [1, 1])
    outbox.confirm(key)
    await until(lambda: seen == [1, 1, 0, 0])
    for watcher in watchers:
        watcher.cancel()
    await asyncio.wait(watchers)


# With a client.


Answer = Callable[[dict[str, Any], ServerConnection], Awaitable[None]]


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    """A server that welcomes, and does with each frame what `answer` says."""

    async def handler(connection: ServerConnection) -> None:
        await connection.send(json.dumps(WELCOME))
        async for frame in connection:
            await answer(json.loads(frame), connection)

    async with their_server(handler) as (_, url):
        yield url


@pytest.mark.parametrize("code", ["too_fast", "log_unavailable"])
async def test_what_the_server_could_not_take_is_sent_again_by_the_same_key(code: str):
    came: list[str] = []
    told: list[str] = []

    async def refuse_twice(frame: dict[str, Any], connection: ServerConnection) -> None:
        came.append(frame["key"])
        if len(came) < 3:
            frame = {"error": code, "detail": "Later.", "key": frame["key"]}
        await connection.send(json.dumps(frame))

    async with answering(refuse_twice) as url:
        client = ChatClient(url)
        client.on_error(told.append)
        async with client:
            key = await client.send("hi")
            await client.confirmed()
            assert (await anext(client)).message == "hi"
    assert came == [key, key, key]
    assert told == ["Later.", "Later."]


@pytest.mark.parametrize("code", ["bad_message", "too_long", "key_taken", "some_day"])
async def test_what_the_server_will_never_take_is_given_up(code: str):
    came: list[str] = []
    told: list[str] = []

    async def refuse(frame: dict[str, Any], connection: ServerConnection) -> None:
        came.append(frame["message"])
        await connection.send(json.dumps({"error": code, "detail": "No.", "key": frame["key"]}))

    async with answering(refuse) as url:
        client = ChatClient(url)
        client.on_error(told.append)
        async with client:
            await client.send("one")
            await client.send("two")
            await client.confirmed()
    assert (came, told) == (["one", "two"], ["No.", "No."])


async def test_an_error_that_names_no_message_of_ours_changes_nothing():
    async def confuse(frame: dict[str, Any], connection: ServerConnection) -> None:
        for key in (None, "another's", 7):
            error = {"error": "too_long", "detail": "No.", "key": key}
            await connection.send(json.dumps(error))
            await connection.send(json.dumps(error | {"error": "too_fast"}))

    told: list[str] = []
    async with answering(confuse) as url:
        client = ChatClient(url)
        client.on_error(told.append)
        await client.connect()
        key = await client.send("hi")
        await until(lambda: len(told) == 6)
        assert list(client.outbox.unconfirmed) == [key]
        client.outbox.confirm(key)
        await client.close()


async def test_closing_waits_until_what_was_sent_is_confirmed():
    confirm = asyncio.Event()

    async def confirm_late(frame: dict[str, Any], connection: ServerConnection) -> None:
        await confirm.wait()
        await connection.send(json.dumps(frame))

    async with answering(confirm_late) as url:
        client = await ChatClient(url).connect()
        await client.send("hi")
        closing = asyncio.create_task(client.close())
        waiting = asyncio.create_task(client.confirmed())
        await until(lambda: not client.outbox.due)
        assert client.state == "connected"
        confirm.set()
        await closing
        await waiting
        assert client.state == "closed"
        assert [message.message async for message in client] == ["hi"]


async def test_closing_waits_for_no_more_than_a_moment_and_what_is_left_is_told_and_kept(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(client_module, "CLOSE_TIMEOUT", 0.05)
    told: list[str] = []
    confirming = False

    async def forget(frame: dict[str, Any], connection: ServerConnection) -> None:
        if confirming:
            await connection.send(json.dumps(frame))

    async with answering(forget) as url:
        client = await ChatClient(url).connect()
        client.on_error(told.append)
        for text in ("one", "two"):
            await client.send(text)
        waiting = asyncio.create_task(client.confirmed())
        async with asyncio.timeout(1):
            await client.close()
        with pytest.raises(ChatkitError, match="closed, and not all that was sent is confirmed"):
            await waiting
        await client.close()
        assert len(told) == 1
        assert told[0] == "Closed with 2 not confirmed: they go out if it connects again."
        confirming = True
        async with client:
            await client.confirmed()
        assert texts([message async for message in client]) == ["one", "two"]


async def test_the_outbox_is_emptied_no_faster_than_the_server_wants_it(server: ChatServer):
    assert server.rooms.open == {}
    told: list[str] = []
    client = ChatClient(server.url)
    client.on_error(told.append)
    async with client:
        for number in range(50):
            await client.send(str(number))
        heard = [(await anext(client)).message for _ in range(50)]
    assert heard == [str(number) for number in range(50)]
    assert told == []


class Clogged(JsonCodec):
    """A codec that can't write its first message."""

    clogged = True

    def encode(self, frame: Any) -> bytes:
        if isinstance(frame, Message) and self.clogged:
            self.clogged = False
            raise ValueError("clogged")
        return super().encode(frame)


async def test_a_line_on_which_nothing_can_be_sent_is_not_kept():
    async def echo(frame: dict[str, Any], connection: ServerConnection) -> None:
        await connection.send(json.dumps(frame))

    told: list[str] = []
    states: list[str] = []
    async with answering(echo) as url, ChatClient(url, codec=Clogged()) as client:
        client.on_state(states.append)
        client.on_error(told.append)
        await client.send("hi")
        assert (await anext(client)).message == "hi"
    assert states == ["cut off", "connected", "closed"]
    assert told == ["A message could not be sent. clogged"]
