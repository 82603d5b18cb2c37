"""The two lines to a Redis: one to ask it, one that waits at the ends of its streams. Lesson 11."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError

from chatkit.log import LogError
from chatkit.messages import ChatkitError

ANSWER = 5.0  # seconds in which Redis has to answer
WAIT = 2.0  # seconds that the second line waits before it looks up
RETRY = 0.25  # seconds between two attempts to reach a Redis that is away
LINES = 8  # connections for questions
IDENTITY = "chatkit:log"  # the key of which log this is
RUN = "chatkit:run"  # and of which process of Redis it is in
MOST = 1000  # entries of a stream that are read at once
OLDEST = 7  # the first Redis that numbers a stream 1, 2, 3 …

journal = logging.getLogger("chatkit")

RENEW = """#!lua flags=allow-oom
local identity = redis.call('GET', KEYS[1])
local broken, last = string.match(ARGV[1], '(.*)%.(.*)')
local family, generation = string.match(identity or '', '(.*)%.(.*)')
if not identity then
  identity = ARGV[2] .. '.1'
elseif family == broken and tonumber(generation) <= tonumber(last) then
  identity = family .. '.' .. (last + 1)
end
redis.call('SET', KEYS[1], identity)
return identity
"""

NOTE = """#!lua flags=allow-oom
local before = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1])
return before
"""

Position = tuple[int, int]  # of an entry in its stream; the log's are (0, 1), (0, 2), (0, 3) …
Entry = tuple[Position, dict[bytes, bytes]]
Hearer = Callable[[Sequence[Entry]], object]
Stream = list[tuple[bytes, dict[bytes, bytes]]]  # as Redis sends it


def connect(url: str, patience: float) -> Redis:
    """Return a client that answers within `patience` seconds, and never sends a command twice.

    Raise ChatkitError if the address is none.
    """
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=LINES,
            timeout=ANSWER,
            socket_timeout=patience,
            socket_connect_timeout=ANSWER,
            retry=Retry(NoBackoff(), 0),
        )
        return Redis.from_pool(pool)
    except ValueError as error:
        raise ChatkitError(
            f"{place(url)!r} is no address of a Redis: it looks like redis://127.0.0.1:6379/0."
        ) from error


def place(url: str) -> str:
    """Return an address without the password in it."""
    return re.sub("//.*@", "//", url).partition("?")[0]


def position(of: bytes) -> Position:
    """Return an entry's id, `1526919030474-0`, as numbers that can be compared."""
    first, second = of.split(b"-")
    return int(first), int(second)


class RedisLink:
    """A Redis that may go away and come back. Lesson 11.

    Functions in `on_return` are awaited when it is back, or has another log in it, before anything
    more is heard.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.redis: Any = connect(url, ANSWER)  # its own types leave open what bytes are
        self.waiting: Any = connect(url, WAIT + ANSWER)
        self.alarm = f"chatkit:alarm:{secrets.token_hex(8)}"  # a stream that wakes the second line
        self.positions: dict[str, Position] = {self.alarm: (0, 0)}
        self.hearers: dict[str, Hearer] = {self.alarm: lambda entries: None}
        self.identity = ""  # of the log that is heard
        self.on_return: list[Callable[[], Awaitable[None]]] = []
        self.sure = True
        self.tasks: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Make sure that a Redis answers, and begin to listen; else raise ChatkitError."""
        try:
            await self.check_version()
            await self.renew()
            if await self.is_another() and not await self.keeps_all():
                await self.renew(self.identity)  # who knew what was told has died with it
        except (RedisError, OSError, LogError) as error:
            await self.close()
            raise ChatkitError(
                f"No Redis answers at {place(self.url)} ({error}): start redis-server there, or "
                "choose another log."
            ) from error
        except BaseException:
            await self.close()
            raise
        self.do(self.listen())

    async def check_version(self) -> None:
        """Raise ChatkitError if this Redis can not number a stream 1, 2, 3 … yet."""
        version = str((await self.redis.info("server")).get("redis_version", 0))
        if int(version.split(".")[0]) < OLDEST:
            raise ChatkitError(f"Redis {OLDEST} or newer is needed, and this is {version}.")

    async def close(self) -> None:
        """Hang up both lines."""
        while self.tasks:  # Python 3.11's wait_for may swallow a cancellation: so ask again
            for task in self.tasks:
                task.cancel()
            await asyncio.wait(self.tasks, timeout=RETRY)
        if self.sure:
            with suppress(RedisError, OSError):  # it goes by itself in a minute
                await self.redis.delete(self.alarm)
        await self.redis.aclose()
        await self.waiting.aclose()

    def do(self, work: Any) -> None:
        """Do some work in the background, until this link is closed."""
        self.tasks.add(task := asyncio.create_task(work))
        task.add_done_callback(self.tasks.discard)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Turn a Redis that does not answer, or refuses, into a LogError that a sender may read."""
        try:
            yield
        except (RedisError, OSError) as error:
            if isinstance(error, ReadOnlyError):  # it is a replica now: its name leads elsewhere
                self.do(self.hang_up())
            full = isinstance(error, OutOfMemoryError)
            reason = "has no room left" if full else "does not answer just now"
            raise LogError(f"The log {reason}: try again in a moment.") from error

    async def hang_up(self) -> None:
        """Have the next question go out on a new line, to where the address leads by then."""
        for client in (self.redis, self.waiting):
            await client.connection_pool.disconnect()

    async def ask(self, script: str, keys: Sequence[str], *values: str | int) -> Any:
        """Return what a script answers, run in Redis as one step; raise LogError if it can't be."""
        with self.answering():
            return await self.redis.eval(script, len(keys), *keys, *values)

    async def renew(self, broken: str = "") -> None:
        """Take the identity of the log in this Redis: a new one, if it is still the broken one."""
        identity: bytes = await self.ask(RENEW, [IDENTITY], broken, secrets.token_hex(8))
        self.identity = identity.decode()

    async def is_another(self) -> bool:
        """Note which process this Redis is, and return whether it was another one until now."""
        with self.answering():
            run = str((await self.redis.info("server")).get("run_id"))
        before: bytes | None = await self.ask(NOTE, [RUN], run)
        return before not in (None, run.encode())

    async def keeps_all(self) -> bool:
        """Return whether this Redis says that what it confirmed outlives any crash."""
        try:
            settings = await self.redis.config_get("append*")
        except RedisError:  # it may not be asked
            return False
        return (settings["appendonly"], settings["appendfsync"]) == ("yes", "always")

    def follow(self, stream: str, after: Position, hear: Hearer) -> None:
        """Have a function called with all that comes to a stream after a position."""
        self.positions[stream], self.hearers[stream] = after, hear
        self.do(self.wake())

    def unfollow(self, stream: str) -> None:
        """Call it no more."""
        self.positions.pop(stream, None)
        self.hearers.pop(stream, None)

    async def wake(self) -> None:
        """Have the second line look up at once, for it waits at streams that it was told before."""
        try:
            async with self.redis.pipeline() as pipe:
                pipe.xadd(self.alarm, {"wake": "up"}, maxlen=1)
                pipe.expire(self.alarm, 60)
                await pipe.execute()
        except (RedisError, OSError):
            pass  # it looks up by itself after a while

    async def listen(self) -> None:
        """Hear what comes to the streams; where Redis is away, try until it is back."""
        away = False
        while True:
            try:
                if away:  # lines for questions that wait for the next one were cut, too
                    await self.redis.connection_pool.disconnect(inuse_connections=False)
                if not self.sure:
                    await self.make_sure()
                if away:
                    journal.warning("Redis answers again")
                    away = False
                await self.hear()
            except (RedisError, OSError, LogError) as error:
                if not away:
                    journal.warning("Redis does not answer (%s): trying until it does", error)
                away, self.sure = True, False
                await asyncio.sleep(RETRY)
            except Exception:  # whatever it is, this server does not become deaf
                journal.exception("what Redis sent was not understood")
                self.sure = False
                await asyncio.sleep(RETRY)

    async def make_sure(self) -> None:
        """Have all look whether what they know is still true."""
        for look in self.on_return:
            await look()
        await self.is_another()
        self.sure = True

    async def hear(self) -> None:
        """Wait until something comes to a stream, or a while, and hand on what came.

        Unless it came to another log than the one that is heard: then nothing is sure any more.
        """
        after = {stream: f"{first}-{second}" for stream, (first, second) in self.positions.items()}
        async with self.waiting.pipeline(transaction=False) as pipe:
            pipe.xread(after, count=MOST, block=int(WAIT * 1000))
            pipe.get(IDENTITY)
            reply, identity = await pipe.execute()
        self.sure = identity == self.identity.encode()
        if self.sure:
            self.take(reply)

    def take(self, reply: Sequence[tuple[bytes, Stream]]) -> None:
        """Hand on what came, stream by stream."""
        for name, entries in reply:
            stream = name.decode()
            there = self.positions.get(stream, (2**64, 0))  # nobody follows it any more
            new = [(at, fields) for key, fields in entries if (at := position(key)) > there]
            if new:
                self.positions[stream] = new[-1][0]
                self.hand_on(stream, new)

    def hand_on(self, stream: str, entries: Sequence[Entry]) -> None:
        """Call who follows a stream; one that fails does not stop the others."""
        try:
            self.hearers[stream](entries)
        except Exception:
            journal.exception("what came to %s was not understood", stream)
