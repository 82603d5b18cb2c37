"""The chat inside Jupyter's own server: the same handlers, behind its login. Lesson 12.

Jupyter loads this by itself: installing chatkit enables it. There is no second port, so it works
wherever Jupyter does: on a JupyterHub, on Binder, behind any proxy.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar, cast

import msgspec
from jupyter_server.auth import User
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from tornado import web
from traitlets import Float, Unicode

from chatkit.codecs import JSON
from chatkit.gate import RATE, Gate
from chatkit.handlers import CONTENT_SECURITY_POLICY, ChatSocket, Health, StaticFile, page_routes
from chatkit.links import INSIDE_JUPYTER, JUPYTER_FILE
from chatkit.messages import MAX_FRAME
from chatkit.server import ChatServer

ANONYMOUS = re.compile("[0-9a-f]{32}")  # Jupyter's username for who has shown a token alone
NOT_IN = "Log in to Jupyter first, or use a link that holds its token."
Method = TypeVar("Method", bound=Callable[..., Any])


def name_of(user: User, wanted: str) -> str:
    """Return the name to ask the room for: of a person whom Jupyter knows, that one alone.

    It is the `username`, for the other names may be of one's own choosing. Where all come in by one
    token or password, Jupyter knows nobody: then one has the name that one wants, and what Jupyter
    calls one, such as `Anonymous Io`, if one wants none.
    """
    if ANONYMOUS.fullmatch(user.username):
        return wanted or user.display_name
    return user.username


def guarded(method: Method) -> Method:
    """Return a handler's method for those alone whom Jupyter knows, and its authorizer lets in."""
    return cast(Method, web.authenticated(authorized(method)))


class Inside(JupyterHandler):
    """What makes a handler one of Jupyter's; what it answers is to be `guarded`."""

    auth_resource = "chatkit"  # what an authorizer is asked about

    def check_xsrf_cookie(self) -> None:
        """Ask for no cookie against forgery: nothing here is changed by a request.

        JupyterHub would want one for each module of the page, and a browser has none to send.
        """


class Socket(ChatSocket, Inside):
    """The chat's socket for those whom Jupyter knows."""

    async def prepare(self) -> None:  # type: ignore[override]
        """Find out who asks; what is asked for is looked at once that is known.

        JupyterHub wants to hear that this is a socket, before it takes a token in the address. Not
        every browser says so, and no program does.
        """
        self.request.headers.setdefault("Sec-Fetch-Mode", "websocket")
        await JupyterHandler.prepare(self)

    @guarded
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Upgrade, unless the address asks for what can't be."""
        super().prepare()
        if not self._finished:
            await super().get(*args, **kwargs)

    async def open(self) -> None:
        """Enter the room under the name that Jupyter knows."""
        name = name_of(self.current_user, self.entry.name)
        self.entry = msgspec.structs.replace(self.entry, name=name)
        await super().open()

    def check_origin(self, origin: str = "") -> bool:
        """Return whether a page from there may open this socket: Jupyter's `allow_origin` rules."""
        return JupyterHandler.check_origin(self, origin)

    def get_login_url(self) -> NoReturn:
        """Refuse who is not logged in: a socket can't show the login page."""
        raise web.HTTPError(403)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer in one sentence, as ChatSocket does, where Jupyter would show a page."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(NOT_IN if status_code == 403 else self._reason)

    @property
    def max_message_size(self) -> int:
        """Return the bytes that a frame may have; Jupyter's own sockets carry whole notebooks."""
        return MAX_FRAME


class PageFile(StaticFile, Inside):
    """A file of the page, for those whom Jupyter knows; others get its login page."""

    get = guarded(StaticFile.get)
    head = guarded(StaticFile.head)

    def set_default_headers(self) -> None:
        """Forbid the browser what this page never does; who may frame it is Jupyter's matter."""
        JupyterHandler.set_default_headers(self)
        super().set_default_headers()
        ours = CONTENT_SECURITY_POLICY.partition("frame-ancestors")[0]
        self.set_header("Content-Security-Policy", ours + self.content_security_policy)


class HealthInside(Health, Inside):
    """How the chat is, for those whom Jupyter knows."""

    get = guarded(Health.get)


class Chatkit(ExtensionApp):
    """The chat as an extension of Jupyter Server, at `<base_url>/chatkit/`. Lesson 12.

    `c.Chatkit.log_address = "sqlite:chat.db"` in `jupyter_server_config.py`, or
    `jupyter lab --Chatkit.rate=5`: they are the two options of `chatkit serve` that Jupyter itself
    does not answer.
    """

    name = "chatkit"
    log_address = Unicode(
        "memory", help="Where messages are kept: memory, sqlite:PATH or redis://HOST:PORT/0."
    ).tag(config=True)
    rate = Float(
        RATE,
        min=1,
        allow_none=True,
        help="Messages a second from one connection, None for no limit.",
    ).tag(config=True)
    chat: ChatServer | None = None  # it listens on no port: Jupyter does

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Open the log, then the doors; who starts a kernel from now on tells it where they are."""
        chat = ChatServer(log=self.log_address)
        await chat.rooms.start()
        self.chat = chat
        journal = logging.getLogger("chatkit")
        journal.parent = serverapp.log
        journal.setLevel(logging.WARNING)  # who comes and goes is no news in Jupyter's log
        serverapp.web_app.add_handlers(".*$", self.routes(serverapp.base_url))
        os.environ[JUPYTER_FILE] = serverapp.info_file

    def routes(self, base_url: str) -> list[Any]:
        """Return chatkit's own routes, under Jupyter's address and with its login."""
        assert self.chat
        rooms = self.chat.rooms
        # Jupyter lets in no page by another name, and behind a proxy all come from one address.
        gate = Gate(per_address=None, any_name=True)
        joined = {"rooms": rooms, "gate": gate, "codec": JSON, "rate": self.rate}
        place = url_path_join(base_url, INSIDE_JUPYTER).rstrip("/")
        return [
            (f"{place}/ws", Socket, joined),
            (f"{place}/healthz", HealthInside, {"rooms": rooms}),
            (f"{place}()", PageFile, page_routes()[0][2]),  # it sends to the address with a slash
            *((place + path, PageFile, options) for path, _, options in page_routes()),
        ]

    def current_activity(self) -> Sequence[object]:
        """Return who is here: as long as anybody is, Jupyter does not stop for want of work."""
        return self.chat.rooms.visitors if self.chat else ()

    async def stop_extension(self) -> None:
        """Close every socket with code 1001, and then the log."""
        if self.chat:
            await self.chat.drain()
            await self.chat.rooms.stop()
