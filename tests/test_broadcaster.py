"""The broadcaster for a crowd: who receives, who is dropped, and that nobody is remembered."""

import gc
import tracemalloc

import pytest
from websockets.asyncio.client import connect

from chatkit.broadcaster import FairBroadcaster
from chatkit.guide.broadcaster import Broadcaster
from chatkit.server import ChatServer
from tests.conftest import Join, hear, members, say, socket_url, until
from tests.faults import BareClient

MANY = 20_000


class Ear:
    """A channel that keeps what it hears; `hears` may also be a fault or a deed."""

    def __init__(self, deed=lambda: None):
        self.deed = deed
        self.heard = []
        self.closed = False

    def send(self, frames):
        self.deed()
        self.heard.append(frames)

    def close(self):
        self.closed = True


def fail():
    raise OSError("broken pipe")


@pytest.fixture(params=[Broadcaster, FairBroadcaster])
def broadcaster(request: pytest.FixtureRequest) -> Broadcaster:
    """Either kind: to a few channels they do the same."""
    return request.param()


def connect_all(broadcaster: Broadcaster, *ears: Ear) -> None:
    for ear in ears:
        broadcaster.connect(ear)


def test_every_channel_hears_each_text_once_and_in_order(broadcaster: Broadcaster):
    ears = [Ear(), Ear()]
    connect_all(broadcaster, *ears)
    broadcaster.notify_clients(b"one")
    broadcaster.notify_clients(b"two")
    assert [ear.heard for ear in ears] == [[b"one", b"two"]] * 2


def test_a_channel_that_connects_twice_hears_once(broadcaster: Broadcaster):
    ear = Ear()
    connect_all(broadcaster, ear, ear)
    broadcaster.notify_clients(b"one")
    assert ear.heard == [b"one"]


def test_all_hear_but_for_the_one_that_is_left_out():
    broadcaster = FairBroadcaster()
    ears = [Ear(), Ear(), Ear()]
    connect_all(broadcaster, *ears)
    broadcaster.notify_clients(b"one", but=ears[1])
    broadcaster.notify_clients(b"two", but=Ear())
    assert [ear.heard for ear in ears] == [[b"one", b"two"], [b"two"], [b"one", b"two"]]


def test_a_channel_that_left_hears_no_more_and_may_leave_again(broadcaster: Broadcaster):
    ear = Ear()
    connect_all(broadcaster, ear)
    broadcaster.disconnect(ear)
    broadcaster.disconnect(ear)
    broadcaster.notify_clients(b"one")
    assert ear.heard == []


def test_a_failing_channel_is_dropped_and_closed_and_the_rest_hear(broadcaster: Broadcaster):
    bad, good = [Ear(fail) for _ in range(5)], [Ear() for _ in range(5)]
    connect_all(broadcaster, *bad, *good)
    broadcaster.notify_clients(b"one")
    assert broadcaster.channels == set(good)
    assert all(ear.heard == [b"one"] and not ear.closed for ear in good)
    assert all(ear.closed for ear in bad)


def test_a_channel_that_can_not_even_be_closed_silences_nobody(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
):
    bad, good = [Ear(fail) for _ in range(5)], [Ear() for _ in range(5)]
    for ear in bad:
        monkeypatch.setattr(ear, "close", fail)
    connect_all(broadcaster, *bad, *good)
    broadcaster.notify_clients(b"one")
    assert broadcaster.channels == set(good)
    assert all(ear.heard == [b"one"] for ear in good)


def test_channels_may_come_and_go_during_a_broadcast(broadcaster: Broadcaster):
    late = Ear()
    coming = Ear(lambda: broadcaster.connect(late))
    going = Ear(lambda: broadcaster.disconnect(going))
    connect_all(broadcaster, coming, going, *(Ear() for _ in range(10)))
    broadcaster.notify_clients(b"one")
    assert late in broadcaster.channels
    assert going not in broadcaster.channels
    assert all(ear.heard == [b"one"] for ear in broadcaster.channels - {late})


def test_20_000_connects_and_disconnects_leave_no_trace(broadcaster: Broadcaster):
    def come_and_go(times: int) -> None:
        for _ in range(times):
            ear = Ear()
            broadcaster.connect(ear)
            broadcaster.disconnect(ear)

    assert growth(come_and_go, MANY) < 1000
    assert broadcaster.channels == set()


def growth(come_and_go, times: int) -> int:
    """The bytes that many visits leave behind, after one visit that may fill caches."""
    come_and_go(1)
    gc.collect()
    tracemalloc.start()
    try:
        come_and_go(10)
        before, _ = tracemalloc.get_traced_memory()
        come_and_go(times)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after - before


async def test_real_sockets_that_came_and_went_leave_no_trace(server: ChatServer):
    server.log.kept = 10  # the log has a bound of its own

    async def come_and_go(times: int) -> None:
        for _ in range(times):
            async with connect(socket_url(server, name="Ada")) as client:
                await say(client, "hi")
                await client.recv()
        await until(lambda: not members(server))
        gc.collect()

    await come_and_go(20)
    tracemalloc.start()
    try:
        await come_and_go(20)
        before, _ = tracemalloc.get_traced_memory()
        await come_and_go(100)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (after - before) / 100 < 200  # bytes a visit; a handler alone takes thousands
    assert not any(audience.channels for audience in server.rooms.open["lobby"].audiences.values())


async def test_a_socket_that_was_cut_silences_nobody(server: ChatServer, join: Join):
    ada, bob = await join("Ada"), await join("Bob")
    async with await BareClient.open(server.url) as cut:
        cut.cut()
        for number in range(3):
            await say(ada, f"{number}")
    for client in (ada, bob):
        assert [(await hear(client))["message"] for _ in range(3)] == ["0", "1", "2"]
    await until(lambda: len(members(server)) == 2)
