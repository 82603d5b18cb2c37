"""The command line as its users meet it: in a process of its own."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from jupyter_client.manager import run_kernel
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from chatkit.cli import main
from chatkit.lessons.redis_server import RedisServer, free_port
from chatkit.paths import NOTEBOOKS
from tests.test_server import is_free

LIMIT = 20  # seconds that a process gets on a busy machine
FIRST_LINE = re.compile(r"chatkit is serving on (http://127\.0\.0\.1:(\d+)/(\S*))\n")

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


def chatkit(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chatkit.cli", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)


@contextmanager
def serving(*args: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`chatkit serve` as it runs, and the port that its first line tells."""
    with announced(*args) as (process, line):
        yield process, int(line[2])


@contextmanager
def announced(*args: str) -> Iterator[tuple[subprocess.Popen[str], re.Match[str]]]:
    """`chatkit serve` as it runs, and its first line."""
    command = [sys.executable, "-m", "chatkit.cli", "serve", *args]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            line = FIRST_LINE.fullmatch(process.stdout.readline())
            assert line, process.communicate(timeout=LIMIT)
            yield process, line
        finally:
            process.kill()


@needs_signals
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_and_clients_hear_1001(number: int):
    with serving("--port", "0") as (process, port):
        with pytest.raises(HTTPError) as missing:
            urlopen(f"http://127.0.0.1:{port}/nothing", timeout=LIMIT)
        missing.value.close()
        with connect(f"ws://127.0.0.1:{port}/ws") as client:
            client.send('{"message": "hi"}')
            assert '"hi"' in client.recv(LIMIT)
            process.send_signal(number)
            with pytest.raises(ConnectionClosed) as end:
                client.recv(LIMIT)
        assert end.value.rcvd.code == 1001
        assert process.communicate(timeout=LIMIT) == ("", "")
        assert process.returncode == 0
        assert is_free(port)


def test_it_serves_on_the_port_and_in_the_codec_that_were_chosen():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with serving("--port", str(port), "--codec", "transit") as (_, told):
        assert told == port
        with connect(f"ws://127.0.0.1:{port}/ws") as client:
            client.send('["^ ","~:message","hi"]')
            assert client.recv(LIMIT).startswith('["^ ","~:message","hi","~:id",1,')


def test_its_link_holds_the_token_without_which_nobody_comes_in():
    with announced("--port", "0", "--token", "auto") as (_, line):
        _, port, query = line.groups()
        assert re.fullmatch(r"\?token=[\w-]{20,}", query)
        with urlopen(line[1], timeout=LIMIT) as page:
            assert page.status == 200
        with connect(f"ws://127.0.0.1:{port}/ws{query}") as client:
            client.send('{"message": "hi"}')
            assert '"hi"' in client.recv(LIMIT)
        with pytest.raises(InvalidStatus, match="403"):
            connect(f"ws://127.0.0.1:{port}/ws")


def test_what_is_secret_may_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CHATKIT_TOKEN", "secret")
    monkeypatch.setenv("CHATKIT_LOG", f"sqlite:{tmp_path / 'chat.db'}")
    with announced("--port", "0") as (_, line):
        assert line[3] == "?token=secret"
        assert (tmp_path / "chat.db").exists()


def test_so_may_the_token_of_a_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CHATKIT_TOKEN", "secret")
    command = [sys.executable, "-m", "chatkit.cli", "class", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().endswith("/?token=secret\n")
        process.kill()


def test_origin_rate_and_connections_are_as_chosen():
    site = "https://chat.example.org"
    limits = ("--rate", "off", "--per-address", "1", "--origin", site)
    with serving("--port", "0", *limits, "--origin", "https://b.example") as (_, port):
        address = f"ws://127.0.0.1:{port}/ws"
        with connect(address, origin=site) as client:
            for number in range(100):
                client.send(f'{{"message": "{number}"}}')
            assert '"id":100,' in [client.recv(LIMIT) for _ in range(100)][-1]
            with pytest.raises(InvalidStatus, match="429"):
                connect(address)
        with pytest.raises(InvalidStatus, match="403"):
            connect(address, origin="https://evil.example")


@needs_signals
def test_it_tells_what_happens_in_the_way_that_was_chosen():
    options = ("--log-level", "info", "--log-format", "json", "--behind-proxy")
    with serving("--port", "0", *options) as (process, port):
        known = {"X-Real-IP": "192.0.2.1"}
        with connect(f"ws://127.0.0.1:{port}/ws?name=Ada", additional_headers=known) as client:
            client.send('{"message": "hi"}')
            assert '"hi"' in client.recv(LIMIT)
            process.send_signal(signal.SIGTERM)
            _, told = process.communicate(timeout=LIMIT)
    lines = [json.loads(line) for line in told.splitlines()]
    events = ["started", "request", "joined", "draining", "left", "stopped"]
    assert [line["event"] for line in lines] == events
    assert (lines[2]["name"], lines[2]["address"]) == ("Ada", "192.0.2.1")
    assert "hi" not in told


def test_what_was_said_is_there_after_a_restart(tmp_path: Path):
    log = f"sqlite:{tmp_path / 'chat.db'}"
    for query, said in (("", "hi"), ("?since=0", "ho")):
        with (
            serving("--port", "0", "--log", log) as (_, port),
            connect(f"ws://127.0.0.1:{port}/ws{query}") as client,
        ):
            client.send(f'{{"message": "{said}"}}')
            heard = [client.recv(LIMIT)] + ([client.recv(LIMIT)] if query else [])
    assert [re.match(r'{"message":"(..)","id":(\d),', text).groups() for text in heard] == [
        ("hi", "1"),
        ("ho", "2"),
    ]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--port", "70000"], "There is no port 70000: choose one from 1 to 65535, or 0 for any."),
        (["--port", "-1"], "There is no port -1: choose one from 1 to 65535, or 0 for any."),
        (["--codec", "xml"], "There is no codec 'xml': choose one of json, transit."),
        (
            ["--log", "disk"],
            "There is no log 'disk': choose memory, sqlite:chat.db or redis://127.0.0.1:6379/0.",
        ),
        (
            ["--log", "redis://:secret@127.0.0.1:x/0"],
            "'redis://127.0.0.1:x/0' is no address of a Redis: it looks like "
            "redis://127.0.0.1:6379/0.",
        ),
        (["--rate", "0"], "--rate is a whole number from 1, or off; this is '0'."),
        (["--rate", "fast"], "--rate is a whole number from 1, or off; this is 'fast'."),
        (["--per-address", "-1"], "--per-address is a whole number from 1, or off; this is '-1'."),
        (["--log-level", "loud"], "There is no log level 'loud': choose info or warning or error."),
        (["--log-format", "xml"], "There is no log format 'xml': choose text or json."),
        (
            ["--host", "0.0.0.0", "--token", "auto", "--behind-proxy"],
            "Whoever reaches 0.0.0.0 could claim any address as theirs, so behind a proxy listen "
            "on 127.0.0.1 alone.",
        ),
        (
            ["--host", "0.0.0.0"],
            "Others can reach 0.0.0.0, so let a token keep strangers out: token 'auto' makes one.",
        ),
    ],
)
def test_what_can_t_be_is_told_in_one_sentence_with_exit_code_2(
    args: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(sys, "argv", ["chatkit", "serve", *args])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert capsys.readouterr() == ("", f"chatkit: {words}\n")


def test_what_can_t_be_listened_on_is_told_in_one_sentence_with_exit_code_2():
    ended = chatkit("serve", "--host", "é" * 64, "--token", "auto")
    words = f"Can't listen on {'é' * 64} port 8765: that is no name of a machine."
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"chatkit: {words}\n")


def test_a_redis_that_is_not_there_is_told_in_one_sentence_with_exit_code_2():
    address = f"redis://127.0.0.1:{free_port()}/0"
    ended = chatkit("serve", "--port", "0", "--log", address)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(
        rf"chatkit: No Redis answers at {address} \(.+\): start redis-server there, or choose "
        r"another log\.\n",
        ended.stderr,
    )


@needs_signals
def test_two_servers_have_one_room_on_redis_and_stop_cleanly(redis_server: RedisServer):
    log = ("--port", "0", "--log", redis_server.url)
    with (
        serving(*log) as (one, first),
        serving(*log) as (other, second),
        connect(f"ws://127.0.0.1:{first}/ws") as ada,
        connect(f"ws://127.0.0.1:{second}/ws?since=0") as grace,
    ):
        ada.send('{"message": "hi"}')
        assert '"hi","id":1,' in grace.recv(LIMIT)
        for process in (one, other):
            process.send_signal(signal.SIGTERM)
            assert process.communicate(timeout=LIMIT) == ("", "")
            assert process.returncode == 0


def test_a_taken_port_is_told_in_one_sentence_with_exit_code_2():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ended = chatkit("serve", "--port", str(port))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(rf"chatkit: Port {port} is held by .+: stop that, or .+\.\n", ended.stderr)


def test_doctor_says_that_this_machine_is_ready():
    ended = chatkit("doctor")
    assert ended.stdout.endswith("This machine is ready.\n")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_lab_copies_the_lessons_and_keeps_the_learners_own(tmp_path: Path):
    folder = tmp_path / "lessons"
    assert lab(folder) == f"The lessons are in {folder}.\n"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in NOTEBOOKS.glob("*.ipynb")
    )
    (folder / "03-serve-it.ipynb").write_text("mine")
    said = lab(folder, "--fresh", "3")
    kept = folder / "03-serve-it-mine.ipynb"
    assert said.startswith(f"{folder / '03-serve-it.ipynb'} is new; yours is {kept} now.\n")
    assert kept.read_text() == "mine"
    clean = (NOTEBOOKS / "03-serve-it.ipynb").read_text(encoding="utf-8")
    assert (folder / "03-serve-it.ipynb").read_text(encoding="utf-8") == clean


def lab(folder: Path, *options: str) -> str:
    """What `chatkit lab` says, if all is well."""
    ended = chatkit("lab", str(folder), "--lay", *options)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_an_unknown_lesson_is_told_in_one_sentence_with_exit_code_2(tmp_path: Path):
    ended = chatkit("lab", str(tmp_path), "--fresh", "33")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(
        r"chatkit: There is no lesson '33': choose one of 00, 01, .+, 11.*\.\n", ended.stderr
    )
    assert list(tmp_path.iterdir()) == []


def test_alone_it_lists_its_commands():
    words = chatkit().stdout
    assert all(command in words for command in ("serve", "lab", "doctor"))


def test_a_kernel_that_exits_leaves_nothing_running():
    """As in a notebook: `launch()` in a cell, and then the kernel is shut down."""
    said: list[str] = []
    with run_kernel(kernel_name="python3", extra_arguments=["--log-level=ERROR"]) as kernel:
        kernel.execute_interactive(
            "from chatkit import launch; server = launch(port=0); print(server.port)",
            output_hook=lambda message: said.append(message["content"].get("text", "")),
            timeout=LIMIT,
        )
        port = int("".join(said))
        with connect(f"ws://127.0.0.1:{port}/ws") as client:
            kernel.shutdown()
            with pytest.raises(ConnectionClosed) as end:
                client.recv(LIMIT)
    assert end.value.rcvd.code == 1001
    assert is_free(port)
