"""aiohttp: the usual loop, `await send_str` to one client after the other."""

import asyncio
import logging
from contextlib import suppress

from aiohttp import web

clients: set[web.WebSocketResponse] = set()


async def relay(request: web.Request) -> web.WebSocketResponse:
    """Send on to everyone what this one says."""
    client = web.WebSocketResponse(compress=False)
    await client.prepare(request)
    clients.add(client)
    try:
        async for message in client:
            for other in list(clients):
                with suppress(ConnectionError):  # it has just left
                    await other.send_str(message.data)
    finally:
        clients.discard(client)
    return client


async def main() -> None:
    """Serve on a free port, and print it."""
    logging.disable(logging.WARNING)  # else each write to one who has just left is a line
    app = web.Application()
    app.router.add_get("/ws", relay)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
