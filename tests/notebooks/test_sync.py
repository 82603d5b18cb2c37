"""`make sync` writes captioned cells from the package: here from a package of a few lines."""

import sys
from pathlib import Path
from textwrap import dedent

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from chatkit.lessons.engine import parity
from chatkit.lessons.engine.exercise import load
from tests.notebooks import exercise_cells, sync
from tests.notebooks.captions import LESSONS
from tests.notebooks.excerpts import SyncError, captioned, package_code
from tests.notebooks.run import ROOT, dumps, normalise, short_diff
from tests.notebooks.sync import changes, synced

ROOM = '''
"""Rooms."""

import asyncio

LIMIT = 10  # members

# Names that nobody may use.
TAKEN = frozenset(
    ["admin", "root"],
)


class RoomError(Exception):
    """The room said no."""


class Room:
    """A room."""

    kind = "room"  # not a hall

    def __init__(self) -> None:
        """Make an empty room."""
        # A set, so that nobody is here twice.
        self.members = set()

    # Joining twice is no error.
    def join(self, name: str) -> None:
        """Let somebody in."""
        self.members.add(name)  # at once
        # Nobody is told.

    @property
    def count(self) -> int:
        """How many are here."""

        def twice(number):
            """Return the double."""
            return 2 * number

        return twice(len(self.members)) // 2

    def rules(self) -> str:
        """Return the rules."""
        return """
        Be kind.
    Be brief.
"""

    def draw(self) -> None:
        """Do nothing: a room has no picture."""

    def close(self) -> None:
        """Close the room."""
        ...


async def main() -> None:
    """Open a room that has a rather long list of members, which does not fit on one line."""
    room = Room()
    await asyncio.gather(room.join("Ada"), room.join("Grace"), room.join("Dee"), room.join("Joan"))
'''
SERVER = '''
class Server:
    """A server."""

    def start(self) -> int:
        """Start it."""
        return 8765
'''


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a small package in the place of chatkit."""
    (tmp_path / "guide").mkdir()
    (tmp_path / "room.py").write_text(ROOM, encoding="utf-8")
    (tmp_path / "guide" / "server.py").write_text(SERVER, encoding="utf-8")
    monkeypatch.setattr(parity, "PACKAGE", tmp_path)
    forget()
    yield
    forget()


def forget() -> None:
    """Forget what was read of a package."""
    package_code.cache_clear()
    parity.package_definitions.cache_clear()


def notebook_of(*sources: str) -> NotebookNode:
    """A notebook as it is stored, in which every cell has an output."""
    output = new_output("stream", text="as before\n")
    cells = [
        new_code_cell(source, id=f"cell-{n}", outputs=[output], execution_count=n)
        for n, source in enumerate(sources, start=1)
    ]
    return normalise(new_notebook(cells=[new_markdown_cell("# 01", id="title"), *cells]))


def after_sync(cell: str) -> str:
    """The cell's source after one sync; a second sync must not change it."""
    once = synced(notebook_of(cell))
    assert synced(once) == once
    return once.cells[1].source


def lines(text: str) -> str:
    return dedent(text).strip("\n")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.name)
def test_lessons_are_up_to_date(lesson: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parity, "PACKAGE", ROOT / "chatkit")
    stored = nbformat.reads(lesson.read_text(encoding="utf-8"), as_version=4)
    pairs = zip(stored.cells, synced(stored).cells, strict=True)
    diffs = [short_diff(old.source, new.source) for old, new in pairs if old.source != new.source]
    assert diffs == [], "run make sync"


def test_docstring_is_left_out_and_comments_are_kept():
    cell = """
        # chatkit/room.py
        class Room:
            def __init__(self): old
        """
    assert after_sync(lines(cell)) == lines(
        """
        # chatkit/room.py
        class Room:
            kind = "room"  # not a hall

            def __init__(self) -> None:
                # A set, so that nobody is here twice.
                self.members = set()
        """
    )


def test_body_of_only_a_docstring_becomes_pass():
    cell = "# chatkit/room.py\nclass RoomError(Exception): ..."
    assert after_sync(cell) == "# chatkit/room.py\nclass RoomError(Exception):\n    pass"


def test_ellipsis_after_a_docstring_stays():
    cell = "# chatkit/room.py · Room\n@method_of(Room)\ndef close(self): ..."
    expected = "# chatkit/room.py · Room\n@method_of(Room)\ndef close(self) -> None: ..."
    assert after_sync(cell) == expected


def test_constant_comes_with_its_comments_formatted_by_ruff():
    cell = "# chatkit/room.py\nTAKEN = 0\nLIMIT = 0"
    assert after_sync(cell) == lines(
        """
        # chatkit/room.py
        # Names that nobody may use.
        TAKEN = frozenset(
            ["admin", "root"],
        )
        LIMIT = 10  # members
        """
    )


def test_imports_and_blank_lines_are_the_cells_own():
    cell = """
        # chatkit/room.py
        import os  # for later
        from asyncio import sleep

        LIMIT = 0
        """
    assert after_sync(lines(cell)) == lines(cell).replace("LIMIT = 0", "LIMIT = 10  # members")


def test_class_shown_in_part_has_its_attributes_and_the_cells_methods():
    cell = """
        # chatkit/room.py
        class Room:
            def count(self): old
            def draw(self): old
        """
    assert after_sync(lines(cell)) == lines(
        """
        # chatkit/room.py
        class Room:
            kind = "room"  # not a hall

            @property
            def count(self) -> int:
                def twice(number):
                    return 2 * number

                return twice(len(self.members)) // 2

            def draw(self) -> None:
                pass
        """
    )


def test_class_without_attributes_and_methods_becomes_pass():
    cell = "# chatkit/guide/server.py\nclass Server:\n    x = 1"
    assert after_sync(cell) == "# chatkit/guide/server.py\nclass Server:\n    pass"


def test_method_moves_to_the_left_edge_below_method_of():
    cell = """
        # chatkit/room.py · Room
        @method_of(Room)
        @old_decorator
        def count(self): old


        @method_of(Room)
        def join(self): old
        """
    assert after_sync(lines(cell)) == lines(
        """
        # chatkit/room.py · Room
        @method_of(Room)
        @property
        def count(self) -> int:
            def twice(number):
                return 2 * number

            return twice(len(self.members)) // 2


        # Joining twice is no error.
        @method_of(Room)
        def join(self, name: str) -> None:
            self.members.add(name)  # at once
            # Nobody is told.
        """
    )


def test_lines_inside_a_string_do_not_move():
    cell = "# chatkit/room.py · Room\n@method_of(Room)\ndef rules(self): old"
    assert after_sync(cell).endswith('    return """\n        Be kind.\n    Be brief.\n"""')


def test_line_length_is_the_projects():
    cell = after_sync("# chatkit/room.py\nasync def main(): old")
    longest = max(len(line) for line in cell.splitlines())
    assert 88 < longest <= 100


def test_caption_may_name_a_file_in_a_folder():
    cell = "# chatkit/guide/server.py · Server\n@method_of(Server)\ndef start(self): old"
    assert after_sync(cell) == lines(
        """
        # chatkit/guide/server.py · Server
        @method_of(Server)
        def start(self) -> int:
            return 8765
        """
    )


def test_module_in_a_folder_has_a_dotted_name():
    assert set(parity.package_definitions("guide.server")) == {"Server", "Server.start"}


def test_cell_without_a_caption_is_left_alone():
    cell = "LIMIT   =   0"
    assert captioned(cell) is None
    assert after_sync(cell) == cell


def test_only_a_changed_cell_loses_its_outputs():
    same, other = synced(notebook_of("# chatkit/room.py\nLIMIT = 10  # members", "x")).cells[1:]
    assert (same.execution_count, len(same.outputs)) == (1, 1)
    assert (other.execution_count, len(other.outputs)) == (2, 1)
    changed = synced(notebook_of("# chatkit/room.py\nLIMIT = 9")).cells[1]
    assert (changed.execution_count, changed.outputs) == (None, [])


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("# chatkit/room.py\ndef leave(): ...", "chatkit/room.py has no leave."),
        ("# chatkit/room.py\nLIMITS = 1", "chatkit/room.py has no LIMITS."),
        ("# chatkit/room.py\ndef join(self): ...", "chatkit/room.py has no join."),
        (
            "# chatkit/room.py\nclass Room:\n    def leave(self): ...",
            "chatkit/room.py has no Room.leave.",
        ),
        (
            "# chatkit/guide/server.py · Server\n@method_of(Server)\ndef stop(self): ...",
            "chatkit/guide/server.py has no Server.stop.",
        ),
        ("# chatkit/hall.py\nLIMIT = 1", "there is no chatkit/hall.py."),
    ],
)
def test_unknown_name_is_an_error(cell: str, reason: str):
    stored = {Path("01-rooms.ipynb"): dumps(notebook_of("1", cell))}
    with pytest.raises(SyncError) as error:
        list(changes(stored))
    assert str(error.value) == f"01-rooms.ipynb, cell [2]: {reason}"


def test_cell_that_is_not_python_is_an_error():
    with pytest.raises(SyncError, match=r"^cell \[1\] is not valid Python: .+\.$"):
        synced(notebook_of("# chatkit/room.py\n%time LIMIT = 1"))


def test_an_exercise_s_cells_come_from_its_file():
    exercise = load("02-1")
    stub = f"# Exercise 02-1\n# {exercise.task}\n{exercise.stub}"
    assert after_sync("# Exercise 02-1") == after_sync("# Exercise 02-1\nold = 1") == stub
    assert after_sync("# Check 02-1") == 'await check("02-1", Typing)'
    assert after_sync('import x\n\nawait check("02-1", Old)') == (
        'import x\n\nawait check("02-1", Typing)'
    )


@pytest.mark.parametrize("cell", ["# Exercise 02-9", "# Check 02-9"])
def test_an_exercise_without_a_file_is_told(cell: str):
    file = "chatkit/lessons/exercises/ex_02_9.py"
    with pytest.raises(SyncError, match=f"exercise 02-9 has no file: write {file}"):
        synced(notebook_of(cell))


def test_the_class_s_board_is_up_to_date():
    assert sync.LESSONS_JS.read_text(encoding="utf-8") == exercise_cells.board(), "run make sync"


class TestMain:
    """The command, over a folder with two notebooks."""

    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        folder = tmp_path / "notebooks"
        folder.mkdir()
        monkeypatch.setattr(sync, "NOTEBOOKS", folder)
        monkeypatch.setattr(sync, "LESSONS_JS", folder / "class-lessons.js")
        (folder / "class-lessons.js").write_text(exercise_cells.board(), encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["sync"])
        store(folder / "01-old.ipynb", "# chatkit/room.py\nLIMIT = 9")
        store(folder / "02-same.ipynb", "# chatkit/room.py\nLIMIT = 10  # members")
        return folder

    def test_writes_what_changes_and_says_so(self, folder: Path, capsys):
        assert sync.main() == 0
        assert capsys.readouterr().out == "01-old.ipynb: changed\n"
        text = (folder / "01-old.ipynb").read_text(encoding="utf-8")
        stored = nbformat.reads(text, as_version=4)
        assert stored.cells[1].source == "# chatkit/room.py\nLIMIT = 10  # members"
        assert text == dumps(normalise(stored))

    def test_second_run_changes_nothing(self, folder: Path, capsys):
        sync.main()
        before = contents(folder)
        capsys.readouterr()
        assert sync.main() == 0
        assert capsys.readouterr().out == ""
        assert contents(folder) == before

    def test_check_shows_the_change_and_writes_nothing(self, folder: Path, capsys, monkeypatch):
        monkeypatch.setattr(sys, "argv", ["sync", "--check"])
        before = contents(folder)
        assert sync.main() == 1
        shown = capsys.readouterr().out
        assert shown.startswith("01-old.ipynb: would change\n")
        assert '+    "LIMIT = 10  # members"' in shown
        assert contents(folder) == before

    def test_check_is_content_when_nothing_changes(self, folder: Path, monkeypatch):
        (folder / "01-old.ipynb").unlink()
        monkeypatch.setattr(sys, "argv", ["sync", "--check"])
        assert sync.main() == 0

    def test_error_in_one_notebook_leaves_all_as_they_are(self, folder: Path, capsys):
        store(folder / "03-wrong.ipynb", "# chatkit/room.py\nSIZE = 1")
        before = contents(folder)
        assert sync.main() == 1
        shown = capsys.readouterr()
        assert shown.err == "03-wrong.ipynb, cell [1]: chatkit/room.py has no SIZE.\n"
        assert shown.out == ""
        assert contents(folder) == before


def store(path: Path, *sources: str) -> None:
    path.write_text(dumps(notebook_of(*sources)), encoding="utf-8", newline="\n")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
