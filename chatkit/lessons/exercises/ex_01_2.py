"""Exercise 01-2: a ping, byte by byte."""

import asyncio
from random import randbytes, randrange
from typing import Any

from tornado.websocket import WebSocketHandler

from chatkit.guide.frames import Opcode, apply_mask
from chatkit.lessons.engine.expect import NotYetError, expect, plain, returned, shown, the_function
from chatkit.lessons.engine.serving import clients_of, in_time
from chatkit.lessons.pictures import Drawing, name_of

TASK = "Write the two bytes of the header, for any payload of up to 125 bytes."
STUB = """
def ping_frame(payload, mask):
    header = bytes([0, 0])
    return header + mask + apply_mask(payload, mask)
"""
HINTS = (
    "It is like the masked frame that you built by hand, but with the opcode of a ping.",
    "In both bytes, `0x80 |` sets the first bit. The others are the opcode in the first byte, and "
    "the payload's length in the second. The mask and the masked payload follow as in the stub.",
)
SOLUTION = """
def ping_frame(payload, mask):
    header = bytes([0x80 | Opcode.PING, 0x80 | len(payload)])
    return header + mask + apply_mask(payload, mask)
"""
HEADER = "bytes([0x80 | Opcode.PING, 0x80 | len(payload)])"
WRONG = {
    "not final": (
        "0x80 | Opcode.PING",
        "Opcode.PING",
        "a final, masked PING .*still there.*: your first byte, 0x09, means PING, not final",
    ),
    "no mask bit": (
        "0x80 | len(payload)",
        "len(payload)",
        "your second byte, 0x0c, means not masked, length 12",
    ),
    "a pong": ("PING", "PONG", "your first byte, 0x8a, means PONG, final"),
    "the length of the mask, too": (
        "len(payload)",
        "len(mask + payload)",
        "0x90, means masked, length 16, but the payload has 12 bytes",
    ),
    "always the same length": (
        "len(payload)",
        "12",
        "0x8c, means masked, length 12, but the payload has 4 bytes",
    ),
    "letters for bytes": (
        "len(payload)",
        "len(payload.decode())",
        "0x81, means masked, length 1, but the payload has 4 bytes",
    ),
    "a table of lengths": (
        "len(payload)",
        "{12: 12, 4: 4, 0: 0, 125: 125}.get(len(payload), 7)",
        "0x87, means masked, length 7, but the payload has [0-9]+ bytes",
    ),
    "a bit too many": (
        "0x80 | Opcode.PING",
        "0x90 | Opcode.PING",
        "0x99, means PING, final, but the three bits after the first have to be 0",
    ),
    "no bytes": (HEADER, "[0x89, 0x80 | len(payload)]", "TypeError in line 5"),
    "a picture": (
        "return header + mask + apply_mask(payload, mask)",
        "return byte_view(header + mask + apply_mask(payload, mask))",
        "ping_frame to return bytes; what came: a picture",
    ),
    "always the same mask": (
        "    return header",
        "    mask = bytes([1, 2, 3, 4])\n    return header",
        "after the header the mask ([0-9a-f ]+), .* masked with it; what came: 01 02 03 04",
    ),
    "a payload that is not masked": (
        "apply_mask(payload, mask)",
        "payload",
        "then the payload masked with it; what came: the payload unmasked",
    ),
    "a payload masked twice": (
        "apply_mask(payload, mask)",
        "apply_mask(apply_mask(payload, mask), mask)",
        "what came: the payload unmasked",
    ),
    "the mask after the payload": (
        "mask + apply_mask(payload, mask)",
        "apply_mask(payload, mask) + mask",
        "after the header the mask ([0-9a-f ]+), .* masked with it; what came: ([0-9a-f ]+)\\.",
    ),
    "no mask": ("+ mask ", "", "4 of mask and 12 of payload; what came: 14 bytes in all"),
    "a print": ("return ", "print(header)\n    ", "bytes; what came: nothing. Is a `return` miss"),
    "text for bytes": (HEADER, '"\\x89\\x8c"', r"TypeError in line 5,.*text\.encode\(\) makes"),
    "a misspelt name": ("Opcode", "OpCode", "NameError in line 4,.*'OpCode' is not defined"),
    "no mask given": ("(payload, mask):", "(payload):", "`ping_frame` is called with more values"),
    "a coroutine": ("def", "async def", "ping_frame to be a plain `def`; what came: an `async"),
}
RIGHT = {
    "plain numbers": (HEADER, "bytes([0x89, 128 + len(payload)])"),
    "a bytearray": (
        "def ping_frame(payload, mask):\n    frame = bytearray(b'\\x89\\x80')\n"
        "    frame[1] += len(payload)\n    frame += mask\n"
        "    for i in range(len(payload)):\n        frame.append(payload[i] ^ mask[i % 4])\n"
        "    return frame",
    ),
    "to_bytes": (HEADER, '(0x8980 + len(payload)).to_bytes(2, "big")'),
    "a lambda": (
        "from struct import pack\n\nping_frame = lambda p, m: pack('BB', 137, 128 | len(p)) + m"
        " + apply_mask(p, m)",
    ),
}
PAYLOADS = (b"still there?", "👋".encode(), b"", b"x" * 125)


async def check(ping_frame: Any) -> str:
    """Examine five pings, send each to a server, and compare its pong."""
    make = the_function(ping_frame, "ping_frame")
    async with clients_of(WebSocketHandler, 1) as [client]:
        connection: Any = client.connection
        pongs = asyncio.Queue[bytes]()
        connection.on_pong = pongs.put_nowait
        for payload in (*PAYLOADS, b"y" * randrange(20, 120)):
            mask = randbytes(4)
            ping = plain(make(payload, mask), "ping_frame")
            if not isinstance(ping, bytes | bytearray):
                picture = "a picture, which only shows the bytes" * isinstance(ping, Drawing)
                raise NotYetError("ping_frame to return bytes", picture or returned(ping))
            look_at(bytes(ping), payload, mask)
            await connection.protocol.stream.write(bytes(ping))
            expected = f"a PONG with the payload {shown(payload)}"
            expect(await in_time(pongs.get(), expected), payload, expected)
    return "five pings went out, and the server answered each with a pong."


def look_at(ping: bytes, payload: bytes, mask: bytes) -> None:
    """Raise NotYetError for the first thing that is wrong with a ping."""
    size = len(payload)
    if len(ping) != 6 + size:
        expected = f"2 bytes of header, 4 of mask and {size} of payload"
        raise NotYetError(expected, f"{len(ping)} bytes in all")
    expected = f"a final, masked PING with the payload {shown(payload)}"
    first, second = ping[:2]
    if first != 0x80 | Opcode.PING:
        means = f"{name_of(first & 0x0F)}, {'final' if first & 0x80 else 'not final'}"
        means += ", but the three bits after the first have to be 0" * bool(first & 0x70)
        raise NotYetError(expected, f"your first byte, {first:#04x}, means {means}")
    if second != 0x80 | size:
        means = f"{'masked' if second & 0x80 else 'not masked'}, length {second & 0x7F}"
        but = f", but the payload has {size} bytes" if second & 0x7F != size else ""
        raise NotYetError(expected, f"your second byte, {second:#04x}, means {means}{but}")
    if ping[2:] != mask + apply_mask(payload, mask):
        expected = f"after the header the mask {mask.hex(' ')}, then the payload masked with it"
        unmasked = ping[2:] == mask + payload
        raise NotYetError(expected, "the payload unmasked" if unmasked else ping[2:].hex(" "))
