"""Places in the store as texts for those who read it: to be kept and given back, not to be read or made.

Positions count the batches of all tenants. Shown as they are they would tell one tenant how much the others send, so
they travel sealed, each for its tenant and its purpose. Sealing the same place twice gives the same text.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_BYTES: Final = 64
_MAX_LENGTH: Final = 200  # characters; ours are 48


def new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


class Seals:
    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def close(self, content: bytes, *about: str) -> str:
        """`about`: the tenant first, then what else the text is good for. Nothing else opens it."""
        sealed = self._cipher.encrypt(content, _bound(about))
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, text: str, *about: str) -> bytes | None:
        """None: it is not one that was closed here for this."""
        if not 0 < len(text) <= _MAX_LENGTH:
            return None
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            return self._cipher.decrypt(sealed, _bound(about))
        except (binascii.Error, InvalidTag, ValueError):
            return None


def _bound(about: tuple[str, ...]) -> list[bytes]:
    return [part.encode() for part in about]
