"""The checks of lesson 12."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from inspect import iscoroutine, iscoroutinefunction
from typing import Any

from anywidget import AnyWidget
from tornado.web import Application, RequestHandler

from chatkit.client import ChatClient
from chatkit.handlers import ChatSocket
from chatkit.lessons import trial
from chatkit.lessons.checking import (
    NotYetError,
    exercise,
    plain_def,
    returned,
    shown,
    the_class,
    the_function,
)
from chatkit.lessons.checks_04 import failures
from chatkit.lessons.checks_06 import served
from chatkit.lessons.checks_08 import watched
from chatkit.lessons.failure_lab import until
from chatkit.lessons.mistakes import place
from chatkit.messages import FrameError, Message, key_of
from chatkit.server import ChatServer

PATIENCE = 2.0  # seconds in which all that is under way on loopback has arrived
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


Trying = Callable[[str], Awaitable[object]]


@exercise(
    "12-1",
    "a test that has never failed proves nothing. What would a handler have to do wrong to get "
    "past yours? Say something else, too, and look whether it is heard.",
    'after the shout, `await ada.send("OK")` and `assert (await anext(ada)).message == "OK"`; '
    'the same for "hello". Whoever is refused is not heard, so then the next message is another.',
)
async def notices_wrong_handlers(test: Trying) -> str:
    """Run a test against a handler that is right, one that is slow, and three that are wrong."""
    if not iscoroutinefunction(the_function(test, "test_polite")):
        raise NotYetError("an `async def test_polite`", "a plain `def`")
    seconds = await passes_right(test, Polite, "does it right")
    await passes_right(test, slower(seconds), "does it right, and is slow: wait for an event")
    for fault, handler in WRONG.items():
        if await passes(test, handler):
            raise NotYetError(f"a failure for a handler that {fault}", "a pass")
    return f"it passes what is right, and notices a handler that {' or '.join(WRONG)}."


async def passes_right(test: Trying, handler: type[ChatSocket], what: str) -> float:
    """Return how many seconds a test takes for a right handler; NotYetError if it fails."""
    loop = asyncio.get_running_loop()
    async with chat(handler) as url:
        begun = loop.time()
        try:
            async with asyncio.timeout(2 * PATIENCE):
                await test(url)
        except (AssertionError, TimeoutError) as error:
            fault = "it waited for something that never came"
            if isinstance(error, AssertionError):
                fault = f"AssertionError{place(error)}" + (f": {error}" if str(error) else "")
            raise NotYetError(f"a pass for a handler that {what}", fault) from error
        return loop.time() - begun


def slower(seconds: float) -> type[Polite]:
    """Return a handler that takes so many seconds for each message, and a bit."""

    class Slow(Polite):
        """One that takes its time."""

        def receive(self, frame: Any) -> None:
            """Take a frame later on."""
            asyncio.get_running_loop().call_later(seconds + SILENCE, self.receive_late, frame)

        def receive_late(self, frame: Any) -> None:
            """Take it now, or tell why not."""
            try:
                super().receive(frame)
            except FrameError as error:
                self.tell(error.frame())

    return Slow


async def passes(test: Trying, handler: type[ChatSocket]) -> bool:
    """Return whether a test finds nothing wrong with a handler; one that hangs has found it."""
    async with chat(handler) as url:
        try:
            async with asyncio.timeout(PATIENCE):
                await test(url)
        except Exception:  # a test may fail in any way, as long as it fails
            return False
        return True


HELD_UP = 0.4  # seconds without a turn for anybody else
SLOW = 0.1  # seconds that a server takes which is well, and has much to do


class Busy(RequestHandler):
    """What a server says of itself that is well, and takes a moment."""

    async def get(self) -> None:
        """Say so."""
        await asyncio.sleep(SLOW)
        self.write({"status": "ok"})


class Draining(RequestHandler):
    """What a server says of itself that is about to stop."""

    def get(self) -> None:
        """Say so."""
        self.set_status(503)
        self.write({"status": "draining"})


class Page(RequestHandler):
    """A page, which says nothing of how its server is."""

    def get(self) -> None:
        """Show it."""
        self.write("a chat")


def log_nothing(handler: RequestHandler) -> None:
    """Keep a request out of the learner's cell."""


@exercise(
    "12-2",
    "a server can be well, or on its way out (503), or dead (nothing listens), or stuck (it takes "
    "the connection and never answers). Which of them raise an error, and how long do you wait?",
    "`AsyncHTTPClient().fetch(url + 'healthz', request_timeout=1)` raises for 503, for a dead "
    "server and for one that takes longer than a second: return False then, and else True.",
)
async def tells_the_well_from_the_ill(healthy: Trying) -> str:
    """Ask after a server that is well, one that drains, one that is dead, and one that is stuck."""
    if not iscoroutinefunction(the_function(healthy, "healthy")):
        raise NotYetError("an `async def healthy`", "a plain `def`")
    async with failures():  # of fetches that nobody awaits
        try:
            await ask_all(healthy)
        finally:
            await asyncio.sleep(SILENCE)  # in which those fail
    return "well is well; draining, dead and stuck are not, and none kept you waiting."


async def ask_all(healthy: Trying) -> None:
    """Raise NotYetError unless each server is told from the others."""
    async with (
        AsyncExitStack() as stack,
        chat() as well,
        served(Application([(r"/healthz", Busy)], log_function=log_nothing)) as busy,
        served(
            Application([(r"/", Page), (r"/healthz", Draining)], log_function=log_nothing)
        ) as draining,
        stuck() as silent,
    ):
        stack.enter_context(no_blocking_without_end())
        await ask(healthy, "is well", well, wanted=True)
        await ask(healthy, "is about to stop", draining, wanted=False)
        await ask(healthy, f"is well, and takes {SLOW} seconds to say so", busy, wanted=True)
        await ask(healthy, "is dead", nobody(), wanted=False)
        await ask(healthy, "takes the connection and never answers", silent, wanted=False)


async def ask(healthy: Trying, how: str, url: str, *, wanted: bool) -> None:
    """Raise NotYetError unless the answer about a server is what is wanted, and comes in time."""
    expected = f"{wanted} for a server that {how}"

    asking = asyncio.ensure_future(healthy(url))  # not cancelled if late: Tornado would log it
    asking.add_done_callback(lambda done: done.cancelled() or done.exception())
    begun = time.monotonic()
    await asyncio.sleep(0)  # in which it gets as far as its first `await`
    if time.monotonic() - begun > HELD_UP:
        raise NotYetError(
            "a function that waits with `await`",
            "it held up the very loop on which that server runs, as `urlopen` does: nobody else "
            "has a turn, and no answer can come",
        )
    await asyncio.wait([asking], timeout=PATIENCE)
    if not asking.done():
        raise NotYetError(expected, f"no answer within {PATIENCE:g} seconds")
    error = asking.exception()
    if error and wanted:
        raise error
    if error:
        raise NotYetError(expected, f"{type(error).__name__}: {error}".removesuffix(": "))
    if (came := asking.result()) is not wanted:
        raise NotYetError(expected, f"{came}" if isinstance(came, bool) else returned(came))


def nobody() -> str:
    """Return an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"


@contextmanager
def no_blocking_without_end() -> Iterator[None]:
    """Have a blocking call that reads a socket, such as urlopen's, end once it is told of."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(2 * trial.STUCK)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


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
        """Say something, one after another; NotYetError if one is neither taken nor refused."""
        waiting = self.client.outbox.unconfirmed
        for text in texts:
            before = len(self.heard) + len(self.errors)
            await self.client.send(text)
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self.client.confirmed()
            if waiting:
                waiting.clear()  # so that closing need not wait for it
                answered = len(self.heard) + len(self.errors) > before
                raise NotYetError(
                    f"{self.client.name} to be told what became of {text!r}, by its key",
                    "an answer without the key" if answered else "nothing",
                )


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


@asynccontextmanager
async def working(made: object) -> AsyncIterator[None]:
    """Have a bot work that is a coroutine, such as an `async for`, which never ends by itself."""
    work = asyncio.ensure_future(made) if iscoroutine(made) else None
    try:
        yield
    finally:
        if work:
            work.cancel()
            await asyncio.wait([work])
    if work and not work.cancelled() and (error := work.exception()):
        raise error


@exercise(
    "12-3",
    "events tell who has joined: `client.on_event(function)` is called with each, such as "
    "{'event': 'joined', 'name': 'Grace', …}. Whom have you greeted already?",
    "keep a set of names: greet in `on_event` who joined and is not in it; answer in `on_message`, "
    'if the text is "!who", with ", ".join(sorted(client.members)). Both may be `async def`.',
)
async def greets_once(make_host: Callable[[ChatClient], object]) -> str:
    """Come and go, come again, let another come, and ask; see what the bot says."""
    the_function(make_host, "make_host")
    async with (
        chat() as url,
        ears(url, "host", "Ada") as (host, ada),
        working(make_host(host.client)),
    ):
        await ada.client.typing()  # an event, and nobody has joined
        for name in ("Grace", "Grace", "Bob"):
            welcome = f"Welcome, {name}!"
            async with ears(url, name):
                if not await until(lambda: welcome in ada.texts, PATIENCE):  # noqa: B023
                    said = by_host(ada)
                    came = shown(said) if said else "silence"
                    raise NotYetError(f"{welcome!r} when {name} comes", came)
                await until(lambda: name in host.client.members, PATIENCE)  # noqa: B023
            await until(lambda: name not in host.client.members, PATIENCE)  # noqa: B023
        await ada.says("who is !who?", "!who")
        await until(lambda: "Ada, host" in ada.texts, PATIENCE)
        await quiet(ada)
    said = by_host(ada)
    if (times := said.count("Welcome, Grace!")) > 1:
        raise NotYetError("one welcome, though Grace came twice", f"{times}")
    answers = [text for text in said if text not in ("Welcome, Grace!", "Welcome, Bob!")]
    if answers != ["Ada, host"]:
        came = shown(answers) if answers else "nothing"
        expected = "besides the welcomes only 'Ada, host', in answer to !who"
        raise NotYetError(expected, came)
    return "Grace was welcomed once, though she came twice, and !who was answered."


def by_host(ear: Ear) -> list[str]:
    """Return what somebody has heard the bot say."""
    return [message.message for message in ear.heard if message.name == "host"]


def a_socket(handler: object, name: str) -> None:
    """Raise NotYetError unless this is a class of sockets whose `receive` is a plain one."""
    plain_def(the_class(handler, name, ChatSocket), "receive")


@exercise(
    "12-4",
    "a command is a message that begins with a slash. What goes on to `super().receive` is a frame "
    "like the one that came, with another text; its key has to stay. The sender's name is "
    "`self.room.members[self]`.",
    'for "/me waves" `super().receive({**frame, "message": f"* {name} waves *"})` sends another '
    "text in its place. For a command that nobody knows raise "
    'FrameError("unknown_command", …, frame.get("key")).',
)
async def obeys_commands(handler: type[ChatSocket]) -> str:
    """Wave, command what nobody knows, and say what only looks like a command."""
    a_socket(handler, "Commands")
    async with watched(handler) as kind, chat(kind) as url, ears(url, "Ada", "Bob") as (ada, bob):
        await ada.says("hello", "/me waves", "/dance", "/meow", "1/2")
        await bob.says("/me laughs")
        await until(lambda: "* Bob laughs *" in bob.texts, PATIENCE)
        await quiet(ada, bob)
    wanted = ["hello", "* Ada waves *", "1/2", "* Bob laughs *"]
    if bob.texts != wanted:
        raise NotYetError(f"all to hear {wanted}", f"{bob.texts}")
    for command in ("dance", "meow"):
        if sum(command in error for error in ada.errors) != 1:
            came = f"{ada.errors}" if ada.errors else "nothing"
            raise NotYetError(f"one error for Ada that names the command /{command}", came)
    return "Ada waved, Bob laughed; /dance and /meow were refused, to her alone; 1/2 is no command."


@exercise(
    "12-5",
    "look for the name among self.room.members, and tell a Message to those two with "
    "`visitor.tell(…)`. Its sender's outbox waits for the key.",
    'Message(text, name=self.room.members[self], time=time.time(), key=frame.get("key")): tell it '
    "to self and to whoever has that name. If nobody has it, raise a FrameError with the key.",
)
async def whispers(handler: type[ChatSocket]) -> str:
    """Ada whispers to Bob; Eve is there, too, and somebody comes later."""
    a_socket(handler, "Whispers")
    secret = "@Bob the key is under the mat, and not a word to Eve"
    public = ["hello", "mail me: ada@Bob.example"]
    async with (
        watched(handler) as kind,
        chat(kind) as url,
        ears(url, "Ada", "Bob", "Eve") as (ada, bob, eve),
    ):
        await ada.says("hello", secret, "@Zoe are you here?", public[1])
        await until(lambda: public[1] in eve.texts, PATIENCE)
        await quiet(ada, bob, eve)
        async with ears(url, "Late") as [late]:
            await until(lambda: public[1] in late.texts, PATIENCE)
    for who, heard in (("Eve", eve.texts), ("who comes later", late.texts)):
        if heard != public:
            raise NotYetError(f"{who} to hear {public}", f"{heard}")
    for who, messages in (("Bob", bob.heard), ("Ada, who sent it,", ada.heard)):
        private = [message for message in messages if "under the mat" in message.message]
        if len(private) != 1:
            raise NotYetError(f"{who} to hear the whisper once", f"{len(private)} times")
        if private[0].name != "Ada":
            raise NotYetError("Ada's name on her whisper", repr(private[0].name))
    if len(ada.errors) != 1:
        came = f"{ada.errors}" if ada.errors else "nothing"
        raise NotYetError("one error for Ada: there is no Zoe", came)
    return "Bob and Ada have it, Eve and the log do not, and Zoe is unknown."


class Easel:
    """A board, and the strokes that its browser was told of."""

    def __init__(self, kind: Callable[[ChatClient], Any], ear: Ear) -> None:
        self.board = kind(ear.client)
        self.shown: list[Any] = []
        self.board.observe(self.show, "strokes")

    def show(self, change: Any) -> None:
        """Show what the browser would."""
        self.shown = json.loads(json.dumps(change.new))  # a pair may be a tuple as well

    @property
    def untold(self) -> bool:
        """Return whether the list was changed, and the browser not told."""
        return len(self.board.strokes) > len(self.shown)


NO_STROKES = ("what a nice cat", "[1, 2]", "7", '{"stroke": "meow"}', '{"stroke": [["a", 1]]}')


@exercise(
    "12-6",
    "the browser hands `receive` a stroke: send it to the room as text, "
    "json.dumps({'stroke': stroke}). From a plain `def`, as this one has to be, a coroutine goes "
    "to the loop by `run_coroutine_threadsafe`. `hear` gets every message of the room: read it "
    "back, and add it to self.strokes.",
    "a trait is told of a change only when it is a new list: self.strokes = [*self.strokes, "
    "stroke]. In `hear`, text that is no JSON object, or whose stroke is no list of pairs of "
    "numbers, is somebody's chat: return.",
)
async def draws_together(kind: type[AnyWidget]) -> str:
    """Draw at one board, and look at another, and at one that comes later."""
    the_class(kind, "Board", AnyWidget)
    plain_def(kind, "receive")
    strokes = [[[1, 2], [3, 4]], [[5, 6], [7, 8], [9, 10]]]
    async with (
        failures() as failed,
        chat() as url,
        ears(url, "Ada", "Bob", room="board") as (ada, bob),
    ):
        mine, theirs = easels = [Easel(kind, ada), Easel(kind, bob)]
        for number, stroke in enumerate(strokes, 1):
            await hand_over(mine.board, stroke, elsewhere=number > 1)
            await until(lambda: theirs.shown == mine.shown == strokes[:number], PATIENCE)  # noqa: B023
            whose = ("Ada's board, where it was drawn", "Bob's board")
            check_boards(easels, whose, strokes[:number], failed)
        await bob.says(*NO_STROKES)
        await quiet(ada, bob)
        if failed:
            raise failed[0]
        check_boards(easels, ("Ada's board after some chat", "Bob's after some chat"), strokes, [])
        async with ears(url, "Late", room="board") as [late]:
            easels.append(Easel(kind, late))
            await until(lambda: easels[-1].shown == strokes, PATIENCE)
            await quiet(late)
        for easel in easels:
            easel.board.close()
    check_boards(easels[2:], ["a board that comes later"], strokes, failed)
    return "what one draws all see, who comes later too, and chat is no drawing."


async def hand_over(board: Any, stroke: Any, *, elsewhere: bool) -> None:
    """Give a board a stroke as Jupyter does, in the loop's thread or in another."""
    if not elsewhere:
        board.receive(board, {"stroke": stroke}, [])
        return
    try:
        await asyncio.to_thread(board.receive, board, {"stroke": stroke}, [])
    except RuntimeError as error:
        if "event loop" not in str(error):
            raise
        raise NotYetError(
            "`receive` to send when another thread calls it, too",
            f"RuntimeError: {error}".rstrip("."),
        ) from error


def check_boards(
    easels: Sequence[Easel], whose: Sequence[str], strokes: list[Any], failed: list[Exception]
) -> None:
    """Raise NotYetError, or an error of the answer's own, unless all show the same strokes."""
    for easel, where in zip(easels, whose, strict=True):
        if easel.shown == strokes:
            continue
        if failed:
            raise failed[0]
        if easel.untold:
            raise NotYetError(
                "the browser to be told of each stroke",
                "strokes is still the same list: `append` tells nobody, a new list does",
            )
        came = json.dumps(easel.shown) if easel.shown else "nothing"
        raise NotYetError(f"{strokes} on {where}", came)


@exercise(
    "12-7",
    "each client hears what it says itself. What would happen to a message that crosses, and is "
    "heard on the other side by the one who brought it?",
    "for each side: on_message(function), which sends f'{message.name}: {message.message}' by the "
    "other client, unless message.name is that side's own client's name.",
)
async def bridges(bridge: Callable[[ChatClient, ChatClient], object]) -> str:
    """Speak on both sides of a bridge, and wait for an echo that never ends."""
    the_function(bridge, "bridge")
    async with (
        chat() as url,
        ears(url, "Ada", "ferry", room="north") as (ada, north),
        ears(url, "Bob", "train", room="south") as (bob, south),
    ):
        wanted = {
            "north": ["anybody south?", "Bob: yes, here"],
            "south": ["Ada: anybody south?", "yes, here"],
        }
        async with working(bridge(north.client, south.client)):
            await ada.says(wanted["north"][0])
            await until(lambda: bob.heard, PATIENCE)
            await bob.says(wanted["south"][1])
            await until(lambda: len(ada.heard) > 1, PATIENCE)
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await quiet(ada, bob)
            if (ada.texts, bob.texts) == (wanted["north"], wanted["south"]):
                wanted["north"].append("Bob: note: hi")
                wanted["south"].append("note: hi")
                await bob.says("note: hi")
                await until(lambda: len(ada.heard) > 2, PATIENCE)
                await quiet(ada, bob)
            north.client.outbox.unconfirmed.clear()  # an echo's: closing need not wait for it
            south.client.outbox.unconfirmed.clear()
    for room, heard in (("north", ada.texts), ("south", bob.texts)):
        if len(heard) > 2 * len(wanted[room]):
            raise NotYetError(
                f"{wanted[room]} in the {room}",
                f"{len(heard)} messages, an echo without end, such as {shown(heard[-1])}",
            )
        if heard != wanted[room]:
            raise NotYetError(f"{wanted[room]} in the {room}", f"{heard}")
    return "what was said in the north was heard in the south, and the other way, once each."
