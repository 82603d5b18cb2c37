"""chatkit: a chat over WebSockets, built cell by cell in Jupyter.

The names below are the whole kit; each is imported when it is first used, so that a server
does not load what only a notebook needs.
"""

import logging
from importlib import import_module
from typing import Any

__version__ = "1.0.0"

logging.getLogger("chatkit").addHandler(logging.NullHandler())  # a notebook shows no log

_HOME = {
    "JSON": "codecs",
    "TRANSIT": "codecs",
    "Broadcaster": "guide.broadcaster",
    "ChatClient": "client",
    "ChatServer": "server",
    "ChatWidget": "widget",
    "ChatkitError": "messages",
    "Gate": "gate",
    "MemoryLog": "log",
    "Message": "messages",
    "Room": "room",
    "Rooms": "room",
    "SqliteLog": "log",
    "jupyter_path": "links",
    "jupyter_url": "links",
    "launch": "server",
    "make_app": "server",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    """Import a public name's module on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'chatkit' has no attribute {name!r}")
    return getattr(import_module(f"chatkit.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Tell Jupyter Server, which asks for this, what to load."""
    from chatkit.jupyter import Chatkit

    return [{"module": "chatkit.jupyter", "app": Chatkit}]
