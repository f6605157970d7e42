from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.errors import CredentialsRefused
from agent.vault.store import Vault
from tests.canaries import canary

from .conftest import RunningAgent, Shell

CANARY = canary("-on-the-line-4")
PASSPHRASE = "nine words that nobody would guess"
USED = 'driver = "odbc"\nenabled = false\n[secrets]\nPwd = "secret:erp-pw"\n'


def value_in(shell: Shell, name: str = "erp-pw") -> str | None:
    found = Vault(shell.state_dir, environ={}).get(name)
    return found.reveal() if found is not None else None


@pytest.mark.parametrize("given", [CANARY, f"{CANARY}\n", f"{CANARY}\r\n"])
def test_a_value_comes_from_standard_input_without_its_line_end(shell: Shell, given: str) -> None:
    result = shell.run("secret", "set", "erp-pw", answer=given)

    assert result.exit_code == 0, result.output
    assert value_in(shell) == CANARY
    assert CANARY not in result.output + result.stderr


def test_a_value_may_come_from_a_file_and_have_several_lines(shell: Shell) -> None:
    key = shell.write("key.pem", "-----BEGIN\nabc\n-----END\n")

    assert shell.run("secret", "set", "erp-pw", "--from-file", str(key)).exit_code == 0
    assert value_in(shell) == "-----BEGIN\nabc\n-----END"


def test_a_value_is_never_an_argument(shell: Shell) -> None:
    result = shell.run("secret", "set", "erp-pw", CANARY)

    assert result.exit_code == 2
    assert value_in(shell) is None


@pytest.mark.parametrize("given", ["", "\n"])
def test_no_value_is_an_error_that_says_how_to_give_one(shell: Shell, given: str) -> None:
    result = shell.run("secret", "set", "erp-pw", answer=given)

    assert result.exit_code == 3
    assert "standard input" in result.stderr


def test_the_list_tells_names_users_and_protection_and_no_value(shell: Shell) -> None:
    shell.write("connections/erp.toml", USED)
    shell.write("connections/crm.toml", 'driver = "odbc"\n[secrets]\nPwd = "secret:crm-pw"\n')
    shell.run("secret", "set", "erp-pw", answer=CANARY)

    result = shell.run("secret", "list")
    document = shell.json("secret", "list")

    assert [(one["name"], one["place"], one["used_by"]) for one in document["secrets"]] == [
        ("erp-pw", "vault", ["erp"]),
        ("crm-pw", "missing", ["crm"]),
    ]
    assert document["vault"]["protection"] == "key_file"
    assert "The key is a file beside the vault" in result.output
    assert CANARY not in result.output + json.dumps(document)
    assert str(len(CANARY)) not in result.output.replace("2026", "")


def test_a_secret_in_use_is_kept_unless_forced(shell: Shell) -> None:
    shell.write("connections/erp.toml", USED)
    shell.run("secret", "set", "erp-pw", answer=CANARY)

    refused = shell.run("secret", "remove", "erp-pw")
    forced = shell.run("secret", "remove", "erp-pw", "--force")
    again = shell.run("secret", "remove", "erp-pw", "--force")

    assert (refused.exit_code, forced.exit_code, again.exit_code) == (3, 0, 3)
    assert "erp" in refused.stderr
    assert value_in(shell) is None


def test_an_export_opens_on_another_machine_with_the_passphrase_alone(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "moved.json"
    shell.run("secret", "set", "erp-pw", answer=CANARY)
    assert shell.run("secret", "export", str(file), answer=PASSPHRASE).exit_code == 0
    other = Shell(tmp_path / "other")

    wrong = other.run("secret", "import", str(file), answer="some other passphrase")
    right = other.run("secret", "import", str(file), answer=PASSPHRASE)
    twice = other.run("secret", "import", str(file), answer=PASSPHRASE)
    replaced = other.run("secret", "import", str(file), "--replace", answer=PASSPHRASE)

    assert [one.exit_code for one in (wrong, right, twice, replaced)] == [3, 0, 3, 0]
    assert "the passphrase is wrong" in wrong.stderr
    assert value_in(other) == CANARY
    assert file.stat().st_mode & 0o777 == 0o600
    assert not any(word in file.read_text() for word in (CANARY, PASSPHRASE, "erp-pw"))


def test_an_export_overwrites_nothing_and_takes_no_short_passphrase(shell: Shell, tmp_path: Path) -> None:
    there = shell.write("there.json", "mine")
    shell.run("secret", "set", "erp-pw", answer=CANARY)

    assert shell.run("secret", "export", str(there), answer=PASSPHRASE).exit_code == 3
    assert shell.run("secret", "export", str(tmp_path / "x"), answer="short").exit_code == 3
    assert there.read_text() == "mine"
    assert not (tmp_path / "x").exists()


def test_rekeying_keeps_the_values(shell: Shell) -> None:
    shell.run("secret", "set", "erp-pw", answer=CANARY)
    before = (shell.state_dir / "vault.key").read_text()

    assert shell.run("secret", "rekey").exit_code == 0
    assert value_in(shell) == CANARY
    assert (shell.state_dir / "vault.key").read_text() != before


def test_a_systemd_credential_that_would_hide_the_value_is_said(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "erp-pw").write_text("from systemd")

    result = shell.run("secret", "set", "erp-pw", answer=CANARY, env={"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert result.exit_code == 3
    assert "comes before the vault" in result.stderr


def test_a_running_agent_is_handed_the_value_and_stores_it_itself(
    shell: Shell, running_agent: RunningAgent
) -> None:
    answer = {"name": "erp-pw", "tried": {"erp": {"outcome": "works", "why": ""}}}
    with running_agent(secret_set=answer) as agent:
        result = shell.run("secret", "set", "erp-pw", answer=CANARY)

    assert agent.calls == [("secret_set", {"name": "erp-pw", "value": CANARY, "force": False})]
    assert "erp: works" in result.output
    assert value_in(shell) is None


def test_a_value_that_a_source_refuses_ends_with_the_code_of_a_person_needed(
    shell: Shell, running_agent: RunningAgent
) -> None:
    refused = CredentialsRefused("the source refuses the new value", where="erp")
    with running_agent(secret_set=refused):
        result = shell.run("secret", "set", "erp-pw", answer=CANARY)

    assert result.exit_code == 4
    assert "erp: the source refuses" in result.stderr


def test_every_change_is_in_the_audit_log_without_values(shell: Shell, tmp_path: Path) -> None:
    shell.run("secret", "set", "erp-pw", answer=CANARY)
    shell.run("secret", "export", str(tmp_path / "x.json"), answer=PASSPHRASE)
    shell.run("secret", "import", str(tmp_path / "x.json"), "--replace", answer=PASSPHRASE)
    shell.run("secret", "rekey")
    shell.run("secret", "remove", "erp-pw")

    shown = shell.run("audit", "show", "--json").output

    for action in ("secret_set", "secrets_exported", "secrets_imported", "secrets_rekeyed", "secret_removed"):
        assert action in shown
    assert CANARY not in shown
    assert PASSPHRASE not in shown
