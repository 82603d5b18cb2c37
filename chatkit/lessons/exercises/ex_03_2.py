"""Exercise 03-2: a page that says how many people are here."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tornado.httpclient import AsyncHTTPClient
from tornado.routing import HostMatches
from tornado.simple_httpclient import HTTPStreamClosedError
from tornado.web import Application

from chatkit.client import socket_url
from chatkit.lessons.engine.expect import NotYetError, an, has_raised, returned, the_function
from chatkit.lessons.engine.serving import Peer, served
from chatkit.room import Rooms

TASK = (
    "Add a page at /hello that says how many people are in the rooms, such as `2 here`; "
    "rooms.visitors is a list of them all."
)
STUB = '''
class Hello(RequestHandler):
    def initialize(self, rooms):
        self.rooms = rooms

    def get(self):
        """Your code here."""


def app_with_hello(rooms):
    app = make_app(rooms)
    app.add_handlers(".*", [])  # your route; ".*": under any host name
    return app
'''
HINTS = (
    "The list takes a route, as in make_app: a path, a handler and what its initialize gets. "
    "`get` answers with self.write; len(…) says how long a list is.",
    'The route is (r"/hello", Hello, {"rooms": rooms}), and the answer is '
    'self.write(f"{len(self.rooms.visitors)} here").',
)
SOLUTION = """
class Hello(RequestHandler):
    def initialize(self, rooms):
        self.rooms = rooms

    def get(self):
        self.write(f"{len(self.rooms.visitors)} here")


def app_with_hello(rooms):
    app = make_app(rooms)
    app.add_handlers(".*", [(r"/hello", Hello, {"rooms": rooms})])
    return app
"""
WRITE = 'self.write(f"{len(self.rooms.visitors)} here")'
ROUTE = '(r"/hello", Hello, {"rooms": rooms})'
WRONG = {
    "hard-coded": (WRITE, 'self.write("2 here")', "“0 here” while nobody.*came: “2 here”"),
    "a print": (
        WRITE,
        "print(len(self.rooms.visitors), 'here')",
        "came: an empty.*printed: 0 here",
    ),
    "a return": (
        WRITE,
        'return f"{len(self.rooms.visitors)} here"',
        "came: error 500: does `get` return something instead of writing it",
    ),
    "the rooms": ("visitors", "open", "“3 here” with one person in one room and two in another"),
    "no len()": ("len(self.rooms.visitors)", "self.rooms.visitors", "came: “\\[\\] here”"),
    "no route": (ROUTE, "", "an answer at /hello; what came: 404, no route leads there"),
    "the path without a slash": ('r"/hello"', '"hello"', "yours, “hello”, has no “/” at its start"),
    "another path": (
        '"/hello"',
        '"/hello/"',
        "404, no route leads there: yours leads to “/hello/”",
    ),
    "the path in place of the host": ('".*"', '"/hello"', "names a host, and not a path"),
    "every path": (
        '"/hello"',
        '"/.*"',
        "/healthz to stay as it was; what came: “0 here”: your route leads there",
    ),
    "no rooms for initialize": (
        ', {"rooms": rooms}',
        "",
        "the route has no third part, so `initialize` gets nothing",
    ),
    "rooms in a set": ('{"rooms": rooms}', "{rooms}", "the third part of the route is a set"),
    "an object": ("Hello, {", "Hello(rooms), {", "the class Hello in the route; what came: an obj"),
    "other rooms": ('{"rooms": rooms})', '{"rooms": Rooms()})', "“1 here”.*came: “0 here”"),
    "an app of its own": ("make_app(rooms)", "Application([])", "at /healthz.*came: 404"),
    "no return of the app": ("    return app", "    app", "came: nothing: end with `return app`"),
    "what add_handlers returns": (
        f'    app.add_handlers(".*", [{ROUTE}])\n    return app',
        f'    return app.add_handlers(".*", [{ROUTE}])',
        "nothing: end with `return app` \\(add_handlers itself returns nothing\\)",
    ),
    "no list": (f"[{ROUTE}]", ROUTE, "each in round brackets; what came: something else"),
    "no round brackets": (ROUTE, ROUTE[1:-1], "a list of routes, each in round brackets"),
    "no self": ("def get(self)", "def get()", "more values than its `def` accepts.*`self`"),
    "no self.rooms": ("(self.rooms.", "(rooms.", "raised NameError.*Did you mean `self.rooms`"),
}
RIGHT = {
    "a coroutine": ("def get", "async def get"),
    "a sum over the rooms": (
        "len(self.rooms.visitors)",
        "sum(room.count for room in self.rooms.open.values())",
    ),
    "a handler made in the function": (
        """
def app_with_hello(rooms):
    class Hello(RequestHandler):
        def get(self):
            self.write(b"%d here" % len(rooms.visitors))

    app = make_app(rooms)
    app.add_handlers(".*", [("/hello", Hello)])
    return app
""",
    ),
    "finish": (WRITE, 'self.finish(str(len(self.rooms.visitors)) + " here\\n")'),
}


async def check(make: Any) -> str:
    """Ask for /hello with nobody here, with one person, and with two more in another room."""
    app = made_by(the_function(make, "app_with_hello"))
    peers: list[Peer] = []
    async with served(app) as url:
        if "connections" not in (health := await ask(app, url, "healthz")):
            raise NotYetError("/healthz to stay as it was", f"“{health}”: your route leads there")
        for joining, here in (
            ((), "“0 here” while nobody is here"),
            (("lobby",), "“1 here” with one person in a room"),
            (("park", "park"), "“3 here” with one person in one room and two in another"),
        ):
            peers += [await Peer.to(socket_url(url, room=room)) for room in joining]
            said = await ask(app, url, "hello")
            if said != here[1:7]:
                raise NotYetError(here, f"“{said}”" if said else "an empty page")
    return "the page said “0 here”, then one person came, then two more, and it said “3 here”."


def made_by(make: Callable[[Rooms], Any]) -> Application:
    """Return the app that the function makes; NotYetError says what is wrong with it."""
    try:
        app = make(Rooms())
    except AttributeError as error:  # Tornado takes a text in the list for a rule
        if not isinstance(error.obj, str) or error.name != "name":
            raise
        expected = "a list of routes, each in round brackets"
        raise NotYetError(expected, "something else in [], or no []") from None
    except TypeError as error:
        if "RequestHandler.__init__" not in str(error):
            raise
        came = "an object of it: leave its `()` out"
        raise NotYetError("the class Hello in the route", came) from None
    if not isinstance(app, Application):
        nothing = "nothing: end with `return app` (add_handlers itself returns nothing)"
        raise NotYetError("the app that your function returns", returned(app, nothing))
    return app


async def ask(app: Application, url: str, path: str) -> str:
    """Return what a server answers at a path; NotYetError if that is no page."""
    came = f"no answer: {why_none(app)}"
    with suppress(HTTPStreamClosedError):  # so it ends if a handler can't even be made
        response = await AsyncHTTPClient().fetch(url + path, raise_error=False)
        if response.code == 200:
            return response.body.decode().strip()
        came = {
            404: f"404, no route leads there{why_404(app)}",
            405: "405, its handler has no `get`",
        }.get(response.code, f"error {response.code}")
        if response.code == 500 and not has_raised():
            came += ": does `get` return something instead of writing it?"
    raise NotYetError(f"an answer at /{path}", came)


def why_404(app: Application) -> str:
    """Return a remark on the learner's host or path."""
    for host in hosts_of(app):
        if not host.matcher.host_pattern.match("127.0.0.1"):
            return ': the first value of add_handlers names a host, and not a path: keep ".*"'
        for route in host.target.rules:
            path = route.matcher.regex.pattern.removesuffix("$")
            if path.startswith("/"):
                return f": yours leads to “{path}”"
            return f": yours, “{path}”, has no “/” at its start"
    return ""


def why_none(app: Application) -> str:
    """Return why no handler can be made."""
    for host in hosts_of(app):
        for route in host.target.rules:
            if not route.target_kwargs:
                return "the route has no third part, so `initialize` gets nothing"
            if not isinstance(route.target_kwargs, dict):
                kind = type(route.target_kwargs).__name__
                return f"the third part of the route is {an(kind)}, not a dictionary"
    return "the handler could not be made with the third part of the route"


def hosts_of(app: Application) -> list[Any]:
    """Return the rules that add_handlers has made, each with the routes of a host."""
    return [rule for rule in app.default_router.rules if isinstance(rule.matcher, HostMatches)]
