"""The lessons in a real JupyterLab, driven in Chromium."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect

from chatkit.paths import NOTEBOOKS
from tests.browser import jupyterlab
from tests.browser.conftest import NewPage

LESSONS = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
ATTACK = "<img src=x onerror=\"document.title = 'attacked'\">"
CHATTERS = ("frame", "widget", "other window")
BACK_LIMIT = 30_000  # milliseconds until everyone is back after a restart


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[jupyterlab.Lab]:
    with jupyterlab.running(tmp_path_factory.mktemp("jupyterlab")) as lab:
        yield lab


@pytest.fixture
def window(new_page: NewPage, forgiven: list[str]) -> Page:
    """A window for JupyterLab, so tall that no output is out of sight and taken off the page."""
    forgiven += ["Failed to load resource", "WebSocket connection to"]  # JupyterLab's own
    return new_page(viewport={"width": 1500, "height": 2400})


@dataclass
class Chatter:
    """One place where a person chats: a page, a page in a frame, or a widget."""

    place: Page | FrameLocator | Locator

    def say(self, text: str) -> None:
        """Type as fast as can be, and press Enter."""
        field = self.place.get_by_role("textbox", name="Message", exact=True)
        field.press_sequentially(text)
        field.press("Enter")

    def expect_messages(self, texts: list[str]) -> None:
        """Wait until exactly these messages are shown, in this order."""
        expect(self.place.locator(".chatkit-text")).to_have_text(texts)

    def expect_state(self, state: str) -> None:
        """Wait until this state of the line is shown."""
        status = self.place.locator(".chatkit-status").first
        expect(status).to_have_attribute("data-state", state, timeout=BACK_LIMIT)


@pytest.fixture
def chat(lab: jupyterlab.Lab, window: Page, new_page: NewPage) -> Iterator[list[Chatter]]:
    """Lesson 00 after its third cell, and the chat's page in one more window."""
    lab.open(window, "00-start-here.ipynb")
    for number in (1, 2, 3):
        lab.run_cell(window, number)
    address = window.locator("iframe[title='The chat page']").get_attribute("src")
    assert address
    other = new_page()
    other.goto(address.partition("?")[0] + "?name=Bob")
    frame = window.frame_locator("iframe[title='The chat page']")
    chatters = [Chatter(frame), Chatter(window.locator(".chatkit-widget")), Chatter(other)]
    for chatter in chatters:
        chatter.expect_state("connected")
    yield chatters
    lab.close(window)


@pytest.mark.timeout(240)  # one of them kills a server five times
@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_runs_by_run_all_cells(
    lab: jupyterlab.Lab, window: Page, lesson: str, forgiven: list[str]
) -> None:
    forgiven.append("")  # a frame complains in many words once the last cell has stopped its server
    lab.open(window, lesson)
    assert lab.run_all(window) == {"unrun": 0, "errors": []}
    lab.close(window)


def test_what_one_types_quickly_all_see_once_and_in_order(chat: list[Chatter]) -> None:
    said = []
    for who, name in zip(chat, CHATTERS, strict=True):
        for word in ("hello", "and again", ATTACK):
            said.append(f"{word} from the {name}")
            who.say(said[-1])
            for other in chat:
                other.expect_messages(said)


def test_what_people_type_is_text_and_no_markup(chat: list[Chatter], window: Page) -> None:
    chat[2].say(ATTACK)
    for chatter in chat:
        chatter.expect_messages([ATTACK])
        expect(chatter.place.locator(".chatkit-list img")).to_have_count(0)
    assert "attacked" not in window.title()


def test_all_come_back_when_the_server_is_stopped_and_launched_again(
    lab: jupyterlab.Lab, chat: list[Chatter], window: Page, forgiven: list[str]
) -> None:
    forgiven.append("net::ERR_CONNECTION_REFUSED")
    chat[0].say("before")
    for chatter in chat:
        chatter.expect_messages(["before"])
    lab.execute(window, "server.stop()")
    for chatter in chat:
        chatter.expect_state("cut off")
    lab.run_cell(window, 2)
    for chatter in chat:
        chatter.expect_state("connected")
    chat[1].say("after")
    for chatter in chat:
        chatter.expect_messages(["before", "after"])


def test_a_solution_takes_the_place_of_the_cell_that_asks_for_it(
    lab: jupyterlab.Lab, window: Page
) -> None:
    lab.open(window, "00-start-here.ipynb")
    lab.execute(window, "from chatkit.lessons import solution")
    expect(window.locator(".jp-CodeCell", has_text="# Exercise 00-1")).to_be_visible()
    cells = window.locator(".jp-CodeCell")
    before = cells.all_inner_texts()
    exercise = cells.nth(next(n for n, text in enumerate(before) if "# Exercise 00-1" in text))
    field = exercise.get_by_role("textbox")
    field.fill('solution("00-1")')
    field.press("Shift+Enter")
    solved = (NOTEBOOKS / "solutions" / "00-1.py").read_text(encoding="utf-8").splitlines()
    expect(exercise.locator(".cm-line")).to_have_text(solved)
    assert cells.count() == len(before)
    lab.close(window)
