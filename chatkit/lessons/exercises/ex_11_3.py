"""Exercise 11-3: follow a stream and miss nothing when the connection is lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from chatkit.lessons.engine.expect import NotYetError, awaited, listed, returned, the_function
from chatkit.lessons.engine.serving import own_redis

TASK = "Follow a stream so that nothing is missed that is said while the connection is lost."
STUB = """
async def follow(redis, hear):
    while True:
        last = "$"
        with suppress(RedisError):  # the connection was lost: try again
            while True:
                for _, entries in await redis.xread({"lobby": last}, block=1000):
                    for at, fields in entries:
                        hear(fields["text"])
                        last = at
        await asyncio.sleep(0.05)
"""
HINTS = (
    "Where does it go on reading when it is connected again? After the entry that it heard last?",
    'Set `last = "0-0"` before the outer loop, and never set it back.',
)
SOLUTION = """
async def follow(redis, hear):
    last = "0-0"
    while True:
        with suppress(RedisError):  # the connection was lost: try again
            while True:
                for _, entries in await redis.xread({"lobby": last}, block=1000):
                    for at, fields in entries:
                        hear(fields["text"])
                        last = at
        await asyncio.sleep(0.05)
"""
BODY = SOLUTION.partition("hear):\n")[2].rstrip()
START = '    last = "0-0"\n    while True:\n'
WRONG = {
    "$ before the loop": (
        '"0-0"',
        '"$"',
        "Expected “one”, which was said while the .* lost; what came: nothing: it read from `\\$`",
    ),
    "from the start each time": (
        START,
        '    while True:\n        last = "0-0"\n',
        "Expected “no”, which was said while the connection was lost; what came: “one” again",
    ),
    "last is never set": (
        "                        last = at\n",
        "",
        "Expected “two”.*; what came: “one” again",
    ),
    "no text twice": (
        BODY,
        """
    heard = []
    while True:
        with suppress(RedisError):
            for _, fields in await redis.xrange("lobby"):
                if fields["text"] not in heard:
                    heard.append(fields["text"])
                    hear(fields["text"])
        await asyncio.sleep(0.02)
""",
        "Expected “two” once more, since it was said again",
    ),
    "no await": ("await redis", "redis", r"raised TypeError in line \d+,.*An `await` is missing\."),
    "no second try": (
        "    while True:\n        with suppress",
        "    if True:\n        with suppress",
        "Expected `follow` to go on, also after a lost connection; what came: it returned",
    ),
    "Python's own ConnectionError": (
        "suppress(RedisError)",
        "suppress(ConnectionError)",
        "to catch RedisError.*it ended with redis.exceptions.ConnectionError: Connection closed",
    ),
    "the wrong start": ('"0-0"', '"-"', "nothing, and Redis objects: Invalid stream ID"),
    "a bare except": (
        BODY,
        """
    last = "0-0"
    while True:
        try:
            for _, entries in await redis.xread({"lobby": last}, block=1000):
                for at, fields in entries:
                    hear(fields["txt"])
                    last = at
        except:
            pass
""",
        r"came: nothing.*The `except` in line \d+ hides",
    ),
    "ids compared as text": (
        BODY,
        """
    last = "0-0"
    while True:
        with suppress(RedisError):
            for at, fields in await redis.xrange("lobby"):
                if at > last:
                    hear(fields["text"])
                    last = at
        await asyncio.sleep(0.02)
""",
        "what came: nothing. Its id, 0-10, is less than 0-9 if compared as text",
    ),
    "no text twice in a row": (
        BODY,
        """
    last, before = "0-0", ""
    while True:
        with suppress(RedisError):
            while True:
                for _, entries in await redis.xread({"lobby": last}, block=1000):
                    for last, fields in entries:
                        if fields["text"] != before:
                            hear(fields["text"])
                        before = fields["text"]
        await asyncio.sleep(0.05)
""",
        "Expected “two” once more, since it was said again; what came: nothing",
    ),
    "all errors caught": (
        "suppress(RedisError)",
        "suppress(BaseException)",
        "to end when its task is cancelled; .* it also catches the cancelling",
    ),
    "a print": ('hear(fields["text"])', 'print(fields["text"])', "nothing.*code printed: one"),
    "the fields": ('fields["text"]', "fields", "Expected “one”.*came: a dict, {'text': 'one'}"),
    "await hear": (
        "hear(fields",
        "await hear(fields",
        "Only a coroutine can be awaited, and this is none",
    ),
    "a plain def": ("def follow(redis, hear):\n    hear('one')", "came: a plain `def`"),
    "time.sleep": (
        "await asyncio.sleep(0.05)",
        "__import__('time').sleep(0.5)",
        r"held up everything else while it slept.*`await asyncio\.sleep",
    ),
    "no hear": ("redis, hear", "redis", "`follow` is called with more values than"),
}
RIGHT = {
    "xrange, again and again": (
        BODY,
        """
    last = "0-0"
    while True:
        try:
            for last, fields in await redis.xrange("lobby", min=f"({last}"):
                hear(fields["text"])
        except RedisError as error:
            print(error)
        await asyncio.sleep(0.02)
""",
    ),
    "a count of its own": (
        BODY,
        """
    async def read_from(number):
        while True:
            try:
                found = await redis.xread({"lobby": f"0-{number}"}, count=1)
            except RedisError:
                found = []
            for number, (_, fields) in enumerate(found and found[0][1], number + 1):
                hear(fields["text"])
            await asyncio.sleep(0.02)

    await read_from(0)
""",
    ),
    "no waiting": (", block=1000", ""),
    "one at a time": ("block=1000", "count=1, block=0"),
}
T = TypeVar("T")


async def check(follow: Any) -> str:
    """Say things while the connection is cut, before and after something was heard."""
    the_function(follow, "follow")
    with own_redis() as redis:
        async with followed(redis.url, follow) as follower:
            await follower.hears("one", cut=True)
            await follower.hears("two", "two")
            await follower.hears("no", "two", *map(str, range(3, 12)), cut=True)
            await follower.hears("the end")
            await follower.ends()
    return "its connection was lost twice: nothing was missed, and nothing came twice."


USER = "learner"  # of Redis, so that just the answer's connections can be cut
BACK = 3.0  # seconds that an answer may wait before it tries again
SOON = 1.0  # seconds in which what was said has to be heard


@asynccontextmanager
async def followed(url: str, follow: Any) -> AsyncIterator["Follower"]:
    """Let an answer follow an empty stream; yield it when it has asked for entries."""
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    own: Any = Redis.from_url(url)
    its_url, once = url.replace("://", f"://{USER}:any@"), Retry(NoBackoff(), 0)
    async with own, own.monitor() as monitor:
        await own.execute_command("ACL", "SETUSER", USER, "on", "nopass", "~*", "&*", "+@all")
        async with Redis.from_url(its_url, decode_responses=True, retry=once) as client:
            follower = Follower(follow, own, monitor, client)
            try:
                await follower.asks()
                yield follower
            finally:
                follower.task.cancel()


class Follower:
    """An answer at work, what it has heard, and what Redis sees of it."""

    def __init__(self, follow: Any, own: Any, monitor: Any, client: Any) -> None:
        self.own, self.monitor = own, monitor
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.heard: list[Any] = []
        self.remark = ""  # on why it may have heard nothing
        self.over, self.waits = False, asyncio.Event()
        self.send, client.execute_command = client.execute_command, self._send
        self.task = asyncio.ensure_future(self.run(follow, client))

    async def run(self, follow: Any, client: Any) -> None:
        """Run the answer; NotYetError if it ends."""
        from redis.exceptions import ConnectionError

        try:
            await awaited(follow(client, self.queue.put_nowait), "follow")
        except ConnectionError as error:
            raise NotYetError(
                "`follow` to catch RedisError when the connection is lost",
                f"it ended with redis.exceptions.ConnectionError: {error}".rstrip("."),
            ) from None
        raise NotYetError("`follow` to go on, also after a lost connection", "it returned")

    async def _send(self, *words: Any, **options: Any) -> Any:
        """Send a command of the answer, and note if Redis objects to it; in the end only wait.

        To be cancelled in redis-py would be no test of the answer: redis-py may overlook it.
        """
        from redis.exceptions import ResponseError

        if self.over:
            self.waits.set()
            await asyncio.get_running_loop().create_future()
        try:
            return await self.send(*words, **options)
        except ResponseError as error:
            self.remark = f", and Redis objects: {error}".rstrip(".")
            raise

    async def hears(self, *texts: str, cut: bool = False) -> None:
        """Say some texts, at the moment of a cut if there is one; see that all are heard."""
        async with self.own.pipeline() as pipe:
            if cut:
                pipe.execute_command("CLIENT KILL", "USER", USER)
            for text in texts:
                pipe.xadd("lobby", {"text": text}, id="0-*")
            await pipe.execute()
        if cut:
            await self.asks(texts[-1])
        for text in texts:
            when = ", which was said while the connection was lost" if cut else ""
            when = " once more, since it was said again" if text in self.heard else when
            try:
                came = await self.during(self.queue.get(), SOON)
            except TimeoutError:
                raise NotYetError(f"“{text}”{when}", f"nothing{self.remark}") from None
            if came != text:
                again = " again" if came in self.heard else ""
                words = listed([came]) if isinstance(came, str) else returned(came)
                raise NotYetError(f"“{text}”{when}", f"{words}{again}")
            self.heard.append(came)
            self.remark = ""
            if len(self.heard) == TENTH - 1:
                self.remark = f". Its id, 0-{TENTH}, is less than 0-{TENTH - 1} if compared as text"

    async def asks(self, last: str = "") -> None:
        """Wait until the answer asks for entries, after the text `last` was said."""
        seconds = BACK if last else SOON
        try:
            command = await self.during(self.asked(last), seconds)
        except TimeoutError:
            came = f"it asked for nothing within {seconds:g} s"
            raise NotYetError("`follow` to read the stream, again and again", came) from None
        if command.endswith(" $"):
            self.remark = f": it read from `$`, and by then the stream's end was after “{last}”"

    async def asked(self, last: str) -> str:
        """Return the command that asks Redis for entries after the text `last` was said."""
        said = not last
        while True:
            command: str = (await self.monitor.next_command())["command"].upper()
            if said and command.startswith(("XR", "XI", "XL")):
                return command
            said = said or command.endswith(f"TEXT {last.upper()}")

    async def ends(self) -> None:
        """Cancel the answer while it waits; NotYetError if it goes on."""
        self.over = True
        await self.own.xadd("lobby", {"text": "over"}, id="0-*")  # so a read that waits returns
        with suppress(TimeoutError):
            await self.during(self.waits.wait(), BACK)
        self.task.cancel()
        if (await asyncio.wait({self.task}, timeout=SOON))[1]:
            came = "it went on, as it also catches the cancelling: catch RedisError only"
            raise NotYetError("`follow` to end when its task is cancelled", came)

    async def during(self, awaitable: Awaitable[T], seconds: float) -> T:
        """Return what comes in time; raise TimeoutError, or what the answer has raised."""
        wanted = asyncio.ensure_future(awaitable)
        either = {wanted, self.task}
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if wanted.done():
            return wanted.result()
        wanted.cancel()
        if self.task.done():
            self.task.result()
        raise TimeoutError


TENTH = 10  # the entry whose id has one more digit
