"""The key that hashed fields leave under: made on first use, kept in the vault, never sent.

Whoever has the key can find out a hashed value by trying; whoever moves the vault to another machine keeps the hashes
equal there.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from agent.clock import Clock
from agent.errors import StorageDamaged
from agent.secrets import Secret
from agent.vault.store import Vault

NAME: Final = "groundwire-policy-hash"
KEY_BYTES: Final = 32


class PolicyKey:
    """Asked when a rule needs a key, and remembers it for the life of the process."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self._vault = Vault(state_dir)
        self._clock = clock
        self._key: bytes | None = None

    def __call__(self) -> bytes:
        """Raises what the vault raises when it cannot be opened or written."""
        if self._key is None:
            self._key = self._stored() or self._made()
        return self._key

    def if_there(self) -> bytes:
        """For whoever only looks: the key, or one for this process alone where none was ever needed."""
        if self._key is None:
            self._key = self._stored() or secrets.token_bytes(KEY_BYTES)
        return self._key

    def _stored(self) -> bytes | None:
        secret = self._vault.get(NAME)
        if secret is None:
            return None
        try:
            key = bytes.fromhex(secret.reveal())
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise StorageDamaged(
                f"the secret {NAME} is no key for hashed fields",
                where=str(self._vault.path),
                hint=f"Import it from where it was exported, or remove it: `groundwire secret remove {NAME}`; then "
                "every hashed value leaves with another hash.",
            )
        return key

    def _made(self) -> bytes:
        key = secrets.token_bytes(KEY_BYTES)
        self._vault.put({NAME: Secret(key.hex())}, by="the agent", at=self._clock.utcnow())
        return key
