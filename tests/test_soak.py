"""A soak sees what is lost, doubled, left open or grows; and when all is well it says so."""

import asyncio
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from chatkit.bench import soak
from chatkit.bench.soak import Findings, Sample
from chatkit.messages import ChatkitError, Message
from chatkit.room import Room
from tests.conftest import serving

MIB = 2**20


def verdicts(findings: Findings) -> list[bool]:
    """What it says of losses, of memory, and of files."""
    return [well for well, _ in findings.verdicts()]


def grown(*sizes: int) -> Findings:
    """What has been seen of a server that took so many bytes, one look after the other."""
    return Findings([Sample(n, 0, 0, size, 0, 0.0) for n, size in enumerate(sizes)])


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """People who do something ten times a second, and look at the server as often."""
    monkeypatch.setattr(soak, "PACE", 0.1)
    monkeypatch.setattr(soak, "LOOK", 0.1)
    monkeypatch.setattr(soak, "AWAY", 0.1)


@pytest.mark.usefixtures("hasty")
def test_all_is_well_with_a_server_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CHATKIT_TOKEN", "secret")  # that is for other servers
    assert soak.run(2, 20, 2)
    said = capsys.readouterr().out
    assert "20 people in 2 rooms for 2 s" in said
    assert said.count("✓") == 3
    assert "each once, in order, to everyone" in said


async def faults_of(kept: int = 1000) -> Counter[str]:
    """What a short soak finds at a server in this process that keeps so many messages."""
    findings = Findings()
    async with serving() as server:
        server.log.kept = kept
        await soak.soak(server.url, psutil.Process(), 0.5, 6, 1, findings)
    assert findings.sent
    return findings.faults


@pytest.mark.usefixtures("hasty")
async def test_what_is_told_twice_is_noticed(monkeypatch: pytest.MonkeyPatch):
    hear = soak.Person.hear
    monkeypatch.setattr(soak.Person, "hear", lambda *heard: [hear(*heard), hear(*heard)])
    assert (await faults_of())["heard something twice, or not at all"]


@pytest.mark.usefixtures("hasty")
async def test_what_nobody_is_told_is_noticed(monkeypatch: pytest.MonkeyPatch):
    hear = Room.hear

    def miss_the_third(room: Room, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.id != 3:
                hear(room, [message])

    monkeypatch.setattr(Room, "hear", miss_the_third)
    monkeypatch.setattr(soak, "PATIENCE", 1.0)
    faults = await faults_of()
    assert faults["heard something twice, or not at all"]


@pytest.mark.usefixtures("hasty")
async def test_what_is_not_kept_is_noticed():
    faults = await faults_of(kept=5)
    assert faults["room-0 has kept something twice, or with a gap in its numbers"] == 1
    assert any("messages that were sent" in fault for fault in faults)


def test_what_the_server_says_is_a_fault(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")  # then Python itself has something to say
    assert "the server said: import time" in str(soak.measure(0.1, 1, 1).faults)


def test_a_server_that_does_not_start_is_told_of():
    with pytest.raises(ChatkitError, match=r"The server did not start: chatkit: There is no log"):
        soak.measure(0.5, 2, 1, "floppy:a")


@pytest.mark.usefixtures("hasty")
def test_a_server_that_ends_in_the_midst_of_it_ends_the_soak():
    findings = Findings()

    def kill(sample: Sample) -> None:
        if sample.time > 1:
            children = psutil.Process().children()  # other tests may have left some of their own
            (server,) = (child for child in children if "sqlite:" in " ".join(child.cmdline()))
            server.kill()

    findings.on_sample = kill
    with pytest.raises(ChatkitError, match="The server ended in the midst of it"):
        soak.measure(60, 20, 2, findings=findings)
    assert findings.sent


async def test_a_server_that_is_gone_is_told_of():
    server = psutil.Popen([sys.executable, "-c", ""])
    server.wait()
    async with serving() as other:
        with pytest.raises(ChatkitError, match="The server ended in the midst of it"):
            await soak.soak(other.url, server, 60, 2, 1, Findings())


async def test_a_server_that_answers_no_more_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(soak, "PATIENCE", 0.1)
    findings = Findings()
    with socket.create_server(("127.0.0.1", 0)) as hung:
        url = f"http://127.0.0.1:{hung.getsockname()[1]}/"
        assert not await soak.read_again(url, "a", findings)
    assert findings.faults == {"a could not be read to its end": 1}


async def test_who_can_not_come_in_ends_the_soak(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(soak, "PATIENCE", 0.5)
    async with serving(per_address=2) as server:
        with pytest.raises(ChatkitError, match=r"Person \d+ could not come in within 0\.5 seconds"):
            await soak.soak(server.url, psutil.Process(), 60, 50, 1, Findings())


def test_memory_that_grows_is_noticed_and_a_little_noise_is_not():
    assert verdicts(grown(10 * MIB, 50 * MIB, 54 * MIB)) == [True, True, True]
    assert verdicts(grown(10 * MIB, 50 * MIB, 56 * MIB)) == [True, False, True]


def test_a_file_that_stays_open_is_noticed():
    assert verdicts(Findings(grown(MIB).samples, files=(10, 10))) == [True, True, True]
    assert verdicts(Findings(grown(MIB).samples, files=(10, 11))) == [True, True, False]


async def test_files_that_are_being_closed_are_waited_for(tmp_path: Path):
    before = soak.open_files(psutil.Process())
    file = (tmp_path / "open").open("wb")
    asyncio.get_running_loop().call_later(0.1, file.close)
    assert await soak.fewest_files(psutil.Process(), before) == before
