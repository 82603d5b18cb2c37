"""Exercise 11-2: choose a room's cell so that few rooms move when a cell is added."""

from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

from chatkit.lessons.engine.expect import NotYetError, plain, returned, shown, the_function
from chatkit.lessons.engine.mistakes import codes_of
from chatkit.lessons.engine.serving import turns

TASK = (
    "Spread the rooms evenly over the cells, so that a new cell takes over some rooms and no "
    "others move. `cells` is a list of names, in any order."
)
STUB = """
import hashlib


def cell_of(room, cells):
    return cells[crc32(room.encode()) % len(cells)]
"""
HINTS = (
    "For each cell, make a number out of a hash of both names, the cell's and the room's. The room "
    "goes to the cell with the highest number.",
    'It is max(cells, key=lambda cell: hashlib.sha256(f"{cell} {room}".encode()).digest()).',
)
SOLUTION = """
import hashlib


def cell_of(room, cells):
    return max(cells, key=lambda cell: hashlib.sha256(f"{cell} {room}".encode()).digest())
"""
NUMBER = 'hashlib.sha256(f"{cell} {room}".encode()).digest()'
MAX = f"max(cells, key=lambda cell: {NUMBER})"
WRONG = {
    "always the first": (MAX, "cells[0]", "Expected about 150 of 300 rooms in each of 2 cells"),
    "two cells for ever": (
        MAX,
        '"north" if hashlib.sha256(room.encode()).digest()[0] % 2 else "south"',
        "about 100 of 300 rooms in each of 3 cells; what came: .*, 0 in “west”",
    ),
    "hash of a text": (
        NUMBER,
        "hash(cell + room)",
        "each room in the same cell for everybody.*`hash` of a text is different in each process",
    ),
    "the room alone": ('f"{cell} {room}"', "room", "each of 2 cells; what came: 300 in “north”"),
    "a weak hash": (NUMBER, 'sum(f"{cell} {room}".encode())', "in each of 2 cells"),
    "the cell's number, sorted": (
        MAX,
        "sorted(cells)[crc32(room.encode()) % len(cells)]",
        "or to move to a new cell, when “west” is added; what came: it moved to",
    ),
    "a room's own luck": (
        MAX,
        "__import__('random').Random(room).choice(cells)",
        "to stay in “.*” or to move to a new cell, when .*; what came: it moved to",
    ),
    "random": (MAX, "__import__('random').choice(cells)", "in the same cell each time"),
    "no encode": (".encode()", "", "Strings must be encoded before hashing"),
    "the value": (
        MAX,
        f"max({NUMBER} for cell in cells)",
        "Expected one of the cells.*a hash.*has a `key`",
    ),
    "a number of the cell": (MAX, "crc32(room.encode()) % len(cells)", "came: an int, "),
    "a print": (
        f"return {MAX}",
        f"print({MAX})",
        r"came: nothing\. Is a `return` missing.*Your code printed",
    ),
    "async": ("def cell_of", "async def cell_of", "cell_of to be a plain `def`"),
    "no cells": ("room, cells", "room", "`cell_of` is called with more values than"),
    "the order counts": (
        MAX,
        """cells[jump(int(hashlib.sha256(room.encode()).hexdigest(), 16), len(cells))]


def jump(key, count):
    last, next = -1, 0
    while next < count:
        last = next
        key = (key * 2862933555777941757 + 1) % 2**64
        next = int((last + 1) * 2**31 / ((key >> 33) + 1))
    return last""",
        "to stay in .*, when only the cells' order changes; what came: it moved",
    ),
    "the lesson's crc32": (
        NUMBER,
        'crc32(f"{cell} {room}".encode())',
        "about 75 of 300 rooms in each of 4 cells.*The crc32 of similar names is too similar",
    ),
    "two crc32": (
        NUMBER,
        "crc32(cell.encode()) ^ crc32(room.encode())",
        "rooms in each of . cells; .*The crc32 of similar names is too similar",
    ),
    "the caller's list sorted": (
        f"return {MAX}",
        f"cells.sort()\n    return {MAX}",
        r"the caller's list to stay \['.*sort a copy, such as `sorted\(cells\)`",
    ),
    "no digest": (".digest()", "", r"that can be compared; .* is `\.digest\(\)` missing"),
    "remembered": (
        f"return {MAX}",
        f"""if (room, len(cells)) not in known:
        known[room, len(cells)] = {MAX}
    return known[room, len(cells)]


known = {{}}""",
        r"one of the cells \['coast', 'woods', 'south'\] .*came: a str,",
    ),
}
RIGHT = {
    "a loop": (
        f"return {MAX}",
        """best = ""
    for cell in cells:
        number = hashlib.sha256((room + "/" + cell).encode()).hexdigest()
        if number > best:
            best, winner = number, cell
    return winner""",
    ),
    "a random number of both": (
        NUMBER,
        "__import__('random').Random(room + cell).random()",
    ),
    "the lowest": (
        MAX,
        "sorted((hashlib.md5((room + c).encode()).digest(), c) for c in cells)[0][1]",
    ),
    "a ring": (
        f"return {MAX}",
        """point = lambda text: hashlib.sha256(text.encode()).digest()
    ring = sorted((point(f"{cell}{n}"), cell) for cell in cells for n in range(100))
    here = point(room)
    return next((cell for at, cell in ring if at > here), ring[0][1])""",
    ),
}
ROOMS = [f"{kind}-{number}" for kind in ("room", "club") for number in range(100, 250)]
CELLS = {  # what is new, and the cells there are then
    "at first": ("north", "south"),
    "when “west” is added": ("north", "south", "west"),
    "when “woods” and “river” are added": ("north", "south", "west", "woods", "river"),
    "when only the cells' order changes": ("river", "west", "woods", "north", "south"),
    "when “coast” is added, and others are removed": ("river", "south", "woods", "coast"),
    "when “river” is removed": ("coast", "woods", "south"),
}
FEWEST, MOST = 0.5, 1.6  # times as many rooms in a cell as would be in it on average


async def check(answer: Any) -> str:
    """Place 300 rooms in two cells, then change the cells; few rooms may move."""
    cell_of = the_function(answer, "cell_of")
    before: dict[str, str] = {}
    moves = []
    for why, cells in CELLS.items():
        await turns(1)  # otherwise a slow answer would seem to hold up the loop
        after, old = placed(cell_of, cells), {*before.values()}
        moved = [room for room in before if after[room] != before[room]]
        for room in moved:
            if before[room] in cells and after[room] in old:
                new = " or to move to a new cell" if {*cells} - old else ""
                raise NotYetError(
                    f"“{room}” to stay in “{before[room]}”{new}, {why}",
                    f"it moved to “{after[room]}”, as the cells are now {shown([*cells])}",
                )
        moves.append(len(moved))
        before = after
    return f"only {moves[1]} of {len(ROOMS)} rooms moved, all of them to the new cell."


def placed(cell_of: Callable[..., Any], cells: Sequence[str]) -> dict[str, str]:
    """Return the cell of each room; NotYetError if the choice is not a good one."""
    places = {room: place(cell_of, room, cells) for room in ROOMS}
    some = {room: places[room] for room in ROOMS[::10]}
    if {room: place(cell_of, room, cells) for room in some} != some:
        raise NotYetError("a room in the same cell each time", "another one")
    scope = getattr(cell_of, "__globals__", {})
    with patch.dict(scope, {} if "hash" in scope else {"hash": hash_elsewhere}):
        if {room: place(cell_of, room, cells) for room in some} != some:
            came = "`hash` of a text is different in each process"
            raise NotYetError("each room in the same cell for everybody who asks", came)
    shares = {cell: list(places.values()).count(cell) for cell in cells}
    average = len(ROOMS) / len(cells)
    if not all(FEWEST * average < shares[cell] < MOST * average for cell in cells):
        came = ", ".join(f"{shares[cell]} in “{cell}”" for cell in cells)
        if all(shares.values()) and any("crc32" in code.co_names for code in codes_of(cell_of)):
            came += ". The crc32 of similar names is too similar: take a better hash"
        expected = f"about {average:.0f} of {len(ROOMS)} rooms in each of {len(cells)} cells"
        raise NotYetError(expected, came)
    return places


def place(cell_of: Callable[..., Any], room: str, cells: Sequence[str]) -> str:
    """Return the cell of a room; NotYetError if it is none of the cells."""
    given = [*cells]
    try:
        cell = plain(cell_of(room, given), "cell_of")
    except TypeError as error:
        if "HASH" not in str(error):
            raise
        came = "objects that can't: is `.digest()` missing?"
        raise NotYetError("hashes that can be compared", came) from None
    if cell not in cells:
        hint = "a hash. Wanted is the cell that it belongs to: `max` has a `key`"
        came = hint if len(str(cell)) >= SHORTEST_HASH else returned(cell)
        raise NotYetError(f"one of the cells {shown([*cells])} for “{room}”", came)
    if given != [*cells]:
        came = f"{shown(given)}: sort a copy, such as `sorted(cells)`"
        raise NotYetError(f"the caller's list to stay {shown([*cells])}", came)
    return str(cell)


SHORTEST_HASH = 16  # characters


def hash_elsewhere(value: object) -> int:
    """Return what `hash` might return in another process: another number for text."""
    return hash(value if isinstance(value, int) else ("elsewhere", value))
