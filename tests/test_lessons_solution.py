"""`solution`: in a kernel, where a notebook is told what to put into the cell; and outside."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from chatkit.lessons import solution
from chatkit.paths import NOTEBOOKS

LIMIT = 20  # seconds
SOLVED = (NOTEBOOKS / "solutions" / "02-1.py").read_text(encoding="utf-8").rstrip("\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lessons")


@pytest.fixture(scope="module")
def kernel(folder: Path) -> Iterator[BlockingKernelClient]:
    """A kernel as a lesson in the folder has it."""
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


def test_without_solutions_it_says_how_to_get_them(kernel: BlockingKernelClient):
    payload, said = ask(kernel, "02-1")
    assert payload == []
    assert "`chatkit lab --solutions --lay` lays the solutions too" in said
    assert said.count("\n") == 1


def test_with_solutions_it_takes_the_cells_place(kernel: BlockingKernelClient, folder: Path):
    (folder / "solutions").mkdir()
    (folder / "solutions" / "02-1.py").write_text(SOLVED + "\n", encoding="utf-8")
    assert ask(kernel, "02-1") == (
        [{"source": "set_next_input", "text": SOLVED, "replace": True}],
        "",
    )
    assert ask(kernel, "02-9") == (
        [],
        "There is no solution 02-9: an exercise's name stands in its first line.\n",
    )


def test_a_lesson_may_have_gone_to_another_folder(kernel: BlockingKernelClient, tmp_path: Path):
    kernel.execute_interactive(f"import os; os.chdir({str(tmp_path)!r})", timeout=LIMIT)
    [told], _ = ask(kernel, "02-1")
    assert told["text"] == SOLVED


def test_outside_a_notebook_it_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(NOTEBOOKS)
    solution("02-1")
    assert capsys.readouterr().out == f"{SOLVED}\n"
