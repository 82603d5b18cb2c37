"""The chat in JupyterLab's own server: the page, the widget and a frame, and two who are known."""

from collections.abc import Iterator
from urllib.parse import quote

import nbformat
import pytest
from playwright.sync_api import Page, expect

from tests.browser import jupyterlab
from tests.browser.conftest import NewPage
from tests.browser.jupyterlab import Chatter
from tests.hub import BOB

CELLS = (
    "from IPython.display import IFrame\n"
    "from chatkit import ChatWidget, jupyter_path, jupyter_url\n"
    "ChatWidget(jupyter_url(), 'Grace')",
    "IFrame(jupyter_path(), '100%', 500)",
)

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[jupyterlab.Lab]:
    folder = tmp_path_factory.mktemp("jupyterlab")
    options = (
        "--ServerApp.base_url=/user/ada/",
        "--ServerApp.identity_provider_class=tests.hub.Names",
    )
    with jupyterlab.running(folder, *options) as lab:
        cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
        notebook = nbformat.v4.new_notebook(cells=cells, metadata=KERNEL)
        nbformat.write(notebook, lab.folder / "chat.ipynb")
        yield lab


@pytest.fixture
def ada(lab: jupyterlab.Lab, new_page: NewPage, forgiven: list[str]) -> Iterator[Page]:
    """Ada's JupyterLab with a notebook, in which both cells have run."""
    forgiven += ["Failed to load resource", "WebSocket connection to"]  # JupyterLab's own
    window = new_page(viewport={"width": 1500, "height": 2400})
    lab.open(window, "chat.ipynb")
    lab.run_cell(window, 1)
    Chatter(window.locator(".chatkit-widget")).expect_state("connected")  # so it is the first
    lab.run_cell(window, 2)
    yield window
    lab.close(window)


def test_page_widget_and_frame_hear_each_other_by_the_names_that_jupyter_knows(
    lab: jupyterlab.Lab, ada: Page, new_page: NewPage
) -> None:
    bob = new_page()
    bob.goto(f"{lab.url}chatkit/?name=Ada&token={quote(BOB)}")
    chatters = [
        Chatter(ada.locator(".chatkit-widget")),
        Chatter(ada.frame_locator("iframe[src='/user/ada/chatkit/']")),
        Chatter(bob),
    ]
    said: list[str] = []
    for who in chatters:
        who.expect_state("connected")
    for who in chatters:
        said.append(f"message {len(said) + 1}")
        who.say(said[-1])
        for other in chatters:
            other.expect_messages(said)
    expect(bob.locator(".chatkit-author")).to_have_text(["ada", "ada-2", "bob"])


def test_who_is_not_logged_in_sees_jupyter_s_login_page(
    lab: jupyterlab.Lab, new_page: NewPage
) -> None:
    page = new_page()
    page.goto(f"{lab.url}chatkit/?room=python")
    expect(page).to_have_url(f"{lab.url}login?next=%2Fuser%2Fada%2Fchatkit%2F%3Froom%3Dpython")
    expect(page.locator("#login_submit")).to_be_visible()
