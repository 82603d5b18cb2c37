"""The lessons in a folder of the learner's own, and JupyterLab opened on one of them."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from chatkit.messages import ChatkitError
from chatkit.paths import NOTEBOOKS

LESSONS = "chatkit-lessons"  # the folder of a learner who names none
FIRST_LESSON = "00-start-here.ipynb"


def usual_folder() -> Path:
    """Return the folder of a learner who names none: this one, if the lessons are here."""
    return Path("." if Path(FIRST_LESSON).exists() else LESSONS)


def lay_notebooks(folder: Path) -> list[Path]:
    """Copy the lessons that `folder` lacks and return them; never overwrite one."""
    laid = []
    for source in sorted(NOTEBOOKS.glob("*.ipynb")):
        target = folder / source.name
        if not target.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            laid.append(target)
    return laid


def lesson_named(name: str) -> str:
    """Return the file name of a lesson that is called `3`, `03`, `03-serve-it` or by that name.

    Raises ChatkitError if there is none.
    """
    lessons = sorted(NOTEBOOKS.glob("*.ipynb"))
    wanted = name.removesuffix(".ipynb")
    for lesson in lessons:
        number = number_of(lesson.name)
        if wanted in (lesson.stem, number, number.removeprefix("0")):
            return lesson.name
    numbers = ", ".join(number_of(lesson.name) for lesson in lessons)
    raise ChatkitError(f"There is no lesson {name!r}: choose one of {numbers}.")


def number_of(lesson: str) -> str:
    """Return the number of a lesson's file, such as `03` of `03-serve-it.ipynb`, or `04b`."""
    return lesson.partition("-")[0]


def set_aside(folder: Path, lesson: str) -> Path | None:
    """Give the learner's copy of a lesson another name, and return it, or None if there was none.

    A copy that was never changed is as good as a clean one and keeps its name, to which the other
    lessons link. Raises ChatkitError in the folder that clean copies are taken from.
    """
    mine, clean = folder / lesson, NOTEBOOKS / lesson
    if folder.exists() and folder.samefile(NOTEBOOKS):
        raise ChatkitError(
            f"Clean copies are made of what is in {folder}: choose another folder, "
            f"as in chatkit lab {LESSONS} --fresh {number_of(lesson)}."
        )
    if not mine.exists() or mine.read_bytes() == clean.read_bytes():
        return None
    return mine.rename(unused(mine.with_stem(f"{mine.stem}-mine")))


def unused(path: Path) -> Path:
    """Return the path itself, or the first of `…-2`, `…-3` and so on that nothing has."""
    others = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return path if not path.exists() else next(other for other in others if not other.exists())


def open_lab(folder: Path, args: Sequence[str] = (), lesson: str = FIRST_LESSON) -> int:
    """Run JupyterLab on a lesson in `folder` until it ends; return its exit code.

    `args` go to JupyterLab as they are. Ctrl-C and SIGTERM end JupyterLab, not this function: it
    still waits, so that nothing is left running.
    """
    # As the default page, not as a file: the address that --no-browser prints leads there too.
    page = f"--LabApp.default_url=/lab/tree/{lesson}"
    command = [sys.executable, "-m", "jupyterlab", page, *as_root(), *args]
    lab = subprocess.Popen(command, cwd=folder, env=with_our_programs())
    before = signal.signal(signal.SIGTERM, lambda *_: lab.terminate())
    try:
        while True:
            try:
                return lab.wait()
            except KeyboardInterrupt:  # the terminal told JupyterLab too, and it asks what to do
                continue
    finally:
        signal.signal(signal.SIGTERM, before)


def with_our_programs() -> dict[str, str]:
    """The environment in which JupyterLab's terminals find `chatkit`, activated or not."""
    places = (sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath))
    return os.environ | {"PATH": os.pathsep.join(places)}


def as_root() -> list[str]:
    """The consent that JupyterLab wants from root, who is the only user of many a container."""
    return ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
