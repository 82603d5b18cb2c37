"""The nginx of docs/nginx.conf with real servers behind it, all on loopback."""

from __future__ import annotations

import getpass
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import BinaryIO
from urllib.request import urlopen

import pytest
import trustme

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
    """A `chatkit serve` in a process of its own; `errors` gets what it tells of."""

    def __init__(self, *options: str, errors: BinaryIO | None = None) -> None:
        command = [sys.executable, "-m", "chatkit.cli", "serve", "--port", "0", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)

    @cached_property
    def port(self) -> str:
        """Where it listens, as soon as it says so."""
        return re.search(r":(\d+)/", self.process.stdout.readline())[1]

    @property
    def connections(self) -> int:
        """How many are connected to it."""
        return get_json(self.port)["connections"]

    def terminate(self) -> int:
        """Have it stop, wait until it has, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT)

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

    def __init__(self, site: Site, servers: list[Server], redises: list[RedisServer]) -> None:
        self.port = site.port
        self.site = site
        self.servers = servers
        self.redises = redises
        self.url = f"{'https' if site.tls else 'http'}://127.0.0.1:{site.port}/"

    def get(self, path: str) -> str:
        """What nginx hands on at a path."""
        with urlopen(self.url + path, timeout=LIMIT, context=self.context) as answer:
            return answer.read().decode()

    @cached_property
    def context(self) -> ssl.SSLContext | None:
        """What makes a client trust nginx's certificate."""
        return ssl.create_default_context(cafile=self.site.authority) if self.site.tls else None


class Site:
    """Where nginx listens, and with TLS also for whom is not safe yet, and its certificate."""

    def __init__(self, folder: Path, tls: bool = False) -> None:
        self.tls = tls
        self.port = free_port()
        self.folder = folder
        if tls:
            self.unsafe_port = free_port()
            self.make_certificate()

    def make_certificate(self) -> None:
        """Make an authority, and a certificate for loopback that is signed by it."""
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(self.authority)
        certificate.private_key_pem.write_to_path(self.key)
        for part in certificate.cert_chain_pems:
            part.write_to_path(self.certificate, append=True)

    @property
    def authority(self) -> Path:
        """Whom clients have to trust."""
        return self.folder / "authority.pem"

    @property
    def certificate(self) -> Path:
        """What nginx shows."""
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        """What nginx keeps to itself."""
        return self.folder / "key.pem"


def example(site: Site, servers: Sequence[str], cells: int = 2) -> str:
    """The example with other addresses, and without what it says is to be deleted."""
    text = EXAMPLE.read_text()
    if cells == 1:
        text = replaced(r"(?ms)^upstream cell_b \{.*?^\}\n", "", text)
        text = replaced(r"(?m)^ *50% .*\n", "", text)
    if site.tls:
        text = replaced(r"listen 80;", f"listen 127.0.0.1:{site.unsafe_port};", text)
        text = replaced(r"listen 443 ssl;", f"listen 127.0.0.1:{site.port} ssl;", text)
        text = replaced(r"ssl_certificate /.*;", f"ssl_certificate {site.certificate};", text)
        text = replaced(r"ssl_certificate_key /.*;", f"ssl_certificate_key {site.key};", text)
    else:
        text = replaced(r"(?ms)^server \{\n    listen 80;.*?^\}\n", "", text)
        text = re.sub(r"(?m)^ *ssl_.*\n", "", text)
        text = replaced(r"listen 443 ssl;", f"listen 127.0.0.1:{site.port};", text)
    for before, after in zip(SERVERS[: 2 * cells], servers, strict=True):
        text = replaced(rf"server 127\.0\.0\.1:{before} ", f"server 127.0.0.1:{after} ", text)
    return text


def replaced(pattern: str, by: str, text: str) -> str:
    """The text with what is found once replaced."""
    text, count = re.subn(pattern, by, text)
    assert count == 1, pattern
    return text


def command(folder: Path, text: str) -> list[str]:
    """What starts nginx with a site's text, with all that it writes in a folder."""
    program = system.nginx()
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(system.NO_NGINX)
    folders = "\n".join(f"{name}_temp_path {folder / name};" for name in TEMPORARY)
    (folder / "site.conf").write_text(text)
    (folder / "nginx.conf").write_text(MAIN.format(folders=folders, site=folder / "site.conf"))
    main = f"daemon off; pid {folder / 'pid'};"
    if getattr(os, "geteuid", lambda: 1)() == 0:  # else its processes could not read the folder
        main += f" user {getpass.getuser()};"
    files = ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    return [program, *files, "-g", main]


@contextmanager
def serving(folder: Path, cells: int, *options: str, tls: bool = False) -> Iterator[Cells]:
    """An nginx with two servers in each of its cells."""
    with ExitStack() as stack:
        redises, servers = [], []
        for _ in range(cells):
            try:
                redises.append(stack.enter_context(RedisServer("none")))
            except ChatkitError as error:
                (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
            for _ in range(2):
                log = ("--log", redises[-1].url, "--behind-proxy", "--rate", "off")
                errors = stack.enter_context((folder / f"server-{len(servers)}").open("wb"))
                servers.append(Server(*log, *options, errors=errors))
                stack.callback(servers[-1].kill)
        site = Site(folder, tls)
        text = example(site, [server.port for server in servers], cells)
        errors = stack.enter_context((folder / "errors").open("wb"))
        process = subprocess.Popen(command(folder, text), stderr=errors)
        stack.callback(end, process)
        wait_for(site.port, process)
        yield Cells(site, servers, redises)


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
