"""Two ways to write a frame as text: JSON, and Transit as the guide's client speaks it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from transit.decoder import Decoder, default_options
from transit.transit_types import Boolean, Keyword
from transit.writer import Writer

from chatkit.messages import FrameError, Message


class Codec(Protocol):
    """Turns a frame into text and back; `subprotocol` is its name on the wire."""

    subprotocol: str

    def encode(self, frame: Message | Mapping[str, Any]) -> bytes:
        """Return the frame as text, in UTF-8."""
        ...

    def decode(self, text: str | bytes) -> Any:
        """Return the frame in the text; raise FrameError if it holds none."""
        ...


class JsonCodec:
    """Frames as JSON objects: `{"message":"hi"}`. Lesson 04."""

    subprotocol = "chatkit.json"

    def encode(self, frame: Message | Mapping[str, Any]) -> bytes:
        """Return the frame as JSON."""
        return msgspec.json.encode(frame)

    def decode(self, text: str | bytes) -> Any:
        """Return what the JSON says; raise FrameError if it is none."""
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise FrameError("bad_frame", f"This is not JSON: {error}.") from error


class ChatDecoder(Decoder):
    """The library's decoder, made safe for what a stranger sends. Lesson 04.

    The library reads a list's first item twice, at each depth anew: thirty brackets in one another
    would take a thousand million reads. And it guesses at any text that is tagged as a date.
    """

    def __init__(self) -> None:
        every = default_options["decoders"]
        readers = {tag: every[tag] for tag in every if tag not in ("t", "m")}
        super().__init__({"decoders": readers})

    def decode_list(self, node: list[Any], cache: Any, as_map_key: bool) -> Any:
        """Return the value of a list: a map or a tag if it starts with a string that says so."""
        if node and isinstance(node[0], str):
            return super().decode_list(node, cache, as_map_key)
        return tuple(self._decode(part, cache, as_map_key) for part in node)


def to_builtins(value: Any) -> Any:
    """Return what the library has read in Python's own types, keywords as strings. Lesson 04."""
    match value:
        case Mapping():
            return {str(key): to_builtins(part) for key, part in value.items()}
        case tuple():
            return [to_builtins(part) for part in value]
        case Boolean():
            return bool(value)
    return value


class TransitCodec:
    """Frames as Transit maps with keyword keys: `["^ ","~:message","hi"]`. Lesson 04.

    The guide's `json-writer` and `json-reader`.
    """

    subprotocol = "chatkit.transit+json"

    def encode(self, frame: Message | Mapping[str, Any]) -> bytes:
        """Return the frame as Transit."""
        text = io.StringIO()
        fields = msgspec.to_builtins(frame)
        Writer(text, "json").write({Keyword(key): value for key, value in fields.items()})
        return text.getvalue().encode()

    def decode(self, text: str | bytes) -> Any:
        """Return what the Transit says, its keywords as strings; raise FrameError if it is none."""
        written = JSON.decode(text)
        try:
            return to_builtins(ChatDecoder().decode(written))
        except Exception as error:  # the decoder raises whatever a wrong tag leads it to
            fault = type(error).__name__
            raise FrameError("bad_frame", f"This is JSON, but no Transit ({fault}).") from error


JSON = JsonCodec()
TRANSIT = TransitCodec()
CODECS: dict[str, Codec] = {"json": JSON, "transit": TRANSIT}
