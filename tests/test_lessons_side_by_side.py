"""The page and the widget beside each other."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from chatkit import launch
from chatkit.lessons import side_by_side
from chatkit.lessons.side_by_side import SideBySide
from chatkit.server import LaunchedServer
from tests.conftest import until


@pytest.fixture
async def server() -> AsyncIterator[LaunchedServer]:
    server = await asyncio.to_thread(launch, port=0)
    yield server
    await asyncio.to_thread(server.stop)


def frame_of(shown: SideBySide) -> str:
    return str(shown.children[0].children[1].value)


async def test_page_and_widget_have_names_of_their_own(server: LaunchedServer) -> None:
    shown = side_by_side(server, at_page="Ada & Bob")
    assert f'src="http://127.0.0.1:{server.port}/?name=Ada%20%26%20Bob"' in frame_of(shown)
    assert shown.chat.client.name == "Grace"
    assert repr(shown) == "The page and the widget, side by side: run this cell to chat"
    shown.leave()
    await asyncio.wrap_future(shown.chat.leaving)


async def test_where_a_token_is_needed_both_have_it() -> None:
    server = await asyncio.to_thread(launch, port=0, token="a&b")
    shown = side_by_side(server)
    assert "/?token=a%26b&amp;name=Ada" in frame_of(shown)
    await until(lambda: server.members == ["Grace"])
    shown.leave()
    await asyncio.wrap_future(shown.chat.leaving)
    await asyncio.to_thread(server.stop)


async def test_behind_a_hub_the_frame_goes_through_jupyter(
    server: LaunchedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    shown = side_by_side(server)
    assert f'src="/user/ada/proxy/{server.port}/?name=Ada"' in frame_of(shown)
    shown.leave()
    await asyncio.wrap_future(shown.chat.leaving)


async def test_those_shown_before_leave(server: LaunchedServer) -> None:
    first = side_by_side(server)
    second = side_by_side(server)
    await asyncio.wrap_future(first.chat.leaving)
    assert first.chat.client.state == "closed"
    assert "left the chat" in first.children[0].value
    second.leave()
    await asyncio.wrap_future(second.chat.leaving)
    assert second.chat.client.state == "closed"
