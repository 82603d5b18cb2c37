import asyncio

import pytest

from chatkit.codecs import TRANSIT
from chatkit.lessons import people_lab
from chatkit.lessons.people_lab import Guest, bot, hear, knock, serve, visit
from chatkit.log import MemoryLog
from chatkit.room import Room
from chatkit.server import ChatServer, make_app


async def test_a_guest_writes_down_what_it_hears_in_its_codec():
    room = Room("lobby", MemoryLog())
    ada, bob = Guest("Ada"), Guest("Bob", TRANSIT)
    for guest in (ada, bob):
        await room.admit(guest)
        room.welcome(guest, 0, missed=False)
    room.typing(ada)
    assert [frame["event"] for frame in ada.frames] == ["welcome", "joined"]
    assert [frame["event"] for frame in bob.frames] == ["welcome", "typing"]


async def test_a_guest_that_has_gone_can_be_a_ghost():
    room = Room("lobby", MemoryLog())
    for mark in ("hers", "hers", "another's"):
        await room.admit(Guest("Ada", mark=mark))
    assert [*room.members.values()] == ["Ada", "Ada-2"]


async def test_a_visitor_hears_the_next_event_of_a_kind(monkeypatch: pytest.MonkeyPatch):
    server = await ChatServer(port=0).start()
    ada = await visit(server.url, "Ada", "python")
    bob = await visit(server.url, "Bob", "python")
    assert (await hear(ada, "joined"))["name"] == "Bob"
    monkeypatch.setattr(people_lab, "PATIENCE", 0.05)
    with pytest.raises(TimeoutError):
        await hear(ada, "typing")
    await ada.close()
    await bob.close()
    await server.stop()


async def test_who_knocks_gets_a_line_and_a_name():
    server = await ChatServer(port=0).start()
    ghost, name = await knock(server.url, "python", name="Ada", client="hers")
    assert name == "Ada"
    line, name = await knock(server.url, "python", name="Ada", client="hers")
    assert name == "Ada"
    async with asyncio.timeout(5):
        while await ghost.read_message() is not None:
            pass
    ghost.close()
    line.close()
    await server.stop()


async def test_the_bot_types_and_then_answers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(people_lab, "THINKING", 0.01)
    server = await ChatServer(port=0).start()
    bob = await bot(server.url, "Bob", "python", "Really, {}?")
    ada = await visit(server.url, "Ada", "python")
    await ada.send("A tuple is faster.")
    assert (await hear(ada, "typing"))["name"] == "Bob"
    assert [(await anext(ada)).message for _ in range(2)] == ["A tuple is faster.", "Really, Ada?"]
    await ada.close()
    await bob.close()
    await server.stop()


async def test_an_app_is_served_on_a_free_port():
    server, url = serve(make_app())
    line, name = await knock(url, "lobby", name="Ada")
    assert name == "Ada"
    line.close()
    server.stop()
    await server.close_all_connections()
