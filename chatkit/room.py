"""A room: who is here, and every message numbered and told to all, each in its own codec."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from itertools import count
from typing import Any

import msgspec

from chatkit.broadcaster import Broadcaster, Channel
from chatkit.codecs import CODECS, Codec
from chatkit.messages import Message

MAX_NAME = 32  # characters


class Room:
    """The people in one conversation, whichever codec each of them speaks. Lesson 02."""

    def __init__(self, name: str = "lobby") -> None:
        self.name = name
        self.members: dict[Channel, str] = {}
        self.audiences: dict[Codec, Broadcaster] = {c: Broadcaster() for c in CODECS.values()}
        self.ids = count(1)

    def connect(self, channel: Channel, codec: Codec, wanted: str = "") -> str:
        """Let a channel in; return its name here, as wanted unless that is taken or empty."""
        self.members[channel] = self.free_name(wanted)
        self.audiences[codec].connect(channel)
        return self.members[channel]

    def disconnect(self, channel: Channel) -> None:
        """Let a channel go; one that has gone already is no error."""
        self.members.pop(channel, None)
        for audience in self.audiences.values():
            audience.disconnect(channel)

    def free_name(self, wanted: str) -> str:
        """Return a name that nobody here has: `Ada`, else `Ada-2`; `guest-1` if none is wanted."""
        wanted = " ".join(wanted.split())[:MAX_NAME]
        taken = {name.casefold() for name in self.members.values()}
        if wanted and wanted.casefold() not in taken:
            return wanted
        stem, start = (re.sub(r"-\d+$", "", wanted), 2) if wanted else ("guest", 1)
        names = (f"{stem}-{number}" for number in count(start))
        return next(name for name in names if name.casefold() not in taken)

    def send(self, channel: Channel, message: Message) -> Message:
        """Number, sign and date a member's message, tell everyone, and return it as told."""
        name = self.members[channel]
        message = msgspec.structs.replace(message, id=next(self.ids), name=name, time=time.time())
        self.notify(message)
        return message

    def notify(self, frame: Message | Mapping[str, Any]) -> None:
        """Tell everyone, encoding once for each codec in use."""
        for codec, audience in self.audiences.items():
            if audience.channels:
                audience.notify_clients(codec.encode(frame))
