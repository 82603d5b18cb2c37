"""Exercise 01-1: an echo that shouts."""

from secrets import token_hex
from typing import Any

from tornado.websocket import WebSocketHandler

from chatkit.lessons.engine.expect import (
    NotYetError,
    has_raised,
    listed,
    misnamed,
    no_yield,
    the_class,
)
from chatkit.lessons.engine.handlers import only_sending
from chatkit.lessons.engine.serving import Peer, clients_of

TASK = "Answer each text in capitals and with an exclamation mark: `hello` gets `HELLO!`."
STUB = """
class Shout(Echo):
    def on_message(self, text):
        self.write_message(text)
"""
HINTS = (
    "A string has a method that returns it in capitals. An exclamation mark has to follow.",
    '`text.upper()` returns the capitals, and `+ "!"` appends the mark. Send the result.',
)
SOLUTION = """
class Shout(Echo):
    def on_message(self, text):
        self.write_message(text.upper() + "!")
"""
WRONG = {
    "a returned text": (
        'self.write_message(text.upper() + "!")',
        'return text.upper() + "!"',
        "`on_message` to return nothing, because .* is not sent; what came: 'HELLO!'",
    ),
    "a print": (
        "self.write_message(",
        "print(",
        "“HELLO!” in answer to “hello”; what came: nothing.*Your code printed: HELLO!",
    ),
    "always the same text": (
        'text.upper() + "!"',
        '"HELLO!"',
        "“GOOD MORNING!” in answer to “good morning”; what came: “HELLO!”",
    ),
    "no exclamation mark": (' + "!"', "", "“HELLO!” in answer to “hello”; what came: “HELLO”"),
    "no call": ("upper()", "upper", r"TypeError in line 5,.*unsupported operand type\(s\) for \+"),
    "the result thrown away": (
        'self.write_message(text.upper() + "!")',
        'text.upper()\n        self.write_message(text + "!")',
        "“HELLO!” in answer to “hello”; what came: “hello!”",
    ),
    "the echo as well": (
        "self.write",
        "super().on_message(text)\n        self.write",
        "“HELLO!” in answer to “hello”; what came: “hello”, “HELLO!”",
    ),
    "two messages": (
        'text.upper() + "!")',
        'text.upper())\n        self.write_message("!")',
        "what came: “HELLO”, “!”",
    ),
    "two arguments": ('() + "!"', '(), "!"', "came: a BINARY message, b'HELLO': give"),
    "capitals without quotes": ('text.upper() + "!"', "HELLO", "NameError.*it needs quotes"),
    "no self": ("(self, text)", "(text)", "`on_message` is called with more values"),
    "no object": ("self.write", "write", "NameError.*Did you mean `self.write_message`"),
    "a misspelt method": ("on_message", "on_messages", "did you mean `on_message`"),
    "a function": (
        'def Shout(text):\n    return text.upper() + "!"',
        r"`class Shout\(Echo\):`; what came: a function: write `class`",
    ),
    "a yield": ("self.write", "yield self.write", "`?on_message`? to have no `yield`; .*generator"),
    "no second exclamation mark": (
        "text.upper()",
        'text.upper().rstrip("!")',
        "“OLÉ!!” in answer to “Olé!”, the second text of this client; what came: “OLÉ!”",
    ),
    "a table": (
        "text.upper()",
        '{"hello": "HELLO", "good morning": "GOOD MORNING", "Olé!": "OLÉ!"}.get(text, text)',
        "“THE DOOR [^”]*!” in answer to .*; what came: “the door [^”]*!”",
    ),
    "bytes": (
        'text.upper() + "!"',
        '(text.upper() + "!").encode(), binary=True',
        "came: a BINARY message, b'HELLO!'",
    ),
    "once only": (
        'self.write_message(text.upper() + "!")',
        'if not hasattr(self, "done"):\n            self.write_message(text.upper() + "!")\n'
        "        self.done = True",
        "the second text of this client; what came: nothing",
    ),
    "the connection closed": (
        'text.upper() + "!")',
        'text.upper() + "!")\n        self.close()',
        "the second text of this client; what came: your code closed the connection",
    ),
    "again and again": (
        'def on_message(self, text):\n        self.write_message(text.upper() + "!")',
        "async def on_message(self, text):\n        while True:\n"
        '            await self.write_message(text.upper() + "!")',
        "in answer to “hello”; what came: “HELLO!”, “HELLO!”, “HELLO!”",
    ),
    "an await too few": (
        'def on_message(self, text):\n        self.write_message(text.upper() + "!")',
        "async def shouted(self, text):\n        await self.write_message(text.upper() + '!')\n\n"
        "    def on_message(self, text):\n        self.shouted(text)",
        "`Shout.shouted`, and nobody awaited it",
    ),
}
RIGHT = {
    "a coroutine and an f-string": (
        'def on_message(self, text):\n        self.write_message(text.upper() + "!")',
        'async def on_message(self, text):\n        await self.write_message(f"{text.upper()}!")',
    ),
    "the echo does the rest": ("self.write_message(", "super().on_message("),
    "the method's result": ("self.write", "return self.write"),
    "another base": ("(Echo)", "(WebSocketHandler)"),
    "a method of its own": (
        "self.write_message",
        "self.shout(text)\n\n    def shout(self, text):\n        self.write_message",
    ),
}


async def check(handler: Any) -> str:
    """Send four texts, from two clients in turn, and compare the answers."""
    the_class(handler, "Shout", WebSocketHandler, "Echo")
    no_yield(handler.on_message, "`on_message`")
    texts = ("hello", "good morning", "Olé!", f"the door opens with {token_hex(4)}")
    with only_sending(handler) as sender:
        async with clients_of(sender, 2) as clients:
            for number, text in enumerate(texts):
                received = await answers_to(clients[number % 2], text)
                if received != [f"{text.upper()}!"]:
                    again = ", the second text of this client" if number > 1 else ""
                    came = in_words(received) + misnamed(
                        handler, ["open", "on_message", "on_close"]
                    )
                    if not received and clients[number % 2].closed.is_set():
                        who = "the server" if has_raised() else "your code"
                        came = f"{who} closed the connection"
                    raise NotYetError(f"“{text.upper()}!” in answer to “{text}”{again}", came)
    return "“HELLO!”, “GOOD MORNING!”, “OLÉ!!” and one more came back over two sockets."


async def answers_to(client: Peer, text: str) -> list[str | bytes]:
    """Send a text, and return what comes back: text, or bytes from a BINARY frame."""
    received: list[str | bytes] = []
    client.connection.on_message = received.append  # type: ignore[method-assign, assignment]
    try:
        await client.say(text)
    except NotYetError:  # `on_message` does not end
        if len(received) < 2:
            raise
    return received


def in_words(received: list[str | bytes]) -> str:
    """Return in words what was received."""
    if any(isinstance(each, bytes) for each in received):
        return f"a BINARY message, {received[0]!r}: give `write_message` the text and nothing else"
    return listed(received[:5]) + " …" * (len(received) > 5)
