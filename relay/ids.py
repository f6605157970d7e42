"""Ids of things: what they are, and when they were made."""

from __future__ import annotations

import secrets
from datetime import datetime

from relay.store.base import to_micros


def new_id(prefix: str, now: datetime) -> str:
    """Sorts by creation: microseconds, then chance."""
    return f"{prefix}_{to_micros(now):014x}{secrets.token_hex(6)}"
