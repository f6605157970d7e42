"""Who this agent is: its id, its key and its epoch, in one file that nobody else can read.

The file is replaced whole and made durable before anybody acts on it: an epoch that was confirmed to the relay and
then forgotten would shut the agent out.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.errors import ConfigurationError, StorageDamaged, StorageFull
from agent.upgrade.newer import refuse_newer

IDENTITY_FILE: Final = "identity.json"
PENDING_FILE: Final = "enrolment.json"
MAX_FILE_BYTES: Final = 16 * 1024  # a real one is under 1 KiB
FORMAT: Final = 1
_POSIX: Final = os.name == "posix"


@dataclass(frozen=True, slots=True)
class Identity:
    agent: str
    tenant: str
    relay_url: str
    epoch: int
    key: Ed25519PrivateKey = field(repr=False, compare=False)

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data)

    def with_epoch(self, epoch: int) -> Identity:
        return replace(self, epoch=epoch)


@dataclass(frozen=True, slots=True)
class PendingEnrolment:
    """Made durable before the code is used: if the relay's answer is lost, the same key asks again."""

    relay_url: str
    code_id: str
    key: Ed25519PrivateKey = field(repr=False, compare=False)


class IdentityStore:
    """The identity's file in the state folder."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir
        self.path = state_dir / IDENTITY_FILE
        self._pending = state_dir / PENDING_FILE

    def load(self) -> Identity:
        body = _read(self.path)
        if body is None:
            raise ConfigurationError(
                "this agent is not enrolled",
                where=str(self.path),
                hint="Get a code from the relay and run `groundwire enroll wss://RELAY CODE`.",
            )
        try:
            return Identity(
                agent=_text(body, "agent"),
                tenant=_text(body, "tenant"),
                relay_url=_text(body, "relay_url"),
                epoch=_number(body, "epoch"),
                key=_key(body),
            )
        except (KeyError, ValueError) as error:
            raise _damaged(self.path) from error

    def save(self, identity: Identity) -> None:
        self._write(
            self.path,
            {
                "agent": identity.agent,
                "tenant": identity.tenant,
                "relay_url": identity.relay_url,
                "epoch": identity.epoch,
                "key": identity.key.private_bytes_raw().hex(),
            },
        )

    def load_pending(self) -> PendingEnrolment | None:
        body = _read(self._pending)
        if body is None:
            return None
        try:
            return PendingEnrolment(_text(body, "relay_url"), _text(body, "code_id"), _key(body))
        except (KeyError, ValueError) as error:
            raise _damaged(self._pending) from error

    def save_pending(self, pending: PendingEnrolment) -> None:
        self._write(
            self._pending,
            {
                "relay_url": pending.relay_url,
                "code_id": pending.code_id,
                "key": pending.key.private_bytes_raw().hex(),
            },
        )

    def drop_pending(self) -> None:
        with contextlib.suppress(OSError):  # left behind it is only unused
            self._pending.unlink(missing_ok=True)

    def _write(self, path: Path, body: dict[str, Any]) -> None:
        raw = json.dumps({"format": FORMAT} | body, indent=2).encode()
        scratch = path.with_name(path.name + ".new")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            scratch.unlink(missing_ok=True)
            _write_durably(scratch, raw)
            scratch.replace(path)
            _sync_folder(self._folder)
        except OSError as error:
            raise _not_written(error, path) from error


def _write_durably(path: Path, raw: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(path, flags, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if not _POSIX:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be opened: {error.strerror}",
            where=str(path),
            hint="It must be a plain file, no link, that the agent's user owns.",
        ) from error
    with os.fdopen(handle, "rb") as file:
        _refuse_exposed(os.fstat(file.fileno()), path)
        raw = file.read(MAX_FILE_BYTES + 1)
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _damaged(path) from error
    if len(raw) > MAX_FILE_BYTES or not isinstance(body, dict):
        raise _damaged(path)
    refuse_newer(body.get("format"), FORMAT, path)
    if body.get("format") != FORMAT:
        raise _damaged(path)
    return body


def _refuse_exposed(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError("this is not a plain file", where=str(path), hint="Move it away.")
    if sys.platform == "win32":
        return  # access is by the folder's ACL there
    if found.st_mode & 0o077:
        raise ConfigurationError(
            "others on this host can read the agent's key",
            where=str(path),
            hint=f"Run `chmod 600 {path}`. If others may have read it, enrol again.",
        )
    if os.geteuid() not in (0, found.st_uid):  # root looks at an installed agent, whose key is the service's
        raise ConfigurationError(
            "another user owns the agent's key", where=str(path), hint="Run the agent as the file's owner."
        )


def _text(body: dict[str, Any], name: str) -> str:
    value = body[name]
    if not isinstance(value, str):
        raise ValueError(name)  # noqa: TRY004 - the file is wrong, not the program
    return value


def _number(body: dict[str, Any], name: str) -> int:
    value = body[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(name)
    return value


def _key(body: dict[str, Any]) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(_text(body, "key")))


def _damaged(path: Path) -> StorageDamaged:
    return StorageDamaged(
        "the agent's identity cannot be read",
        where=str(path),
        hint="Move the file away and enrol again: `groundwire enroll wss://RELAY CODE`.",
    )


def _not_written(error: OSError, path: Path) -> ConfigurationError | StorageFull:
    if error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}:
        return StorageFull(where=str(path))
    return ConfigurationError(
        f"the file cannot be written: {error.strerror}",
        where=str(path),
        hint="Give the agent's user write access to the state folder.",
    )
