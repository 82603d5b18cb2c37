"""Where the lessons are: a lesson may go to another folder, as the last one does."""

from pathlib import Path

from IPython.core.getipython import get_ipython


def lessons_folder() -> Path:
    """Return the folder that this notebook's kernel started in; outside a notebook, this one."""
    shell = get_ipython()
    return Path(shell.starting_dir) if shell else Path()
