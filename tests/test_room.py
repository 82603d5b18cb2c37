"""A room: names, numbers, and who hears what in which codec."""

import time

import pytest

from chatkit.codecs import JSON, TRANSIT
from chatkit.messages import Message
from chatkit.room import MAX_NAME, Room
from tests.test_broadcaster import Ear, fail


def names_granted(*wanted: str) -> list[str]:
    room = Room()
    return [room.connect(Ear(), JSON, name) for name in wanted]


@pytest.mark.parametrize(
    ("wanted", "granted"),
    [
        (["Ada", "Bob"], ["Ada", "Bob"]),
        (["Ada", "Ada", "Ada"], ["Ada", "Ada-2", "Ada-3"]),
        (["Ada", "ADA"], ["Ada", "ADA-2"]),
        (["Straße", "STRASSE"], ["Straße", "STRASSE-2"]),
        (["Ada-2", "Ada", "Ada"], ["Ada-2", "Ada", "Ada-3"]),
        (["Ada-2", "Ada-2", "Ada-2"], ["Ada-2", "Ada-3", "Ada-4"]),
        (["", "", "  "], ["guest-1", "guest-2", "guest-3"]),
        (["guest-1", ""], ["guest-1", "guest-2"]),
        ([" Ada \t Lovelace\n"], ["Ada Lovelace"]),
        (["x" * (MAX_NAME + 1)], ["x" * MAX_NAME]),
    ],
)
def test_names_are_unique_and_tidy(wanted: list[str], granted: list[str]):
    assert names_granted(*wanted) == granted


def test_a_name_is_free_again_when_its_owner_left():
    room = Room()
    ada = Ear()
    room.connect(ada, JSON, "Ada")
    room.disconnect(ada)
    assert room.connect(Ear(), JSON, "Ada") == "Ada"


def test_leaving_twice_is_no_error():
    room, ada = Room(), Ear()
    room.connect(ada, JSON)
    room.disconnect(ada)
    room.disconnect(ada)
    assert room.members == {}


def test_messages_are_numbered_signed_and_dated():
    room, ada, bob = Room(), Ear(), Ear()
    room.connect(ada, JSON, "Ada")
    room.connect(bob, JSON, "Bob")
    before = time.time()
    sent = [room.send(ada, Message("one")), room.send(bob, Message("two"))]
    assert [(told.id, told.name, told.message) for told in sent] == [
        (1, "Ada", "one"),
        (2, "Bob", "two"),
    ]
    assert before <= sent[0].time <= sent[1].time <= time.time()


def test_nobody_can_forge_a_name_a_number_or_a_date_and_the_key_comes_back():
    room, ada = Room(), Ear()
    room.connect(ada, JSON, "Ada")
    told = room.send(ada, Message("hi", id=99, name="Bob", time=1.0, key="k1"))
    assert (told.id, told.name, told.key) == (1, "Ada", "k1")
    assert told.time > 1.0


def test_everyone_hears_each_in_their_own_codec():
    room, ada, bob = Room(), Ear(), Ear()
    room.connect(ada, JSON, "Ada")
    room.connect(bob, TRANSIT, "Bob")
    told = room.send(ada, Message("hi"))
    assert ada.heard == [JSON.encode(told)]
    assert bob.heard == [TRANSIT.encode(told)]


def test_one_who_left_hears_no_more():
    room, ada, bob = Room(), Ear(), Ear()
    room.connect(ada, JSON)
    room.connect(bob, TRANSIT)
    room.disconnect(bob)
    room.send(ada, Message("hi"))
    assert bob.heard == []


def test_a_member_that_fails_is_closed_and_the_rest_hear():
    room, ada, bob, eve = Room(), Ear(), Ear(fail), Ear()
    for ear, codec in ((ada, JSON), (bob, JSON), (eve, TRANSIT)):
        room.connect(ear, codec)
    room.send(ada, Message("hi"))
    assert bob.closed
    assert len(ada.heard) == len(eve.heard) == 1


def test_an_event_is_told_to_all():
    room, ada, bob = Room(), Ear(), Ear()
    room.connect(ada, JSON)
    room.connect(bob, TRANSIT)
    room.notify({"event": "ping"})
    assert (ada.heard, bob.heard) == (['{"event":"ping"}'], ['["^ ","~:event","ping"]'])
