"""Exercise 00-1: say hello."""

import re
from inspect import isawaitable, iscoroutine
from typing import Any

from chatkit.lessons.engine.expect import NotYetError, awaited, listed, no_yield, the_function
from chatkit.lessons.engine.serving import chat_clients, chat_server, in_time, soon
from chatkit.messages import ChatkitError

TASK = "Make the client say hello."
STUB = """
async def say_hello(client):
    await client.send("…")
"""
HINTS = (
    "The cell sends “…”. Put another text between its quotes, and leave the rest as it was.",
    'The line in the function is `await client.send("hello")`.',
)
SOLUTION = """
async def say_hello(client):
    await client.send("hello")
"""
WRONG = {
    "no await": (
        "await ",
        "",
        "nothing by the time that say_hello ended.*`ChatClient.send`, and nobody awaited it",
    ),
    "a plain def": (
        "def say_hello(client):\n    client.send('hello')",
        r"say_hello to be an `async def`; what came: a plain `def`\.[^?]*before the call\.$",
    ),
    "another word": (
        '"hello"',
        '"goodbye"',
        "one message from Ada, with the word hello; what came: “goodbye”",
    ),
    "a print": (
        "await client.send(",
        "print(",
        "from Ada, .*; what came: nothing.*Your code printed: hello",
    ),
    "a returned text": (
        'await client.send("hello")',
        'return "hello"',
        "came: 'hello' was returned, which sends nothing",
    ),
    "a returned coroutine": ("await", "return", "returned, and not awaited"),
    "a returned task": (
        "import asyncio\n\n\nasync def say_hello(client):\n"
        '    return asyncio.create_task(client.send("hello"))',
        "returned, and not awaited",
    ),
    "a task that nobody awaits": (
        "import asyncio\n\n\nasync def say_hello(client):\n"
        '    asyncio.create_task(client.send("hello"))',
        "came: nothing by the time that say_hello ended",
    ),
    "a yield": ("await", "yield", "say_hello to have no `yield`; what came: a generator"),
    "another word around it": ('"hello"', '"Othello"', "the word hello; what came: “Othello”"),
    "two messages": (
        'await client.send("hello")',
        'for _ in range(2):\n        await client.send("hello")',
        "one message from Ada, .*; what came: “hello”, “hello”",
    ),
    "never done": (
        'await client.send("hello")',
        'await client.send("hello")\n    async for heard in client:\n        print(heard.name)',
        "say_hello to end .*; what came: it still waits, or goes on and on",
    ),
    "bytes": ('"hello"', 'b"hello"', r"raised FrameError in line 4,.*A message is text, in quotes"),
    "no quotes": ('"hello"', "hello", "NameError in line 4.*it needs quotes"),
    "no client": ("client.send", "send", "NameError in line 4.*Did you mean `client.send`"),
    "two texts": ('"hello"', '"hello", "Ada"', r"TypeError in line 4, `[^`]*`: [^`]* given\.$"),
    "no parameter": ("(client)", "()", "`say_hello` is called with more values"),
    "a misspelt method": ("send", "sent", "raised AttributeError.*Did you mean `send`"),
    "a text for a function": (
        'say_hello = "hello"',
        "the function say_hello; what came: a str, 'hello'",
    ),
    "its first client only": (
        "people = []\n\n\nasync def say_hello(client):\n    people.append(client)\n"
        '    await people[0].send("hello")',
        "line 8, .*This client is closed",
    ),
}
RIGHT = {
    "a lambda": ('say_hello = lambda client: client.send("hello")',),
    "more words": ('"hello"', 'f"Hello, everybody! I am {client.name}."'),
    "a task": (
        'import asyncio\n\n\nasync def say_hello(client):\n    text = "HELLO"\n'
        "    await asyncio.create_task(client.send(text))\n    await client.confirmed()",
    ),
}


async def check(say_hello: Any) -> str:
    """Let Ada and Grace say hello in turn, and Lin listen."""
    the_function(say_hello, "say_hello")
    no_yield(say_hello, "say_hello")
    async with chat_server() as server, chat_clients(server.url, "Ada", "Grace", "Lin") as clients:
        *speakers, lin = clients
        heard = []
        for speaker in speakers:
            expected = "say_hello to end once its message was sent"
            result = await in_time(
                say(say_hello, speaker), expected, "it still waits, or goes on and on"
            )
            expected = f"one message from {speaker.name}, with the word hello"
            if isawaitable(result):
                if iscoroutine(result):
                    result.close()
                raise NotYetError(expected, "a call that was returned, and not awaited")
            await speaker.close()
            await lin.send("that was all")
            texts = []
            while (message := await soon(anext(lin))).name != lin.name:
                if message.name == speaker.name:
                    texts.append(message.message)
            silence = "nothing by the time that say_hello ended"
            if result is not None:
                silence = f"{result!r} was returned, which sends nothing"
            if len(texts) != 1 or not re.search(r"\bhello\b", texts[0], re.IGNORECASE):
                raise NotYetError(expected, listed(texts, silence))
            heard += texts
    return f"Ada and Grace sent a message, and Lin received {listed(heard)}, over real sockets."


async def say(say_hello: Any, speaker: Any) -> Any:
    """Return what `say_hello` returns; what is sent after its end comes too late."""

    def too_late(text: str) -> str:
        raise ChatkitError("say_hello had ended before this was sent")

    result = await awaited(say_hello(speaker), "say_hello")
    speaker.outbox.add = too_late
    return result
