"""The tests of lesson 06's exercises: one's own page, its socket's address, unsafe lines."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.web import Application
from tornado.websocket import websocket_connect

from chatkit.codecs import JSON
from chatkit.gate import Gate
from chatkit.handlers import ChatSocket, page_routes
from chatkit.lessons.checking import NotYetError, exercise, returned, the_function
from chatkit.lessons.serving import serve
from chatkit.lessons.trial import Faults
from chatkit.paths import STATIC
from chatkit.room import Rooms
from chatkit.server import log_request, make_app

PREFIX = "/user/ada/proxy/8765/"
TITLES = ("Reading room", "Tea & <b>cake</b>")  # the lesson's own title is another
ADDRESSES = {
    "http://127.0.0.1:8765/": "ws://127.0.0.1:8765/ws",
    "https://chat.example/": "wss://chat.example/ws",
    f"https://hub.example{PREFIX}": f"wss://hub.example{PREFIX}ws",
    "http://chat.example/tea/index.html?name=Ada#top": "ws://chat.example/tea/ws",
    "https://http.example/http/": "wss://http.example/http/ws",
}
SAFE = ('<script type="module" src="static/main.js"></script>', "item.textContent = message;")
UNSAFE = {
    "list.innerHTML += message;": "that line makes markup of what people type",
    'new WebSocket("ws://" + location.host);': "that line is refused on a page that came by https",
    '<script src="/static/main.js"></script>': "that path leaves the proxy's prefix",
    "<link rel=stylesheet href='/static/chat.css'>": "that path leaves the proxy's prefix",
    'import { codecs } from "/static/codec.js";': "that path leaves the proxy's prefix",
}


@asynccontextmanager
async def served(app: Application) -> AsyncIterator[str]:
    """Serve an application on a free port of this machine; give its address.

    An error in its handlers is raised here, for it says more than what the client then saw.
    """
    app.settings.setdefault("log_function", log_request)
    faults, log = Faults(), logging.getLogger("tornado.application")
    http, port = serve(app)
    log.addHandler(faults)
    propagate, log.propagate = log.propagate, False
    try:
        yield f"http://127.0.0.1:{port}/"
    except NotYetError:
        if faults.errors:
            raise faults.errors[0] from None
        raise
    finally:
        log.propagate = propagate
        log.removeHandler(faults)
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
        self.words = {"h1": "", "title": ""}
        self.files: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where text goes, and which file the element needs."""
        if tag in self.words:
            self.open = tag
        named = dict(attrs)
        source = named.get("src") or (named.get("href") if tag == "link" else None)
        if source and source not in self.files:
            self.files.append(source)

    def handle_endtag(self, tag: str) -> None:
        """Note that the title or the heading ends."""
        if tag == self.open:
            self.open = ""

    def handle_data(self, data: str) -> None:
        """Collect the text of the title and the heading."""
        if self.open in self.words:
            self.words[self.open] += data


async def parts_of(url: str, page: Outline) -> int:
    """Fetch every file that the page asks for, and each that those import; return how many."""
    wanted = list(page.files)
    for file in wanted:
        if file.startswith("/"):
            raise NotYetError("paths that are relative to the page", f"{file}, with a slash before")
        if file.endswith(".js"):
            folder = file.rpartition("/")[0]
            imports = re.findall(r'from "\./(.+?)"', await fetch(url + file))
            wanted += [part for name in imports if (part := f"{folder}/{name}") not in wanted]
        elif not file.endswith((".png", ".ico")):
            await fetch(url + file)
    return len(wanted)


@exercise(
    "06-1",
    'The words "Welcome to chat" stand in the file twice. Replace them by the title, escaped, '
    "and return the new text: `replace` does not change the old one.",
    'Call the text html; then return html.replace("Welcome to chat", escape(title)).',
)
async def own_page(my_page: Callable[[str], Any]) -> str:
    """Two titles, one of them with marks that mean something in HTML; and all parts."""
    for title in TITLES:
        html = the_function(my_page, "my_page")(title)
        if not isinstance(html, str):
            raise NotYetError("the page's text", returned(html))
        with TemporaryDirectory() as home:
            folder = copytree(STATIC, Path(home) / "page")
            (folder / "index.html").write_text(html, encoding="utf-8")
            app = Application(page_routes(folder), log_function=log_request)
            async with served(app) as url:
                page = Outline(await fetch(url))
                for tag, words in page.words.items():
                    if words.strip() != title:
                        raise NotYetError(f"“{title}” in the page's <{tag}>", f"“{words.strip()}”")
                count = await parts_of(url, page)
    return f"“{TITLES[-1]}” stands over your page, and its {count} parts came over HTTP."


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
        address = the_function(socket_url_for, "socket_url_for")(page)
        if not isinstance(address, str):
            raise NotYetError("an address as text", returned(address))
        if address != socket:
            raise NotYetError(f"{socket} for the page {page}", str(address))
    chat = (f"{PREFIX}ws", ChatSocket, {"rooms": Rooms(), "gate": Gate(), "codec": JSON})
    async with served(Application([chat], log_function=log_request)) as url:
        line = await websocket_connect(socket_url_for(url[:-1] + PREFIX))
        await line.write_message(JSON.encode({"message": "hello"}))
        heard = JSON.decode(str(await line.read_message()))
        line.close()
    return (
        f"all {len(ADDRESSES)} addresses are as socket.js has them, and under {PREFIX} "
        f"a real socket opened and said “{heard['message']}”."
    )


def numbers(answer: Any) -> list[int]:
    """Return the answer; NotYetError if it is no list of numbers."""
    if isinstance(answer, list) and any(isinstance(item, str) for item in answer):
        raise NotYetError("the numbers of the lines", f"lines themselves, {answer!r}")
    if not isinstance(answer, list) or not all(isinstance(item, int) for item in answer):
        raise NotYetError("a list of line numbers", returned(answer))
    return answer


@exercise(
    "06-3",
    "Go through enumerate(source.splitlines(), 1) and keep the number of each line that holds "
    "innerHTML, ws:// or a path that begins with a slash.",
    "A path begins with a slash where a quote is followed by one, and there are two kinds of "
    'quotes: look for any of "innerHTML", "ws://", \'"/\' and "\'/" in each line.',
)
async def unsafe(unsafe_lines: Callable[[str], list[int]]) -> str:
    """Each kind of unsafe line, a page of all of them, and the real page, which has none."""
    the_function(unsafe_lines, "unsafe_lines")
    for line, fault in UNSAFE.items():
        page = [*SAFE, line]
        found = numbers(unsafe_lines("\n".join(page)))
        sound = [number for number in found if number in (1, 2)]
        if sound and 3 in found:
            raise NotYetError(f"nothing against line {sound[0]}, {page[sound[0] - 1]}", str(found))
        if found == [2]:
            raise NotYetError("numbers that count from 1, here [3]", "[2], so counted from 0")
        if found != [3]:
            raise NotYetError(f"[3] where line 3 is {line} ({fault})", str(found))
    page = [*UNSAFE, *SAFE, *UNSAFE]
    wanted = [number for number, line in enumerate(page, 1) if line in UNSAFE]
    found = numbers(unsafe_lines("\n".join(page)))
    if found != wanted:
        raise NotYetError(f"{wanted} for a page with {len(wanted)} such lines", str(found))
    async with served(make_app()) as url:
        files = ["", *(f"static/{file.name}" for file in sorted(STATIC.glob("*.js")))]
        for file in files:
            source = await fetch(url + file)
            found = numbers(unsafe_lines(source))
            if found:
                line = source.splitlines()[found[0] - 1].strip()
                raise NotYetError(f"nothing against {line} in /{file}", str(found))
    return (
        "each kind of unsafe line is found, and none in the "
        f"{len(files)} files of the real page, as they came over HTTP."
    )
