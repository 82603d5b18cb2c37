"""`solution`: puts the solution of an exercise into the cell that asks for it."""

from IPython.core.getipython import get_ipython

from chatkit.lessons.folder import lessons_folder

SOLUTIONS = "solutions"  # a folder beside the lesson


def solution(name: str) -> None:
    """Put the solution of an exercise, such as `02-1`, in the place of the cell that asks for it.

    Where there is none, say why in a sentence. Outside a notebook the solution is printed.
    """
    folder = lessons_folder() / SOLUTIONS
    file = folder / f"{name}.py"
    if file.is_file():
        code = file.read_text(encoding="utf-8").rstrip("\n")
        shell = get_ipython()
        if shell is None:
            print(code)
        else:
            shell.set_next_input(code, replace=True)
    elif folder.is_dir():
        print(f"There is no solution {name}: an exercise's name stands in its first line.")
    else:
        print(
            "This folder holds the lessons alone. In a terminal (File, New, Terminal) "
            "`chatkit lab --solutions --lay` lays the solutions too; then run this cell again."
        )
