"""A room on several servers, seen by clients: who is here, who comes and goes, who types."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from chatkit.codecs import JSON
from chatkit.lessons.redis_server import RedisServer
from chatkit.messages import ChatkitError, Message
from chatkit.names import looks
from chatkit.redis_roster import ROOMS, Seat, names_of
from chatkit.room import LISTED, MAX_ROOMS, Room
from chatkit.server import ChatServer
from chatkit.shared import SharedRooms
from tests.conftest import members, socket_url
from tests.test_redis_roster import quick, soon  # noqa: F401 - a fixture is used by its name
from tests.test_room import Guest

LOOKALIKE = "\u0410da"  # with a Cyrillic A

Serve = Callable[[], Awaitable[ChatServer]]


class Person:
    """A client that keeps the events that it hears, and knows when it was hung up."""

    def __init__(self, line: ClientConnection) -> None:
        self.line = line
        self.frames: list[dict[str, Any]] = []
        self.task = asyncio.create_task(self.listen())

    async def listen(self) -> None:
        try:
            while True:
                self.frames.append(json.loads(await self.line.recv()))
        except ConnectionClosed:
            pass

    async def say(self, **frame: str) -> None:
        await self.line.send(json.dumps(frame))

    @property
    def welcome(self) -> dict[str, Any]:
        return self.frames[0]

    @property
    def name(self) -> str:
        return self.welcome["name"]

    @property
    def members(self) -> list[str]:
        """Who is here, by the last frame that says so."""
        return sorted([frame["members"] for frame in self.frames if "members" in frame][-1])

    @property
    def count(self) -> int:
        return [frame["count"] for frame in self.frames if "count" in frame][-1]

    def events(self, *kinds: str) -> list[tuple[str, str]]:
        kinds = kinds or ("joined", "left")
        return [(f["event"], f["name"]) for f in self.frames if f.get("event") in kinds]

    @property
    def rooms(self) -> dict[str, int]:
        return next(f["rooms"] for f in reversed(self.frames) if f.get("event") == "rooms")


@pytest.fixture
async def serve(redis_server: RedisServer) -> AsyncIterator[Serve]:
    """A function that starts another server on the same Redis; all are stopped afterwards."""
    async with AsyncExitStack() as stack:

        async def start() -> ChatServer:
            server = await ChatServer(0, log=redis_server.url, rate=None).start()
            stack.push_async_callback(server.stop)
            return server

        yield start


@pytest.fixture
async def come() -> AsyncIterator[Callable[..., Awaitable[Person]]]:
    """A function that lets a person in at a server; what is asked for goes into the query."""
    people: list[Person] = []

    async def come(server: ChatServer, name: str = "", **query: Any) -> Person:
        url = socket_url(server, name=name, **query)
        people.append(person := Person(await connect(url, subprotocols=[JSON.subprotocol])))
        await soon(lambda: person.frames)
        return person

    yield come
    for person in people:
        person.line.transport.abort()
        await person.task


async def die(server: ChatServer) -> None:
    """Cut a server off from Redis, as if it were dead: it can neither say nor hear anything."""
    await server.rooms.link.close()


async def test_members_are_those_of_all_servers(serve: Serve, come: Callable):
    a, b = await serve(), await serve()
    ada = await come(a, "Ada")
    bob = await come(b, "Bob")
    assert sorted(bob.welcome["members"]) == ["Ada", "Bob"]
    assert bob.welcome["count"] == 2
    await soon(lambda: ada.events() == [("joined", "Bob")])
    assert ada.members == ["Ada", "Bob"]
    await bob.line.close()
    await soon(lambda: ada.events() == [("joined", "Bob"), ("left", "Bob")])
    assert ada.members == ["Ada"]
    assert ada.count == 1
    assert len(ada.frames) == 3


async def test_what_one_says_all_hear_in_one_order(serve: Serve, come: Callable):
    servers = [await serve() for _ in range(3)]
    people = [await come(server) for server in servers]
    for n in range(20):
        for person in people:
            await person.say(message=f"{person.name}-{n}")
    texts = lambda person: [f["message"] for f in person.frames if "message" in f]  # noqa: E731
    await soon(lambda: all(len(texts(person)) == 60 for person in people))
    assert texts(people[0]) == texts(people[1]) == texts(people[2])
    assert len(set(texts(people[0]))) == 60


async def test_rooms_are_separate(serve: Serve, come: Callable):
    a, b = await serve(), await serve()
    ada = await come(a, "Ada", room="kitchen")
    other = await come(b, "Ada", room="hall")
    bob = await come(b, "Bob", room="kitchen")
    assert other.name == "Ada"
    await ada.say(message="soup")
    await soon(lambda: any("message" in frame for frame in bob.frames))
    assert other.frames == [other.welcome]


@pytest.mark.parametrize("wanted", ["Ada", "ada", LOOKALIKE], ids=["same", "case", "look-alike"])
async def test_a_name_that_is_taken_elsewhere_is_not_given(
    wanted: str, serve: Serve, come: Callable
):
    a, b = await serve(), await serve()
    await come(a, "Ada")
    assert (await come(b, wanted)).name == f"{wanted}-2"
    assert (await come(b, wanted)).name == f"{wanted}-3"


async def test_two_that_want_a_name_at_once_get_two_names(serve: Serve, come: Callable):
    a, b = await serve(), await serve()
    watchers = await come(a, "Watcher"), await come(b, "Onlooker")
    for n in range(15):
        wanted = [(a, "Ada"), (b, LOOKALIKE if n % 3 == 2 else "Ada")][:: (-1) ** n]
        people = await asyncio.gather(*(come(server, name) for server, name in wanted))
        names = sorted(person.name for person in people)
        assert names in ([["Ada", "Ada-2"], ["Ada", f"{LOOKALIKE}-2"], ["Ada-2", LOOKALIKE]])
        for watcher in watchers:
            await soon(
                lambda w=watcher, names=names: (
                    w.members == sorted([*names, "Onlooker", "Watcher"]) and w.count == 4
                )
            )
        for person in people:
            await person.line.close()
        for watcher in watchers:
            await soon(lambda w=watcher: w.members == ["Onlooker", "Watcher"])


async def test_nobody_is_told_that_one_left_who_is_still_there(serve: Serve, come: Callable):
    """Two servers give one name in the same moment; who is second has another one in the end."""
    a, b = await serve(), await serve()
    watcher, onlooker = await come(a, "Watcher"), await come(b, "Onlooker")
    await soon(lambda: watcher.count == 2)
    seen = len(watcher.frames), len(onlooker.frames)
    for n in range(10):
        servers = (a, b)[:: (-1) ** n]
        people = await asyncio.gather(*(come(server, "Ada") for server in servers))
        await soon(lambda: watcher.count == 4 and onlooker.count == 4)
        for person in people:
            await person.line.close()
        await soon(lambda: watcher.count == 2 and onlooker.count == 2)
    for person, start in zip((watcher, onlooker), seen, strict=True):
        here: set[str] = set()
        for frame in person.frames[start:]:
            assert (frame["name"] in frame["members"]) == (frame["event"] == "joined"), frame
            assert (frame["event"] == "joined") == (frame["name"] not in here), frame
            here ^= {frame["name"]}


async def test_who_comes_back_on_another_server_has_its_name_and_nobody_notices(
    serve: Serve, come: Callable, redis_server: RedisServer
):
    a, b, c = await serve(), await serve(), await serve()
    watchers = [await come(server, f"Watcher {n}") for n, server in enumerate((a, b, c))]
    ghost = await come(a, "Ada", client="secret")
    for watcher in watchers:
        await soon(lambda w=watcher: w.count == 4)
    told = [len(watcher.events()) for watcher in watchers]
    for n in range(6):  # back and forth
        ada = await come((b, a)[n % 2], "Ada", client="secret")
        assert ada.name == "Ada"
        assert ada.welcome["count"] == 4
        await asyncio.wait_for(ghost.task, 20)  # it was hung up
        ghost = ada
    await ada.say(message="I am here")
    for n, watcher in enumerate(watchers):
        await soon(lambda w=watcher: "message" in w.frames[-1])
        assert watcher.events()[told[n] :] == []
        assert watcher.count == 4
    async with Redis.from_url(redis_server.url) as redis:
        assert await redis.hlen(names_of("lobby")) == 8
        assert await redis.zscore(ROOMS, "lobby") == 4


async def test_who_moves_to_another_server_neither_left_nor_joined(serve: Serve, come: Callable):
    a, b = await serve(), await serve()
    watcher, onlooker = await come(a, "Watcher"), await come(b, "Onlooker")
    ghost = await come(a, "Ada", client="secret")
    await soon(lambda: watcher.count == 3 and onlooker.count == 3)
    told = [*watcher.events()], [*onlooker.events()]
    await come(b, "Ada", client="secret")
    await asyncio.wait_for(ghost.task, 20)
    cy = await come(a, "Cy")  # what comes after it in every list of news
    assert sorted(cy.welcome["members"]) == ["Ada", "Cy", "Onlooker", "Watcher"]
    await soon(lambda: ("joined", "Cy") in watcher.events())
    await soon(lambda: ("joined", "Cy") in onlooker.events())
    assert watcher.events() == [*told[0], ("joined", "Cy")]
    assert onlooker.events() == [*told[1], ("joined", "Cy")]


async def test_typing_reaches_all_but_the_typist(serve: Serve, come: Callable):
    a, b = await serve(), await serve()
    ada, cy, bob = await come(a, "Ada"), await come(a, "Cy"), await come(b, "Bob")
    await soon(lambda: ada.count == 3)
    await ada.say(event="typing")
    await soon(lambda: bob.events("typing") and cy.events("typing"))
    await bob.say(event="typing")
    await soon(lambda: ("typing", "Bob") in ada.events("typing"))
    assert bob.events("typing") == cy.events("typing")[:1] == [("typing", "Ada")]
    assert ada.events("typing") == [("typing", "Bob")]


async def test_the_rooms_listing_counts_all_servers(serve: Serve, come: Callable):
    a, b = await serve(), await serve()
    ada = await come(a, "Ada", room="kitchen")
    await come(b, "Bob", room="kitchen")
    cy = await come(b, "Cy", room="hall")
    everywhere = {"kitchen": 2, "hall": 1}

    async def ask(person: Person, wanted: dict[str, int]) -> None:
        async with asyncio.timeout(20):
            answer = None
            while answer != wanted:
                asked = len(person.frames)
                await person.say(event="rooms")
                await soon(lambda asked=asked: len(person.frames) > asked)
                answer = person.rooms

    await ask(ada, everywhere)
    await ask(cy, everywhere)
    await cy.line.close()
    await ask(ada, {"kitchen": 2})
    await b.stop()
    await ask(ada, {"kitchen": 1})


async def test_no_more_than_a_hundred_are_named_and_all_are_counted(serve: Serve):
    a, b = await serve(), await serve()
    here, there = a.rooms.enter("lobby"), b.rooms.enter("lobby")
    guests = [Guest() for _ in range(2 * LISTED)]
    for n, guest in enumerate(guests):
        await (here, there)[n % 2].join(guest)
    for room in (here, there):
        await soon(lambda room=room: room.presence()["count"] == 2 * LISTED)
        named = room.presence()["members"]
        assert len(named) == len(set(named)) == LISTED
    assert sorted(guest.frames[0]["name"] for guest in guests) == sorted(
        f"guest-{n}" for n in range(1, 2 * LISTED + 1)
    )
    for room in (here, there):
        for guest in tuple(room.members):
            room.leave(guest)
    await soon(lambda: here.presence()["count"] == there.presence()["count"] == 0)


async def test_who_is_moving_is_named_and_counted_once(serve: Serve):
    room = (await serve()).rooms.enter("lobby")
    for guest in (guests := [Guest("Ada"), Guest("Bob")]):
        await room.join(guest)
    for name in ("Ada", "Cy"):
        room.others.add(Seat("another", name, "", tuple(looks(name))))
    assert room.presence() == {"members": ["Ada", "Bob", "Cy"], "count": 3}
    assert guests[0].events("joined")[-1]["name"] == "Cy"
    for guest in guests:
        room.leave(guest)


async def test_a_server_that_dies_takes_its_people_along(serve: Serve, come: Callable):
    a, b = await serve(), await serve()
    ada, bob = await come(a, "Ada"), await come(b, "Bob")
    await soon(lambda: ada.count == 2)
    await die(b)
    await soon(lambda: ada.members == ["Ada"])
    assert ada.events() == [("joined", "Bob"), ("left", "Bob")]
    assert a.rooms.sizes() == {"lobby": 1}
    bob.line.transport.abort()


async def test_a_server_that_stops_takes_its_people_along_at_once(serve: Serve, come: Callable):
    a, b = await serve(), await serve()
    ada = await come(a, "Ada")
    people = await asyncio.gather(*(come(b) for _ in range(60)))
    await soon(lambda: ada.count == 61)
    await b.stop()
    await soon(lambda: ada.count == 1)
    assert ada.members == ["Ada"]
    for person in people:
        await person.task
        assert person.line.close_code == 1001
    await b.start()
    assert (await come(b, "Bob")).welcome["count"] == 2


async def test_where_redis_was_emptied_all_come_back_and_are_here_again(
    serve: Serve, come: Callable, redis_server: RedisServer
):
    a, b = await serve(), await serve()
    ada, bob = await come(a, "Ada", client="one"), await come(b, "Bob", client="two")
    await ada.say(message="hi")
    await soon(lambda: any("message" in frame for frame in bob.frames))
    old = ada.welcome["log"]
    async with Redis.from_url(redis_server.url) as redis:
        await redis.flushall()
    await asyncio.wait_for(asyncio.gather(ada.task, bob.task), 20)  # both were closed
    ada = await come(a, "Ada", client="one", since=1, log=old)
    bob = await come(b, "Bob", client="two", since=1, log=old)
    for person, name in ((ada, "Ada"), (bob, "Bob")):
        assert person.name == name
        assert person.welcome["missed"]
        assert person.welcome["log"] != old
        await soon(lambda p=person: p.members == ["Ada", "Bob"])
    await ada.say(message="again")
    await soon(lambda: any(frame.get("id") == 1 for frame in bob.frames))


async def test_who_hangs_up_while_its_name_is_claimed_leaves_nothing(
    serve: Serve, come: Callable, redis_server: RedisServer
):
    a, b = await serve(), await serve()
    ada = await come(a, "Ada")
    for _ in range(10):
        url = socket_url(b, name="Bob")
        line = await connect(url, subprotocols=[JSON.subprotocol])
        line.transport.abort()
        room = b.rooms.enter("lobby")
        guest = Guest("Cy")
        joining = asyncio.create_task(b.rooms.enter("lobby").join(guest))
        await asyncio.sleep(0)
        assert guest in room.members
        b.rooms.leave(room, guest)
        await joining
        assert guest.frames == []
    async with Redis.from_url(redis_server.url) as redis, asyncio.timeout(20):
        while await redis.hlen(names_of("lobby")) != 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await soon(lambda: members(b) == [])
    await soon(lambda: ada.members == ["Ada"] and ada.count == 1)
    assert b.rooms.open == {}
    assert b.rooms.roster.rooms == {}


async def test_while_redis_is_away_all_stay_and_who_comes_is_asked_to_come_later(
    serve: Serve, come: Callable, redis_server: RedisServer
):
    a, b = await serve(), await serve()
    ada, bob = await come(a, "Ada"), await come(b, "Bob")
    await soon(lambda: ada.count == 2)
    redis_server.kill()
    late = await come(a, "Cy")
    assert late.frames[0]["error"] == "log_unavailable"
    await late.task
    assert late.line.close_code == 1013
    await bob.line.close()
    redis_server.start()
    await asyncio.wait_for(ada.task, 20)  # this Redis kept nothing: all are asked to come again
    ada = await come(a, "Ada")
    await soon(lambda: ada.members == ["Ada"])
    assert b.rooms.open == {}


async def test_people_come_and_go_where_redis_is_full(come: Callable):
    with RedisServer("none", maxmemory="3mb", maxmemory_policy="noeviction") as redis_server:
        a = await ChatServer(0, log=redis_server.url).start()
        b = await ChatServer(0, log=redis_server.url).start()
        ada = await come(a, "Ada")
        async with Redis.from_url(redis_server.url, decode_responses=True) as redis:
            full = False
            while not full:
                try:
                    await redis.append("filler", "x" * 2000)
                except Exception:
                    full = True
            bob = await come(b, "Bob")
            assert bob.welcome.get("name") == "Bob", bob.welcome
            await soon(lambda: ada.members == ["Ada", "Bob"])
            await bob.say(message="hi", key="1")
            await soon(lambda: any("error" in frame for frame in bob.frames))
            error = bob.frames[-1]
            assert (error["error"], error["key"]) == ("log_unavailable", "1")
            assert error["detail"].startswith("The log has no room left")
            await bob.line.close()
            await soon(lambda: ada.members == ["Ada"])
            await redis.delete("filler")
        await ada.say(message="there is room again")
        await soon(lambda: any(frame.get("id") == 1 for frame in ada.frames))
        await a.stop()
        await b.stop()


async def test_a_room_is_followed_no_more_when_nobody_stays(serve: Serve, come: Callable):
    a = await serve()
    ada = await come(a, "Ada", room="kitchen")
    link = a.rooms.link
    assert len(link.positions) == 3  # the alarm, the messages, the news
    await ada.line.close()
    await soon(lambda: a.rooms.open == {})
    assert a.rooms.roster.rooms == {}
    assert len(link.positions) == len(link.hearers) == 1


async def test_what_is_said_outlives_the_room(serve: Serve, come: Callable):
    a, b = await serve(), await serve()
    ada = await come(a, "Ada")
    await ada.say(message="for later")
    await soon(lambda: any("message" in frame for frame in ada.frames))
    await ada.line.close()
    await soon(lambda: a.rooms.open == {})
    bob = await come(b, "Bob", last=5)
    await soon(lambda: any(frame.get("message") == "for later" for frame in bob.frames))


async def test_there_are_as_many_rooms_as_on_a_server_alone(redis_server: RedisServer):
    assert SharedRooms(redis_server.url).limit == MAX_ROOMS
    rooms = SharedRooms(redis_server.url, 1)
    await Room.admit(rooms.enter("lobby"), Guest("Ada"))
    with pytest.raises(ChatkitError, match="1 rooms already"):
        rooms.check("kitchen")


async def test_no_redis_is_told_in_one_sentence(redis_server: RedisServer):
    redis_server.kill()
    server = ChatServer(0, log=redis_server.url)
    with pytest.raises(ChatkitError, match=r"No Redis answers at redis://127\.0\.0\.1:\d+/0"):
        await server.start()
    redis_server.start()
    await server.start()
    await server.stop()


async def test_what_a_plain_client_says_is_heard_on_the_other_server(serve: Serve):
    a, b = await serve(), await serve()
    async with connect(socket_url(a, name="Ada")) as ada, connect(socket_url(b)) as plain:
        audiences = [server.rooms.enter("lobby").audiences[JSON] for server in (a, b)]
        await soon(lambda: all(audience.channels for audience in audiences))
        await ada.send('{"message": "hi"}')
        async with asyncio.timeout(20):
            frames = [JSON.decode(await line.recv()) for line in (ada, plain)]
        assert frames[0] == frames[1]
        assert frames[0]["name"] == "Ada"
        assert Message(**frames[0]).id == 1
