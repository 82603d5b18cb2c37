"""Log lines: what is told at which level, and what never."""

import asyncio
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httpclient import AsyncHTTPClient
from websockets.asyncio.client import connect

from chatkit.handlers import ABNORMAL, ChatSocket
from chatkit.journal import FORMATS, LEVELS, Event, JsonLines, keep_journal, note
from chatkit.log import LogError, MemoryLog
from chatkit.messages import ChatkitError
from chatkit.server import ChatServer
from tests.conftest import Join, end_of, hear, refused, say, serving, socket_url, until

log = logging.getLogger("chatkit")


class Lines(logging.StreamHandler[io.StringIO]):
    """All that is logged, as `--log-format json` would write it."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.setFormatter(JsonLines())

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def of(self, event: str) -> list[dict[str, Any]]:
        """What was told of an event, without what varies."""
        varies = ("time", "milliseconds")
        return [
            {key: value for key, value in line.items() if key not in varies}
            for line in self.events
            if line["event"] == event
        ]


@pytest.fixture
def lines() -> Iterator[Lines]:
    before, handler = log.level, Lines()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.removeHandler(handler)
    log.setLevel(before)


async def test_who_comes_and_goes(lines: Lines, server: ChatServer, join: Join):
    ada = await join("Ada", room="kitchen")
    await until(lambda: lines.of("joined"))
    await ada.close(4001)
    await until(lambda: lines.of("left"))
    who = {"level": "info", "room": "kitchen", "name": "Ada", "address": "127.0.0.1"}
    assert lines.of("joined") == [{**who, "event": "joined"}]
    assert lines.of("left") == [{**who, "event": "left", "code": 4001}]


async def test_a_line_that_just_ends_has_left_with_1006(lines: Lines, join: Join):
    ada = await join("Ada")
    ada.transport.abort()
    await until(lambda: lines.of("left"))
    assert lines.of("left")[0]["code"] == 1006


async def test_each_request_and_why_one_is_refused(lines: Lines, server: ChatServer):
    await AsyncHTTPClient().fetch(f"{server.url}healthz?token=secret")
    await refused(server, origin="https://evil.example", token="secret")
    told = {"level": "info", "address": "127.0.0.1"}
    request = {**told, "event": "request", "method": "GET"}
    assert lines.of("request") == [
        {**request, "path": "/healthz", "status": 200},
        {**request, "path": "/ws", "status": 403},
    ]
    assert lines.of("refused") == [
        {**told, "event": "refused", "path": "/ws", "why": "bad_origin"},
    ]
    assert all(line["milliseconds"] >= 0 for line in lines.events if line["event"] == "request")


async def test_start_and_stop(lines: Lines):
    async with serving() as server:
        port = server.port
    told = [(line["event"], line.get("port")) for line in lines.events]
    assert told == [("started", port), ("draining", None), ("stopped", port)]


@pytest.mark.parametrize("options", [{"token": "secret"}])
async def test_neither_tokens_nor_texts_are_told(lines: Lines, server: ChatServer, join: Join):
    ada = await join("Ada", token="secret")
    await say(ada, "my words")
    await hear(ada)
    await ada.send("my bad words")
    await hear(ada)
    await refused(server, token="secret-but-wrong")
    headers = {"Authorization": "Bearer secret"}
    url = f"http://127.0.0.1:{server.port}"
    await AsyncHTTPClient().fetch(f"{url}/metrics?token=secret", headers=headers)
    await AsyncHTTPClient().fetch(f"{url}/nothing?token=secret", raise_error=False)
    await server.stop()
    assert await end_of(ada) == 1001
    events = {line["event"] for line in lines.events}
    assert events >= {"started", "joined", "left", "refused", "request", "stopped"}
    assert "secret" not in lines.text
    assert "words" not in lines.text


class Faulty(ChatSocket):
    """A socket of one's own, with a fault in it."""

    def receive(self, frame: Any) -> None:
        raise ZeroDivisionError("a fault of one's own")


async def test_a_fault_in_a_handler_does_not_tell_the_token(caplog: pytest.LogCaptureFixture):
    async with serving(token="secret", handler=Faulty) as server:
        url = socket_url(server, token="secret", client="a mark of one's own")
        async with connect(url) as client:
            await say(client, "hello")
            assert await end_of(client) == ABNORMAL
    assert "Uncaught exception at /ws" in caplog.text
    assert "a fault of one's own" in caplog.text
    assert "secret" not in caplog.text
    assert "mark" not in caplog.text


class ShakyLog(MemoryLog):
    """A log that can be made to take nothing."""

    broken = False

    def append(self, room: str, messages: Any) -> asyncio.Future[Any]:
        if not self.broken:
            return super().append(room, messages)
        future = asyncio.get_running_loop().create_future()
        future.set_exception(LogError("The disk is full."))
        return future


async def test_a_log_that_fails_is_told_once_and_once_when_it_is_back(
    lines: Lines, server: ChatServer, join: Join
):
    server.rooms.log = ShakyLog()
    ada = await join("Ada")
    for broken in (False, True, True, True, False, False, True):
        server.rooms.log.broken = broken
        await say(ada, "hi")
        await hear(ada)
    told = [line for line in lines.events if line["event"].startswith("log ")]
    assert [(line["event"], line["level"], line["room"]) for line in told] == [
        ("log unavailable", "warning", "lobby"),
        ("log available", "warning", "lobby"),
        ("log unavailable", "warning", "lobby"),
    ]
    assert told[0]["detail"] == "The disk is full."


# How it is written.


def record(message: object, *args: object, **more: Any) -> logging.LogRecord:
    return logging.LogRecord("chatkit", logging.INFO, "file.py", 1, message, args, None, **more)


def as_text(message: object, *args: object) -> str:
    return logging.Formatter("%(message)s").format(record(message, *args))


def test_a_line_of_json_has_its_time_its_level_and_its_event():
    line = json.loads(JsonLines().format(record(Event("joined", {"room": "lobby", "name": None}))))
    assert datetime.fromisoformat(line.pop("time")).utcoffset() is not None
    assert line == {"level": "info", "event": "joined", "room": "lobby"}


def test_what_others_log_is_a_line_of_json_too():
    try:
        raise ValueError("so\nwhat")
    except ValueError:
        fault = record("dropped %s", "one")
        fault.exc_info = sys.exc_info()
    [line] = JsonLines().format(fault).splitlines()
    read = json.loads(line)
    assert read["event"] == "dropped one"
    assert read["error"].endswith("ValueError: so\nwhat")


def test_as_text_fields_follow_the_event():
    event = Event("left", {"room": "a-b", "name": "Ada Ö", "code": 1000, "address": "::1"})
    assert as_text(event) == r'left room=a-b name="Ada \u00d6" code=1000 address=::1'


@given(st.text())
def test_whatever_a_field_holds_it_stays_on_one_line_and_is_no_other_field(name: str):
    event = Event("joined", {"name": name, "code": 1})
    for line in (as_text(event), JsonLines().format(record(event))):
        assert len(f"{line}.".splitlines()) == 1
    text = as_text(event)
    assert text.startswith("joined name=")
    quoted = text.removeprefix("joined name=").removesuffix(" code=1")
    assert quoted == name or json.loads(quoted) == name
    assert " " not in quoted or quoted.startswith('"')


def test_unknown_formats_and_levels_are_told_in_one_sentence():
    with pytest.raises(
        ChatkitError, match=r"^There is no log format 'xml': choose text or json\.$"
    ):
        keep_journal("info", "xml")
    with pytest.raises(ChatkitError, match=r"^There is no log level 'loud': choose info or "):
        keep_journal("loud", "text")


def printed_by(level: str, form: str) -> tuple[str, str]:
    """What a program prints in which something happens."""
    code = f"""
import logging
from chatkit.journal import keep_journal, note
keep_journal({level!r}, {form!r})
note("joined", room="lobby")
note("log unavailable", logging.WARNING, detail="so")
logging.getLogger("another.library").info("news of a library")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout, run.stderr


@pytest.mark.parametrize("form", FORMATS)
def test_a_level_is_where_it_begins(form: str):
    out, errors = printed_by("info", form)
    assert out == ""
    assert ["joined" in line for line in errors.splitlines()] == [True, False]
    assert printed_by("warning", form)[1].count("\n") == 1
    assert printed_by("error", form) == ("", "")
    assert LEVELS == ("info", "warning", "error")


def test_in_a_notebook_nothing_is_shown():
    code = "import logging, chatkit.journal as j; j.note('joined'); j.note('x', logging.ERROR)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("", "")


def test_what_nobody_listens_to_is_not_put_together(lines: Lines):
    log.setLevel(logging.WARNING)
    note("joined", room="lobby")
    assert lines.events == []
