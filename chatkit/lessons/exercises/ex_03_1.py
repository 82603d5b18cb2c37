"""Exercise 03-1: a page that says how many people are here."""

from contextlib import AsyncExitStack
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.simple_httpclient import HTTPStreamClosedError
from tornado.web import Application
from tornado.websocket import WebSocketError

from chatkit.guide.broadcaster import Broadcaster
from chatkit.lessons.engine.expect import NotYetError, has_raised, returned, the_function
from chatkit.lessons.engine.serving import Peer, in_time, served

TASK = "Add a page at /hello that says `2 here` if two people are connected."
STUB = '''
class Hello(RequestHandler):
    def initialize(self, broadcaster):
        self.broadcaster = broadcaster

    def get(self):
        """Your code here."""


def hello_app(broadcaster):
    shared = {"broadcaster": broadcaster}
    return Application([(r"/ws", ChatHandler, shared)])
'''
HINTS = (
    "Two lines change. The list gets a second route, shaped like the first. And `get` calls "
    "self.write(…) with the length of self.broadcaster.channels in a text.",
    "A route has three parts: the path (a slash, then hello), the class, and `shared`, which its "
    '`initialize` gets. The text is an f-string: f"{…} here", with len(…) in its braces.',
)
SOLUTION = """
class Hello(RequestHandler):
    def initialize(self, broadcaster):
        self.broadcaster = broadcaster

    def get(self):
        self.write(f"{len(self.broadcaster.channels)} here")


def hello_app(broadcaster):
    shared = {"broadcaster": broadcaster}
    return Application([(r"/ws", ChatHandler, shared), (r"/hello", Hello, shared)])
"""
WRITE = 'self.write(f"{len(self.broadcaster.channels)} here")'
ROUTE = '(r"/hello", Hello, shared)'
WS = '(r"/ws", ChatHandler, shared), '
WRONG = {
    "hard-coded": (WRITE, 'self.write("0 here")', "“1 here” with 1 connected; what came: “0 here”"),
    "a print": (
        WRITE,
        'print(len(self.broadcaster.channels), "here")',
        "an empty page.*printed: 0 here",
    ),
    "a return": (
        WRITE,
        'return f"{len(self.broadcaster.channels)} here"',
        "came: error 500: does `get` return the text instead of writing it",
    ),
    "no len()": (
        "len(self.broadcaster.channels)",
        "self.broadcaster.channels",
        r"“0 here” with 0 connected; what came: “set\(\) here”",
    ),
    "the number alone": (
        WRITE,
        "self.write(str(len(self.broadcaster.channels)))",
        "“0 here” with 0 connected; what came: “0”",
    ),
    "no route": (", " + ROUTE, "", "a page at /hello; what came: 404: no route leads there"),
    "the path without a slash": ('r"/hello"', 'r"hello"', "404: no route leads there"),
    "every path": (f"{WS}{ROUTE}", f'(r"/.*", Hello, shared), {WS[:-2]}', "the chat at /ws to"),
    "no route to the chat": (WS, "", "the chat at /ws to work as before; what came: 404"),
    "nothing for initialize": ("Hello, shared", "Hello", "missing 1.*'broadcaster'.*third part"),
    "no comma between the routes": (
        f"return Application([{WS}{ROUTE}])",
        f"chat = {WS[:-2]}\n    return Application([chat {ROUTE}])",
        "'tuple' object is not callable.*perhaps a comma is missing",
    ),
    "other people": (
        "Hello, shared",
        'Hello, {"broadcaster": type(broadcaster)()}',
        "“1 here” with 1 connected; what came: “0 here”",
    ),
    "no return of the app": ("return App", "App", "the application that hello_app returns; what"),
    "no self": ("def get(self)", "def get()", "more values than its `def` accepts.*`self`"),
    "no self.broadcaster": ("(self.broadcaster.", "(broadcaster.", "Did you mean `self.broadc"),
}
RIGHT = {
    "a coroutine": ("def get", "async def get"),
    "a handler made in the function": (
        """
def hello_app(broadcaster):
    class Hello(RequestHandler):
        def get(self):
            self.finish(b"%d here\\n" % len(broadcaster.channels))

    routes = [("/hello", Hello), ("/ws", ChatHandler, {"broadcaster": broadcaster})]
    return Application(routes)
""",
    ),
    "a route that is added": (
        f"return Application([{WS}{ROUTE}])",
        f'app = make_app(broadcaster)\n    app.add_handlers(".*", [{ROUTE}])\n    return app',
    ),
}


async def check(make: Any) -> str:
    """Ask for /hello with nobody connected, with one client, and with three."""
    app = the_function(make, "hello_app")(Broadcaster())
    if not isinstance(app, Application):
        raise NotYetError("the application that hello_app returns", returned(app))
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(app))
        for coming, here in (0, 0), (1, 1), (2, 3):
            for _ in range(coming):
                stack.callback((await join(url)).connection.close)
            said = await in_time(ask(url), "an answer at /hello")
            if said != f"{here} here":
                came = f"“{said}”" if said else "an empty page"
                raise NotYetError(f"“{here} here” with {here} connected", came)
    return "the page said “0 here”, then one client connected, then two more: “3 here”."


async def join(url: str) -> Peer:
    """Return a new client of the chat; NotYetError if there is no chat."""
    try:
        return await Peer.to(f"{url.replace('http', 'ws', 1)}ws")
    except HTTPClientError as error:
        came = f"{error.code}, because no WebSocket is there"
    except WebSocketError:
        came = "an ordinary page"
    raise NotYetError("the chat at /ws to work as before", came)


async def ask(url: str) -> str:
    """Return what the page at /hello says; NotYetError if there is none."""
    try:
        answer = await AsyncHTTPClient().fetch(f"{url}hello", raise_error=False)
    except HTTPStreamClosedError:  # Tornado does so if it can't even make the handler
        raise NotYetError("a page at /hello", "no answer") from None
    if answer.code == 200:
        return answer.body.decode().strip()
    came = "404: no route leads there" if answer.code == 404 else f"error {answer.code}"
    if answer.code == 500 and not has_raised():
        came += ": does `get` return the text instead of writing it?"
    raise NotYetError("a page at /hello", came)
