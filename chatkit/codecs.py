"""Two ways to write a frame as text: JSON, and Transit as the guide's client speaks it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from transit.reader import Reader
from transit.transit_types import Keyword
from transit.writer import Writer

from chatkit.messages import FrameError, Message


class Codec(Protocol):
    """Turns a frame into text and back; `subprotocol` is its name on the wire."""

    subprotocol: str

    def encode(self, frame: Message | Mapping[str, Any]) -> str:
        """Return the frame as text."""

    def decode(self, text: str) -> Any:
        """Return the frame in the text; raise FrameError if it holds none."""


class JsonCodec:
    """Frames as JSON objects: `{"message":"hi"}`. Lesson 04."""

    subprotocol = "chatkit.json"

    def encode(self, frame: Message | Mapping[str, Any]) -> str:
        """Return the frame as JSON."""
        return msgspec.json.encode(frame).decode()

    def decode(self, text: str) -> Any:
        """Return what the JSON says; raise FrameError if it is none."""
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise FrameError("bad_frame", f"This is not JSON: {error}.") from error


class TransitCodec:
    """Frames as Transit maps with keyword keys: `["^ ","~:message","hi"]`. Lesson 04.

    The guide's `json-writer` and `json-reader`.
    """

    subprotocol = "chatkit.transit+json"

    def encode(self, frame: Message | Mapping[str, Any]) -> str:
        """Return the frame as Transit."""
        text = io.StringIO()
        fields = msgspec.to_builtins(frame)
        Writer(text, "json").write({Keyword(key): value for key, value in fields.items()})
        return text.getvalue()

    def decode(self, text: str) -> Any:
        """Return what the Transit says, its keywords as strings; raise FrameError if it is none."""
        try:
            frame = Reader("json").read(io.StringIO(text))
        except Exception as error:  # the reader raises whatever a wrong tag leads it to
            raise FrameError("bad_frame", f"This is not Transit: {error}.") from error
        if not isinstance(frame, Mapping):
            return frame
        return {str(key): value for key, value in frame.items()}


JSON = JsonCodec()
TRANSIT = TransitCodec()
CODECS: dict[str, Codec] = {"json": JSON, "transit": TRANSIT}
