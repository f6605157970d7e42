from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.errors import ConfigurationError, GroundwireError, StorageDamaged
from agent.identity import Identity, IdentityStore, PendingEnrolment


@pytest.fixture
def identity() -> Identity:
    return Identity("agent-1", "acme", "wss://relay.example:443/agent", 3, Ed25519PrivateKey.generate())


@pytest.fixture
def store(tmp_path: Path) -> IdentityStore:
    return IdentityStore(tmp_path / "state")


def test_what_was_saved_is_loaded_with_its_key(store: IdentityStore, identity: Identity) -> None:
    store.save(identity)
    loaded = store.load()

    assert loaded == identity
    assert loaded.public_key == identity.public_key


def test_a_new_epoch_replaces_the_file_and_leaves_no_scraps(store: IdentityStore, identity: Identity) -> None:
    store.save(identity)
    store.save(identity.with_epoch(4))

    assert store.load().epoch == 4
    assert [path.name for path in store.path.parent.iterdir()] == ["identity.json"]


def test_the_files_are_for_their_owner_alone(store: IdentityStore, identity: Identity) -> None:
    store.save(identity)

    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.path.parent.stat().st_mode & 0o777 == 0o700


def test_the_key_is_in_no_text(identity: Identity) -> None:
    secret = identity.key.private_bytes_raw().hex()
    pending = PendingEnrolment("wss://x", "ABCDE", identity.key)

    assert secret not in f"{identity!r} {identity} {pending!r}"
    assert "key" not in repr(identity)


def test_no_identity_says_how_to_get_one(store: IdentityStore) -> None:
    with pytest.raises(ConfigurationError) as refused:
        store.load()

    assert "groundwire enroll" in refused.value.hint


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o666])
def test_a_file_that_others_can_reach_is_refused(store: IdentityStore, identity: Identity, mode: int) -> None:
    store.save(identity)
    store.path.chmod(mode)

    with pytest.raises(ConfigurationError, match="others on this host"):
        store.load()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can be somebody else")
def test_root_reads_the_key_of_the_services_user_and_no_third_user_does(
    store: IdentityStore, identity: Identity
) -> None:
    store.save(identity)
    os.chown(store.path, 54_321, 54_321)
    store.path.parent.chmod(0o755)
    store.path.parent.parent.chmod(0o755)

    assert store.load() == identity
    os.seteuid(54_322)
    try:
        with pytest.raises(ConfigurationError):
            store.load()
    finally:
        os.seteuid(0)


def test_a_link_is_not_followed(store: IdentityStore, identity: Identity, tmp_path: Path) -> None:
    store.save(identity)
    elsewhere = store.path.rename(tmp_path / "elsewhere.json")
    store.path.symlink_to(elsewhere)

    with pytest.raises(ConfigurationError):
        store.load()


def test_a_pipe_in_its_place_does_not_hang(store: IdentityStore) -> None:
    store.path.parent.mkdir()
    os.mkfifo(store.path, 0o600)

    with pytest.raises(ConfigurationError, match="not a plain file"):
        store.load()


def test_a_link_in_the_scratch_files_place_is_replaced_and_not_written_through(
    store: IdentityStore, identity: Identity, tmp_path: Path
) -> None:
    store.path.parent.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    store.path.with_name("identity.json.new").symlink_to(victim)

    store.save(identity)

    assert victim.read_text() == "untouched"
    assert store.load() == identity


def test_a_file_cut_or_changed_anywhere_is_damage_and_never_a_crash(
    store: IdentityStore, identity: Identity
) -> None:
    store.save(identity)
    whole = store.path.read_bytes()
    for cut in range(len(whole)):
        store.path.write_bytes(whole[:cut])
        with pytest.raises(StorageDamaged):
            store.load()


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": -1},
        {"epoch": True},
        {"epoch": "3"},
        {"key": "ab"},
        {"key": "zz" * 32},
        {"agent": 7},
        {"format": 0},
        {"tenant": "x" * 20_000},
    ],
)
def test_a_field_that_cannot_be_is_damage(
    store: IdentityStore, identity: Identity, change: dict[str, object]
) -> None:
    store.save(identity)
    store.path.write_text(json.dumps(json.loads(store.path.read_text()) | change))

    with pytest.raises(StorageDamaged):
        store.load()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, identity: Identity) -> None:
    (tmp_path / "file").write_text("")
    store = IdentityStore(tmp_path / "file" / "state")

    with pytest.raises(GroundwireError) as refused:
        store.save(identity)

    assert "identity.json" in refused.value.where


def test_a_pending_enrolment_is_kept_until_dropped(store: IdentityStore, identity: Identity) -> None:
    assert store.load_pending() is None
    store.save_pending(PendingEnrolment("wss://x", "ABCDE", identity.key))
    loaded = store.load_pending()
    store.drop_pending()

    assert loaded is not None
    assert loaded.key.private_bytes_raw() == identity.key.private_bytes_raw()
    assert store.load_pending() is None
