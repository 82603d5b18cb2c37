"""Exercise 12-1: a test that notices what is wrong with a chat."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from chatkit.handlers import ChatSocket
from chatkit.lessons.engine.expect import NotYetError, awaited, the_function
from chatkit.lessons.engine.mistakes import place
from chatkit.lessons.engine.serving import chat_server
from chatkit.messages import FrameError, key_of

TASK = "Make the test fail for a chat that refuses an OK, and for one that refuses every message."
STUB = """
async def test_polite(url):
    async with ChatClient(url, "Ada") as ada:
        refusals = []
        ada.on_error(refusals.append)
        await ada.send("GO AWAY")
        await ada.confirmed()
        assert refusals == ["Not so loud!"]
"""
HINTS = (
    "Which messages should a polite chat accept? Send some of those too, and assert that none of "
    "them is refused.",
    'Before `await ada.confirmed()`, write `await ada.send("OK")` and `await ada.send("hello")`. '
    "If one of them is refused, `refusals` holds more than one refusal, and the `assert` fails.",
)
SOLUTION = """
async def test_polite(url):
    async with ChatClient(url, "Ada") as ada:
        refusals = []
        ada.on_error(refusals.append)
        for text in ("GO AWAY", "OK", "hello"):
            await ada.send(text)
        await ada.confirmed()
        assert refusals == ["Not so loud!"]
        assert [(await anext(ada)).message for _ in range(2)] == ["OK", "hello"]
"""
ASSERTS = SOLUTION.partition("confirmed()\n")[2].rstrip()
WRONG = {
    "no await": (
        "await ada.send",
        "ada.send",
        r"polite; what came: AssertionError in line.*made a coroutine, `ChatClient\.send`",
    ),
    "a pause": (
        "await ada.confirmed()",
        "await asyncio.sleep(0.2)",
        "polite, but slow: wait for an event, not for a time; what came: AssertionError in line",
    ),
    "a pause that blocks": (
        "await ada.confirmed()",
        '__import__("time").sleep(0.5)',
        "polite; what came: AssertionError in line .*held up everything else while it slept",
    ),
    "a pause after each message": (
        SOLUTION.replace("await ada.confirmed()", "await asyncio.sleep(0.1)").replace(
            "send(text)", "send(text)\n            await asyncio.sleep(0.1)"
        ),
        "polite, but slow: wait for an event, not for a time; what came: AssertionError in line",
    ),
    "a comparison": (
        ASSERTS,
        '        refusals == ["Not so loud!"]',
        "accepts shouting; what came: a pass.*no `assert` failed.*a bare comparison",
    ),
    "a tuple": (
        ASSERTS,
        '        parts = (refusals == ["Not so loud!"], "wrong refusals")\n        assert parts',
        "accepts shouting; what came: a pass.*a tuple",
    ),
    "a print": (
        ASSERTS,
        '        print(refusals == ["Not so loud!"])',
        "accepts shouting; what came: a pass.*Your code printed: True",
    ),
    "an except": (
        ASSERTS,
        '        try:\n            assert refusals == ["Not so loud!"]\n'
        "        except AssertionError as error:\n            print(error)",
        "accepts shouting; what came: a pass.*caught by an `except`",
    ),
    "no shouting": (
        '("GO AWAY", "OK", "hello")',
        '("OK", "hello")',
        "polite; what came: AssertionError in line",
    ),
    "an OK that never arrives": (
        SOLUTION.partition("        refusals")[0]
        + '        await ada.send("OK")\n        assert (await anext(ada)).message == "OK"\n'
        + STUB.partition('"Ada") as ada:\n')[2],
        "for a chat that refuses an OK; what came: it still waited after 2 seconds in line .*anext",
    ),
    "everyday words only": (
        SOLUTION.replace('"OK"', '"good day"'),
        "to fail for a chat that refuses an OK; what came: a pass",
    ),
    "one refusal or more": (
        ASSERTS,
        '        assert "Not so loud!" in refusals',
        "to fail for a chat that refuses an OK; what came: a pass",
    ),
    "OK should be refused": (
        '["Not so loud!"]',
        '["Not so loud!"] * 2',
        "to pass for a chat that is polite; what came: AssertionError in line",
    ),
    "waits for the shout": (
        "range(2)",
        "range(3)",
        "polite; what came: it still waited after 2 seconds in line",
    ),
    "keeps the refusals": (
        "async def test_polite(url):\n"
        '    async with ChatClient(url, "Ada") as ada:\n'
        "        refusals = []\n",
        "refusals = []\n\n\nasync def test_polite(url):\n"
        '    async with ChatClient(url, "Ada") as ada:\n',
        "polite, each time it runs; what came: AssertionError",
    ),
    "a plain def": (
        "def test_polite(url):\n    assert True",
        "Expected test_polite to be an `async def`; what came: a plain `def`",
    ),
    "no parameter": (
        "(url)",
        "()",
        "`test_polite` is called with more values than its `def` accepts",
    ),
}
RIGHT = {
    "refusals alone": (ASSERTS, '        assert refusals == ["Not so loud!"]'),
    "a client for each text": (
        "async def refused(url, text):\n"
        '    async with ChatClient(url, "Ada") as ada:\n'
        "        errors = []\n        ada.on_error(errors.append)\n"
        "        await ada.send(text)\n        await ada.confirmed()\n        return errors\n\n\n"
        "async def test_polite(url):\n"
        '    loud, short = await asyncio.gather(refused(url, "GO AWAY"), refused(url, "OK"))\n'
        "    if short or not loud:\n        raise ValueError(loud + short)\n",
    ),
    "it waits for an OK, but not for ever": (
        "async def test_polite(url):\n"
        '    async with ChatClient(url, "Ada") as ada, ChatClient(url, "Bob") as bob:\n'
        '        await ada.send("GO AWAY")\n'
        '        await ada.send("OK")\n'
        "        async with asyncio.timeout(1):\n"
        '            assert (await anext(bob)).message == "OK"\n',
    ),
    "functions and a helper": (
        "async def say(client, text):\n    heard = []\n    client.on_message(heard.append)\n"
        "    client.on_error(heard.append)\n    await client.send(text)\n"
        "    await client.confirmed()\n"
        "    return [getattr(one, 'message', one) for one in heard]\n\n\n"
        "async def test_polite(url):\n"
        '    for text, said in {"OK": "OK", "STOP": "Not so loud!"}.items():\n'
        "        client = await ChatClient(url).connect()\n        try:\n"
        "            assert await say(client, text) == [said], text\n"
        "        finally:\n            await client.close()\n",
    ),
}
LIMIT = 2  # seconds that the test may take
WRONG_CHATS = {
    "accepts shouting": lambda _, text: False,
    "refuses an OK": lambda _, text: text.isupper(),
    "refuses every message": lambda _, text: True,
}
NO_ASSERT = (
    "a pass: no `assert` failed. Is it a bare comparison, a tuple (which is always true), or "
    "caught by an `except`?"
)


class Polite(ChatSocket):
    """A chat that refuses shouting, but accepts a short word such as OK."""

    pauses: Sequence[float] = ()  # seconds before it reads each of its first messages

    async def on_message(self, data: str | bytes) -> None:
        """Read a message, and only then the next one."""
        pause, *self.pauses = [*self.pauses, 0]
        await asyncio.sleep(pause)
        super().on_message(data)

    def receive(self, frame: Any) -> None:
        """Refuse a message that is too loud."""
        if self.too_loud(str(frame.get("message"))):
            raise FrameError("too_loud", "Not so loud!", key_of(frame))
        super().receive(frame)

    def too_loud(self, text: str) -> bool:
        """Return True for a text in capitals, unless it is as short as OK."""
        return text.isupper() and len(text) > 3


async def check(test: Any) -> str:
    """Run the test against a polite chat, a slow one, and three that are wrong."""
    the_function(test, "test_polite")
    begun = time.monotonic()
    await passes(test, "is polite")
    pause = time.monotonic() - begun + 0.1
    await passes(test, "is polite, each time it runs")
    slow = "is polite, but slow: wait for an event, not for a time"
    pauses = [(0,) * before + (pause,) for before in range(3)]
    await asyncio.gather(*(passes(test, slow, pauses=each) for each in pauses))
    errors = await asyncio.gather(
        *(failure(test, too_loud=wrong) for wrong in WRONG_CHATS.values())
    )
    for what, error in zip(WRONG_CHATS, errors, strict=True):
        if came := stuck(error) if error else "a pass" if any(errors) else NO_ASSERT:
            raise NotYetError(f"the test to fail for a chat that {what}", came)
    *others, last = WRONG_CHATS
    return f"it passes for a polite chat, and fails for one that {', '.join(others)}, or {last}."


async def passes(test: Any, what: str, **chat: Any) -> None:
    """Raise NotYetError unless the test passes for a polite chat."""
    if error := await failure(test, **chat):
        came = stuck(error) or f"{type(error).__name__}{place(error)}"
        if not isinstance(error, AssertionError | TimeoutError):
            raise error
        raise NotYetError(f"the test to pass for a chat that {what}", came)


async def failure(test: Any, **chat: Any) -> Exception | None:
    """Return the error with which the test fails for a chat like this; None if it passes."""
    async with chat_server(handler=type("Chat", (Polite,), chat)) as server:
        try:
            async with asyncio.timeout(LIMIT):
                await awaited(test(server.url), "test_polite")
        except Exception as error:  # a test may fail in any way
            return error
    return None


def stuck(error: Exception) -> str:
    """Return in words where a test waited until its time was over; nothing if it didn't."""
    if not isinstance(error, TimeoutError) or place(error):
        return ""
    return f"it still waited after {LIMIT} seconds{place(error.__cause__ or error)}"
