"""The files of static/guide/ in lesson 06: cells that hold parts of them as strings.

Such a cell's first line is a caption, `# static/guide/chat.js`. Below it, names are assigned
strings, and each string holds one or more parts of the file. A part ends at a blank line, and is
known by its first line of code, such as `function submit(event) {`. The text is the file's.
"""

import ast
import re

from chatkit.paths import STATIC
from tests.notebooks.excerpts import SyncError

FOLDER = STATIC / "guide"
CAPTION = re.compile(r"# static/guide/(?P<file>\w+\.\w+)$")
COMMENTS = ("//", "/*", " *", "<!--")
KEY = re.compile(r"[^({=]+")


def page_cell(cell: str) -> str | None:
    """Return a cell captioned with a file of the page, with the file's text; None for others.

    SyncError if the file has no such part.
    """
    file = file_of(cell)
    if file is None:
        return None
    lines, known = cell.splitlines(), parts_of(file)
    for node in reversed(ast.parse(cell).body):
        match node:
            case ast.Assign(targets=[ast.Name(name)], value=ast.Constant(str(text))):
                lines[node.lineno - 1 : node.end_lineno] = [literal(name, text, file, known)]
            case _:
                raise SyncError(f"a cell of {file} may only assign strings to names.")
    return "\n".join(lines)


def file_of(cell: str) -> str | None:
    """Return the file in a cell's caption, such as "chat.js"; None if it has none."""
    caption = CAPTION.match(cell.partition("\n")[0])
    return caption["file"] if caption else None


def literal(name: str, text: str, file: str, known: dict[str, str]) -> str:
    """Return the assignment of those parts of a file whose first lines are in `text`."""
    found = []
    for part in split(text):
        if key(part) not in known:
            raise SyncError(f"static/guide/{file} has no part that begins with {key(part)!r}.")
        found.append(known[key(part)])
    shown = "\n\n".join(found)
    if "\\" in shown or '"""' in shown:
        raise SyncError(f"{name}: Python's triple quotes can't hold a backslash or triple quotes.")
    return f'{name} = """\n{shown}\n"""'


def parts_of(file: str) -> dict[str, str]:
    """Return the parts of a file in static/guide/ by their keys; SyncError if two share one."""
    path = FOLDER / file
    if not path.exists():
        raise SyncError(f"there is no static/guide/{file}.")
    parts = split(path.read_text(encoding="utf-8"))
    known = {key(part): part for part in parts}
    if len(known) < len(parts):
        raise SyncError(f"two parts of static/guide/{file} begin with the same line.")
    return known


def split(text: str) -> list[str]:
    """Return the parts of a text; a comment on its own belongs to the part after it."""
    parts: list[str] = []
    for part in text.strip("\n").split("\n\n"):
        if parts and not key(parts[-1]):
            parts[-1] += f"\n\n{part}"
        else:
            parts.append(part)
    return parts


def key(part: str) -> str:
    """Return the beginning of a part's first line that is no comment; "" if it has none."""
    lines = [line for line in part.splitlines() if line and not line.startswith(COMMENTS)]
    beginning = KEY.match(lines[0]) if lines else None
    return beginning[0].strip() if beginning else ""
