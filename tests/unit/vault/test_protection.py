from __future__ import annotations

from pathlib import Path

import pytest

from agent.vault.dpapi import DpapiRefused, protect
from agent.vault.files import SYSTEM_DISK
from agent.vault.protection import Dpapi, Protections, WrongKey


def xor(content: bytes, entropy: bytes) -> bytes:
    """Stands in for Windows: another machine is another byte."""
    if not entropy:
        raise DpapiRefused("no entropy")
    return bytes(one ^ entropy[0] for one in content)


def refused(_content: bytes, _entropy: bytes) -> bytes:
    raise DpapiRefused("CryptUnprotectData failed with 13")


def test_windows_guards_the_key_with_entropy_of_its_own(tmp_path: Path) -> None:
    guard = Dpapi(tmp_path, SYSTEM_DISK, protect=xor, unprotect=xor)

    wrapping = guard.wrap(b"k" * 32, "v1")

    assert guard.unwrap(wrapping, "v1") == b"k" * 32
    assert len((tmp_path / "vault.entropy").read_bytes()) == 32
    again = Dpapi(tmp_path, SYSTEM_DISK, protect=xor, unprotect=xor).wrap(b"q" * 32, "v1")
    assert again["id"] == wrapping["id"]


def test_a_key_that_windows_does_not_open_is_the_wrong_key(tmp_path: Path) -> None:
    wrapping = Dpapi(tmp_path, SYSTEM_DISK, protect=xor).wrap(b"k" * 32, "v1")

    with pytest.raises(WrongKey, match="Windows does not open"):
        Dpapi(tmp_path, SYSTEM_DISK, unprotect=refused).unwrap(wrapping, "v1")
    (tmp_path / "vault.entropy").unlink()
    with pytest.raises(WrongKey, match="is not here"):
        Dpapi(tmp_path, SYSTEM_DISK, unprotect=xor).unwrap(wrapping, "v1")


def test_each_system_gets_its_best_protection(tmp_path: Path) -> None:
    assert Protections(tmp_path, {}, platform="win32").best().kind == "dpapi"
    assert Protections(tmp_path, {}, platform="linux").best().kind == "key_file"
    (tmp_path / "groundwire-vault-key").write_text("x")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert Protections(tmp_path, environ, platform="linux").best().kind == "systemd"


def test_elsewhere_than_on_windows_there_is_no_dpapi() -> None:
    with pytest.raises(DpapiRefused):
        protect(b"x", b"y")


def test_a_protection_of_a_later_version_is_the_wrong_key(tmp_path: Path) -> None:
    with pytest.raises(WrongKey, match="does not know"):
        Protections(tmp_path, {}).named("tpm")
