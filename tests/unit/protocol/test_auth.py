from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigurationError
from agent.protocol.auth import (
    CODE_RANDOM_BYTES,
    code_proof,
    decode_bytes,
    encode_bytes,
    make_code,
    parse_code,
    transcript,
    verify_code_proof,
    verify_signature,
)
from agent.protocol.frames import Challenge, Enroll, Hello

NONCE = encode_bytes(bytes(32))
HELLO = Hello(1, 2, "agent-1", 4, "test")
ENROLL = Enroll(1, 2, encode_bytes(bytes(32)), "plant", "test", "ABCDE")
CHALLENGE = Challenge(NONCE, 1, "relay")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()


def test_a_transcript_differs_with_each_thing_it_names() -> None:
    variants = [
        transcript(HELLO, CHALLENGE),
        transcript(replace(HELLO, agent="agent-2"), CHALLENGE),
        transcript(replace(HELLO, epoch=5), CHALLENGE),
        transcript(replace(HELLO, protocol_min=2), CHALLENGE),
        transcript(replace(HELLO, protocol_max=3), CHALLENGE),
        transcript(HELLO, replace(CHALLENGE, protocol=2)),
        transcript(HELLO, replace(CHALLENGE, relay="other")),
        transcript(HELLO, replace(CHALLENGE, nonce=encode_bytes(b"\1" * 32))),
        transcript(ENROLL, CHALLENGE),
        transcript(replace(ENROLL, public_key=encode_bytes(b"\1" * 32)), CHALLENGE),
        transcript(replace(ENROLL, name="plant2"), CHALLENGE),
        transcript(replace(ENROLL, code_id="ABCDF"), CHALLENGE),
    ]

    assert len(set(variants)) == len(variants)


def test_no_two_splits_of_one_text_sign_the_same() -> None:
    """`ab` + `c` against `a` + `bc`: lengths are part of what is signed."""
    left = transcript(replace(ENROLL, name="ab", code_id="CCCCC"), CHALLENGE)
    right = transcript(replace(ENROLL, name="abC", code_id="CCCC"), CHALLENGE)

    assert left != right


def test_a_signature_is_good_for_its_key_and_its_bytes_alone() -> None:
    signature = encode_bytes(KEY.sign(b"this"))

    assert verify_signature(PUBLIC, signature, b"this")
    assert not verify_signature(PUBLIC, signature, b"that")
    assert not verify_signature(b"\1" * 32, signature, b"this")
    assert not verify_signature(b"short", signature, b"this")


def test_a_codes_proof_is_good_for_one_transcript() -> None:
    code = make_code(bytes(range(20)))
    proof = code_proof(code.verifier, b"this")

    assert verify_code_proof(code.verifier, proof, b"this")
    assert not verify_code_proof(code.verifier, proof, b"that")
    assert not verify_code_proof(make_code(bytes(20)).verifier, proof, b"this")


@given(st.binary(min_size=CODE_RANDOM_BYTES, max_size=CODE_RANDOM_BYTES))
def test_a_code_is_read_as_it_is_shown_in_any_dress(random: bytes) -> None:
    code = make_code(random)

    for text in (code.shown, code.shown.lower(), code.text, f" {code.shown.replace('-', ' ')}\n"):
        assert parse_code(text).verifier == code.verifier
    assert parse_code(code.shown.replace("0", "o").replace("1", "L")).text == code.text
    assert code.text[5:] not in repr(code)


@pytest.mark.parametrize("text", ["", "ABCDE", "U" * 20, "A" * 21, "ÄBCDE" * 4, "x" * 10_000])
def test_what_is_no_code_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_code(text)

    assert not text or text not in str(refused.value)


@given(st.binary(max_size=70))
def test_bytes_survive_their_text(raw: bytes) -> None:
    assert decode_bytes(encode_bytes(raw)) == raw
