"""One message to many channels, as in the guide's `routes.websockets`. Lessons 02 and 10."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Protocol

SLICE = 250  # channels that are told in one turn of the loop

log = logging.getLogger("chatkit")


class Channel(Protocol):
    """One client's end of the line."""

    def send(self, frames: bytes) -> None:
        """Send whole frames to this client, or raise if that can't be done."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class Broadcaster:
    """The channels that are open, and one way to tell them all. Lesson 02."""

    def __init__(self) -> None:
        self.channels: set[Channel] = set()

    def connect(self, channel: Channel) -> None:
        """Add a channel. The guide's `connect!`."""
        self.channels.add(channel)

    def disconnect(self, channel: Channel) -> None:
        """Forget a channel, known or not. The guide's `disconnect!`."""
        self.channels.discard(channel)

    def notify_clients(self, frames: bytes, but: Channel | None = None) -> None:
        """Send frames to every channel, but for one. The guide's `notify-clients!`."""
        self.notify(self.channels - {but}, frames)  # a copy: sending may connect or disconnect

    def notify(self, channels: Iterable[Channel], frames: bytes) -> None:
        """Send frames to some channels; one that fails is dropped, and the rest still hear."""
        for channel in channels:
            try:
                channel.send(frames)
            except Exception:
                log.warning("dropped a channel that could not be written to", exc_info=True)
                self.disconnect(channel)
                with suppress(Exception):
                    channel.close()


class FairBroadcaster(Broadcaster):
    """A broadcaster that lets the loop see to others, too, while it tells a crowd. Lesson 10.

    Each round of frames reaches the first few hundred channels at once, and the next few hundred
    in each turn that follows; rounds don't overtake each other.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rounds: deque[tuple[bytes, Iterator[Channel]]] = deque()

    def notify_clients(self, frames: bytes, but: Channel | None = None) -> None:
        """Send frames to every channel that is here now, but for one, after what is under way."""
        self.rounds.append((frames, iter(self.channels - {but})))
        if len(self.rounds) == 1:
            self.go_on()

    def go_on(self) -> None:
        """Send the oldest round to its next channels, but for those that have left."""
        frames, channels = self.rounds[0]
        some = [*islice(channels, SLICE)]
        self.notify(self.channels.intersection(some), frames)
        if len(some) < SLICE:
            self.rounds.popleft()
        if self.rounds:
            asyncio.get_running_loop().call_soon(self.go_on)
