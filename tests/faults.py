"""Clients that misbehave, made to do so on demand."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
from typing import Self
from urllib.parse import urlsplit

from chatkit.wire import Frame, Opcode, apply_mask, read_frames

MASK = b"\x01\x02\x03\x04"
CHUNK = 64 * 1024  # bytes
TIMEOUT = 5.0  # seconds


class BareClient:
    """A WebSocket client that sends what it is told and does nothing by itself.

    It answers no ping and no close, reads only when asked to, and can be cut.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.rest = b""
        self.frames: list[Frame] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()

    @classmethod
    async def open(cls, url: str, *headers: str) -> Self:
        """Shake hands with the chat whose page is at `url`, asking for what is in its query."""
        address = urlsplit(url)
        client = cls(*await asyncio.open_connection(address.hostname, address.port))
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            f"GET /ws?{address.query} HTTP/1.1",
            f"Host: {address.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        client.writer.write("\r\n".join([*lines, *headers, "", ""]).encode())
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert b"101 Switching Protocols" in head.splitlines()[0]
        return client

    def send(self, text: str | bytes, opcode: Opcode = Opcode.TEXT) -> None:
        """Send one short frame."""
        payload = text.encode() if isinstance(text, str) else text
        assert len(payload) < 126
        header = bytes([0x80 | opcode, 0x80 | len(payload)])
        self.writer.write(header + MASK + apply_mask(payload, MASK))

    async def recv(self) -> Frame | None:
        """Return the next frame; None when the server has ended the connection."""
        async with asyncio.timeout(TIMEOUT):
            while not self.frames:
                data = await self.reader.read(CHUNK)
                if not data:
                    return None
                self.frames, self.rest = read_frames(self.rest + data)
        return self.frames.pop(0)

    def cut(self) -> None:
        """Vanish without a goodbye, as when a machine loses its power (here: TCP reset)."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def close_code(frame: Frame | None) -> int:
    """Return the code that a close frame carries."""
    assert frame is not None
    assert frame.opcode == Opcode.CLOSE
    return int.from_bytes(frame.payload[:2], "big")
