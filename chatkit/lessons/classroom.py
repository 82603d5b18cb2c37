"""A class: who joined one has `check` tell it what was passed; who did not tells nothing."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

import msgspec

from chatkit.client import ChatClient, RefusedError
from chatkit.lessons.engine.slip import slip
from chatkit.lessons.folder import lessons_folder
from chatkit.messages import ChatkitError
from chatkit.names import tidy
from chatkit.teacher import WITHHELD

FILE = ".chatkit-class.json"  # in the folder of the lessons: all of them are in the same class
ROOM = "class"  # reports have a room of their own, so that they do not disturb the chat
PATIENCE = 3.0  # seconds that a class gets to take a report
PROJECTOR = "static/class.html"


class Membership(msgspec.Struct, frozen=True):
    """Who a learner is in a class, and what was passed since joining it.

    `mark` is made up at random: names are not, so it tells two Adas apart.
    """

    link: str
    name: str
    mark: str
    passed: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Return where the class is, without its token."""
        return self.link.partition("?")[0]

    def report(self) -> str:
        """Return what the class is told: all of it each time, so that none may be lost for good.

        The projector's page reads it (`class-roll.js`).
        """
        passed = " ".join(self.passed) or "nothing yet"
        return f"{self.name} has passed {passed} (learner {self.mark})"

    async def tell(self) -> None:
        """Send the report; raise ChatkitError unless the class has it within a few seconds."""
        client = ChatClient(self.link, self.name, room=ROOM)
        objections = [
            f"No class answers at {self.place}: is the link whole, and the server running?"
        ]
        client.on_error(objections.append)
        try:
            async with asyncio.timeout(PATIENCE):
                await client.connect()
                key = await client.send(self.report())
                while (await anext(client)).key != key:
                    pass
        except RefusedError:
            raise
        except (ChatkitError, TimeoutError) as error:
            raise ChatkitError(objections[-1]) from error
        finally:
            client.outbox.unconfirmed.clear()  # else to close would be to wait for it again
            await client.close()

    def keep(self) -> None:
        """Write this to the file, whole or not at all: another lesson may be reading it."""
        draft = lessons_folder() / f"{FILE}.{os.getpid()}"
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(self)))
        draft.replace(lessons_folder() / FILE)


@dataclass
class Note:
    """A sentence that shows itself."""

    words: str

    def __repr__(self) -> str:
        return self.words

    def _repr_html_(self) -> str:
        return slip(True, self.words)


def membership() -> Membership | None:
    """Return who the learner is in a class, if in one; raise ChatkitError if that can't be read."""
    try:
        return msgspec.json.decode((lessons_folder() / FILE).read_bytes(), type=Membership)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ChatkitError(f"{FILE} can't be read ({error}): join your class again.") from error


async def join_class(link: str, name: str) -> Note:
    """Join a class under a name, with all lessons in this folder, until `leave_class()`.

    From then on `check` tells the class of each exercise that you pass: your name, the numbers of
    those passed since you joined first, and a random mark that tells you from another of your
    name. It tells nothing else, never your code, and nobody who has not joined. Joined again, you
    may take another name or link and stay the same learner. Raise ChatkitError if no class lets
    you in. To chat with the class: `ChatWidget(link, name)`, or open the link in a browser.
    """
    shown = tidy(name)
    if not shown:
        raise ChatkitError('A class shows your name: join_class(link, "Ada").')
    before = known()
    mark, passed = (before.mark, before.passed) if before else (secrets.token_hex(8), ())
    learner = Membership(link.replace(PROJECTOR, ""), shown, mark, passed)
    await learner.tell()
    learner.keep()
    return Note(
        f"You are in the class at {learner.place} as {shown}. From now on each check that you pass "
        "is told there, for all to see: your name, the exercise's number and a random mark that "
        "tells you from another of your name. Nothing else, and never your code. leave_class() "
        "ends that."
    )


def known() -> Membership | None:
    """Return who the learner has been in a class, if that can still be read."""
    try:
        return membership()
    except ChatkitError:  # the file is about to be written anew
        return None


def leave_class() -> Note:
    """Leave the class: nothing is told from now on, in no lesson of this folder."""
    file = lessons_folder() / FILE
    joined = file.exists()
    file.unlink(missing_ok=True)
    if not joined:
        return Note("You are in no class: nothing is told.")
    return Note("You have left the class: what was told stays there, and nothing more is told.")


def solutions_are_withheld() -> bool:
    """Return True if the learner is in a class whose link asks to keep solutions for later."""
    learner = known()
    return learner is not None and WITHHELD in parse_qsl(urlsplit(learner.link).query)


async def tell_class(exercise: str) -> str:
    """Tell the class, if one was joined, of an exercise that was passed; return how that went."""
    try:
        learner = membership()
        if learner is None:
            return ""
        passed = tuple(sorted({*learner.passed, exercise}))
        learner = msgspec.structs.replace(learner, passed=passed)
        learner.keep()
        await learner.tell()
    except Exception as error:  # whatever it is, the answer was right
        return f"Your class was not told, and will be with the next check that you pass. {error}"
    return "Your class was told."
