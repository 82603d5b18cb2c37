"""Exercise 05-2: a chat that counts its messages."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from typing import Any

from chatkit.lessons.engine.expect import NotYetError, only_functions, shown, the_class
from chatkit.lessons.engine.serving import chat_clients, chat_server, soon

TASK = "Let the status line count the messages: `1 message`, then `2 messages` and so on."
STUB = '''
class CountingChat(ChatWidget):
    count = 0

    def __init__(self, url, name=""):
        super().__init__(url, name)
        self.client.on_message(self.heard)

    def heard(self, message):
        """Your code here."""
'''
HINTS = (
    "Add one to self.count. self.show(kind, words) writes the line, and the kind `connected` makes "
    "its dot green.",
    'Write `self.count += 1`, then self.show("connected", f"{self.count} messages"), and '
    "`message` without its s where the count is one.",
)
SOLUTION = """
class CountingChat(ChatWidget):
    count = 0

    def __init__(self, url, name=""):
        super().__init__(url, name)
        self.client.on_message(self.heard)

    def heard(self, message):
        self.count += 1
        self.show("connected", f"{self.count} message{'s' if self.count > 1 else ''}")
"""
SHOW = "self.show(\"connected\", f\"{self.count} message{'s' if self.count > 1 else ''}\")"
WRONG = {
    "always 1": (
        "{self.count} message",
        "1 message",
        "`2 messages` as the whole status line.*what came: `1 messages`",
    ),
    "no s": (
        "{'s' if self.count > 1 else ''}",
        "",
        "`2 messages` as the whole status line.*what came: `2 message`",
    ),
    "always an s": ("{'s' if self.count > 1 else ''}", "s", "`1 message` as.*came: `1 messages`"),
    "the message's id": (
        "self.count += 1",
        "self.count = message.id",
        "`10 messages` as the whole status line of a second chat.*came: `12 messages`",
    ),
    "the class counts": (
        "self.count += 1",
        "CountingChat.count += 1",
        "`10 messages` as the whole status line of a second chat.*came: `22 messages`",
    ),
    "the messages shown": (
        "self.count += 1",
        "self.count = len(self.list.messages)",
        "`12 messages` as the whole status line.*came: `10 messages`",
    ),
    "from one": (
        "count = 0",
        "count = 1",
        "`1 message` as the whole status line; what came: `2 messages`",
    ),
    "no self": ("self.count += 1", "count += 1", "raised UnboundLocalError in line"),
    "a print": (SHOW, 'print(f"{self.count} messages")', "Connected as Ada.*printed: 1 messages"),
    "the widget replaced": (
        SHOW,
        'self.status = f"{self.count} message"',
        "the same widget as before; what came: '1 message': change its `value`",
    ),
    "a new widget": (
        SHOW,
        'self.status = type(self.status)(f"{self.count} message")',
        "the same widget as before; what came: a new one, which is not on the page",
    ),
    "more and more words": (
        SHOW,
        "self.status.value += f\"{self.count} message{'s' if self.count > 1 else ''}\"",
        "`1 message` as the whole status line; what came: `Connected as Ada1 message`",
    ),
    "not its own": (
        "        self.count += 1\n",
        "        if message.name != self.client.name:\n            self.count += 1\n",
        "`2 messages` as.* once Ada has written one herself; what came: `1 message`",
    ),
    "no parameter for the message": (
        "heard(self, message)",
        "heard(self)",
        "`heard` is called with more values than its `def` accepts",
    ),
    "no words": (SHOW, 'self.show(f"{self.count} message")', "raised TypeError.*words"),
    "called too early": ("(self.heard)", "(self.heard())", "hand over the function itself"),
    "not registered": (
        "        self.client.on_message(self.heard)\n",
        "",
        "came: `Connected as Ada`",
    ),
}
RIGHT = {
    "set in __init__": ("(url, name)\n", "(url, name)\n        self.count = 0\n"),
    "a coroutine": ("def heard", "async def heard"),
    "the status itself": (
        SHOW,
        "self.status.value = '1 message' if self.count == 1 else f'<b>{self.count}</b> messages'",
    ),
    "a generator": (
        """
from itertools import count


class CountingChat(ChatWidget):
    def __init__(self, url, name=""):
        super().__init__(url, name)
        numbers = count(1)
        self.client.on_message(lambda message: self.tell_count(next(numbers)))

    def tell_count(self, number):
        self.show("connected", "1 message" if number == 1 else str(number) + " messages")
""",
    ),
    "another method": (
        """
class CountingChat(ChatWidget):
    count = 0

    def show_message(self, message):
        super().show_message(message)
        self.count += 1
        self.show("connected", f"{self.count} message" + "s" * (self.count != 1))
""",
    ),
}


async def check(kind: Any) -> str:
    """Read the line of a chat after each message, and that of a chat that comes later."""
    the_class(kind, "CountingChat", object, "ChatWidget")
    async with (
        chat_server(rate=None) as server,
        chat_clients(server.url, "Grace") as (grace,),
        chat(kind, server.url, "Ada") as ada,
    ):
        for sender, words, which in (
            (grace, "1 message", ""),
            (ada.client, "2 messages", " once Ada has written one herself"),
            (grace, "3 messages", ""),
        ):
            await sender.send("hello")
            await reads(ada, words, which)
        for _ in range(9):
            await grace.send("hello")
        await reads(ada, "12 messages")
        async with chat(kind, server.url, "Bob") as bob:
            await reads(bob, "10 messages", " of a second chat, which got the last ten")
            await grace.send("hello")
            await reads(bob, "11 messages", " of a second chat, which got one more")
            await reads(ada, "13 messages")
    return "it counted from 1 message to 13 messages, and a second chat counted its own."


@asynccontextmanager
async def chat(kind: Any, url: str, name: str) -> AsyncIterator[Any]:
    """Make a widget and close it at the end."""
    widget = kind(url, name)
    try:
        only_functions(widget.client)
        yield widget
    finally:
        widget.client.state_callbacks.clear()  # an answer may have spoilt its line
        widget.close()
        await asyncio.wrap_future(widget.leaving)


async def reads(widget: Any, words: str, which: str = "") -> None:
    """Wait until a widget's line has the words; NotYetError says what it has instead."""
    try:
        await soon(until(widget, words))
    except TimeoutError:
        expected = f"`{words}` as the whole status line{which}"
        raise NotYetError(expected, f"`{line_of(widget)}`") from None


async def until(widget: Any, words: str) -> None:
    """Return when a widget's line has the words."""
    changed = asyncio.Event()
    widget.status.observe(lambda _: changed.set(), "value")
    while line_of(widget) != words:
        await changed.wait()
        changed.clear()


def line_of(widget: Any) -> str:
    """Return what a widget's line says."""
    expected = "`self.status` to hold the same widget as before"
    if not hasattr(widget.status, "value"):
        raise NotYetError(expected, f"{shown(widget.status)}: change its `value`, or use self.show")
    if widget.status not in widget.children:
        raise NotYetError(expected, "a new one, which is not on the page: change its `value`")
    return unescape(re.sub("<[^>]*>", "", widget.status.value)).strip()
