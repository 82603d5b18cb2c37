"""The page's modules, one by one, in Chromium, without a chat server."""

import json
import re
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser.conftest import Watch, wait_until

STATIC = Path(__file__).parents[2] / "static"
PREFIX = "/user/ada/proxy/8765/"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
BLANK = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>blank</title>
<link rel="icon" href="static/icon.svg"><link rel="stylesheet" href="static/chat.css">"""

# A WebSocket, timers and dice that do only what a test tells them to, and a model as anywidget has.
FAKES = """
window.makeWorld = () => {
  const world = { sockets: [], timers: [], states: [], frames: [], dice: 1, now: 0 };
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
  world.setTimeout = (callback, ms) => world.timers.push({ callback, ms, at: world.now + ms });
  world.clearTimeout = (id) => { if (id) world.timers[id - 1].over = true; };
  world.pass = (ms) => {
    const end = world.now + ms;
    const due = () => world.timers.filter(({ over, at }) => !over && at <= end);
    for (let next; (next = due().sort((a, b) => a.at - b.at)[0]); next.callback()) {
      world.now = next.at;
      next.over = true;
    }
    world.now = end;
  };
  world.refusals = [];
  world.refusal = async (url) => { world.refusals.push(url); return world.sentence ?? ""; };
  world.onRefused = (sentence) => world.refusals.push(sentence);
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
        self.send_header("Content-Security-Policy", POLICY)
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
def blank(tab: Page, watch: Watch, address: str) -> Page:
    """An empty page with the fakes and the modules' exports as globals."""
    watch(tab)
    tab.emulate_media(color_scheme="light")
    tab.goto(address + "blank")
    tab.evaluate(
        """async () => {
          const names = "view message-input codec socket outbox session presence".split(" ");
          const modules = await Promise.all(names.map((name) => import(`./static/${name}.js`)));
          const [view, input] = modules;
          Object.assign(window, ...modules, { view, input });
        }"""
    )
    return tab


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


@pytest.mark.parametrize("name", ["chatkit.json", "chatkit.transit+json", "json", "transit+json"])
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
          world.place = "ws://x/ws";
          const chat = new ChatSocket(() => world.place, world);
          const last = () => world.sockets.at(-1);
          const returned = (() => {{ {steps} }})();
          const {{ states, frames }} = world;
          const urls = world.sockets.map((socket) => socket.url);
          const sent = world.sockets.map((socket) => socket.sent);
          const waits = world.timers.map((timer) => timer.ms).filter((ms) => ms !== 20_000);
          return {{ returned, states, frames, urls, sent, waits }};
        }}"""
    )


def test_connected_is_said_only_when_the_socket_is_open(blank: Page) -> None:
    assert socket_story(blank, "chat.connect()")["states"] == [["connecting"]]
    story = socket_story(blank, "chat.connect(); last().open(); return last().protocols")
    assert story["states"] == [["connecting"], ["connected"]]
    assert story["returned"] == [
        *("chatkit.json", "chatkit.transit+json", "json", "transit+json"),
    ]


@pytest.mark.parametrize(
    ("protocol", "written"),
    [
        ("json", '{"message":"hi"}'),
        ("transit+json", '["^ ","~:message","hi"]'),
        ("", '{"message":"hi"}'),
    ],
)
def test_a_plain_server_gets_messages_alone_and_is_asked_nothing(
    blank: Page, protocol: str, written: str
) -> None:
    story = socket_story(
        blank,
        f"""chat.connect();
        last().open({json.dumps(protocol)});
        const sent = [chat.send({{ event: "typing" }}), chat.send({{ message: "hi" }})];
        world.pass(100_000);
        last().say({json.dumps(written)});
        return [chat.hasEvents, ...sent];""",
    )
    assert story["returned"] == [False, False, True]
    assert story["sent"] == [[written]]
    assert story["frames"] == [{"message": "hi"}]
    assert story["states"] == [["connecting"], ["connected"]]


def test_it_comes_back_later_each_time_and_says_when(blank: Page) -> None:
    story = socket_story(
        blank, "chat.connect(); for (let n = 0; n < 8; n++) { last().drop(); world.pass(30_000); }"
    )
    assert story["waits"] == [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]
    assert story["states"][1::2] == [
        ["cut off", seconds] for seconds in (1, 1, 2, 4, 8, 16, 30, 30)
    ]


def test_a_frame_starts_the_waits_over_but_opening_does_not(blank: Page) -> None:
    cut = "last().drop(); world.pass(2_000);"
    story = socket_story(
        blank,
        f"chat.connect(); {cut} {cut} last().open(); {cut} last().say('{{}}'); {cut}",
    )
    assert story["waits"] == [500, 1000, 2000, 500]


def test_a_complaint_is_no_welcome_so_the_waits_go_on(blank: Page) -> None:
    cut = """last().say('{"error": "log_unavailable"}'); last().drop(); world.pass(30_000);"""
    assert socket_story(blank, f"chat.connect(); {cut} {cut} {cut}")["waits"] == [500, 1000, 2000]


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
        world.place = "ws://x/ws?name=Ada";
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
        world.pass(19_000);
        return world.sockets.length;""",
    )
    assert story["returned"] == 2


def test_closing_is_for_good(blank: Page) -> None:
    story = socket_story(
        blank, "chat.connect(); last().drop(); chat.close(); world.pass(60_000); chat.wake()"
    )
    assert len(story["urls"]) == 1


@pytest.mark.parametrize("text", ["no json", "7", "null", '"text"'])
def test_a_frame_that_is_no_object_becomes_an_error_frame(blank: Page, text: str) -> None:
    story = socket_story(blank, f"chat.connect(); last().open(); last().say({json.dumps(text)})")
    assert [frame["error"] for frame in story["frames"]] == ["unreadable"]


def test_the_network_is_back_so_a_line_that_looks_well_is_made_anew(blank: Page) -> None:
    story = socket_story(
        blank,
        "chat.connect(); const first = last(); first.open(); chat.renew(); return first.closed",
    )
    assert story["returned"] is True
    assert len(story["urls"]) == 2


def test_it_asks_for_the_rooms_every_twenty_seconds(blank: Page) -> None:
    story = socket_story(
        blank,
        """chat.connect();
        last().open();
        for (let n = 0; n < 3; n++) { world.pass(20_000); last().say("{}"); }
        world.pass(19_999);""",
    )
    assert story["sent"] == [['{"event":"rooms"}'] * 3]


@pytest.mark.parametrize("opens", ["", "last().open();"])
def test_a_line_on_which_nothing_comes_is_dead_after_forty_seconds(blank: Page, opens: str) -> None:
    story = socket_story(
        blank,
        f"""chat.connect();
        const first = last();
        {opens}
        world.pass(39_999);
        const before = first.closed;
        world.pass(1);
        return [before, first.closed];""",
    )
    assert story["returned"] == [None, True]
    assert story["states"][-1] == ["cut off", 1]


def test_anything_that_comes_shows_that_the_line_stands(blank: Page) -> None:
    story = socket_story(
        blank,
        """chat.connect();
        last().open();
        world.pass(39_999);
        last().say('{"message": "hi"}');
        world.pass(20_000);
        return last().closed""",
    )
    assert story["returned"] is None
    assert len(story["urls"]) == 1


def test_a_socket_that_never_opened_is_asked_about_once_for_each_try(blank: Page) -> None:
    assert blank.evaluate(
        """async () => {
          const world = Object.assign(makeWorld(), { sentence: "No token." });
          const chat = new ChatSocket(() => "ws://x/ws", world);
          const told = [];
          const drop = async () => {
            world.sockets.at(-1).drop();
            await null; await null; await null;
            told.push(world.refusals.splice(0));
          };
          chat.connect();
          await drop();
          world.pass(500);
          await drop();
          world.pass(1000);
          world.sockets.at(-1).open();
          await drop();
          return told;
        }"""
    ) == [["ws://x/ws", "No token."], ["ws://x/ws", "No token."], []]


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (403, "text/plain; charset=UTF-8", "No token."),
        (400, "text/plain", "No token."),
        (429, "text/plain", "No token."),
        (503, "text/plain", "No token."),
        (403, "text/html; charset=UTF-8", ""),
        (426, "text/plain", ""),
        (404, "text/plain", ""),
    ],
)
def test_only_a_plain_sentence_of_a_refusal_is_told(
    blank: Page, status: int, kind: str, said: str
) -> None:
    ask = """([status, kind]) => {
      const fetch = async (url) => {
        if (url !== "https://x/ws?token=1") throw new Error(url);
        return new Response("No token.", { status, headers: { "Content-Type": kind } });
      };
      return refusal("wss://x/ws?token=1", fetch);
    }"""
    assert blank.evaluate(ask, [status, kind]) == said


# session.js


def session(page: Page, steps: str) -> Any:
    """Run JavaScript with a Session `session` in room lobby; return what it returns."""
    made = (
        """const session = new Session({ room: "lobby", name: "Ada", token: null, client: "c" });"""
    )
    return page.evaluate(f"() => {{ {made} {steps} }}")


def test_a_newcomer_asks_for_the_latest_and_one_who_returns_for_what_was_missed(
    blank: Page,
) -> None:
    asked = session(
        blank,
        """const asked = [session.query()];
        session.welcome({ name: "Ada-2", log: "L", since: 150 });
        asked.push(session.query());
        session.isNew({ id: 251 });
        asked.push(session.query());
        return asked;""",
    )
    first, cut_at_once, later = asked
    assert first == {"room": "lobby", "name": "Ada", "client": "c", "last": 100}
    assert cut_at_once == {
        "room": "lobby", "name": "Ada-2", "client": "c", "since": 150, "log": "L",
    }  # fmt: skip
    assert later["since"] == 251


def test_a_token_is_carried_and_an_empty_name_is_not(blank: Page) -> None:
    query = "new Session({ room: 'a', name: '', token: 'secret', client: 'c' }).query()"
    assert blank.evaluate(query) == {"room": "a", "token": "secret", "client": "c", "last": 100}


def test_doubles_are_told_from_news_and_another_log_begins_again(blank: Page) -> None:
    assert session(
        blank,
        """session.welcome({ name: "Ada", log: "L", since: 0 });
        const seen = [1, 2, 2, 1, 3].map((id) => session.isNew({ id }));
        session.welcome({ name: "Ada", log: "L", since: 3 });
        seen.push(session.isNew({ id: 3 }));
        session.welcome({ name: "Ada", log: "M", since: 0 });
        seen.push(session.isNew({ id: 1 }), session.isNew({}));
        return seen;""",
    ) == [True, True, False, False, True, False, True, True]


def test_a_log_that_was_put_back_begins_again_where_it_is(blank: Page) -> None:
    assert session(
        blank,
        """session.welcome({ name: "Ada", log: "L", since: 0 });
        session.isNew({ id: 9 });
        session.welcome({ name: "Ada", log: "L", since: 0 });
        return [1, 2, 3].map((id) => session.isNew({ id }));""",
    ) == [True, True, True]


def test_the_room_is_in_the_address_and_the_rest_of_it_stays(blank: Page) -> None:
    rooms = "ends => ends.map((end) => roomOf({ href: `http://x/a/${end}` }))"
    assert blank.evaluate(rooms, ["", "?room=", "?room=py&name=Ada"]) == ["lobby", "lobby", "py"]
    link = "linkTo('tea', { href: 'https://x/a/?token=t&room=py&name=Ada#top' })"
    assert blank.evaluate(link) == "https://x/a/?token=t&room=tea&name=Ada#top"


# outbox.js


def outbox_story(page: Page, steps: str) -> dict[str, Any]:
    """Run JavaScript with an Outbox `box`; return the texts it `sent` and what `steps` returned."""
    return page.evaluate(
        f"""() => {{
          const world = makeWorld();
          const sent = [];
          let works = true;
          const box = new Outbox((frame) => works && sent.push(frame) > 0, world);
          const key = (n) => sent.at(n).key;
          const returned = (() => {{ {steps} }})();
          return {{ returned, sent: sent.map((frame) => frame.message), frames: sent }};
        }}"""
    )


def test_one_message_at_a_time_is_on_its_way_so_that_the_order_stays(blank: Page) -> None:
    story = outbox_story(
        blank,
        """box.open("a");
        for (const text of ["one", "two", "three"]) box.add("a", text);
        const on = [sent.length];
        box.take(key(-1));
        on.push(sent.length, box.take("unknown"));
        return [on, box.pending("a").map((item) => item.message)];""",
    )
    assert story["returned"] == [[1, 2, None], ["two", "three"]]
    assert story["sent"] == ["one", "two"]
    assert [sorted(frame) for frame in story["frames"]] == [["key", "message"]] * 2


def test_what_was_not_confirmed_goes_again_by_the_same_key_after_a_cut(blank: Page) -> None:
    story = outbox_story(
        blank,
        """box.add("a", "before");
        box.open("a");
        box.close();
        box.add("a", "meanwhile");
        const silent = sent.length;
        box.open("a");
        box.take(key(-1));
        return [silent, key(0) === key(1), key(1) === key(2)];""",
    )
    assert story["returned"] == [1, True, False]
    assert story["sent"] == ["before", "before", "meanwhile"]


def test_where_nothing_is_confirmed_a_message_is_done_when_it_is_sent(blank: Page) -> None:
    story = outbox_story(
        blank,
        """box.add("a", "one");
        box.add("a", "two");
        box.open("a", false);
        works = false;
        box.add("a", "three");
        const waits = box.pending("a").length;
        works = true;
        box.open("a", false);
        box.open("a");
        box.add("a", "four");
        return [waits, box.pending("a").map((item) => item.message)];""",
    )
    assert story["returned"] == [1, ["four"]]
    assert story["sent"] == ["one", "two", "three", "four"]


def test_a_message_stays_with_its_room(blank: Page) -> None:
    story = outbox_story(
        blank,
        """box.add("a", "for a");
        box.open("b");
        box.add("b", "for b");
        const there = sent.map((frame) => frame.message);
        box.open("a");
        return there;""",
    )
    assert story["returned"] == ["for b"]
    assert story["sent"] == ["for b", "for a"]


def test_what_the_server_can_t_take_now_goes_again_after_a_wait_and_before_the_rest(
    blank: Page,
) -> None:
    story = outbox_story(
        blank,
        """box.open("a");
        box.add("a", "one");
        box.add("a", "two");
        box.later(key(0));
        box.later(key(0));
        box.later("unknown");
        box.add("a", "three");
        world.pass(1_000);
        const early = sent.length;
        world.pass(1_000);
        box.take(key(0));
        return early;""",
    )
    assert story["returned"] == 1
    assert story["sent"] == ["one", "one", "two"]


def test_a_cut_ends_the_wait(blank: Page) -> None:
    story = outbox_story(
        blank,
        """box.open("a");
        box.add("a", "one");
        box.later(key(0));
        box.close();
        world.pass(5_000);""",
    )
    assert story["sent"] == ["one"]


def test_what_could_not_be_sent_is_still_next(blank: Page) -> None:
    story = outbox_story(
        blank,
        """works = false;
        box.open("a");
        box.add("a", "one");
        works = true;
        box.add("a", "two");""",
    )
    assert story["sent"] == ["one"]


def test_an_outbox_is_bounded(blank: Page) -> None:
    story = outbox_story(
        blank,
        """const kept = Array.from({ length: 101 }, (_, n) => box.add(n % 2 ? "a" : "b", "x"));
        const keys = new Set(box.items.map((item) => item.key));
        return [kept.indexOf(false), keys.size, [...keys].every((key) => key.length === 32)];""",
    )
    assert story["returned"] == [100, 100, True]


def test_half_a_character_is_made_whole_before_it_is_sent(blank: Page) -> None:
    story = outbox_story(blank, "box.open('a'); box.add('a', 'half \\ud83d')")
    assert story["sent"] == ["half \ufffd"]


# presence.js


def presence_story(page: Page, steps: str) -> Any:
    """Run JavaScript with a Presence `here`; return what `tell` noted: [typing, news]."""
    return page.evaluate(
        f"""() => {{
          const world = makeWorld();
          const lines = [];
          const here = new Presence(() => {{}}, world);
          const tell = () => lines.push([here.typing.join(), here.news]);
          const hear = (event, name) => here.hear({{ event, name }});
          {steps}
          return lines;
        }}"""
    )


def test_who_types_is_told_for_three_seconds_or_until_the_message_comes(blank: Page) -> None:
    assert presence_story(
        blank,
        """hear("typing", "Ada");
        world.pass(2_000);
        hear("typing", "Bob");
        tell();
        world.pass(1_000);
        tell();
        hear("typing", "Bob");
        world.pass(2_999);
        tell();
        here.hear({ name: "Bob", message: "hi" });
        tell();
        hear("typing", "Cy");
        hear("left", "Cy");
        here.hear({ error: "too_fast" });
        world.pass(6_000);
        tell();""",
    ) == [["Ada,Bob", ""], ["Bob", ""], ["Bob", ""], ["", ""], ["", ""]]


def test_comings_and_goings_are_one_line_that_goes_away(blank: Page) -> None:
    assert presence_story(
        blank,
        """hear("joined", "Bob");
        hear("joined", "Cy");
        tell();
        world.pass(3_000);
        hear("left", "Dan");
        tell();
        world.pass(3_000);
        tell();
        for (const n of [1, 2, 3, 4, 5]) hear("joined", `guest-${n}`);
        tell();
        world.pass(6_000);
        tell();""",
    ) == [
        ["", "Bob and Cy joined"],
        ["", "Bob and Cy joined · Dan left"],
        ["", "Dan left"],
        ["", "guest-1, guest-2 and 3 others joined · Dan left"],
        ["", ""],
    ]


def test_who_is_back_at_once_was_never_gone(blank: Page) -> None:
    assert presence_story(
        blank,
        """hear("left", "Bob");
        hear("joined", "Bob");
        tell();
        hear("joined", "Cy");
        hear("left", "Cy");
        tell();""",
    ) == [["", ""], ["", ""]]


def test_members_are_counted_and_only_what_changes_something_is_told(blank: Page) -> None:
    assert blank.evaluate(
        """() => {
          let changes = 0;
          const here = new Presence(() => { changes += 1; }, makeWorld());
          const counts = [];
          for (const frame of [
            { event: "welcome", name: "Ada", members: ["Ada", "Bob"], count: 143 },
            { event: "left", name: "Bob", members: ["Ada"] },
            { name: "Bob", message: "hi", id: 1 },
            { event: "typing", name: "Bob" },
            { name: "Bob", message: "hi", id: 2 },
          ]) {
            here.hear(frame);
            counts.push([here.count, here.members.length, changes]);
          }
          here.clear();
          return [...counts, [here.count, here.news]];
        }"""
    ) == [[143, 2, 1], [1, 1, 2], [1, 1, 2], [1, 1, 3], [1, 1, 4], [0, ""]]


# view.js

NOON = 1_753_000_000


def message(text: str, name: str = "Grace", time: float = NOON) -> dict[str, Any]:
    return {"id": 1, "name": name, "message": text, "time": time}


def messages(count: int) -> list[dict[str, Any]]:
    return [message(f"message {n}", time=NOON + 400 * n) for n in range(count)]


@pytest.fixture
def show(blank: Page) -> Any:
    """A function that adds messages to Ada's `list`, made at the first call, and has it drawn."""

    def add(*new: dict[str, Any]) -> Locator:
        blank.evaluate(
            """async (messages) => {
              window.list ??= new MessageList(document.body, { name: "Ada" });
              for (const message of messages) list.add(message);
              await new Promise(requestAnimationFrame);
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


DATES = """(messages) => {
  const real = Date;
  const list = new MessageList(document.body);
  const shown = (node) => [...node.querySelectorAll("time")].map((time) => time.textContent);
  return messages.map((when) => {
    const now = new real(...when);
    window.Date = class extends real { constructor(...at) { super(...(at.length ? at : [now])); } };
    list.add({ name: `${when}`, message: "hi", time: now / 1000 });
    window.Date = real;
    return shown(list.list);
  });
}"""


def test_a_day_is_told_but_not_today_s_and_a_year_but_not_this_one(blank: Page) -> None:
    days = [[2024, 6, 8, 10, 0], [2025, 6, 7, 10, 0], [2025, 6, 8, 10, 0], [2025, 6, 8, 11, 0]]
    told = [
        [re.match(r"(.*, )?1[01]:00", time)[1] or "" for time in times]
        for times in blank.evaluate(DATES, days)
    ]
    assert told == [
        [""],
        ["Jul 8, 2024, ", ""],
        ["Jul 8, 2024, ", "Jul 7, ", ""],
        ["Jul 8, 2024, ", "Jul 7, ", "", ""],
    ]


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
    spoken = ":not([aria-live=off])"  # else a screen reader would read all that came back
    assert rows.locator(f":scope{spoken} .chatkit-text").all_text_contents() == [
        f"message {n}" for n in range(5, 15)
    ]
    assert show(message("one more")).count() == 16
    blank.evaluate("list.clear()")  # another room
    show(*messages(15))
    expect(blank.get_by_role("button", name="Show earlier messages (5)")).to_be_visible()


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


def test_what_comes_before_the_next_frame_is_settled_at_once(blank: Page, show: Any) -> None:
    show(*messages(10))
    blank.evaluate(
        """() => {
          const { follow, atBottom } = list;
          Object.assign(list, { follows: 0, looks: 0 });
          list.follow = () => { list.follows += 1; follow.call(list); };
          list.atBottom = () => { list.looks += 1; return atBottom.call(list); };
        }"""
    )
    assert show(*messages(200)).count() == 10
    assert blank.evaluate("list.follows") == 1
    blank.evaluate("() => { list.log.scrollTop = 0; }")
    wait_until(blank, "!list.following")
    blank.evaluate("list.looks = 0")
    show(*messages(200))
    assert blank.evaluate("[list.follows, list.looks]") == [1, 1]


def test_who_scrolls_up_as_messages_come_is_left_alone(blank: Page, show: Any) -> None:
    show(*messages(10))
    blank.evaluate(
        """async (message) => {
          list.add(message);
          list.log.scrollTop = 20;
          await new Promise(requestAnimationFrame);
        }""",
        message("new"),
    )
    assert blank.get_by_role("log").evaluate("log => log.scrollTop") == 20
    expect(blank.get_by_role("button", name="New messages")).to_be_visible()


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
    assert blank.evaluate("model.sent") == [{"typing": True}, {"text": "hello"}]
    blank.evaluate("model.set('enabled', false)")
    field.fill("later")
    field.press("Enter")
    expect(field).to_have_value("later")
    assert blank.evaluate("model.sent.filter((message) => message.text).length") == 1


# What the page says of one's typing


TYPE = """([text, ms]) => {
  box.area.value = text;
  const event = new Event("input", { bubbles: true });
  Object.defineProperty(event, "timeStamp", { value: ms });
  box.area.dispatchEvent(event);
  return typed;
}"""


def test_typing_is_told_every_two_seconds_at_most_and_never_of_an_empty_field(
    blank: Page, field: Locator
) -> None:
    blank.evaluate("() => { window.typed = 0; box.onTyping = () => { typed += 1; }; }")
    told = [
        blank.evaluate(TYPE, [text, ms])
        for text, ms in [
            ("h", 100), ("he", 2_099), ("hel", 2_100), ("", 9_000), ("  ", 9_001), ("x", 9_002)
        ]
    ]  # fmt: skip
    assert told == [1, 1, 2, 2, 2, 3]
    assert blank.evaluate("texts") == []


# Who is here, and what waits


def test_names_are_listed_as_people_do(blank: Page) -> None:
    lists = [["A"], ["A", "B"], ["A", "B", "C"], ["A", "B", "C", "D"], ["A"] * 30, []]
    assert blank.evaluate("lists => lists.map(listed)", lists) == [
        "A", "A and B", "A, B and C", "A, B and 2 others", "A, A and 28 others", "",
    ]  # fmt: skip
    assert blank.evaluate("lists => lists.map(typingWords)", lists[:3] + lists[-1:]) == [
        "A is typing…", "A and B are typing…", "Several people are typing…", "",
    ]  # fmt: skip


def test_who_is_here_shows_for_the_asking_and_says_how_many_more(blank: Page) -> None:
    hostile = "<img src=x>"
    blank.evaluate(
        """(members) => {
          window.people = new People(document.body);
          people.show({ room: "lobby", members, count: 143, name: "Ada" });
        }""",
        ["Ada", hostile],
    )
    names = blank.get_by_role("list", name="Who is here")
    expect(blank.locator("summary")).to_have_text("lobby143 here")
    expect(names).to_be_hidden()
    blank.locator("summary").focus()
    blank.keyboard.press("Enter")
    expect(names.get_by_role("listitem")).to_have_text(["AAdayou", "<S" + hostile, "and 141 more"])
    assert blank.locator("img").count() == 0
    blank.evaluate("people.show({ room: 'tea', members: ['Bob'] })")
    expect(blank.locator("summary")).to_have_text("tea1 here")
    expect(names.get_by_role("listitem")).to_have_text(["BBob"])


PENDING = "items => list.showPending(items.map(([key, message]) => ({ key, message })))"


def test_what_waits_stands_after_everything_else_and_is_grey(blank: Page, show: Any) -> None:
    rows = show(message("theirs"))
    blank.evaluate(PENDING, [["a", "one"], ["b", "two\nlines"]])
    show(message("theirs again"))
    texts = ["theirs", "theirs again", "one", "two\nlines"]
    expect(rows.locator(".chatkit-text")).to_have_text(texts, use_inner_text=True)
    expect(blank.get_by_text("2 wait to be sent")).to_be_visible()
    for row in (rows.nth(2), rows.nth(3)):
        expect(row).to_have_css("filter", "grayscale(1)")
    assert blank.evaluate("document.querySelector('.chatkit-waiting').ariaLive") == "off"
    assert blank.get_by_role("log").evaluate(DISTANCE) < 2
    expect(rows.nth(2).locator(".chatkit-avatar")).to_be_visible()
    expect(rows.nth(3).locator(".chatkit-avatar")).to_be_hidden()
    blank.evaluate(PENDING, [["b", "two\nlines"]])
    show(message("one", name="Ada"))
    expect(rows.locator(".chatkit-text")).to_have_text(
        ["theirs", "theirs again", "one", "two\nlines"], use_inner_text=True
    )
    expect(rows.nth(3).locator(".chatkit-avatar")).to_be_hidden()  # it goes on after "one"
    blank.evaluate(PENDING, [])
    expect(rows).to_have_count(3)
    expect(blank.get_by_text("to be sent")).to_be_hidden()


def test_writing_takes_one_to_the_bottom(blank: Page, show: Any) -> None:
    show(*messages(10))
    blank.get_by_role("log").evaluate("log => { log.scrollTop = 0 }")
    wait_until(blank, "!list.following")
    blank.evaluate(PENDING, [["a", "one"]])
    assert blank.get_by_role("log").evaluate(DISTANCE) < 2


def test_what_waits_is_no_empty_room(blank: Page, show: Any) -> None:
    show()
    blank.evaluate(PENDING, [["a", "one"]])
    expect(blank.get_by_text("Nothing here yet")).to_be_hidden()
    blank.evaluate("list.clear()")
    expect(blank.get_by_text("Nothing here yet")).to_be_visible()


def test_a_note_stands_between_the_messages(blank: Page, show: Any) -> None:
    rows = show(message("a"), {"note": "<b>gone</b>"}, message("b"))
    expect(rows.nth(1)).to_have_text("<b>gone</b>")
    expect(rows.nth(2)).to_have_class(re.compile("chatkit-start"))


FULL_WIDGET = """(traits) => {
  window.model = new FakeModel({ messages: [], name: "Ada", limit: 10, ...traits });
  window.cleanup = view.default.render({ model, el: document.body });
}"""


def test_the_widget_draws_who_is_here_what_they_do_and_what_waits(blank: Page) -> None:
    blank.evaluate(
        FULL_WIDGET,
        {
            "room": "tea",
            "members": ["Ada", "Bob"],
            "count": 2,
            "typing": ["Bob"],
            "news": "Cy left",
            "pending": [{"key": "a", "message": "one"}],
        },
    )
    expect(blank.locator("summary")).to_have_text("tea2 here")
    expect(blank.get_by_text("Bob is typing…")).to_be_visible()
    expect(blank.get_by_text("Cy left")).to_be_visible()
    expect(blank.get_by_text("Waiting to be sent")).to_be_visible()
    blank.evaluate(
        """messages => {
          model.set("messages", messages);
          model.set("pending", []);
          model.set("typing", []);
          model.set("news", "Dan joined");
          model.set("count", 3);
        }""",
        [message("one", name="Ada")],
    )
    expect(blank.locator("summary")).to_have_text("tea3 here")
    expect(blank.locator(".chatkit-text")).to_have_text(["one"])
    expect(blank.get_by_text("typing")).to_have_count(0)
    expect(blank.get_by_text("Dan joined")).to_be_visible()
    blank.evaluate("cleanup(); model.set('news', 'Eve joined')")
    expect(blank.get_by_text("Dan joined")).to_be_visible()


def test_the_widget_leads_to_other_rooms(blank: Page) -> None:
    blank.evaluate(FULL_WIDGET, {"room": "tea", "rooms": {"lobby": 3, "tea": 2, "<b>": 1}})
    blank.locator("summary").click()
    rooms = blank.get_by_role("list", name="Other rooms").get_by_role("button")
    expect(rooms).to_have_text(["<b> · 1", "lobby · 3"])
    rooms.last.hover()
    blank.mouse.down()
    blank.evaluate("model.set('typing', ['Bob'])")  # in the midst of the click
    blank.evaluate("model.set('rooms', { lobby: 4, tea: 2, '<b>': 1, zoo: 1 })")
    expect(rooms).to_have_text(["<b> · 1", "lobby · 4", "zoo · 1"])
    blank.mouse.up()
    assert blank.evaluate("model.sent") == [{"look": True}, {"room": "lobby"}]
    blank.evaluate("model.set('rooms', { tea: 2 })")
    expect(blank.get_by_role("list", name="Other rooms")).to_be_hidden()


def test_a_model_that_knows_no_room_shows_messages_alone(blank: Page) -> None:
    blank.evaluate(WIDGET, [message("one")])
    expect(blank.locator(".chatkit-text")).to_have_text(["one"])
    expect(blank.locator("summary")).to_be_hidden()
    expect(blank.locator(".chatkit-quiet")).to_be_hidden()


# main.js


@pytest.fixture
def chat(page: Page, address: str) -> Page:
    """The whole page, under a prefix, with a fake WebSocket and timer: `socket()` is the newest."""
    page.add_init_script(FAKES)
    page.add_init_script(
        """window.world = makeWorld();
        window.WebSocket = world.WebSocket;
        Object.assign(window, { setTimeout: world.setTimeout, clearTimeout: world.clearTimeout });
        window.socket = () => world.sockets.at(-1);"""
    )
    # What the page asks about a socket that never opened: nothing is wrong with its address.
    page.route("**/ws?*", lambda route: route.fulfill(status=200))
    page.goto(address)
    wait_until(page, "world.sockets.length === 1")
    return page


def hear(page: Page, frame: dict[str, Any]) -> None:
    page.evaluate("frame => socket().say(JSON.stringify(frame))", frame)


def welcome(page: Page, name: str, **more: Any) -> None:
    page.evaluate("socket().open()")
    frame = {"event": "welcome", "room": "lobby", "name": name, "members": [name], "count": 1}
    hear(page, frame | {"since": 0, "log": "L", "missed": False, "rate": 20} | more)


def query(page: Page) -> dict[str, str]:
    """What the newest socket asks for; the page's own mark has to be there and is left out."""
    address = urlsplit(page.evaluate("socket().url"))
    asked = dict(parse_qsl(address.query, strict_parsing=True))
    assert len(asked.pop("client")) == 32
    return asked


def sent(page: Page) -> list[dict[str, str]]:
    """The messages that went through the newest socket."""
    frames = [json.loads(text) for text in page.evaluate("socket().sent")]
    return [frame for frame in frames if "message" in frame]


def texts(page: Page) -> Locator:
    return page.get_by_role("log").locator(".chatkit-text")


def say(page: Page, *said: str) -> None:
    field = page.get_by_role("textbox", name="Message")
    for text in said:
        field.fill(text)
        field.press("Enter")


def confirm(page: Page, number: int) -> None:
    """Let the server answer the newest message with itself, under a number."""
    newest = sent(page)[-1]
    hear(page, message(newest["message"], name="Ada") | {"id": number, "key": newest["key"]})


def test_the_page_tells_how_the_connection_is(chat: Page, address: str) -> None:
    state = chat.locator(".chatkit-status")
    assert chat.evaluate("socket().url").startswith(address.replace("http", "ws", 1) + "ws?")
    assert query(chat) == {"room": "lobby", "last": "100"}
    expect(state).to_have_text("Connecting…")
    chat.evaluate("socket().open()")
    expect(state).to_have_text("Connected")
    welcome(chat, "guest-1")
    expect(state).to_have_text("Connected as guest-1")
    expect(chat.get_by_label("Your name")).to_have_attribute("placeholder", "guest-1")
    chat.evaluate("socket().drop()")
    expect(state).to_contain_text("Cut off, trying again")
    expect(state).to_have_attribute("data-state", "cut off")


def test_the_network_s_return_makes_the_line_anew_though_it_looked_well(chat: Page) -> None:
    welcome(chat, "Ada", last=7)
    hear(chat, message("seven") | {"id": 7})
    chat.evaluate("window.dispatchEvent(new Event('online'))")
    assert chat.evaluate("[world.sockets.length, world.sockets[0].closed]") == [2, True]
    assert query(chat) == {"room": "lobby", "name": "Ada", "since": "7", "log": "L"}


def test_token_room_and_name_come_from_the_page_s_own_address(chat: Page, address: str) -> None:
    chat.goto(address + "?token=s%26t&room=tea&name=Ada%20L")
    assert query(chat) == {"token": "s&t", "room": "tea", "name": "Ada L", "last": "100"}
    first = chat.evaluate("new URL(socket().url).searchParams.get('client')")
    chat.evaluate("socket().drop(); world.pass(500)")
    assert chat.evaluate("new URL(socket().url).searchParams.get('client')") == first
    chat.reload()
    assert chat.evaluate("new URL(socket().url).searchParams.get('client')") != first


def test_a_new_name_is_asked_for_and_remembered(chat: Page) -> None:
    welcome(chat, "guest-1")
    chat.get_by_label("Your name").fill("  Ada ")
    chat.keyboard.press("Enter")
    wait_until(chat, "world.sockets.length === 2")
    assert query(chat)["name"] == "Ada"
    welcome(chat, "Ada-2")
    expect(chat.locator(".chatkit-status")).to_have_text("Connected as Ada-2")
    hear(chat, message("mine", name="Ada-2"))
    expect(chat.locator(".chatkit-own")).to_be_visible()
    chat.reload()
    expect(chat.get_by_label("Your name")).to_have_value("Ada")
    assert query(chat)["name"] == "Ada"


def test_a_new_name_replaces_the_one_in_the_address(chat: Page, address: str) -> None:
    chat.goto(address + "?name=Grace&room=tea")
    chat.get_by_label("Your name").fill("Ada")
    chat.keyboard.press("Enter")
    wait_until(chat, "location.search === '?name=Ada&room=tea'")


def test_the_page_lives_where_nothing_can_be_stored(page: Page, address: str) -> None:
    page.add_init_script(FAKES)
    page.add_init_script(
        """window.world = makeWorld();
        window.WebSocket = world.WebSocket;
        window.socket = () => world.sockets.at(-1);
        const refuse = () => { throw new Error("forbidden"); };
        Object.defineProperty(window, "localStorage", { get: refuse });"""
    )
    page.goto(address + "?name=Grace")
    assert query(page)["name"] == "Grace"
    page.get_by_label("Your name").fill("Ada")
    page.keyboard.press("Enter")
    wait_until(page, "world.sockets.length === 2")
    assert query(page)["name"] == "Ada"


def test_a_message_waits_until_it_is_confirmed_and_takes_its_place_then(chat: Page) -> None:
    say(chat, "one", "two")
    expect(texts(chat)).to_have_text(["one", "two"])
    expect(chat.get_by_role("textbox", name="Message")).to_have_value("")
    chat.evaluate("socket().open()")
    assert sent(chat) == []  # before the welcome nobody knows where one is
    welcome(chat, "Ada")
    (one,) = sent(chat)
    assert one["message"] == "one"
    hear(chat, message("from another") | {"id": 1})
    expect(texts(chat)).to_have_text(["from another", "one", "two"])
    confirm(chat, 2)
    assert [frame["message"] for frame in sent(chat)] == ["one", "two"]
    confirm(chat, 3)
    expect(texts(chat)).to_have_text(["from another", "one", "two"])
    expect(chat.locator(".chatkit-queue li")).to_have_count(0)
    expect(chat.locator(".chatkit-own")).to_have_count(2)


def test_what_was_cut_off_goes_again_by_its_key_and_shows_once(chat: Page) -> None:
    welcome(chat, "Ada")
    say(chat, "one")
    (one,) = sent(chat)
    chat.evaluate("socket().drop()")
    say(chat, "two")
    chat.evaluate("world.pass(30_000)")
    assert query(chat) == {"room": "lobby", "name": "Ada", "since": "0", "log": "L"}
    welcome(chat, "Ada", last=1)
    assert sent(chat) == [one]
    stored = message("one", name="Ada") | {"id": 1, "key": one["key"]}
    hear(chat, stored)  # what one missed
    hear(chat, stored)  # the answer to the same key
    assert [frame["message"] for frame in sent(chat)] == ["one", "two"]
    confirm(chat, 2)
    expect(texts(chat)).to_have_text(["one", "two"])


def test_doubles_show_once_and_a_gap_in_the_log_is_told(chat: Page) -> None:
    gone = "Some messages from while you were away may be gone."
    welcome(chat, "Ada", last=2)
    for number in (1, 2, 2, 1):
        hear(chat, message(f"message {number}") | {"id": number})
    expect(texts(chat)).to_have_text(["message 1", "message 2"])
    expect(chat.get_by_text(gone)).to_have_count(0)
    chat.evaluate("socket().drop(); world.pass(30_000)")
    welcome(chat, "Ada", log="M", last=1, missed=True)
    hear(chat, message("a new one") | {"id": 1})
    expect(texts(chat)).to_have_text(["message 1", "message 2", "a new one"])
    expect(chat.get_by_text(gone)).to_be_visible()


def test_what_is_refused_for_good_is_back_in_the_field_with_the_server_s_sentence(
    chat: Page,
) -> None:
    field, error = chat.get_by_role("textbox", name="Message"), chat.get_by_role("alert")
    welcome(chat, "Ada")
    say(chat, "a bad one", "a good one")
    field.fill("typed since")
    refusal = {"error": "too_long", "detail": "That was <b>too</b> long."}
    hear(chat, refusal | {"key": sent(chat)[0]["key"]})
    expect(error).to_have_text("That was <b>too</b> long.")
    expect(field).to_have_value("a bad one\ntyped since")
    expect(texts(chat)).to_have_text(["a good one"])
    assert sent(chat)[-1]["message"] == "a good one"
    confirm(chat, 1)
    expect(error).to_be_visible()
    say(chat, "mended")
    expect(error).to_be_hidden()


def test_what_the_server_can_t_take_now_goes_again_by_itself(chat: Page) -> None:
    error = chat.get_by_role("alert")
    welcome(chat, "Ada")
    say(chat, "one", "two")
    (one,) = sent(chat)
    hear(chat, {"error": "too_fast", "detail": "Not so fast."})  # of a sign of typing
    expect(error).to_be_hidden()
    hear(chat, {"error": "log_unavailable", "detail": "The log does not answer."})
    expect(error).to_have_text("The log does not answer.")
    hear(chat, {"error": "log_unavailable", "detail": "The disk is full.", "key": one["key"]})
    expect(error).to_have_text("The disk is full.")
    expect(texts(chat)).to_have_text(["one", "two"])
    assert sent(chat) == [one]
    chat.evaluate("world.pass(2_000)")
    assert sent(chat) == [one, one]
    confirm(chat, 1)
    expect(error).to_be_hidden()
    assert [frame["message"] for frame in sent(chat)] == ["one", "one", "two"]


def test_a_full_outbox_keeps_the_text_in_the_field(chat: Page) -> None:
    say(chat, *(f"message {n}" for n in range(100)), "one too many")
    expect(chat.get_by_role("textbox", name="Message")).to_have_value("one too many")
    expect(chat.get_by_role("alert")).to_contain_text("100 messages wait to be sent")
    expect(texts(chat)).to_have_count(100)
    welcome(chat, "Ada")
    confirm(chat, 1)
    say(chat, "now")
    expect(chat.get_by_role("alert")).to_be_hidden()


def test_leaving_warns_only_if_something_waits(chat: Page) -> None:
    leave = "!window.dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert chat.evaluate(leave) is False
    say(chat, "one")
    assert chat.evaluate(leave) is True
    welcome(chat, "Ada")
    confirm(chat, 1)
    assert chat.evaluate(leave) is False


ROOMS = {"event": "rooms", "rooms": {"lobby": 3, "tea": 2}}


def test_the_rooms_and_how_many_are_in_them(chat: Page) -> None:
    rooms = chat.get_by_role("navigation", name="Rooms").get_by_role("link")
    welcome(chat, "Ada", count=3)
    assert '{"event":"rooms"}' in chat.evaluate("socket().sent")
    hear(chat, ROOMS)
    expect(rooms).to_have_text(["lobby3", "tea2"])
    expect(rooms.nth(0)).to_have_attribute("aria-current", "page")
    hear(chat, {"event": "joined", "name": "Bob", "members": ["Ada", "Bob"], "count": 4})
    expect(rooms).to_have_text(["lobby4", "tea2"])
    assert chat.title() == "lobby · Welcome to chat"


def test_going_to_another_room_leaves_everything_of_this_one_behind(
    chat: Page, address: str
) -> None:
    welcome(chat, "Ada-2", count=3, last=1)
    hear(chat, ROOMS)
    hear(chat, message("said in the lobby"))
    hear(chat, {"event": "typing", "name": "Bob"})
    first = chat.evaluate_handle("socket()")
    chat.get_by_role("link", name="tea").click()
    assert chat.url == address + "?room=tea"
    assert query(chat) == {"room": "tea", "last": "100"}  # a name is granted by each room
    assert chat.title() == "tea · Welcome to chat"
    chat.evaluate("([first, text]) => first.onmessage?.({ data: text })", [first, '{"message":1}'])
    expect(texts(chat)).to_have_count(0)
    expect(chat.get_by_text("typing")).to_have_count(0)
    expect(chat.get_by_role("textbox", name="Message")).to_be_focused()
    welcome(chat, "Ada", room="tea", count=2, last=1, log="T")
    hear(chat, message("said at tea"))
    expect(texts(chat)).to_have_text(["said at tea"])
    expect(chat.locator("summary")).to_have_text("tea2 here")
    chat.go_back()
    wait_until(chat, "world.sockets.length === 3")
    assert query(chat) == {"room": "lobby", "last": "100"}
    expect(texts(chat)).to_have_count(0)
    chat.go_forward()
    wait_until(chat, "world.sockets.length === 4")
    assert query(chat)["room"] == "tea"
    chat.evaluate("location.hash = '#top'")
    chat.go_back()
    assert chat.evaluate("world.sockets.length") == 4


def test_what_waits_for_a_room_waits_there(chat: Page) -> None:
    rooms = chat.get_by_role("navigation", name="Rooms").get_by_role("link")
    say(chat, "for the lobby")
    chat.get_by_label("Another room").fill("tea")
    chat.keyboard.press("Enter")
    expect(texts(chat)).to_have_count(0)
    welcome(chat, "Ada", room="tea")
    assert sent(chat) == []
    hear(chat, ROOMS)
    expect(rooms.nth(0)).to_have_text("lobby31 to send")
    rooms.nth(0).click()
    expect(texts(chat)).to_have_text(["for the lobby"])
    welcome(chat, "Ada")
    assert [frame["message"] for frame in sent(chat)] == ["for the lobby"]


def test_what_waits_to_go_again_never_goes_to_another_room(chat: Page) -> None:
    welcome(chat, "Ada")
    say(chat, "for the lobby")
    hear(chat, {"error": "too_fast", "detail": "Wait.", "key": sent(chat)[0]["key"]})
    chat.get_by_label("Another room").fill("tea")
    chat.keyboard.press("Enter")
    chat.evaluate("socket().open(); world.pass(5_000)")
    assert sent(chat) == []
    welcome(chat, "Ada", room="tea")
    assert sent(chat) == []


@pytest.mark.parametrize("room", ["my room", "<b>", "x" * 65, "café", " "])
def test_a_room_that_can_t_be_is_said_to_be_so(chat: Page, room: str) -> None:
    field = chat.get_by_label("Another room")
    field.evaluate("(field, room) => { field.value = room }", room)
    field.press("Enter")
    rule = "A room's name has 1 to 64 letters from a to z, digits, - or _."
    expect(chat.get_by_text(rule)).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    assert chat.evaluate("world.sockets.length") == 1
    field.fill("my_room-1")
    expect(chat.get_by_text(rule)).to_be_hidden()
    chat.get_by_role("button", name="Go").click()
    assert query(chat)["room"] == "my_room-1"


def test_a_click_on_a_room_counts_whatever_happens_meanwhile(chat: Page) -> None:
    hear(chat, ROOMS)
    tea = chat.get_by_role("link", name="tea")
    tea.focus()
    chat.evaluate("tea => { window.tea = tea }", tea.element_handle())
    tea.hover()
    chat.mouse.down()
    hear(chat, {"event": "typing", "name": "Bob"})
    hear(chat, {"event": "rooms", "rooms": {**ROOMS["rooms"], "zoo": 1}})
    expect(chat.get_by_role("link", name="zoo")).to_be_visible()
    assert chat.evaluate("document.activeElement === window.tea")
    chat.mouse.up()
    assert query(chat)["room"] == "tea"


def test_a_link_to_a_room_with_a_key_held_down_is_the_browser_s(chat: Page) -> None:
    hear(chat, ROOMS)
    with chat.context.expect_page() as opened:
        chat.get_by_role("link", name="tea").click(modifiers=["Control"])
    expect(opened.value).to_have_url(re.compile(r"\?room=tea$"))  # it begins as about:blank
    assert chat.evaluate("world.sockets.length") == 1


def test_a_narrow_window_has_the_rooms_in_a_panel(chat: Page) -> None:
    rooms = chat.get_by_role("navigation", name="Rooms")
    chat.set_viewport_size({"width": 390, "height": 700})
    welcome(chat, "Ada")
    hear(chat, ROOMS)
    expect(rooms).to_be_hidden()
    button = chat.get_by_role("button", name="Rooms")
    button.focus()
    chat.keyboard.press("Enter")
    expect(rooms).to_be_in_viewport(ratio=1)
    chat.keyboard.press("Escape")
    expect(rooms).to_be_hidden()
    button.click()
    rooms.get_by_role("link", name="tea").click()
    expect(rooms).to_be_hidden()
    assert query(chat)["room"] == "tea"


def test_joins_leaves_and_typing_show_in_one_quiet_line(chat: Page) -> None:
    line = chat.locator("#quiet")
    welcome(chat, "Ada")
    for name in ("Bob", "Cy"):
        hear(chat, {"event": "joined", "name": name, "members": ["Ada", name], "count": 3})
    hear(chat, {"event": "typing", "name": "Bob"})
    expect(line).to_have_text("Bob is typing…Bob and Cy joined")
    height = line.bounding_box()
    chat.evaluate("world.pass(3_000)")
    expect(line).to_have_text("Bob and Cy joined")
    chat.evaluate("world.pass(3_000)")
    expect(line).to_have_text("")
    assert line.bounding_box() == height
    assert texts(chat).count() == 0


def test_typing_is_told_to_the_server(chat: Page) -> None:
    typing = """socket().sent.filter((text) => text === '{"event":"typing"}').length"""
    welcome(chat, "Ada")
    chat.get_by_role("textbox", name="Message").press_sequentially("quick")
    assert chat.evaluate(typing) == 1


@pytest.mark.parametrize("attack", ["<img src=x onerror=alert(1)>", "<b>x</b>"])
def test_names_and_errors_are_text_wherever_they_show(chat: Page, attack: str) -> None:
    welcome(chat, "Ada", members=["Ada", attack], count=2)
    chat.locator("summary").click()
    hear(chat, {"event": "joined", "name": attack, "members": ["Ada", attack], "count": 2})
    hear(chat, {"event": "typing", "name": attack})
    hear(chat, {"event": "rooms", "rooms": {attack: 1}})
    hear(chat, {"error": "bad_frame", "detail": attack})
    expect(chat.get_by_text(attack)).to_have_count(5)
    assert chat.locator("main img, main b, nav img, nav b").count() == 0


def test_why_a_socket_is_refused_is_told(chat: Page, forgiven: list[str]) -> None:
    forgiven.append("403 (Forbidden)")
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=403, content_type="text/plain", body="The link needs its <token>.")

    chat.route("**/ws?*", answer)
    chat.evaluate("socket().drop()")
    expect(chat.get_by_role("alert")).to_have_text("The link needs its <token>.")
    assert asked == [chat.evaluate("socket().url").replace("ws://", "http://")]
    chat.evaluate("world.pass(500)")
    welcome(chat, "Ada")
    expect(chat.get_by_role("alert")).to_be_hidden()
    chat.evaluate("socket().drop()")  # one that was open is no refusal
    expect(chat.locator(".chatkit-status")).to_contain_text("Cut off")
    assert len(asked) == 1


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
