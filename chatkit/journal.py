"""Log lines for who operates a server: an event and its fields, as text or as JSON. Lesson 12."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from chatkit.messages import ChatkitError

LEVELS = ("info", "warning", "error")
PLAIN = re.compile(r"[\w.:/@+-]+")  # what needs no quotes in a line of text

log = logging.getLogger("chatkit")


class Event:
    """Something that happened; as text `joined room=lobby name=Ada`. Lesson 12."""

    def __init__(self, name: str, fields: Mapping[str, object]) -> None:
        self.name = name
        self.fields = {key: value for key, value in fields.items() if value is not None}

    def __str__(self) -> str:
        """Return the event on one line, whatever is in its fields."""
        return " ".join([self.name, *(f"{key}={quoted(of)}" for key, of in self.fields.items())])


def quoted(value: object) -> str:
    """Return a field's value, in quotes if it could be taken for something else."""
    text = str(value)
    return text if PLAIN.fullmatch(text) else json.dumps(text)


def note(event: str, level: int = logging.INFO, **fields: object) -> None:
    """Log an event; a field that is None is left out. Never a token, nor what people write."""
    if log.isEnabledFor(level):
        log.log(level, Event(event, fields))


class JsonLines(logging.Formatter):
    """Each record as a JSON object on a line of its own: time, level, event, fields. Lesson 12."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        event = record.msg if isinstance(record.msg, Event) else Event(record.getMessage(), {})
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": event.name,
            **event.fields,
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


FORMATS: dict[str, Callable[[], logging.Formatter]] = {
    "text": lambda: logging.Formatter("%(asctime)s %(levelname)s %(message)s"),
    "json": JsonLines,
}


def keep_journal(level: str, form: str) -> None:
    """Write what happens to stderr, from a level on; raise ChatkitError if there is no such one."""
    for option, value, known in (("level", level, LEVELS), ("format", form, tuple(FORMATS))):
        if value not in known:
            raise ChatkitError(f"There is no log {option} {value!r}: choose {' or '.join(known)}.")
    handler = logging.StreamHandler()
    handler.setFormatter(FORMATS[form]())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])  # other libraries' level
    log.setLevel(level.upper())
