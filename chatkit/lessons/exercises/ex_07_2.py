"""Exercise 07-2: refuse a message of too many lines."""

from functools import partial
from typing import Any

import msgspec

from chatkit.codecs import JSON
from chatkit.gate import Gate
from chatkit.lessons.engine.expect import (
    NotYetError,
    expect,
    overrides,
    plain_def,
    returned,
    the_class,
)
from chatkit.lessons.engine.serving import Peer, clients_of
from chatkit.room import Rooms

TASK = (
    "Reject a message of more than 20 lines: raise a FrameError with the code `too_long`, one "
    "sentence, and the message's key."
)
STUB = """
class Brief(ChatSocket):
    def receive(self, frame):
        super().receive(frame)
"""
HINTS = (
    'A frame can be anything that JSON can express. `case {"message": str(text)}` matches only '
    "frames with a text, `text.splitlines()` are its lines, and `key_of(frame)` finds the key.",
    'Before super().receive(frame), write `match frame:`, and in it `case {"message": str(text)} '
    'if len(text.splitlines()) > 20: raise FrameError("too_long", "A message has at most 20 '
    'lines.", key_of(frame))`.',
)
SOLUTION = """
class Brief(ChatSocket):
    def receive(self, frame):
        match frame:
            case {"message": str(text)} if len(text.splitlines()) > 20:
                detail = "A message has at most 20 lines: send a longer text in parts."
                raise FrameError("too_long", detail, key_of(frame))
        super().receive(frame)
"""
CASE = 'match frame:\n            case {"message": str(text)} if len(text.splitlines()) > 20:\n'
RAISE = 'raise FrameError("too_long", detail, key_of(frame))'
WRONG = {
    "one kind of line end": (
        "text.splitlines()",
        'text.removesuffix("\\n").split("\\n")',
        r"21 lines, one of which ends in \\r, .* too_long; what came: a message of 21 lines",
    ),
    "one too few": ("> 20", ">= 20", "of 20 lines to everyone; what came: the error too_long"),
    "one too many": ("> 20", "> 21", "the error too_long; what came: a message of 21 lines"),
    "cut off": (
        RAISE,
        'frame = {"message": "\\n".join(text.splitlines()[:20])}',
        "21 lines to result in the error too_long; what came: a message of 20 lines to everyone",
    ),
    "returned, not raised": (
        RAISE,
        'return FrameError("too_long", detail, key_of(frame))',
        "error too_long; what came: nothing: no FrameError was raised",
    ),
    "a print": (RAISE, "print(detail)", "came: a message of 21 lines.*printed: A message has at m"),
    "told, and sent on": (
        RAISE,
        'self.tell({"error": "too_long", "detail": detail, "key": key_of(frame)})',
        "came: the error too_long, then a message of 21 lines to everyone",
    ),
    "no key": (", key_of(frame))", ")", "the key “b1” in the error; what came: no key"),
    "one key for all": ("key_of(frame)", '"b1"', "the key “b2” in the error; what came: “b1”"),
    "a key that must be there": (
        "key_of(frame)",
        'frame["key"]',
        "a long message without a key to .* connection was closed.*Your code raised KeyError",
    ),
    "no super": ("super().receive(frame)", "return", "of 20 lines to everyone; what came: nothing"),
    "no empty lines at the ends": (
        "text.splitlines()",
        "text.strip().splitlines()",
        "4,000 empty lines and a last one with text .* came: a message of 4,001 lines",
    ),
    "two line ends for one": (
        "text.splitlines()",
        'text.replace("\\r", "\\n").split("\\n")',
        r"20 lines, with \\r\\n between them, .* everyone; what came: the error too_long",
    ),
    "one line more at the end": (
        "text.splitlines()",
        'text.replace("\\r\\n", "\\n").split("\\n")',
        r"20 lines, each of which ends in \\n, .* everyone; what came: the error too_long",
    ),
    "long lines as well": (
        "> 20",
        "> 20 or isinstance(frame, dict) and len(str(frame.get('message'))) > 500",
        "one line of 4,000 letters to .* everyone; what came: the error too_long",
    ),
    "a count over all messages": (
        CASE,
        "self.lines = getattr(self, 'lines', 0) + str(frame).count('\\\\n') + 1\n"
        "        if self.lines > 20:\n            if True:\n",
        "another message of 20 lines to .* everyone; what came: the error too_long",
    ),
    "no sentence": ("detail, key", '"x", key', "one sentence in the error; what came: “x”"),
    "the sentence first": (
        '"too_long", detail',
        'detail, "too_long"',
        "an error with the code “A message .*: the code comes first, then the sentence",
    ),
    "another base": ("ChatSocket", "", r"`class Brief\(ChatSocket\):`; what came: a class without"),
    "the key's function": ("key_of(frame)", "key_of", "“b1” .* “key_of itself: are `..` missing"),
    "in on_message": (
        "def receive(self, frame):",
        "def on_message(self, data):\n        frame = self.codec.decode(data)",
        "a method `receive` in Brief; what came: `on_message`",
    ),
    "only messages": (
        CASE,
        "if len(frame['message'].splitlines()) > 20:\n            if True:\n",
        '"massage".* the error bad_message; what came: the connection was closed.*raised KeyError',
    ),
    "only texts": (
        CASE,
        "if len(frame.get('message', '').splitlines()) > 20:\n            if True:\n",
        "\"message\":7.* bad_message; what came: the conn.*AttributeError.*'int' object has no",
    ),
    "no events": (
        "match frame:",
        "match {'message': read_message(frame).message}:",
        r'"event":"rooms".* to result in the event rooms; what came: the error bad_message',
    ),
    "a misspelt method": ("def receive", "def recieve", "what came: `recieve`"),
    "async": ("def receive", "async def receive", "a plain `def receive`"),
    "itself again": (
        "super()",
        "self",
        "came: the connection was closed. Your code raised RecursionError",
    ),
}
RIGHT = {
    "told, then a return": (
        RAISE,
        'self.tell(FrameError("too_long", detail, key_of(frame)).frame())\n                return',
    ),
    "questions": (
        CASE,
        "text = frame.get('message') if isinstance(frame, dict) else None\n"
        "        if isinstance(text, str):\n            if len(text.splitlines()) > 20:\n",
    ),
    "read before": (
        CASE,
        "text = ''\n        with suppress(FrameError):\n"
        "            text = read_message(frame).message\n"
        "        for _ in text.splitlines()[20:]:\n            if True:\n",
    ),
}
TOO_LONG = "the error too_long"
FEWEST_WORDS = 2
LINES = ["x"] * 20
SHORT = {
    "20 lines": "\n".join(LINES),
    "another message of 20 lines": "\n".join(LINES),
    "20 lines, with \\r\\n between them,": "\r\n".join(LINES),
    "20 lines, each of which ends in \\n,": "\n".join(LINES) + "\n",
    "one line of 4,000 letters": "x" * 4000,
}
LONG = {
    "21 lines": "\n".join(LINES) + "\nx",
    "21 lines, one of which ends in \\r,": "\n".join(LINES) + "\rx",
    "4,000 empty lines and a last one with text": "\n" * 4000 + "x",
    "one line with text and 4,000 empty ones": "x\n" + "\n" * 4000,
}
OTHERS = ('{"massage":"hi"}', '{"message":7}', '{"message":" "}', '["message"]', '"message"', "5")


async def check(handler: Any) -> str:
    """Let Ada send what is within the limit, what is beyond it, and what is no message."""
    the_class(handler, "Brief", object)
    overrides(handler, "ChatSocket", "receive")
    plain_def(handler, "receive")
    parts = {"rooms": Rooms(), "gate": Gate(), "codec": JSON}
    async with clients_of(describing(handler), 2, **parts) as (ada, grace):
        ask = partial(reply, ada)
        for what, text in SHORT.items():
            await ask({"message": text}, what, in_words({"message": text}))
        for number, (what, text) in enumerate(LONG.items(), 1):
            key = f"b{number}"
            error = await ask({"message": text, "key": key}, what, TOO_LONG)
            detail, came = str(error.get("detail")), error.get("key")
            if len(detail.split()) < FEWEST_WORDS:
                raise NotYetError("one sentence in the error", f"“{detail}”")
            expect(came, key, f"the key “{key}” in the error", f"“{came}”" if came else "no key")
        await ask({"message": text}, "a long message without a key", TOO_LONG)
        for other in OTHERS:
            await ask(other, other, "the error bad_message")
        await ask('{"event":"rooms"}', '{"event":"rooms"}', "the event rooms")
        await ask({"message": "bye"}, "“bye”", "a message of 1 line to everyone")
        heard = [frame.get("message") for frame in await grace.frames()]
    expect(heard, [*SHORT.values(), "bye"], "the short messages to reach Grace as they are")
    return "20 lines reached Grace, and 21 did not. Ada got too_long with her key, and went on."


def describing(handler: Any) -> Any:
    """Return a handler that sends a description of what JSON does not have, such as a function."""

    def tell(self: Any, frame: Any) -> None:
        handler.tell(self, msgspec.to_builtins(frame, enc_hook=returned))

    return type("Brief", (handler,), {"tell": tell})


async def reply(ada: Peer, frame: Any, what: str, wanted: str) -> Any:
    """Send a frame, and return its only answer; NotYetError unless it is the wanted one."""
    await ada.say(frame)
    closed = ada.closed.is_set()
    frames = [] if closed else await ada.frames()
    came = ", then ".join(in_words(answer) for answer in frames)
    if not came:
        silent = "nothing" + ": no FrameError was raised" * (wanted == TOO_LONG)
        came = "the connection was closed" if closed else silent
    expect(came, wanted, f"{what} to result in {wanted}", came)
    return frames[0]


def in_words(frame: Any) -> str:
    """Return what a frame is: an error or an event by its name, or a message."""
    match frame:
        case {"error": str(name)} if " " in name:
            return f"an error with the code “{name}”: the code comes first, then the sentence"
        case {"error": name} | {"event": name}:
            return f"the {'error' if 'error' in frame else 'event'} {name}"
        case {"message": str(text)}:
            count = len(text.splitlines())
            return f"a message of {count:,} line{'s' * (count != 1)} to everyone"
    return str(frame)
