"""What the tests need of the machine: a Chromium, a redis-server, an nginx.

`make test` runs this as a module before pytest; it installs what is missing.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial

from chatkit.redis_link import OLDEST

INSTALL_LIMIT = 300  # seconds for each command
SYSTEM = ("/usr/sbin", "/usr/local/sbin")  # not everybody has these in PATH
NO_REDIS = (
    f"The tests need a redis-server, version {OLDEST} or newer, and the system's package manager "
    "could not install one: get it from redis.io."
)
NO_NGINX = (
    "The tests need an nginx, and the system's package manager could not install one: get it from "
    "nginx.org."
)

# Debian starts a service as soon as it is installed, and again with the machine, unless it is told
# not to: by policy-rc.d (unless the machine has one already) and by systemctl.
APT = """
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy || exit 1
fi
export DEBIAN_FRONTEND=noninteractive
limit="timeout --foreground $0"
$limit apt-get update
$limit apt-get install -y "$@" || exit 1
for package; do
    systemctl disable "$package" || true
done
"""


def redis() -> str | None:
    """The path of a redis-server that is new enough, or None."""
    path = which("redis-server")
    version = re.search(r"v=(\d+)", said_by(path, "--version"))
    return path if version and int(version[1]) >= OLDEST else None


def nginx() -> str | None:
    """The path of an nginx, or None."""
    path = which("nginx")
    return path if "nginx" in said_by(path, "-v") else None


def which(name: str) -> str | None:
    """The path of a program that all may run, or its administrators."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *SYSTEM]))


def said_by(path: str | None, option: str) -> str:
    """What a program prints; nothing, if it does not run."""
    if not path:
        return ""
    try:
        done = subprocess.run([path, option], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


def installers(apt: str, dnf: str, brew: str) -> Iterator[list[str]]:
    """The commands that may install packages, under the names that each package manager has."""
    if shutil.which("brew"):
        yield ["brew", "install", *brew.split()]
    if sys.platform != "linux":
        return
    if os.geteuid() == 0:
        sudo = []
    elif shutil.which("sudo"):
        sudo = ["sudo", "-n"]
    else:
        return
    if shutil.which("apt-get"):
        yield [*sudo, "sh", "-c", APT, str(INSTALL_LIMIT), *apt.split()]
    elif shutil.which("dnf"):
        yield [*sudo, "dnf", "install", "-y", *dnf.split()]


def ensure(
    what: str, find: Callable[[], str | None], installers: Iterable[list[str]], sorry: str
) -> str:
    """The path of a program, installed if there was none; RuntimeError says that it can't be."""
    if found := find():
        return found
    print(f"No {what} yet: installing one …", flush=True)
    for command in installers:
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=3 * INSTALL_LIMIT,
            )
        if found := find():
            return found
    raise RuntimeError(sorry)


def main() -> None:
    """Install what is missing; where that can't be, end if tests may not be skipped."""
    from tests.browser import chromium  # that needs this module

    sorry = []
    for needed in (
        chromium.ensure,
        partial(
            ensure, "redis-server", redis, installers("redis-server", "redis", "redis"), NO_REDIS
        ),
        partial(ensure, "nginx", nginx, installers("nginx", "nginx", "nginx"), NO_NGINX),
    ):
        try:
            needed()
        except RuntimeError as error:
            sorry.append(str(error))
    if sorry and os.environ.get("CI"):
        sys.exit("\n".join(sorry))
    for sentence in sorry:
        print(sentence, "Until then some tests are skipped.", flush=True)


if __name__ == "__main__":
    main()
