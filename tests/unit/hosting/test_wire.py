from __future__ import annotations

from contextlib import suppress

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.hosting.limits import MAX_BODY_BYTES, MAX_HEADER_BYTES
from agent.hosting.wire import LENGTHS, FrameAssembler, WireFault, encode_head

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
FRAMES = st.lists(
    st.tuples(st.dictionaries(st.text(), JSON, max_size=3), st.binary(max_size=300)), max_size=4
)


@given(frames=FRAMES, cuts=st.lists(st.integers(1, 97), max_size=20))
def test_frames_are_the_same_whatever_pieces_they_arrive_in(frames, cuts):
    stream = b"".join(encode_head(header, len(body)) + body for header, body in frames)
    assembler, received = FrameAssembler(), []
    for cut in [*cuts, len(stream)]:
        piece, stream = stream[:cut], stream[cut:]
        received += assembler.feed(piece)

    assert [(frame.header, _bytes(frame.body)) for frame in received] == frames
    assert not assembler.midway


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_a_fault(data):
    with suppress(WireFault):
        FrameAssembler().feed(data)


@pytest.mark.parametrize(
    "lengths", [(0, 0), (MAX_HEADER_BYTES + 1, 0), (2, MAX_BODY_BYTES + 1), (0xFFFFFFFF, 0xFFFFFFFF)]
)
def test_lengths_out_of_bounds_are_refused_before_memory_is_taken(lengths):
    with pytest.raises(WireFault, match="the limit is"):
        FrameAssembler().feed(LENGTHS.pack(*lengths))


@pytest.mark.parametrize("header", [b"[]", b"\xff\xff", b"{", b"[" * 100_000])
def test_a_header_that_is_not_a_json_object_is_refused(header):
    with pytest.raises(WireFault, match="a header that is not"):
        FrameAssembler().feed(LENGTHS.pack(len(header), 0) + header)


def test_a_frame_that_has_begun_is_known_to_be_unfinished():
    assembler = FrameAssembler()
    whole = encode_head({"id": 1}, 4) + b"body"
    assembler.feed(whole[:-1])

    assert assembler.midway


def test_a_body_above_the_limit_is_not_sent():
    with pytest.raises(WireFault, match="the limit is"):
        encode_head({}, MAX_BODY_BYTES + 1)


def _bytes(body: pa.Buffer | None) -> bytes:
    return b"" if body is None else body.to_pybytes()
