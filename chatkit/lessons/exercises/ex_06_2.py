"""Exercise 06-2: the address of a page's WebSocket."""

from typing import Any

from tornado.web import Application

from chatkit.guide.broadcaster import Broadcaster
from chatkit.guide.handler import ChatHandler
from chatkit.lessons.engine.expect import NotYetError, expect, plain, returned, the_function
from chatkit.lessons.engine.serving import Peer, served

TASK = "Return the address of ws beside the page: ws://… for an http page, wss://… for https."
STUB = """
def socket_url_for(page_url):
    return f"ws://{urlsplit(page_url).netloc}/ws"
"""
HINTS = (
    'There are two steps. urljoin(page_url, "ws") finds the place beside the page. Then change '
    "the scheme at the front: http becomes ws, and https becomes wss.",
    'If `address` is what urljoin returns, it is `address.replace("http", "ws", 1)`. With the 1, '
    "only the scheme at the front changes; the s of https stays.",
)
SOLUTION = """
def socket_url_for(page_url):
    return urljoin(page_url, "ws").replace("http", "ws", 1)
"""
LINE = 'return urljoin(page_url, "ws").replace("http", "ws", 1)'
WRONG = {
    "one address for all": (
        LINE,
        "return 'ws://127.0.0.1:8765/ws'",
        "Expected wss://chat.example/ws for the page https://chat.example/; what came: ws://127",
    ),
    "the scheme as it was": (
        '.replace("http", "ws", 1)',
        "",
        "Expected ws://127.0.0.1:8765/ws .*came: http://127.0.0.1:8765/ws",
    ),
    "ws on an https page": (
        LINE,
        "return 'ws:' + urljoin(page_url, 'ws').partition(':')[2]",
        "Expected wss://chat.example/ws .*came: ws://chat.example/ws",
    ),
    "every http replaced": (
        '"ws", 1)',
        '"ws")',
        "Expected wss://http.example/http/ws .*came: wss://ws.example/ws/ws",
    ),
    "ws at the end": (
        LINE,
        "return (page_url + 'ws').replace('http', 'ws', 1)",
        "Expected ws://chat.example/tea/ws .*came: ws://chat.example/tea/index.html",
    ),
    "https anywhere in it": (
        LINE,
        "scheme = 'wss' if 'https' in page_url else 'ws'\n"
        "    return scheme + ':' + urljoin(page_url, 'ws').partition(':')[2]",
        "Expected ws://chat.example/ws for the page http://chat.example/room.html.next=https://",
    ),
    "cut at the last slash": (
        LINE,
        "page = page_url.split('?')[0].rsplit('/', 1)[0]\n"
        "    return page.replace('http', 'ws', 1) + '/ws'",
        "the page https://chat.example/tea#ada/grace; what came: wss://chat.example/tea#ada/ws",
    ),
    "parts, not text": (
        LINE,
        "return urlsplit(urljoin(page_url, 'ws'))._replace(scheme='ws')",
        "an address as text; what came: a SplitResult",
    ),
    "a slash before ws": (
        'page_url, "ws"',
        'page_url, "/ws"',
        "Expected wss://hub.example/user/ada/proxy/8765/ws .*came: wss://hub.example/ws",
    ),
    "without the port": (
        LINE,
        "return f'ws://{urlsplit(page_url).hostname}/ws'",
        "Expected ws://127.0.0.1:8765/ws .*came: ws://127.0.0.1/ws",
    ),
    "a print": (LINE, "print('ws://')", "an address as text.*Is a `return` missing.*printed: ws"),
    "async": ("def socket", "async def socket", "a plain `def`; what came: an `async def`"),
    "no parameter": ("(page_url)", "()", "is a parameter missing"),
}
RIGHT = {
    "the first letters cut off": (LINE, "return 'ws' + urljoin(page_url, 'ws')[4:]"),
    "made of parts": (
        LINE,
        "page = urlsplit(page_url)\n"
        "    folder, _, _ = page.path.rpartition('/')\n"
        "    scheme = {'http': 'ws', 'https': 'wss'}[page.scheme]\n"
        "    return f'{scheme}://{page.netloc}{folder}/ws'",
    ),
    "a lambda": ("socket_url_for = lambda page: urljoin(page.replace('http', 'ws', 1), 'ws')",),
}
PREFIX = "/user/ada/proxy/8765/"
ADDRESSES = {
    "http://127.0.0.1:8765/": "ws://127.0.0.1:8765/ws",
    "https://chat.example/": "wss://chat.example/ws",
    f"https://hub.example{PREFIX}": f"wss://hub.example{PREFIX}ws",
    "http://chat.example/tea/index.html?name=Ada#top": "ws://chat.example/tea/ws",
    "https://http.example/http/": "wss://http.example/http/ws",
    "http://chat.example/room.html?next=https://x.example/": "ws://chat.example/ws",
    "https://chat.example/tea#ada/grace": "wss://chat.example/ws",
}


async def check(socket_url_for: Any) -> str:
    """Ask for the sockets of several pages, and open that of a chat behind a prefix."""
    the_function(socket_url_for, "socket_url_for")
    chat = (f"{PREFIX}ws", ChatHandler, {"broadcaster": Broadcaster()})
    async with served(Application([chat])) as url:
        real = url.rstrip("/") + PREFIX
        for page, wanted in {**ADDRESSES, real: f"ws:{real.removeprefix('http:')}ws"}.items():
            address = plain(socket_url_for(page), "socket_url_for")
            if not isinstance(address, str):
                raise NotYetError("an address as text", returned(address))
            expect(address, wanted, f"{wanted} for the page {page}", address)
        peer = await Peer.to(address)
        await peer.say({"message": "hello"})
        [frame] = await peer.frames()
        peer.connection.close()
    return (
        f"all {len(ADDRESSES)} addresses are right, and a real WebSocket below {PREFIX} opened "
        f"and sent back “{frame['message']}”."
    )
