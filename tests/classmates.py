"""A learner of a class, in a folder and a process of their own, as a lesson's kernel is one.

Not a test itself: `tests/test_class.py` starts thirty of them.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from threading import Barrier
from typing import Any

from tornado.web import Application, RequestHandler

from chatkit.client import ChatClient
from chatkit.gate import Gate
from chatkit.guide.broadcaster import Broadcaster
from chatkit.guide.handler import ChatHandler
from chatkit.guide.server import PAGE
from chatkit.lessons import check, classroom, join_class
from chatkit.lessons.engine.checking import Verdict

TOLD = "Your class was told."
NOT_TOLD = "Your class was not told, and will be with the next check that you pass."
PATIENCE = 60  # seconds for which one waits for the others


async def say_hello(client: ChatClient) -> None:
    await client.send("hello")


def my_page(title: str) -> str:
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    return html.replace("Welcome to chat", escape(title))


class Hello(RequestHandler):
    def initialize(self, broadcaster: Broadcaster) -> None:
        self.broadcaster = broadcaster

    def get(self) -> None:
        self.write(f"{len(self.broadcaster.channels)} here")


def hello_app(broadcaster: Broadcaster) -> Application:
    shared = {"broadcaster": broadcaster}
    return Application([("/ws", ChatHandler, shared), ("/hello", Hello, shared)])


ANSWERS: dict[str, Any] = {
    "00-1": say_hello,
    "03-1": hello_app,
    "06-1": my_page,
    "07-1": lambda: Gate(origins=["https://class.example.org"]),
}


async def answer(exercise: str) -> Verdict:
    """The verdict on a right answer."""
    return await check(exercise, ANSWERS[exercise])


@contextmanager
def patient() -> Iterator[None]:
    """Have the class told however long it takes: thirty learners share one busy machine here."""
    usual, classroom.PATIENCE = classroom.PATIENCE, PATIENCE
    yield
    classroom.PATIENCE = usual


def attend(folder: Path, link: str, name: str, moments: list[Barrier]) -> None:
    """Join, and pass a check while the server runs, is killed, is away, and is back."""
    os.chdir(folder)
    asyncio.run(pass_all(link, name, moments))


async def pass_all(link: str, name: str, moments: list[Barrier]) -> None:
    joined, away, back = moments
    with patient():
        await join_class(link, name)
    joined.wait(PATIENCE)
    assert await answer("03-1")  # told or not: the server is killed meanwhile
    away.wait(PATIENCE)
    verdict = await answer("00-1")
    assert verdict
    assert NOT_TOLD in repr(verdict), verdict
    back.wait(PATIENCE)
    with patient():
        verdict = await answer("07-1")
    assert verdict
    assert repr(verdict).endswith(f"\n{TOLD}"), verdict
