"""The gate: who may come in, from which page, with which token, how many, and how fast."""

import asyncio
import hmac
import json
from typing import Any

import pytest

from chatkit import gate as gate_module
from chatkit.gate import BURST, PENALTY, Gate, Pace, is_address, is_loopback
from chatkit.messages import ChatkitError, FrameError
from chatkit.server import ChatServer
from tests.conftest import Join, hear, hear_event, members, refused, say, serving, until
from tests.faults import BareClient
from tests.test_server import assert_one_sentence, has_ipv6

NO_TOKEN = "This chat needs a token: open it by the whole link that its server showed."
NO_ORIGIN = "This page is neither the chat's own nor one that its server lets in."


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def passed(pace: Pace, times: int) -> int:
    """How many of so many frames pass at once."""
    return sum(pace.take() for _ in range(times))


def test_a_burst_passes_and_then_so_many_a_second():
    clock = Clock()
    pace = Pace(20, clock=clock)
    assert passed(pace, 100) == BURST == 40
    clock.now += 0.5
    assert passed(pace, 100) == 10
    clock.now += 3600
    assert passed(pace, 100) == BURST


def test_the_wait_is_as_long_as_it_takes_and_no_longer():
    clock = Clock()
    pace = Pace(20, burst=1, clock=clock)
    assert pace.wait() == 0
    for _ in range(1000):
        assert pace.take()
        assert pace.wait() == pytest.approx(1 / 20)
        assert not pace.take()
        clock.now += pace.wait()


def test_without_a_rate_all_passes_at_once():
    pace = Pace(None)
    assert passed(pace, 1000) == 1000
    assert pace.wait() == 0


@pytest.mark.parametrize(
    ("host", "address", "loopback"),
    [
        ("127.0.0.1", True, True),
        ("127.1.2.3", True, True),
        ("::1", True, True),
        ("localhost", False, True),
        ("chat.localhost", False, True),
        ("0.0.0.0", True, False),
        ("::", True, False),
        ("192.0.2.1", True, False),
        ("", False, False),
        ("example.org", False, False),
        ("localhost.example.org", False, False),
        ("127.0.0.1.example.org", False, False),
    ],
)
def test_what_is_an_address_and_what_is_loopback(host: str, address: bool, loopback: bool):
    assert (is_address(host), is_loopback(host)) == (address, loopback)


HERE = "127.0.0.1:8765"
CHAT = ("https://chat.example.org",)


@pytest.mark.parametrize(
    ("origin", "host", "options", "allowed"),
    [
        ("http://127.0.0.1:8765", HERE, {}, True),
        ("https://127.0.0.1:8765", HERE, {}, True),
        ("http://localhost:8765", "localhost:8765", {}, True),
        ("HTTP://LocalHost:8765", "LOCALHOST:8765", {}, True),
        ("http://192.168.0.7:8765", "192.168.0.7:8765", {}, True),
        ("http://[::1]:8765", "[::1]:8765", {}, True),
        ("http://[::1]:8765", "[::2]:8765", {}, False),
        ("http://localhost:8765", HERE, {}, False),
        ("http://127.0.0.1:8766", HERE, {}, False),
        ("http://127.0.0.1", HERE, {}, False),
        ("http://127.0.0.1:87650", HERE, {}, False),
        ("http://evil.example", HERE, {}, False),
        ("http://127.0.0.1:8765@evil.example", HERE, {}, False),
        ("http://evil.example/127.0.0.1:8765", HERE, {}, False),
        ("null", HERE, {}, False),
        ("null", "null", {}, False),
        ("null", "", {"token": "secret"}, False),
        ("", "", {"token": "secret"}, False),
        ("", HERE, {}, False),
        ("http://[", HERE, {}, False),
        ("http://[::1", "[::1", {"token": "secret"}, False),
        ("http://evil.example:8765", "evil.example:8765", {}, False),
        ("http://evil.example:8765", "evil.example:8765", {"token": "secret"}, True),
        ("http://evil.example:8765", "evil.example:8765", {"any_name": True}, True),
        ("http://evil.example:8765", HERE, {"token": "secret"}, False),
        ("http://evil.example:8765", HERE, {"any_name": True}, False),
        ("https://chat.example.org", HERE, {"origins": CHAT}, True),
        ("https://CHAT.example.org", HERE, {"origins": ("https://Chat.Example.org/",)}, True),
        ("http://chat.example.org", HERE, {"origins": CHAT}, False),
        ("https://chat.example.org:444", HERE, {"origins": CHAT}, False),
        ("https://evil.chat.example.org", HERE, {"origins": CHAT}, False),
        ("http://127.0.0.1:8765", HERE, {"origins": CHAT}, True),
    ],
)
def test_which_pages_may_open_a_socket(
    origin: str, host: str, options: dict[str, Any], allowed: bool
):
    assert Gate(**options).allows_origin(origin, host) is allowed


def test_the_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch):
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return hmac.compare_digest(one, other)

    class Recorder:
        compare_digest = staticmethod(compare)

    monkeypatch.setattr(gate_module, "hmac", Recorder)
    gate = Gate(token="sécret")
    gate.check("sécret", "192.0.2.1")
    for wrong in ("", "s", "sécret ", "SÉCRET"):
        with pytest.raises(FrameError) as refusal:
            gate.check(wrong, "192.0.2.1")
        assert (refusal.value.code, refusal.value.detail) == ("bad_token", NO_TOKEN)
    assert [one.decode() for one, _ in compared] == ["sécret", "", "s", "sécret ", "SÉCRET"]


def test_without_a_token_nobody_needs_one():
    Gate().check("", "192.0.2.1")
    Gate().check("anything", "192.0.2.1")


def test_connections_are_counted_by_address_and_addresses_forgotten():
    gate = Gate(per_address=2)
    for _ in range(2):
        gate.check("", "192.0.2.1")
        gate.enter("192.0.2.1")
    with pytest.raises(FrameError, match="There are 2 connections from your address: close some"):
        gate.check("", "192.0.2.1")
    gate.check("", "192.0.2.2")
    gate.leave("192.0.2.1")
    gate.check("", "192.0.2.1")
    gate.leave("192.0.2.1")
    assert gate.inside == {}


# On real sockets from here on.

with_token = pytest.mark.parametrize("options", [{"token": "sécret&more"}])


@with_token
@pytest.mark.parametrize("token", [None, "", "wrong", "sécret", "s\u00e9cret&mor\u0435"])
async def test_who_has_no_token_or_a_wrong_one_gets_403(server: ChatServer, token: str | None):
    assert await refused(server, token=token) == (403, NO_TOKEN)
    assert server.rooms.open == {}


@with_token
async def test_who_has_the_token_comes_in_and_the_link_has_it(server: ChatServer, join: Join):
    await join("Ada", token="sécret&more")
    assert server.url == f"http://127.0.0.1:{server.port}/?token=s%C3%A9cret%26more"
    async with await BareClient.open(server.url):
        await until(lambda: len(members(server)) == 2)


def test_a_token_is_made_up_on_demand_and_is_another_one_each_time():
    tokens = {ChatServer(0, token="auto").token for _ in range(10)}
    assert len(tokens) == 10
    assert min(map(len, tokens)) > 20


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_a_host_that_others_can_reach_without_a_token_is_refused_in_one_sentence(host: str):
    with pytest.raises(ChatkitError, match="Others can reach") as refusal:
        ChatServer(0, host)
    assert_one_sentence(refusal.value)
    assert (host or "all addresses of this machine") in str(refusal.value)
    ChatServer(0, host, token="auto")


# No test listens beyond loopback, so what its link says is all that is looked at here.
@pytest.mark.parametrize(
    ("host", "link"),
    [("", "http://127.0.0.1:1/"), ("0.0.0.0", "http://127.0.0.1:1/"), ("::", "http://[::1]:1/")],
)
def test_the_link_of_a_server_on_all_addresses_leads_to_this_machine(host: str, link: str):
    assert ChatServer(1, host, token="a").url == link + "?token=a"


async def test_our_own_page_and_a_program_without_an_origin_may_connect(
    server: ChatServer, join: Join
):
    await join("page", origin=f"http://127.0.0.1:{server.port}")
    await join("program")
    assert members(server) == ["page", "program"]


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:1", "null", "http://[", "http://[::1]"]
)
async def test_a_page_of_another_origin_gets_403(origin: str, server: ChatServer):
    assert await refused(server, origin=origin) == (403, NO_ORIGIN)
    assert server.rooms.open == {}


@pytest.mark.parametrize("options", [{"origins": ["https://chat.example.org"]}])
async def test_another_page_that_was_allowed_may_connect(server: ChatServer, join: Join):
    await join("Ada", origin="https://chat.example.org")
    assert (await refused(server, origin="https://evil.example"))[0] == 403


async def status_under_another_name(server: ChatServer) -> int:
    """How a page is answered whose own name leads to this machine."""
    async with await BareClient.dial(server.url) as client:
        name = f"chat.example.org:{server.port}"
        return await client.shake_hands(server.url, f"Origin: http://{name}", host=name)


async def test_a_stranger_s_name_that_leads_here_opens_nothing(server: ChatServer):
    assert await status_under_another_name(server) == 403
    assert server.rooms.open == {}


@pytest.mark.parametrize("options", [{"token": "secret"}])
async def test_with_a_token_any_name_will_do(server: ChatServer):
    assert await status_under_another_name(server) == 101


async def test_behind_a_hub_any_name_will_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    async with serving() as server:
        assert await status_under_another_name(server) == 101
        assert (await refused(server, origin="http://evil.example"))[0] == 403


async def test_an_origin_in_brackets_is_its_own():
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    async with serving(host="::1") as server:
        own = f"http://[::1]:{server.port}"
        async with await BareClient.open(server.url, f"Origin: {own}"):
            await until(lambda: members(server))
        assert (await refused(server, origin=f"{own}0"))[0] == 403


@pytest.mark.parametrize("options", [{"per_address": 2}])
async def test_one_address_gets_so_many_connections_and_again_when_some_are_closed(
    server: ChatServer, join: Join
):
    ada, _ = await join("Ada"), await join("Bob")
    words = "There are 2 connections from your address: close some."
    assert await refused(server) == (429, words)
    assert (await refused(server, room="no room"))[0] == 400
    await ada.close()
    await until(lambda: members(server) == ["Bob"])
    await join("Eve")
    assert await refused(server) == (429, words)


@pytest.mark.parametrize("options", [{"per_address": None}])
async def test_the_number_of_connections_may_be_unlimited(
    server: ChatServer, join: Join, monkeypatch: pytest.MonkeyPatch
):
    assert [(await join()).welcome["count"] for _ in range(5)] == [1, 2, 3, 4, 5]


async def flood(client: Any, count: int) -> tuple[int, Any]:
    """Send messages with keys at once; return how many came back, and the first error.

    With five a second forty pass, and what a slow machine lets through meanwhile.
    """
    for number in range(count):
        await say(client, f"{number}", f"k{number}")
    while "error" not in (error := await hear(client)):
        pass
    too_fast = int(error["key"].removeprefix("k"))
    assert BURST <= too_fast < count
    return too_fast, error


@pytest.mark.parametrize("options", [{"rate": 5}])
async def test_one_who_is_too_fast_is_told_which_message_and_is_not_read_for_a_while(
    server: ChatServer, join: Join
):
    clock = asyncio.get_running_loop().time
    fast, other = await join("Fast"), await join("Other")
    assert fast.welcome["rate"] == 5
    passed, error = await flood(fast, BURST + 5)
    then = clock()
    sentence = "At most 5 messages a second: wait, and send it again."
    assert error == {"error": "too_fast", "detail": sentence, "key": f"k{passed}"}
    await say(other, "not disturbed")
    heard = [(await hear(other))["message"] for _ in range(passed + 1)]
    assert heard == [*(f"{number}" for number in range(passed)), "not disturbed"]
    await until_key(fast, f"k{passed + 1}")
    assert clock() - then > PENALTY / 2


async def until_key(client: Any, key: str) -> Any:
    """Return the next answer to the message that has a key."""
    while (answer := await hear(client)).get("key") != key:
        pass
    return answer


@pytest.mark.parametrize("options", [{"rate": 5}])
async def test_one_who_was_too_fast_may_send_it_again(server: ChatServer, join: Join):
    fast = await join("Fast")
    _, error = await flood(fast, BURST + 2)
    await say(fast, "again", error["key"])
    answer = await until_key(fast, error["key"])
    assert answer["message"] == "again"


@pytest.mark.parametrize("options", [{"rate": 5}])
@pytest.mark.parametrize("event", ["typing", "rooms"])
async def test_events_count_too(server: ChatServer, join: Join, event: str):
    fast, other = await join("Fast"), await join("Other")
    for _ in range(BURST + 2):
        await fast.send(json.dumps({"event": event}))
    assert (await hear(fast))["error"] == "too_fast"
    await say(other, "not disturbed")
    assert (await hear(other))["message"] == "not disturbed"


@pytest.mark.parametrize("options", [{"rate": None}])
async def test_the_rate_may_be_off(server: ChatServer, join: Join):
    ada = await join("Ada")
    assert ada.welcome["rate"] is None
    for number in range(500):
        await say(ada, f"{number}")
    assert [(await hear(ada))["id"] for _ in range(500)] == [*range(1, 501)]


async def test_the_pace_is_one_s_own(server: ChatServer, join: Join):
    fast, other = await join("Fast"), await join("Other")
    for _ in range(BURST):
        await fast.send('{"event": "rooms"}')
    for _ in range(BURST):
        await hear_event(fast, "rooms")
    await say(other, json.dumps("hi"))
    assert (await hear(other))["id"] == 1
