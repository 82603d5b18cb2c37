"""The command line: chatkit serve, lab, doctor."""

from __future__ import annotations

import asyncio
import io
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from chatkit.codecs import CODECS
from chatkit.messages import ChatkitError
from chatkit.server import HOST, PORT, ChatServer

LESSONS = "chatkit-lessons"  # the folder of a learner who names none

app = typer.Typer(
    help="A chat over WebSockets, and the lessons that build it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = HOST,
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes any free one.")] = PORT,
    codec: Annotated[
        str, typer.Option(help=f"For clients that ask for none: {' or '.join(CODECS)}.")
    ] = "json",
) -> None:
    """Serve the chat until Ctrl-C or SIGTERM."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    asyncio.run(serve_until_stopped(ChatServer(port, host, codec)))


async def serve_until_stopped(server: ChatServer) -> None:
    """Run a server until this process is told to stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopping.set))
    await server.start()
    print(f"chatkit is serving on {server.url}", flush=True)
    await stopping.wait()
    await server.stop()


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    folder: Annotated[
        str, typer.Argument(help="Where your copy of the lessons is kept.")
    ] = LESSONS,
) -> None:
    """Open the lessons in JupyterLab, in a folder of your own; other options go to JupyterLab."""
    from chatkit.lab import open_lab

    args = context.args
    if folder.startswith("-"):  # no folder was given: this is JupyterLab's first option
        folder, args = LESSONS, [folder, *args]
    raise typer.Exit(open_lab(Path(folder), args))


@app.command()
def doctor() -> None:
    """Say whether this machine is ready: versions, ports, widgets, and a message sent to itself."""
    from chatkit.doctor import examine

    report = asyncio.run(examine())
    print(report)
    raise typer.Exit(0 if report.well else 1)


def main() -> None:
    """Run the command line; what goes wrong is told in one sentence, with exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file or pipe on Windows may know no ✓
            stream.reconfigure(errors="replace")
    try:
        app()
    except (ChatkitError, OSError) as error:
        print(f"chatkit: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
