"""The laboratory of lesson 09: a line, a server process, a disk, a tally; and its checks."""

import asyncio

import pytest

from chatkit.client import ChatClient
from chatkit.lessons.failure_lab import Heard, LabServer, Line, ServerProcess, Tally, until
from chatkit.log import MemoryLog
from chatkit.room import Room
from chatkit.server import ChatServer


async def heard_by(client: ChatClient) -> str:
    async with asyncio.timeout(5):
        return (await anext(client)).message


async def test_a_line_passes_on_until_it_is_cut_and_again_when_it_is_mended(server: ChatServer):
    line = await Line(server.url).open()
    async with ChatClient(line.url, "Ada") as ada:
        await ada.send("whole")
        assert await heard_by(ada) == "whole"
        line.cut()
        assert await until(lambda: ada.state == "cut off", 5)
        await ada.send("cut")
        line.mend()
        assert await heard_by(ada) == "cut"
    line.close()


@pytest.mark.parametrize(("way", "grace_hears"), [("there", False), ("back", True)])
async def test_a_line_loses_what_goes_one_way(server: ChatServer, way: str, grace_hears: bool):
    line = await Line(server.url).open()
    async with ChatClient(line.url, "Ada") as ada, ChatClient(server.url, "Grace") as grace:
        line.lose(way)
        await ada.send("lost")
        assert await until(lambda: not grace.inbox.empty(), 0.5) == grace_hears
        assert ada.inbox.empty()
        line.cut()
        line.mend()
        assert await heard_by(ada) == "lost"  # the outbox sent it again, or catching up brought it
        assert await heard_by(grace) == "lost"
        assert grace.inbox.empty()
    line.close()


async def test_a_server_process_is_killed_when_enough_was_heard_and_comes_back_at_its_port(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("CHATKIT_TOKEN", "secret")  # that is for other servers
    server = await ServerProcess().start()
    url, heard = server.url, Heard(server, {2})
    heard.append("one")
    assert server.crashes == 0
    heard.append("two")
    await server.ready()
    assert (server.crashes, server.url, server.runs) == (1, url, True)
    server.kill()
    assert not server.runs


async def test_a_server_process_ends_when_its_input_does():
    server = await ServerProcess().start()
    assert server.process is not None
    assert server.process.stdin is not None
    server.process.stdin.close()  # as the end of the kernel does
    assert await asyncio.to_thread(server.process.wait, 10) == 0
    server.kill()


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        ("abc", "3 sent: 3 once, 0 lost, 0 doubled"),
        ("ac", "3 sent: 2 once, 1 lost, 0 doubled"),
        ("abbc", "3 sent: 2 once, 0 lost, 1 doubled"),
        ("acb", "3 sent: 3 once, 0 lost, 0 doubled, not in order"),
    ],
)
def test_a_tally_counts(heard: str, words: str):
    assert repr(Tally([*"abc"], [*heard])) == words


def test_a_tally_draws_runs_and_escapes_texts():
    many = Tally([str(n) for n in range(250)], [str(n) for n in range(150)])
    assert many.bundle["text/html"].count("<rect") == 4
    assert "&lt;b&gt;" in Tally(["<b>"], []).bundle["text/html"]


class OwnRoom(Room):
    """A room of the reader's."""


async def test_a_lab_server_has_rooms_and_a_log_of_the_readers_own():
    log = MemoryLog()
    async with LabServer(log, OwnRoom) as server, ChatClient(server.url, "Ada") as ada:
        await ada.send("hi")
        assert await heard_by(ada) == "hi"
        assert isinstance(server.rooms.open["lobby"], OwnRoom)
    assert [message.message for message in await log.read("lobby", 0, 10)] == ["hi"]
