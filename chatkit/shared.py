"""Rooms that are open on several servers at once. Lesson 11."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, islice
from typing import Any

from chatkit.log import Log
from chatkit.redis_link import RedisLink
from chatkit.redis_log import RedisLog
from chatkit.redis_roster import RedisRoster
from chatkit.room import LISTED, MAX_ROOMS, Room, Rooms, Visitor


class SharedRoom(Room):
    """A room of which some members are with other servers. Lesson 11."""

    def __init__(self, name: str, log: Log, roster: RedisRoster) -> None:
        super().__init__(name, log)
        self.roster = roster
        self.others = roster.follow(name, self.hear_of)

    async def admit(self, visitor: Visitor) -> None:
        """Give a visitor a name that looks like nobody else's, on any server.

        Where two servers give one in the same moment, Redis says who was first.
        """
        await super().admit(visitor)
        while name := self.members.get(visitor):
            if await self.roster.claim(self.name, name, visitor.entry.client):
                return
            if visitor in self.members:
                super().leave(visitor)
                await super().admit(visitor)

    def free(self, visitor: Visitor, name: str) -> bool:
        """Return whether a visitor may have a name; its own, on a line that was cut, it may."""
        return super().free(visitor, name) and self.others.free(name, visitor.entry.client)

    def leave(self, visitor: Visitor) -> None:
        """Let a visitor go, and others have the name."""
        name = self.members.get(visitor)
        super().leave(visitor)
        if name:
            self.roster.release(self.name, name)

    def typing(self, visitor: Visitor) -> None:
        """Tell the others that one is typing, here and elsewhere."""
        if name := self.members.get(visitor):
            self.show_typing(name, visitor)
            self.roster.typing(self.name, name)

    def hear_of(self, event: str, name: str) -> None:
        """Tell those here what others do elsewhere; who has moved there is no longer here."""
        match event:
            case "moved":
                for visitor in [one for one, of in self.members.items() if of == name]:
                    self.leave(visitor)
                    visitor.close()
            case "typing":
                self.show_typing(name)
            case _:
                Room.announce(self, event, name)

    def announce(self, event: str, name: str) -> None:
        """Tell who has joined or left here, unless the same one is elsewhere: it has only moved."""
        if name not in self.others.elsewhere:
            Room.announce(self, event, name)

    @property
    def count(self) -> int:
        """Return how many are here and elsewhere; who moves is in both for a moment."""
        return len(self.members) + len(self.others.elsewhere) - len(self.others.moving)

    def presence(self) -> dict[str, Any]:
        """Return who is here and elsewhere, by name as far as that makes sense, and how many."""
        others = (name for name in self.others.elsewhere if name not in self.others.here)
        named = islice(chain(self.members.values(), others), LISTED)
        return {"members": [*named], "count": self.count}

    def close(self) -> None:
        """Follow neither log nor roster any more."""
        Room.close(self)
        self.roster.unfollow(self.name)


class SharedRooms(Rooms):
    """The rooms of a server that has others beside it, on the same Redis. Lesson 11."""

    def __init__(self, address: str, limit: int = MAX_ROOMS) -> None:
        self.link = RedisLink(address)
        super().__init__(RedisLog(self.link, self.begin_again), limit)
        self.roster = RedisRoster(self.link)

    async def start(self) -> None:
        """Reach Redis; raise ChatkitError if none answers."""
        await self.link.open()
        try:
            await super().start()
            await self.roster.open()
        except BaseException:
            await self.link.close()
            raise

    async def stop(self) -> None:
        """Leave, and hang up."""
        await self.roster.close()
        await super().stop()
        await self.link.close()

    def make(self, name: str) -> Room:
        """Return a new room, open to all servers."""
        return SharedRoom(name, self.log, self.roster)

    def sizes(self) -> Mapping[str, int]:
        """Return how many are in each room, on all servers."""
        return {**self.roster.sizes, **Rooms.sizes(self)}

    def begin_again(self) -> None:
        """Have everyone come back, because what they were told is not in the log any more."""
        rooms, self.open = self.open, {}
        for room in rooms.values():
            for visitor in tuple(room.members):
                visitor.close()
                room.leave(visitor)
            room.close()
