"""The page's modules, one by one, in Chromium, without a chat server."""

import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

STATIC = Path(__file__).parents[2] / "static"
PREFIX = "/user/ada/proxy/8765/"
BLANK = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>blank</title>
<link rel="icon" href="static/icon.svg"><link rel="stylesheet" href="static/chat.css">"""

# A WebSocket, timers and dice that do only what a test tells them to, and a model as anywidget has.
FAKES = """
window.makeWorld = () => {
  const world = { sockets: [], timers: [], states: [], frames: [], dice: 1 };
  world.WebSocket = class {
    static OPEN = 1;
    constructor(url, protocols) {
      Object.assign(this, { url, protocols, protocol: "", readyState: 0, sent: [] });
      world.sockets.push(this);
    }
    send(text) { this.sent.push(text); }
    close() { this.closed = true; }
    open(protocol = "chatkit.json") {
      Object.assign(this, { protocol, readyState: 1 });
      this.onopen?.();
    }
    say(text) { this.onmessage?.({ data: text }); }
    drop() { this.readyState = 3; this.onclose?.({}); }
  };
  world.setTimeout = (callback, ms) => world.timers.push({ callback, ms });
  world.clearTimeout = (id) => { if (id) world.timers[id - 1].cleared = true; };
  world.fire = () => {
    const timer = world.timers.at(-1);
    if (!timer.cleared) timer.callback();
  };
  world.random = () => world.dice;
  world.onState = (...state) => world.states.push(state);
  world.onMessage = (frame) => world.frames.push(frame);
  return world;
};
window.FakeModel = class {
  constructor(traits) { Object.assign(this, { traits, listeners: {}, sent: [] }); }
  get(name) { return this.traits[name]; }
  set(name, value) {
    this.traits[name] = value;
    for (const listener of this.listeners["change:" + name] ?? []) listener();
  }
  on(event, listener) { (this.listeners[event] ??= new Set()).add(listener); }
  off(event, listener) { this.listeners[event].delete(listener); }
  send(message) { this.sent.push(message); }
};
"""


class StaticHandler(SimpleHTTPRequestHandler):
    """`static/` under a prefix, as behind a proxy, with a strict Content-Security-Policy."""

    def do_GET(self) -> None:
        self.path = self.path.removeprefix(PREFIX.rstrip("/"))
        if self.path == "/blank":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(BLANK)
        else:
            self.path = self.path.removeprefix("/static")
            super().do_GET()

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", "default-src 'self'")
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(StaticHandler, directory=STATIC)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """One page for all tests of single modules: a new one each would take most of their time."""
    context = browser.new_context()
    tab = context.new_page()
    tab.add_init_script(FAKES)
    yield tab
    context.close()


@pytest.fixture
def blank(tab: Page, address: str) -> Iterator[Page]:
    """An empty page with the fakes and the modules' exports as globals."""
    problems: list[str] = []

    def listen(said: ConsoleMessage) -> None:
        if said.type == "error":
            problems.append(said.text)

    tab.on("console", listen)
    tab.emulate_media(color_scheme="light")
    tab.goto(address + "blank")
    tab.evaluate(
        """async () => {
          const names = ["codec", "socket", "view", "message-input"];
          const modules = await Promise.all(names.map((name) => import(`./static/${name}.js`)));
          const [codec, socket, view, input] = modules;
          Object.assign(window, codec, socket, view, input, { view, input });
        }"""
    )
    yield tab
    tab.remove_listener("console", listen)
    assert problems == []


def wait_until(page: Page, condition: str) -> None:
    """Wait for a JavaScript condition; the policy forbids the eval in `page.wait_for_function`."""
    page.evaluate(
        f"""async () => {{
          const end = performance.now() + 10_000;
          while (!({condition})) {{
            if (performance.now() > end) throw new Error("waited ten seconds in vain");
            await new Promise(requestAnimationFrame);
          }}
        }}"""
    )


# codec.js

GOLDEN = [  # written by transit-js 0.8.874
    ({"message": "hi"}, '["^ ","~:message","hi"]'),
    (
        {"id": 1, "name": "Ada", "message": "hi", "time": 1753000000.123},
        '["^ ","~:id",1,"~:name","Ada","~:message","hi","~:time",1753000000.123]',
    ),
    ({"message": "~tilde"}, '["^ ","~:message","~~tilde"]'),
    ({"message": "^caret"}, '["^ ","~:message","~^caret"]'),
    ({"message": "`tick"}, '["^ ","~:message","~`tick"]'),
    ({"message": "a~^ 👋"}, '["^ ","~:message","a~^ 👋"]'),
    (
        {"event": "joined", "members": [{"name": "Ada"}, {"name": "Bo", "away": True}], "no": None},
        '["^ ","~:event","joined","~:members",[["^ ","~:name","Ada"],'
        '["^ ","^2","Bo","~:away",true]],"~:no",null]',
    ),
    (
        {"a": 1, "ab": 2, "abc": [{"ab": 3, "abc": 4}]},
        '["^ ","~:a",1,"~:ab",2,"~:abc",[["^ ","^0",3,"^1",4]]]',
    ),
]


@pytest.mark.parametrize(("frame", "text"), GOLDEN)
def test_transit_writes_and_reads_as_transit_js_does(blank: Page, frame: Any, text: str) -> None:
    both = """([frame, text]) => {
      const codec = codecs["chatkit.transit+json"];
      return [codec.encode(frame), codec.decode(text)];
    }"""
    assert blank.evaluate(both, [frame, text]) == [text, frame]


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        ('["^ ","name","Ada","more",["^ ","^0","Bo"]]', {"name": "Ada", "more": {"name": "Bo"}}),
        ('["^ ","~:kind","~:joined","~:again","^1","~:seen",["~#list",[1,2]]]',
         {"kind": "joined", "again": "joined", "seen": [1, 2]}),
        ('["^ ","~:time","~d1.5","~:id","~i12","~:big","~n3","~:ok","~?t","~:none","~_"]',
         {"time": 1.5, "id": 12, "big": 3, "ok": True, "none": None}),
        ('["^ ","~:pairs",["~#cmap",["a",1,"b",2]],"~:quoted",["~#\'","x"]]',
         {"pairs": {"a": 1, "b": 2}, "quoted": "x"}),
    ],
)  # fmt: skip
def test_transit_reads_what_other_writers_may_write(blank: Page, text: str, frame: Any) -> None:
    assert blank.evaluate("text => codecs['chatkit.transit+json'].decode(text)", text) == frame


@pytest.mark.parametrize("name", ["chatkit.json", "chatkit.transit+json"])
@pytest.mark.parametrize("keys", [1, 46, 2500])
def test_a_round_trip_changes_nothing_however_many_keys(blank: Page, name: str, keys: int) -> None:
    frame = {
        "first": {f"key{n}": n for n in range(keys)},
        "then": [{f"key{n}": "^~`"[n % 3]} for n in range(keys)],
    }
    trip = "([name, frame]) => codecs[name].decode(codecs[name].encode(frame))"
    assert blank.evaluate(trip, [name, frame]) == frame


def test_a_transit_integer_beyond_doubles_stays_exact(blank: Page) -> None:
    trip = (
        "text => codecs['chatkit.transit+json'].encode(codecs['chatkit.transit+json'].decode(text))"
    )
    text = '["^ ","~:id","~i9007199254740993"]'
    assert blank.evaluate(trip, text) == text


def test_a_hostile_key_reaches_no_prototype(blank: Page) -> None:
    reach = """text => {
      const frame = codecs["chatkit.transit+json"].decode(text);
      return [({}).hit, Object.getPrototypeOf(frame) === Object.prototype];
    }"""
    assert blank.evaluate(reach, '["^ ","~:__proto__",["^ ","~:hit",1]]') == [None, True]


# socket.js


@pytest.mark.parametrize(
    ("page_address", "query", "expected"),
    [
        ("http://localhost:8765/", {}, "ws://localhost:8765/ws"),
        (
            "https://hub.example/user/x/proxy/8765/?a=1#b",
            {},
            "wss://hub.example/user/x/proxy/8765/ws",
        ),
        (
            "https://hub.example/chat/",
            {"name": "Å & b"},
            "wss://hub.example/chat/ws?name=%C3%85+%26+b",
        ),
    ],
)
def test_the_socket_is_next_to_the_page(
    blank: Page, page_address: str, query: Any, expected: str
) -> None:
    assert (
        blank.evaluate("([href, query]) => socketUrl({ href }, query)", [page_address, query])
        == expected
    )


def test_backoff_doubles_up_to_half_a_minute_with_full_jitter(blank: Page) -> None:
    waits = blank.evaluate("[0, 1, 2, 3, 4, 5, 6, 7, 2000].map((n) => backoff(n, () => 1))")
    assert waits == [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]
    assert blank.evaluate("backoff(5, () => 0)") == 0
    assert blank.evaluate("backoff(5, () => 0.25)") == 4000


def socket_story(page: Page, steps: str) -> dict[str, Any]:
    """Run JavaScript with a ChatSocket `chat` in a fake `world`; return what the world saw."""
    return page.evaluate(
        f"""() => {{
          const world = makeWorld();
          const chat = new ChatSocket("ws://x/ws", world);
          const last = () => world.sockets.at(-1);
          const returned = (() => {{ {steps} }})();
          const {{ states, frames }} = world;
          const urls = world.sockets.map((socket) => socket.url);
          const sent = world.sockets.map((socket) => socket.sent);
          const waits = world.timers.map((timer) => timer.ms);
          return {{ returned, states, frames, urls, sent, waits }};
        }}"""
    )


def test_connected_is_said_only_when_the_socket_is_open(blank: Page) -> None:
    assert socket_story(blank, "chat.connect()")["states"] == [["connecting"]]
    story = socket_story(blank, "chat.connect(); last().open(); return last().protocols")
    assert story["states"] == [["connecting"], ["connected"]]
    assert story["returned"] == ["chatkit.json", "chatkit.transit+json"]


def test_it_comes_back_later_each_time_and_says_when(blank: Page) -> None:
    story = socket_story(
        blank, "chat.connect(); for (let n = 0; n < 8; n++) { last().drop(); world.fire(); }"
    )
    assert story["waits"] == [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]
    assert story["states"][1::2] == [
        ["cut off", seconds] for seconds in (1, 1, 2, 4, 8, 16, 30, 30)
    ]


def test_a_frame_starts_the_waits_over_but_opening_does_not(blank: Page) -> None:
    cut = "last().drop(); world.fire();"
    story = socket_story(
        blank,
        f"chat.connect(); {cut} {cut} last().open(); {cut} last().say('{{}}'); {cut}",
    )
    assert story["waits"] == [500, 1000, 2000, 500]


def test_sending_needs_an_open_socket_and_uses_the_granted_codec(blank: Page) -> None:
    story = socket_story(
        blank,
        """const hi = { message: "hi" };
        const sent = [chat.send(hi)];
        chat.connect();
        sent.push(chat.send(hi));
        last().open("chatkit.transit+json");
        sent.push(chat.send(hi));
        last().say('["^ ","~:message","hello"]');
        last().drop();
        sent.push(chat.send(hi));
        return sent;""",
    )
    assert story["returned"] == [False, False, True, False]
    assert story["sent"] == [['["^ ","~:message","hi"]']]
    assert story["frames"] == [{"message": "hello"}]


def test_a_socket_replaced_by_another_is_closed_and_heard_no_more(blank: Page) -> None:
    story = socket_story(
        blank,
        """chat.connect();
        const first = last();
        first.open();
        chat.url = "ws://x/ws?name=Ada";
        chat.connect();
        first.say('{"message": "late"}');
        first.drop();
        return first.closed;""",
    )
    assert story["returned"] is True
    assert story["urls"] == ["ws://x/ws", "ws://x/ws?name=Ada"]
    assert story["frames"] == []
    assert story["states"] == [["connecting"], ["connected"], ["connecting"]]


def test_waking_up_tries_at_once_but_only_if_it_waits(blank: Page) -> None:
    story = socket_story(
        blank, "chat.connect(); last().open(); chat.wake(); return world.sockets.length"
    )
    assert story["returned"] == 1
    story = socket_story(
        blank,
        """chat.connect();
        last().drop();
        chat.wake();
        return [world.sockets.length, world.timers[0].cleared];""",
    )
    assert story["returned"] == [2, True]


def test_closing_is_for_good(blank: Page) -> None:
    story = socket_story(
        blank, "chat.connect(); last().drop(); chat.close(); world.fire(); chat.wake()"
    )
    assert len(story["urls"]) == 1


@pytest.mark.parametrize("text", ["no json", "7", "null", '"text"'])
def test_a_frame_that_is_no_object_becomes_an_error_frame(blank: Page, text: str) -> None:
    story = socket_story(blank, f"chat.connect(); last().open(); last().say({json.dumps(text)})")
    assert [frame["error"] for frame in story["frames"]] == ["bad_frame"]


# view.js

NOON = 1_753_000_000


def message(text: str, name: str = "Grace", time: float = NOON) -> dict[str, Any]:
    return {"id": 1, "name": name, "message": text, "time": time}


def messages(count: int) -> list[dict[str, Any]]:
    return [message(f"message {n}", time=NOON + 400 * n) for n in range(count)]


@pytest.fixture
def show(blank: Page) -> Any:
    """A function that adds messages to Ada's `list`, made at the first call."""

    def add(*new: dict[str, Any]) -> Locator:
        blank.evaluate(
            """(messages) => {
              window.list ??= new MessageList(document.body, { name: "Ada" });
              for (const message of messages) list.add(message);
            }""",
            list(new),
        )
        return blank.get_by_role("log", name="Messages").get_by_role("listitem")

    return add


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ada", "A"),
        ("ada lovelace", "AL"),
        ("Ada B C", "AC"),
        ("guest-7", "G7"),
        ("👩‍👩‍👧 x", "👩‍👩‍👧X"),
        ("-", "-"),
        ("", ""),
    ],
)
def test_initials(blank: Page, name: str, expected: str) -> None:
    assert blank.evaluate("name => initials(name)", name) == expected


def test_guests_that_differ_by_a_number_differ_in_colour(blank: Page) -> None:
    hues = blank.evaluate("[1, 2, 3, 4].map((n) => hue(`guest-${n}`))")
    assert all(abs(a - b) > 20 for a in hues for b in hues if a is not b and a != b)
    assert len(set(hues)) == 4


@pytest.mark.parametrize(
    ("first", "second", "grouped"),
    [
        (message("a"), message("b", time=NOON + 299), True),
        (message("a"), message("b", time=NOON + 301), False),
        (message("a"), message("b", name="Ada"), False),
        ({"name": "Ada", "message": "a"}, {"name": "Ada", "message": "b"}, True),
        ({"message": "a"}, {"message": "b"}, False),
    ],
)
def test_messages_group_by_person_within_five_minutes(
    show: Any, first: Any, second: Any, grouped: bool
) -> None:
    rows = show(first, second)
    starts = rows.evaluate_all("rows => rows.map((row) => row.classList.contains('chatkit-start'))")
    assert starts == [True, not grouped]
    if first.get("name"):
        expect(rows.nth(0).locator(".chatkit-avatar")).to_be_visible()
        expect(rows.nth(1).locator(".chatkit-avatar")).to_be_visible(visible=not grouped)
        expect(rows.nth(1).locator(".chatkit-author")).to_be_visible(visible=not grouped)


def test_a_message_that_goes_on_shows_its_time_on_hover(show: Any) -> None:
    row = show(message("a"), message("b")).nth(1)
    expect(row.locator(".chatkit-head")).to_have_css("opacity", "0")
    row.hover()
    expect(row.locator(".chatkit-head")).to_have_css("opacity", "1")
    expect(row.locator("time")).to_have_attribute("datetime", "2025-07-20T08:26:40.000Z")
    assert "2025" in (row.locator("time").get_attribute("title") or "")


def test_own_messages_are_told_apart(show: Any) -> None:
    rows = show(message("theirs"), message("mine", name="Ada"))
    assert rows.locator(".chatkit-you").count() == 1
    assert "chatkit-own" in (rows.nth(1).get_attribute("class") or "")


def test_markup_shows_as_text_in_messages_and_names(blank: Page, show: Any) -> None:
    hostile = "<img src=x onerror=\"document.title='hit'\">"
    row = show(message(f"{hostile} http://x/{hostile}", name=hostile))
    assert row.locator(".chatkit-text").text_content() == f"{hostile} http://x/{hostile}"
    expect(row.locator(".chatkit-author")).to_have_text(hostile)
    assert blank.locator("img, script").count() == 0
    assert blank.title() == "blank"


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("see https://example.org/a?b=1#c.", ["https://example.org/a?b=1#c"]),
        (
            "(http://example.org/), and HTTP://EXAMPLE.ORG!",
            ["http://example.org/", "HTTP://EXAMPLE.ORG"],
        ),
        ("https://en.wikipedia.org/wiki/A_(b)", ["https://en.wikipedia.org/wiki/A_(b)"]),
        ("(https://en.wikipedia.org/wiki/A_(b)).", ["https://en.wikipedia.org/wiki/A_(b)"]),
        ('"https://example.org"', ["https://example.org"]),
        ("javascript:alert(1) data:text/html,x ftp://x/ www.example.org https:// http://[", []),
    ],
)
def test_only_web_addresses_become_links(show: Any, text: str, urls: list[str]) -> None:
    row = show(message(text))
    assert row.locator(".chatkit-text").text_content() == text
    links = row.get_by_role("link")
    assert links.all_text_contents() == urls
    for link in links.all():
        expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
        expect(link).to_have_attribute("target", "_blank")


def test_a_plain_server_s_message_is_text_alone(show: Any) -> None:
    rows = show({"message": "hi"}, {"message": "line one\nline two"})
    assert rows.locator(".chatkit-avatar, time, .chatkit-author").count() == 0
    assert rows.nth(1).inner_text() == "line one\nline two"


def test_long_words_wrap_and_right_to_left_text_runs_right_to_left(blank: Page, show: Any) -> None:
    rows = show(message("long" * 500), message("שלום"))
    assert blank.evaluate("document.querySelector('.chatkit-log').scrollWidth <= innerWidth")
    expect(rows.nth(1).locator(".chatkit-text")).to_have_css("direction", "rtl")


def test_an_empty_list_invites(blank: Page, show: Any) -> None:
    show()
    expect(blank.get_by_text("Nothing here yet. Say hello!")).to_be_visible()
    show(message("hello"))
    expect(blank.get_by_text("Nothing here yet. Say hello!")).to_be_hidden()


def test_the_last_ten_show_and_the_rest_for_the_asking(blank: Page, show: Any) -> None:
    rows = show(*messages(15))
    assert rows.locator(".chatkit-text").all_text_contents() == [
        f"message {n}" for n in range(5, 15)
    ]
    blank.get_by_role("button", name="Show earlier messages (5)").click()
    assert rows.locator(".chatkit-text").all_text_contents() == [f"message {n}" for n in range(15)]
    expect(blank.get_by_role("log")).to_be_focused()
    expect(blank.locator(".chatkit-earlier")).to_be_hidden()
    assert show(message("one more")).count() == 16


def test_memory_is_bounded(blank: Page, show: Any) -> None:
    show(*messages(1005))
    blank.get_by_role("button", name="Show earlier messages (990)").click()
    rows = show(message("the newest"))
    assert rows.count() == 1000
    expect(rows.first).to_contain_text("message 6")
    expect(rows.last).to_contain_text("the newest")


DISTANCE = "log => log.scrollHeight - log.scrollTop - log.clientHeight"


def test_a_reader_at_the_bottom_stays_there(blank: Page, show: Any) -> None:
    show(*messages(10))
    show(message("tall\n" * 20))
    assert blank.get_by_role("log").evaluate(DISTANCE) < 2
    expect(blank.get_by_role("button", name="New messages")).to_be_hidden()


def test_a_reader_at_the_bottom_stays_there_when_the_list_shrinks(blank: Page, show: Any) -> None:
    show(*messages(10))
    blank.evaluate("document.querySelector('section').style.setProperty('height', '120px')")
    wait_until(blank, f"({DISTANCE})(document.querySelector('.chatkit-log')) < 2")


def test_a_reader_who_scrolled_up_is_left_alone_and_told(blank: Page, show: Any) -> None:
    rows = show(*messages(10))
    log = blank.get_by_role("log")
    assert log.evaluate("log => log.scrollTop") > 100
    log.evaluate("log => { log.scrollTop = 20 }")
    place = "row => row.getBoundingClientRect().top"
    before = rows.nth(1).evaluate(place)
    assert show(*messages(3)).count() == 13
    assert rows.nth(1).evaluate(place) == before
    blank.get_by_role("button", name="New messages").click()
    assert log.evaluate(DISTANCE) < 2
    assert rows.count() == 10
    expect(blank.get_by_role("button", name="New messages")).to_be_hidden()
    expect(log).to_be_focused()


def test_scrolling_down_by_oneself_puts_the_notice_away(blank: Page, show: Any) -> None:
    show(*messages(10))
    log = blank.get_by_role("log")
    log.evaluate("log => { log.scrollTop = 0 }")
    show(message("new"))
    expect(blank.get_by_role("button", name="New messages")).to_be_visible()
    log.focus()
    blank.keyboard.press("End")
    expect(blank.get_by_role("button", name="New messages")).to_be_hidden()


def test_sending_takes_one_to_the_bottom(blank: Page, show: Any) -> None:
    show(*messages(10))
    blank.get_by_role("log").evaluate("log => { log.scrollTop = 0 }")
    show(message("mine", name="Ada"))
    assert blank.get_by_role("log").evaluate(DISTANCE) < 2


WIDGET = """(messages) => {
  window.model = new FakeModel({ messages, name: "Ada", limit: 10 });
  window.cleanup = view.default.render({ model, el: document.body });
}"""


def test_the_widget_keeps_the_rows_it_has(blank: Page) -> None:
    blank.evaluate(WIDGET, messages(10))
    rows = blank.get_by_role("listitem")
    assert rows.count() == 10
    blank.evaluate("document.querySelectorAll('li').forEach((row, n) => { row.dataset.was = n })")
    blank.evaluate("messages => model.set('messages', messages)", messages(12)[2:])
    was = rows.evaluate_all("rows => rows.map((row) => row.dataset.was ?? 'new')")
    assert was == ["2", "3", "4", "5", "6", "7", "8", "9", "new", "new"]
    expect(blank.locator(".chatkit-earlier")).to_be_hidden()


def test_the_widget_draws_another_list_and_another_name_afresh(blank: Page) -> None:
    blank.evaluate(WIDGET, [message("one"), message("two", name="Ada")])
    texts = blank.locator(".chatkit-text")
    assert blank.locator(".chatkit-own").all_inner_texts()[0].endswith("two")
    blank.evaluate("model.set('name', 'Grace')")
    assert blank.locator(".chatkit-own").all_inner_texts()[0].endswith("one")
    blank.evaluate("messages => model.set('messages', messages)", [message("other")])
    assert texts.all_text_contents() == ["other"]
    blank.evaluate("cleanup(); model.set('messages', [])")
    assert texts.all_text_contents() == ["other"]


@pytest.mark.parametrize(("light", "scheme"), [("true", "light"), ("false", "dark")])
def test_jupyterlab_s_theme_wins_over_the_system_s(blank: Page, light: str, scheme: str) -> None:
    blank.emulate_media(color_scheme="dark" if scheme == "light" else "light")
    blank.evaluate("light => { document.body.dataset.jpThemeLight = light }", light)
    blank.evaluate(WIDGET, [])
    expect(blank.locator(".chatkit-messages")).to_have_css("color-scheme", scheme)


# message-input.js


@pytest.fixture
def field(blank: Page) -> Locator:
    """The field of an input that collects what it is given in `texts` and answers `accept`."""
    blank.evaluate(
        """() => {
          Object.assign(window, { texts: [], accept: true, heard: [] });
          window.box = new MessageInput(document.body, (text) => {
            texts.push(text);
            return accept;
          });
          document.body.addEventListener("keydown", (event) => heard.push(event.key));
        }"""
    )
    return blank.get_by_role("textbox", name="Message")


def test_enter_sends_the_whole_text_and_clears(blank: Page, field: Locator) -> None:
    field.press_sequentially("hello")
    field.press("Enter")
    field.press_sequentially("again")
    field.press("Enter")
    expect(field).to_have_value("")
    assert blank.evaluate("texts") == ["hello", "again"]


def test_shift_enter_breaks_the_line(blank: Page, field: Locator) -> None:
    field.press_sequentially("one")
    height = field.evaluate("area => area.offsetHeight")
    field.press("Shift+Enter")
    field.press_sequentially("two")
    assert field.evaluate("area => area.offsetHeight") > height
    field.press("Enter")
    assert blank.evaluate("texts") == ["one\ntwo"]
    assert field.evaluate("area => area.offsetHeight") == height


def test_the_button_sends_and_gives_the_keys_back(blank: Page, field: Locator) -> None:
    button = blank.get_by_role("button", name="Send")
    expect(button).to_be_disabled()
    field.fill("by button")
    button.click()
    assert blank.evaluate("texts") == ["by button"]
    expect(field).to_be_focused()
    expect(button).to_be_disabled()


@pytest.mark.parametrize("composing", ["{ isComposing: true }", "{ keyCode: 229 }"])
def test_the_enter_that_ends_a_composition_does_not_send(
    blank: Page, field: Locator, composing: str
) -> None:
    field.fill("日本")
    press = """area => area.dispatchEvent(
      new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...%s })
    )"""
    assert field.evaluate(press % composing) is True
    assert blank.evaluate("texts") == []
    expect(field).to_have_value("日本")
    assert field.evaluate(press % "{}") is False
    assert blank.evaluate("texts") == ["日本"]


@pytest.mark.parametrize("text", ["", "   ", "\n\n"])
def test_blank_text_is_not_sent(blank: Page, field: Locator, text: str) -> None:
    field.fill(text)
    field.press("Enter")
    assert blank.evaluate("texts") == []


def test_a_text_that_could_not_be_sent_stays(blank: Page, field: Locator) -> None:
    blank.evaluate("window.accept = false")
    field.fill("precious")
    field.press("Enter")
    expect(field).to_have_value("precious")
    blank.evaluate("box.enabled = false")
    field.press("Enter")
    expect(blank.get_by_role("button", name="Send")).to_be_disabled()
    expect(field).to_be_editable()
    assert blank.evaluate("texts") == ["precious"]


def test_a_counter_shows_near_the_end(blank: Page, field: Locator) -> None:
    field.fill("x" * 3895)
    expect(blank.locator(".chatkit-left")).to_be_hidden()
    field.fill("x" * 3896)
    expect(blank.locator(".chatkit-left")).to_have_text("200 left")
    expect(field).to_have_attribute("maxlength", "4096")


def test_keys_typed_here_reach_nobody_else(blank: Page, field: Locator) -> None:
    field.press_sequentially("dd a b")
    field.press("Shift+Enter")
    field.press("Enter")
    assert blank.evaluate("heard") == []
    expect(blank.locator("form[data-lm-suppress-shortcuts=true]")).to_be_visible()


def test_the_widget_s_input_sends_one_message_for_each_text(blank: Page) -> None:
    blank.evaluate(
        """() => {
          window.model = new FakeModel({ placeholder: "Say it", enabled: true });
          input.default.render({ model, el: document.body });
        }"""
    )
    field = blank.get_by_placeholder("Say it")
    field.press_sequentially("hello")
    field.press("Enter")
    assert blank.evaluate("model.sent") == [{"text": "hello"}]
    blank.evaluate("model.set('enabled', false)")
    field.fill("later")
    field.press("Enter")
    expect(field).to_have_value("later")
    assert len(blank.evaluate("model.sent")) == 1


# main.js


@pytest.fixture
def chat(page: Page, address: str) -> Page:
    """The whole page, under a prefix, with a fake WebSocket and timer: `socket()` is the newest."""
    page.add_init_script(FAKES)
    page.add_init_script(
        """window.world = makeWorld();
        window.WebSocket = world.WebSocket;
        window.setTimeout = world.setTimeout;
        window.socket = () => world.sockets.at(-1);"""
    )
    page.goto(address)
    wait_until(page, "world.sockets.length === 1")
    return page


def hear(page: Page, frame: dict[str, Any]) -> None:
    page.evaluate("frame => socket().say(JSON.stringify(frame))", frame)


def welcome(page: Page, name: str) -> None:
    page.evaluate("socket().open()")
    hear(page, {"event": "welcome", "room": "lobby", "name": name})


def test_the_page_tells_how_the_connection_is(chat: Page, address: str) -> None:
    state = chat.locator(".chatkit-status")
    assert chat.evaluate("socket().url") == address.replace("http", "ws", 1) + "ws"
    expect(state).to_have_text("Connecting…")
    chat.evaluate("socket().open()")
    expect(state).to_have_text("Connected")
    welcome(chat, "guest-1")
    expect(state).to_have_text("Connected as guest-1")
    expect(chat.get_by_label("Your name")).to_have_attribute("placeholder", "guest-1")
    chat.evaluate("socket().drop()")
    expect(state).to_contain_text("Cut off, trying again")
    expect(state).to_have_attribute("data-state", "cut off")
    chat.evaluate("window.dispatchEvent(new Event('online'))")
    wait_until(chat, "world.sockets.length > 1")


def test_a_new_name_is_asked_for_and_remembered(chat: Page) -> None:
    welcome(chat, "guest-1")
    chat.get_by_label("Your name").fill("  Ada ")
    chat.keyboard.press("Enter")
    wait_until(chat, "socket().url.endsWith('/ws?name=Ada')")
    welcome(chat, "Ada-2")
    expect(chat.locator(".chatkit-status")).to_have_text("Connected as Ada-2")
    hear(chat, message("mine", name="Ada-2"))
    expect(chat.locator(".chatkit-own")).to_be_visible()
    chat.reload()
    expect(chat.get_by_label("Your name")).to_have_value("Ada")
    assert chat.evaluate("socket().url").endswith("/ws?name=Ada")


def test_what_is_typed_goes_out_and_an_error_stays_until_the_next_success(chat: Page) -> None:
    field = chat.get_by_role("textbox", name="Message")
    error = chat.get_by_role("alert")
    field.fill("hi")
    field.press("Enter")
    expect(error).to_contain_text("Not connected")
    expect(field).to_have_value("hi")
    welcome(chat, "Ada")
    expect(error).to_be_hidden()
    field.press("Enter")
    expect(field).to_have_value("")
    assert chat.evaluate("socket().sent") == ['{"message":"hi"}']
    hear(chat, {"error": "bad_message", "detail": "That was too long."})
    expect(error).to_have_text("That was too long.")
    hear(chat, message("from another"))
    expect(error).to_be_visible()
    hear(chat, message("mine", name="Ada"))
    expect(error).to_be_hidden()


def test_the_page_lives_where_nothing_can_be_stored(page: Page, address: str) -> None:
    page.add_init_script(FAKES)
    page.add_init_script(
        """window.world = makeWorld();
        window.WebSocket = world.WebSocket;
        const refuse = () => { throw new Error("forbidden"); };
        Object.defineProperty(window, "localStorage", { get: refuse });"""
    )
    page.goto(address + "?name=Grace")
    wait_until(page, "world.sockets[0]?.url.endsWith('/ws?name=Grace')")
    page.get_by_label("Your name").fill("Ada")
    page.keyboard.press("Enter")
    wait_until(page, "world.sockets.at(-1).url.endsWith('/ws?name=Ada')")


@pytest.mark.parametrize(("width", "height"), [(320, 568), (480, 300), (1200, 800)])
def test_the_page_fits(chat: Page, width: int, height: int) -> None:
    chat.set_viewport_size({"width": width, "height": height})
    welcome(chat, "Bartholomew Featherstonehaugh-32")
    for sent in [message("word " * 200), message("long" * 100)]:
        hear(chat, sent)
    root = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    assert chat.evaluate(root) == [width, height]
    expect(chat.get_by_role("textbox", name="Message")).to_be_in_viewport(ratio=1)
    expect(chat.get_by_role("log")).to_be_in_viewport(ratio=1)
