"""The checks of lesson 00."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import iscoroutine

from chatkit.client import ChatClient
from chatkit.lessons.checking import NotYetError, awaited, exercise, the_function
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
    """Call what the learner wrote."""
    result = await awaited(the_function(say_hello, "say_hello")(client), "say_hello")
    if iscoroutine(result):
        result.close()
        raise NotYetError(HELLO, "a call that was returned and not awaited, which sends nothing")
