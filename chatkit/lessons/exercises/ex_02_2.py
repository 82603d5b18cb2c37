"""Exercise 02-2: a bad message gets an error, and nobody is disconnected."""

from inspect import getclosurevars, isfunction
from typing import Any

from tornado.websocket import WebSocketClientConnection

from chatkit.guide.codecs import JSON, FrameError
from chatkit.guide.handler import read_message
from chatkit.lessons.engine.channels import Broadcaster
from chatkit.lessons.engine.expect import NotYetError, listed, misnamed, shown
from chatkit.lessons.engine.handlers import all_hear, like_callbacks
from chatkit.lessons.engine.serving import chat_frames, clients_of

TASK = "Send an error to the sender of a bad message, and keep the connection open."
STUB = """
class Polite(Trusting):
    def on_message(self, text):
        message = read_message(JSON.read(text))
        self.broadcaster.notify_clients(message)
"""
HINTS = (
    "Both `JSON.read` and `read_message` may raise FrameError. Put these calls into a `try:`. "
    "`self.send` sends to this client alone, and `str(error)` is an error's text.",
    "Keep the two lines as they were, in a `try:`. Below them write `except FrameError as error:`, "
    'and in it only `self.send({"error": "bad_message", "detail": str(error)})`.',
)
SOLUTION = """
class Polite(Trusting):
    def on_message(self, text):
        try:
            message = read_message(JSON.read(text))
            self.broadcaster.notify_clients(message)
        except FrameError as error:
            self.send({"error": "bad_message", "detail": str(error)})
"""
READ = "message = read_message(JSON.read(text))"
ERROR = 'self.send({"error": "bad_message", "detail": str(error)})'
CLIENT = """
from tornado.websocket import WebSocketClientConnection

bob = object.__new__(WebSocketClientConnection)
bob.protocol = None

"""
WRONG = {
    "an error for everyone": (
        "self.send",
        "self.broadcaster.notify_clients",
        "others to receive nothing after `hello`; what came: “{[^“]*”, at each of the two others",
    ),
    "an error for one more": (
        ERROR,
        f"{ERROR}\n            others = self.broadcaster.channels - {{self}}\n"
        "            self.broadcaster.notify(others.pop(), str(error))",
        "others to receive nothing after `hello`; what came: “[^“]*”, at one of the two others",
    ),
    "an error without a name": (
        "FrameError as error",
        "FrameError",
        "'error' is not defined. Write `except FrameError as error:`",
    ),
    "a client of a cell": (
        CLIENT + SOLUTION.replace("self.send", "bob.send"),
        "`self`, the handler of the sender; what came: `bob`, a client",
    ),
    "a method of the broadcaster": (
        "self.send",
        "self.notify",
        r"`self.send\(message\)` sends to this client alone",
    ),
    "silence": (ERROR, "pass", "an error for .*; what came: nothing"),
    "a print": (ERROR, "print(error)", "an error for .*; what came: nothing.*printed: This is not"),
    "text in place of an object": (ERROR, "self.send(str(error))", "what came: .This is not JSON"),
    "another error": (
        '"bad_message"',
        '"oops"',
        "what came: {'error': 'oops'.*the detail is right, but `error` should be “bad_message”",
    ),
    "another key": ('"detail"', '"details"', "the key of the text should be `detail`"),
    "always the same detail": (
        "str(error)",
        '"This is not JSON: Expecting value: line 1 column 1 (char 0)."',
        "with the detail “Send an .*; what came: .*This is not JSON",
    ),
    "no detail": (', "detail": str(error)', "", "what came: {'error': 'bad_message'}"),
    "the error itself": ("str(error)", "error", "TypeError in line .*not JSON serializable"),
    "the sender gets a good message twice": (
        "notify_clients(message)",
        "notify_clients(message)\n            self.send(message)",
        "everyone to receive “.*” once after that; what came: .* at one, .* at another",
    ),
    "nothing validated": (READ, "message = JSON.read(text)", "what came: {'event': 'closed'}"),
    "not read as JSON": (
        READ,
        "message = read_message(text)",
        "the detail “This is not JSON.*what came: .*Send an object like",
    ),
    "the frame as it came": (
        "notify_clients(message)",
        "notify_clients(text)",
        r"everyone to receive “{.*}” once after that; what came: “\"{",
    ),
    "closed after the error": (ERROR, f"{ERROR}\n            self.close()", "to stay open"),
    "JSON inside JSON": (
        ERROR,
        'self.send(JSON.write({"error": "bad_message", "detail": str(error)}))',
        "that is text: `self.send` writes the JSON",
    ),
    "a misspelt call": ("self.send", "self.sent", "Did you mean `send`"),
    "a misspelt method": ("on_message", "on_messages", "did you mean `on_message`"),
    "no parameter for the text": ("self, text", "self", "`on_message` is called with more values"),
    "the other parent": (
        "Trusting",
        "WebSocketHandler",
        r"`class Polite\(Trusting\):`; what came: a class without the methods of Trusting",
    ),
}
RIGHT = {
    "any ValueError": ("FrameError", "ValueError"),
    "an else": (
        "            self.broadcaster.notify_clients(message)\n"
        "        except FrameError as error:\n"
        f"            {ERROR}",
        f"        except FrameError as error:\n            {ERROR}\n        else:\n"
        "            self.broadcaster.notify_clients(message)",
    ),
    "a return": (
        f"            {READ}\n            self.broadcaster.notify_clients(message)\n"
        f"        except FrameError as error:\n            {ERROR}",
        f"            {READ}\n        except FrameError as error:\n"
        f"            return {ERROR}\n        self.broadcaster.notify_clients(message)",
    ),
    "written without send": ("self.send(", "self.write_message("),
    "sent by the broadcaster": ("self.send(", "self.broadcaster.notify(self, "),
    "more in the error": ('"error"', '"yours": text, "error"'),
}
BAD = ("hello", '{"event": "closed"}', r'{"message": "half an emoji: \ud83d"}')
HI, HELLO = ('{"message":"hi"}', '{"message":"hello"}')


async def check(handler: Any) -> str:
    """Let each of three clients send a bad message, then a good one."""
    like_callbacks(handler, "Polite", "Trusting")
    no_client(handler.on_message)
    async with clients_of(handler, 3, broadcaster=Broadcaster()) as clients:
        for sender, bad, good in zip(clients, BAD, (HI, HELLO, HI), strict=True):
            await sender.say(bad)
            await refused(bad, await chat_frames(sender), misnamed(handler, ["on_message"]))
            others = [client for client in clients if client is not sender]
            if heard := [texts for other in others if (texts := await other.news())]:
                where = "each" if heard == [heard[0]] * len(others) else "one"
                came = f"{listed(heard[0])}, at {where} of the two others"
                raise NotYetError(f"the others to receive nothing after `{bad}`", came)
            if sender.closed.is_set():
                raise NotYetError(f"the connection to stay open after `{bad}`", "it was closed")
            await sender.say(good)
            await all_hear(clients, good, f"everyone to receive “{good}” once after that")
    return "three bad messages, three errors, and everybody is still connected."


def no_client(on_message: Any) -> None:
    """Raise NotYetError if `on_message` uses a client that a cell of the lesson connected."""
    used = getclosurevars(on_message).globals if isfunction(on_message) else {}
    for name, value in used.items():
        if isinstance(value, WebSocketClientConnection):
            raise NotYetError("`self`, the handler of the sender", f"`{name}`, a client")


async def refused(bad: str, frames: list[Any], remark: str) -> None:
    """Raise NotYetError unless these are just one error, which says why a message is bad."""
    try:
        read_message(JSON.read(bad))
    except FrameError as error:
        detail = str(error)
    match frames:
        case [{"error": "bad_message", "detail": str(told)}] if told == detail:
            return
        case [{"error": str(), "detail": str(told)}] if told == detail:
            remark = ": the detail is right, but `error` should be “bad_message”"
        case [{"error": "bad_message", **others}] if detail in others.values():
            remark = ": the key of the text should be `detail`"
        case [str(text)] if text.startswith("{"):
            remark = ": that is text: `self.send` writes the JSON itself"
    came = ", ".join(map(shown, frames)) or "nothing"
    expected = f"an error for the sender of `{bad}`, with the detail “{detail}”"
    raise NotYetError(expected, came + remark)
