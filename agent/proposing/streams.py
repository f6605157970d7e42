"""A catalogue -> streams for a connection file, as far as names, keys and foreign keys tell. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from agent.model.entities import ENTITIES
from agent.policy.names import fields_of
from agent.proposing.fields import guess_fields
from agent.proposing.guesses import FieldGuess, LinesGuess, Proposal, StreamGuess, Sureness
from agent.proposing.knowledge import FIELDS, LINE_FIELDS, LINES, NOISE, REFERENCES, REQUIRED, STREAMS, TABLES
from agent.proposing.words import bare, word_set, words_of
from drivers.contract import Catalogue, Table

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
LEAST: Final = 0.5  # below it a table is named beside others, and not proposed
LINE_NUMBER: Final = "lineNo"
_LINE_WORDS: Final = frozenset(word for sets in LINES.values() for words in sets.values() for word in words)
_ELSE: Final = word_set("history archive log audit temp backup type category status group class")


def propose(catalogue: Catalogue, taken: Collection[str] = ()) -> Proposal:
    """`taken`: names of streams that the connection has already; they are left as they are."""
    catalogue = Catalogue(tuple(_sound(table) for table in catalogue.tables if _can_be_written(table)))
    chosen: dict[str, Table] = {}
    others: dict[str, tuple[str, ...]] = {}
    for entity in TABLES:
        ranked = sorted(
            ((score, table) for table in catalogue.tables if (score := _score(entity, table)) > 0),
            key=lambda each: (-each[0], each[1].name),
        )
        if ranked and ranked[0][0] >= LEAST and _key_of(ranked[0][1]):
            chosen[entity] = ranked[0][1]
            others[entity] = tuple(table.name for _, table in ranked[1:4])
    targets = {table.name: entity for entity, table in chosen.items()}
    streams = [
        _stream(entity, table, catalogue, targets, others[entity])
        for entity, table in chosen.items()
        if STREAMS[entity] not in taken
    ]
    return Proposal(
        tuple(streams),
        missing=tuple(entity for entity in TABLES if entity not in chosen and STREAMS[entity] not in taken),
        taken=tuple(name for name in STREAMS.values() if name in taken),
    )


def _can_be_written(table: Table) -> bool:
    """Whether every name can stand in a file; half a surrogate pair, which some drivers make, cannot."""
    names = (table.name, *table.key, *(column.name for column in table.columns))
    return bool(table.columns) and all(name and not _SURROGATE.search(name) for name in names)


def _sound(table: Table) -> Table:
    """Without what speaks of columns that the table has not: a driver that answers oddly costs a guess, not all."""
    there = {column.name for column in table.columns}
    return replace(
        table,
        key=table.key if set(table.key) <= there else (),
        replication_key=table.replication_key if table.replication_key in there else None,
        foreign_keys=tuple(
            link
            for link in table.foreign_keys
            if len(link.columns) == len(link.references) and set(link.columns) <= there
        ),
    )


def _core(table: Table) -> tuple[str, ...]:
    return tuple(word for word in words_of(bare(table.name)) if word not in NOISE)


def _score(entity: str, table: Table) -> float:
    core, words = _core(table), words_of(bare(table.name))
    found = 0.0
    for rank, phrase in enumerate(TABLES[entity]):
        rest = [word for word in core if word not in phrase]
        if core == phrase:
            found = max(found, 1.0 - 0.02 * rank)
        elif set(phrase) < set(core) and len(rest) == 1 and not set(rest) & (_LINE_WORDS | _ELSE):
            found = max(found, 0.55 - 0.02 * rank)
    if not found:
        return 0.0
    phrases = FIELDS[entity]
    hits = len(guess_fields(entity, phrases, table.columns, table=core, references={}))
    found += 0.05 if "header" in words else 0.0
    return found + 0.02 * min(hits, 10) - (0.0 if table.key else 0.3)


def _key_of(table: Table) -> tuple[str, ...]:
    """The primary key; else the one column that by its name numbers the rows."""
    if table.key:
        return table.key
    own = _core(table)
    wanted = ((*own, "id"), ("id",), (*own, "number"), (*own, "code"), ("number",), ("code",))
    names = {words_of(column.name): column.name for column in reversed(table.columns)}
    return next(((names[words],) for words in wanted if words in names), ())


def _stream(
    entity: str, table: Table, catalogue: Catalogue, targets: Mapping[str, str], others: tuple[str, ...]
) -> StreamGuess:
    key = _key_of(table)
    own = _core(table)
    fields = guess_fields(
        entity,
        FIELDS[entity],
        table.columns,
        table=own,
        references=_references(entity, table, targets),
    )
    fields = _with_required(entity, key, fields)
    lines = _lines(entity, table, key, catalogue, targets)
    used = {each.table.name for each in lines}
    exact = any(own == phrase for phrase in TABLES[entity])
    return StreamGuess(
        STREAMS[entity],
        entity,
        table,
        key,
        bool(table.key),
        fields,
        lines,
        Sureness.LIKELY if exact else Sureness.GUESS,
        f"the table's name means {entity.replace('_', ' ')}",
        others,
        tuple(
            each.name
            for each in catalogue.tables
            if each.name not in used
            and each.name != table.name
            and any(link.table == table.name for link in each.foreign_keys)
        ),
    )


def _references(entity: str, table: Table, targets: Mapping[str, str], list_name: str = "") -> dict[str, str]:
    """Columns that lead to a record of another proposed stream, with the field that holds such a reference."""
    known = fields_of(ENTITIES[entity])
    found: dict[str, str] = {}
    for link in table.foreign_keys:
        target = targets.get(link.table)
        field = REFERENCES.get(target or "", "")
        path = f"{list_name}.{field}" if list_name else field
        if len(link.columns) == 1 and path in known and field not in found.values():
            found[link.columns[0]] = field
    return found


def _with_required(
    entity: str, key: tuple[str, ...], fields: tuple[FieldGuess, ...]
) -> tuple[FieldGuess, ...]:
    """A stream needs one field at least; the key stands for it where no column looks like it."""
    required = REQUIRED[entity]
    if any(each.field == required for each in fields):
        return fields
    why = "a field that has to be mapped, and no column looks like it; the key stands in"
    return (FieldGuess(required, key[-1], Sureness.GUESS, why), *fields)


def _lines(
    entity: str, header: Table, key: tuple[str, ...], catalogue: Catalogue, targets: Mapping[str, str]
) -> tuple[LinesGuess, ...]:
    found: list[LinesGuess] = []
    for list_name, role in LINES[entity].items():
        candidates = [
            (sureness is Sureness.LIKELY, len(guess), table, parent, guess, sureness, why)
            for table in catalogue.tables
            if table.name != header.name and all(table.name != each.table.name for each in found)
            if set(_core(table)) - set(_core(header)) & role or set(words_of(bare(table.name))) & role
            for parent, sureness, why in _parents(header, key, table)
            if _plays(table, header, role)
            for guess in [_line_fields(entity, list_name, table, targets, parent)]
        ]
        if candidates:
            best = max(candidates, key=lambda each: (each[0], each[1], each[2].name))
            _, _, table, parent, guess, sureness, why = best
            found.append(LinesGuess(list_name, table, parent, _order(table, parent), guess, sureness, why))
    return tuple(found)


def _plays(table: Table, header: Table, role: frozenset[str]) -> bool:
    """Whether the words of the table that its header has not say what its rows are."""
    rest = set(words_of(bare(table.name))) - set(_core(header))
    return bool(rest & role) and not rest & _ELSE


def _parents(
    header: Table, key: tuple[str, ...], table: Table
) -> Sequence[tuple[tuple[str, ...], Sureness, str]]:
    """The columns of `table` that hold the header's key, in its order."""
    for link in table.foreign_keys:
        if link.table == header.name and set(link.references) == set(key):
            by_reference = dict(zip(link.references, link.columns, strict=True))
            return [(tuple(by_reference[name] for name in key), Sureness.LIKELY, "its foreign key")]
    named = {column.name.lower(): column.name for column in table.columns}
    if all(name.lower() in named for name in key) and set(_core(header)) <= set(words_of(bare(table.name))):
        columns = tuple(named[name.lower()] for name in key)
        return [(columns, Sureness.GUESS, "it has columns named like the key; there is no foreign key")]
    return []


def _line_fields(
    entity: str, list_name: str, table: Table, targets: Mapping[str, str], parent: tuple[str, ...]
) -> tuple[FieldGuess, ...]:
    columns = [column for column in table.columns if column.name not in parent]
    references = _references(entity, table, targets, list_name)
    found = guess_fields(
        entity,
        LINE_FIELDS[list_name],
        columns,
        table=_core(table),
        references={name: field for name, field in references.items() if name not in parent},
        list_name=list_name,
    )
    order = _order(table, parent)
    if list_name != "lineItems" or len(order) != 1 or order[0] in references:
        return found
    if any(each.field == LINE_NUMBER and each.sureness is not Sureness.GUESS for each in found):
        return found
    rest = (each for each in found if each.field != LINE_NUMBER and each.column != order[0])
    return (FieldGuess(LINE_NUMBER, order[0], Sureness.LIKELY, "the rest of its primary key"), *rest)


def _order(table: Table, parent: tuple[str, ...]) -> tuple[str, ...]:
    rest = tuple(name for name in table.key if name not in parent)
    return rest or table.key or (table.columns[0].name,)
