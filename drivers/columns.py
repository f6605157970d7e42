"""An Arrow schema of source rows as the contract's columns."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from drivers.contract import KEY_COLUMN, Column


def columns_of(schema: pa.Schema) -> Sequence[Column]:
    """Every column but the key's; a column of a line set as "set.column"."""
    found: list[Column] = []
    for field in schema:
        if field.name == KEY_COLUMN:
            continue
        if pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type):
            found += [
                Column(f"{field.name}.{member.name}", str(member.type)) for member in field.type.value_type
            ]
        else:
            found.append(Column(field.name, str(field.type)))
    return found
