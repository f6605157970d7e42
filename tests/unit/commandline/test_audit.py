from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Shell


@pytest.fixture
def used(shell: Shell) -> Shell:
    """A host on which two secrets were set."""
    for name in ("erp-pw", "crm-pw"):
        assert shell.run("secret", "set", name, answer="value-of-it").exit_code == 0
    return shell


def newest_file(shell: Shell) -> Path:
    return max((shell.state_dir / "audit").glob("*.jsonl"))


def test_without_a_log_it_says_when_one_begins(shell: Shell) -> None:
    result = shell.run("audit", "verify")

    assert result.exit_code == 3
    assert "begins when the agent starts" in result.stderr


def test_show_names_who_did_what_and_last_and_action_narrow_it(used: Shell) -> None:
    lines = used.json("audit", "show", "--action", "secret_set")["lines"]

    assert [line["facts"]["name"] for line in lines] == ["erp-pw", "crm-pw"]
    assert {line["actor"]["origin"] for line in lines} == {"local"}
    assert len(used.json("audit", "show", "--last", "1")["lines"]) == 1
    assert used.json("audit", "show", "--since", "2999-01-01")["lines"] == []
    assert "secret_set" in used.run("audit", "show").output


def test_verify_is_0_for_a_good_log_and_1_for_a_bad_one_with_its_line(used: Shell) -> None:
    assert used.run("audit", "verify").exit_code == 0
    file = newest_file(used)
    file.write_bytes(file.read_bytes().replace(b"erp-pw", b"erp-xx"))

    result = used.run("audit", "verify")
    document = used.json("audit", "verify")

    assert result.exit_code == 1
    assert f"First bad line: {file.name}, line 3 (number 3): edited" in result.output
    assert (document["ok"], document["faults"][0]["line"]) == (False, 3)
    assert used.run("audit", "verify", "--from", "4").exit_code == 0


def test_a_head_and_a_key_that_were_kept_find_another_log(used: Shell) -> None:
    kept = used.json("audit", "head")
    mark = f"{kept['n']}:{kept['hash']}"
    assert used.run("audit", "verify", "--head", mark, "--public-key", kept["public_key"]).exit_code == 0

    assert used.run("audit", "verify", "--public-key", "0" * 64).exit_code == 1
    assert used.run("audit", "verify", "--head", f"{kept['n'] + 1}:{kept['hash']}").exit_code == 1
    for words in (["--head", "3:zz"], ["--head", "3"], ["--public-key", "xyz"]):
        assert used.run("audit", "verify", *words).exit_code == 2


def test_an_export_is_for_who_made_it_alone_and_is_checked_without_the_log(
    used: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "log.jsonl"
    assert used.run("audit", "export", str(file)).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    elsewhere = Shell(tmp_path / "elsewhere")

    assert elsewhere.run("audit", "verify", str(file)).exit_code == 0
    documents = [json.loads(line) for line in file.read_text().splitlines()]
    assert [one["facts"]["name"] for one in documents if one.get("action") == "secret_set"] == [
        "erp-pw",
        "crm-pw",
    ]
    again = used.run("audit", "export", str(file))
    assert again.exit_code == 3
    assert "there already" in again.stderr


def test_an_export_since_a_moment_without_lines_is_good_and_empty(used: Shell, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    used.run("audit", "export", str(file), "--since", "2999-01-01")

    document = used.json("audit", "verify", str(file))

    assert (document["ok"], document["lines"]) == (True, 0)


def test_a_file_that_is_no_export_is_refused(used: Shell) -> None:
    result = used.run("audit", "verify", str(used.folder / "agent.toml"))

    assert result.exit_code == 3
    assert "export" in result.stderr


def test_an_action_that_no_line_has_is_not_answered_with_an_empty_table_alone(used: Shell) -> None:
    found = used.run("audit", "show", "--action", "secretset")
    assert "No line has the action 'secretset'" in found.stderr
    assert "log_begun" in found.stderr
