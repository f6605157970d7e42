from __future__ import annotations

import contextlib
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigurationError, NotPermitted, StorageDamaged, VersionMismatch
from agent.secrets import Secret, redact
from agent.vault.store import Vault

AT = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
CREDENTIAL = "Zm9ydHktZWlnaHQgcmFuZG9tIGJ5dGVzIGFyZSBlbm91Z2g="


def vault_in(folder: Path, **environ: str) -> Vault:
    return Vault(folder, environ=environ)


def put(vault: Vault, name: str, value: str) -> None:
    vault.put({name: Secret(value)}, by="anna", at=AT)


def value_of(vault: Vault, name: str) -> str | None:
    found = vault.get(name)
    return found.reveal() if found is not None else None


def systemd(folder: Path, content: str = CREDENTIAL) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    (folder / "groundwire-vault-key").write_text(content)
    return {"CREDENTIALS_DIRECTORY": str(folder)}


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return vault_in(tmp_path)


@pytest.mark.parametrize("value", ["x", "a\nb\n", "ä€\0\0", "x" * 127, "x" * 128, "x" * 60_000, "\1\1", " "])
def test_a_value_comes_back_as_it_was(tmp_path: Path, vault: Vault, value: str) -> None:
    put(vault, "pw", value)

    assert value_of(vault_in(tmp_path), "pw") == value


def test_without_a_vault_there_is_nothing_and_nothing_is_made(tmp_path: Path, vault: Vault) -> None:
    assert vault.get("pw") is None
    assert vault.entries() == []
    assert list(tmp_path.iterdir()) == []


def test_the_file_holds_no_value_and_tells_its_length_only_roughly(tmp_path: Path, vault: Vault) -> None:
    put(vault, "pw", "canary-at-rest-1")
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    put(vault, "pw", "short")
    second = vault.path.read_bytes()

    assert not any(b"canary-at-rest-1" in content for content in first.values())
    assert len(first["vault.json"]) == len(second)


def test_only_the_agents_user_can_open_the_files(tmp_path: Path, vault: Vault) -> None:
    put(vault, "pw", "word")

    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("name", ["vault.json", "vault.key"])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, vault: Vault, name: str) -> None:
    put(vault, "pw", "word")
    (tmp_path / name).chmod(0o644)

    with pytest.raises(ConfigurationError, match="others on this host"):
        vault.get("pw")


def test_a_link_in_the_place_of_the_vault_is_not_followed(tmp_path: Path, vault: Vault) -> None:
    put(vault, "pw", "word")
    vault.path.rename(tmp_path / "elsewhere")
    vault.path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigurationError, match="cannot be opened"):
        vault.get("pw")


def test_a_value_that_was_read_or_stored_is_masked_from_then_on(tmp_path: Path, vault: Vault) -> None:
    put(vault, "pw", "canary-learned-2")
    assert redact("canary-learned-2") == "***"


def test_entries_tell_name_moment_and_author_without_the_key(tmp_path: Path, vault: Vault) -> None:
    put(vault, "pw", "word")
    (tmp_path / "vault.key").unlink()

    (entry,) = vault.entries()

    assert (entry.name, entry.at, entry.by) == ("pw", "2026-01-05T12:00:00+00:00", "anna")


def test_removing_takes_one_away_and_says_whether_it_was_there(vault: Vault) -> None:
    put(vault, "a", "1")
    put(vault, "b", "2")

    assert vault.remove("a")
    assert not vault.remove("a")
    assert (value_of(vault, "a"), value_of(vault, "b")) == (None, "2")


@pytest.mark.parametrize("name", ["", "../x", "a b", "a\n", ".a", "a/b", "ä"])
def test_a_name_that_no_reference_could_have_is_refused(vault: Vault, name: str) -> None:
    with pytest.raises(ConfigurationError, match="no name"):
        put(vault, name, "word")


@pytest.mark.parametrize("value", ["", "x" * 70_000])
def test_an_empty_or_a_huge_value_is_refused(vault: Vault, value: str) -> None:
    with pytest.raises(ConfigurationError, match="bytes"):
        put(vault, "pw", value)


def test_a_vault_of_another_machine_says_how_to_move_it(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    put(vault_in(old), "pw", "word")
    put(vault_in(new), "other", "word")
    (new / "vault.json").write_bytes((old / "vault.json").read_bytes())

    with pytest.raises(ConfigurationError, match="does not open") as caught:
        vault_in(new).get("pw")
    assert "groundwire secret export" in caught.value.hint


def test_a_record_cannot_be_passed_off_as_another(vault: Vault) -> None:
    put(vault, "a", "1")
    put(vault, "b", "2")
    document = json.loads(vault.path.read_text())
    records = document["records"]
    records["a"]["sealed"], records["b"]["sealed"] = records["b"]["sealed"], records["a"]["sealed"]
    vault.path.write_text(json.dumps(document))

    with pytest.raises(StorageDamaged):
        vault.get("a")


def test_a_record_taken_out_by_hand_is_noticed(vault: Vault) -> None:
    put(vault, "a", "1")
    put(vault, "b", "2")
    document = json.loads(vault.path.read_text())
    del document["records"]["a"]
    vault.path.write_text(json.dumps(document))

    with pytest.raises(StorageDamaged, match="changed"):
        vault.get("b")


def test_a_newer_format_is_refused_and_left_as_it_is(vault: Vault) -> None:
    vault.path.write_text('{"format": 2}')
    vault.path.chmod(0o600)

    with pytest.raises(VersionMismatch):
        put(vault, "a", "1")
    assert vault.path.read_text() == '{"format": 2}'


@given(position=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_byte_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, position: int, byte: int, *, cut: bool
) -> None:
    vault = vault_in(tmp_path_factory.mktemp("vault"))
    put(vault, "a", "first value")
    content = bytearray(vault.path.read_bytes())
    position %= len(content)
    if cut:
        del content[position:]
    else:
        content[position] = byte
    vault.path.write_bytes(content)

    with contextlib.suppress(StorageDamaged, ConfigurationError, VersionMismatch):
        assert value_of(vault, "a") == "first value"


def test_an_older_vault_in_the_place_of_this_one_is_noticed_and_written_over(vault: Vault) -> None:
    put(vault, "token", "old")
    older = vault.path.read_bytes()
    put(vault, "token", "new")
    assert not vault.facts().older
    vault.path.write_bytes(older)

    assert vault.facts().older
    put(vault, "token", "newest")
    assert not vault.facts().older


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    def write(writer: int) -> None:
        for number in range(5):
            put(vault_in(tmp_path), f"n{writer}-{number}", "x")

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(vault_in(tmp_path).entries()) == 20


def test_a_state_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(NotPermitted):
        put(vault_in(tmp_path / "file"), "a", "1")


def test_a_systemd_credential_guards_a_new_vault_and_no_key_lies_beside_it(tmp_path: Path) -> None:
    environ = systemd(tmp_path / "credentials")
    state = tmp_path / "state"
    put(vault_in(state, **environ), "pw", "word")

    assert vault_in(state, **environ).facts().protection == "systemd"
    assert value_of(vault_in(state, **environ), "pw") == "word"
    assert not (state / "vault.key").exists()
    with pytest.raises(ConfigurationError, match="is not here") as caught:
        vault_in(state).get("pw")
    assert "start the agent" in caught.value.hint
    with pytest.raises(ConfigurationError, match="another one"):
        vault_in(state, **systemd(tmp_path / "others", CREDENTIAL[::-1])).get("pw")


def test_a_credential_that_can_be_guessed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="fewer than 32 bytes"):
        put(vault_in(tmp_path / "state", **systemd(tmp_path / "credentials", "hunter2")), "pw", "word")


def test_rekeying_moves_to_the_systemd_credential_and_drops_the_key_file(tmp_path: Path) -> None:
    state = tmp_path / "state"
    put(vault_in(state), "pw", "word")
    old_key = (state / "vault.key").read_bytes()
    vault = vault_in(state, **systemd(tmp_path / "credentials"))
    assert (vault.facts().protection, vault.facts().better) == ("key_file", "systemd")

    facts = vault.rekey()

    assert (facts.protection, facts.better) == ("systemd", "")
    assert value_of(vault, "pw") == "word"
    assert not (state / "vault.key").exists()
    (state / "vault.key").write_bytes(old_key)
    with pytest.raises(ConfigurationError):
        vault_in(state).get("pw")


def test_rekeying_makes_an_old_key_file_worthless(tmp_path: Path, vault: Vault) -> None:
    put(vault, "pw", "word")
    old_key = (tmp_path / "vault.key").read_bytes()
    vault.rekey()
    assert value_of(vault, "pw") == "word"

    (tmp_path / "vault.key").write_bytes(old_key)

    with pytest.raises(ConfigurationError, match="does not open"):
        vault.get("pw")


def test_a_damaged_key_file_is_damage_and_not_another_vaults(tmp_path: Path, vault: Vault) -> None:
    put(vault, "pw", "word")
    (tmp_path / "vault.key").write_text("no key\n")

    with pytest.raises(StorageDamaged, match="key file"):
        vault.get("pw")


def test_what_keeps_a_value_from_being_stored_shows_in_a_probe(tmp_path: Path, vault: Vault) -> None:
    put(vault, "pw", "word")
    vault.probe()
    (tmp_path / "vault.key").unlink()

    with pytest.raises(ConfigurationError):
        vault.probe()
