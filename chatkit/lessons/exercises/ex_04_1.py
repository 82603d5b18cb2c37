"""Exercise 04-1: a bot that repeats questions, and never answers itself."""

import asyncio
from typing import Any

from chatkit.guide.client import Client
from chatkit.guide.server import Server
from chatkit.lessons.engine.expect import NotYetError, an, awaited, shown, the_function
from chatkit.lessons.engine.serving import soon

TASK = "To every text that ends in `?`, such as `Who?`, say `You ask: Who?` and nothing else."
STUB = """
async def bot(client):
    async for frame in client:
        print(frame["message"])  # your code here
"""
HINTS = (
    'The text is `frame["message"]`; `text.endswith("?")` tells a question. The bot\'s own '
    "messages come back to it, and they end with a question mark too. How do they begin?",
    'Write `text = frame["message"]`. Below it comes one `if` with two conditions: the text is a '
    "question, and it does not start as the bot's own messages do. Then `await client.send(…)`.",
)
SOLUTION = """
async def bot(client):
    async for frame in client:
        text = frame["message"]
        if text.endswith("?") and not text.startswith("You ask: "):
            await client.send(f"You ask: {text}")
"""
CONDITION = 'text.endswith("?") and not text.startswith("You ask: ")'
SEND = 'await client.send(f"You ask: {text}")'
WRONG = {
    "it answers itself": (
        ' and not text.startswith("You ask: ")',
        "",
        "the bot not to answer itself; what came: “You ask: You ask: Who is here",
    ),
    "every message": (
        'text.endswith("?") and ',
        "",
        "no answer to “good morning”; what came: “You ask: good morning”",
    ),
    "it drops what comes after its answer": (
        f"{CONDITION}:\n            {SEND}",
        f'text.endswith("?"):\n            {SEND}\n            await anext(client)',
        "the bot not to answer itself; what came: “You ask: You ask: ",
    ),
    "every other question": (
        """
async def bot(client):
    own = False
    async for frame in client:
        text = frame["message"]
        if text.endswith("?"):
            own = not own
            if own:
                await client.send(f"You ask: {text}")
""",
        "the bot not to answer itself; what came: “You ask: You ask: ",
    ),
    "it remembers only its last answer": (
        """
async def bot(client):
    last = None
    async for frame in client:
        text = frame["message"]
        if text.endswith("?") and text != last:
            last = f"You ask: {text}"
            await client.send(last)
""",
        "the bot not to answer itself; what came: “You ask: You ask: ",
    ),
    "all that starts with You": (
        'startswith("You ask: ")',
        'startswith("You")',
        "“You ask: You there\\?” as the answer to “You there\\?”; what came: nothing",
    ),
    "in small letters": (
        'frame["message"]',
        'frame["message"].lower()',
        "as the answer to “Who is here\\?”; what came: “You ask: who is here\\?”",
    ),
    "a frame in place of a text": (
        SEND,
        'await client.send({"message": f"You ask: {text}"})',
        "`client.send` to be given a text; what came: a dict, {'message': 'You ask: W",
    ),
    "a question mark anywhere": (
        'text.endswith("?")',
        '"?" in text',
        "no answer to “What\\? I see.”; what came: “You ask: What\\? I see.”",
    ),
    "hard-coded": (
        f"{CONDITION}:\n            {SEND}",
        'text == "Who is here?":\n            await client.send("You ask: Who is here?")',
        "“You ask: Is it raining\\?” as the answer to “Is it raining\\?”; what came: nothing",
    ),
    "one answer": (
        SEND,
        f"{SEND}\n            return",
        "“You ask: Is it raining\\?” as the answer.*came: nothing: `bot` has returned",
    ),
    "twice": (
        SEND,
        f"{SEND}\n            {SEND}",
        "“You ask: Who is here\\?” once; what came: “You ask: Who is here\\?” again",
    ),
    "another text": ("You ask", "You say", "came: “You say: Who is here\\?”"),
    "the frame": ("{text}", "{frame}", "came: “You ask: {'message'"),
    "no await": (
        SEND,
        SEND.removeprefix("await "),
        "came: nothing.*coroutine, `BotClient.send`, and nobody awaited it",
    ),
    "a print": (SEND, 'print(f"You ask: {text}")', "came: nothing.*printed: You ask: Who is here"),
    "an attribute": ('frame["message"]', "frame.message", "raised AttributeError in line"),
    "a misspelt key": ('frame["message"]', 'frame["text"]', "raised KeyError in line"),
    "a plain for": ("async for", "for", "'BotClient' object is not iterable. Use `async for`.$"),
    "no client": ("bot(client)", "bot()", "`bot` is called with more values than its `def`"),
}
RIGHT = {
    "it remembers what it has said": (
        """
async def bot(client):
    said = set()
    async for frame in client:
        text = frame["message"]
        if text.endswith("?") and text not in said:
            said.add(f"You ask: {text}")
            await client.send(f"You ask: {text}")
""",
    ),
    "anext": (
        """
async def bot(client):
    while True:
        match await anext(client):
            case {"message": text} if text[-1:] == "?" and text[:9] != "You ask: ":
                await client.send("You ask: " + text)
""",
    ),
    "receive": (
        """
async def bot(client):
    while True:
        text = (await client.receive())["message"]
        if text.endswith("?") and not text.startswith("You ask: "):
            await client.send(f"You ask: {text}")
""",
    ),
    "async with": (
        """
async def bot(client):
    async with client:
        async for frame in client:
            text = frame["message"]
            if text.endswith("?") and not text.startswith("You ask: "):
                await client.send(f"You ask: {text}")
""",
    ),
    "a task for each answer": (SEND, f"asyncio.create_task({SEND.removeprefix('await ')})"),
    "a plain def that returns a coroutine": (
        """
def bot(client):
    async def run():
        async for frame in client:
            text = frame["message"]
            if not text.startswith("You ask: ") and text.endswith("?"):
                await client.send(f"You ask: {text}")

    return run()
""",
    ),
}
# What somebody says: the texts of one line at once, the next line when all answers are there.
TALK = (
    ("good morning",),
    ("Who is here?",),
    ("What? I see.",),
    ("You there?", "Is it raining?"),
    ("",),
    ("Why?",),
)
STATEMENTS = [text for texts in TALK for text in texts if not text.endswith("?")]


class BotClient(Client):
    """The bot's client. After the check's end it sends nothing, and raises no error."""

    async def connect(self) -> None:
        """Connect, unless it is connected: an answer may begin with `async with client`."""
        if not self.socket:
            await super().connect()

    async def send(self, text: str) -> None:
        """Send a text; NotYetError if it is something else."""
        if not isinstance(text, str):
            came = f"{an(type(text).__name__)}, {shown(text)}"
            raise NotYetError("`client.send` to be given a text", came)
        if not self.closed:
            await super().send(text)


async def check(bot: Any) -> str:
    """Let somebody talk with the bot, and see what it says to each message."""
    bot, server = the_function(bot, "bot"), Server()
    server.start()
    try:
        async with Client(server.url) as ada, BotClient(server.url) as robot:
            running = asyncio.ensure_future(awaited(bot(robot), "bot"))
            try:
                await talk(ada, running)
            finally:
                running.cancel()
    finally:
        await server.stop()
    return "it was asked four questions, and repeated each of them once. It said nothing else."


async def talk(ada: Client, bot: asyncio.Future[Any]) -> None:
    """Say each text of TALK; NotYetError unless the questions are answered, and nothing else."""
    answers: list[str] = []  # to all questions so far
    for texts in TALK:
        due = dict.fromkeys(texts, "nothing more from the bot")  # they come back to their sender
        for text in texts:
            await ada.send(text)
            if text.endswith("?"):
                answers.append(answer := f"You ask: {text}")
                due[answer] = f"“{answer}” as the answer to “{text}”"
        while due:
            *_, expected = due.values()
            came = await hear(ada, bot, expected)
            if came not in due:
                raise unexpected(came, expected, answers)
            del due[came]


async def hear(ada: Client, bot: asyncio.Future[Any], expected: str) -> str:
    """Return the text of the next message; NotYetError if none comes."""
    try:
        frame = await soon(anext(ada))
    except TimeoutError:
        if bot.done():
            bot.result()  # raises what the bot has raised
        raise NotYetError(expected, "nothing" + ": `bot` has returned" * bot.done()) from None
    return str(frame["message"])


def unexpected(came: str, expected: str, answers: list[str]) -> NotYetError:
    """Return what is wrong with a message that the bot should not have sent."""
    for statement in STATEMENTS:
        if came == f"You ask: {statement}":
            return NotYetError(f"no answer to “{statement}”", f"“{came}”")
    if came in answers:
        return NotYetError(f"“{came}” once", f"“{came}” again")
    if any(answer in came for answer in answers):
        expected = "the bot not to answer itself"
    return NotYetError(expected, f"“{came}”")
