"""The server's side of a WebSocket: what a frame may hold, and who receives what."""

import asyncio
import gc
import json
import logging

import pytest
from websockets.exceptions import InvalidStatus

from chatkit.guide.codecs import TRANSIT, FrameError
from chatkit.guide.handler import read_message
from chatkit.guide.server import MAX_FRAME
from tests.guide.peers import LIMIT, RawClient, close_code, join, receive, send

pytestmark = pytest.mark.usefixtures("no_error_is_logged")

HALF = "\ud83d"  # of the two surrogates that UTF-16 needs for an emoji

BAD_FRAMES = {
    "not JSON": "hello",
    "broken JSON": '{"message": "hi"',
    "an empty frame": "",
    "deeply nested JSON": "[" * 50_000,
    "bytes that are not UTF-8": b"\xff\xfe\xfd",
    "bytes that are not JSON": b"\x00\x01\x02",
    "no message": "{}",
    "an event": '{"event": "joined", "name": "Ada"}',
    "an error": '{"error": "bad_message", "detail": "You lost."}',
    "null": "null",
    "a list": '["message", "hi"]',
    "a text": '"message"',
    "a message that is a number": '{"message": 1}',
    "a message that is an object": '{"message": {"html": "hi"}}',
    "half a surrogate pair": '{"message": "\\ud83d"}',
    "two halves in the wrong order": '{"message": "\\ude00\\ud83d"}',
}


@pytest.mark.parametrize("text", ["hi", "", " ", "<b>", "tea ☕", "\U0001f600", "\x00"])
def test_a_message_keeps_its_text(text):
    assert read_message({"message": text}) == {"message": text}


def test_other_fields_are_not_kept():
    assert read_message({"message": "hi", "event": "welcome", "name": "Ada"}) == {"message": "hi"}


@pytest.mark.parametrize("frame", [None, 1, "message", [], {}, {"message": 1}, {"message": HALF}])
def test_a_frame_without_a_whole_text_is_refused(frame):
    with pytest.raises(FrameError, match=r'Send an object like \{"message": "hi"\}'):
        read_message(frame)


async def test_everyone_receives_a_message_also_its_sender(server):
    async with join(server.url) as ada, join(server.url) as bob:
        await send(ada, {"message": "hi"})
        await send(ada, {"message": "bye"})
        for client in (ada, bob):
            assert await receive(client) == {"message": "hi"}
            assert await receive(client) == {"message": "bye"}


async def test_only_the_message_is_broadcast_and_no_other_field(server):
    async with join(server.url) as ada, join(server.url) as bob:
        await send(ada, {"message": "hi", "event": "welcome", "error": "x", "detail": "y"})
        assert await receive(bob) == {"message": "hi"}


@pytest.mark.parametrize("frame", BAD_FRAMES.values(), ids=BAD_FRAMES)
async def test_only_the_sender_of_a_bad_frame_receives_an_error_and_stays_connected(server, frame):
    async with join(server.url) as ada, join(server.url) as bob:
        await ada.send(frame)
        error = await receive(ada)
        assert error["error"] == "bad_message"
        assert error["detail"].startswith(("This is not JSON: ", "Send an object like "))
        await send(ada, {"message": "after"})
        assert await receive(ada) == {"message": "after"}
        assert await receive(bob) == {"message": "after"}


async def test_an_emoji_that_is_written_as_two_escapes_arrives(server):
    async with join(server.url) as ada:
        await ada.send(r'{"message": "\ud83d\ude00"}')
        assert await receive(ada) == {"message": "\U0001f600"}


async def test_a_binary_frame_with_json_is_a_message(server):
    async with join(server.url) as ada:
        await ada.send(b'{"message": "hi"}')
        assert await receive(ada) == {"message": "hi"}


async def test_a_message_in_two_frames_is_one_message(server):
    async with RawClient(server.port) as ada:
        ada.send(b'{"message": ', first=0x01)  # text, and more will come
        ada.send(b'"hi"}', first=0x80)
        assert json.loads((await ada.recv()).payload) == {"message": "hi"}


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ([], None),
        (["json"], "json"),
        (["transit+json"], "transit+json"),
        (["transit+json", "json"], "transit+json"),
        (["json", "transit+json"], "json"),
        (["xml", "json"], "json"),
        (["xml"], None),
    ],
)
async def test_the_first_known_subprotocol_that_a_client_offers_is_chosen(server, offered, chosen):
    async with join(server.url, *offered) as client:
        assert client.subprotocol == chosen


async def test_each_client_receives_messages_in_its_own_codec(server):
    async with (
        join(server.url, "json") as ada,
        join(server.url, "transit+json") as bob,
        join(server.url) as eve,
    ):
        await bob.send(TRANSIT.write({"message": "^hi"}))
        assert await ada.recv() == '{"message":"^hi"}'
        assert await bob.recv() == '["^ ","~:message","~^hi"]'
        assert await eve.recv() == '{"message":"^hi"}'


async def test_a_client_that_speaks_transit_receives_errors_in_transit(server):
    async with join(server.url, "transit+json") as bob:
        await bob.send('["^ ","~:message"]')
        error = TRANSIT.read(await bob.recv())
        assert error["error"] == "bad_message"
        assert error["detail"].startswith("This is JSON, but not Transit: ")


async def test_the_longest_frame_is_broadcast(server):
    frame = json.dumps({"message": ""})
    text = "x" * (MAX_FRAME - len(frame))
    async with join(server.url) as ada, join(server.url) as bob:
        await send(ada, {"message": text})
        assert await receive(bob) == {"message": text}


async def test_a_longer_frame_closes_that_connection_alone(server):
    async with join(server.url) as ada, join(server.url) as bob:
        await ada.send(b"x" * (MAX_FRAME + 1))
        assert await close_code(ada) == 1009  # message too big
        await send(bob, {"message": "still here"})
        assert await receive(bob) == {"message": "still here"}


async def test_a_page_of_a_foreign_origin_is_refused(server):
    with pytest.raises(InvalidStatus) as refusal:
        await join(server.url, origin="http://evil.example").__aenter__()
    assert refusal.value.response.status_code == 403
    assert server.broadcaster.channels == set()


async def test_the_chats_own_page_is_accepted(server):
    async with join(server.url, origin=server.url.rstrip("/")) as ada:
        await send(ada, {"message": "hi"})
        assert await receive(ada) == {"message": "hi"}


async def test_a_client_that_closes_has_left(server):
    async with join(server.url) as ada:
        await send(ada, {"message": "hi"})
        await receive(ada)
        (channel,) = server.broadcaster.channels
    async with asyncio.timeout(LIMIT):
        await channel.closed.wait()
    assert server.broadcaster.channels == set()


async def test_a_client_that_is_cut_has_left_and_the_rest_still_receive(server, caplog):
    async with RawClient(server.port) as ada:
        (gone,) = server.broadcaster.channels
        async with join(server.url) as bob:
            ada.cut()
            await send(bob, {"message": "hi"})
            assert await receive(bob) == {"message": "hi"}
            async with asyncio.timeout(LIMIT):
                await gone.closed.wait()
            await send(bob, {"message": "anybody?"})
            assert await receive(bob) == {"message": "anybody?"}
            assert gone not in server.broadcaster.channels
    assert caplog.messages == []


async def test_a_client_that_reads_nothing_and_is_then_cut_logs_nothing(server, caplog):
    async with RawClient(server.port) as deaf:
        (channel,) = server.broadcaster.channels
        async with join(server.url) as bob:
            while not channel.ws_connection.stream.writing():  # until the system's buffers are full
                await send(bob, {"message": "x" * 50_000})
                await receive(bob)
            deaf.cut()
            async with asyncio.timeout(LIMIT):
                await channel.closed.wait()
    gc.collect()  # finds exceptions that nobody retrieved
    assert caplog.messages == []


@pytest.mark.parametrize("payload", [b'{"message": "hi"}', b"hello"])
async def test_a_frame_that_comes_during_the_close_is_no_error(server, caplog, payload):
    async with RawClient(server.port) as ada:
        stopping = asyncio.create_task(server.stop())
        await ada.recv()  # the close, which it does not answer
        ada.send(payload)
        await stopping
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
