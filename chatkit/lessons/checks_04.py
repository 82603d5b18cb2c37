"""The checks of lesson 04."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from chatkit.client import ChatClient
from chatkit.codecs import CODECS, JSON, Codec
from chatkit.lessons.checking import NotYetError, exercise
from chatkit.messages import Message
from chatkit.server import ChatServer

PATIENCE = 1.0  # seconds in which a message on loopback has long arrived
WELCOME = {"event": "welcome", "room": "lobby", "name": "Ada"}


@exercise(
    "04-1",
    "encode gets a Message or a mapping, and msgspec.to_builtins makes a dict of either. "
    "Change one of its values, if it is there, and let super().encode do the rest.",
    'fields = msgspec.to_builtins(frame); if "message" in fields: '
    'fields["message"] = fields["message"].upper(); return super().encode(fields).',
)
async def shouts(codec: Codec) -> str:
    """Put the codec into a server, and let one client speak it and another one JSON."""
    if codec.subprotocol in (known.subprotocol for known in CODECS.values()):
        raise NotYetError("a subprotocol of its own", f"{codec.subprotocol!r}, which is taken")
    written = JSON.decode(codec.encode(WELCOME))
    if written != WELCOME:
        raise NotYetError(f"an event without a message to stay as it is, {WELCOME}", str(written))
    asis = codec.decode('{"message":"hush"}')
    if asis != {"message": "hush"}:
        raise NotYetError("that what it reads stays as it is", str(asis))
    codec.encode(Message("hush", 1, "Ada"))  # its own errors are told here, not in a server's log
    CODECS["shout"] = codec
    try:
        heard = await both_speak(codec)
    finally:
        del CODECS["shout"]
    for who, text, came in zip(
        ("Ada, who speaks JSON,", "the shouter", "Ada"),
        ("good morning", "GOOD MORNING", "HELLO"),
        heard,
        strict=True,
    ):
        if came != text:
            raise NotYetError(f"{who} to hear {text!r}", repr(came))
    return "Ada said 'good morning', the shouter heard 'GOOD MORNING' and answered 'HELLO'."


async def both_speak(codec: Codec) -> list[str]:
    """Return what Ada hears of herself, what the other one hears of her, and she of the other."""
    async with room() as url, ChatClient(url, "Ada") as ada, ChatClient(url, "Bob", codec) as bob:
        await ada.send("good morning")
        heard = [await text_at(ada), await text_at(bob)]
        await bob.send("hello")
        return [*heard, await text_at(ada)]


@exercise(
    "04-2",
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
        made = make_bot(bot)
        if asyncio.iscoroutine(made):
            await made
        said = ["good morning", "who is here?", "I see.", "Thank you.", "Goodbye."]
        heard: list[str] = []
        for text in said:
            await ada.send(text)
            while await text_at(ada, heard) != text:
                pass
            if text.endswith("?"):
                await text_at(ada, heard)
    answered = [text for text in heard if text not in said]
    wanted = "Ada asks: who is here?"
    if answered.count(wanted) == 1 and len(answered) > 1:
        others = [text for text in answered if text != wanted]
        raise NotYetError("one answer, to the question alone", f"{others[0]!r} as well")
    if not answered and failed:
        raise failed[0]
    if answered != [wanted]:
        raise NotYetError(f"the answer {wanted!r}", repr(answered[0]) if answered else "silence")
    return "one question, one answer: 'Ada asks: who is here?'"


@exercise(
    "04-3",
    "what happens if `put` is called twice before anybody gets?",
    "one place for one message is too few. An asyncio.Queue keeps them all, in order: "
    "put_nowait puts, `await get()` gets.",
)
async def keeps_all(mailbox: Callable[[], Any]) -> str:
    """Let three messages come before the first is fetched, and one while it is waited for."""
    box = mailbox()
    said = ["one", "two", "three"]
    async with room() as url, ChatClient(url, "Ada") as ada, ChatClient(url, "Bob") as bob:
        ada.on_message(box.put)
        for text in said:
            await bob.send(text)
            await text_at(bob)
        await until_heard(ada)
        fetched = [await fetch(box) for _ in said]
        if fetched != said:
            raise NotYetError(f"{said}", str(fetched))
        waiting = asyncio.ensure_future(fetch(box))
        await asyncio.sleep(0)
        await bob.send("four")
        last = await waiting
    if last != "four":
        raise NotYetError("'four', for which the reader waited", repr(last))
    return "three messages came before anybody looked, one while somebody waited: all arrived."


async def fetch(box: Any) -> str:
    """Return the text of the next message in a mailbox."""
    try:
        async with asyncio.timeout(PATIENCE):
            message = await box.get()
    except TimeoutError:
        return "nothing"
    return message.message if isinstance(message, Message) else repr(message)


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
    """Collect what callbacks raise meanwhile; asyncio would print it."""
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
