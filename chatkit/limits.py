"""How many connections this process may hold."""

from __future__ import annotations

from contextlib import suppress


def allow_many_files() -> None:
    """Let this process, and those it starts, open as many sockets as the system allows.

    Most shells give a process 256 or 1,024, and every connection is one. Windows has no such limit.
    """
    with suppress(ImportError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        for limit in (hard, 65536, 10240):  # macOS says "no limit", and means one of its own
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
                return
