"""Frames as bytes, held against the RFC's examples and another library's frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame as TheirFrame
from websockets.frames import Opcode as TheirOpcode
from websockets.streams import StreamReader

from chatkit.guide.frames import Frame, Opcode, apply_mask, read_frame, read_frames, text_frame

HELLO, MASK = b"Hello", bytes.fromhex("37fa213d")

# RFC 6455, section 5.7: the bytes, and what they are.
EXAMPLES = {
    "unmasked text": ("81 05 48 65 6c 6c 6f", Frame(Opcode.TEXT, HELLO)),
    "masked text": ("81 85 37 fa 21 3d 7f 9f 4d 51 58", Frame(Opcode.TEXT, HELLO, mask=MASK)),
    "first fragment": ("01 03 48 65 6c", Frame(Opcode.TEXT, b"Hel", final=False)),
    "last fragment": ("80 02 6c 6f", Frame(Opcode.CONTINUATION, b"lo")),
    "ping": ("89 05 48 65 6c 6c 6f", Frame(Opcode.PING, HELLO)),
    "masked pong": ("8a 85 37 fa 21 3d 7f 9f 4d 51 58", Frame(Opcode.PONG, HELLO, mask=MASK)),
    "256 bytes": ("82 7e 01 00" + "00" * 256, Frame(Opcode.BINARY, bytes(256))),
    "64 KiB": ("82 7f 00 00 00 00 00 01 00 00" + "00" * 65536, Frame(2, bytes(65536))),
}
LENGTHS = [0, 1, 125, 126, 127, 255, 256, 65535, 65536, 70000]  # one, three and nine bytes tell it


@pytest.fixture(autouse=True)
def no_error_is_logged() -> None:
    """Nothing here runs in an event loop, so no error can get lost there."""


def fields(frame: Frame | None) -> tuple:
    assert frame is not None
    return frame.opcode, frame.payload, frame.final, frame.mask


@pytest.mark.parametrize(("data", "meant"), EXAMPLES.values(), ids=EXAMPLES)
def test_the_examples_of_the_rfc_are_read(data: str, meant: Frame):
    frame = read_frame(bytes.fromhex(data))
    assert fields(frame) == fields(meant)
    assert frame.size == len(bytes.fromhex(data))


def test_a_text_frame_is_the_rfc_s():
    assert text_frame(HELLO) == bytes.fromhex(EXAMPLES["unmasked text"][0])


@pytest.mark.parametrize("length", LENGTHS)
def test_a_text_frame_is_the_websockets_library_s(length: int):
    text = b"x" * length
    assert text_frame(text) == TheirFrame(TheirOpcode.TEXT, text).serialize(mask=False)


@given(st.text())
def test_any_text_comes_back_and_the_websockets_library_reads_it_too(text: str):
    data = text_frame(text.encode())
    assert fields(read_frame(data)) == (Opcode.TEXT, text.encode(), True, b"")
    assert read_theirs(data).data == text.encode()


def read_theirs(data: bytes) -> TheirFrame:
    stream = StreamReader()
    stream.feed_data(data)
    with pytest.raises(StopIteration) as end:
        next(TheirFrame.parse(stream.read_exact, mask=False))
    return end.value.value


def test_a_mask_taken_twice_is_none():
    assert apply_mask(HELLO, MASK) == bytes.fromhex("7f9f4d5158")
    assert apply_mask(apply_mask(HELLO, MASK), MASK) == HELLO


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("masked", [False, True])
def test_a_frame_that_is_not_all_there_waits(length: int, masked: bool):
    data = TheirFrame(TheirOpcode.TEXT, b"x" * length).serialize(mask=masked)
    cuts = {*range(min(len(data), 16)), len(data) - 1}
    assert [cut for cut in cuts if read_frame(data[:cut]) is not None] == []


DATA = [TheirOpcode.TEXT, TheirOpcode.BINARY, TheirOpcode.CONT]
CONTROL = [TheirOpcode.PING, TheirOpcode.PONG]  # short, and whole
payloads = st.binary(max_size=10) | st.sampled_from(LENGTHS).map(lambda n: b"abc" * (n // 3))
their_frames = st.builds(TheirFrame, st.sampled_from(DATA), payloads, st.booleans()) | st.builds(
    TheirFrame, st.sampled_from(CONTROL), st.binary(max_size=125)
)


@given(st.lists(st.tuples(their_frames, st.booleans()), max_size=4), st.data())
def test_any_split_of_a_stream_gives_the_same_frames(
    stream: list[tuple[TheirFrame, bool]], data: st.DataObject
):
    whole = b"".join(frame.serialize(mask=masked) for frame, masked in stream)
    near = st.integers(0, min(len(whole), 20)) | st.integers(0, len(whole))
    cuts = sorted(data.draw(st.lists(near, max_size=6)))
    got, rest = [], b""
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        frames, rest = read_frames(rest + whole[start:end])
        got += frames
    assert rest == b""
    assert [(f.opcode, f.payload, f.final, bool(f.mask)) for f in got] == [
        (frame.opcode, frame.data, frame.fin, masked) for frame, masked in stream
    ]
    assert sum(frame.size for frame in got) == len(whole)
