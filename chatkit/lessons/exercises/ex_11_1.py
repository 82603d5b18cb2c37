"""Exercise 11-1: notice soon that a server has died."""

import asyncio
from collections.abc import Generator, Sequence
from typing import Any
from unittest.mock import patch

from chatkit.client import ChatClient
from chatkit.lessons.engine.expect import NotYetError, returned, the_function
from chatkit.lessons.engine.serving import chat_clients, in_time, own_redis
from chatkit.lessons.failure_lab import RoomsServer
from chatkit.room import Rooms
from chatkit.server import rooms_at

TASK = (
    "Let people disappear from the list within three seconds of their server's death, no matter "
    "at which moment between two heartbeats it dies. Two heartbeats in a row may be missing; only "
    "when the third is missing, too, is the server dead."
)
STUB = """
def heartbeat():
    return 2.0, 6.0  # seconds between two heartbeats; seconds of silence that count as death
"""
HINTS = (
    "The seconds of silence have to be three times those between two heartbeats, or more. The "
    "other servers look once per heartbeat, so they may notice one heartbeat later.",
    "Return 0.5, 1.5: two heartbeats may be missing, and it takes two seconds at most.",
)
SOLUTION = """
def heartbeat():
    return 0.5, 1.5  # seconds between two heartbeats; seconds of silence that count as death
"""
WRONG = {
    "too hasty": (
        "0.5, 1.5",
        "1.0, 1.5",
        r"third heartbeat is missing; what came: a heartbeat every 1 s.*death after 1\.5 s",
    ),
    "two heartbeats, and none to spare": ("0.5, 1.5", "1.0, 2.0", "death after 2 s"),
    "three seconds, if all goes well": (
        "0.5, 1.5",
        "1.0, 3.0",
        "Expected Ada to be gone within 3 s.*came: up to 4 s: 3 s of silence, and up to 1 s until",
    ),
    "all the time at once": ("0.5, 1.5", "0, 3", r"at least 0\.1 s between .*came: 0 s"),
    "the other way round": ("0.5, 1.5", "1.5, 0.5", r"every 1\.5 s, and death after 0\.5 s"),
    "milliseconds": ("0.5, 1.5", "500, 1500", "up to 2000 s.*seconds, not milliseconds"),
    "one number": ("0.5, 1.5", "1.5", r"two numbers of seconds.*came: a float, 1\.5"),
    "text": ("0.5, 1.5", '"0.5", "1.5"', "two texts: leave the quotes out"),
    "a print": (
        "return 0.5, 1.5",
        "print(0.5, 1.5)",
        r"came: nothing\. Is a `return` missing.*Your code printed: 0\.5 1\.5",
    ),
    "a generator": ("return 0.5, 1.5", "yield 0.5\n    yield 1.5", "use `return`, not `yield`"),
    "async": ("def heart", "async def heart", "came: a coroutine: it is an `async def`"),
    "a parameter": ("()", "(server)", "`heartbeat` is called with fewer values than its"),
    "numbers": (
        "def heartbeat():\n    return 0",
        "heartbeat = 0",
        r"came: a tuple, \(0\.5, 1\.5\)",
    ),
}
RIGHT = {
    "a list, calculated": ("return 0.5, 1.5", "every = 0.6\n    return [every, 3 * every]"),
    "a lambda": ("heartbeat = lambda: (0.7, 2.2)",),
}
LIMIT = 3.0  # seconds within which people have to be gone
SHORTEST = 0.1  # seconds between two heartbeats that Redis should be asked for
LATE = 0.5  # seconds that this machine may need on top
NEVER = f"she was still listed after {LIMIT + LATE:g} s"


async def check(heartbeat: Any) -> str:
    """Calculate the longest time; then stop Ada's server, and see when Grace's notices."""
    every, dead = numbers(the_function(heartbeat, "heartbeat")())
    if not every >= SHORTEST:
        raise NotYetError(f"at least {SHORTEST:g} s between two heartbeats", f"{every:g} s")
    if not round(dead - 3 * every, 9) >= 0:
        raise NotYetError(
            "a server to count as dead only when a third heartbeat is missing",
            f"a heartbeat every {every:g} s, and death after {dead:g} s of silence",
        )
    if not dead + every <= LIMIT:
        raise NotYetError(
            f"Ada to be gone within {LIMIT:g} s, whenever her server dies",
            f"up to {dead + every:g} s: {dead:g} s of silence, and up to {every:g} s until the "
            f"others look{'. These are seconds, not milliseconds' * (dead > 100)}",
        )
    with own_redis() as redis:
        from chatkit import redis_roster

        with patch.object(redis_roster, "BEAT", every):
            seconds = await until_gone(redis.url, dead)
    return (
        f"Ada's server died, and {seconds:.1f} seconds later nobody saw her in the list any more."
    )


def numbers(answer: Any) -> tuple[float, float]:
    """Return the two numbers of an answer; NotYetError says what else it is."""
    match answer:
        case (int() | float() as every, int() | float() as dead):
            return every, dead
        case (str(), str()):
            raise NotYetError("two numbers of seconds", "two texts: leave the quotes out")
        case Generator():
            raise NotYetError("two numbers of seconds", "a generator: use `return`, not `yield`")
    raise NotYetError("two numbers of seconds", returned(answer))


async def until_gone(url: str, dead: float) -> float:
    """Return how many seconds after the death of Ada's server Grace, at another, sees her go."""
    async with (
        RoomsServer(rooms_with(url, dead)) as one,
        RoomsServer(rooms_with(url, dead)) as two,
        chat_clients(two.url, "Grace") as [grace],
        chat_clients(one.url, "Ada"),
    ):
        await in_time(listed(grace, "Ada", True), "Grace to see Ada", "she was not listed")
        rooms: Any = one.rooms
        for task in rooms.link.tasks:  # as if its machine had lost power
            task.cancel()
        loop = asyncio.get_running_loop()
        died = loop.time()
        try:
            async with asyncio.timeout(LIMIT + LATE):
                await listed(grace, "Ada", False)
        except TimeoutError:
            raise NotYetError(f"Ada to be gone within {LIMIT:g} s", NEVER) from None
        return loop.time() - died


def rooms_with(url: str, dead: float) -> Rooms:
    """Return rooms on Redis where a server counts as dead after this many seconds of silence."""
    from chatkit.redis_roster import LIFE

    rooms: Any = rooms_at(url)
    ask = rooms.link.ask

    async def ask_with(script: str, keys: Sequence[str], *values: str | int) -> Any:
        changed = script.replace(f"now - {LIFE * 1000:.0f}", f"now - {dead * 1000:.0f}")
        return await ask(changed, keys, *values)

    rooms.link.ask = ask_with
    kept: Rooms = rooms
    return kept


async def listed(client: ChatClient, name: str, there: bool) -> None:
    """Wait until a client's list of members has a name, or no longer has it."""
    changed = asyncio.Event()
    client.on_event(lambda _: changed.set())
    while (name in client.members) != there:
        changed.clear()
        await changed.wait()
