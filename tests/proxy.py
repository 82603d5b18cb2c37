"""The nginx of docs/nginx.conf with real servers behind it, all on loopback."""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from urllib.request import urlopen

import pytest

from chatkit.lessons.redis_server import RedisServer, free_port
from chatkit.messages import ChatkitError
from tests import system

EXAMPLE = Path(__file__).parent.parent / "docs" / "nginx.conf"
SERVERS = ("8001", "8002", "8003", "8004")  # the example's; half of them in each cell
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
LIMIT = 20.0  # seconds that a process gets on a busy machine
MAIN = """
events {{}}
http {{
{folders}
include {site};
}}
"""


class Server:
    """A `chatkit serve` in a process of its own."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "chatkit.cli", "serve", "--port", "0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    @cached_property
    def port(self) -> str:
        """Where it listens, as soon as it says so."""
        return re.search(r":(\d+)/", self.process.stdout.readline())[1]

    @property
    def connections(self) -> int:
        """How many are connected to it."""
        return get_json(self.port)["connections"]

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def get_json(port: int | str) -> dict[str, object]:
    """How the server at a port is, by its own account."""
    with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=LIMIT) as answer:
        return json.load(answer)


class Cells:
    """An nginx, the servers behind it, and their Redises."""

    def __init__(self, port: int, servers: list[Server], redises: list[RedisServer]) -> None:
        self.port = port
        self.servers = servers
        self.redises = redises
        self.url = f"http://127.0.0.1:{port}/"

    def get(self, path: str) -> str:
        """What nginx hands on at a path."""
        with urlopen(self.url + path, timeout=LIMIT) as answer:
            return answer.read().decode()


def example(port: int, servers: Sequence[str], cells: int = 2) -> str:
    """The example with other ports; if there is one cell, without what it says is to be deleted."""
    text = EXAMPLE.read_text()
    if cells == 1:
        text = replaced(r"(?ms)^upstream cell_b \{.*?^\}\n", "", text)
        text = replaced(r"(?m)^ *50% .*\n", "", text)
    text = replaced(r"listen 80;", f"listen 127.0.0.1:{port};", text)
    for before, after in zip(SERVERS[: 2 * cells], servers, strict=True):
        text = replaced(rf"server 127\.0\.0\.1:{before} ", f"server 127.0.0.1:{after} ", text)
    return text


def replaced(pattern: str, by: str, text: str) -> str:
    """The text with what is found once replaced."""
    text, count = re.subn(pattern, by, text)
    assert count == 1, pattern
    return text


def command(folder: Path, site: str) -> list[str]:
    """What starts nginx with a site, with all that it writes in a folder."""
    program = system.nginx()
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(system.NO_NGINX)
    folders = "\n".join(f"{name}_temp_path {folder / name};" for name in TEMPORARY)
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(MAIN.format(folders=folders, site=folder / "site.conf"))
    main = f"daemon off; pid {folder / 'pid'};"
    if getattr(os, "geteuid", lambda: 1)() == 0:  # else its processes could not read the folder
        main += f" user {getpass.getuser()};"
    files = ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    return [program, *files, "-g", main]


@contextmanager
def serving(folder: Path, cells: int, *options: str) -> Iterator[Cells]:
    """An nginx with two servers in each of its cells."""
    with ExitStack() as stack:
        redises, servers = [], []
        for _ in range(cells):
            try:
                redises.append(stack.enter_context(RedisServer("none")))
            except ChatkitError as error:
                (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
            for _ in range(2):
                log = ("--log", redises[-1].url, "--per-address", "off", "--rate", "off")
                servers.append(Server(*log, *options))
                stack.callback(servers[-1].kill)
        port = free_port()
        site = example(port, [server.port for server in servers], cells)
        errors = stack.enter_context((folder / "errors").open("wb"))
        process = subprocess.Popen(command(folder, site), stderr=errors)
        stack.callback(end, process)
        wait_for(port, process)
        yield Cells(port, servers, redises)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until something listens at a port."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
    raise AssertionError(f"nginx did not start: {process.poll()}")


def end(process: subprocess.Popen[bytes]) -> None:
    """Have nginx end its processes, and itself."""
    process.terminate()
    process.wait(LIMIT)
