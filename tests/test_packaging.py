"""What is installed, how it is pinned, and the wheel in an empty environment of its own."""

import json
import os
import re
import subprocess
import sys
import tarfile
import time
import tomllib
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from hatchling.build import build_editable
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from websockets.sync.client import connect

import chatkit

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = {
    canonicalize_name(name): version
    for name, version in (
        line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines()
    )
}
EXTENSION = "etc/jupyter/jupyter_server_config.d/chatkit.json"
FIRST = "00-start-here.ipynb"
SECOND = "01-one-socket.ipynb"
STARTED = re.compile(r"chatkit is serving on (http://127\.0\.0\.1:\d+)/\n")
START_LIMIT = 60  # seconds for JupyterLab's first start in a new environment
STOP_LIMIT = 20  # seconds

pytestmark = pytest.mark.timeout(300)  # installing takes as long as the network does


def requirements() -> list[Requirement]:
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


def installed_by(requirements: list[Requirement]) -> set[str]:
    """The names of all that these requirements bring in here, through others too."""
    names: set[str] = set()
    todo = [(requirement, "") for requirement in requirements]
    seen = set()
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        names.add(name)
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                lines = metadata.requires(name) or []
                todo += [(Requirement(line), wanted) for line in lines]
    return names


def test_constraints_pin_what_pyproject_allows():
    allowed = {canonicalize_name(wanted.name): wanted.specifier for wanted in requirements()}
    assert {name for name in allowed if not allowed[name].contains(PINS.get(name, "0"))} == set()


def test_constraints_pin_all_that_comes_along():
    bundled_with_python = {"pip", "setuptools", "wheel"}
    itself = {"chatkit"}  # one extra asks for another
    missing = installed_by(requirements()) - PINS.keys() - bundled_with_python - itself
    assert missing == set(), "run make lock"


def test_constraints_are_for_every_release_of_the_oldest_python():
    (oldest,) = (f"{wanted.version}.0" for wanted in SpecifierSet(PROJECT["requires-python"]))
    asked = {
        package.name: package.metadata.get("Requires-Python", "")
        for package in metadata.distributions()
        if canonicalize_name(package.name) in PINS
    }
    assert asked
    assert {name for name in asked if not SpecifierSet(asked[name]).contains(oldest)} == set()


def test_no_requirement_is_an_address():
    assert [wanted.name for wanted in requirements() if wanted.url] == []
    for file in ("constraints.txt", "environment.yml"):
        assert not re.search(r"://|@", (ROOT / file).read_text(encoding="utf-8"))


def test_the_conda_environment_installs_the_package_itself():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, by_pip = environment["dependencies"]
    assert environment["channels"] == ["conda-forge"]
    assert pip == "pip"
    assert by_pip == {"pip": ["-c constraints.txt", "-e .[redis]"]}
    name, version = python.split("=")
    assert name == "python"
    assert SpecifierSet(PROJECT["requires-python"]).contains(version)


def test_the_version_is_written_once():
    assert metadata.version("chatkit") == chatkit.__version__
    assert "version" not in PROJECT


def test_the_commit_hook_is_well_formed():
    command = [sys.executable, "-m", "pre_commit", "validate-config", ".pre-commit-config.yaml"]
    subprocess.run(command, cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist, which is beside it."""
    folder = tmp_path_factory.mktemp("from-sdist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def files(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_carries_the_page_and_the_lessons(wheel: Path):
    names = files(wheel).keys()
    for folder, pattern in (("static", "*.*"), ("notebooks", "*.ipynb")):
        carried = {path.name for path in (ROOT / folder).glob(pattern)}
        assert carried
        assert {f"chatkit/{folder}/{name}" for name in carried} <= names
    assert {"chatkit/py.typed", "chatkit/constraints.txt"} <= names
    assert f"chatkit-{chatkit.__version__}.data/data/{EXTENSION}" in names
    ours = ("chatkit/", f"chatkit-{chatkit.__version__}.")
    assert [name for name in names if not name.startswith(ours)] == []
    assert not [name for name in names if name.startswith("tests/") or "checkpoint" in name]


@pytest.fixture(scope="module")
def stick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `chatkit wheels` makes, for machines such as this one."""
    folder = tmp_path_factory.mktemp("stick") / "chatkit"
    command = [sys.executable, "-m", "chatkit.cli", "wheels", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert re.search(
        r"Take the folder along \(\d+ MB\), and there: python install\.py\n", done.stdout
    )
    return folder


def test_an_editable_install_has_jupyter_load_the_chat_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(ROOT)
    carried = files(tmp_path / build_editable(str(tmp_path)))
    assert carried[f"chatkit-{chatkit.__version__}.data/data/{EXTENSION}"]
    assert (Path(sys.prefix) / EXTENSION).exists()  # `make lab` and `make test` install so


def test_the_wheel_and_the_sdist_carry_the_licence(wheel: Path):
    licence = (ROOT / "LICENSE").read_bytes()
    name = f"chatkit-{chatkit.__version__}"
    assert files(wheel)[f"{name}.dist-info/licenses/LICENSE"] == licence
    with tarfile.open(next(wheel.parent.glob("*.tar.gz"))) as sdist:
        carried = set(sdist.getnames())
        assert sdist.extractfile(f"{name}/LICENSE").read() == licence
    papers = ("README.md", "CHANGELOG.md", "TEACHING.md", "docs/nginx.conf", "constraints.txt")
    assert {f"{name}/{paper}" for paper in papers} <= carried


def test_the_sdist_makes_the_same_wheel_as_the_checkout(wheel: Path, stick: Path):
    assert files(wheel) == files(stick / wheel.name)


# A real install of all requirements, though it takes a while: this environment holds what the
# tests need besides, so borrowing its packages would hide a requirement that the wheel forgot.
@pytest.fixture(scope="module")
def scripts(stick: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment that was installed without internet."""
    home = tmp_path_factory.mktemp("learner")
    nowhere = "http://127.0.0.1:9/"
    cut_off = dict.fromkeys(("PIP_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), nowhere)
    variables = {
        name: os.environ[name] for name in os.environ if not name.lower().endswith("proxy")
    }
    command = [sys.executable, str(stick / "install.py"), str(home)]
    done = subprocess.run(
        command, env=variables | cut_off, check=True, stdout=subprocess.PIPE, text=True
    )
    scripts = home / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    assert "This machine is ready.\n" in done.stdout
    assert done.stdout.endswith(f"    {scripts / 'chatkit'} lab {home / 'lessons'}\n")
    return scripts


def test_what_was_installed_without_internet_is_complete_and_as_pinned(scripts: Path):
    pip = [str(scripts / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "check"], check=True)
    lines = subprocess.check_output([*pip, "list", "--format=json"], text=True)
    found = {canonicalize_name(one["name"]): one["version"] for one in json.loads(lines)}
    others = {name: found[name] for name in found.keys() - {"chatkit", "pip", "setuptools"}}
    assert "redis" in others
    assert others == {name: PINS[name] for name in others}


def test_an_installed_chatkit_makes_its_own_wheel_again(
    scripts: Path, wheel: Path, tmp_path: Path, learner: dict[str, str]
):
    code = "from chatkit.wheels import *; print(own_wheel(Path()))"
    command = [str(scripts / "python"), "-c", code]
    again = (
        tmp_path / subprocess.check_output(command, text=True, env=learner, cwd=tmp_path).strip()
    )
    made, meant = files(again), files(wheel)
    (record,) = (name for name in meant if name.endswith(".dist-info/RECORD"))
    assert sorted(made.pop(record).split()) == sorted(meant.pop(record).split())
    assert made == meant
    assert again.name == wheel.name


@pytest.fixture
def learner(tmp_path: Path) -> dict[str, str]:
    """The environment variables of someone who has nothing of ours but the wheel."""
    ours = ("PYTHON", "JUPYTER", "IPYTHON", "VIRTUAL_ENV", "COVERAGE")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    kinds = ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    return variables | {kind: str(tmp_path / kind) for kind in kinds}


@contextmanager
def running(*command: str | Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that is over when the block is."""
    with subprocess.Popen([str(part) for part in command], text=True, **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def jupyterlab(
    scripts: Path, learner: dict[str, str], home: Path, *args: str
) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a `chatkit lab` started in `home`, and the header that opens it."""
    command = (scripts / "chatkit", "lab", *args, "--no-browser", "--ServerApp.port=0")
    log = home / "lab.log"
    with (
        log.open("w") as out,
        running(*command, env=learner, cwd=home, stdout=out, stderr=out) as lab,
    ):
        deadline = time.monotonic() + START_LIMIT
        while not (server := announced(Path(learner["JUPYTER_RUNTIME_DIR"]))) or not answers(
            server
        ):
            assert lab.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        header = {"Authorization": f"token {server['token']}"}
        yield server["url"], header
        ask(server["url"] + "api/shutdown", header, method="POST")
        assert lab.wait(STOP_LIMIT) == 0


def announced(runtime: Path) -> Any:
    """What a Jupyter server wrote about itself, or None as long as none has."""
    with suppress(StopIteration, json.JSONDecodeError):
        return json.loads(next(runtime.glob("jpserver-*.json")).read_text())
    return None


def answers(server: Any) -> bool:
    """Whether a server that has announced itself listens as well: it does so a little later."""
    try:
        return bool(ask(server["url"] + "api"))
    except urllib.error.URLError:
        return False


def ask(url: str, headers: dict[str, str] | None = None, method: str = "GET") -> str:
    request = urllib.request.Request(url, headers=headers or {}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.read(), "utf-8")


def test_the_wheel_runs_from_its_own_environment(
    scripts: Path, learner: dict[str, str], tmp_path: Path
):
    code = "import chatkit.paths as p; print(p.__file__, p.STATIC, p.NOTEBOOKS, sep='\\n')"
    command = [str(scripts / "python"), "-c", code]
    paths = subprocess.check_output(command, text=True, env=learner, cwd=tmp_path).splitlines()
    assert [Path(path).is_relative_to(scripts.parent) for path in paths] == [True] * 3


def test_lab_lays_the_lessons_and_keeps_the_learners_work(
    scripts: Path, learner: dict[str, str], tmp_path: Path
):
    folder = tmp_path / "chatkit-lessons"
    with jupyterlab(scripts, learner, tmp_path) as (url, header):
        health = json.loads(ask(f"{url}chatkit/healthz", header))
        assert health["version"] == chatkit.__version__
        assert json.loads(ask(f"{url}api/contents/{FIRST}", header))["type"] == "notebook"
    laid = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {path.name for path in folder.glob("*.ipynb")} == laid

    edited = json.loads((folder / FIRST).read_text(encoding="utf-8"))
    edited["cells"][0]["source"] = "My own work"
    (folder / FIRST).write_text(json.dumps(edited), encoding="utf-8")
    (folder / SECOND).unlink()
    with jupyterlab(scripts, learner, tmp_path, folder.name) as (url, header):
        assert "My own work" in ask(f"{url}api/contents/{FIRST}", header)
    assert json.loads((folder / FIRST).read_text(encoding="utf-8")) == edited
    assert (folder / SECOND).exists()


def test_serve_chats(scripts: Path, learner: dict[str, str], tmp_path: Path):
    command = (scripts / "chatkit", "serve", "--port", "0")
    with running(*command, env=learner, cwd=tmp_path, stdout=subprocess.PIPE) as server:
        assert server.stdout
        line = server.stdout.readline()
        started = STARTED.fullmatch(line)
        assert started, line
        url = started[1]
        assert "<html" in ask(url + "/")
        assert "WebSocket" in ask(url + "/static/socket.js")
        chat = url.replace("http", "ws") + "/ws?name="
        with connect(chat + "Ada") as ada, connect(chat + "Alan") as alan:
            ada.send('{"message": "hello"}')
            for hears in (ada, alan):
                heard = json.loads(hears.recv(timeout=10))
                assert (heard["id"], heard["name"], heard["message"]) == (1, "Ada", "hello")
        server.terminate()
        assert sys.platform == "win32" or server.wait(STOP_LIMIT) == 0
