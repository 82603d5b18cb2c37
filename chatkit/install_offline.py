"""Install chatkit from the folder that this file is in, without internet: python install.py.

It makes an environment in the folder `chatkit` of your home directory, or in one that you name,
and says how to start. `chatkit wheels` has put this file here.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLDEST = (3, 11)
# What is never used need not be compiled: Python compiles the rest when it is first imported.
PIP = ("-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile", "--no-index")


def main() -> None:
    """Install, see whether all is well, and say how to start; exit with a sentence if not."""
    if sys.version_info < OLDEST:
        sys.exit("chatkit needs Python 3.11 or later, and this is " + sys.version.split()[0] + ".")
    home = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path.home() / "chatkit"
    print("Installing chatkit into", home, "- it takes a minute or two ...", flush=True)
    try:
        venv.create(home / "venv", with_pip=True)
    except subprocess.CalledProcessError:
        package = "python3." + str(sys.version_info[1]) + "-venv"
        sys.exit(
            "This Python can't put pip into an environment: on Debian and Ubuntu, "
            "sudo apt install " + package + ", and run this again."
        )
    programs = home / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    # Without the settings of this machine's pip, which may name servers that it can't reach.
    settings = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    command = [str(programs / "python"), *PIP, "--find-links", str(HERE), "chatkit[redis]"]
    if subprocess.call(command, env=dict(settings, PIP_CONFIG_FILE=os.devnull)):
        sys.exit("Not installed: see above. README.txt says for which machines this folder is.")
    if subprocess.call([str(programs / "chatkit"), "doctor"]):
        sys.exit("Installed, but not ready: see above.")
    print("\nStart it with\n\n   ", quoted(programs / "chatkit"), "lab", quoted(home / "lessons"))


def quoted(path: Path) -> str:
    """The path as one types it."""
    return '"' + str(path) + '"' if " " in str(path) else str(path)


if __name__ == "__main__":
    main()
