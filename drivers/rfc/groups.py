"""Pure: a wide table's columns in groups that fit a reader's rows, each with the key."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.contract import BadConfiguration
from drivers.rfc.abap import Field, Kind


def groups(fields: Sequence[Field], key: Sequence[Field], width: int) -> list[tuple[Field, ...]]:
    """Each group begins with the key, so that rows of two groups are matched by it and never by their order."""
    names = {field.name for field in key}
    taken = sum(field.width for field in key)
    found: list[tuple[Field, ...]] = []
    group: list[Field] = []
    used = taken
    for field in fields:
        if field.name in names:
            continue
        if taken + field.width > width:
            raise BadConfiguration(
                f"the column {field.name} has {field.width} characters beside a key of {taken}, the reader's rows {width}",
                hint="Leave the column out, or install one of the wider readers (see docs/drivers/rfc.md).",
            )
        if used + field.width > width:
            found.append((*key, *group))
            group, used = [], taken
        group.append(field)
        used += field.width
    return [*found, (*key, *group)]


def refuse_long(table: str, fields: Sequence[Field], *, where: str) -> None:
    """STRING columns end the function module with a short dump, asked for or not."""
    named = [field.name for field in fields if field.kind is Kind.LONG]
    if named:
        raise BadConfiguration(
            f"{table} has columns of unlimited length, which no reader of tables can hand over: {', '.join(named)}",
            where=where,
            hint="Leave them out of `columns`, or read the text with a function module in `details`.",
        )
