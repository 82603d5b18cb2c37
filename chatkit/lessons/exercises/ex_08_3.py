"""Exercise 08-3: a visitor who leaves twice."""

from typing import Any

from chatkit.lessons.engine.expect import NotYetError, listed, overrides, plain_def, the_class
from chatkit.lessons.people_lab import Guest
from chatkit.log import MemoryLog

TASK = "Fix `leave`, which may be called twice for the same visitor."
STUB = """
class HastyRoom(Room):
    def leave(self, visitor):
        for group in (*self.audiences.values(), *self.watchers.values()):
            group.disconnect(visitor)
        name = self.members.get(visitor, visitor.entry.name)
        self.members.pop(visitor, None)
        for look in looks(name):
            self.looks.pop(look, None)
        self.announce("left", name)
"""
HINTS = (
    "When Ada comes back while her old connection is still open, that stale connection leaves "
    "twice: at once, and when it is closed at last. Whose name does the second call free?",
    "A visitor who is no longer a member has no name to free, and was announced before: "
    "`if visitor not in self.members: return`.",
)
SOLUTION = """
class HastyRoom(Room):
    def leave(self, visitor):
        for group in (*self.audiences.values(), *self.watchers.values()):
            group.disconnect(visitor)
        if visitor not in self.members:
            return
        name = self.members.pop(visitor)
        for look in looks(name):
            self.looks.pop(look, None)
        self.announce("left", name)
"""
GUARD = "        if visitor not in self.members:\n            return\n"
FREE = "        for look in looks(name):\n            self.looks.pop(look, None)\n"
WRONG = {
    "only the news checked": (
        GUARD
        + "        name = self.members.pop(visitor)\n"
        + FREE
        + '        self.announce("left", name)',
        "        known = visitor in self.members\n"
        "        name = self.members.pop(visitor, visitor.entry.name)\n"
        + FREE
        + '        if known:\n            self.announce("left", name)',
        "the first stranger to be Ada-2, because Ada is here; what came: Ada[.]",
    ),
    "no check": (GUARD, "", "raised KeyError in line 7, `name = self.members.pop"),
    "never freed": (FREE, "", "what came: “Ada joined”, “Ada left”, “Ada-2 joined”"),
    "not announced": (
        '        self.announce("left", name)',
        "",
        "what came: “Ada joined”, “Ada joined”",
    ),
    "a print": (
        "self.announce(",
        "print(",
        "“Ada joined”, “Ada joined”.*Your code printed: left Ada",
    ),
    "one name for all": (
        'self.announce("left", name)',
        'self.announce("left", "Ada")',
        "what came: “Ada-2 joined”, “Ada left”",
    ),
    "the name that was wished for": (
        "self.members.pop(visitor)\n",
        "visitor.entry.name\n        del self.members[visitor]\n",
        "the second stranger to be Ada-2, because Ada is here, .*; what came: Ada[.]",
    ),
    "announced while still a member": (
        "        name = self.members.pop(visitor)\n" + FREE + '        self.announce("left", name)',
        '        name = self.members[visitor]\n        self.announce("left", name)\n'
        + FREE
        + "        del self.members[visitor]",
        "once Ada is no member; what came: Ada is still in the list",
    ),
    "still in the groups": (
        "        for group in (*self.audiences.values(), *self.watchers.values()):\n"
        "            group.disconnect(visitor)\n",
        "",
        "to be in no group; what came: it is still",
    ),
    "a loop over members that changes them": (
        "        name = self.members.pop(visitor)\n",
        "        for one in self.members:\n            if one is visitor:\n"
        "                name = self.members.pop(one)\n",
        "RuntimeError in line 9.*loop over a copy",
    ),
    "a flag on the room": (
        GUARD,
        "        if vars(self).get('stale'):\n            return\n        self.stale = True\n",
        "the second stranger to be Ada-2, .* the first has left; what came: Ada-3",
    ),
    "a flag on the visitor": (
        GUARD
        + "        name = self.members.pop(visitor)\n"
        + FREE
        + '        self.announce("left", name)',
        "        if hasattr(visitor, 'gone'):\n            return\n        visitor.gone = True\n"
        "        known = visitor in self.members\n"
        "        name = self.members.pop(visitor, visitor.entry.name)\n"
        + FREE
        + '        if known:\n            self.announce("left", name)',
        "Ada-2, because the Ada who left was never a member; what came: Ada[.]",
    ),
    "those who left remembered": (
        "class HastyRoom(Room):\n    gone = set()\n\n    def leave(self, visitor):\n"
        "        if visitor not in self.gone:\n            self.gone.add(visitor)\n"
        "            self.members.setdefault(visitor, visitor.entry.name)\n"
        "            super().leave(visitor)",
        "nothing when somebody leaves who was never a member; what came: “Ada left”",
    ),
    "no method": (
        "class HastyRoom(Room):\n    pass",
        "a method `leave` in HastyRoom; what came: none",
    ),
    "a misspelt method": (
        "def leave",
        "def leaves",
        "a method `leave` in HastyRoom; what came: `leaves`",
    ),
    "async": ("def leave", "async def leave", "a plain `def leave`: it is called without await"),
    "no self": ("leave(self, visitor)", "leave(visitor)", "is `self` or another parameter missing"),
}
RIGHT = {
    "an early return": (
        "class HastyRoom(Room):\n    def leave(self, visitor):\n"
        "        if visitor in self.members:\n            super().leave(visitor)",
    ),
    "a walrus": (
        GUARD
        + "        name = self.members.pop(visitor)\n"
        + FREE
        + '        self.announce("left", name)',
        "        if name := self.members.pop(visitor, None):\n"
        "            for look in looks(name):\n                del self.looks[look]\n"
        '            self.announce("left", name)',
    ),
    "an except": (
        GUARD + "        name = self.members.pop(visitor)\n",
        "        try:\n            name = self.members.pop(visitor)\n"
        "        except KeyError:\n            return\n",
    ),
    "looks found by their owner": (
        FREE,
        "        self.looks = {look: of for look, of in self.looks.items() if of is not visitor}\n",
    ),
}


async def check(kind: Any) -> str:
    """Let Ada come back while her stale connection still stands, and then Zoë in another room."""
    the_class(kind, "HastyRoom", object)
    overrides(kind, "Room", "leave")
    plain_def(kind, "leave")
    for name in ("Ada", "Zoë"):
        await come_and_go(kind("lobby", MemoryLog()), name)
    return "the stale connection left once; a stranger was Ada-2 until Ada herself had left."


async def come_and_go(room: Any, name: str) -> None:
    """Let one person come back, strangers want the same name, and all but the last leave."""
    bob, stale, back = Guest("Bob"), Guest(name, mark="secret"), Guest(name, mark="secret")
    for guest in (bob, stale, back):
        await room.join(guest)
    room.leave(stale)
    when = f"when {name} comes back, and her stale connection is closed"
    heard(bob, when, f"{name} joined", f"{name} left", f"{name} joined")
    if any(stale in g.channels for g in (*room.audiences.values(), *room.watchers.values())):
        raise NotYetError("a visitor who has left to be in no group", "it is still connected")
    await called(room, first := Guest(name), "the first stranger", f"{name}-2", f"{name} is here")
    room.leave(first)
    why = f"{name} is here, and the first has left"
    await called(room, second := Guest(name), "the second stranger", f"{name}-2", why)
    room.leave(second)
    heard(bob, "when two strangers come and go", *[f"{name}-2 joined", f"{name}-2 left"] * 2)
    room.leave(Guest(name))
    heard(bob, "when somebody leaves who was never a member")
    why = f"the {name} who left was never a member"
    await called(room, third := Guest(name), "a stranger", f"{name}-2", why)
    room.leave(third)
    room.leave(back)
    await called(room, Guest(name), "a stranger", name, f"{name} has left")
    news = f"{name}-2 joined", f"{name}-2 left", f"{name} left", f"{name} joined"
    heard(bob, f"when {name} leaves, and a stranger gets her name", *news)


async def called(room: Any, guest: Guest, who: str, name: str, why: str) -> None:
    """Let a guest in; NotYetError unless the room gives it this name."""
    await room.join(guest)
    if room.members[guest] != name:
        raise NotYetError(f"{who} to be {name}, because {why}", room.members[guest])


def heard(guest: Guest, when: str, *wanted: str) -> None:
    """Raise NotYetError unless a guest received these events since the last call."""
    news = [frame for frame in guest.frames if frame["event"] in ("joined", "left")]
    guest.heard.clear()
    came = [f"{frame['name']} {frame['event']}" for frame in news]
    if came != [*wanted]:
        raise NotYetError(f"Bob, who stays, to receive {listed(wanted)} {when}", listed(came))
    for frame in news:
        if frame["event"] == "left" and frame["name"] in frame["members"]:
            words = f"“{frame['name']} left” to be announced once {frame['name']} is no member"
            raise NotYetError(words, f"{frame['name']} is still in the list that comes with it")
