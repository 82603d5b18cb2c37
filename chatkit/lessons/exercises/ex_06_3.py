"""Exercise 06-3: find the unsafe lines of a page."""

from typing import Any

from chatkit.lessons.engine.expect import (
    NotYetError,
    an,
    expect,
    plain,
    returned,
    shown,
    the_function,
)
from chatkit.paths import STATIC

TASK = (
    "Return a list of the numbers, from 1, of the lines that contain innerHTML, ws:// or a quote "
    "(double or single) followed by a slash."
)
STUB = '''
def unsafe_lines(source):
    """Return the numbers of the lines that a page should not have."""
    return []
'''
HINTS = (
    "Loop over enumerate(source.splitlines(), 1), and keep the number of each line that contains "
    "one of the marks.",
    'There are four marks, because there are two kinds of quotes: "innerHTML", "ws://", \'"/\' '
    'and "\'/". Keep a number if any(mark in line for mark in marks).',
)
SOLUTION = '''
UNSAFE = ("innerHTML", "ws://", '"/', "'/")


def unsafe_lines(source):
    """Return the numbers of the lines that a page should not have."""
    lines = enumerate(source.splitlines(), 1)
    return [number for number, line in lines if any(mark in line for mark in UNSAFE)]
'''
FOUND = "[number for number, line in lines if any(mark in line for mark in UNSAFE)]"
WRONG = {
    "always the same line": (
        FOUND,
        "[1]",
        r"line 1, `<script .*, not to be found: it is safe.*came: \[1\]",
    ),
    "counted from 0": ("splitlines(), 1", "splitlines()", r"count from 1; what came: \[0\]"),
    "lines, not numbers": (
        "[number",
        "[line",
        r"line numbers, such as 1; what came: a list with a str, 'list.inner",
    ),
    "a generator": (
        FOUND,
        f"({FOUND[1:-1]})",
        "a list of line numbers, such as 1; what came: a generator",
    ),
    "a print": (f"return {FOUND}", f"print({FOUND})", "line numbers.*Is a `return` missing"),
    "one kind of quote": (
        ', "\'/")',
        ")",
        r"<link rel=stylesheet .*to be found: it is unsafe; what came: \[\]",
    ),
    "`or` between texts": (
        "any(mark in line for mark in UNSAFE)",
        "'innerHTML' or 'ws://' in line",
        r"line 2, `<script .*, not to be found: it is safe; what came: \[1, 2, 3, 4, 5\]",
    ),
    "a return in the loop": (
        f"return {FOUND}",
        "for number, line in lines:\n        return [number] if 'innerHTML' in line else []",
        r"line 2, `new WebSocket.*, to be found: it is unsafe; what came: \[\]",
    ),
    "a line for each of its marks": (
        FOUND,
        "[number for number, line in lines for mark in UNSAFE if mark in line]",
        r"each line once, so \[3\]; what came: \[3, 3\]",
    ),
    "only lines with text": (
        "enumerate(source.splitlines(), 1)",
        "enumerate(filter(None, source.splitlines()), 1)",
        r"line 2, which is empty, not to be found: it is safe; what came: \[2\]",
    ),
    "a mark with one kind of quote": (
        '"ws://"',
        "'\"ws://'",
        "`const url = 'ws://' .*to be found: it is unsafe",
    ),
    "a mark with a dot": ('"innerHTML"', '".innerHTML"', 'item."innerHTML".*it is unsafe'),
    "only some paths": (
        """'"/', "'/")""",
        """'="/', "='/", '"/static')""",
        'fetch."/rooms".*it is unsafe',
    ),
    "half a mark": (
        '"ws://"',
        '"ws:"',
        "line .* of class-board.js .with one line added., `Object.* not to be found: it is safe",
    ),
    "comments left out": (
        "any(mark in line for mark in UNSAFE)",
        "any(mark in line for mark in UNSAFE) and not line.startswith('//')",
        "`// innerHTML would be quicker.`, to be found: it is unsafe",
    ),
    "a space before the slash": (
        f"return {FOUND}",
        "import re\n    pattern = 'innerHTML|ws://|[\"\\'] */'\n"
        "    return [number for number, line in lines if re.search(pattern, line)]",
        "const half.* not to be found: it is safe",
    ),
    "None for a safe page": (
        FOUND,
        f"{FOUND} or None",
        "a list of line numbers, such as 1; what came: nothing",
    ),
    "texts": ("[number for", "[str(number) for", "such as 1; what came: a list with a str, '1'"),
    "only short pages": (
        "lines = ",
        "if len(source) > 2000:\n        return []\n    lines = ",
        r"of index.html .with one line added., `list.inner.*unsafe; what came: \[\]",
    ),
    "a list that is kept": (
        "source):",
        "source, found=[]):\n    found += [1]\n    return found",
        r"the same page to give \[1\] each time; what came: \[1, 1\] the second time",
    ),
    "async": ("def unsafe", "async def unsafe", "a plain `def`; what came: an `async def`"),
}
RIGHT = {
    "a pattern": (
        f"return {FOUND}",
        "import re\n    pattern = 'innerHTML|ws://|[\"\\']/'\n"
        "    return [number for number, line in lines if re.search(pattern, line)]",
    ),
    "a loop": (
        f"return {FOUND}",
        "found = []\n    for number, line in enumerate(source.split('\\n')):\n"
        "        if 'innerHTML' in line or 'ws://' in line or '\"/' in line or \"'/\" in line:\n"
        "            found.append(number + 1)\n    return found",
    ),
    "mark by mark": (
        f"return {FOUND}",
        "lines = list(lines)\n"
        "    return list({n for mark in UNSAFE for n, line in lines if mark in line})",
    ),
}
SAFE = (
    '<script type="module" src="static/main.js"></script>',
    "",
    "item.textContent = message;",
    "const half = \"12\" / 2, third = '12' / 3; // wss://chat.example is encrypted",
)
UNSAFE = (
    "list.innerHTML += message;",
    'new WebSocket("ws://" + location.host);',
    '<a href="/" onclick="list.innerHTML = \'\'">',
    "<link rel=stylesheet href='/static/chat.css'>",
    '<script src="/static/main.js"></script>',
    'item["innerHTML"] = message;',
    "  item.innerHTML=message",
    "const url = 'ws://' + host, other = 'wss://' + host;",
    "const url = `ws://${location.host}`;",
    'await fetch("/rooms");',
    "const places = ['/rooms', '/people'];",
    "// innerHTML would be quicker.",
    "<!-- It connects to ws://chat.example. -->",
)


async def check(unsafe_lines: Any) -> str:
    """Try each unsafe line among safe ones, and one of them in the middle of each real file."""
    the_function(unsafe_lines, "unsafe_lines")
    for place, line in enumerate(UNSAFE):
        compare(unsafe_lines, [*SAFE[: place % 3], line, *SAFE[place % 3 :]])
    for page in ([*UNSAFE, *SAFE, *UNSAFE], [*SAFE]):
        compare(unsafe_lines, page)
    files = [STATIC / "index.html", *sorted(STATIC.glob("*.js"))]
    for file in files:
        lines = file.read_text(encoding="utf-8").splitlines()
        lines.insert(len(lines) // 2, UNSAFE[0])
        compare(unsafe_lines, lines, f" of {file.name} (with one line added)")
    return (
        f"{len(UNSAFE)} unsafe lines were found among safe ones, and one that was put into each "
        f"of {len(files)} files in static/."
    )


def compare(unsafe_lines: Any, page: list[str], where: str = "") -> None:
    """Raise NotYetError unless the right lines of a page are found, and found again."""
    found, again = [numbers(unsafe_lines("\n".join(page))) for _ in range(2)]
    if 0 in found:
        raise NotYetError("numbers that count from 1", str(found))
    for number, line in enumerate(page, 1):
        what = f"line {number}{where}, {f'`{line.strip()}`' if line else 'which is empty'},"
        if line in UNSAFE:
            expect(number in found, True, f"{what} to be found: it is unsafe", str(found))
        else:
            expect(number in found, False, f"{what} not to be found: it is safe", str(found))
    wanted = [number for number, line in enumerate(page, 1) if line in UNSAFE]
    expect(sorted(found), wanted, f"each line once, so {wanted}", str(found))
    expect(again, found, f"the same page to give {found} each time", f"{again} the second time")


def numbers(answer: Any) -> list[int]:
    """Return a copy of the answer; NotYetError if it is no list of numbers."""
    expected = "a list of line numbers, such as 1"
    if not isinstance(plain(answer, "unsafe_lines"), list):
        raise NotYetError(expected, returned(answer))
    for item in answer:
        expect(type(item), int, expected, f"a list with {an(type(item).__name__)}, {shown(item)}")
    return list(answer)
