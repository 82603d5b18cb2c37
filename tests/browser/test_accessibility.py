"""Everybody can use the page: with other colours, a phone, a keyboard alone, a screen reader."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect
from websockets.sync.client import connect

from chatkit.server import ChatServer, LaunchedServer
from tests.browser.accessibility import press, violations
from tests.browser.conftest import NewPage, Serve
from tests.browser.test_page import field, join, say, status, texts

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


@contextmanager
def other(server: LaunchedServer, name: str, room: str = "lobby") -> Iterator[Say]:
    """Another person in a room; what is yielded sends frames in their name."""
    address = server.url.replace("http", "ws", 1)
    address += f"ws?room={room}&name={name}"
    # It reads nothing of what it hears, so that all of it has to find room.
    with connect(address, subprotocols=["chatkit.json"], max_queue=None) as line:
        assert json.loads(line.recv(timeout=5))["event"] == "welcome"

        def say(*messages: str, **frame: str) -> None:
            for each in [{"message": text} for text in messages] + ([frame] if frame else []):
                line.send(json.dumps(each))

        yield say


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
        expect(page.locator(".chatkit-rows .chatkit-text").last).to_have_text("short")
        grace(*[f"{n}\n{n}\n{n}\n{n}\n{n}" for n in range(15)])
        expect(texts(page).last).to_contain_text("14")
        page.get_by_role("log").evaluate("log => log.scrollTo(0, 0)")
        expect(page.get_by_role("log")).to_have_js_property("scrollTop", 0)
        page.evaluate("() => new Promise(requestAnimationFrame)")
        grace("news")
        expect(page.get_by_role("button", name="New messages")).to_be_visible()
        yield "news below"
    server.stop()
    expect(status(page)).to_contain_text("Cut off")
    say(page, "in between", "and more")
    expect(page.get_by_text("2 wait to be sent")).to_be_visible()
    yield "cut off"
    serve(ChatServer(server.port))
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
    for state in states(page, serve(ChatServer(port=0)), serve):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == [], (state, scheme)


def test_tab_goes_through_everything_in_the_order_in_which_it_is_read(
    serve: Serve, new_page: NewPage
) -> None:
    server, page = serve(ChatServer(port=0)), new_page()
    with other(server, "Bob", "tea"):
        join(page, server.url)
        expect(page.get_by_title("tea")).to_be_visible()
        page.keyboard.type("hello")
        names = ["lobby1", "tea1", "Another room", "Go"]
        names += ["lobby1 here", "Messages", "Message", "Send"]
        page.get_by_label("Your name").focus()
        assert [press(page, "Tab") for _ in names] == names
        assert [press(page, "Shift+Tab") for _ in names] == [*names[-2::-1], "Your name"]


def test_keys_alone_do_everything_and_the_focus_is_never_lost(
    serve: Serve, new_page: NewPage
) -> None:
    server, page = serve(ChatServer(port=0)), new_page(viewport={"width": 700, "height": 500})
    with other(server, "Grace") as grace, other(server, "Bob", "tea"):
        join(page, server.url)
        page.keyboard.type("from a keyboard")
        assert press(page, "Enter") == "Message"
        expect(texts(page)).to_have_text(["from a keyboard"])
        # Who is here
        here = page.get_by_role("list", name="Who is here")
        assert press(page, "Shift+Tab") == "Messages"
        assert press(page, "Shift+Tab") == "Rooms"
        assert press(page, "Shift+Tab") == "lobby2 here"
        press(page, "Enter")
        expect(here).to_contain_text("Grace")
        assert press(page, "Tab") == "Who is here"
        assert press(page, "Escape") == "lobby2 here"
        expect(here).to_be_hidden()
        # The rooms: closed again, one that is there, a new one
        rooms = page.get_by_role("navigation", name="Rooms")
        assert press(page, "Tab", "Enter", "Tab") == "lobby2"
        expect(rooms).to_be_visible()
        assert press(page, "Escape") == "Rooms"
        expect(rooms).to_be_hidden()
        assert press(page, "Enter", "Tab", "Tab") == "tea1"
        assert press(page, "Enter") == "Message"
        expect(page.locator("summary")).to_have_text("tea2 here")
        page.keyboard.press("Shift+Tab")
        press(page, "Shift+Tab", "Enter")
        expect(rooms).to_contain_text("lobby1")  # the page has asked again
        assert press(page, "Tab") == "lobby1"
        assert press(page, "Tab", "Tab") == "Another room"
        page.keyboard.type("no room")
        assert press(page, "Enter") == "Another room"
        expect(page.get_by_role("alert")).to_be_visible()
        press(page, "Control+A")
        page.keyboard.type("lobby")
        assert press(page, "Enter") == "Message"
        expect(page.locator("summary")).to_have_text("lobby2 here")
        # Earlier messages, and the newest
        grace(*[f"{n}\n{n}\n{n}" for n in range(12)])
        expect(texts(page).last).to_contain_text("11")
        earlier = "Show earlier messages (3)"
        expect(page.get_by_role("button", name=earlier)).to_be_visible()  # in the next frame
        assert press(page, "Shift+Tab") == earlier
        assert press(page, "Enter") == "Messages"
        expect(texts(page)).to_have_count(13)
        press(page, "Home")
        expect(page.get_by_role("log")).to_have_js_property("scrollTop", 0)
        grace("news")
        expect(page.get_by_role("button", name="New messages")).to_be_visible()
        assert press(page, "Tab") == "New messages ↓"
        assert press(page, "Enter") == "Messages"
        expect(texts(page).last).to_be_in_viewport(ratio=1)
        # One's name
        page.get_by_label("Your name").focus()
        press(page, "Control+A")
        page.keyboard.type("Lovelace")
        assert press(page, "Enter") == "Message"
        expect(status(page)).to_have_text("Connected as Lovelace")


def test_a_list_that_is_drawn_anew_leaves_the_focus_where_it_was(
    serve: Serve, new_page: NewPage
) -> None:
    server, page = serve(ChatServer(port=0)), new_page()
    with other(server, "Bob", "tea"):
        join(page, server.url)
        rooms = page.get_by_role("navigation", name="Rooms").get_by_role("link")
        rooms.nth(1).focus()
        with other(server, "Cy"):
            expect(rooms).to_have_text(["lobby2", "tea1"])
            expect(rooms.nth(1)).to_be_focused()


def test_what_changes_by_itself_is_read_aloud_once_and_the_rest_is_quiet(
    serve: Serve, new_page: NewPage
) -> None:
    server, page = serve(ChatServer(port=0)), new_page()
    with other(server, "Grace") as grace:
        join(page, server.url)
        grace(*[str(n) for n in range(12)])
        expect(texts(page).last).to_have_text("11")
        live = {
            ".chatkit-rows": "polite",  # a message, when it has come
            ".chatkit-queue": "off",  # it waits, and is read when it has come
            ".chatkit-earlier": "off",  # how many are out of sight
            ".chatkit-news": "polite",  # who comes and goes
            ".chatkit-typing": None,
            ".chatkit-count": None,
            ".chatkit-status-wait": None,  # seconds, counted down
        }
        for selector, expected in live.items():
            nearest = "node => node.closest('[aria-live]')?.ariaLive ?? null"
            assert page.locator(selector).evaluate(nearest) == expected, selector
        expect(page.locator("#error")).to_have_role("alert")
        expect(page.locator(".chatkit-status-words")).to_have_role("status")
        expect(page.locator("summary")).to_have_accessible_name("lobby · 2 here")
        expect(page.get_by_role("log")).to_match_aria_snapshot("""
          - log "Messages":
            - button "Show earlier messages (2)"
            - list:
              - listitem:
                - text: Grace
                - time
                - paragraph: "2"
        """)


FITS = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
TARGETS = "button:visible, summary:visible, input:visible, textarea:visible, .page-room:visible"
SMALLEST = 44  # CSS pixels of what a thumb can hit; WCAG 2.2 wants 24


def test_a_phone_shows_everything_upright_and_on_its_side(serve: Serve, new_page: NewPage) -> None:
    server, phone = serve(ChatServer(port=0)), new_page(**SIZES["phone"])
    with other(server, "Grace") as grace, other(server, "Bob", "tea"):
        join(phone, server.url)
        assert "scalable" not in (
            phone.locator("meta[name=viewport]").get_attribute("content") or ""
        )
        grace("long" * 99, *[f"https://example.org/{'path' * 30}/{n}" for n in range(11)])
        expect(texts(phone).last).to_contain_text("/10")
        # With a keyboard open too, which leaves half the height
        for width, height in [(320, 568), (320, 280), (360, 640), (640, 360), (640, 180)]:
            phone.set_viewport_size({"width": width, "height": height})
            assert phone.evaluate(FITS) == [width, height]
            log = phone.get_by_role("log")
            assert log.evaluate("log => log.scrollWidth - log.clientWidth") == 0
            for part in (field(phone), phone.get_by_role("button", name="Send")):
                expect(part).to_be_in_viewport(ratio=1)
            expect(texts(phone).last).to_be_in_viewport()
        for size in [(320, 568), (640, 360)]:
            phone.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
            field(phone).fill("hello")
            phone.get_by_role("log").evaluate("log => log.scrollTo(0, 0)")
            grace("news")
            expect(phone.get_by_role("button", name="New messages")).to_be_visible()
            phone.get_by_role("button", name="Rooms").tap()
            expect(phone.get_by_role("navigation", name="Rooms")).to_be_in_viewport(ratio=1)
            targets = phone.locator(TARGETS).all()
            assert len(targets) == 11
            for target in targets:
                box = target.bounding_box()
                assert box
                assert min(box["width"], box["height"]) >= SMALLEST, target
            for entry in phone.locator("input, textarea").all():
                expect(entry).to_have_css("font-size", "16px")  # iPhones zoom in on less
            phone.keyboard.press("Escape")


# What an iPhone does, and Chromium doesn't: less of the page is seen, the window stays as it is.
SEEN = """(changes) => {
  for (const [name, value] of Object.entries(changes)) {
    Object.defineProperty(visualViewport, name, { value, configurable: true });
  }
  visualViewport.dispatchEvent(new Event("resize"));
  return document.querySelector("#input").getBoundingClientRect().bottom;
}"""


def test_a_keyboard_that_lies_over_the_page_leaves_the_input_in_sight(
    serve: Serve, new_page: NewPage
) -> None:
    page = join(new_page(**SIZES["phone"]), serve(ChatServer(port=0)).url)
    assert page.evaluate(SEEN, {"height": 300, "scale": 1}) == 300
    assert page.evaluate(SEEN, {"height": 320, "scale": 2}) == 640  # somebody zooms in


MOVING = """() => {
  const status = document.querySelector("#status");
  status.dataset.state = "connecting";
  return getComputedStyle(status, "::before").animationName;
}"""
EDGED = "node => getComputedStyle(node).borderTopStyle"


def test_what_the_system_asks_for_is_heeded(serve: Serve, new_page: NewPage) -> None:
    page = join(new_page(viewport={"width": 700, "height": 500}), serve(ChatServer(port=0)).url)
    assert page.evaluate(MOVING) == "chatkit-breathe"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(MOVING) == "none"
    # With colours of one's own a tint shows nothing: buttons have an edge, the focus a ring.
    page.emulate_media(forced_colors="active")
    for button in page.locator("button:visible").all():
        assert button.evaluate(EDGED) == "solid"
    page.get_by_label("Your name").focus()
    for _ in range(4):
        press(page, "Tab")
