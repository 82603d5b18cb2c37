"""Exercise 06-1: a page with a title of your own."""

import re
from html import unescape
from itertools import zip_longest
from typing import Any

from chatkit.lessons.engine.expect import (
    NotYetError,
    expect,
    plain,
    returned,
    shown,
    the_function,
)
from chatkit.paths import STATIC

TASK = (
    "Return index.html with `title` in both places where the page says `Welcome to chat`. Even a "
    "title that contains HTML should appear as text."
)
STUB = '''
def my_page(title):
    """Return the page's HTML, with this title."""
    return (STATIC / "index.html").read_text(encoding="utf-8")
'''
HINTS = (
    "`Welcome to chat` appears twice in the file. `replace` returns a new text, and `escape` "
    "turns a title into text that is safe in HTML.",
    'Call the file\'s text html, then return html.replace("Welcome to chat", escape(title)).',
)
SOLUTION = '''
def my_page(title):
    """Return the page's HTML, with this title."""
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    return html.replace("Welcome to chat", escape(title))
'''
NEW = 'html.replace("Welcome to chat", escape(title))'
WRONG = {
    "always the same title": (
        "escape(title)",
        '"Reading room"',
        "'Tea &amp; <b>cake</b>' in the page's <h1>; what came: 'Reading room'",
    ),
    "not escaped": (
        "escape(title)",
        "title",
        "in the page's <h1>; what came: 'Tea &', then <b> as a tag",
    ),
    "no & escaped": (
        "escape(title)",
        'title.replace("<", "&lt;").replace(">", "&gt;")',
        "'Tea &amp; <b>cake</b>' in the page's <h1>; what came: 'Tea & <b>cake</b>'",
    ),
    "one tag escaped": (
        "escape(title)",
        'escape(title) if "<b>" in title else title',
        "came: no text, then <i> as a tag",
    ),
    "escaped twice": ("escape(title)", "escape(escape(title))", "came: 'Tea &amp;amp; &lt;b&gt;"),
    "a pattern": (
        f"return {NEW}",
        'import re\n    return re.sub("Welcome to chat", escape(title), html)',
        r"'<i>notes\\\\today</i>' in the page's <h1>; what came: '<i>notes\\today",
    ),
    "the whole page escaped": (
        NEW,
        'escape(html.replace("Welcome to chat", title))',
        "in the page's <h1>; what came: a page without <h1>, '&lt;!doctype html",
    ),
    "the new text thrown away": (
        f"return {NEW}",
        f"{NEW}\n    return html",
        "in the page's <h1>; what came: 'Welcome to chat'",
    ),
    "only the first": (
        "(title))",
        "(title), 1)",
        r"page's <h1>; what came: 'Welcome to chat', but its <title> is right",
    ),
    "the title alone": (NEW, "escape(title)", "a page without <h1>, 'Reading room'"),
    "a third place": (
        NEW,
        f'{NEW}.replace("<noscript>", f"<noscript>{{title}}")',
        "no text after <noscript>, as in index.html; what came: 'Reading room'",
    ),
    "another encoding": ("utf-8", "latin-1", "Expected 'Connecting…' after .*came: 'Connectingâ"),
    "a page of another kind": (
        NEW,
        'f"<title>{escape(title)}</title><h1>{escape(title)}</h1>"',
        "Expected '<!doctype html>' at the beginning, as in index.html; .*'<title>'",
    ),
    "a print": (
        f"return {NEW}",
        f"print({NEW})",
        "the page's text.*Is a `return` missing.*printed: <!d",
    ),
    "bytes": ('read_text(encoding="utf-8")', "read_bytes()", "Text and bytes are different"),
    "async": ("def my_page", "async def my_page", "a plain `def`; what came: an `async def`"),
    "no parameter": ("my_page(title)", "my_page()", "is a parameter missing?"),
}
RIGHT = {
    "cut and joined, escaped by hand": (
        NEW,
        'title.replace("&", "&amp;").replace("<", "&lt;").join(html.split("Welcome to chat"))',
    ),
    "a file, and another function": (
        'html = (STATIC / "index.html").read_text(encoding="utf-8")',
        "from tornado.escape import xhtml_escape as escape\n"
        '    with open(STATIC / "index.html", encoding="utf-8") as file:\n'
        "        html = file.read()",
    ),
}
OLD = "Welcome to chat"
TITLES = ("Reading room", "Tea &amp; <b>cake</b>", r"<i>notes\today</i>")
TAG = "(<[!/a-zA-Z][^>]*>)"


async def check(my_page: Any) -> str:
    """Compare the page with index.html for three titles, two of which contain HTML."""
    the_function(my_page, "my_page")
    index = parts_of((STATIC / "index.html").read_text(encoding="utf-8"))
    for title in TITLES:
        html = plain(my_page(title), "my_page")
        if not isinstance(html, str):
            raise NotYetError("the page's text", returned(html))
        for tag, other in (("h1", "title"), ("title", "h1")):
            came = inside(html, tag)
            but = f", but its <{other}> is right" if inside(html, other) == shown(title) else ""
            expect(came, shown(title), f"{shown(title)} in the page's <{tag}>", came + but)
        unchanged([title if part == OLD else part for part in index], parts_of(html))
    return (
        f"{len(TITLES)} titles, such as {TITLES[1]!r}, came as text in the page's <title> and "
        "<h1>, and the rest is as in index.html."
    )


def parts_of(html: str) -> list[str]:
    """Return a page's texts, as a browser shows them, and its tags: text, tag, text, and so on."""
    parts = enumerate(re.split(TAG, html))
    return [part if place % 2 else unescape(part).strip() for place, part in parts]


def inside(html: str, tag: str) -> str:
    """Return in words what an element contains."""
    parts = parts_of(html)
    if f"<{tag}>" not in parts:
        return f"a page without <{tag}>, {shown(html)}"
    text, after = [*parts, "nothing more"][parts.index(f"<{tag}>") + 1 :][:2]
    kind = " as a tag" * after.startswith("<")
    return in_words(text) + (f", then {after}{kind}" if after != f"</{tag}>" else "")


def unchanged(wanted: list[str], parts: list[str]) -> None:
    """Raise NotYetError at the first part of a page that is not the wanted one."""
    for place, (part, came) in enumerate(zip_longest(wanted, parts, fillvalue="")):
        before = [f"after {each}" for each in wanted[:place] if each] or ["at the beginning"]
        expected = f"{in_words(part)} {before[-1]}, as in index.html"
        expect(came, part, expected, in_words(came))


def in_words(part: str) -> str:
    """Return what a tag or a text looks like."""
    return shown(part) if part else "no text"
