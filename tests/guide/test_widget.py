"""The widget without a browser: what it shows, and what it does with what somebody typed."""

import asyncio
import json
from typing import Any

import comm.base_comm
import ipywidgets
import pytest

from chatkit.guide import client as guide_client
from chatkit.guide.server import launch
from chatkit.guide.widget import SHOWN, ChatWidget, HomePage, MessageInput, MessageList
from tests.guide.peers import LIMIT, join, receive, send

pytestmark = pytest.mark.usefixtures("no_error_is_logged", "no_socket_is_left")

HOSTILE = "<img src=x onerror=alert(1)> & \"quotes\" 'too'"
ESCAPED = "&lt;img src=x onerror=alert(1)&gt; &amp; &quot;quotes&quot; &#x27;too&#x27;"


class Comm(comm.base_comm.BaseComm):
    """A connection to a browser that isn't there. It keeps what was sent."""

    def __init__(self, **options: Any) -> None:
        self.sent: list[Any] = []
        super().__init__(**options)

    def publish_msg(self, msg_type: str, data: Any = None, **_: Any) -> None:
        self.sent.append(json.loads(json.dumps(data)))


@pytest.fixture(autouse=True)
def browser(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("comm.create_comm", Comm)
    monkeypatch.setattr(guide_client, "WAIT", 0.02)
    yield
    ipywidgets.Widget.close_all()


def type_in(field: MessageInput, text: str) -> None:
    """Do what the browser does when somebody has typed a text and presses Enter."""
    data = {"method": "custom", "content": {"text": text}}
    field.comm.handle_msg({"content": {"data": data}, "buffers": []})


def given_back(field: MessageInput) -> list[str]:
    """Return the texts that the browser was told to put back into the field."""
    customs = [each["content"] for each in field.comm.sent if each.get("method") == "custom"]
    return [content["unsent"] for content in customs]


async def becomes(widget: ipywidgets.Widget, value: str) -> None:
    """Wait until a label or a list has a value."""
    changed = asyncio.Event()
    widget.observe(lambda change: changed.set(), "value")
    async with asyncio.timeout(LIMIT):
        while widget.value != value:
            changed.clear()
            await changed.wait()


# The list


def test_the_list_shows_messages_in_order():
    messages = MessageList()
    messages.add("one")
    messages.add("two")
    assert messages.value == "<ul><li>one</li><li>two</li></ul>"


def test_the_list_keeps_the_last_ten():
    messages = MessageList()
    for n in range(SHOWN + 3):
        messages.add(f"message {n}")
    assert messages.messages == [f"message {n}" for n in range(3, 13)]
    assert messages.value.count("<li>") == 10
    assert "message 2<" not in messages.value


def test_markup_is_shown_as_text():
    messages = MessageList()
    messages.add(HOSTILE)
    assert messages.value == f"<ul><li>{ESCAPED}</li></ul>"


# The field


def test_the_field_submits_what_somebody_typed():
    texts = []
    field = MessageInput(texts.append)
    type_in(field, "hi")
    type_in(field, HOSTILE)
    assert texts == ["hi", HOSTILE]


def test_the_field_gives_a_text_back():
    field = MessageInput(lambda text: None)
    field.give_back("not sent")
    assert given_back(field) == ["not sent"]


# The parts together


def test_the_home_page_shows_messages_and_errors():
    home = HomePage(lambda text: None)
    home.show({"message": "hi"})
    assert home.list.messages == ["hi"]
    home.show({"error": "bad_message", "detail": "Send an object."})
    assert home.state.value == "Send an object."
    assert home.children == (home.list, home.state, home.input)


@pytest.mark.parametrize("frame", [None, [], {}, {"event": "x"}, {"message": 1}, {"detail": None}])
def test_the_home_page_ignores_a_frame_that_it_does_not_know(frame):
    home = HomePage(lambda text: None)
    home.show(frame)
    assert (home.list.messages, home.state.value) == ([], "connecting")


# The chat


async def test_the_widget_shows_what_others_and_its_own_user_send(server):
    widget = ChatWidget(server.url)
    await becomes(widget.state, "connected")
    async with join(server.url) as bob:
        await send(bob, {"message": "from Bob"})
        await becomes(widget.list, "<ul><li>from Bob</li></ul>")
        assert await receive(bob) == {"message": "from Bob"}
        type_in(widget.input, "from Ada")
        assert await receive(bob) == {"message": "from Ada"}
        await becomes(widget.list, "<ul><li>from Bob</li><li>from Ada</li></ul>")
    widget.close()
    await widget.reading


async def test_a_text_may_come_from_another_thread(server):
    asyncio.get_running_loop().set_debug(True)  # so that the loop refuses calls of other threads
    widget = ChatWidget(server.url)
    await becomes(widget.state, "connected")
    await asyncio.to_thread(type_in, widget.input, "hi")
    await becomes(widget.list, "<ul><li>hi</li></ul>")
    widget.close()
    await widget.reading


async def test_the_servers_error_is_shown(server):
    widget = ChatWidget(server.url)
    await becomes(widget.state, "connected")
    await widget.client.socket.write_message("no JSON")
    changed = asyncio.Event()
    widget.state.observe(lambda change: changed.set(), "value")
    async with asyncio.timeout(LIMIT):
        await changed.wait()
    assert widget.state.value.startswith("This is not JSON")
    widget.close()
    await widget.reading


async def test_a_text_that_can_not_be_sent_is_given_back(server):
    widget = ChatWidget(server.url)
    await becomes(widget.state, "connected")
    await server.stop()
    await becomes(widget.state, "cut off")
    type_in(widget.input, "lost?")
    await becomes(widget.state, "There is no connection, so nothing was sent.")
    assert given_back(widget.input) == ["lost?"]
    widget.close()
    await widget.reading


async def test_the_widget_comes_back_and_keeps_its_list(launched):
    widget = ChatWidget(launched.url)
    await becomes(widget.state, "connected")
    type_in(widget.input, "before")
    await becomes(widget.list, "<ul><li>before</li></ul>")
    await asyncio.to_thread(launched.stop)
    await becomes(widget.state, "cut off")
    await asyncio.to_thread(launch, launched.port)
    await becomes(widget.state, "connected")
    type_in(widget.input, "after")
    await becomes(widget.list, "<ul><li>before</li><li>after</li></ul>")
    widget.close()
    await widget.reading


async def test_a_widget_without_a_server_connects_once_there_is_one(launched):
    await asyncio.to_thread(launched.stop)
    widget = ChatWidget(launched.url)
    type_in(widget.input, "too early")
    await becomes(widget.state, "There is no connection, so nothing was sent.")
    assert given_back(widget.input) == ["too early"]
    await asyncio.to_thread(launch, launched.port)
    await becomes(widget.state, "connected")
    widget.close()
    await widget.reading


async def test_closing_the_widget_leaves_the_chat(server):
    widget = ChatWidget(server.url)
    await becomes(widget.state, "connected")
    (channel,) = server.broadcaster.channels
    widget.close()
    async with asyncio.timeout(LIMIT):
        await channel.closed.wait()
        await widget.reading
    assert server.broadcaster.channels == set()
    assert widget.comm is None
