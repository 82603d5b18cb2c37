"""Exercise 02-2: tell the others who comes and goes."""

from typing import Any

from tornado.web import Application
from tornado.websocket import WebSocketClosedError

from chatkit.lessons.engine.channels import Broadcaster, DeadChannel, Leaver
from chatkit.lessons.engine.expect import NotYetError, has_raised, listed, misnamed, plain_def
from chatkit.lessons.engine.handlers import all_hear, like_callbacks, only_sending
from chatkit.lessons.engine.serving import Peer, peers_of

TASK = (
    "Let everyone else hear `somebody came` when a client connects, and `somebody left` when one "
    "leaves."
)
STUB = """
class Doorbell(Callbacks):
    def open(self):
        self.broadcaster.connect(self)

    def on_close(self):
        self.broadcaster.disconnect(self)
"""
HINTS = (
    "Both are broadcasts. In the first, `but` leaves out the newcomer.",
    'In `open`, add `self.broadcaster.notify_clients("somebody came", but=self)`. '
    'In `on_close`, below the line there, add `self.broadcaster.notify_clients("somebody left")`.',
)
SOLUTION = """
class Doorbell(Callbacks):
    def open(self):
        self.broadcaster.connect(self)
        self.broadcaster.notify_clients("somebody came", but=self)

    def on_close(self):
        self.broadcaster.disconnect(self)
        self.broadcaster.notify_clients("somebody left")
"""
CAME = 'self.broadcaster.notify_clients("somebody came", but=self)'
LEFT = 'self.broadcaster.notify_clients("somebody left")'
WRONG = {
    "the newcomer, too": (", but=self", "", "newcomer to hear nothing; what came: “somebody came”"),
    "to the newcomer alone": (
        CAME,
        'self.send("somebody came")',
        "came: nothing, but the newcomer heard it: a handler's `send` reaches only its own client",
    ),
    "to the one who left": (
        LEFT,
        'self.send("somebody left")',
        "came: nothing, but it was sent to the one who left: .* reaches only its own client",
    ),
    "always the same text": (
        "somebody left",
        "somebody came",
        "others to hear “somebody left” once; what came: “somebody came”",
    ),
    "no text when somebody leaves": (LEFT, "", "“somebody left” once; what came: nothing"),
    "a print": (LEFT, 'print("somebody left")', "came: nothing.*code printed: somebody left"),
    "a returned text": (CAME, 'return "somebody came"', "`open` to return nothing, because"),
    "a misspelt method": ("on_close", "on_closed", "did you mean `on_close`"),
    "the newcomer not in the set": (
        "self.broadcaster.connect(self)",
        "",
        "be in broadcaster.channels; .* is `self.broadcaster.connect.self.` missing in `open`",
    ),
    "the one who left still in the set": (
        f"self.broadcaster.disconnect(self)\n        {LEFT}",
        LEFT.replace(")", ", but=self)"),
        "who left .*; what came: it is still there: is `self.broadcaster.disconnect.self.` missing",
    ),
    "a loop over the live set": (
        LEFT,
        'for channel in self.broadcaster.channels:\n            channel.send("somebody left")',
        "although another channel leaves meanwhile; .*RuntimeError in line 11,.*loop over a copy",
    ),
    "a loop that a dead channel ends": (
        CAME,
        "for channel in tuple(self.broadcaster.channels - {self}):\n"
        '            channel.send("somebody came")',
        "although another channel is dead; .*ConnectionError in line 8",
    ),
    "for three people only": (
        CAME,
        f"if len(self.broadcaster.channels) < 4:\n            {CAME}",
        "others to hear “somebody came” once; what came: nothing",
    ),
    "what they say gets lost": (
        LEFT,
        f"{LEFT}\n\n    def on_message(self, text):\n        pass",
        "everyone to hear “anybody there.” once, .*; what came: nothing",
    ),
    "the other parent": ("Callbacks", "WebSocketHandler", "without the methods of Callbacks"),
    "no quotes": ('"somebody came"', "somebody_came", "NameError in line 7.*it needs quotes"),
    "a coroutine": ("def on_close", "async def on_close", "a plain `def on_close`: it is called"),
    "two arguments": (CAME, 'self.send("somebody", "came")', r"TypeError[^?]* were given\.$"),
    "no self": ("def open(self)", "def open()", "`open` is called with more values"),
}
RIGHT = {
    "before connecting and before disconnecting": (
        "class Doorbell(Callbacks):\n    def open(self):\n"
        '        self.broadcaster.notify_clients("somebody came")\n'
        "        self.broadcaster.connect(self)\n\n    def on_close(self):\n"
        '        self.broadcaster.notify_clients("somebody left")\n'
        "        self.broadcaster.disconnect(self)",
    ),
    "a method and super": (
        "class Doorbell(Callbacks):\n    def open(self):\n        super().open()\n"
        '        self.ring("came")\n\n    def on_close(self):\n'
        '        super().on_close()\n        self.ring("left")\n\n    def ring(self, what):\n'
        "        others = self.broadcaster.channels - {self}\n"
        '        self.broadcaster.notify(others, f"somebody {what}")',
    ),
    "a coroutine": ("def open", "async def open"),
}
CALLBACKS = ("open", "on_message", "on_close")
OWN = "a handler's `send` reaches only its own client"
COMERS = (
    *[(None, "")] * 5,
    (Leaver, ", although another channel leaves meanwhile"),
    (DeadChannel, ", although another channel is dead"),
)
LEAVERS = ((1, *COMERS[0]), (0, *COMERS[0]), (2, *COMERS[-2]), (0, *COMERS[-1]))


async def check(handler: Any) -> str:
    """Let seven clients come, one speak, and four leave."""
    like_callbacks(handler, "Doorbell")
    plain_def(handler, "on_close")
    room, here = Broadcaster(), dict[Peer, Any]()
    with only_sending(handler) as sender:
        async with peers_of(Application([("/ws", sender, {"broadcaster": room})])) as join:
            for other, although in COMERS:
                if other:
                    other(room)
                known = set(room.channels)
                newcomer = await join()
                own = await newcomer.news()
                remark = f", but the newcomer heard it: {OWN}" if own else ""
                remark = remark or misnamed(handler, CALLBACKS)
                expected = f"the others to hear “somebody came” once{although}"
                await all_hear(here, "somebody came", expected, remark)
                if here and own:
                    raise NotYetError("the newcomer to hear nothing", listed(own))
                if len(new := set(room.channels) - known) != 1:
                    why = ": is `self.broadcaster.connect(self)` missing in `open`?"
                    came = "it is not" + why * (not has_raised())
                    raise NotYetError("the newcomer to be in broadcaster.channels", came)
                here[newcomer] = new.pop()
            await newcomer.say("anybody there?")
            expected = "everyone to hear “anybody there?” once, as with Callbacks"
            await all_hear(here, "anybody there?", expected)
            for place, other, although in LEAVERS:
                if other:
                    other(room)
                channel = here.pop(leaver := list(here)[place])
                missed = note_missed(channel)
                leaver.connection.close()
                await leaver.closed.wait()
                remark = f", but it was sent to the one who left: {OWN}" if missed else ""
                remark = remark or misnamed(handler, CALLBACKS)
                expected = f"the others to hear “somebody left” once{although}"
                await all_hear(here, "somebody left", expected, remark)
                if channel in room.channels:
                    expected = "the one who left not to be in broadcaster.channels"
                    came = "is `self.broadcaster.disconnect(self)` missing in `on_close`?"
                    raise NotYetError(expected, f"it is still there: {came}")
    return "seven came and four left, and each time only the others heard it."


def note_missed(channel: Any) -> list[str]:
    """Return a list that gets what is sent to a channel from now on, although it is closed."""
    missed: list[str] = []

    def write_message(text: str, binary: bool = False) -> None:
        missed.append(text)
        raise WebSocketClosedError

    channel.write_message = write_message
    return missed
