"""Which credentials a source has refused, remembered across restarts so that they are not tried again.

What is kept is a slow keyed fingerprint of the values and of the options they were offered with: enough to tell them
apart from corrected ones, of little use for guessing them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent.errors import CredentialsRefused, GroundwireError, VersionMismatch
from agent.secrets import redact
from agent.settings import ConnectionSettings
from agent.upgrade.newer import refuse_newer
from agent.vault.files import read_private, replace_private

REFUSED_FILE: Final = "refused.json"
FORMAT: Final = 1
SCRYPT_COST: Final = (
    2**14
)  # with 8 blocks: 16 MiB and some 50 ms a guess; paid only for a refusal and what follows it
SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Offered:
    """What a source is asked to accept; never shown."""

    connection: str
    driver: str
    options: Mapping[str, Any]
    secrets: Mapping[str, str]

    @classmethod
    def of(cls, settings: ConnectionSettings, secrets: Mapping[str, str]) -> Offered:
        return cls(settings.name, settings.driver, settings.options, dict(secrets))

    def __repr__(self) -> str:
        return f"Offered({self.connection})"

    def fingerprint(self, salt: bytes) -> bytes:
        content = json.dumps([self.driver, self.options, self.secrets], sort_keys=True, default=str).encode()
        return hashlib.scrypt(content, salt=salt, n=SCRYPT_COST, r=8, p=1, dklen=32, maxmem=64 * 1024 * 1024)


class RefusedCredentials:
    """A small file of the state folder, by connection."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / REFUSED_FILE

    def find(self, offered: Offered) -> CredentialsRefused | None:
        """The refusal, if just these credentials were refused. Raises VersionMismatch for a file of a newer version."""
        entry = self._entries().get(offered.connection)
        if entry is None:
            return None
        try:
            salt, known = (base64.b64decode(entry[name]) for name in ("salt", "fingerprint"))
            words = {name: str(entry[name]) for name in ("message", "where", "hint")}
        except (KeyError, ValueError, TypeError):
            return None  # damaged: at worst one more try
        if not hmac.compare_digest(offered.fingerprint(salt), known):
            return None
        return CredentialsRefused(**words)

    def knows(self, connection: str) -> bool:
        """What a newer version noted cannot be read, and counts as a refusal."""
        try:
            return connection in self._entries()
        except VersionMismatch:
            return True

    def remember(self, offered: Offered, error: CredentialsRefused) -> None:
        """Durable when this returns. Raises StorageFull or NotPermitted."""
        salt = os.urandom(SALT_BYTES)
        entry = {
            "salt": base64.b64encode(salt).decode(),
            "fingerprint": base64.b64encode(offered.fingerprint(salt)).decode(),
            "message": redact(error.message),
            "where": redact(error.where),
            "hint": redact(error.hint),
        }
        self._write({**self._entries(), offered.connection: entry})

    def forget(self, connection: str) -> None:
        entries = self._entries()
        if entries.pop(connection, None) is not None:
            self._write(entries)

    def _entries(self) -> dict[str, Any]:
        try:
            document = json.loads(read_private(self._path) or b"{}")
        except (ValueError, GroundwireError):
            return {}
        if not isinstance(document, dict):
            return {}
        refuse_newer(document.get("format"), FORMAT, self._path)
        entries = document.get("connections")
        return (
            {name: one for name, one in entries.items() if isinstance(one, dict)}
            if isinstance(entries, dict)
            else {}
        )

    def _write(self, entries: Mapping[str, Any]) -> None:
        replace_private(self._path, json.dumps({"format": FORMAT, "connections": entries}, indent=1).encode())
