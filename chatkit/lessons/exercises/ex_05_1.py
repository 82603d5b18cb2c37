"""Exercise 05-1: a list that shows the last three messages."""

from typing import Any

from traitlets import TraitType

from chatkit.lessons.engine.expect import NotYetError, expect, listed, returned
from chatkit.messages import Message

TASK = "Make `small` show the last three messages; every other MessageList stays as it is."
STUB = """
small = MessageList()
small
"""
GIVEN = "small"
HINTS = (
    "MessageList has a trait that says how many messages it shows: look at its class.",
    "A trait can be given when the list is made: small = MessageList(limit=3).",
)
SOLUTION = """
small = MessageList(limit=3)
small
"""
WRONG = {
    "two": (
        "limit=3",
        "limit=2",
        "“one”, “two”, “three” after message 3; what came: “two”, “three”",
    ),
    "from the start": ("limit=3", "limit=-3", "after message 1; what came: nothing"),
    "SHOWN": (
        "(limit=3)",
        "()\nSHOWN = 3",
        "“two”, “three”, “four” after.*came: “one”, “two”, “three”",
    ),
    "for everyone": (
        "MessageList(limit=3)",
        "MessageList()\nMessageList.limit = 3",
        "another MessageList to show all six.*came: “four”, “five”, “six”.*belongs to the class",
    ),
    "another trait": ("limit=3", "count=3", "came: “one”, “two”, “three”, “four”"),
    "another name": (
        "(limit=3)",
        "()\nsmall.limits = 3",
        "came: “one”, “two”, “three”, “four”. MessageList has no trait `limits`",
    ),
    "the class itself": (
        "MessageList(limit=3)",
        "MessageList\nsmall.limit = 3",
        "the class MessageList: are `\\(\\)` missing",
    ),
    "the first three": (
        """
class First(MessageList):
    def add(self, message):
        super().add(message)
        self.messages = self.messages[:3]


small = First()
""",
        "“two”, “three”, “four” after message 4; what came: “one”, “two”, “three”",
    ),
    "a list": (
        "MessageList(limit=3)",
        "[][-3:]",
        "a MessageList in `small`; what came: a list, \\[\\]",
    ),
    "the number": (
        "MessageList(limit=3)",
        "MessageList().limit = 3",
        "`small`; what came: an int, 3",
    ),
}
RIGHT = {
    "set afterwards": ("(limit=3)", "()\nsmall.limit = 3"),
    "a subclass": (
        """
class Small(MessageList):
    limit = traitlets.Int(3).tag(sync=True)


small = Small()
""",
    ),
    "the class with another default": (
        """
class Small(MessageList):
    limit = 3


small = Small()
""",
    ),
    "a subclass that cuts": (
        """
class Small(MessageList):
    def add(self, message):
        super().add(message)
        self.messages = self.messages[-3:]


small = Small(name="Ada")
""",
    ),
}


TEXTS = ("one", "two", "three", "four", "five", "six")


async def check(small: Any) -> str:
    """Add six messages to the list, and to another one."""
    kind = small if isinstance(small, type) else type(small)
    # An anywidget's class is made from its own one, and has the same name.
    kinds: list[Any] = [one for one in kind.__mro__ if one.__name__ == "MessageList"]
    changed = bool(kinds) and not isinstance(kinds[-1].limit, TraitType)
    try:
        if kind is small or not kinds:
            raise NotYetError("a MessageList in `small`", returned(small, "None"))
        small.messages = []
        for number in range(1, len(TEXTS) + 1):
            wanted = TEXTS[max(number - 3, 0) : number]
            came = add(small, number)
            words = f"{listed(wanted)} after message {number}"
            expect(came, wanted, words, listed(came) + no_trait(small, kinds[0]))
        another = kinds[0]()
        for number in range(1, len(TEXTS) + 1):
            came = add(another, number)
        another.close()
        remark = ". MessageList itself was changed: run the cell that defines it again"
        if changed:
            remark = ". MessageList.limit belongs to the class, so to all lists (it has been reset)"
        expect(came, TEXTS, "another MessageList to show all six", listed(came) + remark)
    finally:
        if changed:
            kinds[-1].limit = kinds[-1].class_traits()["limit"]
    return "six messages came, and it shows four, five and six; another list shows all six."


def add(messages: Any, number: int) -> tuple[str, ...]:
    """Add a message to a list; return the texts that the list then shows."""
    messages.add(Message(TEXTS[number - 1], id=number, name="Grace"))
    return tuple(message["message"] for message in messages.messages)


def no_trait(small: Any, kind: type) -> str:
    """Return a remark if `small` was given an attribute that a MessageList does not use."""
    for name in vars(small):
        if type(small) is kind and name[0] != "_" and not hasattr(kind, name):
            return f". MessageList has no trait `{name}`"
    return ""
