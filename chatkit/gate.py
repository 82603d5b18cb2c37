"""Who may come in, and how fast they may talk. Lesson 07."""

from __future__ import annotations

import hmac
import ipaddress
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from chatkit.messages import FrameError

RATE = 20.0  # messages a second that a connection may send for long
BURST = 40  # messages that it may send at once
# Connections from one address. Windows can watch no more than 512 sockets at once.
PER_ADDRESS = 400 if sys.platform == "win32" else 2000
PENALTY = 1.0  # seconds for which nothing is read from who was too fast


class Pace:
    """Lets so many frames a second through, and a burst at once: a token bucket. Lesson 07.

    `rate` is in frames a second, None for no limit; `clock` returns seconds.
    """

    def __init__(
        self, rate: float | None, burst: float = BURST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rate = rate
        self.burst = burst
        self.clock = clock
        self.tokens = float(burst)
        self.then = clock()

    def wait(self) -> float:
        """Return how many seconds until the next frame may pass: 0 if it may at once."""
        if self.rate is None:
            return 0.0
        now = self.clock()
        self.tokens = min(self.burst, self.tokens + (now - self.then) * self.rate)
        self.then = now
        return max(0.0, (1 - self.tokens) / self.rate)

    def take(self) -> bool:
        """Let a frame pass, and return True; or False if it comes too fast."""
        passes = self.wait() < 1e-9  # seconds: a wait that was slept may be short by a rounding
        self.tokens -= passes
        return passes


def is_address(host: str) -> bool:
    """Return whether a host is given in numbers, not by name."""
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Return whether a host, by name or in numbers, is this machine as only it sees itself."""
    if is_address(host):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost" or host.endswith(".localhost")


class Gate:
    """Which pages may open a socket, with which token, and how many from one address. Lesson 07.

    `origins` are those of other pages that may (`https://chat.example.org`); without a `token`
    nobody needs one. `any_name` is for a machine that no browser reaches but through a proxy.
    """

    def __init__(
        self,
        origins: Collection[str] = (),
        token: str = "",
        per_address: int | None = PER_ADDRESS,
        any_name: bool = False,
    ) -> None:
        self.origins = frozenset(origin.rstrip("/").casefold() for origin in origins)
        self.token = token
        self.any_name = any_name or bool(token)
        self.per_address = per_address
        self.inside: Counter[str] = Counter()

    def allows_origin(self, origin: str, host: str) -> bool:
        """Return whether a page from `origin` may open a socket at `host`.

        Its own page may. But without a token it must not be known by a name of others' making:
        a stranger can have his own name lead to this machine, and then his page is "its own"
        (DNS rebinding).
        """
        if origin.casefold() in self.origins:
            return True
        try:
            page = urlsplit(origin.casefold())
        except ValueError:  # not a valid URL
            return False
        name = page.hostname or ""
        certain = self.any_name or is_address(name) or is_loopback(name)
        return bool(name) and certain and page.netloc == host.casefold()

    def check(self, token: str, address: str) -> None:
        """Raise FrameError if the token is wrong or too many came from an address already."""
        self.check_token(token)
        if self.per_address is not None and self.inside[address] >= self.per_address:
            detail = f"There are {self.per_address} connections from your address: close some."
            raise FrameError("too_many", detail)

    def check_token(self, token: str) -> None:
        """Raise FrameError if the token is wrong.

        The comparison takes as long for any wrong token: its time tells nothing of the right one.
        """
        if self.token and not hmac.compare_digest(token.encode(), self.token.encode()):
            detail = "This chat needs a token: open it by the whole link that its server showed."
            raise FrameError("bad_token", detail)

    def enter(self, address: str) -> None:
        """Count a connection from an address."""
        self.inside[address] += 1

    def leave(self, address: str) -> None:
        """Count one less, and forget an address that nobody comes from."""
        self.inside[address] -= 1
        if not self.inside[address]:
            del self.inside[address]
