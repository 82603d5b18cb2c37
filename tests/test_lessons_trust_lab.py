import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from chatkit.gate import Gate
from chatkit.handlers import ChatSocket
from chatkit.lessons.trust_lab import (
    answers,
    crowd,
    dial,
    flood,
    foreign_page,
    hear,
    knock,
    names,
    put_away,
    say,
    serve,
)

# Attackers don't hang up politely: who was refused, or not yet answered, is collected as garbage.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


@pytest.fixture(autouse=True)
async def tidy() -> AsyncIterator[None]:
    yield
    await put_away()
    gc.collect()  # now, while their warnings are ignored


async def test_two_people_hear_one_another():
    port = serve(ChatSocket)
    ada, bob = await dial(port, "name=Ada"), await dial(port, "name=Bob")
    await say(ada, "hello")
    assert (await hear(bob))["message"] == "hello"
    await say(bob, "hello yourself")
    assert await names(ada, 2) == {"Ada": 1, "Bob": 1}


async def test_who_knocks_is_told_how_it_went():
    port = serve(ChatSocket, Gate(token="c0ffee"))
    assert (await knock(port)).startswith("403, This chat needs a token")
    assert await knock(port, "token=c0ffee") == "let in"
    assert (await knock(port, Origin="https://holidays.example")).startswith("403, ")


async def test_a_crowd_is_as_big_as_the_gate_lets_it_be():
    port = serve(ChatSocket, Gate(per_address=3))
    assert len(await crowd(port, 5)) == 3


async def test_a_flood_is_as_fast_as_the_server_lets_it_be():
    mallory = await flood(serve(ChatSocket, rate=1), 100)
    heard = [await hear(mallory) for _ in range(41)]
    assert [frame["error"] for frame in heard if "error" in frame] == ["too_fast"]


async def test_answers_tells_what_each_frame_led_to(capsys: pytest.CaptureFixture[str]):
    await answers(serve(ChatSocket), ["[]", '{"message": "hi"}', b"hi"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0::2] == ["[]", '{"message": "hi"}', "b'hi'"]
    assert [line.split()[0] for line in printed[1::2]] == ["bad_message:", "sent", "bad_frame:"]


async def test_a_line_that_is_cut_is_told_of(capsys: pytest.CaptureFixture[str]):
    await answers(serve(ChatSocket, websocket_max_message_size=100), ["x" * 1000])
    assert "cut: the line is dead" in capsys.readouterr().out


async def test_put_away_closes_the_lines_and_the_door():
    port = serve(ChatSocket)
    line = await dial(port)
    await put_away()
    async with asyncio.timeout(5):
        with pytest.raises(RuntimeError, match="closed this line"):
            await hear(line)
    assert line.close_code == 1001
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


def test_the_foreign_page_is_in_a_frame_of_its_own():
    html = foreign_page(4321).data
    assert "srcdoc=" in html
    assert "4321" in html
    assert "<script>" not in html  # escaped: it is no part of the notebook
