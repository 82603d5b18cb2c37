"""The chat inside a real Jupyter server, which the install alone has told to load it."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from jupyter_server.serverapp import ServerApp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

import chatkit
from chatkit.client import ChatClient
from chatkit.codecs import JSON
from chatkit.jupyter import Chatkit
from chatkit.log import SqliteLog
from chatkit.messages import MAX_FRAME, ChatkitError
from chatkit.server import ChatServer
from tests.browser.jupyterlab import TOKEN, serving
from tests.conftest import Join, end_of, hear, hear_event, say, until
from tests.hub import BOB, EVE

FRIEND = "https://friend.example.org"
PATHS = ("", "?room=!", "static/main.js", "static/nothing.js", "favicon.ico", "healthz")


@dataclass
class Jupyter:
    """A running Jupyter server: its address, its process and what it has written."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def chat(self) -> str:
        return f"{self.url}chatkit/"

    def get(self, path: str, method: str = "GET", **headers: str) -> HTTPResponse:
        """Ask for a path of the chat; its body is read. Nothing is followed."""
        _, host, base, _, _ = urlsplit(self.chat)
        with closing(HTTPConnection(host, timeout=20)) as connection:
            connection.request(method, base + path, headers=headers)
            response = connection.getresponse()
            response.text = response.read().decode(errors="replace")  # an icon is none
        return response

    def login(self, token: str = TOKEN) -> str:
        """The cookie of a browser that has logged in with a token."""
        if token not in self.cookies:
            cookies = self.get(f"?token={quote(token)}").headers.get_all("Set-Cookie") or []
            self.cookies[token] = "; ".join(cookie.partition(";")[0] for cookie in cookies)
        return self.cookies[token]

    def socket(self, **query: str) -> str:
        return f"{self.chat.replace('http', 'ws')}ws?{urlencode(query)}"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A Jupyter with one token for everybody."""
    yield from jupyter(tmp_path_factory.mktemp("plain"), f"--ServerApp.allow_origin={FRIEND}")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    """A Jupyter that knows people by name, under a prefix, and forbids what no rule is made for."""
    yield from jupyter(
        tmp_path_factory.mktemp("hub"),
        "--ServerApp.base_url=/user/ada/",
        "--ServerApp.identity_provider_class=tests.hub.Names",
        "--ServerApp.authorizer_class=tests.hub.Rights",
        "--ServerApp.allow_unauthenticated_access=False",
    )


def jupyter(folder: Path, *options: str) -> Iterator[Jupyter]:
    """A Jupyter with these options; nothing may have failed in it by the time that it has ended."""
    log = folder / "log"
    with (
        log.open("wb") as out,
        serving(folder, "jupyter_server", *options, cwd=folder, log=out) as (url, process),
    ):
        yield Jupyter(url, process, log)
    assert "Traceback" not in log.read_text()


@pytest.fixture(params=["plain", "hub"])
def either(request: pytest.FixtureRequest) -> Jupyter:
    server: Jupyter = request.getfixturevalue(request.param)
    return server


Enter = Callable[..., Any]


@pytest.fixture
async def enter() -> AsyncIterator[Enter]:
    """A function that lets a client into a Jupyter's chat and returns it, welcomed."""
    async with AsyncExitStack() as stack:

        async def enter(
            jupyter: Jupyter,
            *,
            cookie: str = "",
            origin: str | None = None,
            **query: str,
        ) -> ClientConnection:
            client = await stack.enter_async_context(
                connect(
                    jupyter.socket(**query),
                    subprotocols=[JSON.subprotocol],
                    origin=origin,
                    additional_headers={"Cookie": cookie} if cookie else None,
                )
            )
            client.welcome = await hear_event(client, "welcome")
            return client

        yield enter


async def refusal(jupyter: Jupyter, enter: Enter, **options: Any) -> tuple[int, str]:
    """The status and the words with which a Jupyter lets a client not in."""
    with pytest.raises(InvalidStatus) as refused:
        await enter(jupyter, **options)
    response = refused.value.response
    return response.status_code, response.body.decode()


@pytest.mark.parametrize("token", ["", "wrong", "bad \xff"])
@pytest.mark.parametrize("path", PATHS)
def test_who_has_not_logged_in_is_sent_to_do_so(either: Jupyter, path: str, token: str):
    query = ("&" if "?" in path else "?") + urlencode({"token": token}) if token else ""
    for method in ("GET", "HEAD")[: 1 if path == "healthz" else 2]:
        response = either.get(path + query, method)
        assert response.status == 302
        assert "/login?next=" in response.headers["Location"]
        assert response.text == ""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["", "ws", "healthz"])
def test_nothing_but_reading_is_answered(either: Jupyter, path: str, method: str):
    assert either.get(path, method).status in (403, 405)


@pytest.mark.parametrize("query", [{}, {"token": "wrong"}, {"room": "!"}, {"last": "many"}])
async def test_a_socket_without_login_is_refused_whatever_it_asks_for(
    either: Jupyter, enter: Enter, query: dict[str, str]
):
    status, words = await refusal(either, enter, **query)
    assert status == 403
    assert words == ("Log in to Jupyter first, or use a link that holds its token.")


async def test_a_cookie_that_jupyter_has_not_signed_is_none(either: Jupyter, enter: Enter):
    name = either.login().partition("=")[0]
    assert (await refusal(either, enter, cookie=f"{name}=ada"))[0] == 403


def test_who_is_logged_in_gets_the_page_and_all_its_parts(either: Jupyter):
    cookie = either.login()
    page = either.get("", Cookie=cookie)
    assert page.status == 200
    parts = re.findall(r'(?:href|src)="(static/[^"]+)"', page.text)
    assert len(parts) > 3
    for path in (*parts, "favicon.ico"):
        # A browser loads modules so, and tells not from where: the page forbids that.
        assert either.get(path, Cookie=cookie, **{"Sec-Fetch-Mode": "cors"}).status == 200
    assert either.get("static/nothing.js", Cookie=cookie).status == 404


def test_who_forgets_the_last_slash_is_sent_there(either: Jupyter):
    _, host, base, _, _ = urlsplit(either.chat)
    with closing(HTTPConnection(host, timeout=20)) as connection:
        connection.request("GET", base.rstrip("/"), headers={"Cookie": either.login()})
        response = connection.getresponse()
        assert (response.status, response.headers["Location"]) == (301, base)


def test_the_page_may_be_framed_where_jupyter_may_and_do_no_more_than_elsewhere(either: Jupyter):
    headers = either.get("", Cookie=either.login()).headers
    (policy,) = headers.get_all("Content-Security-Policy")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["frame-ancestors"] == "'self'"
    assert (rules["default-src"], rules["script-src"]) == ("'none'", "'self'")
    assert policy.count("frame-ancestors") == 1
    assert headers["Referrer-Policy"] == "no-referrer"


async def test_health_tells_who_is_logged_in_how_many_are_here(plain: Jupyter, enter: Enter):
    await enter(plain, token=TOKEN, room="health")
    health = json.loads(plain.get("healthz", Cookie=plain.login()).text)
    assert health["version"] == chatkit.__version__
    assert health["connections"] >= 1


async def test_two_people_hear_each_other(either: Jupyter, enter: Enter):
    ada = await enter(either, token=TOKEN, room="two")
    bob = await enter(either, cookie=either.login(), room="two")
    await say(ada, "hello")
    for hears in (ada, bob):
        assert (await hear(hears))["message"] == "hello"


async def test_by_a_token_one_has_the_name_that_one_wants(plain: Jupyter, enter: Enter):
    ada = await enter(plain, token=TOKEN, name="Ada", room="names")
    assert ada.welcome["name"] == "Ada"


async def test_who_wants_none_is_called_what_jupyter_calls_them(plain: Jupyter, enter: Enter):
    cookie = plain.login()
    me = await enter(plain, cookie=cookie, room="anonymous")
    again = await enter(plain, cookie=cookie, room="anonymous-2")
    assert me.welcome["name"].startswith("Anonymous ")
    assert again.welcome["name"] == me.welcome["name"]


async def test_whom_jupyter_knows_has_that_name_whatever_is_asked_for(hub: Jupyter, enter: Enter):
    bob = await enter(hub, token=BOB, name="ada", room="names")
    ada = await enter(hub, token=TOKEN, room="names")
    again = await enter(hub, cookie=hub.login(BOB), name="ada", room="names")
    names = [client.welcome["name"] for client in (bob, ada, again)]
    assert names == ["bob", "ada", "bob-2"]


async def test_whom_the_authorizer_does_not_let_in_is_refused(hub: Jupyter, enter: Enter):
    assert (await refusal(hub, enter, token=EVE))[0] == 403
    for path in ("", "static/main.js", "healthz"):
        assert hub.get(path, Cookie=hub.login(EVE)).status == 403


async def test_a_page_from_elsewhere_can_t_use_the_cookie(either: Jupyter, enter: Enter):
    for origin in ("http://evil.example.org", "null", "http://127.0.0.1:1"):
        status, words = await refusal(either, enter, cookie=either.login(), origin=origin)
        assert (status, words.partition(" ")[0]) == (403, "This")


async def test_the_page_of_this_jupyter_can(either: Jupyter, enter: Enter):
    origin = either.url.removesuffix(urlsplit(either.url).path)
    client = await enter(either, cookie=either.login(), origin=origin, room="origin")
    assert client.welcome["room"] == "origin"


async def test_a_page_that_jupyter_s_own_allow_origin_names_can(
    plain: Jupyter, hub: Jupyter, enter: Enter
):
    client = await enter(plain, cookie=plain.login(), origin=FRIEND, room="origin")
    assert client.welcome["room"] == "origin"
    assert (await refusal(hub, enter, cookie=hub.login(), origin=FRIEND))[0] == 403


async def test_who_is_logged_in_and_asks_for_what_can_t_be_is_told(plain: Jupyter, enter: Enter):
    status, words = await refusal(plain, enter, token=TOKEN, room="!")
    assert (status, words.partition(" ")[0]) == (400, "A")


async def test_a_frame_too_big_for_chatkit_is_so_here(plain: Jupyter, enter: Enter):
    client = await enter(plain, token=TOKEN, room="big")
    await client.send("x" * (MAX_FRAME + 1))
    assert await end_of(client) == 1009


async def test_who_comes_talks_and_goes_is_no_news_in_jupyter_s_log(plain: Jupyter):
    plain.get("?begin")
    for _ in range(3):
        async with ChatClient(f"{plain.chat}?token={TOKEN}", room="log") as client:
            await client.send("hello")
            await anext(client)
    plain.get("?end")
    await until(lambda: "/chatkit/?end" in plain.log.read_text())
    lines = plain.log.read_text().partition("/chatkit/?begin")[2].splitlines()[1:]
    assert len(lines) == 1


async def test_no_error_tells_the_token(plain: Jupyter):
    secret = "not-the-token"
    client = ChatClient(f"{plain.chat}?token={secret}", room="secret")
    with pytest.raises(ChatkitError) as refused:
        await client.connect()
    assert str(refused.value).startswith(f"{plain.chat} does not let you in: Log in to")
    assert secret not in str(refused.value) + repr(client) + plain.log.read_text()


def test_jupyter_finds_no_fault_with_it(either: Jupyter):
    log = either.log.read_text()
    assert "chatkit | extension was successfully loaded" in log
    assert re.findall(r"- \w+ of \w+ registered for \S*chatkit\S*", log) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a word")
async def test_when_jupyter_stops_all_are_told_and_the_log_keeps_what_was_said(
    tmp_path: Path, enter: Enter
):
    option = f"--Chatkit.log_address=sqlite:{tmp_path / 'chat.db'}"
    running = jupyter(tmp_path, option, "--Chatkit.rate=7")
    server = next(running)
    try:
        ada = await enter(server, token=TOKEN)
        assert ada.welcome["rate"] == 7
        await say(ada, "keep this")
        await hear(ada)
        server.process.send_signal(signal.SIGTERM)
        assert await end_of(ada) == 1001
        assert server.process.wait(20) == 0
    finally:
        with suppress(StopIteration):
            next(running)
    log = SqliteLog(str(tmp_path / "chat.db"))
    await log.open()
    (kept,) = await log.read("lobby", 0, 10)
    await log.close()
    assert kept.message == "keep this"


async def test_as_long_as_anybody_is_here_jupyter_has_work(server: ChatServer, join: Join):
    extension = Chatkit()
    extension.chat = server
    assert not extension.current_activity()
    await join("Ada")
    assert len(extension.current_activity()) == 1


async def test_a_log_that_can_t_be_had_is_told_and_no_door_is_opened(tmp_path: Path):
    extension = Chatkit(log_address=f"sqlite:{tmp_path}/none/chat.db")
    with pytest.raises(ChatkitError, match=r"chat\.db"):
        await extension._start_jupyter_server_extension(ServerApp())
    assert not extension.current_activity()
    await extension.stop_extension()
