"""What only the notebooks need: `check`, `same` and its helpers, the inspector, things to see."""

from chatkit.lessons.classroom import join_class, leave_class
from chatkit.lessons.engine.checking import check, hint
from chatkit.lessons.engine.parity import adopt, method_of, same
from chatkit.lessons.engine.solution import solution
from chatkit.lessons.inspector import Inspector
from chatkit.lessons.pictures import byte_view
from chatkit.lessons.side_by_side import side_by_side

__all__ = [
    "Inspector",
    "adopt",
    "byte_view",
    "check",
    "hint",
    "join_class",
    "leave_class",
    "method_of",
    "same",
    "side_by_side",
    "solution",
]
