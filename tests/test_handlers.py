"""The socket and the pages, spoken to by a client that is not ours."""

import asyncio
import json
import re
import socket
from contextlib import suppress
from http.client import HTTPConnection
from typing import NamedTuple

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

import chatkit
from chatkit.codecs import CODECS, JSON, TRANSIT, Codec
from chatkit.guide.frames import Opcode
from chatkit.handlers import CONTENT_SECURITY_POLICY, page_routes
from chatkit.log import LogError
from chatkit.messages import MAX_FRAME, MAX_KEY, MAX_MESSAGE
from chatkit.paths import STATIC
from chatkit.room import LISTED, Room, Visitor
from chatkit.server import ChatServer
from tests.conftest import (
    Join,
    end_of,
    hear,
    hear_event,
    members,
    refused,
    say,
    serving,
    socket_url,
    until,
)
from tests.faults import BareClient, close_code, handshake

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
    "a message that is a keyword without a name": '["^ ","~:message","~:"]',
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
        "since": 0,
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
        ("json", ["json", "chatkit.json"], "chatkit.json"),
        ("json", ["json", "transit+json", "chatkit.transit+json"], "chatkit.transit+json"),
        ("transit", ["transit+json", "chatkit.json"], "chatkit.json"),
    ],
)
async def test_one_with_events_is_chosen_and_of_these_the_server_s_own(
    default: str, offered: list[str], chosen: str
):
    async with (
        serving(codec=default) as server,
        connect(socket_url(server), subprotocols=offered) as client,
    ):
        assert client.subprotocol == chosen
        codec = next(c for c in CODECS.values() if c.subprotocol == chosen)
        assert codec.decode(await client.recv())["event"] == "welcome"


@pytest.mark.parametrize(
    ("default", "offered", "chosen"),
    [
        ("json", ["json"], "json"),
        ("json", ["transit+json"], "transit+json"),
        ("json", ["transit+json", "json"], "json"),
        ("transit", ["json", "transit+json"], "transit+json"),
        ("transit", ["mqtt", "json"], "json"),
    ],
)
async def test_a_client_that_offers_no_events_receives_messages_and_errors_alone(
    default: str, offered: list[str], chosen: str
):
    async with (
        serving(codec=default) as server,
        connect(socket_url(server, name="Ada"), subprotocols=offered) as client,
    ):
        assert client.subprotocol == chosen
        codec = next(c for c in CODECS.values() if c.plain == chosen)
        await client.send(codec.encode({"message": ""}), text=True)
        await client.send(codec.encode({"message": "hi"}), text=True)
        async with connect(socket_url(server, name="Bob")):
            await until(lambda: members(server) == ["Ada", "Bob"])
            await client.send(codec.encode({"message": "hello"}), text=True)
            received = [codec.decode(await client.recv()) for _ in range(3)]
    assert [frame.get("error", frame.get("message")) for frame in received] == [
        *("bad_message", "hi", "hello"),
    ]


async def test_a_client_that_offers_only_what_nobody_speaks_is_a_plain_one(server: ChatServer):
    async with await BareClient.open(server.url, "Sec-WebSocket-Protocol: mqtt") as client:
        client.send('{"message": "hi"}')
        assert json.loads((await client.recv()).payload)["message"] == "hi"


@pytest.mark.parametrize(("name", "codec"), CODECS.items())
async def test_a_plain_client_hears_chat_messages_alone_in_the_server_s_codec(
    name: str, codec: Codec
):
    async with serving(codec=name) as server, connect(socket_url(server, name="Ada")) as client:
        await client.send(codec.encode({"message": "hi"}), text=True)
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
    await sender.send(codec.encode({"message": "still here"}), text=True)
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


async def test_one_who_is_gone_before_it_could_hear_what_it_missed_is_no_error(
    server: ChatServer, join: Join
):
    ada = await join("Ada")
    for _ in range(5):
        await say(ada, "hi")
    for _ in range(20):
        async with await BareClient.dial(server.url) as client:
            client.writer.write(handshake(f"{server.url}?last=5"))
            client.writer.write_eof()
            await client.ended()
    await until(lambda: members(server) == ["Ada"])


async def test_one_whose_coming_in_fails_does_not_stay_as_a_ghost(monkeypatch: pytest.MonkeyPatch):
    async def fail(room: Room, visitor: Visitor) -> None:
        await room.admit(visitor)
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(Room, "join", fail)
    async with serving() as server:
        async with await BareClient.open(server.url) as client:
            assert await client.recv() is None
        await until(lambda: not server.rooms.open)


async def test_bad_input_while_the_server_stops_is_no_error(server: ChatServer):
    async with await BareClient.open(server.url) as client:
        await until(lambda: members(server))
        stopping = asyncio.create_task(server.stop())
        assert close_code(await client.recv()) == 1001
        client.send("junk")
        await stopping


LONG = "x" * (MAX_MESSAGE + 1)
LIMITS = [
    (
        {"message": LONG},
        "too_long",
        "A message has at most 4096 characters, and this one has 4097.",
    ),
    ({"message": ""}, "bad_message", "A message needs some text."),
    ({"message": " \n\t\u00a0"}, "bad_message", "A message needs some text."),
    ({"message": 7}, "bad_message", 'Send an object like {"message": "hi"}: Expected `str`, got'),
    ({"event": "dance"}, "bad_message", 'Send an object like {"message": "hi"}: Object missing'),
]


@pytest.mark.parametrize("key", [None, "k1", "k" * MAX_KEY])
@pytest.mark.parametrize(("frame", "code", "words"), LIMITS, ids=lambda part: str(part)[:24])
async def test_what_is_too_much_is_told_with_its_code_in_one_sentence(
    frame: dict, code: str, words: str, key: str | None, server: ChatServer, join: Join
):
    ada = await join("Ada")
    await ada.send(json.dumps(frame | ({"key": key} if key else {})))
    refusal = await hear(ada)
    assert refusal["detail"].startswith(words)
    assert refusal == {"error": code, "detail": refusal["detail"]} | ({"key": key} if key else {})
    await say(ada, "still here")
    assert (await hear(ada))["id"] == 1


@pytest.mark.parametrize("length", [0, MAX_KEY + 1])
async def test_a_key_that_is_too_short_or_too_long_is_refused(length: int, join: Join):
    ada = await join("Ada")
    await ada.send(json.dumps({"message": "hi", "key": "k" * length}))
    detail = f"A key has 1 to 64 characters, and this one has {length}."
    assert await hear(ada) == {"error": "bad_message", "detail": detail}


@pytest.mark.parametrize("character", ["x", "\N{GRINNING FACE}", "\u202e", "<"])
async def test_a_message_of_just_the_limit_is_heard_as_it_was_said(character: str, join: Join):
    ada, bob = await join("Ada"), await join("Bob", TRANSIT)
    text = character * MAX_MESSAGE
    await say(ada, text)
    assert (await hear(ada))["message"] == (await hear(bob, TRANSIT))["message"] == text


@pytest.mark.parametrize("size", [MAX_FRAME + 1, 10_000_000])
async def test_a_frame_that_is_too_big_closes_its_sender_with_1009(
    size: int, server: ChatServer, join: Join
):
    sender, other = await join("Ada"), await join("Bob")
    with suppress(ConnectionClosed):  # it may be closed before all is sent
        await sender.send("x" * size)
    assert await end_of(sender) in (1009, 1006)
    await say(other, "still here")
    assert (await hear(other))["message"] == "still here"
    assert members(server) == ["Bob"]


async def test_a_frame_of_just_the_limit_is_read(join: Join):
    ada = await join("Ada")
    await say(ada, "x" * (MAX_FRAME - len('{"message": ""}')))
    assert (await hear(ada))["error"] == "too_long"


async def test_the_close_code_of_a_frame_that_is_too_big_is_1009(server: ChatServer):
    async with await BareClient.open(server.url) as client:
        client.writer.write(b"\x81\xff" + (MAX_FRAME + 1).to_bytes(8, "big"))
        assert close_code(await client.recv()) == 1009
        assert await client.recv() is None


ROOM = "A room's name has 1 to 64 letters from a to z, digits, - or _."
QUERIES = [
    *({"room": room} for room in ("", "x" * 65, "a b", "a/b", "ä", "..", "a\n", "a\0", "<b>")),
    {"last": "-1"},
    {"last": "1001"},
    {"last": "many"},
    {"last": ""},
    {"since": "-1"},
    {"since": "1.5"},
    {"since": str(2**53 + 1)},
    {"since": "9" * 5000},
    {"client": "x" * 65},
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: str(query)[:30])
async def test_a_query_that_can_not_be_is_refused_in_one_sentence(query: dict, server: ChatServer):
    status, words = await refused(server, **query)
    assert status == 400
    if "room" in query:
        assert words == ROOM
    assert words.endswith(".")
    assert "\n" not in words
    assert server.rooms.open == {}


@pytest.mark.parametrize("query", ["name=%ff", "room=%c3", "name=Ada&name=%ff"])
async def test_a_query_that_is_no_text_is_refused(query: str, server: ChatServer):
    async with await BareClient.dial(server.url) as client:
        assert await client.shake_hands(f"{server.url}?{query}") == 400
        assert server.rooms.open == {}


@pytest.mark.parametrize(
    "query",
    [{"room": "A-z_0"}, {"room": "x" * 64}, {"last": 1000}, {"since": 2**53}, {"colour": 7}],
)
async def test_a_query_within_the_limits_is_welcomed(query: dict, join: Join):
    assert (await join(**query)).welcome["event"] == "welcome"


async def test_a_room_too_many_is_refused_with_429(server: ChatServer, join: Join):
    assert server.rooms.limit == 1000
    server.rooms.limit = 2
    await join("Ada", room="a")
    bob = await join("Bob", room="b")
    words = "There are 2 rooms already: choose one of them."
    assert await refused(server, room="c") == (429, words)
    await join("Eve", room="a")
    await bob.close()
    await until(lambda: [*server.rooms.open] == ["a"])
    await join("Bob", room="c")


async def test_two_rooms_do_not_mix(server: ChatServer, join: Join):
    ada, bob = await join("Ada", room="a"), await join("Ada", TRANSIT, room="b")
    assert (ada.welcome["name"], bob.welcome["name"]) == ("Ada", "Ada")
    await say(ada, "one")
    await ada.send('{"event":"typing"}')
    await bob.send(TRANSIT.encode({"message": "two"}), text=True)
    assert (await hear(bob, TRANSIT))["message"] == "two"
    assert (await hear(ada))["message"] == "one"
    await ada.close()
    await until(lambda: members(server, "a") == [])
    await bob.send(TRANSIT.encode({"event": "rooms"}), text=True)
    assert TRANSIT.decode(await bob.recv())["rooms"] == {"b": 1, "a": 0}


async def test_the_others_are_told_who_comes_goes_and_types(server: ChatServer, join: Join):
    ada = await join("Ada")
    bob = await join("Bob", TRANSIT)
    plain = await join("Eve", codec=None)
    await hear_event(ada, "joined")
    assert await hear_event(ada, "joined") == {
        "event": "joined",
        "name": "Eve",
        "members": ["Ada", "Bob", "Eve"],
        "count": 3,
    }
    await bob.send(TRANSIT.encode({"event": "typing"}), text=True)
    assert json.loads(await ada.recv()) == {"event": "typing", "name": "Bob"}
    await bob.close()
    assert await hear_event(ada, "left") == {
        "event": "left",
        "name": "Bob",
        "members": ["Ada", "Eve"],
        "count": 2,
    }
    await say(ada, "hi")
    assert json.loads(await plain.recv())["message"] == "hi"
    await plain.send('{"event": "rooms"}')
    assert json.loads(await plain.recv()) == {"event": "rooms", "rooms": {"lobby": 2}}


async def test_a_crowd_is_counted_and_only_some_are_named(server: ChatServer, join: Join):
    crowd = [await join() for _ in range(LISTED + 2)]
    for event in (crowd[-1].welcome, await hear_event(crowd[-2], "joined")):
        assert event["count"] == LISTED + 2
        assert event["members"] == [f"guest-{number}" for number in range(1, LISTED + 1)]
    crowd[0].transport.abort()
    left = await hear_event(crowd[-1], "left")
    assert left["count"] == LISTED + 1
    assert left["members"] == [f"guest-{number}" for number in range(2, LISTED + 2)]


async def test_one_who_comes_back_takes_its_name_from_its_own_ghost(server: ChatServer, join: Join):
    other = await join("Bob")
    async with await BareClient.open(f"{server.url}?name=Ada&client=secret") as ghost:
        await until(lambda: len(members(server)) == 2)
        stranger = await join("Ada", client="another")
        assert stranger.welcome["name"] == "Ada-2"
        back = await join("Ada", client="secret")
        assert back.welcome["name"] == "Ada"
        assert sorted(members(server)) == ["Ada", "Ada-2", "Bob"]
        ghost.send('{"message": "boo", "key": "k1"}')
        ghost.send('{"event": "typing"}')
        assert (await ghost.recv()).opcode == Opcode.CLOSE
    for client in (other, back, stranger):
        assert "secret" not in json.dumps(client.welcome)
    await say(back, "hi")
    assert (await hear(other))["message"] == (await hear(back))["message"] == "hi"
    assert sorted(members(server)) == ["Ada", "Ada-2", "Bob"]


async def test_a_log_that_does_not_answer_sends_away_who_comes(
    server: ChatServer, join: Join, monkeypatch: pytest.MonkeyPatch
):
    here = await join("Ada")

    async def fail(room: str) -> tuple[int, int]:
        raise LogError("The disk is away.")

    monkeypatch.setattr(server.log, "span", fail)
    async with connect(socket_url(server), subprotocols=["chatkit.json"]) as client:
        told = json.loads(await client.recv())
        assert told == {"error": "log_unavailable", "detail": "The disk is away."}
        assert await end_of(client) == 1013
    await until(lambda: members(server) == ["Ada"])
    await say(here, "still here")
    assert (await hear(here))["message"] == "still here"


async def test_a_small_frame_does_not_wait_for_another(server: ChatServer, join: Join):
    await join("Ada")
    [channel] = server.rooms.visitors
    line = channel.line.stream.socket
    assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


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
        "status": "ok",
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


SECURITY = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/static/main.js", "/static/nothing.js"])
async def test_the_browser_is_told_what_the_page_never_does(path: str, server: ChatServer):
    answer = await get(server, path)
    assert {name: answer.headers.get(name) for name in SECURITY} == SECURITY


def test_the_policy_allows_no_script_and_no_connection_but_the_page_s_own():
    policy = dict(rule.split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_the_page_needs_no_script_and_no_style_within_it():
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]* src=)|<style|\s(?:style|on\w+)=|javascript:", page) == []


def test_the_page_may_come_from_another_folder(tmp_path):
    assert {options["path"] for _, _, options in page_routes(tmp_path)} == {tmp_path}


async def test_who_answers_no_ping_is_ended_and_who_does_stays(server: ChatServer, join: Join):
    ada = await join("Ada")
    async with await BareClient.open(f"{server.url}?name=Bob") as bob:
        await until(lambda: members(server) == ["Ada", "Bob"])
        lines = {name: line for line, name in server.rooms.open["lobby"].members.items()}
        for line in lines.values():
            line.keep_alive()
        await until(lambda: lines["Ada"].alive)
        assert not lines["Bob"].alive
        for line in lines.values():
            line.keep_alive()
        assert (await bob.recv()).opcode == Opcode.PING
        await until(lambda: members(server) == ["Ada"])
    await say(ada, "still here")
    assert (await hear(ada))["message"] == "still here"


async def test_pings_come_by_themselves_for_as_long_as_they_are_answered(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("chatkit.handlers.PING_INTERVAL", 0.5)
    async with await BareClient.open(server.url) as client:
        for _ in range(2):
            assert (await client.recv()).opcode == Opcode.PING
            client.send("", Opcode.PONG)


async def test_what_waits_of_a_pong_is_not_cut_in_two(server: ChatServer):
    async with await BareClient.open(server.url) as client:
        [line] = server.rooms.visitors
        assert not line.shared
        client.send("are you there?", Opcode.PING)
        assert (await client.recv()).opcode == Opcode.PONG
        assert line.shared  # from now on it is asked whether Tornado's frames wait


async def test_no_frame_follows_a_goodbye(server: ChatServer):
    async with await BareClient.open(server.url) as client:
        [line] = server.rooms.visitors
        line.close(1001, "enough")
        line.send(b"\x81\x02hi")
        assert (await client.recv()).opcode == Opcode.CLOSE
        client.send(b"\x03\xe9", Opcode.CLOSE)
        assert await client.recv() is None
