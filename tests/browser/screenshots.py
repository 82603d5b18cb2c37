"""`make screenshots`: makes README's picture again, of lesson 00 in a real JupyterLab."""

import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser import chromium, jupyterlab

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "chatkit.png"
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


def main() -> None:
    """Run the first three cells of lesson 00, chat, and take the picture."""
    executable = chromium.ensure()
    PICTURE.parent.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        jupyterlab.running(Path(folder)) as lab,
        sync_playwright() as playwright,
    ):
        browser = chromium.launch(playwright, executable)
        page = browser.new_context(viewport=VIEWPORT, device_scale_factor=1.5).new_page()
        lab.open(page, "00-start-here.ipynb")
        for number in (1, 2, 3):
            lab.run_cell(page, number)
        chat(page)
        page.add_style_tag(content=".jp-Collapser, .jp-cell-toolbar { display: none !important }")
        shown = page.locator(".jp-CodeCell").nth(2)
        shown.screenshot(path=PICTURE)
        lab.close(page)
        browser.close()
    print(PICTURE)


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
