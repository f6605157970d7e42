"""How a secret lies on disk: AES-256-GCM, with everything that says what it is as associated data."""

from __future__ import annotations

import json
import os
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12  # random: a data key seals far fewer than 2^32 records before it is changed


class NotAuthentic(Exception):
    """Sealed with another key, or changed since."""


def new_key() -> bytes:
    return AESGCM.generate_key(bit_length=KEY_BYTES * 8)


def seal(key: bytes, content: bytes, *, bound_to: Any) -> bytes:
    """Encrypt; `bound_to` (JSON) is not kept, and only who names the same can open."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, _bytes(bound_to))


def unseal(key: bytes, sealed: bytes, *, bound_to: Any) -> bytes:
    """Raises NotAuthentic."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bytes(bound_to))
    except (InvalidTag, ValueError) as error:
        raise NotAuthentic from error


def derived_key(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose from a secret of good randomness and any form, such as a line of text."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose.encode()).derive(secret)


def key_id(key: bytes) -> str:
    """Tells keys apart and says nothing about them."""
    return derived_key(key, "groundwire: name of a key")[:8].hex()


def _bytes(bound_to: Any) -> bytes:
    return json.dumps(bound_to, sort_keys=True, separators=(",", ":")).encode()
