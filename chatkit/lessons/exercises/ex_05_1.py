"""Exercise 05-1: a list in which nobody's name runs as a program."""

import re
from collections import Counter
from html import unescape
from typing import Any

import ipywidgets

from chatkit.lessons.engine.expect import NotYetError, expect, listed, plain, the_class

TASK = "Show each name in bold, and each name and message exactly as people wrote them."
STUB = """
class NamedList(ipywidgets.HTML):
    def add(self, name, message):
        self.value += f"<p><b>{name}</b>: {escape(message)}</p>"
"""
HINTS = (
    "People write two texts here, and only one of them is escaped.",
    "Call `escape` once on each of the two texts, inside its braces, such as {escape(message)}. "
    "Leave the rest of the line as it is.",
)
SOLUTION = """
class NamedList(ipywidgets.HTML):
    def add(self, name, message):
        self.value += f"<p><b>{escape(name)}</b>: {escape(message)}</p>"
"""
NAME = "{escape(name)}"
LINE = 'self.value += f"<p><b>{escape(name)}</b>: {escape(message)}</p>"'
WRONG = {
    "only < replaced": (
        NAME,
        "{name.replace('<', '&lt;')}",
        "the name “&lt;Bob&gt;” in bold; what came: “<Bob>”: its & was not escaped",
    ),
    "replaced in the wrong order": (
        NAME,
        "{name.replace('<', '&lt;').replace('&', '&amp;')}",
        "the name “<img .* in bold; what came: “&lt;img .*”: it was escaped twice",
    ),
    "characters taken out": (
        NAME,
        "{name.strip('<>')}",
        "onerror=alert\\(1\\)>” in bold; what came: “img src=x",
    ),
    "the call outside the braces": (
        NAME,
        "escape({name})",
        "what came: “escape.*: the call of `escape` stands outside the braces",
    ),
    "quotes around it": (NAME, "{name!r}", "the name “.*” in bold; what came: “'.*'”[^:]*$"),
    "escaped twice": (
        NAME,
        "{escape(escape(name))}",
        "what came: “&lt;img .*: it was escaped twice",
    ),
    "the name alone": (
        "{escape(message)}",
        "{message}",
        "the message “<script>.* to be only text; what came: an element <script>",
    ),
    "a call without its result": (
        LINE,
        "escape(name)\n        " + LINE.replace("escape(name)", "name"),
        "onerror=alert\\(1\\)>” to be only text; what came: an element <img>",
    ),
    "the whole line": (
        LINE,
        'self.value += escape(f"<p><b>{name}</b>: {message}</p>")',
        "the name “Ada” in bold; what came: no bold text",
    ),
    "no bold": ("<b>{escape(name)}</b>", NAME, "the name “Ada” in bold; what came: no bold text"),
    "the last message alone": (
        "+=",
        "=",
        "the name “Ada” in bold after a second message; what came: “Grace”",
    ),
    "no message": (
        ": {escape(message)}",
        "",
        "“hello” after the name; what came: “Ada”",
    ),
    "everything escaped again": (
        "self.value +=",
        "self.value = escape(self.value) +",
        "the name “Ada” in bold after a second message; what came: “Grace”",
    ),
    "a print": (
        LINE,
        LINE.replace("self.value += ", "print(") + ")",
        "nothing at all.*printed: <p>",
    ),
    "no self": ("(self, name, message)", "(name, message)", "`add` is called with more values"),
    "an async def": ("def add", "async def add", "add to be a plain `def`"),
    "another method": ("def add", "def show", "a method `add`; what came: a class without it"),
}
RIGHT = {
    "by hand": (NAME, "{''.join(f'&#{ord(character)};' for character in name)}"),
    "a bold colon": ("{escape(name)}</b>:", "{escape(name)}:</b>"),
    "replaced in the right order": (
        NAME,
        "{name.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}",
    ),
    "another element": (
        LINE,
        "name, message = map(escape, (name, message))\n"
        '        line = "<div><strong>" + name + "</strong> " + message + "</div>"\n'
        "        self.value = self.value + line",
    ),
}
ADA = ("Ada", "hello")
SAID = (
    ("Grace", "bye"),
    ("<img src=x onerror=alert(1)>", "hello"),
    ('Tom & "Jerry\'s"', "hello"),
    ("&lt;Bob&gt;", "hello"),
    ("Grace", "<script>alert(2)</script>"),
    ("Grace", "1 < 2 & 3"),
)


TAG = re.compile(r"</?([a-z]\w*)\b[^>]*>", re.IGNORECASE)
BOLD = re.compile(r"<(b|strong)\b[^>]*>(.*?)</\1>", re.IGNORECASE)


async def check(kind: Any) -> str:
    """Read the HTML after one message, then after each of several others as a second one."""
    the_class(kind, "NamedList", ipywidgets.HTML, "ipywidgets.HTML")
    if not hasattr(kind, "add"):
        raise NotYetError("a method `add`", "a class without it")
    first = html_of(kind, ADA)
    expect(bool(first), True, "the message on the page", "nothing at all: add to self.value")
    in_bold(first, "Ada", "")
    expect(ADA[1] in text_of(first), True, "“hello” after the name", f"“{text_of(first)}”")
    tags = Counter(TAG.findall(html_of(kind, ADA, SAID[0])))
    for name, message in SAID:
        html = html_of(kind, ADA, (name, message))
        words = f"the message “{message}”" if name == "Grace" else f"the name “{name}”"
        for tag in Counter(TAG.findall(html)) - tags:
            raise NotYetError(f"{words} to be only text", f"an element <{tag}>")
        in_bold(html, "Ada", " after a second message")
        in_bold(html, name, "")
        text = text_of(html)
        expect(message in text, True, f"{words} on the page", f"“{text}”{wrongly(message, text)}")
    return "a name and a message that were programs are now only text, and nothing ran."


def html_of(kind: Any, *messages: tuple[str, str]) -> str:
    """Return the HTML of a new list after these messages, each a name and a text."""
    widget = kind()
    for name, message in messages:
        plain(widget.add(name, message), "add")
    widget.close()
    return str(widget.value)


def text_of(html: str) -> str:
    """Return the text that some HTML shows."""
    return unescape(TAG.sub("", html))


def in_bold(html: str, name: str, when: str) -> None:
    """Raise NotYetError unless a name is bold."""
    bold = [text_of(found[1]).strip(" :") for found in BOLD.findall(html)]
    others = [words for words in bold if words != "Ada"]
    came = listed(others, f"no bold text in “{text_of(html)}”") + wrongly(name, *others)
    expect(name in bold, True, f"the name “{name}” in bold{when}", came)


def wrongly(wanted: str, *texts: str) -> str:
    """Return a remark on how a text was escaped, if that is what is wrong with it."""
    if any("escape(" in text for text in texts):
        return ": the call of `escape` stands outside the braces, so it is only text"
    if any(wanted in unescape(text) != text for text in texts):
        return ": it was escaped twice"
    plain = unescape(wanted)
    missed = plain != wanted and any(plain in text for text in texts)
    return ": its & was not escaped" if missed else ""
