"""Exercise 08-2: private messages."""

from collections.abc import Mapping
from typing import Any

from tornado.web import Application

from chatkit.codecs import JSON
from chatkit.gate import Gate
from chatkit.handlers import ChatSocket
from chatkit.lessons.engine.expect import (
    NotYetError,
    expect,
    listed,
    overrides,
    plain_def,
    shown,
    the_class,
)
from chatkit.lessons.engine.serving import Peer, chat_frames, peers_of, soon
from chatkit.lessons.failure_lab import until
from chatkit.log import MemoryLog
from chatkit.messages import MAX_MESSAGE
from chatkit.room import Rooms

TASK = (
    "Send a private message to the member it names and to its sender, and refuse it if there is no "
    "such member here or if the room would refuse its text. `visitor.tell(frame)` sends a frame, "
    "which is a dict, to one visitor, such as `self`."
)
STUB = """
from chatkit.handlers import ChatSocket
from chatkit.messages import FrameError, read_message, within_limits


class PrivateSocket(ChatSocket):
    def receive(self, frame):
        match frame:
            case {"to": to, "message": text}:
                raise FrameError("nobody", f"{to} does not get {text!r}: your code here.")
            case _:
                super().receive(frame)
"""
HINTS = (
    "self.room.members is a dict from each visitor to its name: whose name is `to`? "
    "read_message(frame) returns the Message in a frame, and within_limits checks it.",
    "text = within_limits(read_message(frame)).message refuses what the room would. Then find "
    "the visitors in self.room.members.items() whose name is `to`, or raise a FrameError; send the "
    'frame to them and to self, with "name": self.room.members[self].',
)
SOLUTION = """
from chatkit.handlers import ChatSocket
from chatkit.messages import FrameError, read_message, within_limits


class PrivateSocket(ChatSocket):
    def receive(self, frame):
        match frame:
            case {"to": to}:
                text = within_limits(read_message(frame)).message
                members = self.room.members
                found = [visitor for visitor, name in members.items() if name == to]
                if not found:
                    raise FrameError("nobody", f"There is no {to} here.")
                private = {"event": "private", "name": members[self], "to": to, "message": text}
                for visitor in {self, *found}:
                    visitor.tell(private)
            case _:
                super().receive(frame)
"""
TEXT = "text = within_limits(read_message(frame)).message"
FOUND = "[visitor for visitor, name in members.items() if name == to]"
TELL = "for visitor in {self, *found}:\n                    visitor.tell(private)"
WRONG = {
    "a bare Message": (
        TEXT,
        'text = Message(frame["message"]).message',
        "because the text is blank.*what came: .'event': 'private'",
    ),
    "a limit of one's own": (
        TEXT,
        "text = read_message(frame).message\n                if not 0 < len(text.strip()) < 1000:\n"
        '                    raise FrameError("bad", "Blank, or too long.")',
        "4,096 characters to be taken.*what came: .'error': 'bad'",
    ),
    "always the same people": (
        '"name": members[self], "to": to, "message": text',
        '"name": "Ada", "to": "Bob", "message": "psst"',
        "Bob-2 to receive only .*'hi'.*what came: .*'psst'",
    ),
    "the name that was wished for": (
        FOUND,
        "[visitor for visitor in members if visitor.entry.name == to]",
        "Bob-2 to receive nothing; what came: .'event'",
    ),
    "not to the sender": ("{self, *found}", "found", "Ada to receive only .*what came: nothing"),
    "to everybody": ("{self, *found}", "members", "Bob-2 to receive nothing; what came: .'event'"),
    "the name that the frame claims": (
        "members[self]",
        'frame.get("name")',
        "“Mallory” is what Ada's frame says",
    ),
    "all that the frame holds": (
        '{"event": "private", "name": members[self], "to": to, "message": text}',
        'frame | {"event": "private", "name": members[self]}',
        "“purple” is what Ada's frame says",
    ),
    "a Message, not its text": (
        TEXT,
        "text = within_limits(read_message(frame))",
        "whose `message` is a whole Message: its text is `.message`",
    ),
    "later": (
        "visitor.tell(private)",
        "asyncio.get_running_loop().call_later(0.1, visitor.tell, private)",
        "Bob to receive only .*what came: nothing so far",
    ),
    "a part of the name": ("name == to", "to and to in name", "to receive nothing; what came"),
    "the first that has it in its name": (
        FOUND,
        "[v for v, name in members.items() if name.startswith(to)][:1]",
        "an error for Ada, because nobody here is Bo; what came: .'event'",
    ),
    "a number taken off": (
        FOUND,
        '[v for v, name in members.items() if to in (name, name.split("-")[0])][:1]',
        "because Bob has left; what came: .'event'",
    ),
    "kept in a log of its own": (
        TELL,
        'self.room.log.append(self.room.name + "-private", [read_message(frame)])\n'
        "                " + TELL,
        "no private message in the log; what came: “psst”",
    ),
    "an error in a task": (
        'raise FrameError("nobody", f"There is no {to} here.")',
        "async def refuse():\n"
        '                        raise FrameError("nobody", "Nobody has that name.")\n\n'
        "                    self.refusing = asyncio.create_task(refuse())\n"
        "                    return",
        "nobody here is Zoe; .* only if `receive` itself raises it",
    ),
    "another method": (
        "def receive",
        "def on_message",
        "a method `receive` in PrivateSocket; what came: `on_message`",
    ),
    "no error": (
        'raise FrameError("nobody", f"There is no {to} here.")',
        "return",
        "an error for Ada, because nobody here is Zoe; what came: nothing so far: a FrameError",
    ),
    "a member looked up by name": (
        FOUND,
        "[members[to]]",
        "raised KeyError in line .*, `found = .members.to..`: 'Bob'",
    ),
    "dumps twice": (
        "visitor.tell(private)",
        "visitor.tell(JSON.encode(private).decode())",
        "which is text: `tell` takes a dict",
    ),
    "a coroutine never awaited": (
        TELL,
        "async def tell():\n                    for visitor in {self, *found}:\n"
        "                        visitor.tell(private)\n\n                tell()",
        "a coroutine, `tell`, and nobody awaited it",
    ),
    "a print": (
        "visitor.tell(private)",
        "print(private)",
        "what came: nothing.*Your code printed: .'event'",
    ),
    "nothing else reaches the room": (
        "\n            case _:\n                super().receive(frame)",
        "",
        "Eve's “Hello”, .*what came: nothing",
    ),
    "only messages reach the room": (
        "super().receive(frame)",
        "self.room.send(self, read_message(frame))",
        "Eve's typing event, as before",
    ),
    "all rooms": (
        "self.room.members",
        "{v: n for room in self.rooms.open.values() for v, n in room.members.items()}",
        "Bob in another room to receive nothing",
    ),
    "async": (
        "def receive",
        "async def receive",
        "a plain `def receive`: it is called without await",
    ),
    "no self": ("receive(self, frame)", "receive(frame)", "is `self` or another parameter missing"),
    "a number as a name goes to the room": (
        'case {"to": to}',
        'case {"to": str(to)}',
        "because 5 is nobody's name; what came: .'message'.*the room sent to everybody",
    ),
}
RIGHT = {
    "one loop": (
        TELL,
        "for visitor, name in members.items():\n"
        "                    if name == to or visitor is self:\n"
        "                        visitor.tell(private)",
    ),
    "an if": (
        SOLUTION.partition("    def")[0]
        + """    def receive(self, frame):
        if not isinstance(frame, dict) or "to" not in frame:
            return super().receive(frame)
        message = within_limits(read_message(frame))
        name, to = self.room.members[self], frame["to"]
        for visitor in tuple(self.room.members):
            if self.room.members[visitor] == to:
                for each in {self, visitor}:
                    each.tell(dict(event="private", name=name, to=to, message=message.message))
                return None
        raise FrameError("nobody", "Nobody here has that name.", message.key)""",
    ),
}


PRESENCE = ("welcome", "joined", "left")
WIDTH = 120  # characters of a frame that are shown
CLAIMED = {"name": "Mallory", "color": "purple"}  # what a client adds to its frames
# A sender, whom it is for, and its text.
PRIVATE = (("Ada", "Bob", "psst"), ("Ada", "Bob-2", "hi"), ("Bob-2", "Eve", "see you later"))
# Whom Ada's message is for, its text, and why it is refused.
REFUSED = (
    ("Zoe", "psst", "because nobody here is Zoe"),
    ("Bo", "psst", "because nobody here is Bo"),
    ("", "psst", "because nobody here has an empty name"),
    ("Cy", "psst", "because Cy is in another room"),
    ("Bob", " ", "because the text is blank"),
    ("Bob", "x" * (MAX_MESSAGE + 1), f"because {MAX_MESSAGE + 1:,} characters are too many"),
    ("Bob", 5, "because 5 is no text"),
    (5, "psst", "because 5 is nobody's name"),
)


async def check(handler: Any) -> str:
    """Send private messages, some that are to be refused, and what has nothing to do with them."""
    the_class(handler, "PrivateSocket", ChatSocket)
    overrides(handler, "ChatSocket", "receive")
    plain_def(handler, "receive")
    rooms = Rooms(log := MemoryLog())
    settings = {"rooms": rooms, "gate": Gate(), "codec": JSON, "rate": None}
    app = Application([("/ws", handler, settings)])
    async with peers_of(app, JSON.subprotocol) as join:
        wishes = {"Ada": " Ada", "Bob": "Bob", "Bob-2": "Bob", "Eve": "Eve"}
        here = {name: await join(name=wish) for name, wish in wishes.items()}
        there = {
            f"{name} in another room": await join(name=name, room="x") for name in ("Bob", "Cy")
        }
        for sender, to, text in PRIVATE:
            await reaches_two(here | there, sender, to, text)
        for refused in REFUSED:
            await is_refused(here | there, *refused)
        await others_work(here | there)
        here.pop("Bob").connection.close()
        await soon(until(lambda: "Bob" not in rooms.open["lobby"].members.values()))
        await is_refused(here | there, "Bob", "psst", "because Bob has left")
        kept = [each.message[:20] for shelf in log.shelves.values() for each in shelf.messages]
        expect(kept, ["Hello"], "no private message in the log", listed(kept))
    return "only the two it was meant for received it, and what the room would refuse was refused."


async def reaches_two(peers: Mapping[str, Peer], sender: str, to: str, text: str) -> None:
    """Send a private message; NotYetError unless it reaches these two, and nobody else."""
    heard = await exchange(peers, sender, {"to": to, "message": text, **CLAIMED})
    wanted = {"event": "private", "name": sender, "to": to, "message": text}
    silent(heard, sender, to)
    for name in (to, sender):
        if heard[name] != [wanted]:
            came = in_words(heard[name])
            if claimed := [each for each in CLAIMED.values() if each in came]:
                came += f", where {listed(claimed)} is what {sender}'s frame says"
            if heard[sender] not in ([], [wanted], heard[name]):
                came += f"; and {sender} received {in_words(heard[sender])}"
            raise NotYetError(f"{name} to receive only {in_words([wanted])}", came)


async def is_refused(peers: Mapping[str, Peer], to: object, text: object, why: str) -> None:
    """Have Ada send a private message; NotYetError unless she alone receives something: an error.

    `why` says what is wrong with the message.
    """
    heard = await exchange(peers, "Ada", {"to": to, "message": text})
    if not is_one(heard["Ada"], "error"):
        came = in_words(heard["Ada"])
        if not heard["Ada"]:
            came += ": a FrameError is sent to her only if `receive` itself raises it"
        raise NotYetError(f"an error for Ada, {why}", came)
    silent(heard, "Ada")


async def others_work(peers: Mapping[str, Peer]) -> None:
    """Send the longest private message, one for everybody, and an event."""
    heard = await exchange(peers, "Eve", {"to": "Ada", "message": "x" * MAX_MESSAGE})
    if not heard["Ada"]:
        words = f"a text of {MAX_MESSAGE:,} characters to be taken, as the room would take it"
        raise NotYetError(words, in_words(heard["Eve"]))
    heard = await exchange(peers, "Eve", {"message": "Hello"})
    if not is_one(heard["Ada"], "id"):
        words = "Eve's “Hello”, which is not private, to reach all in the room as before"
        raise NotYetError(words, in_words(heard["Ada"]))
    heard = await exchange(peers, "Eve", {"event": "typing"})
    words = "Ada to receive Eve's typing event, as before"
    expect(heard["Ada"], [{"event": "typing", "name": "Eve"}], words, in_words(heard["Ada"]))


async def exchange(peers: Mapping[str, Peer], sender: str, frame: Any) -> dict[str, list[Any]]:
    """Send a frame, and return what each peer receives, comings and goings aside."""
    await peers[sender].say(frame)
    heard = {name: await chat_frames(peer) for name, peer in peers.items()}
    return {name: [one for one in frames if not presence(one)] for name, frames in heard.items()}


def presence(frame: Any) -> bool:
    """Return True if a frame says who is here."""
    return isinstance(frame, dict) and frame.get("event") in PRESENCE


def is_one(frames: list[Any], key: str) -> bool:
    """Return True if there is one frame, and it has this key."""
    return len(frames) == 1 and isinstance(frames[0], dict) and key in frames[0]


def silent(heard: Mapping[str, list[Any]], *those: str) -> None:
    """Raise NotYetError if others than those received something."""
    for name, frames in heard.items():
        if frames and name not in those:
            raise NotYetError(f"{name} to receive nothing", in_words(frames))


def in_words(frames: list[Any]) -> str:
    """Return frames after one another, long ones cut."""
    return ", ".join(map(frame_in_words, frames)) or "nothing so far"


def frame_in_words(frame: Any) -> str:
    """Return a frame, cut if it is long, and what may be wrong with it."""
    words = f"{str(frame)[:WIDTH]} …" if len(str(frame)) > WIDTH else str(frame)
    match frame:
        case str():
            return f"{shown(frame)}, which is text: `tell` takes a dict, and makes JSON of it"
        case {"id": _}:
            return f"{words}, which the room sent to everybody"
        case {"message": {}}:
            return f"{words}, whose `message` is a whole Message: its text is `.message`"
    return words
