"""What a server tells Prometheus of itself. Lesson 12."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chatkit.room import Rooms

TEXT_FORMAT = CONTENT_TYPE_PLAIN_0_0_4  # the media type
LAG_INTERVAL = 1.0  # seconds between two looks at how late the loop is
LAG_WINDOW = 60  # looks of which the worst is told: who asks once in 15 seconds misses none
COUNTED = {  # what `Rooms.counts` counts, and how Prometheus explains it
    "messages": "Messages that clients of this server sent and that are in the log.",
    "deliveries": "Messages told to clients: one for each client that was told one.",
    "drops": "Clients that were told to come back because they read too slowly.",
}


class Meters(Collector):
    """The meters of one server, read when Prometheus asks: till then they cost nothing. Lesson 12.

    Each server has a registry of its own, for several may run in one process.
    """

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms
        self.lags: deque[float] = deque(maxlen=LAG_WINDOW)
        self.timer: asyncio.TimerHandle | None = None
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)  # memory, files and time of the process, on Linux

    def start(self) -> None:
        """Begin to look how late the loop is, at once and then every second."""
        self.look_at(asyncio.get_running_loop().time())

    def look_at(self, due: float) -> None:
        """Look again at a time of the loop's clock."""
        self.timer = asyncio.get_running_loop().call_at(due, self.look, due)

    def look(self, due: float) -> None:
        """Note how long after its time this was called, and look again in a second."""
        now = asyncio.get_running_loop().time()
        self.lags.append(max(0.0, now - due))
        self.look_at(now + LAG_INTERVAL)

    def stop(self) -> None:
        """Look no more."""
        if self.timer:
            self.timer.cancel()

    def collect(self) -> Iterator[Metric]:
        """Yield each meter as it stands now."""
        here, counts = self.rooms.visitors, self.rooms.counts
        yield GaugeMetricFamily("chatkit_connections", "Clients that are in a room.", len(here))
        yield GaugeMetricFamily("chatkit_rooms", "Rooms that are open.", len(self.rooms.open))
        for name, words in COUNTED.items():
            yield CounterMetricFamily(f"chatkit_{name}", words, counts[name])
        if self.lags:
            words = "How late the event loop was at worst, within the last minute."
            yield GaugeMetricFamily("chatkit_event_loop_lag_seconds", words, max(self.lags))

    def text(self) -> bytes:
        """Return all meters in Prometheus' text format."""
        return generate_latest(self.registry)
