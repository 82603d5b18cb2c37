"""What travels in a chat: messages, and errors that say what was wrong with one."""

from __future__ import annotations

from typing import Any

import msgspec

MAX_FRAME = 64 * 1024  # bytes that a client's frame may have


class ChatkitError(Exception):
    """A fault told in one sentence to whoever can act on it."""

    def _render_traceback_(self) -> list[str]:
        """Return what Jupyter shows in place of a traceback: the sentence alone."""
        return [f"chatkit: {self}"]


class FrameError(ChatkitError):
    """A frame that can't be used: `code` is for programs, `detail` for people. Lesson 04."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail

    def frame(self) -> dict[str, object]:
        """Return the frame that tells the sender."""
        detail = self.detail.encode(errors="replace").decode()  # it may quote half a character
        return {"error": self.code, "detail": detail}


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One chat message. A client fills in `message`; the room adds who, when and its number.

    `id` counts 1, 2, 3 … in its room, `time` is in seconds since 1970, and `key` is the
    sender's own mark, handed back as it came. Lesson 04.
    """

    message: str
    id: int = 0
    name: str = ""
    time: float = 0.0
    key: str | None = None


def read_message(frame: Any) -> Message:
    """Return the message in a decoded frame; raise FrameError if there is none. Lesson 04."""
    try:
        message = msgspec.convert(frame, Message)
        (message.message + (message.key or "")).encode()
    except msgspec.ValidationError as error:
        detail = f'Send an object like {{"message": "hi"}}: {error}.'
        raise FrameError("bad_message", detail) from error
    except UnicodeEncodeError as error:
        detail = "The text holds half of a surrogate pair: send whole characters."
        raise FrameError("bad_message", detail) from error
    return message
