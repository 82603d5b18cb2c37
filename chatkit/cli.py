"""The command line: chatkit serve, lab, bench, wheels, doctor."""

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
from chatkit.gate import PER_ADDRESS, RATE
from chatkit.limits import allow_many_files
from chatkit.messages import ChatkitError
from chatkit.server import HOST, PORT, ChatServer

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
    log: Annotated[
        str,
        typer.Option(
            help="Where messages are kept: memory, sqlite:chat.db, or redis://127.0.0.1:6379/0."
        ),
    ] = "memory",
    token: Annotated[
        str, typer.Option(help="Let in only who knows this word; auto makes one up.")
    ] = "",
    origin: Annotated[
        list[str] | None,
        typer.Option(help="Another site whose pages may connect, as https://chat.example.org."),
    ] = None,
    rate: Annotated[
        str, typer.Option(help="Messages a second that one connection may send, or off.")
    ] = f"{RATE:g}",
    per_address: Annotated[
        str,
        typer.Option(help="Connections that may come from one address, or off: so behind a proxy."),
    ] = f"{PER_ADDRESS}",
) -> None:
    """Serve the chat until Ctrl-C or SIGTERM."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    server = ChatServer(
        port,
        host,
        codec,
        log=log,
        token=token,
        origins=origin or (),
        rate=limit("--rate", rate),
        per_address=limit("--per-address", per_address),
    )
    asyncio.run(serve_until_stopped(server))


def limit(option: str, value: str) -> int | None:
    """Return the number that an option gives, or None for off; raise ChatkitError for neither."""
    if value == "off":
        return None
    if not value.isascii() or not value.isdigit() or int(value) == 0:
        raise ChatkitError(f"{option} is a whole number from 1, or off; this is {value!r}.")
    return int(value)


async def serve_until_stopped(server: ChatServer) -> None:
    """Run a server until this process is told to stop."""
    allow_many_files()
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
        str,
        typer.Argument(
            help="Where your copy of the lessons is kept: here, if it is here already, "
            "else chatkit-lessons."
        ),
    ] = "",
    solutions: Annotated[
        bool, typer.Option("--solutions", help="Lay the solutions of the exercises too.")
    ] = False,
    fresh: Annotated[
        str, typer.Option(help="Lay a lesson anew, as 03, and keep yours under another name.")
    ] = "",
    lay: Annotated[
        bool, typer.Option("--lay", help="Lay the lessons, and open nothing: so on a JupyterHub.")
    ] = False,
) -> None:
    """Open the lessons in JupyterLab, in a folder of your own; other options go to JupyterLab.

    Nothing that you have written is ever overwritten.
    """
    from chatkit.lab import (
        FIRST_LESSON,
        lay_notebooks,
        lesson_named,
        open_lab,
        set_aside,
        usual_folder,
    )

    args = context.args
    if folder.startswith("-"):  # no folder was given: this is JupyterLab's first option
        folder, args = "", [folder, *args]
    place = Path(folder) if folder else usual_folder()
    lesson = lesson_named(fresh) if fresh else FIRST_LESSON
    if fresh and (kept := set_aside(place, lesson)):
        print(f"{kept.with_name(lesson)} is new; yours is {kept} now.", flush=True)
    lay_notebooks(place, solutions)
    if lay:
        print(f"The lessons are in {place.resolve()}.")
    else:
        raise typer.Exit(open_lab(place, args, lesson))


@app.command()
def bench(
    against: Annotated[
        str,
        typer.Option(
            help="Other servers, with commas: tornado, websockets, aiohttp, picows, ws, bare-c, "
            "bare-c-turn."
        ),
    ] = "",
    stages: Annotated[
        bool, typer.Option("--stages", help="The steps of lesson 10, and each with a slow reader.")
    ] = False,
    clients: Annotated[str, typer.Option(help="How many clients, as 100,1000.")] = "",
    flight: Annotated[str, typer.Option(help="Messages under way at once, as 1,64.")] = "",
    senders: Annotated[str, typer.Option(help="How many clients talk, as 1,100, or all.")] = "",
    rounds: Annotated[int, typer.Option(help="Rounds, of which the median counts.")] = 5,
    seconds: Annotated[float, typer.Option(help="How long one measurement takes.")] = 0.5,
    log: Annotated[
        str,
        typer.Option(
            help="Where chatkit keeps messages; several with commas, as "
            "memory,sqlite:bench.db,redis://127.0.0.1:6379/0."
        ),
    ] = "memory",
    servers: Annotated[
        str, typer.Option(help="On how many servers its room is, as 1,2: with a log on Redis.")
    ] = "1",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON alone: see chatkit.bench.contest.Results.")
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="Write a plot: a .png or .svg file.")] = None,
) -> None:
    """Measure how fast the chat reaches everyone; on its own, or against other servers."""
    from chatkit.bench.command import run

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # else the servers would live on
    run(
        against=against,
        stages=stages,
        clients=clients,
        flight=flight,
        senders=senders,
        rounds=rounds,
        seconds=seconds,
        log=log,
        servers=servers,
        as_json=as_json,
        plot=plot,
    )


@app.command()
def wheels(
    folder: Annotated[
        Path, typer.Argument(help="Where to; a stick, say. What is there already stays.")
    ] = Path("chatkit-wheels"),
    systems: Annotated[
        list[str] | None,
        typer.Option(
            "--for",
            help="Windows, mac, mac-intel or linux; as often as you like. Else as here.",
        ),
    ] = None,
    pythons: Annotated[
        list[str] | None,
        typer.Option("--python", help="Their Python, as 3.12; as often as you like. Else as here."),
    ] = None,
) -> None:
    """Make a folder that installs chatkit on machines without internet."""
    from chatkit.wheels import make_folder, targets

    wanted = targets([system.lower() for system in systems or []], pythons or [])
    print(f"Fetching all that chatkit needs into {folder}: it takes a minute or two …", flush=True)
    installer = make_folder(folder, wanted)
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    print(f"Take the folder along ({size:.0f} MB), and there: python {installer.name}")


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
