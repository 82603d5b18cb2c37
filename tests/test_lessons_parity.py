"""Whether a learner's code is the package's: same, missing, differing, more."""

import ast
import atexit
import builtins
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from chatkit.lessons import method_of
from chatkit.lessons.engine import cells, parity
from chatkit.lessons.engine.parity import (
    PACKAGE,
    TAUGHT,
    compare,
    definitions,
    home_of,
    source_of,
)

SOURCE = (PACKAGE / "guide" / "broadcaster.py").read_text(encoding="utf-8")
WHOLE = ast.unparse(
    next(node for node in ast.parse(SOURCE).body if getattr(node, "name", "") == "Broadcaster")
)
HEAD = """
class Broadcaster:
    def __init__(self) -> None:
        self.channels: set[Channel] = set()
"""
CONNECT = """
@method_of(Broadcaster)
def connect(self, channel: Channel) -> None:
    self.channels.add(channel)
"""
DISCONNECT = """
@method_of(Broadcaster)
def disconnect(self, channel: Channel) -> None:
    'My own words.'
    self.channels.discard(channel)  # and my own remark
"""
NOTIFY = """
@method_of(Broadcaster)
def notify_clients(self, message: Any) -> None:
    for channel in tuple(self.channels):
        self.notify(channel, message)


@method_of(Broadcaster)
def notify(self, channel: Channel, message: Any) -> None:
    try:
        channel.send(message)
    except Exception:
        logger.warning("dropped a channel that could not be written to", exc_info=True)
        self.disconnect(channel)
        with suppress(Exception):
            channel.close()
"""
ALL = [HEAD, CONNECT, DISCONNECT, NOTIFY]


def test_a_class_in_one_cell_is_the_same():
    verdict = compare("Broadcaster", [WHOLE])
    assert verdict
    assert repr(verdict) == "✓ Your Broadcaster is the same code as chatkit's."


def test_a_class_in_many_cells_is_the_same_docstrings_and_remarks_aside():
    assert compare("Broadcaster", ALL)


def test_a_function_is_the_same():
    lines = (PACKAGE / "guide" / "frames.py").read_text(encoding="utf-8")
    assert compare("text_frame", [lines])


def test_a_missing_method_is_named():
    verdict = compare("Broadcaster", [HEAD, CONNECT, NOTIFY])
    assert not verdict
    assert verdict.missing == ["Broadcaster.disconnect"]
    assert "Broadcaster.disconnect is missing: run the cell that defines it." in repr(verdict)


def test_all_is_missing_where_nothing_was_run():
    assert compare("Broadcaster", []).missing[0] == "Broadcaster"


def test_a_method_too_many_is_named():
    extra = "@method_of(Broadcaster)\ndef count(self): return len(self.channels)"
    verdict = compare("Broadcaster", [*ALL, extra])
    assert not verdict
    assert verdict.more == ["Broadcaster.count"]
    assert "Broadcaster.count is not in chatkit's." in repr(verdict)


def test_a_differing_method_is_shown_with_the_lines_that_differ_and_no_others():
    verdict = compare("Broadcaster", [*ALL, CONNECT.replace("add(channel)", "append(channel)")])
    assert not verdict
    assert list(verdict.diffs) == ["Broadcaster.connect"]
    words = repr(verdict)
    assert "Broadcaster.connect differs (- yours, + chatkit's)" in words
    assert "\n-    self.channels.append(channel)" in words
    assert "\n+    self.channels.add(channel)" in words
    assert "discard" not in words


@pytest.mark.parametrize(
    "other",
    [
        CONNECT.replace("channel: Channel", "channel"),
        CONNECT.replace("-> None", "-> int"),
        CONNECT.replace("def connect", "async def connect"),
        CONNECT.replace("\ndef", "\n@staticmethod\ndef"),
    ],
    ids=["annotation", "result", "async", "decorator"],
)
def test_small_differences_are_seen(other: str):
    assert list(compare("Broadcaster", [*ALL, other]).diffs) == ["Broadcaster.connect"]


def test_what_was_defined_last_counts():
    naive = CONNECT.replace("add", "append")
    assert compare("Broadcaster", [naive, *ALL])
    assert not compare("Broadcaster", [*ALL, naive])


def test_a_class_defined_anew_has_lost_its_methods():
    assert len(compare("Broadcaster", [*ALL, HEAD]).missing) == 4


def test_a_cell_that_is_no_python_defines_nothing():
    assert compare("Broadcaster", [*ALL, "class Broadcaster("])


def test_what_chatkit_has_not_can_t_be_compared():
    with pytest.raises(LookupError, match="chatkit has no 'Chat' to compare with"):
        compare("Chat", ALL)


def test_the_caption_says_which_of_two_functions_of_one_name_is_meant():
    cell = "# chatkit/{}.py\ndef make_app(): ..."
    assert home_of("make_app", [cell.format("guide/server")]) == "guide.server"
    assert home_of("make_app", [cell.format("server")]) == "server"
    assert (
        home_of("make_app", [cell.format("server"), cell.format("guide/server")]) == "guide.server"
    )
    assert home_of("make_app", ["def make_app(): ..."]) == "guide.server"


def test_a_verdict_is_escaped_on_its_slip():
    verdict = compare("Broadcaster", [*ALL, CONNECT.replace("channel)", "'<b>')")])
    assert "&lt;b&gt;" in verdict._repr_html_()


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A real IPython without a terminal, as it stands behind a notebook."""
    monkeypatch.setattr(cells, "ran", [])
    config = Config(HistoryManager={"enabled": False})
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # it puts its own there
    shell = InteractiveShell.instance(config=config, ipython_dir=str(tmp_path))
    cells.watch()
    yield shell
    atexit.unregister(shell.atexit_operations)
    shell.atexit_operations()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("history", [True, False], ids=["in a notebook", "as nbval runs it"])
def test_same_compares_the_cells_that_were_run(shell: InteractiveShell, history: bool):
    def run(*sources: str) -> object:
        for source in sources:
            done = shell.run_cell(source, store_history=history)
            done.raise_error()
        return done.result

    run("from chatkit.lessons import method_of, same; Any = Channel = list")
    run("%%capture\n'a cell that is no Python'", HEAD, CONNECT)
    for failing in ("class Broadcaster(", f"1 / 0\n{DISCONNECT}\n{NOTIFY}"):
        assert not shell.run_cell(failing, store_history=history).success
    assert run("same(Broadcaster)").missing == [
        "Broadcaster.disconnect",
        "Broadcaster.notify_clients",
        "Broadcaster.notify",
    ]
    assert run(DISCONNECT, NOTIFY, "same(Broadcaster)")


def test_method_of_adds_functions_and_properties_one_cell_at_a_time():
    class Room:
        pass

    @method_of(Room)
    def greet(self) -> str:
        return f"in the {self.name}"

    @method_of(Room)
    @property
    def name(self) -> str:
        return "lobby"

    assert Room().greet() == "in the lobby"


def test_a_method_makes_a_class_whole_that_lacked_it():
    class Log(ABC):
        @abstractmethod
        def keep(self): ...

    @method_of(Log)
    def keep(self) -> str:
        return "kept"

    assert Log().keep() == "kept"


def test_a_method_never_hides_a_name_of_python_s_own():
    class Door:
        pass

    @method_of(Door)
    def open(self) -> str:
        return "open"

    assert Door().open() == "open"
    assert open is builtins.open


@pytest.mark.parametrize("module", TAUGHT)
def test_a_module_is_the_same_as_itself(module: str):
    source = source_of(module)
    names = [node.name for node in ast.parse(source).body if hasattr(node, "name")]
    assert [name for name in names if not compare(name, [source])] == []


def test_constants_are_definitions_too():
    assert dict(definitions("PORT: int = 8765\nHOST = 'here'\nprint()")) == {
        "PORT": "PORT: int = 8765",
        "HOST": "HOST = 'here'",
    }


def test_methods_from_another_lesson_are_adopted_and_count_as_the_same():
    class Broadcaster: ...

    parity.adopt(Broadcaster, "__init__", "connect", "notify")
    Broadcaster().connect(None)
    verdict = compare("Broadcaster", ["class Broadcaster: pass"], parity._adopted[Broadcaster])
    assert verdict.missing == ["Broadcaster.disconnect", "Broadcaster.notify_clients"]
    assert not verdict.diffs


def test_a_class_made_anew_has_lost_what_was_lent_and_is_told_so(monkeypatch: pytest.MonkeyPatch):
    class Broadcaster: ...

    monkeypatch.setattr(parity, "_lent", set())
    parity.adopt(Broadcaster, "connect", "notify")
    verdict = compare("Broadcaster", ["class Broadcaster: pass"], (), parity._lent)
    words = repr(verdict)
    lost = "Broadcaster.connect, Broadcaster.notify"
    assert f"Lent, and lost again: {lost}: run the cell with `adopt`." in words
    assert "Broadcaster.disconnect is missing: run the cell that defines it." in words
    assert "Broadcaster.connect is missing" not in words


def test_an_object_can_t_be_compared():
    with pytest.raises(TypeError, match="compares a class or a function; this is an object of"):
        parity.same(object())


def test_an_abstract_method_may_be_adopted():
    class BatchLog(ABC):
        @abstractmethod
        def write(self): ...

    parity.adopt(BatchLog, "write", "fail")
    BatchLog()
