"""A real JupyterLab on copies of the lessons, and a window in it that a test can drive."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.request import ProxyHandler, build_opener

import nbformat
from nbformat import NotebookNode
from playwright.sync_api import FrameLocator, Locator, Page, expect
from tornado.testing import bind_unused_port

from chatkit.lab import as_root
from chatkit.paths import NOTEBOOKS

ROOT = Path(__file__).resolve().parent.parent.parent
START_LIMIT = 60  # seconds
BACK_LIMIT = 30_000  # milliseconds until everyone is back after a restart
TOKEN = "a-token-for-tests"
PRIVATE = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
)
# JupyterLab's <body> has no height, and clips: axe-core would take all that it shows for hidden.
BODY = "body { height: 100vh !important }"
NO_NEWS = '{"fetchNews": "false", "checkForUpdates": false}'  # it asks nobody outside
OPTIONS = ["--no-browser", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"]
LAB_OPTIONS = ["--ServerApp.log_level=ERROR", "--LabApp.expose_app_in_browser=True"]

# JavaScript: the notebook's panel in JupyterLab's main area.
PANEL = """
  const app = window.jupyterapp;
  const panel = [...(app?.shell.widgets("main") ?? [])].find((widget) => widget.sessionContext);
"""
STARTED = f"() => {{{PANEL} return Boolean(panel); }}"
OPEN = f"""async (path) => {{{PANEL}
  await app.commands.execute("docmanager:open", {{ path }});
}}"""
READY = f"""async () => {{
  await window.jupyterapp.restored;{PANEL}
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
  app.shell.activateById(panel.id);
}}"""
RUN_ALL = f"""async () => {{{PANEL}
  await app.commands.execute("notebook:run-all-cells");
  return panel.content.model.toJSON();
}}"""
RUN_CELL = f"""async (number) => {{{PANEL}
  const code = panel.content.widgets.filter((cell) => cell.model.type === "code");
  panel.content.activeCellIndex = panel.content.widgets.indexOf(code[number - 1]);
  await app.commands.execute("notebook:run-cell");
}}"""
RUN_NEW = f"""async (source) => {{{PANEL}
  const {{ content }} = panel;
  content.model.sharedModel.addCell({{ cell_type: "code", source }});
  content.activeCellIndex = content.widgets.length - 1;
  await app.commands.execute("notebook:run-cell");
}}"""
THEME = f"""async (theme) => {{{PANEL}
  await app.commands.execute("apputils:change-theme", {{ theme }});
}}"""
EXECUTE = f"""async (code) => {{{PANEL}
  await panel.sessionContext.session.kernel.requestExecute({{ code }}).done;
}}"""
CLOSE = """async () => {
  const widgets = [...(window.jupyterapp?.shell.widgets("main") ?? [])];
  for (const panel of widgets.filter((widget) => widget.sessionContext)) {
    await panel.sessionContext.shutdown();
    panel.dispose();
  }
}"""


@dataclass
class Lab:
    """A running JupyterLab: its address, and the folder of lessons it shows."""

    url: str
    folder: Path

    def open(self, page: Page, notebook: str) -> None:
        """Open a notebook, in the JupyterLab that the window shows or in a new one."""
        if page.url.startswith(self.url):
            page.evaluate(OPEN, notebook)
        else:
            page.goto(f"{self.url}lab/tree/{notebook}?token={TOKEN}")
        page.wait_for_function(STARTED, timeout=START_LIMIT * 1000)
        page.evaluate(READY)

    def run_all(self, page: Page) -> NotebookNode:
        """Run all cells; return the notebook as they leave it."""
        return nbformat.from_dict(page.evaluate(RUN_ALL))

    def run_cell(self, page: Page, number: int) -> None:
        """Run one code cell, counted from 1, and wait until it has run."""
        page.evaluate(RUN_CELL, number)

    def run_new_cell(self, page: Page, code: str) -> Locator:
        """Run code in a new cell at the notebook's end; return the cell."""
        page.evaluate(RUN_NEW, code)
        return page.locator(".jp-CodeCell").last

    def use_theme(self, page: Page, scheme: str) -> None:
        """Give JupyterLab its own light or dark theme."""
        theme = f"JupyterLab {scheme.title()}"
        page.evaluate(THEME, theme)
        expect(page.locator("body")).to_have_attribute("data-jp-theme-name", theme)

    def execute(self, page: Page, code: str) -> None:
        """Run code in the notebook's kernel, as another cell would."""
        page.evaluate(EXECUTE, code)

    def close(self, page: Page) -> None:
        """Shut the kernels down, and close the notebooks; what has changed in them is discarded."""
        page.evaluate(CLOSE)


@dataclass
class Chatter:
    """One place where a person chats: a page, a page in a frame, or a widget."""

    place: Page | FrameLocator | Locator

    def say(self, text: str) -> None:
        """Type as fast as can be, and press Enter."""
        field = self.place.get_by_role("textbox", name="Message", exact=True)
        field.press_sequentially(text)
        field.press("Enter")

    def expect_messages(self, texts: list[str]) -> None:
        """Wait until exactly these messages are shown, in this order."""
        expect(self.place.locator(".chatkit-text")).to_have_text(texts)

    def expect_state(self, state: str) -> None:
        """Wait until this state of the line is shown."""
        status = self.place.locator(".chatkit-status").first
        expect(status).to_have_attribute("data-state", state, timeout=BACK_LIMIT)


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Lab]:
    """Run JupyterLab on a copy of the lessons in `folder`; end it, and its kernels, afterwards."""
    lessons = folder / "lessons"
    shutil.copytree(NOTEBOOKS, lessons, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    settings = folder / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(NO_NEWS, encoding="utf-8")
    with serving(folder, "jupyterlab", *LAB_OPTIONS, *options, cwd=lessons) as (url, _):
        yield Lab(url, lessons)


@contextmanager
def serving(
    folder: Path, program: str, *options: str, cwd: Path, log: IO[bytes] | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a Jupyter program as one that nobody has configured yet, and yield its address and it.

    The modules of the tests can be named in its options. `log` is where it writes; it is ended
    afterwards.
    """
    listener, port = bind_unused_port()
    listener.close()
    private = {name: str(folder / name.lower()) for name in PRIVATE}
    process = subprocess.Popen(
        [sys.executable, "-m", program, f"--port={port}", *OPTIONS, *options, *as_root()],
        cwd=cwd,
        env=os.environ | private | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stderr=log,
    )
    try:
        base = next((o.partition("=")[2] for o in options if "base_url=" in o), "/")
        url = f"http://127.0.0.1:{port}{base}"
        wait_until_it_answers(f"{url}chatkit/", process)
        yield url, process
    finally:
        process.terminate()
        process.wait(timeout=START_LIMIT)


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    """Ask until an answer comes; RuntimeError if the process ends, or takes too long."""
    for _ in range(START_LIMIT * 10):
        try:
            with build_opener(ProxyHandler({})).open(url):
                return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    raise RuntimeError("Jupyter did not start: its log says why.")
