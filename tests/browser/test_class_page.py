"""The page for a class's projector: who has joined, and what each has passed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Locator, Page, expect
from websockets.sync.client import connect

from chatkit.lessons.classroom import Membership
from chatkit.lessons.engine.exercise import names
from chatkit.lessons.redis_server import free_port
from chatkit.names import tidy
from chatkit.server import ChatServer, LaunchedServer
from tests.browser.accessibility import violations
from tests.browser.conftest import NewPage

PROJECTOR = {"width": 1920, "height": 1080}
TOKEN = "k7m2x9qwpe"
BACK = 15_000  # milliseconds in which a page is back after a restart
DOWN = ["WebSocket connection to", "net::ERR_CONNECTION_REFUSED", "400 (Bad Request)"]
LIMIT = 10  # seconds
EXERCISES = names()
LESSONS = {name.partition("-")[0] for name in EXERCISES}
HOSTILE = "<img src=x onerror=alert(1)>"
WATCH = """() => {
  window.moved = 0;
  const observer = new MutationObserver((moves) => { window.moved += moves.length; });
  document.querySelectorAll("tbody").forEach((body) => observer.observe(body, { childList: true }));
}"""
NAMES = [f"Learner {n:02}" for n in range(1, 41)]


Tell = Callable[..., None]


def report(name: str, number: int = 0, *passed: str) -> str:
    """What the learner with this number tells a class."""
    return Membership("", name, f"{number:016x}", passed).report()


@contextmanager
def class_of(url: str) -> Iterator[Tell]:
    """A function that tells a class some texts, and returns when it has them."""
    address = url.replace("http", "ws").replace("/?", "/ws?")
    with connect(f"{address}&room=class", subprotocols=["chatkit.json"]) as client:

        def tell(*texts: str) -> None:
            for text in texts:
                client.send(json.dumps({"message": text}))
            for text in texts:
                while json.loads(client.recv(LIMIT)).get("message") != text:
                    pass

        yield tell


@pytest.fixture
def server() -> Iterator[LaunchedServer]:
    launched = LaunchedServer(ChatServer(0, token=TOKEN, rate=None))
    yield launched
    launched.stop()


@pytest.fixture
def tell(server: LaunchedServer) -> Iterator[Tell]:
    with class_of(server.url) as tell:
        yield tell


@pytest.fixture
def projector(server: LaunchedServer, new_page: NewPage) -> Page:
    return show(new_page(viewport=PROJECTOR), server.url)


def show(page: Page, url: str) -> Page:
    """Open the projector's page of a class."""
    page.goto(url.replace("/?", "/static/class.html?"))
    expect(status(page)).to_have_text("Connected")
    return page


def status(page: Page) -> Locator:
    return page.get_by_role("status")


def count(page: Page) -> Locator:
    return page.locator("#count")


def names(page: Page) -> Locator:
    return page.get_by_role("rowheader")


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))


def passed(row: Locator) -> list[str]:
    """The exercises that have a mark in a row."""
    marks = row.locator(".class-passed")
    return marks.evaluate_all("marks => marks.map(mark => mark.title)")


def test_thirty_learners_are_shown_by_name_with_what_they_passed(
    server: LaunchedServer, tell: Tell, new_page: NewPage
) -> None:
    for n, name in enumerate(reversed(NAMES[:30])):
        tell(report(name, n, *EXERCISES[:n]))
    page = show(new_page(viewport=PROJECTOR), server.url)
    expect(count(page)).to_have_text("30 joined")
    expect(names(page)).to_have_text(NAMES[:30])
    for n, name in enumerate(reversed(NAMES[:30])):
        assert passed(row(page, name)) == EXERCISES[:n]
    words = row(page, "Learner 26").get_by_role("cell").all_inner_texts()
    assert words[:4] == ["1 of 1", "2 of 2", "1 of 2", "0 of 2"]
    assert words[-1] == "4"


def test_news_are_shown_at_once_and_move_nobody(projector: Page, tell: Tell) -> None:
    expect(projector.get_by_text("Nobody has joined yet.")).to_be_visible()
    expect(count(projector)).to_have_text("0 joined")
    tell(report("Grace", 1), report("Ada", 2, "00-1"))
    expect(names(projector)).to_have_text(["Ada", "Grace"])
    expect(projector.get_by_text("Nobody has joined yet.")).to_be_hidden()
    grace = row(projector, "Grace").element_handle()
    projector.evaluate(WATCH)
    tell(report("Grace", 1, "00-1", "02-2"))
    expect(row(projector, "Grace").locator(".class-passed")).to_have_count(2)
    assert projector.evaluate("moved") == 0
    tell(report("Bob", 3), report("Zoe", 4))
    expect(names(projector)).to_have_text(["Ada", "Bob", "Grace", "Zoe"])
    assert grace.evaluate("row => row.isConnected && row.rowIndex") == 3
    assert passed(row(projector, "Grace")) == ["00-1", "02-2"]


def test_two_adas_are_two_rows_and_who_takes_another_name_stays_one(
    projector: Page, tell: Tell
) -> None:
    tell(report("Ada", 1, "00-1"), report("Ada", 2, "01-1"), report("ada", 3))
    expect(names(projector)).to_have_text(["Ada", "Ada", "ada"])
    tell(report("Bob", 1, "01-2"))
    expect(names(projector)).to_have_text(["Ada", "ada", "Bob"])
    assert passed(row(projector, "Bob")) == ["00-1", "01-2"]  # what was passed once stays so


def test_forty_rows_fit_on_a_projector_and_a_hundred_are_the_most(
    projector: Page, tell: Tell
) -> None:
    tell(*(report(name, n) for n, name in enumerate(NAMES)))
    expect(count(projector)).to_have_text("40 joined")
    assert hidden(projector) == [0, 0]
    sizes = "names => names.map(name => parseFloat(getComputedStyle(name).fontSize))"
    assert min(names(projector).evaluate_all(sizes)) >= 24
    assert names(projector).evaluate_all("all => all.every(th => th.scrollWidth <= th.clientWidth)")
    tell(*(report(f"Flood {n}", 1000 + n) for n in range(200)), report("Ada", 7, "00-1"))
    expect(names(projector).first).to_have_text("Ada")
    expect(count(projector)).to_have_text("100 joined, and no more fit in here")
    expect(names(projector)).to_have_count(100)


def hidden(page: Page) -> list[int]:
    """How many pixels of the page one would have to scroll for, down and across."""
    return page.evaluate(
        "(({ scrollHeight, clientHeight, scrollWidth, clientWidth }) => "
        "[scrollHeight - clientHeight, scrollWidth - clientWidth])(document.documentElement)"
    )


def test_a_narrow_window_has_one_table_and_scrolls_down_alone(
    server: LaunchedServer, tell: Tell, new_page: NewPage
) -> None:
    tell(*(report(name, n) for n, name in enumerate(NAMES)))
    page = show(new_page(viewport={"width": 390, "height": 800}), server.url)
    expect(names(page)).to_have_text(NAMES)
    expect(page.get_by_role("table")).to_have_count(1)
    assert hidden(page)[1] == 0
    page.set_viewport_size(PROJECTOR)
    expect(page.get_by_role("table")).to_have_count(2)
    expect(names(page)).to_have_text(NAMES)


def test_a_screen_reader_is_told_which_table_column_and_row(projector: Page, tell: Tell) -> None:
    tell(*(report(name, n) for n, name in enumerate(NAMES[:16])))
    expect(names(projector)).to_have_count(16)
    for part in (1, 2):
        table = projector.get_by_role(
            "table", name=f"What each learner has passed, part {part} of 2"
        )
        heads = table.get_by_role("columnheader")
        expect(heads.nth(1)).to_have_accessible_name("00 start here")
        expect(heads).to_have_count(len(LESSONS) + 2)
        expect(table.get_by_role("rowheader")).to_have_count(8)


def test_what_is_hostile_is_text_and_changes_no_row_but_its_own(
    projector: Page, tell: Tell
) -> None:
    tell(report("Ada", 1, "00-1"))
    expect(names(projector)).to_have_text(["Ada"])
    honest = report("Ada", 9)  # any of these would be one row more
    garbage = [
        HOSTILE,
        "Ada has passed",
        honest.replace("Ada", ""),
        honest.replace("Ada", "x" * 33),
        honest.replace("Ada", "A\n"),
        honest.replace("Ada", "\u202eadA"),
        honest.replace("Ada", "A\u200bda"),
        honest.replace("Ada", " Ada"),
        honest.replace("Ada", "A  da"),
        honest.replace("nothing yet", "everything"),
        honest.replace("nothing yet", "00-1, 01-1"),
        honest.replace("0" * 15, "0" * 4000),
        honest.upper(),
        f" {honest}",
        f"{honest}\n{honest}",
        "Ada has passed 00-1 " * 200,
        '{"name": "Ada", "passed": ["01-1"]}',
        "__proto__ has passed 01-1 (learner __proto__)",
    ]
    tell(*garbage)
    tell(report("<b>Bob</b>", 2, "00-1", "99-9", "00-7"), report(HOSTILE, 3))
    expect(names(projector)).to_have_text(["<b>Bob</b>", HOSTILE, "Ada"])
    assert passed(row(projector, "Ada")) == ["00-1"]
    assert passed(row(projector, "<b>Bob</b>")) == ["00-1"]
    expect(row(projector, "<b>Bob</b>").get_by_role("cell").last).to_have_text("1")
    expect(projector.locator("table img, table b")).to_have_count(0)


def test_a_report_is_read_as_it_was_meant_and_any_other_text_is_none(
    server: LaunchedServer, projector: Page
) -> None:
    """Many texts at once, for each way to the browser takes its time."""
    reports: list[tuple[str, str]] = []
    texts: list[str] = []

    @settings(max_examples=200)
    @given(st.text(max_size=40), st.text(max_size=60), st.integers(0, 40))
    def collect(wanted: str, noise: str, cut: int) -> None:
        if name := tidy(wanted):
            reports.append((name, report(name, 1, "00-1", "11-3")))
            texts.append(report(name, 1)[:cut] + noise)
        texts.append(noise)

    collect()
    read = "async texts => { const { readReport } = await import('./class-roll.js'); "
    as_meant = projector.evaluate(
        read + "return texts.map(text => readReport(text)?.name) }", [text for _, text in reports]
    )
    assert as_meant == [name for name, _ in reports]
    assert len(reports) > 100
    count = "return texts.filter(text => readReport(text)).length }"
    assert projector.evaluate(read + count, texts) == 0


def test_the_link_is_shown_only_when_asked_for_and_by_keyboard_too(
    server: LaunchedServer, projector: Page
) -> None:
    code = projector.locator("#code")
    expect(code).to_be_hidden()
    assert TOKEN not in projector.inner_text("body")
    projector.keyboard.press("Tab")
    projector.keyboard.press("Enter")
    expect(code).to_be_visible()
    expect(code).to_have_text(
        f'from chatkit.lessons import join_class\nawait join_class("{server.url}", "your name")'
    )
    expect(projector.get_by_role("link")).to_have_attribute("href", server.url)
    projector.keyboard.press("Escape")
    expect(code).to_be_hidden()


def test_a_wrong_link_is_told_of(server: LaunchedServer, page: Page, forgiven: list[str]) -> None:
    forgiven += ["WebSocket connection to", "403 (Forbidden)"]
    page.goto(server.url.replace("/?", "/static/class.html?") + "x")
    expect(page.get_by_role("alert")).to_contain_text("This chat needs a token")


def test_a_restart_is_told_of_and_loses_nobody(
    new_page: NewPage, forgiven: list[str], tmp_path: Path
) -> None:
    forgiven += DOWN
    options = {"port": free_port(), "token": TOKEN, "rate": None, "log": f"sqlite:{tmp_path}/log"}
    server = LaunchedServer(ChatServer(**options))
    with class_of(server.url) as tell:
        tell(report("Ada", 1, "00-1"), *(f"noise {n}" for n in range(1100)))
        page = show(new_page(viewport=PROJECTOR), server.url)
        expect(names(page)).to_have_text(["Ada"])
    server.stop()
    expect(status(page)).to_have_text("Cut off, trying again")
    server = LaunchedServer(ChatServer(**options))
    try:
        with class_of(server.url) as tell:
            tell(report("Grace", 2))
        expect(status(page)).to_have_text("Connected", timeout=BACK)
        expect(names(page)).to_have_text(["Ada", "Grace"])
        page.reload()
        expect(names(page)).to_have_text(["Ada", "Grace"])
        assert passed(row(page, "Ada")) == ["00-1"]
    finally:
        server.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_page(
    server: LaunchedServer, new_page: NewPage, tell: Tell, scheme: str
):
    tell(*(report(name, n, *EXERCISES[:n]) for n, name in enumerate(NAMES)))
    page = show(new_page(viewport=PROJECTOR, color_scheme=scheme), server.url)
    expect(page.locator("tbody tr")).to_have_count(len(NAMES))
    assert violations(page) == []
    page.get_by_role("button", name="Show link").click()
    assert violations(page) == []
