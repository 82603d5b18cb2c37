"""JSON and Transit: what is written, what is read, and what is refused."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatkit.guide.codecs import (
    CACHE_SIZE,
    CODECS,
    JSON,
    MAX_VALUES,
    TRANSIT,
    Codec,
    FrameError,
    Keyword,
    cache_code,
    read_node,
    write_node,
)
from chatkit.guide.server import MAX_FRAME

# What transit-js writes: tests/transit_js.mjs makes the file, and says what a line holds.
STORED = Path(__file__).parents[1] / "transit_js.jsonl"
LONGEST = 300  # characters of an error; it quotes 20 of what was sent, and escapes them
MOST_WORK = 20  # times that of reading an array of ones

codecs = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


@pytest.fixture(autouse=True)
def no_error_is_logged() -> None:
    """Nothing here runs in an event loop, so no error can get lost there."""


def vectors() -> Iterator[tuple[Any, str]]:
    """Yield each stored value, and the text that transit-js writes for it."""
    with STORED.open(encoding="utf-8") as lines:
        for line in lines:
            code, text = json.loads(line)
            yield value_of(code), text


def value_of(code: Any) -> Any:
    """Return the value that a stored one stands for."""
    match code:
        case str():
            return {"t": str, "k": Keyword, "i": int}[code[0]](code[1:])
        case list():
            return [value_of(part) for part in code]
        case dict():
            return {value_of(key): value_of(part) for key, part in code.items()}
    return code


def typed(value: Any) -> Any:
    """Return a value with the types in it: a keyword equals a text, and True equals 1."""
    match value:
        case list():
            return [typed(part) for part in value]
        case dict():
            return [(typed(key), typed(part)) for key, part in value.items()]
        case bool() | str() | None:
            return type(value), value
    return value


def refusal(codec: Codec, text: str | bytes) -> str:
    """Return why a codec refuses a text. The text must not come back in it."""
    with pytest.raises(FrameError) as error:
        codec.read(text)
    detail = str(error.value)
    assert detail.endswith(".")
    assert len(detail) < LONGEST
    detail.encode()
    return detail


# What transit-js writes and reads.


def test_transit_is_written_as_transit_js_writes_it():
    count = 0
    for value, text in vectors():
        assert write_node(value, {}) == json.loads(text)
        if isinstance(value, dict) and all(isinstance(key, Keyword) for key in value):
            plain = {str(key): part for key, part in value.items()}
            assert json.loads(TRANSIT.write(plain)) == json.loads(text)
            count += 1
    assert count > 500


def test_transit_that_transit_js_wrote_is_read():
    count = 0
    for value, text in vectors():
        assert typed(read_node(json.loads(text), {})) == typed(value)
        if len(text) < MAX_VALUES:  # else it may hold too many values to be read in one text
            assert typed(TRANSIT.read(text)) == typed(TRANSIT.read(text.encode())) == typed(value)
            count += 1
    assert count > 2000


def test_the_stored_values_cross_both_edges_of_the_cache():
    (few, all_names, again), text = next(vectors())
    assert (len(few), len(all_names)) == (50, CACHE_SIZE + 100)
    assert '"^10"' in text  # the first code with two digits
    assert text.count('"~:___0"') > 1  # the cache was cleared, and the name written again
    assert len(again) > 100


# Both codecs.

texts = st.text(st.characters(exclude_categories=["Cs"]))
integers = st.integers(-(10**19) + 1, 10**19 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | integers | floats | texts,
    lambda inside: st.lists(inside, max_size=5) | st.dictionaries(texts, inside, max_size=5),
    max_leaves=30,
)
frames = st.dictionaries(texts, values, max_size=5)


@codecs
@given(frames)
def test_every_frame_comes_back_as_it_was(codec: Codec, frame: dict[str, Any]):
    text = codec.write(frame)
    assert codec.read(text) == frame
    assert codec.read(text.encode()) == frame


@codecs
@given(texts)
def test_every_text_is_written_in_one_line(codec: Codec, text: str):
    written = codec.write({"message": text})
    assert "\n" not in written
    assert codec.read(written)["message"] == text


@codecs
@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"hi", object()])
def test_what_can_not_be_written_raises_an_error(codec: Codec, value: Any):
    with pytest.raises((ValueError, TypeError)):
        codec.write({"message": value})


def test_transit_keys_must_be_text():
    with pytest.raises(ValueError, match="a key must be text or a keyword, not int"):
        TRANSIT.write({"rooms": {1: "one"}})


NOT_JSON = {
    "nothing": "",
    "a word": "hi",
    "half an object": '{"message":"hi"',
    "two values": '{"message":"hi"} {}',
    "brackets without end": "[" * MAX_FRAME,
    "objects without end": '{"a":' * 10_000,
    "10,000 brackets": "[" * 10_000 + "]" * 10_000,
    "a huge integer": "1" * MAX_FRAME,
    "bytes that are not UTF-8": b'{"message":"\xff\xfe\xfa"}',
    "a long word": "Z" * MAX_FRAME,
}


@codecs
@pytest.mark.parametrize("text", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_not_json_is_refused(codec: Codec, text: str | bytes):
    assert refusal(codec, text).startswith("This is not JSON: ")


def test_json_is_written_without_spaces_and_as_people_read_it():
    assert JSON.write({"message": "Grüße 👋", "id": 1}) == '{"message":"Grüße 👋","id":1}'


# What Transit means.

READ = {
    '["^ ","~:message","hi"]': {"message": "hi"},
    '["^ ","message","hi"]': {"message": "hi"},
    '{"~:message":"hi"}': {"message": "hi"},
    '{"message":"hi"}': {"message": "hi"},
    "[]": [],
    '["^ "]': {},
    '["~~a","~^b","~`c"]': ["~a", "^b", "`c"],
    '["~i9223372036854775807","~i-7","~i007"]': [2**63 - 1, -7, 7],
    '["~d1.5","~d-2","~d1e-3","~d1E2"]': [1.5, -2.0, 0.001, 100.0],
    '["~?t","~?f","~_"]': [True, False, None],
    '["~:kind","^0","~:abc","^1","~:ab"]': ["kind", "kind", "abc", "abc", "ab"],
    '[["^ ","name",1],["^ ","^0",2],"^0"]': [{"name": 1}, {"name": 2}, "name"],
    '[["^ ","~~ab",1],["^ ","^0",2]]': [{"~ab": 1}, {"~ab": 2}],
}


@pytest.mark.parametrize(("text", "value"), READ.items(), ids=READ)
def test_transit_of_other_writers_is_read(text: str, value: Any):
    read = TRANSIT.read(text)
    assert read == value
    assert repr(read) == repr(value)  # True is not 1, and 1.0 is not 1


def test_a_keyword_is_text_with_a_type_of_its_own():
    (kind, name) = TRANSIT.read('["~:joined","joined"]')
    assert kind == name == "joined"
    assert (type(kind), type(name)) == (Keyword, str)
    assert TRANSIT.write({"event": kind}) == '["^ ","~:event","~:joined"]'


@pytest.mark.parametrize(
    ("index", "code"),
    [(0, "^0"), (9, "^9"), (10, "^:"), (43, "^["), (44, "^10"), (87, "^1["), (1935, "^[[")],
)
def test_cache_codes_are_counted_from_0_to_bracket(index: int, code: str):
    assert cache_code(index) == code


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (2**53 - 1, "9007199254740991"),
        (2**53, '"~i9007199254740992"'),
        (1 - 2**53, "-9007199254740991"),
        (-(2**53), '"~i-9007199254740992"'),
    ],
)
def test_an_integer_that_javascript_would_round_is_written_as_text(number: int, written: str):
    assert TRANSIT.write({"id": number}) == f'["^ ","~:id",{written}]'


def in_a_map(text: str) -> str:
    """Return the Transit of a map in which a text is the value of a key that nobody knows."""
    return f'["^ ","~:message","hi","~:more",{text}]'


DEEP = 400
REFUSED = {
    "a set": in_a_map('["~#set",[1,2]]'),
    "a list": in_a_map('["~#list",[1,2]]'),
    "a map with any keys": in_a_map('["~#cmap",[1,2]]'),
    "a set in an object": in_a_map('{"~#set":[1,2]}'),
    "a quote": '["~#\'","hi"]',
    "a time": in_a_map('"~t2025-01-01T00:00:00Z"'),
    "milliseconds": in_a_map('"~m1753000000000"'),
    "a UUID": in_a_map('"~u531a379e-31bb-4ce1-8690-158dceb64be6"'),
    "an address": in_a_map('"~rhttp://127.0.0.1/"'),
    "infinity": in_a_map('"~zINF"'),
    "a symbol": in_a_map('"~$name"'),
    "a character": in_a_map('"~ca"'),
    "bytes": in_a_map('"~bAAAA"'),
    "a big integer": in_a_map('"~n1"'),
    "a big decimal": in_a_map('"~f1.5"'),
    "a mark alone": in_a_map('"~"'),
    "a third boolean": in_a_map('"~?x"'),
    "null with more": in_a_map('"~_x"'),
    "a code that nothing has": in_a_map('"^5"'),
    "a code before its name": '[["^ ","^0",1],["^ ","~:name",2]]',
    "a code with three digits": in_a_map('"^000"'),
    "a code without digits": in_a_map('"^"'),
    "the mark of a map elsewhere": in_a_map('[1,"^ "]'),
    "a reserved mark": in_a_map('"`a"'),
    "a number as a key": in_a_map('["^ ",1,2]'),
    "a tagged number as a key": in_a_map('["^ ","~i1",2]'),
    "null as a key": in_a_map('["^ ",null,2]'),
    "a list as a key": in_a_map('["^ ",["a"],2]'),
    "a key without a value": '["^ ","~:message"]',
    "a map with three parts": '["^ ","~:message","hi","~:key"]',
    "half a character": '["^ ","~:message","\\ud800"]',
    "half a character in a key": '["^ ","\\udfff","hi"]',
    "half a character in a keyword": in_a_map('"~:ab\\ud83d"'),
    "an integer with underscores": in_a_map('"~i1_0"'),
    "an integer in Arabic digits": in_a_map('"~i١٢"'),
    "an integer with spaces": in_a_map('"~i 1 "'),
    "an integer with a plus": in_a_map('"~i+1"'),
    "an integer with a fraction": in_a_map('"~i1.5"'),
    "an integer of twenty digits": in_a_map(f'"~i{10**19}"'),
    "an empty integer": in_a_map('"~i"'),
    "a float that is a word": in_a_map('"~dNaN"'),
    "a float with underscores": in_a_map('"~d1_0.5"'),
    "arrays in each other": "[" * 2000 + "]" * 2000,
    "maps in each other": '["^ ","~:more",' * 499 + "1" + "]" * 499,
    "objects in each other": '{"more":' * 499 + "1" + "}" * 499,
    "tags in each other": '["~#set",' * DEEP + "[]" + "]" * DEEP,
    "quotes in each other": '["~#\'",' * DEEP + "1" + "]" * DEEP,
    "too many values": json.dumps([1] * MAX_VALUES),
    "too many values in an object": json.dumps({f"{n}": 1 for n in range(MAX_VALUES // 2)}),
    "a long text with a tag": json.dumps(["~#" + "Z" * 60_000]),
    "unprintable characters with a tag": json.dumps(["~#" + "\U000e0001" * 9000]),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_the_guide_s_transit_does_not_have_is_refused(text: str):
    detail = refusal(TRANSIT, text)
    assert detail.startswith(("This is JSON, but not Transit: ", "This is not JSON: "))


def test_an_error_says_what_is_wrong():
    assert refusal(TRANSIT, '["~#set",[1]]') == (
        "This is JSON, but not Transit: '~#set' has no meaning here."
    )
    assert refusal(TRANSIT, '["^ ","a"]').endswith("a map has a key without a value.")
    assert refusal(TRANSIT, '["^ ",1,2]').endswith("a key must be text or a keyword, not int.")
    assert refusal(TRANSIT, REFUSED["too many values"]).endswith("holds more than 1000 values.")


def test_a_text_with_as_many_values_as_are_allowed_is_read():
    assert TRANSIT.read(json.dumps([1] * (MAX_VALUES - 1))) == [1] * (MAX_VALUES - 1)


# What a stranger can make the server do.


def filled(unit: str) -> str:
    """Return an array of as many equal parts as one frame can hold."""
    return "[" + ",".join([unit] * ((MAX_FRAME - 2) // (len(unit) + 1))) + "]"


NUMBERS = ["1", "1.5", "1e5", "9e307", "1e-320", "1e-400", '"~i1"', '"~d1e-320"', "9" * 4300]
NAMES = ['""', '"a"', '"^0"', '"~~"', '"~:abcd"', '"\\n\\n\\n"', '"\\u00e9\\u00e9"', '"😀😀"']
MAPS = ["null", "[]", "{}", '["^ ","abcd",1]', '{"abcd":1}', '{"~:abcd":1}']
DIGITS, LONG_NAMES = "7" * 48, [f"{n:055}" for n in range(990)]
COSTLY = {
    **{unit[:20]: filled(unit) for unit in NUMBERS + NAMES + MAPS},
    "a float of 65,000 digits": "0." + "1" * 65_000,
    "floats as text": json.dumps([f"~d1.{DIGITS}e-307"] * 990),
    "a float of 65,000 digits as text": json.dumps("~d0." + "1" * 65_000),
    "keywords": json.dumps([f"~:{name}" for name in LONG_NAMES]),
    "keys": json.dumps(dict.fromkeys(LONG_NAMES[:495], 1)),
    "brackets in each other": "[" * 30_000 + "]" * 30_000,
    "sixty brackets in each other": "[" * 60 + "]" * 60,
    "maps in each other": '["^ ","~:abcd",' * 330 + "1" + "]" * 330,
    "objects without end": '{"abcd":' * 8000,
    "half characters": '"' + "\\ud800" * 10_000 + '"',
    "spaces": " " * 65_000 + "1",
}


def shortest(read: Callable[[str], Any], text: str) -> float:
    """Return how many seconds it takes to read a text, or to refuse it, in the best of nine."""
    seconds = []
    for _ in range(9):
        began = time.perf_counter()
        with suppress(FrameError):
            read(text)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


@codecs
def test_no_frame_costs_many_times_what_an_array_of_ones_costs(codec: Codec):
    unit = shortest(json.loads, filled("1"))
    work = {name: shortest(codec.read, text) / unit for name, text in COSTLY.items()}
    assert {name: times for name, times in work.items() if times > MOST_WORK} == {}
