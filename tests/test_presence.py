"""Who is here, who came and went, who is typing."""

import asyncio

import pytest

from chatkit import presence as module
from chatkit.presence import Presence, listed


def event(kind: str, name: str) -> dict[str, str]:
    return {"event": kind, "name": name}


class Changes:
    """Counts the calls, and lets one wait for the next."""

    def __init__(self) -> None:
        self.count = 0
        self.news = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self.news.set()

    async def next(self) -> None:
        self.news.clear()
        async with asyncio.timeout(5):
            await self.news.wait()


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], ""),
        (["Ada"], "Ada"),
        (["Ada", "Bob"], "Ada and Bob"),
        (["Ada", "Bob", "Cy"], "Ada, Bob and Cy"),
        (["Ada", "Bob", "Cy", "Di"], "Ada, Bob and 2 others"),
    ],
)
def test_names_are_listed_as_people_do(names: list[str], words: str):
    assert listed(names) == words


async def test_who_came_and_who_went_are_told_in_one_line():
    presence = Presence(Changes())
    for name in ("Ada", "Bob"):
        presence.hear(event("joined", name))
    presence.hear(event("left", "Cy"))
    assert presence.news == "Ada and Bob joined · Cy left"


async def test_who_goes_and_is_back_at_once_is_no_news():
    presence = Presence(Changes())
    presence.hear(event("left", "Ada"))
    presence.hear(event("joined", "Ada"))
    presence.hear(event("joined", "Bob"))
    presence.hear(event("left", "Bob"))
    assert presence.news == ""


async def test_typing_ends_with_the_message_or_with_its_sender():
    presence = Presence(Changes())
    for name in ("Ada", "Bob"):
        presence.hear(event("typing", name))
    assert presence.typing == ["Ada", "Bob"]
    presence.stop_typing("Ada")
    assert presence.typing == ["Bob"]
    presence.hear(event("left", "Bob"))
    assert presence.typing == []
    for kind in ("joined", "typing", "left"):
        presence.hear(event(kind, "Cy"))
    assert presence.typing == []


async def test_typing_ends_by_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "TYPING", 0.01)
    presence = Presence(changes := Changes())
    presence.hear(event("typing", "Ada"))
    await changes.next()
    assert presence.typing == []


async def test_typing_on_makes_it_last_and_keeps_its_place():
    presence = Presence(Changes())
    presence.hear(event("typing", "Ada"))
    presence.hear(event("typing", "Bob"))
    first = presence.typists.timers["Ada"]
    presence.hear(event("typing", "Ada"))
    assert first.cancelled()
    assert presence.typists.timers["Ada"].when() >= first.when()
    assert presence.typing == ["Ada", "Bob"]


async def test_a_message_of_one_who_did_not_type_changes_nothing():
    presence = Presence(changes := Changes())
    presence.stop_typing("Ada")
    assert changes.count == 0
