"""WebSocket frames as bytes (RFC 6455, section 5.2): write one, read them. Lesson 01."""

from dataclasses import dataclass
from enum import IntEnum


class Opcode(IntEnum):
    """What a frame carries (RFC 6455, section 5.2). Lesson 01."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True)
class Frame:
    """One frame. Lesson 01.

    `header` and `mask` are bytes as they were sent; `mask` is empty if the frame has none.
    `payload` is unmasked. `final` is False if the message goes on in the next frame.
    """

    opcode: int
    payload: bytes
    final: bool = True
    mask: bytes = b""
    header: bytes = b""

    @property
    def size(self) -> int:
        """Return how many bytes the frame takes on the wire."""
        return len(self.header) + len(self.mask) + len(self.payload)


def text_frame(payload: bytes) -> bytes:
    """Return the bytes of one whole text frame, unmasked, as a server sends it. Lesson 01.

    `payload` is the text in UTF-8, of any length.
    """
    first = 0x80 | Opcode.TEXT
    if len(payload) < 126:
        return bytes([first, len(payload)]) + payload
    if len(payload) < 65536:
        return bytes([first, 126]) + len(payload).to_bytes(2, "big") + payload
    return bytes([first, 127]) + len(payload).to_bytes(8, "big") + payload


def apply_mask(payload: bytes, mask: bytes) -> bytes:
    """Return the payload, each byte XORed with the mask's four in turn (section 5.3). Lesson 01.

    Applying the same mask again gives the payload back.
    """
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def read_frame(data: bytes) -> Frame | None:
    """Return the frame at the start of `data`, or None while part of it is missing. Lesson 01."""
    if len(data) < 2:
        return None
    masked, length = data[1] & 0x80, data[1] & 0x7F
    extra = {126: 2, 127: 8}.get(length, 0)  # bytes after these two that hold the length
    header = data[: 2 + extra]
    start = 2 + extra + (4 if masked else 0)
    if extra:
        length = int.from_bytes(header[2:], "big")
    if len(data) < start or len(data) < start + length:
        return None
    mask, payload = data[len(header) : start], data[start : start + length]
    payload = apply_mask(payload, mask) if masked else payload
    return Frame(data[0] & 0x0F, payload, bool(data[0] & 0x80), mask, header)


def read_frames(data: bytes) -> tuple[list[Frame], bytes]:
    """Return the whole frames in `data`, and the bytes that are left over. Lesson 01."""
    frames = []
    while frame := read_frame(data):
        frames.append(frame)
        data = data[frame.size :]
    return frames, data
