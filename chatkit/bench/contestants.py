"""Who can be measured: chatkit, its stages, and other servers that do the same work."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

import chatkit
from chatkit.log import SHARED
from chatkit.messages import ChatkitError

PEERS = Path(__file__).parent / "peers"
STAGES = ("naive", "frame-once", "one-write", "chatkit")
MODULES = {  # a contestant that is a Python program: its module among the peers, and its package
    "tornado": ("tornado_loop", "tornado"),
    "naive": ("tornado_loop", "tornado"),
    "frame-once": ("frame_once", "tornado"),
    "one-write": ("one_write", "tornado"),
    "websockets": ("websockets_broadcast", "websockets"),
    "aiohttp": ("aiohttp_loop", "aiohttp"),
    "picows": ("picows_loop", "picows"),
}
BARE = {"bare-c": "delivery", "bare-c-turn": "turn"}  # the argument of the program in C
KNOWN = ("chatkit", *MODULES, "ws", *BARE)
START_LIMIT = 60.0  # seconds that a compiler or Node may take


class Contestant(msgspec.Struct, frozen=True):
    """A server: the command that starts it, and whether it relays messages as they are.

    `servers` are so many of it with one room; `log` is where they keep that.
    """

    name: str
    command: list[str]
    version: str
    whole: bool = True
    servers: int = 1
    log: str = "memory"

    @property
    def shared(self) -> bool:
        """Return whether the log is one that others use as well."""
        return self.log.startswith(SHARED)


class MissingError(ChatkitError):
    """A contestant is known, and not installed."""


def contestants(
    names: Sequence[str], logs: Sequence[str] = ("memory",), servers: Sequence[int] = (1,)
) -> tuple[list[Contestant], list[str]]:
    """Return those that are installed, and a sentence on each that isn't.

    `chatkit` is one for each log and number of servers: see `chats`. Raise ChatkitError for a name
    that nobody knows.
    """
    here: list[Contestant] = []
    missing: list[str] = []
    for name in dict.fromkeys(names):
        try:
            here += chats(logs, servers) if name == "chatkit" else [contestant(name)]
        except MissingError as error:
            missing.append(str(error))
    return here, missing


def chats(logs: Sequence[str] = ("memory",), servers: Sequence[int] = (1,)) -> list[Contestant]:
    """Return chatkit with each log; with one on Redis, so many servers each time.

    A log in memory or a file is one server's. Raise ChatkitError if more are asked for and there
    is no other.
    """
    if max(servers) > 1 and not any(log.startswith(SHARED) for log in logs):
        raise ChatkitError(
            f"{max(servers)} servers can't share the log {logs[0]!r}: choose one on Redis, as "
            "redis://127.0.0.1:6379/0."
        )
    return [
        chat(log, many, alone=len(logs) * len(servers) == 1)
        for log in logs
        for many in (servers if log.startswith(SHARED) else [1])
    ]


def chat(log: str, servers: int = 1, alone: bool = True) -> Contestant:
    """Return chatkit with a log; if it is not the only one, its name says which."""
    serve = [sys.executable, "-m", "chatkit.cli", "serve", "--port", "0", "--log", log]
    no_limits = ["--rate", "off", "--per-address", "off", "--token", ""]
    name = "chatkit" if alone else f"chatkit {log.partition(':')[0]}"
    return Contestant(
        f"{servers} × {name}" if servers > 1 else name,
        serve + no_limits,
        chatkit.__version__,
        whole=False,
        servers=servers,
        log=log,
    )


def contestant(name: str) -> Contestant:
    """Return another server; raise MissingError if it isn't installed."""
    if name in MODULES:
        module, package = MODULES[name]
        command = [sys.executable, "-m", f"chatkit.bench.peers.{module}"]
        return Contestant(name, command, version_of(package))
    if name in BARE:
        return Contestant(name, [str(compiled()), BARE[name]], version_of_cc())
    if name == "ws":
        return Contestant(name, ["node", str(PEERS / "ws.mjs")], version_of_ws())
    raise ChatkitError(f"There is no contestant {name!r}: choose from {', '.join(KNOWN)}.")


def version_of(package: str) -> str:
    """Return the version of a Python package; raise MissingError if there is none."""
    try:
        return version(package)
    except PackageNotFoundError:
        detail = f"{package} is not installed: python -m pip install 'chatkit[bench]' gets it."
        raise MissingError(detail) from None


def version_of_ws() -> str:
    """Return the version of Node's ws; raise MissingError if Node or ws can't be found."""
    asks = "`${require('ws/package.json').version} (Node ${process.version})`"
    try:
        return subprocess.check_output(
            ["node", "-p", asks], stderr=subprocess.DEVNULL, text=True, timeout=START_LIMIT
        ).strip()
    except FileNotFoundError:
        raise MissingError("ws needs Node: get it from nodejs.org, then: npm install ws.") from None
    except subprocess.SubprocessError:
        raise MissingError(
            "Node's ws is not installed: npm install ws in this folder, or let NODE_PATH name the "
            "node_modules in which it is."
        ) from None


def version_of_cc() -> str:
    """Return the version of the C compiler."""
    command = ["cc", "-dumpversion"]
    return f"cc {subprocess.check_output(command, text=True, timeout=START_LIMIT).strip()}"


@cache
def workshop() -> tempfile.TemporaryDirectory[str]:
    """Return a folder that goes when this program ends."""
    return tempfile.TemporaryDirectory(prefix="chatkit-bench-")


@cache
def compiled() -> Path:
    """Return the relay in C as a program; raise MissingError if it can't be made here."""
    cc, program = shutil.which("cc"), Path(workshop().name, "bare")
    if cc is None or sys.platform != "linux":
        raise MissingError("The relay in C needs Linux and a C compiler that is called cc.")
    command = [cc, "-O2", "-o", str(program), str(PEERS / "bare.c")]
    if subprocess.run(command, capture_output=True, timeout=START_LIMIT, check=False).returncode:
        raise MissingError("The relay in C can't be compiled by this machine's cc.")
    return program
