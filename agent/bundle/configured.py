"""The configuration as a bundle tells it: its shape and its names, without secrets and without constants. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from agent.bundle.masking import (
    LEFT_OUT,
    PERSON_NAME,
    SECRET_NAME,
    name_or_nothing,
    plain,
    sized,
    without_literals,
)
from agent.policy.model import PolicyFile
from agent.secrets import REFERENCE_PATTERN
from agent.settings import ConnectionSettings, Settings

_REFERENCE: Final = re.compile(REFERENCE_PATTERN)
_SET: Final = "(set)"
_A_CONSTANT: Final = "(a constant)"

# Words of a mapping behind which a column or line set is named, or a kind of conversion; all others may hold values.
_COLUMN_WORDS: Final = frozenset({"from", "header", "lines", "take", "match", "key", "sum", "count", "of"})
_PART_WORDS: Final = frozenset({"coalesce", "concat", "strings"})
_NAMING_WORDS: Final = frozenset({*_COLUMN_WORDS, *_PART_WORDS, "map", "lookup", "as"})
_WORDS: Final = frozenset(
    {*_COLUMN_WORDS, *_PART_WORDS, "const", "lookup", "rows", "values", "default", "equals"}
)
# Of what is read and written: members that hold a statement, and those that name something of the source.
_STATEMENTS: Final = frozenset({"query", "sql", "statement", "find", "filter", "where"})
_NAMES_OF_SOURCES: Final = frozenset(
    {
        *(
            "key",
            "replication_key",
            "replication_clock",
            "parent",
            "order_by",
            "columns",
            "lines",
            "required",
        ),
        *(
            "table",
            "entity",
            "entity_set",
            "service",
            "function",
            "project",
            "expand",
            "returns",
            "for_each",
            "field",
        ),
        *("create", "update", "delete", "set_status", "updatable_in"),
    }
)
_KEPT_OF_POLICY: Final = frozenset(
    {
        "commands",
        "fields",
        "except",
        "mask",
        "hash",
        "raw",
        "operations",
        "statuses",
        "per_hour",
        "quiet_hours",
        "time_zone",
    }
)


def settings_told(settings: Settings) -> dict[str, Any]:
    tables = {
        field.name: table.model_dump(mode="json")
        for field in dataclasses.fields(settings)
        if isinstance(table := getattr(settings, field.name), BaseModel)
    }
    return {
        "config_dir": plain(str(settings.config_dir)),
        "state_dir": plain(str(settings.state_dir)),
        **{name: options_told(table) for name, table in tables.items()},
        "connections": {name: connection_told(one) for name, one in settings.connections.items()},
        "broken": [
            {
                "name": broken.name,
                "in_force": broken.in_force,
                "problems": [{"code": one.code, "where": plain(one.where)} for one in broken.problems],
            }
            for broken in settings.broken
        ],
    }


def connection_told(connection: ConnectionSettings) -> dict[str, Any]:
    document = connection.as_document()
    streams = {
        name: {
            "entity": stream["entity"],
            "sync": options_told(stream["sync"]),
            "read": statements_told(stream["read"]),
            "map": map_told(stream["map"]),
            "write": statements_told(stream["write"]),
        }
        for name, stream in document.pop("streams").items()
    }
    return {**options_told(document), "streams": streams}


def options_told(value: Any, name: str = "") -> Any:
    """Settings by name: what may be a secret is left out unless it is a reference to one, and so is who signs in."""
    if isinstance(value, bool) or value is None:
        return value
    if SECRET_NAME.search(name):
        return _references(value)
    if isinstance(value, Mapping):
        return {plain(str(key)): options_told(below, str(key)) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [options_told(below, name) for below in value]
    shown = plain(value) if isinstance(value, str) else value if isinstance(value, int | float) else LEFT_OUT
    return _SET if PERSON_NAME.match(name) else shown


def _references(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {plain(str(key)): _references(below) for key, below in value.items()}
    return value if isinstance(value, str) and _REFERENCE.match(value) else LEFT_OUT


def statements_told(value: Any, name: str = "") -> Any:
    """What a stream reads or writes: names of tables and columns, queries without the values in them.

    Whatever else is said there may be a value that is written or compared with, and is left out.
    """
    if isinstance(value, Mapping):
        return {name_or_nothing(str(key)): statements_told(below, str(key)) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [statements_told(below, name) for below in value]
    if isinstance(value, str) and name in _STATEMENTS:
        return without_literals(value)
    if isinstance(value, str) and name in _NAMES_OF_SOURCES:
        return name_or_nothing(value)
    return value if value is None or isinstance(value, bool) else LEFT_OUT


def map_told(table: Mapping[str, Any]) -> dict[str, Any]:
    """Each unified field with the columns that it is made of; constants, codes and defaults are values."""
    return {name_or_nothing(str(field)): _field(str(field), spec) for field, spec in table.items()}


def _field(field: str, spec: Any) -> Any:
    if field in {"lookups", "defaults"}:
        return _counted(spec)
    if field == "custom" and isinstance(spec, Mapping):
        return map_told(spec)
    return _spec(spec)


def _spec(spec: Any) -> Any:
    if isinstance(spec, str):
        return name_or_nothing(spec)
    if not isinstance(spec, Mapping):
        return _counted(spec)
    if not _WORDS.intersection(spec):  # an object, made of its fields
        return map_told(spec)
    return {name_or_nothing(str(word)): _word(str(word), value) for word, value in spec.items()}


def _word(word: str, value: Any) -> Any:
    kept = isinstance(value, bool) or (word == "scale" and isinstance(value, int))
    if word in {"const", "default"} or not (kept or word in _NAMING_WORDS):
        return _counted(value)
    if kept:
        return value
    if isinstance(value, Mapping):
        return map_told(value) if word == "map" else _spec(value)
    if isinstance(value, list | tuple):
        return [_spec(part) if word in _PART_WORDS else name_or_nothing(str(part)) for part in value]
    return _spec(value)


def _counted(value: Any) -> str:
    return f"({len(value)} values)" if isinstance(value, Mapping | list | tuple) else _A_CONSTANT


def policy_told(policy: PolicyFile) -> dict[str, Any]:
    """What is allowed, by name; of limits and rows only that there are some."""
    return {name: _rule(name, value) for name, value in policy.model_dump(mode="json", by_alias=True).items()}


def _rule(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if name in {"rows", "max_amount"}:
        return _counted(value)
    if name in _KEPT_OF_POLICY:
        if isinstance(value, list | tuple):
            return [name_or_nothing(str(one)) for one in value]
        return name_or_nothing(value) if isinstance(value, str) else value
    if isinstance(value, Mapping):
        return {name_or_nothing(str(key)): _rule(str(key), below) for key, below in value.items()}
    return sized(str(value))
