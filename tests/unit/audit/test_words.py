"""docs/audit.md names every action that the program records."""

from __future__ import annotations

import re
from pathlib import Path

import agent

SOURCE = Path(agent.__file__).parent
PAGE = SOURCE.parent / "docs" / "audit.md"
RECORDED = re.compile(r'\.(?:record|happened|_tell)\(\s*"([a-z_]+)"')
ENTRIES = re.compile(r'Entry\([a-z_.]+, "([a-z_]+)"|^(?:[A-Z_]+): Final = "([a-z]+_[a-z_]+)"', re.MULTILINE)


def actions_in_the_code() -> set[str]:
    found = {word for path in SOURCE.rglob("*.py") for word in RECORDED.findall(path.read_text())}
    for name in ("audit/lines.py", "audit/chain.py", "audit/log.py", "policies/in_force.py"):
        found |= {one or other for one, other in ENTRIES.findall((SOURCE / name).read_text())}
    return found


def test_every_action_is_on_the_page() -> None:
    found = actions_in_the_code()

    assert {"log_begun", "clock_went_back", "command_settled", "secret_set", "policy_loaded"} <= found
    assert {word for word in found if f"`{word}`" not in PAGE.read_text()} == set()
