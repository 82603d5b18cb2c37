"""Exercise 05-3: a list in which nobody's name runs as a program."""

from collections import Counter
from html import unescape
from html.parser import HTMLParser
from typing import Any

import ipywidgets

from chatkit.lessons.engine.expect import NotYetError, listed, plain, the_class
from chatkit.messages import Message

TASK = "Show each name in bold and each text, exactly as people wrote them, whatever they wrote."
STUB = """
class PlainList(ipywidgets.HTML):
    def add(self, message):
        text = escape(message.message)
        self.value += f"<p><b>{message.name}</b>: {text}</p>"
"""
HINTS = (
    "A message holds two texts that people write, and only one of them is escaped.",
    "People choose their own names, so write escape(message.name), as for the text.",
)
SOLUTION = """
class PlainList(ipywidgets.HTML):
    def add(self, message):
        name, text = escape(message.name), escape(message.message)
        self.value += f"<p><b>{name}</b>: {text}</p>"
"""
NAME = "escape(message.name)"
WRONG = {
    "tags replaced": (
        NAME,
        'message.name.replace("<", "&lt;")',
        "the name &lt;Bob&gt; in bold; what came: “<Bob>”: its & was not",
    ),
    "in the wrong order": (
        NAME,
        'message.name.replace("<", "&lt;").replace("&", "&amp;")',
        "the name <img .* in bold; what came: “&lt;img .*”: it was escaped twice",
    ),
    "all tags taken out": (
        NAME,
        'message.name.replace("<", "").replace(">", "")',
        "onerror=alert\\(1\\)> in bold; what came: “img src=x",
    ),
    "escaped twice": (
        "{name}</b>",
        "{escape(name)}</b>",
        "came: “&lt;img .*”: it was escaped twice",
    ),
    "the name alone": (
        "escape(message.message)",
        "message.message",
        "the text <script>.* to be only text; what came: an element <script> of the page",
    ),
    "a call without its result": (
        "name, text = escape(message.name), escape(message.message)",
        "escape(message.name)\n        name, text = message.name, escape(message.message)",
        "onerror=alert\\(1\\)> to be only text; what came: an element <img",
    ),
    "all of the line": (
        'f"<p><b>{name}</b>: {text}</p>"',
        'escape(f"<p><b>{message.name}</b>: {message.message}</p>")',
        "the name “Ada” in bold; what came: no bold text in “<p><b>Ada</b>: hello</p>”",
    ),
    "no bold": ("<b>{name}</b>", "{name}", "the name “Ada” in bold; what came: no bold text"),
    "the last message alone": ("+=", "=", "both messages in the list; what came: “Bob: bye” alone"),
    "the name without the text": (
        ": {text}",
        "",
        "the text after the name; what came: “Ada” alone",
    ),
    "all before escaped again": (
        "self.value +=",
        "self.value = escape(self.value) +",
        "both names in bold after a second message; what came: “Bob”",
    ),
    "an attribute of the class": (
        "    def add",
        '    value = ""\n\n    def add',
        "`value` to stay the widget's trait",
    ),
    "a print": (
        'self.value += f"<p><b>{name}</b>: {text}</p>"',
        'print(f"<p><b>{name}</b>: {text}</p>")',
        "an empty list: add to self.value.*printed: <p><b>Ada",
    ),
    "the message escaped": (NAME, "escape(message)", "text is message.message"),
    "no self": (
        "add(self, message)",
        "add(message)",
        "`add` is called with more values than its `def` accepts",
    ),
    "an async def": ("def add", "async def add", "add to be a plain `def`"),
    "another method": ("def add", "def show", "a method `add`"),
}
RIGHT = {
    "by hand": (
        NAME,
        "''.join(f'&#{ord(character)};' for character in message.name)",
    ),
    "a bold colon": ("{name}</b>:", "{name}:</b>"),
    "replaced in the right order": (
        NAME,
        'message.name.replace("&", "&amp;").replace("<", "&lt;")',
    ),
    "a helper, and another element": (
        """
def line(*parts):
    name, text = map(escape, parts)
    return "<div><strong>" + name + "</strong> " + text + "</div>"


class PlainList(ipywidgets.HTML):
    def add(self, message):
        self.value = self.value + line(message.name, message.message)
""",
    ),
}
ADA, BOB = ("Ada", "hello"), ("Bob", "bye")
HOSTILE = (
    ("<img src=x onerror=alert(1)>", "hello"),
    ('Tom & "Jerry\'s"', "hello"),
    ("&lt;Bob&gt;", "hello"),
    ("Bob", "<script>alert(2)</script>"),
    ("Bob", "1 < 2 & 3"),
    ("Bob", "&amp; is HTML"),
)


async def check(kind: Any) -> str:
    """Read the HTML as a browser does, for harmless messages first, then for the others."""
    the_class(kind, "PlainList", ipywidgets.HTML, "ipywidgets.HTML")
    if not hasattr(kind, "add"):
        raise NotYetError("a method `add`", "a class without it")
    if not kind.class_traits().get("value"):
        came = "an attribute of the class, which the page does not follow: leave that out"
        raise NotYetError("`value` to stay the widget's trait", came)
    one = page_of(kind, ADA)
    if not one.tags and not one.text:
        raise NotYetError("the message in the list", "an empty list: add to self.value")
    if ADA[0] not in one.bold:
        raise NotYetError("the name “Ada” in bold", in_bold(one))
    if ADA[1] not in one.text:
        raise NotYetError("the text after the name", f"“{one.text}” alone")
    harmless = page_of(kind, ADA, BOB)
    if ADA[1] not in harmless.text or BOB[1] not in harmless.text:
        raise NotYetError("both messages in the list", f"“{harmless.text}” alone")
    if not {ADA[0], BOB[0]} <= {*harmless.bold}:
        raise NotYetError("both names in bold after a second message", in_bold(harmless))
    for name, text in HOSTILE:
        page = page_of(kind, ADA, (name, text))
        what = f"the text {text}" if name == BOB[0] else f"the name {name}"
        for tag in Counter(page.tags) - Counter(harmless.tags):
            raise NotYetError(f"{what} to be only text", f"an element <{tag}> of the page")
        if name not in page.bold:
            raise NotYetError(f"{what} in bold", in_bold(page, ADA[0]) + escaped(page.text, name))
        if text not in page.text:
            raise NotYetError(f"{what} to read", f"“{page.text}”" + escaped(page.text, text))
    return f"somebody called {HOSTILE[0][0]} wrote, and nothing ran: each name is only text."


class Page(HTMLParser):
    """What a browser makes of some HTML: its elements, its text, and what of that is bold."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = self.bold_tag = ""
        self.bold: list[str] = []
        self.feed(html)
        self.close()
        self.bold = [words.strip().removesuffix(":").rstrip() for words in self.bold]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element, with the names of its attributes."""
        self.tags.append(" ".join([tag, *(name for name, _ in attrs)]))
        if tag in ("b", "strong") or "font-weight" in str(attrs):
            self.bold_tag = tag
            self.bold.append("")

    def handle_endtag(self, tag: str) -> None:
        """Note where bold text ends."""
        if tag == self.bold_tag:
            self.bold_tag = ""

    def handle_data(self, data: str) -> None:
        """Take some text."""
        self.text += data
        if self.bold_tag:
            self.bold[-1] += data


def page_of(kind: Any, *messages: tuple[str, str]) -> Page:
    """Return what a new list shows after these messages, each a name and a text."""
    shown = kind()
    for name, text in messages:
        plain(shown.add(Message(text, id=1, name=name)), "add")
    page = Page(shown.value)
    shown.close()
    return page


def in_bold(page: Page, but: str = "") -> str:
    """Return in words what is bold on a page, besides one name."""
    return listed([words for words in page.bold if words != but], f"no bold text in “{page.text}”")


def escaped(came: str, wanted: str) -> str:
    """Return a remark on how a text was escaped, if that is what is wrong with it."""
    if wanted in unescape(came):
        return ": it was escaped twice"
    return ": its & was not escaped" if unescape(wanted) in came else ""
