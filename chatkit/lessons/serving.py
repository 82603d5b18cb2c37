"""A free port of this machine, and an app on one."""

from __future__ import annotations

import socket
from contextlib import closing

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application


def free_port() -> int:
    """Return a port on which nothing listens just now."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


def serve(app: Application) -> tuple[HTTPServer, int]:
    """Serve an app on a free port, on this loop; return the server and the port."""
    server = HTTPServer(app)
    listener, port = bind_unused_port()
    server.add_socket(listener)
    return server, port
