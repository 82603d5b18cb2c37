"""JSON and Transit: what is written, what is read, and what is refused."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatkit.codecs import CODECS, JSON, TRANSIT, Codec
from chatkit.messages import MAX_FRAME, FrameError, Message, read_message

codecs = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
whole_text = st.text(st.characters(exclude_categories=["Cs"]))
messages = st.builds(
    Message,
    whole_text,
    st.integers(0, 2**63 - 1),
    whole_text,
    st.floats(0, 1e11),
    st.none() | whole_text,
)


def test_a_message_is_written_in_the_order_of_its_fields_without_the_empty_ones():
    message = Message("hi", 1, "Ada", 1753000000.123)
    text = b'["^ ","~:message","hi","~:id",1,"~:name","Ada","~:time",1753000000.123]'
    assert TRANSIT.encode(message) == text
    assert JSON.encode(message) == b'{"message":"hi","id":1,"name":"Ada","time":1753000000.123}'


@pytest.mark.parametrize(
    "text",
    ['["^ ","~:message","hi"]', '["^ ","message","hi"]', '{"~:message":"hi"}', '{"message":"hi"}'],
)
def test_transit_keys_may_be_keywords_or_strings(text: str):
    assert read_message(TRANSIT.decode(text)) == Message("hi")


@pytest.mark.parametrize(
    "text",
    [
        '["^ ","~:message","hi","~:when","~tsoon"]',
        '["^ ","~:message","hi","~:all",["~#set",[1]]]',
        '["^ ","~:message","~hi"]',
        '["^ ","~:message",["~#\'","hi"]]',
    ],
)
def test_transit_that_the_guide_does_not_read_is_a_frame_error(text: str):
    with pytest.raises(FrameError, match="This is JSON, but not Transit: ") as error:
        TRANSIT.decode(text)
    assert error.value.code == "bad_frame"


def test_keywords_are_plain_text_wherever_they_are():
    frame = TRANSIT.decode('["^ ","~:message","~:hi","~:more",[["^ ","~:name","~:Ada"]]]')
    assert read_message(frame) == Message("hi")
    assert JSON.encode(frame) == b'{"message":"hi","more":[{"name":"Ada"}]}'


@codecs
@given(messages)
def test_every_message_comes_back_as_it_was(codec: Codec, message: Message):
    data = codec.encode(message)
    assert read_message(codec.decode(data)) == message
    assert read_message(codec.decode(data.decode())) == message


@codecs
@given(whole_text)
def test_every_text_is_sent_as_one_line(codec: Codec, text: str):
    assert b"\n" not in codec.encode(Message(text))


# What a stranger may send: Transit's own marks in every place, half characters, deep nesting.
MARKS = """~: ~$ ~u ~m ~t ~d ~n ~f ~z ~c ~r ~b ~? ~i ~_ ~ ~~ ^ ^0 ^1 ` ~:message message
~#set ~#list ~#cmap ~#m ~#u ~#' ~#link ~#ratio ~#with-meta ~#foo"""
marks = st.sampled_from(["^ ", "~\ud800", *MARKS.split()])
leaves = (
    marks
    | st.tuples(marks, st.text(max_size=4)).map("".join)
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
)


def nested(inside: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.lists(inside, max_size=4)
        | st.lists(inside, max_size=4).map(lambda parts: ["^ ", *parts])
        | st.tuples(marks, inside).map(list)
        | st.dictionaries(marks, inside, max_size=3)
        | inside.map(lambda value: ["^ ", "~:message", value])
    )


odd_values = st.recursive(leaves, nested, max_leaves=10)


def refused_or_read(codec: Codec, text: str) -> None:
    try:
        answer = read_message(codec.decode(text))
    except FrameError as error:
        answer = error.frame()
    for each in CODECS.values():
        each.encode(answer).decode()


@codecs
@settings(max_examples=400)
@given(odd_values)
def test_odd_values_are_a_message_or_a_frame_error_that_can_be_sent(codec: Codec, value: Any):
    refused_or_read(codec, json.dumps(value))


@codecs
@given(st.text())
def test_odd_text_is_a_message_or_a_frame_error_that_can_be_sent(codec: Codec, text: str):
    refused_or_read(codec, text)


DEEP = 10_000


@codecs
@pytest.mark.parametrize(
    "text",
    [
        "",
        "hi",
        "{",
        '{"message":"hi"',
        '{"message":"hi"} more',
        "[" * DEEP,
        "[" * DEEP + "]" * DEEP,
        '{"a":' * DEEP,
        '{"a":' * DEEP + "1" + "}" * DEEP,
        '["^ ","~:message",' + "[" * 60 + "]" * 60 + "]",  # not read 2 ** 60 times
        '["^ ","~:message",' * 900 + "1" + "]" * 900,
        '["~#set",' * 900 + "[]" + "]" * 900,
        '"' + "~n" + "9" * DEEP + '"',
        "1" * DEEP,
        "1e999",
        "NaN",
    ],
    ids=lambda text: text[:24] or "nothing",
)
def test_what_is_no_message_is_a_frame_error(codec: Codec, text: str):
    with pytest.raises(FrameError, match=r"\.$"):
        read_message(codec.decode(text))


def test_no_float_takes_long_to_read():
    def seconds(number: str) -> float:
        text = "[" + ",".join([number] * (MAX_FRAME // (len(number) + 1))) + "]"
        began = time.perf_counter()
        JSON.decode(text)
        return time.perf_counter() - began

    unit, *costs = [min(map(seconds, [number] * 9)) for number in ("1.5", "9e307", "1e-320")]
    assert max(costs) < 15 * unit  # in msgspec's own way, a hundred times as long and more


def test_transit_brings_python_s_own_types():
    frame = {"members": ["Ada", "Bob"], "missed": False, "rate": None, "rooms": {"lobby": 2}}
    read = TRANSIT.decode(TRANSIT.encode(frame))
    assert read == frame
    assert read["missed"] is False
    assert [type(read[key]) for key in ("members", "rooms")] == [list, dict]
