"""Exercise 12-5: a whisper."""

from typing import Any

from chatkit.handlers import ChatSocket
from chatkit.lessons.engine.expect import NotYetError, listed, plain_def, the_class
from chatkit.lessons.engine.handlers import only_raising
from chatkit.lessons.engine.serving import chat_frames, chat_peers, chat_server, contents, settled

TASK = (
    "Send “@Bob psst”, as it was written, to Bob and to its sender alone: a message with the "
    "sender's name, the time, and the key of the frame. Leave its id out: it is not in the log. If "
    "nobody has the name, send the sender an error, with the key."
)
STUB = """
class Whispers(ChatSocket):
    def receive(self, frame):
        match frame:
            case {"message": str(text)} if text.startswith("@"):
                name, key = self.room.members[self], frame.get("key")
                self.tell(Message(text, name=name, time=time.time(), key=key))
            case _:
                super().receive(frame)
"""
HINTS = (
    "Look for the name in `self.room.members`, which has the name of each visitor. Then "
    "`visitor.tell(…)` sends the message to that visitor.",
    "Find the visitors with `[visitor for visitor, name in self.room.members.items() if name == "
    "to]`. If there is none, raise a FrameError with the key. Otherwise tell the message to them "
    "and to self.",
)
SOLUTION = """
class Whispers(ChatSocket):
    def receive(self, frame):
        match frame:
            case {"message": str(text)} if text.startswith("@"):
                to = text[1:].partition(" ")[0]
                members, key = self.room.members, frame.get("key")
                found = [visitor for visitor, name in members.items() if name == to]
                if not found:
                    raise FrameError("nobody", f"There is no {to} here.", key)
                private = Message(text, name=members[self], time=time.time(), key=key)
                for visitor in {self, *found}:
                    visitor.tell(private)
            case _:
                super().receive(frame)
"""
MATCH = '        match frame:\n            case {"message": str(text)} if text.startswith("@"):\n'
WRONG = {
    "always Bob": (
        "if name == to",
        'if name == "Bob"',
        "a message for Bob and Eve alone when Bob writes “@Eve .*what came: .*Eve received nothing",
    ),
    "to everyone whose name is in it": (
        "name == to",
        "name in text",
        "a message for Ada and Bob alone when Ada writes “@Bob .*Eve received it",
    ),
    "to a name that begins alike": (
        "name == to",
        'text.startswith(f"@{name}")',
        "an error for Ada alone when Ada writes “@Bobby .*Bob received it",
    ),
    "to a name that begins like that": (
        "name == to",
        "name.startswith(to)",
        "Ada and Bob alone when Ada writes “@Bob .*Bob-2 received it",
    ),
    "the name that was asked for": (
        "for visitor, name in members.items() if name == to",
        "for visitor in members if visitor.entry.name == to",
        "Ada and Bob alone when Ada writes “@Bob .*Bob-2 received it",
    ),
    "twice to oneself": (
        "{self, *found}",
        "[self, *found]",
        "a message for Bob alone when Bob writes “@Bob .*Bob received it twice",
    ),
    "an id": (
        "key=key)\n                for",
        "key=key, id=self.room.newest + 1)\n                for",
        "no id on “@Bob .*, because it is not in the log; what came: the id 2",
    ),
    "no time": ("time=time.time(), ", "", "the time on “@Bob .*; what came: none"),
    "an error is returned": (
        "raise FrameError",
        "return FrameError",
        "an error to be raised; what came: `receive` returned it: write `raise FrameError",
    ),
    "to everyone": ("{self, *found}", "members", "Ada and Bob alone.*Eve received it"),
    "to the log": (
        "for visitor in {self, *found}:\n                    visitor.tell(private)",
        "super().receive(frame)",
        "a message for Ada and Bob alone.*Eve received it",
    ),
    "to the log too": (
        "visitor.tell(private)\n",
        "visitor.tell(private)\n                self.room.log.append(self.room.name, [private])\n",
        "Ada received it twice; Bob received it twice; Eve received it",
    ),
    "not to the sender": ("{self, *found}", "found", "Ada and Bob alone.*Ada received nothing"),
    "a print": (
        "visitor.tell(private)",
        "print(text)",
        "Ada received nothing.*Your code printed: @Bob",
    ),
    "no key": (
        "time=time.time(), key=key",
        "time=time.time()",
        "the key of “@Bob .* in what Ada receives; what came: no key, so .* again: pass on",
    ),
    "an error without a key": (
        'here.", key)',
        'here.")',
        "the key of “@Bobby .* in what Ada receives; what came: no key",
    ),
    "no error": (
        'raise FrameError("nobody", f"There is no {to} here.", key)',
        "return",
        "an error for Ada alone when Ada writes “@Bobby .*Ada received nothing",
    ),
    "the other's name": (
        "name=members[self]",
        "name=to",
        "name “Ada” on “@Bob .*came: Bob",
    ),
    "members by name": (
        "[visitor for visitor, name in members.items() if name == to]",
        "[members[to]]",
        "raised KeyError in line",
    ),
    "an @ anywhere": (
        'text.startswith("@")',
        '"@" in text',
        "a message for everyone when Bob writes “mail me.*Bob received “error",
    ),
    "a text to tell": (
        "visitor.tell(private)",
        "visitor.tell(text)",
        "received “no message: '@Bob",
    ),
    "a name": ("visitor.tell(private)", "to.tell(private)", "'str' object has no attribute 'tell'"),
    "every frame is a message": (
        MATCH,
        '        text = frame["message"]\n        match text:\n'
        '            case str() if text.startswith("@"):\n',
        "raised KeyError in line",
    ),
    "async": ("def receive", "async def receive", "a plain `def receive`.*came: an `async def`"),
}
RIGHT = {
    "a loop": (
        "class Whispers(ChatSocket):\n    def receive(self, frame):\n"
        '        text = frame.get("message") if isinstance(frame, dict) else None\n'
        '        if not isinstance(text, str) or text[:1] != "@":\n'
        "            return super().receive(frame)\n"
        "        to, names = text.split()[0][1:], self.room.members\n"
        "        for visitor in list(names):\n            if names[visitor] == to:\n"
        "                whisper = {\n"
        '                    "message": text,\n'
        '                    "name": names[self],\n'
        '                    "time": time.time(),\n'
        '                    "key": frame.get("key"),\n'
        "                }\n                visitor.tell(whisper)\n"
        "                return visitor is self or self.tell(whisper)\n"
        '        self.tell(FrameError("nobody", "Who?", frame.get("key")).frame())\n',
    ),
    "the other way round": (
        "class Whispers(ChatSocket):\n    def receive(self, frame):\n"
        '        if not (text := self.text(frame)).startswith("@"):\n'
        "            return super().receive(frame)\n"
        "        by_name = {name: visitor for visitor, name in self.room.members.items()}\n"
        "        to = re.match(r'@(\\w*)', text)[1]\n"
        "        if to not in by_name:\n"
        '            raise FrameError("away", f"{to} is away.", frame["key"])\n'
        "        name = self.room.members[self]\n"
        '        message = Message(text, name=name, time=time.time(), key=frame["key"])\n'
        "        by_name[to].tell(message)\n        if by_name[to] is not self:\n"
        "            self.tell(message)\n\n    @staticmethod\n    def text(frame):\n"
        '        return str(frame["message"]) if "message" in frame else ""\n',
    ),
}
EVERYONE = ("Ada", "Bob", "Eve", "Bob-2")
SAID = (  # who writes what, and who receives it; nobody for an error
    ("Ada", "hello", EVERYONE),
    ("Ada", "@Bob psst, not a word to Eve", ("Ada", "Bob")),
    ("Bob", "@Eve Ada trusts you", ("Bob", "Eve")),
    ("Bob", "mail me: ada@Bob.example", EVERYONE),
    ("Bob", "@Bob bring some milk", ("Bob",)),
    ("Ada", "@Bobby are you here?", ()),
)


async def check(answer: Any) -> str:
    """Let Ada and Bob whisper, to each other, to Eve and to nobody, and read the log."""
    plain_def(the_class(answer, "Whispers", ChatSocket), "receive")
    with only_raising(answer, "receive") as handler:
        async with (
            chat_server(handler=handler) as server,
            chat_peers(server, "Ada", "Bob", "Eve", "Bob") as peers,
        ):
            people = dict(zip(EVERYONE, peers, strict=True))
            for name, text, to in SAID:
                await people[name].say({"message": text, "key": f"key {text}"})
                await settled(server)
                if people[name].closed.is_set():
                    raise NotYetError(f"an answer to “{text}”", "the connection was closed")
                judge(
                    name, text, to, {who: await chat_frames(peer) for who, peer in people.items()}
                )
            log = [message.message for message in await server.log.read("lobby", 0, len(SAID))]
            if log != (public := [text for _, text, to in SAID if to == EVERYONE]):
                raise NotYetError(f"only {listed(public)} in the log", listed(log))
            await people["Ada"].say({"event": "typing"})
            await people["Ada"].say(["@Bob"])
            if (came := contents(await chat_frames(people["Bob"]))) != ["event: Ada typing"]:
                raise NotYetError("super() to tell Bob that Ada types", listed(came))
    return "Whispers reached two people and not the log, and nobody is called Bobby."


def judge(name: str, text: str, to: tuple[str, ...], frames: dict[str, list[Any]]) -> None:
    """Raise NotYetError unless what everyone received is what should come of a text."""
    when = f"when {name} writes “{text}”"
    came = "; ".join(f"{who} received {in_words(text, got)}" for who, got in frames.items())
    group = "everyone" if to == EVERYONE else f"{' and '.join(to)} alone"
    for who, got in frames.items():
        if not to and [len(got), *map(is_error, got)] != ([1, True] if who == name else [0]):
            raise NotYetError(f"an error for {name} alone {when}", came)
        if to and contents(got) != [text] * (who in to):
            raise NotYetError(f"a message for {group} {when}", came)
    for who in to:
        frame = frames[who][0]
        if frame.get("name") != name:
            raise NotYetError(f"the name “{name}” on “{text}”", frame.get("name") or "no name")
        if not frame.get("time"):
            raise NotYetError(f"the time on “{text}”", "none")
        if frame.get("id") and to != EVERYONE:
            expected = f"no id on “{text}”, because it is not in the log"
            raise NotYetError(expected, f"the id {frame['id']}")
    if frames[name][0].get("key") != f"key {text}":
        came = f'no key, so {name}\'s client will send it again: pass on `frame.get("key")`'
        raise NotYetError(f"the key of “{text}” in what {name} receives", came)


def in_words(text: str, frames: list[Any]) -> str:
    """Return what somebody received, with `it` for a text."""
    if (texts := contents(frames)) == [text, text]:
        return "it twice"
    return listed(texts).replace(f"“{text}”", "it")


def is_error(frame: Any) -> bool:
    """Return True for a frame that says what is wrong."""
    return isinstance(frame, dict) and "error" in frame
