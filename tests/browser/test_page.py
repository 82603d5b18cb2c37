"""The page as people use it: real windows, a real server, nothing replaced."""

import ssl
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import trustme
from playwright.sync_api import Locator, Page, WebSocket, expect
from tornado.httpserver import HTTPServer
from tornado.web import Application

from chatkit.codecs import JSON, TRANSIT
from chatkit.gate import Gate
from chatkit.handlers import ChatSocket, page_routes
from chatkit.paths import STATIC
from chatkit.server import ChatServer, LaunchedServer, log_request, make_app
from tests.browser import jupyterlab
from tests.browser.conftest import NewPage, Serve, wait_until

# What Chromium logs while no server answers; 400 if one does by the time the page asks why.
DOWN = ["WebSocket connection to", "net::ERR_CONNECTION_REFUSED", "400 (Bad Request)"]
BACK = 15_000  # milliseconds in which a page is back after a restart
HOSTILE = "<img src=x onerror=\"document.title = 'attacked'\">"
DISTANCE = "log => log.scrollHeight - log.scrollTop - log.clientHeight"


@pytest.fixture
def server(serve: Serve) -> LaunchedServer:
    return serve(ChatServer(port=0))


def status(page: Page) -> Locator:
    return page.get_by_role("status")


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message")


def texts(page: Page) -> Locator:
    return page.get_by_role("log", name="Messages").locator(".chatkit-text")


def join(page: Page, url: str, name: str = "Ada", granted: str = "") -> Page:
    """Open the page under a name and wait until the server has granted it, or another."""
    page.goto(f"{url}?name={name}")
    expect(status(page)).to_have_text(f"Connected as {granted or name}")
    return page


def say(page: Page, *messages: str) -> None:
    for message in messages:
        field(page).fill(message)
        field(page).press("Enter")


@pytest.fixture
def ada(server: LaunchedServer, new_page: NewPage) -> Page:
    return join(new_page(), server.url)


@pytest.fixture
def grace(server: LaunchedServer, new_page: NewPage) -> Page:
    return join(new_page(), server.url, "Grace")


def test_what_one_types_all_see_once_and_in_order(ada: Page, grace: Page) -> None:
    said = []
    for n in range(4):
        for page, name in ((ada, "Ada"), (grace, "Grace")):
            said.append(f"{name} {n}")
            say(page, said[-1])
            expect(texts(page)).to_have_text(said)
    expect(texts(ada)).to_have_text(said)
    expect(texts(grace)).to_have_text(said)
    own = ada.locator(".chatkit-own .chatkit-text")
    expect(own).to_have_text([text for text in said if text.startswith("Ada")])


def test_all_talk_at_once_and_see_the_same_order(ada: Page, grace: Page) -> None:
    for n in range(5):
        say(ada, f"Ada {n}")
        say(grace, f"Grace {n}")
    for page in (ada, grace):
        expect(texts(page)).to_have_count(10)
    seen = texts(ada).all_text_contents()
    assert texts(grace).all_text_contents() == seen
    assert [text for text in seen if text.startswith("Ada")] == [f"Ada {n}" for n in range(5)]


def test_quick_typing_then_enter_arrives_whole(ada: Page, grace: Page) -> None:
    said = [f"{n}: the quick brown fox jumps over the lazy dog" for n in range(5)]
    for text in said:
        ada.keyboard.type(text)
        ada.keyboard.press("Enter")
    expect(texts(grace)).to_have_text(said)
    expect(field(ada)).to_have_value("")


def test_markup_is_text_in_messages_and_names(
    server: LaunchedServer, new_page: NewPage, grace: Page
) -> None:
    mallory = new_page()
    mallory.goto(f"{server.url}?name=%3Cimg src=x onerror=alert(1)>")
    say(mallory, HOSTILE, "<b>bold</b> &amp;")
    for page in (mallory, grace):
        expect(texts(page)).to_have_text([HOSTILE, "<b>bold</b> &amp;"])
        expect(page.locator(".chatkit-author")).to_have_text(
            ["<img src=x onerror=alert(1)>"] * page.locator(".chatkit-author").count()
        )
        assert page.get_by_role("log").locator("img, b, script").count() == 0
        assert page.title() != "attacked"
    expect(status(mallory)).to_have_text("Connected as <img src=x onerror=alert(1)>")


def test_a_link_opens_a_window_that_knows_nothing_of_ours(ada: Page, grace: Page) -> None:
    say(ada, "see https://example.org/a?b=1#c, not javascript:alert(1)")
    grace.context.route("https://example.org/**", lambda route: route.fulfill(body="there"))
    link = texts(grace).get_by_role("link")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    with grace.context.expect_page() as opened:
        link.click()
    expect(opened.value.get_by_text("there")).to_be_visible()
    assert opened.value.url == "https://example.org/a?b=1#c"
    assert opened.value.evaluate("[window.opener, document.referrer]") == [None, ""]


def test_the_page_comes_back_after_a_restart_and_says_so_on_the_way(
    server: LaunchedServer, serve: Serve, ada: Page, grace: Page, forgiven: list[str]
) -> None:
    forgiven += DOWN
    say(ada, "before")
    expect(texts(grace)).to_have_text(["before"])
    server.stop()
    for page in (ada, grace):
        expect(status(page)).to_contain_text("Cut off, trying again")
    say(ada, "in between", "and more")
    expect(field(ada)).to_have_value("")
    expect(texts(ada)).to_have_text(["before", "in between", "and more"])
    expect(ada.get_by_text("2 wait to be sent")).to_be_visible()
    serve(ChatServer(port=server.port))
    expect(status(ada)).to_have_text("Connected as Ada", timeout=BACK)
    expect(status(grace)).to_have_text("Connected as Grace", timeout=BACK)
    expect(ada.get_by_role("alert")).to_be_hidden()
    say(ada, "after")
    for page in (ada, grace):
        expect(texts(page)).to_have_text(["before", "in between", "and more", "after"])
    expect(ada.locator(".chatkit-queue li")).to_have_count(0)


def test_nothing_is_lost_when_the_server_goes_and_its_log_stays(
    serve: Serve, new_page: NewPage, forgiven: list[str], tmp_path: Path
) -> None:
    forgiven += DOWN
    log = f"sqlite:{tmp_path / 'chat.db'}"
    server = serve(ChatServer(port=0, log=log))
    ada, grace = join(new_page(), server.url), join(new_page(), server.url, "Grace")
    said = [f"before {n}" for n in range(3)]
    say(ada, *said)
    expect(texts(grace)).to_have_text(said)
    server.stop()
    for page in (ada, grace):
        expect(status(page)).to_contain_text("Cut off")
    meanwhile = [f"meanwhile {n}" for n in range(3)]
    say(ada, *meanwhile)
    serve(ChatServer(port=server.port, log=log))
    for page in (ada, grace):
        expect(texts(page)).to_have_text(said + meanwhile, timeout=BACK)
        expect(page.get_by_text("may be gone")).to_have_count(0)
    expect(ada.locator(".chatkit-queue li")).to_have_count(0)


def test_a_newcomer_sees_what_was_said(
    server: LaunchedServer, new_page: NewPage, ada: Page
) -> None:
    said = [f"message {n}" for n in range(12)]
    say(ada, *said)
    expect(texts(ada)).to_have_text(said[-10:])
    late = join(new_page(), server.url, "Late")
    expect(texts(late)).to_have_text(said[-10:])
    late.get_by_role("button", name="Show earlier messages (2)").click()
    expect(texts(late)).to_have_text(said)


def test_the_network_is_back_and_so_is_the_page_with_what_it_missed(ada: Page, grace: Page) -> None:
    sockets: list[WebSocket] = []
    ada.on("websocket", lambda socket: sockets.append(socket))
    say(grace, "one")
    expect(texts(ada)).to_have_text(["one"])
    ada.context.set_offline(True)
    ada.context.set_offline(False)
    wait_until(ada, "navigator.onLine")
    say(grace, "two")
    expect(texts(ada)).to_have_text(["one", "two"])
    expect(status(ada)).to_have_text("Connected as Ada")
    assert len(sockets) == 1
    assert "since=1&log=" in sockets[0].url
    expect(grace.locator("summary")).to_have_text("lobby2 here")


def test_rooms_are_apart_and_a_link_leads_into_one(
    server: LaunchedServer, new_page: NewPage, ada: Page, grace: Page
) -> None:
    say(ada, "in the lobby")
    expect(texts(grace)).to_have_text(["in the lobby"])
    ada.get_by_label("Another room").fill("tea")
    ada.keyboard.press("Enter")
    expect(ada.locator("summary")).to_have_text("tea1 here")
    expect(ada).to_have_title("tea · Welcome to chat")
    expect(grace.locator("summary")).to_have_text("lobby1 here")
    say(ada, "at tea")
    expect(texts(ada)).to_have_text(["at tea"])
    bob = new_page()
    bob.goto(ada.url.replace("Ada", "Bob"))
    expect(status(bob)).to_have_text("Connected as Bob")
    expect(texts(bob)).to_have_text(["at tea"])
    say(bob, "me too")
    expect(texts(ada)).to_have_text(["at tea", "me too"])
    rooms = bob.get_by_role("navigation", name="Rooms").get_by_role("link")
    expect(rooms).to_have_text(["lobby1", "tea2"])
    rooms.first.click()
    expect(texts(bob)).to_have_text(["in the lobby"])
    expect(texts(grace)).to_have_text(["in the lobby"])
    bob.go_back()
    expect(texts(bob)).to_have_text(["at tea", "me too"])


def test_who_comes_goes_and_types_shows_without_a_message(
    server: LaunchedServer, new_page: NewPage, ada: Page, grace: Page
) -> None:
    quiet = ada.locator("#quiet")
    expect(quiet).to_have_text("Grace joined")
    other = join(new_page(), server.url, "Cy")
    expect(quiet).to_have_text("Grace and Cy joined")
    field(grace).press_sequentially("hello")
    expect(quiet).to_contain_text("Grace is typing…")
    field(grace).press("Enter")
    expect(quiet).not_to_contain_text("typing")
    ada.locator("summary").click()
    here = ada.get_by_role("list", name="Who is here").locator(".chatkit-member-name")
    expect(here).to_have_text(["Ada", "Grace", "Cy"])
    other.close()
    expect(here).to_have_text(["Ada", "Grace"])
    expect(texts(ada)).to_have_text(["hello"])


def test_a_page_without_the_token_says_what_is_missing(
    serve: Serve, new_page: NewPage, forgiven: list[str]
) -> None:
    forgiven += ["WebSocket connection to", "403 (Forbidden)"]
    server = serve(ChatServer(port=0, token="secret"))
    stranger = new_page()
    stranger.goto(server.url.partition("?")[0])
    expect(stranger.get_by_role("alert")).to_contain_text("This chat needs a token")
    ada = new_page()
    ada.goto(server.url + "&name=Ada")
    expect(status(ada)).to_have_text("Connected as Ada")
    ada.get_by_label("Another room").fill("tea")
    ada.keyboard.press("Enter")
    expect(ada.locator("summary")).to_have_text("tea1 here")
    assert "token=secret" in ada.url


def test_an_address_with_a_room_that_can_t_be_says_what_is_right(
    server: LaunchedServer, page: Page, forgiven: list[str]
) -> None:
    forgiven += ["WebSocket connection to", "400 (Bad Request)"]
    page.goto(server.url + "?room=my%20room")
    expect(page.get_by_role("alert")).to_contain_text("A room's name has 1 to 64 letters")
    page.get_by_label("Another room").fill("ok")
    page.keyboard.press("Enter")
    expect(status(page)).to_contain_text("Connected as guest")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_flood_is_slowed_and_nothing_of_it_is_lost(ada: Page, grace: Page) -> None:
    said = [f"{n}" for n in range(60)]
    say(ada, *said)
    grace.get_by_role("button", name="earlier").click()
    expect(texts(grace)).to_have_text(said, timeout=BACK)
    expect(ada.locator(".chatkit-queue li")).to_have_count(0)


def test_a_name_changes_while_one_chats(ada: Page, grace: Page) -> None:
    say(ada, "as Ada")
    ada.get_by_label("Your name").fill("Countess")
    ada.get_by_label("Your name").press("Enter")
    expect(status(ada)).to_have_text("Connected as Countess")
    say(ada, "as Countess")
    expect(texts(grace)).to_have_text(["as Ada", "as Countess"])
    expect(grace.locator(".chatkit-author")).to_have_text(["Ada", "Countess"])
    ada.goto(ada.url.partition("?")[0])  # without ?name: the page remembers
    expect(ada.get_by_label("Your name")).to_have_value("Countess")
    expect(status(ada)).to_contain_text("Connected as Countess")


def test_without_a_name_one_is_a_guest_and_a_taken_one_gets_a_number(
    server: LaunchedServer, new_page: NewPage, ada: Page
) -> None:
    join(new_page(), server.url, "", "guest-1")
    join(new_page(), server.url, "", "guest-2")
    other = join(new_page(), server.url, "Ada", "Ada-2")
    assert server.members == ["Ada", "Ada-2", "guest-1", "guest-2"]
    say(other, "I am the second")
    expect(ada.locator(".chatkit-author")).to_have_text("Ada-2")
    expect(ada.locator(".chatkit-own")).to_have_count(0)


def test_the_page_speaks_transit_where_the_server_prefers_it(serve: Serve, page: Page) -> None:
    server = serve(ChatServer(port=0, codec="transit"))
    handshakes: list[str] = []
    frames: list[Any] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: frames.append(frame))
        socket.on("framereceived", lambda frame: frames.append(frame))

    page.on("websocket", listen)
    devtools = page.context.new_cdp_session(page)
    devtools.on(
        "Network.webSocketHandshakeResponseReceived",
        lambda event: handshakes.append(event["response"]["headersText"]),
    )
    devtools.send("Network.enable")
    join(page, server.url)
    say(page, "~hello^")
    expect(texts(page)).to_have_text(["~hello^"])
    (handshake,) = handshakes
    assert f"Sec-Websocket-Protocol: {TRANSIT.subprotocol}\r\n".lower() in handshake.lower()
    while not any(frame.startswith('["^ ","~:message","~~hello^","~:id",') for frame in frames):
        page.wait_for_timeout(10)  # the page may show a frame before Playwright tells of it
    chat = [frame for frame in frames if "rooms" not in frame and "typing" not in frame]
    welcome, sent, told = chat
    assert sent.startswith('["^ ","~:message","~~hello^","~:key","')
    assert [TRANSIT.decode(frame)["name"] for frame in (welcome, told)] == ["Ada", "Ada"]


def test_the_page_works_through_jupyter_server_proxy(
    server: LaunchedServer, new_page: NewPage, grace: Page, tmp_path: Path
) -> None:
    with jupyterlab.running(tmp_path) as lab:
        page, sockets = new_page(), []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        page.goto(f"{lab.url}proxy/{server.port}/?token={jupyterlab.TOKEN}&name=Ada")
        expect(status(page)).to_have_text("Connected as Ada")
        prefix = lab.url.replace("http", "ws", 1)
        (socket,) = sockets
        assert socket.startswith(f"{prefix}proxy/{server.port}/ws?room=lobby&name=Ada&token=")
        say(page, "from behind the proxy")
        expect(texts(grace)).to_have_text(["from behind the proxy"])  # else who is first is chance
        say(grace, "and back")
        for window in (page, grace):
            expect(texts(window)).to_have_text(["from behind the proxy", "and back"])
        page.close()


def test_a_page_that_came_by_https_speaks_wss(serve: Serve, new_page: NewPage) -> None:
    server = ChatServer(port=0)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server.http = HTTPServer(make_app(server.rooms), ssl_options=context)
    url = serve(server).url.replace("http", "https", 1)
    page, sockets = new_page(ignore_https_errors=True), []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    join(page, url)
    say(page, "whispered")
    expect(texts(page)).to_have_text(["whispered"])
    (socket,) = sockets
    assert socket.startswith(url.replace("https", "wss", 1) + "ws?room=lobby&name=Ada&client=")


def test_an_edit_of_the_page_shows_on_the_next_visit(
    serve: Serve, page: Page, tmp_path: Path
) -> None:
    folder = tmp_path / "page"
    copytree(STATIC, folder)
    server = ChatServer(port=0)
    chat = (r"/ws", ChatSocket, {"rooms": server.rooms, "gate": Gate(), "codec": JSON})
    app = Application([chat, *page_routes(folder)], log_function=log_request)
    server.http = HTTPServer(app)
    url = serve(server).url
    heading = page.get_by_role("heading", level=1)
    join(page, url, "Ada")
    expect(heading).to_have_text("Welcome to chat")
    for title in ("Tea room", "Bar"):
        html = (STATIC / "index.html").read_text(encoding="utf-8")
        html = html.replace("Welcome to chat", title)
        (folder / "index.html").write_text(html, encoding="utf-8")
        join(page, url, f"Ada: {title}")
        expect(heading).to_have_text(title)


@pytest.mark.parametrize("way", ["mouse", "keys", "phone"])
def test_who_looks_at_the_rooms_sees_how_they_are_now(
    server: LaunchedServer, new_page: NewPage, way: str
) -> None:
    ada = new_page(viewport={"width": 400 if way == "phone" else 1100, "height": 800})
    join(ada, server.url)
    tea = ada.get_by_role("link", name="tea")
    other = new_page()
    other.goto(f"{server.url}?name=Bob&room=tea")
    expect(status(other)).to_have_text("Connected as Bob")
    expect(tea).to_have_count(0)
    if way == "mouse":
        ada.get_by_role("heading", name="Rooms").hover()
    elif way == "keys":
        ada.get_by_label("Another room").focus()
    else:
        ada.get_by_role("button", name="Rooms").click()
    expect(tea).to_have_text("tea1")


def test_the_keyboard_alone_is_enough(ada: Page, grace: Page) -> None:
    expect(field(ada)).to_be_focused()
    ada.keyboard.type("first")
    ada.keyboard.press("Shift+Enter")
    ada.keyboard.type("second")
    ada.keyboard.press("Enter")
    expect(texts(grace)).to_have_text(["first\nsecond"], use_inner_text=True)
    ada.keyboard.type("by button")
    ada.keyboard.press("Tab")
    expect(ada.get_by_role("button", name="Send")).to_be_focused()
    ada.keyboard.press("Enter")
    expect(field(ada)).to_be_focused()
    expect(texts(grace)).to_have_count(2)
    ada.keyboard.press("Shift+Tab")
    expect(ada.get_by_role("log")).to_be_focused()
    ada.keyboard.press("Shift+Tab")
    ada.keyboard.press("Enter")
    expect(ada.get_by_role("list", name="Who is here")).to_contain_text("Grace")
    ada.keyboard.press("Shift+Tab")
    expect(ada.get_by_role("button", name="Go")).to_be_focused()
    ada.get_by_label("Your name").focus()
    ada.keyboard.press("Control+A")
    ada.keyboard.type("Lovelace")
    ada.keyboard.press("Enter")
    expect(status(ada)).to_have_text("Connected as Lovelace")


def test_a_phone_shows_it_all_without_scrolling_sideways(
    server: LaunchedServer, new_page: NewPage, grace: Page
) -> None:
    small = {"width": 320, "height": 568}
    phone = new_page(viewport=small, is_mobile=True, has_touch=True, device_scale_factor=2)
    join(phone, server.url, "W" * 32)
    say(grace, "long" * 100, "https://example.org/" + "path/" * 60, "word " * 100)
    field(phone).fill("from a thumb")
    phone.get_by_role("button", name="Send").tap()
    expect(texts(phone).last).to_have_text("from a thumb")
    assert phone.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [320, 320]
    assert phone.get_by_role("log").evaluate("log => log.scrollWidth - log.clientWidth") == 0
    expect(field(phone)).to_be_in_viewport(ratio=1)


def test_the_field_is_as_high_as_its_text_whatever_its_width(ada: Page) -> None:
    def fits() -> None:
        wait_until(
            ada,
            "(({ clientHeight, scrollHeight }) => clientHeight > 0 && scrollHeight <= clientHeight)"
            "(document.querySelector('textarea'))",
        )

    field(ada).fill("so many words " * 12)
    fits()
    ada.set_viewport_size({"width": 400, "height": 800})
    fits()
    field(ada).evaluate(
        """area => {
          document.body.hidden = true;  // as in a tab of JupyterLab that is not in front
          area.value += " and some more";
          area.dispatchEvent(new Event("input", { bubbles: true }));
        }"""
    )
    ada.evaluate("document.body.hidden = false")
    fits()


@pytest.mark.parametrize(
    ("text", "objection"),
    [
        ("x" * 100_000, "A message has at most 4096 characters, and this one has 100000."),
        ("\x1c", "A message needs some text."),  # the server's words: for Python this is a space
    ],
)
def test_what_can_not_be_sent_is_told_beside_the_input(
    ada: Page, grace: Page, text: str, objection: str
) -> None:
    field(ada).evaluate("(area, text) => { area.value = text }", text)
    field(ada).press("Enter")
    alert = ada.get_by_role("alert")
    expect(alert).to_have_text(objection)
    expect(field(ada)).to_have_value(text)
    expect(alert).to_be_in_viewport(ratio=1)
    message, shown = field(ada).bounding_box(), alert.bounding_box()
    assert message
    assert shown
    assert 0 <= message["y"] - shown["y"] - shown["height"] < 40
    expect(grace.get_by_role("alert")).to_be_hidden()
    say(ada, "whole")
    expect(alert).to_be_hidden()
    for page in (ada, grace):
        expect(texts(page)).to_have_text(["whole"])


def test_the_last_ten_show_and_the_others_for_the_asking(ada: Page, grace: Page) -> None:
    said = [f"message {n}" for n in range(13)]
    say(ada, *said)
    expect(texts(grace)).to_have_text(said[-10:])
    grace.get_by_role("button", name="earlier").click()
    expect(texts(grace)).to_have_text(said)
    expect(texts(ada)).to_have_text(said[-10:])


def test_a_reader_who_scrolled_up_is_not_pulled_down(
    server: LaunchedServer, new_page: NewPage, ada: Page
) -> None:
    reader = join(new_page(viewport={"width": 700, "height": 400}), server.url, "Grace")
    log, pill = reader.get_by_role("log"), reader.get_by_role("button", name="New messages")
    say(ada, *(f"message {n}" for n in range(10)))
    expect(texts(reader)).to_have_count(10)
    expect(texts(reader).last).to_be_in_viewport()
    log.hover()
    reader.mouse.wheel(0, -10_000)
    expect(log).to_have_js_property("scrollTop", 0)
    say(ada, "the eleventh")
    expect(pill).to_be_visible()
    expect(texts(reader)).to_have_count(11)
    assert log.evaluate("log => log.scrollTop") == 0
    pill.click()
    expect(texts(reader).last).to_be_in_viewport()
    assert log.evaluate(DISTANCE) < 2
    say(ada, "the twelfth")
    expect(texts(reader).last).to_have_text("the twelfth")
    expect(texts(reader).last).to_be_in_viewport()
    expect(pill).to_be_hidden()


BRIGHTNESS = """(node) => {
  const context = document.createElement("canvas").getContext("2d");
  const lightness = (colour) => {
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const linear = ([...context.getImageData(0, 0, 1, 1).data].slice(0, 3)).map((byte) => {
      const part = byte / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const style = getComputedStyle(node);
  return [lightness(style.color), lightness(getComputedStyle(document.body).backgroundColor)];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_as_dark_as_its_reader_likes(
    server: LaunchedServer, new_page: NewPage, scheme: str
) -> None:
    page = join(new_page(color_scheme=scheme), server.url)
    say(page, "hello")
    expect(page.locator(".chatkit-rows .chatkit-text")).to_have_text(["hello"])
    expect(page.locator(".chatkit-queue .chatkit-text")).to_have_count(0)  # it leaves as we look
    for node in (texts(page), field(page), page.get_by_role("heading", level=1)):
        ink, paper = node.evaluate(BRIGHTNESS)
        assert (paper < ink) == (scheme == "dark")
        darker, lighter = sorted((ink, paper))
        assert (lighter + 0.05) / (darker + 0.05) > 7  # WCAG 2.2, contrast, level AAA
