"""Values of a mapping as people write them in a connection file. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_NESTED: Final = ("defaults", "lookups", "custom")  # tables of their own, for people to find


def inline(value: Any) -> str:
    """One value on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        members = ", ".join(f"{key(name)} = {inline(below)}" for name, below in value.items())
        return f"{{ {members} }}" if members else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(inline, value))}]"
    return text(value) if isinstance(value, str) else str(value)


def text(value: str) -> str:
    # JSON's escapes are TOML's, but for the one control character that JSON lets pass.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def key(name: str) -> str:
    return name if _BARE.fullmatch(name) else text(name)


def map_table(stream: str, table: Mapping[str, Any]) -> str:
    """A whole `map` table, to be pasted into a connection file."""
    return _tables(f"streams.{key(stream)}.map", table)


def alone(table: Mapping[str, Any]) -> str:
    """A whole `map` table as a document of its own, to be edited."""
    return _tables("", table)


def _tables(place: str, table: Mapping[str, Any]) -> str:
    below = f"{place}." if place else ""
    own = {name: value for name, value in table.items() if not _is_table_of_its_own(name, value)}
    parts = [_section(place, own)]
    for name, value in table.items():
        if name in _NESTED and _is_table_of_its_own(name, value):
            parts.append(_section(f"{below}{name}", value))
        elif _is_table_of_its_own(name, value):
            rest = {word: inner for word, inner in value.items() if word != "map"}
            parts += [
                _section(f"{below}{key(name)}", rest),
                _section(f"{below}{key(name)}.map", value["map"]),
            ]
    return "\n".join(parts)


def _is_table_of_its_own(name: str, value: Any) -> bool:
    if not isinstance(value, Mapping) or not value:
        return False
    return name in _NESTED or (isinstance(value.get("map"), Mapping) and bool(value["map"]))


def _section(place: str, table: Mapping[str, Any]) -> str:
    head = [f"[{place}]"] if place else []
    lines = [*head, *(f"{key(name)} = {inline(value)}" for name, value in table.items())]
    return "\n".join(lines) + "\n"
