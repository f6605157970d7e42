"""The vault after a power cut at any moment: what was answered is there, and else the old or the new state, whole.

The model of the power cut is in `forgetful_disk.py`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.secrets import Secret
from agent.vault.store import Vault
from tests.faults.forgetful_disk import ForgetfulDisk

AT = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
CREDENTIAL = "Zm9ydHktZWlnaHQgcmFuZG9tIGJ5dGVzIGFyZSBlbm91Z2g="


def content_of(folder: Path, environ: dict[str, str]) -> dict[str, str]:
    return {name: value.reveal() for name, value in Vault(folder, environ=environ).values().items()}


def put(name: str, value: str) -> Callable[[Vault], None]:
    return lambda vault: vault.put({name: Secret(value)}, by="anna", at=AT)


def move_to_systemd(vault: Vault) -> None:
    assert vault.rekey().protection == "systemd"


CHANGES: dict[str, tuple[Callable[[Vault], object], dict[str, str]]] = {
    "a new secret": (put("b", "2"), {"a": "1", "b": "2"}),
    "a new value": (put("a", "9"), {"a": "9"}),
    "a secret removed": (lambda vault: vault.remove("a"), {}),
    "a new key": (lambda vault: vault.rekey(), {"a": "1"}),
    "a probe": (lambda vault: vault.probe(), {"a": "1"}),
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


def images_of(
    tmp_path: Path, state: Path, change: Callable[[Vault], object], environ: dict[str, str]
) -> Iterator[Path]:
    shutil.rmtree(tmp_path / "images", ignore_errors=True)
    disk = ForgetfulDisk(state, tmp_path / "images")
    change(Vault(state, environ=environ, disk=disk))
    assert len(disk.taken) > 5
    yield from disk.taken


@pytest.mark.parametrize("what", CHANGES)
def test_a_power_cut_leaves_the_old_vault_or_the_new_one(tmp_path: Path, state: Path, what: str) -> None:
    change, after = CHANGES[what]
    put("a", "1")(Vault(state, environ={}))
    before = content_of(state, {})

    for image in images_of(tmp_path, state, change, {}):
        assert content_of(image, {}) in (before, after)
        put("c", "3")(Vault(image, environ={}))  # and it goes on from there
    assert content_of(state, {}) == after


def test_a_power_cut_in_the_very_first_write_leaves_nothing_or_the_secret(
    tmp_path: Path, state: Path
) -> None:
    for image in images_of(tmp_path, state, put("a", "1"), {}):
        assert content_of(image, {}) in ({}, {"a": "1"})
        put("c", "3")(Vault(image, environ={}))


def test_a_power_cut_while_the_key_moves_to_systemd_loses_nothing(tmp_path: Path, state: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "groundwire-vault-key").write_text(CREDENTIAL)
    environ = {"CREDENTIALS_DIRECTORY": str(credentials)}
    put("a", "1")(Vault(state, environ={}))

    for image in images_of(tmp_path, state, move_to_systemd, environ):
        assert content_of(image, environ) == {"a": "1"}


def test_the_images_notice_a_file_that_is_written_in_place(tmp_path: Path, state: Path) -> None:
    """The model is worth something: a careless way of writing fails it."""
    put("a", "1")(Vault(state, environ={}))

    class Careless(ForgetfulDisk):
        def create(self, path: Path, content: bytes) -> None:
            target = path.with_suffix("")
            target.unlink()
            super().create(target, content)

        def rename(self, old: Path, new: Path) -> None:
            pass

    disk = Careless(state, tmp_path / "images")
    put("a", "2")(Vault(state, environ={}, disk=disk))

    def survives(image: Path) -> bool:
        try:
            return content_of(image, {}) in ({"a": "1"}, {"a": "2"})
        except Exception:
            return False

    assert not all(survives(image) for image in disk.taken)
