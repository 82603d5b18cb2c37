"""`show_js`: the page's JavaScript as it stands in its files, so that a lesson can't go stale."""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import dedent

from chatkit.paths import STATIC

AT_TOP = r"(export )?(async )?(function|class|const|let) {name}\b"
IN_CLASS = r"  ((static|async|get|set) )?{name}\("


@dataclass
class Excerpt:
    """Some JavaScript; a notebook shows it highlighted."""

    source: str

    def __repr__(self) -> str:
        return self.source

    def _repr_markdown_(self) -> str:
        return f"```js\n{self.source}\n```"


def show_js(file: str, *names: str) -> Excerpt:
    """Return definitions of a file in static/, such as `socketUrl` or `ChatSocket.connect`.

    LookupError if the file has no such definition.
    """
    lines = (STATIC / file).read_text(encoding="utf-8").splitlines()
    parts = ["\n".join(definition(lines, name, file)) for name in names]
    return Excerpt("\n\n".join([f"// static/{file}", *parts]))


def definition(lines: list[str], name: str, file: str) -> list[str]:
    """Return the lines of one definition and of the comment above it, moved to the left edge."""
    owner, _, member = name.rpartition(".")
    if owner:
        lines = definition(lines, owner, file)
    pattern = re.compile((IN_CLASS if owner else AT_TOP).format(name=re.escape(member)))
    for start, line in enumerate(lines):
        if pattern.match(line):
            found = lines[comment_above(lines, start) : end_of(lines, start)]
            return dedent("\n".join(found)).splitlines()
    raise LookupError(f"static/{file} defines no {name!r}.")


def comment_above(lines: list[str], start: int) -> int:
    """Return the index of the first line of the comment that ends right above a definition."""
    while start > 0 and lines[start - 1].lstrip().startswith(("/*", "*", "//")):
        start -= 1
    return start


def end_of(lines: list[str], start: int) -> int:
    """Return the index after a definition: its last line stands as far left as its first."""
    indent = len(lines[start]) - len(lines[start].lstrip())
    for end, line in enumerate(lines[start:], start + 1):
        if line.endswith((";", "}")) and line[indent : indent + 1].strip():
            return end
    return len(lines)
