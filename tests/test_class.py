"""A class: one server, thirty learners, and nothing told by who did not join."""

import asyncio
import json
import multiprocessing
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection as SyncConnection
from websockets.sync.client import connect

from chatkit import client, teacher
from chatkit.lessons import check, classroom, join_class, leave_class
from chatkit.lessons.classroom import FILE, Membership
from chatkit.lessons.engine import checking
from chatkit.lessons.engine.exercise import Exercise, load
from chatkit.lessons.engine.expect import expect
from chatkit.lessons.redis_server import free_port
from chatkit.messages import ChatkitError
from chatkit.server import ChatServer
from chatkit.teacher import LETTERS, TOKEN_LENGTH, addresses, class_server, greeting
from tests.classmates import NOT_TOLD, TOLD, answer, attend
from tests.conftest import Join, hear, members, serving, until

ROOT = str(Path(__file__).parents[1])
LIMIT = 60  # seconds that a process gets on a busy machine
LINK = re.compile(r'await join_class\("(http://127\.0\.0\.1:\d+/\?token=\w+)", "your name"\)')
REPORT = re.compile(r"(.+) has passed (.+) \(learner ([0-9a-f]{16})\)")
PROTOCOL = ["chatkit.json"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A learner's folder, in which the test is; it is in no class."""
    (folder := tmp_path / "lessons").mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where the test's own process connects to."""
    noted: list[Any] = []
    connect = socket.socket.connect

    def note(own: socket.socket, address: Any) -> None:
        noted.append(address)
        connect(own, address)

    monkeypatch.setattr(socket.socket, "connect", note)
    return noted


@pytest.fixture
def options() -> dict[str, Any]:
    """What the class's server is given."""
    return {"token": "k7m2x9qwpe"}


@pytest.fixture
async def projector(server: ChatServer, join: Join) -> ClientConnection:
    """A client in the room of the reports."""
    return await join("projector", room="class", token=server.token)


PRAISE = "99-1: 21 became 42"


def double(number: int) -> int:
    return 2 * number


@pytest.fixture
def doubling(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exercise 99-1 that is tried without any socket: to double a number."""

    async def doubles(answer: Callable[[int], int]) -> str:
        expect(answer(21), 42, "42")
        return "21 became 42"

    hints = ("Think of two.", "Return 2 * number.")
    exercise = Exercise("99-1", "Double a number.", "def double(): ...", hints, "", doubles)
    monkeypatch.setattr(checking, "load", lambda name: exercise if name == "99-1" else load(name))
    monkeypatch.setattr(checking, "_tries", {})


def files(folder: Path) -> list[Path]:
    """What is in a folder."""
    return list(folder.iterdir())


def kept() -> Membership:
    """What the learner's file says."""
    member = classroom.membership()
    assert member
    return member


@contextmanager
def class_process(folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`chatkit class` as it runs, and the link by which one joins it; killed afterwards."""
    command = [sys.executable, "-m", "chatkit.cli", "class", str(folder), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = [process.stdout.readline() for _ in range(6)]
            yield process, LINK.search("".join(said))[1]
        finally:
            process.kill()


def follow(link: str) -> SyncConnection:
    """A client in the room of the reports that hears all of them, from the first."""
    address = link.replace("http", "ws").replace("/?", "/ws?")
    return connect(f"{address}&room=class&since=0", subprotocols=PROTOCOL)


def next_report(client: SyncConnection) -> tuple[str, str, str]:
    """The name, exercises and mark in the next message: nothing else may come there."""
    while "message" not in (frame := json.loads(client.recv(LIMIT))):
        pass
    return REPORT.fullmatch(frame["message"]).groups()


@contextmanager
def thirty(folder: Path, link: str) -> Iterator[tuple[list[str], list[Any], list[Barrier]]]:
    """The names of thirty learners, their processes, and the moments at which they wait for us.

    Each name is that of two of them.
    """
    context = multiprocessing.get_context("spawn")
    if "forkserver" in multiprocessing.get_all_start_methods():  # cheaper: chatkit is loaded once
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.classmates"])
    moments = [context.Barrier(31) for _ in range(3)]
    names = [f"Learner {n // 2:02}" for n in range(30)]
    learners = []
    try:
        for n, name in enumerate(names):
            (own := folder / str(n)).mkdir()
            learners.append(context.Process(target=attend, args=(own, link, name, moments)))
            learners[-1].start()
        yield names, learners, moments
    finally:
        for learner in learners:
            learner.kill()


def test_thirty_learners_join_and_pass_and_a_restart_loses_nothing(tmp_path: Path):
    port = free_port()
    with ExitStack() as stack:
        with class_process(tmp_path / "class", port) as (server, link), follow(link) as projector:
            names, learners, moments = stack.enter_context(thirty(tmp_path, link))
            joined, away, back = moments
            reports = [next_report(projector) for _ in names]
            assert sorted(name for name, _, _ in reports) == names
            assert {passed for _, passed, _ in reports} == {"nothing yet"}
            joined.wait(LIMIT)
            for _ in range(5):
                assert next_report(projector)[1] == "03-1"
            server.kill()
        away.wait(LIMIT)
        with class_process(tmp_path / "class", port) as (_, same), follow(same) as projector:
            assert same == link
            back.wait(LIMIT)
            rows: dict[str, tuple[str, str]] = {}
            while sorted(rows.values()) != [(name, "00-1 03-1 07-1") for name in names]:
                name, passed, mark = next_report(projector)
                rows[mark] = (name, passed)
            for learner in learners:
                learner.join(LIMIT)
            assert [learner.exitcode for learner in learners] == [0] * 30


async def test_without_a_class_check_connects_to_nobody_and_writes_nothing(
    folder: Path, server: ChatServer, connections: list[Any], doubling: None
):
    assert repr(await check("99-1", double)) == f"✓ {PRAISE}"
    assert connections == []
    assert files(folder) == []
    await join_class(server.url, "Ada")
    connections.clear()
    assert repr(await check("99-1", double)) == f"✓ {PRAISE}\n{TOLD}"
    assert connections == [("127.0.0.1", server.port)]
    leave_class()
    connections.clear()
    assert repr(await check("99-1", double)) == f"✓ {PRAISE}"
    assert connections == []
    assert files(folder) == []


async def test_a_class_is_told_a_name_and_what_was_passed_and_nothing_else(
    server: ChatServer, projector: ClientConnection, doubling: None
):
    note = await join_class(server.url, "  Ada\nLovelace ")
    mark = kept().mark
    assert re.fullmatch("[0-9a-f]{16}", mark)
    place = f"http://127.0.0.1:{server.port}/"
    assert repr(note).startswith(f"You are in the class at {place} as Ada Lovelace. From now on")
    assert server.token not in repr(note)
    assert (await hear(projector))["message"] == (
        f"Ada Lovelace has passed nothing yet (learner {mark})"
    )
    wrong = await check("99-1", lambda number: number)
    assert repr(wrong) == "✗ 99-1: Expected 42; what came: 21.\nHint: Think of two."
    assert await check("99-1", double)
    assert await answer("07-1")
    for passed in ("99-1", "07-1 99-1"):
        report = f"Ada Lovelace has passed {passed} (learner {mark})"
        assert (await hear(projector))["message"] == report
    assert list(server.rooms.open) == ["class"]


async def test_the_class_is_that_of_all_lessons_in_the_folder_until_one_leaves(
    server: ChatServer, projector: ClientConnection, doubling: None
):
    await join_class(server.url, "Ada")
    code = "from tests.classmates import *; print(asyncio.run(answer('07-1')))"
    lesson = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": ROOT}
    )
    said, _ = await lesson.communicate()
    assert said.decode().rstrip().endswith(TOLD)
    assert kept().passed == ("07-1",)
    assert repr(leave_class()) == (
        "You have left the class: what was told stays there, and nothing more is told."
    )
    assert repr(leave_class()) == "You are in no class: nothing is told."
    assert await check("99-1", double)
    await projector.close()
    reports = [await hear(projector), await hear(projector)]
    with pytest.raises(ConnectionClosed):
        await hear(projector)
    assert [REPORT.fullmatch(report["message"])[2] for report in reports] == ["nothing yet", "07-1"]


async def test_who_joins_again_is_the_same_learner_and_another_folder_is_another(
    server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doubling: None
):
    await join_class(server.url, "Ada")
    assert await check("99-1", double)
    before = kept()
    await join_class(server.url, "Grace")
    assert (kept().name, kept().mark, kept().passed) == ("Grace", before.mark, ("99-1",))
    monkeypatch.chdir(tmp_path)
    await join_class(server.url, "Ada")
    assert kept().mark != before.mark
    assert kept().passed == ()


async def test_the_projector_s_link_joins_too(server: ChatServer):
    await join_class(server.url.replace("/?", "/static/class.html?"), "Ada")
    assert kept().link == server.url


@pytest.mark.parametrize(
    ("link", "name", "words"),
    [
        ("nonsense", "Ada", "'nonsense' is no address of a chat: it looks like http://"),
        (
            "http://127.0.0.1:{free}/?token=secret",
            "Ada",
            "No class answers at http://127.0.0.1:{free}/: is the link whole, and the server "
            "running?",
        ),
        (
            "http://127.0.0.1:{port}/?token=wrong",
            "Ada",
            "http://127.0.0.1:{port}/ does not let you in: This chat needs a token",
        ),
        ("http://127.0.0.1:{port}/", "Ada", "http://127.0.0.1:{port}/ does not let you in: This"),
        ("http://127.0.0.1:{port}/?token=k7m2x9qwpe", " \u200b ", "A class shows your name:"),
        ("http://127.0.0.1:99999/", "Ada", "No class answers at http://127.0.0.1:99999/:"),
    ],
)
async def test_who_can_t_be_let_in_hears_why_in_one_sentence_and_has_not_joined(
    link: str, name: str, words: str, server: ChatServer, folder: Path
):
    places = {"port": server.port, "free": free_port()}
    with pytest.raises(ChatkitError) as error:
        await join_class(link.format(**places), name)
    assert str(error.value).startswith(words.format(**places))
    assert files(folder) == []


async def test_a_class_that_can_t_be_told_does_not_spoil_a_verdict_and_is_told_by_the_next(
    folder: Path, doubling: None
):
    port = free_port()
    async with serving(port=port, token="first") as server:
        await join_class(server.url, "Ada")
    praise = f"✓ {PRAISE}\n{NOT_TOLD} "
    nobody = f"No class answers at http://127.0.0.1:{port}/: is the link whole, and the server"
    assert repr(await check("99-1", double)) == f"{praise}{nobody} running?"
    async with serving(port=port, token="another"):
        verdict = await check("99-1", double)
    assert repr(verdict).startswith(f"{praise}http://127.0.0.1:{port}/ does not let you in: This")
    async with serving(port=port, token="first") as server:
        assert (await answer("07-1")).words.endswith(TOLD)
        [told] = await server.log.read("class", 0, 10)
    assert REPORT.fullmatch(told.message)[2] == "07-1 99-1"


async def test_a_class_that_says_nothing_is_waited_for_a_few_seconds(
    folder: Path, doubling: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(classroom, "PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        link = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        Membership(link, "Ada", "0" * 16).keep()
        async with asyncio.timeout(LIMIT):
            verdict = await check("99-1", double)
    assert repr(verdict).startswith(f"✓ {PRAISE}\n{NOT_TOLD} No class answers at {link}:")


async def test_a_class_that_can_t_keep_a_report_says_why(
    tmp_path: Path, doubling: None, monkeypatch: pytest.MonkeyPatch
):
    log = f"sqlite:{tmp_path / 'log.db'}"
    async with serving(log=log) as server:
        await join_class(server.url, "Ada")
        async with serving(log=log):  # from now on the log is this one's
            monkeypatch.setattr(classroom, "PATIENCE", 0.5)
            monkeypatch.setattr(
                client, "CLOSE_TIMEOUT", 2 * LIMIT
            )  # what is given up is not waited for
            async with asyncio.timeout(LIMIT):
                verdict = await check("99-1", double)
        assert repr(verdict).startswith(f"✓ {PRAISE}\n{NOT_TOLD} Another server writes to")
        await until(lambda: members(server, "class") == [])


@pytest.fixture(params=[b"", b"{}", b"\xff", b"[]", b'{"link": 1, "name": 2}'])
def garbage(request: pytest.FixtureRequest, folder: Path) -> bytes:
    """Something in the learner's file that is none of ours."""
    (folder / FILE).write_bytes(request.param)
    return bytes(request.param)


async def test_a_file_that_can_t_be_read_is_told_of_and_mended_by_joining_again(
    garbage: bytes, server: ChatServer, doubling: None
):
    verdict = await check("99-1", double)
    assert repr(verdict).startswith(f"✓ {PRAISE}\n{NOT_TOLD} {FILE} can't be read (")
    assert repr(verdict).endswith("): join your class again.")
    await join_class(server.url, "Ada")
    assert repr(await check("99-1", double)) == f"✓ {PRAISE}\n{TOLD}"


@pytest.fixture
def unwritable(folder: Path) -> None:
    """Have the learner's file be one that can't be replaced: root, too, can't in this way."""
    Membership("http://127.0.0.1:1/", "Ada", "0" * 16).keep()
    (folder / f"{FILE}.{os.getpid()}").mkdir()


async def test_a_file_that_can_t_be_written_does_not_spoil_a_verdict(
    unwritable: None, doubling: None
):
    verdict = await check("99-1", double)
    assert repr(verdict).startswith(f"✓ {PRAISE}\n{NOT_TOLD} ")


def test_the_link_of_a_class_lasts_as_long_as_its_folder(tmp_path: Path):
    first, again = (class_server(tmp_path / "maths") for _ in range(2))
    other = class_server(tmp_path / "physics")
    assert first.token == again.token != other.token
    assert len(first.token) == TOKEN_LENGTH
    assert set(first.token) <= set(LETTERS)
    assert class_server(tmp_path / "maths", token="chosen").token == "chosen"
    assert class_server(tmp_path / "maths").token == first.token
    (tmp_path / "maths" / "token.txt").write_text(" \n")
    assert len(class_server(tmp_path / "maths").token) == TOKEN_LENGTH


NETWORKS = {
    "lo": [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)],
    "docker0": [("172.17.0.1", socket.AF_INET)],
    "wlan0": [
        ("192.168.1.20", socket.AF_INET),
        ("fe80::1%wlan0", socket.AF_INET6),
        ("fd00::20", socket.AF_INET6),
    ],
    "eth0": [("10.0.0.7", socket.AF_INET)],
    "eth1": [("169.254.3.4", socket.AF_INET)],
}
STATS = {name: SimpleNamespace(isup=name != "eth0") for name in NETWORKS}
ADDRESSES = {
    name: [SimpleNamespace(address=address, family=family) for address, family in found]
    for name, found in NETWORKS.items()
}


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop in several networks, which goes out by the wireless one."""
    monkeypatch.setattr(psutil, "net_if_stats", lambda: STATS)
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: ADDRESSES)
    monkeypatch.setattr(teacher, "way_out", lambda family: "192.168.1.20")


@pytest.mark.parametrize(
    ("host", "place", "last"),
    [
        ("0.0.0.0", "http://192.168.1.20:8760/", "This machine is also at 172.17.0.1."),
        ("::", "http://[fd00::20]:8760/", '    await join_class("{link}", "your name")'),
        ("10.0.0.7", "http://10.0.0.7:8760/", '    await join_class("{link}", "your name")'),
        (
            "127.0.0.1",
            "http://127.0.0.1:8760/",
            "Only this machine reaches it; others do with --host 0.0.0.0.",
        ),
    ],
)
def test_the_links_name_the_address_at_which_others_reach_the_class(
    host: str, place: str, last: str, networks: None
):
    lines = greeting(ChatServer(8760, host, token="k7m2x9qwpe")).splitlines()
    link = f"{place}?token=k7m2x9qwpe"
    assert lines[0] == f"The class is open. Its chat: {link}"
    assert lines[1].endswith(f": {place}static/class.html?token=k7m2x9qwpe")
    assert f'    await join_class("{link}", "your name")' in lines
    assert lines[-1] == last.format(link=link)


def test_in_no_network_only_this_machine_reaches_the_class(
    networks: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {"lo": ADDRESSES["lo"]})
    lines = greeting(ChatServer(8760, "0.0.0.0", token="k7m2x9qwpe")).splitlines()
    assert lines[0] == "The class is open. Its chat: http://127.0.0.1:8760/?token=k7m2x9qwpe"
    assert lines[-1] == "This machine is in no network just now: only itself reaches the class."


def test_this_machine_s_own_addresses_are_no_one_else_s():
    for family in (socket.AF_INET, socket.AF_INET6):
        for address in addresses(family):
            with socket.socket(family, socket.SOCK_DGRAM) as own:
                own.bind((address, 0))


def test_a_class_without_solutions_says_so_and_its_link_too():
    server = ChatServer(8760, token="k7m2x9qwpe")
    said = greeting(server, solutions=False)
    assert 'join_class("http://127.0.0.1:8760/?token=k7m2x9qwpe&solutions=no", "your name")' in said
    assert said.endswith("leave_class() ends that.")
    assert "solutions" not in greeting(server)


async def test_a_learner_joins_by_a_link_without_solutions(
    server: ChatServer, projector: ClientConnection
):
    link = teacher.without_solutions(server.url)
    assert not classroom.solutions_are_withheld()
    await join_class(link, "Ada")
    assert classroom.solutions_are_withheld()
    leave_class()
    assert not classroom.solutions_are_withheld()
