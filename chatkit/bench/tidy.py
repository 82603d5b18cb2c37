"""What a measurement leaves in a Redis is taken away again."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from chatkit.log import LogError
from chatkit.redis_link import RedisLink
from chatkit.redis_log import stream_of
from chatkit.redis_roster import ROOMS, SERVERS


def forget(address: str, room: str) -> None:
    """Delete all that a Redis knows of a room; one that does not answer is let be.

    What is left says which log it is, and for a minute there are the streams that wake servers.
    """
    with ThreadPoolExecutor(1) as thread:  # a cell's loop is running already
        thread.submit(asyncio.run, delete(address, room)).result()


async def delete(address: str, room: str) -> None:
    """Delete all that a Redis knows of a room, and of servers that have said goodbye.

    No other room's name may begin with this one's.
    """
    link = RedisLink(address)
    with suppress(LogError), link.answering():
        await link.redis.zrem(ROOMS, room)
        await link.redis.zremrangebyscore(SERVERS, 0, 0)
        async for key in link.redis.scan_iter(f"{stream_of(room)}*", count=1000):
            await link.redis.delete(key)
    await link.close()
