"""Strangers send whatever bytes they like: the server stays up, and the others go on chatting.

One server and two witnesses live through all cases. After each of them the server still answers, a
message of one witness still reaches the other, and nothing was logged as an error.
"""

import asyncio
import json
import logging
import os
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlencode

import psutil
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from chatkit.codecs import CODECS, TRANSIT, Codec
from chatkit.guide.frames import Opcode
from chatkit.messages import MAX_FRAME
from chatkit.server import ChatServer
from tests.conftest import hear, say, serving, socket_url, until
from tests.faults import TIMEOUT, BareClient, close_code, frame, handshake
from tests.test_codecs import odd_values

KEPT = 100  # messages that the server's log keeps, so that it is full early on
MEMORY = 32 * 2**20  # bytes by which the process may grow; it grows as caches fill
REFUSED = {400, 403, 426, 429}


# No shrinking: a server that hangs would be waited for at every step of it.
fuzz = settings(max_examples=300, phases=[Phase.explicit, Phase.generate])


class Arena(logging.Handler):
    """The server, the witnesses, and what was logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.runner = asyncio.Runner()
        self.errors: list[str] = []
        self.cases = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.errors.append(self.format(record))

    async def start(self) -> None:
        self.serving = serving(rate=None)
        self.server: ChatServer = await self.serving.__aenter__()
        self.server.log.kept = KEPT
        self.ada, self.bob = [
            await connect(socket_url(self.server, name=name), subprotocols=["chatkit.json"])
            for name in ("Ada", "Bob")
        ]
        self.memory = psutil.Process().memory_info().rss

    async def stop(self) -> None:
        for witness in (self.ada, self.bob):
            witness.transport.abort()
        await self.serving.__aexit__(None, None, None)

    def run(self, case: Coroutine[Any, Any, None]) -> None:
        """Run a case, and see that the chat goes on."""
        self.cases += 1
        self.runner.run(self.survive(case))

    async def survive(self, case: Coroutine[Any, Any, None]) -> None:
        async with asyncio.timeout(4 * TIMEOUT):
            await case
            await say(self.ada, f"{self.cases}")
            while (heard := await hear(self.bob))["name"] != "Ada":
                pass
            assert heard["message"] == f"{self.cases}"
            await hear_own(self.ada)
            async with await BareClient.dial(self.server.url) as client:
                client.writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
                assert (await client.ended()).startswith(b"HTTP/1.1 200 OK")
        assert self.errors == []


async def hear_own(witness: Any) -> None:
    while (await hear(witness))["name"] != "Ada":
        pass


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    arena = Arena()
    logging.getLogger().addHandler(arena)
    arena.runner.run(arena.start())
    yield arena
    arena.runner.run(arena.stop())
    arena.runner.close()
    logging.getLogger().removeHandler(arena)


async def send_after_handshake(server: ChatServer, data: bytes, protocol: str = "") -> bytes:
    """Shake hands, send bytes, say no more, and return what the server said until it hung up."""
    headers = [f"Sec-WebSocket-Protocol: {protocol}"] if protocol else []
    async with await BareClient.open(server.url, *headers) as stranger:
        return await send_and_hang_up(stranger, data)


async def send_and_hang_up(stranger: BareClient, data: bytes) -> bytes:
    stranger.writer.write(data)
    with suppress(OSError):  # the server may have hung up already
        stranger.writer.write_eof()
    return await stranger.ended()


chatter = st.sampled_from([b"", b'{"message":"hi"}', b'{"event":"typing"}', b'{"event":"rooms"}'])
payloads = (
    chatter
    | st.binary(max_size=200)
    | st.text(max_size=60).map(lambda text: text.encode(errors="surrogatepass"))
)
lengths = st.none() | st.sampled_from([0, 125, 126, 2**16 - 1, 2**16, MAX_FRAME + 1, 2**31, 2**63])
frames = st.builds(
    frame,
    payloads,
    st.sampled_from(Opcode) | st.integers(0, 15),
    final=st.booleans(),
    reserved=st.sampled_from([0, 0, 0, 1, 4, 7]),
    masked=st.sampled_from([True, True, True, False]),
    announced=st.sampled_from([None, None, None]) | lengths,
)


@fuzz
@given(st.lists(frames, max_size=8))
def test_any_frames(arena: Arena, sent: list[bytes]):
    """Fragments, control frames between, wrong UTF-8, reserved bits and opcodes, false lengths."""
    arena.run(send_after_handshake(arena.server, b"".join(sent)))


@fuzz
@given(st.binary(max_size=400))
def test_any_bytes_after_a_good_handshake(arena: Arena, data: bytes):
    arena.run(send_after_handshake(arena.server, data))


def cut_up(text: bytes, cuts: list[int], pings: list[bytes]) -> bytes:
    """A message in fragments, with control frames between them."""
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    parts = [text[start:end] for start, end in pairwise(edges)]
    sent = b""
    for number, part in enumerate(parts):
        opcode = Opcode.CONTINUATION if number else Opcode.TEXT
        sent += frame(part, opcode, final=number == len(parts) - 1)
        sent += b"".join(frame(ping[:125], Opcode.PING) for ping in pings)
    return sent


@fuzz
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100),
    st.lists(st.integers(0, 1000), max_size=10),
    st.lists(st.binary(max_size=125), max_size=2),
)
def test_a_message_in_any_fragments_is_heard(
    arena: Arena, text: str, cuts: list[int], pings: list[bytes]
):
    """Also where a cut goes through a character; control frames in between are answered."""

    async def case() -> None:
        said = json.dumps({"message": f"{text}."}, ensure_ascii=False).encode()
        answers = await send_after_handshake(arena.server, cut_up(said, cuts, pings))
        for ping in pings:
            assert frame(ping, Opcode.PONG, masked=False) in answers
        while (heard := await hear(arena.bob))["name"] == "Ada":
            pass
        assert heard["message"] == f"{text}."

    arena.run(case())


fields = st.sampled_from(["message", "key", "event", "id", "name", "time", "error", "detail"])
any_text = st.text(max_size=100) | st.sampled_from(["typing", "rooms", "welcome", "x" * 5000])
any_frames = st.dictionaries(fields, any_text | odd_values, max_size=5) | odd_values


@fuzz
@given(st.lists(any_frames, min_size=1, max_size=4), st.sampled_from([*CODECS.values()]))
def test_any_values(arena: Arena, values: list[Any], codec: Codec):
    """In JSON, as Transit's keywords, and what is neither."""

    def written(value: Any) -> str:
        if codec is TRANSIT and isinstance(value, dict):
            value = ["^ ", *(part for key, each in value.items() for part in (f"~:{key}", each))]
        return json.dumps(value)

    sent = b"".join(frame(written(value).encode()) for value in values)
    arena.run(send_after_handshake(arena.server, sent, codec.subprotocol))


asked = st.dictionaries(
    st.sampled_from(["room", "name", "since", "log", "last", "token", "client"])
    | st.text(max_size=9),
    st.text(max_size=80)
    | st.integers().map(str)
    | st.floats().map(str)
    | st.sampled_from(["lobby", "null", "true", "[]", "{}", "1e9", "0x10", "9" * 5000]),
    max_size=6,
).map(lambda query: urlencode(query, errors="replace"))
octets = st.binary(max_size=60).map(quote)
raw = st.text(st.characters(codec="latin-1", exclude_categories=["Cc", "Z"]), max_size=60)


@fuzz
@given(asked | octets.map("name={}".format) | octets.map("room={}".format) | octets | raw)
def test_any_query(arena: Arena, query: str):
    async def case() -> None:
        async with await BareClient.dial(arena.server.url) as stranger:
            request = handshake(arena.server.url).replace(b"?", b"?" + query.encode("latin-1"), 1)
            said = await send_and_hang_up(stranger, request)
        status = int(said.split()[1]) if said else 400
        assert status == 101 or status in REFUSED
        assert b"Traceback" not in said

    arena.run(case())


headers = st.sampled_from(
    ["Host", "Origin", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding", "Cookie"]
    + [f"Sec-WebSocket-{what}" for what in ("Key", "Version", "Protocol", "Extensions")]
)
header_values = st.text(st.characters(codec="latin-1"), max_size=60) | st.sampled_from(
    [
        "",
        "null",
        "http://[",
        "http://evil.example",
        "websocket",
        "13",
        "8",
        "-1",
        "chunked",
        "9" * 30,
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits=99",
        "chatkit.json,,x",
    ]
)


@fuzz
@given(st.lists(st.tuples(headers, header_values), min_size=1, max_size=4))
def test_any_headers(arena: Arena, more: list[tuple[str, str]]):
    lines = "".join(f"{name}: {value}\r\n" for name, value in more).encode("latin-1")

    async def case() -> None:
        async with await BareClient.dial(arena.server.url) as stranger:
            first, rest = handshake(arena.server.url).split(b"\r\n", 1)
            replaced = tuple(f"{name}:".encode() for name, _ in more)
            kept = [line for line in rest.splitlines(True) if not line.startswith(replaced)]
            said = await send_and_hang_up(stranger, first + b"\r\n" + lines + b"".join(kept))
        assert b"500 Internal" not in said

    arena.run(case())


@fuzz
@given(st.integers(0, 400), st.integers(0, 40), st.binary(max_size=40), st.booleans())
@example(0, 400, b"", True)
def test_half_and_garbled_handshakes(
    arena: Arena, start: int, removed: int, put: bytes, ends: bool
):
    async def case() -> None:
        async with await BareClient.dial(arena.server.url) as stranger:
            whole = handshake(arena.server.url)
            request = whole[:start] + put + (whole[start + removed :] if ends else b"")
            said = await send_and_hang_up(stranger, request)
        assert b"500 Internal" not in said

    arena.run(case())


@pytest.mark.parametrize("count", [2, 3, 40])
def test_fragments_that_are_too_big_together_are_closed_with_1009(arena: Arena, count: int):
    async def case() -> None:
        async with await BareClient.open(arena.server.url) as stranger:
            part = b"x" * (2 * MAX_FRAME // count)
            for number in range(count):
                stranger.send(part, Opcode.CONTINUATION if number else Opcode.TEXT, final=False)
            assert close_code(await stranger.recv()) == 1009

    arena.run(case())


@pytest.mark.parametrize("announced", [MAX_FRAME + 1, 2**31, 2**63 - 1, 2**64 - 1])
def test_a_huge_length_is_not_waited_for(arena: Arena, announced: int):
    async def case() -> None:
        async with await BareClient.open(arena.server.url) as stranger:
            stranger.send(b"x", announced=announced)
            assert close_code(await stranger.recv()) == 1009

    arena.run(case())


def test_a_crowd_of_cut_strangers(arena: Arena):
    async def case() -> None:
        strangers = [await BareClient.open(arena.server.url) for _ in range(200)]
        for number, stranger in enumerate(strangers):
            stranger.writer.write(frame(b'{"message":"hi"}')[: number % 20])
            stranger.cut()

    arena.run(case())


def test_nothing_and_nobody_is_left_behind(arena: Arena, record_property: Any):
    """The last test of this file: memory is bounded, and only the witnesses are inside."""

    def forgotten() -> bool:
        inside = sum(
            channel.gate.inside["127.0.0.1"] for channel in arena.server.rooms.visitors[:1]
        )
        return inside == len(arena.server.rooms.visitors) == 2

    arena.runner.run(until(forgotten))
    assert [*arena.server.rooms.open] == ["lobby"]
    assert len(arena.server.log.shelves["lobby"].messages) <= KEPT
    grown = psutil.Process(os.getpid()).memory_info().rss - arena.memory
    assert grown < MEMORY
    record_property("hostile cases", arena.cases)
