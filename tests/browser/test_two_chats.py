"""The guide's page and the library's, each at the other one's server, in a real browser."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, WebSocket, expect
from tornado.web import Application, StaticFileHandler

from chatkit.codecs import JSON
from chatkit.gate import Gate
from chatkit.guide import server as guide_server
from chatkit.guide.broadcaster import Broadcaster
from chatkit.guide.handler import ChatHandler
from chatkit.handlers import ChatSocket, page_routes
from chatkit.server import ChatServer, LaunchedServer, log_request
from tests.browser.conftest import NewPage, Serve

# What Chromium logs while no server answers, and when one does by the time the page asks why.
DOWN = ["WebSocket connection to", "net::ERR_CONNECTION_REFUSED", "400 (Bad Request)"]
BACK = 15_000  # milliseconds in which a page is back after a relaunch

LaunchGuide = Callable[..., guide_server.LaunchedServer]


@pytest.fixture
def launch_guide(monkeypatch: pytest.MonkeyPatch) -> Iterator[LaunchGuide]:
    """A function that launches the guide's server, with the library's page in place of its own."""
    launched: list[guide_server.LaunchedServer] = []

    def with_the_page(broadcaster: Broadcaster) -> Application:
        routes = [(r"/ws", ChatHandler, {"broadcaster": broadcaster}), *page_routes()]
        return Application(routes, log_function=lambda handler: None)

    def launch(port: int = 0) -> guide_server.LaunchedServer:
        launched.append(guide_server.LaunchedServer(port))
        return launched[-1]

    monkeypatch.setattr(guide_server, "make_app", with_the_page)
    yield launch
    for server in launched:
        server.stop()


@pytest.fixture
def library(serve: Serve) -> LaunchedServer:
    """The library's server, with the guide's page in place of its own."""
    server = ChatServer(port=0)
    parts = {"rooms": server.rooms, "gate": Gate(), "codec": JSON}
    page = {"path": guide_server.PAGE, "default_filename": "index.html"}
    routes: Any = [(r"/ws", ChatSocket, parts), (r"/(.*)", StaticFileHandler, page)]
    server.http = server.make_http(Application(routes, log_function=log_request))
    return serve(server)


def status(page: Page) -> Locator:
    return page.get_by_role("status")


def texts(page: Page) -> Locator:
    return page.get_by_role("log", name="Messages").locator(".chatkit-text")


def say(page: Page, text: str) -> None:
    field = page.get_by_role("textbox", name="Message")
    field.press_sequentially(text)
    field.press("Enter")


def test_the_library_s_page_talks_at_the_guide_s_server(
    launch_guide: LaunchGuide, new_page: NewPage
) -> None:
    server = launch_guide()
    ada, grace = new_page(), new_page()
    sent: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: sent.append(str(frame)))

    ada.on("websocket", listen)
    for page in (ada, grace):
        page.goto(f"{server.url}?name=Ada")
        expect(status(page)).to_have_text("Connected")
    say(ada, "one")
    say(grace, "two")
    say(ada, "three")
    for page in (ada, grace):
        expect(texts(page)).to_have_text(["one", "two", "three"])
        expect(page.locator(".chatkit-queue li")).to_have_count(0)
        expect(page.get_by_role("alert")).to_have_count(0)
        assert "undefined" not in page.inner_text("body")
    assert [text for text in sent if "event" in text] == []
    assert len(sent) == 2


def test_the_library_s_page_is_back_after_a_relaunch_of_the_guide_s_server(
    launch_guide: LaunchGuide, new_page: NewPage, forgiven: list[str]
) -> None:
    forgiven += DOWN
    server = launch_guide()
    ada = new_page()
    ada.goto(server.url)
    expect(status(ada)).to_have_text("Connected")
    server.stop()
    expect(status(ada)).to_contain_text("Cut off")
    say(ada, "meanwhile")
    expect(ada.get_by_text("Waiting to be sent")).to_be_visible()
    launch_guide(server.port)
    expect(status(ada)).to_have_text("Connected", timeout=BACK)
    say(ada, "after")
    expect(texts(ada)).to_have_text(["meanwhile", "after"])
    expect(ada.locator(".chatkit-queue li")).to_have_count(0)
    expect(ada.get_by_text("Waiting to be sent")).to_be_hidden()


def test_the_guide_s_page_talks_at_the_library_s_server(
    library: LaunchedServer, new_page: NewPage
) -> None:
    ada, grace = new_page(), new_page()
    for page in (ada, grace):
        page.goto(library.url)
        expect(page.locator("#state")).to_have_text("Connected")
    for page, text in ((ada, "one"), (grace, "two")):
        say(page, text)
        expect(page.locator("#messages li").last).to_have_text(text)
    for page in (ada, grace):
        expect(page.locator("#messages li")).to_have_text(["one", "two"])
    say(ada, " ")
    expect(ada.locator("#state")).to_have_text("A message needs some text.")
    assert library.members == ["guest-1", "guest-2"]
