"""Imports point one way, and each library stays where it belongs."""

import ast
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

import chatkit

PACKAGE = Path(chatkit.__file__).parent
FILES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for folder in (PACKAGE, PACKAGE / "bench", PACKAGE / "guide")
    for path in folder.glob("*.py")
    if path.stem != "__init__"
}
MODULES = sorted(FILES)
FOLDERS = ("bench", "guide", "lessons")
# what the library may import of the guide
SHARED = {"guide.frames", "guide.codecs", "guide.broadcaster"}

# module: what it may import of the package
ARROWS = {
    "paths": "",
    "guide.frames": "",
    "guide.codecs": "",
    "guide.broadcaster": "",
    "guide.handler": "guide.broadcaster guide.codecs",
    "guide.server": "guide.broadcaster guide.handler paths",
    "guide.client": "guide.codecs",
    "guide.widget": "guide.client paths",
    "messages": "",
    "names": "",
    "broadcaster": "guide.broadcaster",
    "limits": "",
    "links": "messages",
    "codecs": "guide.codecs messages",
    "journal": "messages",
    "log": "messages",
    "outbox": "messages",
    "gate": "messages",
    "room": "broadcaster codecs guide.broadcaster guide.frames journal log messages names",
    "metrics": "room",
    "redis_link": "log messages",
    "redis_log": "log messages redis_link",
    "redis_roster": "log names redis_link room",
    "shared": "log redis_link redis_log redis_roster room",
    "handlers": "room codecs gate guide.frames journal log messages metrics paths",
    "server": "handlers room shared codecs gate journal links log messages metrics",
    "teacher": "server gate",
    "client": "codecs gate messages outbox",
    "presence": "",
    "widget": "client codecs messages paths presence",
    "lab": "messages paths",
    "install_offline": "",
    "wheels": "messages paths",
    "doctor": "server client links messages paths",
    "jupyter": "server codecs gate handlers links messages",
    "bench.load": "guide.frames",
    "bench.contestants": "log messages",
    "bench.cells": "bench.load limits messages",
    "bench.tidy": "log redis_link redis_log redis_roster",
    "bench.contest": "bench.cells bench.contestants bench.load bench.tidy messages",
    "bench.report": "bench.cells bench.contest bench.load",
    "bench.plot": "bench.contest bench.report messages",
    "bench.command": "bench.cells bench.contest bench.contestants bench.plot bench.report "
    "messages server",
    "bench.soak": "bench.contest client limits messages",
    "cli": "server codecs gate journal limits messages teacher lab wheels doctor bench.command "
    "bench.soak",
}
# the servers that are measured, each a program of its own with one library
PEERS = {
    "tornado_loop": "tornado",
    "frame_once": "tornado",
    "one_write": "tornado",
    "websockets_broadcast": "websockets",
    "aiohttp_loop": "aiohttp",
    "picows_loop": "picows",
}
# library: where it may be imported, lessons aside
LIBRARIES = {
    "tornado": "handlers server client jupyter guide.handler guide.server guide.client",
    "jupyter_server": "jupyter doctor",
    "jupyter_core": "doctor",
    "ipywidgets": "presence widget guide.widget",
    "anywidget": "presence widget guide.widget",
    "traitlets": "presence widget jupyter",
    "IPython": "",
    "msgspec": "messages codecs room log redis_log widget jupyter "
    "bench.cells bench.load bench.contestants bench.contest bench.command",
    "redis": "redis_link",
    "prometheus_client": "metrics",
    "confusable_homoglyphs": "names",
    "psutil": "server teacher bench.load bench.contest bench.soak",
    "packaging": "wheels",
    "typer": "cli",
    "rich": "bench.command bench.report bench.soak",
    "matplotlib": "bench.plot",
    "sqlite3": "log",  # of Python's own, the one that is for a single module
}


def imported(path: Path) -> set[str]:
    """The full names of the modules that a file imports, anywhere in it."""
    return names_in(path, ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imported_at_once(path: Path) -> set[str]:
    """Those among them that it imports as soon as it is imported itself."""
    return names_in(path, ast.parse(path.read_text(encoding="utf-8")).body)


def names_in(path: Path, nodes: Iterable[ast.AST]) -> set[str]:
    """The full names of the modules that these nodes import, where they are imports."""
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: write imports from chatkit in full"
            names.add(node.module)
            if node.module in ("chatkit", *(f"chatkit.{folder}" for folder in FOLDERS)):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def of_package(path: Path) -> set[str]:
    """The package's own modules among them."""
    names = {place(name) for name in imported(path) if name.startswith("chatkit.")}
    return names - {"bench", "guide"}


def place(name: str) -> str:
    """What a module is called in the arrows."""
    parts = name.split(".")[1:]
    return ".".join(parts[: 2 if parts[0] in ("bench", "guide") else 1])


def others(path: Path) -> set[str]:
    """The libraries among them."""
    roots = {name.partition(".")[0] for name in imported(path)}
    return roots - (sys.stdlib_module_names - LIBRARIES.keys()) - {"chatkit"}


def test_every_module_has_its_arrows():
    assert sorted(ARROWS) == MODULES
    peers = (PACKAGE / "bench" / "peers").glob("*.py")
    assert {path.stem for path in peers} == {"__init__", *PEERS}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_arrows_allow(module: str):
    assert of_package(FILES[module]) <= set(ARROWS[module].split())


@pytest.mark.parametrize("module", MODULES)
def test_a_library_is_imported_only_where_it_belongs(module: str):
    allowed = {name for name, places in LIBRARIES.items() if module in places.split()}
    assert others(FILES[module]) <= allowed


@pytest.mark.parametrize(("peer", "library"), PEERS.items())
def test_a_peer_is_a_program_of_its_own_with_one_library(peer: str, library: str):
    file = PACKAGE / "bench" / "peers" / f"{peer}.py"
    assert others(file) == {library}
    assert of_package(file) <= {"guide.frames"}


def test_the_arrows_point_one_way():
    order: list[str] = []
    while len(order) < len(ARROWS):
        free = [m for m in ARROWS if m not in order and set(ARROWS[m].split()) <= set(order)]
        assert free, f"a circle among {sorted(set(ARROWS) - set(order))}"
        order += free


def test_the_guide_imports_itself_and_paths_alone():
    guide = {module for module in ARROWS if module.startswith("guide.")}
    others = {module: set(ARROWS[module].split()) for module in ARROWS.keys() - guide}
    assert set().union(*(ARROWS[module].split() for module in guide)) <= guide | {"paths"}
    assert set().union(*others.values()) & guide <= SHARED


def test_nothing_but_lessons_imports_lessons():
    files = [file for file in PACKAGE.rglob("*.py") if "lessons" not in file.parts]
    assert [file for file in files if "lessons" in of_package(file)] == []


def test_nothing_of_the_measuring_side_is_loaded_until_it_is_asked_for():
    assert imported(PACKAGE / "bench" / "__init__.py") <= {"__future__"}
    at_once = {module: imported_at_once(file) for module, file in FILES.items()}
    chat = [names for module, names in at_once.items() if not module.startswith("bench.")]
    assert [name for names in chat for name in names if name.startswith("chatkit.bench")] == []
    assert "chatkit.bench.plot" not in set().union(*at_once.values())  # nor, with it, matplotlib


def test_arrows_are_seen_wherever_an_import_stands(tmp_path: Path):
    file = tmp_path / "module.py"
    file.write_text(
        "def f():\n    from chatkit import lessons\n    import chatkit.room, tornado.web\n"
        "    from chatkit.guide import frames"
    )
    assert of_package(file) == {"guide.frames", "lessons", "room"}
    assert others(file) == {"tornado"}


def loaded_after(code: str) -> set[str]:
    """The top-level names of all that a fresh Python has loaded after some code."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_chatkit_loads_no_library_at_all():
    before = loaded_after("")
    assert loaded_after("import chatkit") - before - sys.stdlib_module_names == {"chatkit"}


def test_a_server_and_a_client_load_nothing_of_a_notebook():
    loaded = loaded_after("from chatkit import ChatClient, launch, make_app")
    assert loaded & {"ipywidgets", "anywidget", "traitlets", "IPython", "ipykernel"} == set()


def test_every_public_name_is_there():
    assert all(getattr(chatkit, name) for name in chatkit.__all__)
    assert set(dir(chatkit)) == set(chatkit.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Chat'"):
        chatkit.Chat  # noqa: B018
