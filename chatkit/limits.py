"""How many connections this process may hold."""

from __future__ import annotations

import math
from contextlib import suppress

SELECTABLE = 512.0  # sockets: FD_SETSIZE, as CPython for Windows is built


def allow_many_files() -> float:
    """Let this process, and those it starts, open as many sockets as the system allows.

    Return how many files that is. Most shells give a process 256 or 1,024, and every connection is
    one. On Windows it is what an event loop can watch there.
    """
    try:
        import resource
    except ImportError:
        return SELECTABLE
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (hard, 65536, 10240):  # macOS says "no limit", and means one of its own
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            break
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return math.inf if soft == resource.RLIM_INFINITY else soft
