"""Imports point one way, and each library stays where it belongs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import chatkit

PACKAGE = Path(chatkit.__file__).parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")

# module: what it may import of the package
ARROWS = {
    "paths": "",
    "messages": "",
    "wire": "",
    "names": "",
    "broadcaster": "",
    "links": "",
    "codecs": "messages",
    "log": "messages",
    "outbox": "messages",
    "gate": "messages",
    "room": "broadcaster codecs log messages names",
    "handlers": "room codecs gate log messages paths",
    "server": "handlers room codecs gate links log messages",
    "client": "codecs gate messages outbox",
    "presence": "",
    "widget": "client codecs messages paths presence",
    "lab": "paths",
    "doctor": "server client messages paths",
    "cli": "server codecs gate messages lab doctor",
}
# library: where it may be imported, lessons aside
LIBRARIES = {
    "tornado": "handlers server client",
    "ipywidgets": "presence widget",
    "anywidget": "presence widget",
    "traitlets": "presence widget",
    "IPython": "",
    "msgspec": "messages codecs room log widget",
    "transit": "codecs",
    "confusable_homoglyphs": "names",
    "psutil": "server",
    "typer": "cli",
    "sqlite3": "log",  # of Python's own, the one that is for a single module
}


def imported(path: Path) -> set[str]:
    """The full names of the modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: write imports from chatkit in full"
            names.add(node.module)
            if node.module in ("chatkit", "chatkit.lessons"):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def of_package(path: Path) -> set[str]:
    """The package's own modules among them."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("chatkit.")}


def others(path: Path) -> set[str]:
    """The libraries among them."""
    roots = {name.partition(".")[0] for name in imported(path)}
    return roots - (sys.stdlib_module_names - LIBRARIES.keys()) - {"chatkit"}


def test_every_module_has_its_arrows():
    assert sorted(ARROWS) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_arrows_allow(module: str):
    assert of_package(PACKAGE / f"{module}.py") <= set(ARROWS[module].split())


@pytest.mark.parametrize("module", MODULES)
def test_a_library_is_imported_only_where_it_belongs(module: str):
    allowed = {name for name, places in LIBRARIES.items() if module in places.split()}
    assert others(PACKAGE / f"{module}.py") <= allowed


def test_the_arrows_point_one_way():
    order: list[str] = []
    while len(order) < len(ARROWS):
        free = [m for m in ARROWS if m not in order and set(ARROWS[m].split()) <= set(order)]
        assert free, f"a circle among {sorted(set(ARROWS) - set(order))}"
        order += free


def test_nothing_but_lessons_imports_lessons():
    assert [m for m in MODULES if "lessons" in of_package(PACKAGE / f"{m}.py")] == []
    assert "lessons" not in of_package(PACKAGE / "__init__.py")


def test_arrows_are_seen_wherever_an_import_stands(tmp_path: Path):
    file = tmp_path / "module.py"
    file.write_text(
        "def f():\n    from chatkit import lessons\n    import chatkit.room, tornado.web"
    )
    assert of_package(file) == {"lessons", "room"}
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
