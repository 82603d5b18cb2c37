"""The lessons laid into a learner's folder, and JupyterLab started and ended with its command."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from chatkit import lab

START_LIMIT = 60  # seconds
STOP_LIMIT = 20  # seconds


@pytest.fixture
def lessons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lessons"
    (folder / "solutions").mkdir(parents=True)
    for name in ("00-start-here.ipynb", "01-one-socket.ipynb", "solutions/01-1.py", "notes.txt"):
        (folder / name).write_text(f"ours: {name}")
    monkeypatch.setattr(lab, "NOTEBOOKS", folder)
    return folder


def test_lay_notebooks_fills_an_empty_folder(lessons: Path, tmp_path: Path):
    folder = tmp_path / "far" / "away"
    laid = [path.relative_to(folder).as_posix() for path in lab.lay_notebooks(folder)]
    assert laid == ["00-start-here.ipynb", "01-one-socket.ipynb", "solutions/01-1.py"]
    assert (folder / laid[2]).read_text() == "ours: solutions/01-1.py"


def test_lay_notebooks_never_overwrites(lessons: Path, tmp_path: Path):
    folder = tmp_path / "mine"
    folder.mkdir()
    mine = folder / "00-start-here.ipynb"
    mine.write_text("mine")
    assert mine not in lab.lay_notebooks(folder)
    assert mine.read_text() == "mine"
    assert lab.lay_notebooks(folder) == []


def test_lay_notebooks_on_the_lessons_themselves_does_nothing(lessons: Path):
    assert lab.lay_notebooks(lessons) == []


@pytest.mark.parametrize(("argument", "code"), [("--version", 0), ("--port=none", 1)])
def test_open_lab_passes_arguments_and_the_exit_code_on(
    lessons: Path, tmp_path: Path, argument: str, code: int
):
    assert lab.open_lab(tmp_path / "mine", [argument]) == code


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to pass on")
def test_ending_open_lab_ends_jupyterlab_without_a_traceback(tmp_path: Path):
    code = "import sys; from chatkit.lab import *; sys.exit(open_lab(Path('.'), sys.argv[1:]))"
    runtime = tmp_path / "runtime"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--no-browser", "--ServerApp.port=0"],
        cwd=tmp_path,
        env=os.environ | {"JUPYTER_RUNTIME_DIR": str(runtime)},
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            deadline = time.monotonic() + START_LIMIT
            while not list(runtime.glob("jpserver-*.json")) and time.monotonic() < deadline:
                time.sleep(0.1)
            (child,) = psutil.Process(process.pid).children()
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=STOP_LIMIT)
        finally:
            process.kill()
    assert not child.is_running()
    assert process.returncode == 0
    assert "/lab/tree/00-start-here.ipynb" in said
    assert "Traceback" not in said
