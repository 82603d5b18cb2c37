"""How many connections this process may hold."""

from __future__ import annotations

from contextlib import suppress


def allow_many_files() -> None:
    """Let this process, and those it starts, open as many sockets as the system allows.

    Most shells give a process 256 or 1,024, and every connection is one. Windows has no such limit.
    """
    with suppress(ImportError, OSError, ValueError):  # then it stays as it is
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
