"""Exercise 12-4: slash commands."""

from secrets import token_hex
from typing import Any

from chatkit.handlers import ChatSocket
from chatkit.lessons.engine.expect import NotYetError, listed, plain_def, the_class
from chatkit.lessons.engine.handlers import only_raising
from chatkit.lessons.engine.serving import chat_frames, chat_peers, chat_server, contents, settled

TASK = (
    "Send “/me waves” to everyone as “* Ada waves *”. Any other command gets its sender, and "
    "nobody else, an error that names it. Only text that begins with “/” is a command; everything "
    "else goes on to super()."
)
STUB = """
class Commands(ChatSocket):
    def receive(self, frame):
        match frame:
            case {"message": str(text)} if text.startswith("/"):
                raise FrameError("unknown_command", f"There is no {text}.", frame.get("key"))
            case _:
                super().receive(frame)
"""
HINTS = (
    "A command may go on to `super().receive` too, as a copy of its frame with another text. The "
    "key has to stay. The sender's name is `self.room.members[self]`.",
    'For “/me waves”, call `super().receive({**frame, "message": f"* {name} {words} *"})`, where '
    "`words` are what follows “/me ”. Any other command still raises the FrameError.",
)
SOLUTION = """
class Commands(ChatSocket):
    def receive(self, frame):
        match frame:
            case {"message": str(text)} if text.startswith("/"):
                command, _, words = text[1:].partition(" ")
                if command != "me":
                    detail = f"There is no command /{command}: try /me waves."
                    raise FrameError("unknown_command", detail, frame.get("key"))
                name = self.room.members[self]
                super().receive({**frame, "message": f"* {name} {words} *"})
            case _:
                super().receive(frame)
"""
CASES = '            case {"message": str(text)} if text.startswith("/"):'
WRONG = {
    "waves only": (
        'command != "me"',
        'text != "/me waves"',
        "“[*] Bob laughs out loud [*]” to reach everyone when Bob writes “/me laughs out loud”",
    ),
    "always Ada": ("* {name}", "* Ada", "“[*] Bob laughs out loud [*]”.*came: .*“[*] Ada laughs"),
    "the name that was asked for": (
        "self.room.members[self]",
        "self.entry.name",
        "“[*] Ada-2 sings [*]” to reach everyone when Ada-2 writes.*received “[*] Ada sings",
    ),
    "one space too many": (
        'text[1:].partition(" ")',
        'text[1:3], "", text[3:]',
        "“[*] Ada waves [*]”.*“[*] Ada  waves [*]”.*with a space too many",
    ),
    "not to the log": (
        'super().receive({**frame, "message": f"* {name} {words} *"})',
        'text, key = f"* {name} {words} *", frame.get("key")\n'
        "                for visitor in self.room.members:\n"
        "                    visitor.tell(Message(text, name=name, time=time.time(), key=key))",
        "“[*] Ada waves [*]” in the log, where a latecomer finds it; what came: “hello”",
    ),
    "two known commands": (
        'command != "me"',
        'command in ("dance", "meow")',
        "an error for Ada alone when Ada writes “/[0-9a-f]+”; what came: Ada received “",
    ),
    "an error is returned": (
        "raise FrameError",
        "return FrameError",
        "an error to be raised; what came: `receive` returned it: write `raise FrameError",
    ),
    "the first word only": (
        "{words} *",
        "{words.split()[0]} *",
        "“[*] Bob laughs out loud [*]”.*came: .*“[*] Bob laughs [*]”",
    ),
    "/meow too": (
        'command != "me"',
        'not command.startswith("me")',
        "an error for Bob alone when Bob writes “/meow”; what came: Bob received “[*] Bob  [*]”",
    ),
    "the text alone": (
        '{**frame, "message": f"* {name} {words} *"}',
        'f"* {name} {words} *"',
        "“[*] Ada waves [*]” to reach everyone.*came: Ada received “error: Send an object",
    ),
    "no key": (
        "{**frame, ",
        "{",
        "the key of “/me waves” in what Ada receives; what came: no key, so .* again: pass on",
    ),
    "an error without a key": (
        ', frame.get("key")',
        "",
        "the key of “/dance” in what Ada receives; what came: no key",
    ),
    "an error that does not name it": (
        "no command /{command}",
        "no such command",
        "error to name the command “/dance”; what came: “There is no such command",
    ),
    "a print": (
        'raise FrameError("unknown_command", detail, frame.get("key"))',
        "return print(detail)",
        "an error for Ada alone.*“/dance”; what came: Ada received nothing.*printed: There is no",
    ),
    "the error for everyone": (
        'raise FrameError("unknown_command", detail, frame.get("key"))',
        'return super().receive({**frame, "message": detail})',
        "an error for Ada alone.*everyone else “There is no command /dance",
    ),
    "a slash anywhere": (
        'text.startswith("/")',
        '"/" in text',
        "“1/2” to reach everyone when Ada writes “1/2”; what came: Ada received “error",
    ),
    "no else": (
        "            case _:\n                super().receive(frame)",
        "",
        "“hello” to reach everyone when Ada writes “hello”; what came: Ada received nothing",
    ),
    "every frame is a message": (
        f"        match frame:\n{CASES}",
        '        text = frame["message"]\n        match text:\n'
        '            case str() if text[:1] == "/":',
        r"raised KeyError in line .*, `text = frame\[\"message\"\]`: 'message'",
    ),
    "every text has a beginning": (
        'text.startswith("/")',
        'text[0] == "/"',
        "raised IndexError in line",
    ),
    "no super": ("super()", "self", "raised RecursionError"),
    "the visitor's name": ("self.room.members[self]", "self.name", "'Commands'.*attribute 'name'"),
    "async": ("def receive", "async def receive", "a plain `def receive`.*came: an `async def`"),
    "no parameter": (
        "(self, frame)",
        "(self)",
        "`receive` is called with more values than its `def` accepts",
    ),
}
RIGHT = {
    "isinstance and an error of its own": (
        "class Commands(ChatSocket):\n    def receive(self, frame):\n"
        '        text = frame.get("message") if isinstance(frame, dict) else None\n'
        '        if not isinstance(text, str) or text[:1] != "/":\n'
        "            return super().receive(frame)\n"
        '        if text.startswith("/me "):\n'
        '            frame["message"] = "* " + self.room.members[self] + text[3:] + " *"\n'
        "            return super().receive(frame)\n"
        "        word = text.split()[0]\n"
        '        self.tell({"error": "what", "detail": f"{word}?", "key": frame.get("key")})\n',
    ),
    "a table": (
        "class Commands(ChatSocket):\n"
        '    table = {"me": lambda name, words: f"* {name} {words} *"}\n\n'
        "    def receive(self, frame):\n        match frame:\n"
        '            case {"message": str(text)} if found := re.match("/(.*?)( |$)", text):\n'
        "                if found[1] not in self.table:\n"
        '                    raise FrameError("none", f"No {found[1]}.", frame.get("key"))\n'
        "                words = self.table[found[1]](\n"
        "                    self.room.members[self], text[found.end() :]\n                )\n"
        '                frame = frame | {"message": words}\n'
        "        super().receive(frame)\n",
    ),
}
SAID = (  # who writes what, and what everyone receives; nothing for an error
    ("Ada", "hello", "hello"),
    ("Ada", "/me waves", "* Ada waves *"),
    ("Bob", "/me laughs out loud", "* Bob laughs out loud *"),
    ("Ada-2", "/me sings", "* Ada-2 sings *"),
    ("Ada", "/dance", ""),
    ("Bob", "/meow", ""),
    ("Ada", "1/2", "1/2"),
)
NO_MESSAGES = ({"message": ""}, {"message": 7}, ["/me waves"])


async def check(answer: Any) -> str:
    """Let three people write commands, what only looks like one, and frames without a text."""
    plain_def(the_class(answer, "Commands", ChatSocket), "receive")
    said = [*SAID, ("Ada", f"/{token_hex(4)}", "")]
    with only_raising(answer, "receive") as handler:
        async with (
            chat_server(handler=handler) as server,
            chat_peers(server, "Ada", "Bob", "Ada") as (ada, bob, second),
        ):
            people = {"Ada": ada, "Bob": bob, "Ada-2": second}
            for name, text, wanted in said:
                await people[name].say({"message": text, "key": f"key {text}"})
                await settled(server)
                if people[name].closed.is_set():
                    raise NotYetError(f"an answer to “{text}”", "the connection was closed")
                frames = {who: await chat_frames(peer) for who, peer in people.items()}
                judge(name, text, wanted, frames.pop(name), *frames.values())
                log = [message.message for message in await server.log.read("lobby", 0, len(said))]
                if wanted and log[-1:] != [wanted]:
                    expected = f"“{wanted}” in the log, where a latecomer finds it"
                    raise NotYetError(expected, listed(log[-1:]))
            await ada.say({"event": "typing"})
            if (came := contents(await chat_frames(bob))) != ["event: Ada typing"]:
                raise NotYetError("super() to tell Bob that Ada types", listed(came))
            for frame in NO_MESSAGES:
                await ada.say(frame)
                came = [] if ada.closed.is_set() else contents(await chat_frames(ada))
                if len(came) != 1 or not came[0].startswith("error"):
                    raise NotYetError(f"super() to refuse the frame {frame}", listed(came))
    return "Ada waved and Bob laughed; /dance and /meow were refused, and 1/2 is no command."


def judge(name: str, text: str, wanted: str, own: list[Any], *others: list[Any]) -> None:
    """Raise NotYetError unless what people received is what should come of a text."""
    when = f"when {name} writes “{text}”"
    texts = [contents(frames) for frames in (own, *others)]
    rest = " or ".join(dict.fromkeys(listed(each) for each in texts[1:]))
    came = f"{name} received {listed(texts[0])}, everyone else {rest}"
    if wanted and any(each != [wanted] for each in texts):
        if texts[0] != [wanted] and "".join(texts[0]).split() == wanted.split():
            came += ", with a space too many"
        raise NotYetError(f"“{wanted}” to reach everyone {when}", came)
    if not wanted and (len(own) != 1 or "error" not in own[0] or any(others)):
        raise NotYetError(f"an error for {name} alone {when}", came)
    if not wanted and text[1:] not in own[0]["detail"]:
        raise NotYetError(f"the error to name the command “{text}”", f"“{own[0]['detail']}”")
    if own[0].get("key") != f"key {text}":
        came = f'no key, so {name}\'s client will send it again: pass on `frame.get("key")`'
        raise NotYetError(f"the key of “{text}” in what {name} receives", came)
