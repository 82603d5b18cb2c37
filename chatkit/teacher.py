"""The teacher's side of a class: a chat whose links outlive its server, kept in a folder."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import psutil

from chatkit.gate import is_loopback
from chatkit.server import EVERYWHERE, HOST, ChatServer

CLASS = "chatkit-class"  # the folder of a teacher who names none
CLASS_PORT = 8760  # not that of the lessons, which the teacher may show on the same machine
LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that can be taken for another
WITHHELD = ("solutions", "no")  # in a learner's link: `solution` gives nothing away
TOKEN_LENGTH = 10  # letters: fifty bits, and yet one can type them off the projector
ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # nobody (RFC 5737, 3849)


def class_server(
    folder: Path, host: str = HOST, port: int = CLASS_PORT, token: str = ""
) -> ChatServer:
    """Return the server of the class that is kept in a folder, made if need be.

    What was said and passed is there again after a restart, and so is the token: the links stay
    good. Raise ChatkitError for what can't be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    token = token or kept_token(folder / "token.txt")
    return ChatServer(port, host, log=f"sqlite:{folder / 'log.db'}", token=token)


def kept_token(file: Path) -> str:
    """Return the token in a file; a new one is put into it if it has none."""
    with suppress(FileNotFoundError):
        if token := file.read_text(encoding="utf-8").strip():
            return token
    token = "".join(secrets.choice(LETTERS) for _ in range(TOKEN_LENGTH))
    file.touch(mode=0o600)
    file.write_text(f"{token}\n", encoding="utf-8")
    return token


def addresses(family: socket.AddressFamily) -> list[str]:
    """Return this machine's addresses in its networks, first the one that it goes out by."""
    up = [name for name, state in psutil.net_if_stats().items() if state.isup]
    found = [
        each.address
        for name, each_of in psutil.net_if_addrs().items()
        for each in each_of
        if name in up and each.family == family and not only_here(each.address)
    ]
    return sorted(found, key=lambda address: address != way_out(family))


def only_here(address: str) -> bool:
    """Return whether an address leads here from this machine alone, or from this cable alone."""
    return is_loopback(address) or address.startswith(("169.254.", "fe80:"))


def way_out(family: socket.AddressFamily) -> str:
    """Return the address by which this machine goes to others, if it can; nothing is sent."""
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((ELSEWHERE[family], 9))
        return str(probe.getsockname()[0])
    return ""


def greeting(server: ChatServer, *, solutions: bool = True) -> str:
    """Return what a teacher is told once the class is open: two links, and who can use them.

    Without `solutions`, the link for learners asks `solution` to keep them for later.
    """
    hosts = addresses(server.family) if server.host in EVERYWHERE else [server.host]
    first, *others = hosts or [EVERYWHERE[server.host]]
    place = f"http://{f'[{first}]' if ':' in first else first}:{server.port}/"
    link, projector = (f"{place}{path}{server.query}" for path in ("", "static/class.html"))
    to_join = link if solutions else without_solutions(link)
    lines = [
        f"The class is open. Its chat: {link}",
        f"For the projector, who has joined and passed what: {projector}",
        "To join, in any lesson:",
        "",
        "    from chatkit.lessons import join_class",
        f'    await join_class("{to_join}", "your name")',
        "",
    ]
    if others:
        lines.append(f"This machine is also at {', '.join(others)}.")
    if not hosts:
        lines.append("This machine is in no network just now: only itself reaches the class.")
    elif is_loopback(first):
        lines.append("Only this machine reaches it; others do with --host 0.0.0.0.")
    if not solutions:
        lines.append("Learners who join by this line get no solutions; leave_class() ends that.")
    return "\n".join(lines).rstrip()


def without_solutions(link: str) -> str:
    """Return a class's link that asks the learners' notebooks to give no solutions away."""
    return f"{link}{'&' if '?' in link else '?'}{urlencode([WITHHELD])}"
