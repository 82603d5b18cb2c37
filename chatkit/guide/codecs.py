"""Two ways to write a message as text: JSON, and Transit as the guide's client writes it.

Transit (https://github.com/cognitect/transit-format) is JSON with conventions: a map is
`["^ ", key, value, …]`, a keyword is `"~:message"`, and a name that comes again is written as a
short code. Lessons 02 and 04b.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

MAX_VALUES = 1000  # in one Transit text: reading each of them takes time
CACHE_DIGITS = 44  # a cache code has one or two digits, from "0" to "["
CACHE_SIZE = CACHE_DIGITS**2  # names
NUMBER = re.compile(r"-?[0-9]{1,19}(\.[0-9]+)?(e[-+]?[0-9]{1,3})?", re.IGNORECASE)


class FrameError(ValueError):
    """A frame that can't be used; the text says why. Lesson 02."""


class Codec(NamedTuple):
    """A way to write values as text, and to read them. Lesson 02."""

    read: Callable[[str | bytes], Any]
    write: Callable[[Any], str]


def read_json(text: str | bytes) -> Any:
    """Return the value in some JSON; raise FrameError if it is not JSON. Lesson 02."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"This is not JSON: {error}.") from error


def write_json(value: Any) -> str:
    """Return a value as JSON. Lesson 02."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


JSON = Codec(read_json, write_json)


class Keyword(str):
    """A name in Transit, written `~:name`; it equals the plain text. Lesson 04b."""


def cache_code(index: int) -> str:
    """Return the code of the cached name number `index`: ^0, ^1, … ^[, ^10, … Lesson 04b."""
    high, low = divmod(index, CACHE_DIGITS)
    return "^" + (chr(ord("0") + high) if high else "") + chr(ord("0") + low)


def is_cached(text: str, is_key: bool) -> bool:
    """Return True if a text gets a cache code: a long key, or a long keyword. Lesson 04b.

    Long is more than three characters as JavaScript counts them, in UTF-16.
    """
    return (is_key or text.startswith("~:")) and len(text.encode("utf-16-le")) > 2 * 3


def read_transit(text: str | bytes) -> Any:
    """Return the value in some Transit; raise FrameError if there is none. Lesson 04b.

    It may hold null, booleans, numbers, text, keywords, arrays and maps. Other tags are refused.
    The guide's `json-reader`.
    """
    node = read_json(text)
    try:
        check_size(node)
        return read_node(node, {})
    except (ValueError, RecursionError) as error:
        raise FrameError(f"This is JSON, but not Transit: {error}.") from error


def check_size(node: Any) -> None:
    """Raise ValueError if a value from JSON holds more than `MAX_VALUES` values. Lesson 04b."""
    nodes = [node]
    for number, node in enumerate(nodes):  # the list grows during the loop
        if number == MAX_VALUES:
            raise ValueError(f"it holds more than {MAX_VALUES} values")
        if isinstance(node, dict):
            nodes += [*node.keys(), *node.values()]
        elif isinstance(node, list):
            nodes += node


def read_node(node: Any, cache: dict[str, str]) -> Any:
    """Return what a value from JSON stands for; `cache` maps codes to names. Lesson 04b."""
    match node:
        case str():
            return read_text(node, cache)
        case ["^ ", *items]:
            return read_map(items, cache)
        case list():
            return [read_node(item, cache) for item in node]
        case dict():
            return read_map([part for item in node.items() for part in item], cache)
    return node


def read_map(items: list[Any], cache: dict[str, str]) -> dict[str, Any]:
    """Return the map whose keys and values alternate in `items`. Lesson 04b."""
    if len(items) % 2:
        raise ValueError("a map has a key without a value")
    pairs = zip(items[::2], items[1::2], strict=True)
    return {read_key(key, cache): read_node(value, cache) for key, value in pairs}


def read_key(node: Any, cache: dict[str, str]) -> str:
    """Return the key of a map; raise ValueError if it is not text. Lesson 04b."""
    key = read_text(node, cache, is_key=True) if isinstance(node, str) else node
    if not isinstance(key, str):
        raise ValueError(f"a key must be text or a keyword, not {type(node).__name__}")
    return key


def read_text(text: str, cache: dict[str, str], is_key: bool = False) -> Any:
    """Return the value that a text stands for. Lesson 04b."""
    text.encode()  # raises for half of a surrogate pair
    if is_cached(text, is_key):
        if len(cache) == CACHE_SIZE:
            cache.clear()
        cache[cache_code(len(cache))] = text
    return read_tag(cache.get(text, text))


def read_tag(text: str) -> Any:
    """Return the value of a text whose first characters may be a tag. Lesson 04b."""
    match text[:2], text[2:]:
        case (("~~" | "~^" | "~`"), _):
            return text[1:]
        case "~:", name:
            return Keyword(name)
        case "~i" | "~d" as tag, digits if NUMBER.fullmatch(digits):
            return int(digits) if tag == "~i" else float(digits)
        case "~?", ("t" | "f") as letter:
            return letter == "t"
        case "~_", "":
            return None
    if text.startswith(("~", "^", "`")):
        raise ValueError(f"{text[:20]!r} has no meaning here")
    return text


def write_transit(frame: Mapping[str, Any]) -> str:
    """Return a frame as Transit, its keys as keywords. The guide's `json-writer`. Lesson 04b.

    Raise ValueError for a value that is not null, a boolean, a number, text, a list or a dict.
    """
    return write_json(write_node({Keyword(key): value for key, value in frame.items()}, {}))


def write_node(value: Any, cache: dict[str, str]) -> Any:
    """Return what JSON has to write for a value; `cache` maps names to codes. Lesson 04b.

    JavaScript's numbers hold every integer below 2**53; larger ones are written as text.
    """
    match value:
        case None | bool() | float():
            return value
        case str():
            return write_text(value, cache)
        case int():
            return value if abs(value) < 2**53 else f"~i{value}"
        case list() | tuple():
            return [write_node(item, cache) for item in value]
        case dict():
            return write_map(value, cache)
    raise ValueError(f"a {type(value).__name__} can't be written as Transit")


def write_map(value: dict[Any, Any], cache: dict[str, str]) -> list[Any]:
    """Return a map as JSON has to write it; raise ValueError if a key is not text. Lesson 04b."""
    items: list[Any] = ["^ "]
    for key, item in value.items():
        if not isinstance(key, str):
            raise ValueError(f"a key must be text or a keyword, not {type(key).__name__}")
        items += [write_text(key, cache, is_key=True), write_node(item, cache)]
    return items


def write_text(text: str, cache: dict[str, str], is_key: bool = False) -> str:
    """Return a text or a keyword as JSON has to write it, or its cache code. Lesson 04b."""
    if isinstance(text, Keyword):
        text = f"~:{text}"
    elif text.startswith(("~", "^", "`")):
        text = f"~{text}"
    if not is_cached(text, is_key):
        return text
    if len(cache) == CACHE_SIZE:
        cache.clear()
    if text not in cache:
        cache[text] = cache_code(len(cache))
        return text
    return cache[text]


TRANSIT = Codec(read_transit, write_transit)
CODECS = {"json": JSON, "transit+json": TRANSIT}  # by subprotocol
