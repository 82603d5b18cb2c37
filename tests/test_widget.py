"""The widget without a browser: what it tells the browser's half, and what it does when told."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from html import unescape
from typing import Any

import comm.base_comm
import ipywidgets
import pytest
from tornado.testing import bind_unused_port
from websockets.asyncio.server import ServerConnection

from chatkit import widget as module
from chatkit.client import ChatClient
from chatkit.messages import Message
from chatkit.paths import STATIC
from chatkit.server import ChatServer
from chatkit.widget import SHOWN, ChatWidget, MessageInput, MessageList
from tests.conftest import members, serving
from tests.conftest import until as becomes
from tests.faults import their_server

LIMIT = 10.0  # seconds
HOSTILE = "<img src=x onerror=alert(1)>"
Make = Callable[..., ChatWidget]


class Comm(comm.base_comm.BaseComm):
    """The line to a browser that isn't there: it keeps what was sent."""

    def __init__(self, **options: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        super().__init__(**options)

    def publish_msg(self, msg_type: str, data: Any = None, **_: Any) -> None:
        self.sent.append({"type": msg_type, **json.loads(json.dumps(data))})


@pytest.fixture(autouse=True)
def comms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("comm.create_comm", Comm)
    monkeypatch.setattr("chatkit.client.FIRST_WAIT", 0.01)
    monkeypatch.setattr(module, "_places", {})
    yield
    ipywidgets.Widget.close_all()


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """A function that makes ChatWidgets; they have left when the test is over."""
    made: list[ChatWidget] = []

    def make_one(url: str, name: str = "", room: str = "") -> ChatWidget:
        made.append(ChatWidget(url, name, room))
        return made[-1]

    yield make_one
    for chat in made:
        await left(chat)


async def cut_off(make: Make) -> tuple[ChatWidget, int]:
    """A chat of Ada's whose server has gone, and the port on which it was."""
    server = await ChatServer(port=0).start()
    chat = make(server.url, "Ada")
    await reads(chat, "Connected as Ada")
    await server.stop()
    await reads(chat, "No chat answers")
    return chat, server.port


async def left(chat: ChatWidget) -> None:
    """Close a widget and wait until it has left the room."""
    chat.close()
    await asyncio.wrap_future(chat.leaving)


async def until(widget: ipywidgets.Widget, trait: str, wanted: Callable[[Any], object]) -> None:
    """Wait until a trait has a value as wanted."""
    changed = asyncio.Event()
    widget.observe(lambda change: changed.set(), trait)
    async with asyncio.timeout(LIMIT):
        while not wanted(getattr(widget, trait)):
            await changed.wait()
            changed.clear()


async def reads(chat: ChatWidget, words: str) -> None:
    """Wait until a widget's line says so."""
    await until(chat.status, "value", lambda html: words in unescape(html))


async def shows(chat: ChatWidget, *texts: str) -> None:
    """Wait until a widget's list shows these messages."""
    said = lambda shown: [m["message"] for m in shown if "message" in m]  # noqa: E731
    await until(chat.list, "messages", lambda shown: said(shown) == list(texts))


def browser_says(widget: ipywidgets.Widget, **content: Any) -> None:
    """Hand over what the browser sends."""
    data = {"method": "custom", "content": content}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})


def press_enter(box: MessageInput, text: str) -> None:
    """Hand over what the browser sends for one Enter."""
    browser_says(box, text=text)


def told(widget: ipywidgets.Widget) -> list[dict[str, Any]]:
    """What the browser's half was told, besides values."""
    return [message["content"] for message in widget.comm.sent if message.get("method") == "custom"]


async def are_here(server: ChatServer, *names: str) -> None:
    """Wait until these people are in the room, and nobody else."""
    await becomes(lambda: sorted(members(server)) == list(names))


def test_the_list_keeps_the_last_ten_the_newest_at_the_end():
    shown = MessageList()
    for number in range(1, 16):
        shown.add(Message("hi", id=number, name="Ada"))
    assert SHOWN == 10
    assert [message["id"] for message in shown.messages] == list(range(6, 16))


def test_the_browser_hears_of_each_message():
    shown = MessageList(limit=2)
    for text in ("one", "two", "three"):
        shown.add(Message(text, id=1, name="Ada", time=2.5))
    updates = [message["state"] for message in shown.comm.sent if message.get("method") == "update"]
    texts = [[message["message"] for message in state["messages"]] for state in updates]
    assert texts == [["one"], ["one", "two"], ["two", "three"]]
    assert updates[-1]["messages"][-1] == {"message": "three", "id": 1, "name": "Ada", "time": 2.5}


@pytest.mark.parametrize(
    ("kind", "file"), [(MessageList, "view.js"), (MessageInput, "message-input.js")]
)
def test_the_other_half_is_the_pages_own_file(kind: type, file: str):
    assert str(kind._esm) == (STATIC / file).read_text(encoding="utf-8")


def test_each_enter_is_one_whole_text():
    heard: list[str] = []
    box = MessageInput(heard.append, lambda: heard.append("typing"))
    for text in ("hello", "wor\nld", HOSTILE):
        press_enter(box, text)
    browser_says(box, typing=True)
    browser_says(box, nonsense=1)
    assert heard == ["hello", "wor\nld", HOSTILE, "typing"]


def test_a_text_can_be_given_back():
    box = MessageInput(str, str)
    box.give_back("hello")
    assert told(box) == [{"unsent": "hello"}]


async def test_what_one_types_all_see_once_and_in_order(server: ChatServer, make: Make):
    ada, grace = make(server.url, "Ada"), make(server.url, "Grace")
    await reads(ada, "Connected as Ada")
    await reads(grace, "Connected as Grace")
    for text in ("one", "two", HOSTILE):
        press_enter(ada.input, text)
    for chat in (ada, grace):
        await shows(chat, "one", "two", HOSTILE)
    assert {message["name"] for message in grace.list.messages} == {"Ada"}
    assert told(ada.input) == []


async def test_a_thread_may_hand_over_what_was_typed(server: ChatServer, make: Make):
    chat = make(server.url, "Ada")
    await reads(chat, "Connected as Ada")
    loops, send = [], chat.client.send

    async def watched(text: str) -> None:
        loops.append(asyncio.get_running_loop())
        await send(text)

    async def elsewhere() -> None:  # a kernel's subshell is a thread with a loop of its own
        press_enter(chat.input, "from a thread")

    chat.client.send = watched
    await asyncio.to_thread(asyncio.run, elsewhere())
    await shows(chat, "from a thread")
    assert loops == [chat.loop]


async def test_work_that_fails_is_logged(make: Make, caplog: pytest.LogCaptureFixture):
    async def fail() -> None:
        raise ZeroDivisionError("a fault of ours")

    async with serving() as server:  # the fixture of that name allows no errors in the log
        make(server.url).do(fail())
        await becomes(lambda: "a fault of ours" in caplog.text)


async def test_the_line_tells_the_state_and_the_name_as_granted(server: ChatServer, make: Make):
    async with ChatClient(server.url, "Ada"):
        chat = make(server.url, "Ada")
        assert "Connecting …" in chat.status.value
        await reads(chat, "Connected as Ada-2")
        assert chat.input.enabled
        assert chat.list.name == "Ada-2"
        await left(chat)
        assert not chat.input.enabled


async def test_where_no_server_is_it_says_so_and_goes_on_trying(make: Make):
    listener, port = bind_unused_port()
    listener.close()
    chat = make(f"http://127.0.0.1:{port}/", "Ada")
    await reads(chat, f"No chat answers at http://127.0.0.1:{port}/: trying again …")
    server = await ChatServer(port).start()
    await reads(chat, "Connected as Ada")
    await left(chat)
    await server.stop()


async def test_it_comes_back_after_a_cut(make: Make):
    chat, port = await cut_off(make)
    again = await ChatServer(port).start()
    await reads(chat, "Connected as Ada")
    assert chat.list.messages == [{"note": "Some messages from while you were away may be gone."}]
    press_enter(chat.input, "still here")
    await until(chat.list, "messages", lambda shown: len(shown) == 2)
    assert chat.list.messages[1]["message"] == "still here"
    await left(chat)
    await again.stop()


async def test_a_text_that_is_typed_while_the_line_is_down_waits_for_it(make: Make):
    chat, port = await cut_off(make)
    press_enter(chat.input, "precious")
    await until(chat.list, "pending", bool)
    assert [waiting["message"] for waiting in chat.list.pending] == ["precious"]
    again = await ChatServer(port).start()
    await shows(chat, "precious")
    assert chat.list.pending == []
    assert told(chat.input) == []
    await left(chat)
    await again.stop()


async def test_a_text_that_the_server_will_never_take_comes_back(make: Make):
    async def refuse(socket: ServerConnection) -> None:
        await socket.send(json.dumps({"event": "welcome", "name": "Ada", "room": "lobby"}))
        async for text in socket:
            if key := json.loads(text).get("key"):
                no = {"error": "bad_message", "detail": "Not that.", "key": key}
                await socket.send(json.dumps(no))

    async with their_server(refuse) as (_, url):
        chat = make(url, "Ada")
        await reads(chat, "Connected as Ada")
        press_enter(chat.input, "rubbish")
        await reads(chat, "Not that.")
        assert told(chat.input) == [{"unsent": "rubbish"}]
        assert chat.list.pending == []
        assert 'data-state="error"' in chat.status.value
        await left(chat)


async def test_an_objection_goes_when_the_message_is_confirmed_after_all(
    make: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("chatkit.client.RETRY_WAIT", 0.01)
    may_store = asyncio.Event()

    async def store_later(socket: ServerConnection) -> None:
        await socket.send(json.dumps({"event": "welcome", "name": "Ada", "room": "lobby"}))
        async for text in socket:
            frame = json.loads(text)
            if may_store.is_set() and "message" in frame:
                await socket.send(json.dumps(frame | {"id": 1, "name": "Ada", "time": 1.5}))
            elif "message" in frame:
                no = {"error": "log_unavailable", "detail": "Not now.", "key": frame["key"]}
                await socket.send(json.dumps(no))

    async with their_server(store_later) as (_, url):
        chat = make(url, "Ada")
        await reads(chat, "Connected as Ada")
        press_enter(chat.input, "hello")
        await reads(chat, "Not now.")
        may_store.set()
        await reads(chat, "Connected as Ada")
        await shows(chat, "hello")
        await left(chat)


async def test_it_shows_who_is_here_who_comes_and_goes_and_who_types(
    server: ChatServer, make: Make
):
    chat = make(server.url, "Ada", "python")
    await until(chat.list, "members", lambda names: names == ["Ada"])
    async with (
        ChatClient(server.url, "Elsewhere"),
        ChatClient(server.url, "Bob", room="python") as bob,
    ):
        await until(chat.list, "news", lambda news: news == "Bob joined")
        assert (chat.list.room, chat.list.members, chat.list.count) == ("python", ["Ada", "Bob"], 2)
        await bob.typing()
        await until(chat.list, "typing", lambda names: names == ["Bob"])
        browser_says(chat.input, typing=True)
        await bob.send("typed")
        await shows(chat, "typed")
        assert chat.list.typing == []
    await until(chat.list, "members", lambda names: names == ["Ada"])


async def test_one_can_go_to_another_room(server: ChatServer, make: Make):
    async with ChatClient(server.url, "Bob", room="python") as bob:
        await bob.send("here we talk of Python")
        chat = make(server.url, "Ada")
        await until(chat.list, "rooms", lambda rooms: rooms == {"lobby": 1, "python": 1})
        press_enter(chat.input, "hello, lobby")
        await shows(chat, "hello, lobby")
        browser_says(chat.list, room="python")
        await shows(chat, "here we talk of Python")
        await until(chat.list, "members", lambda names: names == ["Bob", "Ada"])
        assert chat.list.room == "python"
        press_enter(chat.input, "hello, Python")
        await shows(chat, "here we talk of Python", "hello, Python")


async def test_of_two_rooms_chosen_at_once_one_is_entered(server: ChatServer, make: Make):
    chat = make(server.url, "Ada")
    await until(chat.list, "rooms", bool)
    browser_says(chat.list, room="python")
    browser_says(chat.list, room="tea")
    await becomes(lambda: members(server, "tea") == ["Ada"] and not members(server, "lobby"))
    assert members(server, "python") == []
    await left(chat)
    assert not server.rooms.visitors


async def test_who_is_closed_on_the_way_to_another_room_has_left(server: ChatServer, make: Make):
    chat = make(server.url, "Ada")
    await until(chat.list, "rooms", bool)
    before = chat.client
    moving = asyncio.create_task(chat.move("python"))
    await left(chat)
    await moving
    assert chat.client is before
    assert not server.rooms.visitors


async def test_a_text_that_could_not_leave_does_not_go_to_another_room(make: Make):
    chat, port = await cut_off(make)
    press_enter(chat.input, "for the lobby")
    await until(chat.list, "pending", bool)
    browser_says(chat.list, room="python")
    await becomes(lambda: told(chat.input) == [{"unsent": "for the lobby"}])
    again = await ChatServer(port).start()
    await until(chat.list, "room", lambda room: room == "python")
    assert await again.log.span("python") == (1, 0)
    assert chat.list.messages == chat.list.pending == []
    await left(chat)
    await again.stop()


async def test_one_who_comes_in_sees_the_last_messages(server: ChatServer, make: Make):
    async with ChatClient(server.url, "Bob") as bob:
        for number in range(12):
            await bob.send(str(number))
        await bob.confirmed()
    chat = make(server.url, "Ada")
    await shows(chat, *map(str, range(2, 12)))


async def test_a_text_that_cannot_be_written_is_given_back(server: ChatServer, make: Make):
    chat = make(server.url, "Ada")
    await reads(chat, "Connected as Ada")
    press_enter(chat.input, "half a pair: \ud83d")
    await reads(chat, "surrogate")
    assert told(chat.input) == [{"unsent": "half a pair: \ud83d"}]
    press_enter(chat.input, "whole")
    await shows(chat, "whole")
    await reads(chat, "Connected as Ada")


async def test_a_servers_objection_is_shown_as_text(make: Make):
    async def object_to_everything(socket: ServerConnection) -> None:
        await socket.send(json.dumps({"error": "no", "detail": f"I do not like {HOSTILE}."}))
        await socket.wait_closed()

    async with their_server(object_to_everything) as (_, url):
        chat = make(url, "Ada")
        await reads(chat, f"I do not like {HOSTILE}.")
        assert "<img" not in chat.status.value
        await left(chat)


async def test_a_hostile_name_is_shown_as_text(server: ChatServer, make: Make):
    chat = make(server.url, HOSTILE)
    await reads(chat, f"Connected as {HOSTILE}")
    assert "<img" not in chat.status.value


async def test_a_cell_run_again_leaves_no_client_behind(server: ChatServer, make: Make):
    first = make(server.url, "Ada")
    other = make(server.url, "Grace")
    await reads(first, "Connected as Ada")
    await reads(other, "Connected as Grace")
    second = make(server.url, "Ada")
    third = make(server.url, "Ada")
    await reads(third, "Connected as Ada")
    press_enter(third.input, "me again")
    await shows(third, "me again")
    assert third.list.messages[0]["name"] == "Ada"
    await are_here(server, "Ada", "Grace")
    assert (first.comm, second.comm) == (None, None)
    assert other.comm is not None


async def test_closing_leaves_the_room_and_takes_the_parts_away(server: ChatServer, make: Make):
    chat = make(server.url, "Ada")
    await reads(chat, "Connected as Ada")
    await left(chat)
    chat.close()  # twice is no error
    await are_here(server)
    assert [part.comm for part in (chat, *chat.children)] == [None] * 4
    assert chat.client.state == "closed"


async def test_closed_before_it_could_join_it_never_does(server: ChatServer, make: Make):
    first = make(server.url, "Ada")
    await reads(first, "Connected as Ada")
    second = make(server.url, "Ada")
    await left(second)
    await second.joining
    await are_here(server)
    assert second.client.state == "closed"


async def test_an_address_that_is_none_is_told_of_at_once(make: Make):
    with pytest.raises(module.ChatkitError, match="no address of a chat"):
        make("nonsense")


async def test_where_widgets_cannot_be_drawn_a_sentence_stands(make: Make):
    chat = make("http://127.0.0.1:9/", "Ada")
    words = "ChatWidget(http://127.0.0.1:9/): run this cell to chat"
    assert repr(chat) == words
    assert chat._repr_mimebundle_()["text/plain"] == words
    await left(chat)
    assert repr(chat) == words


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh Python has loaded after some code."""
    code += "\nimport sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_chatkit_loads_itself_and_a_little_of_the_standard_library():
    loaded = loaded_by("import chatkit") - loaded_by("")
    assert "chatkit" in loaded
    assert {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names} == {
        "chatkit"
    }
    assert "asyncio" not in loaded


def test_a_server_loads_nothing_of_a_notebook():
    loaded = loaded_by("from chatkit import ChatClient, ChatServer, launch")
    assert loaded & {"anywidget", "ipywidgets", "IPython", "traitlets"} == set()


# Several addresses of one chat.

DEAD = "http://127.0.0.1:9/"


async def test_of_several_addresses_it_takes_one_that_answers(server: ChatServer, make: Make):
    chat = make([DEAD, server.url], "Ada")
    await reads(chat, "Connected as Ada")
    await are_here(server, "Ada")


async def test_in_another_room_it_still_knows_all_addresses(server: ChatServer, make: Make):
    chat = make([DEAD, server.url], "Ada")
    await reads(chat, "Connected as Ada")
    browser_says(chat.list, room="python")
    await becomes(lambda: members(server, "python") == ["Ada"])
    assert [*chat.client.urls] == [server.url, DEAD]


async def test_made_again_with_the_same_addresses_it_takes_the_place_of_the_one_before(
    server: ChatServer, make: Make
):
    first = make([DEAD, server.url], "Ada")
    await reads(first, "Connected as Ada")  # by now it has another order of them
    second = make([DEAD, server.url], "Ada")
    await reads(second, "Connected as Ada")
    await are_here(server, "Ada")
    assert first.comm is None
    third = make([server.url, DEAD], "Ada")
    await reads(third, "Connected as Ada")
    await are_here(server, "Ada")
    assert second.comm is None


async def test_other_addresses_are_another_widget(server: ChatServer, make: Make):
    first = make([DEAD, server.url], "Ada")
    await reads(first, "Connected as Ada")
    second = make(server.url, "Ada")
    await reads(second, "Connected as Ada-2")
    assert first.comm is not None


@pytest.mark.parametrize("urls", [[], [DEAD, "nonsense"]], ids=repr)
async def test_no_address_or_a_wrong_one_among_others_is_told_of_at_once(urls: Any, make: Make):
    with pytest.raises(module.ChatkitError, match="no address of a chat"):
        make(urls)


async def test_where_none_answers_it_names_the_one_that_it_tries(make: Make):
    chat = make([DEAD, "http://127.0.0.1:1/"], "Ada")
    await reads(chat, "No chat answers at http://127.0.0.1")
    assert repr(chat) == f"ChatWidget({chat.client.place}): run this cell to chat"
