"""The lessons laid into a learner's folder, and JupyterLab started and ended with its command."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from chatkit import lab
from chatkit.messages import ChatkitError

FIRST, SECOND = "00-start-here.ipynb", "01-one-socket.ipynb"
START_LIMIT = 60  # seconds
STOP_LIMIT = 20  # seconds


@pytest.fixture
def lessons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lessons"
    folder.mkdir()
    for name in (FIRST, SECOND, "notes.txt"):
        (folder / name).write_text(f"ours: {name}")
    monkeypatch.setattr(lab, "NOTEBOOKS", folder)
    return folder


@pytest.fixture
def mine(lessons: Path, tmp_path: Path) -> Path:
    """A learner's folder, in which the first lesson was worked on."""
    folder = tmp_path / "mine"
    lab.lay_notebooks(folder)
    (folder / FIRST).write_text("mine")
    return folder


def names(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)


def test_lay_notebooks_fills_an_empty_folder_with_the_lessons_alone(lessons: Path, tmp_path: Path):
    folder = tmp_path / "far" / "away"
    assert lab.lay_notebooks(folder) == [folder / FIRST, folder / SECOND]
    assert names(folder) == [FIRST, SECOND]
    assert (folder / SECOND).read_text() == f"ours: {SECOND}"


def test_lay_notebooks_never_overwrites(mine: Path):
    (mine / SECOND).unlink()
    assert lab.lay_notebooks(mine) == [mine / SECOND]
    assert (mine / FIRST).read_text() == "mine"
    assert lab.lay_notebooks(mine) == []


def test_lay_notebooks_on_the_lessons_themselves_does_nothing(lessons: Path):
    assert lab.lay_notebooks(lessons) == []


def test_what_is_set_aside_is_kept_under_a_name_that_nothing_has(mine: Path):
    kept = []
    for text in ("mine", "mine again", "and again"):
        (mine / FIRST).write_text(text)
        kept.append(lab.set_aside(mine, FIRST))
        assert lab.lay_notebooks(mine) == [mine / FIRST]
    endings = ("", "-2", "-3")
    assert kept == [mine / f"00-start-here-mine{ending}.ipynb" for ending in endings]
    assert [path.read_text() for path in kept] == ["mine", "mine again", "and again"]
    assert (mine / FIRST).read_text() == f"ours: {FIRST}"


def test_what_nobody_has_worked_on_is_not_set_aside(mine: Path, tmp_path: Path):
    assert lab.set_aside(mine, SECOND) is None
    assert names(mine) == [FIRST, SECOND]
    assert lab.set_aside(tmp_path / "not there yet", SECOND) is None


def test_nothing_is_set_aside_where_clean_copies_come_from(lessons: Path):
    with pytest.raises(ChatkitError, match="choose another folder, as in chatkit lab"):
        lab.set_aside(lessons, FIRST)
    assert names(lessons) == [FIRST, SECOND, "notes.txt"]


@pytest.mark.parametrize("name", ["1", "01", "01-one-socket", SECOND])
def test_a_lesson_has_several_names(lessons: Path, name: str):
    assert lab.lesson_named(name) == SECOND


@pytest.mark.parametrize("name", ["2", "", "one-socket", "../00-start-here"])
def test_an_unknown_lesson_is_told_with_those_there_are(lessons: Path, name: str):
    with pytest.raises(ChatkitError) as error:
        lab.lesson_named(name)
    assert str(error.value) == f"There is no lesson {name!r}: choose one of 00, 01."


def test_the_usual_folder_is_this_one_once_the_lessons_are_here(
    mine: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(mine.parent)
    assert lab.usual_folder() == Path("chatkit-lessons")
    monkeypatch.chdir(mine)
    assert lab.usual_folder() == Path()


def test_jupyterlab_finds_our_programs_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "elsewhere")
    path = lab.with_our_programs()["PATH"]
    assert Path(shutil.which("chatkit", path=path)).parent == Path(sys.executable).parent
    assert path.endswith(f"{os.pathsep}elsewhere")


@pytest.mark.parametrize(("argument", "code"), [("--version", 0), ("--port=none", 1)])
def test_open_lab_passes_arguments_and_the_exit_code_on(tmp_path: Path, argument: str, code: int):
    assert lab.open_lab(tmp_path, [argument]) == code


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to pass on")
def test_ending_open_lab_ends_jupyterlab_without_a_traceback(tmp_path: Path):
    runtime = tmp_path / "runtime"
    command = (sys.executable, "-m", "chatkit.cli", "lab", "--fresh", "01")
    process = subprocess.Popen(
        [*command, "--no-browser", "--ServerApp.port=0"],
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
    assert "/lab/tree/01-one-socket.ipynb" in said
    assert "Traceback" not in said
