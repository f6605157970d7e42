"""Hold a folder of release files, or one of them, against the signed list beside them. Reads files, asks nobody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.errors import ConfigurationError, NeedsPersonError
from agent.releases import sums
from agent.releases.minisign import PublicKey, Signature, is_signed

SUMS: Final = "SHA256SUMS"
MINISIGN: Final = "SHA256SUMS.minisig"
OPENPGP: Final = "SHA256SUMS.asc"
_BESIDE: Final = frozenset({SUMS, MINISIGN, OPENPGP})  # what the list cannot name
_SMALL: Final = 1 << 20  # bytes; more than a list, a signature or a key ever has


class ReleaseRefused(NeedsPersonError):
    """The files are not what the owner of the release signed."""

    code = "release_refused"
    default_hint = "Install nothing of it. Fetch the release anew, from where its owner publishes it."


@dataclass(frozen=True, slots=True)
class Verified:
    files: tuple[str, ...]
    signed_by: str  # the key's name
    comment: str  # the signed words about the release, such as its version


def verify(path: Path, keys: Sequence[PublicKey]) -> Verified:
    """Raises ReleaseRefused: for a file that differs, one that is not on the list, one of the list that is not there."""
    folder, wanted = (path, None) if path.is_dir() else (path.parent, path.name)
    signature, key, digests = _signed_list(folder, keys)
    if wanted is None:
        _refuse_others(folder, digests)
    elif wanted not in digests:
        raise ReleaseRefused("is not on the signed list", where=str(path))
    files = tuple(sorted(digests)) if wanted is None else (wanted,)
    for name in files:
        if _digest(folder / name) != digests[name]:
            raise ReleaseRefused("is not the file that was signed", where=str(folder / name))
    return Verified(files, key.name, signature.trusted_comment)


def read_key(path: Path) -> PublicKey:
    try:
        return PublicKey.parse(_text(path))
    except ValueError as error:
        raise ConfigurationError(
            str(error), where=str(path), hint="Name the .pub file that `minisign -G` made."
        ) from error


def _signed_list(folder: Path, keys: Iterable[PublicKey]) -> tuple[Signature, PublicKey, dict[str, str]]:
    content = _bytes(folder / SUMS)
    try:
        signature = Signature.parse(_text(folder / MINISIGN))
    except ValueError as error:
        raise ReleaseRefused(str(error), where=str(folder / MINISIGN)) from error
    key = next((one for one in keys if one.key_id == signature.key_id), None)
    if key is None:
        raise ReleaseRefused(
            f"is signed with the key {signature.key_name}, which is not one that is trusted here",
            where=str(folder / SUMS),
            hint="Name the owner's public key with --key, from a source that you trust; never one that came with the files.",
        )
    if not is_signed(content, signature, key):
        raise ReleaseRefused("is not the list that was signed", where=str(folder / SUMS))
    try:
        return signature, key, sums.parse(content.decode("ascii"))
    except ValueError as error:
        raise ReleaseRefused(str(error), where=str(folder / SUMS)) from error


def _refuse_others(folder: Path, digests: Iterable[str]) -> None:
    listed = {*digests, *_BESIDE}
    there = (one for one in sorted(folder.rglob("*")) if one.is_symlink() or not one.is_dir())
    for one in there:
        if one.relative_to(folder).as_posix() not in listed:
            raise ReleaseRefused("is not on the signed list", where=str(one))


def _digest(path: Path) -> str:
    if path.is_symlink():
        raise ReleaseRefused("is a link, not a file of the release", where=str(path))
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from error


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ReleaseRefused("is not text", where=str(path)) from error


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_SMALL + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(content) > _SMALL:
        raise ReleaseRefused("is far too large for what it should be", where=str(path))
    return content


def _unreadable(path: Path, error: OSError) -> ReleaseRefused:
    hint = (
        "Fetch the whole release, with its list and the list's signature."
        if isinstance(error, FileNotFoundError)
        else ""
    )
    return ReleaseRefused(f"cannot be read: {error.strerror}", where=str(path), hint=hint)
