"""The checks of lesson 12."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from tornado.web import Application, RequestHandler

from chatkit.client import ChatClient
from chatkit.handlers import ChatSocket
from chatkit.lessons.checking import NotYetError, exercise, returned
from chatkit.lessons.checks_08 import serve
from chatkit.lessons.failure_lab import until
from chatkit.messages import FrameError, Message, key_of
from chatkit.server import ChatServer

SOON = 2.0  # seconds in which all that is under way on loopback has arrived
SILENCE = 0.2  # seconds without news that count as the end
SHOUT = "Not so loud!"


class Polite(ChatSocket):
    """A socket that refuses what is shouted, and takes everything else."""

    def receive(self, frame: Any) -> None:
        """Refuse a message in capitals, but not a short one, such as OK."""
        if self.shouts(str(frame.get("message", ""))):
            raise FrameError("too_loud", SHOUT, key_of(frame))
        super().receive(frame)

    def shouts(self, text: str) -> bool:
        """Return whether a text is all in capitals and more than a word like OK."""
        return len(text) > 3 and text.isupper()


class Deaf(Polite):
    """One that does not mind."""

    def shouts(self, text: str) -> bool:
        """Return False."""
        return False


class Strict(Polite):
    """One that minds an OK."""

    def shouts(self, text: str) -> bool:
        """Return whether a text is all in capitals."""
        return text.isupper()


class Grumpy(Polite):
    """One that minds everything."""

    def shouts(self, text: str) -> bool:
        """Return whether anything is said."""
        return bool(text)


WRONG = {
    "lets shouting through": Deaf,
    "refuses an OK as well": Strict,
    "refuses whatever is said": Grumpy,
}


@asynccontextmanager
async def chat(handler: type[ChatSocket] = ChatSocket) -> AsyncIterator[str]:
    """Serve a chat with a socket of one's own on a free port, and yield its address."""
    server = await ChatServer(port=0, handler=handler).start()
    try:
        yield server.url
    finally:
        await server.stop()


@exercise(
    "12-1",
    "a test that has never failed proves nothing. What would a handler have to do wrong to get "
    "past yours? Say something else, too, and look whether it is heard.",
    'after the shout, `await ada.send("OK")` and `assert (await anext(ada)).message == "OK"`; '
    'the same for "hello". Whoever is refused is not heard, so then the next message is another.',
)
async def notices_wrong_handlers(test: Callable[[str], Awaitable[object]]) -> str:
    """Run a test against a handler that is right, and against three that are not."""
    if not asyncio.iscoroutinefunction(test):
        raise NotYetError("an `async def` that takes the address of a chat", f"{test!r}")
    async with chat(Polite) as url:
        try:
            await asyncio.wait_for(test(url), SOON)
        except AssertionError as error:
            fault = f"AssertionError: {error}".removesuffix(": ")
            raise NotYetError("a pass for a handler that does it right", fault) from error
        except TimeoutError as error:
            fault = "it waited for something that never came"
            raise NotYetError("a pass for a handler that does it right", fault) from error
    for fault, handler in WRONG.items():
        if await passes(test, handler):
            raise NotYetError(f"a failure for a handler that {fault}", "a pass")
    return f"it passes what is right, and notices a handler that {' or '.join(WRONG)}."


async def passes(test: Callable[[str], Awaitable[object]], handler: type[ChatSocket]) -> bool:
    """Return whether a test finds nothing wrong with a handler; one that hangs has found it."""
    async with chat(handler) as url:
        try:
            await asyncio.wait_for(test(url), SOON)
        except Exception:  # a test may fail in any way, as long as it fails
            return False
        return True


class Draining(RequestHandler):
    """What a server says of itself that is about to stop."""

    def get(self) -> None:
        """Say so."""
        self.set_status(503)
        self.write({"status": "draining"})


def log_nothing(handler: RequestHandler) -> None:
    """Keep a request out of the learner's cell."""


@exercise(
    "12-2",
    "a server can be well, or on its way out (503), or dead (nothing listens), or stuck (it takes "
    "the connection and never answers). Which of them raise an error, and how long do you wait?",
    "`AsyncHTTPClient().fetch(url + 'healthz', request_timeout=1)` raises for 503, for a dead "
    "server and for one that takes longer than a second: return False then, and else True.",
)
async def tells_the_well_from_the_ill(healthy: Callable[[str], Awaitable[object]]) -> str:
    """Ask after a server that is well, one that drains, one that is dead, and one that is stuck."""
    if not asyncio.iscoroutinefunction(healthy):
        raise NotYetError("an `async def` that takes the address of a server", f"{healthy!r}")
    async with (
        chat() as well,
        serve(Application([(r"/healthz", Draining)], log_function=log_nothing)) as draining,
        stuck() as silent,
    ):
        cases = {
            "is well": (well, True),
            "is about to stop": (draining, False),
            "is dead": (nobody(), False),
            "takes the connection and never answers": (silent, False),
        }
        for how, (url, wanted) in cases.items():
            await ask(healthy, how, url, wanted)
    return "well is well; draining, dead and stuck are not, and none kept you waiting."


async def ask(
    healthy: Callable[[str], Awaitable[object]], how: str, url: str, wanted: bool
) -> None:
    """Raise NotYetError unless the answer about a server is what is wanted, and comes in time."""
    who = f"a server that {how}"
    try:
        answer = await asyncio.wait_for(healthy(url), SOON)
    except TimeoutError as error:
        raise NotYetError(f"an answer about {who}", f"none in {SOON:g} seconds") from error
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
        raise NotYetError(f"{wanted} for {who}", fault) from error
    if answer is not wanted:
        came = repr(answer) if isinstance(answer, bool) else returned(answer)
        raise NotYetError(f"{wanted} for {who}", came)


def nobody() -> str:
    """Return an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"


@asynccontextmanager
async def stuck() -> AsyncIterator[str]:
    """Yield the address of a server that takes connections, and says nothing."""
    over = asyncio.Event()

    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        over.set()
        server.close()


class Ear:
    """A person in a chat, and all that this person has heard."""

    def __init__(self, url: str, name: str, room: str = "") -> None:
        self.client = ChatClient(url, name, room=room, last=100)
        self.heard: list[Message] = []
        self.errors: list[str] = []
        self.client.on_message(self.heard.append)
        self.client.on_error(self.errors.append)

    @property
    def texts(self) -> list[str]:
        """Return what was said."""
        return [message.message for message in self.heard]

    async def says(self, *texts: str) -> None:
        """Say something, and wait until the server has taken or refused it."""
        for text in texts:
            await self.client.send(text)
        try:
            await asyncio.wait_for(self.client.confirmed(), SOON)
        except TimeoutError as error:
            said = f"the server to confirm {texts[-1]!r}, or to refuse it, by its key"
            raise NotYetError(said, "neither: its sender's outbox will send it for ever") from error


@asynccontextmanager
async def ears(url: str, *names: str, room: str = "") -> AsyncIterator[list[Ear]]:
    """Yield people who are in a chat."""
    async with AsyncExitStack() as stack:
        group = [Ear(url, name, room) for name in names]
        for ear in group:
            await stack.enter_async_context(ear.client)
        yield group


async def quiet(*group: Ear) -> None:
    """Wait until nobody hears anything new for a moment."""
    before = -1
    while before != (before := sum(len(ear.heard) for ear in group)):  # noqa: ASYNC110
        await asyncio.sleep(SILENCE)  # there is no event to wait for


@exercise(
    "12-3",
    "events tell who has joined: `client.on_event(function)` is called with each, such as "
    "{'event': 'joined', 'name': 'Grace', …}. Whom have you greeted already?",
    "keep a set of names: greet in `on_event` who joined and is not in it; answer in `on_message`, "
    'if the text is "!who", with ", ".join(sorted(client.members)). Both may be `async def`.',
)
async def greets_once(make_host: Callable[[ChatClient], object]) -> str:
    """Come, ask, leave and come again, and see what the bot says."""
    async with chat() as url, ears(url, "host", "Ada") as (host, ada):
        made = make_host(host.client)
        work = asyncio.ensure_future(made) if asyncio.iscoroutine(made) else None
        for _ in range(2):
            async with ears(url, "Grace"):
                await until(lambda: "Welcome, Grace!" in ada.texts, SOON)
        await ada.says("!who", "Who is here?")
        await quiet(ada)
        if work:
            work.cancel()
            ended = await asyncio.gather(work, return_exceptions=True)
            if isinstance(ended[0], Exception):
                raise ended[0]
        said = [message.message for message in ada.heard if message.name == "host"]
    greetings = [text for text in said if text == "Welcome, Grace!"]
    if not greetings:
        raise NotYetError("'Welcome, Grace!' when Grace comes", f"{said}" if said else "silence")
    if len(greetings) > 1:
        raise NotYetError("one welcome, though Grace came twice", f"{len(greetings)}")
    answers = [text for text in said if text != "Welcome, Grace!"]
    if answers != ["Ada, host"]:
        came = f"{answers}" if answers else "nothing"
        raise NotYetError("'Ada, host' in answer to !who, and to nothing else", came)
    return "Grace was welcomed once, though she came twice, and !who was answered."


@exercise(
    "12-4",
    "a command is a message that begins with a slash. What goes on to `super().receive` is a frame "
    "like the one that came, with another text; its key has to stay.",
    '`super().receive({**frame, "message": f"* {name} waves *"})` sends another text in its '
    "place. For a command that nobody knows raise "
    'FrameError("unknown_command", …, frame.get("key")).',
)
async def obeys_commands(handler: type[ChatSocket]) -> str:
    """Wave, command what nobody knows, and say what only looks like a command."""
    a_socket(handler)
    async with chat(handler) as url, ears(url, "Ada", "Bob") as (ada, bob):
        await ada.says("hello", "/me waves", "/dance", "1/2")
        await until(lambda: "1/2" in bob.texts, SOON)
        await quiet(ada, bob)
    for heard in (ada.texts, bob.texts):
        if heard != ["hello", "* Ada waves *", "1/2"]:
            raise NotYetError("all to hear hello, * Ada waves *, 1/2", f"{', '.join(heard)}")
    if len(ada.errors) != 1 or "dance" not in ada.errors[0]:
        came = f"{ada.errors}" if ada.errors else "nothing"
        raise NotYetError("one error for Ada that names the command /dance", came)
    if bob.errors:
        raise NotYetError("Bob to hear nothing of Ada's mistake", f"{bob.errors}")
    return "Ada waved; /dance was refused, to her alone; 1/2 is no command."


def a_socket(handler: object) -> None:
    """Raise NotYetError unless this is a class of sockets whose `receive` is a plain one."""
    if not (isinstance(handler, type) and issubclass(handler, ChatSocket)):
        raise NotYetError("the class itself, made from ChatSocket", f"{handler!r}")
    if asyncio.iscoroutinefunction(handler.receive):
        raise NotYetError("a plain `def receive`: it is called without await", "an `async def`")


@exercise(
    "12-5",
    "look for the name among self.room.members, and tell a Message to those two with "
    "`visitor.tell(…)`. Its sender's outbox waits for the key.",
    'Message(text, name=self.room.members[self], time=time.time(), key=frame.get("key")): tell it '
    "to self and to whoever has that name. If nobody has it, raise a FrameError with the key.",
)
async def whispers(handler: type[ChatSocket]) -> str:
    """Ada whispers to Bob; Eve is there, too, and somebody comes later."""
    a_socket(handler)
    secret = "@Bob the key is under the mat"
    async with chat(handler) as url, ears(url, "Ada", "Bob", "Eve") as (ada, bob, eve):
        await ada.says("hello", secret, "@Zoe are you here?", "mail me: ada@Bob.example")
        await until(lambda: len(eve.heard) > 1, SOON)
        await quiet(ada, bob, eve)
        async with ears(url, "Late") as [late]:
            await until(lambda: late.heard, SOON)
            await quiet(late)
    public = ["hello", "mail me: ada@Bob.example"]
    for who, heard in (("Eve", eve.texts), ("who comes later", late.texts)):
        if heard != public:
            raise NotYetError(f"{public} at {who}", f"{heard}")
    for who, messages in (("Bob", bob.heard), ("Ada, who sent it,", ada.heard)):
        private = [message for message in messages if "under the mat" in message.message]
        if len(private) != 1:
            raise NotYetError(f"the secret at {who} once", f"{len(private)} times")
        if private[0].name != "Ada":
            raise NotYetError("Ada's name on it", repr(private[0].name))
    if len(ada.errors) != 1 or bob.errors or eve.errors:
        raise NotYetError("one error for Ada: there is no Zoe", f"{ada.errors}")
    return "Bob and Ada have it, Eve and the log do not, and Zoe is unknown."


@exercise(
    "12-6",
    "the browser hands `receive` a stroke: send it to the room as text, "
    "json.dumps({'stroke': stroke}). `hear` gets every message of the room: read it back, and add "
    "it to self.strokes.",
    "a trait is told of a change only when it is a new list: self.strokes = [*self.strokes, "
    "stroke]. In `hear`, text that is no JSON object, or whose stroke is no list of pairs of "
    "numbers, is somebody's chat: return.",
)
async def draws_together(kind: Callable[[ChatClient], Any]) -> str:
    """Draw at one board, and look at another, and at one that comes later."""
    async with chat() as url, ears(url, "Ada", "Bob", room="board") as (ada, bob):
        mine, theirs = kind(ada.client), kind(bob.client)
        strokes = [[[1, 2], [3, 4]], [[5, 6], [7, 8], [9, 10]]]
        for stroke in strokes:
            mine.receive(mine, {"stroke": stroke}, [])
            await until(lambda: len(theirs.strokes) == len(mine.strokes) > 0, SOON)
        await bob.says("what a nice cat", "[1, 2]", '{"stroke": "meow"}', '{"stroke": [["a", 1]]}')
        await until(lambda: len(mine.strokes) == len(strokes), SOON)
        await quiet(ada, bob)
        boards = [("Ada's board", mine.strokes), ("Bob's board", theirs.strokes)]
        async with ears(url, "Late", room="board") as [late]:
            third = kind(late.client)
            await until(lambda: len(third.strokes) == len(strokes), SOON)
            await quiet(late)
            boards.append(("the board of one who comes later", third.strokes))
        for board in (mine, theirs, third):
            board.close()
    for whose, drawn in boards:
        if json.loads(json.dumps(drawn)) != strokes:  # a pair may be a tuple as well
            raise NotYetError(f"{strokes} on {whose}", json.dumps(drawn))
    return "what one draws all see, who comes later too, and chat is no drawing."


@exercise(
    "12-7",
    "each client hears what it says itself. What would happen to a message that crosses, and is "
    "heard on the other side by the one who brought it?",
    "for each side: on_message(function), which sends f'{message.name}: {message.message}' by the "
    "other client, unless message.name is that side's own client's name.",
)
async def bridges(bridge: Callable[[ChatClient, ChatClient], object]) -> str:
    """Speak on both sides of a bridge, and wait for an echo that never ends."""
    async with (
        chat() as url,
        ears(url, "Ada", "bridge", room="north") as (ada, north),
        ears(url, "Bob", "bridge", room="south") as (bob, south),
    ):
        made = bridge(north.client, south.client)
        work = asyncio.ensure_future(made) if asyncio.iscoroutine(made) else None
        await ada.says("anybody south?")
        await until(lambda: bob.heard, SOON)
        await bob.says("yes, here")
        await until(lambda: len(ada.heard) > 1, SOON)
        with suppress(TimeoutError):
            await asyncio.wait_for(quiet(ada, bob), SOON)
        if work:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
    check_side("north", ada.texts, ["anybody south?", "Bob: yes, here"])
    check_side("south", bob.texts, ["Ada: anybody south?", "yes, here"])
    return "what was said in the north was heard in the south, and the other way, once each."


def check_side(room: str, heard: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise NotYetError unless a room has heard what it should have."""
    if len(heard) > 2 * len(wanted):
        raise NotYetError(f"{wanted} in the {room}", f"{len(heard)} messages: an echo without end")
    if [*heard] != [*wanted]:
        raise NotYetError(f"{wanted} in the {room}", f"{[*heard]}")
