"""Secrets on their way to another machine: one file, sealed with a passphrase."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from agent.errors import ConfigurationError, StorageDamaged, VersionMismatch
from agent.sealing import KEY_BYTES, NotAuthentic, seal, unseal
from agent.secrets import Secret, learn

FORMAT: Final = 1
COST: Final = 2**17  # with 8 blocks: 128 MiB and about half a second a guess
COSTS: Final = frozenset(2**power for power in range(10, 21))  # of a file from elsewhere: at most 1 GiB
BLOCKS: Final = 8
SALT_BYTES: Final = 16
MIN_PASSPHRASE_CHARS: Final = 12


def seal_for_transfer(values: Mapping[str, Secret], passphrase: Secret, *, cost: int = COST) -> bytes:
    """Raises ConfigurationError for a passphrase that is soon guessed."""
    if len(passphrase.reveal()) < MIN_PASSPHRASE_CHARS:
        raise ConfigurationError(
            f"the passphrase has fewer than {MIN_PASSPHRASE_CHARS} characters",
            hint="Whoever has the file can try passphrases without end: choose several words.",
        )
    header: dict[str, Any] = {
        "groundwire": "secrets",
        "format": FORMAT,
        "scrypt": {"cost": cost, "blocks": BLOCKS, "salt": base64.b64encode(os.urandom(SALT_BYTES)).decode()},
    }
    content = json.dumps({name: value.reveal() for name, value in values.items()}).encode()
    sealed = seal(_key(header["scrypt"], passphrase), content, bound_to=header)
    return json.dumps(header | {"sealed": base64.b64encode(sealed).decode()}, indent=1).encode()


def open_transfer(content: bytes, passphrase: Secret, *, where: str) -> dict[str, Secret]:
    """Raises ConfigurationError for a wrong passphrase, StorageDamaged for another kind of file."""
    header, sealed = _parse(content, where)
    try:
        plain = unseal(_key(header["scrypt"], passphrase), sealed, bound_to=header)
    except NotAuthentic as error:
        raise ConfigurationError(
            "the file does not open: the passphrase is wrong, or the file was changed",
            where=where,
            hint="Repeat with the passphrase of the export.",
        ) from error
    values = {str(name): Secret(value) for name, value in json.loads(plain).items()}
    for value in values.values():
        learn(value)
    return values


def _parse(content: bytes, where: str) -> tuple[dict[str, Any], bytes]:
    try:
        document = json.loads(content)
        if document["groundwire"] != "secrets":
            raise ValueError("another kind of file")  # noqa: TRY301 - one answer for everything it may be
        if document["format"] != FORMAT:
            raise VersionMismatch("the file was written by another version", where=where)
        sealed = base64.b64decode(document.pop("sealed"), validate=True)
        table = document["scrypt"]
        if table["cost"] not in COSTS or table["blocks"] != BLOCKS:
            raise ValueError("costs that no export has")  # noqa: TRY301
        base64.b64decode(table["salt"], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StorageDamaged(
            "this is no export of secrets, or it is damaged",
            where=where,
            hint="Make it anew with `groundwire secret export FILE` on the other machine.",
        ) from error
    return document, sealed


def _key(table: Mapping[str, Any], passphrase: Secret) -> bytes:
    salt = base64.b64decode(table["salt"])
    kdf = Scrypt(salt, KEY_BYTES, n=table["cost"], r=BLOCKS, p=1)
    return kdf.derive(passphrase.reveal().encode())
