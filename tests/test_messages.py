"""What is a message, what is none, and what its sender is told."""

import msgspec
import pytest

from chatkit.messages import (
    MAX_ID,
    MAX_KEY,
    MAX_LAST,
    MAX_MESSAGE,
    ChatkitError,
    Entry,
    FrameError,
    Message,
    key_of,
    read_entry,
    read_message,
    within_limits,
)

NO_MESSAGES = [
    None,
    7,
    "hi",
    ["hi"],
    {},
    {"text": "hi"},
    {"message": None},
    {"message": 7},
    {"message": ["hi"]},
    {"message": {"message": "hi"}},
    {"message": "hi", "key": 7},
    {"message": "\ud800"},
    {"message": "hi", "key": "\udfff"},
    {"message": "\ud83d", "key": "\ude00"},
]


def test_a_frame_with_a_message_is_one():
    assert read_message({"message": "hi"}) == Message("hi")


def test_a_key_is_kept():
    assert read_message({"message": "hi", "key": "k1"}).key == "k1"


def test_fields_that_nobody_knows_are_no_fault():
    assert read_message({"message": "hi", "colour": "red"}) == Message("hi")


def test_characters_beyond_16_bits_are_whole_ones():
    assert read_message({"message": "😀"}).message == "😀"


@pytest.mark.parametrize("frame", NO_MESSAGES, ids=ascii)
def test_a_frame_without_a_proper_message_is_refused_in_one_plain_sentence(frame: object):
    with pytest.raises(FrameError) as refusal:
        read_message(frame)
    told = refusal.value.frame()
    assert told["error"] == "bad_message"
    assert str(told["detail"]).endswith(".")
    assert "\n" not in str(told["detail"])


def test_a_refusal_can_be_sent_whatever_it_quotes():
    told = FrameError("bad_frame", "no \ud800 please").frame()
    assert msgspec.json.encode(told) == b'{"error":"bad_frame","detail":"no ? please"}'


def test_a_message_is_never_changed():
    with pytest.raises(AttributeError):
        Message("hi").message = "ho"


def test_what_a_client_left_out_is_left_out_on_the_wire():
    assert msgspec.json.encode(Message("hi")) == b'{"message":"hi"}'


def test_jupyter_shows_an_error_as_one_sentence():
    assert ChatkitError("Port 1 is taken.")._render_traceback_() == ["chatkit: Port 1 is taken."]


@pytest.mark.parametrize(
    "message",
    [
        Message("x"),
        Message("x" * MAX_MESSAGE, key="k"),
        Message("😀" * MAX_MESSAGE, key="k" * MAX_KEY),
        Message(" x "),
    ],
    ids=lambda message: repr(message)[:24],
)
def test_a_message_within_the_limits_is_left_as_it_is(message: Message):
    assert within_limits(message) is message


@pytest.mark.parametrize(
    ("message", "code", "detail", "key"),
    [
        (
            Message("x" * (MAX_MESSAGE + 1), key="k1"),
            "too_long",
            "A message has at most 4096 characters, and this one has 4097.",
            "k1",
        ),
        (Message("", key="k1"), "bad_message", "A message needs some text.", "k1"),
        (Message(" \n\u3000"), "bad_message", "A message needs some text.", None),
        (
            Message("x", key=""),
            "bad_message",
            "A key has 1 to 64 characters, and this one has 0.",
            None,
        ),
        (
            Message("x", key="k" * (MAX_KEY + 1)),
            "bad_message",
            "A key has 1 to 64 characters, and this one has 65.",
            None,
        ),
    ],
    ids=lambda part: repr(part)[:24],
)
def test_a_message_beyond_the_limits_is_refused_with_its_key(
    message: Message, code: str, detail: str, key: str | None
):
    with pytest.raises(FrameError) as refusal:
        within_limits(message)
    assert (refusal.value.code, refusal.value.detail, refusal.value.key) == (code, detail, key)


@pytest.mark.parametrize(
    ("frame", "key"),
    [
        ({"key": "k1"}, "k1"),
        ({"key": "k" * MAX_KEY}, "k" * MAX_KEY),
        ({"key": "k" * (MAX_KEY + 1)}, None),
        ({"key": 7}, None),
        ({"key": "\ud800"}, None),
        ({}, None),
        ([], None),
        ("key", None),
    ],
    ids=ascii,
)
def test_a_key_is_found_where_it_can_be_handed_back(frame: object, key: str | None):
    assert key_of(frame) == key


@pytest.mark.parametrize(
    ("query", "entry"),
    [
        ({}, Entry(room="lobby")),
        (
            {"room": [b"A-z_0"], "name": ["Zoë".encode()], "token": [b"t"], "client": [b"c"]},
            Entry(room="A-z_0", name="Zoë", token="t", client="c"),
        ),
        ({"since": [b"0"], "log": [b"abc"]}, Entry(since=0, log="abc")),
        ({"since": [str(MAX_ID).encode()]}, Entry(since=MAX_ID)),
        ({"last": [str(MAX_LAST).encode()]}, Entry(last=MAX_LAST)),
        ({"name": [b"Ada", b"Bob"]}, Entry(name="Bob")),
        ({"name": [b""], "colour": [b"red"]}, Entry()),
        ({"name": [b"null"], "token": [b"7"]}, Entry(name="null", token="7")),
    ],
    ids=repr,
)
def test_a_query_is_read(query: dict[str, list[bytes]], entry: Entry):
    assert read_entry(query) == entry


@pytest.mark.parametrize(
    ("query", "code", "detail"),
    [
        ({"room": [b"a b"]}, "bad_room", "A room's name has 1 to 64 letters from a to z"),
        ({"room": [b"ok", b""]}, "bad_room", "A room's name has 1 to 64 letters from a to z"),
        ({"name": [b"\xff"]}, "bad_query", "The address is no UTF-8."),
        (
            {"log": [b"x." + b"9" * 5000]},
            "bad_query",
            "The address asks for what can't be: Expected `s",
        ),
        ({"last": [b"1001"]}, "bad_query", "The address asks for what can't be: Expected `int` <="),
        ({"since": [b"-1"]}, "bad_query", "The address asks for what can't be: Expected `int` >="),
        (
            {"client": [b"c" * 65]},
            "bad_query",
            "The address asks for what can't be: Expected `str`",
        ),
    ],
    ids=repr,
)
def test_a_query_that_makes_no_sense_is_refused(
    query: dict[str, list[bytes]], code: str, detail: str
):
    with pytest.raises(FrameError) as refusal:
        read_entry(query)
    assert refusal.value.code == code
    assert refusal.value.detail.startswith(detail)
    assert refusal.value.detail.endswith(".")
