"""chatkit bench: what is counted is right, and nothing stays behind. No test asks how fast."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
import psutil
import pytest
from redis import Redis
from rich.console import Console
from typer.testing import CliRunner

from chatkit.bench import contest, contestants
from chatkit.bench.cells import Cell
from chatkit.bench.command import WIDTH
from chatkit.bench.contest import Contestant, Figure, Result, Results, measure, running
from chatkit.bench.load import Job, Measured
from chatkit.bench.report import tables, warnings
from chatkit.cli import app
from chatkit.lessons.redis_server import RedisServer, free_port
from chatkit.messages import ChatkitError
from chatkit.redis_log import stream_of
from chatkit.redis_roster import ROOMS, SERVERS

LIMIT = 60  # seconds that a process gets on a busy machine
PEERS = ("tornado", "websockets", "aiohttp", "picows")
SHORT = ("--rounds", "1", "--seconds", "0.1")
ONE = (*SHORT, "--clients", "3", "--flight", "2")
PNG = b"\x89PNG\r\n\x1a\n"

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

# A relay that does one thing wrong with the 20th message.
FAKE = """
import asyncio, os, sys
from websockets.asyncio.server import serve

clients, before, lagging = [], None, False

def said(client, message, fault):
    global lagging
    twentieth, first, last = b"#000000019#" in message, clients[0], clients[-1]
    lagging |= twentieth and fault == "lags"
    if twentieth and fault == "dies":
        print("first line\\nout of order", file=sys.stderr, flush=True)
        os._exit(3)
    if twentieth and fault == "loses" and client is last:
        return []
    if twentieth and fault == "doubles" and client is last:
        return [message, message]
    if lagging and client is last:
        return [before]
    if twentieth and fault == "swaps" and client is first:
        return [before]
    return [message]

async def relay(client):
    global before
    clients.append(client)
    async for message in client:
        message = message.encode()
        for other in clients:
            for frame in said(other, message, sys.argv[1]):
                await other.send(frame, text=True)
        before = message

async def main():
    async with serve(relay, "127.0.0.1", 0, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> Iterator[None]:
    """Each server and each load is over when its test is, and this process hears SIGTERM again."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)
    children = psutil.Process().children(recursive=True)
    assert [child for child in children if child.name() != "redis-server"] == []  # the fixture's


def bench(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chatkit.cli", "bench", *args]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT, env=os.environ | environment
    )


def refusal(*args: str) -> str:
    """What chatkit bench says instead of measuring anything."""
    error = CliRunner().invoke(app, ["bench", *args]).exception
    assert isinstance(error, ChatkitError), error
    return str(error)


@pytest.fixture(scope="module")
def plot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench") / "plot.png"


@pytest.fixture(scope="module")
def done(plot: Path) -> subprocess.CompletedProcess[str]:
    """A short contest of chatkit and all Python peers."""
    against = ("--against", ",".join(PEERS), "--clients", "5", "--flight", "4", "--senders", "all")
    return bench(*against, "--rounds", "1", "--seconds", "0.2", "--json", "--plot", str(plot))


@pytest.fixture(scope="module")
def results(done: subprocess.CompletedProcess[str]) -> Results:
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout, type=Results)


def test_json_is_all_of_stdout_and_no_bar_is_drawn_into_a_file(
    done: subprocess.CompletedProcess[str], results: Results
):
    keys = json.loads(done.stdout)
    assert set(keys) == {field.name for field in msgspec.structs.fields(Results)}
    assert set(keys["results"][0]) == {field.name for field in msgspec.structs.fields(Result)}
    assert done.stderr.splitlines() == list(warnings(results))


def test_it_says_where_and_how_it_was_measured(results: Results):
    assert list(results.versions) == ["chatkit", *PEERS]
    assert [results.versions[peer] for peer in PEERS] == [version(peer) for peer in PEERS]
    assert (results.rounds, results.seconds, results.missing) == (1, 0.2, [])
    assert (results.python, results.cores) == (sys.version.split()[0], os.cpu_count())
    for words in ("loopback", "uncompressed", "TCP_NODELAY", "same bytes", "whole work"):
        assert words in results.how


def test_every_contestant_has_its_figures(results: Results):
    assert [result.contestant for result in results.results] == ["chatkit", *PEERS]
    for result in results.results:
        assert result.cell == Cell(clients=5, flight=4, senders=5)
        [run] = result.runs
        assert run.messages >= 4
        assert run.deliveries == 5 * run.messages
        assert run.rate == pytest.approx(run.deliveries / run.seconds)
        assert 0 < run.p50 <= run.p99 < LIMIT
        assert 0 <= run.idle <= 1
        assert run.memory[0][1] > 2**20


def test_ratios_are_those_of_the_figures(results: Results):
    first = results.results[0]
    assert first.ratio == 1
    for result in results.results:
        assert result.ratio == pytest.approx(first.rate.median / result.rate.median)


def went(sizes: list[int], rate: float = 1, messages: int = 1) -> Measured:
    """A run that went so: the server's memory is in MiB."""
    memory = [(second / 10, size * 2**20) for second, size in enumerate(sizes)]
    return Measured(1, messages, 10 * messages, rate, 1, 1, 1, 1, 1, memory)


def test_figures_are_those_of_all_rounds():
    rounds = [went([10, 20], rate) for rate in (5.0, 1.0, 3.0)]
    tornado = Contestant("tornado", [], "0")
    result = contest.result(tornado, Cell(10, 1), rounds, [went([10], 6.0)])
    assert result.rate == Figure(median=3, min=1, max=5)
    assert result.ratio == 2
    assert (result.start.median, result.peak.median) == (10 * 2**20, 20 * 2**20)
    assert result.runs == rounds


def test_the_plot_is_a_picture(plot: Path, results: Results):
    assert plot.read_bytes().startswith(PNG)


def test_without_json_it_prints_a_table_and_what_was_measured(tmp_path: Path):
    svg = tmp_path / "plot.svg"
    log = tmp_path / "bench.db"
    said = bench(*ONE, "--plot", str(svg), "--log", f"sqlite:{log}")
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("3 clients, one talks, 2 in flight")
    assert "deliveries/s" in said.stdout
    assert f"Python {sys.version.split()[0]}" in said.stdout
    assert svg.read_text().startswith("<?xml")
    assert log.exists()  # chatkit's own log was where it was told to be


def test_the_stages_and_each_with_a_slow_reader(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(contest, "SLOW_SECONDS", 0.1)
    said = CliRunner().invoke(app, ["bench", *ONE, "--stages"])
    assert said.exception is None
    plain, slow = said.stdout.split("10 clients, one talks, 64 in flight, 4,096 characters each")
    for table in (plain, slow):
        assert [line.split()[0] for line in table.splitlines() if " × " in line] == [
            *contestants.STAGES
        ]
    assert "times naive" in plain
    assert "bounded" in slow
    assert "bounded" not in plain


def test_memory_that_climbs_until_the_end_is_not_bounded():
    cell = Cell(10, 64, slow=1, length=4096)
    much, little = 12 * 2**20 // 4096, 2**20 // 4096
    assert contest.is_bounded(cell, went([10, 10, 12, 14, 16, 18], messages=much)) is False
    assert contest.is_bounded(cell, went([10, 12, 13, 13, 13, 13], messages=much)) is True
    assert contest.is_bounded(cell, went([10, 10, 10, 10, 10, 10], messages=little)) is None


@pytest.mark.parametrize("name", ["ws", "bare-c", "bare-c-turn"])
def test_servers_in_other_languages_run_if_they_are_here(name: str):
    here, missing = contestants.contestants([name])
    if here:
        run = measure(here[0], Cell(3, 2), 0.1)
        assert run.deliveries == 3 * run.messages > 0
    else:
        assert missing[0].endswith(".")


def test_what_is_not_installed_is_told_and_the_others_run(tmp_path: Path):
    said = bench(*ONE, "--against", "ws,bare-c", "--json", PATH=str(tmp_path))
    assert said.returncode == 0, said.stderr
    results = msgspec.json.decode(said.stdout, type=Results)
    assert [result.contestant for result in results.results] == ["chatkit"]
    assert results.missing == [
        "ws needs Node: get it from nodejs.org, then: npm install ws.",
        "The relay in C needs Linux and a C compiler that is called cc.",
    ]
    assert said.stderr.splitlines()[:2] == results.missing


def test_a_package_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch):
    def version(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(contestants, "version", version)
    here, missing = contestants.contestants(["chatkit", "picows"])
    assert [one.name for one in here] == ["chatkit"]
    assert missing == ["picows is not installed: python -m pip install 'chatkit[bench]' gets it."]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("--against apache", "There is no contestant 'apache': choose from chatkit, "),
        ("--clients many", "--clients takes whole numbers, as 1,64; this is 'many'."),
        ("--clients 0", "There can be 1 to "),
        ("--clients 1000000", "There can be 1 to "),
        ("--flight 0", "There can be 1 to 1,024 messages in flight, and this is 0."),
        ("--clients 5 --senders 6", "There can be 1 to 5 senders, and this is 6."),
        ("--senders some", "--senders takes whole numbers, as 1,64; this is 'some'."),
        ("--rounds 0", "There can be 1 to 20 rounds, and this is 0."),
        ("--seconds 0", "There can be 0.1 to 10 seconds, and this is 0."),
        ("--seconds nan", "There can be 0.1 to 10 seconds, and this is nan."),
        ("--rounds 20 --seconds 10 --against tornado,aiohttp,picows", "That would take about "),
        ("--plot plot.gif", "A plot is a .png or .svg file, and this is 'plot.gif'."),
        ("--plot nowhere/plot.png", "There is no folder 'nowhere' to write the plot to."),
        ("--servers 0", "There can be 1 to 16 servers, and this is 0."),
        ("--servers two", "--servers takes whole numbers, as 1,64; this is 'two'."),
        ("--servers 1,2", "2 servers can't share the log 'memory': choose one on Redis, as "),
        ("--log memory,redis://127.0.0.1:x/0", "'redis://127.0.0.1:x/0' is no address of a Redis"),
        ("--log postgres", "There is no log 'postgres': choose memory, "),
    ],
)
def test_an_option_that_makes_no_sense_is_told_in_a_sentence(args: str, words: str):
    assert refusal(*args.split()).startswith(words)


def test_a_refusal_is_one_line_and_exit_code_2():
    said = bench("--against", "apache")
    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert said.stderr.startswith("chatkit: There is no contestant 'apache'")


def faulty(fault: str, tmp_path: Path) -> Contestant:
    """A server that does one thing wrong."""
    file = tmp_path / "fake.py"
    file.write_text(FAKE)
    return Contestant("fake", [sys.executable, str(file), fault], "0")


@pytest.mark.parametrize("flight", [1, 8])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("loses", "Nothing came for 2 seconds."),
        ("doubles", "The server delivered a message twice."),
        ("lags", "The server delivered a message twice."),
        ("swaps", "The server delivered one message twice and another one never."),
    ],
)
def test_a_server_that_miscounts_gets_no_figures(
    fault: str, words: str, flight: int, tmp_path: Path
):
    impatient = "from chatkit.bench import load; load.PATIENCE = 2.0; load.main()"
    with running(faulty(fault, tmp_path)) as (port, pid):
        job = Job(port, pid, clients=3, flight=flight, seconds=0.1)
        command = [sys.executable, "-c", impatient, msgspec.json.encode(job).decode()]
        load = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert (load.stdout, load.stderr.strip()) == ("", words)
    assert load.returncode == 1


def test_a_server_that_counts_well_gets_figures(tmp_path: Path):
    run = measure(faulty("none", tmp_path), Cell(3, 8), 0.1)
    assert run.deliveries == 3 * run.messages > 0


def test_each_log_is_a_row_and_a_room_on_redis_is_on_all_servers(
    redis_server: RedisServer, tmp_path: Path
):
    with Redis.from_url(redis_server.url) as redis:
        redis.set("another's", "key")
        logs = f"memory,sqlite:{tmp_path / 'bench.db'},{redis_server.url}"
        said = bench(*ONE, "--log", logs, "--servers", "1,2", "--json")
        assert said.returncode == 0, said.stderr
        left = {key.decode() for key in redis.scan_iter()}
    results = msgspec.json.decode(said.stdout, type=Results)
    rows = ["chatkit memory", "chatkit sqlite", "chatkit redis", "2 × chatkit redis"]
    assert [row.contestant for row in results.results] == rows
    for row in results.results:
        assert row.ratio == pytest.approx(results.results[0].rate.median / row.rate.median)
        assert row.runs[0].deliveries == 3 * row.runs[0].messages > 0
    assert "another's" in left
    rooms = (stream_of(""), SERVERS, ROOMS)  # nothing of any room, nor of any server
    assert [key for key in left if key.startswith(rooms)] == []


def test_a_contest_can_be_run_from_a_cell(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CHATKIT_TOKEN", "secret")  # that is for other servers

    async def cell() -> Results:
        rows = contestants.chats([redis_server.url], servers=[2])
        return contest.contest(rows, [Cell(4, 2, 2)], rounds=1, seconds=0.1)

    [row] = asyncio.run(cell()).results
    assert row.contestant == "2 × chatkit"
    assert row.runs[0].deliveries == 4 * row.runs[0].messages > 0


def test_servers_that_do_not_share_a_room_get_no_figures(tmp_path: Path):
    deaf = msgspec.structs.replace(faulty("none", tmp_path), servers=2)
    impatient = "from chatkit.bench import load; load.PATIENCE = 2.0; load.main()"
    with contest.all_running(deaf) as [(port, pid), *others]:
        job = Job(port, pid, clients=3, seconds=0.1, others=others)
        command = [sys.executable, "-c", impatient, msgspec.json.encode(job).decode()]
        load = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert (load.stdout, load.stderr) == ("", "Nothing came for 2 seconds.\n")


def test_of_several_servers_the_one_that_dies_is_told(tmp_path: Path):
    both = msgspec.structs.replace(faulty("none", tmp_path), servers=2)
    with pytest.raises(ChatkitError) as error, contest.all_running(both) as [_, (_, pid)]:  # noqa: PT012
        psutil.Process(pid).kill()
        raise contest.LoadError
    assert str(error.value) == "fake ended while it was measured: it did not say why."


def test_no_redis_is_told_in_a_sentence_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(contest, "running", None)  # whatever is started would fail
    address = f"redis://127.0.0.1:{free_port()}/0"
    said = refusal("--log", f"memory,{address}")
    assert said.startswith(f"No Redis answers at {address} (")
    assert said.endswith("): start redis-server there, or choose another log.")


def test_long_names_of_rows_leave_the_figures_whole(results: Results):
    first = msgspec.structs.replace(results.results[0], contestant="chatkit memory")
    rows = [first, msgspec.structs.replace(first, contestant="16 × chatkit redis")]
    [table] = tables(msgspec.structs.replace(results, results=rows))
    console = Console(width=WIDTH, file=io.StringIO())
    console.print(table)
    lines = console.file.getvalue().splitlines()
    assert lines[-1].startswith("16 × chatkit redis  ")
    assert "…" not in lines[-1].replace(" … ", "")
    assert "busy" in lines[1] + lines[2]


def test_a_server_that_dies_is_told_in_a_sentence(tmp_path: Path):
    with pytest.raises(ChatkitError) as error:
        measure(faulty("dies", tmp_path), Cell(3, 1), 0.1)
    assert str(error.value) == "fake ended while it was measured: out of order"


def test_a_server_that_does_not_start_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch):
    fails = Contestant("fake", [sys.executable, "-c", "raise SystemExit('no such thing')"], "0")
    with pytest.raises(ChatkitError, match=r"^fake did not start: no such thing$"):
        measure(fails, Cell(1, 1))
    monkeypatch.setattr(contest, "PATIENCE", 0.5)
    silent = Contestant(
        "fake", [sys.executable, "-c", "import threading; threading.Event().wait()"], "0"
    )
    with pytest.raises(ChatkitError, match=r"^fake did not start: it did not say why\.$"):
        measure(silent, Cell(1, 1))


@needs_signals
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_stops_it_in_the_middle_leaves_no_process_behind(number: int):
    command = [sys.executable, "-m", "chatkit.cli", "bench", "--seconds", "10", "--clients", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            children = under_way(process)
            process.send_signal(number)
            assert process.wait(LIMIT) != 0
            assert b"Traceback" not in process.communicate()[1]
            assert psutil.wait_procs(children, timeout=5)[1] == []
        finally:
            process.kill()


def under_way(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The server and the load of a contest, as soon as both are there."""
    while process.poll() is None:
        children = psutil.Process(process.pid).children(recursive=True)
        with suppress(psutil.NoSuchProcess):
            if any("chatkit.bench.load" in child.cmdline() for child in children):
                return children
    raise AssertionError(process.communicate())


@needs_signals
def test_a_terminal_shows_how_far_it_is():
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "chatkit.cli", "bench", *ONE]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # the end, on Linux
            while more := os.read(ours, 65536):
                shown += more
        os.close(ours)
        assert process.wait(LIMIT) == 0
    assert b"chatkit, 3 clients, round 1 of 1" in shown


LIMITED = """
import sys
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from chatkit.bench.cells import ChatkitError, let_open
setrlimit(RLIMIT_NOFILE, (100, int(sys.argv[1])))
try:
    let_open(200)
except ChatkitError as error:
    print(error)
else:
    print(getrlimit(RLIMIT_NOFILE)[0])
"""


@needs_signals
def test_more_files_are_opened_if_the_system_allows_it():
    def said(hard: int) -> str:
        return subprocess.check_output([sys.executable, "-c", LIMITED, str(hard)], text=True)

    assert said(400) == "400\n"
    assert said(200).startswith("200 connections are more open files than this system allows: ")


def test_a_load_that_was_not_idle_enough_is_told(results: Results):
    first = results.results[0]

    def told(idle: float, busy: float) -> list[str]:
        seen = {"idle": Figure(idle, 0, 1), "busy": Figure(busy, 0, 1)}
        result = msgspec.structs.replace(first, **seen)
        return list(warnings(msgspec.structs.replace(results, results=[result])))

    [sentence] = told(idle=0.01, busy=0.5)
    assert sentence.startswith("chatkit with 5 clients, all talk, 4 in flight: the load was idle")
    assert told(idle=0.01, busy=0.99) == []  # it is the server that was the limit
    assert told(idle=0.5, busy=0.5) == []
