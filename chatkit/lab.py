"""The lessons in a folder of the learner's own, and JupyterLab opened on the first of them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from chatkit.paths import NOTEBOOKS

FIRST_LESSON = "00-start-here.ipynb"
LESSON_FILES = ("*.ipynb", "solutions/*.py")


def lay_notebooks(folder: Path) -> list[Path]:
    """Copy the lessons and solutions that `folder` lacks and return them; never overwrite one."""
    laid = []
    for pattern in LESSON_FILES:
        for source in sorted(NOTEBOOKS.glob(pattern)):
            target = folder / source.relative_to(NOTEBOOKS)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
                laid.append(target)
    return laid


def open_lab(folder: Path, args: Sequence[str] = ()) -> int:
    """Run JupyterLab on the first lesson in `folder` until it ends; return its exit code.

    Lessons that the folder lacks are laid first. `args` go to JupyterLab as they are. Ctrl-C and
    SIGTERM end JupyterLab, not this function: it still waits, so that nothing is left running.
    """
    lay_notebooks(folder)
    # As the default page, not as a file: the address that --no-browser prints leads there too.
    page = f"--LabApp.default_url=/lab/tree/{FIRST_LESSON}"
    command = [sys.executable, "-m", "jupyterlab", page, *as_root(), *args]
    lab = subprocess.Popen(command, cwd=folder)
    before = signal.signal(signal.SIGTERM, lambda *_: lab.terminate())
    try:
        while True:
            try:
                return lab.wait()
            except KeyboardInterrupt:  # the terminal told JupyterLab too, and it asks what to do
                continue
    finally:
        signal.signal(signal.SIGTERM, before)


def as_root() -> list[str]:
    """The consent that JupyterLab wants from root, who is the only user of many a container."""
    return ["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else []
