"""Exercise 12-2: find out whether a server is well."""

import asyncio
import socket
import time
from typing import Any

from tornado.web import Application, RequestHandler

from chatkit.lessons.engine.expect import NotYetError, awaited, returned, the_function
from chatkit.lessons.engine.mistakes import place
from chatkit.lessons.engine.serving import chat_server, served
from chatkit.lessons.serving import free_port

TASK = (
    "Return True for a server that answers 200, and False, within about a second, for one that "
    "answers an error such as 503, one that is dead, and one that never answers."
)
STUB = """
from tornado.httpclient import AsyncHTTPClient


async def healthy(url):
    answer = await AsyncHTTPClient().fetch(url + "healthz")
    return answer.code == 200
"""
HINTS = (
    "Which of these servers make `fetch` raise an error, and how long does it wait for the one "
    "that never answers?",
    'The call `fetch(url + "healthz", request_timeout=1)` raises an error for a 503, for a dead '
    "server, and after a second without an answer. Return False in each case, and True otherwise.",
)
SOLUTION = """
from tornado.httpclient import AsyncHTTPClient


async def healthy(url):
    try:
        await AsyncHTTPClient().fetch(url + "healthz", request_timeout=1)
    except Exception:
        return False
    return True
"""
WRONG = {
    "always True": (
        "async def healthy(url):\n    return True",
        "Expected False for a server that answers 503; what came: True",
    ),
    "too short a wait": (
        "timeout=1",
        "timeout=0.15",
        "Expected True for a server that is well, but takes 0.5 seconds.*came: False",
    ),
    "too long a wait": (
        "timeout=1",
        "timeout=1.9",
        "never answers; what came: `healthy` had not returned after 1.5 seconds",
    ),
    "anything but 503": (
        SOLUTION.replace("await", "answer = await")
        .replace("timeout=1", "timeout=1, raise_error=False")
        .replace("return True", "return answer.code != 503"),
        "False for a server that answers 500; what came: True",
    ),
    "an error is caught": (
        "request_timeout=1",
        "timeout=1",
        "a server that is well; what came: False. Does an `except` catch an error",
    ),
    "the metrics": (
        "healthz",
        "metrics",
        "server that is well, but takes 0.5 seconds to answer at /healthz; what came: False",
    ),
    "the page": ('url + "healthz"', "url", "False for a server that answers 503; what came: True"),
    "no timeout": (
        ", request_timeout=1",
        "",
        "False for a server that never answers; what came: `healthy` had not returned after 1.5",
    ),
    "a timeout of the connection alone": (
        "request_timeout",
        "connect_timeout",
        "False for a server that never answers; what came: `healthy` had not returned after 1.5",
    ),
    "errors are not caught": (
        "from tornado.httpclient import AsyncHTTPClient\n\n\nasync def healthy(url):\n"
        '    answer = await AsyncHTTPClient().fetch(url + "healthz", request_timeout=1)\n'
        "    return answer.code == 200\n",
        "answers 503; what came: HTTPClientError in line.*HTTP 503: Service Unavailable",
    ),
    "HTTP errors alone are caught": (
        "Exception",
        "__import__('tornado').httpclient.HTTPClientError",
        r"False for a server that is dead; what came: \w+Error in line",
    ),
    "no return": (
        "\n    return True",
        "",
        "server that is well; what came: nothing. Is a `return`",
    ),
    "a print": ("return True", "print(True)", "came: nothing. Is a `return` missing"),
    "its status": ("return True", 'return "ok"', "that is well; what came: a str, 'ok'"),
    "no await": ("await ", "", "answers 503; what came: True"),
    "a plain def": (
        "def healthy(url):\n    return True",
        "Expected healthy to be an `async def`; what came: a plain `def` that returned True",
    ),
    "urlopen": (
        "from urllib.request import urlopen\n\n\nasync def healthy(url):\n    try:\n"
        '        return urlopen(url + "healthz", timeout=1).status == 200\n'
        "    except OSError:\n        return False\n",
        "Expected a function that waits with `await`; what came: it held up the event loop",
    ),
    "no parameter": ("(url)", "()", "`healthy` is called with more values than its `def` accepts"),
}
RIGHT = {
    "its status in JSON": (
        "import json\n\nfrom tornado.httpclient import AsyncHTTPClient\n\n\n"
        "async def healthy(url):\n    try:\n        async with asyncio.timeout(1):\n"
        "            answer = await AsyncHTTPClient().fetch(url + 'healthz', raise_error=False)\n"
        "    except (OSError, TimeoutError):\n        return False\n"
        "    return json.loads(answer.body)['status'] == 'ok'\n",
    ),
    "urlopen in a thread": (
        "from urllib.request import urlopen\n\n\nasync def healthy(url):\n    try:\n"
        '        await asyncio.to_thread(urlopen, url + "healthz", timeout=0.8)\n'
        "    except OSError:\n        return False\n    return True\n",
    ),
    "a socket": (
        "from urllib.parse import urlsplit\n\n\nasync def healthy(url):\n"
        "    parts = urlsplit(url)\n    try:\n        async with asyncio.timeout(1):\n"
        "            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)\n"
        "            writer.write(b'GET /healthz HTTP/1.0\\r\\nHost: here\\r\\n\\r\\n')\n"
        "            return b' 200 ' in await reader.readline()\n"
        "    except OSError:\n        return False\n",
    ),
}
LIMIT = 1.5  # seconds within which an answer has to come
SLOW = 0.5  # seconds that a busy server takes
HELD_UP = 0.4  # seconds without a turn of the loop that explain a wrong answer


class Page(RequestHandler):
    """A page that comes with a status, after a while."""

    def initialize(self, status: int = 200, delay: float = 0) -> None:
        """Keep what to answer."""
        self.status, self.delay = status, delay

    async def get(self) -> None:
        """Answer."""
        await asyncio.sleep(self.delay)
        self.set_status(self.status)
        self.write({"status": "ok" if self.status == 200 else "draining"})


async def check(healthy: Any) -> str:
    """Ask about two servers that are well, and four that are not."""
    the_function(healthy, "healthy")
    async with (
        chat_server() as well,
        served(Application([("/", Page), ("/healthz", Page, {"status": 503})])) as draining,
        served(Application([("/", Page), ("/healthz", Page, {"status": 500})])) as broken,
        served(Application([("/healthz", Page, {"delay": SLOW})])) as busy,
    ):
        with socket.create_server(("127.0.0.1", 0)) as silent:  # connects, and never answers
            await ask(healthy, well.url, "is well", wanted=True)
            slow = f"is well, but takes {SLOW} seconds to answer at /healthz"
            asking = [
                ask(healthy, draining, "answers 503"),
                ask(healthy, broken, "answers 500"),
                ask(healthy, local(free_port()), "is dead"),
                ask(healthy, busy, slow, wanted=True),
                ask(healthy, local(silent.getsockname()[1]), "never answers"),
            ]
            for task in [asyncio.create_task(each) for each in asking]:
                await task
    return "True when all is well; False for an error, a dead server and a stuck one, all in time."


def local(port: int) -> str:
    """Return the address of a port of this machine."""
    return f"http://127.0.0.1:{port}/"


async def ask(healthy: Any, url: str, how: str, *, wanted: bool = False) -> None:
    """Raise NotYetError unless the answer about a server is the one wanted, and comes in time."""
    expected = f"{wanted} for a server that {how}"
    begun = time.monotonic()
    asking = asyncio.ensure_future(awaited(healthy(url), "healthy"))
    await asyncio.sleep(0)  # until its first `await`
    held_up = time.monotonic() - begun
    if not (await asyncio.wait([asking], timeout=LIMIT))[0]:
        raise NotYetError(expected, f"`healthy` had not returned after {LIMIT} seconds")
    error = asking.exception()
    if not error and asking.result() is wanted:
        return
    if held_up > HELD_UP:
        came = (
            f"it held up the event loop for {held_up:.1f} seconds, so no server here could answer"
        )
        raise NotYetError("a function that waits with `await`", came)
    if error and wanted:
        raise error
    if error:
        raise NotYetError(expected, f"{type(error).__name__}{place(error)}: {error}".rstrip(": ."))
    came = str(asking.result())
    if not isinstance(asking.result(), bool):
        came = returned(asking.result())
    elif how == "is well":
        came += ". Does an `except` catch an error that you don't expect? Print it there"
    raise NotYetError(expected, came)
