"""Where the page and the notebooks lie: in a checkout beside the package, in a wheel inside it."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _find(name: str) -> Path:
    """What an installed wheel has under this name if it is there, else what the checkout has."""
    inside = _PACKAGE / name
    return inside if inside.exists() else _PACKAGE.parent / name


STATIC = _find("static")
NOTEBOOKS = _find("notebooks")
CONSTRAINTS = _find("constraints.txt")
PROJECT = _PACKAGE.parent / "pyproject.toml"  # of a checkout alone
