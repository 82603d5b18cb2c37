"""The server: the one place where room, handlers and routes are joined; and `launch` for a cell."""

from __future__ import annotations

import asyncio
import atexit
import errno
import logging
import os
import secrets
import socket
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from html import escape
from threading import Thread
from typing import Any, Self
from urllib.parse import urlencode

import psutil
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from chatkit.codecs import CODECS, JSON, Codec
from chatkit.gate import PER_ADDRESS, RATE, Gate, is_loopback
from chatkit.handlers import ChatSocket, Health, Metrics, page_routes
from chatkit.journal import note
from chatkit.links import behind_hub, page_link, proxy_path
from chatkit.log import SHARED, Log, MemoryLog, open_log
from chatkit.messages import MAX_FRAME, ChatkitError
from chatkit.metrics import Meters
from chatkit.room import Rooms

HOST = "127.0.0.1"  # loopback: reachable from this machine alone
EVERYWHERE = {"": HOST, "0.0.0.0": HOST, "::": "::1"}  # all addresses, and one to go to
PORT = 8765
PORTS_TRIED = 20  # from PORT upwards, when no port was asked for
HANDSHAKE_TIMEOUT = 20.0  # seconds in which a client has to say what it wants
DRAIN_TIMEOUT = 3.0  # seconds that a log gets to take what has arrived
CLOSE_TIMEOUT = 0.5  # seconds that clients get to answer a closing handshake
GOING_AWAY = 1001  # close code (RFC 6455, section 7.4.1)

logging.getLogger("tornado.general").addHandler(logging.NullHandler())  # a bad request is no news


def make_app(
    rooms: Rooms | None = None,
    gate: Gate | None = None,
    codec: Codec = JSON,
    rate: float | None = RATE,
    meters: Meters | None = None,
    handler: type[ChatSocket] = ChatSocket,
) -> Application:
    """Return the Tornado application of a chat; `codec` is for clients that ask for none.

    `rate` is in messages a second for each connection, None for no limit; `handler` is the
    socket's. The guide's `websocket-routes`. Lessons 07 and 12.
    """
    rooms, gate = rooms or Rooms(), gate or Gate()
    return Application(
        [
            (r"/ws", handler, {"rooms": rooms, "gate": gate, "codec": codec, "rate": rate}),
            (r"/healthz", Health, {"rooms": rooms}),
            (r"/metrics", Metrics, {"meters": meters or Meters(rooms), "gate": gate}),
            *page_routes(),
        ],
        log_function=log_request,
        websocket_max_message_size=MAX_FRAME,
    )


def log_request(handler: RequestHandler) -> None:
    """Log one HTTP request where a server's operator looks, not in a learner's cell."""
    request = handler.request
    note(
        "request",
        method=request.method,
        path=request.path,  # not its query, which may hold a token
        status=handler.get_status(),
        address=request.remote_ip,
        milliseconds=round(request.request_time() * 1000, 1),
    )


def codec_named(name: str) -> Codec:
    """Return the codec called `json` or `transit`; raise ChatkitError for any other name."""
    if name not in CODECS:
        raise ChatkitError(f"There is no codec {name!r}: choose one of {', '.join(CODECS)}.")
    return CODECS[name]


def check_address(port: int, host: str, token: str, behind_proxy: bool = False) -> None:
    """Raise ChatkitError if there is no such port; or, where others can come in, no token.

    Nor can a proxy be believed there: who passes it by could claim to be anybody.
    """
    if not 0 <= port <= 65535:
        raise ChatkitError(f"There is no port {port}: choose one from 1 to 65535, or 0 for any.")
    if not token and not is_loopback(host):
        raise ChatkitError(
            f"Others can reach {host or 'all addresses of this machine'}, so let a token keep "
            "strangers out: token 'auto' makes one."
        )
    if behind_proxy and not is_loopback(host):
        raise ChatkitError(
            f"Whoever reaches {host or 'all addresses of this machine'} could claim any address as "
            "theirs, so behind a proxy listen on 127.0.0.1 alone."
        )


def rooms_at(address: str) -> Rooms:
    """Return rooms whose messages are kept at `memory`, `sqlite:PATH` or `redis://HOST:PORT/0`.

    Rooms on Redis are open on all servers that name the same one. Raise ChatkitError for anything
    else.
    """
    if not address.startswith(SHARED):
        return Rooms(open_log(address))
    try:
        from chatkit.shared import SharedRooms
    except ImportError as error:
        raise ChatkitError("A log on Redis needs more: pip install 'chatkit[redis]'.") from error
    return SharedRooms(address)


class PortTakenError(ChatkitError):
    """Another program listens on the port."""


def holder_of(port: int) -> str:
    """Return which program listens on a port, as far as the system lets us know."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            if listens and connection.pid == os.getpid():
                return "this notebook or program itself"
            if listens and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:  # macOS tells only an administrator
        pass
    return "another program"


class ChatServer:
    """A chat on one port; 0 takes any free one. The guide's `mount/defstate`.

    `codec` is for clients that ask for none: `json` or `transit`. `log` says where messages are
    kept: `memory`, `sqlite:PATH` or `redis://HOST:PORT/0`. `token` is a word that clients have to
    know, `auto` makes one up; a `host` that is not this machine's own needs one. Pages from
    `origins`, such as `https://chat.example.org`, may connect besides its own. `rate` is in
    messages a second for each connection, `per_address` in connections; None is no limit.
    `behind_proxy` believes a proxy on this machine who the client is; `handler` may be a socket of
    your own: lesson 12. `rooms` are those of a server that has stopped, with their messages; then
    `log` is not used. Raise ChatkitError for what can't be.
    """

    running = False

    def __init__(
        self,
        port: int = PORT,
        host: str = HOST,
        codec: str = "json",
        *,
        log: str = "memory",
        token: str = "",
        origins: Collection[str] = (),
        rate: float | None = RATE,
        per_address: int | None = PER_ADDRESS,
        behind_proxy: bool = False,
        handler: type[ChatSocket] = ChatSocket,
        rooms: Rooms | None = None,
    ) -> None:
        check_address(port, host, token, behind_proxy)
        self.token = secrets.token_urlsafe() if token == "auto" else token
        self.host, self.port = host, port
        self.rooms = rooms or rooms_at(log)
        self.meters = Meters(self.rooms)
        gate = Gate(origins, self.token, per_address, any_name=behind_hub())
        app = make_app(self.rooms, gate, codec_named(codec), rate, self.meters, handler)
        self.http = self.make_http(app, behind_proxy)

    def make_http(self, app: Any, behind_proxy: bool = False) -> HTTPServer:
        """Return an HTTP server that no slow or big request can hold up."""
        return HTTPServer(
            app,
            idle_connection_timeout=HANDSHAKE_TIMEOUT,
            body_timeout=HANDSHAKE_TIMEOUT,
            max_body_size=MAX_FRAME,
            xheaders=behind_proxy,
        )

    @property
    def log(self) -> Log:
        """Return where messages are kept."""
        return self.rooms.log

    @property
    def family(self) -> socket.AddressFamily:
        """Return whether it listens by IPv4 or by IPv6."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    @property
    def query(self) -> str:
        """Return what follows the page's address: the token, if there is one."""
        return f"?{urlencode({'token': self.token})}" if self.token else ""

    @property
    def url(self) -> str:
        """Return the address of the page, for programs on this machine."""
        host = EVERYWHERE.get(self.host, self.host)
        host = f"[{host}]" if self.family == socket.AF_INET6 else host
        return f"http://{host}:{self.port}/{self.query}"

    async def start(self) -> Self:
        """Listen, and return the server; raise ChatkitError if port or log can't be had.

        Starting twice is no error.
        """
        if self.running:
            return self
        await self.rooms.start()
        try:
            self.host.encode("idna")  # else the next line would raise TypeError, and leak a socket
            listener = socket.create_server((self.host, self.port), family=self.family)
        except (OSError, UnicodeError) as error:
            await self.rooms.stop()
            raise self.refusal(error) from error
        listener.setblocking(False)
        self.http.add_socket(listener)
        self.port = listener.getsockname()[1]
        self.running = True
        self.meters.start()
        note("started", host=self.host, port=self.port)
        return self

    def refusal(self, error: Exception) -> ChatkitError:
        """Return what holds the port back and what to do about it, in one sentence."""
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            return PortTakenError(
                f"Port {self.port} is held by {holder_of(self.port)}: stop that, "
                "or choose another port (0 takes any free one)."
            )
        reason = getattr(error, "strerror", "that is no name of a machine").partition(" (")[0]
        return ChatkitError(f"Can't listen on {self.host} port {self.port}: {reason}.")

    async def stop(self) -> None:
        """Drain, and then close all there is; stopping twice is no error."""
        if not self.running:
            return
        self.running = False
        await self.drain()
        self.http.stop()
        await self.http.close_all_connections()  # but not WebSockets: those were told to go
        # A stopped one can't stop again.
        self.http = self.make_http(self.http.request_callback, self.http.xheaders)
        self.meters.stop()
        await self.rooms.stop()
        note("stopped", port=self.port)

    async def drain(self) -> None:
        """Finish what has arrived, while newcomers get a 503; then all have to go."""
        note("draining", connections=len(self.rooms.visitors))
        with suppress(TimeoutError):  # what a log does not take in time is sent again
            await asyncio.wait_for(self.rooms.drain(), DRAIN_TIMEOUT)
        await self.close_sockets()

    async def close_sockets(self) -> None:
        """Close every socket with code 1001, and wait a moment for the clients' goodbyes."""
        channels = [visitor for visitor in self.rooms.visitors if isinstance(visitor, ChatSocket)]
        for channel in channels:
            channel.close(GOING_AWAY, "the server is stopping")
        if channels:
            await asyncio.wait([channel.closed for channel in channels], timeout=CLOSE_TIMEOUT)
        for channel in channels:
            channel.cut()
            await channel.closed


class LaunchedServer:
    """A server in a thread with a loop of its own, so that a busy cell can't freeze it.

    In a notebook it shows itself as links. `note` says why it is not on the usual port, if so.
    """

    def __init__(self, server: ChatServer, note: str = "") -> None:
        self.server = server
        self.note = note
        self.started: Future[None] = Future()
        self.thread = Thread(target=self.run, name="chatkit server", daemon=True)
        self.thread.start()
        self.started.result()
        atexit.register(self.stop)

    def run(self) -> None:
        """Run the server's loop in the thread; hand an error that stops its start to `__init__`."""
        try:
            asyncio.run(self.serve())
        except Exception as error:
            if self.started.done():
                raise
            self.started.set_exception(error)

    async def serve(self) -> None:
        """Start, wait to be told to stop, and stop."""
        self.loop = asyncio.get_running_loop()
        self.stopping = asyncio.Event()
        await self.server.start()
        self.started.set_result(None)
        await self.stopping.wait()
        await self.server.stop()

    def stop(self) -> None:
        """Stop the server and wait until it has; stopping twice is no error."""
        atexit.unregister(self.stop)
        with suppress(RuntimeError):  # its loop is closed: it has stopped already
            self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join()

    @property
    def port(self) -> int:
        """Return the port that it listens on."""
        return self.server.port

    @property
    def url(self) -> str:
        """Return the address of the page, for programs on this machine."""
        return self.server.url

    @property
    def members(self) -> list[str]:
        """Return the names of those who are connected."""
        rooms = tuple(self.server.rooms.open.values())  # the server's thread may change them
        return sorted(name for room in rooms for name in tuple(room.members.values()))

    def __repr__(self) -> str:
        """Return where it serves and who is there."""
        if not self.thread.is_alive():
            return "chatkit has stopped"
        here = ", ".join(self.members) or "nobody yet"
        return f"chatkit is serving on {self.url} (connected: {here})"

    def _repr_html_(self) -> str:
        """Return the same with links that work, here and behind a Hub."""
        if not self.thread.is_alive():
            return "<p>chatkit has stopped.</p>"
        query = self.server.query
        page, proxied = page_link(self.port) + query, proxy_path(self.port) + query
        here = escape(", ".join(self.members) or "nobody yet")
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return (
            f'{note}<p>chatkit is serving: <a href="{page}" target="_blank">open the chat</a> '
            f'(or <a href="{proxied}" target="_blank">through Jupyter</a>).<br>'
            f"Connected: {here}.</p>"
        )


_launched: dict[int | None, LaunchedServer] = {}


def launch(port: int | None = None, **options: Any) -> LaunchedServer:
    """Start a server in the background of a notebook and return it.

    Called again it replaces the one before, on the same port; clients come back by themselves.
    If its messages are in memory, the new server has them too.
    With no `port` it takes 8765 or the next free one; a port asked for must be free, else
    ChatkitError. `options` are ChatServer's: codec, log, token and so on.
    """
    ChatServer(port or 0, **options)  # wrong options are told before anything is stopped
    ports = [*range(PORT, PORT + PORTS_TRIED)] if port is None else [port]
    for key, before in list(_launched.items()):
        if port in (key, before.port):
            _launched.pop(key).stop()
            ports.insert(0, before.port)
            in_memory = isinstance(before.server.log, MemoryLog)
            if in_memory and options.get("log", "memory") == "memory":
                options.setdefault("rooms", before.server.rooms)
    server = launch_on_first(ports, options)
    _launched[server.port if port == 0 else port] = server
    return server


def launch_on_first(ports: Sequence[int], options: Mapping[str, Any]) -> LaunchedServer:
    """Launch on the first port that is free; raise the last port's ChatkitError if none is."""
    for port in ports:
        note = "" if port == ports[0] else f"Port {ports[0]} is taken, so this is port {port}."
        try:
            return LaunchedServer(ChatServer(port, **options), note)
        except PortTakenError as error:
            refusal = error
    raise refusal
