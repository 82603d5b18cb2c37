"""A room's log: append to it, read it, follow it. In memory, or in SQLite. Lesson 09."""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from chatkit.messages import ChatkitError, FrameError, Message

KEPT = 1000  # messages a room that a MemoryLog keeps
MAX_WAITING = 10_000  # messages that wait to be kept; past it senders are told
SHARED = ("redis://", "rediss://", "unix://")  # so begin the addresses of logs of many servers
LOCK_TIMEOUT = 2.0  # seconds to wait for another program that has locked the database

journal = logging.getLogger("chatkit")

T = TypeVar("T")
Follower = Callable[[Sequence[Message]], None]
Doubles = dict[str, Message]  # the messages whose keys were there already, by key


class LogError(FrameError):
    """The log can't be written or read just now; what was asked has not happened."""

    def __init__(self, detail: str, key: str | None = None) -> None:
        super().__init__("log_unavailable", detail, key)


class Log(Protocol):
    """What has been said in each room, numbered 1, 2, 3 … without gaps. Lesson 09.

    `identity` is another one when ids begin again; `lasting` says whether the messages outlive
    the server.
    """

    identity: str
    lasting: bool

    async def open(self) -> None:
        """Make ready; raise ChatkitError if that can't be done."""
        ...

    async def close(self) -> None:
        """Finish what is under way."""
        ...

    def append(self, room: str, messages: Sequence[Message]) -> asyncio.Future[Doubles]:
        """Number the messages and keep all of them, or none.

        Once they are safe the room's followers get those that are new, and the future holds the
        earlier messages of keys that came again; or it raises LogError.
        """
        ...

    async def span(self, room: str) -> tuple[int, int]:
        """Return the ids of the oldest and of the newest message kept; (1, 0) if there is none."""
        ...

    async def read(self, room: str, after: int, limit: int) -> Sequence[Message]:
        """Return up to `limit` messages that follow the id `after`, oldest first.

        Followers have got them before.
        """
        ...

    async def common(self, room: str, identity: str) -> int:
        """Return up to which id this log is the same as the one that had another identity."""
        ...

    def follow(self, room: str, follower: Follower) -> None:
        """Have a function called with all that is appended from now on, in order."""
        ...

    def unfollow(self, room: str, follower: Follower) -> None:
        """Call it no more."""
        ...


class Followers:
    """What all logs have in common: who wants to hear of what is appended, by room. Lesson 09."""

    def __init__(self) -> None:
        self.of: defaultdict[str, list[Follower]] = defaultdict(list)

    def follow(self, room: str, follower: Follower) -> None:
        """Have a function called with all that is appended from now on, in order."""
        self.of[room].append(follower)

    def unfollow(self, room: str, follower: Follower) -> None:
        """Call it no more."""
        self.of[room].remove(follower)
        if not self.of[room]:
            del self.of[room]

    async def common(self, room: str, identity: str) -> int:
        """Return 0: nothing of a log with another identity is here."""
        return 0

    def tell(self, room: str, messages: Sequence[Message]) -> None:
        """Call all that follow the room; one that fails stops neither others nor the log."""
        for follower in tuple(self.of.get(room, ())) if messages else ():
            try:
                follower(messages)
            except Exception:
                journal.exception("a follower of the room %s failed", room)


class Shelf:
    """The messages of one room in memory: the last thousand. Lesson 09."""

    def __init__(self, kept: int, newest: int = 0) -> None:
        self.kept = kept
        self.newest = newest
        self.messages: deque[Message] = deque()
        self.keys: Doubles = {}

    def put(self, message: Message) -> Message:
        """Number a message and keep it in place of the oldest, if there are too many."""
        self.newest += 1
        message = msgspec.structs.replace(message, id=self.newest)
        self.messages.append(message)
        if message.key:
            self.keys[message.key] = message
        if len(self.messages) > self.kept:
            oldest = self.messages.popleft()
            self.keys.pop(oldest.key or "", None)
        return message


class MemoryLog(Followers):
    """A log that lasts as long as its server, and keeps a thousand messages a room. Lesson 09.

    Ids in a room that was forgotten, or is new since, begin after the newest id of those forgotten.
    """

    lasting = False

    def __init__(self, kept: int = KEPT) -> None:
        super().__init__()
        self.identity = secrets.token_hex(8)
        self.kept = kept
        self.shelves: dict[str, Shelf] = {}
        self.forgotten = 0  # the newest id of all that is forgotten: none comes twice

    async def open(self) -> None:
        """Do nothing: memory is always there."""

    async def close(self) -> None:
        """Do nothing: nothing is ever under way."""

    def unfollow(self, room: str, follower: Follower) -> None:
        """Tell a follower no more, and forget a room that nobody follows."""
        Followers.unfollow(self, room, follower)
        if room not in self.of and (shelf := self.shelves.pop(room, None)):
            self.forgotten = max(self.forgotten, shelf.newest)

    def append(self, room: str, messages: Sequence[Message]) -> asyncio.Future[Doubles]:
        """Number and keep the messages, tell the followers, and return a future that is done."""
        if room not in self.shelves:
            self.shelves[room] = Shelf(self.kept, self.forgotten)
        shelf = self.shelves[room]
        new, doubles = [], {}
        for message in messages:
            if message.key in shelf.keys:
                doubles[message.key] = shelf.keys[message.key]
            else:
                new.append(shelf.put(message))
        self.tell(room, new)
        done: asyncio.Future[Doubles] = asyncio.get_running_loop().create_future()
        done.set_result(doubles)
        return done

    async def span(self, room: str) -> tuple[int, int]:
        """Return the ids of the oldest and of the newest message kept; (1, 0) if there is none."""
        shelf = self.shelves.get(room) or Shelf(self.kept)
        return shelf.newest - len(shelf.messages) + 1, shelf.newest

    async def read(self, room: str, after: int, limit: int) -> Sequence[Message]:
        """Return up to `limit` messages that follow the id `after`, oldest first."""
        oldest, newest = await self.span(room)
        start = max(after + 1 - oldest, 0)
        return [*islice(self.shelves[room].messages, start, start + limit)] if newest else []


SCHEMA = (
    "CREATE TABLE IF NOT EXISTS log (identity TEXT NOT NULL, owner TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS messages (
        room TEXT NOT NULL, id INTEGER NOT NULL, key TEXT,
        name TEXT NOT NULL, time REAL NOT NULL, message TEXT NOT NULL,
        PRIMARY KEY (room, id), UNIQUE (room, key)
    ) WITHOUT ROWID""",
)
MESSAGE = "SELECT message, id, name, time, key FROM messages WHERE room = ? AND"
SPAN = """SELECT coalesce((SELECT min(id) FROM messages WHERE room = :room), 1),
                 coalesce((SELECT max(id) FROM messages WHERE room = :room), 0)"""


class Waiting(NamedTuple):
    """Messages on their way to where they are kept, and the future of who appended them."""

    room: str
    messages: Sequence[Message]
    done: asyncio.Future[Doubles]

    def settle(self, doubles: Doubles) -> None:
        """Say that they are safe."""
        with suppress(asyncio.InvalidStateError):  # nobody waits for it any more
            self.done.set_result(doubles)

    def fail(self, error: LogError) -> None:
        """Say that they are not."""
        with suppress(asyncio.InvalidStateError):
            self.done.set_exception(error)


class BatchLog(Followers, ABC):
    """What logs have in common that take a while: what comes meanwhile is one batch. Lesson 09."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Waiting] = []
        self.backlog = 0  # messages that wait
        self.writer: asyncio.Task[None] | None = None

    def append(self, room: str, messages: Sequence[Message]) -> asyncio.Future[Doubles]:
        """Number the messages and keep all of them, or none; the future is done once they are."""
        done: asyncio.Future[Doubles] = asyncio.get_running_loop().create_future()
        if messages and self.backlog > MAX_WAITING:
            done.set_exception(LogError("The log is behind: send it again in a moment."))
            return done
        self.backlog += len(messages)
        self.waiting.append(Waiting(room, messages, done))
        if self.writer is None:
            self.writer = asyncio.create_task(self.write())
        return done

    async def write(self) -> None:
        """Keep all that waits, and again until nothing waits."""
        while self.waiting:
            batch, self.waiting, self.backlog = self.waiting, [], 0
            try:
                await self.keep(batch)
            except LogError as error:
                self.fail(batch, error)
            except Exception:  # whatever it is, nobody waits for ever
                journal.exception("the log failed")
                self.fail(batch, LogError("The log failed: send it again in a moment."))
        self.writer = None

    def fail(self, batch: Sequence[Waiting], error: LogError) -> None:
        """Say that a batch is not safe."""
        for item in batch:
            item.fail(error)

    @abstractmethod
    async def keep(self, batch: Sequence[Waiting]) -> None:
        """Store a batch, tell of what is new, settle the rest; raise LogError if that can't be."""
        ...


class SqliteLog(BatchLog):
    """A log in a file: what a follower has heard survives even `kill -9`. Lesson 09.

    One thread reads and writes; what arrives while it is busy goes into one transaction. Methods
    from `connect` on run in that thread.
    """

    lasting = True

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self.identity = ""
        self.owner = secrets.token_hex(8)

    async def open(self) -> None:
        """Open the file, or make it; raise ChatkitError if that can't be done."""
        self.thread = ThreadPoolExecutor(1, "chatkit log")
        try:
            await self.run(self.connect)
        except LogError as error:
            self.thread.shutdown()
            raise ChatkitError(
                f"Can't keep the log in {self.path} ({error.__cause__}): choose a file that may "
                "be written here and belongs to no other program."
            ) from error

    async def close(self) -> None:
        """Write what waits, and close the file."""
        if self.writer:
            await self.writer
        self.thread.shutdown()
        self.db.close()  # not in the thread: when a program ends, its threads take no more jobs

    async def span(self, room: str) -> tuple[int, int]:
        """Return the ids of the oldest and of the newest message kept; (1, 0) if there is none."""
        return await self.run(self.find_span, room)

    async def read(self, room: str, after: int, limit: int) -> Sequence[Message]:
        """Return up to `limit` messages that follow the id `after`, oldest first."""
        return await self.run(self.find, "id > ? ORDER BY id LIMIT ?", room, after, limit)

    async def run(self, job: Callable[..., T], *args: Any) -> T:
        """Do a job in the thread of the database; raise LogError if the database can't."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self.thread, job, *args)
        except LogError:
            raise
        except Exception as error:  # most are SQLite's, but whichever it is, nobody waits for ever
            detail = f"The log does not answer just now ({error}): try again in a moment."
            raise LogError(detail) from error

    async def keep(self, batch: Sequence[Waiting]) -> None:
        """Store a batch in one transaction, tell of it room by room, and settle it."""
        stored = await self.run(self.store, batch)
        told: defaultdict[str, list[Message]] = defaultdict(list)
        for item, (new, _) in zip(batch, stored, strict=True):
            told[item.room] += new
        for room, messages in told.items():
            self.tell(room, messages)
        for item, (_, doubles) in zip(batch, stored, strict=True):
            item.settle(doubles)

    def connect(self) -> None:
        """Open the database, and close it again if it can't be used."""
        self.db = sqlite3.connect(
            self.path, timeout=LOCK_TIMEOUT, isolation_level=None, check_same_thread=False
        )
        try:
            self.prepare()
        except Exception:
            self.db.close()
            raise

    def prepare(self) -> None:
        """Make the tables, and take the log over from the server before."""
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")  # a commit returns when the disk has it
        with self.db:
            self.db.execute("BEGIN IMMEDIATE")
            for table in SCHEMA:
                self.db.execute(table)
            if not self.db.execute("UPDATE log SET owner = ?", (self.owner,)).rowcount:
                new = (secrets.token_hex(8), self.owner)
                self.db.execute("INSERT INTO log (identity, owner) VALUES (?, ?)", new)
            [(self.identity,)] = self.db.execute("SELECT identity FROM log")
            self.find("id = 0", "")  # fails here, not later, if the table is another program's

    def store(self, batch: Sequence[Waiting]) -> list[tuple[list[Message], Doubles]]:
        """Store a batch in one transaction; return what is new and what was there, for each."""
        with self.db:
            self.db.execute("BEGIN IMMEDIATE")
            [(owner,)] = self.db.execute("SELECT owner FROM log")
            if owner != self.owner:
                raise LogError(f"Another server writes to {self.path} now: this one can't.")
            return [self.put(item.room, item.messages) for item in batch]

    def put(self, room: str, messages: Sequence[Message]) -> tuple[list[Message], Doubles]:
        """Insert a room's messages, but none whose key is there already."""
        _, newest = self.find_span(room)
        new: list[Message] = []
        doubles: Doubles = {}
        for message in messages:
            if message.key and (earlier := self.find("key = ?", room, message.key)):
                doubles[message.key] = earlier[0]
                continue
            newest += 1
            new.append(message := msgspec.structs.replace(message, id=newest))
            row = (room, message.id, message.key, message.name, message.time, message.message)
            self.db.execute("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", row)
        return new, doubles

    def find(self, condition: str, room: str, *values: Any) -> list[Message]:
        """Return a room's messages that meet a condition."""
        return [Message(*row) for row in self.db.execute(f"{MESSAGE} {condition}", (room, *values))]

    def find_span(self, room: str) -> tuple[int, int]:
        """Return the ids of the oldest and of the newest message of a room."""
        [(oldest, newest)] = self.db.execute(SPAN, {"room": room})
        return oldest, newest


def open_log(address: str) -> Log:
    """Return the log at `memory` or `sqlite:PATH`; raise ChatkitError for anything else."""
    scheme, _, path = address.partition(":")
    if scheme == "memory" and not path:
        return MemoryLog()
    if scheme == "sqlite" and path:
        return SqliteLog(path)
    raise ChatkitError(
        f"There is no log {address!r}: choose memory, sqlite:chat.db or redis://127.0.0.1:6379/0."
    )
