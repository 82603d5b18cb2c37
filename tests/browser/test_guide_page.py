"""The guide's page in real windows, on a real server."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect
from websockets.sync.client import connect

from chatkit.guide.server import LaunchedServer, launch
from tests.browser.accessibility import violations
from tests.browser.conftest import NewPage

# What Chromium logs while no server answers.
DOWN = ["WebSocket connection to", "net::ERR_CONNECTION_REFUSED"]
BACK = 15_000  # milliseconds in which a page is back after a restart
HOSTILE = "<img src=x onerror=\"document.title = 'attacked'\">"
SIZES = {"wide": {"width": 1100, "height": 700}, "narrow": {"width": 360, "height": 640}}


@pytest.fixture
def server() -> Iterator[LaunchedServer]:
    yield launch()
    launch().stop()


@pytest.fixture
def ada(server: LaunchedServer, new_page: NewPage) -> Page:
    return open_chat(server, new_page())


@pytest.fixture
def bob(server: LaunchedServer, new_page: NewPage) -> Page:
    return open_chat(server, new_page())


def open_chat(server: LaunchedServer, page: Page) -> Page:
    page.goto(server.url)
    expect(state(page)).to_have_text("Connected")
    return page


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message")


def state(page: Page) -> Locator:
    return page.get_by_role("status")


def messages(page: Page) -> Locator:
    return page.get_by_role("list").get_by_role("listitem")


def say(page: Page, text: str) -> None:
    """Type a text as fast as can be, and press Enter."""
    field(page).press_sequentially(text)
    field(page).press("Enter")


def test_everyone_sees_every_message_once_and_in_order(ada: Page, bob: Page) -> None:
    said = []
    for n in range(3):
        for page, name in ((ada, "Ada"), (bob, "Bob")):
            said.append(f"{name} says {n}")
            say(page, said[-1])
            expect(messages(ada)).to_have_text(said)
            expect(messages(bob)).to_have_text(said)
    expect(field(ada)).to_have_value("")


def test_the_list_keeps_the_last_ten(ada: Page) -> None:
    for n in range(13):
        say(ada, f"message {n}")
    expect(messages(ada)).to_have_text([f"message {n}" for n in range(3, 13)])


def test_markup_is_shown_as_text(ada: Page, bob: Page) -> None:
    say(ada, HOSTILE)
    say(ada, "<b>bold</b> &amp;")
    for page in (ada, bob):
        expect(messages(page)).to_have_text([HOSTILE, "<b>bold</b> &amp;"])
        expect(page.locator("li *")).to_have_count(0)
        assert page.title() == "Welcome to chat"


def test_the_page_comes_back_and_keeps_its_list(
    server: LaunchedServer, ada: Page, forgiven: list[str]
) -> None:
    forgiven += DOWN
    say(ada, "before")
    expect(messages(ada)).to_have_text(["before"])
    server.stop()
    expect(state(ada)).to_have_text("Cut off, trying again …")
    launch(server.port)
    expect(state(ada)).to_have_text("Connected", timeout=BACK)
    say(ada, "after")
    expect(messages(ada)).to_have_text(["before", "after"])


def test_a_text_stays_in_the_field_while_there_is_no_connection(
    server: LaunchedServer, ada: Page, forgiven: list[str]
) -> None:
    forgiven += DOWN
    server.stop()
    expect(state(ada)).to_have_text("Cut off, trying again …")
    say(ada, "too early")
    expect(field(ada)).to_have_value("too early")
    launch(server.port)
    expect(state(ada)).to_have_text("Connected", timeout=BACK)
    expect(messages(ada)).to_have_count(0)
    field(ada).press("Enter")
    expect(messages(ada)).to_have_text(["too early"])


def test_enter_that_ends_an_input_methods_word_sends_nothing(ada: Page) -> None:
    field(ada).focus()
    keyboard = ada.context.new_cdp_session(ada)
    keyboard.send(
        "Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3}
    )
    ada.keyboard.press("Enter")
    expect(field(ada)).to_have_value("にほん")
    expect(messages(ada)).to_have_count(0)
    keyboard.send("Input.insertText", {"text": "日本"})
    ada.keyboard.press("Enter")
    expect(messages(ada)).to_have_text(["日本"])


def test_enter_that_ends_a_word_in_safari_sends_nothing(ada: Page) -> None:
    """Safari ends the composition first; the key code tells that the input method has the key."""
    field(ada).fill("日本")
    field(ada).evaluate(
        """field => field.dispatchEvent(
          new KeyboardEvent("keydown", { key: "Enter", keyCode: 229, bubbles: true }))"""
    )
    expect(field(ada)).to_have_value("日本")
    field(ada).press("Enter")
    expect(messages(ada)).to_have_text(["日本"])


def test_an_error_is_shown_to_its_sender(ada: Page, bob: Page) -> None:
    half = "String.fromCharCode(0xd83d)"  # of the two surrogates that an emoji needs
    field(ada).evaluate(f"field => {{ field.value = {half} }}")
    field(ada).press("Enter")
    expect(state(ada)).to_contain_text("whose text has whole characters")
    say(ada, "after")
    expect(messages(bob)).to_have_text(["after"])
    expect(state(bob)).to_have_text("Connected")


def test_python_and_the_page_hear_each_other(server: LaunchedServer, ada: Page) -> None:
    with connect(f"ws://127.0.0.1:{server.port}/ws", subprotocols=["json"]) as python:
        say(ada, "from the page")
        assert json.loads(python.recv(timeout=5)) == {"message": "from the page"}
        python.send('{"message": "from Python"}')
        expect(messages(ada)).to_have_text(["from the page", "from Python"])


@pytest.mark.parametrize("size", SIZES)
def test_the_newest_message_and_the_field_stay_in_sight(
    server: LaunchedServer, new_page: NewPage, size: str
) -> None:
    page = open_chat(server, new_page(viewport=SIZES[size]))
    for n in range(12):
        say(page, f"message {n}: " + "the quick brown fox jumps over the lazy dog " * 3)
        expect(messages(page).last).to_contain_text(f"message {n}: ")
        expect(messages(page).last).to_be_in_viewport(ratio=1)
        expect(field(page)).to_be_in_viewport(ratio=1)
        covered = field(page).bounding_box()["y"]
        newest = messages(page).last.bounding_box()
        assert newest["y"] + newest["height"] <= covered


@pytest.mark.parametrize("size", SIZES)
def test_axe_finds_nothing_and_long_words_fit(
    server: LaunchedServer, new_page: NewPage, forgiven: list[str], size: str
) -> None:
    forgiven += DOWN
    page = open_chat(server, new_page(viewport=SIZES[size]))

    def scan() -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == [], scheme

    scan()
    for text in ("Hello!", "see https://example.org/", "long" * 60):
        say(page, text)
    expect(messages(page)).to_have_count(3)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= SIZES[size]["width"]
    scan()
    server.stop()
    expect(state(page)).to_have_text("Cut off, trying again …")
    scan()
    state(page).evaluate("node => { node.style.color = '#555' }")
    assert "color-contrast" in str(violations(page))  # it does look
