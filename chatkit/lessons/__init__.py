"""What only the notebooks need: `check`, `same` and its helpers, the inspector, things to see."""

from chatkit.lessons.checking import check
from chatkit.lessons.classroom import join_class, leave_class
from chatkit.lessons.inspector import Inspector
from chatkit.lessons.parity import adopt, method_of, same
from chatkit.lessons.pictures import byte_view
from chatkit.lessons.side_by_side import side_by_side
from chatkit.lessons.solution import solution
from chatkit.lessons.source import show_js

__all__ = [
    "Inspector",
    "adopt",
    "byte_view",
    "check",
    "join_class",
    "leave_class",
    "method_of",
    "same",
    "show_js",
    "side_by_side",
    "solution",
]
