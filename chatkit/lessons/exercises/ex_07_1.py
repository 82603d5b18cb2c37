"""Exercise 07-1: accept one more page."""

from typing import Any

from tornado.web import Application

from chatkit.client import socket_url
from chatkit.codecs import JSON
from chatkit.gate import PER_ADDRESS
from chatkit.handlers import ChatSocket
from chatkit.lessons.engine.expect import (
    NotYetError,
    expect,
    listed,
    plain,
    returned,
    the_function,
)
from chatkit.lessons.engine.serving import knock, served
from chatkit.room import Rooms

TASK = (
    "Let the class's page at https://class.example.org join as well as the chat's own page, and no "
    "other."
)
STUB = """
def gate_for_the_class():
    return Gate()
"""
HINTS = (
    "Gate has a parameter `origins`: a list of the other origins that it accepts. An origin is "
    "what comes before a page's path: scheme, host and port.",
    'Return Gate(origins=["https://class.example.org"]).',
)
SOLUTION = """
def gate_for_the_class():
    return Gate(origins=["https://class.example.org"])
"""
ORIGIN = '"https://class.example.org"'
NOT_ACCEPTED = "the page at https://class.example.org to be accepted.*came: status 403"
WRONG = {
    "any host name": (
        "])",
        "], any_name=True)",
        "http://evil.example:8765 to be rejected.*was accepted: `any_name` lets any host name pass",
    ),
    "a token": (
        "])",
        '], token="c0ffee")',
        "own page.*to be accepted.*403.*token",
    ),
    "a text, not a list": (
        f"[{ORIGIN}]",
        ORIGIN,
        "a list of origins.*each letter became an origin",
    ),
    "http": ("https://", "http://", NOT_ACCEPTED),
    "the host only": ("https://", "", NOT_ACCEPTED),
    "a path": ('.org"', '.org/chat"', NOT_ACCEPTED),
    "http as well": (
        ORIGIN,
        f'{ORIGIN}, "http://class.example.org"',
        "it is not encrypted",
    ),
    "a host that is nearly the class's": (
        ORIGIN,
        f'{ORIGIN}, "https://www.class.example.org"',
        "to hold the class's page and no other; what came: also “https://www.class.example.org”",
    ),
    "the chat's own page as well": (
        ORIGIN,
        f'{ORIGIN}, "http://127.0.0.1:8765", "http://localhost"',
        "no other; what came: also “http://127.0.0.1:8765”, “http://localhost”",
    ),
    "a limit": ("])", "], per_address=1)", r"`per_address` to be left out, .*came: 1\."),
    "no return": ("return ", "gate = ", "a Gate.*Is a `return` missing"),
    "the class": ('Gate(origins=["https://class.example.org"])', "Gate", "are `\\(\\)` missing"),
    "a misspelt parameter": (
        "origins",
        "origin",
        "TypeError in line 5.*unexpected keyword argument 'origin'",
    ),
    "async": ("def gate", "async def gate", "a plain `def`; what came: an `async def`"),
    "a parameter": ("class()", "class(origin)", "called with fewer values than its `def` asks"),
}
RIGHT = {
    "a set, and a slash": ('["https://class.example.org"]', '{"https://class.example.org/"}'),
    "set later": (
        'return Gate(origins=["https://class.example.org"])',
        'gate = Gate()\n    gate.origins |= {"https://class.example.org"}\n    return gate',
    ),
    "a lambda": ('gate_for_the_class = lambda: Gate(("HTTPS://class.example.org",))',),
}
CLASS = "https://class.example.org"
STRANGERS = {
    "http://class.example.org": "it is not encrypted, so others can change it on its way",
    "https://class.example.org.evil.example": "it only begins like the class's",
    "https://evilclass.example.org": "it only ends like the class's",
    "https://class.example.org:8443": "another port is another origin",
    "https://holidays.example": "nobody asked for it",
    "null": "any page in a sandbox sends it",
}
EVIL = "evil.example:8765"  # a host that leads to this machine
ACCEPTED = "it was accepted"


async def check(gate_for_the_class: Any) -> str:
    """Try the chat's own page, the class's, and others that look like them."""
    gate = plain(the_function(gate_for_the_class, "gate_for_the_class")(), "gate_for_the_class")
    if isinstance(gate, type) or not hasattr(gate, "allows_origin"):
        raise NotYetError("a Gate", returned(gate))
    if "h" in gate.origins:
        raise NotYetError("a list of origins", "one text, of which each letter became an origin")
    chat = {"rooms": Rooms(), "gate": gate, "codec": JSON}
    async with served(Application([("/ws", ChatSocket, chat)])) as page:
        url = socket_url(page)
        for origin, whose in {page.rstrip("/"): "the chat's own page", CLASS: "the page"}.items():
            came = in_words(*await knock(url, Origin=origin))
            expect(came, ACCEPTED, f"{whose} at {origin} to be accepted", came)
        for origin, why in STRANGERS.items():
            status, reason = await knock(url, Origin=origin)
            expect(
                status, 403, f"the origin {origin} to be rejected: {why}", in_words(status, reason)
            )
        status, reason = await knock(url, Origin=f"http://{EVIL}", Host=EVIL)
        came = in_words(status, reason) + ": `any_name` lets any host name pass" * gate.any_name
        expect(status, 403, f"http://{EVIL} to be rejected (DNS rebinding)", came)
    others = sorted(set(gate.origins) - {CLASS})
    expect(others, [], "`origins` to hold the class's page and no other", f"also {listed(others)}")
    expect(gate.per_address, PER_ADDRESS, f"`per_address` to be left out, so {PER_ADDRESS}")
    return (
        f"{CLASS} is accepted as well as the chat's own page, and {len(STRANGERS) + 1} others are "
        "rejected with 403."
    )


def in_words(status: int, reason: str) -> str:
    """Return how the chat answered."""
    why = "an error in the server" if status == 500 else f"“{reason.rstrip('.')}”"
    return ACCEPTED if status == 101 else f"status {status}, {why}"
