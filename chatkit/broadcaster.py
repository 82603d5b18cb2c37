"""One message to many channels, as in the guide's `routes.websockets`. Lesson 02."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Protocol

log = logging.getLogger("chatkit")


class Channel(Protocol):
    """One client's end of the line."""

    def send(self, text: str) -> None:
        """Send the text to this client, or raise if that can't be done."""

    def close(self) -> None:
        """End the connection."""


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

    def notify_clients(self, text: str, but: Channel | None = None) -> None:
        """Send the text to every channel; one that fails is dropped, and the rest still hear.

        `but` is a channel to leave out. The guide's `notify-clients!`.
        """
        for channel in self.channels - {but}:  # a copy: sending may connect or disconnect channels
            try:
                channel.send(text)
            except Exception:
                log.warning("dropped a channel that could not be written to", exc_info=True)
                self.disconnect(channel)
                with suppress(Exception):
                    channel.close()
