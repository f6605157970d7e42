"""A mapping edited as text: every fault with its line, and what differs from the one in force. Pure.

The text is the stream's `map` table as a TOML document of its own. A table pasted from a connection file, with its
headers, is taken as well.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.configuration.positions import Path as Position
from agent.configuration.positions import key_lines
from agent.errors import ConfigurationError
from agent.mapping.grammar import read_rules
from agent.mapping.overlay import ABSENT, Action, Change, Path, same
from agent.mapping.paths import CUSTOM, FIELDS, NAMED_TABLES, check_value, mappable, text_of
from agent.mapping.toml import alone
from agent.model.entities import ENTITIES, Field, Kind

MAX_TEXT_CHARS: Final = 256 * 1024  # as the changes of one mapping at most
MAX_FAULTS: Final = 50
_OPTIONS: Final = ("defaults", "lookups")
_AT: Final = re.compile(r"\s*\(at (?:line (?P<line>\d+), column \d+|end of document)\)\Z")


@dataclass(frozen=True, slots=True)
class EditFault:
    """`line` counts from 1; 0 where no line is to blame, such as for what is missing."""

    line: int
    place: str  # the field as people write it; empty: the whole
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Edited:
    """What a text says; with faults, its changes are none."""

    faults: tuple[EditFault, ...] = ()
    changes: tuple[Change, ...] = ()


def editable(table: Mapping[str, Any]) -> str:
    return alone(table)


def with_column(table: Mapping[str, Any], column: str) -> dict[str, Any]:
    """The table with a column of the source as a custom field of the same name."""
    custom = table.get(CUSTOM)
    there = dict(custom) if isinstance(custom, Mapping) else {}
    return {**table, CUSTOM: {**there, column.rpartition(".")[2]: column}}


def read_edited(text: str, in_force: Mapping[str, Any], *, entity: str) -> Edited:
    """Hold an edited text against the table in force."""
    try:
        table, above, lines = _read(text)
    except _Unreadable as error:
        return Edited((error.fault,))
    faults = list(_located(_faults(table, entity), above, lines))[:MAX_FAULTS]
    return Edited(tuple(faults)) if faults else Edited((), changes_to(in_force, table, entity=entity))


def changes_to(in_force: Mapping[str, Any], wanted: Mapping[str, Any], *, entity: str) -> tuple[Change, ...]:
    """What makes `wanted` of `in_force`, place by place as a version keeps them."""
    fields = {field.alias: field for field in mappable(ENTITIES[entity])}
    return tuple(_differences(in_force, wanted, (), fields))


def line_of(text: str, path: Path) -> int:
    """Where in a text that is TOML this place is written; 0: nowhere."""
    _, above, lines = _read(text)
    return _line_of((*above, *path), lines)


class _Unreadable(Exception):
    def __init__(self, fault: EditFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def _read(text: str) -> tuple[Mapping[str, Any], Position, Mapping[Position, int]]:
    """The table, where in the document it lies, and the document's lines. Raises _Unreadable."""
    plain = text.replace("\r\n", "\n")
    if len(plain) > MAX_TEXT_CHARS:
        raise _Unreadable(EditFault(0, "", f"the text is longer than {MAX_TEXT_CHARS // 1024} KiB"))
    try:
        document = tomllib.loads(plain)
    except tomllib.TOMLDecodeError as error:
        place = _AT.search(str(error))
        last = plain.rstrip("\n").count("\n") + 1
        line = int(place["line"]) if place is not None and place["line"] else last
        message = _AT.sub("", str(error))
        raise _Unreadable(
            EditFault(line, "", f"this is not TOML: {message[:1].lower()}{message[1:]}", _QUOTES)
        ) from None
    except RecursionError:
        raise _Unreadable(EditFault(0, "", "tables are nested too deep")) from None
    table, above = _unwrapped(document)
    return table, above, key_lines(plain)


_QUOTES: Final = 'Texts and column names stand in quotes: orderNo = "purchaseorderid".'


def _unwrapped(document: Mapping[str, Any]) -> tuple[Mapping[str, Any], Position]:
    """Of `[streams.NAME.map]`, as it stands in a connection file, the table itself."""
    streams = document.get("streams")
    if set(document) == {"streams"} and isinstance(streams, Mapping) and len(streams) == 1:
        ((name, stream),) = streams.items()
        if isinstance(stream, Mapping) and set(stream) == {FIELDS} and isinstance(stream[FIELDS], Mapping):
            return stream[FIELDS], ("streams", name, FIELDS)
    return document, ()


def _located(
    faults: Iterator[tuple[Path, ConfigurationError]], above: Position, lines: Mapping[Position, int]
) -> Iterator[EditFault]:
    seen: set[tuple[str, str]] = set()
    for path, error in faults:
        if (error.where, error.message) in seen:
            continue
        seen.add((error.where, error.message))
        hint = "" if error.hint == ConfigurationError.default_hint else error.hint
        yield EditFault(_line_of((*above, *path), lines), text_of(path) if path else "", error.message, hint)


def _line_of(path: Position, lines: Mapping[Position, int]) -> int:
    return next((lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in lines), 0)


def _faults(table: Mapping[str, Any], entity: str) -> Iterator[tuple[Path, ConfigurationError]]:
    """Every part of the table read by itself, so that one fault does not hide the next."""
    options = {name: table[name] for name in _OPTIONS if name in table}
    broken = [*_of_parts([((name,), {name: value}) for name, value in options.items()], entity)]
    yield from broken
    if broken:
        return  # what uses them would only say so once more
    parts = list(_parts(table, options))
    found = [*_of_parts(parts, entity)]
    yield from found
    if not found:
        yield from _of_parts([((), table)], entity, whole=True)


def _of_parts(
    parts: list[tuple[Path, Mapping[str, Any]]], entity: str, *, whole: bool = False
) -> Iterator[tuple[Path, ConfigurationError]]:
    for path, part in parts:
        try:
            check_value(part, where="")
            read_rules(part, entity=ENTITIES[entity], where="", whole=whole)
        except ConfigurationError as error:
            inside = (
                path if error.where.count(".") >= len([one for one in path if one != FIELDS]) else path[:1]
            )
            yield inside, error


def _parts(table: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for name, value in table.items():
        if name in _OPTIONS:
            continue
        members = value.get(FIELDS) if isinstance(value, Mapping) else None
        if name == CUSTOM and isinstance(value, Mapping):
            yield from (((CUSTOM, one), {**options, CUSTOM: {one: spec}}) for one, spec in value.items())
        elif isinstance(members, Mapping) and members:
            yield from (
                ((name, FIELDS, one), {**options, name: {**value, FIELDS: {one: spec}}})
                for one, spec in members.items()
            )
        else:
            yield (name,), {**options, name: value}


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], path: Path, fields: Mapping[str, Field]
) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        here = (*path, name)
        old, new = before.get(name, ABSENT), after.get(name, ABSENT)
        if old is not ABSENT and new is not ABSENT and same(old, new):
            continue
        field = fields.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            if not path and name in NAMED_TABLES:
                yield from _entries(old, new, here)
                continue
            if field is not None and field.kind is Kind.OBJECT:
                yield from _differences(old, new, here, _members(field))
                continue
            if field is not None and field.kind is Kind.LIST and FIELDS in old and FIELDS in new:
                yield from _of_lines(old, new, here, field)
                continue
        if not path and name in NAMED_TABLES:
            yield from _entries(old if old is not ABSENT else {}, new if new is not ABSENT else {}, here)
        else:
            yield Change(here, Action.REMOVE) if new is ABSENT else Change(here, Action.SET, new)


def _entries(old: Mapping[str, Any], new: Mapping[str, Any], path: Path) -> Iterator[Change]:
    """Of a named table: each entry is one place."""
    return _differences(old, new, path, {})


def _of_lines(old: Mapping[str, Any], new: Mapping[str, Any], path: Path, field: Field) -> Iterator[Change]:
    words = [{word: said for word, said in one.items() if word != FIELDS} for one in (old, new)]
    yield from _differences(words[0], words[1], path, {})
    yield from _differences(old[FIELDS], new[FIELDS], (*path, FIELDS), _members(field))


def _members(field: Field) -> Mapping[str, Field]:
    return {member.alias: member for member in field.fields}
