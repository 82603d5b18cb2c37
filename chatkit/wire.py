"""WebSocket frames as bytes (RFC 6455, section 5.2): build one, take them apart. Lesson 01."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Opcode(IntEnum):
    """What a frame carries (RFC 6455, section 5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True)
class Frame:
    """One frame: `header` as on the wire, `payload` unmasked, `mask` four bytes or none."""

    opcode: int
    payload: bytes
    final: bool = True
    mask: bytes = b""
    header: bytes = b""

    @property
    def size(self) -> int:
        """Return the bytes that this frame takes on the wire."""
        return len(self.header) + len(self.mask) + len(self.payload)


def text_frame(payload: bytes) -> bytes:
    """Return the bytes of one whole text frame, as a server sends it: unmasked.

    `payload` is the text in UTF-8.
    """
    first = 0x80 | Opcode.TEXT
    if len(payload) < 126:
        return bytes([first, len(payload)]) + payload
    if len(payload) < 65536:
        return bytes([first, 126]) + len(payload).to_bytes(2, "big") + payload
    return bytes([first, 127]) + len(payload).to_bytes(8, "big") + payload


def apply_mask(payload: bytes, mask: bytes) -> bytes:
    """Return the payload with each byte XORed with the mask's, over and over (section 5.3)."""
    return bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def read_frame(data: bytes) -> Frame | None:
    """Return the frame that `data` begins with, or None while some of it is still missing."""
    if len(data) < 2:
        return None
    extra = {126: 2, 127: 8}.get(data[1] & 0x7F, 0)  # how many bytes more tell the length
    header = data[: 2 + extra]
    if len(header) < 2 + extra:
        return None
    length = int.from_bytes(header[2:], "big") if extra else data[1] & 0x7F
    masked = data[1] & 0x80
    start = len(header) + (4 if masked else 0)
    if len(data) < start + length:
        return None
    mask = data[len(header) : start]
    payload = data[start : start + length]
    if masked:
        payload = apply_mask(payload, mask)
    return Frame(data[0] & 0x0F, payload, bool(data[0] & 0x80), mask, header)


def read_frames(data: bytes) -> tuple[list[Frame], bytes]:
    """Return the whole frames in `data`, and the bytes left over for the next call."""
    frames = []
    while frame := read_frame(data):
        frames.append(frame)
        data = data[frame.size :]
    return frames, data
