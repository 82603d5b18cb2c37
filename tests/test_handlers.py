"""The socket and the pages, spoken to by a client that is not ours."""

import asyncio
import json
from http.client import HTTPConnection
from typing import NamedTuple

import pytest
from websockets.asyncio.client import connect

import chatkit
from chatkit.codecs import CODECS, JSON, TRANSIT, Codec
from chatkit.handlers import page_routes
from chatkit.paths import STATIC
from chatkit.server import ChatServer
from chatkit.wire import Opcode
from tests.conftest import Join, hear, members, say, serving, socket_url, until
from tests.faults import BareClient, close_code

BAD_INPUT = {
    "no JSON": "hi",
    "nothing": "",
    "half of an object": '{"message":',
    "a string": '"hi"',
    "a number": "7",
    "null": "null",
    "a list": '["hi"]',
    "no message": '{"text": "hi"}',
    "a message that is no string": '{"message": 7}',
    "a key that is no string": '{"message": "hi", "key": 7}',
    "half a character": '{"message": "\\ud800"}',
    "deep nesting": "[" * 10_000,
    "a binary frame": b'{"message": "hi"}',
}
BAD_TRANSIT = {
    "no Transit": "hi",
    "a list": '["hi"]',
    "no message": '["^ ","~:text","hi"]',
    "a message that is a keyword": '["^ ","~:message","~:hi"]',
    "a message that is no string": '["^ ","~:message",7]',
    "a date that is none": '["^ ","~:message","~thi"]',
    "a key that is a map": '["~#cmap",[["^ "],"hi"]]',
    "half a character in a number": '["^ ","~:message","~d\\ud800"]',
    "a binary frame": b'["^ ","~:message","hi"]',
}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


async def get(server: ChatServer, path: str, **headers: str) -> Answer:
    def ask() -> Answer:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    return await asyncio.to_thread(ask)


async def test_a_client_that_speaks_chatkit_is_welcomed(server: ChatServer, join: Join):
    ada = await join("Ada")
    assert ada.welcome == {
        "event": "welcome",
        "room": "lobby",
        "name": "Ada",
        "members": ["Ada"],
        "count": 1,
        "last": 0,
        "log": server.log.identity,
        "missed": False,
        "rate": 20,
    }


@pytest.mark.parametrize(
    ("default", "offered", "chosen"),
    [
        ("json", ["chatkit.json"], "chatkit.json"),
        ("json", ["chatkit.transit+json"], "chatkit.transit+json"),
        ("json", ["chatkit.transit+json", "chatkit.json"], "chatkit.json"),
        ("transit", ["chatkit.json", "chatkit.transit+json"], "chatkit.transit+json"),
        ("transit", ["chatkit.json"], "chatkit.json"),
        ("json", ["mqtt", "chatkit.transit+json"], "chatkit.transit+json"),
    ],
)
async def test_the_server_s_codec_is_chosen_if_offered_else_another_that_is(
    default: str, offered: list[str], chosen: str
):
    async with (
        serving(codec=default) as server,
        connect(socket_url(server), subprotocols=offered) as client,
    ):
        assert client.subprotocol == chosen
        codec = next(c for c in CODECS.values() if c.subprotocol == chosen)
        assert codec.decode(await client.recv())["event"] == "welcome"


async def test_a_client_that_offers_only_what_nobody_speaks_is_a_plain_one(server: ChatServer):
    async with await BareClient.open(server.url, "Sec-WebSocket-Protocol: mqtt") as client:
        client.send('{"message": "hi"}')
        assert json.loads((await client.recv()).payload)["message"] == "hi"


@pytest.mark.parametrize(("name", "codec"), CODECS.items())
async def test_a_plain_client_hears_chat_messages_alone_in_the_server_s_codec(
    name: str, codec: Codec
):
    async with serving(codec=name) as server, connect(socket_url(server, name="Ada")) as client:
        await client.send(codec.encode({"message": "hi"}))
        told = codec.decode(await client.recv())
    assert (told["message"], told["name"], told["id"]) == ("hi", "Ada", 1)


async def test_a_message_reaches_everyone_in_their_own_codec_and_in_order(join: Join):
    ada, bob, eve = await join("Ada"), await join("Bob", TRANSIT), await join("Eve", None)
    await say(ada, "one")
    await bob.send('["^ ","~:message","two","~:key","k2"]')
    heard = [await hear(ada) for _ in range(2)]
    assert [await hear(bob, TRANSIT) for _ in range(2)] == heard
    assert [JSON.decode(await eve.recv()) for _ in range(2)] == heard
    assert [(told["id"], told["name"], told["message"]) for told in heard] == [
        (1, "Ada", "one"),
        (2, "Bob", "two"),
    ]
    assert [told.get("key") for told in heard] == [None, "k2"]


async def test_names_are_unique_in_the_room(server: ChatServer, join: Join):
    for _ in range(2):
        await join("Ada")
    await join()
    assert members(server) == ["Ada", "Ada-2", "guest-1"]


async def test_one_who_leaves_is_forgotten(server: ChatServer, join: Join):
    ada, _ = await join("Ada"), await join("Bob")
    await ada.close()
    await until(lambda: members(server) == ["Bob"])


async def heard_after(bad: str | bytes, codec: Codec, join: Join) -> tuple[dict, dict, dict]:
    """What a sender of bad input and another member hear of it and of the message after it."""
    sender, other = await join("Ada", codec), await join("Bob")
    await sender.send(bad)
    await sender.send(codec.encode({"message": "still here"}))
    refusal, after = [await hear(sender, codec) for _ in range(2)]
    return refusal, after, await hear(other)


@pytest.mark.parametrize(
    ("codec", "bad"),
    [
        *(pytest.param(JSON, bad, id=f"JSON: {what}") for what, bad in BAD_INPUT.items()),
        *(pytest.param(TRANSIT, bad, id=f"Transit: {what}") for what, bad in BAD_TRANSIT.items()),
    ],
)
async def test_bad_input_is_told_to_its_sender_alone_and_all_goes_on(
    codec: Codec, bad: str | bytes, join: Join
):
    refusal, after, other = await heard_after(bad, codec, join)
    assert refusal.keys() == {"error", "detail"}
    assert refusal["detail"].endswith(".")
    assert after["message"] == other["message"] == "still here"
    assert after["id"] == other["id"] == 1


async def test_bad_input_and_a_cut_at_once_are_no_error(server: ChatServer):
    for _ in range(20):
        async with await BareClient.open(server.url) as client:
            client.send("junk")
            client.send('{"message": "hi"}')
    await until(lambda: not members(server))


async def test_bad_input_while_the_server_stops_is_no_error(server: ChatServer):
    async with await BareClient.open(server.url) as client:
        await until(lambda: members(server))
        stopping = asyncio.create_task(server.stop())
        assert close_code(await client.recv()) == 1001
        client.send("junk")
        await stopping


async def test_pings_are_answered(server: ChatServer):
    async with await BareClient.open(server.url) as client:
        client.send("are you there?", Opcode.PING)
        answer = await client.recv()
    assert (answer.opcode, answer.payload) == (Opcode.PONG, b"are you there?")


async def test_a_get_that_is_no_upgrade_gets_400(server: ChatServer):
    assert (await get(server, "/ws")).status == 400


async def test_health_counts_rooms_and_connections(server: ChatServer, join: Join):
    await join()
    await join()
    await join(room="kitchen")
    answer = await get(server, "/healthz")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert json.loads(answer.body) == {
        "rooms": 2,
        "connections": 3,
        "version": chatkit.__version__,
    }


@pytest.mark.parametrize(
    ("path", "file", "kind"),
    [
        ("/", "index.html", "text/html"),
        ("/favicon.ico", "favicon.ico", "image/"),
        ("/static/main.js", "main.js", "text/javascript"),
        ("/static/chat.css", "chat.css", "text/css"),
    ],
)
async def test_the_page_and_its_parts_are_served(
    path: str, file: str, kind: str, server: ChatServer
):
    answer = await get(server, path)
    assert (answer.status, answer.body) == (200, (STATIC / file).read_bytes())
    assert answer.headers["Content-Type"].startswith(kind)


async def test_a_browser_asks_again_for_a_file_and_gets_it_only_when_it_changed(
    server: ChatServer,
):
    answer = await get(server, "/static/main.js")
    assert answer.headers["Cache-Control"] == "no-cache"
    again = await get(server, "/static/main.js", **{"If-None-Match": answer.headers["Etag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("path", ["/nothing", "/static/", "/static/nothing.js", "/static/%00"])
async def test_an_unknown_path_is_not_found_and_nobody_is_bothered(
    path: str, server: ChatServer, caplog: pytest.LogCaptureFixture
):
    answer = await get(server, path)
    assert answer.status == 404
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


@pytest.mark.parametrize("way_out", ["../", "%2e%2e/", "..%2f", "..%5c", "//", "%2fetc%2f"])
async def test_no_file_outside_the_page_s_folder_is_served(way_out: str, server: ChatServer):
    assert (await get(server, f"/static/{way_out}pyproject.toml")).status in (403, 404)


def test_the_page_may_come_from_another_folder(tmp_path):
    assert {options["path"] for _, _, options in page_routes(tmp_path)} == {tmp_path}
