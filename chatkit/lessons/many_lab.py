"""A Redis for the lesson, servers that share it, and crashes at the right moment. Lesson 11.

Without Redis nothing here fails: what needs one returns a sentence.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from html import escape
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from ipywidgets import HTML, HBox, Layout

from chatkit.client import MISSED, ChatClient
from chatkit.lessons.failure_lab import Panel, RoomsServer, ServerProcess, Tally, until
from chatkit.lessons.pictures import Drawing
from chatkit.lessons.redis_server import RedisServer
from chatkit.lessons.side_by_side import STYLE, half
from chatkit.lessons.speed_lab import (
    COLOURS,
    GREY,
    Lines,
    Plot,
    Progress,
    canvas,
    kept_errors,
)
from chatkit.links import page_link
from chatkit.log import Log
from chatkit.messages import ChatkitError, Message
from chatkit.room import Rooms
from chatkit.server import rooms_at
from chatkit.widget import ChatWidget

PLAY, EXPERIMENTS, LIVE = 0, 1, 2  # databases of one Redis; they don't mix
SILENCE = 0.5  # seconds without news that count as the end
PATIENCE = 30.0  # seconds
NAMES = (("Ada", "Bob"), ("Cy", "Grace"))  # who is with which server
REDIS_PY = ("redis", "redis.asyncio", "redis.asyncio.retry", "redis.backoff", "redis.exceptions")
NO_REDIS_PY = "redis-py is not installed: pip install 'chatkit[redis]'."

P = ParamSpec("P")
T = TypeVar("T")


MISSING = Lines("There is no Redis here: the top of the lesson says how to get it.")
STOPPED = Lines("Redis has stopped: run the cell with start_redis() again.")


class StandIn(ModuleType):
    """A module of redis-py that is missing: it has every name, so that imports succeed."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Exception,), {})


class LessonRedis:
    """The lesson's own Redis; or, with no server, the reason why there is none.

    Called with the words of a command it returns what Redis replies.
    """

    def __init__(self, server: RedisServer | None, reason: str = "") -> None:
        self.server = server
        self.reason = reason
        self.hands: TwoServers | None = None

    @property
    def absence(self) -> Lines | None:
        """Return what to say if there is no Redis, or none any more."""
        if not self.server:
            return MISSING
        return None if alive(self.server) else STOPPED

    def url(self, database: int) -> str:
        """Return the address of one of its databases."""
        assert self.server is not None
        return f"{self.server.url.rpartition('/')[0]}/{database}"

    async def emptied(self) -> str:
        """Empty the database for experiments, and return its address."""
        async with self.client(EXPERIMENTS) as client:
            await client.flushdb()
        return self.url(EXPERIMENTS)

    @asynccontextmanager
    async def client(self, database: int) -> AsyncIterator[Any]:
        """Yield a client of redis-py that takes bytes for text."""
        from redis.asyncio import Redis

        async with Redis.from_url(self.url(database), decode_responses=True) as client:
            yield client

    async def __call__(self, *words: str) -> Any:
        """Return what Redis replies to a command, or in which words it objects."""
        if absence := self.absence:
            return absence
        from redis.exceptions import ResponseError

        async with self.client(PLAY) as client:
            try:
                return await client.execute_command(*words)
            except ResponseError as error:
                return Lines(f"Redis objects: {error}")

    async def run(self, experiment: Callable[..., Awaitable[T]], *args: Any) -> T | Lines:
        """Return what an experiment does with a client of an empty database."""
        if absence := self.absence:
            return absence
        await self.emptied()
        async with self.client(EXPERIMENTS) as client:
            return await experiment(client, *args)

    def stop(self) -> Self:
        """Stop it, and what was shown with it; stopping twice is no error."""
        if self.hands:
            self.hands.leave()
        if self.server and alive(self.server):
            self.server.stop()
        return self

    def __repr__(self) -> str:
        """Return whether it runs."""
        if not self.server:
            return f"{self.reason} The lesson goes on without; what needs Redis says so."
        if alive(self.server):
            return f"Redis is running: {self.url(PLAY)}"
        return "Redis has stopped."


_running: LessonRedis | None = None


def start_redis() -> LessonRedis:
    """Start a Redis for the lesson, in place of the one before, and return it.

    Where there is none to start, say why; under CI there has to be one.
    """
    global _running
    if _running:
        _running.stop()
    _running = look_for_redis()
    if os.environ.get("CI") and not _running.server:
        raise ChatkitError(_running.reason)
    return _running


def without_redis_py() -> bool:
    """Return whether redis-py is missing; then there is a stand-in, which nobody will call."""
    if "redis" not in sys.modules and not find_spec("redis"):
        sys.modules.update({name: StandIn(name) for name in REDIS_PY})
    return isinstance(sys.modules.get("redis"), StandIn)


def look_for_redis() -> LessonRedis:
    """Return a Redis that was started, or the reason why there is none."""
    if without_redis_py():
        return LessonRedis(None, NO_REDIS_PY)
    try:
        return LessonRedis(RedisServer())
    except ChatkitError as error:
        return LessonRedis(None, str(error))


def on_redis(
    experiment: Callable[Concatenate[LessonRedis, P], Awaitable[T]],
) -> Callable[Concatenate[LessonRedis, P], Awaitable[T | Lines]]:
    """Return an experiment that says so if there is no Redis, or none any more."""

    async def guarded(redis: LessonRedis, /, *args: P.args, **kwargs: P.kwargs) -> T | Lines:
        return redis.absence or await experiment(redis, *args, **kwargs)

    return guarded


@asynccontextmanager
async def ear(client: Any, channel: str) -> AsyncIterator[list[str]]:
    """Subscribe to a channel, and yield a list of what was heard there, whole at the end."""
    heard: list[str] = []
    async with client.pubsub() as line:
        await line.subscribe(channel)
        await line.get_message(timeout=None)  # that it is subscribed
        yield heard
        await line.unsubscribe(channel)
        async for news in line.listen():
            if news["type"] == "unsubscribe":
                return
            heard.append(news["data"])


class Ear:
    """What one person hears, and by which server."""

    def __init__(self, client: ChatClient) -> None:
        self.client = client
        self.texts: list[str] = []
        self.complaints: list[str] = []
        client.on_message(lambda message: self.texts.append(message.message))
        client.on_error(self.complaints.append)


async def roll_call(*servers: Any) -> Lines:
    """Have two people at each of two servers say their names; return who has heard whom."""
    heard: dict[str, list[str]] = {}
    async with AsyncExitStack() as stack:
        clients = []
        for server, names in zip(servers, NAMES, strict=True):
            for name in names:
                ear = Ear(ChatClient(server.url, name))
                heard[name] = ear.texts
                clients.append(await stack.enter_async_context(ear.client))
        for client in clients:
            await client.send(client.name)
            await client.confirmed()
        await until(lambda: all(len(names) == len(heard) for names in heard.values()), SILENCE)
    lines = []
    for number, names in enumerate(NAMES, 1):
        for name in names:
            lines.append(f"server {number}: {name:5} has heard {', '.join(sorted(heard[name]))}")
    return Lines(*lines)


@on_redis
async def roll_call_with(redis: LessonRedis, rooms: Callable[[str], Rooms]) -> Lines:
    """Call the roll at two servers that share a Redis."""
    url = await redis.emptied()
    async with RoomsServer(rooms(url)) as one, RoomsServer(rooms(url)) as two:
        return await roll_call(one, two)


def note(ids: list[tuple[int, str]], messages: Sequence[Message]) -> None:
    """Note ids and texts of messages."""
    ids += [(message.id, message.message) for message in messages]


@on_redis
async def both_append(
    redis: LessonRedis, link: Callable[[str], Any], log: Callable[..., Any], messages: int = 100
) -> Lines:
    """Have two servers' logs append in the same moment; return what the followers of each heard."""
    heard: list[list[tuple[int, str]]] = [[], []]
    url = await redis.emptied()
    links = [link(url) for _ in heard]
    logs: list[Log] = [log(each, lambda: None) for each in links]
    for each, log_of, ids in zip(links, logs, heard, strict=True):
        await each.open()
        await log_of.open()
        log_of.follow("lobby", partial(note, ids))
        await log_of.span("lobby")  # from here on it follows
    texts = [[f"{name} {number}" for number in range(messages)] for name in ("Ada", "Grace")]
    await asyncio.gather(
        *(
            each.append("lobby", [Message(text)])
            for pair in zip(*texts, strict=True)
            for each, text in zip(logs, pair, strict=True)
        )
    )
    await until(lambda: all(len(ids) == 2 * messages for ids in heard), PATIENCE)
    for each, log_of in zip(links, logs, strict=True):
        await log_of.close()
        await each.close()
    one, two = heard
    numbers = [number for number, _ in one]
    whole = numbers == [*range(1, 2 * messages + 1)]
    return Lines(
        f"Two servers have appended {messages} messages each, in the same moment.",
        f"The first one's followers heard {len(one)}, numbered without a gap: {whole}",
        f"The second one's heard the same, in the same order: {one == two}",
    )


@asynccontextmanager
async def two_processes(url: str) -> AsyncIterator[list[ServerProcess]]:
    """Have two servers on one Redis, each a program of its own."""
    servers = [ServerProcess(url), ServerProcess(url)]
    try:
        await asyncio.gather(*(server.start() for server in servers))
        yield servers
    finally:
        for server in servers:
            server.kill()


@on_redis
async def kill_one(redis: LessonRedis, messages: int = 500) -> Drawing:
    """Have Ada, who knows two servers, talk to Grace; kill the first when Grace has heard a fifth.

    Return what Grace has heard.
    """
    numbers = [str(number) for number in range(1, messages + 1)]
    async with two_processes(await redis.emptied()) as (first, second):
        ada = ChatClient([first.url, second.url], "Ada")
        grace = ChatClient(second.url, "Grace")
        ear = Ear(grace)
        async with grace, ada:
            talking = asyncio.create_task(say(ada, numbers))
            await until(lambda: len(ear.texts) >= messages // 5)
            first.kill()
            await talking
            await until(lambda: len(ear.texts) >= messages)
            print("Ada talks to the second server now:", ada.url == second.url)
    return Tally(numbers, ear.texts)


async def say(client: ChatClient, texts: Sequence[str]) -> None:
    """Say some texts, a few at a time, and wait until all are confirmed."""
    for number, text in enumerate(texts):
        await client.send(text)
        if number % 10 == 0:
            await asyncio.sleep(0.01)
    await client.confirmed()


@on_redis
async def crash_redis(redis: LessonRedis, messages: int = 500) -> Lines:
    """Have two people at two servers say so many things at once, and crash Redis meanwhile."""
    names, half = ("Ada", "Grace"), messages // 2
    said = [[f"{name} {number}" for number in range(half)] for name in names]
    with RedisServer("always") as own:
        async with two_processes(own.url) as servers, AsyncExitStack() as stack:
            ears = [Ear(ChatClient(s.url, name)) for s, name in zip(servers, names, strict=True)]
            for ear in ears:
                await stack.enter_async_context(ear.client)
            for ear, texts in zip(ears, said, strict=True):
                for text in texts:
                    await ear.client.send(text)
            await until(lambda: len(ears[0].texts) >= messages // 5)
            await asyncio.to_thread(own.restart)
            await asyncio.gather(*(ear.client.confirmed() for ear in ears))
            await until(lambda: all(len(ear.texts) >= messages for ear in ears))
    lines = [f"{messages} messages, and Redis killed in the midst of them: all are confirmed."]
    for name, ear in zip(names, ears, strict=True):
        lost, twice = messages - len({*ear.texts}), len(ear.texts) - len({*ear.texts})
        lines.append(f"{name:5} has heard {len(ear.texts)}: {lost} lost, {twice} twice.")
    return Lines(*lines, f"Both in the same order: {ears[0].texts == ears[1].texts}")


COPIED = 60  # of a hundred messages, those after which Redis writes a copy, where it writes any


async def after_a_crash(persistence: str) -> tuple[int, bool]:
    """Return how many of a hundred messages a crash leaves, and whether a reader is told of it."""
    from redis.asyncio import Redis

    with RedisServer(persistence) as own:
        async with RoomsServer(rooms_at(own.url)) as server:
            ear = Ear(ChatClient(server.url, "Grace"))
            async with ear.client as grace, Redis.from_url(own.url) as client:
                for number in range(100):
                    await grace.send(str(number))
                    if number + 1 == COPIED:
                        await grace.confirmed()
                        if persistence == "rdb":
                            await client.save()
                await grace.confirmed()
                await client.connection_pool.disconnect()
                await asyncio.to_thread(own.restart)
                left = await client.xlen("chatkit:room:lobby")
                await grace.send("Is anything missing?")
                await grace.confirmed()
                return left, MISSED in ear.complaints


PROMISES = {  # what a crash of the program leaves is tried out; what one of the machine leaves, not
    "none": ("nothing", "nothing"),
    "rdb": ("a copy now and then", "the last copy"),
    "everysec": ("each command; to the disk once a second", "all but the last second or two"),
    "always": ("each command; to the disk before it answers", "all that was confirmed"),
}


@on_redis
async def crashes(redis: LessonRedis) -> Drawing:
    """Crash a Redis of each kind after a hundred messages; return a table of what was left."""
    with kept_errors():  # servers say in their journal that Redis is away
        found = await asyncio.gather(*map(after_a_crash, PROMISES))
    rows = [("", "it writes", "left of 100", "reader told", "if the power fails")]
    for (name, (writes, left)), (count, told) in zip(PROMISES.items(), found, strict=True):
        seen = "all but a moment" if name == "everysec" else str(count)
        word = "if so" if name == "everysec" else "yes" if told else "no need"
        rows.append((name, writes, seen, word, left))
    return table(rows)


def table(rows: Sequence[Sequence[str]]) -> Drawing:
    """Return a table, the first row of which is its head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    marked = [
        "".join(f"<{tag} style='text-align: left'>{escape(cell)}</{tag}>" for cell in row)
        for row, tag in zip(rows, ["th", *["td"] * (len(rows) - 1)], strict=True)
    ]
    body = "".join(f"<tr>{row}</tr>" for row in marked)
    return Drawing("text/html", f"<table style='margin: 0'>{body}</table>", "\n".join(lines))


def alive(redis: RedisServer) -> bool:
    """Return whether a Redis runs."""
    return redis.process.poll() is None


class TwoServers(Panel):
    """A chat that knows two servers, the page of the second, and handles to kill and to start."""

    def __init__(self, servers: Sequence[ServerProcess], redis: RedisServer) -> None:
        self.servers = servers
        self.redis = redis
        self.chat = ChatWidget([server.url for server in servers], "Grace")
        pulls: dict[str, Callable[[], object]] = {
            "kill -9 server 1": servers[0].kill,
            "Start server 1": partial(self.start, servers[0]),
            "kill -9 Redis": redis.kill,
            "Start Redis": self.start_redis,
        }
        link = escape(f"{page_link(servers[1].port)}?name=Ada")
        frame = HTML(f'{STYLE}<iframe src="{link}" title="The page of server 2"></iframe>')
        halves = [
            half("The page, from server 2", frame),
            half("The widget, which knows both servers", self.chat),
        ]
        beside = HBox(halves, layout=Layout(flex_flow="row wrap", grid_gap="16px"))
        beside.add_class("chatkit-beside")
        super().__init__(pulls, beside)
        self.chat.client.on_state(lambda state: self.show())

    def start_redis(self) -> None:
        """Start Redis again, unless it runs."""
        if not alive(self.redis):
            self.redis.start()

    def show(self) -> None:
        """Show what runs, and with whom the widget talks."""
        words = [
            f"Server {number} {'runs' if server.runs else 'has been killed'}"
            for number, server in enumerate(self.servers, 1)
        ]
        words.append(f"Redis {'runs' if alive(self.redis) else 'has been killed'}")
        client = self.chat.client
        if client.state == "connected":
            urls = [server.url for server in self.servers]
            words.append(f"the widget talks to server {urls.index(client.url) + 1}")
        self.state.value = escape("; ".join(words) + ".")

    def leave(self) -> None:
        """End everything, and leave a few words in its place."""
        self.chat.close()
        for server in self.servers:
            server.kill()
        self.redis.stop()
        self.children = [HTML("All this has been stopped: run this cell to start it again.")]

    def __repr__(self) -> str:
        """Return what a notebook shows where it can't draw widgets."""
        return "A chat, two servers and four handles: run this cell to pull them"


@on_redis
async def two_servers(redis: LessonRedis) -> TwoServers:
    """Return two servers on a Redis of their own, with handles; those shown before go."""
    if redis.hands:
        redis.hands.leave()
    own = RedisServer()
    servers = [ServerProcess(own.url), ServerProcess(own.url)]
    await asyncio.gather(*(server.start() for server in servers))
    redis.hands = TwoServers(servers, own)
    return redis.hands


@on_redis
async def spread(
    redis: LessonRedis, rooms: Sequence[str], cell_of: Callable[[str, int], int], cells: int = 2
) -> Lines:
    """Have somebody speak in each room, in the cell that it is in; return what each Redis has."""
    async with AsyncExitStack() as stack:
        redises = [stack.enter_context(RedisServer("none")) for _ in range(cells)]
        servers = [
            await stack.enter_async_context(RoomsServer(rooms_at(own.url))) for own in redises
        ]
        for room in rooms:
            server = servers[cell_of(room, cells)]
            async with ChatClient(server.url, "Ada", room=room) as ada:
                await ada.send(f"hello, {room}")
                await ada.confirmed()
        return Lines(
            *[
                f"cell {number}: {', '.join(await rooms_in(own.url)) or 'none'}"
                for number, own in enumerate(redises)
            ]
        )


async def rooms_in(url: str) -> list[str]:
    """Return which rooms have messages in a Redis."""
    from redis.asyncio import Redis

    async with Redis.from_url(url, decode_responses=True) as client:
        streams = [key async for key in client.scan_iter("chatkit:room:*", _type="stream")]
    return sorted(room for key in streams if ":" not in (room := key.split(":", 2)[2]))


@on_redis
async def cost(redis: LessonRedis, clients: int = 100, seconds: float = 0.3) -> Plot:
    """Return a plot of what servers deliver: one in memory, one on Redis, two on Redis."""
    from chatkit.bench.cells import Cell
    from chatkit.bench.contest import contest
    from chatkit.bench.contestants import chats

    with RedisServer("everysec") as own, Progress(3) as progress:
        rows = chats(["memory", own.url], servers=[1, 2])
        found = await asyncio.to_thread(
            contest, rows, [Cell(clients, 64)], 1, seconds, progress=progress.step
        )
    names = [one.contestant.replace("chatkit ", "") for one in found.results]
    from matplotlib.ticker import EngFormatter

    with canvas(2) as (figure, panels):
        figures = (
            ("deliveries a second", [one.rate.median for one in found.results]),
            (
                "ms until 99 of 100 messages have reached all",
                [one.p99.median * 1000 for one in found.results],
            ),
        )
        for axes, (title, heights) in zip(panels, figures, strict=True):
            bars = axes.barh(names, heights, color=COLOURS[2:5], height=0.6)
            form = EngFormatter(places=1, sep="")
            axes.bar_label(bars, [form(height) for height in heights], padding=4, color=GREY)
            axes.invert_yaxis()
            axes.set_title(title)
            axes.margins(x=0.25)
            axes.grid(axis="y", visible=False)
            axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        words = "\n".join(
            f"{name}: {rate:,.0f} deliveries a second, p99 {p99:,.1f} ms"
            for name, rate, p99 in zip(names, figures[0][1], figures[1][1], strict=True)
        )
        return Plot(figure, words)
