"""A client on a real network: it connects, is cut off, comes back, and is closed."""

import asyncio
import gc
import json
from itertools import pairwise

import pytest
from websockets.asyncio.server import serve

from chatkit.guide import client as guide_client
from chatkit.guide.client import Client, Connection
from chatkit.guide.server import Server, launch
from tests.conftest import until
from tests.guide.peers import LIMIT, RudeServer, join, port_that_never_answers, receive, send

pytestmark = pytest.mark.usefixtures("no_error_is_logged", "no_socket_is_left", "quick")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a client wait for a moment only before it comes back."""
    monkeypatch.setattr(guide_client, "WAIT", 0.02)


async def closed_port() -> str:
    """Return the URL of a port where nothing listens."""
    server = Server()
    server.start()
    await server.stop()
    return server.url


async def nobody_is_left(server: Server) -> None:
    """Wait until the server has no connection."""
    async with asyncio.timeout(LIMIT):
        for channel in tuple(server.broadcaster.channels):
            await channel.closed.wait()
    assert server.broadcaster.channels == set()


# Connection


async def test_a_connection_sends_and_receives(server):
    ada = Connection(server.url)
    await ada.connect()
    await ada.send("hi <b>")
    assert await ada.receive() == {"message": "hi <b>"}
    ada.disconnect()


async def test_a_connection_offers_json(server):
    ada = Connection(server.url)
    await ada.connect()
    assert ada.socket.selected_subprotocol == "json"
    ada.disconnect()


@pytest.mark.parametrize("end", ["/", ""])
async def test_the_url_may_lack_its_last_slash(server, end):
    ada = Connection(server.url.rstrip("/") + end)
    await ada.connect()
    ada.disconnect()


async def test_without_a_server_connecting_is_a_clear_error():
    url = await closed_port()
    with pytest.raises(ConnectionError) as raised:
        await Connection(url).connect()
    assert str(raised.value) == f"No chat answers at {url}: is the server running?"


async def test_an_address_that_is_no_chat_is_the_same_error(server):
    with pytest.raises(ConnectionError, match=r"No chat answers at http://.*/nothing/"):
        await Connection(server.url + "nothing/").connect()


@pytest.mark.parametrize("url", ["", "chat", "http://", "ftp://127.0.0.1/", "http://[/"])
async def test_an_url_that_makes_no_sense_is_a_connection_error(url):
    with pytest.raises(ConnectionError, match="No chat answers at"):
        await Connection(url).connect()


async def test_before_connecting_nothing_can_be_sent_or_received():
    ada = Connection("http://127.0.0.1:1/")
    with pytest.raises(ConnectionError, match="There is no connection, so nothing was sent"):
        await ada.send("hi")
    with pytest.raises(ConnectionError, match="The connection is closed"):
        await ada.receive()
    ada.disconnect()  # no error


async def test_after_disconnecting_nothing_can_be_sent_or_received(server):
    ada = Connection(server.url)
    await ada.connect()
    ada.disconnect()
    ada.disconnect()
    with pytest.raises(ConnectionError):
        await ada.send("hi")
    with pytest.raises(ConnectionError):
        await ada.receive()
    await nobody_is_left(server)


async def test_disconnecting_ends_a_receive_that_waits(server):
    ada = Connection(server.url)
    await ada.connect()
    receiving = asyncio.create_task(ada.receive())
    await asyncio.sleep(0)
    ada.disconnect()
    async with asyncio.timeout(LIMIT):
        with pytest.raises(ConnectionError, match="closed"):
            await receiving


async def test_states_are_reported_once_each(server):
    states = []
    ada = Connection(server.url, on_state=states.append)
    await ada.connect()
    assert states == ["connected"]
    await server.stop()
    with pytest.raises(ConnectionError):
        await ada.receive()
    ada.disconnect()
    assert states == ["connected", "cut off"]


async def test_sending_after_the_server_has_stopped_is_an_error(server):
    ada = Connection(server.url)
    await ada.connect()
    await server.stop()
    with pytest.raises(ConnectionError, match="nothing was sent"):
        await ada.send("hi")
    ada.disconnect()


# Client


async def test_a_client_reads_frames_with_async_for(server):
    async with Client(server.url) as ada, join(server.url) as bob:
        for text in ("one", "two", "three"):
            await send(bob, {"message": text})
        received = []
        async for frame in ada:
            received.append(frame["message"])
            if frame["message"] == "three":
                break
        assert received == ["one", "two", "three"]


async def test_without_a_server_a_client_raises_when_it_is_entered():
    with pytest.raises(ConnectionError, match="No chat answers"):
        async with Client(await closed_port()):
            pass


async def test_leaving_the_block_disconnects(server):
    async with Client(server.url) as ada:
        await ada.send("hi")
        assert await anext(ada) == {"message": "hi"}
    await nobody_is_left(server)


async def test_leaving_the_block_with_frames_unread_disconnects(server):
    async with Client(server.url) as ada, join(server.url) as bob:
        for n in range(100):
            await send(bob, {"message": f"{n}"})
        for n in range(100):
            assert await receive(bob) == {"message": f"{n}"}
        assert await anext(ada) == {"message": "0"}
    await nobody_is_left(server)


async def test_a_client_comes_back_to_a_server_that_was_launched_again(launched):
    states = asyncio.Queue()
    async with Client(launched.url, on_state=states.put_nowait) as ada, asyncio.timeout(LIMIT):
        reading = asyncio.create_task(anext(ada))
        second = await asyncio.to_thread(launch)
        assert second.url == launched.url
        assert [await states.get() for _ in range(3)] == ["connected", "cut off", "connected"]
        async with join(second.url) as bob:
            await send(bob, {"message": "welcome back"})
            assert await reading == {"message": "welcome back"}


async def test_a_client_that_never_connected_connects_when_it_is_read(server):
    ada = Client(server.url)
    reading = asyncio.create_task(anext(ada))
    async with join(server.url) as bob, asyncio.timeout(LIMIT):
        while not reading.done():
            await send(bob, {"message": "hi"})
            await receive(bob)
    assert await reading == {"message": "hi"}
    ada.close()


@pytest.mark.parametrize("when", ["before the handshake", "after the handshake"])
async def test_a_client_waits_before_it_comes_back(monkeypatch, when):
    monkeypatch.setattr(guide_client, "WAIT", 0.1)
    rude = RudeServer()

    async def close_at_once(reader, writer):
        await rude.hang_up()
        writer.close()

    if when == "before the handshake":
        listener = await asyncio.start_server(close_at_once, "127.0.0.1", 0)
    else:
        listener = await serve(rude.hang_up, "127.0.0.1", 0, subprotocols=["json"])
    async with listener:
        ada = Client(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/")
        reading = asyncio.create_task(anext(ada))
        await rude.wait_for(4)
        ada.close()
        with pytest.raises(StopAsyncIteration):
            await reading
    waits = [after - before for before, after in pairwise(rude.times)]
    assert min(waits) >= 0.09  # a timer may be a little early


# The end of a client


async def test_closing_ends_async_for(server):
    async with Client(server.url) as ada:
        await ada.send("hi")
        async with asyncio.timeout(LIMIT):
            async for frame in ada:
                assert frame == {"message": "hi"}
                ada.close()
        with pytest.raises(StopAsyncIteration):
            await anext(ada)
    await nobody_is_left(server)


async def test_closing_ends_an_iteration_that_waits_for_a_frame(server):
    states = []
    ada = Client(server.url, on_state=states.append)
    await ada.connect()
    reading = asyncio.create_task(anext(ada))
    await asyncio.sleep(0)
    ada.close()
    ada.close()
    async with asyncio.timeout(LIMIT):
        with pytest.raises(StopAsyncIteration):
            await reading
    assert states == ["connected", "cut off"]
    await nobody_is_left(server)


async def test_closing_during_the_wait_connects_no_more(launched):
    states = asyncio.Queue()
    ada = Client(launched.url, on_state=states.put_nowait)
    reading = asyncio.create_task(anext(ada))
    async with asyncio.timeout(LIMIT):
        assert await states.get() == "connected"
        await asyncio.to_thread(launched.stop)
        assert await states.get() == "cut off"
        ada.close()
        second = await asyncio.to_thread(launch, launched.port)
        with pytest.raises(StopAsyncIteration):
            await reading
    assert states.empty()
    assert second.server.broadcaster.channels == set()


async def test_closing_a_reader_that_is_connecting_leaves_no_open_connection(server, monkeypatch):
    monkeypatch.setattr(guide_client, "WAIT", 0)
    ada = Client(server.url)
    reading = asyncio.create_task(anext(ada))
    await until(lambda: server.broadcaster.channels)  # the handshake's answer is on its way
    ada.close()
    with pytest.raises(StopAsyncIteration):
        await reading
    await nobody_is_left(server)


async def test_cancelling_a_reader_that_is_connecting_leaves_no_open_connection(
    server, monkeypatch
):
    monkeypatch.setattr(guide_client, "WAIT", 0)
    ada = Client(server.url)
    reading = asyncio.create_task(anext(ada))
    await until(lambda: server.broadcaster.channels)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    ada.close()
    await nobody_is_left(server)
    gc.collect()


async def test_a_server_that_never_answers_does_not_keep_a_client_from_closing():
    async with port_that_never_answers() as (url, accepted):
        ada = Client(url)
        reading = asyncio.create_task(anext(ada))
        async with asyncio.timeout(LIMIT):
            await accepted.wait()
        ada.close()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading


# A timeout around `anext`


async def test_a_timeout_does_not_end_the_iteration(server):
    async with Client(server.url) as ada:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(ada)
        await ada.send("hi")
        assert await anext(ada) == {"message": "hi"}


async def test_a_timeout_in_the_moment_in_which_a_frame_arrives_does_not_lose_it(server):
    async with Client(server.url) as ada:
        reading = asyncio.create_task(anext(ada))
        await asyncio.sleep(0)
        await ada.socket.on_message(json.dumps({"message": "hi"}))  # as Tornado hands it over
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await ada.send("later")
        assert await anext(ada) == {"message": "hi"}
        assert await anext(ada) == {"message": "later"}


async def test_a_timeout_that_is_shorter_than_the_wait_does_not_keep_a_client_from_coming_back(
    server, monkeypatch
):
    monkeypatch.setattr(guide_client, "WAIT", 0.1)
    ada = Client(server.url)
    async with asyncio.timeout(LIMIT):
        while not ada.socket:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.03):
                    await anext(ada)
    ada.close()
