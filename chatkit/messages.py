"""What travels in a chat: messages, their limits, and errors that say what was wrong with one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

MAX_FRAME = 64 * 1024  # bytes that a client's frame may have
MAX_MESSAGE = 4096  # characters
MAX_KEY = 64  # characters
MAX_ROOM_NAME = 64  # characters
MAX_ID = 2**53  # the largest whole number that JavaScript tells from its neighbours
MAX_LAST = 1000  # messages that one may ask for on coming in


class ChatkitError(Exception):
    """A fault told in one sentence to whoever can act on it."""

    def _render_traceback_(self) -> list[str]:
        """Return what Jupyter shows in place of a traceback: the sentence alone."""
        return [f"chatkit: {self}"]


class FrameError(ChatkitError):
    """A frame that can't be used: `code` is for programs, `detail` for people.

    `key` is the one that the frame carried, so that its sender knows which one is meant.
    """

    def __init__(self, code: str, detail: str, key: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.key = key

    def frame(self) -> dict[str, object]:
        """Return the frame that tells the sender."""
        detail = self.detail.encode(errors="replace").decode()  # it may quote half a character
        frame: dict[str, object] = {"error": self.code, "detail": detail}
        return frame if self.key is None else frame | {"key": self.key}


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One chat message. A client fills in `message`; the room adds who, when and its number.

    `id` counts 1, 2, 3 … in its room, `time` is in seconds since 1970, and `key` is the
    sender's own mark, handed back as it came.
    """

    message: str
    id: int = 0
    name: str = ""
    time: float = 0.0
    key: str | None = None


def read_message(frame: Any) -> Message:
    """Return the message in a decoded frame; raise FrameError if there is none."""
    try:
        message = msgspec.convert(frame, Message)
        (message.message + (message.key or "")).encode()
    except msgspec.ValidationError as error:
        detail = f'Send an object like {{"message": "hi"}}: {error}.'
        raise FrameError("bad_message", detail, key_of(frame)) from error
    except UnicodeEncodeError as error:
        detail = "The text holds half of a surrogate pair: send whole characters."
        raise FrameError("bad_message", detail) from error
    return message


def key_of(frame: Any) -> str | None:
    """Return the key in a decoded frame, if it has one that can be handed back."""
    key = frame.get("key") if isinstance(frame, Mapping) else None
    whole = isinstance(key, str) and len(key) <= MAX_KEY and key.isprintable()
    return key if whole else None


def within_limits(message: Message) -> Message:
    """Return the message, or raise FrameError if it is blank or too long. Lesson 07."""
    length, key = len(message.message), message.key
    if key is not None and not 0 < len(key) <= MAX_KEY:
        detail = f"A key has 1 to {MAX_KEY} characters, and this one has {len(key)}."
        raise FrameError("bad_message", detail)
    if length > MAX_MESSAGE:
        detail = f"A message has at most {MAX_MESSAGE} characters, and this one has {length}."
        raise FrameError("too_long", detail, key)
    if not message.message.strip():
        raise FrameError("bad_message", "A message needs some text.", key)
    return message


Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)]


class Entry(msgspec.Struct, frozen=True):
    """What a client asks for in the query of its address. Lesson 07.

    `since` is the id of the last message seen in the log called `log`; `last` asks for the last
    so many instead. `client` is a secret mark by which a client that comes back is known.
    """

    room: Annotated[str, msgspec.Meta(pattern=rf"\A[A-Za-z0-9_-]{{1,{MAX_ROOM_NAME}}}\Z")] = "lobby"
    name: str = ""
    since: Count | None = None
    log: Annotated[str, msgspec.Meta(max_length=MAX_KEY)] = ""
    last: Annotated[int, msgspec.Meta(ge=0, le=MAX_LAST)] = 0
    token: str = ""
    client: Annotated[str, msgspec.Meta(max_length=MAX_KEY)] = ""


def read_entry(query: Mapping[str, list[bytes]]) -> Entry:
    """Return what a query asks for; raise FrameError if it makes no sense. Lesson 07."""
    try:
        fields = {field: values[-1].decode() for field, values in query.items()}
        return msgspec.convert(fields, Entry, strict=False)
    except UnicodeDecodeError as error:
        raise FrameError("bad_query", "The address is no UTF-8.") from error
    except msgspec.ValidationError as error:
        if str(error).endswith("$.room`"):
            detail = f"A room's name has 1 to {MAX_ROOM_NAME} letters from a to z, digits, - or _."
            raise FrameError("bad_room", detail) from error
        raise FrameError("bad_query", f"The address asks for what can't be: {error}.") from error
