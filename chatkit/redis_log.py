"""A log on Redis Streams, for any number of servers. Lesson 11."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from chatkit.log import BatchLog, Doubles, Follower, LogError, Waiting
from chatkit.messages import MAX_ID, Message
from chatkit.redis_link import IDENTITY, Entry, RedisLink

KEPT = 10_000  # messages a room
BROKEN = "BROKEN"  # how a script's refusal begins when Redis has not kept what it had

CHECK = f"""#!lua
local stream, keys, logs, log = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local identity, told, kept = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
local newest = last and tonumber(string.sub(last[1], 3)) or 0
if redis.call('GET', log) ~= identity or newest < told then
  return redis.error_reply('{BROKEN} the log is not what it was')
end
redis.call('HSETNX', logs, identity, newest)
"""

ADD = """
local reply = {}
for i = 4, #ARGV, 2 do
  local key, data = ARGV[i], ARGV[i + 1]
  local id = key ~= '' and redis.call('HGET', keys, key)
  local earlier = id and redis.call('XRANGE', stream, id, id)[1]
  if earlier then
    reply[#reply + 1] = earlier
  else
    id = redis.call('XADD', stream, '0-*', 'message', data)
    if key ~= '' then redis.call('HSET', keys, key, id) end
    reply[#reply + 1] = {id}
  end
end
"""

TRIM = """
local many = redis.call('XLEN', stream) - kept
if many > 0 then
  for _, entry in ipairs(redis.call('XRANGE', stream, '-', '+', 'COUNT', many)) do
    local key = cjson.decode(entry[2][2]).key
    if key then redis.call('HDEL', keys, key) end
  end
  redis.call('XTRIM', stream, 'MAXLEN', kept)
end
return reply
"""

APPEND = CHECK + ADD + TRIM


def stream_of(room: str) -> str:
    """Return the key of a room's messages; that of the senders' keys begins with it."""
    return f"chatkit:room:{room}"


def as_stored(message: Message) -> tuple[str, bytes]:
    """Return a message's key, and what is stored of it: all but its number, which Redis gives."""
    return message.key or "", msgspec.json.encode(message)


def numbered(number: int, data: bytes) -> Message:
    """Return a message that was stored without its number."""
    return msgspec.structs.replace(msgspec.json.decode(data, type=Message), id=number)


class Told(NamedTuple):
    """The last message that a room's followers were told: its number, and what was stored."""

    number: int = 0
    data: bytes = b""


class Stored(NamedTuple):
    """Messages that are safe, the last of them, and who waits until all have been told of it."""

    last: Told
    doubles: Doubles
    item: Waiting


class RedisLog(BatchLog):
    """A log that any number of servers share. Lesson 11.

    All that is appended comes back by the link's second line, in the order in which Redis has it:
    so every server tells the same. `on_break` is called when what was told is not there any more.
    """

    lasting = True

    def __init__(self, link: RedisLink, on_break: Callable[[], object], kept: int = KEPT) -> None:
        super().__init__()
        self.link = link
        self.on_break = on_break
        self.kept = kept
        self.identity = ""
        self.told: dict[str, Told] = {}
        self.stored: defaultdict[str, deque[Stored]] = defaultdict(deque)
        link.on_return.append(self.compare)

    async def open(self) -> None:
        """Take the identity that the log has."""
        self.identity = self.link.identity

    async def close(self) -> None:
        """Write what waits; who has left need not be told before it counts as safe."""
        if self.writer:
            await self.writer
        for waiting in self.stored.values():
            for stored in waiting:
                stored.item.settle(stored.doubles)
        self.stored.clear()

    async def keep(self, batch: Sequence[Waiting]) -> None:
        """Append what waits, in one round trip; each room's part is kept whole, or not at all."""
        for item in batch:
            await self.track(item.room)
        identity = self.identity
        with self.link.answering():
            async with self.link.redis.pipeline(transaction=False) as pipe:
                for item in batch:
                    stream = stream_of(item.room)
                    told = self.told.get(item.room, Told()).number
                    values = [value for message in item.messages for value in as_stored(message)]
                    keys = (stream, f"{stream}:keys", f"{stream}:logs", IDENTITY)
                    pipe.eval(APPEND, 4, *keys, identity, told, self.kept, *values)
                replies = await pipe.execute(raise_on_error=False)
        for item, reply in zip(batch, replies, strict=True):
            self.take(item, reply)
        if any(str(reply).startswith(BROKEN) for reply in replies):
            await self.begin_again(identity)

    def take(self, item: Waiting, reply: Any) -> None:
        """Take what Redis said to an append: an error, or the ids, and the messages of doubles."""
        try:
            with self.link.answering():
                if isinstance(reply, Exception):
                    raise reply
        except LogError as error:
            item.fail(error)
            return
        doubles: Doubles = {}
        last = Told()
        for message, (at, *earlier) in zip(item.messages, reply, strict=True):
            key, data = as_stored(message)
            if earlier:
                _, data = earlier[0]
                doubles[key] = numbered(int(at[2:]), data)
            last = max(last, Told(int(at[2:]), data))
        self.stored[item.room].append(Stored(last, doubles, item))
        self.settle(item.room)

    def settle(self, room: str) -> None:
        """Settle what is stored, as far as the room's followers have been told."""
        waiting = self.stored[room]
        while waiting and (
            room not in self.told or waiting[0].last.number <= self.told[room].number
        ):
            _, doubles, item = waiting.popleft()
            item.settle(doubles)
        if not waiting:
            del self.stored[room]

    async def track(self, room: str) -> None:
        """Find where a room's log ends, and follow it from there, if it has followers."""
        if room not in self.of or room in self.told:
            return
        with self.link.answering():
            newest = await self.link.redis.xrevrange(stream_of(room), count=1)
        if room in self.of and room not in self.told:
            told = Told(int(newest[0][0][2:]), newest[0][1][b"message"]) if newest else Told()
            self.told[room] = told
            self.link.follow(stream_of(room), (0, told.number), partial(self.hear, room))

    def unfollow(self, room: str, follower: Follower) -> None:
        """Call it no more; with the last follower the room's stream is left, too."""
        super().unfollow(room, follower)
        if room not in self.of and room in self.told:
            del self.told[room]
            self.link.unfollow(stream_of(room))
            self.settle(room)

    def hear(self, room: str, entries: Sequence[Entry]) -> None:
        """Tell what came to a room's stream, and settle what waited for that."""
        messages = [numbered(number, fields[b"message"]) for (_, number), fields in entries]
        if messages[0].id != self.told[room].number + 1:
            self.on_break()  # it was trimmed faster than we could read
            return
        self.told[room] = Told(messages[-1].id, entries[-1][1][b"message"])
        self.tell(room, messages)
        self.settle(room)

    async def span(self, room: str) -> tuple[int, int]:
        """Return the ids of the oldest and of the newest message kept; (1, 0) if there is none."""
        await self.track(room)
        with self.link.answering():
            async with self.link.redis.pipeline(transaction=False) as pipe:  # a full one has none
                pipe.xrevrange(stream_of(room), count=1)
                pipe.xrange(stream_of(room), count=1)  # after it: what is trimmed then is known
                ends = await pipe.execute()
        newest, oldest = (int(end[0][0][2:]) if end else 0 for end in ends)
        return max(oldest, 1), min(newest, self.told.get(room, Told(newest)).number)

    async def read(self, room: str, after: int, limit: int) -> Sequence[Message]:
        """Return up to `limit` messages that follow the id `after`, oldest first."""
        await self.track(room)
        last = f"0-{self.told[room].number}" if room in self.told else "+"
        with self.link.answering():
            entries = await self.link.redis.xrange(
                stream_of(room), f"(0-{after}", last, count=limit
            )
        return [numbered(int(at[2:]), fields[b"message"]) for at, fields in entries]

    async def common(self, room: str, identity: str) -> int:
        """Return up to which id this log is the same as the one that had another identity.

        A generation of the log begins where it is first written to. 0 if the other is no ancestor.
        """
        family, generation = split(identity)
        if family != split(self.identity)[0]:
            return 0
        with self.link.answering():
            began = await self.link.redis.hgetall(f"{stream_of(room)}:logs")
        later = [int(at) for log, at in began.items() if split(log.decode())[1] > generation]
        return min(later, default=MAX_ID)

    async def compare(self) -> None:
        """Begin again if Redis came back without something that was told.

        What was stored, but is lost before it was told, has to be sent again.
        """
        before, told = self.identity, [*self.told.items()]
        safe = [(room, one.last) for room, waiting in self.stored.items() for one in waiting]
        with self.link.answering():
            async with self.link.redis.pipeline(transaction=False) as pipe:
                pipe.get(IDENTITY)
                for room, last in told + safe:
                    pipe.xrange(stream_of(room), f"0-{last.number}", count=1)
                identity, *entries = await pipe.execute()
        kept = [is_kept(last, since) for (_, last), since in zip(told + safe, entries, strict=True)]
        if identity != before.encode() or not all(kept[: len(told)]):
            await self.begin_again(before)
        elif not all(kept):
            self.refuse()

    async def begin_again(self, broken: str) -> None:
        """Give a broken log a new identity, unless another server was faster, and say so."""
        await self.link.renew(broken)
        if self.identity == self.link.identity:
            return
        self.identity = self.link.identity
        for room in tuple(self.told):
            self.link.unfollow(stream_of(room))
        self.told.clear()
        self.refuse()
        self.on_break()

    def refuse(self) -> None:
        """Have all that was stored, but not told, sent again; its keys tell what is there."""
        error = LogError("The log was cut: send it again in a moment.")
        for waiting in self.stored.values():
            for stored in waiting:
                stored.item.fail(error)
        self.stored.clear()


def split(identity: str) -> tuple[str, int]:
    """Return the family and the generation that a log's identity tells of."""
    family, _, generation = identity.rpartition(".")
    return family, int(generation) if generation.isascii() and generation.isdigit() else 0


def is_kept(told: Told, since: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> bool:
    """Return whether what was told is still there, given the first of what is there since then.

    If it was trimmed meanwhile, what comes next will show a gap.
    """
    at, fields = since[0] if since else (b"0-0", {b"message": b""})
    number = int(at[2:])
    return number > told.number or (number, fields[b"message"]) == told or not told.number
