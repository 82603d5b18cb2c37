"""Lesson 08's people: guests without a network, visitors with one, and a bot that answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, websocket_connect

from chatkit.client import ChatClient, socket_url
from chatkit.codecs import JSON, Codec
from chatkit.guide.frames import read_frames, text_frame
from chatkit.lessons import serving
from chatkit.messages import ChatkitError, Entry, Message

PATIENCE = 5.0  # seconds in which an event has to come
THINKING = 2.0  # seconds for which a bot types


def serve(app: Application) -> tuple[HTTPServer, str]:
    """Serve an app on a free port, on this loop; return the server and its address."""
    server, port = serving.serve(app)
    return server, f"http://127.0.0.1:{port}/"


class Guest:
    """A visitor without a network, which only writes down what it hears."""

    hears_events = True
    rate: float | None = None

    def __init__(
        self, name: str = "", codec: Codec = JSON, mark: str = "", since: int | None = None
    ) -> None:
        self.codec = codec
        self.entry = Entry(name=name, client=mark, since=since)
        self.heard: list[bytes] = []

    def send(self, frames: bytes) -> None:
        """Write whole frames down."""
        self.heard.append(frames)

    def tell(self, frame: Message | Mapping[str, Any]) -> None:
        """Write a frame down."""
        self.send(text_frame(self.codec.encode(frame)))

    def close(self) -> None:
        """Do nothing: there is no line."""

    async def drain(self) -> None:
        """Do nothing: nothing is ever under way."""

    @property
    def frames(self) -> list[dict[str, Any]]:
        """What was heard, frame by frame."""
        payloads = [frame.payload for frame in read_frames(b"".join(self.heard))[0]]
        return [self.codec.decode(payload.decode()) for payload in payloads]


class Visiting(ChatClient):
    """A client that keeps its events until somebody asks for them."""

    def __init__(self, url: str, name: str, room: str) -> None:
        super().__init__(url, name, room=room)
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.on_event(self.events.put_nowait)


async def visit(url: str, name: str, room: str) -> Visiting:
    """Connect a client."""
    return await Visiting(url, name, room).connect()


async def hear(client: Visiting, kind: str) -> dict[str, Any]:
    """Return the next event of a kind; TimeoutError if none comes."""
    async with asyncio.timeout(PATIENCE):
        while (event := await client.events.get())["event"] != kind:
            """It is of another kind: wait for the next."""
    return event


async def knock(url: str, room: str, **query: str) -> tuple[WebSocketClientConnection, str]:
    """Open a bare socket, without a client around it; return it, and the name that it got."""
    address = socket_url(url, room=room, **query)
    line = await websocket_connect(address, subprotocols=[JSON.subprotocol])
    return line, JSON.decode(str(await line.read_message()))["name"]


async def bot(url: str, name: str, room: str, words: str) -> ChatClient:
    """Connect a client that types for a while, and answers each message of somebody else's."""
    client = await ChatClient(url, name, room=room).connect()

    async def answer(message: Message) -> None:
        if message.name != client.name:
            await client.typing()
            await asyncio.sleep(THINKING)
            with suppress(ChatkitError):  # it was closed while it typed
                await client.send(words.format(message.name))

    client.on_message(answer)
    return client
