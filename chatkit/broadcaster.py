"""Broadcasting to a crowd, a few hundred channels in each turn of the event loop. Lesson 10."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from itertools import islice

from chatkit.guide.broadcaster import Broadcaster, Channel

SLICE = 250  # channels that are sent to in one turn of the event loop


class FairBroadcaster(Broadcaster):
    """A broadcaster that lets the event loop do other work while it sends to a crowd. Lesson 10.

    Each message is sent to the first few hundred channels at once, and to a few hundred more in
    each turn that follows. Messages stay in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rounds: deque[tuple[bytes, Iterator[Channel]]] = deque()

    def notify_clients(self, frames: bytes, but: Channel | None = None) -> None:
        """Send frames to every channel that is connected now, except for `but`."""
        self.rounds.append((frames, iter(self.channels - {but})))
        if len(self.rounds) == 1:
            self.go_on()

    def go_on(self) -> None:
        """Send the oldest frames to their next channels, and skip those that have left."""
        frames, channels = self.rounds[0]
        some = [*islice(channels, SLICE)]
        for channel in self.channels.intersection(some):
            self.notify(channel, frames)
        if len(some) < SLICE:
            self.rounds.popleft()
        if self.rounds:
            asyncio.get_running_loop().call_soon(self.go_on)
