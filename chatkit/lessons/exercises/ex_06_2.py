"""Exercise 06-2: the address of a page's WebSocket."""

from typing import Any

from tornado.web import Application

from chatkit.codecs import JSON
from chatkit.gate import Gate
from chatkit.handlers import ChatSocket
from chatkit.lessons.engine.expect import NotYetError, expect, plain, returned, the_function
from chatkit.lessons.engine.serving import Peer, served
from chatkit.room import Rooms

TASK = "Fix the function so that it returns the address that `socketUrl` makes in the page."
STUB = '''
def socket_url_for(page_url):
    """Return the address of the WebSocket that belongs to a page."""
    return f"ws://{urlsplit(page_url).netloc}/ws"
'''
HINTS = (
    'There are two steps. urljoin(page_url, "ws") finds the place next to the page. Then change '
    "the scheme at the front: http becomes ws, and https becomes wss.",
    'Split at the first colon, because "http" may also appear later in the address: '
    'scheme, _, rest = urljoin(page_url, "ws").partition(":").',
)
SOLUTION = '''
def socket_url_for(page_url):
    """Return the address of the WebSocket that belongs to a page."""
    scheme, _, rest = urljoin(page_url, "ws").partition(":")
    return f"{'wss' if scheme == 'https' else 'ws'}:{rest}"
'''
DEF = "def socket_url_for(page_url):\n    "
WRONG = {
    "one address for all": (
        f"{DEF}return 'ws://127.0.0.1:8765/ws'",
        "Expected wss://chat.example/ws for the page https://chat.example/; what came: ws://127",
    ),
    "the scheme as it was": (
        f"{DEF}return urljoin(page_url, 'ws')",
        "Expected ws://127.0.0.1:8765/ws .*came: http://127.0.0.1:8765/ws",
    ),
    "ws on an https page": (
        "{'wss' if scheme == 'https' else 'ws'}",
        "ws",
        "Expected wss://chat.example/ws .*came: ws://chat.example/ws",
    ),
    "every http replaced": (
        f"{DEF}return urljoin(page_url, 'ws').replace('http', 'ws')",
        "Expected wss://http.example/http/ws .*came: wss://ws.example/ws/ws",
    ),
    "ws at the end": (
        f"{DEF}return (page_url + 'ws').replace('http', 'ws', 1)",
        "Expected ws://chat.example/tea/ws .*came: ws://chat.example/tea/index.html",
    ),
    "https anywhere in it": (
        "scheme == 'https'",
        "'https' in page_url",
        "Expected ws://chat.example/ws for the page http://chat.example/room.html.next=https://",
    ),
    "cut at the last slash": (
        f"{DEF}page = page_url.split('?')[0].rsplit('/', 1)[0]\n"
        "    return page.replace('http', 'ws', 1) + '/ws'",
        "the page https://chat.example/tea#ada/grace; what came: wss://chat.example/tea#ada/ws",
    ),
    "index.html cut off": (
        f"{DEF}return page_url.split('index.html')[0].replace('http', 'ws', 1) + 'ws'",
        r"Expected ws://chat.example/ws .*room.html.*; what came: ws://chat.example/room.html",
    ),
    "parts, not text": (
        f"{DEF}return urlsplit(urljoin(page_url, 'ws'))._replace(scheme='ws')",
        "an address as text; what came: a SplitResult",
    ),
    "a slash before ws": (
        'page_url, "ws"',
        'page_url, "/ws"',
        "Expected wss://hub.example/user/ada/proxy/8765/ws .*came: wss://hub.example/ws",
    ),
    "without the port": (
        f"{DEF}page = urlsplit(page_url)\n    return f'ws://{{page.hostname}}/ws'",
        "Expected ws://127.0.0.1:8765/ws .*came: ws://127.0.0.1/ws",
    ),
    "a print": (f"{DEF}print('ws://')", "an address as text.*Is a `return` missing.*printed: ws"),
    "async": ("def socket", "async def socket", "a plain `def`; what came: an `async def`"),
    "no parameter": ("(page_url)", "()", "is a parameter missing"),
}
RIGHT = {
    "one replaced": (f"{DEF}return urljoin(page_url, 'ws').replace('http', 'ws', 1)",),
    "the first letters cut off": (f"{DEF}return 'ws' + urljoin(page_url, 'ws')[4:]",),
    "made of parts": (
        f"{DEF}page = urlsplit(page_url)\n"
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
    chat = {"rooms": Rooms(), "gate": Gate(), "codec": JSON}
    async with served(Application([(f"{PREFIX}ws", ChatSocket, chat)])) as url:
        real = url.rstrip("/") + PREFIX
        for page, wanted in {**ADDRESSES, real: f"ws:{real.removeprefix('http:')}ws"}.items():
            address = plain(socket_url_for(page), "socket_url_for")
            if not isinstance(address, str):
                raise NotYetError("an address as text", returned(address))
            expect(address, wanted, f"{wanted} for the page {page}", address)
        ada = await Peer.to(address)
        await ada.say({"message": "hello"})
        [frame] = await ada.frames()
        ada.connection.close()
    return (
        f"all {len(ADDRESSES)} addresses are those of `socketUrl`, and a real WebSocket under "
        f"{PREFIX} opened and sent back “{frame['message']}”."
    )
