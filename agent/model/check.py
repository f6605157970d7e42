"""Does a table hold what its entity says? Used by both sides: before encoding and after decoding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from agent.model.columns import one_array, open_list
from agent.model.entities import Entity, Field, Kind
from agent.model.envelope import PayloadError
from agent.model.schema import TIMESTAMP

# What Python and RFC 3339 can name: 0001-01-01 to 9999-12-31.
FIRST_DAY: Final = -719_162
LAST_DAY: Final = 2_932_896
_MICROSECONDS_A_DAY: Final = 86_400_000_000
FIRST_MICROSECOND: Final = FIRST_DAY * _MICROSECONDS_A_DAY
LAST_MICROSECOND: Final = (LAST_DAY + 1) * _MICROSECONDS_A_DAY - 1


def _is_amount(kind: pa.DataType) -> bool:
    fits = pa.types.is_decimal128(kind) or pa.types.is_decimal256(kind)
    # Arrow reads a scale of a thousand million without complaint, and fails when a value is taken out.
    return bool(fits and 0 <= kind.scale <= kind.precision)


_TYPE_OF_KIND: Final[Mapping[Kind, Callable[[pa.DataType], bool]]] = {
    Kind.STRING: lambda kind: bool(pa.types.is_string(kind)),
    Kind.DECIMAL: _is_amount,
    Kind.DATE: lambda kind: bool(pa.types.is_date32(kind)),
    Kind.TIMESTAMP: lambda kind: bool(kind.equals(TIMESTAMP)),
    Kind.BOOLEAN: lambda kind: bool(pa.types.is_boolean(kind)),
    Kind.INTEGER: lambda kind: bool(pa.types.is_int64(kind)),
}
SCALAR_TYPE_CHECKS: Final = tuple(_TYPE_OF_KIND.values())


def check_records(table: pa.Table, entity: Entity) -> pa.Table:
    """The table without columns this version does not know; raises PayloadError where a known one is wrong.

    Unknown columns are left aside and not refused: an agent may be newer than the relay that reads its batches.
    """
    names = table.column_names
    if len(set(names)) != len(names):
        raise PayloadError("two columns have one name")
    if "key" not in names or table.column("key").null_count:
        raise PayloadError("every record needs a key")
    known = table.select([name for name in names if name in entity.by_name])
    for name in known.column_names:
        _check(one_array(known.column(name)), entity.by_name[name], name)
    return known


def _check(array: pa.Array, field: Field, where: str) -> None:
    kind = array.type
    if field.name == "content_hash":
        _must(pa.types.is_uint64(kind), where, kind)
    elif field.kind is Kind.LIST:
        _must(pa.types.is_list(kind) and pa.types.is_struct(kind.value_type), where, kind)
        _check_members(open_list(array)[1], field.fields, where)
    elif field.kind is Kind.OBJECT:
        _must(pa.types.is_struct(kind), where, kind)
        _check_members(array, field.fields, where)
    elif field.kind is Kind.STRINGS:
        _must(pa.types.is_list(kind) and pa.types.is_string(kind.value_type), where, kind)
    elif field.kind is Kind.CUSTOM:
        _must(pa.types.is_struct(kind), where, kind)
        for index in range(kind.num_fields):
            member = array.field(index)
            _must(any(fits(member.type) for fits in SCALAR_TYPE_CHECKS), where, member.type)
            _check_range(member, where)
    else:
        _must(_TYPE_OF_KIND[field.kind](kind), where, kind)
        _check_range(array, where)


def _check_members(array: pa.Array, fields: tuple[Field, ...], where: str) -> None:
    by_name = {field.name: field for field in fields}
    members = [array.type.field(index).name for index in range(array.type.num_fields)]
    if len(set(members)) != len(members):
        raise PayloadError(f"two members of {where} have one name")
    for index, name in enumerate(members):
        if name in by_name:
            _check(array.field(index), by_name[name], f"{where}.{name}")


def _check_range(array: pa.Array, where: str) -> None:
    """A day or moment that no calendar of the readers can name would stop every later reading of the record."""
    if pa.types.is_date32(array.type):
        first, last, numbers = FIRST_DAY, LAST_DAY, array.view(pa.int32())
    elif pa.types.is_timestamp(array.type):
        first, last, numbers = FIRST_MICROSECOND, LAST_MICROSECOND, array.view(pa.int64())
    else:
        return
    bounds = pc.min_max(numbers)
    lowest, highest = bounds["min"].as_py(), bounds["max"].as_py()
    if lowest is not None and (lowest < first or highest > last):
        raise PayloadError(f"{where} holds a moment outside the years 1 to 9999")


def _must(holds: bool, where: str, kind: pa.DataType) -> None:  # noqa: FBT001 - an assertion reads best this way
    if not holds:
        raise PayloadError(f"{where} has the wrong type: {kind}")
