"""Exercise 05-2: a chat that counts its messages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import ipywidgets

from chatkit.guide.client import Client
from chatkit.guide.server import Server
from chatkit.lessons.engine.expect import (
    NotYetError,
    expect,
    listed,
    overrides,
    plain_def,
    shown,
    the_class,
)
from chatkit.lessons.engine.serving import in_time

TASK = "After each message, let the state say how many have come, such as `Messages: 2`."
STUB = """
class CountingChat(ChatWidget):
    count = 0

    def show(self, frame):
        super().show(frame)
"""
HINTS = (
    "`show` gets every frame, and an error is a frame too. Only a message has the key `message`. "
    "`self.say` changes the state.",
    "Keep `super().show(frame)`, which shows the frame. Below it, count only "
    '`if "message" in frame`, and give `self.say` an f-string with the number.',
)
SOLUTION = """
class CountingChat(ChatWidget):
    count = 0

    def show(self, frame):
        super().show(frame)
        if "message" in frame:
            self.count += 1
            self.say(f"Messages: {self.count}")
"""
SAY = 'self.say(f"Messages: {self.count}")'
IF = f'        if "message" in frame:\n            self.count += 1\n            {SAY}'
WRONG = {
    "always 1": ("{self.count}", "1", "`Messages: 2` as the state; what came: `Messages: 1`"),
    "errors counted": (
        IF,
        f"        self.count += 1\n        {SAY}",
        "the server's error as the state; what came: `Messages: 13`",
    ),
    "errors counted in silence": (
        IF,
        f'        self.count += 1\n        if "message" in frame:\n            {SAY}',
        "`Messages: 13` as the state; what came: `Messages: 14`",
    ),
    "empty messages not counted": (
        'if "message" in frame',
        'if frame.get("message")',
        "`Messages: 12` as the state after an empty message; what came: `Messages: 11`",
    ),
    "errors not shown": (
        "        super().show(frame)\n",
        '        if "message" in frame:\n            super().show(frame)\n',
        "the server's error as the state; what came: `Messages: 12`",
    ),
    "the messages in the list": (
        "{self.count}",
        "{len(self.list.messages)}",
        "`Messages: 11` as the state; what came: `Messages: 10`",
    ),
    "no super": (
        "        super().show(frame)\n",
        "",
        "the list to show “hello 1”; what came: an empty list",
    ),
    "from one": ("count = 0", "count = 1", "`Messages: 1` as the state; what came: `Messages: 2`"),
    "the class counts": (
        "self.count += 1",
        "CountingChat.count += 1",
        "`Messages: 1` as the state of a second chat; what came: `Messages: 1[45]`",
    ),
    "no self": ("self.count += 1", "count += 1", "raised UnboundLocalError in line"),
    "a print": (SAY, 'print(f"Messages: {self.count}")', "came: `connected`.*printed: Messages: 1"),
    "the widget replaced": (
        SAY,
        'self.state = f"Messages: {self.count}"',
        "to stay a Label; what came: 'Messages: 1'",
    ),
    "other words": ("Messages:", "Message", "`Messages: 1` as the state; what came: `Message 1`"),
    "other code": ("{self.count}", "{self.counter}", "raised AttributeError.*mean `count`"),
    "an async def": ("def show", "async def show", "a plain `def show`"),
    "another method": ("def show", "def receive", "a method `show` in CountingChat"),
}
RIGHT = {
    "set in __init__": (
        "    count = 0\n",
        "    def __init__(self, url):\n        self.count = 0\n        super().__init__(url)\n",
    ),
    "the label itself": (SAY, 'self.state.value = f"Messages: {self.count}"'),
    "match": (
        IF,
        '        match frame:\n            case {"message": _}:\n'
        '                self.count += 1\n                self.say(f"Messages: {self.count}")',
    ),
    "an iterator": (
        """
from itertools import count


class CountingChat(ChatWidget):
    def __init__(self, url):
        self.numbers = count(1)
        super().__init__(url)

    def show(self, frame):
        if frame.get("message") is not None:
            self.say("Messages: " + str(next(self.numbers)))
        super().show(frame)
""",
    ),
}


REFUSED = "the server's error as the state"


async def check(kind: Any) -> str:
    """Read the state after each message, after an error, and in a second chat."""
    the_class(kind, "CountingChat", object, "ChatWidget")
    overrides(kind, "ChatWidget", "show")
    plain_def(kind, "show")
    server = Server()
    server.start()
    try:
        async with Client(server.url) as grace, chat(kind, server.url) as first:
            for number in range(1, 12):
                await says(grace, f"hello {number}", first, number)
            await says(grace, "", first, 12, " after an empty message")
            await is_refused(first)
            await says(grace, "after an error", first, 13)
            async with chat(kind, server.url) as second:
                await says(grace, "to both", second, 1, " of a second chat")
                await says(grace, "to both again", first, 15)
    finally:
        await server.stop()
    return "it counted fifteen messages and no errors, and a second chat counted its own."


@asynccontextmanager
async def chat(kind: Any, url: str) -> AsyncIterator[Any]:
    """Make a widget and wait until it is connected; close it at the end."""
    widget, changed = kind(url), asyncio.Event()
    widget.state.observe(lambda _: changed.set(), "value")
    try:
        await in_time(changed.wait(), "the chat to connect")
        yield widget
    finally:
        widget.state = ipywidgets.Label()  # an answer may have replaced it
        widget.close()
        widget.reading.cancel()
        await asyncio.wait([widget.reading])


async def says(client: Client, text: str, widget: Any, number: int, which: str = "") -> None:
    """Send a message, and read the list and the state of a widget that receives it."""
    changed = asyncio.Event()
    widget.list.observe(lambda _: changed.set(), "value")
    widget.reading.add_done_callback(lambda _: changed.set())
    before = listed(widget.list.messages[-1:], "an empty list")
    await client.send(text)
    await in_time(changed.wait(), f"the list to show “{text}”", before)
    if widget.reading.done():
        widget.reading.result()  # raises the answer's error
    if not isinstance(widget.state, ipywidgets.Label):
        raise NotYetError("self.state to stay a Label", f"{shown(widget.state)}: use self.say")
    came, wanted = widget.state.value, f"Messages: {number}"
    expect(came, wanted, f"`{wanted}` as the state{which}", f"`{came}`")


async def is_refused(widget: Any) -> None:
    """Send a frame that the server refuses, and read its error in the state."""
    changed = asyncio.Event()
    widget.state.observe(lambda _: changed.set(), "value")
    await widget.client.socket.write_message("{}")
    await in_time(changed.wait(), REFUSED, f"`{widget.state.value}`")
    came = widget.state.value
    expect(came.startswith("Send an object"), True, REFUSED, f"`{came}`")
