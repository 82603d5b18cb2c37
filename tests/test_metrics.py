"""What a server tells Prometheus, read by Prometheus' own parser."""

import asyncio
import logging
import re
import time
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from chatkit import metrics
from chatkit.codecs import TRANSIT
from chatkit.log import MemoryLog
from chatkit.messages import MAX_MESSAGE, FrameError, Message
from chatkit.room import Rooms
from chatkit.server import ChatServer, make_app
from tests.conftest import Join, hear, say, serving, until
from tests.faults import BareClient

METRICS = {
    "chatkit_connections": "gauge",
    "chatkit_rooms": "gauge",
    "chatkit_messages": "counter",
    "chatkit_deliveries": "counter",
    "chatkit_drops": "counter",
    "chatkit_event_loop_lag_seconds": "gauge",
}


async def ask(server: ChatServer, query: str = "", **headers: str) -> HTTPResponse:
    """What a server answers at /metrics."""
    url = f"http://127.0.0.1:{server.port}/metrics{query}"
    return await AsyncHTTPClient().fetch(url, headers=headers, raise_error=False)


async def scrape(server: ChatServer) -> dict[str, float]:
    """The samples of a server's own metrics, by name."""
    text = (await ask(server)).body.decode()
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {one.name: one.value for one in samples if one.name.startswith("chatkit_")}


async def test_each_metric_has_its_type_and_its_words(server: ChatServer):
    answer = await ask(server)
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = [*text_string_to_metric_families(answer.body.decode())]
    ours = {family.name: family.type for family in families if family.name.startswith("chatkit_")}
    assert ours == METRICS
    assert all(family.documentation.endswith(".") for family in families)
    assert b"chatkit_messages_total 0.0\n" in answer.body


async def test_the_process_tells_of_itself_where_it_can(server: ChatServer):
    text = (await ask(server)).body.decode()
    told = re.search(r"^process_resident_memory_bytes (\S+)$", text, re.MULTILINE)
    assert not told or float(told[1]) > 2**20


async def test_who_is_where_is_counted(server: ChatServer, join: Join):
    ada = await join("Ada")
    await join("Bob", TRANSIT)
    await join("Eve", room="kitchen")
    told = await scrape(server)
    assert (told["chatkit_connections"], told["chatkit_rooms"]) == (3, 2)
    await ada.close()
    await until(lambda: len(server.rooms.visitors) == 2)
    assert (await scrape(server))["chatkit_connections"] == 2


async def counted(server: ChatServer) -> tuple[float, float]:
    """Messages and deliveries."""
    told = await scrape(server)
    return told["chatkit_messages_total"], told["chatkit_deliveries_total"]


async def test_a_message_counts_once_and_once_more_for_each_who_hears_it(
    server: ChatServer, join: Join
):
    ada, _, _ = await join("Ada"), await join("Bob", TRANSIT), await join("Eve", None)
    await until(lambda: sum(map(len, audiences(server))) == 3)
    for n in range(5):
        await say(ada, f"{n}")
    for _ in range(5):
        await hear(ada)
    assert await counted(server) == (5, 15)


def audiences(server: ChatServer) -> list[set[Any]]:
    """Who hears the messages of the lobby, in each codec."""
    return [group.channels for group in server.rooms.open["lobby"].audiences.values()]


async def test_what_comes_twice_counts_once(server: ChatServer, join: Join):
    ada = await join("Ada")
    for _ in range(3):
        await say(ada, "hi", "key")
        await hear(ada)
    assert await counted(server) == (1, 1)


async def test_what_is_caught_up_with_counts_as_told(server: ChatServer, join: Join):
    ada = await join("Ada")
    for n in range(3):
        await say(ada, f"{n}")
        await hear(ada)
    bob = await join("Bob", last=2)
    assert [(await hear(bob))["message"] for _ in range(2)] == ["1", "2"]
    assert await counted(server) == (3, 5)


async def test_what_a_forgotten_room_did_still_counts(server: ChatServer, join: Join):
    ada = await join("Ada")
    await say(ada, "hi")
    await hear(ada)
    server.rooms.open.clear()
    assert await counted(server) == (1, 1)


class FailingLog(MemoryLog):
    """A log that takes nothing."""

    def append(self, room: str, messages: list[Message]) -> asyncio.Future[Any]:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(FrameError("log_unavailable", "Not now."))
        return future


async def test_what_the_log_does_not_take_does_not_count(server: ChatServer, join: Join):
    server.rooms.log = FailingLog()
    ada = await join("Ada")
    await say(ada, "hi")
    assert (await hear(ada))["error"] == "log_unavailable"
    assert await counted(server) == (0, 0)


@pytest.mark.parametrize("options", [{"rate": None}])
async def test_who_reads_too_slowly_counts_as_a_drop(
    server: ChatServer, join: Join, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "chatkit")
    ada = await join("Ada")
    async with await BareClient.open(server.url):  # it never reads
        await until(lambda: len(server.rooms.visitors) == 2)
        while not server.rooms.counts["drops"]:
            await say(ada, "\N{GRINNING FACE}" * MAX_MESSAGE)
            await hear(ada)
        for _ in range(20):  # who was dropped is not dropped again
            await say(ada, "\N{GRINNING FACE}" * MAX_MESSAGE)
            await hear(ada)
        assert (await scrape(server))["chatkit_drops_total"] == 1
    [dropped] = [record.getMessage() for record in caplog.records if "dropped" in str(record.msg)]
    assert dropped.startswith("dropped room=lobby address=127.0.0.1 unsent=")


# How late the loop is.


async def test_a_loop_that_is_held_up_is_seen(server: ChatServer):
    time.sleep(metrics.LAG_INTERVAL + 0.3)  # noqa: ASYNC251 - that is what is to be seen
    assert (await scrape(server))["chatkit_event_loop_lag_seconds"] >= 0.3


async def test_the_timer_is_there_while_the_server_runs_and_no_longer():
    server = ChatServer(port=0)
    assert server.meters.timer is None
    await server.start()
    timer = server.meters.timer
    assert timer
    await server.stop()
    assert server.meters.timer.cancelled()


async def test_no_more_than_a_minute_is_remembered():
    meters = metrics.Meters(Rooms())
    meters.start()
    now = asyncio.get_running_loop().time()
    meters.look(now - 9)
    for _ in range(metrics.LAG_WINDOW):
        assert max(meters.lags) > 8
        meters.look(asyncio.get_running_loop().time())
    assert max(meters.lags) < 8
    meters.stop()
    assert metrics.LAG_WINDOW * metrics.LAG_INTERVAL == 60


# Several servers, and strangers.


async def test_two_servers_of_one_process_count_for_themselves(server: ChatServer, join: Join):
    ada = await join("Ada")
    await say(ada, "hi")
    await hear(ada)
    async with serving() as other:
        assert (await scrape(other))["chatkit_messages_total"] == 0
    assert (await scrape(server))["chatkit_messages_total"] == 1


def test_an_app_alone_has_meters_of_its_rooms():
    rooms = Rooms()
    rules = make_app(rooms).wildcard_router.rules
    [meters] = [rule.target_kwargs["meters"] for rule in rules if "meters" in rule.target_kwargs]
    assert meters.rooms is rooms
    assert b"chatkit_rooms 0.0\n" in meters.text()


@pytest.mark.parametrize("options", [{"token": "secret"}])
async def test_the_token_is_asked_for(server: ChatServer):
    for query, header in [
        ("", {}),
        ("?token=", {}),
        ("?token=wrong", {}),
        ("", {"Authorization": "Bearer wrong"}),
        ("", {"Authorization": "Bearer"}),
        ("", {"Authorization": "Basic secret"}),
        ("", {"Authorization": "secret"}),
        ("?token=wrong", {"Authorization": "Bearer secret"}),
    ]:
        answer = await ask(server, query, **header)
        assert answer.code == 403, (query, header)
        assert b"chatkit_" not in answer.body
    for query, header in [
        ("?token=secret", {}),
        ("", {"Authorization": "Bearer secret"}),
        ("", {"Authorization": "bearer  secret"}),
    ]:
        assert (await ask(server, query, **header)).code == 200, (query, header)
