"""The lessons in a real JupyterLab, driven in Chromium."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from chatkit.lessons.engine.exercise import load
from tests.browser import jupyterlab
from tests.browser.accessibility import press, violations
from tests.browser.conftest import NewPage, Watch
from tests.browser.jupyterlab import Chatter
from tests.notebooks.exercises import LESSONS, code_cells, errors, exercises_of, solved, verdicts

ATTACK = "<img src=x onerror=\"document.title = 'attacked'\">"
CHATTERS = ("frame", "widget", "other window")
FRAME = "iframe[title='The chat page']"
PICTURES = """
from chatkit.client import ChatClient
from chatkit.lessons.engine.checking import Verdict
from chatkit.lessons.failure_lab import Tally
from chatkit.lessons.inspector import Inspector
from chatkit.lessons.many_lab import table
from chatkit.lessons.pictures import byte_view

async with Inspector(server.url) as glass:
    async with ChatClient(glass.url, "Cy") as cy:
        await cy.send("hello")
        await glass.wait_for(3)
masked = bytes([0x81, 0x82, 1, 2, 3, 4, 105, 107])
display(
    Verdict(True, "Seen."), Verdict(False, "Not yet."), glass.table(), byte_view(masked),
    glass.diagram(), Tally(["m1", "m2", "m3"], ["m1", "m3", "m3"]), table([("a", "b"), ("c", "d")]),
    server,
)
"""


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """One window for all: most of the time a new one takes is JupyterLab's own beginning.

    It is so tall that no output is out of sight and taken off the page.
    """
    context = browser.new_context(viewport={"width": 1500, "height": 2400})
    yield context.new_page()
    context.close()


@pytest.fixture
def window(lab: jupyterlab.Lab, tab: Page, watch: Watch, forgiven: list[str]) -> Iterator[Page]:
    """The window, watched, in which the test can open a notebook; it is closed afterwards."""
    forgiven += ["Failed to load resource", "WebSocket connection to"]  # JupyterLab's own
    watch(tab)
    tab.emulate_media(color_scheme="light")
    yield tab
    lab.close(tab)


@pytest.fixture
def chat(lab: jupyterlab.Lab, window: Page, new_page: NewPage) -> list[Chatter]:
    """Lesson 00 after its third cell, and the chat's page in one more window."""
    lab.open(window, "00-start-here.ipynb")
    for number in (1, 2, 3):
        lab.run_cell(window, number)
    address = window.locator(FRAME).get_attribute("src")
    assert address
    other = new_page()
    other.goto(address.partition("?")[0] + "?name=Bob")
    frame = window.frame_locator(FRAME)
    chatters = [Chatter(frame), Chatter(window.locator(".chatkit-widget")), Chatter(other)]
    for chatter in chatters:
        chatter.expect_state("connected")
    return chatters


@pytest.mark.timeout(240)  # one of them kills a server five times
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.name)
def test_run_all_cells_runs_every_lesson_and_gives_every_solution_a_tick(
    lab: jupyterlab.Lab, window: Page, lesson: Path, forgiven: list[str]
) -> None:
    """As the lesson is stored, its stubs in it, nbval has run it."""
    forgiven.append("")  # a frame complains in many words once the last cell has stopped its server
    name = f"solved-{lesson.name}"
    nbformat.write(solved(lesson), lab.folder / name)
    lab.open(window, name)
    run = lab.run_all(window)
    assert errors(run) == []
    assert [cell.source for cell in code_cells(run) if cell.execution_count is None] == []
    assert verdicts(run) == {exercise: {"✓"} for exercise in exercises_of(run)}


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


def test_axe_finds_nothing_in_the_widget_the_frame_and_the_lessons_pictures(
    lab: jupyterlab.Lab, chat: list[Chatter], window: Page, forgiven: list[str]
) -> None:
    forgiven.append("net::ERR_CONNECTION_REFUSED")
    style = window.add_style_tag(content=jupyterlab.BODY)
    widget, bob = chat[1].place, chat[2].place
    frame = window.locator(FRAME).element_handle().content_frame()
    assert isinstance(bob, Page)
    assert frame
    said = ["see https://example.org/", "Another line", "long" * 60]
    for who, text in zip(chat, said, strict=True):
        who.say(text)
    for chatter in chat:
        chatter.expect_messages(said)
    bob.goto(bob.url.replace("?", "?room=tea&"))
    expect(bob.locator("summary")).to_have_text("tea1 here")
    widget.locator("summary").click()
    expect(widget.get_by_role("button", name="tea · 1")).to_be_visible()

    def scan() -> None:
        for scheme in ("light", "dark"):
            lab.use_theme(window, scheme)
            assert violations(window, ".chatkit-widget") == [], scheme
            window.emulate_media(color_scheme=scheme)
            assert violations(frame) == [], scheme

    scan()
    cell = lab.run_new_cell(window, PICTURES)
    expect(cell.locator(".jp-RenderedMermaid img")).to_be_visible()
    cell.scroll_into_view_if_needed()
    for scheme in ("light", "dark"):
        lab.use_theme(window, scheme)
        assert violations(window, ".jp-CodeCell:last-child .jp-OutputArea") == [], scheme
    widget.scroll_into_view_if_needed()
    lab.execute(window, "server.stop()")
    for chatter in chat[:2]:
        chatter.expect_state("cut off")
        chatter.say("on its way")
    expect(widget.get_by_text("Waiting to be sent")).to_be_visible()
    scan()
    widget.locator(".chatkit-room").evaluate("node => { node.style.color = '#555' }")
    assert "color-contrast" in str(violations(window, ".chatkit-widget"))  # it does look
    style.evaluate("node => node.remove()")


def test_keys_alone_do_everything_in_the_widget(
    lab: jupyterlab.Lab, chat: list[Chatter], window: Page
) -> None:
    widget, bob = chat[1].place, chat[2].place
    assert isinstance(bob, Page)
    bob.goto(bob.url.replace("?", "?room=tea&"))
    expect(bob.locator("summary")).to_have_text("tea1 here")
    widget.get_by_role("textbox", name="Message", exact=True).focus()
    window.keyboard.type("from a keyboard")
    assert press(window, "Tab") == "Send"
    assert press(window, "Enter") == "Message"
    chat[1].expect_messages(["from a keyboard"])
    assert press(window, "Shift+Tab") == "Messages"
    active = window.locator(".jp-Cell.jp-mod-active")
    number = active.get_attribute("data-windowed-list-index")
    assert press(window, "ArrowUp", "j", "Enter") == "Messages"  # are not for JupyterLab here
    assert active.get_attribute("data-windowed-list-index") == number
    assert press(window, "Shift+Tab") == "lobby2 here"
    assert press(window, "Enter", "Tab") == "Who is here"
    expect(widget.get_by_role("button", name="tea · 1")).to_be_visible()
    assert press(window, "Escape") == "lobby2 here"
    expect(widget.get_by_role("list", name="Who is here")).to_be_hidden()
    assert press(window, "Enter", "Tab", "Tab") == "tea · 1"
    window.keyboard.press("Enter")
    expect(widget.locator("summary")).to_have_text("tea2 here")
    expect(widget.get_by_role("list", name="Other rooms")).to_have_text("lobby · 1")
    assert press(window, "Tab") == "Who is here"  # from the line, where the focus went
    assert press(window, "Tab", "Tab", "Tab") == "Message"
    window.keyboard.type("at tea")
    window.keyboard.press("Enter")
    chat[1].expect_messages(["at tea"])


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
    solved = load("00-1")
    expect(exercise.locator(".cm-line")).to_have_text(solved.cell(solved.solution).splitlines())
    assert cells.count() == len(before)
