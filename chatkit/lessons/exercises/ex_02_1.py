"""Exercise 02-1: leave one channel out of a broadcast."""

from typing import Any

from tornado.websocket import WebSocketHandler

from chatkit.lessons.engine.channels import Broadcaster, DeadChannel, Leaver
from chatkit.lessons.engine.expect import NotYetError, listed, misnamed
from chatkit.lessons.engine.handlers import all_hear, like_callbacks
from chatkit.lessons.engine.serving import clients_of

TASK = "Send the text to everyone except the client that sent it."
STUB = """
class Typing(Callbacks):
    def on_message(self, text):
        self.broadcaster.notify_clients(text)
"""
HINTS = (
    "Loop over a snapshot of `self.broadcaster.channels`. This handler, `self`, is one of them.",
    "In the loop, write `if channel is not self:`, and below it "
    "`self.broadcaster.notify(channel, text)`.",
)
SOLUTION = """
class Typing(Callbacks):
    def on_message(self, text):
        for channel in tuple(self.broadcaster.channels):
            if channel is not self:
                self.broadcaster.notify(channel, text)
"""
LOOP = SOLUTION.strip().partition("text):\n        ")[2]
WRONG = {
    "always the same text": (
        "channel, text",
        'channel, "Ada is typing"',
        "both others to receive “Grace is typing” once; what came: “Ada is typing”",
    ),
    "the typist alone": ("is not self", "is self", "typist to receive nothing; what came: “Ada is"),
    "everyone": ("channel is not self", "channel", "the typist to receive nothing; what came"),
    "the others compared with the text": (
        "is not self",
        "is not text",
        "typist to receive nothing",
    ),
    "a print": (
        "self.broadcaster.notify(channel, text)",
        "print(text)",
        "receive “Ada is typing” once; what came: nothing.*Your code printed: Ada is typing",
    ),
    "the live set": (
        "tuple(self.broadcaster.channels)",
        "self.broadcaster.channels",
        "although another channel leaves meanwhile; .*RuntimeError .*loop over a copy",
    ),
    "send instead of notify": (
        "self.broadcaster.notify(channel, text)",
        "channel.send(text)",
        "although another channel is dead; .*ConnectionError in line 7",
    ),
    "a list of channels": (
        LOOP,
        "others = self.broadcaster.channels - {self}\n"
        "        self.broadcaster.notify(others, text)",
        "both others to receive “Ada is typing” once; what came: nothing",
    ),
    "out of the set for good": (
        LOOP,
        "self.broadcaster.disconnect(self)\n        self.broadcaster.notify_clients(text)",
        "every client to stay in `self.broadcaster.channels`, the typist too; what came: one of",
    ),
    "an error that is ignored": (
        "self.broadcaster.notify(channel, text)",
        "try:\n                    channel.send(text)\n"
        "                except Exception:\n                    pass",
        "dead channel to be removed, as `notify` does; what came: it is still in",
    ),
    "a broadcaster of one's own": (
        LOOP,
        "others = Broadcaster()\n        others.channels = self.broadcaster.channels - {self}\n"
        "        others.notify_clients(text)",
        "dead channel to be removed, as `notify` does; what came: it is still in",
    ),
    "a method of the broadcaster": (
        "self.broadcaster.notify",
        "self.notify",
        r"`self.broadcaster.notify\(channel, message\)` to any",
    ),
    "a return in the loop": (
        "notify(channel, text)",
        "notify(channel, text)\n                return",
        "both others to receive “Ada is typing” once; what came: .*nothing",
    ),
    "the swapped arguments": ("(channel, text)", "(text, channel)", "what came: nothing"),
    "no parameter for the text": ("self, text", "self", "`on_message` is called with more values"),
    "a misspelt method": ("on_message", "on_messages", "did you mean `on_message`"),
    "a misspelt attribute": ("broadcaster", "brodcaster", "Did you mean `broadcaster`"),
    "the other parent": (
        "Callbacks",
        "WebSocketHandler",
        r"`class Typing\(Callbacks\):`; what came: a class without the methods of Callbacks",
    ),
}
RIGHT = {
    "a difference of sets": (
        LOOP,
        "for channel in self.broadcaster.channels - {self}:\n"
        "            self.broadcaster.notify(channel, text)",
    ),
    "a try in the loop": (
        "self.broadcaster.notify(channel, text)",
        "try:\n                    channel.send(text)\n"
        "                except ConnectionError:\n"
        "                    self.broadcaster.disconnect(channel)",
    ),
    "out of the set meanwhile": (
        LOOP,
        "self.broadcaster.disconnect(self)\n        self.broadcaster.notify_clients(text)\n"
        "        self.broadcaster.connect(self)",
    ),
    "a coroutine": ("def on_message", "async def on_message"),
}
ROUNDS = (
    (0, "Ada is typing", None, ""),
    (2, "Grace is typing", None, ""),
    (1, "Bob is typing", Leaver, ", although another channel leaves meanwhile"),
    (0, "Ada is typing again", DeadChannel, ", although another channel is dead"),
)


async def check(handler: Any) -> str:
    """Let three clients type, at the end with a channel that leaves and one that is dead."""
    like_callbacks(handler, "Typing")
    broadcaster = Broadcaster()
    async with clients_of(handler, 3, broadcaster=broadcaster) as clients:
        for typist, text, other, although in ROUNDS:
            added = other and other(broadcaster)
            before = set(broadcaster.channels)
            await clients[typist].say(text)
            if own := await clients[typist].news():
                came = listed(own) + misnamed(handler, ["on_message"])
                raise NotYetError("the typist to receive nothing", came)
            others = [client for client in clients if client is not clients[typist]]
            await all_hear(others, text, f"both others to receive “{text}” once{although}")
            gone = before - broadcaster.channels
            if any(isinstance(channel, WebSocketHandler) for channel in gone):
                kept = "every client to stay in `self.broadcaster.channels`, the typist too"
                raise NotYetError(kept, "one of them is gone")
            if isinstance(added, DeadChannel) and added not in gone:
                removed = "the dead channel to be removed, as `notify` does"
                raise NotYetError(removed, "it is still in `self.broadcaster.channels`")
    return "each of the three typed, and only the others received it."
