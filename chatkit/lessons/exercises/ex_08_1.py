"""Exercise 08-1: guess the names that a room gives."""

from collections.abc import Iterable
from typing import Any

from chatkit.lessons.engine.expect import NotYetError, listed, returned, shown
from chatkit.lessons.engine.trial import WrongError
from chatkit.lessons.people_lab import Guest
from chatkit.log import MemoryLog
from chatkit.room import Room

TASK = 'Replace each "?" with the name that the room gives to the wish in the same place.'
STUB = """
wanted = ["Bob", "  bob ", "B0b", "", "Bob-2"]
called = ["Bob", "?", "?", "?", "?"]
"""
GIVEN = "(wanted, called)"
HINTS = (
    "Does a wish look like a name that is already taken? Then it gets the next free number. "
    "A number at the end of a wish is replaced, not followed by another.",
    "Bob, bob and B0b, with a zero, look alike: the second gets -2, the third -3, and each keeps "
    "its own spelling. An empty wish becomes guest-1. Bob-2 looks like bob-2: which number is free "
    "then?",
)
SOLUTION = """
wanted = ["Bob", "  bob ", "B0b", "", "Bob-2"]
called = ["Bob", "bob-2", "B0b-3", "guest-1", "Bob-4"]
"""
WRONG = {
    "each wish as it is": (
        '"bob-2", "B0b-3", "guest-1", "Bob-4"',
        '"bob", "B0b", "", "Bob-2"',
        "“bob” for wish 2, “B0b” for wish 3, “” for wish 4, “Bob-2” for wish 5",
    ),
    "a zero that is another letter": (
        "B0b-3",
        "B0b",
        "guesses are not what the room says: “B0b” for wish 3",
    ),
    "one spelling for all": ("bob-2", "Bob-2", "“Bob-2” for wish 2[.]"),
    "a number behind a number": ("Bob-4", "Bob-2-2", "“Bob-2-2” for wish 5"),
    "a guest without a number": ("guest-1", "guest", "“guest” for wish 4"),
    "too few": (', "Bob-4"', "", "5 names in `called`, one for each wish; what came: 4"),
    "a set": (
        '["Bob", "bob-2", "B0b-3", "guest-1", "Bob-4"]',
        '{"Bob", "bob-2", "B0b-3", "guest-1", "Bob-4"}',
        "a list of names in `called`; what came: a set",
    ),
    "one text": (
        '["Bob", "bob-2", "B0b-3", "guest-1", "Bob-4"]',
        '"Bob, bob-2, B0b-3, guest-1, Bob-4"',
        "a list of names in `called`; what came: a str, 'Bob, bob-2",
    ),
    "an empty place": ('"guest-1"', "None", "only texts in `called`; what came: None"),
    "wishes that are all free": (
        'wanted = called = ["Ada", "Ida", "modem", "Paul"]',
        "All your guesses are right, but .* add one that the room has to change",
    ),
    "no wishes": ("wanted = called = []", "add one that the room has to change"),
    "a letter that looks like another": (
        'wanted = ["Ada", "ADA"]\ncalled = ["\\u0410da", "ADA-2"]',
        r"“.u0410da” for wish 1[.]",
    ),
}
RIGHT = {
    "other wishes": (
        'wanted = ["Ada", "\\u0410da", "ADA"]\ncalled = ["Ada", "\\u0410da-2", "ADA-3"]',
    ),
    "tuples": (
        'wanted = "Bob", "  bob ", "B0b", "", "Bob-2"\n'
        'called = "Bob", "bob-2", "B0b-3", "guest-1", "Bob-4"',
    ),
    "calculated": (
        'wanted = ["Bob", "  bob ", "B0b", "", "Bob-2"]\ncalled, taken = [], set()\n'
        "for wish in wanted:\n"
        "    called.append(grant(wish, lambda name: taken.isdisjoint(looks(name))))\n"
        "    taken |= looks(called[-1])",
    ),
}


async def check(answer: Any) -> str:
    """Let a guest with each wish into a room, and compare the names that it gives."""
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise NotYetError("two lists, `(wanted, called)`", returned(answer))
    wanted, called = answer
    for name, names in (("wanted", wanted), ("called", called)):
        if not isinstance(names, list | tuple):
            raise NotYetError(f"a list of names in `{name}`", returned(names, "None"))
        if others := [shown(one) for one in names if not isinstance(one, str)]:
            raise NotYetError(f"only texts in `{name}`", ", ".join(others))
    room = Room("lobby", MemoryLog())
    for wish in wanted:
        await room.admit(Guest(wish))
    given = [*room.members.values()]
    if len(called) != len(given):
        raise NotYetError(f"{len(given)} names in `called`, one for each wish", f"{len(called)}")
    pairs = enumerate(zip(called, given, strict=True), 1)
    if wrong := [f"{in_ascii([mine])} for wish {n}" for n, (mine, its) in pairs if mine != its]:
        raise WrongError(f"These guesses are not what the room says: {', '.join(wrong)}.")
    if given == list(wanted):
        raise WrongError(
            "All your guesses are right, but every name was free: add one that the room has to "
            "change, such as a name that looks like an earlier one."
        )
    return f"the room called them {in_ascii(given)}, as you said."


def in_ascii(names: Iterable[str]) -> str:
    """Return names in quotes; letters that may look like others are shown by their codes."""
    return listed(ascii(name)[1:-1] for name in names)
