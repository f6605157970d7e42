"""minisign's public keys and signatures: Ed25519 over the BLAKE2b-512 of a file, and over its trusted comment. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_KEY_KIND: Final = b"Ed"
_HASHED: Final = b"ED"  # minisign's older kind signs the file itself, and is not taken
_ID_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
_KEY_BYTES: Final = 32
_UNTRUSTED: Final = "untrusted comment: "
_TRUSTED: Final = "trusted comment: "


@dataclass(frozen=True, slots=True)
class PublicKey:
    key_id: bytes
    key: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a .pub file, or its second line alone. Raises ValueError."""
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith(_UNTRUSTED)]
        if len(lines) != 1:
            raise ValueError("not a minisign public key: it has one line behind its comment")
        raw = _decoded(lines[0].strip())
        if len(raw) != len(_KEY_KIND) + _ID_BYTES + _KEY_BYTES or raw[:2] != _KEY_KIND:
            raise ValueError("not a minisign public key")
        return cls(raw[2:10], raw[10:])

    @property
    def name(self) -> str:
        """As minisign shows it."""
        return self.key_id[::-1].hex().upper()


@dataclass(frozen=True, slots=True)
class Signature:
    key_id: bytes
    of_file: bytes
    trusted_comment: str
    of_comment: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a .minisig file. Raises ValueError."""
        lines = text.split("\n")
        if lines and lines[-1] == "":
            lines.pop()
        match lines:
            case [untrusted, signature, trusted, of_comment]:
                pass
            case _:
                raise ValueError("not a minisign signature: it has four lines")
        if not untrusted.startswith(_UNTRUSTED) or not trusted.startswith(_TRUSTED):
            raise ValueError("not a minisign signature: a comment is missing")
        raw = _decoded(signature)
        if len(raw) != len(_HASHED) + _ID_BYTES + _SIGNATURE_BYTES or raw[:2] != _HASHED:
            raise ValueError("not a minisign signature over a hash")
        return cls(raw[2:10], raw[10:], trusted.removeprefix(_TRUSTED), _decoded(of_comment))

    @property
    def key_name(self) -> str:
        return self.key_id[::-1].hex().upper()


def is_signed(content: bytes, signature: Signature, key: PublicKey) -> bool:
    """Whether the key's holder signed both this content and the signature's trusted comment."""
    if signature.key_id != key.key_id:
        return False
    public = Ed25519PublicKey.from_public_bytes(key.key)
    try:
        public.verify(signature.of_file, hashlib.blake2b(content).digest())
        public.verify(signature.of_comment, signature.of_file + signature.trusted_comment.encode())
    except InvalidSignature:
        return False
    return True


def _decoded(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error
    if base64.b64encode(raw).decode() != text:  # bits behind the last byte: one signature has one text
        raise ValueError("not base64 as it is written")
    return raw
