"""The folder of wheels: what each kind of machine needs, and what is said when it can't be had.

tests/test_packaging.py makes such a folder and installs from it.
"""

import os
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

import pytest

from chatkit import wheels
from chatkit.messages import ChatkitError
from chatkit.wheels import HERE, SYSTEMS, Target, describe, fetch, needed, targets

USER = sysconfig.get_preferred_scheme("user")  # of `pip install --user`
UNIX_ALONE = {"pexpect", "ptyprocess"}
WINDOWS_ALONE = {"pywinpty", "colorama"}


def test_a_machine_needs_what_its_system_asks_for():
    names = {system: needed(Target(system, "3.12").marks).keys() for system in SYSTEMS}
    assert names["windows"] & (UNIX_ALONE | WINDOWS_ALONE) == WINDOWS_ALONE
    assert names["linux"] & (UNIX_ALONE | WINDOWS_ALONE) == UNIX_ALONE
    assert names["mac"] == names["mac-intel"] == names["linux"] | {"appnope"}
    assert {"jupyterlab", "redis", "hiredis"} <= names["windows"]
    assert "chatkit" not in names["windows"]


def test_what_should_be_here_and_is_not_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wheels, "WANTED", "chatkit-that-nobody-made>=1")
    with pytest.raises(ChatkitError) as error:
        needed({})
    assert str(error.value) == (
        "chatkit-that-nobody-made is missing here: "
        "python -m pip install 'chatkit-that-nobody-made>=1'"
    )


def test_what_an_extra_asks_for_is_missed_too(monkeypatch: pytest.MonkeyPatch):
    installed = metadata.version

    def all_but_one(name: str) -> str:
        if name == "hiredis":
            raise metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(metadata, "version", all_but_one)
    with pytest.raises(ChatkitError, match="hiredis is missing here: "):
        needed({})


def test_targets_are_each_system_with_each_python():
    assert targets([], []) == [Target("", HERE)]
    assert targets(["mac"], []) == [Target("mac", HERE)]
    assert targets(["mac", "windows"], ["3.11", "3.13"]) == [
        Target("mac", "3.11"),
        Target("mac", "3.13"),
        Target("windows", "3.11"),
        Target("windows", "3.13"),
    ]


@pytest.mark.parametrize(
    ("systems", "pythons", "words"),
    [
        (["amiga"], [], "There is no system 'amiga': choose windows, mac, mac-intel, linux."),
        ([], ["3.10"], "There is no Python '3.10' for chatkit: choose 3.11 or later."),
        ([], ["2.99"], "There is no Python '2.99' for chatkit: choose 3.11 or later."),
        ([], ["new"], "There is no Python 'new' for chatkit: choose 3.11 or later."),
    ],
)
def test_an_unknown_target_is_told_in_one_sentence(
    systems: list[str], pythons: list[str], words: str
):
    with pytest.raises(ChatkitError) as error:
        targets(systems, pythons)
    assert str(error.value) == words


@pytest.mark.parametrize(
    ("system", "file"),
    [
        ("windows", "kiwisolver-{}-cp312-cp312-win_amd64.whl"),
        ("mac", "kiwisolver-{}-cp312-cp312-macosx_11_0_arm64.whl"),
    ],
)
def test_wheels_are_fetched_for_other_machines(system: str, file: str, tmp_path: Path):
    target = Target(system, "3.12")
    version = needed(target.marks)["kiwisolver"]
    fetch(tmp_path, [f"kiwisolver=={version}"], target.options)
    assert [path.name for path in tmp_path.iterdir()] == [file.format(version)]


def test_what_can_t_be_fetched_is_told_in_one_sentence(tmp_path: Path):
    with pytest.raises(ChatkitError, match="pip could not fetch all that is needed: "):
        fetch(tmp_path, ["kiwisolver==0"], ["--no-index"])


def test_a_missing_pip_is_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wheels, "find_spec", lambda name: None)
    with pytest.raises(ChatkitError, match="pip is missing here: python -m ensurepip"):
        fetch(tmp_path, ["kiwisolver"], [])


@pytest.mark.parametrize("scheme", [sysconfig.get_default_scheme(), USER])
def test_the_parts_of_a_package_are_found_wherever_pip_has_put_them(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bases = {"base": str(tmp_path / "all"), "userbase": str(tmp_path / "mine")}
    for name, folder in bases.items():
        monkeypatch.setitem(sysconfig.get_config_vars(), name, folder)
    site, scripts, data = (
        Path(sysconfig.get_path(kind, scheme)) for kind in ("purelib", "scripts", "data")
    )
    info = site / "thing-1.0.dist-info"
    files = [site / "thing.py", scripts / "thing", data / "etc" / "thing.json", info / "METADATA"]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("Name: thing\nVersion: 1.0\n", encoding="utf-8")
    record = [f"{os.path.relpath(file, site)},,\n" for file in files]
    (info / "RECORD").write_text("".join(record), encoding="utf-8")
    assert dict(wheels.parts(metadata.PathDistribution(info))) == {
        "thing.py": files[0],
        "thing-1.0.data/data/etc/thing.json": files[2],
        "thing-1.0.dist-info/METADATA": files[3],
    }


def test_the_readme_names_all_machines_that_were_ever_asked_for(tmp_path: Path):
    readme = tmp_path / "README.txt"
    describe(readme, [Target("windows", "3.13"), Target("mac", "3.12")])
    describe(readme, [Target("windows", "3.12"), Target("mac", "3.12")])
    _, head, list_ = readme.read_text(encoding="utf-8").partition("What is here is for\n")
    assert head
    assert list_.splitlines() == [
        "- mac with Python 3.12",
        "- windows with Python 3.12",
        "- windows with Python 3.13",
    ]


def test_the_installer_tells_what_a_python_without_ensurepip_needs(tmp_path: Path):
    (tmp_path / "venv").mkdir()  # in which Python looks for it first
    (tmp_path / "venv" / "ensurepip.py").write_text("raise SystemExit(1)", encoding="utf-8")
    command = [sys.executable, wheels.__file__.replace("wheels", "install_offline"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        "This Python can't put pip into an environment: on Debian and Ubuntu, "
        f"sudo apt install python{HERE}-venv, and run this again.\n"
    )


def test_the_installer_tells_an_old_python_what_it_needs():
    code = (
        "import sys; sys.version_info = (3, 10); from chatkit.install_offline import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    version = sys.version.split()[0]
    assert done.returncode == 1
    assert done.stderr == f"chatkit needs Python 3.11 or later, and this is {version}.\n"
