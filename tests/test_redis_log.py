"""A log on Redis: several servers on one, and all that can befall a Redis."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, Self

import pytest
from redis import Redis

from chatkit import redis_link
from chatkit.lessons.redis_server import RedisServer, free_port
from chatkit.log import LogError
from chatkit.messages import ChatkitError, Message
from chatkit.redis_link import LINES, RedisLink, connect
from chatkit.redis_log import KEPT, RedisLog
from chatkit.redis_roster import RedisRoster
from tests.faults import Proxy

PATIENCE = 20  # seconds within which even a loaded machine has done what is waited for
AWAY = "The log does not answer just now: try again in a moment."
Told = list[tuple[int, str]]


def message(text: str, key: str | None = None) -> Message:
    return Message(text, name="Ada", time=1.5, key=key)


def numbered(first: int, last: int) -> list[Message]:
    """Messages that say their numbers, with keys that do."""
    return [message(str(number), f"k{number}") for number in range(first, last + 1)]


def brief(messages: Sequence[Message]) -> Told:
    return [(told.id, told.message) for told in messages]


def count(last: int, first: int = 1) -> Told:
    """What `numbered` is in a log that has nothing else."""
    return [(number, str(number)) for number in range(first, last + 1)]


class Node:
    """What a chat server has of the log: its link, and a follower in the lobby.

    `heard` is what the follower was told, `breaks` how often all would have had to come back.
    """

    def __init__(self, url: str, kept: int = KEPT, hears_by: str = "") -> None:
        self.link = RedisLink(url)
        if hears_by:  # its second line goes another way
            self.link.waiting = connect(hears_by, redis_link.WAIT + redis_link.ANSWER)
        self.log = RedisLog(self.link, self.broke, kept)
        self.heard: Told = []
        self.breaks = 0

    async def __aenter__(self) -> Self:
        await self.link.open()
        await self.log.open()
        await self.come()
        return self

    async def __aexit__(self, *_: object) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.log.close()
            await self.link.close()

    async def come(self) -> None:
        """Follow the lobby, from its end."""
        self.log.follow("lobby", self.hear)
        await self.log.span("lobby")

    async def come_again(self) -> None:
        """Follow the lobby as soon as Redis is there."""
        while True:
            try:
                return await self.come()
            except LogError:
                self.log.unfollow("lobby", self.hear)
                await asyncio.sleep(0.01)

    def hear(self, messages: Sequence[Message]) -> None:
        self.heard += brief(messages)

    def broke(self) -> None:
        self.breaks += 1
        self.log.unfollow("lobby", self.hear)

    async def say(self, *messages: Message, room: str = "lobby") -> dict[str, Message]:
        async with asyncio.timeout(PATIENCE):
            return await self.log.append(room, messages)

    async def insist(self, *messages: Message) -> int:
        """Send until it is taken, as clients do; return how often that was too early."""
        refused = 0
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await self.log.append("lobby", messages)
                except LogError:
                    refused += 1
                    await asyncio.sleep(0.01)
                else:
                    return refused

    async def everything(self, room: str = "lobby") -> Told:
        return brief(await self.log.read(room, 0, 100_000))


async def wait_for(true: Callable[[], object]) -> None:
    """Wait for what takes Redis, or a link that tries again, a while."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


@pytest.fixture
async def pair(redis_server: RedisServer) -> AsyncIterator[tuple[Node, Node]]:
    """Two servers on one Redis."""
    async with Node(redis_server.url) as one, Node(redis_server.url) as other:
        yield one, other


@contextmanager
def asking(server: RedisServer) -> Iterator[Any]:
    """A client that looks into a Redis, past all that is tested."""
    with Redis.from_url(server.url, decode_responses=True) as client:
        yield client


class Way(Proxy):
    """A way to a Redis that can be closed, cut, led elsewhere, or hold back answers."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__(server.port)
        self.answering = asyncio.Event()
        self.answering.set()

    async def __aexit__(self, *reason: object) -> None:
        self.answering.set()
        await super().__aexit__(*reason)

    @property
    def address(self) -> str:
        return f"redis://{self.url.split('/')[2]}/0"

    async def carry(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, budget: float
    ) -> None:
        if any(target is client for client, _ in self.lines):
            source = Held(source, self.answering)
        await super().carry(source, target, budget)

    def lead_to(self, port: int) -> None:
        """End all lines; new ones go to another port."""
        self.port = port
        self.cut_unnoticed()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Have nobody come through for a while."""
        port = self.port
        self.lead_to(free_port())
        yield
        self.port = port


class Held:
    """A reader that hands on nothing until it may."""

    def __init__(self, source: asyncio.StreamReader, may: asyncio.Event) -> None:
        self.source = source
        self.may = may

    async def read(self, size: int) -> bytes:
        data = await self.source.read(size)
        await self.may.wait()
        return data


@contextmanager
def frozen(server: RedisServer) -> Iterator[None]:
    """Stop a Redis where it stands: its machine answers no more, and nobody hangs up."""
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


@pytest.fixture(autouse=True)
def lively(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links that look up by themselves sooner."""
    monkeypatch.setattr(redis_link, "WAIT", 0.5)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links that give up after half a second."""
    monkeypatch.setattr(redis_link, "ANSWER", 0.5)


# Several servers on one Redis.


async def test_two_servers_tell_one_order_without_a_gap(pair: tuple[Node, Node]):
    said = [
        node.say(*(message(f"{number}.{part} of {i}") for part in range(number % 3 + 1)))
        for number in range(60)
        for i, node in enumerate(pair)
    ]
    await asyncio.gather(*said)
    one, other = pair
    total = 2 * sum(number % 3 + 1 for number in range(60))
    await wait_for(lambda: len(one.heard) == len(other.heard) == total)
    assert one.heard == other.heard == await one.everything() == await other.everything()
    assert [number for number, _ in one.heard] == [*range(1, total + 1)]
    for i in range(2):  # and what one server was given first comes first
        own = [text.split()[0] for _, text in one.heard if text.endswith(f"of {i}")]
        assert own == sorted(own, key=lambda text: tuple(map(int, text.split("."))))


async def test_a_key_is_kept_once_whichever_server_it_comes_to(pair: tuple[Node, Node]):
    one, other = pair
    assert await one.say(message("hi", "k")) == {}
    doubles = await other.say(message("HI", "k"), message("ho", "l"))
    assert brief([*doubles.values()]) == [(1, "hi")]
    for number in range(20):  # in the same moment: one of them was first
        both = await asyncio.gather(*(node.say(message("hi", f"k{number}")) for node in pair))
        assert sorted(map(len, both)) == [0, 1]
    await wait_for(lambda: len(one.heard) == len(other.heard) == 22)
    assert [number for number, _ in one.heard] == [*range(1, 23)]


async def test_a_double_is_confirmed_when_its_message_has_been_told_here(redis_server: RedisServer):
    async with (
        Node(redis_server.url) as one,
        Way(redis_server) as way,
        Node(redis_server.url, hears_by=way.address) as other,
    ):
        way.answering.clear()
        await one.say(message("hi", "k"))
        again = asyncio.ensure_future(other.say(message("hi", "k")))
        await wait_for(lambda: other.log.stored)
        assert (other.heard, again.done()) == ([], False)
        assert (await other.everything(), await other.log.span("lobby")) == ([], (1, 0))
        way.answering.set()
        assert [*await again] == ["k"]
        assert other.heard == [(1, "hi")]


async def test_databases_of_one_redis_do_not_mix(redis_server: RedisServer):
    other_url = redis_server.url.removesuffix("0") + "1"
    async with Node(redis_server.url) as one, Node(other_url) as other:
        for node, text in ((one, "one"), (other, "other"), (one, "two")):
            assert await node.say(message(text, text[0])) == {}
        assert await other.say(message("two", "t")) == {}
        assert one.heard == await one.everything() == [(1, "one"), (2, "two")]
        assert other.heard == await other.everything() == [(1, "other"), (2, "two")]
        assert one.log.identity != other.log.identity


async def test_rooms_do_not_mix(pair: tuple[Node, Node]):
    one, other = pair
    heard: dict[str, Told] = {room: [] for room in ("kitchen", "kitchen-keys", "attic")}
    for room, told in heard.items():
        other.log.follow(room, lambda messages, told=told: told.extend(brief(messages)))
        await other.log.span(room)
    for room in heard:
        for number in (1, 2):
            assert await one.say(message(room, f"k{number}"), room=room) == {}
    await wait_for(lambda: all(len(told) == 2 for told in heard.values()))
    assert heard == {room: [(1, room), (2, room)] for room in heard}
    assert other.heard == []


# Few round trips, few lines.


async def test_what_is_said_in_a_turn_goes_out_together(redis_server: RedisServer):
    async with Way(redis_server) as way, Node(way.address) as node:
        rooms = [f"room-{number}" for number in range(20)]
        way.answering.clear()
        said = [node.log.append(room, numbered(1, 2)) for room in rooms for _ in range(2)]
        with asking(redis_server) as redis:

            def arrived() -> int:
                return sum(redis.xlen(f"chatkit:room:{room}") for room in rooms)

            await wait_for(lambda: arrived() == 40)  # all, before an answer came to the first
            assert redis.info("commandstats")["cmdstat_eval"]["calls"] >= 40
        way.answering.set()
        await asyncio.gather(*said)


async def test_one_line_waits_for_all_rooms_and_few_ask(redis_server: RedisServer):
    async with Node(redis_server.url) as node:
        for number in range(50):
            node.log.follow(f"room-{number}", lambda messages: None)
        await asyncio.gather(*(node.log.span(f"room-{number}") for number in range(50)))
        await asyncio.gather(*(node.say(message("hi"), room=f"room-{n}") for n in range(50)))
        with asking(redis_server) as redis:

            def waiting() -> list[str]:
                lines = redis.client_list()
                return [line["cmd"] for line in lines if "b" in line["flags"]]

            await wait_for(lambda: waiting() == ["xread"])
            await wait_for(lambda: len(redis.client_list()) <= LINES + 2)  # with the one that asks


async def test_a_new_room_is_heard_at_once(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(redis_link, "WAIT", 600.0)
    heard: Told = []
    async with Node(redis_server.url) as one, Node(redis_server.url) as other:
        await one.say(message("hi"))
        await wait_for(lambda: other.heard)  # its second line has been waiting ever since
        other.log.follow("kitchen", lambda messages: heard.extend(brief(messages)))
        await other.log.span("kitchen")
        await one.say(message("dinner"), room="kitchen")
        await wait_for(lambda: heard == [(1, "dinner")])


async def test_a_room_that_is_left_is_heard_no_more_and_entered_again_goes_on(
    pair: tuple[Node, Node],
):
    one, other = pair
    for number in range(1, 4):
        await one.say(message(f"heard {number}"))
        await wait_for(lambda: other.heard[-1:] == one.heard[-1:])
        other.log.unfollow("lobby", other.hear)
        assert "chatkit:room:lobby" not in other.link.positions
        await one.say(message(f"not heard {number}"))
        await other.come()
    await one.say(message("end"))
    await wait_for(lambda: other.heard[-1:] == [(7, "end")])
    assert other.heard == [(2 * n - 1, f"heard {n}") for n in range(1, 4)] + [(7, "end")]


async def test_what_came_while_one_was_away_is_not_told(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
):
    async with Way(redis_server) as way, Node(redis_server.url, hears_by=way.address) as node:
        node.log.follow("elsewhere", lambda messages: None)
        for comes_back in (False, True):
            await node.say(message("heard"))
            way.answering.clear()
            said = node.log.append("lobby", [message("missed")])
            await wait_for(lambda: node.log.stored)
            node.log.unfollow("lobby", node.hear)
            assert await said == {}  # nobody is left to be told first
            if comes_back:
                await node.come()
            way.answering.set()
            await node.say(message("hi"), room="elsewhere")
            if not comes_back:
                await node.come()
        await node.say(message("heard"))
        assert node.heard == [(1, "heard"), (3, "heard"), (5, "heard")]
        assert node.breaks == 0
    assert caplog.records == []


# Trimming.


async def test_old_messages_go_and_their_keys_with_them(redis_server: RedisServer):
    async with Node(redis_server.url, kept=3) as node:
        for number in range(1, 7):
            await node.say(*numbered(number, number))
        await node.say(message("7"), message("8", "k8"))
        assert await node.log.span("lobby") == (6, 8)
        assert await node.everything() == node.heard[-3:] == count(8, 6)
        with asking(redis_server) as redis:
            assert redis.hgetall("chatkit:room:lobby:keys") == {"k6": "0-6", "k8": "0-8"}
        assert [*await node.say(message("6", "k6"))] == ["k6"]
        assert await node.say(message("9", "k5")) == {}
        assert node.heard == count(9)
        assert node.breaks == 0


async def test_who_fell_behind_the_trimming_begins_again(redis_server: RedisServer):
    async with (
        Node(redis_server.url, kept=3) as one,
        Way(redis_server) as way,
        Node(way.address, kept=3) as behind,
    ):
        await one.say(*numbered(1, 2))
        await wait_for(lambda: len(behind.heard) == 2)
        with way.closed():
            for number in range(3, 8):
                await one.say(*numbered(number, number))
        await wait_for(lambda: behind.breaks)
        assert behind.heard == count(2)
        await behind.come()
        assert await behind.log.span("lobby") == (5, 7)
        await one.say(*numbered(8, 8))
        await wait_for(lambda: behind.heard == [*count(2), (8, "8")])
        assert (one.breaks, behind.breaks) == (0, 1)
        assert one.log.identity == behind.log.identity


# Redis goes away, and comes back.


async def test_a_lost_answer_loses_and_doubles_nothing(redis_server: RedisServer):
    async with (
        Node(redis_server.url) as other,
        Way(redis_server) as way,
        Node(way.address) as node,
    ):
        way.answering.clear()
        said = node.log.append("lobby", [message("hi", "k"), message("no key")])
        with asking(redis_server) as redis:
            await wait_for(lambda: redis.xlen("chatkit:room:lobby") == 2)
        way.lead_to(way.port)
        way.answering.set()
        with pytest.raises(LogError) as error:
            await said
        assert str(error.value) == AWAY
        assert [*await node.say(message("hi", "k"))] == ["k"]
        assert [*await other.say(message("hi", "k"))] == ["k"]
        await wait_for(lambda: node.heard == other.heard == [(1, "hi"), (2, "no key")])


async def test_a_line_that_is_cut_at_any_byte_loses_and_doubles_nothing(redis_server: RedisServer):
    cuts = (budget for sizes in range(0, 600, 9) for budget in (float("inf"), sizes))
    texts = [str(number) for number in range(1, 41)]
    lost_answers = 0
    async with Way(redis_server) as way, Node(way.address, hears_by=redis_server.url) as node:
        way.budget = lambda: next(cuts, float("inf"))
        await node.link.redis.connection_pool.disconnect()
        with asking(redis_server) as redis:
            for text in texts:
                while True:
                    try:
                        await node.say(message(text, text))
                        break
                    except LogError:
                        lost_answers += redis.hexists("chatkit:room:lobby:keys", text)
        assert lost_answers
        assert way.cuts > len(texts)
        way.budget = lambda: float("inf")
        await node.link.redis.connection_pool.disconnect()
        assert await node.everything() == node.heard == count(40)
        assert node.breaks == 0


async def test_a_redis_that_writes_always_loses_nothing():
    with RedisServer("always") as redis:
        async with Node(redis.url) as one, Node(redis.url) as other:
            identity = one.log.identity
            await one.say(*numbered(1, 3))
            on_the_way = [node.log.append("lobby", [message("x")]) for node in (one, other)]
            await asyncio.sleep(0)
            redis.kill()
            for reply in await asyncio.gather(*on_the_way, return_exceptions=True):
                assert isinstance(reply, LogError)
                assert str(reply) == AWAY
            for asking_it in (one.say(message("hi")), one.everything(), one.log.span("lobby")):
                with pytest.raises(LogError, match=AWAY):
                    await asking_it
            redis.start()
            await one.insist(message("after", "k"))
            await other.insist(message("end", "end"))
            await wait_for(lambda: one.heard[-1:] == other.heard[-1:] == [(5, "end")])
            assert one.heard == other.heard == [*count(3), (4, "after"), (5, "end")]
            assert one.heard == await one.everything()
            assert {one.log.identity, other.log.identity} == {identity}
            assert one.breaks == other.breaks == 0


async def test_when_redis_is_back_no_question_goes_out_on_a_line_that_was_cut(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    async with (
        Node(redis_server.url) as node,
        Way(redis_server) as way,
        Node(way.address) as behind,
    ):
        await asyncio.gather(*(behind.everything() for _ in range(LINES)))
        with way.closed():
            pass
        await wait_for(lambda: not behind.link.sure)
        await wait_for(lambda: behind.link.sure)
        await asyncio.gather(*(behind.everything() for _ in range(LINES)))
        await behind.say(message("hi"))
        await wait_for(lambda: node.heard == [(1, "hi")])


async def test_what_redis_lost_before_it_was_told_is_refused(redis_server: RedisServer):
    with RedisServer("rdb") as redis, asking(redis) as client:
        async with Way(redis) as way, Node(redis.url, hears_by=way.address) as node:
            await node.say(*numbered(1, 2))
            client.save()
            way.answering.clear()
            said = node.log.append("lobby", numbered(3, 3))
            await wait_for(lambda: node.log.stored)
            redis.restart()  # with 1 and 2 alone
            way.lead_to(way.port)
            way.answering.set()
            async with asyncio.timeout(PATIENCE):
                with pytest.raises(LogError, match="send it again"):
                    await said
            await node.insist(*numbered(3, 3))
            assert node.heard == await node.everything() == count(3)
            assert node.breaks == 0


async def test_what_goes_wrong_on_return_makes_nobody_deaf(
    pair: tuple[Node, Node], caplog: pytest.LogCaptureFixture
):
    one, other = pair
    faults = [ValueError("a bug")]

    async def look() -> None:
        if faults:
            raise faults.pop()

    other.link.on_return.append(look)
    await other.link.waiting.connection_pool.disconnect()
    await one.say(*numbered(1, 1))
    await wait_for(lambda: not faults)
    await one.say(*numbered(2, 2))
    await wait_for(lambda: other.heard == count(2))
    assert "a bug" in caplog.text


# Redis comes back without what it had.


async def test_a_redis_that_forgot_everything_is_another_log(redis_server: RedisServer):
    async with Node(redis_server.url) as one, Node(redis_server.url) as other:
        before = one.log.identity
        await one.say(*numbered(1, 3))
        await wait_for(lambda: len(other.heard) == 3)
        redis_server.restart()
        await wait_for(lambda: one.breaks and other.breaks)
        assert one.log.identity == other.log.identity != before
        for node in (one, other):
            await node.come()
        await one.insist(message("anew"))
        await wait_for(lambda: other.heard == [*count(3), (1, "anew")] == one.heard)
        assert await one.log.common("lobby", before) == 0
        assert (one.breaks, other.breaks) == (1, 1)


async def test_flushing_is_seen_while_connected_and_by_who_writes_next(pair: tuple[Node, Node]):
    one, other = pair
    before = one.log.identity
    await one.say(*numbered(1, 3))
    await wait_for(lambda: len(other.heard) == 3)
    await one.link.redis.flushall()
    with pytest.raises(LogError, match=AWAY):  # as its followers were told of 3 messages
        await one.say(message("too early"))
    await wait_for(lambda: one.breaks and other.breaks)
    assert one.log.identity == other.log.identity != before
    await one.come()
    await one.say(message("anew"))
    assert await other.everything() == [(1, "anew")]
    assert (one.breaks, other.breaks) == (1, 1)


async def test_flushing_is_seen_where_nobody_writes(pair: tuple[Node, Node]):
    one, other = pair
    await one.say(*numbered(1, 3))
    await one.link.redis.flushall()
    await wait_for(lambda: one.breaks == other.breaks == 1)
    assert one.log.identity == other.log.identity


async def test_a_break_that_is_found_twice_is_one_and_who_stays_hears_on(pair: tuple[Node, Node]):
    heard: Told = []
    one, _ = pair
    one.log.follow("kitchen", lambda messages: heard.extend(brief(messages)))
    await one.say(*numbered(1, 3), room="kitchen")
    before = one.log.identity
    await one.link.redis.flushall()
    await asyncio.gather(*(one.log.begin_again(before) for _ in range(3)))
    await one.say(message("anew"), room="kitchen")
    assert heard == [*count(3), (1, "anew")]
    assert one.breaks == 1


async def test_a_redis_that_was_rolled_back_gives_no_id_twice_without_a_word():
    with RedisServer("rdb") as redis, asking(redis) as client:
        async with Node(redis.url) as one, Node(redis.url) as other:
            before = one.log.identity
            await one.say(*numbered(1, 3))
            client.save()
            await one.say(*numbered(4, 6))
            await wait_for(lambda: len(other.heard) == 6)
            redis.restart()
            await wait_for(lambda: one.breaks and other.breaks)
            assert one.log.identity == other.log.identity != before
            assert await one.everything() == count(3)
            for node in (one, other):
                await node.come()
            await one.insist(message("another 4"))
            await wait_for(lambda: other.heard == [*count(6), (4, "another 4")] == one.heard)
            assert await one.log.common("lobby", before) == 3
            assert (one.breaks, other.breaks) == (1, 1)
            redis.restart()  # to where it was before that: 3 messages, and the first identity
            await wait_for(lambda: one.breaks == other.breaks == 2)
            assert one.log.identity not in ("", before)


@pytest.mark.parametrize("more", [2, 5], ids=["fewer than were told", "more than were told"])
async def test_who_returns_sees_that_others_went_on_from_an_older_state(more: int):
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(RedisServer("rdb"))
        client = stack.enter_context(asking(redis))
        way = await stack.enter_async_context(Way(redis))
        away = await stack.enter_async_context(Node(way.address))
        other = await stack.enter_async_context(Node(redis.url))
        before = away.log.identity
        other.log.unfollow("lobby", other.hear)  # it does not know how far the lobby was
        await away.say(*numbered(1, 3))
        client.save()
        await away.say(*numbered(4, 6))
        with way.closed():
            redis.restart()
            await other.come_again()
            for number in range(more):
                await other.insist(message(f"other {number}", f"other {number}"))
            assert other.log.identity == before
        await wait_for(lambda: away.breaks and other.breaks)
        assert away.log.identity == other.log.identity != before
        assert away.heard == count(6)
        assert [number for number, _ in other.heard] == [*range(4, 4 + more)]


@pytest.mark.parametrize("persistence", ["rdb", "always"])
async def test_who_starts_after_a_crash_knows_whether_something_may_be_gone(persistence: str):
    with RedisServer(persistence) as redis, asking(redis) as client:
        async with Node(redis.url) as node:
            before = node.log.identity
            await node.say(*numbered(1, 3))
            if persistence == "rdb":
                client.save()
            await node.say(*numbered(4, 6))
        async with Node(redis.url) as node:  # nothing has happened to Redis
            assert node.log.identity == before
        redis.restart()
        for _ in range(2):
            async with Node(redis.url) as node:
                await node.say(message("more"))
                if persistence == "always":
                    assert node.log.identity == before
                else:
                    assert node.log.identity.endswith(".2")
                    assert await node.log.common("lobby", before) == 3


async def test_who_writes_before_it_has_looked_is_refused(redis_server: RedisServer):
    async with Way(redis_server) as way, Node(redis_server.url, hears_by=way.address) as node:
        before = node.log.identity
        await node.say(*numbered(1, 3))
        way.answering.clear()  # nothing is heard of it
        with asking(redis_server) as redis:
            redis.delete("chatkit:room:lobby")  # the identity is the same
            with pytest.raises(LogError):
                await node.say(message("hi"))
            assert redis.xlen("chatkit:room:lobby") == 0
        await wait_for(lambda: node.breaks)
        assert node.log.identity != before


async def test_who_has_not_heard_of_the_new_generation_may_not_write(redis_server: RedisServer):
    async with (
        Node(redis_server.url) as one,
        Way(redis_server) as way,
        Node(redis_server.url, hears_by=way.address) as late,
    ):
        way.answering.clear()
        await one.log.begin_again(one.log.identity)
        with pytest.raises(LogError):
            await late.say(message("hi"), room="kitchen")
        assert await one.everything("kitchen") == []
        await wait_for(lambda: late.breaks)
        assert late.log.identity == one.log.identity


# Redis is there, but does not answer, or refuses.


async def test_a_redis_that_stands_still_is_gone_and_comes_back(
    redis_server: RedisServer, impatient: None
):
    async with Node(redis_server.url) as one, Node(redis_server.url) as other:
        identity = one.log.identity
        await one.say(*numbered(1, 2))
        with frozen(redis_server):
            said = [one.log.append("lobby", numbered(3, 3)), one.everything()]
            for reply in await asyncio.gather(*said, return_exceptions=True):
                assert isinstance(reply, LogError)
                assert str(reply) == AWAY
            await wait_for(lambda: not one.link.sure and not other.link.sure)
        await one.insist(*numbered(3, 3))  # Redis may have it from before
        await other.insist(*numbered(4, 4))
        await wait_for(lambda: one.heard == other.heard == count(4))
        assert {one.log.identity, other.log.identity} == {identity}
        assert one.breaks == other.breaks == 0


async def test_a_redis_that_is_full_refuses_messages_whole_and_does_the_rest():
    with RedisServer("none", maxmemory="4mb") as redis, asking(redis) as client:
        async with Node(redis.url) as one, Node(redis.url) as other:
            await one.say(*numbered(1, 2))
            await wait_for(lambda: len(other.heard) == 2)
            client.setrange("ballast", 4_000_000, "x")
            for node in (one, other):
                with pytest.raises(LogError) as error:
                    await node.say(*numbered(3, 5))
                assert str(error.value) == "The log has no room left: try again in a moment."
            assert await other.everything() == other.heard == count(2)
            assert await other.log.span("lobby") == (1, 2)
            roster = RedisRoster(one.link)
            await roster.beat()
            roster.follow("lobby", lambda event, name: None)
            assert await roster.claim("lobby", "Ada", "")
            client.delete("ballast")
            await other.insist(*numbered(3, 5))
            await wait_for(lambda: one.heard == other.heard == count(5))
            assert one.breaks == other.breaks == 0


# Failover: the address leads to another Redis.


@asynccontextmanager
async def mirrored() -> AsyncIterator[tuple[RedisServer, RedisServer]]:
    """A Redis, and its replica."""
    with RedisServer("none", repl_diskless_sync_delay="0") as primary:
        copies = f"127.0.0.1 {primary.port}"
        with RedisServer("none", replicaof=copies, repl_diskless_sync_delay="0") as replica:
            with asking(replica) as client:
                await wait_for(lambda: client.info("replication")["master_link_status"] == "up")
            yield primary, replica


@pytest.mark.parametrize("planned", [True, False], ids=["planned", "crashed"])
async def test_a_replica_that_takes_over_goes_on_where_the_primary_ended(planned: bool):
    async with (
        mirrored() as (primary, replica),
        Way(primary) as way,
        Node(way.address) as one,
        Node(way.address) as other,
    ):
        identity = one.log.identity
        await one.say(*numbered(1, 5))
        with asking(primary) as old, asking(replica) as new:
            assert old.wait(1, 10_000) == 1
            if planned:
                new.replicaof("NO", "ONE")
                way.port = replica.port  # lines that stand lead to the old one still
                old.replicaof("127.0.0.1", replica.port)
            else:
                primary.kill()
                way.lead_to(replica.port)
                new.replicaof("NO", "ONE")
        await one.insist(*numbered(6, 6))
        await other.insist(*numbered(7, 7))
        await wait_for(lambda: one.heard == other.heard == count(7))
        assert one.breaks == other.breaks == 0
        assert {one.log.identity, other.log.identity} == {identity}


async def test_a_replica_that_had_not_got_everything_is_another_log():
    async with mirrored() as (primary, replica), Way(primary) as way, Node(way.address) as node:
        before = node.log.identity
        await node.say(*numbered(1, 3))
        with asking(primary) as old, asking(replica) as new:
            assert old.wait(1, 10_000) == 1
            new.replicaof("NO", "ONE")
        await node.say(*numbered(4, 5))
        way.lead_to(replica.port)
        await wait_for(lambda: node.breaks)
        assert node.log.identity != before
        assert await node.everything() == count(3)
        await node.come()
        await node.insist(*numbered(4, 4))
        assert await node.log.common("lobby", before) == 3
        assert node.breaks == 1


# No Redis at start: one sentence, and no secret in it.


@asynccontextmanager
async def answers(reply: bytes) -> AsyncIterator[int]:
    """Something else at a port, which has the same answer to every command."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(10_000):
                commands = [line for line in data.split(b"\r\n") if line.startswith(b"*")]
                writer.write(reply * len(commands))
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def refusal(url: str) -> str:
    """Return why there is no log at an address; it is one sentence without a secret in it."""
    with pytest.raises(ChatkitError) as error:
        await RedisLink(url).open()
    said = str(error.value)
    assert said.endswith(".")
    assert "\n" not in said
    assert "gehe" not in said
    return said


async def test_no_redis():
    port = free_port()
    for url in (f"redis://127.0.0.1:{port}/0", f"redis://ada:geheim@127.0.0.1:{port}/0"):
        said = await refusal(url)
        assert said.startswith(f"No Redis answers at redis://127.0.0.1:{port}/0 (")
        assert said.endswith("): start redis-server there, or choose another log.")


async def test_a_wrong_password():
    with RedisServer("none", requirepass="right") as redis:
        assert "auth" in (await refusal(redis.url)).lower()
        said = await refusal(redis.url.replace("//", "//:geheim@"))
        assert "password" in said or "auth" in said.lower()
        async with Node(redis.url.replace("//", "//:right@")) as node:
            await node.say(message("hi"))


async def test_something_else_at_the_port(impatient: None):
    async with answers(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as port:
        assert await refusal(f"redis://:geheim@127.0.0.1:{port}/0")
    async with answers(b"") as port:  # nothing at all
        assert "Timeout" in await refusal(f"redis://127.0.0.1:{port}/0")


@pytest.mark.parametrize("info", ["# Server\r\nredis_version:6.2.14\r\n", "# Server\r\n"])
async def test_a_redis_that_is_too_old_or_does_not_say(info: str):
    async with answers(b"$%d\r\n%s\r\n" % (len(info), info.encode())) as port:
        said = await refusal(f"redis://127.0.0.1:{port}")
    assert "Redis 7 or newer is needed" in said


@pytest.mark.parametrize(
    "url",
    [
        "redis://:geheim@127.0.0.1:port/0",
        "redis://:geheim@127.0.0.1:99999999/0",
        "redis://:geheim@[::1/0",
        "redis://:geheim@127.0.0.1:6379/0?socket_timeout=long",
        "redis://:gehe/im@127.0.0.1:port/0",
        "redis://127.0.0.1:port/0?password=geheim",
    ],
)
async def test_an_address_that_is_none(url: str):
    assert "is no address of a Redis: it looks like redis://" in await refusal(url)


# Closing.


async def test_closing_writes_what_waits_and_leaves_nothing(redis_server: RedisServer):
    before = asyncio.all_tasks()
    async with Node(redis_server.url) as node:
        said = [node.log.append("lobby", numbered(n, n)) for n in range(1, 10)]
        for number in range(5):
            node.log.follow(f"room-{number}", lambda messages: None)
            said.append(node.log.append(f"room-{number}", numbered(1, 1)))
    assert all(future.done() for future in said)
    assert [future.result() for future in said] == [{}] * len(said)
    assert asyncio.all_tasks() == before
    async with Node(redis_server.url) as node:
        assert await node.everything() == count(9)
    gc.collect()  # a line that was left open would warn


@pytest.mark.parametrize("turns", range(12))
async def test_closing_ends_whatever_is_under_way(redis_server: RedisServer, turns: int):
    link = RedisLink(redis_server.url)
    await link.open()
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        await link.close()
    assert len(asyncio.all_tasks()) == 1


async def test_closing_ends_though_redis_is_gone(redis_server: RedisServer):
    async with Node(redis_server.url) as node:
        await node.say(*numbered(1, 2))
        redis_server.kill()
        said = [node.log.append("lobby", numbered(n, n)) for n in range(3, 6)]
    for reply in await asyncio.gather(*said, return_exceptions=True):
        assert isinstance(reply, LogError)


async def test_closing_ends_though_redis_stands_still(redis_server: RedisServer, impatient: None):
    with frozen(redis_server):
        async with AsyncExitStack() as stack:
            os.kill(redis_server.process.pid, signal.SIGCONT)
            node = await stack.enter_async_context(Node(redis_server.url))
            os.kill(redis_server.process.pid, signal.SIGSTOP)
            said = node.log.append("lobby", numbered(1, 1))
        with pytest.raises(LogError):
            await said


async def test_closing_settles_what_is_safe_but_not_told(redis_server: RedisServer):
    async with Way(redis_server) as way:
        async with Node(redis_server.url, hears_by=way.address) as node:
            way.answering.clear()
            said = node.log.append("lobby", numbered(1, 1))
        assert said.done()
        assert said.result() == {}
