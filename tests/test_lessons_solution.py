"""`solution`: in a kernel, where a notebook is told what to put into the cell; and outside."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from jupyter_client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from chatkit.lessons import solution
from chatkit.lessons.classroom import FILE, Membership
from chatkit.lessons.engine.exercise import load
from chatkit.teacher import without_solutions

LIMIT = 20  # seconds
SOLVED = load("02-1").cell(load("02-1").solution)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is not the lessons' own, where a kernel may start anywhere."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def kernel(folder: Path) -> Iterator[BlockingKernelClient]:
    manager, client = start_new_kernel(cwd=str(folder), extra_arguments=["--log-level=ERROR"])
    client.execute_interactive("from chatkit.lessons import solution", timeout=LIMIT)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def ask(kernel: BlockingKernelClient, name: str) -> tuple[list[dict[str, object]], str]:
    """What `solution` tells the notebook to do, and what it prints."""
    printed: list[str] = []
    reply = kernel.execute_interactive(
        f"solution({name!r})",
        output_hook=lambda message: printed.append(message["content"].get("text", "")),
        timeout=LIMIT,
    )["content"]
    assert reply["status"] == "ok"
    return reply["payload"], "".join(printed)


def test_it_replaces_the_cell_wherever_the_kernel_was_started(kernel: BlockingKernelClient):
    replaced = {"source": "set_next_input", "text": SOLVED, "replace": True}
    assert ask(kernel, "02-1") == ([replaced], "")


def test_an_exercise_that_does_not_exist_is_said_so(kernel: BlockingKernelClient):
    said = "There is no exercise 02-9: an exercise's first line has its name.\n"
    assert ask(kernel, "02-9") == ([], said)


def test_a_class_can_keep_its_solutions_for_later(kernel: BlockingKernelClient, folder: Path):
    link = without_solutions("http://127.0.0.1:8760/?token=secret")
    member = Membership(link, "Ada", "mark")
    kernel.execute_interactive("import os; os.chdir('/')", timeout=LIMIT)
    (folder / FILE).write_bytes(msgspec.json.encode(member))
    payload, said = ask(kernel, "02-1")
    assert payload == []
    assert said.startswith("Your class keeps its solutions for later.")
    (folder / FILE).unlink()
    assert ask(kernel, "02-1")[0]


def test_outside_a_notebook_it_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    solution("02-1")
    assert capsys.readouterr().out == f"{SOLVED}\n"
