"""Everybody can use the page: with other colours, a phone, a keyboard alone, a screen reader."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, Page, expect
from websockets.sync.client import connect

from chatkit.server import ChatServer, LaunchedServer
from tests.browser.axe import violations
from tests.browser.conftest import NewPage

DOWN = ["WebSocket connection to", "net::ERR_CONNECTION_REFUSED", "400 (Bad Request)"]
BACK = 15_000  # milliseconds in which a page is back after a restart
SIZES = {
    "desk": {"viewport": {"width": 1100, "height": 700}},
    "phone": {
        "viewport": {"width": 360, "height": 640},
        "is_mobile": True,
        "has_touch": True,
        "device_scale_factor": 2,
    },
}

Say = Callable[..., None]
Serve = Callable[..., LaunchedServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that launches a server on a port; all are stopped at the end."""
    launched: list[LaunchedServer] = []

    def launch(port: int = 0) -> LaunchedServer:
        launched.append(LaunchedServer(ChatServer(port=port)))
        return launched[-1]

    yield launch
    for server in launched:
        server.stop()


@contextmanager
def other(server: LaunchedServer, name: str, room: str = "lobby") -> Iterator[Say]:
    """Another person in a room; what is yielded sends frames in their name."""
    address = server.url.replace("http", "ws", 1)
    with connect(f"{address}ws?room={room}&name={name}", subprotocols=["chatkit.json"]) as line:
        assert json.loads(line.recv(timeout=5))["event"] == "welcome"

        def say(*messages: str, **frame: str) -> None:
            for each in [{"message": text} for text in messages] + ([frame] if frame else []):
                line.send(json.dumps(each))

        yield say


def status(page: Page) -> Locator:
    return page.get_by_role("status")


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message")


def texts(page: Page) -> Locator:
    return page.get_by_role("log", name="Messages").locator(".chatkit-text")


def join(page: Page, url: str) -> Page:
    page.goto(f"{url}?name=Ada")
    expect(status(page)).to_have_text("Connected as Ada")
    return page


def say(page: Page, *messages: str) -> None:
    for message in messages:
        field(page).fill(message)
        field(page).press("Enter")


def states(page: Page, server: LaunchedServer, serve: Serve) -> Iterator[str]:
    """Take the page through everything it can show; yield what it shows now."""
    with other(server, "Bob", "tea"):
        join(page, server.url)
        expect(page.get_by_title("tea")).to_be_attached()
    yield "nothing yet"
    with other(server, "Grace") as grace:
        grace("Hello!", "Look at https://example.org/a?b=1", "long" * 60)
        expect(texts(page)).to_have_count(3)
        say(page, "One line\nand another", "and https://example.org/mine")
        expect(texts(page)).to_have_count(5)
        yield "messages"
        grace(event="typing")
        expect(page.get_by_text("Grace is typing")).to_be_visible()
        yield "typing"
        page.locator("summary").click()
        expect(page.get_by_role("list", name="Who is here")).to_contain_text("Grace")
        yield "who is here"
        page.locator("summary").click()
        panel = page.get_by_role("button", name="Rooms")
        if panel.is_visible():
            panel.click()
        page.get_by_label("Another room").fill("not a room")
        page.get_by_label("Another room").press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("A room's name has")
        yield "rooms"
        page.get_by_label("Another room").fill("")
        page.keyboard.press("Escape")
        field(page).evaluate("area => { area.value = 'x'.repeat(4097) }")
        field(page).press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("at most 4096")
        yield "an error"
        say(page, "short")
        expect(page.get_by_role("alert")).to_be_hidden()
        grace(*[f"{n}\n{n}\n{n}\n{n}\n{n}" for n in range(15)])
        expect(texts(page).last).to_contain_text("14")
        page.get_by_role("log").evaluate("log => log.scrollTo(0, 0)")
        page.wait_for_function("document.querySelector('[role=log]').scrollTop === 0")
        page.evaluate("() => new Promise(requestAnimationFrame)")
        grace("news")
        expect(page.get_by_role("button", name="New messages")).to_be_visible()
        yield "news below"
    server.stop()
    expect(status(page)).to_contain_text("Cut off")
    say(page, "in between", "and more")
    expect(page.get_by_text("2 wait to be sent")).to_be_visible()
    yield "cut off"
    serve(server.port)
    page.evaluate("dispatchEvent(new Event('online'))")  # else it waits for its next try
    expect(status(page)).to_have_text("Connected as Ada", timeout=BACK)
    expect(page.get_by_text("may be gone")).to_be_visible()
    yield "back"


@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_in_any_state_of_the_page(
    serve: Serve, new_page: NewPage, forgiven: list[str], size: str
) -> None:
    forgiven += DOWN
    page = new_page(**SIZES[size])
    for state in states(page, serve(), serve):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == [], (state, scheme)
