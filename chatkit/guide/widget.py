"""The chat as a notebook widget: the guide's `multi-client-ws.core`. Lesson 05."""

import asyncio
from collections.abc import Callable
from html import escape
from typing import Any

import anywidget
import ipywidgets

from chatkit.guide.client import Client
from chatkit.paths import STATIC

SHOWN = 10  # messages


class MessageList(ipywidgets.HTML):
    """The last ten messages. The guide's `message-list`. Lesson 05."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def add(self, message: str) -> None:
        """Add a message at the end, and keep the last ten. The guide's `update-messages!`."""
        self.messages = [*self.messages, message][-SHOWN:]
        items = (f"<li>{escape(message)}</li>" for message in self.messages)
        self.value = f"<ul>{''.join(items)}</ul>"


class MessageInput(anywidget.AnyWidget):
    """A field that sends what was typed in one piece. The guide's `message-input`. Lesson 05.

    `submit` is called with each text; `give_back` puts one back that could not be sent.
    """

    _css = STATIC / "guide" / "style.css"
    _esm = """
    function render({ model, el }) {
      const field = document.createElement("input");
      field.ariaLabel = "Message";
      field.placeholder = "Type in a message and press Enter";
      field.addEventListener("keydown", (event) => {
        event.stopPropagation();
        if (event.key !== "Enter" || event.isComposing || !field.value) return;
        model.send({ text: field.value });
        field.value = "";
      });
      model.on("msg:custom", ({ unsent }) => (field.value = unsent + field.value));
      el.append(field);
    }
    export default { render };
    """

    def __init__(self, submit: Callable[[str], object]) -> None:
        super().__init__()
        self.on_msg(lambda widget, content, buffers: submit(content["text"]))

    def give_back(self, text: str) -> None:
        """Put a text back into the field, before what has been typed since."""
        self.send({"unsent": text})


class HomePage(ipywidgets.VBox):
    """A list of messages, the state of the connection, and an input. Lesson 05.

    `submit` is called with each text that somebody types. The guide's `home-page`.
    """

    def __init__(self, submit: Callable[[str], object]) -> None:
        self.list = MessageList()
        self.state = ipywidgets.Label("connecting")
        self.input = MessageInput(submit)
        super().__init__([self.list, self.state, self.input])
        self.add_class("chat")

    def show(self, frame: Any) -> None:
        """Show what a frame holds: a message, or what was wrong with one."""
        match frame:
            case {"message": str(message)}:
                self.list.add(message)
            case {"detail": str(detail)}:
                self.say(detail)

    def say(self, text: str) -> None:
        """Show a text in place of the state."""
        self.state.value = text


class ChatWidget(HomePage):
    """A chat in a notebook, with a client of its own. The guide's `init!`. Lesson 05."""

    def __init__(self, url: str) -> None:
        super().__init__(self.submit)
        self.client = Client(url, on_state=self.say)
        self.loop = asyncio.get_running_loop()
        self.reading = self.loop.create_task(self.run())

    async def run(self) -> None:
        """Show what the client receives, until it is closed."""
        async for frame in self.client:
            self.show(frame)

    def submit(self, text: str) -> None:
        """Send a text; JupyterLab may call this in a thread that is not the loop's."""
        asyncio.run_coroutine_threadsafe(self.send_text(text), self.loop)

    async def send_text(self, text: str) -> None:
        """Send a text, or give it back and say why."""
        try:
            await self.client.send(text)
        except ConnectionError as error:
            self.input.give_back(text)
            self.say(str(error))

    def close(self) -> None:
        """Leave the chat, and take the widget away."""
        self.client.close()
        super().close()
