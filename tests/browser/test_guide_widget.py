"""The guide's widget in a real JupyterLab, driven in Chromium."""

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import jupyterlab
from tests.browser.accessibility import violations
from tests.browser.conftest import NewPage, Watch
from tests.browser.jupyterlab import PANEL, READY, STARTED, TOKEN

CELLS = (
    "from chatkit.guide.client import Client\n"
    "from chatkit.guide.server import launch\n"
    "from chatkit.guide.widget import ChatWidget\n"
    "server = launch()\n"
    "server",
    "ChatWidget(server.url)",
)
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
BACK = 15_000  # milliseconds in which the widget is back after a restart
HOSTILE = "<img src=x onerror=\"document.title = 'attacked'\">"
START = f"""(code) => {{{PANEL}
  panel.sessionContext.session.kernel.requestExecute({{ code }});
}}"""
STATUS = f"""() => {{{PANEL}
  return panel.sessionContext.session.kernel.status;
}}"""
NOTEBOOK = f"""() => {{{PANEL}
  const {{ content }} = panel;
  return [content.mode, content.activeCellIndex, content.widgets.length,
    ...content.widgets.map((cell) => `${{cell.model.type}} ${{cell.model.executionCount}}`)];
}}"""
SAVE = f"""async () => {{{PANEL}
  await panel.context.save();
}}"""


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    """One window for all: most of the time a new one takes is JupyterLab's own beginning."""
    context = browser.new_context(viewport={"width": 1300, "height": 1400})
    yield context.new_page()
    context.close()


@pytest.fixture
def window(lab: jupyterlab.Lab, tab: Page, watch: Watch, forgiven: list[str]) -> Iterator[Page]:
    """The notebook after its two cells have run; it is closed afterwards."""
    forgiven += [  # JupyterLab's own, as when a kernel ends while it is asked something
        "Failed to load resource",
        "WebSocket connection to",
        "Could not restore the debugger state",
    ]
    watch(tab)
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)
    nbformat.write(notebook, lab.folder / "chat.ipynb")
    lab.open(tab, "chat.ipynb")
    lab.run_cell(tab, 1)
    lab.run_cell(tab, 2)
    expect(state(widget(tab))).to_have_text("connected")
    yield tab
    lab.close(tab)


def widget(window: Page) -> Locator:
    """The output of the last cell that shows a widget."""
    return window.locator(".jp-OutputArea-output", has=window.get_by_role("textbox")).last


def field(place: Locator) -> Locator:
    return place.get_by_role("textbox")


def messages(place: Locator) -> Locator:
    return place.get_by_role("listitem")


def state(place: Locator) -> Locator:
    return place.locator("div.widget-label")


def say(place: Locator, text: str) -> None:
    """Type a text as fast as can be, and press Enter."""
    field(place).press_sequentially(text)
    field(place).press("Enter")


def test_what_somebody_types_quickly_is_shown_in_order(window: Page) -> None:
    said = [f"{n}: the quick brown fox jumps over the lazy dog" for n in range(5)]
    for text in said:
        say(widget(window), text)
    expect(messages(widget(window))).to_have_text(said)
    expect(field(widget(window))).to_have_value("")


def keep_busy(window: Page, until: Path) -> None:
    """Keep the kernel busy until there is a file."""
    code = f"import os, time\nwhile not os.path.exists({str(until)!r}):\n    time.sleep(0.01)"
    window.evaluate(START, code)
    window.wait_for_function(f"({STATUS})() === 'busy'")


def test_no_letter_is_lost_while_the_kernel_is_busy(window: Page, tmp_path: Path) -> None:
    keep_busy(window, tmp_path / "typed")
    said = [f"{n}: typed while a cell runs" for n in range(5)]
    for text in said:
        say(widget(window), text)
    field(widget(window)).press_sequentially("not sent yet")
    (tmp_path / "typed").touch()
    expect(messages(widget(window))).to_have_text(said)
    expect(field(widget(window))).to_have_value("not sent yet")


def test_a_message_from_a_client_in_another_cell_is_shown(
    lab: jupyterlab.Lab, window: Page
) -> None:
    shown = widget(window)
    lab.run_new_cell(
        window, "async with Client(server.url) as bob:\n    await bob.send('from Bob')"
    )
    expect(messages(shown)).to_have_text(["from Bob"])


def test_markup_is_shown_as_text(window: Page) -> None:
    say(widget(window), HOSTILE)
    say(widget(window), "<b>bold</b> &amp;")
    expect(messages(widget(window))).to_have_text([HOSTILE, "<b>bold</b> &amp;"])
    expect(widget(window).locator("li *")).to_have_count(0)
    assert "attacked" not in window.title()


def test_a_long_message_wraps_and_spaces_stay(window: Page) -> None:
    say(widget(window), "the quick  brown fox " * 30)
    say(widget(window), "long" * 100)
    expect(messages(widget(window))).to_have_count(2)
    for message in messages(widget(window)).all():
        box, place = message.bounding_box(), widget(window).bounding_box()
        assert box["x"] + box["width"] <= place["x"] + place["width"]
        assert box["height"] > 30  # pixels: more than one line
        assert message.evaluate("node => node.scrollWidth <= node.clientWidth")
    assert "quick  brown" in messages(widget(window)).first.inner_text()


def test_the_widget_and_the_page_through_jupyter_hear_each_other(
    lab: jupyterlab.Lab, window: Page, new_page: NewPage
) -> None:
    path = window.get_by_role("link", name="through Jupyter").get_attribute("href")
    page = new_page()
    page.goto(f"{lab.url.rstrip('/')}{path}?token={TOKEN}")
    expect(page.get_by_role("status")).to_have_text("Connected")
    say(widget(window), "from the widget")
    expect(page.get_by_role("listitem")).to_have_text(["from the widget"])
    page.get_by_role("textbox").fill("from the page")
    page.get_by_role("textbox").press("Enter")
    expect(messages(widget(window))).to_have_text(["from the widget", "from the page"])


def test_a_text_comes_back_while_the_server_is_stopped_and_the_widget_comes_back_to_a_new_one(
    lab: jupyterlab.Lab, window: Page
) -> None:
    say(widget(window), "before")
    expect(messages(widget(window))).to_have_text(["before"])
    lab.execute(window, "server.stop()")
    expect(state(widget(window))).to_have_text("cut off")
    say(widget(window), "too early")
    expect(field(widget(window))).to_have_value("too early")
    expect(state(widget(window))).to_have_text("There is no connection, so nothing was sent.")
    lab.execute(window, "server = launch(server.port)")
    expect(state(widget(window))).to_have_text("connected", timeout=BACK)
    field(widget(window)).press("Enter")
    expect(messages(widget(window))).to_have_text(["before", "too early"])


def test_a_text_that_comes_back_is_put_before_what_was_typed_since(
    lab: jupyterlab.Lab, window: Page, tmp_path: Path
) -> None:
    lab.execute(window, "server.stop()")
    expect(state(widget(window))).to_have_text("cut off")
    keep_busy(window, tmp_path / "typed")
    say(widget(window), "first, ")
    field(widget(window)).press_sequentially("then")
    (tmp_path / "typed").touch()
    expect(field(widget(window))).to_have_value("first, then")


def test_no_key_in_the_field_is_a_shortcut_of_the_notebook(window: Page) -> None:
    place = widget(window)
    field(place).click()
    before = window.evaluate(NOTEBOOK)
    for key in (*"abddmxyz00ii1", "Shift+M", "ArrowUp", "ArrowDown", "Escape", "Control+Shift+c"):
        window.keyboard.press(key)
    expect(field(place)).to_have_value("abddmxyz00ii1M")
    expect(field(place)).to_be_focused()
    for n, key in enumerate(("Shift+Enter", "Control+Enter", "Alt+Enter"), start=1):
        window.keyboard.type(key)
        window.keyboard.press(key)
        expect(messages(place)).to_have_count(n)
        expect(field(place)).to_be_focused()
    assert window.evaluate(NOTEBOOK) == before


def test_a_widget_has_two_views(lab: jupyterlab.Lab, window: Page) -> None:
    lab.run_new_cell(window, "chat = ChatWidget(server.url)\nchat")
    lab.run_new_cell(window, "chat")
    outputs = window.locator(".jp-OutputArea-output", has=window.get_by_role("textbox"))
    expect(outputs).to_have_count(3)
    views = [outputs.nth(1), outputs.nth(2)]
    expect(state(views[1])).to_have_text("connected")
    say(views[0], "from the first")
    expect(field(views[1])).to_have_value("")
    say(views[1], "from the second")
    for view in views:
        expect(messages(view)).to_have_text(["from the first", "from the second"])


def test_the_widget_goes_on_after_the_page_was_reloaded(window: Page) -> None:
    say(widget(window), "before")
    expect(messages(widget(window))).to_have_text(["before"])
    window.evaluate(SAVE)
    window.reload()
    window.wait_for_function(STARTED, timeout=BACK)
    window.evaluate(READY)
    expect(messages(widget(window))).to_have_text(["before"])
    say(widget(window), "after")
    expect(messages(widget(window))).to_have_text(["before", "after"])


def test_axe_finds_nothing_in_the_widget(lab: jupyterlab.Lab, window: Page) -> None:
    style = window.add_style_tag(content=jupyterlab.BODY)
    say(widget(window), "Hello!")
    say(widget(window), "long" * 100)
    expect(messages(widget(window))).to_have_count(2)
    part = ".jp-OutputArea-output:has(input)"
    for scheme in ("light", "dark"):
        lab.use_theme(window, scheme)
        assert violations(window, part) == [], scheme
    state(widget(window)).evaluate("node => { node.style.color = '#555' }")
    assert "color-contrast" in str(violations(window, part))  # it does look
    style.evaluate("node => node.remove()")
    lab.use_theme(window, "light")
