"""Who is here, who came and went a moment ago, and who is typing. Lesson 08."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from itertools import islice
from typing import Any

TYPING = 3.0  # seconds that a sign of typing lasts
NEWS = 6.0  # seconds that one is told who came or went


class Fleeting:
    """Names that are forgotten after some seconds, each by itself. Lesson 08."""

    def __init__(self, seconds: float, on_change: Callable[[], object]) -> None:
        self.seconds = seconds
        self.on_change = on_change
        self.timers: dict[str, asyncio.TimerHandle] = {}

    def add(self, name: str) -> None:
        """Keep a name, from now on for its time; one that is there stays at its place."""
        if name in self.timers:
            self.timers[name].cancel()
        loop = asyncio.get_running_loop()
        self.timers[name] = loop.call_later(self.seconds, self.expire, name)

    def expire(self, name: str) -> None:
        """Forget a name whose time is over."""
        self.discard(name)
        self.on_change()

    def discard(self, name: str) -> bool:
        """Forget a name, and return whether it was there."""
        timer = self.timers.pop(name, None)
        if timer:
            timer.cancel()
        return timer is not None


class Presence:
    """What a client's events say of the others; `on_change` is called when that changes.

    The page has the same in `presence.js`. Lesson 08.
    """

    def __init__(self, on_change: Callable[[], object]) -> None:
        self.on_change = on_change
        self.typists = Fleeting(TYPING, on_change)
        self.came = Fleeting(NEWS, on_change)
        self.went = Fleeting(NEWS, on_change)

    @property
    def typing(self) -> list[str]:
        """Return the names of those who are typing."""
        return list(self.typists.timers)

    @property
    def news(self) -> str:
        """Return who came and went a moment ago, in one line: `Bob and Cy joined`."""
        told = ((self.came, "joined"), (self.went, "left"))
        return " · ".join(f"{listed(names.timers)} {verb}" for names, verb in told if names.timers)

    def hear(self, event: dict[str, Any]) -> None:
        """Take in an event; who goes and is back at once, as after a cut, is no news."""
        match event:
            case {"event": "typing", "name": name}:
                self.typists.add(name)
            case {"event": "joined", "name": name} if not self.went.discard(name):
                self.came.add(name)
            case {"event": "left", "name": name}:
                self.typists.discard(name)
                if not self.came.discard(name):
                    self.went.add(name)
        self.on_change()

    def stop_typing(self, name: str) -> None:
        """Take it that somebody types no more: the message has come."""
        if self.typists.discard(name):
            self.on_change()


def listed(names: Collection[str]) -> str:
    """Return names as people list them: `Ada`, `Ada and Bob`, `Ada, Bob and 7 others`."""
    words = [*names] if len(names) <= 3 else [*islice(names, 2), f"{len(names) - 2} others"]
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
