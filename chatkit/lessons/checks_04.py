"""The checks of lesson 04."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from chatkit.client import ChatClient
from chatkit.lessons.checking import (
    NotYetError,
    awaited,
    exercise,
    returned,
    the_class,
    the_function,
)
from chatkit.messages import Message
from chatkit.server import ChatServer

PATIENCE = 1.0  # seconds in which a message on loopback has long arrived


@exercise(
    "04-1",
    "look at message.message and message.name, and send with `await client.send(...)`. "
    "The bot hears its own messages, too: client.name is what it is called.",
    'if message.message.endswith("?") and message.name != client.name: '
    'await client.send(f"{message.name} asks: {message.message}").',
)
async def answers(make_bot: Callable[[ChatClient], object]) -> str:
    """Say something, ask something, and listen for a while."""
    async with (
        failures() as failed,
        room() as url,
        ChatClient(url, "bot") as bot,
        ChatClient(url, "Ada") as ada,
    ):
        made = the_function(make_bot, "make_bot")(bot)
        listening = asyncio.ensure_future(made) if asyncio.iscoroutine(made) else None
        said = ["good morning", "who is here?", "I see.", "Thank you.", "Goodbye."]
        heard: list[str] = []
        for text in said:
            await ada.send(text)
            while await text_at(ada, heard) != text:
                pass
            if text.endswith("?"):
                await text_at(ada, heard)
        if listening:  # an `async for`, say, which never ends by itself
            listening.cancel()
            ended = await asyncio.gather(listening, return_exceptions=True)
            failed += [error for error in ended if isinstance(error, Exception)]
    answered = [text for text in heard if text not in said]
    wanted = "Ada asks: who is here?"
    if answered.count(wanted) == 1 and len(answered) > 1:
        others = [text for text in answered if text != wanted]
        raise NotYetError("one answer, to the question alone", f"{others[0]!r} as well")
    if not answered and failed:
        raise told(f"the answer {wanted!r}", "silence", failed)
    if not answered and not bot.message_callbacks and not listening:
        raise NotYetError(
            f"the answer {wanted!r}", "silence: nothing was given to client.on_message"
        )
    if answered != [wanted]:
        raise NotYetError(f"the answer {wanted!r}", repr(answered[0]) if answered else "silence")
    return "one question, one answer: 'Ada asks: who is here?'"


@exercise(
    "04-2",
    "what happens if `put` is called twice before anybody gets? How many messages are kept then, "
    "and how often does `wait` let somebody through?",
    "one place is too few for several messages, and so is one flag that the first `get` clears. "
    "An asyncio.Queue counts and keeps them, in order: put_nowait puts, `await get()` gets.",
)
async def keeps_all(mailbox: Callable[[], Any]) -> str:
    """Let three messages come before the first is fetched, and one while it is waited for."""
    box: Any = the_class(mailbox, "Mailbox", object)()
    said = ["one", "two", "three"]
    async with (
        failures() as failed,
        room() as url,
        ChatClient(url, "Ada") as ada,
        ChatClient(url, "Bob") as bob,
    ):
        ada.on_message(box.put)
        for text in said:
            await bob.send(text)
            await text_at(bob)
        await until_heard(ada)
        fetched: list[str] = []
        while len(fetched) < len(said) and fetched[-1:] != ["nothing"]:
            fetched.append(await fetch(box))
        if fetched != said:
            raise told(f"{said}", str(fetched), failed)
        waiting = asyncio.ensure_future(fetch(box))
        await asyncio.sleep(0)
        await bob.send("four")
        try:
            last = await waiting
        except Exception as error:
            fault = f"{type(error).__name__}: {error}".removesuffix(": ")
            raise NotYetError("`get` to wait while the mailbox is empty", fault) from error
    if last != "four":
        raise NotYetError("'four', for which the reader waited", repr(last))
    return "three messages came before anybody looked, one while somebody waited: all arrived."


async def fetch(box: Any) -> str:
    """Return the text of the next message in a mailbox."""
    try:
        async with asyncio.timeout(PATIENCE):
            message = await awaited(box.get(), "get")
    except TimeoutError:
        return "nothing"
    if not isinstance(message, Message):
        raise NotYetError("`get` to return a message", returned(message))
    return message.message


async def until_heard(client: ChatClient) -> None:
    """Return when all that the server has sent a client so far has been handed on."""
    heard = asyncio.Event()
    client.on_error(lambda _: heard.set())
    assert client.connection is not None
    await client.connection.write_message("no message: it is answered after all that came before")
    await heard.wait()


@asynccontextmanager
async def room() -> AsyncIterator[str]:
    """Serve a room on a free port; yield the address of its page."""
    server = await ChatServer(port=0).start()
    try:
        yield server.url
    finally:
        await server.stop()


@asynccontextmanager
async def failures() -> AsyncIterator[list[Exception]]:
    """Collect what callbacks raise meanwhile: it would be printed."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    failed: list[Exception] = []

    def keep(_: asyncio.AbstractEventLoop, fault: dict[str, Any]) -> None:
        if "exception" in fault:
            failed.append(fault["exception"])

    loop.set_exception_handler(keep)
    try:
        yield failed
    finally:
        loop.set_exception_handler(before)


def told(expected: str, came: str, failed: list[Exception]) -> Exception:
    """Return what to raise: the first error of the answer's own, or what came, and why."""
    return failed[0] if failed else NotYetError(expected, came)


async def text_at(client: ChatClient, heard: list[str] | None = None) -> str:
    """Return the next text that a client hears, `nothing` if none comes; add it to `heard`."""
    text = "nothing"
    try:
        async with asyncio.timeout(PATIENCE):
            text = (await anext(client)).message
    except TimeoutError:
        return text
    if heard is not None:
        heard.append(text)
    return text
