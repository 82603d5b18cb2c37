"""A room: who is here, and a log that all of them follow, each in its own codec. Lessons 08, 09."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, Protocol

import msgspec

from chatkit.broadcaster import FairBroadcaster
from chatkit.codecs import CODECS, Codec
from chatkit.guide.broadcaster import Channel
from chatkit.guide.frames import text_frame
from chatkit.journal import note
from chatkit.log import Doubles, Log, LogError, MemoryLog
from chatkit.messages import Entry, FrameError, Message
from chatkit.names import grant, looks, tidy

MAX_ROOMS = 1000
LISTED = 100  # members or rooms that are named in one frame; the rest is only counted
CHUNK = 32  # messages of the log that are sent before the client must have taken them


class Visitor(Channel, Protocol):
    """A channel, and what a room has to know of who is at its other end. Lesson 08."""

    codec: Codec
    entry: Entry
    hears_events: bool
    rate: float | None  # messages a second that it may send; the welcome tells

    def tell(self, frame: Message | Mapping[str, Any]) -> None:
        """Send a frame to this one alone, in its codec; one that has gone is no error."""
        ...

    async def drain(self) -> None:
        """Wait until what was sent has left this machine."""
        ...


class Room:
    """One conversation: who is here, and a log that all of them follow. Lessons 08 and 09."""

    def __init__(self, name: str, log: Log) -> None:
        self.name = name
        self.log = log
        self.newest = 0  # id of the last message in the log
        self.members: dict[Visitor, str] = {}
        self.looks: dict[str, Visitor] = {}
        self.audiences = {codec: FairBroadcaster() for codec in CODECS.values()}
        self.watchers = {codec: FairBroadcaster() for codec in CODECS.values()}  # they hear events
        self.arrived: list[tuple[Visitor, Message]] = []
        self.heard: list[Message] = []  # what the log has, and not everyone was told yet
        self.news: dict[str, Any] = {}  # who came or went, as far as it was not told yet
        self.counts: Counter[str] = Counter()  # what was done; a server's rooms count together
        self.failing = False  # whether the log could not be written last time
        log.follow(name, self.hear)

    async def join(self, visitor: Visitor) -> None:
        """Let a visitor in: a name, a welcome, what it missed, and from then on all that is said.

        Raise LogError if the log can't tell what was missed.
        """
        await self.admit(visitor)
        oldest, newest = await self.log.span(self.name)
        self.newest = max(self.newest, newest)
        same = visitor.entry.log in ("", self.log.identity) and (visitor.entry.since or 0) <= newest
        common = newest if same else await self.log.common(self.name, visitor.entry.log)
        after, missed = where_to_start(visitor.entry, oldest, newest, min(common, newest))
        self.welcome(visitor, after, missed or not same)
        await self.catch_up(visitor, after)

    async def admit(self, visitor: Visitor) -> None:
        """Give a visitor a name that looks like nobody else's here, and tell the others of it.

        Who comes back gets the own name back, even if the line that was cut still seems to stand.
        """
        ghost = next(
            (self.looks[look] for look in looks(tidy(visitor.entry.name)) if look in self.looks),
            None,
        )
        if ghost and visitor.entry.client and ghost.entry.client == visitor.entry.client:
            self.leave(ghost)
            ghost.close()
        name = grant(visitor.entry.name, partial(self.free, visitor))
        self.members[visitor] = name
        self.looks |= dict.fromkeys(looks(name), visitor)
        self.announce("joined", name)

    def free(self, visitor: Visitor, name: str) -> bool:
        """Return whether a visitor may have a name: it looks like nobody else's."""
        return self.looks.keys().isdisjoint(looks(name))

    def welcome(self, visitor: Visitor, after: int, missed: bool) -> None:
        """Tell a visitor where it is and after which id it will hear; it hears events from now."""
        if visitor.hears_events and visitor in self.members:
            visitor.tell(
                {
                    "event": "welcome",
                    "room": self.name,
                    "name": self.members[visitor],
                    **self.presence(),
                    "since": after,
                    "last": self.newest,
                    "log": self.log.identity,
                    "missed": missed,
                    "rate": visitor.rate,
                }
            )
            self.watchers[visitor.codec].connect(visitor)

    async def catch_up(self, visitor: Visitor, after: int) -> None:
        """Send what follows the id `after` until nothing is missing, then let it hear the rest."""
        while after < self.newest and visitor in self.members:
            messages = await self.log.read(self.name, after, CHUNK)
            if not messages or messages[0].id != after + 1:
                raise LogError("The log was cut while it was read: come back for the rest.")
            for message in messages:
                visitor.tell(message)
            self.counts["deliveries"] += len(messages)
            await visitor.drain()
            after = messages[-1].id
        if visitor in self.members:
            self.tell_now()
            self.audiences[visitor.codec].connect(visitor)

    def leave(self, visitor: Visitor) -> None:
        """Let a visitor go; one that has gone already is no error."""
        for group in (*self.audiences.values(), *self.watchers.values()):
            group.disconnect(visitor)
        if name := self.members.pop(visitor, None):
            for look in looks(name):
                del self.looks[look]
            self.announce("left", name)

    def send(self, visitor: Visitor, message: Message) -> None:
        """Sign and date a member's message; it goes to the log with all that comes in this turn."""
        if visitor not in self.members:  # the last words of a ghost: they come by the new line too
            return
        name = self.members[visitor]
        message = msgspec.structs.replace(message, id=0, name=name, time=time.time())
        if not self.arrived:
            asyncio.get_running_loop().call_soon(self.flush)
        self.arrived.append((visitor, message))

    def flush(self) -> None:
        """Append what has arrived to the log, once all have been told what came before."""
        if self.telling(self.audiences):
            asyncio.get_running_loop().call_soon(self.flush)
            return
        batch, self.arrived = self.arrived, []
        appending = self.log.append(self.name, [message for _, message in batch])
        appending.add_done_callback(partial(self.report, batch))

    def report(
        self, batch: Sequence[tuple[Visitor, Message]], appending: asyncio.Future[Doubles]
    ) -> None:
        """Tell the senders what was not told to everyone: errors, and messages that came twice.

        Who hears a message by itself has to have heard those before it.
        """
        if self.heard or self.telling(self.audiences):
            asyncio.get_running_loop().call_soon(self.report, batch, appending)
            return
        error = appending.exception()
        self.note_log(error)
        if not error:
            self.counts["messages"] += len(batch) - len(appending.result())
        for visitor, message in batch:
            if error:
                visitor.tell(LogError(str(error), message.key).frame())
            elif earlier := appending.result().get(message.key or ""):
                visitor.tell(confirmation(message, earlier))

    def note_log(self, error: BaseException | None) -> None:
        """Have the operator know when the log begins to fail, and when it is back. Lesson 12."""
        if error and not self.failing:
            note("log unavailable", logging.WARNING, room=self.name, detail=str(error))
        elif self.failing and not error:
            note("log available", logging.WARNING, room=self.name)
        self.failing = bool(error)

    def hear(self, messages: Sequence[Message]) -> None:
        """Tell everyone what the log has, together with what waits to be told."""
        self.newest = messages[-1].id
        self.heard += messages
        if len(self.heard) == len(messages):  # else it is about to be told
            self.tell_heard()

    def tell_heard(self) -> None:
        """Tell everyone what the log has, once all have been told what came before."""
        if self.telling(self.audiences):
            asyncio.get_running_loop().call_soon(self.tell_heard)
            return
        self.tell_now()

    def tell_now(self) -> None:
        """Tell those who are here now what waits to be told, after what is under way."""
        if not self.heard:
            return
        messages, self.heard = self.heard, []
        listeners = sum(len(group.channels) for group in self.audiences.values())
        self.counts["deliveries"] += len(messages) * listeners
        self.notify(self.audiences, messages)

    async def settle(self) -> None:
        """Wait until all that has been said is in the log and told, if it can be. Lesson 12.

        Appending nothing is done when all before it is.
        """
        while self.arrived:  # noqa: ASYNC110 - each turn of the loop brings it on
            await asyncio.sleep(0)
        with suppress(LogError):
            await self.log.append(self.name, [])
        while self.heard or self.telling(self.audiences):  # noqa: ASYNC110
            await asyncio.sleep(0)

    def typing(self, visitor: Visitor) -> None:
        """Tell the others that one is typing."""
        if name := self.members.get(visitor):
            self.show_typing(name, visitor)

    def show_typing(self, name: str, but: Visitor | None = None) -> None:
        """Tell those here of it, unless a crowd is hearing other news just now."""
        if not self.telling(self.watchers):
            self.notify(self.watchers, [{"event": "typing", "name": name}], but)

    def announce(self, event: str, name: str) -> None:
        """Tell all who hear events who has joined or left; in a crowd, the last one of many."""
        waits, self.news = self.news, {"event": event, "name": name}
        if not waits:
            self.tell_news()

    def tell_news(self) -> None:
        """Tell who came or went last, once all have been told what came before."""
        if self.telling(self.watchers):
            asyncio.get_running_loop().call_soon(self.tell_news)
            return
        news, self.news = self.news, {}
        self.notify(self.watchers, [{**news, **self.presence()}])

    def close(self) -> None:
        """Follow the log no more."""
        self.log.unfollow(self.name, self.hear)

    def telling(self, groups: Mapping[Codec, FairBroadcaster]) -> bool:
        """Return whether some in these groups have not been told yet what others have."""
        return any(group.rounds for group in groups.values())

    @property
    def count(self) -> int:
        """Return how many are here."""
        return len(self.members)

    def presence(self) -> dict[str, Any]:
        """Return who is here, by name as far as that makes sense, and how many."""
        return {"members": [*islice(self.members.values(), LISTED)], "count": self.count}

    def notify(
        self,
        groups: Mapping[Codec, FairBroadcaster],
        frames: Sequence[Message | Mapping[str, Any]],
        but: Visitor | None = None,
    ) -> None:
        """Tell frames to groups of clients, all at once, and built once for each codec in use."""
        for codec, group in groups.items():
            if group.channels:
                data = b"".join(text_frame(codec.encode(frame)) for frame in frames)
                group.notify_clients(data, but)


def where_to_start(entry: Entry, oldest: int, newest: int, common: int) -> tuple[int, bool]:
    """Return the id after which a client reads on, and whether it misses something.

    Up to `common` the log has what the client saw, if it saw that much.
    """
    if entry.since is None:
        return max(newest - entry.last, oldest - 1), False
    after = max(min(entry.since, common), oldest - 1)
    return after, after != entry.since


def confirmation(message: Message, earlier: Message) -> Message | Mapping[str, Any]:
    """Return what to tell the sender of a key that came before: that message, or an error."""
    if message.message == earlier.message:
        return earlier
    detail = "Another message has this key already: give each message a key of its own."
    return FrameError("key_taken", detail, message.key).frame()


class Rooms:
    """The rooms of a server: made when somebody comes, forgotten when nobody stays. Lesson 08."""

    def __init__(self, log: Log | None = None, limit: int = MAX_ROOMS) -> None:
        self.log = log or MemoryLog()
        self.limit = limit
        self.open: dict[str, Room] = {}
        self.counts: Counter[str] = Counter()
        self.draining = False

    async def start(self) -> None:
        """Open the log; raise ChatkitError if that can't be done."""
        await self.log.open()
        self.draining = False

    async def drain(self) -> None:
        """Let nobody in any more, and wait until what has been said is safe and told. Lesson 12."""
        self.draining = True
        await asyncio.gather(*(room.settle() for room in self.open.values()))

    async def stop(self) -> None:
        """Close the log."""
        await self.log.close()

    def check(self, name: str) -> None:
        """Raise FrameError if the server is about to stop, or there are too many rooms already."""
        if self.draining:
            detail = "This server is stopping: come back in a moment, or ask another."
            raise FrameError("going_away", detail)
        if name not in self.open and len(self.open) >= self.limit and not self.idle():
            detail = f"There are {self.limit} rooms already: choose one of them."
            raise FrameError("too_many", detail)

    def enter(self, name: str) -> Room:
        """Return the room of a name, made if need be, and if need be in place of an idle one."""
        if name not in self.open:
            if len(self.open) >= self.limit and (idle := self.idle()):
                self.forget(idle)
            self.open[name] = self.make(name)
            self.open[name].counts = self.counts
        return self.open[name]

    def make(self, name: str) -> Room:
        """Return a new room."""
        return Room(name, self.log)

    def leave(self, room: Room, visitor: Visitor) -> None:
        """Let a visitor go, and forget a room with nobody in it and nothing in memory alone."""
        room.leave(visitor)
        if room.members or self.open.get(room.name) is not room:
            return
        if self.log.lasting or not (room.newest or room.arrived):
            self.forget(room)
        else:
            self.open[room.name] = self.open.pop(room.name)  # of those that are idle, the last

    def forget(self, room: Room) -> None:
        """Close a room; if its messages are in memory alone, they go with it."""
        room.close()
        del self.open[room.name]

    def idle(self) -> Room | None:
        """Return the room left longest ago, with nobody in it and nothing on its way to the log."""
        idle = (room for room in self.open.values() if not room.members and not room.arrived)
        return next(idle, None)

    def listing(self) -> dict[str, Any]:
        """Return the frame that tells of the rooms: how many are in each, the fullest first."""
        sizes = self.sizes()
        fullest = sorted(sizes, key=lambda name: (-sizes[name], name))[:LISTED]
        return {"event": "rooms", "rooms": {name: sizes[name] for name in fullest}}

    def sizes(self) -> Mapping[str, int]:
        """Return how many are in each room."""
        return {room.name: room.count for room in self.open.values()}

    @property
    def visitors(self) -> list[Visitor]:
        """Return all that are in some room."""
        return [visitor for room in self.open.values() for visitor in room.members]
