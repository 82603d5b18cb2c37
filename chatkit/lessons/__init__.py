"""What only the notebooks need: `check`, `same`, `method_of`, the inspector, things to look at."""

from chatkit.lessons.checking import check
from chatkit.lessons.inspector import Inspector
from chatkit.lessons.parity import method_of, same
from chatkit.lessons.pictures import byte_view
from chatkit.lessons.side_by_side import side_by_side
from chatkit.lessons.source import show_js

__all__ = ["Inspector", "byte_view", "check", "method_of", "same", "show_js", "side_by_side"]
