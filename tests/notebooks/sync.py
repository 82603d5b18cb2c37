"""`make sync`: writes what the package and its exercises determine: cells, and the class's board.

A function in WRITERS takes a cell's source and returns what the cell should hold, or None if the
cell is not its concern. Ruff formats the result. Running it twice changes nothing.
"""

import argparse
import copy
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from chatkit.paths import STATIC
from tests.notebooks.excerpts import SyncError, captioned
from tests.notebooks.exercise_cells import board, check, stub
from tests.notebooks.page_cells import page_cell
from tests.notebooks.run import NOTEBOOKS, ROOT, dumps, normalise, short_diff

WRITERS: tuple[Callable[[str], str | None], ...] = (captioned, page_cell, stub, check)
LESSONS_JS = STATIC / "class-lessons.js"


def main() -> int:
    """Write the files that change; with --check only say which would change."""
    parser = argparse.ArgumentParser(description="Write the lessons' cells from the package.")
    parser.add_argument("only", nargs="*", type=Path, help="write these lessons and nothing else")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on a change")
    args = parser.parse_args()
    files = args.only or [*sorted(NOTEBOOKS.glob("*.ipynb")), LESSONS_JS]
    stored = {path: path.read_text(encoding="utf-8") for path in files}
    try:
        changed = dict(changes(stored))
    except SyncError as error:
        print(error, file=sys.stderr)
        return 1
    for path, text in changed.items():
        print(f"{path.name}: {'would change' if args.check else 'changed'}")
        if not args.check:
            path.write_text(text, encoding="utf-8", newline="\n")
            continue
        for line in short_diff(stored[path], text):
            print(" ", line)
    return 1 if args.check and changed else 0


def changes(stored: Mapping[Path, str]) -> Iterator[tuple[Path, str]]:
    """Yield each file that is not up to date, with the text that it should have."""
    for path, before in stored.items():
        try:
            notebook = path.suffix == ".ipynb" and nbformat.reads(before, as_version=4)
            after = dumps(synced(notebook)) if notebook else board()
        except SyncError as error:
            raise SyncError(f"{path.name}, {error}") from error
        if after != before:
            yield path, after


def synced(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook with its cells up to date; a cell that changed has no outputs."""
    notebook = copy.deepcopy(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    sources = [written(cell.source, number) for number, cell in enumerate(cells, start=1)]
    for cell, source in zip(cells, formatted(sources), strict=True):
        if source not in (None, cell.source):
            cell.update(source=source, outputs=[], execution_count=None)
    return normalise(notebook)


def written(cell: str, number: int) -> str | None:
    """Return what the first writer that knows the cell makes of it; None if none does."""
    try:
        return next((source for write in WRITERS if (source := write(cell)) is not None), None)
    except SyncError as error:
        raise SyncError(f"cell [{number}]: {error}") from error
    except SyntaxError as error:
        raise SyncError(f"cell [{number}] is not valid Python: {error.msg}.") from error


def formatted(sources: Sequence[str | None]) -> list[str | None]:
    """Return the sources as `ruff format` leaves cells of a notebook; None stays None."""
    cells = [new_code_cell(source or "") for source in sources]
    name = str(ROOT / "cells.ipynb")  # there is no such file: ruff looks for settings beside it
    ruff = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--stdin-filename", name, "-"],
        input=nbformat.writes(new_notebook(cells=cells)),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    results = nbformat.reads(ruff.stdout, as_version=4).cells
    return [old and new.source for old, new in zip(sources, results, strict=True)]


if __name__ == "__main__":
    sys.exit(main())
