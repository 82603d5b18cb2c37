"""What checks of a learner's WebSocketHandler have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from typing import Any

from tornado.websocket import WebSocketHandler

from chatkit.lessons.engine.expect import NotYetError, has_raised, listed, shown, the_class
from chatkit.lessons.engine.serving import Peer


def like_callbacks(handler: Any, name: str, parent: str = "Callbacks") -> None:
    """Raise NotYetError unless an answer is a handler with all that lesson 02's Callbacks has."""
    kind = the_class(handler, name, WebSocketHandler, parent)
    own = hasattr(kind, "send") and kind.initialize is not WebSocketHandler.initialize
    if not own:
        raise NotYetError(f"`class {name}({parent}):`", f"a class without the methods of {parent}")


@contextmanager
def only_sending(handler: type[WebSocketHandler]) -> Iterator[type[WebSocketHandler]]:
    """Yield a handler; raise NotYetError if a callback returns a value, which sends nothing.

    Tornado would close the connection, and its error would be all that a check sees.
    """
    returned: dict[str, object] = {}

    def noting(name: str) -> Callable[..., Any]:
        def keep(value: object) -> None:
            if value is not None:
                returned[name] = value

        async def finish(work: Awaitable[object]) -> None:
            keep(await work)

        def call(self: WebSocketHandler, *args: Any) -> Any:
            result = getattr(handler, name)(self, *args)
            if not isawaitable(result):
                return keep(result)
            return finish(result) if name != "on_close" else result  # nobody awaits `on_close`

        return call

    callbacks = {name: noting(name) for name in ("open", "on_message", "on_close")}
    kind = type(handler.__name__, (handler,), {"__module__": handler.__module__, **callbacks})
    try:
        yield kind
    except Exception:
        if not returned:
            raise
    for name, value in returned.items():
        expected = f"`{name}` to return nothing, because what it returns is not sent"
        raise NotYetError(expected, shown(value))


@contextmanager
def only_raising(handler: type[WebSocketHandler], name: str) -> Iterator[type[WebSocketHandler]]:
    """Yield a handler; raise NotYetError if its method returns an error instead of raising it."""
    found: list[str] = []

    def call(self: WebSocketHandler, *args: Any) -> Any:
        result = getattr(handler, name)(self, *args)
        if isinstance(result, Exception):
            found.append(type(result).__name__)
        return result

    try:
        yield type(handler.__name__, (handler,), {"__module__": handler.__module__, name: call})
    except NotYetError:
        if not found:
            raise
    if found:
        raise NotYetError(
            "an error to be raised", f"`{name}` returned it: write `raise {found[0]}(…)`"
        )


async def all_hear(peers: Iterable[Peer], text: str, expected: str, remark: str = "") -> None:
    """Raise NotYetError unless each peer received just this text since it was last asked.

    The remark is added if none of them received anything.
    """
    heard = [await peer.news() for peer in peers]
    if all(texts == [text] for texts in heard):
        if heard and has_raised():
            raise NotYetError(expected, "that, and an error")
    else:
        kinds = dict.fromkeys(map(listed, heard))
        came = " at one, ".join(kinds) + " at another" * (len(kinds) > 1)
        raise NotYetError(expected, came + remark * (not any(heard)))
