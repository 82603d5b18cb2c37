"""Exercise 10-2: send each channel, in one write, what the others have said."""

from collections.abc import Sequence
from typing import Any

from chatkit.guide.broadcaster import Broadcaster
from chatkit.guide.frames import text_frame
from chatkit.lessons.engine.channels import Recorder
from chatkit.lessons.engine.expect import NotYetError, listed, plain_def, the_class
from chatkit.lessons.engine.serving import turns

TASK = (
    "Send each channel, in one write, what the others have said in this turn, in order. Don't "
    "write to a channel that would get nothing."
)
STUB = """
class Others(Gatherer):
    def say(self, frame, channel):
        if not self.arrived:
            asyncio.get_running_loop().call_soon(self.flush)
        self.arrived.append((frame, channel))

    def flush(self):
        arrived, self.arrived = self.arrived, []
        frames = b"".join(frame for frame, channel in arrived)
        for channel in tuple(self.channels):
            self.notify(channel, frames)  # everything to everyone: not yet
"""
HINTS = (
    "Each channel of self.channels needs bytes of its own: the frames of the other channels.",
    "For each channel in tuple(self.channels), join the frames in `arrived` that came with "
    "another channel. If there are any, call self.notify(channel, frames).",
)
SOLUTION = """
class Others(Gatherer):
    def say(self, frame, channel):
        if not self.arrived:
            asyncio.get_running_loop().call_soon(self.flush)
        self.arrived.append((frame, channel))

    def flush(self):
        arrived, self.arrived = self.arrived, []
        for channel in tuple(self.channels):
            frames = b"".join(frame for frame, by in arrived if by is not channel)
            if frames:
                self.notify(channel, frames)
"""
LOOP = SOLUTION.partition("self.arrived, []\n")[2].rstrip()
WRONG = {
    "only its own": ("is not", "is", "Ada to get “b1” in one write.*came: “a1”, “a2”"),
    "always the second message": (
        "frame for frame, by in arrived if by is not channel",
        "frame for frame, by in arrived[1:2]",
        "Expected",
    ),
    "an empty write": (
        "            if frames:\n                self.notify",
        "            self.notify",
        "Expected Cy to get nothing, if in one turn Cy says “c1”; what came: an empty write",
    ),
    "a write for each message": (
        LOOP,
        """
        for frame, by in arrived:
            for channel in self.channels - {by}:
                self.notify(channel, frame)
""",
        "in one write.*what came: [23] writes: “",
    ),
    "text for bytes": (
        'b""',
        '""',
        r"raised TypeError in line \d+,.*Text and bytes are different: text\.encode\(\)",
    ),
    "a list": (
        "channel, frames",
        "[channel], frames",
        r"raised TypeError in line \d+, `self.notify\(\[channel\], frames\)`",
    ),
    "the wrong way round": ("channel, frames", "frames, channel", "to get .*; what came: nothing"),
    "a list of frames": (
        'b"".join(frame for frame, by in arrived if by is not channel)',
        "[frame for frame, by in arrived if by is not channel]",
        r"to get .*; what came: a list, \[b'",
    ),
    "everyone gets it": ("self.notify(channel, frames)", "self.notify_clients(frames)", "writes"),
    "a print": ("self.notify(channel, frames)", "print(frames)", "nothing.*printed: b'"),
    "a loop over the live set": (
        "tuple(self.channels)",
        "self.channels",
        r"raised RuntimeError in line \d+,.*loop over a copy",
    ),
    "a coroutine that nobody awaits": (
        "def flush",
        "async def flush",
        "what came: nothing.*coroutine, `Others.flush`, and nobody awaited it",
    ),
    "no channel": ("frame, channel):", "frame):", "`say` is called with more values"),
    "past `notify`": (
        "self.notify(channel, frames)",
        "channel.send(frames)",
        r"raised BrokenPipeError in line \d+, `channel.send.*broken: `self.notify` drops such",
    ),
    "no frame twice": (
        "frame for frame, by in arrived if by is not channel",
        "dict.fromkeys(frame for frame, by in arrived if by is not channel)",
        "to get “ok”, “hm”, “hm” in one write.*came: “ok”, “hm”",
    ),
    "to the speakers, here or not": (
        LOOP,
        """
        speakers = {by for _, by in arrived}
        for channel in self.channels | speakers:
            if frames := b"".join(frame for frame, by in arrived if by is not channel):
                self.notify(channel, frames)
""",
        "Expected Dan to get nothing, if .* and Dan leaves; what came: “ok”",
    ),
    "None for nothing": (
        "            if frames:\n                self.notify(channel, frames)",
        "            self.notify(channel, frames or None)",
        "Cy to get nothing.*`None` was written: leave the call out",
    ),
    "the wrong method": ("self.notify(", "self.notify_clients(", r"raised TypeError in line \d+"),
}
RIGHT = {
    "a loop that collects": (
        LOOP,
        """
        for channel in self.channels.copy():
            frames = b""
            for frame, by in arrived:
                if by != channel:
                    frames += frame
            if len(frames) > 0:
                self.notify(channel, frames)
""",
    ),
    "a dict of bytes": (
        LOOP,
        """
        mailboxes = {channel: bytearray() for channel in self.channels}
        for frame, by in arrived:
            for channel in mailboxes.keys() - {by}:
                mailboxes[channel].extend(frame)
        for channel, frames in mailboxes.items():
            if frames:
                self.notify(channel, bytes(frames))
""",
    ),
    "a task": (
        SOLUTION.replace("def flush", "async def flush").replace(
            "get_running_loop().call_soon(self.flush)", "create_task(self.flush())"
        ),
    ),
}


async def check(gatherer: Any) -> str:
    """Let some of several people speak in one turn; then one leaves, and one is broken."""
    the_class(gatherer, "Others", Broadcaster)
    plain_def(gatherer, "say")
    broadcaster = gatherer()
    channels = {name: Person() for name in ("Ada", "Bob", "Cy", "Dan")}
    for channel in channels.values():
        broadcaster.connect(channel)
    for said in TURNS:
        await turn(broadcaster, channels, said)
    await turn(broadcaster, channels, (("Dan", "bye"), ("Ada", "ok")), leaves="Dan")
    await turn(broadcaster, channels, (("Bob", "b3"), ("Cy", "c2")), breaks="Cy")
    return "in each turn, everybody got what the others had said, in one write."


TURNS = (
    (("Ada", "a1"), ("Bob", "b1"), ("Ada", "a2")),
    (("Cy", "c1"),),
    (("Ada", "ok"), ("Bob", "ok"), ("Dan", "hm"), ("Dan", "hm")),
)


class Person(Recorder):
    """A channel that can break."""

    broken = False

    def send(self, frames: Any) -> None:
        """Keep one write, or raise if it is broken."""
        if self.broken:
            raise BrokenPipeError("it is broken: `self.notify` drops such a channel, and goes on")
        super().send(frames)


async def turn(
    broadcaster: Any,
    channels: dict[str, Person],
    said: Sequence[tuple[str, str]],
    leaves: str = "",
    breaks: str = "",
) -> None:
    """Say some texts in one turn; NotYetError unless each channel gets those of the others.

    One that leaves before the turn is over, or whose connection breaks, is to get nothing.
    """
    for name, text in said:
        broadcaster.say(text_frame(text.encode()), channels[name])
    words = ", ".join(f"{name} says “{text}”" for name, text in said)
    if leaves:
        broadcaster.disconnect(channels[leaves])
        words += f", and {leaves} leaves"
    if breaks:
        channels[breaks].broken = True
        words += f", and the connection of {breaks} is broken"
    await turns()
    for name, channel in channels.items():
        texts = [text for by, text in said if by != name and name not in (leaves, breaks)]
        frames = b"".join(text_frame(text.encode()) for text in texts)
        if channel.writes != ([frames] if frames else []):
            what = f"{listed(texts)} in one write" if texts else "nothing"
            raise NotYetError(f"{name} to get {what}, if in one turn {words}", in_words(channel))
        channel.clear()
    if channels.pop(leaves or breaks, None) in broadcaster.channels:
        expected = "a broken channel to be dropped, and the others to get theirs, as `notify` does"
        raise NotYetError(expected, f"the channel of {breaks} is still there")


def in_words(channel: Recorder) -> str:
    """Return what was sent to a channel."""
    for frames in channel.writes:
        if frames is None:
            return "`None` was written: leave the call out"
    return channel.in_words()
