"""Channels without a socket, for checks of a broadcaster: they keep, leave or fail."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from chatkit.guide import broadcaster
from chatkit.guide.frames import read_frames
from chatkit.lessons.engine.expect import listed, returned, shown


class Recorder:
    """A broadcaster's channel without a socket: it keeps what is sent to it."""

    def __init__(self) -> None:
        self.writes: list[Any] = []
        self.strays: list[Any] = []  # writes in other threads, where no socket can be used
        self.written = asyncio.Event()
        self._thread = threading.current_thread()

    def send(self, frames: Any) -> None:
        """Keep one write."""
        if threading.current_thread() is self._thread:
            self.writes.append(frames)
            self.written.set()
        else:
            self.strays.append(frames)

    def close(self) -> None:
        """Do nothing."""

    def clear(self) -> None:
        """Forget what was sent so far."""
        self.writes.clear()
        self.written.clear()

    def in_words(self) -> str:
        """Return what was sent: the texts of each write."""
        words = [texts_of(frames) for frames in self.writes]
        count = f"{len(words)} writes: " if len(words) > 1 else ""
        return count + "; ".join(words) or "nothing"


def texts_of(frames: Any) -> str:
    """Return the texts in some bytes, each in quotes, or what else the bytes are."""
    if not isinstance(frames, bytes | bytearray | memoryview):
        return returned(frames)
    whole, rest = read_frames(bytes(frames))
    if rest:
        return f"no whole frames, {shown(frames)}"
    return listed([frame.payload.decode(errors="replace") for frame in whole], "an empty write")


class Broadcaster(broadcaster.Broadcaster):
    """A broadcaster that removes a closed channel without a warning in the log."""

    def notify(self, channel: broadcaster.Channel, message: Any) -> None:
        """Send a message to one channel; if it is closed, remove it."""
        if getattr(channel, "ws_connection", channel):
            super().notify(channel, message)
        else:
            self.disconnect(channel)


class Leaver:
    """A channel that leaves its broadcaster while something is sent to it."""

    def __init__(self, room: Broadcaster) -> None:
        self.room = room
        room.connect(self)

    def send(self, frames: Any) -> None:
        """Leave."""
        self.room.disconnect(self)

    def close(self) -> None:
        """Do nothing."""


class DeadChannel(Leaver):
    """A channel that nothing can be sent to."""

    def send(self, frames: Any) -> None:
        """Raise ConnectionError."""
        raise ConnectionError("this channel is dead, and the others must still hear")
