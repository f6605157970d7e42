"""The texts of agent.toml and policy.toml as set-up writes them, new or changed; what differs. Pure."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Item

from agent.errors import ConfigurationError
from agent.policy.suggest import suggestion

CAREFUL: Final = "careful"  # all but what is of persons or was typed by people
EVERYTHING: Final = "everything"
NOTHING: Final = "nothing"

_SUGGESTED: Final = re.compile(r"^# (?:personal|typed by people): ", re.MULTILINE)
_ABOUT: Final[Mapping[str, str]] = {
    "agent.name": "how the relay calls this agent",
    "agent.state_dir": "the outbox, the agent's key, the vault",
    "relay.ca_file": "the authority behind the relay's certificate; no other is trusted for it",
    "relay.proxy": "the proxy on the way to the relay",
    "relay.proxy_password": "kept in the vault: `groundwire secret set` changes it",
}
_AGENT: Final = """\
# This agent, as answered to `groundwire setup`. Connections stand in connections/, what may leave in policy.toml.
# Every setting: docs/configuration.md. A change takes effect at the next start.

[agent]

[relay]
"""
_POLICY: Final = """\
# What may leave this host, be written and be done. What is not named here does not happen.
# Fields, rows, masks, hashes, writing: docs/policy.md. `groundwire policy explain` says what it means for a record.
# Best owned by root, with nobody else allowed to write to it.
"""


def agent_text(present: str | None, settings: Mapping[str, str | None]) -> str:
    """agent.toml with these settings, by dotted names; None takes one out. What else is in the file stays as it is."""
    made = _parsed(present if present is not None else _AGENT, "agent.toml")
    for path, value in settings.items():
        table_name, _, key = path.partition(".")
        if table_name not in made:
            made[table_name] = tomlkit.table()
        table: Any = made[table_name]
        if value is None:
            table.pop(key, None)
        elif table.get(key) != value:
            item: Item = tomlkit.item(value)
            if path in _ABOUT:
                item.comment(_ABOUT[path])
            table[key] = item
    return tomlkit.dumps(made)


def policy_text(present: str | None, connection: str, entities: Iterable[str], how: str) -> str:
    """policy.toml with tables for a connection. What it says already of the connection stays."""
    before = _POLICY if present is None else present
    if how == NOTHING or names_connection(present, connection):
        return before
    tables = suggestion(connection, entities)
    if how == CAREFUL:
        tables = _SUGGESTED.sub("", tables)
    return f"{before.rstrip()}\n\n{tables}"


def names_connection(policy: str | None, connection: str) -> bool:
    """Whether the policy says anything of it. A file that cannot be read says so where it is read."""
    try:
        return connection in tomllib.loads(policy or "").get("connections", {})
    except (tomllib.TOMLDecodeError, AttributeError, TypeError):
        return True


def difference(name: str, before: str | None, after: str) -> list[str]:
    """A new file line by line; of one that is there what would change."""
    if before is None:
        return after.splitlines()
    return list(
        difflib.unified_diff(
            before.splitlines(), after.splitlines(), f"{name} now", f"{name} then", lineterm="", n=2
        )
    )


def _parsed(text: str, name: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigurationError(f"is no TOML: {error}", where=name) from error
