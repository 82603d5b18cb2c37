"""picows: its transports' own `send`, to one client after the other."""

import asyncio
import logging

from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

clients: set[WSTransport] = set()


class Relay(WSListener):
    """Sends on to everyone what one client says."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Add a client."""
        clients.add(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Send it on, or take leave."""
        if frame.msg_type == WSMsgType.TEXT:
            message = frame.get_payload_as_bytes()
            for client in clients:
                client.send(WSMsgType.TEXT, message)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Forget a client."""
        clients.discard(transport)


def listener(request: WSUpgradeRequest) -> Relay:
    """Return what listens to a new client."""
    return Relay()


async def main() -> None:
    """Serve on a free port, and print it."""
    logging.disable(logging.WARNING)  # else each write to one who has just left is a line
    server = await ws_create_server(listener, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
