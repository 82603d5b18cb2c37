"""Names: what is left of what was wanted, what looks alike, and which one is granted."""

import unicodedata
from collections.abc import Iterable

import pytest
from confusable_homoglyphs.confusables import confusables_data
from hypothesis import given, settings
from hypothesis import strategies as st

from chatkit.names import BLANK, MAX_NAME, grant, looks, plain, tidy
from chatkit.server import ChatServer
from tests.conftest import Join, members

ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
BIDI = "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(
    ("wanted", "tidied"),
    [
        ("Ada", "Ada"),
        ("  Ada \t\n Lovelace  ", "Ada Lovelace"),
        ("Ada\u00a0\u2003\u3000Lovelace", "Ada Lovelace"),
        ("Ａｄａ", "Ada"),
        ("\U0001d400da", "Ada"),
        ("ﬁ", "fi"),
        ("Zoe\u0308", "Zoë"),
        (f"A{ZERO_WIDTH}da", "Ada"),
        (f"{BIDI}A{BIDI}da{BIDI}", "Ada"),
        ("A\x00d\x07a\x1b\x7f\x9b", "Ada"),
        ("A\ue000d\U000f0000a", "Ada"),
        ("A\ud800da", "Ada"),
        ("A\ufe0fda\U000e0100", "Ada"),
        ("\u0301\u0301Ada", "Ada"),
        (" \u0301 ", ""),
        ("", ""),
        ("\u3164\u2800\uffa0\u115f", ""),
        (ZERO_WIDTH, ""),
        ("x" * 40, "x" * 32),
        ("x" * 31 + " yz", "x" * 31),
        ("\ufdfa" * 2, ("صلى الله عليه وسلم" * 2)[:31]),
        ("עדה", "עדה"),
        ("阿达", "阿达"),
        ("👩‍🚀 Ada", "👩🚀 Ada"),
        ("<b>Ada</b>", "<b>Ada</b>"),
    ],
    ids=ascii,
)
def test_a_name_is_left_without_what_can_not_be_seen(wanted: str, tidied: str):
    assert tidy(wanted) == tidied


def test_a_row_of_accents_holds_up_nobody():
    """Unicode has them sorted, which takes a time that grows with the square of their number."""
    assert tidy("a" + "\u0300" * 500_000 + "\u0323" * 500_000) == tidy("a" + "\u0300" * MAX_NAME)


def test_no_single_character_hides_in_a_name():
    characters = map(chr, range(0x110000))
    unseen = ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp")
    hidden = [c for c in characters if unicodedata.category(c) in unseen or BLANK.match(c)]
    assert len(hidden) > 2000
    assert {tidy(f"A{c}b") for c in hidden} == {"Ab", "A b"}


ALIKE = [
    ("Ada", "ADA"),
    ("Ada", "\u0410d\u0430"),  # Cyrillic А, а
    ("Kate", "\u039aate"),  # Greek Κ
    ("Ivan", "lvan"),
    ("Ivan", "1van"),
    ("ivan", "IVAN"),
    ("Bob", "B0b"),
    ("Mary", "Rnary"),
    ("Straße", "STRASSE"),
    ("Zoë", "Zo\u0451"),  # Cyrillic ё: it is one character, and so is ë
    ("Zoë", "Zo\u0435\u0308"),
    ("È", "\u0400"),
    ("Ïda", "\u0457da"),  # alike as small letters alone
    ("Ada-2", "Ada\u20132"),
    ("O'Hara", "O\u2019Hara"),
    ("scope", "\u0455\u0441\u043e\u0440\u0435"),
    ("a", "\u0251"),
]


def granted(wanted: Iterable[str]) -> list[str]:
    """The names that people get who come one after the other."""
    taken: set[str] = set()
    names = []

    def free(name: str) -> bool:
        return looks(name).isdisjoint(taken)

    for wish in wanted:
        names.append(grant(wish, free))
        taken.update(looks(names[-1]))
    return names


@pytest.mark.parametrize(("one", "other"), ALIKE, ids=ascii)
@pytest.mark.parametrize("turn", [1, -1], ids=["", "the other way"])
def test_of_two_names_that_look_alike_the_later_gets_a_number(one: str, other: str, turn: int):
    wanted = (one, other)[::turn]
    first, second = granted(wanted)
    assert first == tidy(wanted[0])
    assert second.removesuffix("-3") in (f"{tidy(wanted[1])}-2", "Ada")


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ada", "Ida"), ("Zoë", "Zoe"), ("Ada", "Ada Lovelace"), ("Ada", "Ada-2"), ("阿达", "阿大")],
)
def test_names_that_can_be_told_apart_are_two(one: str, other: str):
    assert looks(one).isdisjoint(looks(other))


def test_numbers_go_on_and_leave_room_for_themselves():
    assert granted(["Ada"] * 4) == ["Ada", "Ada-2", "Ada-3", "Ada-4"]
    assert granted(["Ada-2", "Ada", "Ada"]) == ["Ada-2", "Ada", "Ada-3"]
    assert granted(["Ada-2"] * 3) == ["Ada-2", "Ada-3", "Ada-4"]
    assert granted(["guest-1", "", "  "]) == ["guest-1", "guest-2", "guest-3"]
    assert granted(["-2", "-2"]) == ["-2", "-2-2"]
    long = "x" * MAX_NAME
    assert granted([long] * 11)[1::9] == ["x" * 30 + "-2", "x" * 29 + "-11"]
    assert granted(["x" * 29 + " yz"] * 2)[1] == "x" * 29 + "-2"


@pytest.mark.parametrize("wanted", ["", "Ada", "x" * MAX_NAME])
def test_a_thousand_of_one_name_are_granted_with_few_looks(wanted: str):
    asked = 0
    taken: set[str] = set()

    def free(name: str) -> bool:
        nonlocal asked
        asked += 1
        return looks(name).isdisjoint(taken)

    for _ in range(1000):
        name = grant(wanted, free)
        assert len(name) <= MAX_NAME
        assert looks(name).isdisjoint(taken)
        taken |= looks(name)
    assert asked < 1000 * 25


def test_what_stands_for_a_character_stands_for_itself():
    """Else two that look like a third would not look like each other."""
    single = [c for c in confusables_data if len(c) == 1 and len(plain(c)) == 1]
    assert len(single) > 5000
    assert [c for c in single if plain(plain(c)) != plain(c)] == []


# Letters that look like others, marks that join them, and what can't be seen.
tricky = st.sampled_from(
    [*"AaIl1|O0oSs5 -2.m", *"АаеёЁΚκ\u0308\u0301\u0345ßẞİıſK", *ZERO_WIDTH[:2]]
)
wanted_names = st.text(tricky | st.characters(), max_size=40)


@settings(max_examples=500)
@given(wanted_names)
def test_tidying_twice_changes_nothing_more(wanted: str):
    name = tidy(wanted)
    assert tidy(name) == name
    assert len(name) <= MAX_NAME
    assert name.isprintable()


@given(st.lists(wanted_names, max_size=12))
def test_granted_names_are_tidy_and_never_share_their_looks(wanted: list[str]):
    names = granted(wanted)
    assert all(name and tidy(name) == name for name in names)
    shown = [looks(name) for name in names]
    assert sum(map(len, shown)) == len(frozenset().union(*shown))


@given(wanted_names)
def test_a_name_looks_like_itself_in_any_case(wanted: str):
    name = tidy(wanted)
    assert not looks(name).isdisjoint(looks(tidy(name.casefold())))
    assert not looks(name).isdisjoint(looks(tidy(name.upper())))


async def test_names_are_granted_to_real_clients(server: ChatServer, join: Join):
    names = ["Ada", "\u0410da", f"A{ZERO_WIDTH}da", "", "\u202eevil"]
    welcomed = [(await join(name)).welcome["name"] for name in names]
    assert welcomed == members(server) == ["Ada", "\u0410da-2", "Ada-3", "guest-1", "evil"]
