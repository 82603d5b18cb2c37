"""The tests of lesson 06's exercises: one's own page, its socket's address, unsafe lines."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import websocket_connect

from chatkit.client import ChatClient
from chatkit.codecs import JSON
from chatkit.handlers import ChatSocket
from chatkit.lessons.checking import NotYetError, exercise
from chatkit.messages import ChatkitError
from chatkit.room import Room
from chatkit.server import log_request, make_app

PREFIX = "/user/ada/proxy/8765/"
TITLES = ("Tea room", "Ada & Bob <3")
ADDRESSES = {
    "http://127.0.0.1:8765/": "ws://127.0.0.1:8765/ws",
    "https://chat.example/": "wss://chat.example/ws",
    f"https://hub.example{PREFIX}": f"wss://hub.example{PREFIX}ws",
    "http://chat.example/tea/index.html?name=Ada#top": "ws://chat.example/tea/ws",
    "https://http.example/http/": "wss://http.example/http/ws",
}
SAFE = '<script type="module" src="static/main.js"></script>\nitem.textContent = message;'
UNSAFE = {
    "list.innerHTML += message;": "that line makes markup of what people type",
    'new WebSocket("ws://" + location.host);': "that line is refused on a page that came by https",
    '<script src="/static/main.js"></script>': "that path leaves the proxy's prefix",
    "<link rel=stylesheet href='/static/chat.css'>": "that path leaves the proxy's prefix",
}


@asynccontextmanager
async def served(app: Application) -> AsyncIterator[str]:
    """Serve an application on a free port of this machine; give its address."""
    [listener] = bind_sockets(0, "127.0.0.1")
    http = HTTPServer(app)
    http.add_socket(listener)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        http.stop()
        await http.close_all_connections()


async def fetch(url: str) -> str:
    """Return a file's text; NotYetError if the server has none."""
    try:
        answer = await AsyncHTTPClient().fetch(url)
    except HTTPClientError as error:
        path = "/" + url.split("/", 3)[3]
        raise NotYetError(f"a file at {path}", f"the answer {error.code}") from error
    return answer.body.decode()


class Outline(HTMLParser):
    """The title and the heading of a page, and the files that it asks for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open = ""
        self.words = {"title": "", "h1": ""}
        self.files: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where text goes, and which file the element needs."""
        self.open = tag
        named = dict(attrs)
        source = named.get("src") or (named.get("href") if tag == "link" else None)
        if source and source not in self.files:
            self.files.append(source)

    def handle_endtag(self, tag: str) -> None:
        """Note that the element ends."""
        self.open = ""

    def handle_data(self, data: str) -> None:
        """Collect the text of the title and the heading."""
        if self.open in self.words:
            self.words[self.open] += data


async def parts_of(url: str, page: Outline) -> int:
    """Fetch every file that the page asks for, and each that those import; return how many."""
    wanted = list(page.files)
    for file in wanted:
        if file.endswith(".js"):
            folder = file.rpartition("/")[0]
            imports = re.findall(r'from "\./(.+?)"', await fetch(url + file))
            wanted += [part for name in imports if (part := f"{folder}/{name}") not in wanted]
        elif not file.endswith((".png", ".ico")):
            await fetch(url + file)
    return len(wanted)


async def hold_chat(url: str) -> None:
    """Let Ada say something to Grace; NotYetError if it does not arrive."""
    try:
        async with ChatClient(url, "Ada") as ada, ChatClient(url, "Grace") as grace:
            await ada.send("hello")
            heard = await anext(grace)
    except ChatkitError as error:
        answer = re.search(r"HTTP \d+", str(error))
        came = f"the answer {answer[0]}" if answer else "no answer"
        raise NotYetError("a chat at /ws", came) from error
    if heard.message != "hello":
        raise NotYetError("Ada's “hello” at Grace's end", f"“{heard.message}”")


@exercise(
    "06-1",
    "Copy STATIC into a folder of its own, write the title into its index.html, and give "
    "Application the chat's route and page_routes(folder).",
    'In index.html replace "Welcome to chat" by escape(title), which stands there twice. Then: '
    'Application([(r"/ws", ChatSocket, {"room": Room(), "codec": JSON}), *page_routes(folder)]).',
)
async def own_page(my_app: Callable[[str], Any]) -> str:
    """Two titles, one of them with marks that mean something in HTML; all parts; a chat."""
    for title in TITLES:
        app = my_app(title)
        if not isinstance(app, Application):
            raise NotYetError("a Tornado Application", f"a {type(app).__name__}")
        async with served(app) as url:
            page = Outline(await fetch(url))
            for tag, words in page.words.items():
                if words.strip() != title:
                    raise NotYetError(f"“{title}” in the page's <{tag}>", f"“{words.strip()}”")
            count = await parts_of(url, page)
            await hold_chat(url)
    return (
        f"“{TITLES[-1]}” stands over your page, its {count} parts came over HTTP, "
        "and Ada's hello reached Grace."
    )


@exercise(
    "06-2",
    'Two steps: urljoin(page_url, "ws") finds the place, then only the scheme at the very '
    "front changes: http becomes ws, https becomes wss.",
    'Cut the scheme off with partition: "http" may stand elsewhere in the address too. '
    'scheme, _, rest = urljoin(page_url, "ws").partition(":")',
)
async def address_of_socket(socket_url_for: Callable[[str], str]) -> str:
    """Addresses of pages, then a real chat under a prefix."""
    for page, socket in ADDRESSES.items():
        address = socket_url_for(page)
        if address != socket:
            raise NotYetError(f"{socket} for the page {page}", str(address))
    chat = (f"{PREFIX}ws", ChatSocket, {"room": Room(), "codec": JSON})
    async with served(Application([chat], log_function=log_request)) as url:
        line = await websocket_connect(socket_url_for(url[:-1] + PREFIX))
        await line.write_message(JSON.encode({"message": "hello"}))
        heard = JSON.decode(str(await line.read_message()))
        line.close()
    return (
        f"all {len(ADDRESSES)} addresses are as socket.js has them, and under {PREFIX} "
        f"a real socket opened and said “{heard['message']}”."
    )


@exercise(
    "06-3",
    "Go through enumerate(source.splitlines(), 1) and keep the number of each line that holds "
    "innerHTML, ws:// or a path that begins with a slash.",
    "A path begins with a slash where a quote is followed by one, and there are two kinds of "
    'quotes: re.search(r"innerHTML|ws://|[\\"\']/", line).',
)
async def unsafe(unsafe_lines: Callable[[str], list[int]]) -> str:
    """Each kind of unsafe line, a page of all of them, and the real page, which has none."""
    for line, fault in UNSAFE.items():
        found = unsafe_lines(f"{SAFE}\n{line}\n")
        if found != [3]:
            raise NotYetError(f"[3] where line 3 is {line} ({fault})", str(found))
    found = unsafe_lines("\n".join([*UNSAFE, SAFE, *UNSAFE]))
    if found != [1, 2, 3, 4, 7, 8, 9, 10]:
        raise NotYetError("[1, 2, 3, 4, 7, 8, 9, 10] for a page with eight such lines", str(found))
    async with served(make_app()) as url:
        scripts = ("main", "socket", "codec", "view", "message-input")
        files = ["", *(f"static/{name}.js" for name in scripts)]
        for file in files:
            found = unsafe_lines(await fetch(url + file))
            if found:
                raise NotYetError(f"no unsafe line in /{file}", str(found))
    return (
        "each kind of unsafe line is found, and none in the "
        f"{len(files)} files of the real page, as they came over HTTP."
    )
