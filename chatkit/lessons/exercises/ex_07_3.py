"""Exercise 07-3: compare the whole host of an origin."""

from inspect import signature
from typing import Any

from chatkit.lessons.engine import mistakes
from chatkit.lessons.engine.expect import NotYetError, an, expect, plain, shown, the_function

TASK = "Fix the bug: return True for the chat's own page, at this host, and False for any other."
STUB = """
def allows_origin(origin, host):
    return origin.endswith(host)
"""
HINTS = (
    "An origin is a scheme, `://` and a host, with a port if it has one. Compare all that comes "
    "after the `://` with `host`, and not only a part of it.",
    "urlsplit(origin).netloc is the host with its port (`hostname` is without it): return "
    "urlsplit(origin).netloc == host.",
)
SOLUTION = """
def allows_origin(origin, host):
    return urlsplit(origin).netloc == host
"""
SAME = "urlsplit(origin).netloc == host"
NOT_OWN = "True for http://chat.example.org, the chat's own page, at chat.example.org; .*: False"
WRONG = {
    "one host for all": (
        "== host",
        "== 'chat.example.org'",
        "True for http://tea.example:8765, the chat's own page, .* came: False",
    ),
    "a dot before": (SAME, "origin.endswith('.' + host)", NOT_OWN),
    "anywhere in it": (
        SAME,
        "host in origin",
        "False for https://evilchat.example.org at .*came: True",
    ),
    "the beginning": (
        SAME,
        "origin.startswith(('http://' + host, 'https://' + host))",
        "False for https://chat.example.org.evil.example at chat.example.org; .* True",
    ),
    "letters cut off, not a prefix": (
        SAME,
        "origin.lstrip('https://') == host",
        "True for http://tea.example:8765, the chat's own page, .*came: False",
    ),
    "the end, and a length": (
        SAME,
        "origin.endswith(host) and len(origin) - len(host) in (7, 8)",
        "False for http://tea.example at ea.example; what came: True",
    ),
    "without the port": (
        "netloc",
        "hostname",
        "False for https://chat.example.org:8443 at chat.example.org",
    ),
    "a part of the host": ("== host", "in host", "False for https://chat.example at"),
    "https only": (SAME, "origin == f'https://{host}'", NOT_OWN),
    "the second part": (
        SAME,
        "origin.split('//')[1] == host",
        "False for null at .*came: an error. Your code raised IndexError in line",
    ),
    "the lesson's gate": (SAME, "Gate().allows_origin(origin, host)", NOT_OWN),
    "any letter for a dot": (
        SAME,
        "bool(__import__('re').fullmatch(f'https?://{host}', origin))",
        "False for https://chatxexample.org at chat.example.org; what came: True",
    ),
    "no letter before": (
        SAME,
        "origin.endswith(host) and not origin[: -len(host)][-1:].isalnum()",
        "False for https://evil.chat.example.org at",
    ),
    "with www": (
        SAME,
        "urlsplit(origin).netloc.removeprefix('www.') == host",
        "False for https://www.chat.example.org at",
    ),
    "the beginning and the end": (
        SAME,
        "origin.startswith(('http://' + host, 'https://' + host)) and origin.endswith(host)",
        "False for https://chat.example.org.evil.chat.example.org at",
    ),
    "its letters": (
        SAME,
        "sorted(urlsplit(origin).netloc) == sorted(host)",
        "False for https://chat.example.gro at",
    ),
    "a known port cut off": (
        SAME,
        "urlsplit(origin).netloc.removesuffix(':443') == host",
        "False for http://chat.example.org:443 at",
    ),
    "an error for the others": (
        f"return {SAME}",
        f"if {SAME}:\n        return True\n    raise ValueError('not this page')",
        "False for .*came: an error. Your code raised ValueError in line .*: not this page",
    ),
    "a comma": ("==", ",", "False for .*came: a tuple, .*, which counts as True"),
    "a method of Gate": (
        "allows_origin = None",
        "None: if `@method_of.Gate.` is above the `def`, leave that out, and `self`",
    ),
    "another object": ("==", "is", NOT_OWN),
    "a print": (
        f"return {SAME}",
        f"print({SAME})",
        "True for .*; what came: None, which counts as False: is a `return` missing",
    ),
    "async": ("def allows", "async def allows", "allows_origin to be a plain `def`"),
    "self": ("(origin, host)", "(self, origin, host)", "one with `self`: leave that out"),
}
RIGHT = {
    "two texts": (SAME, "origin in (f'http://{host}', f'https://{host}')"),
    "what comes after the scheme": (SAME, "origin.partition('://')[2] == host"),
    "the end, with slashes": (SAME, "origin.endswith('//' + host)"),
    "a pattern, which gives None": (
        f"return {SAME}",
        "import re\n    return re.fullmatch('https?://' + re.escape(host), origin)",
    ),
    "no return for the others": (f"return {SAME}", f"if {SAME}:\n        return True"),
    "other values that count": (SAME, f"'yes' if {SAME} else ''"),
    "the lesson's gate, with any name": (SAME, "Gate(any_name=True).allows_origin(origin, host)"),
}
OWN = ", the chat's own page,"
STRANGERS = {  # origins that are not those of a host
    "chat.example.org": (
        "https://holidays.example",
        "https://evilchat.example.org",
        "https://evil.chat.example.org",
        "https://evil-chat.example.org",
        "https://www.chat.example.org",
        "https://chatxexample.org",
        "https://chat.example.gro",
        "https://chat.example.org.evil.example",
        "https://chat.example.org.evil.chat.example.org",
        "https://chat.example.org:8443",
        "http://chat.example.org:443",
        "https://chat.example",
        "https://example.org",
        "null",
    ),
    "tea.example:8765": ("http://tea.example", "http://tea.example:87", "http://ea.example:8765"),
    "ea.example": ("http://tea.example", "https://tea.example"),
}


async def check(allows_origin: Any) -> str:
    """Ask about pages of three hosts, and about those that only look like them."""
    if allows_origin is None:
        came = "None: if `@method_of(Gate)` is above the `def`, leave that out, and `self`"
        raise NotYetError("the function allows_origin", came)
    if "self" in signature(the_function(allows_origin, "allows_origin")).parameters:
        raise NotYetError("allows_origin(origin, host)", "one with `self`: leave that out")
    for host, strangers in STRANGERS.items():
        for origin in (own := (f"http://{host}", f"https://{host}")) + strangers:
            is_own = origin in own
            expected = f"{is_own} for {origin}{OWN * is_own} at {host}"
            answer = answered(allows_origin, origin, host, expected)
            expect(bool(answer), is_own, expected, in_words(answer))
    return (
        f"{len(STRANGERS)} hosts accepted their own pages, and rejected "
        f"{sum(map(len, STRANGERS.values()))} others, most of which look like them."
    )


def answered(allows_origin: Any, origin: str, host: str, expected: str) -> Any:
    """Return what the learner's function returns; NotYetError if its code raises instead."""
    try:
        return plain(allows_origin(origin, host), "allows_origin")
    except Exception as error:
        if mistakes.place(error):
            came = f"an error. {mistakes.in_words(error, mistakes.Answer(allows_origin))}"
            raise NotYetError(expected, came) from error
        raise


def in_words(answer: object) -> str:
    """Return an answer as it is, and what it counts as if it is neither True nor False."""
    kind = f"{an(type(answer).__name__)}, " if answer else ""
    counts = f"{kind}{shown(answer)}, which counts as {bool(answer)}"
    missing = ": is a `return` missing?" if answer is None else ""
    return str(answer) if isinstance(answer, bool) else counts + missing
