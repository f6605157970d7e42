"""A proposal as TOML for a connection file, with a word on every guess. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from agent.mapping.toml import inline, key
from agent.proposing.fields import kind_of
from agent.proposing.guesses import FieldGuess, LinesGuess, Proposal, StreamGuess
from drivers.contract import Table

MANY_ROWS: Final = 1_000_000
_WIDTH: Final = 44  # characters in front of a comment


def render(proposal: Proposal, connection: str) -> str:
    """Behind the tables of the connection's own file it is a whole connection file."""
    lines = [
        f"# Proposed by `groundwire discover {connection} --propose` from the names, keys and foreign keys of the catalogue.",
        "# Nothing here is certain: what each word beside a line calls sure, likely or a guess, a person has to look at.",
        f"# `groundwire sync --preview {connection}` shows what becomes of real records; nothing leaves meanwhile.",
    ]
    for stream in proposal.streams:
        lines += ["", *_stream(stream)]
    notes = (
        [f"# There is no table that looks like this entity: {', '.join(proposal.missing)}."]
        if proposal.missing
        else []
    )
    if proposal.taken:
        notes.append(f"# In the file already, and left as they are: {', '.join(proposal.taken)}.")
    whole = [*lines, *(["", *notes] if notes else [])]
    return "\n".join(_shown(line) if line.startswith("#") else line for line in whole) + "\n"


def _stream(stream: StreamGuess) -> Iterator[str]:
    place = f"streams.{stream.name}"
    yield f"# {stream.table.name}: {stream.sureness}, {stream.why}."
    if stream.others:
        yield f"# These look like it too: {', '.join(stream.others)}."
    if stream.children:
        yield f"# Tables that lead to it and are in no list of the model: {', '.join(stream.children)}."
    yield f"[{place}]"
    yield f"entity = {inline(stream.entity)}"
    yield ""
    yield f"[{place}.sync]"
    yield _said(
        "manual = true", "nothing is read by itself; take this line out once the preview shows what you want"
    )
    yield ""
    yield f"[{place}.read]"
    yield _said(f"query = {_query(stream.table)}", _rows(stream.table))
    primary = "sure: the primary key" if stream.key_is_primary else "a guess: the table has no primary key"
    yield _said(f"key = {inline(stream.key)}", primary)
    yield from _changes(stream)
    for lines in stream.lines:
        yield ""
        yield f"[{place}.read.lines.{lines.field}]"
        yield _said(f"query = {_query(lines.table)}", _rows(lines.table))
        yield _said(f"parent = {inline(lines.parent)}", f"{lines.sureness}: {lines.why}")
        yield f"order_by = {inline(lines.order_by)}"
    yield ""
    yield f"[{place}.map]"
    yield from _fields(stream.fields)
    yield from _unused(stream.table, {*(each.column for each in stream.fields), *stream.key})
    for lines in stream.lines:
        yield from _line_map(place, lines)


def _changes(stream: StreamGuess) -> Iterator[str]:
    name = stream.table.replication_key
    if name is None:
        heavy = " It has many rows: let it run seldom." if (stream.table.rows or 0) > MANY_ROWS else ""
        yield f"# No column looks as if it ordered changes: every sync reads all rows and compares them.{heavy}"
        return
    type_ = next(column.type for column in stream.table.columns if column.name == name)
    if kind_of(type_) == "day":
        step = "a whole day: each sync reads the last day again"
    elif kind_of(type_) == "moment":
        step = f"as fine as {type_} keeps it"
    else:
        step = "a counter"
    yield _said(f"replication_key = {inline(name)}", f"likely: named like one, of type {type_}; {step}")
    if kind_of(type_) == "moment" and "tz" not in type_.lower() and "zone" not in type_.lower():
        yield _said('replication_clock = "local"', 'or "utc": in what the column is kept')
    if stream.lines:
        yield "# Ask whether it moves when only a line changes; where it does not, such a change is not seen until then."


def _line_map(place: str, lines: LinesGuess) -> Iterator[str]:
    if not lines.fields:
        return
    yield ""
    yield f"[{place}.map.{lines.field}]"
    yield f"lines = {inline(lines.field)}"
    yield ""
    yield f"[{place}.map.{lines.field}.map]"
    yield from _fields(lines.fields)
    yield from _unused(lines.table, {*(each.column for each in lines.fields), *lines.parent})


def _fields(fields: Sequence[FieldGuess]) -> Iterator[str]:
    for each in fields:
        yield _said(f"{key(each.field)} = {inline(each.column)}", f"{each.sureness}: {each.why}")
        if each.field == "statusKey":
            column = inline({"from": each.column, "values": {}})
            yield f"# status = {column}  # what each code means, only somebody who knows the system can say"


def _unused(table: Table, used: set[str]) -> Iterator[str]:
    rest = [column.name for column in table.columns if column.name not in used]
    if rest:
        yield f"# not used: {', '.join(rest)}"


def _rows(table: Table) -> str:
    return "" if table.rows is None else f"about {table.rows} row{'' if table.rows == 1 else 's'}"


def _query(table: Table) -> str:
    return inline(f"select * from {table.name}")  # noqa: S608 - the catalogue's own name, for a person to read


def _shown(comment: str) -> str:
    """A name may hold anything; what TOML does not take in a comment is shown as a question mark."""
    return "".join(each if each.isprintable() else "?" for each in comment)


def _said(line: str, comment: str) -> str:
    return f"{line.ljust(_WIDTH)}  # {_shown(comment)}" if comment else line
