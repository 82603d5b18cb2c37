"""The broadcaster without a network: a channel is anything that has `send` and `close`."""

import pytest

from chatkit.guide.broadcaster import Broadcaster


class Recorder:
    """A channel that keeps what it is sent."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.closed = False

    def send(self, message: str) -> None:
        self.received.append(message)

    def close(self) -> None:
        self.closed = True


class Broken(Recorder):
    """A channel that can't be written to."""

    def send(self, message: str) -> None:
        raise ConnectionError("gone")


@pytest.fixture
def broadcaster() -> Broadcaster:
    return Broadcaster()


def connect(broadcaster: Broadcaster, *channels: Recorder) -> None:
    for channel in channels:
        broadcaster.connect(channel)


def test_a_message_reaches_every_channel(broadcaster):
    ada, bob = Recorder(), Recorder()
    connect(broadcaster, ada, bob)
    broadcaster.notify_clients("hi")
    broadcaster.notify_clients("bye")
    assert ada.received == bob.received == ["hi", "bye"]


def test_a_channel_that_connects_twice_receives_a_message_once(broadcaster):
    ada = Recorder()
    connect(broadcaster, ada, ada)
    broadcaster.notify_clients("hi")
    assert ada.received == ["hi"]


def test_a_channel_that_left_receives_nothing(broadcaster):
    ada, bob = Recorder(), Recorder()
    connect(broadcaster, ada, bob)
    broadcaster.disconnect(ada)
    broadcaster.notify_clients("hi")
    assert (ada.received, bob.received) == ([], ["hi"])
    assert broadcaster.channels == {bob}


def test_disconnecting_an_unknown_channel_is_no_error(broadcaster):
    broadcaster.disconnect(Recorder())
    assert broadcaster.channels == set()


def test_a_message_to_nobody_is_no_error(broadcaster):
    broadcaster.notify_clients("hi")


def test_a_channel_that_fails_is_removed_and_closed_and_the_rest_still_receive(broadcaster, caplog):
    broken, others = Broken(), [Recorder() for _ in range(5)]
    connect(broadcaster, *others[:2], broken, *others[2:])
    broadcaster.notify_clients("hi")
    broadcaster.notify_clients("again")
    assert [each.received for each in others] == [["hi", "again"]] * 5
    assert broadcaster.channels == set(others)
    assert broken.closed
    assert caplog.messages == ["dropped a channel that could not be written to"]


def test_a_channel_that_can_not_even_be_closed_is_removed(broadcaster):
    class Stuck(Broken):
        def close(self) -> None:
            raise RuntimeError("stuck")

    ada = Recorder()
    connect(broadcaster, Stuck(), ada)
    broadcaster.notify_clients("hi")
    assert broadcaster.channels == {ada}
    assert ada.received == ["hi"]


def test_a_channel_may_leave_during_the_broadcast(broadcaster):
    class Leaving(Recorder):
        def send(self, message: str) -> None:
            super().send(message)
            broadcaster.disconnect(self)

    leaving, others = [Leaving() for _ in range(3)], [Recorder() for _ in range(3)]
    connect(broadcaster, *leaving, *others)
    broadcaster.notify_clients("hi")
    broadcaster.notify_clients("again")
    assert [each.received for each in leaving] == [["hi"]] * 3
    assert [each.received for each in others] == [["hi", "again"]] * 3


def test_a_channel_that_joins_during_the_broadcast_receives_the_next_message(broadcaster):
    late = Recorder()

    class Inviting(Recorder):
        def send(self, message: str) -> None:
            broadcaster.connect(late)

    connect(broadcaster, Inviting())
    broadcaster.notify_clients("hi")
    assert late.received == []
    broadcaster.notify_clients("again")
    assert late.received == ["again"]
