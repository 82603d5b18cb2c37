"""One message to many channels, as in the guide's `routes.websockets`. Lesson 02."""

import logging
from contextlib import suppress
from typing import Any, Protocol

logger = logging.getLogger("chatkit")


class Channel(Protocol):
    """One client's connection, as a broadcaster sees it. Lesson 02."""

    def send(self, message: Any) -> None:
        """Send a message to this client, or raise an exception if that fails."""

    def close(self) -> None:
        """Close the connection."""


class Broadcaster:
    """The open channels, and a way to send one message to all of them. Lesson 02."""

    def __init__(self) -> None:
        self.channels: set[Channel] = set()

    def connect(self, channel: Channel) -> None:
        """Add a channel. The guide's `connect!`."""
        self.channels.add(channel)

    def disconnect(self, channel: Channel) -> None:
        """Remove a channel, if it is there. The guide's `disconnect!`."""
        self.channels.discard(channel)

    def notify_clients(self, message: Any) -> None:
        """Send a message to every channel. The guide's `notify-clients!`."""
        for channel in tuple(self.channels):  # a snapshot: sending may change the set
            self.notify(channel, message)

    def notify(self, channel: Channel, message: Any) -> None:
        """Send a message to one channel; if that fails, remove the channel and close it."""
        try:
            channel.send(message)
        except Exception:
            logger.warning("dropped a channel that could not be written to", exc_info=True)
            self.disconnect(channel)
            with suppress(Exception):
                channel.close()
