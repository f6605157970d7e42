from __future__ import annotations

from pathlib import Path

import pytest

from agent.clock import ManualClock
from agent.errors import StorageDamaged
from agent.policies.key import NAME, PolicyKey
from agent.secrets import Secret
from agent.vault.store import Vault


def test_the_key_is_made_once_and_the_same_ever_after(tmp_path: Path) -> None:
    key = PolicyKey(tmp_path, ManualClock())()
    assert len(key) == 32
    assert PolicyKey(tmp_path, ManualClock())() == key
    assert PolicyKey(tmp_path / "other", ManualClock())() != key


def test_the_key_lies_sealed_in_the_state_folder(tmp_path: Path) -> None:
    key = PolicyKey(tmp_path, ManualClock())()
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert key.hex() not in file.read_text(errors="replace")
            assert file.stat().st_mode & 0o077 == 0


def test_a_key_that_is_none_is_refused_and_not_replaced(tmp_path: Path) -> None:
    Vault(tmp_path).put({NAME: Secret("not-a-key-at-all")}, by="a test", at=ManualClock().utcnow())
    with pytest.raises(StorageDamaged):
        PolicyKey(tmp_path, ManualClock())()


def test_whoever_only_looks_makes_no_key(tmp_path: Path) -> None:
    looked = PolicyKey(tmp_path, ManualClock())

    assert looked.if_there() == looked.if_there()
    assert list(tmp_path.iterdir()) == []
    made = PolicyKey(tmp_path, ManualClock())()
    assert PolicyKey(tmp_path, ManualClock()).if_there() == made
