"""Exercise 03-1: a server that speaks Transit unless a client asks for JSON."""

from collections.abc import Callable
from inspect import iscoroutine
from typing import Any

from chatkit.client import socket_url
from chatkit.codecs import JSON, TRANSIT
from chatkit.lessons.engine.expect import NotYetError, plain, returned, the_function
from chatkit.lessons.engine.serving import Peer
from chatkit.messages import ChatkitError

TASK = "Make the server speak Transit with clients that don't ask for a codec."
STUB = """
def server_for_the_guide():
    return ChatServer(port=0, codec="json")
"""
HINTS = (
    "The server looks the codec up by its name. It knows two names: ask for one that it does not "
    "know, and the error lists them.",
    'Write codec="transit", in lower case and in quotes.',
)
SOLUTION = """
def server_for_the_guide():
    return ChatServer(port=0, codec="transit")
"""
WRONG = {
    "a capital": ('"transit"', '"Transit"', "raised ChatkitError in line 4.*no codec 'Transit'"),
    "the subprotocol": ('"transit"', '"chatkit.transit+json"', "choose one of json, transit"),
    "no quotes": ('"transit"', "transit", "raised NameError.*it needs quotes"),
    "no codec": (
        ', codec="transit"',
        "",
        "Transit; what came: an error.*the server took the Transit for JSON",
    ),
    "no return": ("return ", "", "a ChatServer that is not started.*Is a `return` missing"),
    "an async def": ("def server", "async def server", "a plain `def`; what came: an `async def`"),
    "started": (
        '"transit")',
        '"transit").start()',
        "not started yet; what came: a coroutine: leave `.start\\(\\)` out",
    ),
    "launched": (
        "ChatServer",
        "launch",
        "not started yet; what came: one that runs already",
    ),
    "the class": (
        'ChatServer(port=0, codec="transit")',
        "ChatServer",
        "the class ChatServer: are `\\(\\)` missing",
    ),
    "text": ('ChatServer(port=0, codec="transit")', '"transit"', "what came: a str, 'transit'"),
    "a parameter": ("guide()", "guide(codec)", "is called with fewer values than its `def` asks"),
    "the codec as the second value": (
        'port=0, codec="transit"',
        '0, "transit"',
        "the second value of ChatServer is its host: write codec=",
    ),
    "called too early": (
        "server_for_the_guide = ChatServer(port=0, codec='transit')",
        "Expected the function server_for_the_guide; what came: a ChatServer",
    ),
}
RIGHT = {
    "by position": ('port=0, codec="transit"', '0, HOST, "transit"'),
    "a lambda": ("server_for_the_guide = lambda: ChatServer(0, codec='transit')",),
    "with options": ('"transit")', '"transit", rate=None)'),
}


async def check(make: Any) -> str:
    """Let a client that asks for no codec speak Transit, and one that asks for JSON listen."""
    server = the_server(made_by(the_function(make, "server_for_the_guide")))
    await server.start()
    try:
        guide = await Peer.to(socket_url(server.url))
        modern = await Peer.to(socket_url(server.url), JSON.subprotocol)
        for text in ("hello", "~ good morning"):
            expected = f"the message “{text}” in Transit"
            await guide.say(TRANSIT.encode({"message": text}).decode())
            frame = await guide.next_frame(expected)
            if isinstance(frame, dict):
                came = f"an error: the server took the Transit for JSON. {frame.get('detail')}"
                raise NotYetError(expected, came)
            heard: dict[str, Any] = {}
            while heard.get("message") != text:  # first come events
                heard = await modern.next_frame(f"the message “{text}” in JSON")
    finally:
        await server.stop()
    return (
        'a client that asked for no codec received ["^ ","~:message","hello", …, which is '
        'Transit; one that asked for JSON received {"message":"hello", …'
    )


def made_by(make: Callable[..., Any]) -> Any:
    """Return what the function returns; NotYetError if it gives the codec in place of the host."""
    try:
        return make()
    except ChatkitError as error:
        if "reach transit" not in str(error):
            raise
        came = "the second value of ChatServer is its host: write codec="
        raise NotYetError("the codec to be “transit”", came) from None


def the_server(server: Any) -> Any:
    """Return what the function returned, if it is a server that can be started."""
    expected = "a ChatServer that is not started yet"
    if iscoroutine(server) and server.__name__ == "start":
        server.close()
        raise NotYetError(expected, "a coroutine: leave `.start()` out")
    server = plain(server, "server_for_the_guide")
    if isinstance(server, type) or not hasattr(server, "stop"):
        raise NotYetError(expected, returned(server))
    if hasattr(server, "thread"):
        server.stop()
    if hasattr(server, "thread") or server.running:
        raise NotYetError(expected, "one that runs already")
    return server
