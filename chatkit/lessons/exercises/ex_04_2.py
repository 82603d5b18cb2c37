"""Exercise 04-2: send a text as soon as there is a connection."""

import asyncio
from typing import Any

from tornado.websocket import WebSocketClientConnection

from chatkit.guide.client import Client, open_socket
from chatkit.guide.server import Server
from chatkit.lessons.engine.expect import NotYetError, awaited, the_function
from chatkit.lessons.engine.serving import in_time, turns

TASK = "Send the text once. Without a connection, try again every tenth of a second."
STUB = """
async def send_later(client, text):
    with suppress(ConnectionError):
        await client.send(text)
    await asyncio.sleep(0.1)
"""
HINTS = (
    "`suppress` hides the error, and then the function ends as if the text had been sent. When "
    "does it have to go on, and when may it return?",
    "Put the three lines into a `while True:` loop. Then `send_later` has to end somewhere: only "
    "a line that is reached when `send` has raised no error can be a `return`.",
)
SOLUTION = """
async def send_later(client, text):
    while True:
        with suppress(ConnectionError):
            await client.send(text)
            return
        await asyncio.sleep(0.1)
"""
WRONG = {
    "no return": (
        "            return\n",
        "",
        "`send_later` to return when the text is sent; what came: it still runs",
    ),
    "a return after the first attempt": (
        "            return\n",
        "        return\n",
        "it to go on trying while there is no connection; what came: it has returned",
    ),
    "ten times in all": (
        "while True",
        "for _ in range(10)",
        "it to go on trying while there is no connection; what came: it has returned",
    ),
    "it looks at the socket before": (
        """
async def send_later(client, text):
    while not client.socket:
        await asyncio.sleep(0.1)
    await client.send(text)
""",
        "it raised ConnectionError: `client.socket` was set, but cut already",
    ),
    "it looks at the socket after": (
        "            return\n",
        "        if client.socket:\n            return\n",
        "it has returned: `client.socket` was set, but cut already",
    ),
    "it takes the next frame": (
        "            return\n",
        "            await client.receive()\n            return\n",
        "to be left for the loop that reads.*came: “Goodbye”: `send_later` has read it",
    ),
    "it connects": (
        """
async def send_later(client, text):
    while True:
        try:
            return await client.send(text)
        except ConnectionError:
            await client.connect()
""",
        "`send_later` only to send; what came: it connects. That is the client's own work",
    ),
    "no suppress": (
        "with suppress(ConnectionError)",
        "if True",
        "raised ConnectionError in line 6.*There is no connection",
    ),
    "the wrong error": ("(ConnectionError)", "(TimeoutError)", "raised ConnectionError in line 6"),
    "no await before send": (
        "await client",
        "client",
        "it has returned.*coroutine, `.*send`, and nobody awaited it",
    ),
    "no waiting": (
        "await asyncio.sleep(0.1)",
        "await asyncio.sleep(0)",
        "an attempt every tenth of a second; what came: more than 300 in 10 seconds",
    ),
    "never waiting": (
        "await asyncio.sleep(0.1)",
        "pass",
        "Your code still ran after 3 seconds.* needs an `await` that really waits",
    ),
    "no await before sleep": (
        "await asyncio",
        "asyncio",
        "^✗ 04-2: Your code made a coroutine, `sleep`, and nobody awaited it: put `await` before "
        "the call.$",
    ),
    "it waits for long": (
        "0.1",
        "5",
        "“Is anybody there\\?” after .*; what came: nothing within a second",
    ),
    "time.sleep": (
        "await asyncio.sleep(0.1)",
        "__import__('time').sleep(0.1)",
        "Your code still ran after|held up everything else while it slept",
    ),
    "a plain def": (
        """
def send_later(client, text):
    with suppress(ConnectionError):
        client.send(text)
""",
        "send_later to be an `async def`",
    ),
    "another text": ("send(text)", "send('hi')", "“Is anybody there\\?” after .*; what came: “hi”"),
    "no text": ("client, text", "client", "`send_later` is called with more values than its"),
}
RIGHT = {
    "try and else": (
        """
async def send_later(client, text):
    sent = False
    while not sent:
        try:
            await client.send(text)
        except ConnectionError:
            await asyncio.sleep(0.1)
        else:
            sent = True
""",
    ),
    "it calls itself": (
        """
async def send_later(client, text):
    try:
        await client.send(text)
    except ConnectionError:
        await asyncio.sleep(0.1)
        await send_later(client, text)
""",
    ),
    "it looks at the socket as well": (
        "while True:",
        "while True:\n        while not client.socket:\n            await asyncio.sleep(0.1)",
    ),
}
TEXT = "Is anybody there?"
A_WHILE = 10.0  # seconds without a connection, by the event loop's clock
STEP = 0.01  # seconds
MOST = 300  # attempts in a while


class Speaker(Client):
    """A client that counts what is asked of it."""

    attempts = 0  # to send
    connects = 0

    async def send(self, text: str) -> None:
        """Send a message, as any client does."""
        self.attempts += 1
        await super().send(text)

    async def connect(self) -> None:
        """Raise ConnectionError: the check connects, not the answer."""
        self.connects += 1
        raise ConnectionError("No chat answers yet.")


async def check(send_later: Any) -> str:
    """Have a text sent while the connection is cut, and one when it is back."""
    send_later, server = the_function(send_later, "send_later"), Server()
    server.start()
    speaker = Speaker(server.url)
    try:
        dead = await cut_socket(server)
        async with Client(server.url) as listener:
            sending = asyncio.ensure_future(awaited(send_later(speaker, TEXT), "send_later"))
            sending.add_done_callback(lambda done: done.cancelled() or done.exception())
            await still_trying(sending, speaker)
            speaker.socket = dead  # back, and cut again: nobody has noticed
            await still_trying(sending, speaker)
            await Client.connect(speaker)
            await hear(listener, TEXT, "after the connection is there")
            await returned(sending)
            await returned(asyncio.ensure_future(send_later(speaker, "Hello")))
            await hear(listener, "Hello", "while there is a connection")
            await speaker.send("Goodbye")
            await hear(listener, "Goodbye", "and nothing before it")
            if (came := (await anext(speaker))["message"]) != TEXT:
                expected = f"“{TEXT}” to be left for the loop that reads the frames"
                raise NotYetError(expected, f"“{came}”: `send_later` has read it")
    finally:
        speaker.close()
        await server.stop()
    return "one text was sent as soon as there was a connection, the next at once. Each came once."


async def cut_socket(server: Server) -> WebSocketClientConnection:
    """Return a socket that the server has closed."""
    socket = await open_socket(server.url)
    for channel in tuple(server.broadcaster.channels):
        channel.close()
    await socket.read_message()  # None, once it is closed
    return socket


async def still_trying(sending: asyncio.Future[Any], speaker: Speaker) -> None:
    """Let a while pass; NotYetError if the answer gives up in that time, or tries too often."""
    speaker.attempts = 0
    await let_pass(A_WHILE, sending)
    if speaker.connects:
        raise NotYetError("`send_later` only to send", "it connects. That is the client's own work")
    if sending.done():
        expected = "it to go on trying while there is no connection"
        error, cut = sending.exception(), ": `client.socket` was set, but cut already"
        if error and not (speaker.socket and isinstance(error, ConnectionError)):
            raise error
        came = "it raised ConnectionError" if error else "it has returned"
        raise NotYetError(expected, came + (cut if speaker.socket else ""))
    if speaker.attempts > MOST:
        came = f"more than {MOST} in {A_WHILE:.0f} seconds"
        raise NotYetError("an attempt every tenth of a second", came)


async def let_pass(seconds: float, until: asyncio.Future[Any]) -> None:
    """Put the event loop's clock forward, in steps, so that this takes no time. Or until done."""
    loop = asyncio.get_running_loop()
    clock, ahead = loop.time, 0.0
    loop.time = lambda: clock() + ahead  # type: ignore[method-assign]
    while ahead < seconds and not until.done():
        ahead += STEP
        await turns()


async def hear(listener: Client, text: str, when: str) -> None:
    """Wait for the next message; NotYetError unless it is this one."""
    expected = f"“{text}” {when}"
    frame = await in_time(anext(listener), expected, "nothing within a second")
    if frame["message"] != text:
        raise NotYetError(expected, f"“{frame['message']}”")


async def returned(sending: asyncio.Future[Any]) -> None:
    """Wait until the answer has returned; NotYetError if it goes on."""
    await in_time(sending, "`send_later` to return when the text is sent", "it still runs")
