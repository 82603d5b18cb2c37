"""Exercise 09-2: deliver each message once, and confirm one's own."""

import asyncio
from typing import Any

from chatkit.lessons.engine.expect import awaited, expect, listed, overrides, the_class
from chatkit.lessons.engine.serving import in_time, turns
from chatkit.messages import Message

TASK = "Deliver each message once, keep the last id in self.seen, and confirm what was sent."
STUB = """
class OnlyOnce(ChatClient):
    async def take_message(self, message):
        await self.deliver(message)
"""
HINTS = (
    "Compare message.id with self.seen before you deliver, and set self.seen afterwards; "
    "self.outbox.confirm takes the message's key.",
    "First self.outbox.confirm(message.key); then, if message.id > self.seen, "
    "await self.deliver(message) and set self.seen = message.id.",
)
SOLUTION = """
class OnlyOnce(ChatClient):
    async def take_message(self, message):
        self.outbox.confirm(message.key)
        if message.id > self.seen:
            await self.deliver(message)
            self.seen = message.id
"""
CONFIRM = "        self.outbox.confirm(message.key)\n"
DELIVER = (
    "        if message.id > self.seen:\n"
    "            await self.deliver(message)\n"
    "            self.seen = message.id"
)
WRONG = {
    "texts remembered, not ids": (
        "if message.id > self.seen:",
        "said = self.__dict__.setdefault('said', set())\n"
        "        if message.message not in said:\n            said.add(message.message)",
        "“yes”, which is not an earlier “yes”.*what came: nothing",
    ),
    "ids remembered, not seen": (
        DELIVER,
        "        had = self.__dict__.setdefault('had', set())\n"
        "        if message.id not in had:\n            had.add(message.id)\n"
        "            await self.deliver(message)",
        "“before”, which the client had seen.*what came: “before”",
    ),
    "only the last one compared": (
        "message.id > self.seen",
        "message.id != self.seen",
        "which came before the last.* dropped",
    ),
    "only the next number": (
        "message.id > self.seen",
        "message.id == self.seen + 1",
        "although .* never came.*nothing",
    ),
    "greater or equal": (
        "message.id > self.seen",
        "message.id >= self.seen",
        "“no”, which came a moment ago.*dropped",
    ),
    "seen not set": (
        "\n            self.seen = message.id",
        "",
        "“no”, which came a moment ago.*dropped",
    ),
    "a counter": (
        "self.seen = message.id",
        "self.seen += 1",
        "“mine”, which came a moment ago.*dropped",
    ),
    "seen set by old messages, too": (
        "            self.seen = message.id",
        "        self.seen = message.id",
        "message 9, “no”, which comes once more, to be dropped; what came: “no”",
    ),
    "keys remembered, not ids": (
        "if message.id > self.seen:",
        "had = self.__dict__.setdefault('had', set())\n"
        "        if message.key not in had:\n            had.add(message.key)",
        "“no”, which has no key either, .*nothing",
    ),
    "nothing confirmed": (CONFIRM, "", "come back after .*: “waits”; what came: “mine”, “waits”"),
    "confirmed by id": (
        "message.key",
        "message.id",
        "come back after .*: “waits”; what came: “mine”, “waits”",
    ),
    "only the second copy confirmed": (
        CONFIRM + DELIVER,
        DELIVER + "\n        else:\n            self.outbox.confirm(message.key)",
        "come back after message 13, “mine”: “waits”; what came: “mine”, “waits”",
    ),
    "only new messages confirmed": (
        CONFIRM + DELIVER,
        DELIVER + "\n            self.outbox.confirm(message.key)",
        "come back after message 11, “waits”: nothing; what came: “waits”",
    ),
    "the outbox's dictionary": (
        "self.outbox.confirm(message.key)",
        "self.outbox.unconfirmed.pop(message.key, None)",
        "confirmed.. to return, .* it still waits: only self.outbox.confirm wakes it",
    ),
    "a wait for the confirmation": (
        CONFIRM,
        "        await self.confirmed()\n",
        "take_message to come to its end, .*; what came: it waits for something",
    ),
    "no method": (
        "class OnlyOnce(ChatClient):\n    pass",
        "a method `take_message` in OnlyOnce; what came: none",
    ),
    "another method": (
        "class OnlyOnce(ChatClient):\n    async def receive(self, data):\n"
        "        await super().receive(data)",
        "a method `take_message` in OnlyOnce; what came: `receive`",
    ),
    "everything confirmed": (
        CONFIRM,
        "        self.outbox.unconfirmed.clear()\n",
        "after message 8, “yes”: “mine”, “waits”; what came: nothing",
    ),
    "no await": (
        "await self.deliver",
        "self.deliver",
        "nothing.*`ChatClient.deliver`, and nobody awaited",
    ),
    "a print": (
        "await self.deliver(message)",
        "print(message.message)",
        "came: nothing.*Your code printed: yes",
    ),
    "a plain def": (
        "class OnlyOnce(ChatClient):\n    def take_message(self, message):\n"
        + CONFIRM
        + DELIVER.replace("await ", ""),
        "take_message to be an `async def`; what came: a plain `def`",
    ),
    "a misspelt method": (
        "take_message",
        "take_mesage",
        "a method `take_message` in OnlyOnce; what came: `take_mesage`",
    ),
    "no self": (
        "take_message(self, message)",
        "take_message(message)",
        "is `self` or another parameter missing",
    ),
    "a dictionary": (
        "message.id > self.seen",
        'message["id"] > self.seen',
        "A message's text is message.message",
    ),
}
RIGHT = {
    "an early return": (
        DELIVER,
        "        if message.id <= self.seen:\n            return\n"
        "        self.seen = message.id\n        await self.deliver(message)",
    ),
    "a plain server, too": ("if message.id > self.seen", "if message.id > (self.seen or 0)"),
    "confirmed last": (CONFIRM + DELIVER, DELIVER + "\n" + CONFIRM),
    "a task": ("await self.deliver(message)", "asyncio.create_task(self.deliver(message))"),
    "what is confirmed looked up": (
        CONFIRM,
        "        if message.key in self.outbox.unconfirmed:\n    " + CONFIRM,
    ),
}
# How much greater a message's id is than the first `seen`, its text, if it is new, and why.
OLD, NEW = False, True
MESSAGES = (
    (1, "yes", NEW, "the next one"),
    (2, "no", NEW, "which has no key either, and is the next one"),
    (2, "no", OLD, "which came a moment ago"),
    (1, "yes", OLD, "which came before the last one"),
    (2, "no", OLD, "which comes once more"),
    (3, "yes", NEW, "which is not an earlier “yes” again, but a new message"),
    (5, "perhaps", NEW, "although the one before it never came"),
    (0, "before", OLD, "which the client had seen before it connected"),
    (6, "mine", NEW, "which Ada herself has sent"),
    (6, "mine", OLD, "which came a moment ago"),
    (4, "waits", OLD, "which Ada has sent twice, so it has an old id"),
)


async def check(kind: Any) -> str:
    """Hand messages to two clients, one of which has a function for them, and one reads."""
    the_class(kind, "OnlyOnce", object)
    overrides(kind, "ChatClient", "take_message")
    for seen, reads in ((7, False), (40, True)):
        client = kind("http://127.0.0.1/", "Ada")
        client.take_welcome({"name": "Ada", "since": seen, "log": "log"})
        client.change_state("connected")
        kept = ["mine", "waits"]
        keys = {text: client.outbox.add(text) for text in kept}
        waiting = asyncio.ensure_future(client.confirmed())
        heard: list[Message] = []
        if not reads:
            client.on_message(heard.append)
        for step, text, new, why in MESSAGES:
            what = f"message {seen + step}, “{text}”"
            taking = client.take_message(Message(text, seen + step, key=keys.get(text)))
            words = "take_message to come to its end, because the next message waits for it"
            await in_time(awaited(taking, "take_message"), words, "it waits for something")
            await turns()  # a task that the answer made, and `confirmed`
            while reads and not client.inbox.empty():
                heard.append(client.inbox.get_nowait())
            texts = [message.message for message in heard]
            reader = "`async for`" if reads else "the function given to on_message"
            words = f"to reach {reader} once" if new else "to be dropped"
            expect(texts, [text] * new, f"{what}, {why}, {words}", listed(texts))
            heard.clear()
            kept = [each for each in kept if each != text]
            left = [message.message for message in client.outbox.unconfirmed.values()]
            words = f"the outbox to hold only what has not come back after {what}: {listed(kept)}"
            expect(left, kept, words, listed(left))
        words = "confirmed() to return, because the outbox is empty"
        await in_time(waiting, words, "it still waits: only self.outbox.confirm wakes it")
        newest = seen + max(step for step, *_ in MESSAGES)
        expect(client.seen, newest, f"self.seen to be {newest}, to go on from there after a cut")
    old = sum(not new for _, _, new, _ in MESSAGES)
    return f"{len(MESSAGES)} messages came, {old} were old and dropped, and the outbox is empty."
