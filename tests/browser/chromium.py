"""A Chromium for the browser tests and the screenshots: one that is here, else one installed now.

`python -m tests.system` looks for it before pytest, so that no test has to wait for a download.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

from tests import system

NAMES = (
    "chromium-headless-shell",  # first: with no toolbars to draw, it opens a page in half the time
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
)
APPS = ("Chromium", "Google Chrome", "Microsoft Edge")
PROGRAMS = (r"Chromium\Application\chrome.exe", r"Google\Chrome\Application\chrome.exe")
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
NONE_FOUND = (
    "The browser tests need a Chromium, and neither Playwright nor the system's package manager "
    "could install one: install Chromium or Chrome, or put its path in CHATKIT_CHROMIUM."
)


def find() -> str | None:
    """The path of a Chromium that runs, or None. Not to be called while a Playwright runs."""
    return next((path for path in _places() if _runs(path)), None)


def ensure() -> str:
    """The path of a Chromium, installed if there was none; RuntimeError says what to do."""
    return system.ensure("Chromium", find, _installers(), NONE_FOUND)


def launch(playwright: Playwright, executable: str) -> Browser:
    """A headless browser that calls nobody; root has no sandbox to give.

    Playwright has a smaller one beside its own Chromium, and takes that if it is not told which.
    """
    root = getattr(os, "geteuid", lambda: 1)() == 0
    args = [*QUIET, "--no-sandbox"] if root else [*QUIET]
    path = None if executable == playwright.chromium.executable_path else executable
    return playwright.chromium.launch(executable_path=path, args=args)


def _places() -> Iterator[str]:
    """Where a Chromium may be, the best place first; a place named in CHATKIT_CHROMIUM alone."""
    if named := os.environ.get("CHATKIT_CHROMIUM"):
        yield named
        return
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    yield own
    yield from (path for name in NAMES if (path := shutil.which(name)))
    for app in APPS:
        yield f"/Applications/{app}.app/Contents/MacOS/{app}"
    for folder in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
        if folder in os.environ:
            yield from (str(Path(os.environ[folder], program)) for program in PROGRAMS)


def _runs(path: str) -> bool:
    """Whether the program starts: a stub of a package, or a missing library, would show here."""
    if not Path(path).is_file():
        return False
    if sys.platform == "win32":  # there --version opens a window
        return True
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _installers() -> Iterator[list[str]]:
    """The commands that may bring a Chromium, in the order to try them."""
    yield [sys.executable, "-m", "playwright", "install", "chromium"]
    for package in ("chromium-headless-shell", "chromium"):  # not every release has the first
        yield from system.installers(
            apt=f"{package} fonts-noto-color-emoji", dnf="chromium", brew="--cask google-chrome"
        )
