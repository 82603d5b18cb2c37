"""Exercise 09-1: how long a log has to be."""

from typing import Any

from chatkit.lessons.engine.expect import NotYetError, listed, returned, the_function
from chatkit.lessons.engine.serving import chat_clients, soon
from chatkit.lessons.failure_lab import LabServer, until

AWAY = 25  # messages that are said while Grace is away

TASK = f"Keep as few messages as possible, but let Grace miss none of the {AWAY}."
STUB = """
def a_small_log():
    return MemoryLog(kept=10)
"""
HINTS = (
    "Grace has seen message 1, and 2 to 26 are said while she is away: how many are those?",
    "The log needs a place for each of the 25 messages that she has not seen: MemoryLog(kept=25).",
)
SOLUTION = """
def a_small_log():
    return MemoryLog(kept=25)
"""
WRONG = {
    "one too few": ("25", "24", "what came: 1 of 25 missed, and her client says “Some messages"),
    "the message that she has seen counted": (
        "25",
        "26",
        "came: 26 places are enough, but fewer would do, too",
    ),
    "as many as by default": (
        "kept=25",
        "",
        "as few messages as will do; what came: 1000 places are enough",
    ),
    "none": ("25", "0", "what came: 25 of 25 missed"),
    "no return": ("return ", "", "nothing. Is a `return` missing"),
    "a print": (
        "return MemoryLog(kept=25)",
        "print(MemoryLog(kept=25))",
        "came: nothing.*Your code printed: <",
    ),
    "the class": ("MemoryLog(kept=25)", "MemoryLog", "the class MemoryLog: are `..` missing"),
    "a number": ("MemoryLog(kept=25)", "25", "a MemoryLog; what came: an int, 25"),
    "async": ("def a_small", "async def a_small", "a coroutine: it is an `async def`"),
    "a parameter": (
        "a_small_log()",
        "a_small_log(kept)",
        "called with fewer values than its `def` asks for",
    ),
    "a log, not a function": (
        "a_small_log = MemoryLog(kept=25)",
        "the function a_small_log; what came: a MemoryLog",
    ),
    "a misspelt name": ("kept", "keep", "unexpected keyword argument 'keep'"),
}
RIGHT = {
    "a lambda": ("a_small_log = lambda: MemoryLog(25)",),
    "a partial": ("a_small_log = partial(MemoryLog, kept=25)",),
    "a subclass": (
        "class SmallLog(MemoryLog):\n    def __init__(self):\n        super().__init__(25)\n\n\n"
        "def a_small_log():\n    return SmallLog()",
    ),
    "set afterwards": (
        "    return MemoryLog(kept=25)",
        "    log = MemoryLog()\n    log.kept = 25\n    return log",
    ),
}


async def check(a_small_log: Any) -> str:
    """Say 25 messages in a real chat while Grace is away, and see what she misses."""
    log: Any = the_function(a_small_log, "a_small_log")()
    if isinstance(log, type) or not (hasattr(log, "kept") and hasattr(log, "append")):
        raise NotYetError("a MemoryLog", returned(log))
    if not isinstance(log.kept, int):
        raise NotYetError("a whole number of messages in `kept`", returned(log.kept, "None"))
    heard: list[str] = []
    complaints: list[str] = []
    async with (
        LabServer(log) as server,
        chat_clients(server.url, "Ada", "Grace") as (ada, grace),
    ):
        grace.on_message(lambda message: heard.append(message.message))
        grace.on_error(lambda sentence: complaints.append(sentence.rstrip(".")))
        await ada.send("before")
        await soon(until(lambda: heard))
        await grace.close()
        newest = (grace.seen or 0) + AWAY
        for number in range(AWAY):
            await ada.send(f"message {number}")
        await ada.confirmed()
        await grace.connect()
        await soon(until(lambda: grace.seen == newest))
    if missed := AWAY + 1 - len(heard):
        came = f"{missed} of {AWAY} missed, and her client says {listed(complaints)}"
        raise NotYetError("Grace to miss no message", came)
    if log.kept > AWAY:
        raise NotYetError(
            "as few messages as will do", f"{log.kept} places are enough, but fewer would do, too"
        )
    return f"{log.kept} places, and Grace had all {AWAY} messages when she was back."
