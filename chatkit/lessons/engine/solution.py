"""`solution`: puts the solution of an exercise into the cell that asks for it."""

from chatkit.lessons.classroom import solutions_are_withheld
from chatkit.lessons.engine.cells import shell
from chatkit.lessons.engine.exercise import load


def solution(name: str) -> None:
    """Replace the cell that asks by the solution of an exercise, such as `02-1`.

    It says so if there is no such exercise, or if your class keeps its solutions for later.
    Outside a notebook the solution is printed.
    """
    try:
        exercise = load(name)
    except LookupError as error:
        print(error)
        return
    if solutions_are_withheld():
        print("Your class keeps its solutions for later. Ask your teacher, or try hint(…).")
    elif kernel := shell():
        kernel.set_next_input(exercise.cell(exercise.solution), replace=True)
    else:
        print(exercise.cell(exercise.solution))
