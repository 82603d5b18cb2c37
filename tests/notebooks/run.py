"""`make notebooks`: runs every lesson afresh and stores what a reader will see.

An output that differs from the stored one only in what sanitize.cfg names (ports, times, ids) stays
as it is stored. So do the outputs of a cell tagged `nbval-ignore-output`, such as a measurement,
until its code or that of the cell before or after it is edited. Running twice changes nothing.
"""

import argparse
import copy
import difflib
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbval.plugin import get_sanitize_patterns

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
CELL_LIMIT = 60  # seconds, as nbval has it in the Makefile
DIFF_LINES = 20
BLANK = "00-start-here.ipynb"  # stored without outputs: a ✓ would look as if it had run already
UNCOMPARED = "nbval-ignore-output"
KEPT_METADATA = ("editable", "jupyter", "tags")
VIEW = "application/vnd.jupyter.widget-view+json"
PATTERNS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in get_sanitize_patterns(
        Path(__file__).with_name("sanitize.cfg").read_text(encoding="utf-8")
    )
]
ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{9,}")


class LessonError(Exception):
    """A lesson stopped: the sentence says which, where and why."""


def main() -> int:
    """Run the notebooks named, or all; with --check only say which would change."""
    parser = argparse.ArgumentParser(description="Run the lessons afresh and store their outputs.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="some notebooks instead of all")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on a change")
    args = parser.parse_args()
    changed = 0
    for path in args.notebooks or sorted(NOTEBOOKS.glob("*.ipynb")):
        try:
            before = path.read_text(encoding="utf-8")
            fresh = refresh(nbformat.reads(before, as_version=4), path.resolve().parent)
            after = dumps(blank(fresh) if path.name == BLANK else fresh)
        except (OSError, LessonError) as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            return 1
        changed += after != before
        print(f"{path.name}: {'as stored' if after == before else 'changed'}", flush=True)
        if args.check:
            for line in short_diff(before, after):
                print(" ", line)
        elif after != before:
            path.write_text(after, encoding="utf-8", newline="\n")
    return 1 if args.check and changed else 0


def refresh(stored: NotebookNode, folder: Path) -> NotebookNode:
    """The notebook as a fresh run in `folder` leaves it; LessonError if the run stops."""
    before = normalise(stored)
    fresh = normalise(execute(copy.deepcopy(before), folder))
    for old, new, print_ in zip(before.cells, fresh.cells, fingerprints(fresh), strict=True):
        if new.cell_type == "code":
            measured = UNCOMPARED in new.metadata.get("tags", [])
            unedited = measured and "ran" in old.metadata
            if unedited or sanitized(old.outputs) == sanitized(new.outputs):
                new.outputs = old.outputs
            if measured:
                new.metadata["ran"] = print_
    return normalise(fresh)


def blank(notebook: NotebookNode) -> NotebookNode:
    """The notebook itself, without outputs."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.update(outputs=[], execution_count=None)
    return notebook


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """The notebook itself, run from top to bottom by a new kernel; LessonError if it stops."""
    client = NotebookClient(
        notebook,
        timeout=CELL_LIMIT,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],  # it warns of loopback sockets otherwise
    )
    try:
        client.execute()
    except CellExecutionError as error:
        reason = f"{error.ename}: {error.evalue}".splitlines()[0]
    except CellTimeoutError:
        reason = f"took more than {CELL_LIMIT} seconds"
    except DeadKernelError:
        reason = "the kernel died"
    else:
        return notebook
    raise LessonError(f"cell [{client.code_cells_executed}]: {reason}")


def normalise(notebook: NotebookNode) -> NotebookNode:
    """The notebook itself, less what Jupyter adds on its own and what differs every time."""
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": kernel, "language_info": {"name": "python"}}
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell, print_ in zip(notebook.cells, fingerprints(notebook), strict=True):
        kept = {key: cell.metadata[key] for key in KEPT_METADATA if cell.metadata.get(key)}
        if cell.metadata.get("ran") == print_:
            kept["ran"] = print_
        cell.metadata = nbformat.from_dict(kept)
        for output in cell.get("outputs", []):
            texts = output.get("data", output)
            texts.pop(VIEW, None)
            for kind, text in texts.items():
                if kind.startswith("text"):
                    texts[kind] = ADDRESS.sub("0x...", text)
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
    return notebook


def fingerprints(notebook: NotebookNode) -> list[str]:
    """For each cell a short hash of its source and of the code cells before and after it."""
    code = [n for n, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    prints = [""] * len(notebook.cells)
    for i, n in enumerate(code):
        sources = [notebook.cells[m].source for m in code[max(0, i - 1) : i + 2]]
        prints[n] = hashlib.sha256(json.dumps(sources).encode()).hexdigest()[:12]
    return prints


def sanitized(value: Any) -> Any:
    """Outputs with all that sanitize.cfg names made the same, and without their counts."""
    if isinstance(value, str):
        for pattern, replacement in PATTERNS:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, list):
        return [sanitized(part) for part in value]
    if isinstance(value, dict):
        return {key: sanitized(value[key]) for key in value if key != "execution_count"}
    return value


def dumps(notebook: NotebookNode) -> str:
    """The notebook as it is stored, to the last newline."""
    return str(nbformat.writes(notebook)) + "\n"


def short_diff(before: str, after: str) -> list[str]:
    """What changed, at most DIFF_LINES lines of it."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    shown = [line[:120] for line in list(lines)[2:]]
    more = ["…"] if len(shown) > DIFF_LINES else []
    return [*shown[:DIFF_LINES], *more]


if __name__ == "__main__":
    sys.exit(main())
