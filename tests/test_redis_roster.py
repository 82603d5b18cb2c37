"""Who is in each room on all servers: told at once, agreed upon, and right after a fault."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress

import pytest
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from chatkit import redis_roster as module
from chatkit.lessons.redis_server import RedisServer
from chatkit.log import LogError
from chatkit.names import looks
from chatkit.redis_link import RedisLink
from chatkit.redis_roster import (
    CLAIM,
    LISTED,
    NEWS,
    ROOMS,
    SERVERS,
    TELL,
    Attendance,
    RedisRoster,
    Seat,
    names_of,
    news_of,
    read_seat,
)

PATIENCE = 20.0  # seconds: only a failure takes that long
LIFE = 1.0  # seconds, so that tests are quick
BEAT = 0.1  # seconds
LOOKALIKE = "\u0410da"  # with a Cyrillic A


class Site:
    """One server's roster, and what it was told of one room."""

    def __init__(self, url: str, room: str) -> None:
        self.link = RedisLink(url)
        self.roster = RedisRoster(self.link)
        self.room = room
        self.heard: list[tuple[str, str]] = []

    async def open(self) -> None:
        await self.link.open()
        await self.roster.open()
        self.there = self.roster.follow(self.room, lambda *news: self.heard.append(news))

    async def close(self) -> None:
        await self.roster.close()
        await self.die()

    async def die(self) -> None:
        """Be gone without a word."""
        await self.link.close()

    async def claim(self, name: str, mark: str = "") -> bool:
        return await self.roster.claim(self.room, name, mark)

    def release(self, name: str) -> None:
        self.roster.release(self.room, name)

    @property
    def elsewhere(self) -> list[str]:
        return sorted(self.there.elsewhere)

    @property
    def here(self) -> list[str]:
        return sorted(self.there.here)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is silent for a second counts as dead."""
    for script in ("BEATS", "CLAIM", "READ", "RELEASE", "SWEEP", "TELL"):
        source = getattr(module, script)
        assert "now - 6000" in source
        changed = source.replace("now - 6000", f"now - {LIFE * 1000:.0f}")
        monkeypatch.setattr(module, script, changed)
    monkeypatch.setattr(module, "BEAT", BEAT)


@pytest.fixture
async def site(redis_server: RedisServer) -> AsyncIterator[Callable]:
    """A function that opens another server's roster; all are closed afterwards."""
    sites: list[Site] = []

    async def open_site(url: str = "", room: str = "lobby") -> Site:
        sites.append(Site(url or redis_server.url, room))
        await sites[-1].open()
        return sites[-1]

    yield open_site
    for one in sites:
        await one.close()


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """A line of the test's own."""
    async with Redis.from_url(redis_server.url) as redis:
        yield redis


async def soon(true: Callable[[], object]) -> None:
    """Wait for what nobody tells of."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)


async def names(redis: Redis, room: str = "lobby") -> list[str]:
    """Return who is in a room by what Redis has, each twice: by two looks."""
    return sorted(read_seat(seat).name for seat in await redis.hvals(names_of(room)))


async def settled(*sites: Site) -> None:
    """Wait until all that was told has been told."""
    await asyncio.sleep(0)
    for one in sites:
        async with one.roster.lock:  # who waits for it comes in turn
            pass


async def test_each_server_knows_who_is_with_the_others(site: Callable, redis: Redis):
    a, b = await site(), await site()
    assert await a.claim("Ada")
    assert await b.claim("Bob")
    assert b.elsewhere == ["Ada"]
    await soon(lambda: a.elsewhere == ["Bob"])
    a.release("Ada")
    await soon(lambda: b.elsewhere == [])
    assert a.heard == [("joined", "Bob")]
    assert b.heard == [("joined", "Ada"), ("left", "Ada")]
    assert await names(redis) == ["Bob", "Bob"]
    assert b.there.looks == {}


async def test_typing_is_told_to_the_others_alone(site: Callable):
    a, b = await site(), await site()
    await a.claim("Ada")
    await b.claim("Bob")
    a.roster.typing("lobby", "Ada")
    await soon(lambda: ("typing", "Ada") in b.heard)
    b.roster.typing("lobby", "Bob")
    await soon(lambda: ("typing", "Bob") in a.heard)
    assert ("typing", "Ada") not in a.heard
    a.roster.typing("lobby", "nobody")
    await settled(a)


async def test_rooms_are_separate(site: Callable, redis: Redis):
    a, b = await site(), await site(room="kitchen")
    assert await a.claim("Ada")
    assert await b.claim("Ada")
    c, d = await site(), await site(room="kitchen")
    assert await c.claim("Bob")
    a.release("Ada")
    await soon(lambda: c.elsewhere == [])
    assert not await d.claim("Ada")
    assert await redis.zrange(ROOMS, 0, -1, withscores=True) == [(b"kitchen", 1), (b"lobby", 1)]


@pytest.mark.parametrize("other", ["Ada", "ADA", LOOKALIKE], ids=["same", "case", "look-alike"])
async def test_of_two_servers_that_want_a_name_at_once_one_gets_it(
    other: str, site: Callable, redis: Redis
):
    a, b = await site(), await site()
    wins = 0
    for n in range(40):
        wishes = [a.claim("Ada"), b.claim(other)]
        answers = await asyncio.gather(*wishes[:: (-1) ** n])
        first, second = answers[:: (-1) ** n]
        assert first != second
        winner, loser, name = (a, b, "Ada") if first else (b, a, other)
        wins += first
        assert await names(redis) == [name, name]
        assert name in loser.there.elsewhere
        assert winner.here == [name]
        assert loser.here == []
        winner.release(name)
        await settled(winner)
    assert 0 < wins < 40


async def test_a_name_that_looks_like_two_others_displaces_neither(site: Callable, redis: Redis):
    """`looks` has two entries for each name; another name may share each with another one."""
    a, b = await site(), await site()
    one, two = Seat(a.roster.server, "one", "", ("x", "y")), Seat("dead", "two", "", ("z", "w"))
    await a.roster.ask(module.CLAIM, "lobby", one, "back")
    await a.roster.ask(module.CLAIM, "lobby", two, "back")
    both = Seat(b.roster.server, "both", "", ("y", "z"))
    assert await b.roster.ask(module.CLAIM, "lobby", both, "back") == str(one).encode()
    assert await names(redis) == ["one", "one", "two", "two"]


async def test_who_comes_back_with_its_mark_takes_its_name_along(site: Callable, redis: Redis):
    a, b, c = await site(), await site(), await site()
    await c.claim("Cy")
    assert await a.claim("Ada", "secret")
    await soon(lambda: c.elsewhere == ["Ada"])
    assert await b.claim("Ada", "secret")
    await soon(lambda: ("moved", "Ada") in a.heard)
    await soon(lambda: c.there.elsewhere["Ada"].server == b.roster.server)
    await soon(lambda: b.elsewhere == ["Cy"])
    assert a.here == []
    assert a.elsewhere == ["Ada", "Cy"]
    assert c.heard == [("joined", "Ada")]
    assert [news for news in a.heard if news[0] == "left"] == []
    a.release("Ada")  # as its visitor is closed
    await settled(a)
    assert (await names(redis)).count("Ada") == 2
    assert await redis.zscore(ROOMS, "lobby") == 2


@pytest.mark.parametrize(("mine", "theirs"), [("", ""), ("secret", "other"), ("", "secret")])
async def test_without_its_mark_a_name_is_not_given_away(mine: str, theirs: str, site: Callable):
    a, b = await site(), await site()
    assert await a.claim("Ada", mine)
    assert not await b.claim("Ada", theirs)
    assert not b.there.free("Ada", theirs)
    assert not b.there.free(LOOKALIKE, theirs)
    assert b.there.free("Bob", theirs)


async def test_its_own_name_is_free_to_who_has_the_mark(site: Callable):
    a, b = await site(), await site()
    assert await a.claim("Ada", "secret")
    await b.claim("Bob")
    assert b.there.free("Ada", "secret")


async def test_back_and_forth_between_two_servers(site: Callable, redis: Redis):
    a, b, c = await site(), await site(), await site()
    await c.claim("Cy")
    for n in range(30):
        assert await (a, b)[n % 2].claim("Ada", "secret")
    await soon(lambda: a.here == [])
    await soon(lambda: c.elsewhere == ["Ada"])
    await soon(lambda: b.elsewhere == ["Cy"])
    await soon(lambda: a.elsewhere == ["Ada", "Cy"])
    assert b.here == ["Ada"]
    assert c.heard == [("joined", "Ada")]
    assert await names(redis) == ["Ada", "Ada", "Cy", "Cy"]


async def test_who_comes_back_to_the_same_server_keeps_its_seat(site: Callable, redis: Redis):
    """The line before is dropped in the same moment, and its farewell must not take the seat."""
    a, b = await site(), await site()
    await b.claim("Bob")
    await a.claim("Ada", "secret")
    for _ in range(20):
        a.release("Ada")
        assert await a.claim("Ada", "secret")
        await settled(a)
        assert (await names(redis)).count("Ada") == 2
    await soon(lambda: b.elsewhere == ["Ada"])


async def test_who_hangs_up_while_its_name_is_claimed_leaves_no_seat(site: Callable, redis: Redis):
    a, b = await site(), await site()
    await b.claim("Bob")
    for _ in range(20):
        claiming = asyncio.create_task(a.claim("Ada"))
        await asyncio.sleep(0)
        assert a.here == ["Ada"]
        a.release("Ada")
        await claiming
        await settled(a)
        assert await names(redis) == ["Bob", "Bob"]
    await soon(lambda: b.heard.count(("left", "Ada")) == 20)


async def test_a_claim_that_fails_late_takes_nothing_from_who_came_after(
    site: Callable, redis: Redis
):
    """One asks for a name that is held elsewhere and hangs up; it is free, and another gets it."""
    a, b = await site(), await site()
    await a.claim("Cy")
    await b.claim("Ada")
    first = asyncio.create_task(a.claim("Ada"))
    await asyncio.sleep(0)
    a.release("Ada")
    second = asyncio.create_task(a.claim("Ada"))
    await asyncio.sleep(0)  # it waits for the first
    held = a.there.here["Ada"]
    assert not await first
    assert a.there.here.get("Ada") in (held, None)
    b.release("Ada")
    if await second:
        assert a.here == ["Ada", "Cy"]
        assert (await names(redis)).count("Ada") == 2
    else:
        assert a.here == ["Cy"]


async def test_a_server_that_dies_is_struck_out(site: Callable, redis: Redis):
    a, b, c = await site(), await site(), await site(room="kitchen")
    cook = await site(room="kitchen")
    await cook.claim("Cook")
    await a.claim("Ada")
    await b.claim("Bob")
    await c.claim("Cy")
    assert a.elsewhere == [] or a.elsewhere == ["Bob"]
    await b.die()
    await c.die()
    await soon(lambda: ("left", "Bob") in a.heard)
    await soon(lambda: cook.roster.sizes == {"lobby": 1, "kitchen": 1})
    assert a.elsewhere == []
    assert await redis.zcard(SERVERS) == 2
    assert await names(redis) == ["Ada", "Ada"]


async def test_a_room_in_which_only_a_dead_server_had_people_is_listed_no_more(site: Callable):
    a, b = await site(), await site(room="kitchen")
    await b.claim("Bob")
    await soon(lambda: a.roster.sizes == {"kitchen": 1})
    await b.die()
    await soon(lambda: a.roster.sizes == {})


async def test_a_name_of_a_dead_server_can_be_had_at_once(site: Callable, redis: Redis):
    a, b, c = await site(), await site(), await site()
    await a.claim("Ada")
    await c.claim("Cy")
    await b.claim("Bob")
    await b.die()
    await redis.zadd(SERVERS, {b.roster.server: 0})  # as if it had been silent for long
    assert await a.claim("Bob")
    await soon(lambda: a.elsewhere == ["Cy"])
    await soon(lambda: c.there.elsewhere["Bob"].server == a.roster.server)
    assert c.elsewhere == ["Ada", "Bob"]


async def test_a_look_alike_of_a_dead_server_s_name_ousts_it_everywhere(
    site: Callable, redis: Redis
):
    a, b, c = await site(), await site(), await site()
    await a.claim("Bob")
    await c.claim("Cy")
    await b.claim(LOOKALIKE)
    await soon(lambda: LOOKALIKE in c.there.elsewhere)
    await b.die()
    await redis.zadd(SERVERS, {b.roster.server: 0})
    assert await a.claim("Ada")
    await soon(lambda: c.elsewhere == ["Ada", "Bob"])
    assert ("left", LOOKALIKE) in c.heard


async def test_who_sees_a_dead_server_and_dies_itself_leaves_it_to_the_next(
    site: Callable, redis: Redis
):
    a, b, c = await site(), await site(), await site()
    await a.claim("Ada")
    await b.claim("Bob")
    await b.die()
    pipe = redis.pipeline()  # in one step: else another would see it first
    pipe.zadd(SERVERS, {b.roster.server: 0})
    pipe.eval(module.BEATS, 2, SERVERS, ROOMS, c.roster.server)
    *_, (late, lost, *_) = await pipe.execute()
    assert (late, lost) == (0, 1)  # it has seen, and does no more
    await c.die()
    await soon(lambda: a.elsewhere == [])
    await soon(lambda: a.roster.sizes == {"lobby": 1})


async def test_a_server_that_was_thought_dead_comes_back(site: Callable, redis: Redis):
    a, b = await site(), await site()
    await b.claim("Bob")
    await a.claim("Ada")
    await soon(lambda: b.elsewhere == ["Ada"])
    for server in (a, b):  # each is struck out as if it had been silent for long
        other = b if server is a else a
        await redis.zadd(SERVERS, {server.roster.server: 0})
        await other.roster.ask(module.SWEEP, "lobby")
    await soon(lambda: b.heard[-2:] == [("left", "Ada"), ("joined", "Ada")])
    await soon(lambda: a.heard[-2:] == [("left", "Bob"), ("joined", "Bob")])
    assert a.elsewhere == ["Bob"]
    assert b.elsewhere == ["Ada"]
    assert await names(redis) == ["Ada", "Ada", "Bob", "Bob"]
    assert await redis.zscore(ROOMS, "lobby") == 2


async def test_a_claim_of_a_server_that_nobody_knows_can_be_struck_out(
    site: Callable, redis: Redis
):
    """A server that was thought dead takes somebody in, and dies before its next sign of life."""
    a, b = await site(), await site()
    await a.claim("Ada")
    await b.claim("Bob")
    await b.die()
    await redis.zrem(SERVERS, b.roster.server)
    seat = Seat(b.roster.server, "Cy", "", tuple(looks("Cy")))
    await a.roster.ask(module.CLAIM, "lobby", seat, "back")
    await soon(lambda: ("joined", "Cy") in a.heard)
    await soon(lambda: a.elsewhere == [])


async def test_signs_of_life_go_on_while_a_crowd_is_told_again(site: Callable, redis: Redis):
    a, b = await site(), await site()
    await b.claim("Bob")
    await a.claim("Ada")
    await soon(lambda: b.elsewhere == ["Ada"])
    async with a.roster.lock, asyncio.timeout(PATIENCE):  # as if that took long
        a.roster.stale = True
        last = await redis.zscore(SERVERS, a.roster.server) + 1000 * LIFE
        while await redis.zscore(SERVERS, a.roster.server) < last:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert b.heard == [("joined", "Ada")]
    await soon(lambda: not a.roster.stale and not a.roster.mending.locked())


async def test_what_redis_forgot_is_told_again(site: Callable, redis: Redis):
    a, b = await site(), await site()
    await b.claim("Bob")
    await a.claim("Ada")
    await soon(lambda: b.elsewhere == ["Ada"])
    await redis.flushall()
    deadline = time.monotonic() + PATIENCE
    while await names(redis) != ["Ada", "Ada", "Bob", "Bob"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    await soon(lambda: a.elsewhere == ["Bob"] and b.elsewhere == ["Ada"])
    assert a.here == ["Ada"]
    assert b.here == ["Bob"]
    assert await redis.zscore(ROOMS, "lobby") == 2
    a.release("Ada")
    await soon(lambda: b.elsewhere == [])


async def test_who_lost_the_name_while_redis_had_forgotten_it_is_told(site: Callable, redis: Redis):
    a, b = await site(), await site()
    await a.claim("Ada", "first")
    await b.claim("Bob")
    pipe = redis.pipeline()  # forgotten and taken in one step: else the server would be faster
    pipe.flushall()
    seat = Seat(b.roster.server, "Ada", "second", tuple(looks("Ada")))
    keys = [names_of("lobby"), news_of("lobby"), ROOMS, SERVERS]
    pipe.zadd(SERVERS, {b.roster.server: time.time() * 1000})
    pipe.eval(CLAIM, 4, *keys, "lobby", str(seat), "back")
    b.there.here["Ada"] = seat
    await pipe.execute()
    await soon(lambda: ("moved", "Ada") in a.heard)
    await soon(lambda: a.elsewhere == ["Ada", "Bob"])
    assert a.here == []
    assert (await names(redis)).count("Ada") == 2


async def test_redis_that_was_away_hears_all_that_happened_meanwhile(
    site: Callable, redis_server: RedisServer, redis: Redis
):
    a, b = await site(), await site()
    await b.claim("Bob")
    await a.claim("Ada")
    await a.claim("Cy")
    redis_server.kill()
    a.release("Cy")
    with pytest.raises(LogError):
        await a.claim("Di")
    assert a.here == ["Ada"]
    assert b.roster.rooms["lobby"] is b.there  # nobody is thrown out
    redis_server.start()
    await soon(lambda: a.elsewhere == ["Bob"] and b.elsewhere == ["Ada"])
    assert await names(redis) == ["Ada", "Ada", "Bob", "Bob"]
    assert await a.claim("Di")
    await soon(lambda: b.elsewhere == ["Ada", "Di"])


async def test_a_farewell_that_did_not_reach_redis_is_said_again():
    """Redis keeps its data here, and so the seat of who left while it was away."""
    with RedisServer("always") as redis_server:
        async with AsyncExitStack() as stack:
            a, b = Site(redis_server.url, "lobby"), Site(redis_server.url, "lobby")
            for one in (a, b):
                await one.open()
                stack.push_async_callback(one.close)
            await b.claim("Bob")
            await a.claim("Ada")
            await a.claim("Cy")
            redis_server.kill()
            a.release("Cy")
            redis_server.start()
            await soon(lambda: b.elsewhere == ["Ada"])
            assert b.there.here.keys() == {"Bob"}


async def test_news_that_were_dropped_before_they_were_read_are_noticed(
    site: Callable, redis: Redis
):
    a, b = await site(), await site()
    await b.claim("Bob")
    await a.claim("Ada")
    await soon(lambda: b.elsewhere == ["Ada"])
    lost = Seat(a.roster.server, "Cy", "", tuple(looks("Cy")))
    a.there.here["Cy"] = lost
    keys = [names_of("lobby"), news_of("lobby"), ROOMS, SERVERS]
    pipe = redis.pipeline()  # in one step, so that no reader can keep up
    pipe.eval(CLAIM, 4, *keys, "lobby", str(lost), "back")
    for _ in range(NEWS * 2):
        pipe.eval(TELL, 4, *keys, "lobby", str(a.there.here["Ada"]), "typing")
    await pipe.execute()
    await soon(lambda: b.elsewhere == ["Ada", "Cy"])


async def test_news_go_on_after_a_silence_in_which_redis_forgot_them(site: Callable, redis: Redis):
    a, b = await site(), await site()
    await b.claim("Bob")
    await a.claim("Ada")
    await soon(lambda: b.elsewhere == ["Ada"])
    assert 0 < await redis.pttl(news_of("lobby")) <= 60_000
    await redis.delete(news_of("lobby"))
    a.release("Ada")
    await soon(lambda: b.elsewhere == [])


async def test_news_are_numbered_without_gaps(site: Callable, redis: Redis):
    a = await site()
    for n in range(5):
        await a.claim(f"guest-{n}")
        before = await redis.time()
        while await redis.time() < (before[0], before[1] + 2000):  # two milliseconds
            pass
    news = [at.decode().split("-") for at, _ in await redis.xrange(news_of("lobby"))]
    assert len({era for era, _ in news}) == 1
    assert [number for _, number in news] == ["0", "1", "2", "3", "4"]


async def test_after_the_end_there_is_no_sign_of_life(site: Callable, redis: Redis):
    a, b = await site(), await site()
    await a.claim("Ada")
    await a.roster.close()
    last = await redis.zscore(SERVERS, b.roster.server) + 5000 * BEAT
    async with asyncio.timeout(PATIENCE):
        while await redis.zscore(SERVERS, b.roster.server) < last:
            assert await redis.zscore(SERVERS, a.roster.server) in (0, None)
            await asyncio.sleep(0.01)


async def test_news_do_not_pile_up(site: Callable, redis: Redis):
    a = await site()
    await a.claim("Ada")
    seat = str(a.there.here["Ada"])
    keys = [names_of("lobby"), news_of("lobby"), ROOMS, SERVERS]
    pipe = redis.pipeline()
    for _ in range(NEWS * 2):
        pipe.eval(TELL, 4, *keys, "lobby", seat, "typing")
    await pipe.execute()
    assert await redis.xlen(news_of("lobby")) < NEWS * 1.5


async def test_a_server_that_stops_takes_everyone_along_at_once(site: Callable, redis: Redis):
    a, b, c = await site(), await site(), await site()
    await b.claim("Bob")
    await c.claim("Cy")
    for n in range(200):
        await a.claim(f"guest-{n}")
    await soon(lambda: len(b.elsewhere) == 201)
    for n in range(200):  # as the server closes each visitor: then nobody is left in the room
        a.release(f"guest-{n}")
    a.roster.unfollow("lobby")
    await a.close()
    assert await names(redis) == ["Bob", "Bob", "Cy", "Cy"]
    assert await redis.zscore(SERVERS, a.roster.server) in (0, None)
    await soon(lambda: b.elsewhere == ["Cy"])
    assert await redis.zscore(ROOMS, "lobby") == 2


async def test_a_server_that_stops_with_people_in_several_rooms(site: Callable, redis: Redis):
    a = await site()
    await a.claim("Ada")
    for room in ("kitchen", "hall"):
        a.roster.follow(room, lambda *news: None)
        assert await a.roster.claim(room, "Ada", "")
    await a.close()
    assert await redis.keys("chatkit:room:*:names") == []
    assert await redis.zcard(ROOMS) == 0


async def test_a_sign_of_life_under_way_does_not_bring_back_who_leaves(
    site: Callable, redis: Redis, monkeypatch: pytest.MonkeyPatch
):
    a = await site()
    await a.claim("Ada")
    beat, sweep = a.roster.beat, a.roster.sweep
    begun, go_on, beaten = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def beat_late() -> None:
        begun.set()
        await go_on.wait()
        await beat()
        beaten.set()

    async def sweep_late() -> None:  # after a beat that was begun before all this
        go_on.set()
        await beaten.wait()
        await sweep()

    monkeypatch.setattr(a.roster, "beat", beat_late)
    monkeypatch.setattr(a.roster, "sweep", sweep_late)
    await begun.wait()
    asyncio.get_running_loop().call_later(0.2, go_on.set)
    await a.close()
    assert await redis.keys("chatkit:room:*:names") == []


async def test_a_server_can_stop_without_redis(site: Callable, redis_server: RedisServer):
    a = await site()
    await a.claim("Ada")
    redis_server.kill()
    async with asyncio.timeout(PATIENCE):
        await a.close()


async def test_the_fullest_rooms_are_counted(site: Callable, redis: Redis):
    a = await site()
    await redis.zadd(ROOMS, {f"room-{n}": n for n in range(1, LISTED + 20)})
    await a.roster.beat()
    assert len(a.roster.sizes) == LISTED
    assert a.roster.sizes[f"room-{LISTED + 19}"] == LISTED + 19
    assert "room-1" not in a.roster.sizes


async def test_people_come_and_go_where_redis_is_full():
    with RedisServer("none", maxmemory="2mb", maxmemory_policy="noeviction") as redis_server:
        async with AsyncExitStack() as stack:
            a, b = Site(redis_server.url, "lobby"), Site(redis_server.url, "lobby")
            for one in (a, b):
                await one.open()
                stack.push_async_callback(one.close)
            assert await b.claim("Bob")
            redis = await stack.enter_async_context(Redis.from_url(redis_server.url))
            with suppress(OutOfMemoryError):
                while True:
                    await redis.append("filler", "x" * 2000)
            assert await a.claim("Ada", "secret")
            await soon(lambda: b.elsewhere == ["Ada"])
            assert await b.claim("Ada", "secret")
            await soon(lambda: ("moved", "Ada") in a.heard)
            b.release("Ada")
            await soon(lambda: a.elsewhere == ["Bob"])
            await b.die()
            await soon(lambda: a.elsewhere == [])


@pytest.mark.parametrize("name", ['"', "\\", "\U0001f600", "é", "]", "null", "$&", "%s", "\u2028"])
async def test_any_name_can_be_written_down(name: str, site: Callable, redis: Redis):
    a, b = await site(), await site()
    assert await a.claim(name, "secret")
    assert not await b.claim(name)
    assert b.elsewhere == [name]
    a.release(name)
    await soon(lambda: b.elsewhere == [])
    assert await redis.hlen(names_of("lobby")) == 0


@pytest.mark.parametrize(
    ("at", "follows"),
    [((7, 4), True), ((7, 5), False), ((7, 3), False), ((8, 0), True), ((8, 1), False)],
)
def test_news_that_follow_each_other(at: tuple[int, int], follows: bool):
    there = Attendance(lambda *news: None)
    there.at = (7, 3)
    assert there.follows(at) is follows
    assert there.at == at


def test_a_seat_is_read_as_it_was_written():
    seat = Seat("server", "Ada", "secret", ("as written: Ada", "small: ada"))
    assert read_seat(str(seat).encode()) == seat
    assert json.loads(str(seat)) == ["server", "Ada", "secret", "as written: Ada", "small: ada"]
