"""The frame inspector between real clients and real servers."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from chatkit import ChatClient, ChatkitError, ChatServer
from chatkit.guide.frames import Frame, Opcode, apply_mask, read_frame, text_frame
from chatkit.lessons import Inspector, byte_view, inspector, pictures
from chatkit.lessons.pictures import Passed

MASK = bytes([1, 2, 3, 4])
HELLO = b"\x81\x85" + MASK + apply_mask(b"hello", MASK)


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    server = await ChatServer(port=0, rate=None).start()
    yield server
    await server.stop()


@pytest.fixture
async def glass(server: ChatServer) -> AsyncIterator[Inspector]:
    """An inspector in front of the server."""
    async with Inspector(server.url) as glass:
        yield glass


@pytest.fixture(autouse=True)
def no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give clients the same mark each time, and messages the same keys."""
    monkeypatch.setattr("secrets.token_hex", lambda size: "m")


async def chat(glass: Inspector) -> None:
    """Say hi through the inspector as Ada, hear it, and leave."""
    async with ChatClient(glass.url, "Ada") as ada:
        await ada.send("hi")
        assert (await anext(ada)).message == "hi"
    await glass.wait_for(5)


async def connected(glass: Inspector) -> WebSocketClientConnection:
    """A client without a name or codec, to which the server says nothing by itself."""
    return await websocket_connect(f"{glass.url}ws".replace("http", "ws"))


@pytest.fixture
async def raw(glass: Inspector) -> AsyncIterator[WebSocketClientConnection]:
    """Such a client for the length of a test."""
    connection = await connected(glass)
    yield connection
    connection.close()
    async with asyncio.timeout(5):
        while await connection.read_message() is not None:
            pass  # until the goodbye is answered


async def test_a_chat_is_seen_whole_and_in_order(glass: Inspector) -> None:
    await chat(glass)
    seen = [(passed.number, passed.sender, passed.title) for passed in glass.passed]
    assert seen == [
        (1, "client", "GET /ws?name=Ada&client=m&last=0"),
        (2, "server", "101 Switching Protocols"),
        (3, "server", "TEXT"),
        (4, "client", "TEXT"),
        (5, "server", "TEXT"),
        (6, "client", "CLOSE 1000"),
        (7, "server", "CLOSE 1000"),
    ]
    assert [bool(frame.mask) for frame in glass.frames] == [False, True, False, True, False]
    assert glass.passed[3].text == '{"message":"hi","key":"m"}'


async def test_the_table_has_a_line_for_each(glass: Inspector) -> None:
    await chat(glass)
    lines = repr(glass.table()).splitlines()
    assert lines[0].split() == ["what", "bytes", "masked", "payload"]
    assert lines[4].split() == [
        "4",
        "client",
        "→",
        "TEXT",
        "32",
        "yes",
        '{"message":"hi","key":"m"}',
    ]
    html = glass.table()._repr_mimebundle_()["text/html"]
    assert html.count("<tr>") == 8
    assert "{&quot;message&quot;:&quot;hi&quot;,&quot;key&quot;:&quot;m&quot;}" in html


async def test_what_people_write_is_text_in_every_picture(glass: Inspector) -> None:
    async with ChatClient(glass.url) as client:
        await client.send("<img src=x>; end\r\nNote over client: %% #123;")
        await anext(client)
    await glass.wait_for(5)
    assert "<img" not in glass.table().bundle["text/html"]
    assert "<i" not in glass.bytes(4).bundle["text/html"]
    mermaid = glass.diagram().bundle["text/vnd.mermaid"].splitlines()
    assert len(mermaid) == 4 + 7 + 1
    assert not [line for line in mermaid if "<" in line or "%" in line or line.endswith(";")]


async def test_the_bytes_of_a_frame_are_those_on_the_wire(
    glass: Inspector, raw: WebSocketClientConnection
) -> None:
    await raw.write_message('{"message":"hi"}')
    await glass.wait_for(2)
    frame = glass.frames[0]
    rebuilt = frame.header + frame.mask + apply_mask(frame.payload, frame.mask)
    assert read_frame(rebuilt) == frame
    shown = repr(glass.bytes(3))
    assert frame.mask.hex(" ") in shown
    assert apply_mask(frame.payload, frame.mask).hex(" ") in shown
    assert frame.payload.hex(" ") in shown


@pytest.mark.parametrize("number", [0, 1, 2, 99, -1])
async def test_what_is_no_frame_has_no_bytes(glass: Inspector, number: int) -> None:
    await chat(glass)
    with pytest.raises(ChatkitError, match=f"Number {number} is not a frame"):
        glass.bytes(number)


async def test_the_diagram_has_an_arrow_for_each(glass: Inspector) -> None:
    await chat(glass)
    diagram = glass.diagram()
    assert diagram.bundle["text/vnd.mermaid"].splitlines()[:7] == [
        "sequenceDiagram",
        "accTitle: What passed between client and server",
        "participant client",
        "participant server",
        "client->>server: GET /ws?name=Ada#38;client=m#38;last=0",
        "server->>client: 101 Switching Protocols",
        "Note over client,server: HTTP ends here, frames begin",
    ]
    assert repr(diagram).splitlines()[3] == 'client → server  TEXT {"message":"hi","key":"m"}'


async def test_all_bytes_are_counted_in_both_directions(glass: Inspector) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", glass.port)
    request = b"GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
    writer.write(request)
    answer = await reader.read()
    writer.close()
    assert glass.size == len(request) + len(answer)


class View:
    """Stands for the notebook's output: a queue of what is shown in it."""

    def __init__(self) -> None:
        self.shown = asyncio.Queue[str]()

    def display(self, what: object, display_id: bool = False) -> "View":
        self.update(what)
        return self

    def update(self, what: object) -> None:
        self.shown.put_nowait(repr(what))


async def test_the_watched_table_grows_and_shows_the_latest(
    glass: Inspector, raw: WebSocketClientConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = View()
    monkeypatch.setattr(inspector, "screen", view)
    monkeypatch.setattr(inspector, "LATEST", 3)
    glass.watch()
    assert glass.url in await view.shown.get()
    assert "101 Switching Protocols" in await view.shown.get()
    await raw.write_message('{"message":"hi"}')
    await raw.read_message()
    async with asyncio.timeout(5):
        while '"id":1' not in (table := await view.shown.get()):
            pass
    assert [line.split()[0] for line in table.splitlines()[1:]] == ["2", "3", "4"]


async def test_nothing_has_passed_at_first(glass: Inspector) -> None:
    assert repr(glass.table()) == repr(glass.diagram()) == "Nothing has passed yet."
    assert glass.frames == []


async def test_of_very_many_frames_the_latest_are_kept_under_their_numbers(
    glass: Inspector, raw: WebSocketClientConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = inspector.MOST + 10
    for number in range(many):
        await raw.write_message(f'{{"message":"{number}"}}')
    await glass.wait_for(2 * many)
    assert (len(glass.passed), len(glass.frames)) == (inspector.MOST, inspector.MOST)
    assert glass.passed[-1].number == 2 + 2 * many
    assert f'"message":"{many - 1}"' in glass.passed[-1].text
    assert glass.frames[-1].payload[:20].hex(" ") in repr(glass.bytes(2 + 2 * many))
    with pytest.raises(ChatkitError):
        glass.bytes(3)
    arrows = repr(glass.diagram()).splitlines()
    assert arrows[0] == f"… {inspector.MOST - pictures.DRAWN} earlier"
    assert len(arrows) == 1 + pictures.DRAWN


async def test_frames_that_do_not_come_are_told_in_one_sentence(
    glass: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspector, "TIMEOUT", 0.01)
    with pytest.raises(TimeoutError, match="0 of 1 frames have passed"):
        await glass.wait_for(1)


async def test_a_server_that_is_not_there_is_said_to_be_missing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    async with Inspector(url) as glass:
        with pytest.raises(ChatkitError, match="No server answers there"):
            await ChatClient(glass.url, "Ada").connect()
        titles = [passed.title for passed in glass.passed]
    assert titles == ["GET /ws?name=Ada&client=m&last=0", "502 No server answers there"]


async def test_a_refused_handshake_is_shown_and_its_page_is_not_taken_for_frames(
    glass: Inspector,
) -> None:
    foreign = HTTPRequest(
        f"{glass.url}ws".replace("http", "ws"), headers={"Origin": "https://elsewhere.example"}
    )
    with pytest.raises(HTTPClientError, match="403"):
        await websocket_connect(foreign)
    assert [passed.title for passed in glass.passed] == ["GET /ws", "403 Forbidden"]
    assert glass.frames == []


async def test_a_page_passes_whole_without_being_taken_for_frames(glass: Inspector) -> None:
    host, _, port = glass.url.removeprefix("http://").strip("/").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert b"</html>" in answer
    assert [passed.title for passed in glass.passed] == ["GET /", "200 OK"]


async def test_frames_in_pieces_and_in_one_piece(
    glass: Inspector, raw: WebSocketClientConnection
) -> None:
    stream = raw.protocol.stream
    for piece in (HELLO[:1], HELLO[1:4], HELLO[4:] + HELLO + HELLO[:3], HELLO[3:]):
        await stream.write(piece)
    await glass.wait_for(6)  # to each of the three the server objects
    assert [frame.payload for frame in glass.frames if frame.mask] == [b"hello"] * 3


async def test_a_frame_too_large_to_show_passes_all_the_same(
    glass: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspector, "LARGEST", 1_000)
    monkeypatch.setattr(inspector, "CHUNK", 100)
    async with ChatClient(glass.url) as client:
        await client.send("x" * 4_000)
        assert (await anext(client)).message == "x" * 4_000
    assert [passed.text[:10] for passed in glass.passed] == ["", "", '{"event":"']


async def test_when_one_end_is_cut_so_is_the_other(
    server: ChatServer, glass: Inspector, raw: WebSocketClientConnection
) -> None:
    await raw.write_message('{"message":"hi"}')
    await raw.read_message()
    [channel] = server.rooms.visitors
    raw.protocol.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    raw.protocol.stream.close()  # with a reset, as when a program is killed
    await asyncio.wait_for(channel.closed, 5)
    assert server.rooms.visitors == []


async def test_stopping_cuts_what_is_open(glass: Inspector) -> None:
    connection = await connected(glass)
    await glass.stop()
    assert await connection.read_message() is None
    connection.close()
    with pytest.raises(ChatkitError):
        await ChatClient(glass.url).connect()


@pytest.mark.parametrize("url", ["https://127.0.0.1:1/", "127.0.0.1:8765", "nonsense", ""])
def test_an_address_that_can_not_be_inspected(url: str) -> None:
    with pytest.raises(ChatkitError, match="can't be inspected"):
        Inspector(url)


def test_the_view_of_a_masked_frame() -> None:
    assert repr(byte_view(HELLO)).splitlines() == [
        "header             81         85",
        "                   1 000 0001 1 0000101",
        "                   1 final, 000 reserved, 0001 TEXT",
        "                   1 masked, 0000101 length 5",
        "mask               01 02 03 04",
        "payload  on wire   69 67 6f 68 6e",
        "         unmasked  68 65 6c 6c 6f",
        "         as text   h  e  l  l  o",
    ]


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (text_frame(b"x" * 300), "length 126: the next 2 bytes say 300"),
        (text_frame(b"x" * 300), "… and 276 more"),
        (text_frame(b"x" * 70_000), "length 127: the next 8 bytes say 70,000"),
        (text_frame("é👋".encode()), "as text   é  ·  👋  ·  ·  ·"),
        (b"\x88\x05\x03\xe8bye", "the first two bytes are the code, 1000"),
        (b"\x88\x00", "1000 CLOSE"),
        (b"\x88\x01\x03", "1000 CLOSE"),
        (b"\x89\x00", "1001 PING"),
        (b"\x01\x02hi", "0 more follows, 000 reserved, 0001 TEXT"),
        (b"\xc1\x01x", "100 reserved"),
        (b"\x83\x00", "0011 opcode 3"),
        (b"\x82\x03\xff\x00\xfe", "ff 00 fe"),
    ],
)
def test_the_view_says_what_a_frame_is(frame: bytes, words: str) -> None:
    assert words in repr(byte_view(frame))
    assert byte_view(frame).bundle["text/html"].startswith("<div")


@pytest.mark.parametrize("text", ["hello", ""])
def test_the_view_of_text_asks_for_bytes(text: Any) -> None:
    with pytest.raises(ChatkitError, match='takes bytes, such as b"hello"; this is of type str'):
        byte_view(text)


def test_half_a_frame_has_no_view() -> None:
    with pytest.raises(ChatkitError, match="not a whole frame"):
        byte_view(HELLO[:4])


@pytest.mark.parametrize(
    ("frame", "title"),
    [
        (Frame(Opcode.CLOSE, b""), "CLOSE"),
        (Frame(Opcode.TEXT, b"a", final=False), "TEXT, more follows"),
        (Frame(Opcode.CONTINUATION, b"b"), "CONTINUATION"),
        (Frame(11, b""), "opcode 11"),
    ],
)
def test_titles(frame: Frame, title: str) -> None:
    assert Passed(1, "server", frame).title == title
