"""Exercise 04-2: a mailbox that keeps every message."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from inspect import isawaitable, iscoroutine
from typing import Any

from chatkit.lessons.engine.expect import (
    NotYetError,
    awaited,
    expect,
    listed,
    returned,
    the_class,
)
from chatkit.lessons.engine.serving import in_time, soon, turns
from chatkit.messages import Message

TASK = (
    "Keep every message until it is fetched, however many come first. `put` is registered with "
    "on_message, and `get` is awaited."
)
STUB = """
class Mailbox:
    def __init__(self):
        self.latest = None
        self.news = asyncio.Event()

    def put(self, message):
        self.latest = message
        self.news.set()

    async def get(self):
        await self.news.wait()
        self.news.clear()
        return self.latest
"""
HINTS = (
    "What happens if `put` is called twice before `get`? How many messages are kept then, and how "
    "often does `wait` return?",
    "One attribute is too little for several messages, and so is one event that the first `get` "
    "clears. An asyncio.Queue keeps them in order: put_nowait(message) puts, `await get()` gets.",
)
SOLUTION = """
class Mailbox:
    def __init__(self):
        self.messages = asyncio.Queue()

    def put(self, message):
        self.messages.put_nowait(message)

    async def get(self):
        return await self.messages.get()
"""
LIST = """
class Mailbox:
    def __init__(self):
        self.messages = []

    def put(self, message):
        self.messages.append(message)

    async def get(self):
        return self.messages.pop(0)
"""
WAITS = "        while not self.messages:\n            "
POP = "        return self.messages.pop(0)"
WRONG = {
    "a list and an event": (
        """
class Mailbox:
    def __init__(self):
        self.messages = []
        self.news = asyncio.Event()

    def put(self, message):
        self.messages.append(message)
        self.news.set()

    async def get(self):
        await self.news.wait()
        self.news.clear()
        return self.messages.pop(0)
""",
        "“two” as message 2 of 3; what came: nothing: `get` still waits",
    ),
    "the last first": (
        "Queue",
        "LifoQueue",
        "the oldest message first; what came: the newest first \\(but nothing is lost\\)",
    ),
    "room for 33": ("Queue()", "Queue(33)", "raised QueueFull"),
    "no brackets": (
        "Queue()",
        "Queue",
        "in `self.messages`; what came: the class Queue: are `\\(\\)`",
    ),
    "room for a hundred": (
        """
from collections import deque


class Mailbox:
    def __init__(self):
        self.messages = deque(maxlen=100)

    def put(self, message):
        self.messages.append(message)

    async def get(self):
        while not self.messages:
            await asyncio.sleep(0.01)
        return self.messages.popleft()
""",
        "“0” as message 1 of 2000; what came: “1900”",
    ),
    "shared by all": (
        """
class Mailbox:
    messages = []

    def put(self, message):
        self.messages.append(message)

    async def get(self):
        while not self.messages:
            await asyncio.sleep(0.01)
        return self.messages.pop(0)
""",
        "its mailbox is empty; what came: “one”, put into another.*share one list\\?",
    ),
    "no await": (
        "await self",
        "self",
        "what came: a coroutine: an `await` is missing after",
    ),
    "get_nowait": (
        "await self.messages.get()",
        "self.messages.get_nowait()",
        "`get` to wait while its mailbox is empty; what came: QueueEmpty",
    ),
    "no waiting": (
        LIST,
        "`get` to wait while its mailbox is empty; what came: IndexError: pop from",
    ),
    "None while it is empty": (
        LIST.replace("pop(0)", "pop(0) if self.messages else None"),
        "`get` to wait while its mailbox is empty; what came: None",
    ),
    "no return": ("return await", "await", "a message; what came: nothing. Is a `return` missing"),
    "a plain get": (
        "async def get(self):\n        return await self.messages.get()",
        "def get(self):\n        return self.messages.get_nowait()",
        "`get` to wait while its mailbox is empty; what came: QueueEmpty",
    ),
    "put without await": (
        "put_nowait(",
        "put(",
        "what came: nothing.*made a coroutine, `Queue.put`, and nobody awaited it",
    ),
    "no self": ("put(self, ", "put(", "`put` is called with more values than its `def` accepts"),
    "a loop without await": (
        LIST.replace(POP, f"{WAITS}pass\n{POP}"),
        "Your code still ran after 3 seconds.*A loop that waits needs an `await`",
    ),
}
RIGHT = {
    "a loop that sleeps": (LIST.replace(POP, f"{WAITS}await asyncio.sleep(0.01)\n{POP}"),),
    "an async put": (
        "    def put(self, message):\n        self.messages.put_nowait",
        "    async def put(self, message):\n        await self.messages.put",
    ),
    "a list and an event": (
        """
class Mailbox:
    def __init__(self):
        self.messages, self.news = [], asyncio.Event()

    def put(self, message):
        self.messages += [message]
        self.news.set()

    async def get(self):
        while not self.messages:
            await self.news.wait()
            self.news.clear()
        first, *self.messages = self.messages
        return first
""",
    ),
    "an async put that waits until there is room": (
        """
class Mailbox:
    def __init__(self):
        self.messages = asyncio.Queue(1)

    async def put(self, message):
        await self.messages.put(message)

    async def get(self):
        return await self.messages.get()
""",
    ),
    "an `if`, which is enough for one reader": (
        """
class Mailbox:
    def __init__(self):
        self.messages, self.news = [], asyncio.Event()

    def put(self, message):
        self.messages.append(message)
        self.news.set()

    async def get(self):
        if not self.messages:
            self.news.clear()
            await self.news.wait()
        return self.messages.pop(0)
""",
    ),
    "a plain def that returns a coroutine": (
        "async def get(self):\n        return await",
        "def get(self):\n        return",
    ),
}


SAID = ["one", "two", "two"]
MANY = [str(number) for number in range(2000)]
FETCHED = 20  # of many: a `get` may sleep a moment each time


async def check(kind: Any) -> str:
    """Let messages come before anybody asks for them, and one while somebody waits for it."""
    the_class(kind, "Mailbox", object)
    box = kind()
    for name, value in getattr(box, "__dict__", {}).items():
        if isinstance(value, type):
            raise NotYetError(f"a queue or a list in `self.{name}`", returned(value))
    await fill(box, SAID)
    await wait_at_empty(kind())
    await empty(box, SAID, len(SAID))
    await wait_at_empty(box)
    box = kind()
    await fill(box, MANY)
    await empty(box, MANY, FETCHED)
    return (
        "3 messages came before anybody asked, then one that was waited for, then "
        f"{len(MANY)}: `get` returned the oldest first, and missed none."
    )


async def fill(box: Any, texts: Sequence[str]) -> None:
    """Put messages with these texts into a mailbox, as a client does for `on_message`."""
    tasks = []
    for number, text in enumerate(texts, 1):
        putting = box.put(Message(text, id=number, name="Bob"))
        if isawaitable(putting):
            tasks.append(asyncio.ensure_future(putting))
    await turns()
    for task in tasks:
        if task.done():
            task.result()


async def empty(box: Any, texts: Sequence[str], count: int) -> None:
    """Fetch `count` messages; NotYetError unless they are the first ones, in order."""
    fetched: list[str] = []
    with suppress(TimeoutError):
        while len(fetched) < count:
            fetched.append(text_of(await soon(awaited(box.get(), "get"))))
    if fetched == list(texts[::-1]):
        raise NotYetError("the oldest message first", "the newest first (but nothing is lost)")
    for number, text in enumerate(texts[:count], 1):
        came = listed(fetched[number - 1 : number], "nothing: `get` still waits")
        expect(came, f"“{text}”", f"“{text}” as message {number} of {len(texts)}", came)


def text_of(message: Any) -> str:
    """Return the text of what `get` returned; NotYetError unless it is a message."""
    if isinstance(message, Message):
        return message.message
    raise NotYetError("`get` to return a message", in_words(message))


def in_words(value: object) -> str:
    """Return what kind of thing came instead of a message."""
    if iscoroutine(value):
        value.close()
        return "a coroutine: an `await` is missing after `return`"
    return returned(value)


async def wait_at_empty(box: Any) -> None:
    """Wait at an empty mailbox, and then let a message come."""

    async def get() -> Any:
        return await awaited(box.get(), "get")

    getting = asyncio.ensure_future(get())
    await turns()
    if getting.done():
        expected = "`get` to wait while its mailbox is empty"
        error = getting.exception()
        if isinstance(error, AttributeError | NameError | TypeError | NotYetError):
            raise error
        if error:
            raise NotYetError(expected, f"{type(error).__name__}: {error}".removesuffix(": "))
        if isinstance(message := getting.result(), Message):
            came = f"“{message.message}”, put into another mailbox: do they share one list?"
            raise NotYetError(expected, came)
        raise NotYetError(expected, "None" if message is None else in_words(message))
    await fill(box, ["there"])
    expected = "“there”, which came while `get` waited for it"
    text = text_of(await in_time(getting, expected, "nothing: `get` still waits"))
    expect(text, "there", expected, f"“{text}”")
