"""A room: who is here, what is said, who hears what in which codec; and the rooms of a server."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chatkit.broadcaster import SLICE
from chatkit.codecs import CODECS, JSON, TRANSIT, Codec
from chatkit.guide.frames import read_frames, text_frame
from chatkit.log import LogError, MemoryLog, SqliteLog
from chatkit.messages import Entry, FrameError, Message
from chatkit.room import CHUNK, LISTED, Room, Rooms, confirmation, where_to_start
from tests.conftest import until
from tests.test_broadcaster import Ear, fail, growth


class Guest(Ear):
    """A visitor that keeps the frames that it hears, decoded."""

    rate = 20.0

    def __init__(
        self, name: str = "", codec: Codec = JSON, *, events: bool = True, deed=None, **asked: Any
    ) -> None:
        super().__init__(deed or (lambda: None))
        self.codec = codec
        self.entry = Entry(name=name, **asked)
        self.hears_events = events
        self.drained = 0

    def tell(self, frame: Message | Mapping[str, Any]) -> None:
        self.heard.append(text_frame(self.codec.encode(frame)))

    async def drain(self) -> None:
        self.drained += 1
        await asyncio.sleep(0)

    @property
    def frames(self) -> list[Any]:
        frames, rest = read_frames(b"".join(self.heard))
        assert rest == b""
        return [self.codec.decode(frame.payload) for frame in frames]

    @property
    def texts(self) -> list[str]:
        return [frame["message"] for frame in self.frames if "message" in frame]

    def events(self, kind: str) -> list[Any]:
        return [frame for frame in self.frames if frame.get("event") == kind]


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def room(log: MemoryLog) -> Room:
    return Room("lobby", log)


async def come(room: Room, *guests: Guest) -> None:
    for guest in guests:
        await room.join(guest)


async def said(room: Room, guest: Guest, *messages: Message) -> None:
    """Send messages and let the room's turn pass."""
    for message in messages:
        room.send(guest, message)
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_names_are_unique_in_the_room(room: Room):
    await come(room, *(Guest(name) for name in ("Ada", " ADA ", "", "")))
    assert list(room.members.values()) == ["Ada", "ADA-2", "guest-1", "guest-2"]


async def test_a_name_is_free_again_when_its_owner_left(room: Room):
    ada = Guest("Ada")
    await come(room, ada)
    room.leave(ada)
    await come(room, Guest("Ada"))
    assert list(room.members.values()) == ["Ada"]
    assert len(room.looks) == 2


async def test_leaving_twice_is_no_error_and_is_told_once(room: Room):
    ada, bob = Guest("Ada"), Guest("Bob")
    await come(room, ada, bob)
    room.leave(ada)
    room.leave(ada)
    assert [*room.members] == [bob]
    assert [event["name"] for event in bob.events("left")] == ["Ada"]


async def test_one_who_comes_is_welcomed_and_the_others_are_told(room: Room, log: MemoryLog):
    ada, bob = Guest("Ada"), Guest("Bob")
    await come(room, ada, bob)
    here = {"members": ["Ada", "Bob"], "count": 2}
    assert ada.frames[1:] == [{"event": "joined", "name": "Bob"} | here]
    [welcome] = bob.frames
    assert welcome == here | {
        "event": "welcome",
        "room": "lobby",
        "name": "Bob",
        "since": 0,
        "last": 0,
        "log": log.identity,
        "missed": False,
        "rate": 20.0,
    }


async def test_typing_is_told_to_the_others_alone(room: Room):
    ada, bob, eve = Guest("Ada"), Guest("Bob", TRANSIT), Guest("Eve", events=False)
    await come(room, ada, bob, eve)
    room.typing(ada)
    assert bob.frames[-1] == {"event": "typing", "name": "Ada"}
    assert ada.events("typing") == []
    assert eve.heard == []


async def test_one_without_events_hears_messages_alone(room: Room):
    ada, eve = Guest("Ada"), Guest("Eve", events=False)
    await come(room, eve, ada)
    await said(room, ada, Message("hi"))
    room.leave(ada)
    assert [frame["message"] for frame in eve.frames] == ["hi"]


async def test_a_crowd_is_counted_and_only_its_first_hundred_are_named(room: Room):
    crowd = [Guest() for _ in range(LISTED + 5)]
    await come(room, *crowd)
    for event in (crowd[-1].frames[0], crowd[0].frames[-1]):
        assert event["members"] == [f"guest-{number}" for number in range(1, LISTED + 1)]
        assert event["count"] == LISTED + 5
    assert crowd[-1].frames[0]["name"] == f"guest-{LISTED + 5}"


async def test_messages_are_numbered_signed_and_dated(room: Room):
    ada, bob = Guest("Ada"), Guest("Bob")
    await come(room, ada, bob)
    before = time.time()
    await said(room, ada, Message("one"))
    await said(room, bob, Message("two"))
    one, two = bob.frames[-2:]
    assert [(told["id"], told["name"], told["message"]) for told in (one, two)] == [
        (1, "Ada", "one"),
        (2, "Bob", "two"),
    ]
    assert before <= one["time"] <= two["time"] <= time.time()


async def test_nobody_can_forge_a_name_a_number_or_a_date_and_the_key_comes_back(room: Room):
    ada = Guest("Ada")
    await come(room, ada)
    await said(room, ada, Message("hi", id=99, name="Bob", time=1.0, key="k1"))
    told = ada.frames[-1]
    assert (told["id"], told["name"], told["key"]) == (1, "Ada", "k1")
    assert told["time"] > 1.0


async def test_what_arrives_in_one_turn_is_one_append(
    room: Room, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
):
    batches = []
    append = log.append
    monkeypatch.setattr(
        log, "append", lambda name, batch: batches.append(batch) or append(name, batch)
    )
    ada, bob = Guest("Ada"), Guest("Bob")
    await come(room, ada, bob)
    room.send(bob, Message("one"))
    await said(room, ada, Message("two"), Message("three"))
    assert [[message.message for message in batch] for batch in batches] == [
        ["one", "two", "three"]
    ]
    assert ada.texts == bob.texts == ["one", "two", "three"]


async def test_one_who_left_hears_no_more(room: Room):
    ada, bob = Guest("Ada"), Guest("Bob", TRANSIT)
    await come(room, ada, bob)
    room.leave(bob)
    await said(room, ada, Message("hi"))
    assert bob.texts == []


async def test_what_one_sent_before_leaving_is_still_said(room: Room):
    ada, bob = Guest("Ada"), Guest("Bob")
    await come(room, ada, bob)
    room.send(ada, Message("bye"))
    room.leave(ada)
    await said(room, bob)
    assert bob.texts == ["bye"]


async def test_a_member_that_fails_is_closed_and_the_rest_hear(room: Room):
    ada, bob, eve = Guest("Ada"), Guest("Bob", deed=fail), Guest("Eve", TRANSIT)
    await come(room, ada, bob, eve)
    await said(room, ada, Message("hi"))
    assert bob.closed
    assert ada.texts == eve.texts == ["hi"]


async def test_the_same_key_is_confirmed_to_its_sender_alone(room: Room):
    ada, bob = Guest("Ada"), Guest("Bob")
    await come(room, ada, bob)
    for _ in range(3):
        await said(room, ada, Message("hi", key="k1"))
    assert [frame["id"] for frame in ada.frames if "message" in frame] == [1, 1, 1]
    assert bob.texts == ["hi"]


def test_another_text_under_a_key_that_is_taken_is_an_error():
    earlier = Message("hi", 1, "Ada", 1.0, "k1")
    assert confirmation(Message("hi", key="k1"), earlier) is earlier
    told = confirmation(Message("ho", key="k1"), earlier)
    assert (told["error"], told["key"]) == ("key_taken", "k1")


async def test_a_log_that_fails_is_told_to_the_sender_with_the_key(room: Room, log: MemoryLog):
    def refuse(name: str, batch: Any) -> asyncio.Future:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(LogError("The disk is full."))
        return future

    ada, bob = Guest("Ada"), Guest("Bob")
    await come(room, ada, bob)
    log.append = refuse
    await said(room, ada, Message("hi", key="k1"))
    assert ada.frames[-1] == {
        "error": "log_unavailable",
        "detail": "The disk is full.",
        "key": "k1",
    }
    assert bob.texts == []
    del log.append
    await said(room, ada, Message("hi", key="k1"))
    assert ada.texts == bob.texts == ["hi"]


@pytest.mark.parametrize(
    ("entry", "common", "after", "missed"),
    [
        (Entry(), 30, 30, False),
        (Entry(last=5), 30, 25, False),
        (Entry(last=1000), 30, 10, False),
        (Entry(since=20), 30, 20, False),
        (Entry(since=30), 30, 30, False),
        (Entry(since=10), 30, 10, False),
        (Entry(since=9), 30, 10, True),
        (Entry(since=0), 30, 10, True),
        (Entry(since=20, last=5), 30, 20, False),
        (Entry(since=31), 30, 30, True),
        (Entry(since=20), 20, 20, False),
        (Entry(since=21), 20, 20, True),
        (Entry(since=20), 5, 10, True),
        (Entry(since=20), 0, 10, True),
    ],
    ids=repr,
)
def test_where_a_client_reads_on(entry: Entry, common: int, after: int, missed: bool):
    """Of thirty messages the first ten are gone; up to `common` they are what the client saw."""
    assert where_to_start(entry, oldest=11, newest=30, common=common) == (after, missed)


def test_of_an_empty_log_nothing_is_missed():
    assert where_to_start(Entry(), 1, 0, 0) == (0, False)
    assert where_to_start(Entry(since=0), 1, 0, 0) == (0, False)
    assert where_to_start(Entry(last=10), 1, 0, 0) == (0, False)


async def test_who_saw_another_log_is_sent_what_the_two_have_not_in_common(
    room: Room, log: MemoryLog
):
    asked: list[tuple[str, str]] = []

    async def common(name: str, identity: str) -> int:
        asked.append((name, identity))
        return 2

    log.common = common
    await log.append("lobby", [Message(text) for text in "abcde"])
    await come(
        room,
        same := Guest(since=4, log=log.identity),
        unsure := Guest(since=4),
        ahead := Guest(since=4, log="other"),
        behind := Guest(since=1, log="other"),
    )
    guests = (same, unsure, ahead, behind)
    assert ["".join(guest.texts) for guest in guests] == ["e", "e", "cde", "bcde"]
    missed = [guest.events("welcome")[0]["missed"] for guest in guests]
    assert missed == [False, False, True, True]
    assert asked == [("lobby", "other")] * 2


async def test_a_log_in_memory_has_nothing_in_common_with_another(room: Room, log: MemoryLog):
    await log.append("lobby", [Message(text) for text in "abc"])
    await come(room, guest := Guest(since=2, log="other"))
    assert guest.texts == ["a", "b", "c"]


async def test_one_who_comes_back_gets_what_it_missed_in_portions_and_then_the_rest(room: Room):
    ada, bob = Guest("Ada"), Guest("Bob", since=3)
    await come(room, ada)
    await said(room, ada, *(Message(f"{n}") for n in range(1, 3 * CHUNK + 1)))
    coming = asyncio.create_task(room.join(bob))
    await until(lambda: bob.drained == 2)
    await said(room, ada, Message("meanwhile"))
    await coming
    await said(room, ada, Message("and then"))
    wanted = [*(f"{n}" for n in range(4, 3 * CHUNK + 1)), "meanwhile", "and then"]
    assert bob.texts == wanted
    assert [frame["id"] for frame in bob.frames if "id" in frame] == [*range(4, len(wanted) + 4)]


async def test_one_who_leaves_while_it_catches_up_is_sent_no_more(room: Room):
    ada, bob = Guest("Ada"), Guest("Bob", since=0)
    await come(room, ada)
    await said(room, ada, *(Message(f"{n}") for n in range(3 * CHUNK)))
    coming = asyncio.create_task(room.join(bob))
    await until(lambda: bob.drained)
    room.leave(bob)
    await coming
    await said(room, ada, Message("more"))
    assert len(bob.texts) == CHUNK


async def test_one_that_the_log_runs_away_from_is_told(log: MemoryLog):
    room = Room("lobby", MemoryLog(kept=10))
    ada, bob = Guest("Ada"), Guest("Bob", since=0)
    await come(room, ada)
    await said(room, ada, *(Message(f"{n}") for n in range(10)))

    async def much_is_said() -> None:
        if bob.drained == 0:
            bob.drained = 1
            await said(room, ada, *(Message("more") for _ in range(20)))

    bob.drain = much_is_said
    with pytest.raises(LogError, match="come back for the rest"):
        await room.join(bob)


async def test_one_who_comes_back_takes_its_name_from_its_own_ghost(room: Room):
    ghost, bob = Guest("Ada", client="secret"), Guest("Bob")
    await come(room, ghost, bob)
    await come(room, back := Guest("Ada", client="secret"))
    assert ghost.closed
    assert room.members == {bob: "Bob", back: "Ada"}
    room.leave(ghost)  # as its socket does once the close is through
    assert room.members == {bob: "Bob", back: "Ada"}
    assert len(room.looks) == 4
    assert [frame["event"] for frame in bob.frames[1:]] == ["left", "joined"]


@pytest.mark.parametrize("marks", [("secret", "other"), ("secret", ""), ("", "")], ids=repr)
async def test_a_stranger_does_not_take_a_name(room: Room, marks: tuple[str, str]):
    ada, other = (Guest("Ada", client=mark) for mark in marks)
    await come(room, ada, other)
    assert not ada.closed
    assert room.members == {ada: "Ada", other: "Ada-2"}


async def test_a_ghost_that_still_talks_is_not_heard(room: Room):
    ghost, bob = Guest("Ada", client="secret"), Guest("Bob")
    await come(room, ghost, bob, Guest("Ada", client="secret"))
    await said(room, ghost, Message("boo", key="k1"))
    room.typing(ghost)
    assert bob.texts == []
    assert bob.events("typing") == []
    assert ghost.frames[-1]["event"] != "error"


def test_500_visits_leave_no_trace():
    rooms = Rooms()

    async def visits(times: int) -> None:
        for number in range(times):
            guest = Guest(f"guest {number}", client=f"mark {number}")
            room = rooms.enter(f"room-{number % 7}")
            await room.join(guest)
            rooms.leave(room, guest)

    assert growth(lambda times: asyncio.run(visits(times)), 500) < 2000
    assert rooms.open == {}
    assert rooms.log.shelves == rooms.log.of == {}


@pytest.fixture
def rooms() -> Rooms:
    return Rooms(limit=3)


async def enter(rooms: Rooms, name: str, *guests: Guest) -> Room:
    rooms.check(name)
    room = rooms.enter(name)
    await come(room, *guests)
    return room


async def test_rooms_do_not_mix(rooms: Rooms):
    ada, bob = Guest("Ada"), Guest("Ada", TRANSIT)
    lobby, kitchen = await enter(rooms, "lobby", ada), await enter(rooms, "kitchen", bob)
    await said(lobby, ada, Message("one"), Message("two"))
    await said(kitchen, bob, Message("three"))
    assert (ada.texts, bob.texts) == (["one", "two"], ["three"])
    assert bob.frames[-1]["id"] == 1
    assert lobby.members[ada] == kitchen.members[bob] == "Ada"
    lobby.leave(ada)
    assert bob.events("left") == []


async def test_a_room_that_nobody_stays_in_is_forgotten(rooms: Rooms):
    ada = Guest()
    room = await enter(rooms, "kitchen", ada)
    rooms.leave(room, ada)
    assert rooms.open == {}
    assert rooms.log.of == {}


async def test_a_room_in_which_something_was_said_is_kept_with_its_messages(rooms: Rooms):
    ada, bob = Guest(), Guest(since=0)
    room = await enter(rooms, "kitchen", ada)
    await said(room, ada, Message("hi"))
    rooms.leave(room, ada)
    assert await enter(rooms, "kitchen", bob) is room
    assert bob.texts == ["hi"]


async def test_a_room_whose_log_lasts_is_forgotten_and_found_again(tmp_path: Path):
    rooms = Rooms(SqliteLog(str(tmp_path / "chat.db")))
    await rooms.start()
    ada, bob = Guest(), Guest(since=0)
    room = await enter(rooms, "kitchen", ada)
    await said(room, ada, Message("hi"))
    rooms.leave(room, ada)
    assert rooms.open == {}
    again = await enter(rooms, "kitchen", bob)
    assert again is not room
    assert bob.texts == ["hi"]
    await said(again, bob, Message("ho"))
    await until(lambda: [frame["id"] for frame in bob.frames if "id" in frame] == [1, 2])
    await rooms.stop()


async def test_where_there_are_too_many_the_room_left_longest_ago_makes_way(rooms: Rooms):
    guests = {name: Guest() for name in "abc"}
    for name, guest in guests.items():
        await said(await enter(rooms, name, guest), guest, Message("hi"))
    for name in "bac":
        rooms.leave(rooms.open[name], guests[name])
    await enter(rooms, "a", guests["a"])
    await enter(rooms, "d", Guest())
    assert {*rooms.open} == {"a", "c", "d"}
    assert rooms.log.shelves.keys() == {"a", "c"}
    assert rooms.log.of.keys() == {"a", "c", "d"}


async def test_who_remembers_a_forgotten_room_is_told_that_something_is_missing():
    rooms = Rooms(limit=1)
    ada, bob = Guest(), Guest(since=2, log=rooms.log.identity)
    room = await enter(rooms, "kitchen", ada)
    await said(room, ada, Message("one"), Message("two"))
    rooms.leave(room, ada)
    await enter(rooms, "hall", ada)
    rooms.leave(rooms.open["hall"], ada)
    room = await enter(rooms, "kitchen", ada, bob)
    assert bob.events("welcome")[0]["missed"]
    await said(room, ada, Message("three"))
    assert bob.frames[-1]["id"] == 3  # not 1 or 2, which bob would take for what he knows


async def test_who_leaves_with_the_last_word_leaves_it_in_a_room(rooms: Rooms):
    ada, bob = Guest(), Guest(since=0)
    room = await enter(rooms, "kitchen", ada)
    room.send(ada, Message("bye"))
    rooms.leave(room, ada)
    await until(lambda: rooms.log.shelves)
    assert rooms.log.of.keys() == rooms.open.keys() == {"kitchen"}
    await enter(rooms, "kitchen", bob)
    assert bob.texts == ["bye"]


async def test_what_comes_while_a_crowd_is_told_goes_out_together(room: Room):
    crowd = [Guest(events=False) for _ in range(2 * SLICE + 1)]
    await come(room, *crowd)
    rounds = room.audiences[JSON].rounds
    for text in "abcde":  # as another server would
        room.log.append(room.name, [Message(text)])
        assert len(rounds) == 1
    await room.settle()
    assert [guest.texts for guest in crowd] == [[*"abcde"]] * len(crowd)
    assert {len(guest.heard) for guest in crowd} == {2}  # "a", and the rest in one write


async def test_who_comes_while_a_crowd_is_told_hears_everything_once(room: Room):
    crowd = [Guest(events=False) for _ in range(2 * SLICE + 1)]
    await come(room, *crowd)
    for text in "abc":
        room.log.append(room.name, [Message(text)])
    bob = Guest(events=False, since=0)
    await come(room, bob)
    room.log.append(room.name, [Message("d")])
    await room.settle()
    assert bob.texts == [*"abcd"]
    assert [guest.texts for guest in crowd] == [[*"abcd"]] * len(crowd)


async def test_who_leaves_a_lasting_room_with_the_last_word_leaves_no_room(tmp_path: Path):
    rooms = Rooms(SqliteLog(str(tmp_path / "chat.db")))
    await rooms.start()
    ada, bob = Guest(), Guest(since=0)
    room = await enter(rooms, "kitchen", ada)
    room.send(ada, Message("bye"))
    rooms.leave(room, ada)
    assert rooms.open == {}
    await room.settle()
    await enter(rooms, "kitchen", bob)
    assert bob.texts == ["bye"]
    await rooms.stop()


async def test_one_who_leaves_late_does_not_close_the_room_that_came_after(rooms: Rooms):
    ada, bob = Guest(), Guest()
    before = await enter(rooms, "kitchen", ada)
    rooms.leave(before, ada)
    after = await enter(rooms, "kitchen", bob)
    rooms.leave(before, ada)
    assert rooms.open == {"kitchen": after}


async def test_a_room_too_many_is_refused_and_those_that_are_stay_open(rooms: Rooms):
    for name in ("a", "b", "c"):
        await enter(rooms, name, Guest())
    with pytest.raises(FrameError, match=r"^There are 3 rooms already: choose one of them\.$"):
        rooms.check("d")
    rooms.check("a")


async def test_the_list_of_rooms_names_the_fullest_first_and_not_more_than_a_hundred():
    rooms = Rooms()
    await enter(rooms, "small", Guest())
    await enter(rooms, "big", Guest(), Guest(), Guest())
    await enter(rooms, "also", Guest())
    listing = rooms.listing()
    assert listing["event"] == "rooms"
    assert [*listing["rooms"].items()] == [("big", 3), ("also", 1), ("small", 1)]
    for number in range(LISTED):
        await enter(rooms, f"r{number}", Guest())
    assert len(rooms.listing()["rooms"]) == LISTED
    assert next(iter(rooms.listing()["rooms"])) == "big"


async def test_each_codec_in_use_encodes_once_and_one_without_listeners_never(
    monkeypatch: pytest.MonkeyPatch,
):
    counts = dict.fromkeys(CODECS, 0)

    def counting(name: str) -> Any:
        encode = CODECS[name].encode

        def count(frame: Any) -> bytes:
            counts[name] += 1
            return encode(frame)

        return count

    for name, codec in CODECS.items():
        monkeypatch.setattr(codec, "encode", counting(name))
    room = Room("lobby", MemoryLog())
    quiet = [Guest(events=False) for _ in range(3)]
    await come(room, *quiet)
    await said(room, quiet[0], Message("one"))
    assert counts == {"json": 1, "transit": 0}
    more = [Guest(codec=TRANSIT, events=False) for _ in range(3)]
    await come(room, *more)
    await said(room, more[0], Message("two"))
    assert counts == {"json": 2, "transit": 1}
    assert [guest.texts for guest in (*quiet, *more)] == [["one", "two"]] * 3 + [["two"]] * 3


async def test_who_tells_that_somebody_types_may_be_elsewhere(room: Room):
    ada, bob = Guest("Ada"), Guest("Bob")
    await come(room, ada, bob)
    room.show_typing("Cy")
    assert ada.events("typing") == bob.events("typing") == [{"event": "typing", "name": "Cy"}]
    room.show_typing("Ada", ada)
    assert len(ada.events("typing")) == 1
    assert len(bob.events("typing")) == 2


async def test_a_room_may_ask_more_of_a_name(room: Room):
    """A room on several servers does: a name may be taken elsewhere."""
    room.free = lambda visitor, name: name not in ("Ada", "Ada-2")
    await come(room, ada := Guest("Ada"))
    assert room.members[ada] == "Ada-3"


async def test_a_closed_room_follows_the_log_no_more(room: Room, log: MemoryLog):
    await come(room, ada := Guest("Ada"))
    room.close()
    await log.append("lobby", [Message("hi")])
    assert ada.texts == []
    assert log.of == {}


async def test_who_leaves_while_it_is_let_in_is_not_welcomed(log: MemoryLog):
    """Names may take a while to be had."""

    class Slow(Room):
        async def admit(self, visitor: Any) -> None:
            await super().admit(visitor)
            await asyncio.sleep(0)

    room, ada = Slow("lobby", log), Guest("Ada")
    await log.append("lobby", [Message("before")])
    joining = asyncio.create_task(room.join(ada))
    await asyncio.sleep(0)
    assert [*room.members] == [ada]
    room.leave(ada)
    await joining
    assert ada.heard == []
    assert not any(group.channels for group in (*room.audiences.values(), *room.watchers.values()))


async def test_rooms_count_all_and_make_rooms_of_their_own_kind():
    class Kitchen(Room):
        pass

    class Kitchens(Rooms):
        def make(self, name: str) -> Room:
            return Kitchen(name, self.log)

        def sizes(self) -> Mapping[str, int]:
            return {**super().sizes(), "elsewhere": 7}

    rooms = Kitchens()
    await come(rooms.enter("here"), Guest("Ada"))
    assert type(rooms.enter("here")) is Kitchen
    assert rooms.listing() == {"event": "rooms", "rooms": {"elsewhere": 7, "here": 1}}
    assert list(rooms.listing()["rooms"]) == ["elsewhere", "here"]


async def test_rooms_open_and_close_their_log():
    done: list[str] = []

    class Noted(MemoryLog):
        async def open(self) -> None:
            done.append("open")

        async def close(self) -> None:
            done.append("close")

    rooms = Rooms(Noted())
    await rooms.start()
    await rooms.stop()
    assert done == ["open", "close"]
