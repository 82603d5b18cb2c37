"""The load: clients that only count what they get, and senders that keep messages in flight.

It has to be leaner than any server that it measures. So it takes no frame apart: each ends with
the one `}` in it, and counting those in what a read brings costs next to nothing. And it never
sleeps, for waking it up would be the server's work: it looks for news over and over, and lets
others have its core after a look that found none. `idle` is the share of such looks; while that is
large it is the server that was measured.

When the time is up it waits for all that is under way and for one message more: who has lost or
doubled a message by then gets no figures.

It runs in a process of its own, `python -m chatkit.bench.load JOB`, and prints what it saw.
"""

from __future__ import annotations

import os
import re
import select
import selectors
import socket
import sys
import time
from collections.abc import Callable, Sequence

import msgspec
import psutil

from chatkit.guide.frames import text_frame

WARM_UP = 0.25  # seconds before a measurement begins
PATIENCE = 20.0  # seconds without a delivery, after which a measurement is given up
SAMPLED = 0.1  # seconds between two looks at the server's memory
PING = b"\x89"  # begins a ping, and is in no text of ours
PONG = bytes([0x8A, 0x80, 0, 0, 0, 0])
MARK = re.compile(rb"#(\d{9})#")  # each message carries its number
LENGTH = 25  # characters of a message
let_others_run: Callable[[], None] = getattr(os, "sched_yield", lambda: None)  # not on Windows


class Job(msgspec.Struct, frozen=True):
    """What to measure: a server, the clients in its room, and how they talk.

    `flight` messages of `length` characters are always under way; `senders` of the clients send
    them in turn. `slow` more clients never read. `whole` is for a server that adds nothing to what
    it relays: it is sent what chatkit would send on, so that the same bytes leave. `pid` is the
    server's process. `others` are more servers of the same room, each its port and its process:
    the clients are spread over all of them.
    """

    port: int
    pid: int
    clients: int = 100
    flight: int = 1
    senders: int = 1
    seconds: float = 1.0
    slow: int = 0
    length: int = LENGTH
    path: str = "/ws"
    whole: bool = False
    others: Sequence[tuple[int, int]] = ()


class Measured(msgspec.Struct, frozen=True):
    """What was seen: times in seconds, memory in bytes.

    `p50` and `p99` are how long it took until the last client had a message, in half of all cases
    and in 99 of 100. `cpu` is the servers', for one delivery. `memory` is the servers' over time,
    from when all clients were there.
    """

    seconds: float
    messages: int
    deliveries: int
    rate: float  # deliveries a second
    p50: float
    p99: float
    cpu: float
    idle: float  # share of the load's looks for news that found none
    per_connection: float
    memory: list[tuple[float, int]]


class StalledError(Exception):
    """A server stopped delivering, or did not deliver each message once."""


def payload(text: str, whole: bool) -> bytes:
    """Return a message as a client of chatkit sends it, or whole, as chatkit sends it on."""
    more = {"id": 100_000, "name": "guest-100", "time": 1_700_000_000.123456} if whole else {}
    return msgspec.json.encode({"message": text, **more})


def client_frame(data: bytes) -> bytes:
    """Return a text frame as a client sends it: masked, but with zeros, which change nothing.

    A real client draws its mask (RFC 6455, section 5.3); to take it off is the same work.
    """
    frame = text_frame(data)
    header = len(frame) - len(data)
    return bytes([frame[0], frame[1] | 0x80]) + frame[2:header] + bytes(4) + data


class Client:
    """One connection, and how many messages it has got."""

    def __init__(self, port: int, path: str) -> None:
        self.got = 0
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.read = self.socket.recv_into
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:  # only one that never reads may get more at once
            answer += (more := self.socket.recv(4096))
            if not more or b" 101 " not in answer.partition(b"\r\n")[0]:
                raise StalledError(f"The server refused a client: {answer!r}.")


def watch(clients: Sequence[Client]) -> Callable[[], list[tuple[int, int]]]:
    """Return a function that returns the file numbers of those for whom something came."""
    if hasattr(select, "epoll"):
        epoll = select.epoll()
        for client in clients:
            epoll.register(client.socket, select.EPOLLIN | select.EPOLLET)
        return lambda: epoll.poll(0, len(clients))
    selector = selectors.DefaultSelector()
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ)
    return lambda: [(key.fd, mask) for key, mask in selector.select(0)]


class Load:
    """Clients in one room, of which some send."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.ports = [job.port, *(port for port, _ in job.others)]
        self.servers = [psutil.Process(pid) for pid in (job.pid, *(pid for _, pid in job.others))]
        before = self.rss()
        self.clients = self.connect(job.clients)
        self.by_number = {client.socket.fileno(): client for client in self.clients}
        self.look = watch(self.clients)
        text = f"#{0:09}#".ljust(job.length, "x")
        self.frame = client_frame(payload(text, job.whole)).split(f"{0:09}".encode())
        relayed = len(text_frame(payload(text, whole=True)))
        self.buffer = bytearray(2 * job.flight * relayed)  # one read can take all that is under way
        self.at = [job.clients]  # how many clients have got exactly so many messages
        self.sent: list[float] = []  # when each message was sent
        self.order: list[int] = []  # the numbers of the messages, as they came
        self.tail = b""  # the beginning of a message that the first client has not got whole
        self.done = 0  # messages that every client has
        self.news = time.perf_counter()  # when the last ones came
        self.send(1)
        while not self.done:  # who has this one is in the room
            self.receive([])
        self.per_connection = (self.rss() - before) / job.clients
        self.slow = self.connect(job.slow)
        self.start = time.perf_counter()
        self.memory = [(0.0, self.rss())]

    def connect(self, count: int) -> list[Client]:
        """Return so many clients, spread evenly over the servers."""
        return [Client(self.ports[n % len(self.ports)], self.job.path) for n in range(count)]

    def rss(self) -> int:
        """Return how many bytes of memory the servers have."""
        return sum(int(server.memory_info().rss) for server in self.servers)

    def cpu(self) -> float:
        """Return how many seconds the servers have worked."""
        times = [server.cpu_times() for server in self.servers]
        return float(sum(each.user + each.system for each in times))

    def run(self) -> Measured:
        """Return what was seen after a warm-up; raise StalledError if the server fails."""
        self.keep_up(WARM_UP)
        done, cpu = self.done, self.cpu()
        start = time.perf_counter()
        waits, idle = self.keep_up(self.job.seconds)
        seconds = time.perf_counter() - start
        cpu = self.cpu() - cpu
        messages = self.done - done
        self.settle()
        deliveries = messages * len(self.clients)
        waits.sort()
        return Measured(
            seconds,
            messages,
            deliveries,
            deliveries / seconds,
            waits[len(waits) // 2],
            waits[len(waits) * 99 // 100],
            cpu / deliveries,
            idle,
            self.per_connection,
            self.memory,
        )

    def keep_up(self, seconds: float) -> tuple[list[float], float]:
        """Send as messages arrive; return how long each took, and how idle this was."""
        waits: list[float] = []
        looks = empty = 0
        start = now = time.perf_counter()
        while now < start + seconds or len(waits) < self.job.flight:  # it may come in one burst
            self.send(self.job.flight - len(self.sent) + self.done)
            looks += 1
            empty += not self.receive(waits)
            now = time.perf_counter()
            if now > self.start + len(self.memory) * SAMPLED:
                self.memory.append((now - self.start, self.rss()))
        return waits, empty / looks

    def send(self, count: int) -> None:
        """Send so many messages, the senders in turn."""
        before, after = self.frame
        frames: dict[int, bytes] = {}
        for number in range(len(self.sent), len(self.sent) + count):
            sender = number % self.job.senders
            frames[sender] = frames.get(sender, b"") + before + b"%09d" % number + after
        self.sent += [time.perf_counter()] * count
        self.at += [0] * count
        for sender, data in frames.items():
            self.clients[sender].socket.sendall(data)

    def receive(self, waits: list[float]) -> bool:
        """Take what has come, if anything; note how long the messages took that all have now."""
        ready = self.look()
        now = time.perf_counter()
        if not ready:
            if now - self.news > PATIENCE:
                raise StalledError(f"Nothing came for {PATIENCE:g} seconds.")
            let_others_run()
            return False
        self.news = now
        for number, _ in ready:
            self.take(self.by_number[number])
        now = time.perf_counter()
        while not self.at[self.done] and self.done < len(self.sent):
            waits.append(now - self.sent[self.order[self.done]])
            self.done += 1
        return True

    def take(self, client: Client) -> None:
        """Count what has come for a client."""
        size = client.read(self.buffer)
        if not size:
            raise StalledError("The server closed a connection.")
        if self.buffer.find(PING, 0, size) >= 0:
            client.socket.sendall(PONG)
        self.at[client.got] -= 1
        client.got += self.buffer.count(b"}", 0, size)
        if client.got > len(self.sent):
            raise StalledError("The server delivered a message twice.")
        self.at[client.got] += 1
        if client is self.clients[0]:
            self.note_order(bytes(self.buffer[:size]))

    def note_order(self, data: bytes) -> None:
        """Note which messages these are: with several senders they need not come as they went."""
        data = self.tail + data
        whole = data.rfind(b"}") + 1
        self.order += [int(number) for number in MARK.findall(data, 0, whole)]
        self.tail = data[whole:]

    def settle(self) -> None:
        """Wait for what is under way; raise StalledError unless everyone got each message once.

        Counts alone don't prove that: who got one twice seems to have them all a little too soon.
        So one message more is sent, and has to be the only one that comes. That none came in the
        place of another is looked at for the first client.
        """
        while self.done < len(self.sent):
            self.receive([])
        self.send(1)
        last = b"#%09d#" % self.done
        for client in self.clients:
            data = b""
            while not data.endswith(b"}"):
                data += (more := client.socket.recv(len(self.buffer)))
                if not more:
                    raise StalledError("The server closed a connection.")
            if data.count(b"}") > 1 or last not in data:
                raise StalledError("The server delivered a message twice.")
        if sorted(self.order) != [*range(self.done)]:
            raise StalledError("The server delivered one message twice and another one never.")


def main() -> None:
    """Do the job that the first argument holds, as JSON, and print what was seen."""
    job = msgspec.json.decode(sys.argv[1], type=Job)
    try:
        print(msgspec.json.encode(Load(job).run()).decode())
    except (OSError, StalledError) as error:
        raise SystemExit(f"{error}") from None


if __name__ == "__main__":
    main()
