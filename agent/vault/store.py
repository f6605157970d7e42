"""The vault: every secret that was set with `groundwire secret set`, encrypted in one file of the state folder.

The file is replaced whole, under a lock that agent and command line share. Each record is sealed with the data key and
bound to its name and its vault; a seal over everything else makes a swapped, added or removed record show.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from agent.errors import ConfigurationError, StorageDamaged, VersionMismatch
from agent.sealing import NotAuthentic, new_key, seal, unseal
from agent.secrets import MAX_SECRET_BYTES, Secret, is_secret_name, learn
from agent.vault.files import SYSTEM_DISK, Disk, locked, read_private, replace_private
from agent.vault.protection import Protection, Protections, WrongKey

VAULT_FILE: Final = "vault.json"
LOCK_FILE: Final = "vault.lock"
GENERATION_FILE: Final = "vault.generation"
FORMAT: Final = 1
PADDING: Final = 128  # bytes: the file tells the length of a value only as roughly as this
MAX_WORD_CHARS: Final = 200  # of who set a secret

_ANEW: Final = "Put the file back from a backup, or move it away and set the secrets anew with `groundwire secret set NAME`."
_MOVED: Final = (
    "If the state folder came from another machine, or its key is gone: run `groundwire secret export` where it still "
    "opens, move vault.json away here, and `groundwire secret import`. Where the key is a systemd credential, ask the "
    "running agent, which has it: start the agent and repeat the command."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What may be told of a secret."""

    name: str
    at: str  # RFC 3339
    by: str


@dataclass(frozen=True, slots=True)
class VaultFacts:
    protection: str  # of the vault, or of the one that the first secret would make
    sentence: str
    exists: bool
    better: str = ""  # a protection that this host has and the vault does not use yet
    older: bool = False  # a vault of an earlier day was put in the place of this one


@dataclass(frozen=True, slots=True)
class _Open:
    document: dict[str, Any]
    data_key: bytes


class Vault:
    """Safe to use from several threads and processes. Every call reads the file: there is no state to go stale."""

    def __init__(
        self,
        state_dir: Path,
        *,
        environ: Mapping[str, str] | None = None,
        disk: Disk = SYSTEM_DISK,
        platform: str = sys.platform,
    ) -> None:
        self.path = state_dir / VAULT_FILE
        self._lock = state_dir / LOCK_FILE
        self._generation = state_dir / GENERATION_FILE
        self._disk = disk
        self._protections = Protections(
            state_dir, os.environ if environ is None else environ, disk=disk, platform=platform
        )

    def get(self, name: str) -> Secret | None:
        """Raises ConfigurationError without the right key, StorageDamaged for a file that was changed."""
        if not self.path.exists():
            return None
        with locked(self._lock):
            found = self._open()
        return None if found is None else self._value(found, name)

    def values(self) -> dict[str, Secret]:
        """All of them, for an export."""
        with locked(self._lock):
            found = self._open()
        if found is None:
            return {}
        values = {name: self._value(found, name) for name in found.document["records"]}
        return {name: value for name, value in values.items() if value is not None}

    def entries(self) -> list[Entry]:
        """Needs no key; and says what the file says, which is proven only when a value is read."""
        document = self._read()
        records = {} if document is None else document["records"]
        return [Entry(name, record["at"], record["by"]) for name, record in sorted(records.items())]

    def facts(self) -> VaultFacts:
        best, document = self._protections.best(), self._read()
        if document is None:
            return VaultFacts(best.kind, best.sentence, exists=False)
        kind = document["key"]["protection"]
        try:
            sentence = self._protections.named(kind).sentence
        except WrongKey as error:
            sentence = str(error)
        better = best.kind if best.kind != kind else ""
        older = document["generation"] < self._newest_generation()
        return VaultFacts(kind, sentence, exists=True, better=better, older=older)

    def put(self, values: Mapping[str, Secret], *, by: str, at: datetime) -> None:
        """Store values, all or none; durable when this returns."""
        for name, value in values.items():
            _refuse_unfit(name, value)
            learn(value)

        def change(found: _Open) -> None:
            for name, value in values.items():
                found.document["records"][name] = {
                    "sealed": self._sealed(found, name, value),
                    "at": at.isoformat(timespec="seconds"),
                    "by": by[:MAX_WORD_CHARS],
                }

        self._change(change)

    def remove(self, name: str) -> bool:
        """Whether it was there."""
        if not any(entry.name == name for entry in self.entries()):
            return False
        self._change(lambda found: found.document["records"].pop(name, None))
        return True

    def rekey(self) -> VaultFacts:
        """Seal everything anew with a new data key, guarded by the best protection that this host has now."""
        with locked(self._lock):
            found = self._open()
            if found is not None:
                before = self._protections.named(found.document["key"]["protection"])
                best = self._protections.best()
                fresh = self._fresh(
                    best, vault=found.document["vault"], generation=found.document["generation"]
                )
                for name, record in found.document["records"].items():
                    value = self._value(found, name)
                    if value is not None:
                        fresh.document["records"][name] = {
                            **record,
                            "sealed": self._sealed(fresh, name, value),
                        }
                self._write(fresh)
                best.settle(fresh.document["key"])
                if before.kind != best.kind:
                    before.leave()
        return self.facts()

    def probe(self) -> None:
        """Raise what would keep a value from being stored now: no key, no room, no permission."""
        self._change(lambda _: None)

    # Inside the lock.

    def _change(self, change: Callable[[_Open], Any]) -> None:
        with locked(self._lock):
            found = self._open() or self._fresh(self._protections.best(), vault=os.urandom(16).hex())
            change(found)
            self._write(found)

    def _fresh(self, protection: Protection, *, vault: str, generation: int = 0) -> _Open:
        data_key = new_key()
        document = {
            "format": FORMAT,
            "vault": vault,
            "generation": generation,
            "key": protection.wrap(data_key, vault),
            "records": {},
        }
        return _Open(document, data_key)

    def _write(self, found: _Open) -> None:
        document = found.document
        document["generation"] = max(document["generation"], self._newest_generation()) + 1
        document.pop("seal", None)
        document["seal"] = _text(seal(found.data_key, b"", bound_to=document))
        replace_private(self.path, json.dumps(document, indent=1).encode(), disk=self._disk)
        # Behind the vault: a power cut between the two leaves a vault that is newer than noted, which is no fault.
        replace_private(self._generation, str(document["generation"]).encode(), disk=self._disk)

    def _newest_generation(self) -> int:
        content = read_private(self._generation) or b"0"
        return int(content) if content.isdigit() else 0

    def _read(self) -> dict[str, Any] | None:
        content = read_private(self.path)
        if content is None:
            return None
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self._damaged("the vault cannot be read") from error
        if isinstance(document, dict) and type(document.get("format")) is int and document["format"] > FORMAT:
            raise VersionMismatch(
                "the vault was written by a newer version", where=str(self.path), hint="Upgrade this one."
            )
        if not _is_vault(document):
            raise self._damaged("the vault cannot be read")
        return document

    def _open(self) -> _Open | None:
        document = self._read()
        if document is None:
            return None
        try:
            wrapping = document["key"]
            data_key = self._protections.named(wrapping["protection"]).unwrap(wrapping, document["vault"])
        except WrongKey as error:
            raise ConfigurationError(
                f"the vault does not open: {error}", where=str(self.path), hint=_MOVED
            ) from error
        unsealed = {name: value for name, value in document.items() if name != "seal"}
        try:
            unseal(data_key, _bytes(document["seal"]), bound_to=unsealed)
        except (NotAuthentic, ValueError) as error:
            raise self._damaged(
                "the vault is damaged, or was changed by something else than Groundwire"
            ) from error
        return _Open(document, data_key)

    def _value(self, found: _Open, name: str) -> Secret | None:
        record = found.document["records"].get(name)
        if record is None:
            return None
        try:
            padded = unseal(found.data_key, _bytes(record["sealed"]), bound_to=_binding(found, name))
            value = Secret(padded.rstrip(b"\0")[:-1].decode())
        except (NotAuthentic, ValueError) as error:
            raise self._damaged(f"the secret {name} in the vault is damaged") from error
        learn(value)
        return value

    def _sealed(self, found: _Open, name: str, value: Secret) -> str:
        content = value.reveal().encode() + b"\1"
        padded = content.ljust(-(-len(content) // PADDING) * PADDING, b"\0")
        return _text(seal(found.data_key, padded, bound_to=_binding(found, name)))

    def _damaged(self, sentence: str) -> StorageDamaged:
        return StorageDamaged(sentence, where=str(self.path), hint=_ANEW)


def _binding(found: _Open, name: str) -> list[Any]:
    return ["groundwire secret", FORMAT, found.document["vault"], name]


def _refuse_unfit(name: str, value: Secret) -> None:
    if not is_secret_name(name):
        raise ConfigurationError(
            "this is no name for a secret",
            hint="Letters, digits, dot, underscore and hyphen; it begins with a letter or a digit.",
        )
    if not value or len(value.reveal().encode()) > MAX_SECRET_BYTES:
        raise ConfigurationError(
            f"a secret has between 1 and {MAX_SECRET_BYTES} bytes", where=f"secret:{name}"
        )


def _is_vault(document: Any) -> bool:
    """Whether it has a vault's form; whether it is the agent's own is for the seal to say."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        return False
    key, records = document.get("key"), document.get("records")
    return (
        all(isinstance(document.get(name), str) for name in ("vault", "seal"))
        and type(document.get("generation")) is int
        and isinstance(key, dict)
        and all(isinstance(key.get(name), str) for name in ("protection", "id", "wrapped"))
        and isinstance(records, dict)
        and all(
            isinstance(record, dict)
            and all(isinstance(record.get(name), str) for name in ("sealed", "at", "by"))
            for record in records.values()
        )
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
