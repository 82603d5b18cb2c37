"""The laboratory of lesson 10: what it measures, profiles and draws; and its checks."""

import asyncio
import logging
import threading
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
from tornado.websocket import WebSocketHandler

from chatkit.bench.load import Measured
from chatkit.guide.broadcaster import Broadcaster
from chatkit.guide.frames import text_frame
from chatkit.handlers import MAX_UNSENT, ChatSocket
from chatkit.lessons import speed_lab as lab
from chatkit.messages import ChatkitError
from chatkit.room import Rooms


class Naive(WebSocketHandler):
    def initialize(self, broadcaster: Broadcaster):
        self.broadcaster = broadcaster

    def open(self):
        self.broadcaster.connect(self)

    def on_message(self, text: str):
        self.broadcaster.notify_clients(text)

    def on_close(self):
        self.broadcaster.disconnect(self)

    def send(self, text: str):
        self.write_message(text)


class Silent(Naive):
    def on_message(self, text: str):
        raise LookupError("lost my voice")


class Gatherer(Broadcaster):
    def __init__(self):
        super().__init__()
        self.arrived = []

    def say(self, frame: bytes):
        if not self.arrived:
            asyncio.get_running_loop().call_soon(self.flush)
        self.arrived.append(frame)

    def flush(self):
        frames, self.arrived = b"".join(self.arrived), []
        self.notify_clients(frames)


class OneWrite(Naive):
    def on_message(self, text: str):
        self.broadcaster.say(text_frame(text.encode()))

    def send(self, frames: bytes):
        stream = self.ws_connection.stream
        sent = 0
        if not stream.writing():
            with suppress(BlockingIOError):
                sent = stream.socket.send(frames)
        if sent < len(frames):
            stream.write(frames[sent:])


@pytest.fixture(autouse=True)
async def everything_is_put_away() -> AsyncIterator[None]:
    yield
    assert [thread.name for thread in threading.enumerate() if "server" in thread.name] == []
    assert logging.getLogger("chatkit").propagate
    assert logging.getLogger("tornado.application").handlers == []


def speed(name: str, rate: float, clients: int = 10) -> lab.Speed:
    return lab.Speed(name, clients, Measured(1, 1, 1, rate, 0.001, 0.002, 0, 0, 0, []))


@pytest.mark.parametrize(
    ("handler", "kind"), [(Naive, Broadcaster), (OneWrite, Gatherer), (ChatSocket, Rooms)]
)
async def test_a_handler_is_measured(handler: type[WebSocketHandler], kind: lab.Kind):
    found = await lab.measure(handler, kind, clients=5, flight=8, seconds=0.1)
    assert (found.name, found.clients) == (handler.__name__, 5)
    assert found.measured.deliveries == 5 * found.measured.messages > 0
    assert found.rate > 0 < found.p99


async def test_the_limit_is_measured():
    found = await lab.limit(5, 8, 0.1)
    assert found.measured.deliveries == 5 * found.measured.messages > 0


@pytest.mark.parametrize("measure", [lab.measure, lab.slow_reader, lab.profile])
async def test_a_handler_that_fails_is_told_of_with_its_own_error(
    measure: Callable[..., Awaitable[object]],
):
    with pytest.raises(ChatkitError) as refused:
        await measure(Silent)
    assert (
        str(refused.value) == "Silent could not be measured: it raised LookupError: lost my voice"
    )


async def test_the_profile_says_where_the_time_goes():
    rows = repr(await lab.profile(Naive, Broadcaster, "task")).splitlines()
    groups = {row.split()[2]: float(row.split("%")[0]) for row in rows[:5]}
    assert groups.keys() == lab.GROUPS.keys()
    assert sum(groups.values()) == pytest.approx(100, abs=3)
    assert [row for row in rows if "← your guess" in row] == [
        row for row in rows[:5] if " task " in row
    ]
    assert sum("socket.send" in row for row in rows[7:]) == 1
    assert len(rows[7:]) == lab.TOP


async def test_nobody_can_guess_what_is_not_there():
    with pytest.raises(ChatkitError, match="There is no 'sending' to guess: choose one of send,"):
        await lab.profile(Naive, Broadcaster, "sending")


def test_what_is_written_in_c_counts_as_its_caller_s():
    send, wait = "<method 'send' of '_socket.socket' objects>", "<method 'poll' of 'select.epoll'>"
    stream = ("lib/tornado/iostream.py", 1, "write")

    stats = {
        stream: (1, 1, 2.0, 9.0, {}),
        ("~", 0, "<built-in method builtins.len>"): (1, 1, 1.0, 1.0, {stream: (1, 1, 1.0, 1.0)}),
        ("~", 0, send): (1, 1, 3.0, 3.0, {stream: (1, 1, 3.0, 3.0)}),
        ("~", 0, wait): (1, 1, 5.0, 5.0, {stream: (1, 1, 5.0, 5.0)}),
    }
    assert lab.own_times(stats) == {("iostream.write", "stream"): 3, ("socket.send", "send"): 3}


def test_bars_compare_with_the_first():
    rows = repr(lab.bars(speed("slow", 1000), speed("faster", 40_000))).splitlines()
    assert rows[1].split() == ["slow", "█", "1,000", "1.0", "×"]
    assert rows[2].split() == ["faster", "█" * 40, "40,000", "40.0", "×"]


async def test_what_waits_for_a_slow_reader_climbs_without_a_bound_and_stays_with_one():
    unbounded = await lab.slow_reader(OneWrite, Gatherer)
    bounded = await lab.slow_reader(ChatSocket, Rooms)
    assert unbounded.waiting[0] == 0
    assert unbounded.waiting[-1] > 2
    assert 0 < max(bounded.waiting) < (MAX_UNSENT + lab.LONG + 1000) / lab.MEBIBYTE
    plot = lab.waiting_plot(unbounded, bounded)
    assert repr(plot).startswith("OneWrite: ")
    assert "ChatSocket: 1.0 MiB" in repr(plot)


async def test_who_has_a_coffee_misses_nothing():
    assert repr(await lab.coffee_break(ChatSocket, Rooms)) == (
        "The server closed Grace's line: 1013, “you read too slowly: come back for the rest”.\n"
        "She came back, and read on: 0 messages missing, 0 came twice."
    )


async def test_a_race_goes_over_all_sizes_and_has_a_plot():
    result = await lab.race((Naive, Broadcaster), clients=(2, 4), seconds=0.1)
    assert {name: [one.clients for one in speeds] for name, speeds in result.speeds.items()} == {
        "Naive": [2, 4],
        "nothing but send": [2, 4],
    }
    data, metadata = result.plot()._repr_mimebundle_()
    png = b64decode(data["image/png"])
    assert png.startswith(b"\x89PNG")
    assert b"Matplotlib" not in png  # nor when and where it was made
    assert metadata == {"image/png": {"width": lab.WIDTH}}
    assert "nothing but send, 4 clients" in data["text/plain"]


def contrast(one: str, other: str) -> float:
    """WCAG's contrast of two colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(
            weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
        )

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colour", [lab.GREY, *lab.COLOURS])
@pytest.mark.parametrize("theme", ["#ffffff", "#111111"])
def test_plots_can_be_read_in_both_themes(colour: str, theme: str):
    assert contrast(colour, theme) >= 3
