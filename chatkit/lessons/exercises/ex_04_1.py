"""Exercise 04-1: a bot that repeats questions, and never answers itself."""

import asyncio
from collections.abc import Callable, Sequence
from inspect import isawaitable
from typing import Any

from chatkit.client import ChatClient
from chatkit.lessons.engine.expect import NotYetError, has_raised, only_functions, the_function
from chatkit.lessons.engine.serving import chat_clients, chat_server, soon
from chatkit.messages import Message

TASK = (
    "Let the bot answer each message that ends with a question mark: to Ada's `who is here?` it "
    "says `Ada asks: who is here?`, and nothing to its own messages."
)
STUB = '''
def make_bot(client):
    async def answer(message):
        """Your code here."""

    client.on_message(answer)
'''
HINTS = (
    "Look at message.message and message.name, and send with `await client.send(…)`. The bot hears "
    "its own messages, too: client.name is its name.",
    'Write `if message.message.endswith("?") and message.name != client.name:` and below it '
    '`await client.send(f"{message.name} asks: {message.message}")`.',
)
SOLUTION = """
def make_bot(client):
    async def answer(message):
        if message.message.endswith("?") and message.name != client.name:
            await client.send(f"{message.name} asks: {message.message}")

    client.on_message(answer)
"""
SEND = 'await client.send(f"{message.name} asks: {message.message}")'
CONDITION = 'message.message.endswith("?") and message.name != client.name'
WRONG = {
    "hard-coded": (
        f"{CONDITION}:\n            {SEND}",
        'message.message == "who is here?":\n'
        '            await client.send("Ada asks: who is here?")',
        "“Grace asks: is it raining\\?” as the answer.*came: nothing",
    ),
    "a name hard-coded": ("{message.name} asks", "Ada asks", "“Grace asks: is it.*came: “Ada asks"),
    "the bot's name hard-coded": (
        "client.name",
        '"bot"',
        "own message.*came: “Marvin asks: Ada asks",
    ),
    "a name that a verdict shows": ("client.name", '"Marvin"', "own message “Linus asks: why\\?”"),
    "names that verdicts show": (
        "message.name != client.name",
        'message.name in ("Ada", "Grace")',
        "Expected “Linus asks: why\\?” as the answer to “why\\?”; what came: nothing",
    ),
    "answers told by their words": (
        "message.name != client.name",
        '" asks: " not in message.message',
        "“Linus asks: Linus asks: why\\?” as the answer.*came: nothing",
    ),
    "each question once": (
        """
def make_bot(client):
    asked = set()

    async def answer(message):
        question = (message.name, message.message)
        if message.message[-1] == "?" and message.name != client.name and question not in asked:
            asked.add(question)
            await client.send(f"{message.name} asks: {message.message}")

    client.on_message(answer)
""",
        "the answer to “why\\?”, which was asked again; what came: nothing",
    ),
    "more than that": (
        'f"{message.name}',
        'f"Well: {message.name}',
        "“Ada asks: who is here\\?” as the answer.*came: “Well: Ada asks: who is here\\?”",
    ),
    "a question mark more": (
        "{message.message}",
        "{message.message}?",
        "“Ada asks: who is here\\?” as the answer.*came: “Ada asks: who is here\\?\\?”",
    ),
    "it thinks for long": (
        SEND,
        f"await asyncio.sleep(1.5)\n            {SEND}",
        "came: nothing within a second",
    ),
    "it answers itself": (
        " and message.name != client.name",
        "",
        "the bot not to answer its own message “Ada asks: who is here\\?”; what came: “Marvin asks",
    ),
    "every message": (
        'message.message.endswith("?") and ',
        "",
        "no answer to “good morning”; what",
    ),
    "a question mark anywhere": (
        'message.message.endswith("?")',
        '"?" in message.message',
        "no answer to “What\\? I see.”; what came: “Grace asks: What\\?",
    ),
    "no await": (
        "await client",
        "client",
        "came: nothing.*coroutine, `ChatClient.send`, and nobody",
    ),
    "a print": (
        SEND,
        SEND.replace("await client.send", "print"),
        "nothing.*printed: Ada asks: who",
    ),
    "a return": (SEND, SEND.replace("await client.send", "return "), "nobody sends that"),
    "twice": (
        SEND,
        f"{SEND}\n            {SEND}",
        "“Ada asks: who is here\\?” once; what came: “Ada asks: who is here\\?” again",
    ),
    "not registered": (
        "    client.on_message(answer)",
        "    return answer",
        "came: nothing, and client.on_message was given nothing to call",
    ),
    "called too early": (
        "(answer)",
        "(answer(None))",
        "to be given a function; what came: what a call of it returned",
    ),
    "no message": (
        "answer(message)",
        "answer()",
        "`answer` is called with more values than its `def`",
    ),
    "a dictionary": (
        "message.message.endswith",
        'message["message"].endswith',
        "text is message.mess",
    ),
    "misspelt": ("client.on_message(", "client.on_messages(", "Did you mean `on_message`"),
    "time.sleep": (
        SEND,
        f"__import__('time').sleep(0.5)\n            {SEND}",
        "Your code held up everything else while it slept",
    ),
    "asyncio.run": (
        SEND,
        SEND.replace("await client.send", "asyncio.run(client.send") + ")",
        "use `await`",
    ),
}
RIGHT = {
    "a loop": (
        """
async def make_bot(client):
    async for message in client:
        if message.message[-1] == "?" and message.name != client.name:
            await client.send(message.name + " asks: " + message.message)
""",
    ),
    "a task": (
        """
def make_bot(client):
    async def listen():
        async for message in client:
            match message:
                case Message(message=text, name=name) if text.endswith("?") and name != client.name:
                    await client.send(f"{name} asks: {text}")

    return asyncio.create_task(listen())
""",
    ),
    "a lambda": (
        """
def make_bot(client):
    client.on_message(
        lambda said: client.send(f"{said.name} asks: {said.message}")
        if said.name != client.name and said.message.endswith("?")
        else None
    )
""",
    ),
    "anext": (
        """
async def make_bot(client):
    while message := await anext(client):
        if message.message.endswith("?") and message.name != client.name:
            await client.send(f"{message.name} asks: {message.message}")
""",
    ),
    "it thinks for a moment": (SEND, f"await asyncio.sleep(0.1)\n            {SEND}"),
}
TALKS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "Marvin",
        (
            ("Ada", "good morning"),
            ("Ada", "who is here?"),
            ("Grace", "What? I see."),
            ("Ada", "Thank you."),
            ("Grace", "is it raining?"),
            ("Ada", "It is."),
        ),
    ),
    (
        "Robbie",
        (
            ("Linus", "why?"),
            ("Linus", "Linus asks: why?"),  # what the bot has just said
            ("Linus", "why?"),
            ("Linus", "Oh."),
        ),
    ),
)


async def check(make_bot: Any) -> str:
    """Let people talk with one bot, and a person with another bot."""
    make_bot = the_function(make_bot, "make_bot")
    for bot, said in TALKS:
        await talk(make_bot, bot, said)
    return "in two chats, two bots repeated each question of three people, and nothing else."


async def talk(make_bot: Any, name: str, said: Sequence[tuple[str, str]]) -> None:
    """Let people talk, and see what a bot of this name says to each of their messages."""
    names = dict.fromkeys(person for person, _ in said)
    async with chat_server() as server, chat_clients(server.url, *names) as clients:
        people = {client.name: client for client in clients}
        bot = await ChatClient(server.url, name).connect()  # left open: the answer may read on
        made = make_bot(bot)
        if isawaitable(made):  # such as a loop over the messages
            asyncio.ensure_future(made).add_done_callback(raise_error)
        only_functions(bot)
        chat = Chat(clients[0], bot)
        for person, text in said:
            await people[person].send(text)
            await chat.hear(person, text)
            if text.endswith("?"):
                await chat.hear(name, f"{person} asks: {text}")


class Chat:
    """What somebody hears in a chat with a bot."""

    def __init__(self, listener: ChatClient, bot: ChatClient) -> None:
        self.listener, self.bot = listener, bot
        self.people: list[str] = []  # what they have said
        self.answers: list[str] = []  # what the bot has said
        self.unsent = ""  # a text that a callback returned
        bot.message_callbacks[:] = [self.noting(each) for each in bot.message_callbacks]

    def noting(self, callback: Callable[[Message], Any]) -> Callable[[Message], Any]:
        """Return a callback that also notes a text which the given one returns."""

        async def call(message: Message) -> None:
            result = callback(message)
            if isawaitable(result):
                result = await result
            if " asks" in str(result):
                self.unsent = str(result)

        return call

    async def hear(self, name: str, text: str) -> None:
        """Wait for the next message; NotYetError unless it is the one that `name` has to say."""
        said = self.answers if name == self.bot.name else self.people
        expected = "nothing more from the bot"
        if said is self.answers:
            again = ", which was asked again" if text in said else ""
            expected = f"“{text}” as the answer to “{self.people[-1]}”{again}"
        try:
            message = await soon(anext(self.listener))
        except TimeoutError:
            raise NotYetError(expected, self.silence()) from None
        if (message.name, message.message) != (name, text):
            expected = self.instead_of(message.message) or expected
            raise NotYetError(expected, f"“{message.message}”" + " again" * ("once" in expected))
        said.append(text)

    def silence(self) -> str:
        """Return in words that the bot said nothing, and why if that can be seen."""
        if self.unsent:
            return f"nothing: your function returned “{self.unsent}”, and nobody sends that"
        if not (self.bot.message_callbacks or self.bot.reading):
            return "nothing, and client.on_message was given nothing to call"
        return "nothing" if has_raised() else "nothing within a second"

    def instead_of(self, came: str) -> str:
        """Return what the bot should have done when it said `came`, if that is not an answer."""
        for answer in self.answers:
            if came == answer:
                return f"“{answer}” once"
            own = answer in came and answer not in self.people
            if own or came == f"{self.bot.name} asks: {answer}":
                return f"the bot not to answer its own message “{answer}”"
        for text in self.people:
            if text in came and not text.endswith("?"):
                return f"no answer to “{text}”"
        return ""


def raise_error(task: asyncio.Future[Any]) -> None:
    """Raise the error that a task ended with: nobody waits for it."""
    if not task.cancelled():
        task.result()
