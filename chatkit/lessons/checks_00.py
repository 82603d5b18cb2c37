"""The checks of lesson 00."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chatkit.client import ChatClient
from chatkit.lessons.checking import NotYetError, exercise
from chatkit.server import ChatServer

SILENCE = 2.0  # seconds without a message that count as silence


@exercise(
    "00-1",
    "only what stands between the quotes has to change.",
    'write await client.send("hello").',
)
async def somebody_hears_hello(say_hello: Callable[[ChatClient], Awaitable[object]]) -> str:
    """Let Ada say what the learner wrote, and see what Grace hears."""
    server = await ChatServer(port=0).start()
    try:
        async with ChatClient(server.url, "Ada") as ada, ChatClient(server.url, "Grace") as grace:
            await say_hello(ada)
            async with asyncio.timeout(SILENCE):
                heard = (await anext(grace)).message
    except TimeoutError:
        raise NotYetError("a message that says hello", "silence") from None
    finally:
        await server.stop()
    if "hello" not in heard.casefold():
        raise NotYetError("a message that says hello", f"“{heard}”")
    return f"Ada spoke, and Grace heard “{heard}” at the other end of a real socket."
