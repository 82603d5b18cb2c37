"""The checks of lesson 00."""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import Awaitable, Callable

from chatkit.client import ChatClient
from chatkit.lessons.checking import NotYetError, exercise
from chatkit.server import ChatServer

SILENCE = 1.0  # seconds without a message that count as silence
HELLO = "a message that says hello"


@exercise(
    "00-1",
    "only what stands between the quotes has to change.",
    'the line in the function is await client.send("hello").',
)
async def somebody_hears_hello(say_hello: Callable[[ChatClient], Awaitable[object]]) -> str:
    """Let Ada say what the learner wrote, and see what Grace hears."""
    server = await ChatServer(port=0).start()
    try:
        async with ChatClient(server.url, "Ada") as ada, ChatClient(server.url, "Grace") as grace:
            await let_speak(say_hello, ada)
            async with asyncio.timeout(SILENCE):
                heard = (await anext(grace)).message
    except TimeoutError:
        raise NotYetError(HELLO, "silence") from None
    finally:
        await server.stop()
    if "hello" not in heard.casefold():
        raise NotYetError(HELLO, f"“{heard}”")
    return f"Ada spoke, and Grace heard “{heard}” at the other end of a real socket."


async def let_speak(
    say_hello: Callable[[ChatClient], Awaitable[object]], client: ChatClient
) -> None:
    """Call what the learner wrote; a missing await is told of here, not in Python's warning."""
    if not callable(say_hello):
        raise NotYetError("the function say_hello", repr(say_hello))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = say_hello(client)
        if not inspect.isawaitable(answer):
            raise NotYetError("say_hello to be an async def", "a plain def, which can't await")
        result = await answer
    forgotten = any("never awaited" in str(warning.message) for warning in caught)
    if inspect.iscoroutine(result):
        result.close()
        forgotten = True
    if forgotten:
        raise NotYetError(HELLO, "a call without await, which sends nothing")
