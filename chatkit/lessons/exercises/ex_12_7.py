"""Exercise 12-7: a bridge between two rooms."""

import asyncio
from secrets import token_hex
from typing import Any

from chatkit.client import ChatClient
from chatkit.lessons.engine.expect import expect, plain, the_function
from chatkit.lessons.engine.serving import chat_peers, chat_server
from chatkit.server import ChatServer

TASK = (
    "Carry what people say in each of two rooms to the other one, as “Ada: hello”, but never what "
    "the bridge itself has brought."
)
STUB = """
def bridge(one, other):
    def carry(here, there):
        async def across(message):
            await there.send(message.message)

        here.on_message(across)

    carry(one, other)
"""
HINTS = (
    "What carries the messages of `other`? And a client receives what it sends, too: what happens "
    "to a message that has crossed the bridge, when the client that sent it receives it?",
    'In `across`, send f"{message.name}: {message.message}" unless `message.name` is `here.name`. '
    "Then carry both ways: `carry(one, other)` and `carry(other, one)`.",
)
SOLUTION = """
def bridge(one, other):
    def carry(here, there):
        async def across(message):
            if message.name != here.name:
                await there.send(f"{message.name}: {message.message}")

        here.on_message(across)

    carry(one, other)
    carry(other, one)
"""
WRONG = {
    "always the same names": (
        "message.name != here.name",
        'message.name in ("Ada", "Bob")',
        "“Grace: anybody there[?]” in the room “south” when Grace.*came: nothing at all",
    ),
    "an echo without end": (
        "message.name != here.name",
        "message.message",
        "“Bob: yes, here” in the room “north”.*came: “train: Ada: anybody there[?]”: the bridge "
        "carried its own message back",
    ),
    "the other side's name": ("here.name", "there.name", "came: “train: Ada: anybody there[?]”"),
    "both names": (
        "message.name != here.name",
        "message.name not in (one.name, other.name)",
        "“train: yes, here” in the room “north” when train says.*came: nothing at all",
    ),
    "a flag": (
        "def bridge(one, other):\n    busy = False\n\n    def carry(here, there):\n"
        "        async def across(message):\n            nonlocal busy\n"
        "            busy = not busy\n            if busy:\n"
        '                await there.send(f"{message.name}: {message.message}")\n\n'
        "        here.on_message(across)\n\n"
        "    carry(one, other)\n    carry(other, one)\n",
        "“Bob: note: hi” in the room “north” when Bob says “yes, here” and “note: hi”",
    ),
    "known by its words": (
        "def bridge(one, other):\n    sent = set()\n\n    def carry(here, there):\n"
        "        async def across(message):\n            if message.message not in sent:\n"
        '                sent.add(text := f"{message.name}: {message.message}")\n'
        "                await there.send(text)\n\n"
        "        here.on_message(across)\n\n"
        "    carry(one, other)\n    carry(other, one)\n",
        "“Bob: Ada: anybody there[?]” in the room “north” when Bob says.*came: nothing at all",
    ),
    "known by its number": (
        "def bridge(one, other):\n    brought = {one: set(), other: set()}\n\n"
        "    def carry(here, there):\n        async def across(message):\n"
        "            if message.id not in brought[here]:\n"
        "                brought[there].add(message.id)\n"
        '                await there.send(f"{message.name}: {message.message}")\n\n'
        "        here.on_message(across)\n\n"
        "    carry(one, other)\n    carry(other, one)\n",
        "in the room “north” when Bob says.*came: “train: Ada: anybody there[?]”: the bridge",
    ),
    "known by having a key": (
        "message.name != here.name",
        "not message.key",
        "“Ada: anybody there[?]” in the room “south” when Ada says.*came: nothing at all",
    ),
    "async": (
        "def bridge",
        "async def bridge",
        "bridge to be a plain `def`; what came: an `async def`",
    ),
    "known by its colon": (
        "message.name != here.name",
        '": " not in message.message',
        "“Bob: note: hi” in the room “north” when Bob says .* and “note: hi” .*nothing",
    ),
    "one way only": (
        "\n    carry(other, one)",
        "",
        "“Bob: yes, here” in the room “north”.*what came: nothing at all",
    ),
    "without the name": (
        'f"{message.name}: {message.message}"',
        "message.message",
        "“Ada: anybody there[?]” in the room “south”.*what came: “anybody there[?]”",
    ),
    "the bridge's name": (
        'f"{message.name}',
        'f"{there.name}',
        "“Ada: anybody there[?]” in the room “south”.*what came: “train: anybody there[?]”",
    ),
    "no await": ("await there", "there", r"nothing at all.*a coroutine, `ChatClient\.send`"),
    "a print": ("await there.send(", "print(", "nothing at all.*Your code printed: Ada: anybody"),
    "back to the same room": (
        "await there",
        "await here",
        "“Ada: anybody there[?]” in the room “south” when Ada .*what came: nothing at all",
    ),
    "the message itself": (
        'f"{message.name}: {message.message}"',
        "message",
        "FrameError in line",
    ),
    "not registered": ("        here.on_message(across)\n", "", "came: nothing at all"),
    "called": ("on_message(across)", "on_message(across())", "Your call gives it too few values"),
    "no second client": (
        "bridge(one, other)",
        "bridge(one)",
        "`bridge` is called with more values than its `def`",
    ),
}
RIGHT = {
    "async for": (
        "async def carry(here, there):\n    async for message in here:\n"
        "        if message.name == here.name:\n            continue\n"
        '        await there.send(message.name + ": " + message.message)\n\n\n'
        "def bridge(one, other):\n"
        "    one.task = asyncio.create_task(carry(one, other))\n"
        "    other.task = asyncio.create_task(carry(other, one))\n",
    ),
    "by the keys": (
        "def bridge(one, other):\n    brought = set()\n\n"
        "    for here, there in ((one, other), (other, one)):\n"
        "        async def across(message, there=there):\n"
        "            if message.key not in brought:\n"
        '                text = f"{message.name}: {message.message}"\n'
        "                brought.add(await there.send(text))\n\n"
        "        here.on_message(across)\n",
    ),
    "tasks": (
        "def bridge(one, other):\n    tasks = set()\n\n    def carry(message, here, there):\n"
        "        if message.name == here.name:\n            return\n"
        '        text = f"{message.name}: {message.message}"\n'
        "        tasks.add(asyncio.create_task(there.send(text)))\n\n"
        "    one.on_message(lambda message: carry(message, one, other))\n"
        "    other.on_message(lambda message: carry(message, other, one))\n",
    ),
}
NAMES = (("Ada", "ferry", "Bob", "train"), ("Grace", "train", "train", "boat"))
SAID = (  # in which room, and what: all of it in a row
    (0, ["anybody there?"]),
    (1, ["yes, here", "note: hi"]),
    (1, ["Ada: anybody there?"]),
    (0, ["bye", "bye"]),
    (1, ["bye"]),
)


async def check(bridge: Any) -> str:
    """Let two people talk across the bridge, and then two others across another one."""
    the_function(bridge, "bridge")
    for names in NAMES:
        async with chat_server() as server:
            await talk(bridge, server, *names)
    return "each side heard the other, every message once, and no echo."


async def talk(bridge: Any, server: ChatServer, *names: str) -> None:
    """Raise NotYetError unless two people hear each other, and nothing else, across a bridge."""
    rooms, clients = ("north", "south"), []
    async with (
        chat_peers(server, names[0], room=rooms[0]) as (north,),
        chat_peers(server, names[2], room=rooms[1]) as (south,),
    ):
        await north.say({"message": "the bridge is not open yet"})  # so the rooms' ids differ
        await north.next_frame("a chat that works")
        for name, room in zip(names[1::2], rooms, strict=True):
            # It isn't closed here: with an echo, `close` would wait for what is not confirmed.
            clients.append(await ChatClient(server.url, name, room=room).connect())
        plain(bridge(*clients), "bridge")
        for peer in (north, south):
            await peer.news()
        for side, texts in SAID:
            name = names[2 * side]
            said = " and ".join(f"“{text}”" for text in texts)
            when = f"when {name} says {said} in the room “{rooms[side]}”"
            speaker = (north, south)[side]
            frames = [{"message": text, "key": token_hex(8)} for text in texts]
            await asyncio.gather(*map(speaker.say, frames))
            for place, peer in enumerate((north, south)):
                for text in texts:
                    wanted = text if place == side else f"{name}: {text}"
                    expected = f"“{wanted}” in the room “{rooms[place]}” {when}"
                    came = (await peer.next_frame(expected)).get("message")
                    parts = [*str(came).split(": "), ""]
                    echo = parts[0] in names[1::2] and parts[1] in names[::2]
                    remark = ": the bridge carried its own message back" * echo
                    expect(came, wanted, expected, f"“{came}”{remark}")
