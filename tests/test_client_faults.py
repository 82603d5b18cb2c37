"""The client and the codecs where things go wrong: odd servers, odd callers, odd moments."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tornado.websocket import WebSocketProtocol13
from websockets.asyncio.server import ServerConnection

from chatkit import client as client_module
from chatkit.client import INBOX, ChatClient, RefusedError
from chatkit.codecs import TRANSIT, JsonCodec
from chatkit.messages import ChatkitError, FrameError, Message
from chatkit.server import ChatServer
from tests.conftest import Join, hear, members, say, serving, until
from tests.faults import WELCOME, Proxy, their_server

UNHURRIED = pytest.mark.parametrize("options", [{"rate": None}], ids=["no limit"])
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
    """A server of the websockets library that welcomes whoever comes, and sends these frames."""

    async def handler(connection: ServerConnection) -> None:
        for frame in (json.dumps(WELCOME), *frames):
            await connection.send(frame)
        await connection.wait_closed()

    async with their_server(handler) as (_, url):
        yield url


class Slow:
    """A plain server that answers a handshake only when told to, and keeps what then comes."""

    def __init__(self) -> None:
        self.asked = asyncio.Semaphore(0)  # one more for each handshake
        self.go = asyncio.Event()
        self.came: list[bytes] = []  # the first words after the handshake, of each line

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await request_of(reader)
        self.asked.release()
        await self.go.wait()
        writer.write(upgrade(request))
        self.came.append(await reader.read(100))

    async def saw_goodbye(self) -> bool:
        """Answer the handshakes, and say whether the next word that comes is a close frame."""
        self.go.set()
        await until(lambda: self.came)
        return self.came[0][:1] == b"\x88"


# Connecting.


async def test_a_connection_that_comes_after_connect_was_cancelled_is_hung_up():
    slow = Slow()
    async with bare_server(slow.talk) as url:
        client = ChatClient(url)
        connecting = asyncio.create_task(client.connect())
        await slow.asked.acquire()
        connecting.cancel()
        await asyncio.wait([connecting])
        assert client.state == "closed"
        assert await slow.saw_goodbye()


async def test_a_connection_that_comes_after_close_is_hung_up_and_connect_says_so():
    slow = Slow()
    async with bare_server(slow.talk) as url:
        client = ChatClient(url)
        connecting = asyncio.create_task(client.connect())
        await slow.asked.acquire()
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
        await slow.asked.acquire()
        await client.close()
        assert await slow.saw_goodbye()


@pytest.mark.parametrize("again", ["start", "connect"])
async def test_connect_close_and_again_within_one_dial_leave_one_line(again: str):
    slow = Slow()
    async with bare_server(slow.talk) as url:
        client = ChatClient(url)
        connecting = asyncio.create_task(client.connect())
        await slow.asked.acquire()
        closing = asyncio.create_task(client.close())
        await until(lambda: client.state == "closed")
        if again == "start":
            client.start()
        else:
            second = asyncio.create_task(client.connect())
        await slow.asked.acquire()
        await closing
        with pytest.raises(ChatkitError, match="was closed before"):
            await connecting
        assert client.state == "connecting"
        assert await slow.saw_goodbye()
        await until(lambda: client.state == "connected")
        if again == "connect":
            assert await second is client
        await client.send("the second line stands")
        await until(lambda: len(slow.came) == 2)
        assert slow.came[1][:1] == b"\x81"
        await client.close()


async def test_a_line_that_comes_just_as_connect_is_cancelled_is_hung_up(server: ChatServer):
    client = ChatClient(server.url)
    connecting = asyncio.create_task(client.connect())
    client.on_state(lambda state: connecting.cancel() if state == "connected" else None)
    await asyncio.wait([connecting])
    assert connecting.cancelled()
    assert client.state == "closed"
    await until(lambda: not members(server))


async def test_a_line_that_comes_just_as_the_client_is_closed_is_hung_up(server: ChatServer):
    client = ChatClient(server.url)
    closing: list[asyncio.Task[None]] = []

    def close(state: str) -> None:
        if state == "connected":
            closing.append(asyncio.create_task(client.close()))

    client.on_state(close)
    with pytest.raises(ChatkitError, match="was closed before"):
        await client.connect()
    await closing[0]
    assert (client.state, client.task, client.connection) == ("closed", None, None)
    await until(lambda: not members(server))


async def test_a_client_that_is_started_while_it_closes_has_one_line(server: ChatServer):
    client = await ChatClient(server.url, "Ada").connect()
    client.on_state(lambda state: client.start() if state == "closed" else None)
    await client.close()
    await until(lambda: client.state == "connected")
    await until(lambda: members(server) == [client.name])
    client.state_callbacks.clear()
    await client.close()
    await until(lambda: not members(server))


async def test_connecting_twice_is_told_and_the_first_connection_stands(server: ChatServer):
    async with ChatClient(server.url, "Ada") as client:
        with pytest.raises(ChatkitError, match="is connected already"):
            await client.connect()
        client.start()
        await client.send("hi")
        assert (await anext(client)).message == "hi"
        assert members(server) == ["Ada"]


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
    await until(lambda: members(server))
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
    "302": (
        answering("HTTP/1.1 302 Found", "Location: /elsewhere", "Content-Length: 0"),
        "HTTP 302: Found",
    ),
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
    async with serving(port=int(url.split(":")[2].rstrip("/"))) as server:
        await until(lambda: client.name in members(server))
        await client.close()


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client_module, "CONNECT_TIMEOUT", 0.1)
    slow = Slow()
    async with bare_server(slow.talk) as url:
        with pytest.raises(ChatkitError, match=r"No chat answers.*Timeout"):
            await ChatClient(url).connect()
        slow.go.set()


# Being let in.


@pytest.mark.parametrize(
    ("options", "query", "room", "sentence"),
    [
        ({"token": "secret"}, "", "", "This chat needs a token: open it by the whole link"),
        ({"token": "secret"}, "?token=my-secret", "", "This chat needs a token"),
        ({}, "", "no spaces", "A room's name has 1 to 64 letters"),
        ({"per_address": 1}, "", "", "There are 1 connections from your address"),
    ],
    ids=["no token", "another token", "no room", "too many"],
)
async def test_who_is_refused_hears_the_server_s_own_sentence(
    server: ChatServer, query: str, room: str, sentence: str
):
    address = server.url.partition("?")[0]
    async with ChatClient(server.url, "Bob"):
        client = ChatClient(address + query, "Ada", room=room)
        with pytest.raises(RefusedError, match=f"^{address} does not let you in: {sentence}") as no:
            await client.connect()
        assert client.state == "closed"
        told: list[str] = []
        client.on_error(told.append)
        client.start()
        await until(lambda: len(told) > 1)
        await client.close()
        assert members(server) == ["Bob"]
    assert {*told} == {str(no.value)}
    assert "secret" not in f"{told}{client!r}{client.place}"


@pytest.mark.parametrize("options", [{"token": "secret"}], ids=["token"])
async def test_no_sentence_and_no_repr_holds_a_token(
    server: ChatServer, faults: list[dict[str, Any]], capfd: pytest.CaptureFixture[str]
):
    client = ChatClient(server.url, "Ada")
    shown = [repr(client)]
    async with client:
        shown.append(repr(client))
        with pytest.raises(ChatkitError) as twice:
            await client.connect()
        shown.append(str(twice.value))
        await server.stop()
        await until(lambda: client.attempt > 1)
        shown.append(repr(client))
    with pytest.raises(ChatkitError, match="No chat answers") as nobody:
        await client.connect()
    shown += [str(nobody.value), *capfd.readouterr(), *(str(fault) for fault in faults)]
    assert "secret" in client.url
    assert "secret" not in "".join(shown)


@pytest.mark.parametrize(
    "status",
    ["400 Bad Request", "403 Forbidden", "429 Too Many Requests", "503 Service Unavailable"],
)
async def test_a_refusal_without_words_is_told_by_its_status(status: str):
    async with bare_server(answering(f"HTTP/1.1 {status}", "Content-Length: 0")) as url:
        with pytest.raises(RefusedError, match=f"^{url} does not let you in: HTTP {status[:3]}"):
            await ChatClient(url).connect()


async def test_a_server_that_never_welcomes_is_hung_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client_module, "CONNECT_TIMEOUT", 0.1)
    gone: list[ServerConnection] = []

    async def silent(connection: ServerConnection) -> None:
        await connection.wait_closed()
        gone.append(connection)

    async with their_server(silent) as (_, url):
        with pytest.raises(ChatkitError, match=r"No chat answers .*is the server running"):
            await ChatClient(url).connect()
        await until(lambda: gone)


async def test_closing_while_a_server_has_not_welcomed_yet_hangs_up():
    came, gone = asyncio.Event(), asyncio.Event()

    async def silent(connection: ServerConnection) -> None:
        came.set()
        await connection.wait_closed()
        gone.set()

    async with their_server(silent) as (_, url):
        client = ChatClient(url)
        client.start()
        await came.wait()
        await asyncio.wait_for(client.close(), 5)
        await asyncio.wait_for(gone.wait(), 5)


WELCOMES = {
    "no welcome": [],
    "no frame": ["junk"],
    "an error": [json.dumps({"error": "log_unavailable", "detail": "Later."})],
    "half a welcome": [json.dumps({"event": "welcome"})],
}


@pytest.mark.parametrize("frames", WELCOMES.values(), ids=WELCOMES)
async def test_a_server_that_hangs_up_before_its_welcome_is_told_of(frames: list[str]):
    told: list[str] = []

    async def hang_up(connection: ServerConnection) -> None:
        for frame in frames:
            await connection.send(frame)

    async with their_server(hang_up) as (_, url):
        client = ChatClient(url)
        client.on_error(told.append)
        with pytest.raises(ChatkitError, match="it hung up before its welcome"):
            await client.connect()
    assert len(told) == len(frames)
    assert client.state == "closed"


ERROR = json.dumps({"error": "log_unavailable", "detail": "Later."})


@pytest.mark.parametrize("frames", [[], [json.dumps(WELCOME)], [json.dumps(WELCOME), ERROR]])
async def test_who_opens_and_hangs_up_is_not_hammered(
    frames: list[str], monkeypatch: pytest.MonkeyPatch
):
    attempts: list[int] = []
    monkeypatch.setattr(client_module, "backoff", lambda attempt: attempts.append(attempt) or 0.001)

    async def open_and_hang_up(connection: ServerConnection) -> None:
        for frame in frames:
            await connection.send(frame)

    async with their_server(open_and_hang_up) as (_, url):
        client = ChatClient(url)
        client.on_error(str)
        client.start()
        await until(lambda: len(attempts) == 5)
        await client.close()
    assert attempts[:5] == [0, 1, 2, 3, 4]


async def test_the_waits_begin_anew_after_a_message(server: ChatServer):
    async with ChatClient(server.url) as client:
        client.attempt = 7
        await client.send("hi")
        await anext(client)
        assert client.attempt == 0


async def test_the_waits_begin_anew_after_a_line_that_stood_for_long(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
):
    waits: list[int] = []
    monkeypatch.setattr(client_module, "backoff", lambda attempt: waits.append(attempt) or 0.001)
    monkeypatch.setattr(client_module, "STEADY", 0)
    async with ChatClient(server.url) as client:
        client.attempt = 7
        await server.stop()
        await until(lambda: waits)
    assert waits[0] == 0


async def test_after_a_cut_that_the_server_has_not_noticed_it_has_its_own_name(
    server: ChatServer, join: Join
):
    bob = await join("Bob")
    async with Proxy(server.port) as proxy, ChatClient(proxy.url, "Ada") as ada:
        proxy.cut_unnoticed()
        await until(lambda: ada.state == "cut off")
        await say(bob, "are you there?")
        assert (await anext(ada)).message == "are you there?"
        assert ada.name == "Ada"
        assert members(server) == ["Bob", "Ada"]
        async with ChatClient(server.url, "Ada") as other:  # without that one's secret mark
            assert other.name == "Ada-2"


async def test_two_of_one_name_keep_theirs_when_the_server_comes_back(server: ChatServer):
    clients = [await ChatClient(server.url, name).connect() for name in ("Ada", "Ada", "")]
    assert [client.name for client in clients] == ["Ada", "Ada-2", "guest-1"]
    for client in clients:
        client.on_error(str)
    await server.stop()
    await until(lambda: {client.state for client in clients} == {"cut off"})
    async with serving(port=server.port) as after:
        await until(lambda: {client.state for client in clients} == {"connected"})
        assert {*members(after)} == {"Ada", "Ada-2", "guest-1"}
        assert [client.name for client in clients] == ["Ada", "Ada-2", "guest-1"]
        for client in clients:
            await client.close()


# Closing.


async def test_closing_twice_and_at_the_same_time_is_no_error(server: ChatServer):
    client = await ChatClient(server.url).connect()
    await asyncio.gather(client.close(), client.close())
    await client.close()
    await until(lambda: not members(server))


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
    await until(lambda: not members(server))
    assert client.state == "closed"


# Reading.


@UNHURRIED
async def test_a_full_inbox_loses_nothing(server: ChatServer, join: Join):
    bob = await join("Bob")
    async with ChatClient(server.url) as client:
        await until(lambda: len(members(server)) == 2)
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
        await until(lambda: len(members(server)) == 2)
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


async def test_a_cut_while_the_inbox_is_full_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_module, "INBOX", 3)
    log = f"sqlite:{tmp_path / 'chat.db'}"
    async with serving(log=log) as server, ChatClient(server.url, "Bob") as bob:
        ada = await ChatClient(server.url, "Ada").connect()
        await bob.send("is anybody reading?")
        await anext(ada)
        for number in range(10):
            await bob.send(str(number))
        await bob.confirmed()
        await until(ada.inbox.full)
    async with serving(log=log, port=server.port):
        assert [(await anext(ada)).message for _ in range(10)] == [str(n) for n in range(10)]
        await ada.send("after")
        assert (await anext(ada)).message == "after"
        await ada.close()


async def test_a_client_with_a_full_inbox_can_be_closed_and_what_it_holds_be_read(
    server: ChatServer, join: Join, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_module, "CLOSE_TIMEOUT", 0.05)
    monkeypatch.setattr(client_module, "INBOX", 3)
    bob = await join("Bob")
    client = await ChatClient(server.url).connect()
    await until(lambda: len(members(server)) == 2)
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
        await until(lambda: len(members(server)) == 2)
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
        await until(lambda: len(members(server)) == 2)
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
        frame = super().decode(text)
        return frame if "event" in frame else {"message": frame["message"]}


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


# What a stranger may send as Transit.


def test_brackets_in_one_another_are_read_once_each():
    with pytest.raises(FrameError):
        TRANSIT.decode("[" * 5000 + "]" * 5000)
    assert TRANSIT.decode("[" * 60 + "]" * 60) is not None  # doubled at each: 2 ** 60


async def test_brackets_in_one_another_do_not_stop_the_server(server: ChatServer, join: Join):
    stranger, bob = await join(codec=TRANSIT), await join("Bob")
    await stranger.send("[" * 60 + "]" * 60)
    async with asyncio.timeout(5):
        assert (await hear(stranger, TRANSIT))["error"] == "bad_message"
        await say(bob, "hi")
        assert (await hear(bob))["message"] == "hi"


# Several addresses of one chat, of which some misbehave.


async def test_whatever_answers_that_is_no_chat_is_passed_over(server: ChatServer):
    bad = answering("HTTP/1.1 502 Bad Gateway", "Content-Length: 0")
    async with bare_server(bad) as wrong, ChatClient([wrong, server.url], "Ada") as ada:
        assert members(server) == ["Ada"]
        assert ada.url == server.url


async def test_a_server_that_never_answers_holds_nobody_up_for_long(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(client_module, "CONNECT_TIMEOUT", 0.05)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with bare_server(say_nothing) as silent, ChatClient([silent, server.url], "Ada") as ada:
        assert ada.url == server.url


async def test_a_server_that_hangs_up_before_its_welcome_is_passed_over(server: ChatServer):
    async def hang_up(connection: ServerConnection) -> None:
        await connection.close()

    async with their_server(hang_up) as (_, url), ChatClient([url, server.url], "Ada") as ada:
        assert ada.url == server.url
        assert ada.state == "connected"


async def test_a_line_that_is_cut_is_taken_up_again_where_it_was(server: ChatServer):
    """A cut is no death: the same server answers, and has kept the place."""
    async with (
        serving() as other,
        Proxy(server.port) as proxy,
        ChatClient([proxy.url, other.url], "Ada") as ada,
    ):
        states: list[str] = []
        ada.on_state(states.append)
        proxy.cut_unnoticed()
        await until(lambda: states == ["cut off", "connected"])
        assert ada.url == proxy.url
        assert members(server) == ["Ada"]
        assert members(other) == []


async def test_while_it_looks_for_another_it_can_be_closed(server: ChatServer):
    looking = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        looking.set()
        await reader.read()

    async with bare_server(say_nothing) as silent:
        client = ChatClient([server.url, silent], "Ada")
        await client.connect()
        await server.stop()
        await asyncio.wait_for(looking.wait(), 10)
        await client.close()
        assert client.state == "closed"


async def test_no_sentence_about_several_addresses_holds_a_token():
    client = ChatClient(["http://127.0.0.1:1/?token=secret", "http://127.0.0.1:9/?token=secret"])
    with pytest.raises(ChatkitError) as no:
        await client.connect()
    assert "secret" not in f"{no.value}{client!r}"
