"""Where the page and the notebooks lie: in a checkout beside the package, in a wheel inside it."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _find(name: str) -> Path:
    """The folder `name` of an installed wheel if there is one, else the checkout's."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


STATIC = _find("static")
NOTEBOOKS = _find("notebooks")
