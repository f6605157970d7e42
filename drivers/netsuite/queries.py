"""Pure: the SuiteQL of every read.

SuiteQL over REST binds no values. Those that enter the text are whole numbers and moments, written out here from
parsed ones; texts that a platform sends do not enter it, but for one literal of an id in `writing`.

Paging is by key alone. A row inserted or deleted while a pass runs moves no other row across a page border, which an
offset cannot promise; and no query is read further than its first answer, so that the most rows a query may yield are
never reached. Dates and moments are printed by TO_CHAR, so that no preference of the user or the account shows in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from drivers.netsuite.select_list import HELPER_PREFIX
from drivers.netsuite.shape import Kind, LineShape, QueryColumn, StreamShape

MOMENT: Final = "YYYY-MM-DD HH24:MI:SS"
DAY: Final = "YYYY-MM-DD"
NOTHING: Final = "1 = 0"


def derived(query: str, alias: str) -> str:
    """The operator's query as a table. The line break ends a comment on its last line."""
    return f"({query}\n) {alias}"


def printed(column: QueryColumn, alias: str) -> str:
    """The expression that hands over a column's values in one form, whoever asks."""
    name = f"{alias}.{column.name}"
    match column.kind:
        case Kind.DATE:
            return f"TO_CHAR({name}, '{DAY}')"
        case Kind.TIMESTAMP:
            return f"TO_CHAR({name}, '{MOMENT}')"
        case Kind.TIMESTAMP_TZ:
            return f"TO_CHAR(SYS_EXTRACT_UTC({name}), '{MOMENT}')"
        case _:
            return name


def header_page(
    stream: StreamShape,
    columns: Sequence[QueryColumn],
    where: Sequence[str],
    *,
    by_replication: bool = False,
) -> str:
    order = [printed(stream.replication, "h")] if by_replication and stream.replication else []
    order += [f"h.{column.name}" for column in stream.key]
    chosen = f"{derived(stream.query, 'h')}{_all_of(where)}"
    return f"SELECT {_select(columns, 'h')} FROM {chosen} ORDER BY {', '.join(order)}"  # noqa: S608 - parsed values only


def lines_behind(lines: LineShape, place: Sequence[str]) -> str:
    """The lines behind a place, and those that have none: they compare with nothing, and must not go unseen."""
    names = [f"l.{column.name}" for column in (*lines.parent, *lines.order_by)]
    nulls = " OR ".join(f"{name} IS NULL" for name in names[len(lines.parent) :])
    return f"({behind(names, place)} OR {nulls})"


def lines_of(lines: LineShape, where: Sequence[str]) -> str:
    """The lines of a page's headers, each with its header's key and its own place beside it."""
    order = (*lines.parent, *lines.order_by)
    helpers = [f"l.{column.name} AS {helper_name(number)}" for number, column in enumerate(order)]
    columns = ", ".join([*helpers, *([_select(lines.columns, "l")] if lines.columns else [])])
    names = ", ".join(f"l.{column.name}" for column in order)
    chosen = f"{derived(lines.query, 'l')}{_all_of(where)}"
    return f"SELECT {columns} FROM {chosen} ORDER BY {names}"  # noqa: S608 - parsed values only


def behind(columns: Sequence[str], values: Sequence[str], operator: str = ">") -> str:
    """The rows behind a place, in the order of the columns. `values` are literals."""
    condition = f"{columns[-1]} {operator} {values[-1]}"
    for column, value in zip(columns[-2::-1], values[-2::-1], strict=True):
        condition = f"({column} > {value} OR ({column} = {value} AND {condition}))"
    return condition


def one_of(columns: Sequence[QueryColumn], keys: Sequence[Sequence[str]], alias: str) -> str:
    names = [f"{alias}.{column.name}" for column in columns]
    if len(names) == 1:
        return f"{names[0]} IN ({', '.join(key[0] for key in keys)})"
    each = (" AND ".join(f"{n} = {v}" for n, v in zip(names, key, strict=True)) for key in keys)
    return f"({' OR '.join(f'({condition})' for condition in each)})"


def at_or_after(column: QueryColumn, value: str, alias: str) -> str:
    """`value` as it is printed.

    In UTC moments are compared, as Oracle keeps them in an index. In local time their texts are: which moment a text
    of it means when clocks are put back, nobody says.
    """
    if column.kind is Kind.TIMESTAMP_TZ:
        return f"SYS_EXTRACT_UTC({alias}.{column.name}) >= TO_TIMESTAMP({literal(value)}, '{MOMENT}')"
    return f"{printed(column, alias)} >= {literal(value)}"


def at_or_before(column: QueryColumn, value: str, alias: str) -> str:
    """By what is printed: a moment that is kept more finely than to the second belongs to its second."""
    return f"{printed(column, alias)} <= {literal(value)}"


def null_key_probe(stream: StreamShape, where: Sequence[str]) -> str:
    nulls = " OR ".join(f"h.{column.name} IS NULL" for column in stream.key)
    return f"SELECT 1 AS found FROM {derived(stream.query, 'h')}{_all_of([*where, f'({nulls})'])}"  # noqa: S608 - parsed values only


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def helper_name(number: int) -> str:
    return f"{HELPER_PREFIX}{number}"


def _select(columns: Sequence[QueryColumn], alias: str) -> str:
    return ", ".join(f"{printed(column, alias)} AS {column.name}" for column in columns)


def _all_of(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
