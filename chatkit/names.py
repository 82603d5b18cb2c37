"""Names as people see them: tidied, and told apart by their looks. Lesson 08."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from confusable_homoglyphs.confusables import confusables_data

MAX_NAME = 32  # characters
MAX_WANTED = 8 * MAX_NAME  # that are looked at: a long row of accents takes seconds to sort
BLANK = re.compile(  # letters, marks and signs that show nothing
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def tidy(wanted: str) -> str:
    """Return a name without what can't be seen: NFKC, single spaces, at most 32 characters.

    It is empty if nothing that shows is left. Unicode's categories C control, Z separate, and M
    are marks upon another character.
    """
    spaced = " ".join(unicodedata.normalize("NFKC", wanted[:MAX_WANTED]).split())
    shown = [c for c in spaced if c == " " or unicodedata.category(c)[0] not in "CZ"]
    text = unicodedata.normalize("NFKC", BLANK.sub("", "".join(shown)))
    first = next((i for i, c in enumerate(text) if unicodedata.category(c)[0] not in "MZ"), None)
    return "" if first is None else " ".join(text[first : first + MAX_NAME].split())


def plain(character: str) -> str:
    """Return the character that stands for all that look like this one, as Unicode lists them."""
    alike = confusables_data.get(character, ())
    if len(alike) != 1:  # it is itself the one that the others are listed under, or like no other
        return character
    other: str = alike[0]["c"]
    mutual = len(confusables_data[other]) == 1
    return min(character, other) if mutual else other


def looks(name: str) -> frozenset[str]:
    """Return what a name looks like, case aside: two names that share one can be mistaken.

    Small letters are compared as well as the letters as written, because `I` looks like `l`, and
    `i` does not. Accents are compared by themselves: Unicode lists the Cyrillic `е`, and not `ё`
    (Technical Standard 39, section 4).
    """
    as_written = "".join(map(plain, unicodedata.normalize("NFD", name))).casefold()
    small = "".join(map(plain, unicodedata.normalize("NFD", name.casefold())))
    return frozenset((f"as written: {as_written}", f"small: {small}"))


def grant(wanted: str, free: Callable[[str], bool]) -> str:
    """Return the name wanted, tidied, or else one of `Ada-2`, `Ada-3` … that is free.

    Who wants none gets `guest-1`, `guest-2` and so on. The numbers are doubled, then halved
    between: the thousandth guest costs twenty looks, not a thousand.
    """
    name = tidy(wanted)
    if name and free(name):
        return name
    stem, taken = (re.sub(r"-\d+$", "", name) or name, 1) if name else ("guest", 0)

    def numbered(number: int) -> str:
        suffix = f"-{number}"
        return stem[: MAX_NAME - len(suffix)].rstrip() + suffix

    high = taken + 1
    while not free(numbered(high)):
        taken, high = high, high * 2
    while high - taken > 1:
        middle = (taken + high) // 2
        taken, high = (taken, middle) if free(numbered(middle)) else (middle, high)
    return numbered(high)
