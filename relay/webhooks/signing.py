"""Pure: how a webhook is signed (Standard Webhooks): HMAC-SHA256 over id, timestamp and the raw body.

While a secret is being changed there are two signatures in the header, one of each: a receiver that knows either
takes the webhook.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
MIN_SECRET_BYTES: Final = 24  # what the standard asks for, of secrets that somebody brings along
MAX_SECRET_BYTES: Final = 64


class NotASecret(ValueError):
    """The text is no `whsec_` secret of a lawful length."""


def shown(key: bytes) -> str:
    """As it is shown once, and given to libraries."""
    return PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """The other way; raises NotASecret."""
    if not secret.startswith(PREFIX):
        raise NotASecret
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotASecret from error
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise NotASecret
    return key


def signed_headers(message: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """`keys`: the newest first."""
    seconds = str(int(at.timestamp()))
    content = b".".join((message.encode(), seconds.encode(), body))
    return {
        "webhook-id": message,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{_signature(key, content)}" for key in keys),
    }


def _signature(key: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
