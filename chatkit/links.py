"""Links to a server beside the kernel, also where a browser can reach Jupyter alone."""

from __future__ import annotations

import os


def behind_hub() -> bool:
    """Return whether browsers reach this machine through a JupyterHub alone."""
    return "JUPYTERHUB_SERVICE_PREFIX" in os.environ


def proxy_path(port: int) -> str:
    """Return the path at which jupyter-server-proxy passes a port of this machine on. Lesson 03.

    JupyterHub, and so Binder, puts a learner's server under a prefix of its own.
    """
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "/")
    return f"{prefix}proxy/{port}/"


def page_link(port: int) -> str:
    """Return the address that a browser showing this notebook can open. Lesson 03."""
    if behind_hub():
        return proxy_path(port)
    return f"http://127.0.0.1:{port}/"
