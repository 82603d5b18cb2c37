"""Two ways to write a frame as text: JSON by msgspec, and Transit by the guide's code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from chatkit.guide.codecs import read_transit, write_transit
from chatkit.messages import FrameError, Message

# Python's own `float`, because msgspec needs a fifth of a second for 64 KiB of 9e307,9e307,…
DECODER = msgspec.json.Decoder(float_hook=float)


class Codec(Protocol):
    """Turns a frame into text and back. Its two subprotocols are its names on the wire."""

    subprotocol: str  # for messages and events
    plain: str  # for messages alone

    def encode(self, frame: Message | Mapping[str, Any]) -> bytes:
        """Return the frame as text, in UTF-8."""
        ...

    def decode(self, text: str | bytes) -> Any:
        """Return the frame in a text; raise FrameError if there is none."""
        ...


class JsonCodec:
    """Frames as JSON objects: `{"message":"hi"}`."""

    subprotocol = "chatkit.json"
    plain = "json"

    def encode(self, frame: Message | Mapping[str, Any]) -> bytes:
        """Return the frame as JSON."""
        return msgspec.json.encode(frame)

    def decode(self, text: str | bytes) -> Any:
        """Return the value in some JSON; raise FrameError if it is not JSON."""
        try:
            return DECODER.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise FrameError("bad_frame", f"This is not JSON: {error}.") from error


def without_keywords(value: Any) -> Any:
    """Return a value that came as Transit, its keywords as plain text: msgspec takes no others."""
    match value:
        case str():
            return str(value)
        case list():
            return [without_keywords(item) for item in value]
        case dict():
            return {str(key): without_keywords(item) for key, item in value.items()}
    return value


class TransitCodec:
    """Frames as Transit maps whose keys are keywords: `["^ ","~:message","hi"]`."""

    subprotocol = "chatkit.transit+json"
    plain = "transit+json"

    def encode(self, frame: Message | Mapping[str, Any]) -> bytes:
        """Return the frame as Transit."""
        return write_transit(msgspec.to_builtins(frame)).encode()

    def decode(self, text: str | bytes) -> Any:
        """Return the value in some Transit; raise FrameError if it is not Transit."""
        try:
            return without_keywords(read_transit(text))
        except (ValueError, RecursionError) as error:  # the guide's own FrameError is a ValueError
            raise FrameError("bad_frame", str(error)) from error


JSON = JsonCodec()
TRANSIT = TransitCodec()
CODECS: dict[str, Codec] = {"json": JSON, "transit": TRANSIT}
