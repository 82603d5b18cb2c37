"""The lessons in a real JupyterLab, driven in Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from chatkit.paths import NOTEBOOKS
from tests.browser import jupyterlab
from tests.browser.conftest import NewPage
from tests.browser.jupyterlab import Chatter

LESSONS = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
ATTACK = "<img src=x onerror=\"document.title = 'attacked'\">"
CHATTERS = ("frame", "widget", "other window")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[jupyterlab.Lab]:
    with jupyterlab.running(tmp_path_factory.mktemp("jupyterlab")) as lab:
        yield lab


@pytest.fixture
def window(new_page: NewPage, forgiven: list[str]) -> Page:
    """A window for JupyterLab, so tall that no output is out of sight and taken off the page."""
    forgiven += ["Failed to load resource", "WebSocket connection to"]  # JupyterLab's own
    return new_page(viewport={"width": 1500, "height": 2400})


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
