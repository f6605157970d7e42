"""The operator's password of the console, kept as a hash in a file that only the agent's user may read."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final

import orjson

from agent.errors import ConfigurationError, StorageDamaged
from agent.upgrade.newer import refuse_newer
from agent.vault.files import read_private, remove_private, replace_private

PASSWORD_FILE: Final = "console.password"  # noqa: S105 - a file's name
VERSION: Final = 1  # of the file
LEAST_CHARS: Final = 10
MOST_CHARS: Final = 1_000
_N, _R, _P = 2**15, 8, 1  # 32 MiB and about a tenth of a second
_MEMORY: Final = 64 * 1024 * 1024


class Password:
    """Every method blocks: reads, writes or computes."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / PASSWORD_FILE

    def is_set(self) -> bool:
        """Raises ConfigurationError where others could read the file or put it there."""
        return read_private(self._path) is not None

    def keep(self, password: str) -> None:
        """Raises ConfigurationError for one that is too short."""
        if not LEAST_CHARS <= len(password) <= MOST_CHARS:
            raise ConfigurationError(
                f"a password has {LEAST_CHARS} to {MOST_CHARS} characters",
                hint="A few words are easier to remember, and harder to guess, than odd characters.",
            )
        salt = secrets.token_bytes(16)
        document = {"version": VERSION, "salt": salt.hex(), "hash": _scrypt(password, salt).hex()}
        replace_private(self._path, orjson.dumps(document))

    def remove(self) -> bool:
        there = self.is_set()
        if there:
            remove_private(self._path)
        return there

    def fits(self, password: str) -> bool:
        """Also where none is asked for. Raises StorageDamaged or VersionMismatch for a file that cannot be understood."""
        if (content := read_private(self._path)) is None:
            return True
        try:
            document = orjson.loads(content)
            refuse_newer(document["version"], VERSION, self._path)
            known = document["version"] == VERSION
            salt, kept = bytes.fromhex(document["salt"]), bytes.fromhex(document["hash"])
        except (ValueError, KeyError, TypeError):
            known, salt, kept = False, b"", b""
        if not known:
            raise StorageDamaged(
                "cannot be understood",
                where=str(self._path),
                hint="Set the password anew: `groundwire console password`.",
            )
        return hmac.compare_digest(_scrypt(password[:MOST_CHARS], salt), kept)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "replace"), salt=salt, n=_N, r=_R, p=_P, maxmem=_MEMORY, dklen=32
    )
