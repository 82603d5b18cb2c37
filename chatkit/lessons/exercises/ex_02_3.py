"""Exercise 02-3: a handler that forgets nobody."""

import gc
from typing import Any
from weakref import WeakSet

from tornado.web import Application
from tornado.websocket import WebSocketHandler

from chatkit.lessons.engine.channels import Broadcaster
from chatkit.lessons.engine.expect import (
    NotYetError,
    has_raised,
    listed,
    misnamed,
    plain_def,
    the_class,
)
from chatkit.lessons.engine.handlers import all_hear
from chatkit.lessons.engine.serving import Peer, peers_of, turns

TASK = "Find out who stays in `broadcaster.channels` while clients come and go, and fix it."
STUB = """
class Leaky(WebSocketHandler):
    def initialize(self, broadcaster):
        self.broadcaster = broadcaster

    def open(self):
        self.broadcaster.connect(self)

    def on_message(self, text):
        self.broadcaster.notify_clients(text)

    def on_closed(self):
        self.broadcaster.disconnect(self)

    def send(self, text):
        self.write_message(text)
"""
HINTS = (
    "Who takes a channel out when its client leaves? Tornado calls methods by their names.",
    "Compare the names of the methods with those of `Callbacks`, above.",
)
SOLUTION = STUB.replace("on_closed", "on_close")
GONE = "self.broadcaster.disconnect(self)"
WRONG = {
    "another style": (
        "on_close",
        "onClose",
        "Tornado does not call `onClose`: did you mean `on_close`",
    ),
    "a method of Tornado's": (
        "on_close",
        "close",
        "not to be in broadcaster.channels; .*not call `close`: did you mean `on_close`",
    ),
    "somebody else": (GONE, "self.broadcaster.channels.pop()", "here to stay .*: 1 of them is not"),
    "everybody": (GONE, "self.broadcaster.channels.clear()", "here to stay .*: 9 of them are not"),
    "nobody": (GONE, "pass", "`on_close` is called, but does not take it out"),
    "the class": (GONE, "self.broadcaster.disconnect(Leaky)", "called, but does not take it out"),
    "no call": (GONE, "self.broadcaster.disconnect", "called, but does not take it out"),
    "never in the set": (
        "self.broadcaster.connect(self)",
        "pass",
        "to be in broadcaster.channels; what came: it is not",
    ),
    "out of the set once it has spoken": (
        "notify_clients(text)",
        f"notify_clients(text)\n        {GONE}",
        "all 10 to hear “anybody there.” once; what came: nothing at one",
    ),
    "a coroutine": ("def on_close", "async def on_close", "a plain `def on_close`: it is called"),
    "a parameter too many": (
        "on_close(self)",
        "on_close(self, code)",
        "`on_close` is called with fewer values",
    ),
    "an error for a dropped channel": (
        GONE,
        "self.broadcaster.channels.remove(self)",
        "no error in `on_close`, also when the channel was dropped before; .*KeyError in line 14",
    ),
    "a method that Tornado needs": (
        "on_close",
        "on_connection_close",
        "yours replaces it. The name in the lesson is `on_close`",
    ),
    "a farewell": (
        GONE,
        f'self.broadcaster.notify_clients("bye")\n        {GONE}',
        "the others to hear nothing when one leaves; what came: “bye”",
    ),
    "another list": (
        "self.broadcaster.disconnect(self)",
        "self.broadcaster.disconnect(self)\n        self.broadcaster.old = [*getattr(self"
        '.broadcaster, "old", []), self]',
        "gone from memory; what came: something else keeps 10 of them",
    ),
    "a loop over the live set": (
        GONE,
        "for channel in self.broadcaster.channels:\n            if channel is self:\n"
        "                self.broadcaster.disconnect(channel)",
        "no error in `on_close`; what came: one. .*RuntimeError in line 14,.*loop over a copy",
    ),
}
RIGHT = {
    "made from Callbacks": ("class Leaky(Callbacks):\n    pass",),
    "both names": (
        f"def on_close(self):\n        {GONE}",
        f"def on_closed(self):\n        {GONE}\n\n    on_close = on_closed",
    ),
    "Tornado's other name": (
        "def on_close(self):",
        "def on_connection_close(self):\n        super().on_connection_close()",
    ),
    "the set itself": (GONE, "self.broadcaster.channels.discard(self)"),
    "a new set without it": (GONE, "self.broadcaster.channels -= {self}"),
}
VISITORS = 10


async def check(handler: Any) -> str:
    """Let clients come, speak, and leave one by one; see who is kept."""
    the_class(handler, "Leaky", WebSocketHandler)
    plain_def(handler, "on_close")
    broadcaster, here = Broadcaster(), dict[Peer, Any]()
    async with peers_of(Application([("/ws", handler, {"broadcaster": broadcaster})])) as join:
        while len(here) < VISITORS:
            client = await join()
            if len(new := broadcaster.channels - {*here.values()}) != 1:
                expected = "each client that connects to be in broadcaster.channels"
                raise NotYetError(expected, "it is not")
            here[client] = new.pop()
        for speaker, text in zip(here, ("hello", "anybody there?"), strict=False):
            await speaker.say(text)
            await all_hear(here, text, f"all {VISITORS} to hear “{text}” once")
        kept = WeakSet(here.values())
        while here:
            await leave(here, broadcaster, handler)
    await turns(10)
    gc.collect()
    if kept:
        came = f"something else keeps {len(kept)} of them"
        raise NotYetError("those who left to be gone from memory", came)
    return f"{VISITORS} came and went, and nobody was left behind."


async def leave(here: dict[Peer, Any], broadcaster: Broadcaster, handler: Any) -> None:
    """Let one client leave, and see that it has gone, and nobody else."""
    channel = here.pop(leaver := list(here)[len(here) // 2])
    if dropped := len(here) == VISITORS // 2:
        broadcaster.disconnect(channel)  # as a broadcast does that can't reach it
    leaver.connection.close()
    await leaver.closed.wait()
    for other in list(here)[:1]:
        if heard := await other.news():
            raise NotYetError("the others to hear nothing when one leaves", listed(heard))
    if has_raised():
        before = ", also when the channel was dropped before" * dropped
        raise NotYetError(f"no error in `on_close`{before}", "one")
    if lost := len([each for each in here.values() if each not in broadcaster.channels]):
        expected = f"the {len(here)} who are still here to stay in broadcaster.channels"
        raise NotYetError(expected, f"{lost} of them {'are' if lost > 1 else 'is'} not")
    if channel in broadcaster.channels:
        raise NotYetError("the one who left not to be in broadcaster.channels", still_in(handler))
    if "on_connection_close" in vars(handler) and channel.ws_connection:
        came = "yours replaces it. The name in the lesson is `on_close`"
        raise NotYetError("Tornado's own `on_connection_close` to be called, too", came)


def still_in(handler: Any) -> str:
    """Return that a channel is still there, and, where it doesn't give the bug away, why."""
    if "on_close" in vars(handler):
        return "it is still there: `on_close` is called, but does not take it out"
    known = [] if "on_closed" in vars(handler) else ["open", "on_message", "on_close"]
    return f"it is still there{misnamed(handler, known)}"
