"""The checks of lesson 05."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from html import unescape
from html.parser import HTMLParser
from inspect import isawaitable
from typing import Any

from chatkit.client import ChatClient
from chatkit.lessons.checking import NotYetError, exercise, returned, shown, the_class
from chatkit.messages import Message
from chatkit.server import ChatServer

PATIENCE = 1.0  # seconds that a status line gets to change
NAME = "<img src=x onerror=alert(1)>"
TEXTS = ("1 < 2 & 3", "<script>alert(2)</script>")


class Listener:
    """Calls what is to hear of a message, and keeps the first error: a client only logs it."""

    def __init__(self, callback: Callable[[Message], Any]) -> None:
        self.callback = callback
        self.error: Exception | None = None

    async def __call__(self, message: Message) -> None:
        """Hand on one message."""
        try:
            result = self.callback(message)
            if isawaitable(result):
                await result
        except Exception as error:
            self.error = self.error or error


@asynccontextmanager
async def room_with(name: str) -> AsyncIterator[ChatClient]:
    """Run a server for a while, with one client in its room that hears what it says."""
    server = await ChatServer(port=0).start()
    try:
        async with ChatClient(server.url, name) as speaker:
            yield speaker
    finally:
        await server.stop()


async def tell(speaker: ChatClient, texts: Sequence[str], listener: Listener) -> None:
    """Send texts over the socket, and hand each message that comes back to the listener."""
    for text in texts:
        await speaker.send(text)
        await listener(await anext(speaker))
    if listener.error:
        raise listener.error


@exercise(
    "05-1",
    "`MessageList` has a trait that says how many messages it keeps: look at its class.",
    "a trait can be given when the list is made: `small = MessageList(limit=3)`. (SHOWN is what it "
    "is otherwise, and was looked up when the class was made.)",
)
async def keeps_three(small: Any) -> str:
    """Tell the list five messages that came over a socket, and see which it shows."""
    if isinstance(small, type) or not hasattr(small, "add"):
        raise NotYetError("a MessageList in `small`", returned(small, "nothing"))
    texts = ["one", "two", "three", "four", "five"]
    small.messages = []
    async with room_with("Grace") as speaker:
        await tell(speaker, texts, Listener(small.add))
    kept = [message["message"] for message in small.messages]
    if kept != texts[-3:]:
        raise NotYetError("the last three of five messages", ", ".join(kept) or "none")
    return "five messages came over the socket, and it shows three, four and five."


@exercise(
    "05-2",
    "in `heard`, add one to self.count; self.show(kind, words) writes the line, and the kind "
    "`connected` makes its dot green.",
    '`self.count += 1`, then self.show("connected", f"{self.count} messages"); and where the '
    "count is one, `message` without its s.",
)
async def counts(kind: Callable[..., Any]) -> str:
    """Show the widget three messages of somebody else, and read its line after each."""
    the_class(kind, "CountingChat", object)
    async with room_with("Grace") as speaker:
        chat = kind(speaker.url, "Ada")
        listeners = [Listener(callback) for callback in chat.client.message_callbacks]
        chat.client.message_callbacks[:] = listeners
        try:
            await reads(chat, "Connected as Ada")
            for words in ("1 message", "2 messages", "3 messages"):
                await speaker.send("hello")
                line = await reads(chat, words)
                for listener in listeners:
                    if listener.error:
                        raise listener.error
                if words not in line or "1 messages" in line:
                    raise NotYetError(f"a line that says `{words}`", f"`{line}`")
        finally:
            chat.client.state_callbacks.clear()  # an answer may have spoilt its line
            chat.close()
            await asyncio.wrap_future(chat.leaving)
    return "somebody else sent three messages, and after the last the line said 3 messages."


async def reads(chat: Any, words: str) -> str:
    """Wait until a widget's line has the words, but not for long; return what it says."""
    said, changed = line_of(chat), asyncio.Event()
    chat.status.observe(lambda change: changed.set(), "value")
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while words not in said:
                await changed.wait()
                changed.clear()
                said = line_of(chat)
    return line_of(chat)


def line_of(chat: Any) -> str:
    """Return what a widget's line says."""
    if not hasattr(chat.status, "value"):
        raise NotYetError("a widget in `self.status`, as before", f"{chat.status!r}")
    return text_of(chat.status.value)


class Browser(HTMLParser):
    """Reads HTML as a browser does: which elements there are, and which text stands in them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.texts: list[str] = []
        self.bold: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the start of an element."""
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        """Take some text."""
        self.texts.append(data)
        if self.elements and self.elements[-1] in ("b", "strong"):
            self.bold.append(data)


def text_of(html: str) -> str:
    """Return the text that a browser shows for some HTML."""
    return "".join(Browser(html).texts)


@exercise(
    "05-3",
    "a message holds two texts that people write, and only one of them is escaped.",
    "people choose their names: escape(message.name), as well as the text.",
)
async def escapes_names(kind: Callable[[], Any]) -> str:
    """Tell the list messages of somebody with a hostile name, and read it as a browser would."""
    plain = kind() if callable(kind) else kind
    if not hasattr(plain, "add"):
        raise NotYetError("the class PlainList, with its method add", shown(kind))
    async with room_with(NAME) as speaker:
        await tell(speaker, TEXTS, Listener(plain.add))
        name = speaker.name
    page = Browser(plain.value)
    text = "".join(page.texts)
    for element in ("img", "script"):
        if element in page.elements:
            raise NotYetError(
                f"the text `<{element} …>` to read", f"an element <{element}>, at work"
            )
    if "<b>" in text or "<p>" in text:
        raise NotYetError("the name in bold", "your own tags as text, for they are escaped, too")
    if name not in text and name in unescape(text):
        raise NotYetError("each text escaped once", "the name was escaped twice")
    if name not in text:
        raise NotYetError(f"the name {name} to read", f"`{text}`")
    if not all(one in unescape(text) for one in TEXTS):
        raise NotYetError("both messages to read", f"`{text}`")
    if not all(one in text for one in TEXTS):
        raise NotYetError("each text escaped once", "the message was escaped twice")
    if name not in page.bold:
        raise NotYetError("the name in bold", "it stands there like the rest")
    return f"somebody called {name} came in over the socket, and nothing ran."
