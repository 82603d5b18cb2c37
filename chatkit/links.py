"""Links to a server beside the kernel, also where a browser can reach Jupyter alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from chatkit.messages import ChatkitError

INSIDE_JUPYTER = "chatkit/"  # where the chat is in Jupyter's own server
JUPYTER_FILE = "CHATKIT_JUPYTER_FILE"  # by this a kernel knows where its Jupyter tells of itself


def behind_hub() -> bool:
    """Return whether browsers reach this machine through a JupyterHub alone."""
    return "JUPYTERHUB_SERVICE_PREFIX" in os.environ


def proxy_path(port: int) -> str:
    """Return the path at which jupyter-server-proxy passes a port of this machine on.

    JupyterHub, and so Binder, puts a learner's server under a prefix of its own.
    """
    prefix = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "/")
    return f"{prefix}proxy/{port}/"


def page_link(port: int) -> str:
    """Return the address that a browser showing this notebook can open."""
    if behind_hub():
        return proxy_path(port)
    return f"http://127.0.0.1:{port}/"


def jupyter_server() -> dict[str, Any]:
    """Return what the Jupyter server that started this program tells of itself. Lesson 12.

    Raise ChatkitError if none did, or none that has the chat.
    """
    try:
        server: dict[str, Any] = json.loads(Path(os.environ[JUPYTER_FILE]).read_bytes())
    except (KeyError, OSError, ValueError) as error:
        raise ChatkitError(
            "No Jupyter server with chatkit in it has started this program: open the notebook in "
            "JupyterLab, and let chatkit doctor say whether the extension is on."
        ) from error
    return server


def jupyter_path() -> str:
    """Return the address of the chat in Jupyter's own server, for the browser. Lesson 12.

    It is a path, as for a link or an IFrame in the notebook; it needs no token, only the login.
    """
    return f"{jupyter_server()['base_url']}{INSIDE_JUPYTER}"


def jupyter_url() -> str:
    """Return the same for programs on this machine, with the token that lets them in. Lesson 12.

    Raise ChatkitError if there is none: where one logs in by password, a program can't.
    """
    server = jupyter_server()
    if server["password"] and not server["token"]:
        raise ChatkitError(
            "This Jupyter has a password and no token, so no program can log in: start it with "
            "--IdentityProvider.token as well."
        )
    query = f"?{urlencode({'token': server['token']})}" if server["token"] else ""
    return f"{server['url']}{INSIDE_JUPYTER}{query}"
