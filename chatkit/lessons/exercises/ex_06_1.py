"""Exercise 06-1: a page with a title of your own."""

import re
from html import unescape
from itertools import zip_longest
from typing import Any

from chatkit.guide.server import PAGE
from chatkit.lessons.engine.expect import (
    NotYetError,
    expect,
    plain,
    returned,
    shown,
    the_function,
)

TASK = "Return index_html with `title` for `Welcome to chat`. Show HTML in a title as text."
STUB = """
def my_page(title):
    return index_html
"""
HINTS = (
    "`Welcome to chat` appears twice in the page. `replace` returns a new text, and `escape` "
    "turns a title into text that is safe in HTML.",
    "`index_html.replace(old, new)` returns the page with both places changed; `new` is "
    "`escape(title)`.",
)
SOLUTION = """
def my_page(title):
    return index_html.replace("Welcome to chat", escape(title))
"""
NEW = 'index_html.replace("Welcome to chat", escape(title))'
WRONG = {
    "always the same title": (
        "escape(title)",
        '"Reading room"',
        "'Tea &amp; <b>cake</b>' in <title>; what came: 'Reading room'",
    ),
    "not escaped": ("escape(title)", "title", "in <title>; what came: 'Tea &', then the tag <b>"),
    "no & escaped": (
        "escape(title)",
        'title.replace("<", "&lt;").replace(">", "&gt;")',
        "'Tea &amp; <b>cake</b>' in <title>; what came: 'Tea & <b>cake</b>'",
    ),
    "one tag escaped": (
        "escape(title)",
        'escape(title) if "<b>" in title else title',
        "came: no text, then the tag <i>",
    ),
    "escaped twice": ("escape(title)", "escape(escape(title))", "came: 'Tea &amp;amp; &lt;b&gt;"),
    "a pattern": (
        f"return {NEW}",
        'import re\n    return re.sub("Welcome to chat", escape(title), index_html)',
        r"'<i>notes\\\\today</i>' in <title>; what came: '<i>notes\\today",
    ),
    "the whole page escaped": (
        NEW,
        'escape(index_html.replace("Welcome to chat", title))',
        "Expected the whole page, from <!doctype html> on; what came: .*&lt;!doctype",
    ),
    "the new text thrown away": (
        f"return {NEW}",
        f"{NEW}\n    return index_html",
        "in <title>; what came: 'Welcome to chat'",
    ),
    "only the first": (
        "(title))",
        "(title), 1)",
        "Expected the browser to show 'Reading room' in <h1>; what came: 'Welcome to chat'",
    ),
    "the title alone": (NEW, "escape(title)", "the whole page, .*; what came: 'Reading"),
    "a third place": (
        NEW,
        f'{NEW}.replace("<p", f"{{title}}<p")',
        "Expected the browser to show no text after <footer>; what came: 'Reading room'",
    ),
    "a page of another kind": (
        NEW,
        'f"<title>{escape(title)}</title><h1>{escape(title)}</h1>"',
        "Expected the whole page, .*; what came: '<title>Reading room",
    ),
    "index_html overwritten": (
        f"return {NEW}",
        f"global index_html\n    index_html = {NEW}\n    return index_html",
        "Expected index_html to say `Welcome to chat` twice; what came: 0 times. Put its cell",
    ),
    "another index_html": (
        "def my_page",
        'index_html = "<!doctype html><title>Welcome to chat</title><h1>Hello</h1>"\n\n\n'
        "def my_page",
        "Expected index_html to say `Welcome to chat` twice; what came: once. Put its cell",
    ),
    "a print": (
        f"return {NEW}",
        f"print({NEW})",
        "the page's text.*Is a `return` missing.*printed: <!d",
    ),
    "bytes": (NEW, f"{NEW}.encode()", "the page's text; what came: a bytes"),
    "async": ("def my_page", "async def my_page", "a plain `def`; what came: an `async def`"),
    "no parameter": ("my_page(title)", "my_page()", "is a parameter missing?"),
}
RIGHT = {
    "a page with a line more": (
        "def my_page",
        'index_html = (PAGE / "index.html").read_text(encoding="utf-8").replace("<ul", "<p>Hi<ul")'
        "\n\n\ndef my_page",
    ),
    "cut and joined, escaped by hand": (
        NEW,
        'title.replace("&", "&amp;").replace("<", "&lt;")'
        '.join(index_html.split("Welcome to chat"))',
    ),
    "read from the file, with another function": (
        f"return {NEW}",
        "from tornado.escape import xhtml_escape\n"
        '    page = (PAGE / "index.html").read_text(encoding="utf-8")\n'
        '    return page.replace("Welcome to chat", xhtml_escape(title))',
    ),
}
OLD = "Welcome to chat"
PLACES = 2  # at which it is in the page
TITLES = ("Reading room", "Tea &amp; <b>cake</b>", r"<i>notes\today</i>")
TAG = "(<[!/a-zA-Z][^>]*>)"


async def check(my_page: Any) -> str:
    """Compare the page with index.html for three titles, two of which contain HTML."""
    the_function(my_page, "my_page")
    for title in TITLES:
        index = index_for(my_page)
        html = plain(my_page(title), "my_page")
        if not isinstance(html, str):
            raise NotYetError("the page's text", returned(html))
        if not html.lstrip().startswith("<!doctype html>"):
            raise NotYetError("the whole page, from <!doctype html> on", shown(html))
        compare([part.replace(OLD, title) for part in parts_of(index)], parts_of(html))
    return (
        f"{len(TITLES)} titles, such as {TITLES[1]!r}, came as text in the page's <title> and "
        "<h1>, and the rest is as in index.html."
    )


def index_for(my_page: Any) -> str:
    """Return the page that an answer starts from: the learner's index_html, or else the file."""
    file = (PAGE / "index.html").read_text(encoding="utf-8")
    index = str(getattr(my_page, "__globals__", {}).get("index_html", file))
    if (count := index.count(OLD)) < PLACES:
        came = "once" if count == 1 else "0 times"
        advice = "Put its cell back as it was and run it, and don't assign to it in `my_page`"
        raise NotYetError(f"index_html to say `{OLD}` twice", f"{came}. {advice}")
    return index


def parts_of(html: str) -> list[str]:
    """Return a page's texts, as a browser shows them, and its tags: text, tag, text, and so on."""
    parts = enumerate(re.split(TAG, html))
    return [part if place % 2 else unescape(part).strip() for place, part in parts]


def compare(wanted: list[str], came: list[str]) -> None:
    """Raise NotYetError at the first part of a page that is not the wanted one."""
    before = "before <!doctype html>"
    for place, (part, other) in enumerate(zip_longest(wanted, came, fillvalue="")):
        after = came[place + 1 : place + 2]
        tag = after != wanted[place + 1 : place + 2] and not place % 2
        then = f", then the tag {after[0]}" if tag and after else ""
        wanted_words = part if place % 2 else f"the browser to show {in_words(part)}"
        expect(other, part, f"{wanted_words} {before}", in_words(other) + then)
        if place % 2:
            before = f"{'in' if part in ('<title>', '<h1>') else 'after'} {part}"


def in_words(part: str) -> str:
    """Return what a tag or a text looks like."""
    return part if re.fullmatch(TAG, part) else shown(part) if part else "no text"
