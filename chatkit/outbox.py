"""What was sent and is not confirmed yet. Lesson 09."""

from __future__ import annotations

import asyncio
import secrets

from chatkit.messages import ChatkitError, Message, read_message, within_limits

OUTBOX = 1000  # messages that may wait for their confirmation


class Outbox:
    """Messages on their way, oldest first, each with a key of its own. Lesson 09.

    A message stays until the server has confirmed its key, and goes out again on each new line:
    the server stores the same key once.
    """

    def __init__(self, limit: int = OUTBOX) -> None:
        self.limit = limit
        self.unconfirmed: dict[str, Message] = {}
        self.due: set[str] = set()  # keys of what has yet to go out on this line
        self.news = asyncio.Event()

    def add(self, text: str) -> str:
        """Put a text in and return its key; raise ChatkitError if it can't be sent or kept."""
        if len(self.unconfirmed) >= self.limit:
            raise ChatkitError(
                f"{self.limit} messages wait to be confirmed, so this one was not taken: "
                "wait until some are."
            )
        key = secrets.token_hex(16)
        self.unconfirmed[key] = within_limits(read_message({"message": text, "key": key}))
        self.again(key)
        return key

    def again(self, *keys: str) -> None:
        """Have unconfirmed messages go out, or go out again."""
        self.due.update(keys)
        self.news.set()

    def take(self) -> Message | None:
        """Return the oldest message that has yet to go out; it stays until it is confirmed."""
        key = next((key for key in self.unconfirmed if key in self.due), None)
        self.due.discard(key or "")
        return self.unconfirmed.get(key or "")

    def confirm(self, key: str | None) -> None:
        """Forget a message that needs no more care; a key of somebody else's is no error."""
        if key and self.unconfirmed.pop(key, None):
            self.due.discard(key)
            self.news.set()

    async def changed(self) -> None:
        """Wait until a message has to go out, or one is confirmed."""
        self.news.clear()
        await self.news.wait()
