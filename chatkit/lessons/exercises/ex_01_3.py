"""Exercise 01-3: a reader of frames that loses none."""

from collections.abc import Iterable
from typing import Any

from chatkit.lessons.engine.expect import (
    NotYetError,
    expect,
    listed,
    no_yield,
    overrides,
    returned,
    the_class,
)
from chatkit.wire import Opcode, read_frames, text_frame

TASK = "Find out when this reader loses a message, and fix it."
STUB = """
class FrameReader:
    def __init__(self):
        self.rest = b""

    def feed(self, data):
        frames, rest = read_frames(self.rest + data)
        if frames:
            self.rest = rest
        return frames
"""
HINTS = (
    "It is right to return the list `frames`. But what becomes of a piece that completes none?",
    "Each time, with frames or without, `self.rest` must become what `read_frames` leaves over.",
)
SOLUTION = """
class FrameReader:
    def __init__(self):
        self.rest = b""

    def feed(self, data):
        frames, self.rest = read_frames(self.rest + data)
        return frames
"""
READ = "frames, self.rest = read_frames(self.rest + data)"
WRONG = {
    "adds the rest": (
        READ,
        "frames, rest = read_frames(self.rest + data)\n        self.rest += rest",
        "nothing after piece 3 of 11, [^;]*; what came: “o��”",
    ),
    "the piece alone": (
        "self.rest + data",
        "data",
        "“a ping”, “four” after piece 3 of 3, [^;]*; what came: nothing",
    ),
    "keeps the last piece alone": (
        READ,
        "frames, rest = read_frames(self.rest + data)\n"
        "        self.rest = rest if frames else data",
        "“two”, “” after piece 4 of 11, [^;]*; what came: nothing",
    ),
    "the wrong order": (
        "self.rest + data",
        "data + self.rest",
        "“a ping”, “four” after piece 3 of 3",
    ),
    "one rest for all readers": (
        "self.rest",
        "FrameReader.rest",
        "while a second reader is fed the same; what came",
    ),
    "the first frame only": (
        "return frames",
        "return frames[:1]",
        "“one”, “two”, “” after piece 1 of 3",
    ),
    "always the same frames": (READ, 'frames = [Frame(1, b"one")]', "came: “one”"),
    "the end of the rest": (
        "return frames",
        "self.rest = self.rest[-64:]\n        return frames",
        "“yyyyyyyyyy …” after piece 7 of 7, b'yyyy'; what came: nothing",
    ),
    "texts only": (
        "return frames",
        "return [frame for frame in frames if frame.opcode == Opcode.TEXT]",
        "“a ping”, “four” after piece 3 of 3, [^;]*; what came: “four”",
    ),
    "no empty text": (
        "return frames",
        "return [frame for frame in frames if frame.payload]",
        "“one”, “two”, “” after piece 1 of 3, [^;]*; what came: “one”, “two”",
    ),
    "frames made again": (
        "return frames",
        "return [Frame(frame.opcode, frame.payload) for frame in frames]",
        r"the frame “one” to keep its header, b'.x81.x03'; what came: b''",
    ),
    "a yield": ("return frames", "yield from frames", "feed to have no `yield`; .*a generator"),
    "four bytes of the rest": (
        "return frames",
        "self.rest = self.rest[:4]\n        return frames",
        r"after piece 3 of 3, [^;]*; what came: “a ing�”\.$",
    ),
    "text for bytes": ('b""', '""', r"TypeError in line 8,.*text\.encode\(\) makes bytes"),
    "a print": (
        "return frames",
        "print(frames)",
        r"came: None: is there a `return` .*printed: \[Frame",
    ),
    "the rest as well": ("return frames", "return frames, self.rest", "came: a tuple"),
    "texts for frames": (
        "return frames",
        "return [frame.payload for frame in frames]",
        "a list of frames; what came: a list of bytes: return the frames themselves",
    ),
    "no self": ("feed(self, data)", "feed(data)", "`feed` is called with more values"),
    "a coroutine": (
        "def feed",
        "async def feed",
        "list of frames; what came: a coroutine: it is an",
    ),
    "a frame for a list": ("return frames", "return frames[0]", "list of frames; .*: a Frame"),
    "another name": (
        "feed",
        "feeds",
        "a method `feed` in FrameReader; what came: `__init__`, `feeds`",
    ),
}
RIGHT = {
    "the bug's other half": (
        READ,
        "frames, rest = read_frames(self.rest + data)\n"
        "        self.rest = rest if frames else self.rest + data",
    ),
    "all that ever came": (
        "class FrameReader:\n    def __init__(self):\n        self.data, self.taken = b'', 0\n\n"
        "    def feed(self, data):\n        self.data += data\n"
        "        frames, _ = read_frames(self.data)\n        new = frames[self.taken :]\n"
        "        self.taken = len(frames)\n        return new",
    ),
    "frame by frame": (
        "class FrameReader:\n    rest = b''\n\n    def feed(self, data):\n"
        "        self.rest, frames = self.rest + data, ()\n"
        "        while frame := read_frame(self.rest):\n"
        "            self.rest = self.rest[frame.size :]\n            frames += (frame,)\n"
        "        return frames",
    ),
}


TEXTS = [text_frame(text.encode()) for text in ("one", "two", "", "three")]
STREAM = b"".join([*TEXTS, bytes([0x80 | Opcode.PING, 6]), b"a ping", text_frame(b"four")])
LONG = text_frame(b"y" * 300)


async def check(reader_class: Any) -> str:
    """Feed readers with pieces that end within frames, and then two readers in turn."""
    the_class(reader_class, "FrameReader", object)
    overrides(reader_class, "object", "feed")
    no_yield(reader_class.feed, "feed")
    for stream, size in ((STREAM, 12), (STREAM, 3), (STREAM, 1), (LONG, 50)):
        read(cut(stream, size), reader_class())
    read(cut(STREAM, 3), reader_class(), reader_class())
    return "six frames went in, in pieces of 12 bytes, 3 or 1, and each came out whole."


def cut(stream: bytes, size: int) -> list[bytes]:
    """Return a stream in pieces of this size."""
    return [stream[start : start + size] for start in range(0, len(stream), size)]


def read(pieces: list[bytes], *readers: Any) -> None:
    """Feed each piece to every reader; NotYetError if other frames come out than it completes."""
    rest = b""
    for number, piece in enumerate(pieces, 1):
        wanted, rest = read_frames(rest + piece)
        where = f"after piece {number} of {len(pieces)}, {piece!r}"
        if len(readers) > 1:
            where += ", while a second reader is fed the same"
        for reader in readers:
            came, texts = frames_of(reader.feed(piece)), listed(map(text_of, wanted))
            if [text_of(frame) for frame in came] != [text_of(frame) for frame in wanted]:
                raise NotYetError(f"{texts} {where}", listed(map(text_of, came)))
            for frame, right in zip(came, wanted, strict=True):
                for part, value in vars(right).items():
                    words = f"the frame “{text_of(right)}” to keep its {part}, {value!r}"
                    expect(getattr(frame, part, None), value, words)


def frames_of(result: Any) -> list[Any]:
    """Return the frames that `feed` returned; NotYetError if it did not."""
    whole = isinstance(result, Iterable) and not isinstance(result, bytes)
    frames: list[Any] = list(result) if whole else [None]
    # The learner's Frame is the notebook's, not the package's.
    if not all(hasattr(frame, "payload") for frame in frames):
        came = returned(result, "None: is there a `return` on every path? (`print` only shows)")
        if all(isinstance(frame, bytes) for frame in frames):
            came = "a list of bytes: return the frames themselves"
        raise NotYetError("feed to return a list of frames", came)
    return frames


def text_of(frame: Any) -> str:
    """Return the beginning of a frame's text, with a mark for what can't be seen."""
    text = frame.payload.decode(errors="replace")
    text = text if len(text) < 20 else f"{text[:10]} …"
    return "".join(char if char.isprintable() else "�" for char in text)
