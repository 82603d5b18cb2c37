"""websockets: its `broadcast`, which waits for no one."""

import asyncio
import logging
from contextlib import suppress

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

clients: set[ServerConnection] = set()


async def relay(client: ServerConnection) -> None:
    """Send on to everyone what this one says."""
    clients.add(client)
    try:
        with suppress(ConnectionClosed):
            async for message in client:
                broadcast(clients, message)
    finally:
        clients.discard(client)


async def main() -> None:
    """Serve on a free port, and print it."""
    logging.disable(logging.WARNING)  # else each write to one who has just left is a line
    async with serve(relay, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.Event().wait()


asyncio.run(main())
