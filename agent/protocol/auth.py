"""Who is there: what is signed, and what a one-time code proves.

Nothing secret crosses the wire. The agent signs a transcript of the handshake with its ed25519 key; an enrolling
agent also proves that it knows the code, by an HMAC over the same transcript, so that whoever reads the connection
can neither repeat the proof nor use the code for a key of its own.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.errors import ConfigurationError
from agent.protocol.frames import Challenge, Enroll, Hello

Signer = Callable[[bytes], bytes]

_DOMAIN: Final = b"groundwire handshake 1"
_CODE_DOMAIN: Final = b"groundwire enrolment code 1"
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U to be misread
_LOOK_ALIKES: Final = str.maketrans("ILO", "110")
_CODE_ID_LENGTH: Final = 5
_CODE_LENGTH: Final = 20  # 5 that name the code, 15 that keep it: 75 random bits, out of reach while it lives
CODE_RANDOM_BYTES: Final = 20  # what `make_code` wants; one byte per character keeps it free of bias


def encode_bytes(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode_bytes(text: str) -> bytes:
    """Only for text whose alphabet and length a frame has checked."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def transcript(greeting: Hello | Enroll, challenge: Challenge) -> bytes:
    """The bytes that are signed: every field length-prefixed, so that no two handshakes share one."""
    if isinstance(greeting, Hello):
        parts = ["hello", greeting.agent, str(greeting.epoch)]
    else:
        parts = ["enroll", greeting.public_key, greeting.name, greeting.code_id]
    parts += [
        f"{greeting.protocol_min}-{greeting.protocol_max}",
        str(challenge.protocol),
        challenge.relay,
        challenge.nonce,
    ]
    encoded = [_DOMAIN, *(part.encode() for part in parts)]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def verify_signature(public_key: bytes, signature: str, signed: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(decode_bytes(signature), signed)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True, repr=False)
class Code:
    """A one-time code. `id` may be stored and logged; the whole is shown once to a person."""

    text: str

    @property
    def id(self) -> str:
        return self.text[:_CODE_ID_LENGTH]

    @property
    def verifier(self) -> str:
        """What the relay keeps instead of the code."""
        return hashlib.sha256(_CODE_DOMAIN + b"\0" + self.text.encode()).hexdigest()

    @property
    def shown(self) -> str:
        return "-".join(self.text[i : i + 5] for i in range(0, _CODE_LENGTH, 5))

    def __repr__(self) -> str:
        return f"Code({self.id}-...)"


def make_code(random: bytes) -> Code:
    if len(random) < CODE_RANDOM_BYTES:
        message = f"a code needs {CODE_RANDOM_BYTES} random bytes"
        raise ValueError(message)
    return Code("".join(_ALPHABET[byte % len(_ALPHABET)] for byte in random[:CODE_RANDOM_BYTES]))


def parse_code(text: str) -> Code:
    """Read a code as people type it: any case, any grouping, look-alike letters."""
    plain = "".join(ch for ch in text.upper() if ch not in "- \t\r\n").translate(_LOOK_ALIKES)
    if len(plain) != _CODE_LENGTH or any(ch not in _ALPHABET for ch in plain):
        raise ConfigurationError(
            "this is not an enrolment code",
            where="enrolment code",
            hint="A code has four groups of five characters, such as 7QK2M-...; copy it whole from the relay.",
        )
    return Code(plain)


def code_proof(verifier: str, signed: bytes) -> str:
    return hmac.new(bytes.fromhex(verifier), signed, hashlib.sha256).hexdigest()


def verify_code_proof(verifier: str, proof: str, signed: bytes) -> bool:
    return hmac.compare_digest(code_proof(verifier, signed), proof)
