"""Exercise 12-6: a board on which everyone in a room draws."""

import asyncio
import json
from collections.abc import Coroutine
from contextlib import suppress
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any

from anywidget import AnyWidget

from chatkit.client import ChatClient
from chatkit.lessons.engine.expect import NotYetError, listed, plain_def, returned, the_class
from chatkit.lessons.engine.mistakes import place
from chatkit.lessons.engine.serving import (
    Peer,
    chat_clients,
    chat_frames,
    chat_peers,
    chat_server,
    contents,
    settled,
    soon,
)

TASK = (
    "Send each stroke that the browser draws to the room as text, and add each stroke that the "
    "room sends to self.strokes."
)
STUB = '''
class Board(anywidget.AnyWidget):
    _esm = BOARD
    strokes = traitlets.List().tag(sync=True)

    def __init__(self, client):
        super().__init__()
        self.client = client
        self.loop = asyncio.get_running_loop()
        self.on_msg(self.receive)
        client.on_message(self.hear)

    def receive(self, widget, content, buffers):
        """Send content["stroke"] to the room."""

    def hear(self, message):
        """Add the stroke in a message to self.strokes."""
'''
HINTS = (
    'The browser hands a stroke to `receive` as content["stroke"]. Send it as text, with '
    "json.dumps, by way of run_coroutine_threadsafe. `hear` gets every message of the room, its "
    "own too: read the stroke, and give self.strokes a new list.",
    'In `receive`, make `text = json.dumps({"stroke": content["stroke"]})` and call '
    "`asyncio.run_coroutine_threadsafe(self.client.send(text), self.loop)`. In `hear`, return on a "
    "`msgspec.DecodeError`, and otherwise set `self.strokes = [*self.strokes, stroke]`.",
)
SOLUTION = STUB.replace(
    '"""Send content["stroke"] to the room."""',
    'text = json.dumps({"stroke": content["stroke"]})\n'
    "        asyncio.run_coroutine_threadsafe(self.client.send(text), self.loop)",
).replace(
    '"""Add the stroke in a message to self.strokes."""',
    "try:\n            stroke = msgspec.json.decode(message.message, type=Said).stroke\n"
    "        except msgspec.DecodeError:  # somebody chats\n            return\n"
    "        self.strokes = [*self.strokes, stroke]",
)
SENDING = "asyncio.run_coroutine_threadsafe(self.client.send(text), self.loop)"
READING = """
        try:
            stroke = msgspec.json.decode(message.message, type=Said).stroke
        except msgspec.DecodeError:  # somebody chats
            return
"""
TEXT = 'json.dumps({"stroke": content["stroke"]})'
WRONG = {
    "always the same stroke": (
        'content["stroke"]',
        "[[1, 2], [3, 4]]",
        r"10\]\]\] on Ada's board; what came: \[\[\[1, 2\], \[3, 4\]\], \[\[1, 2\], \[3, 4\]\]\]",
    ),
    "no await": (
        SENDING,
        "self.client.send(text)",
        "`receive` to hand .* to run_coroutine_threadsafe; what came: a coroutine that never ran",
    ),
    "a task of the wrong thread": (
        SENDING,
        "asyncio.create_task(self.client.send(text))",
        "run_coroutine_threadsafe; what came: RuntimeError in line.*no running event loop",
    ),
    "a task of another thread's loop": (
        SENDING,
        "self.loop.create_task(self.client.send(text))",
        "run_coroutine_threadsafe; what came: RuntimeError in line.*Non-thread-safe operation",
    ),
    "asyncio.run": (
        SENDING,
        "asyncio.run(self.client.send(text))",
        r"to run_coroutine_threadsafe; what came: RuntimeError in line.*asyncio.run\(\) cannot be",
    ),
    "async receive": ("def receive", "async def receive", "a plain `def receive`.*an `async def`"),
    "a dict": (
        TEXT,
        '{"stroke": content["stroke"]}',
        r"`client.send\(…\)` to be given text; what came: a dict, {'stroke': \[\[1, 2\]",
    ),
    "each stroke only once": (
        "        self.strokes = [*",
        "        if stroke not in self.strokes:\n            self.strokes = [*",
        r"10\]\], \[\[1, 2\], \[3, 4\]\]\] on Ada's board; what came: .* 10\]\]\]; the room",
    ),
    "the stroke alone": (
        TEXT,
        'json.dumps(content["stroke"])',
        r"came: nothing; the room received “\[\[1",
    ),
    "a print": (SENDING, "print(text)", 'on Ada\'s board; what came: nothing.*printed: {"stroke"'),
    "drawn twice": (
        "        text = json",
        '        self.strokes = [*self.strokes, content["stroke"]]\n        text = json',
        r"on .*'s board; what came: \[\[\[1, 2\], \[3, 4\]\], \[\[1, 2\]",
    ),
    "append": (
        "self.strokes = [*self.strokes, stroke]",
        "self.strokes.append(stroke)",
        "the browser to be told of each stroke; what came: the list changed inside",
    ),
    "the last stroke only": ("[*self.strokes, stroke]", "[stroke]", r"came: \[\[\[5, 6\]"),
    "every message is a stroke": (
        READING,
        '\n        stroke = json.loads(message.message)["stroke"]\n',
        "raised JSONDecodeError in line",
    ),
    "all JSON is a stroke": (
        READING,
        '\n        try:\n            stroke = json.loads(message.message)["stroke"]\n'
        "        except json.JSONDecodeError:\n            return\n",
        "raised TypeError in line",
    ),
    "any stroke will do": (
        READING,
        '\n        try:\n            stroke = json.loads(message.message)["stroke"]\n'
        "        except (ValueError, TypeError, KeyError):\n            return\n",
        r"""the text “{"stroke": "meow"}” to be ignored.*no list of points; .* is on .*'s board""",
    ),
    "the whole of it": ("type=Said).stroke", "type=Said)", "nothing; the room.*Said is not JSON"),
    "a message is a text": ("message.message", "message", "raised TypeError in line"),
    "no parameter": (
        "hear(self, message)",
        "hear(self)",
        "`hear` is called with more values than its",
    ),
}
RIGHT = {
    "append, and then the state": (
        "self.strokes = [*self.strokes, stroke]",
        'self.strokes.append(stroke)\n        self.send_state("strokes")',
    ),
    "json and the loop's thread": (
        SENDING,
        "self.loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self.client.send(text)))",
    ),
    "async for": (
        "client.on_message(self.hear)",
        "self.task = asyncio.create_task(self.follow())\n\n    async def follow(self):\n"
        "        async for message in self.client:\n            self.hear(message)",
    ),
    "by hand": (
        READING + "        self.strokes = [*self.strokes, stroke]",
        "\n        try:\n            match json.loads(message.message):\n"
        '                case {"stroke": [*points]} if all(\n'
        "                    isinstance(part, int) for point in points for part in point\n"
        "                ):\n                    self.strokes = self.strokes + [points]\n"
        "        except (ValueError, TypeError):\n            pass\n",
    ),
}
STROKES = [[[1, 2], [3, 4]], [[5, 6], [7, 8], [9, 10]], [[1, 2], [3, 4]]]
NO_STROKES = ("meow", [["a", 1]])
CHAT = ("what a nice cat", "[1, 2]", "7", *(json.dumps({"stroke": each}) for each in NO_STROKES))
Sent = tuple[Any, Coroutine[Any, Any, str]]
HANDED_ON = "`receive` to hand `client.send(…)` to run_coroutine_threadsafe"


async def check(kind: Any) -> str:
    """Draw on two boards, chat, and look at a board that comes later."""
    plain_def(the_class(kind, "Board", AnyWidget), "receive")
    loop, room = asyncio.get_running_loop(), {"room": "board"}
    async with (
        chat_server() as server,
        chat_clients(server.url, "Ada", "Bob", **room) as clients,
        chat_peers(server, "Eve", **room) as (eve,),
    ):
        sent: list[Sent] = []
        ada, bob, *_ = screens = [Screen(kind, client, sent) for client in clients]
        try:
            ada.draw(STROKES[0])
            for screen in screens:
                await screen.shows(STROKES[:1], eve)
            for text in CHAT:
                await eve.say({"message": text})
            await settled(server)
            await eve.news()
            loop.set_debug(True)  # then asyncio minds a call from a wrong thread
            await asyncio.to_thread(bob.draw, STROKES[1])
            loop.set_debug(False)
            for screen in screens:
                await screen.shows(STROKES[:2], eve)
            ada.draw(STROKES[2])
            for screen in screens:
                await screen.shows(STROKES, eve)
            async with chat_clients(server.url, "Late", last=100, **room) as (late,):
                screens.append(Screen(kind, late, sent))
                await screens[-1].shows(STROKES, eve)
        finally:
            for screen in screens:
                screen.board.close()
    return "all boards show each stroke once, even one that came later, and chat is no drawing."


class Screen:
    """A board, and what the browser shows of it."""

    def __init__(self, kind: Any, client: ChatClient, sent: list[Sent]) -> None:
        self.board, self.name, self.news = kind(client), client.name, asyncio.Event()
        self.note()
        self.send_state = self.board.send_state
        self.board.send_state = self.show
        self.sent, self.send = sent, client.send
        client.send = self.keep  # type: ignore[method-assign]

    def keep(self, text: str) -> Coroutine[Any, Any, str]:
        """Keep what `client.send` is given, and what it returns."""
        self.sent.append((text, made := self.send(text)))
        return made

    def draw(self, stroke: Any) -> None:
        """Draw, as the browser does; NotYetError if the board uses the loop in a wrong way."""
        came = ""
        try:
            self.board.receive(self.board, {"stroke": stroke}, [])
        except RuntimeError as error:
            came = f"RuntimeError{place(error)}: {error}"
        if came:
            self.drop_unused()
            raise NotYetError(HANDED_ON, came)

    def drop_unused(self) -> bool:
        """Return True if a coroutine of `client.send` never ran; it isn't reported once more."""
        unused = [made for _, made in self.sent if getcoroutinestate(made) == CORO_CREATED]
        for made in unused:
            made.close()
        return bool(unused)

    def note(self) -> None:
        """Keep the strokes as they arrive in the browser."""
        self.noted = len(self.board.strokes)
        self.shown: list[Any] = json.loads(json.dumps(self.board.strokes))

    def show(self, key: Any = None) -> None:
        """Send what the board has now, and show it."""
        self.note()
        self.send_state(key)
        self.news.set()

    async def has(self, count: int) -> None:
        """Return when the browser shows this many strokes."""
        while len(self.shown) < count:
            self.news.clear()
            await self.news.wait()

    async def shows(self, wanted: list[Any], room: Peer) -> None:
        """Raise NotYetError unless the browser shows these strokes, and soon."""
        with suppress(TimeoutError):
            await soon(self.has(len(wanted)))
        if self.shown == wanted:
            return
        if len(self.board.strokes) > self.noted:
            came = "the list changed inside, which no trait notices: give it a new list"
            raise NotYetError("the browser to be told of each stroke", came)
        for text, _ in self.sent:
            if not isinstance(text, str):
                raise NotYetError("`client.send(…)` to be given text", returned(text))
        for stroke in NO_STROKES:
            if stroke in self.shown:
                text = json.dumps({"stroke": stroke})
                expected = f"the text “{text}” to be ignored, because it holds no list of points"
                raise NotYetError(expected, f"{json.dumps(stroke)} is on {self.name}'s board")
        texts = contents(await chat_frames(room))
        if self.drop_unused():
            raise NotYetError(HANDED_ON, "a coroutine that never ran")
        came = json.dumps(self.shown) if self.shown else "nothing"
        expected = f"{wanted} on {self.name}'s board"
        raise NotYetError(expected, f"{came}; the room received {listed(texts)}")
