"""The chat as a notebook widget: a list, an input and the state of the line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from html import escape
from typing import Any

import anywidget
import ipywidgets
import msgspec
import traitlets

from chatkit.client import MISSED, ChatClient, State, Urls
from chatkit.messages import ChatkitError, Message
from chatkit.paths import STATIC
from chatkit.presence import Presence

SHOWN = 10  # messages, as many as the guide's buffer


class MessageList(anywidget.AnyWidget):
    """The last ten messages and who is here, drawn by the page's own `view.js`.

    The guide's `message-list`.
    """

    _esm = STATIC / "view.js"
    _css = STATIC / "chat.css"
    messages = traitlets.List(traitlets.Dict()).tag(sync=True)
    pending = traitlets.List(traitlets.Dict()).tag(sync=True)
    name = traitlets.Unicode().tag(sync=True)
    room = traitlets.Unicode().tag(sync=True)
    members = traitlets.List(traitlets.Unicode()).tag(sync=True)
    count = traitlets.Int().tag(sync=True)
    typing = traitlets.List(traitlets.Unicode()).tag(sync=True)
    news = traitlets.Unicode().tag(sync=True)
    rooms = traitlets.Dict().tag(sync=True)
    limit = traitlets.Int(SHOWN).tag(sync=True)

    def add(self, message: Message) -> None:
        """Add a message at the end and keep the last ten. The guide's `update-messages!`."""
        self.messages = [*self.messages, msgspec.to_builtins(message)][-self.limit :]


class MessageInput(anywidget.AnyWidget):
    """A field that sends what one typed in one whole piece. The guide's `message-input`."""

    _esm = STATIC / "message-input.js"
    _css = STATIC / "chat.css"
    placeholder = traitlets.Unicode("Type in a message and press Enter").tag(sync=True)
    enabled = traitlets.Bool(True).tag(sync=True)

    def __init__(self, submit: Callable[[str], object], typing: Callable[[], object]) -> None:
        super().__init__()
        self.submit = submit
        self.typing = typing
        self.on_msg(self.receive)

    def receive(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        """Take what the browser sends: `{"text": …}` for one Enter, or that one is typing."""
        match content:
            case {"text": str(text)}:
                self.submit(text)
            case {"typing": True}:
                self.typing()

    def give_back(self, text: str) -> None:
        """Put a text that could not be sent back into the field, before what was typed since."""
        self.send({"unsent": text})


_places: dict[tuple[object, str, str], ChatWidget] = {}


class ChatWidget(ipywidgets.VBox):
    """A chat in a notebook, with a client of its own. The guide's `home-page` and `init!`.

    `url` is the address of the page, or several of one chat. Where no server answers it says so,
    and goes on trying. A room has one widget for each name: made again, as when a cell is run
    again, it takes the place of the one before. Lesson 08.
    """

    def __init__(self, url: Urls, name: str = "", room: str = "") -> None:
        self.loop = asyncio.get_running_loop()
        self.list = MessageList()
        self.list.on_msg(self.choose)
        self.status = ipywidgets.HTML()
        self.input = MessageInput(self.submit, self.tell_typing)
        super().__init__([self.list, self.status, self.input])
        self.add_class("chatkit").add_class("chatkit-widget")
        self.enter(ChatClient(url, name, room=room, last=SHOWN))
        place = frozenset(self.client.urls), name, room
        self.joining = asyncio.create_task(self.join(_places.get(place)))
        _places[place] = self

    def enter(self, client: ChatClient) -> None:
        """Show what a client tells from now on."""
        self.client = client
        self.presence = Presence(self.show_presence)
        client.on_message(self.show_message)
        client.on_event(self.show_event)
        client.on_error(self.show_error)
        client.on_state(self.show_state)
        self.list.messages = []
        self.show_pending()
        self.show_state("connecting")

    async def join(self, before: ChatWidget | None) -> None:
        """Connect, once the widget before this one has left and its name is free."""
        if before:
            before.close()
            await asyncio.wrap_future(before.leaving)
        if self.comm:  # else closed meanwhile
            self.client.start()

    def do(self, work: Coroutine[Any, Any, object]) -> None:
        """Have the client's loop do some work: Jupyter may call from another thread."""
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        future.add_done_callback(lambda done: done.cancelled() or done.result())  # logs an error

    def submit(self, text: str) -> None:
        """Send what was typed."""
        self.do(self.send_message(text))

    def tell_typing(self) -> None:
        """Tell the others that one is typing."""
        self.do(self.client.typing())

    def choose(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        """Do what the browser asks: `{"look": true}` for the rooms, `{"room": …}` to go there."""
        match content:
            case {"look": True}:
                self.do(self.client.ask_rooms())
            case {"room": str(room)}:
                self.do(self.move(room))

    async def move(self, room: str) -> None:
        """Leave this room, give back what could not be sent there, and enter another."""
        before = self.client
        await before.close()
        if self.client is not before or not self.comm:  # another choice, or the end, was faster
            return
        for message in before.outbox.unconfirmed.values():
            self.input.give_back(message.message)
        self.enter(ChatClient(before.urls, before.name, room=room, last=SHOWN))
        self.client.start()

    async def send_message(self, text: str) -> None:
        """Send a message, or give the text back and show why it could not be sent."""
        try:
            await self.client.send(text)
        except ChatkitError as error:
            self.input.give_back(text)
            self.show_error(str(error))
        else:
            self.show_state(self.client.state)
            self.show_pending()

    def show_message(self, message: Message) -> None:
        """Show a message; it is no longer on its way, and its sender has typed it."""
        self.list.add(message)
        if message.key in [waiting["key"] for waiting in self.list.pending]:
            self.show_state(self.client.state)  # the server has it, whatever it said before
        self.show_pending(but=message.key)
        self.presence.stop_typing(message.name)

    def show_pending(self, but: str | None = None) -> None:
        """Show what is on its way to the server."""
        waiting = self.client.outbox.unconfirmed.values()
        self.list.pending = [
            {"key": message.key, "message": message.message}
            for message in waiting
            if message.key != but
        ]

    def show_event(self, event: dict[str, Any]) -> None:
        """Show who is here, what rooms there are, and who is typing."""
        self.presence.hear(event)
        match event:
            case {"event": "rooms", "rooms": rooms}:
                self.list.rooms = rooms
            case {"event": "welcome", "missed": missed}:
                if missed:
                    self.list.messages = [*self.list.messages, {"note": MISSED}]
                self.do(self.client.ask_rooms())

    def show_presence(self) -> None:
        """Show who is here, who came and went, and who is typing."""
        self.list.room = self.client.room
        self.list.members, self.list.count = self.client.members, self.client.count
        self.list.typing, self.list.news = self.presence.typing, self.presence.news

    def show_state(self, state: State) -> None:
        """Show the state of the line in words; a text that is sent meanwhile waits for the line."""
        words = {
            "connecting": "Connecting …",
            "connected": f"Connected as {self.client.name or 'a guest'}",
            "cut off": f"No chat answers at {self.client.place}: trying again …",
            "closed": "Closed",
        }
        self.list.name = self.client.name
        self.input.enabled = state != "closed"
        self.show(state, words[state])

    def show_error(self, sentence: str) -> None:
        """Show what went wrong; a text that the server will never take comes back."""
        for waiting in self.list.pending:
            if waiting["key"] not in self.client.outbox.unconfirmed:
                self.input.give_back(waiting["message"])
        self.show_pending()
        self.show("error", sentence)

    def show(self, kind: str, words: str) -> None:
        """Show one line above the input; it is escaped, like everything that people write."""
        role = "alert" if kind == "error" else "status"  # an alert is read aloud at once
        self.status.value = (
            f'<div class="chatkit chatkit-status" data-state="{escape(kind)}" role="{role}">'
            f"{escape(words)}</div>"
        )

    def close(self) -> None:
        """Leave the chat, and take the widget away; closing twice is no error."""
        if self.comm and not self.loop.is_closed():
            self.leaving = asyncio.run_coroutine_threadsafe(self.client.close(), self.loop)
            for part in self.children:
                part.close()
        super().close()

    def __repr__(self) -> str:
        """Return what a notebook shows where it can't draw widgets."""
        return f"ChatWidget({self.client.place}): run this cell to chat"
