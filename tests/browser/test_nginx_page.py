"""The page through nginx: its server dies, and it comes back by another."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests import proxy
from tests.browser.conftest import NewPage
from tests.browser.test_page import BACK, join, say, status, texts
from tests.proxy import Cells

# What Chromium logs of a line that is cut; 400 or 502 is what the page hears when it asks why.
PENDING = ".chatkit-queue .chatkit-text"
CUT = ["WebSocket connection to", "400 (Bad Request)", "502 (Bad Gateway)"]


# Pages are closed first, as a fixture that is named later ends sooner.
@pytest.fixture
def one(tmp_path: Path) -> Iterator[Cells]:
    with proxy.serving(tmp_path, 1) as cells:
        yield cells


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Cells]:
    with proxy.serving(tmp_path, 2, "--token", "secret") as cells:
        yield cells


@pytest.fixture
def safe(tmp_path: Path) -> Iterator[Cells]:
    with proxy.serving(tmp_path, 1, "--token", "secret", tls=True) as cells:
        yield cells


def test_a_page_over_https_has_a_safe_socket(safe: Cells, new_page: NewPage) -> None:
    page = new_page(ignore_https_errors=True)
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(f"{safe.url}?token=secret&name=Ada")
    say(page, "hi")
    expect(texts(page)).to_have_text(["hi"])
    assert [url.partition("?")[0] for url in sockets] == [f"wss://127.0.0.1:{safe.port}/ws"]


def test_a_server_is_killed_and_both_pages_lose_nothing(
    one: Cells, new_page: NewPage, forgiven: list[str]
) -> None:
    forgiven += CUT
    pages = {name: join(new_page(), one.url, name) for name in ("Ada", "Grace")}
    for name, page in pages.items():
        say(page, f"{name} before")
    for page in pages.values():
        expect(texts(page)).to_have_count(2)
    dying, other = sorted(one.servers, key=lambda server: -server.connections)
    dying.kill()
    for name, page in pages.items():  # one of the two is cut off, or both
        say(page, f"{name} after")
    for name, page in pages.items():
        expect(texts(page)).to_have_count(4, timeout=BACK)
        expect(page.locator(PENDING)).to_have_count(0, timeout=BACK)
        expect(status(page)).to_have_text(f"Connected as {name}")
        expect(page.locator("#people")).to_contain_text("2 here", timeout=BACK)
    assert other.connections == 2
    seen, too = (texts(page).all_text_contents() for page in pages.values())
    assert seen == too
    assert sorted(seen) == ["Ada after", "Ada before", "Grace after", "Grace before"]


def test_pages_in_rooms_of_both_cells(two: Cells, new_page: NewPage) -> None:
    for room in ("lobby", "room-1", "room-2", "room-3"):
        ada, grace = new_page(), new_page()
        for page, name in ((ada, "Ada"), (grace, "Grace")):
            page.goto(f"{two.url}?token=secret&room={room}&name={name}")
            expect(status(page)).to_have_text(f"Connected as {name}")
        say(ada, f"in {room}")
        expect(texts(grace)).to_have_text([f"in {room}"])
    used = [server.connections for server in two.servers]
    assert sum(used) == 8
    assert sum(used[:2]) in (2, 4, 6)  # both cells have some
