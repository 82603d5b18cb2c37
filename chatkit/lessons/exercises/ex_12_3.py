"""Exercise 12-3: a bot that welcomes everyone once."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

from chatkit.client import ChatClient
from chatkit.lessons.engine.expect import NotYetError, listed, plain, the_function
from chatkit.lessons.engine.serving import (
    Peer,
    chat_clients,
    chat_peers,
    chat_server,
    settled,
    soon,
    turns,
)
from chatkit.server import ChatServer

TASK = (
    "Send “Welcome, Grace!” when Grace joins for the first time, and answer “!who” with the names "
    "of all who are here, sorted, with a comma and a space between them."
)
STUB = """
def make_host(client):
    async def greet(event):
        if event["event"] == "joined":
            await client.send("Welcome!")

    client.on_event(greet)
"""
HINTS = (
    'An event such as {"event": "joined", "name": "Grace", …} holds the name of the person who '
    "joined. How do you know whom you have already welcomed? `client.members` has the names of "
    "all who are here, and `message.message` is what somebody wrote.",
    "Keep a set of names, and welcome only a name that is not in it yet. In a function for "
    '`client.on_message`, answer the text "!who" with `", ".join(sorted(client.members))`.',
)
SOLUTION = """
def make_host(client):
    greeted = set()

    async def greet(event):
        if event["event"] == "joined" and event["name"] not in greeted:
            greeted.add(event["name"])
            await client.send(f"Welcome, {event['name']}!")

    async def answer(message):
        if message.message == "!who":
            await client.send(", ".join(sorted(client.members)))

    client.on_event(greet)
    client.on_message(answer)
"""
WRONG = {
    "always Grace": (
        "{event['name']}",
        "Grace",
        "“Welcome, Bob!” when Bob joins; what came: “Welcome, Grace!”",
    ),
    "everyone each time": (
        ' and event["name"] not in greeted',
        "",
        "the host to say nothing when Grace joins again; what came: “Welcome, Grace!”",
    ),
    "the first one only": (
        'event["name"] not in greeted',
        "not greeted",
        "“Welcome, Bob!” when Bob joins; what came: nothing at all",
    ),
    "every event": (
        'event["event"] == "joined" and ',
        "",
        "the host to say nothing when Ada types; what came: “Welcome, Ada!”",
    ),
    "everyone who writes": (
        "    async def answer(message):\n",
        "    async def answer(message):\n        if message.name not in greeted:\n"
        "            greeted.add(message.name)\n"
        '            await client.send(f"Welcome, {message.name}!")\n',
        "say nothing when Ada writes “hello”; what came: “Welcome, Ada!”",
    ),
    "!who anywhere": (
        'message.message == "!who"',
        '"!who" in message.message',
        "to say nothing when Ada writes “who is !who[?]”; what came: “Ada, host”",
    ),
    "any command": (
        'message.message == "!who"',
        'message.message.startswith("!")',
        "to say nothing when Ada writes “!hello”; what came: “Ada, host”",
    ),
    "a function for each newcomer": (
        "def make_host(client):\n    greeted = set()\n\n    async def greet(event):\n"
        '        if event["event"] == "joined" and event["name"] not in greeted:\n'
        '            greeted.add(event["name"])\n'
        "            await client.send(f\"Welcome, {event['name']}!\")\n"
        "            client.on_message(answer)\n\n"
        "    async def answer(message):\n"
        '        if message.message == "!who":\n'
        '            await client.send(", ".join(sorted(client.members)))\n\n'
        "    client.on_event(greet)\n",
        "only “Ada, Bob, Grace, host”, and only once, when .*came: “Ada, .*“Ada, Bob, Grace",
    ),
    "the last one only": (
        'event["name"] not in greeted',
        'greeted != {event["name"]} and not greeted.clear()',
        "the host to say nothing when Grace joins again; what came: “Welcome, Grace!”",
    ),
    "who was welcomed": (
        "sorted(client.members)",
        "sorted(greeted)",
        "“Ada, Bob, Grace, host” when Ada writes “!who”; what came: “Bob, Grace”",
    ),
    "async": (
        "def make_host",
        "async def make_host",
        "make_host to be a plain `def`; what came: an `async def`",
    ),
    "always the same names": (
        '", ".join(sorted(client.members))',
        '"Ada, host"',
        "“Ada, Bob, Grace, host” when Ada writes “!who”; what came: “Ada, host”",
    ),
    "not sorted": (
        "sorted(client.members)",
        "client.members[::-1]",
        "“Ada, Bob, Grace, host”.*came: “Bob, Grace, host, Ada”",
    ),
    "no await": (
        "await client.send(f",
        "client.send(f",
        r"“Welcome, Grace!”.*came: nothing at all.*made a coroutine, `ChatClient\.send`",
    ),
    "a print": (
        "await client.send(f",
        "print(f",
        "“Welcome, Grace!”.*what came: nothing at all.*Your code printed: Welcome, Grace!",
    ),
    "not registered": (
        "    client.on_event(greet)\n",
        "",
        "“Welcome, Grace!”.*came: nothing at all",
    ),
    "called": (
        "on_event(greet)",
        "on_event(greet())",
        "Your call gives it too few values. To hand over the function itself, write no",
    ),
    "no parameter": (
        "greet(event)",
        "greet()",
        "`greet` is called with more values than its `def` accepts",
    ),
    "a message is a text": (
        "message.message ==",
        "message ==",
        "“Ada, Bob, Grace, host”.*came: nothing at all",
    ),
    "event.name": (
        'event["name"]',
        "event.name",
        "raised AttributeError in line.*attribute 'name'",
    ),
}
RIGHT = {
    "async for": (
        "def make_host(client):\n    greeted = []\n\n    async def greet(event):\n"
        "        match event:\n"
        '            case {"event": "joined", "name": name} if name not in greeted:\n'
        "                greeted.append(name)\n"
        '                await client.send("Welcome, " + name + "!")\n\n'
        "    async def answer():\n        async for message in client:\n"
        '            if message.message == "!who":\n'
        '                await client.send(", ".join(sorted(client.members, key=str.lower)))\n\n'
        "    client.on_event(greet)\n    client.task = asyncio.create_task(answer())\n",
    ),
    "an object and tasks": (
        "class Host:\n    def __init__(self, client):\n"
        "        self.client, self.greeted, self.tasks = client, {}, []\n"
        "        client.on_event(self.greet)\n        client.on_message(self.answer)\n\n"
        "    def say(self, text):\n"
        "        self.tasks.append(asyncio.create_task(self.client.send(text)))\n\n"
        "    def greet(self, event):\n"
        '        if event["event"] == "joined" and not self.greeted.get(event["name"]):\n'
        '            self.greeted[event["name"]] = True\n'
        "            self.say(f\"Welcome, {event['name']}!\")\n\n"
        "    def answer(self, message):\n"
        '        if message.message.strip() == "!who":\n'
        '            self.say(", ".join(sorted(self.client.members)))\n\n\n'
        "def make_host(client):\n    return Host(client)\n",
    ),
}


END = "that was all"  # whoever has received it has received everything before it


async def check(make_host: Any) -> str:
    """Let Grace join twice and Bob once, and ask who is here."""
    the_function(make_host, "make_host")
    async with (
        chat_server() as server,
        chat_peers(server, "Ada") as (ada,),
        chat_clients(server.url, "host") as (host,),
    ):
        plain(make_host(host), "make_host")
        says = partial(hears, server, host, ada)
        await says("", "hello")
        async with chat_peers(server, "Grace"):
            await says("Welcome, Grace!", when="Grace joins")
            async with chat_peers(server, "Bob"):
                await says("Welcome, Bob!", when="Bob joins")
                await says("Ada, Bob, Grace, host", "!who")
            await gone(server, "Bob")
            await says("", when="Bob leaves")
            await says("Ada, Grace, host", "!who")
        await gone(server, "Grace")
        await ada.say({"event": "typing"})
        await says("", when="Ada types")
        await says("", "!hello")
        await says("", "who is !who?")
        async with chat_peers(server, "Grace"):
            await says("", when="Grace joins again")
            await says("Ada, Grace, host", "!who")
    return "Grace was welcomed once, though she joined twice, and each !who was answered."


async def hears(
    server: ChatServer, host: ChatClient, ada: Peer, wanted: str, text: str = "", when: str = ""
) -> None:
    """Raise NotYetError unless the host says what is wanted, once, when something happens.

    If `text` is given, Ada writes it. If nothing is wanted, the host has to be silent.
    """
    when = when or f"Ada writes “{text}”"
    expected = f"“{wanted}” when {when}"
    frames: list[dict[str, Any]] = []
    if text:
        await ada.say({"message": text})
    while wanted and not texts_in(frames):
        frames.append(await ada.next_frame(expected))
    await ada.say({"message": END})
    await settled(server)
    with suppress(TimeoutError):  # of a host that never stops
        await soon(caught_up(host, server.rooms.open["lobby"].newest))
    texts = texts_in(frames + await ada.frames())
    came = listed(texts[:3]) + " …" * (len(texts) > 3)
    if not wanted and texts:
        raise NotYetError(f"the host to say nothing when {when}", came)
    if wanted and texts != [wanted]:
        if wanted in texts:
            expected = f"only “{wanted}”, and only once, when {when}"
        raise NotYetError(expected, came)


def texts_in(frames: list[dict[str, Any]]) -> list[str]:
    """Return what the host said in some frames."""
    return [f["message"] for f in frames if f.get("name") == "host" and "message" in f]


async def caught_up(host: ChatClient, newest: int) -> None:
    """Return when the host has received a message, and what it said so far is confirmed."""
    while (host.seen or 0) < newest:  # noqa: ASYNC110 - the client tells nobody
        await asyncio.sleep(0.001)
    await turns()
    await host.confirmed()


async def gone(server: ChatServer, name: str) -> None:
    """Return when the server knows that somebody has left."""
    members: dict[Any, str] = server.rooms.open["lobby"].members
    for socket in [socket for socket, known in members.items() if known == name]:
        await socket.closed
