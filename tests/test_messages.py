"""What is a message, what is none, and what its sender is told."""

import msgspec
import pytest

from chatkit.messages import ChatkitError, FrameError, Message, read_message

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
