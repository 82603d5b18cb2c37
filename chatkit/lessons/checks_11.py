"""The checks of lesson 11."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from inspect import iscoroutinefunction
from typing import Any
from unittest.mock import patch

from chatkit.client import ChatClient
from chatkit.lessons.checking import NotYetError, exercise, returned, the_function
from chatkit.lessons.failure_lab import Line, RoomsServer, until
from chatkit.lessons.many_lab import without_redis_py
from chatkit.lessons.redis_server import RedisServer
from chatkit.messages import ChatkitError
from chatkit.room import Rooms
from chatkit.server import rooms_at

PATIENCE = 2.0  # seconds in which what is said on loopback has long arrived
LIMIT = 3.0  # seconds in which who was with a dead server has to be gone
GONE = LIMIT + 0.5  # seconds: nothing is ever quite in time
TRIES = 5
LEAST_BEAT = 0.1  # seconds


Follow = Callable[[Any, Callable[[str], object]], Awaitable[Any]]


@contextmanager
def own_redis() -> Iterator[RedisServer]:
    """Have a Redis for a check; without one, say so."""
    try:
        if without_redis_py():
            raise ChatkitError("redis-py is not installed")
        server = RedisServer("none")
    except ChatkitError as error:
        raise NotYetError("a Redis to try it with", str(error).rstrip(".")) from error
    with server:
        yield server


@exercise(
    "11-1",
    "the second number is the silence after which a server is held for dead: two signs have to "
    "have room in it. And the others look once in each beat, so they may see it a beat later.",
    "0.5, 1.5: two signs may get lost, and three seconds are more than enough.",
)
async def soon_gone(signs_of_life: Callable[[], tuple[float, float]]) -> str:
    """Let a server with Ada fall silent, and look how long Grace, elsewhere, still sees her."""
    answer = the_function(signs_of_life, "signs_of_life")()
    match answer:
        case (int() | float() as beat, int() | float() as life):
            pass
        case _:
            raise NotYetError("two numbers of seconds", returned(answer))
    if beat < LEAST_BEAT:
        raise NotYetError(f"at least {LEAST_BEAT} seconds between two signs", f"{beat}")
    if round(life - 3 * beat, 9) < 0:
        raise NotYetError(
            "a server that is held for dead only when a third sign has failed to come",
            f"a sign every {beat} seconds, and death after {life}",
        )
    if life + beat > LIMIT:
        raise NotYetError(
            f"Ada to be gone within {LIMIT:g} seconds, whenever her server dies",
            f"up to {life + beat:g}: {life:g} of silence, and up to {beat:g} until the others look",
        )
    from chatkit import redis_roster

    with own_redis() as redis, patch.object(redis_roster, "BEAT", beat):
        one, two = (RoomsServer(rooms_with(redis.url, life)) for _ in range(2))
        async with AsyncExitStack() as stack:
            for server in (one, two):
                await stack.enter_async_context(server)
            ada, grace = ChatClient(one.url, "Ada"), ChatClient(two.url, "Grace")
            for client in (ada, grace):
                await stack.enter_async_context(client)
            await until(lambda: "Ada" in grace.members, PATIENCE)
            fall_silent(one.rooms)
            if not await until(lambda: "Ada" not in grace.members, GONE):
                raise NotYetError("Ada to be gone after three seconds", "she was still listed")
    return "Ada's server fell silent, and within three seconds nobody was shown her any more."


def rooms_with(url: str, life: float) -> Rooms:
    """Return rooms on a Redis for which a server is dead after so many seconds of silence."""
    from chatkit.redis_roster import LIFE

    rooms: Any = rooms_at(url)
    ask = rooms.link.ask

    async def ask_with(script: str, keys: Sequence[str], *values: str | int) -> Any:
        patient = script.replace(f"now - {LIFE * 1000:.0f}", f"now - {life * 1000:.0f}")
        return await ask(patient, keys, *values)

    rooms.link.ask = ask_with
    kept: Rooms = rooms
    return kept


def fall_silent(rooms: Any) -> None:
    """Have a server do nothing more, as one whose machine has lost its power."""
    for task in rooms.link.tasks:
        task.cancel()


ROOMS = [f"room-{number}" for number in range(30)]
MOST_MOVED = 18  # of these; a third of them is what one hopes for
LEAST_MOVED = 3


@exercise(
    "11-2",
    "give each cell a number for this room, from a hash of both names; the room goes to the cell "
    "with the highest.",
    'max(cells, key=lambda cell: sha256(f"{cell} {room}".encode()).digest())',
)
async def few_rooms_move(cell_of: Callable[[str, Sequence[str]], str]) -> str:
    """Speak in thirty rooms in two cells, add a third cell, and look in which the past is there."""
    the_function(cell_of, "cell_of")
    names = ["north", "south", "west"]
    async with AsyncExitStack() as stack:
        servers = {name: await stack.enter_async_context(RoomsServer(Rooms())) for name in names}
        before, after = (
            {room: cell_of(room, cells) for room in ROOMS} for cells in (names[:2], names)
        )
        with another_process():
            elsewhere = {room: cell_of(room, names) for room in ROOMS}
        if elsewhere != after == {room: cell_of(room, names) for room in ROOMS}:
            raise NotYetError(
                "a room to be in the same cell for everybody who asks",
                "`hash` of a text is different in each process",
            )
        for places, cells in ((before, names[:2]), (after, names)):
            for room, cell in places.items():
                if cell not in cells:
                    raise NotYetError(f"one of {cells} for {room!r}", returned(cell))
        for room, cell in before.items():
            async with ChatClient(servers[cell].url, "Ada", room=room) as ada:
                await ada.send(f"hello, {room}")
                await ada.confirmed()
        moved = [room for room in ROOMS if not await has_past(servers[after[room]].url, room)]
    if any(after[room] != names[2] for room in moved):
        raise NotYetError("rooms to move to the new cell alone", "some moved between the old ones")
    if len(moved) < LEAST_MOVED:
        raise NotYetError("the new cell to take over a third of the rooms, or so", f"{len(moved)}")
    if len(moved) > MOST_MOVED or min(map([*after.values()].count, names)) < LEAST_MOVED:
        raise NotYetError(
            "a third of the rooms in each cell, or so",
            ", ".join(f"{[*after.values()].count(name)} in {name}" for name in names),
        )
    return f"only {len(moved)} of {len(ROOMS)} rooms moved, all of them to the new cell."


@contextmanager
def another_process() -> Iterator[None]:
    """Have `hash` give other numbers for text, as it does in each process of Python."""
    here = builtins.hash

    def there(value: object) -> int:
        return here(("another", value) if isinstance(value, str | bytes | tuple) else value)

    with patch.object(builtins, "hash", there):
        yield


async def has_past(url: str, room: str) -> bool:
    """Return whether a server has what was said in a room."""
    async with ChatClient(url, "Grace", room=room) as grace:
        return bool(grace.seen)


@exercise(
    "11-3",
    "where does it read on after a cut? `$` is wherever the stream happens to end by then.",
    'set `last = "0-0"` before the outer loop, and never set it back.',
)
async def nothing_is_missed(
    follow: Callable[[Any, Callable[[str], object]], Awaitable[Any]],
) -> str:
    """Cut a follower's line, before and after it has heard something, and speak meanwhile."""
    if not iscoroutinefunction(the_function(follow, "follow")):
        raise NotYetError("an `async def follow`", "a plain `def`")
    with own_redis() as redis:
        for words in (["two", "three"], ["one", "two", "three"]):
            async with followed(redis, follow) as (said, heard, line):
                await until(lambda: line.ends, PATIENCE)
                if words[0] == "one":
                    await said("one")
                    await until(lambda: heard, PATIENCE)
                line.cut()
                await said("two")
                line.mend()
                await until(lambda: line.ends, PATIENCE)
                await asyncio.sleep(0.1)  # who waits for what comes next waits by now
                await said("three")
                await until(lambda: "three" in heard, PATIENCE)
                await until(lambda: len(heard) > len(words), 0.1)  # noqa: B023
                if heard == words:
                    await said("three")
                    if not await until(lambda: len(heard) > len(words), PATIENCE):  # noqa: B023
                        raise NotYetError("what is said twice to be heard twice", "it was once")
            if heard == [*words, "three"]:
                continue
            if not all(isinstance(text, str) for text in heard):
                raise NotYetError("`hear` to be given a text", returned(heard[0]))
            if "two" not in heard:
                when = "" if words[0] == "one" else ", before it had heard anything,"
                raise NotYetError(
                    f"what was said while the line was cut{when} to be heard later", "it is missing"
                )
            raise NotYetError(f"{words}", f"{heard}")
    return "its line was cut, and it has read on where it was: nothing missed, nothing twice."


@asynccontextmanager
async def followed(
    redis: RedisServer, follow: Follow
) -> AsyncIterator[tuple[Callable[[str], Awaitable[Any]], list[str], Line]]:
    """Have an answer follow an empty stream by a line that can be cut.

    Yield how to say something there, what was heard, and the line.
    """
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    heard: list[str] = []
    line = await Line(redis.url).open()
    address = line.url.replace("http", "redis")
    once = Retry(NoBackoff(), 0)
    async with (
        Redis.from_url(redis.url) as direct,
        Redis.from_url(address, decode_responses=True, retry=once) as client,
    ):
        await direct.flushall()
        task = asyncio.ensure_future(follow(client, heard.append))

        async def say(text: str) -> None:
            if task.done():
                task.result()
                raise NotYetError("a function that goes on following", "it came to an end")
            await direct.xadd("lobby", {"text": text}, id="0-*")

        try:
            yield say, heard, line
        finally:
            line.close()
            for _ in range(TRIES):  # Python 3.11 may swallow a cancellation
                task.cancel()
                await asyncio.wait([task], timeout=0.1)
                if task.done():
                    break
