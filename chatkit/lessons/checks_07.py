"""The tests of lesson 07's exercises: a gate, a socket that is brief, an origin's host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.web import Application
from tornado.websocket import WebSocketClientConnection, WebSocketHandler, websocket_connect

from chatkit.codecs import JSON
from chatkit.gate import Gate
from chatkit.handlers import ChatSocket
from chatkit.lessons.checking import (
    NotYetError,
    exercise,
    plain,
    plain_def,
    returned,
    the_class,
    the_function,
)
from chatkit.lessons.checks_06 import served
from chatkit.room import Rooms
from chatkit.server import log_request

PATIENCE = 2.0  # seconds in which a server answers a frame
CLASS = "https://class.example.org"
STRANGERS = {
    "http://class.example.org": "that page came unencrypted, so anyone on its way may have made it",
    "https://class.example.org.evil.example": "that host only begins with the class's",
    "https://evilclass.example.org": "that host only ends with the class's",
    "https://class.example.org:8443": "another port is another origin",
    "https://holidays.example": "nobody asked for holidays",
    "null": "so a sandboxed page of anybody's says",
}
BENT = "evil.example:8765"  # a host and a port
HOST = "chat.example.org"
PAGES = {  # an origin that knocks at HOST: whether it is the chat's own
    "http://chat.example.org": True,
    "https://chat.example.org": True,
    "https://holidays.example": False,
    "https://evilchat.example.org": False,
    "https://chat.example.org.evil.example": False,
    "https://chat.example.org:8443": False,
    "https://chat.example": False,
    "https://example.org": False,
    "null": False,
}
LINES = 20  # that a message may have


@asynccontextmanager
async def serving(handler: type[WebSocketHandler], gate: Gate) -> AsyncIterator[str]:
    """Serve a chat of its own; give the address of its socket."""
    parts = {"rooms": Rooms(), "gate": gate, "codec": JSON}
    app = Application([(r"/ws", handler, parts)], log_function=log_request)
    async with served(app) as url:
        yield url.replace("http", "ws") + "ws"


async def knock(url: str, **headers: str) -> int:
    """Try to open a socket; return the HTTP status of the answer."""
    try:
        line = await websocket_connect(HTTPRequest(url, headers=headers))
    except HTTPClientError as error:
        return error.code
    line.close()
    return 101


def told(code: int) -> str:
    """Return in words what came of knocking."""
    return {101: "it was let in", 403: "it was turned away (403)"}.get(code, f"the answer {code}")


@exercise(
    "07-1",
    "Gate takes origins, a list of those that may come in besides the chat's own page. "
    "An origin is what stands in front of a page's path: scheme, host and port.",
    'Gate(origins=["https://class.example.org"]).',
)
async def class_page(answer: Callable[[], Any]) -> str:
    """The chat's own page, the class's, and those that look like it."""
    gate = the_function(answer, "gate_for_the_class")()
    if isinstance(gate, type) or not hasattr(gate, "allows_origin"):
        raise NotYetError("a Gate that your function returns", returned(gate))
    if "h" in gate.origins:
        came = "one text, each letter of which became an origin"
        raise NotYetError("a list of origins, even of one", came)
    async with serving(ChatSocket, gate) as url:
        own = url.replace("ws:", "http:").removesuffix("/ws")
        for origin, page in {own: "the chat's own page", CLASS: CLASS}.items():
            if (code := await knock(url, Origin=origin)) != 101:
                raise NotYetError(f"{page} to be let in", told(code))
        for origin, why in STRANGERS.items():
            if (code := await knock(url, Origin=origin)) != 403:
                raise NotYetError(f"{origin} to be turned away ({why})", told(code))
        if (code := await knock(url, Origin=f"http://{BENT}", Host=BENT)) != 403:
            who = f"{BENT}, a name that somebody has bent to this machine, to be turned away"
            raise NotYetError(who, f"{told(code)}: you need no any_name and no token here")
    return f"{CLASS} is let in, and {len(STRANGERS) + 1} others are turned away with 403."


async def ask(line: WebSocketClientConnection, frame: Any, what: str = "each frame") -> Any:
    """Send a frame and return its answer; NotYetError if the line is cut, or nothing comes."""
    await line.write_message(JSON.encode(frame))
    try:
        async with asyncio.timeout(PATIENCE):
            data = await line.read_message()
    except TimeoutError:
        raise NotYetError(f"an answer to {what}", "nothing: it was lost") from None
    if data is None:
        raise NotYetError(f"the line to stay open after {what}", "it was cut")
    return JSON.decode(str(data))


@exercise(
    "07-2",
    'frame may be anything that JSON can say. The pattern `case {"message": str(text)}` is met by '
    "those with a text, and by no others; and key_of(frame) finds the key.",
    'match frame: case {"message": str(text)} if len(text.splitlines()) > 20: raise '
    'FrameError("too_long", "A message has at most 20 lines.", key_of(frame)). '
    "After that super().receive(frame), for all that passes.",
)
async def brief(answer: Any) -> str:
    """Twenty lines pass, one more does not; all else is as before, and others hear no more."""
    the_class(answer, "Brief", WebSocketHandler)
    plain_def(answer, "receive")
    async with AsyncExitStack() as stack, serving(answer, Gate()) as url:
        ada = await websocket_connect(url, subprotocols=[JSON.subprotocol])
        grace = await websocket_connect(url)
        for line in (ada, grace):
            stack.callback(line.close)
        heard = JSON.decode(str(await ada.read_message()))  # the welcome
        while heard.get("event") != "joined":
            heard = JSON.decode(str(await ada.read_message()))
        most = "\n".join("x" * LINES)
        what = f"a message of {LINES} lines"
        said = await ask(ada, {"message": most, "key": "a"}, what)
        if said.get("message") != most:
            raise NotYetError(f"{what} to reach the room", f"the error {said.get('error')}")
        for wall, what in {
            f"{most}\nx": "21 lines",
            "x" + "\n" * 4000 + "x": "4,001 lines",
            f"{most}\rx": "21 lines, one of which ends by \\r: splitlines knows that",
        }.items():
            said = await ask(ada, {"message": wall, "key": "b"}, what)
            if said.get("error") != "too_long":
                came = f"the error {said['error']}" if "error" in said else "it went to everybody"
                raise NotYetError(f"too_long for a message of {what}", came)
            if not said.get("detail"):
                raise NotYetError("a sentence in the error, for people", "an error without words")
            if said.get("key") != "b":
                raise NotYetError("the key of the message in the error", "an error without it")
        keyless = "21 lines without a key"
        if (await ask(ada, {"message": f"{most}\nx"}, keyless)).get("error") != "too_long":
            raise NotYetError(f"too_long for {keyless}", "something else")
        for frame in ('{"massage": "hi"}', '{"message": 7}', "[1]", "5"):
            said = await ask(ada, JSON.decode(frame), frame)
            if said.get("error") != "bad_message":
                came = f"the error {said['error']}" if "error" in said else "it went to everybody"
                raise NotYetError(f"bad_message for {frame}, as before", came)
        if (await ask(ada, {"event": "rooms"})).get("event") != "rooms":
            raise NotYetError("the list of rooms to who asks for it, as before", "something else")
        await ask(ada, {"message": "bye"})
        others = [JSON.decode(str(await grace.read_message()))["message"] for _ in range(2)]
    if others != [most, "bye"]:
        raise NotYetError("nothing of the wall at Grace's end", f"{others[1][:20]!r}")
    return (
        f"{LINES} lines reached Grace, 21 did not; Ada was told too_long, with her key, "
        "and could go on."
    )


@exercise(
    "07-3",
    'an evil host may well end with yours: what does "https://evilchat.example.org" end with? '
    "Compare the whole host, not a part of it.",
    "urlsplit(origin).netloc is the whole host, with its port: compare that with == host.",
)
async def whole_host(answer: Callable[[str, str], Any]) -> str:
    """Pages that knock at one host, its own and those that look like it."""
    gate = Gate()
    allows_origin = the_function(answer, "allows_origin")

    def asked(origin: str, host: str) -> Any:
        allowed = plain(allows_origin(origin, host), "allows_origin")
        if allowed is None:
            raise NotYetError("allows_origin to return True or False", returned(allowed))
        return allowed

    gate.allows_origin = asked  # type: ignore[method-assign]
    async with serving(ChatSocket, gate) as url:
        for origin, own in PAGES.items():
            code = await knock(url, Origin=origin, Host=HOST)
            if own and code != 101:
                raise NotYetError(f"{origin}, the chat's own page, to be let in", told(code))
            if not own and code != 403:
                raise NotYetError(f"{origin} to be turned away from {HOST}", told(code))
    return (
        f"at {HOST}, its own pages are let in, and {list(PAGES.values()).count(False)} "
        "others, which looked like it, are turned away."
    )
