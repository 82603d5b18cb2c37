"""Exercise 02-1: leave one channel out of a broadcast."""

from typing import Any

from chatkit.lessons.engine.channels import Broadcaster, DeadChannel, Leaver
from chatkit.lessons.engine.expect import NotYetError, listed, misnamed
from chatkit.lessons.engine.handlers import all_hear, like_callbacks
from chatkit.lessons.engine.serving import clients_of

TASK = "Let everyone but the typist hear that somebody is typing."
STUB = """
class Typing(Callbacks):
    def on_message(self, text):
        self.broadcaster.notify_clients(text)
"""
HINTS = (
    "`notify_clients` can leave a channel out, and this handler is one.",
    "The line is `self.broadcaster.notify_clients(text, but=self)`.",
)
SOLUTION = """
class Typing(Callbacks):
    def on_message(self, text):
        self.broadcaster.notify_clients(text, but=self)
"""
WRONG = {
    "always the same text": (
        "(text, but=self)",
        '("Ada is typing", but=self)',
        "both others to hear “Grace is typing” once; what came: “Ada is typing”",
    ),
    "an answer to the typist alone": (
        "self.broadcaster.notify_clients(text, but=self)",
        "self.send(text)",
        "the typist to hear nothing; what came: “Ada is typing”",
    ),
    "a print": (
        "self.broadcaster.notify_clients(text, but=self)",
        "print(text)",
        "hear “Ada is typing” once; what came: nothing.*Your code printed: Ada is typing",
    ),
    "the wrong value left out": ("but=self", "but=text", "the typist to hear nothing"),
    "no parameter for the text": ("self, text", "self", "`on_message` is called with more values"),
    "no self": ("(self, text)", "(text)", "`on_message` is called with more values"),
    "a misspelt method": ("on_message", "on_messages", "did you mean `on_message`"),
    "a misspelt attribute": ("broadcaster", "brodcaster", "Did you mean `broadcaster`"),
    "everyone but the first": (
        "self.broadcaster.notify_clients(text, but=self)",
        "others = list(self.broadcaster.channels)[1:]\n"
        "        self.broadcaster.notify(others, text)",
        "Expected",
    ),
    "once only": (
        "self.broadcaster.notify_clients(text, but=self)",
        'if not hasattr(self, "done"):\n'
        "            self.broadcaster.notify_clients(text, but=self)\n        self.done = True",
        "“Ada is still typing” once; what came: nothing",
    ),
    "a loop over the live set": (
        "self.broadcaster.notify_clients(text, but=self)",
        "for channel in self.broadcaster.channels:\n            if channel is not self:\n"
        "                channel.send(text)",
        "although another channel leaves meanwhile; .*RuntimeError .*loop over a copy",
    ),
    "a loop that a dead channel ends": (
        "self.broadcaster.notify_clients(text, but=self)",
        "for channel in tuple(self.broadcaster.channels - {self}):\n            channel.send(text)",
        "although another channel is dead; .*ConnectionError in line 6",
    ),
    "the other parent": (
        "Callbacks",
        "WebSocketHandler",
        r"`class Typing\(Callbacks\):`; what came: a class without the methods of Callbacks",
    ),
}
RIGHT = {
    "the others": ("_clients(text, but=self)", "(self.broadcaster.channels - {self}, text)"),
    "a loop": (
        "self.broadcaster.notify_clients(text, but=self)",
        "for channel in tuple(self.broadcaster.channels - {self}):\n            try:\n"
        "                channel.send(text)\n            except ConnectionError:\n"
        "                self.broadcaster.disconnect(channel)",
    ),
    "out of the set meanwhile": (
        "self.broadcaster.notify_clients(text, but=self)",
        "self.broadcaster.disconnect(self)\n        self.broadcaster.notify_clients(text)\n"
        "        self.broadcaster.connect(self)",
    ),
    "a coroutine": ("def on_message", "async def on_message"),
}


ROUNDS = (
    (0, "Ada is typing", None, ""),
    (2, "Grace is typing", None, ""),
    (0, "Ada is still typing", None, ""),
    (1, "Bob is typing", Leaver, ", although another channel leaves meanwhile"),
    (0, "Ada is typing again", DeadChannel, ", although another channel is dead"),
)


async def check(handler: Any) -> str:
    """Let three clients type, in the end with a channel that leaves and one that is dead."""
    like_callbacks(handler, "Typing")
    broadcaster = Broadcaster()
    async with clients_of(handler, 3, broadcaster=broadcaster) as clients:
        for typist, text, other, although in ROUNDS:
            if other:
                other(broadcaster)
            await clients[typist].say(text)
            if own := await clients[typist].news():
                came = listed(own) + misnamed(handler, ["on_message"])
                raise NotYetError("the typist to hear nothing", came)
            others = [client for client in clients if client is not clients[typist]]
            await all_hear(others, text, f"both others to hear “{text}” once{although}")
    return "all three typed in turn, and each time only the others heard it."
