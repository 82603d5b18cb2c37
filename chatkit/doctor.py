"""Check that a machine has everything the lessons need. Lesson 00."""

from __future__ import annotations

import asyncio
import platform
from dataclasses import dataclass, field
from html import escape
from importlib.metadata import PackageNotFoundError, version

from chatkit.client import ChatClient
from chatkit.links import jupyter_path
from chatkit.messages import ChatkitError
from chatkit.paths import NOTEBOOKS, STATIC
from chatkit.server import PORT, ChatServer, PortTakenError, holder_of

WIDGETS = ("jupyterlab", "ipykernel", "ipywidgets", "anywidget")
ANSWER_TIMEOUT = 5.0  # seconds


@dataclass
class Report:
    """What the doctor found: a finding is a thing, whether it is well, and a few words."""

    findings: list[tuple[str, bool, str]] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Return whether everything that is needed is there."""
        return all(fine for _, fine, _ in self.findings)

    def add(self, what: str, fine: bool, words: str) -> None:
        """Add a finding."""
        self.findings.append((what, fine, words))

    def __repr__(self) -> str:
        """Return the findings as lines of text."""
        lines = [
            f"{'✓' if fine else '✗'} {what:<20} {words}" for what, fine, words in self.findings
        ]
        end = (
            "This machine is ready." if self.well else "Fix what is marked ✗, then run this again."
        )
        return "\n".join([*lines, end])

    def _repr_html_(self) -> str:
        """Return the findings as they look in a notebook."""
        return f"<pre>{escape(repr(self))}</pre>"


async def examine() -> Report:
    """Return what the doctor found on this machine."""
    report = Report()
    look_at_versions(report)
    look_at_files(report)
    look_at_extension(report)
    await look_at_port(report)
    await send_to_itself(report)
    return report


def look_at_versions(report: Report) -> None:
    """Look whether what draws the widgets and passes ports on is installed."""
    report.add("Python", True, platform.python_version())
    for package in ("tornado", *WIDGETS, "jupyter-server-proxy"):
        try:
            report.add(package, True, version(package))
        except PackageNotFoundError:
            report.add(package, False, f"is missing: python -m pip install {package}")


def look_at_files(report: Report) -> None:
    """Look whether the page and the lessons came along."""
    for what, file in (("page", STATIC / "index.html"), ("lessons", NOTEBOOKS)):
        words = "is here" if file.exists() else f"is missing: install chatkit again ({file})"
        report.add(what, file.exists(), words)


def look_at_extension(report: Report) -> None:
    """Look whether Jupyter's own server has the chat in it."""
    try:
        from jupyter_core.paths import jupyter_config_path
        from jupyter_server.extension.config import ExtensionConfigManager
    except ImportError:
        report.add("chat in Jupyter", False, "Jupyter is missing: python -m pip install jupyterlab")
        return
    manager = ExtensionConfigManager(read_config_path=jupyter_config_path())
    if not manager.enabled("chatkit"):
        words = "is off: jupyter server extension enable chatkit, then start Jupyter again"
        report.add("chat in Jupyter", False, words)
        return
    try:
        report.add("chat in Jupyter", True, f"is on: {jupyter_path()}")
    except ChatkitError:  # it was not Jupyter that started this program
        report.add("chat in Jupyter", True, "is on: /chatkit/ after Jupyter's own address")


async def look_at_port(report: Report) -> None:
    """Look whether the usual port is free; another one does as well."""
    try:
        server = await ChatServer(PORT).start()
    except PortTakenError:
        words = f"{PORT} is held by {holder_of(PORT)}; launch() finds another port by itself"
        report.add("port", True, words)
    except ChatkitError as error:
        report.add("port", False, str(error))
    else:
        await server.stop()
        report.add("port", True, f"{PORT} is free")


async def send_to_itself(report: Report) -> None:
    """Start a server, send a message to oneself, and see whether it comes."""
    server = ChatServer(port=0)
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            await server.start()
            async with ChatClient(server.url, "doctor") as client:
                await client.send("hello")
                message = await anext(client)
        report.add("message", message.message == "hello", "sent and received")
    except (ChatkitError, TimeoutError) as error:
        why = str(error) or f"nothing within {ANSWER_TIMEOUT:.0f} seconds"
        report.add("message", False, f"sent, but not received: {why}")
    finally:
        await server.stop()
