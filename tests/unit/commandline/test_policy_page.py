"""docs/policy.md is right: its examples are policies, its tables name every key, its outputs are what the commands print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from agent.configuration.policy_file import read_policy
from agent.policy import names
from agent.policy.model import ConnectionRule, LeaveRule, PolicyFile, WriteRule

from .conftest import Shell

PAGE = (Path(__file__).parents[3] / "docs" / "policy.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
ORDER = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0]
OUTPUTS = re.findall(r"```console\n\$ groundwire (.*?)\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_policy(tmp_path: Path, example: str) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "policy.toml").write_text(example)
    (tmp_path / "policy.toml").chmod(0o600)
    assert read_policy(tmp_path).file.connections


@pytest.mark.parametrize(("command", "printed"), OUTPUTS)
def test_every_output_is_what_the_command_prints(shell: Shell, command: str, printed: str) -> None:
    """`...` stands for lines that the page leaves out; whoever owns the test's files has nothing to do with the page."""
    shell.write("connections/erp.toml", 'system = "sandbox"\n')
    shell.write("policy.toml", EXAMPLES[0]).chmod(0o600)
    order = shell.write("order.json", ORDER)

    words = [str(order) if word == "order.json" else word for word in command.split()]
    found = [
        line.rstrip()
        for line in shell.run(*words).output.splitlines()
        if line and "belong" not in line and "root owns" not in line
    ]

    at = 0
    gap = False
    for line in printed.splitlines():
        if line == "...":
            gap = True
            continue
        at = found.index(line.rstrip(), at) if gap else at
        assert found[at] == line.rstrip()
        at, gap = at + 1, False
    assert gap or at == len(found)


@pytest.mark.parametrize("model", [PolicyFile, ConnectionRule, LeaveRule, WriteRule])
def test_every_key_is_in_its_table(model: Any) -> None:
    tables = {"connections", "leave", "write"}
    for name, field in model.model_fields.items():
        key = field.alias or name
        assert (f"{key}." if key in tables else f"| `{key}` |") in PAGE, key


def test_every_command_and_operation_is_named() -> None:
    for name in (*names.COMMANDS, *names.AGENT_COMMANDS, *names.OPERATIONS):
        assert f"`{name}`" in PAGE, name
