"""Exercise 10-3: keep frames whole for a client that reads slowly."""

import asyncio
import errno
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from unittest.mock import patch

from tornado.websocket import WebSocketHandler

from chatkit.guide.broadcaster import Broadcaster
from chatkit.guide.frames import read_frames, text_frame
from chatkit.lessons.engine.channels import texts_of
from chatkit.lessons.engine.expect import NotYetError, listed, plain_def, the_class
from chatkit.lessons.engine.serving import clients_of, in_time, soon, turns

TASK = (
    "Keep all frames whole and in order for a client that reads slowly, and still send straight to "
    "the socket if nothing waits."
)
STUB = """
class Hasty(OneWrite):
    def send(self, frames):
        stream = self.ws_connection.stream
        try:
            sent = stream.socket.send(frames)
        except BlockingIOError:  # it is full
            sent = 0
        if sent < len(frames):
            stream.write(frames[sent:])
"""
HINTS = (
    "When the socket has room again, the stream may still hold the rest of an earlier frame. So "
    "first ask the stream whether something waits.",
    "Send to the socket yourself only `if not stream.writing()`, as OneWrite does.",
)
SOLUTION = """
class Hasty(OneWrite):
    def send(self, frames):
        stream = self.ws_connection.stream
        sent = 0
        if not stream.writing():  # otherwise these bytes would overtake those that wait
            try:
                sent = stream.socket.send(frames)
            except BlockingIOError:  # it is full
                sent = 0
        if sent < len(frames):
            stream.write(frames[sent:])
"""
WRONG = {
    "a full socket loses a frame": (
        "                sent = 0\n        if",
        "                return\n        if",
        "Expected “a lone word” to come whole, if the socket takes no bytes at first; .*nothing",
    ),
    "a full socket is not thought of": (
        "except BlockingIOError",
        "except KeyError",
        r"raised BlockingIOError in line \d+",
    ),
    "all to the stream": (
        "sent = stream.socket.send(frames)",
        "stream.write(frames)\n                sent = len(frames)",
        "a frame to go straight to a socket with room.*the stream got it",
    ),
    "no call": ("stream.writing()", "stream.writing", r"in line \d+.*is a method: call it"),
    "the rest is lost": (
        "stream.write(frames[sent:])",
        "pass",
        "Expected “a lone word” to come whole.*came: nothing",
    ),
    "all once more": ("frames[sent:]", "frames", "came: the beginning of “.*” came twice"),
    "short ones wait": (
        "not stream.writing()",
        "not stream.writing() or len(frames) > 12",
        "“and a story that is longer.*” in the middle of “a short story”",
    ),
    "a buffer that nobody empties": (
        """
class Hasty(OneWrite):
    waiting = b""

    def send(self, frames):
        self.waiting += frames
        with suppress(BlockingIOError):
            sent = self.ws_connection.stream.socket.send(self.waiting)
            self.waiting = self.waiting[sent:]
""",
        "Expected “a lone word” to come whole.*what came: nothing",
    ),
    "tried again later": (
        "        sent = 0\n        if not stream.writing():",
        "        if stream.writing():\n"
        "            return asyncio.get_running_loop().call_soon(self.send, frames)\n"
        "        if True:",
        "“one”, “two”, “three” to come whole and in this order.*came: “one”, “three”, “two”",
    ),
    "slow for ever": (
        """
class Hasty(OneWrite):
    slow = False

    def send(self, frames):
        stream = self.ws_connection.stream
        sent = 0
        if not self.slow:
            with suppress(BlockingIOError):
                sent = stream.socket.send(frames)
        if sent < len(frames):
            self.slow = True
            stream.write(frames[sent:])
""",
        "straight to the socket again if nothing waits; .*the stream got it",
    ),
    "a frame in a frame": (
        "stream.write(frames[sent:])",
        "self.write_message(frames[sent:])",
        "a frame inside a frame: `write_message` makes one of its own",
    ),
    "thrown out": (
        "        sent = 0\n        if not",
        "        sent = 0\n        if stream.writing():\n            return self.close()\n"
        "        if not",
        "a slow client to stay connected; what came: its connection was closed",
    ),
    "a socket that blocks": (
        "sent = stream.socket.send(frames)",
        "stream.socket.setblocking(True)\n                sent = stream.socket.send(frames)",
        "would hold up the whole server",
    ),
    "only if nothing fits": ("if sent < len(frames)", "if not sent", "the end of “.*” was lost"),
    "sendall": (
        "sent = stream.socket.send(frames)",
        "stream.socket.sendall(frames)\n                sent = len(frames)",
        "the beginning of “.*” came twice",
    ),
    "a bare except": (
        "sent = stream.socket.send(frames)\n            except BlockingIOError",
        "sent = stream.sockets.send(frames)\n            except",
        r"came: nothing by the socket itself: the stream got it.*The `except` in line \d+ hides",
    ),
    "a print": (
        "stream.write(frames[sent:])",
        "print(frames[sent:])",
        "came: nothing.*Your code printed",
    ),
    "async": ("def send", "async def send", "a plain `def send`: it is.*came: an `async def`"),
    "no frames": ("self, frames", "self", "`send` is called with more values than its `def`"),
}
RIGHT = {
    "an early return": (
        """
class Hasty(OneWrite):
    def send(self, frames):
        stream = self.ws_connection.stream
        if stream.writing():
            return stream.write(frames)
        try:
            sent = stream.socket.send(frames)
        except OSError:
            sent = 0
        stream.write(frames[sent:])
""",
    ),
    "OneWrite's own": (
        "class Hasty(OneWrite):\n    def send(self, frames):\n        super().send(frames)",
    ),
    "a memoryview": ("frames[sent:]", "memoryview(frames)[sent:]"),
    "a count of what waits": (
        """
class Hasty(OneWrite):
    busy = 0

    def send(self, frames):
        stream = self.ws_connection.stream
        sent = 0
        if not self.busy:
            with suppress(BlockingIOError):
                sent = stream.socket.send(frames)
        if sent < len(frames):
            self.busy += 1
            stream.write(frames[sent:]).add_done_callback(self.less)

    def less(self, written):
        self.busy -= 1
""",
    ),
}


async def check(handler: Any) -> str:
    """Send to a socket with room, and to one that takes none or a part of a frame at first."""
    the_class(handler, "Hasty", WebSocketHandler)
    plain_def(handler, "send")
    broadcaster: Any = Broadcaster()
    async with clients_of(handler, 1, broadcaster=broadcaster):
        [channel] = broadcaster.channels
        stream = channel.ws_connection.stream
        stream.socket = wire = Narrow(stream.socket)
        stream.writing = Method(stream.writing)
        straight(channel, wire, "a frame to go straight to a socket with room")
        for room, *texts in CASES:
            await say(channel, wire, room, texts)
            straight(channel, wire, "a frame to go straight to the socket again if nothing waits")
    return "the socket was full, and then it had room: every frame came whole, and in order."


PLENTY = 2**20  # bytes
CASES: Any = (  # how many bytes the socket takes at first, and what is sent one after the other
    (0, "a lone word"),
    (0, "a long story", "a word"),
    (5, "another long story", "hm"),
    (1, "a short story", "and a story that is longer than the first"),
    (0, "one", "two", "three"),
    (3, "the very last word"),
)


class Narrow:
    """A socket that takes `room` bytes, and is full then; it keeps what it has `taken`."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.room = PLENTY
        self.taken = bytearray()
        self.took = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def send(self, data: Any, *_: int) -> int:
        """Take what there is room for; raise BlockingIOError if there is none."""
        if not self.room:
            raise BlockingIOError(errno.EAGAIN, "the socket is full")
        sent: int = self.real.send(bytes(data)[: self.room])
        self.room -= sent
        self.taken += bytes(data)[:sent]
        self.took.set()
        return sent

    def sendall(self, data: Any, *_: int) -> None:
        """Take everything, or what there is room for and raise BlockingIOError."""
        if self.send(data) < len(data):
            raise BlockingIOError(errno.EAGAIN, "the socket is full")

    def setblocking(self, flag: bool) -> None:
        """Raise NotYetError: a socket that blocks is no way out."""
        came = "a socket that blocks, which would hold up the whole server"
        raise NotYetError("the server to go on while one client reads slowly", came)

    async def takes(self, size: int) -> None:
        """Wait until this many bytes were taken."""
        while len(self.taken) < size:
            self.took.clear()
            await self.took.wait()


class Method:
    """A method that says so if somebody asks whether it is true, instead of calling it."""

    def __init__(self, method: Callable[[], bool]) -> None:
        self.method = method

    def __call__(self) -> bool:
        """Call it."""
        return self.method()

    def __bool__(self) -> bool:
        raise TypeError("`writing` is a method: call it, with `()`")


def straight(channel: Any, wire: Narrow, expected: str) -> None:
    """Raise NotYetError unless a frame goes to a socket with room without the stream."""
    stream, frame = channel.ws_connection.stream, text_frame(b"hello")
    wire.taken.clear()
    with patch.object(stream, "write", wraps=stream.write) as write:
        channel.send(frame)
    if any(call.args[0] for call in write.call_args_list if call.args):
        raise NotYetError(expected, "nothing by the socket itself: the stream got it")
    if wire.taken != frame:
        raise NotYetError(expected, texts_of(wire.taken) if wire.taken else "nothing was sent")


async def say(channel: Any, wire: Narrow, room: int, texts: Sequence[str]) -> None:
    """Send texts, the first while there is little room; NotYetError unless they come as they are.

    The third is sent in the next turn of the loop, before anything that is left to that turn.
    """
    frames, stream = [text_frame(text.encode()) for text in texts], channel.ws_connection.stream
    wire.taken.clear()
    wire.room = room
    channel.send(frames[0])
    await turns()
    wire.room = PLENTY
    for frame in frames[2:]:
        asyncio.get_running_loop().call_soon(channel.send, frame)
    for frame in frames[1:2]:
        channel.send(frame)
    if not channel.ws_connection:
        raise NotYetError("a slow client to stay connected", "its connection was closed")
    await turns()
    await in_time(stream.write(b""), "the stream to get rid of everything")
    with suppress(TimeoutError):
        await soon(wire.takes(len(b"".join(frames))))
    if wire.taken != b"".join(frames):
        socket = f"takes {room or 'no'} byte{'s' * (room != 1)} at first"
        whole = "whole and in this order" if len(texts) > 1 else "whole"
        expected = f"{listed(texts)} to come {whole}, if the socket {socket}"
        raise NotYetError(expected, in_words(bytes(wire.taken), texts, frames, room))


def in_words(taken: bytes, texts: Sequence[str], frames: Sequence[bytes], room: int) -> str:
    """Return what became of some frames, the first of which met a socket with little room."""
    first, others = frames[0], b"".join(frames[1:])
    known = {
        first[:room] + others + first[room:]: f"{listed(texts[1:])} in the middle of “{texts[0]}”",
        first[:room] + others: f"the end of “{texts[0]}” was lost",
        first[:room] + first + others: f"the beginning of “{texts[0]}” came twice",
    }
    if room and taken in known:
        return known[taken]
    if any(frame.payload[:1] == first[:1] for frame in read_frames(taken)[0]):
        return "a frame inside a frame: `write_message` makes one of its own"
    return texts_of(taken) if taken else "nothing"
