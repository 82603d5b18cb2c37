"""`make lock`: writes constraints.txt, an exact version of all that `.[test]` installs anywhere."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What would leave out the first releases of Python 3.11: Debian 12 has 3.11.2.
HELD_BACK = ("soupsieve<3",)

# Run in the fresh environment: what is needed on Windows or macOS alone, as requirements.
ELSEWHERE = """
from importlib.metadata import distributions
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
here = {canonicalize_name(found.metadata["Name"]) for found in distributions()}
others = [{"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "extra": ""},
          {"sys_platform": "darwin", "platform_system": "Darwin", "extra": ""}]
for needed in {line for found in distributions() for line in found.requires or []}:
    needed = Requirement(needed)
    if canonicalize_name(needed.name) not in here and needed.marker:
        if any(needed.marker.evaluate(other) for other in others):
            print(needed.name + str(needed.specifier))
"""


def run(*command: str) -> str:
    """What the command prints; its failure ends this program."""
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def lock() -> list[str]:
    """The pins, `name==version`, in alphabetical order."""
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "venv", folder)
        python = str(Path(folder, "Scripts" if sys.platform == "win32" else "bin", "python"))
        pip = (python, "-m", "pip", "--disable-pip-version-check")
        run(*pip, "install", "-qq", "--upgrade", "pip")
        run(*pip, "install", "-qq", "--editable", ".[test]", *HELD_BACK)
        pins = run(*pip, "freeze", "--exclude-editable").split("\n")
        if elsewhere := run(python, "-c", ELSEWHERE).split():
            # A platform must be named for pip to look at wheels that this machine can't run.
            target = ("--platform", "win_amd64", "--only-binary", ":all:", "--target", folder)
            dry = ("--dry-run", "-qq", "--no-deps", "--ignore-installed", "--report", "-")
            report = json.loads(run(*pip, "install", *dry, *target, *elsewhere))
            found = [item["metadata"] for item in report["install"]]
            pins += [f"{package['name']}=={package['version']}" for package in found]
    return sorted({pin for pin in pins if pin}, key=str.lower)


if __name__ == "__main__":
    if sys.version_info[:2] != (3, 11):
        sys.exit("Lock with Python 3.11, the oldest one supported: make lock PYTHON=python3.11.")
    pins = lock()
    (ROOT / "constraints.txt").write_text("\n".join(pins) + "\n", encoding="utf-8")
    print(f"constraints.txt holds {len(pins)} versions.")
