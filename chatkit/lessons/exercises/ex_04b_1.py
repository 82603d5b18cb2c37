"""Exercise 04b-1: say something in Transit."""

from typing import Any

from tornado.web import Application

from chatkit.guide.broadcaster import Broadcaster
from chatkit.guide.client import Client
from chatkit.guide.codecs import TRANSIT, FrameError
from chatkit.guide.handler import ChatHandler
from chatkit.lessons.engine.expect import (
    NotYetError,
    awaited,
    expect,
    returned,
    shown,
    the_function,
)
from chatkit.lessons.engine.serving import in_time, served

TASK = "Let it speak Transit: the subprotocol, what it sends, and what it reads."
STUB = """
async def say(address, text):
    socket = await websocket_connect(address, subprotocols=["json"])
    await socket.write_message(JSON.write({"message": text}))
    return JSON.read(await socket.read_message())["message"]
"""
HINTS = (
    "Each of the three lines says JSON somewhere. TRANSIT is a codec as JSON is.",
    'Write `subprotocols=["transit+json"]`, `TRANSIT.write(…)` and `TRANSIT.read(…)`.',
)
SOLUTION = """
async def say(address, text):
    socket = await websocket_connect(address, subprotocols=["transit+json"])
    await socket.write_message(TRANSIT.write({"message": text}))
    return TRANSIT.read(await socket.read_message())["message"]
"""
WRITE = 'TRANSIT.write({"message": text})'
WRONG = {
    "the other subprotocol": (
        "transit+json",
        "json",
        "the subprotocol “transit\\+json”; what came: “json”",
    ),
    "no subprotocol": (
        ', subprotocols=["transit+json"]',
        "",
        "the subprotocol “transit\\+json”; what came: none",
    ),
    "an unknown subprotocol": (
        "transit+json",
        "transit",
        "the subprotocol “transit\\+json”; what came: none that the server knows",
    ),
    "only the subprotocol": (
        STUB.strip().replace('"json"', '"transit+json"'),
        '“hi” in Transit; what came: \'{"message":"hi"}\'',
    ),
    "it writes JSON": (
        "TRANSIT.write",
        "JSON.write",
        '“hi” in Transit; what came: \'{"message":"hi"}\'',
    ),
    "a text for the list": (
        '["transit+json"]',
        '"transit+json"',
        'subprotocols=\\["transit\\+json"\\].*; what came: a text; a list is needed',
    ),
    "it reads JSON": ("TRANSIT.read", "JSON.read", "raised TypeError in line 6"),
    "nothing is read": (
        'TRANSIT.read(await socket.read_message())["message"]',
        "text",
        "to return “hi!”, which the server sent back; what came: a str, 'hi'",
    ),
    "the tag by hand": (
        '"message": text',
        '"~:message": text',
        "the key `message`; what came: `~:message`. TRANSIT adds and removes the `~:` itself",
    ),
    "the tag by hand where it reads": (
        '["message"]',
        '["~:message"]',
        "the key `message`; what came: `~:message`. TRANSIT adds and removes the `~:` itself",
    ),
    "it writes by hand": (
        WRITE,
        """f'["^ ","~:message","{text}"]'""",
        "“~hi” in Transit; what came: .*~:message",
    ),
    "no object": (WRITE, "TRANSIT.write(text)", "raised AttributeError in line 5"),
    "a map in a list": (
        WRITE,
        'TRANSIT.write({"text": text})',
        'in Transit; what came: .*\\["\\^ ","~:text","hi"\\]',
    ),
    "no return": (
        "return ",
        "",
        "say to return “hi!”.*; what came: nothing. Is a `return` missing",
    ),
    "the whole frame": (
        '["message"]',
        "",
        "say to return “hi!”.*; what came: .*{'message': 'hi!'}",
    ),
    "no await where it reads": (
        "await socket.read",
        "socket.read",
        "raised TypeError in line 6.*An `await` is missing",
    ),
    "no await where it connects": (
        "await websocket_connect",
        "websocket_connect",
        "raised AttributeError in line 5.*An `await` is missing",
    ),
    "always the same": ("text}", '"hi"}', "“~hi” in Transit; what came: .*hi"),
}
RIGHT = {
    "with both subprotocols": ('["transit+json"]', '["transit+json", "json"]'),
    "a codec in a variable": (
        """
async def say(address, text):
    name = "transit+json"
    read, write = CODECS[name]
    socket = await websocket_connect(address, subprotocols=[name])
    try:
        await socket.write_message(write({"message": text}))
        return read(await socket.read_message())["message"]
    finally:
        socket.close()
""",
    ),
    "its parts": (
        "TRANSIT.write",
        "write_transit",
    ),
}
BY_HAND = "`~:message`. TRANSIT adds and removes the `~:` itself"
WAITS = "it still waits after a second"
TEXTS = ("hi", "~hi", "^0 ☕")


class Louder(Broadcaster):
    """A broadcaster that adds `!` to each message: what comes back is not what was sent."""

    def notify_clients(self, message: Any) -> None:
        """Send a message, with its `!`, to everyone."""
        super().notify_clients({"message": f"{message['message']}!"})


class Listening(ChatHandler):
    """A chat's connection that keeps what its client offered and sent."""

    def initialize(self, broadcaster: Broadcaster, heard: list[Any]) -> None:  # type: ignore[override]
        """Take what all connections share."""
        super().initialize(broadcaster)
        self.heard = heard

    def on_message(self, data: str | bytes) -> None:
        """Keep a message, and send it to everyone."""
        offered = self.request.headers.get("Sec-WebSocket-Protocol", "")
        self.heard.append((offered, self.selected_subprotocol, data))
        super().on_message(data)


async def check(say: Any) -> str:
    """Let the answer say three texts, while somebody listens in JSON."""
    say, broadcaster = the_function(say, "say"), Louder()
    heard: list[Any] = []
    settings = {"broadcaster": broadcaster, "heard": heard}
    async with served(Application([("/ws", Listening, settings)])) as url:
        address = f"ws{url.removeprefix('http')}ws"
        async with Client(url) as ada:
            for text in TEXTS:
                heard.clear()
                try:
                    said = await in_time(awaited(say(address, text), "say"), "say to return", WAITS)
                except KeyError as error:
                    if error.args == ("~:message",):
                        raise NotYetError("the key `message`", BY_HAND) from None
                    raise
                finally:
                    in_transit(heard, text)  # this says more than an error of the answer
                if said != f"{text}!":
                    expected = f"say to return “{text}!”, which the server sent back"
                    raise NotYetError(expected, returned(said))
                frame = await in_time(anext(ada), f"Ada to receive “{text}!”")
                expect(frame, {"message": f"{text}!"}, f"Ada to receive “{text}!”")
        for channel in tuple(broadcaster.channels):
            channel.close()
    return (
        f"{len(TEXTS)} texts went out in Transit, came back in Transit, and Ada read them as JSON."
    )


def in_transit(heard: list[Any], text: str) -> None:
    """Raise NotYetError if a message was sent without asking for Transit, or not written so."""
    if not heard:
        return
    offered, chosen, data = heard[-1]
    if offered == ",".join("transit+json"):
        raise NotYetError('`subprotocols=["transit+json"]`', "a text; a list is needed")
    if chosen != "transit+json":
        unknown = "none that the server knows" if offered else "none"
        came = f"“{chosen}”" if chosen else unknown
        raise NotYetError("the subprotocol “transit+json”", came)
    try:
        frame = TRANSIT.read(data)
    except FrameError:
        frame = None
    if isinstance(frame, dict) and "~:message" in frame:
        raise NotYetError("the key `message`", BY_HAND)
    if frame != {"message": text} or data[:1] != "[":
        raise NotYetError(f"“{text}” in Transit", shown(data))
