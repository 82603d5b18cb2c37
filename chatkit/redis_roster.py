"""Who is in each room, on all servers that share a Redis. Lesson 11."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from chatkit.log import LogError
from chatkit.names import looks
from chatkit.redis_link import Entry, Position, RedisLink, position
from chatkit.room import LISTED

BEAT = 2.0  # seconds between two signs of life of a server
LIFE = 6.0  # seconds without one after which it counts as dead
SERVERS = "chatkit:servers"  # when each server gave its last sign of life, by the clock of Redis
ROOMS = "chatkit:rooms"  # how many are in each room
NEWS = 1000  # entries of a room's news that are kept, about

# allow-oom: presence needs little memory, so it works even when Redis has none left for messages.
CLOCK = f"""#!lua flags=allow-oom
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local dead = now - {LIFE * 1000:.0f}
"""

BEATS = f"""{CLOCK}
local seen = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
local late = not seen or tonumber(seen) < dead
local lost = late and 0 or redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. dead)
local rooms = redis.call('ZREVRANGE', KEYS[2], 0, {LISTED - 1}, 'WITHSCORES')
return {{late and 1 or 0, lost, dead, rooms}}
"""

ROOM = f"""{CLOCK}
local names, news, rooms, servers, room = KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1]

local function alive(seat)
  local seen = redis.call('ZSCORE', servers, seat[1])
  return seen and tonumber(seen) >= dead
end

local function tell(event, seat)
  local last = redis.call('XREVRANGE', news, '+', '-', 'COUNT', 1)[1]
  local since = last and string.match(last[1], '%d+') or string.format('%.0f', now)
  redis.call('XADD', news, 'MAXLEN', '~', {NEWS}, since .. '-*', 'event', event, 'seat', seat)
  redis.call('PEXPIRE', news, 60000)
end
"""

SEATS = f"""{ROOM}
local function clear(held)
  local cleared = 0
  for i, look in ipairs(cjson.decode(held)) do
    if i > 3 and redis.call('HGET', names, look) == held then
      cleared = cleared + redis.call('HDEL', names, look)
    end
  end
  return cleared > 0
end

local function count()
  local people = math.ceil(redis.call('HLEN', names) / 2)
  redis.call('ZADD', rooms, people, room)
  if people == 0 then redis.call('ZREM', rooms, room) end
end
"""

CLAIM = f"""{SEATS}
local mine = cjson.decode(ARGV[2])
local held = {{}}
for i = 4, #mine do held[#held + 1] = redis.call('HGET', names, mine[i]) or nil end
for _, seat in ipairs(held) do
  local theirs = cjson.decode(seat)
  local own = theirs[1] == mine[1]
  local back = ARGV[3] == 'back' and mine[3] ~= '' and theirs[3] == mine[3]
  if alive(theirs) and not own and not back then return seat end
end
for _, seat in ipairs(held) do
  if clear(seat) and cjson.decode(seat)[2] ~= mine[2] then tell('left', seat) end
end
for i = 4, #mine do redis.call('HSET', names, mine[i], ARGV[2]) end
redis.call('ZADD', servers, 'NX', dead, mine[1])  -- else nobody would notice its death
tell('joined', ARGV[2])
count()
"""

RELEASE = f"""{SEATS}
if clear(ARGV[2]) then tell('left', ARGV[2]) end
count()
"""

SWEEP = f"""{SEATS}
for _, seat in ipairs(redis.call('HVALS', names)) do
  if not alive(cjson.decode(seat)) and clear(seat) then tell('left', seat) end
end
count()
"""

READ = f"""{SWEEP}
return {{redis.call('HVALS', names), redis.call('XREVRANGE', news, '+', '-', 'COUNT', 1)}}
"""

TELL = f"""{ROOM}
tell(ARGV[3], ARGV[2])
"""


class Seat(NamedTuple):
    """Somebody in a room: on which server, and by which secret mark it may come back."""

    server: str
    name: str
    mark: str
    looks: tuple[str, ...]

    def __str__(self) -> str:
        """Return the seat as Redis keeps it."""
        return json.dumps([self.server, self.name, self.mark, *self.looks])


def read_seat(data: bytes) -> Seat:
    """Return the seat that Redis keeps."""
    server, name, mark, *looks = json.loads(data)
    return Seat(server, name, mark, tuple(looks))


class Attendance:
    """One room: who is in it by this server, and who by another; `hear` is told of the others."""

    def __init__(self, hear: Callable[[str, str], object]) -> None:
        self.hear = hear
        self.known = False
        self.here: dict[str, Seat] = {}
        self.elsewhere: dict[str, Seat] = {}
        self.looks: dict[str, Seat] = {}
        self.at = (0, 0)  # where in the room's news

    @property
    def moving(self) -> Set[str]:
        """Return who comes from another server, or goes there, and is in both for a moment."""
        return self.here.keys() & self.elsewhere.keys()

    def add(self, seat: Seat) -> None:
        """Take it that somebody is in the room by another server."""
        known = seat.name in self.elsewhere or seat.name in self.here
        self.elsewhere[seat.name] = seat
        self.looks |= dict.fromkeys(seat.looks, seat)
        if not known:
            self.hear("joined", seat.name)

    def remove(self, seat: Seat) -> None:
        """Take it that somebody has left another server, and has not come by a third one since."""
        if self.elsewhere.get(seat.name) == seat:
            del self.elsewhere[seat.name]
            for look in seat.looks:
                if self.looks.get(look) == seat:
                    del self.looks[look]
            if seat.name not in self.here:
                self.hear("left", seat.name)

    def forget(self, seat: Seat) -> bool:
        """Take it that somebody is not here any more; return False if the name is another's now."""
        mine = self.here.get(seat.name) is seat
        if mine:
            del self.here[seat.name]
        return mine

    def drop(self, seat: Seat) -> None:
        """Take it that somebody who was here has the name by another server now."""
        if self.forget(seat):
            self.hear("moved", seat.name)

    def follows(self, at: Position) -> bool:
        """Take it that news came; return False if some before it were dropped unread.

        They are numbered without gaps, and from 0 after a silence in which Redis forgot them.
        """
        (era, number), self.at = self.at, at
        return at == (era, number + 1) or (at[0] != era and at[1] == 0)

    def free(self, name: str, mark: str) -> bool:
        """Return whether somebody with this mark may have a name, as far as is known here."""
        held = [self.looks[look] for look in looks(name) if look in self.looks]
        return all(mark and seat.mark == mark for seat in held)


class RedisRoster:
    """Who is in each room, written down by every server for all others. Lesson 11.

    A server gives a sign of life every two seconds. Who is with one that has been silent for six
    has left: the first server that sees it strikes them out.
    """

    def __init__(self, link: RedisLink) -> None:
        self.link = link
        self.server = secrets.token_hex(8)
        self.rooms: dict[str, Attendance] = {}
        self.sizes: dict[str, int] = {}
        self.stale = False  # Redis may know other things than what we told it
        self.leaving = False
        self.mending = asyncio.Lock()
        self.beating = asyncio.Lock()  # a sign of life under way would bring back who leaves
        self.lock = asyncio.Lock()  # what we tell arrives in the order in which we tell it
        link.on_return.append(self.doubt)

    async def open(self) -> None:
        """Give the first sign of life, and from then on one every two seconds."""
        await self.beat()
        self.stale = self.leaving = False
        self.link.do(self.live())

    async def close(self) -> None:
        """Say that this server is dead, and strike out all who are with it."""
        self.leaving = True  # else a sign of life could follow
        with suppress(LogError):  # else it will be struck out as one that is silent
            async with self.beating:
                with self.link.answering():
                    await self.link.redis.zadd(SERVERS, {self.server: 0})
            await self.sweep()

    async def doubt(self) -> None:
        """Have all that was told to Redis told again: it may have forgotten some."""
        self.stale = True

    async def live(self) -> None:
        """Give signs of life, and have set right what may be wrong; a crowd takes a while."""
        while not self.leaving:
            try:
                async with self.beating:
                    await self.beat()
                if self.stale and not self.mending.locked():
                    self.link.do(self.mend())
            except LogError:
                self.stale = True  # the link says when Redis is back
            await asyncio.sleep(BEAT)

    async def mend(self) -> None:
        """Write down again who is here, and read again who is elsewhere, room by room."""
        async with self.mending:
            self.stale = False
            try:
                for room in tuple(self.rooms):
                    await self.renew(room)
            except LogError:
                self.stale = True

    async def beat(self) -> None:
        """Give a sign of life; strike out servers that gave none for long."""
        late, lost, dead, sizes = await self.link.ask(BEATS, [SERVERS, ROOMS], self.server)
        self.stale = self.stale or bool(late)
        self.sizes = {
            room.decode(): int(size) for room, size in zip(sizes[::2], sizes[1::2], strict=True)
        }
        if lost:
            await self.sweep()
            with self.link.answering():  # not before: who dies in between leaves it to the next
                await self.link.redis.zremrangebyscore(SERVERS, "-inf", f"({dead}")

    async def sweep(self) -> None:
        """Strike out all who are with a dead server."""
        with self.link.answering():
            rooms = await self.link.redis.zrange(ROOMS, 0, -1)
        for room in rooms:
            await self.ask(SWEEP, room.decode())

    async def ask(self, script: str, room: str, seat: Seat | str = "", *values: str) -> Any:
        """Return what a script answers that looks after a room."""
        keys = [names_of(room), news_of(room), ROOMS, SERVERS]
        return await self.link.ask(script, keys, room, str(seat), *values)

    def follow(self, room: str, hear: Callable[[str, str], object]) -> Attendance:
        """Return who is in a room, kept up to date; `hear` is called with each event and name.

        Events are `joined`, `left` and `typing` of people on other servers, and `moved` of one who
        was here.
        """
        self.rooms[room] = Attendance(hear)
        return self.rooms[room]

    def unfollow(self, room: str) -> None:
        """Keep it up to date no more."""
        del self.rooms[room]
        self.link.unfollow(news_of(room))

    async def claim(self, room: str, name: str, mark: str) -> bool:
        """Take a name for somebody here; return False if another looks like it, on any server."""
        there = self.rooms[room]
        there.here[name] = seat = Seat(self.server, name, mark, tuple(looks(name)))
        try:
            async with self.lock:
                if not there.known:
                    await self.read(room, there)
                held = await self.ask(CLAIM, room, seat, "back")
        except LogError:
            self.stale = True
            there.forget(seat)
            raise
        if held:
            there.add(read_seat(held))
            there.forget(seat)
        return not held

    def release(self, room: str, name: str) -> None:
        """Give a name back."""
        if seat := self.rooms[room].here.pop(name, None):
            self.link.do(self.give_back(room, seat))

    async def give_back(self, room: str, seat: Seat) -> None:
        """Have a seat struck out, unless the same one has come back to it meanwhile."""
        try:
            async with self.lock:
                there = self.rooms.get(room)
                if not there or there.here.get(seat.name) != seat:
                    await self.ask(RELEASE, room, seat)
        except LogError:
            self.stale = True

    def typing(self, room: str, name: str) -> None:
        """Tell the other servers that somebody is typing, unless there is more important news."""
        seat = self.rooms[room].here.get(name)
        if seat and not self.lock.locked():
            self.link.do(self.tell_typing(room, seat))

    async def tell_typing(self, room: str, seat: Seat) -> None:
        """Tell the other servers that somebody is typing, if Redis is there."""
        with suppress(LogError):
            async with self.lock:
                await self.ask(TELL, room, seat, "typing")

    async def renew(self, room: str) -> None:
        """Read again who is elsewhere, and write down again who is here."""
        if there := self.rooms.get(room):
            async with self.lock:
                await self.read(room, there)
            for seat in tuple(there.here.values()):
                await self.reclaim(room, there, seat)

    async def reclaim(self, room: str, there: Attendance, seat: Seat) -> None:
        """Write down again who is here, or drop who has lost the name meanwhile."""
        async with self.lock:  # anew for each, so that who comes now need not wait for all
            if there.here.get(seat.name) is seat and (held := await self.ask(CLAIM, room, seat)):
                there.add(read_seat(held))
                there.drop(seat)

    async def read(self, room: str, there: Attendance) -> None:
        """Read who is in a room, and follow its news from there."""
        data, newest = await self.ask(READ, room)
        seats = set(map(read_seat, data))
        for seat in seats:
            if seat.server == self.server and there.here.get(seat.name) != seat:
                await self.ask(RELEASE, room, seat)
        others = {seat for seat in seats if seat.server != self.server}
        for seat in {*there.elsewhere.values()} - others:
            there.remove(seat)
        for seat in others - {*there.elsewhere.values()}:
            there.add(seat)
        there.known = True
        if self.rooms.get(room) is there:
            there.at = position(newest[0][0]) if newest else (0, 0)
            self.link.follow(news_of(room), there.at, partial(self.hear, room, there))

    def hear(self, room: str, there: Attendance, entries: Sequence[Entry]) -> None:
        """Take in a room's news, but for our own."""
        for at, fields in entries:
            self.stale = not there.follows(at) or self.stale
            event, seat = fields[b"event"], read_seat(fields[b"seat"])
            ours = seat.server == self.server
            if event == b"joined" and ours and (before := there.elsewhere.get(seat.name)):
                there.remove(before)  # who was elsewhere has come here
            elif event == b"joined" and not ours:
                there.add(seat)
                if mine := there.here.get(seat.name):
                    self.link.do(self.look(room, there, mine))
            elif event == b"left" and not ours:
                there.remove(seat)
            elif event == b"typing" and not ours:
                there.hear("typing", seat.name)

    async def look(self, room: str, there: Attendance, mine: Seat) -> None:
        """Look who has a name, after news that another server had it while it was here."""
        with suppress(LogError):
            async with self.lock:
                with self.link.answering():
                    held = await self.link.redis.hget(names_of(room), mine.looks[0])
                if held != str(mine).encode():
                    there.drop(mine)


def names_of(room: str) -> str:
    """Return the key of who is in a room: seats, by what their names look like."""
    return f"chatkit:room:{room}:names"


def news_of(room: str) -> str:
    """Return the key of a room's news."""
    return f"chatkit:room:{room}:news"
