"""The command line: chatkit serve, class, lab, bench, soak, wheels, doctor."""

from __future__ import annotations

import asyncio
import io
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from chatkit.codecs import CODECS
from chatkit.gate import PER_ADDRESS, RATE
from chatkit.journal import FORMATS, LEVELS, keep_journal
from chatkit.limits import allow_many_files
from chatkit.messages import ChatkitError
from chatkit.server import HOST, PORT, ChatServer
from chatkit.teacher import CLASS, CLASS_PORT, class_server, greeting

SIGNALS = (signal.SIGINT, signal.SIGTERM)
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
            envvar="CHATKIT_LOG",
            help="Where messages are kept: memory, sqlite:chat.db, or redis://127.0.0.1:6379/0.",
        ),
    ] = "memory",
    token: Annotated[
        str,
        typer.Option(
            envvar="CHATKIT_TOKEN", help="Let in only who knows this word; auto makes one up."
        ),
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
        typer.Option(help="Connections that may come from one address, or off."),
    ] = f"{PER_ADDRESS}",
    behind_proxy: Annotated[
        bool,
        typer.Option(
            "--behind-proxy",
            help="Take a client's address from X-Real-IP, which a proxy on this machine sets.",
        ),
    ] = False,
    log_level: Annotated[
        str,
        typer.Option(help=f"What to tell on stderr: {', '.join(LEVELS)}. info tells of each one."),
    ] = "warning",
    log_format: Annotated[
        str, typer.Option(help=f"How to tell it: {' or '.join(FORMATS)}, an object a line.")
    ] = "text",
) -> None:
    """Serve the chat until Ctrl-C or SIGTERM; what has arrived by then is finished."""
    keep_journal(log_level, log_format)
    server = ChatServer(
        port,
        host,
        codec,
        log=log,
        token=token,
        origins=origin or (),
        rate=limit("--rate", rate),
        per_address=limit("--per-address", per_address),
        behind_proxy=behind_proxy,
    )
    asyncio.run(serve_until_stopped(server))


def limit(option: str, value: str) -> int | None:
    """Return the number that an option gives, or None for off; raise ChatkitError for neither."""
    if value == "off":
        return None
    if not value.isascii() or not value.isdigit() or int(value) == 0:
        raise ChatkitError(f"{option} is a whole number from 1, or off; this is {value!r}.")
    return int(value)


def address(server: ChatServer) -> str:
    """Return in one line where a server is."""
    return f"chatkit is serving on {server.url}"


async def serve_until_stopped(
    server: ChatServer, announce: Callable[[ChatServer], str] = address
) -> None:
    """Run a server until this process is told to stop; print where once it listens.

    Told again, it ends at once.
    """
    allow_many_files()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(*_: object) -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(stopping.set)

    for number in SIGNALS:
        signal.signal(number, stop)
    await server.start()
    print(announce(server), flush=True)
    await stopping.wait()
    await server.stop()


@app.command("class")
def class_(
    folder: Annotated[
        Path, typer.Argument(help="Where the class is kept: its link, and who passed what.")
    ] = Path(CLASS),
    host: Annotated[str, typer.Option(help="0.0.0.0 lets in the machines of the learners.")] = HOST,
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes any free one.")
    ] = CLASS_PORT,
    token: Annotated[
        str,
        typer.Option(
            envvar="CHATKIT_TOKEN",
            help="The word that the links hold; else one that the folder keeps.",
        ),
    ] = "",
    solutions: Annotated[
        bool,
        typer.Option(
            help="Whether solution(…) works for learners who join by the link that is printed: "
            "a courtesy, not a lock."
        ),
    ] = True,
) -> None:
    """Serve a class: learners join by a link, and the projector shows what each has passed."""
    keep_journal("warning", "text")
    server = class_server(folder, host, port, token)
    asyncio.run(serve_until_stopped(server, partial(greeting, solutions=solutions)))


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
    lay_notebooks(place)
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
def soak(
    seconds: Annotated[float, typer.Option(help="For how long they talk.")] = 300,
    clients: Annotated[int, typer.Option(min=1, max=10_000, help="How many they are.")] = 1000,
    rooms: Annotated[int, typer.Option(min=1, max=1000, help="In how many rooms.")] = 50,
    log: Annotated[
        str, typer.Option(help="As for serve; a new SQLite file if none is named.")
    ] = "",
) -> None:
    """Have a crowd talk, come and go: nothing may be lost, and the server may not grow."""
    from chatkit.bench.soak import run

    raise typer.Exit(0 if run(seconds, clients, rooms, log) else 1)


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
