"""The secrets of endpoints as they lie in the store: encrypted with a key from a file of the relay."""

from __future__ import annotations

import os
from pathlib import Path

from agent.errors import ConfigurationError
from agent.sealing import KEY_BYTES, NotAuthentic, new_key, seal, unseal
from relay.webhooks.base import SealedSecret


class Keyring:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "Keyring(***)"

    def close(self, tenant: str, endpoint: str, secret: bytes) -> bytes:
        return seal(self._key, secret, bound_to=_purpose(tenant, endpoint))

    def open(self, tenant: str, endpoint: str, kept: SealedSecret) -> bytes | None:
        """None: it was closed with another key, or for another endpoint."""
        try:
            return unseal(self._key, kept.sealed, bound_to=_purpose(tenant, endpoint))
        except NotAuthentic:
            return None


def _purpose(tenant: str, endpoint: str) -> list[str]:
    return ["webhook secret", tenant, endpoint]


def load_keyring(path: Path) -> Keyring:
    """Read the key, or make it where there is none yet."""
    try:
        text = path.read_text("ascii").strip() if path.exists() else _make(path)
        key = bytes.fromhex(text)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            "The key of the webhooks' secrets cannot be read.",
            where=str(path),
            hint="Put the file back from a copy. Without it, remove it and rotate the secret of each endpoint.",
        ) from error
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            f"The key of the webhooks' secrets has {len(key)} bytes, not {KEY_BYTES}.",
            where=str(path),
            hint="Put the file back from a copy. Without it, remove it and rotate the secret of each endpoint.",
        )
    return Keyring(key)


def _make(path: Path) -> str:
    """Under another name first: a relay that is killed meanwhile, or starts beside, never meets half a key."""
    text = new_key().hex()
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    except FileExistsError:
        return path.read_text("ascii").strip()
    finally:
        aside.unlink(missing_ok=True)
    return text
