"""Pure: what an account of the database needs for the streams of a connection, as statements that grant it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from drivers.contract import StreamSpec
from drivers.odbc.mentions import QUOTED, Mention, called_by, mentions_in
from drivers.odbc.options import PAGE, parse_stream
from drivers.odbc.write_options import OperationTable, StepTable, WriteTable
from drivers.recipes.tables import parse_write

ACCOUNT: Final = "groundwire"  # whoever reads the list puts the account's own name there
_TRACKING: Final = "VIEW CHANGE TRACKING"
_OF_A_DATABASE: Final = 3  # parts of a name, the first of them a database of SQL Server


@dataclass(frozen=True, slots=True)
class Use:
    privilege: str
    name: str  # as the statements write it

    @property
    def statement(self) -> str:
        parts = re.findall(rf"{QUOTED}|[^.]+", self.name)
        grant = f"GRANT {self.privilege} ON {{}} TO {ACCOUNT}"
        if len(parts) == _OF_A_DATABASE:
            return f"USE {parts[0]}; {grant.format('.'.join(parts[1:]))}"
        return grant.format(self.name)


def used_by(streams: Iterable[StreamSpec]) -> dict[Use, tuple[str, ...]]:
    """Each right with the streams that need it. Raises BadConfiguration for wrong options."""
    found: dict[Use, tuple[str, ...]] = {}
    for stream in streams:
        for use in dict.fromkeys((*_reading(stream), *_writing(stream))):
            found[use] = (*found.get(use, ()), stream.name)
    return found


def _reading(stream: StreamSpec) -> Iterator[Use]:
    options = parse_stream(stream.name, stream.options)
    for query in (options.query, *(lines.query for lines in options.lines.values())):
        yield from _uses(mentions_in(query))
    for table in options.change_tracking:
        yield Use(_TRACKING, table)


def _writing(stream: StreamSpec) -> Iterator[Use]:
    if not stream.write:
        return
    for _, operation in parse_write(WriteTable, stream, page=PAGE).operations():
        yield from _operation(operation)


def _operation(operation: OperationTable) -> Iterator[Use]:
    for step in operation.steps:
        yield from _step(step)
    if operation.find is not None:
        yield from _uses(mentions_in(operation.find))


def _step(step: StepTable) -> Iterator[Use]:
    if step.sql is not None:
        yield from _uses(mentions_in(step.sql))
    if step.call is not None:
        yield Use("EXECUTE", called_by(step.call))
    for privilege, table in (("INSERT", step.insert), ("UPDATE", step.update), ("DELETE", step.delete)):
        if table is not None:
            # The driver asks for the columns of a table, and updates look for the row that they change.
            yield from (Use(each, table.strip()) for each in ("SELECT", privilege))


def _uses(mentions: Iterable[Mention]) -> Iterator[Use]:
    yield from (Use(each.privilege, each.name) for each in mentions)
