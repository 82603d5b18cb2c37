"""A folder from which chatkit is installed without internet: `chatkit wheels FOLDER`.

It holds chatkit and all that comes with it, each in the version that runs here; what only other
systems need is pinned in constraints.txt. `install.py` goes into it and installs from it.
"""

from __future__ import annotations

import base64
import hashlib
import platform
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from chatkit.messages import ChatkitError
from chatkit.paths import CONSTRAINTS, PROJECT

WANTED = "chatkit[redis]"  # lesson 11 needs the extra
BUILDERS = ("setuptools", "wheel")  # what pip wants where a package comes as its source alone
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
PATCH = 9  # a release of any Python 3.x that is recent enough for every requirement
AT_ONCE = 4  # pips: one alone spends most of its time waiting
LEFT_OUT = ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD")  # of one install, not of a wheel
README = """chatkit, to be installed without internet
=========================================

    python install.py

makes an environment in the folder chatkit of your home directory, and says how to start.
`python install.py D:\\somewhere` makes it there. On Windows it is `py install.py`.

It needs Python 3.11 or later. What is here is for
{targets}
"""


class System(NamedTuple):
    """A kind of machine: the tags of its wheels, and what requirements ask of it."""

    tags: tuple[str, ...]
    marks: Mapping[str, str]


def marks(sys_platform: str, system: str, machine: str) -> dict[str, str]:
    """Return what a requirement may ask a machine."""
    os_name = "nt" if sys_platform == "win32" else "posix"
    return {
        "sys_platform": sys_platform,
        "platform_system": system,
        "os_name": os_name,
        "platform_machine": machine,
    }


LINUX = tuple(f"manylinux_2_{minor}_x86_64" for minor in range(34, 16, -1))
SYSTEMS = {
    "windows": System(("win_amd64",), marks("win32", "Windows", "AMD64")),
    "mac": System(("macosx_14_0_arm64",), marks("darwin", "Darwin", "arm64")),
    "mac-intel": System(("macosx_14_0_x86_64",), marks("darwin", "Darwin", "x86_64")),
    "linux": System((*LINUX, "manylinux2014_x86_64"), marks("linux", "Linux", "x86_64")),
}


class Target(NamedTuple):
    """Machines to install on: a system, or "" for this one, and a Python, as 3.12."""

    system: str
    python: str

    def __str__(self) -> str:
        system = self.system or f"{platform.system()} {platform.machine()}"
        return f"{system} with Python {self.python}"

    @property
    def marks(self) -> dict[str, str]:
        """What a requirement may ask these machines, beyond what is the same here."""
        python = {"python_version": self.python, "python_full_version": self.release}
        return python | (dict(SYSTEMS[self.system].marks) if self.system else {})

    @property
    def release(self) -> str:
        """A release of that Python."""
        return platform.python_version() if self.python == HERE else f"{self.python}.{PATCH}"

    @property
    def options(self) -> list[str]:
        """What pip has to be told to fetch wheels for them."""
        tags = SYSTEMS[self.system].tags if self.system else ()
        return [f"--python-version={self.release}", *(f"--platform={tag}" for tag in tags)]


def targets(systems: Sequence[str], pythons: Sequence[str]) -> list[Target]:
    """Return each of these systems with each of these Pythons; none given means the one here.

    Raises ChatkitError for a system that is not known, or what is no version of Python.
    """
    for system in systems:
        if system not in SYSTEMS:
            raise ChatkitError(f"There is no system {system!r}: choose {', '.join(SYSTEMS)}.")
    for python in pythons:
        major, _, minor = python.partition(".")
        if major != "3" or not minor.isdigit() or int(minor) < 11:
            raise ChatkitError(f"There is no Python {python!r} for chatkit: choose 3.11 or later.")
    return [Target(system, python) for system in systems or [""] for python in pythons or [HERE]]


def make_folder(folder: Path, wanted: Sequence[Target]) -> Path:
    """Put into a folder all that is needed to install chatkit on some machines; return install.py.

    What the folder holds already stays: so one folder can serve many kinds of machines.
    Raises ChatkitError, in a sentence, when something can't be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own_wheel(folder)
    for target in wanted:
        pins = [f"{name}=={version}" for name, version in needed(target.marks).items()]
        fetch(folder, pins, target.options)
    if list(folder.glob("*.tar.gz")):
        fetch(folder, BUILDERS, [])
    describe(folder / "README.txt", wanted)
    installer = folder / "install.py"
    shutil.copyfile(Path(__file__).with_name("install_offline.py"), installer)
    return installer


def describe(readme: Path, wanted: Sequence[Target]) -> None:
    """Write how to install from a folder, and for which machines; what it says of those stays."""
    before = readme.read_text(encoding="utf-8").splitlines() if readme.exists() else []
    lines = {line for line in before if line.startswith("- ")} | {f"- {one}" for one in wanted}
    readme.write_text(README.format(targets="\n".join(sorted(lines))), encoding="utf-8")


def needed(marks: Mapping[str, str]) -> dict[str, str]:
    """Return the version of each package that chatkit needs on a machine, itself aside.

    Raises ChatkitError if one is missing that this machine should have, too.
    """
    versions: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    todo = [(Requirement(WANTED), "")]
    while todo:
        requirement, extra = todo.pop()
        name = canonicalize_name(requirement.name)
        versions[name], wishes = look_up(requirement, applies(requirement, {"extra": extra}))
        for wanted in {"", *requirement.extras}:
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                asked = {**marks, "extra": wanted}
                todo += [(wish, wanted) for wish in wishes if applies(wish, asked)]
    del versions["chatkit"]
    return versions


def look_up(requirement: Requirement, here: bool) -> tuple[str, list[Requirement]]:
    """Return the version to take of a package, and what it asks for, as far as is known here.

    What only other machines need is taken as constraints.txt has it: it asks for nothing more.
    """
    name = canonicalize_name(requirement.name)
    with suppress(metadata.PackageNotFoundError):
        lines = metadata.requires(name) or []
        return metadata.version(name), [Requirement(line) for line in lines]
    pins = dict(line.split("==") for line in CONSTRAINTS.read_text(encoding="utf-8").split())
    versions = {canonicalize_name(pinned): version for pinned, version in pins.items()}
    if here or name not in versions:
        raise ChatkitError(f"{name} is missing here: python -m pip install '{requirement}'")
    return versions[name], []


def applies(requirement: Requirement, marks: Mapping[str, str]) -> bool:
    """Return whether a requirement counts on a machine; what is not said is as it is here."""
    return requirement.marker is None or requirement.marker.evaluate(dict(marks))


def fetch(folder: Path, pins: Sequence[str], options: Sequence[str]) -> None:
    """Have pip put these packages into the folder."""

    def fetch_some(some: Sequence[str]) -> None:
        run_pip("download", "--no-deps", "--dest", str(folder), *options, *some)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        shares = (pins[start::AT_ONCE] for start in range(AT_ONCE))
        list(pool.map(fetch_some, filter(None, shares)))


def run_pip(*arguments: str) -> None:
    """Run pip, whose own words are shown; raise ChatkitError if it is missing or fails."""
    if find_spec("pip") is None:
        raise ChatkitError("pip is missing here: python -m ensurepip")
    command = [sys.executable, "-m", "pip", arguments[0], "--disable-pip-version-check", "-q"]
    if subprocess.run([*command, *arguments[1:]]).returncode:
        raise ChatkitError("pip could not fetch all that is needed: its reason stands above.")


def own_wheel(folder: Path) -> Path:
    """Put chatkit's own wheel into the folder: built, in a checkout, else put together again."""
    if PROJECT.exists():
        run_pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(PROJECT.parent))
        return next(folder.glob(f"chatkit-{metadata.version('chatkit')}-*.whl"))
    return put_together(metadata.distribution("chatkit"), folder)


def put_together(installed: metadata.Distribution, folder: Path) -> Path:
    """Make the wheel again from which a package was installed."""
    target = folder / f"{installed.name}-{installed.version}-py3-none-any.whl"
    info = f"{installed.name}-{installed.version}.dist-info"
    record = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in parts(installed):
            content = path.read_bytes()
            archive.writestr(name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            record.append(f"{name},sha256={digest.decode()},{len(content)}\n")
        archive.writestr(f"{info}/RECORD", "".join([*record, f"{info}/RECORD,,\n"]))
    return target


def parts(installed: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    """Name the files of a package as its wheel does, and say where they are."""
    site = Path(str(installed.locate_file(""))).resolve()
    scheme = scheme_of(site)
    scripts, prefix = (
        Path(sysconfig.get_path(kind, scheme)).resolve() for kind in ("scripts", "data")
    )
    for file in installed.files or []:
        path = Path(str(file.locate())).resolve()
        if path.is_relative_to(site):
            if path.suffix != ".pyc" and path.name not in LEFT_OUT:
                yield path.relative_to(site).as_posix(), path
        elif not path.is_relative_to(scripts):  # pip writes those anew
            data = f"{installed.name}-{installed.version}.data/data"
            yield f"{data}/{path.relative_to(prefix).as_posix()}", path


def scheme_of(site: Path) -> str:
    """Return the install scheme whose packages are in this folder; the usual one if none is."""
    usual, user = sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")
    return user if Path(sysconfig.get_path("purelib", user)).resolve() == site else usual
