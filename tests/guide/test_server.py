"""A chat on a port: its page, its end, and `launch` as a notebook uses it."""

import asyncio
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from websockets.sync.client import connect

from chatkit.guide import client as guide_client
from chatkit.guide import server as guide_server
from chatkit.guide.broadcaster import Broadcaster
from chatkit.guide.client import Client
from chatkit.guide.server import (
    GOING_AWAY,
    THREAD,
    LaunchedServer,
    Server,
    launch,
    make_app,
    page_links,
)
from tests.guide.peers import LIMIT, RawClient, close_code, join, receive, send

pytestmark = pytest.mark.usefixtures("no_error_is_logged")

LAUNCH_AND_END = """
import sys
from chatkit.guide.server import launch
print(launch().port, flush=True)
sys.stdin.readline()
"""

# Each asks for something that the chat does not have, or does not ask as a browser would.
ODD_REQUESTS = {
    "a page": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no such page": b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n",
    "a folder above": b"GET /../handler.py HTTP/1.1\r\nHost: x\r\n\r\n",
    "a folder above, escaped": b"GET /%2e%2e/index.html HTTP/1.1\r\nHost: x\r\n\r\n",
    "an address that is not UTF-8": b"GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n",
    "a null byte": b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "another method": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "a made-up method": b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
    "the socket without an upgrade": b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n",
    "a WebSocket without a key": b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "a bad range": b"GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=9-1\r\n\r\n",
    "no HTTP": b"hello\r\n\r\n",
    "half a request": b"GET / HT",
}


def get(url: str, **headers: str) -> tuple[int, str, dict[str, str]]:
    """Return the status, text and headers of an answer."""
    try:
        with build_opener(ProxyHandler({})).open(Request(url, headers=headers)) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except HTTPError as error:
        with error:
            return error.code, error.read().decode(), dict(error.headers)


def server_threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == THREAD]


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


# The app and its page


async def test_the_app_works_in_any_http_server():
    from tornado.httpserver import HTTPServer
    from tornado.testing import bind_unused_port

    listener, port = bind_unused_port()
    broadcaster = Broadcaster()
    http = HTTPServer(make_app(broadcaster))
    http.add_socket(listener)
    async with join(f"http://127.0.0.1:{port}/") as ada:
        assert len(broadcaster.channels) == 1
        await send(ada, {"message": "hi"})
        assert await receive(ada) == {"message": "hi"}
    http.stop()
    await http.close_all_connections()


@pytest.mark.parametrize(
    ("path", "kind"),
    [("", "text/html"), ("chat.js", "text/javascript"), ("style.css", "text/css")],
)
def test_the_page_and_its_files_are_served(launched, path, kind):
    status, text, headers = get(launched.url + path)
    assert status == 200
    assert headers["Content-Type"] == kind
    assert text == (guide_server.PAGE / (path or "index.html")).read_text(encoding="utf-8")


def test_nothing_outside_the_page_is_served(launched):
    assert get(launched.url + "nothing.html")[0] == 404
    assert get(launched.url + "%2e%2e/index.html")[0] in (403, 404)


def test_an_edited_file_is_served_again(monkeypatch, tmp_path):
    monkeypatch.setattr(guide_server, "PAGE", tmp_path)
    page = tmp_path / "index.html"
    page.write_text("before")
    server = launch()
    status, text, headers = get(server.url)
    assert (status, text) == (200, "before")
    etag = headers["Etag"]
    assert get(server.url, **{"If-None-Match": etag})[0] == 304
    page.write_text("behind")  # as long as before, and in the same second
    status, text, _ = get(server.url, **{"If-None-Match": etag})
    assert (status, text) == (200, "behind")
    server.stop()


# A server


async def test_a_server_takes_any_free_port_and_says_which():
    server = Server()
    assert server.port > 0
    assert server.url == f"http://127.0.0.1:{server.port}/"
    server.start()
    await server.stop()


async def test_a_server_takes_the_port_that_it_is_given():
    first = Server()
    first.start()
    await first.stop()
    second = Server(first.port)
    assert second.port == first.port
    second.start()
    await second.stop()


async def test_two_servers_are_two_chats(server):
    other = Server()
    other.start()
    async with join(server.url) as ada, join(other.url) as bob:
        await send(ada, {"message": "from Ada"})
        await send(bob, {"message": "from Bob"})
        assert await receive(ada) == {"message": "from Ada"}
        assert await receive(bob) == {"message": "from Bob"}
    await other.stop()


async def test_a_server_is_not_reachable_from_other_machines(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"


async def test_stop_closes_every_connection_with_1001_and_frees_the_port(server):
    async with join(server.url) as ada, join(server.url) as bob:
        await server.stop()
        assert await close_code(ada) == GOING_AWAY
        assert await close_code(bob) == GOING_AWAY
    assert server.broadcaster.channels == set()
    assert is_free(server.port)


async def test_stop_does_not_wait_when_every_client_answers(server, monkeypatch):
    monkeypatch.setattr(guide_server, "CLOSE_TIMEOUT", 2 * LIMIT)
    async with join(server.url), asyncio.timeout(LIMIT):
        await server.stop()


async def test_stop_closes_a_connection_that_waits_for_a_request(server):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(ODD_REQUESTS["a page"])
    await reader.readuntil(b"\r\n\r\n")
    await server.stop()
    async with asyncio.timeout(LIMIT):
        await reader.read()  # to the end
    writer.close()


async def test_stop_also_ends_when_a_client_never_answers(server):
    async with RawClient(server.port) as silent, join(server.url) as ada:
        async with asyncio.timeout(LIMIT):
            await server.stop()
        frame = await silent.recv()
        assert (frame.opcode, frame.payload[:2]) == (8, GOING_AWAY.to_bytes(2, "big"))
        assert await close_code(ada) == GOING_AWAY


async def test_stop_twice_is_no_error(server):
    await server.stop()
    await server.stop()


def test_a_taken_port_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        Server(taken.getsockname()[1])


# The links


def test_the_links_lead_to_the_server_and_through_jupyter(monkeypatch):
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    assert 'href="http://127.0.0.1:8765/"' in page_links(8765)
    assert 'href="/proxy/8765/"' in page_links(8765)


def test_the_link_through_jupyter_knows_the_users_prefix(monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    assert 'href="/user/ada/proxy/8765/"' in page_links(8765)


def test_a_launched_server_is_shown_as_its_links(launched):
    assert launched._repr_html_() == page_links(launched.port)


# A launched server


def test_a_launched_server_carries_messages(launched):
    with connect(f"ws://127.0.0.1:{launched.port}/ws") as ada:
        ada.send('{"message": "hi"}')
        assert ada.recv(timeout=LIMIT) == '{"message":"hi"}'


def test_stopping_closes_with_1001_ends_the_thread_and_frees_the_port(launched):
    with connect(f"ws://127.0.0.1:{launched.port}/ws") as ada:
        launched.stop()
        assert not launched.is_alive()
        assert is_free(launched.port)
        with pytest.raises(Exception, match="1001"):
            ada.recv(timeout=LIMIT)


def test_stopping_twice_is_no_error(launched):
    launched.stop()
    launched.stop()


def test_stopping_from_many_threads_is_no_error(launched):
    threads = [threading.Thread(target=launched.stop) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert not launched.is_alive()


def test_stopping_at_once_is_no_error():
    for _ in range(20):
        server = launch()
        server.stop()
        assert is_free(server.port)


async def test_a_launched_server_stops_when_a_client_never_answers(launched):
    async with RawClient(launched.port) as silent:
        async with asyncio.timeout(LIMIT):
            await asyncio.to_thread(launched.stop)
        frame = await silent.recv()
        assert (frame.opcode, frame.payload[:2]) == (8, GOING_AWAY.to_bytes(2, "big"))
        async with asyncio.timeout(LIMIT):
            assert await silent.reader.read() == b""


async def test_stopping_in_the_clients_own_loop_takes_a_moment_at_most(launched):
    """A notebook's cell blocks the loop of its widgets, so that they can't answer the close."""
    async with join(launched.url) as ada:
        before = time.monotonic()
        launched.stop()
        assert time.monotonic() - before < guide_server.CLOSE_TIMEOUT + 1
        assert await close_code(ada) == GOING_AWAY


def test_launching_again_replaces_the_server_and_keeps_the_port():
    first = launch()
    second = launch()
    assert second.port == first.port
    assert not first.is_alive()
    assert server_threads() == [second]
    second.stop()
    assert server_threads() == []


def test_launching_on_another_port_replaces_the_server_too():
    first = launch()
    free = Server()
    free.socket.close()
    second = launch(free.port)
    assert second.port == free.port
    assert server_threads() == [second]
    assert is_free(first.port)
    second.stop()


@pytest.mark.usefixtures("no_socket_is_left")
async def test_clients_come_back_after_launching_again(launched, monkeypatch):
    monkeypatch.setattr(guide_client, "WAIT", 0.01)
    back = asyncio.Event()
    async with Client(launched.url) as ada, asyncio.timeout(LIMIT):
        ada.on_state = lambda state: back.set() if state == "connected" else back.clear()
        reading = asyncio.create_task(anext(ada))
        await asyncio.to_thread(launch)
        await back.wait()
        await ada.send("still here")
        assert await reading == {"message": "still here"}


def test_a_taken_port_is_an_error_of_launch_and_leaves_no_thread():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(OSError, match="in use"):
            launch(taken.getsockname()[1])
        assert server_threads() == []


def test_a_server_says_1001_when_python_ends():
    program = [sys.executable, "-X", "dev", "-c", LAUNCH_AND_END]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(program, text=True, **pipes) as python:
        port = int(python.stdout.readline())
        with connect(f"ws://127.0.0.1:{port}/ws") as ada:
            python.stdin.close()
            with pytest.raises(Exception, match="1001"):
                ada.recv(timeout=LIMIT)
        assert python.wait(timeout=LIMIT) == 0
        assert python.stderr.read() == ""


def test_no_request_prints_anything():
    program = [sys.executable, "-X", "dev", "-c", LAUNCH_AND_END]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(program, text=True, **pipes) as python:
        port = int(python.stdout.readline())
        for request in ODD_REQUESTS.values():
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(request)
                client.shutdown(socket.SHUT_WR)
                client.settimeout(LIMIT)
                while client.recv(65536):
                    pass
        with connect(f"ws://127.0.0.1:{port}/ws") as ada:
            for frame in ("hello", b"\xff", '{"message": "hi"}'):
                ada.send(frame)
                ada.recv(timeout=LIMIT)
        printed = python.communicate("", timeout=LIMIT)
    assert printed == ("", "")


def test_a_launched_server_is_a_thread_that_does_not_keep_python_from_ending(launched):
    assert isinstance(launched, LaunchedServer)
    assert launched.daemon


def test_the_page_is_in_the_package():
    assert sorted(each.name for each in Path(guide_server.PAGE).iterdir()) == [
        "chat.js",
        "index.html",
        "style.css",
    ]
