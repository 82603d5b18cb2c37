"""The client and the codecs where things go wrong: odd servers, odd callers, odd moments."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tornado.websocket import WebSocketProtocol13
from websockets.asyncio.server import ServerConnection, serve

from chatkit import client as client_module
from chatkit.client import INBOX, ChatClient, socket_url
from chatkit.codecs import JSON, TRANSIT, JsonCodec
from chatkit.messages import MAX_FRAME, ChatkitError, FrameError, Message
from chatkit.server import ChatServer
from tests.conftest import Join, hear, say, until

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def back_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that were cut off come back without much waiting."""
    monkeypatch.setattr(client_module, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(client_module, "LONGEST_WAIT", 0.05)


@pytest.fixture
async def faults() -> list[dict[str, Any]]:
    """What asyncio would print, because nobody took it."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    return told


@asynccontextmanager
async def bare_server(talk: Talk, port: int = 0) -> AsyncIterator[str]:
    """A TCP server that says what `talk` says, HTTP or not; yields the address of its page."""

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(serve_one, "127.0.0.1", port)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"


async def request_of(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode()


def upgrade(request: str) -> bytes:
    """The answer that accepts a WebSocket."""
    key = request.partition("Sec-Websocket-Key: ")[2].split("\r\n")[0]
    accept = WebSocketProtocol13.compute_accept_value(key)
    lines = (
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accept}",
    )
    return "\r\n".join([*lines, "", ""]).encode()


def answering(*lines: str) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write("\r\n".join([*lines, "", ""]).encode())
        await writer.drain()

    return talk


@asynccontextmanager
async def telling(*frames: str) -> AsyncIterator[str]:
    """A server of the websockets library that sends these frames to whoever comes."""

    async def handler(connection: ServerConnection) -> None:
        for frame in frames:
            await connection.send(frame)
        await connection.wait_closed()

    async with serve(handler, "127.0.0.1", 0, subprotocols=["chatkit.json"]) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


class Slow:
    """A server that answers the handshake only when told to, and keeps what then comes."""

    def __init__(self) -> None:
        self.asked, self.go, self.gone = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.came = b""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await request_of(reader)
        self.asked.set()
        await self.go.wait()
        writer.write(upgrade(request))
        self.came = await reader.read(100)
        writer.close()
        self.gone.set()

    async def saw_goodbye(self) -> bool:
        """Answer the handshake, and say whether the client's next word is a close frame."""
        self.go.set()
        async with asyncio.timeout(5):
            await self.gone.wait()
        return self.came[:1] == b"\x88"


# Connecting.


async def test_a_connection_that_comes_after_connect_was_cancelled_is_hung_up():
    slow = Slow()
    async with bare_server(slow.talk) as url:
        client = ChatClient(url)
        connecting = asyncio.create_task(client.connect())
        await slow.asked.wait()
        connecting.cancel()
        await asyncio.wait([connecting])
        assert client.state == "closed"
        assert await slow.saw_goodbye()


async def test_a_connection_that_comes_after_close_is_hung_up_and_connect_says_so():
    slow = Slow()
    async with bare_server(slow.talk) as url:
        client = ChatClient(url)
        connecting = asyncio.create_task(client.connect())
        await slow.asked.wait()
        await client.close()
        assert await slow.saw_goodbye()
        with pytest.raises(ChatkitError, match="was closed before"):
            await connecting
    assert client.state == "closed"
    assert client.connection is None
    assert client.task is None


async def test_a_connection_that_comes_after_a_started_client_was_closed_is_hung_up():
    slow = Slow()
    async with bare_server(slow.talk) as url:
        client = ChatClient(url)
        client.start()
        await slow.asked.wait()
        await client.close()
        assert await slow.saw_goodbye()


async def test_connecting_twice_is_told_and_the_first_connection_stands(server: ChatServer):
    async with ChatClient(server.url, "Ada") as client:
        with pytest.raises(ChatkitError, match="is connected already"):
            await client.connect()
        client.start()
        await client.send("hi")
        assert (await anext(client)).message == "hi"
        assert list(server.room.members.values()) == ["Ada"]


async def test_a_client_that_was_closed_can_connect_again_and_read(server: ChatServer):
    client = ChatClient(server.url, "Ada")
    for text in ("one", "two"):
        await client.connect()
        await client.send(text)
        assert (await anext(client)).message == text
        await client.close()
    assert [message async for message in client] == []


async def test_a_started_client_can_be_read_at_once(server: ChatServer, join: Join):
    client = ChatClient(server.url)
    client.start()
    reading = asyncio.create_task(anext(client))
    await until(lambda: server.room.members)
    await say(await join(), "hi")
    assert (await reading).message == "hi"
    await client.close()


@pytest.fixture
def swept(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Tornado can't close what failed in the handshake, and says so when it is swept away: here."""
    yield
    caplog.get_records("call").clear()  # their tracebacks hold it
    gc.collect()


unclosed = pytest.mark.filterwarnings("ignore:Unclosed WebSocketClientConnection:ResourceWarning")

NO_CHATS = {
    "403": (answering("HTTP/1.1 403 Forbidden", "Content-Length: 0"), "HTTP 403: Forbidden"),
    "404": (answering("HTTP/1.1 404 Not Found", "Content-Length: 0"), "HTTP 404: Not Found"),
    "a page": (answering("HTTP/1.1 200 OK", "Content-Length: 0"), "Non-websocket response"),
    "no HTTP": (answering("SSH-2.0-OpenSSH_9.7"), ""),
    "nothing": (answering(), ""),
    "another WebSocket key": (
        answering(
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Accept: nonsense",
        ),
        "",
    ),
    "an upgrade without its headers": (answering("HTTP/1.1 101 Switching Protocols"), ""),
}


@unclosed
@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize(("talk", "reason"), NO_CHATS.values(), ids=NO_CHATS)
async def test_whatever_answers_that_is_no_chat_is_told_in_one_sentence(talk: Talk, reason: str):
    async with bare_server(talk) as url:
        with pytest.raises(ChatkitError, match=f"No chat answers at {url} .*{reason}.*Start it"):
            await ChatClient(url).connect()


@unclosed
@pytest.mark.usefixtures("swept")
@pytest.mark.parametrize("talk", [talk for talk, _ in NO_CHATS.values()], ids=NO_CHATS)
async def test_whatever_answered_a_started_client_comes_when_the_chat_is_there(talk: Talk):
    async with bare_server(talk) as url:
        client = ChatClient(url, "Ada")
        client.start()
        await until(lambda: client.attempt > 1)
    server = await ChatServer(int(url.split(":")[2].rstrip("/"))).start()
    await until(lambda: client.name in server.room.members.values())
    await client.close()
    await server.stop()


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client_module, "CONNECT_TIMEOUT", 0.1)
    slow = Slow()
    async with bare_server(slow.talk) as url:
        with pytest.raises(ChatkitError, match=r"No chat answers.*Timeout"):
            await ChatClient(url).connect()
        slow.go.set()


async def test_who_opens_and_hangs_up_is_not_hammered(monkeypatch: pytest.MonkeyPatch):
    attempts: list[int] = []
    monkeypatch.setattr(client_module, "backoff", lambda attempt: attempts.append(attempt) or 0.001)

    async def open_and_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(upgrade(await request_of(reader)))

    async with bare_server(open_and_hang_up) as url:
        client = ChatClient(url)
        client.start()
        await until(lambda: len(attempts) == 5)
        await client.close()
    assert attempts[:5] == [0, 1, 2, 3, 4]


async def test_the_waits_begin_anew_after_a_frame(server: ChatServer):
    async with ChatClient(server.url) as client:
        client.attempt = 7
        await client.send("hi")
        await anext(client)
        assert client.attempt == 0


async def test_two_of_one_name_keep_theirs_when_the_server_comes_back(server: ChatServer):
    first = await ChatClient(server.url, "Ada").connect()
    await until(lambda: server.room.members)
    second = await ChatClient(server.url, "Ada").connect()
    guest = await ChatClient(server.url).connect()
    await until(lambda: (second.name, guest.name) == ("Ada-2", "guest-1"))
    await server.stop()
    await until(lambda: {c.state for c in (first, second, guest)} == {"cut off"})
    after = await ChatServer(server.port).start()
    await until(lambda: len(after.room.members) == 3)
    assert set(after.room.members.values()) == {"Ada", "Ada-2", "guest-1"}
    await until(lambda: {c.state for c in (first, second, guest)} == {"connected"})
    assert (first.name, second.name, guest.name) == ("Ada", "Ada-2", "guest-1")
    for client in (first, second, guest):
        await client.close()
    await after.stop()


def test_a_socket_s_address_keeps_its_query():
    assert socket_url("ws://127.0.0.1/ws?room=a", "Ada") == "ws://127.0.0.1/ws?room=a&name=Ada"
    assert socket_url("http://127.0.0.1/?token=t") == "ws://127.0.0.1/ws?token=t"


# Closing.


async def test_closing_twice_and_at_the_same_time_is_no_error(server: ChatServer):
    client = await ChatClient(server.url).connect()
    await asyncio.gather(client.close(), client.close())
    await client.close()
    await until(lambda: not server.room.members)


async def test_closing_ends_everybody_s_reading(server: ChatServer):
    client = await ChatClient(server.url).connect()

    async def read() -> list[Message]:
        return [message async for message in client]

    readers = [asyncio.create_task(read()) for _ in range(3)]
    await asyncio.sleep(0)
    await client.close()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*readers) == [[], [], []]


async def test_closing_while_cut_off_is_quick_and_leaves_no_task(server: ChatServer):
    before = asyncio.all_tasks()
    client = await ChatClient(server.url).connect()
    await server.stop()
    await until(lambda: client.state == "cut off")
    await client.close()
    await until(lambda: asyncio.all_tasks() == before)


async def test_a_server_that_answers_no_goodbye_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(client_module, "CLOSE_TIMEOUT", 0.05)

    end = asyncio.Event()

    async def never_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(upgrade(await request_of(reader)))
        await end.wait()

    async with bare_server(never_close) as url:
        client = await ChatClient(url).connect()
        async with asyncio.timeout(1):
            await client.close()
        end.set()
        del client
        gc.collect()


async def test_a_client_may_close_itself_when_it_hears_a_message(server: ChatServer):
    client = await ChatClient(server.url).connect()

    async def leave(_: Message) -> None:
        await client.close()

    client.on_message(leave)
    await client.send("hi")
    await until(lambda: not server.room.members)
    assert client.state == "closed"


# Reading.


async def test_a_full_inbox_loses_nothing(server: ChatServer, join: Join):
    bob = await join("Bob")
    async with ChatClient(server.url) as client:
        await until(lambda: len(server.room.members) == 2)
        await say(bob, "is anybody reading?")
        await anext(client)
        await hear(bob)
        for number in range(INBOX + 50):
            await say(bob, str(number))
        for _ in range(INBOX + 50):
            await hear(bob)
        await until(client.inbox.full)
        heard = [(await anext(client)).message for _ in range(INBOX + 50)]
    assert heard == [str(number) for number in range(INBOX + 50)]


async def test_where_nobody_reads_the_latest_are_kept_and_a_cut_is_noticed(
    server: ChatServer, join: Join, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_module, "INBOX", 3)
    bob = await join("Bob")
    async with ChatClient(server.url, "Ada") as client:
        await until(lambda: len(server.room.members) == 2)
        for number in range(9):
            await say(bob, str(number))
            await hear(bob)
        await client.send("still here")
        assert (await hear(bob))["message"] == "still here"
        cut = asyncio.Event()
        client.on_state(lambda state: cut.set() if state == "cut off" else None)
        await server.stop()
        await cut.wait()
        assert [(await anext(client)).message for _ in range(3)] == ["7", "8", "still here"]


async def test_a_client_with_a_full_inbox_can_be_closed_and_what_it_holds_be_read(
    server: ChatServer, join: Join, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_module, "CLOSE_TIMEOUT", 0.05)
    monkeypatch.setattr(client_module, "INBOX", 3)
    bob = await join("Bob")
    client = await ChatClient(server.url).connect()
    await until(lambda: len(server.room.members) == 2)
    await say(bob, "is anybody reading?")
    await anext(client)
    for number in range(5):
        await say(bob, str(number))
    await until(client.inbox.full)
    await client.close()
    assert [message.message async for message in client] == ["0", "1", "2"]


async def test_a_function_gets_what_came_before_it_was_registered(server: ChatServer, join: Join):
    bob = await join("Bob")
    async with ChatClient(server.url) as client:
        await until(lambda: len(server.room.members) == 2)
        await say(bob, "before")
        await until(lambda: not client.inbox.empty())
        heard: list[Message] = []
        client.on_message(heard.append)
        await say(bob, "after")
        await until(lambda: len(heard) == 2)
    assert [message.message for message in heard] == ["before", "after"]


async def test_a_function_that_fails_is_told_of_and_stops_neither_others_nor_the_reading(
    server: ChatServer, faults: list[dict[str, Any]]
):
    heard: list[Message] = []
    async with ChatClient(server.url) as client:
        client.on_message(lambda message: message.mesage)
        client.on_message(heard.append)
        await client.send("one")
        await client.send("two")
        await until(lambda: len(heard) == 2)
    assert [type(fault["exception"]) for fault in faults] == [AttributeError, AttributeError]


async def test_an_async_function_is_run_and_may_answer(server: ChatServer, join: Join):
    bob = await join("Bob")
    async with ChatClient(server.url, "bot") as bot:

        async def answer(message: Message) -> None:
            if message.name != bot.name:
                await bot.send(f"{message.message}, {message.name}")

        bot.on_message(answer)
        await until(lambda: len(server.room.members) == 2)
        await say(bob, "hello")
        assert [(await hear(bob))["message"] for _ in range(2)] == ["hello", "hello, Bob"]


async def test_an_async_function_that_fails_is_told_of(
    server: ChatServer, faults: list[dict[str, Any]]
):
    async def fail(message: Message) -> None:
        raise LookupError(message.message)

    async with ChatClient(server.url) as client:
        client.on_message(fail)
        await client.send("hi")
        await until(lambda: faults)
    assert isinstance(faults[0]["exception"], LookupError)


async def test_async_functions_that_take_long_hold_up_the_reading(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_module, "INBOX", 3)
    done = asyncio.Event()
    heard: list[str] = []

    async def slow(message: Message) -> None:
        heard.append(message.message)
        await done.wait()

    async with ChatClient(server.url) as client, ChatClient(server.url) as other:
        client.on_message(slow)
        for number in range(6):
            await client.send(str(number))
            await anext(other)
        await until(lambda: len(heard) == 3)
        done.set()
        await until(lambda: len(heard) == 6)
    assert heard == [str(number) for number in range(6)]


class Fragile(JsonCodec):
    """A codec that fails as a beginner's does."""

    def decode(self, text: str) -> Any:
        return {"message": super().decode(text)["message"]}


async def test_a_codec_that_fails_ends_nothing():
    told: list[str] = []
    async with telling('{"text":"?"}', '{"message":"hi"}') as url:
        client = ChatClient(url, codec=Fragile())
        client.on_error(told.append)
        async with client:
            assert await anext(client) == Message("hi")
    assert told == ["A frame came that is no chat message. 'message'"]


async def test_an_error_that_nobody_asked_to_hear_is_printed(faults: list[dict[str, Any]]):
    frames = ('{"error":"too_fast","detail":"Slow down."}', "junk", '{"message":"hi"}')
    async with telling(*frames) as url, ChatClient(url) as client:
        await anext(client)
    first, second = (fault["message"] for fault in faults)
    assert first == "Slow down."
    assert second.startswith("A frame came that is no chat message. This is not JSON")


# Sending.


@pytest.mark.parametrize("codec", [JSON, TRANSIT])
async def test_a_message_too_long_for_the_server_is_refused_before_it_is_sent(
    codec: Any, server: ChatServer
):
    longest = MAX_FRAME - len(codec.encode(Message("")))
    async with ChatClient(server.url, codec=codec) as client:
        with pytest.raises(ChatkitError, match=f"too long.* {MAX_FRAME} bytes"):
            await client.send("x" * (longest + 1))
        with pytest.raises(ChatkitError, match="too long"):
            await client.send("é" * (longest // 2 + 1))
        await client.send("x" * longest)
        assert (await anext(client)).message == "x" * longest


@pytest.mark.parametrize("text", ["\ud800", 7, None], ids=ascii)
async def test_what_is_no_text_is_refused_before_it_is_sent(text: Any, server: ChatServer):
    async with ChatClient(server.url) as client:
        with pytest.raises(FrameError):
            await client.send(text)
        await client.send("still here")
        assert (await anext(client)).message == "still here"


async def test_sending_before_after_and_while_cut_off_is_told(server: ChatServer):
    client = ChatClient(server.url)
    with pytest.raises(ChatkitError, match="nothing was sent"):
        await client.send("before")
    await client.connect()
    await server.stop()
    await until(lambda: client.state == "cut off")
    with pytest.raises(ChatkitError, match="nothing was sent"):
        await client.send("cut off")
    await client.close()
    with pytest.raises(ChatkitError, match="nothing was sent"):
        await client.send("after")


# What a stranger may send as Transit.


def test_brackets_in_one_another_are_read_once_each():
    with pytest.raises(FrameError):
        TRANSIT.decode("[" * 5000 + "]" * 5000)
    assert TRANSIT.decode("[" * 60 + "]" * 60) is not None  # doubled at each: 2 ** 60


async def test_brackets_in_one_another_do_not_stop_the_server(server: ChatServer, join: Join):
    stranger, bob = await join(codec=TRANSIT), await join("Bob")
    await stranger.send("[" * 60 + "]" * 60)
    async with asyncio.timeout(5):
        assert TRANSIT.decode(await stranger.recv())["error"] == "bad_message"
        await say(bob, "hi")
        assert (await hear(bob))["message"] == "hi"


def test_no_time_and_no_warning_is_spent_on_what_is_tagged_as_a_date():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TRANSIT.decode('["^ ","~:message","~t2025-01-01T00:00:00 ABC"]')
