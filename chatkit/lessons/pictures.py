"""Pictures of what passes on a WebSocket: a table, a frame's bytes, a sequence diagram."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from chatkit.guide.frames import Frame, Opcode, apply_mask, read_frame
from chatkit.messages import ChatkitError

CLIENT, SERVER = "client", "server"
SHOWN = 24  # bytes of a payload that the byte view shows
DRAWN = 40  # arrows of a diagram: the latest
LONGEST = 60  # characters of a payload in the table and in the diagram
HARMLESS = " .,:!?/=_-…'\"{}[]()"  # in a diagram's text
NOTHING = "Nothing has passed yet."

# Tints that hold on JupyterLab's light and dark background alike.
TINTS = {"header": "230, 140, 30", "mask": "150, 100, 230", "payload": "40, 165, 105"}
# A part that scrolls by keys: they are not JupyterLab's while it has the focus.
SCROLLS = 'tabindex="0" role="region" aria-label="What passed" data-lm-suppress-shortcuts="true"'
FAINT = "color: var(--jp-ui-font-color2, gray)"
CODE = "font-family: var(--jp-code-font-family, monospace)"


@dataclass(frozen=True)
class Passed:
    """One thing that passed, with its number: a frame, or the head of an HTTP request or answer."""

    number: int
    sender: str
    what: Frame | str

    @property
    def title(self) -> str:
        """Return its kind: `TEXT`, `CLOSE 1001`, `GET /ws`, `101 Switching Protocols`."""
        match self.what:
            case Frame(opcode=Opcode.CLOSE, payload=payload) if len(payload) >= 2:
                return f"CLOSE {close_code(payload)}"
            case Frame(opcode=opcode, final=final):
                return name_of(opcode) + ("" if final else ", more follows")
            case head:
                first, _, rest = head.partition("\r\n")[0].partition(" ")
                return f"{first} {rest.partition(' ')[0]}" if self.sender == CLIENT else rest

    @property
    def text(self) -> str:
        """Return a frame's payload as text; nothing for a head."""
        if isinstance(self.what, str):
            return ""
        payload = self.what.payload[2:] if self.what.opcode == Opcode.CLOSE else self.what.payload
        return payload.decode(errors="backslashreplace")


class Drawing:
    """A picture for the notebook, and text for places that can't show it."""

    def __init__(self, mime: str, source: str, text: str) -> None:
        self.bundle = {mime: source, "text/plain": text}
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return self.bundle


def name_of(opcode: int) -> str:
    """Return an opcode's name, or its number where the RFC leaves it unnamed."""
    try:
        return Opcode(opcode).name
    except ValueError:
        return f"opcode {opcode}"


def close_code(payload: bytes) -> int:
    """Return the close code, the first two bytes of a close frame's payload."""
    return int.from_bytes(payload[:2], "big")


def cut(text: str) -> str:
    """Return a text on one line, cut to `LONGEST` characters."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def table(passed: Collection[Passed]) -> Drawing:
    """Return a table with one row for each thing that passed."""
    if not passed:
        return Drawing("text/html", f"<p>{NOTHING}</p>", NOTHING)
    rows = [("", "", "what", "bytes", "masked", "payload"), *map(row_of, passed)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    head, *body = (row_html("td" if n else "th", row) for n, row in enumerate(rows))
    source = (
        f'<div {SCROLLS} style="max-height: 420px; overflow: auto"><table style="margin: 0">'
        f"<thead>{head}</thead><tbody>{''.join(body)}</tbody></table></div>"
    )
    return Drawing("text/html", source, "\n".join(lines))


def row_of(passed: Passed) -> tuple[str, ...]:
    """Return one row of the table."""
    arrow = "client →" if passed.sender == CLIENT else "← server"
    if isinstance(passed.what, str):
        return (str(passed.number), arrow, passed.title, "", "", "")
    size, masked = str(passed.what.size), "yes" if passed.what.mask else "no"
    return (str(passed.number), arrow, passed.title, size, masked, cut(passed.text))


def row_html(name: str, row: tuple[str, ...]) -> str:
    """Return one row of the table as HTML; its cells are `th` or `td`, the empty ones `td`."""
    right, left = "text-align: right", "text-align: left; white-space: pre"
    styles = (right, left, left, right, left, left if name == "th" else f"{left}; {CODE}")
    cells = (tag(name if text else "td", s, text) for s, text in zip(styles, row, strict=True))
    return f"<tr>{''.join(cells)}</tr>"


def tag(name: str, style: str, text: str) -> str:
    """Return one piece of text as HTML."""
    return f'<{name} style="{style}">{escape(text)}</{name}>'


@dataclass(frozen=True)
class Part:
    """Some bytes of a frame: rows, each with a label and a cell for every byte, and remarks."""

    name: str
    rows: list[tuple[str, list[str]]]
    remarks: list[str]

    def lines(self) -> Iterator[str]:
        """Yield this part as lines of text."""
        width = max(len(cell) for _, row in self.rows for cell in row)
        for n, (label, row) in enumerate(self.rows):
            cells = " ".join(cell.ljust(width) for cell in row)
            yield f"{'' if n else self.name:<9}{label:<10}{cells}".rstrip()
        yield from (f"{'':<19}{remark}" for remark in self.remarks)

    def html(self) -> str:
        """Return this part as HTML: a column for each byte, under a line in the part's colour."""
        tint = TINTS[self.name]
        byte = f"padding: 1px 5px; border-radius: 3px; background: rgba({tint}, 0.2)"
        labels, *columns = zip(*([label, *row] for label, row in self.rows), strict=True)
        first = column_html(f"padding: 1px 8px 1px 0; text-align: left; {FAINT}", labels)
        bytes_ = "".join(column_html(f"text-align: center; {byte}", cells) for cells in columns)
        title = tag("div", f"border-bottom: 2px solid rgb({tint}); margin-bottom: 5px", self.name)
        remarks = "".join(tag("div", f"margin-top: 2px; {FAINT}", line) for line in self.remarks)
        wrapped = f'<div style="display: flex; flex-wrap: wrap; gap: 3px">{bytes_}</div>'
        whole = f"{first}{wrapped}" if any(labels) else wrapped
        return f'<div>{title}<div style="display: flex">{whole}</div>{remarks}</div>'


def column_html(style: str, cells: tuple[str, ...]) -> str:
    """Return one byte's column: its cells, one below the other."""
    lines = "".join(tag("div", "white-space: pre", cell) for cell in cells)
    return f'<div style="flex: none; {style}">{lines}</div>'


def byte_view(frame: Frame | bytes) -> Drawing:
    """Return the bytes of a frame as they are on the wire, coloured by what they are for."""
    if not isinstance(frame, Frame | bytes):
        kind = type(frame).__name__
        raise ChatkitError(f'`byte_view` takes bytes, such as b"hello"; this is of type {kind}.')
    whole = read_frame(frame) if isinstance(frame, bytes) else frame
    if whole is None:
        raise ChatkitError("These bytes are not a whole frame: the end is missing.")
    parts = parts_of(whole)
    style = f"display: flex; flex-wrap: wrap; gap: 14px 24px; padding: 4px 0; {CODE}"
    source = f'<div style="{style}">{"".join(part.html() for part in parts)}</div>'
    return Drawing("text/html", source, "\n".join(line for part in parts for line in part.lines()))


def parts_of(frame: Frame) -> list[Part]:
    """Return the parts of a frame: header, mask and payload, if it has them."""
    header, mask, payload = frame.header, frame.mask, frame.payload[:SHOWN]
    first, second = (f"{byte:08b}" for byte in header[:2])
    bits = [f"{first[0]} {first[1:4]} {first[4:]}", f"{second[0]} {second[1:]}"]
    bits += [" "] * len(header[2:])
    parts = [Part("header", [("", hexes(header)), ("", bits)], header_remarks(frame))]
    text = ("as text", characters(payload, frame.opcode))
    if mask:
        parts.append(Part("mask", [("", hexes(mask))], []))
        wire = ("on wire", hexes(apply_mask(payload, mask)))
        rows = [wire, ("unmasked", hexes(payload)), text]
    else:
        rows = [("on wire", hexes(payload)), text]
    if payload:
        parts.append(Part("payload", rows, payload_remarks(frame)))
    return parts


def hexes(data: bytes) -> list[str]:
    """Return each byte as two hexadecimal digits."""
    return [f"{byte:02x}" for byte in data]


def characters(payload: bytes, opcode: int) -> list[str]:
    """Return for each byte the character that begins with it, or a dot."""
    start = 2 if opcode == Opcode.CLOSE else 0
    cells = ["·"] * len(payload[:start])
    for char in payload[start:].decode(errors="surrogateescape"):
        length = len(char.encode(errors="surrogateescape"))
        cells += [char if char.isprintable() else "·", *"·" * (length - 1)]
    return cells


def header_remarks(frame: Frame) -> list[str]:
    """Return what the bits of a header's first two bytes mean."""
    first, second = (f"{byte:08b}" for byte in frame.header[:2])
    final = "final" if frame.final else "more follows"
    mask = "masked" if frame.mask else "not masked"
    length, size = frame.header[1] & 0x7F, len(frame.payload)
    far = f"{length}: the next {len(frame.header) - 2} bytes say {size:,}"
    return [
        f"{first[0]} {final}, {first[1:4]} reserved, {first[4:]} {name_of(frame.opcode)}",
        f"{second[0]} {mask}, {second[1:]} length {size if length < 126 else far}",
    ]


def payload_remarks(frame: Frame) -> list[str]:
    """Return remarks about a payload."""
    remarks = []
    if frame.opcode == Opcode.CLOSE and len(frame.payload) >= 2:
        remarks.append(f"the first two bytes are the code, {close_code(frame.payload)}")
    if len(frame.payload) > SHOWN:
        remarks.append(f"… and {len(frame.payload) - SHOWN:,} more")
    return remarks


def diagram(passed: Collection[Passed]) -> Drawing:
    """Return a sequence diagram of what passed last, drawn by JupyterLab's Mermaid."""
    title = f"What passed between {CLIENT} and {SERVER}"  # read aloud in the picture's place
    mermaid = [
        "sequenceDiagram",
        f"accTitle: {title}",
        f"participant {CLIENT}",
        f"participant {SERVER}",
    ]
    lines = []
    earlier = len(passed) - DRAWN
    if earlier > 0:
        lines.append(f"… {earlier} earlier")
        mermaid.append(note(lines[-1]))
    for one in list(passed)[-DRAWN:]:
        words = cut(f"{one.title} {one.text}".strip())
        there, arrow = (SERVER, "→") if one.sender == CLIENT else (CLIENT, "←")
        lines.append(f"{CLIENT} {arrow} {SERVER}  {words}")
        mermaid.append(f"{one.sender}->>{there}: {plain(words)}")
        if isinstance(one.what, str) and one.title.startswith("101"):
            mermaid.append(note("HTTP ends here, frames begin"))
    if not passed:
        lines.append(NOTHING)
        mermaid.append(note(NOTHING))
    return Drawing("text/vnd.mermaid", "\n".join(mermaid), "\n".join(lines))


def note(words: str) -> str:
    """Return a remark over both ends of a diagram."""
    return f"Note over {CLIENT},{SERVER}: {plain(words)}"


def plain(words: str) -> str:
    """Return words without characters that have a meaning in Mermaid; each becomes a code.

    All other characters stay, because Mermaid leaves room for a code as if it were drawn in full.
    """
    return "".join(c if c.isalnum() or c in HARMLESS else f"#{ord(c)};" for c in words)
