"""`make screenshots`: makes README's pictures again: lesson 00 in JupyterLab, and a class."""

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from chatkit.server import ChatServer, LaunchedServer
from tests.browser import chromium, jupyterlab
from tests.browser.test_class_page import EXERCISES, class_of, report

DOCS = Path(__file__).resolve().parents[2] / "docs"
PICTURE = DOCS / "chatkit.png"
VIEWPORT = {"width": 1280, "height": 2400}  # high: JupyterLab draws only what is in sight
FRAME = "iframe[title='The chat page']"
SAID = (
    ("page", "Hello from the page!"),
    ("page", "Can you read this over there?"),
    ("widget", "Yes, in the same instant."),
    ("widget", "And <b>this</b> stays text, does it not?"),
    ("page", "It does. The bytes are explained in https://www.rfc-editor.org/rfc/rfc6455"),
    ("widget", "Then let us build it ourselves."),
)


CLASS = DOCS / "class.png"
LEARNERS = (
    *("Ada", "Alan", "Barbara", "Bob", "Cy", "Dee", "Donald", "Edsger", "Eve", "Frances"),
    *("Grace", "Hedy", "Ivan", "Jean", "John", "Karen", "Ken", "Leslie", "Linus", "Mary"),
    *("Niklaus", "Olga", "Radia", "Rich", "Shafi", "Sophie", "Tim", "Tony", "Vint", "Yukihiro"),
)


def main() -> None:
    """Take both pictures."""
    executable = chromium.ensure()
    DOCS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, executable)
        picture_lesson(browser)
        picture_class(browser)
        browser.close()
    for picture in (PICTURE, CLASS):
        print(picture)


def picture_class(browser: Browser) -> None:
    """Have thirty learners pass one exercise after the other, and show the projector's page."""
    server = LaunchedServer(ChatServer(0, token="a", rate=None))
    page = browser.new_context(viewport={"width": 1600, "height": 900}).new_page()
    page.goto(server.url.replace("?", "static/class.html?"))
    with class_of(server.url) as tell:
        for n, name in enumerate(LEARNERS):
            tell(report(name, n, *EXERCISES[: 5 + n * 7 % 13]))
    expect(page.locator("tbody tr")).to_have_count(len(LEARNERS))
    page.screenshot(path=CLASS)
    server.stop()


def picture_lesson(browser: Browser) -> None:
    """Run the first three cells of lesson 00, chat, and take the picture."""
    with tempfile.TemporaryDirectory() as folder, jupyterlab.running(Path(folder)) as lab:
        page = browser.new_context(viewport=VIEWPORT, device_scale_factor=1.5).new_page()
        lab.open(page, "00-start-here.ipynb")
        for number in (1, 2, 3):
            lab.run_cell(page, number)
        chat(page)
        page.add_style_tag(content=".jp-Collapser, .jp-cell-toolbar { display: none !important }")
        shown = page.locator(".jp-CodeCell").nth(2)
        shown.screenshot(path=PICTURE)
        lab.close(page)


def chat(page: Page) -> None:
    """Say everything that is to be said, each when all have seen what came before."""
    places = {"page": page.frame_locator(FRAME), "widget": page.locator(".chatkit-widget")}
    said = []
    for where, text in SAID:
        field = places[where].get_by_role("textbox", name="Message", exact=True)
        field.fill(text)
        field.press("Enter")
        said.append(text)
        for place in places.values():
            expect(place.locator(".chatkit-text")).to_have_text(said)


if __name__ == "__main__":
    main()
