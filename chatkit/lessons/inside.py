"""`inside_jupyter`: the chat in the Jupyter that runs a lesson, or in one of the lesson's own."""

from __future__ import annotations

import asyncio
import atexit
import os
import secrets
import sys
from contextlib import suppress
from html import escape
from subprocess import DEVNULL, Popen
from tempfile import TemporaryDirectory

from tornado.httpclient import AsyncHTTPClient

from chatkit.lab import as_root
from chatkit.lessons.serving import free_port
from chatkit.links import INSIDE_JUPYTER, jupyter_path, jupyter_url
from chatkit.messages import ChatkitError

PATIENCE = 60.0  # seconds that a Jupyter of one's own gets to start
GLANCE = 0.1  # seconds between two looks
PRIVATE = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")


class Inside:
    """A chat in a Jupyter: its address for programs, with the token, and for the browser."""

    def __init__(self, url: str, page: str, own: OwnJupyter | None = None) -> None:
        self.url = url
        self.page = page
        self.own = own

    def stop(self) -> None:
        """End the Jupyter server that was started for the lesson, if one was."""
        if self.own:
            self.own.stop()

    def __repr__(self) -> str:
        """Return where it is, without the token."""
        return f"chatkit is inside Jupyter, at {self.page.partition('?')[0]}"

    def _repr_html_(self) -> str:
        """Return a link to its page."""
        link = f'<a href="{escape(self.page)}" target="_blank">open it</a>'
        whose = "a Jupyter that was started for this lesson" if self.own else "this very Jupyter"
        return f"<p>The chat is inside {whose}: {link}.</p>"


class OwnJupyter:
    """A Jupyter server that runs for as long as a lesson needs it, and touches no settings."""

    def __init__(self) -> None:
        self.port = free_port()
        self.token = secrets.token_hex(16)
        self.folder = TemporaryDirectory(ignore_cleanup_errors=True)
        command = [sys.executable, "-m", "jupyter_server", f"--port={self.port}", "--no-browser"]
        settings = dict.fromkeys(PRIVATE, self.folder.name)
        self.process = Popen(
            [*command, "--ServerApp.port_retries=0", *as_root()],
            cwd=self.folder.name,
            # Not an option: what a program was started with, everybody on the machine can read.
            env=os.environ | settings | {"JUPYTER_TOKEN": self.token},
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        atexit.register(self.stop)

    @property
    def url(self) -> str:
        """Return the address of its chat, with the token."""
        return f"http://127.0.0.1:{self.port}/{INSIDE_JUPYTER}?token={self.token}"

    async def ready(self) -> None:
        """Wait until its chat answers; raise ChatkitError if it does not."""
        health = self.url.replace("?", "healthz?")
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self.process.poll() is None:
                    with suppress(Exception):  # nobody listens there yet
                        await AsyncHTTPClient().fetch(health)
                        return
                    await asyncio.sleep(GLANCE)
        self.stop()
        raise ChatkitError("No Jupyter server could be started: what does chatkit doctor say?")

    def stop(self) -> None:
        """End it."""
        atexit.unregister(self.stop)
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


async def inside_jupyter() -> Inside:
    """Return the chat inside the Jupyter that shows this notebook.

    Where none does, as when pytest runs a lesson, one is started. Raise ChatkitError if none can.
    """
    try:
        return Inside(jupyter_url(), jupyter_path())
    except ChatkitError:
        own = OwnJupyter()
        await own.ready()
        return Inside(own.url, own.url, own)
