from __future__ import annotations

from pathlib import Path

import pytest

from agent.credentials.refused import Offered, RefusedCredentials
from agent.errors import CredentialsRefused
from agent.secrets import Secret, learn

REFUSED = CredentialsRefused("login refused", where="erp", hint="Look at the account.")


def offered(value: str = "canary-offered-5", **options: str) -> Offered:
    return Offered("erp", "odbc", {"server": "a", **options}, {"Pwd": value})


@pytest.fixture
def memory(tmp_path: Path) -> RefusedCredentials:
    return RefusedCredentials(tmp_path)


def test_the_same_credentials_are_known_again_after_a_restart(
    memory: RefusedCredentials, tmp_path: Path
) -> None:
    memory.remember(offered(), REFUSED)

    found = RefusedCredentials(tmp_path).find(offered())

    assert found is not None
    assert (found.message, found.where, found.hint) == (REFUSED.message, "erp", "Look at the account.")


@pytest.mark.parametrize("other", [offered("another"), offered(server="b"), offered(user="x")])
def test_other_values_or_options_are_not_the_refused_ones(memory: RefusedCredentials, other: Offered) -> None:
    memory.remember(offered(), REFUSED)

    assert memory.find(other) is None
    assert memory.knows("erp")


def test_what_works_again_is_forgotten(memory: RefusedCredentials) -> None:
    memory.remember(offered(), REFUSED)
    memory.forget("erp")

    assert memory.find(offered()) is None
    assert not memory.knows("erp")


def test_the_file_is_private_and_holds_no_value_and_not_twice_the_same_fingerprint(
    memory: RefusedCredentials, tmp_path: Path
) -> None:
    learn(Secret("canary-offered-5"))
    file = tmp_path / "refused.json"
    memory.remember(offered(), CredentialsRefused("login with canary-offered-5 refused"))
    first = file.read_text()
    memory.remember(offered(), REFUSED)

    assert file.stat().st_mode & 0o777 == 0o600
    assert "canary-offered-5" not in first + repr(offered())
    assert first.split("fingerprint")[1] != file.read_text().split("fingerprint")[1]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"connections": {"erp": 1}}', '{"connections": {"erp": {}}}']
)
def test_a_damaged_file_costs_one_more_try_and_nothing_else(
    memory: RefusedCredentials, tmp_path: Path, content: str
) -> None:
    (tmp_path / "refused.json").write_text(content)
    (tmp_path / "refused.json").chmod(0o600)

    assert memory.find(offered()) is None
    memory.remember(offered(), REFUSED)
    assert memory.find(offered()) is not None
