"""One Chromium for all browser tests of a worker, and a fresh page for each test."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, sync_playwright

from chatkit.server import ChatServer, LaunchedServer
from tests.browser import chromium, jupyterlab

VIEWPORT = {"width": 1100, "height": 800}
NewPage = Callable[..., Page]
Watch = Callable[[Page], None]
Serve = Callable[[ChatServer], LaunchedServer]


# Not for the session: a running Playwright keeps this thread's event loop, and async tests need it.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A running Chromium. Tests under tests/browser/ are plain functions, never `async def`."""
    executable = chromium.find()
    if executable is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(chromium.NONE_FOUND)
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, executable)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[jupyterlab.Lab]:
    """A running JupyterLab on copies of the lessons."""
    with jupyterlab.running(tmp_path_factory.mktemp("jupyterlab")) as lab:
        yield lab


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A function that launches a server; all are stopped at the end."""
    launched: list[LaunchedServer] = []

    def launch(server: ChatServer) -> LaunchedServer:
        launched.append(LaunchedServer(server))
        return launched[-1]

    yield launch
    for server in launched:
        server.stop()


@pytest.fixture
def forgiven() -> list[str]:
    """Parts of the console errors that this test provokes on purpose: it adds them here."""
    return []


@pytest.fixture
def watch(forgiven: list[str]) -> Iterator[Watch]:
    """A function that watches a page: from now on it may neither log an error nor throw one."""
    problems: list[str] = []
    watched: list[Page] = []

    def logged(said: ConsoleMessage) -> None:
        if said.type == "error":
            problems.append(said.text)

    def threw(error: Error) -> None:
        problems.append(str(error))

    def watch(page: Page) -> None:
        page.on("console", logged)
        page.on("pageerror", threw)
        watched.append(page)

    yield watch
    for page in watched:
        page.remove_listener("console", logged)
        page.remove_listener("pageerror", threw)
    assert [text for text in problems if not any(part in text for part in forgiven)] == []


@pytest.fixture
def new_page(browser: Browser, watch: Watch) -> Iterator[NewPage]:
    """A function that opens a page with cookies and storage of its own, as another person would.

    Its keywords are those of Playwright's `new_context`. The page is watched.
    """
    contexts = []

    def open_page(**options: Any) -> Page:
        context = browser.new_context(**{"viewport": VIEWPORT, **options})
        contexts.append(context)
        page = context.new_page()
        watch(page)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A fresh page in a window of its own."""
    return new_page()


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
