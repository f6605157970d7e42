"""What guards the vault's data key: the systemd credential, Windows' data protection, or else a key file.

A key file beside the vault keeps the secrets out of a copied vault and of sight; it does not keep them from whoever can
read the whole state folder. `groundwire secret list` says which one guards the vault.
"""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from agent.errors import ConfigurationError, StorageDamaged
from agent.sealing import KEY_BYTES, NotAuthentic, derived_key, key_id, new_key, seal, unseal
from agent.vault import dpapi
from agent.vault.files import SYSTEM_DISK, Disk, read_private, remove_private, replace_private

CREDENTIAL: Final = "groundwire-vault-key"
KEY_FILE: Final = "vault.key"
ENTROPY_FILE: Final = "vault.entropy"
MIN_CREDENTIAL_BYTES: Final = 32  # 24 random bytes in base64 are 32
MAX_CREDENTIAL_BYTES: Final = 64 * 1024

Wrapping = Mapping[str, str]  # how the data key lies in the vault: protection, id, wrapped


class WrongKey(Exception):
    """The key at hand is not the one that guards this vault."""


class Protection(Protocol):
    kind: str
    sentence: str  # what it keeps off, said to the operator

    def wrap(self, data_key: bytes, vault: str) -> dict[str, str]: ...

    def unwrap(self, wrapping: Wrapping, vault: str) -> bytes:
        """Raises WrongKey."""
        ...

    def settle(self, wrapping: Wrapping) -> None:
        """The vault with this wrapping is durable: forget what only its earlier forms needed."""
        ...

    def leave(self) -> None:
        """The vault is guarded otherwise now."""
        ...


class SystemdCredential:
    """Handed over by systemd at each start, from a file of root's or sealed with the machine's TPM."""

    kind = "systemd"
    sentence = "The key is the systemd credential groundwire-vault-key: it is not in the state folder, nor in a backup of it."

    def __init__(self, folder: Path) -> None:
        self._path = folder / CREDENTIAL

    @property
    def is_there(self) -> bool:
        return self._path.is_file()

    def wrap(self, data_key: bytes, vault: str) -> dict[str, str]:
        return _wrap(self.kind, self._key(), data_key, vault)

    def unwrap(self, wrapping: Wrapping, vault: str) -> bytes:
        if not self.is_there:
            raise WrongKey("the systemd credential groundwire-vault-key is not here")
        return _unwrap(self._key(), wrapping, vault)

    def settle(self, wrapping: Wrapping) -> None:
        pass  # systemd's, not ours

    def leave(self) -> None:
        pass

    def _key(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                content = file.read(MAX_CREDENTIAL_BYTES)
        except OSError as error:
            raise ConfigurationError(
                f"the credential cannot be read: {error.strerror or 'unreadable'}", where=str(self._path)
            ) from error
        content = content.rstrip(b"\r\n") or content  # a line of text, or raw bytes that end as they like
        if len(content) < MIN_CREDENTIAL_BYTES:
            raise ConfigurationError(
                f"the credential {CREDENTIAL} has fewer than {MIN_CREDENTIAL_BYTES} bytes",
                where=str(self._path),
                hint="Make it of random bytes: `head -c 32 /dev/urandom | base64`.",
            )
        return derived_key(content, "groundwire: key of the vault")


class KeyFile:
    """Beside the vault, for hosts that offer nothing better. Holds two keys while the vault moves from one to the other."""

    kind = "key_file"
    sentence = (
        "The key is a file beside the vault: who can read the whole state folder, or a backup of it, can read the "
        "secrets. A systemd credential named groundwire-vault-key keeps the key elsewhere."
    )

    def __init__(self, state_dir: Path, disk: Disk) -> None:
        self._path = state_dir / KEY_FILE
        self._disk = disk

    def wrap(self, data_key: bytes, vault: str) -> dict[str, str]:
        key = new_key()
        self._write([*self._keys(), key])  # durable before a vault needs it
        return _wrap(self.kind, key, data_key, vault)

    def unwrap(self, wrapping: Wrapping, vault: str) -> bytes:
        for key in self._keys():
            if key_id(key) == wrapping["id"]:
                return _unwrap(key, wrapping, vault)
        raise WrongKey(f"the key file {self._path} is not here, or belongs to another vault")

    def settle(self, wrapping: Wrapping) -> None:
        self._write([key for key in self._keys() if key_id(key) == wrapping["id"]])

    def leave(self) -> None:
        remove_private(self._path, disk=self._disk)

    def _keys(self) -> list[bytes]:
        content = read_private(self._path)
        try:
            keys = [bytes.fromhex(line) for line in (content or b"").decode("ascii").split()]
        except ValueError as error:
            raise _damaged(self._path) from error
        if any(len(key) != KEY_BYTES for key in keys):
            raise _damaged(self._path)
        return keys

    def _write(self, keys: list[bytes]) -> None:
        replace_private(self._path, "".join(f"{key.hex()}\n" for key in keys).encode(), disk=self._disk)


Protect = Callable[[bytes, bytes], bytes]


class Dpapi:
    """Windows' own protection of the machine, with random entropy in a file of the state folder."""

    kind = "dpapi"
    sentence = (
        "The key is guarded by Windows (DPAPI of this machine) and by a file in the state folder, whose access list "
        "must name only SYSTEM, Administrators and the service."
    )

    def __init__(
        self,
        state_dir: Path,
        disk: Disk,
        *,
        protect: Protect = dpapi.protect,
        unprotect: Protect = dpapi.unprotect,
    ) -> None:
        self._path = state_dir / ENTROPY_FILE
        self._disk = disk
        self._protect, self._unprotect = protect, unprotect

    def wrap(self, data_key: bytes, vault: str) -> dict[str, str]:
        entropy = read_private(self._path)
        if entropy is None:
            entropy = os.urandom(KEY_BYTES)
            replace_private(self._path, entropy, disk=self._disk)
        wrapped = self._protect(data_key, entropy + vault.encode())
        return {"protection": self.kind, "id": key_id(entropy), "wrapped": base64.b64encode(wrapped).decode()}

    def unwrap(self, wrapping: Wrapping, vault: str) -> bytes:
        entropy = read_private(self._path)
        if entropy is None:
            raise WrongKey(f"the file {self._path} is not here")
        try:
            return self._unprotect(base64.b64decode(wrapping["wrapped"]), entropy + vault.encode())
        except dpapi.DpapiRefused as error:
            raise WrongKey(f"Windows does not open the key: {error}") from error

    def settle(self, wrapping: Wrapping) -> None:
        pass

    def leave(self) -> None:
        remove_private(self._path, disk=self._disk)


class Protections:
    """Those that this host may have, and the best one that it has."""

    def __init__(
        self,
        state_dir: Path,
        environ: Mapping[str, str],
        *,
        disk: Disk = SYSTEM_DISK,
        platform: str = sys.platform,
    ) -> None:
        self._platform = platform
        self._systemd = SystemdCredential(Path(environ.get("CREDENTIALS_DIRECTORY") or "/nonexistent"))
        self._all: tuple[Protection, ...] = (self._systemd, KeyFile(state_dir, disk), Dpapi(state_dir, disk))

    def best(self) -> Protection:
        if self._platform == "win32":
            return self.named(Dpapi.kind)
        return self._systemd if self._systemd.is_there else self.named(KeyFile.kind)

    def named(self, kind: str) -> Protection:
        """Raises WrongKey for one that this version does not know."""
        for protection in self._all:
            if protection.kind == kind:
                return protection
        raise WrongKey(f"it is guarded by {kind!r}, which this version does not know")


def _wrap(kind: str, key: bytes, data_key: bytes, vault: str) -> dict[str, str]:
    wrapped = seal(key, data_key, bound_to=["groundwire data key", 1, vault])
    return {"protection": kind, "id": key_id(key), "wrapped": base64.b64encode(wrapped).decode()}


def _unwrap(key: bytes, wrapping: Wrapping, vault: str) -> bytes:
    if key_id(key) != wrapping["id"]:
        raise WrongKey("the key is another one than the vault was sealed with")
    try:
        return unseal(key, base64.b64decode(wrapping["wrapped"]), bound_to=["groundwire data key", 1, vault])
    except (NotAuthentic, ValueError) as error:
        raise WrongKey("the vault's own key does not open") from error


def _damaged(path: Path) -> StorageDamaged:
    return StorageDamaged(
        "the vault's key file cannot be read",
        where=str(path),
        hint="Put it back from a backup; without it set the secrets anew: move vault.json and vault.key away, then "
        "`groundwire secret set NAME`.",
    )
