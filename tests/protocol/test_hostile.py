"""Whatever arrives is read, or refused with a ProtocolFault: nothing else comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.faults import MAX_BATCH_BYTES, MAX_CONTROL_BYTES, MAX_CREDIT
from agent.protocol.frames import TYPE_NAMES, Hello, ProtocolFault, decode, encode
from agent.protocol.session import AgentSession, KnownAgent, RelaySession
from tests.protocol.scripts import SEED, message_of

FRAMES = [
    message_of(v["wire"])
    for v in json.loads((Path(__file__).with_name("vectors") / "frames.json").read_text())
]
TEXTS = [message for message in FRAMES if isinstance(message, str)]
BATCH = next(message for message in FRAMES if isinstance(message, bytes))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def read(message: str | bytes) -> bool:
    try:
        decode(message)
    except ProtocolFault:
        return False
    return True


@given(st.text() | st.binary())
def test_anything_is_read_or_refused(message: str | bytes) -> None:
    read(message)


@given(
    st.sampled_from(sorted(TYPE_NAMES.values())),
    st.dictionaries(st.text(max_size=12), json_values, max_size=5),
)
def test_any_object_of_a_known_type_is_read_or_refused(name: str, body: dict[str, Any]) -> None:
    read(json.dumps(body | {"type": name}))


@given(st.sampled_from(TEXTS), st.data())
def test_a_field_of_any_other_kind_is_read_or_refused(text: str, data: st.DataObject) -> None:
    body = json.loads(text)
    body[data.draw(st.sampled_from(sorted(body)))] = data.draw(json_values)
    read(json.dumps(body))


@given(st.sampled_from(TEXTS), st.integers(0, 2_000))
def test_a_control_frame_cut_anywhere_is_refused(text: str, cut: int) -> None:
    assert not read(text[: cut % len(text)])


@given(st.integers(0, 10_000))
def test_a_batch_cut_anywhere_is_refused(cut: int) -> None:
    assert isinstance(BATCH, bytes)
    assert not read(BATCH[: cut % len(BATCH)])


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_byte_never_passes_as_the_batch_it_was(place: int, flip: int) -> None:
    assert isinstance(BATCH, bytes)
    bad = bytearray(BATCH)
    bad[place % len(bad)] ^= flip
    try:
        frame = decode(bytes(bad))
    except ProtocolFault:
        return
    assert frame != decode(BATCH)


@pytest.mark.parametrize(
    "message",
    [
        "[" * MAX_CONTROL_BYTES,
        '{"a":' * 10_000,
        '"\\' * 30_000,
        '{"type":"heartbeat","n":' + "9" * 60_000 + "}",
        "\ud800" * 10,
        '{"type":"' + "é" * 40_000 + '"}',
        " " * (MAX_CONTROL_BYTES + 1),
        bytes(MAX_BATCH_BYTES + 1),
    ],
    ids=[
        "brackets",
        "objects",
        "open string",
        "huge number",
        "surrogates",
        "wide text",
        "long",
        "long binary",
    ],
)
def test_an_attack_on_the_parser_is_refused(message: str | bytes) -> None:
    assert not read(message)


def agent() -> AgentSession:
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    return AgentSession(Hello(1, 1, "agent-1", 4, "test"), sign=key.sign, now=0.0)


def relay() -> RelaySession:
    return RelaySession(relay="golden", nonce=bytes(32), now=0.0)


def opened() -> tuple[AgentSession, RelaySession]:
    left, right = agent(), relay()
    own = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()

    def exchange() -> None:
        for _ in range(3):
            for message in left.messages_to_send():
                right.receive(message, 0.0)
            for message in right.messages_to_send():
                left.receive(message, 0.0)

    exchange()
    right.authenticate(KnownAgent(own, 4))
    right.send_welcome(session="s", positions={}, credit=2, now=0.0)
    exchange()
    left.confirm(0.0)
    exchange()
    return left, right


@given(
    st.booleans(),
    st.lists(st.sampled_from(FRAMES) | st.text(max_size=20) | st.binary(max_size=20), max_size=12),
)
def test_frames_in_any_order_break_nothing_but_the_session(late: bool, messages: list[str | bytes]) -> None:
    """Every frame of either side, at either side, in any phase."""
    for side in opened() if late else (agent(), relay()):
        for message in messages:
            was_closed = side.closed
            try:
                events = side.receive(message, 1.0)
            except ProtocolFault:
                assert side.closed
            else:
                assert not (was_closed and events)
            for sent in side.messages_to_send():
                decode(sent)
        side.tick(1_000.0)
        assert side.closed
        assert side.next_deadline() is None


def test_an_agent_refuses_credit_above_the_bound() -> None:
    left, right = opened()
    right.grant(MAX_CREDIT)
    for message in right.messages_to_send():
        left.receive(message, 0.0)
    assert left.credit == MAX_CREDIT

    with pytest.raises(ProtocolFault):
        left.receive('{"type":"credit","batches":1}', 0.0)


def test_what_json_cannot_hold_is_refused_before_it_is_sent() -> None:
    from agent.protocol.frames import Result

    with pytest.raises(ProtocolFault):
        encode(Result("c", "failed", {"a": float("nan")}))
    with pytest.raises(ProtocolFault):
        encode(Result("c", "failed", {"a": object()}))
