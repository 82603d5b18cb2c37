"""`launch()` as a notebook uses it: replace, refuse, stop, leave nothing behind."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import psutil
import pytest
from jupyter_client.manager import KernelManager
from websockets.asyncio.client import connect as talker
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from chatkit import server as chatkit_server
from chatkit.client import ChatClient
from chatkit.messages import ChatkitError
from chatkit.server import GOING_AWAY, ChatServer, LaunchedServer, launch
from tests.conftest import socket_url
from tests.faults import BareClient
from tests.test_server import fill

HOLD = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(server.getsockname()[1], flush=True)
sys.stdin.read()
"""


# None that the system hands out by itself: between two steps of a test somebody might get it.
PORTS = (10_000 + number % 20_000 for number in count(os.getpid() * 100, 3))


def is_free_with_the_next(port: int) -> bool:
    try:
        for each in (port, port + 1, port + 2):
            socket.create_server(("127.0.0.1", each)).close()
    except OSError:
        return False
    return True


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let `launch` try ports that no other test uses, and stop what a test launched."""
    monkeypatch.setattr(chatkit_server, "PORT", next(filter(is_free_with_the_next, PORTS)))
    monkeypatch.setattr(chatkit_server, "_launched", {})
    yield
    for server in chatkit_server._launched.values():
        server.stop()


@pytest.fixture
def launched() -> Iterator[LaunchedServer]:
    server = launch(0)
    yield server
    server.stop()


def hold(port: int) -> subprocess.Popen[str]:
    """Have another program listen on a port; it ends when its input does."""
    program = [sys.executable, "-c", HOLD, str(port)]
    other = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert int(other.stdout.readline()) == port
    return other


def test_launching_again_takes_the_same_port():
    first = launch()
    second = launch()
    assert not first.thread.is_alive()
    assert second.port == first.port
    assert second.note == ""


async def test_a_client_comes_back_to_the_server_that_replaces_its_own(monkeypatch):
    monkeypatch.setattr("chatkit.client.FIRST_WAIT", 0.01)
    first = launch()
    back = asyncio.Event()
    async with ChatClient(first.url, "Ada") as ada, asyncio.timeout(10):
        ada.on_state(lambda state: back.set() if state == "connected" else back.clear())
        second = await asyncio.to_thread(launch)
        await back.wait()
        await ada.send("still here")
        assert (await anext(ada)).message == "still here"
        assert second.members == ["Ada"]


async def test_a_relaunched_server_still_has_what_was_said_and_nobody_missed_anything(monkeypatch):
    monkeypatch.setattr("chatkit.client.FIRST_WAIT", 0.01)
    first = launch()
    back, errors = asyncio.Event(), []
    async with ChatClient(first.url, "Ada") as ada, asyncio.timeout(10):
        await ada.send("before")
        assert (await anext(ada)).id == 1
        ada.on_state(lambda state: back.set() if state == "connected" else back.clear())
        ada.on_error(errors.append)
        second = await asyncio.to_thread(launch)
        await back.wait()
        await ada.send("after")
        assert (await anext(ada)).id == 2
        async with ChatClient(second.url, last=10) as newcomer:
            assert [(await anext(newcomer)).message for _ in range(2)] == ["before", "after"]
    assert errors == []


def test_a_server_with_another_log_does_not_take_over_what_memory_had(tmp_path: Path):
    first = launch()
    second = launch(log=f"sqlite:{tmp_path / 'chat.db'}")
    assert second.server.rooms is not first.server.rooms


def test_launching_for_another_port_leaves_the_first_alone():
    first, second = launch(), launch(chatkit_server.PORT + 1)
    assert first.thread.is_alive()
    assert second.port == first.port + 1


def test_port_0_never_replaces(launched: LaunchedServer):
    second = launch(0)
    try:
        assert launched.thread.is_alive()
    finally:
        second.stop()


def test_a_taken_port_leads_to_the_next_free_one_and_a_note():
    taken = chatkit_server.PORT
    with hold(taken), hold(taken + 1):
        server = launch()
    assert server.port == taken + 2
    assert server.note == f"Port {taken} is taken, so this is port {taken + 2}."
    assert server.note in server._repr_html_()


def test_a_port_asked_for_is_refused_with_its_holder():
    taken = chatkit_server.PORT
    with hold(taken) as other, pytest.raises(ChatkitError) as raised:
        launch(taken)
    name = psutil.Process().name().removesuffix(".exe")
    assert f"Port {taken} is held by {name}" in str(raised.value)
    assert f"(process {other.pid})" in str(raised.value)


def test_a_port_held_by_this_program_is_not_blamed_on_another():
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, pytest.raises(ChatkitError, match="held by this notebook or program itself"):
        launch(listener.getsockname()[1])


def test_naming_the_port_that_a_server_has_replaces_it(launched: LaunchedServer):
    for first in (launch(), launched):
        second = launch(first.port)
        assert not first.thread.is_alive()
        assert (second.port, second.note) == (first.port, "")


def test_a_wrong_codec_does_not_cost_the_server_that_runs():
    server = launch()
    with pytest.raises(ChatkitError, match="no codec 'xml'"):
        launch(codec="xml")
    assert server.thread.is_alive()
    assert launch().port == server.port


def test_a_former_port_that_is_gone_is_no_error():
    first = launch()
    first.stop()
    with hold(first.port):
        second = launch()
    assert second.port != first.port
    assert second.note.startswith(f"Port {first.port} is taken")


def test_a_start_that_fails_is_told_to_the_caller(monkeypatch: pytest.MonkeyPatch):
    async def fail(self: ChatServer) -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr(ChatServer, "start", fail)
    with pytest.raises(RuntimeError, match="no luck"):
        launch(0)


def test_stopping_closes_with_1001(launched: LaunchedServer):
    with connect(f"ws://127.0.0.1:{launched.port}/ws") as client:
        launched.stop()
        with pytest.raises(ConnectionClosed) as raised:
            client.recv(timeout=5)
    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == GOING_AWAY


def test_stopping_from_several_threads_at_once(launched: LaunchedServer):
    failed = []

    def stop() -> None:
        try:
            launched.stop()
            assert not launched.thread.is_alive()
        except Exception as error:
            failed.append(error)

    threads = [Thread(target=stop) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    launched.stop()
    assert failed == []
    assert repr(launched) == "chatkit has stopped"


async def test_a_client_that_reads_nothing_does_not_fill_the_cell(capfd):
    server = launch(0, rate=None)
    async with await BareClient.open(server.url) as deaf, talker(socket_url(server.server)) as ada:
        await fill(ada)
        await asyncio.to_thread(server.stop)
        assert not deaf.reader.at_eof()
    assert capfd.readouterr() == ("", "")


def test_a_bad_request_prints_nothing(launched: LaunchedServer):
    ask = f"import urllib.request as r; r.urlopen('{launched.url}ws?name=%ff')"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
    assert "400" in done.stderr


def test_a_server_that_nobody_stopped_does_not_keep_python_from_ending():
    program = "from chatkit.server import launch; print(launch(0).port)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stderr == ""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(done.stdout)))


def test_a_kernel_restart_leaves_nothing_running():
    manager = KernelManager()
    manager.start_kernel()
    try:
        port = port_launched_in(manager)
        manager.restart_kernel()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    finally:
        manager.shutdown_kernel()


def port_launched_in(manager: KernelManager) -> int:
    """Launch a server in a kernel and return its port, once it can be reached."""
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        said = SimpleNamespace(text="")

        def keep(message: dict) -> None:
            said.text += message["content"].get("text", "")

        code = "from chatkit.server import launch; server = launch(0); print(server.port)"
        client.execute_interactive(code, timeout=60, output_hook=keep)
        port = int(re.findall(r"^\d+$", said.text, re.MULTILINE)[0])
        socket.create_connection(("127.0.0.1", port)).close()
    finally:
        client.stop_channels()
    return port


def test_links(launched: LaunchedServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    shown = launched._repr_html_()
    assert f'href="http://127.0.0.1:{launched.port}/"' in shown
    assert f'href="/proxy/{launched.port}/"' in shown
    assert os.fspath(launched.url) in repr(launched)


def test_links_behind_a_hub(launched: LaunchedServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    shown = launched._repr_html_()
    assert f'href="/user/ada/proxy/{launched.port}/"' in shown
    assert "127.0.0.1" not in shown


def test_a_program_that_just_ends_closes_its_log(tmp_path: Path):
    code = f"from chatkit import launch; launch(0, log={f'sqlite:{tmp_path}/chat.db'!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert [file.name for file in tmp_path.iterdir()] == ["chat.db"]  # else its -wal would be left
