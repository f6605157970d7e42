"""Pure: marks as texts that a source understands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import UUID

from drivers.contract import BadConfiguration, Mark, MarkKind, SourceChanged
from drivers.odbc.shape import Kind, QueryColumn

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
UINT64_MAX: Final = 2**64 - 1


def mark_text(
    mark: Mark, column: QueryColumn, *, expected: MarkKind, where: str, largest: int = INT64_MAX
) -> str:
    """The mark as text for a parameter of the replication key's kind. `largest`: of the product's integers."""
    try:
        if mark.kind is not expected:
            raise ValueError  # noqa: TRY301 - one message for everything that does not fit
        match mark.kind:
            case MarkKind.TIMESTAMP:
                return _timestamp_text(mark.value, zoned=column.kind is Kind.TIMESTAMP_TZ)
            case MarkKind.DATE:
                return date.fromisoformat(mark.value[:10]).isoformat()
            case MarkKind.INTEGER:
                return str(min(max(int(mark.value), INT64_MIN), largest))
            case MarkKind.BINARY:
                return bytes.fromhex(mark.value).hex()
    except ValueError:
        raise SourceChanged(
            f"the mark {mark.kind.value}:{mark.value!r} does not fit the replication key {column.name!r}",
            where=where,
            hint="The replication key was changed: run a full re-sync of this stream.",
        ) from None


def _timestamp_text(value: str, *, zoned: bool) -> str:
    moment = datetime.fromisoformat(value)
    if zoned:
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat(sep=" ", timespec="microseconds")
    if moment.tzinfo is not None:
        raise ValueError("a local time stamp has no offset")
    return moment.isoformat(sep=" ", timespec="microseconds")


def earliest_text(text: str) -> str:
    """The shortest way to print a moment; among texts it sorts before every longer one."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def mark_of(value: object, kind: MarkKind, *, zoned: bool = False) -> Mark:
    """A value that the source answered, as a mark."""
    if kind is MarkKind.TIMESTAMP:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        if zoned and moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return Mark(kind, moment.isoformat(timespec="microseconds"))
    if kind is MarkKind.DATE:
        return Mark(kind, str(value)[:10])
    if kind is MarkKind.INTEGER:
        return Mark(kind, str(int(str(value))))
    if isinstance(value, bytes | bytearray):
        return Mark(kind, value.hex())
    return Mark(kind, str(value).lower())


def exists_as(column: QueryColumn, text: str, *, nul_in_text: bool, largest: int = INT64_MAX) -> bool:
    """Whether a key part can be a value of its column at all; one that cannot belongs to no row."""
    if "\0" in text and (column.kind is not Kind.TEXT or not nul_in_text):
        return False
    reads = _READS.get(column.kind)
    try:
        if column.kind is Kind.INTEGER:
            return INT64_MIN <= int(text) <= largest and text == str(int(text))
        return reads is None or reads(text)
    except (ValueError, InvalidOperation):
        return False


# Each answers whether the text is a value of the kind, or raises.
_READS: Final[Mapping[Kind, Callable[[str], bool]]] = {
    Kind.DECIMAL: lambda text: Decimal(text).is_finite() and "_" not in text,
    Kind.UUID: lambda text: bool(UUID(text)) or True,
    Kind.DATE: lambda text: bool(date.fromisoformat(text)),
    Kind.TIMESTAMP: lambda text: bool(datetime.fromisoformat(text)),
    Kind.TIMESTAMP_TZ: lambda text: bool(datetime.fromisoformat(text)),
    Kind.TIME: lambda text: bool(time.fromisoformat(text)) or True,
    Kind.BINARY: lambda text: bytes.fromhex(text) is not None,
    Kind.BOOLEAN: lambda text: text in {"true", "false", "t", "f", "1", "0"},  # as the products print it
}


def check_key_kinds(columns: Sequence[QueryColumn], *, where: str) -> None:
    for column in columns:
        if column.kind is Kind.FLOAT:
            raise BadConfiguration(
                f"the key column {column.name!r} is a floating-point number, which has no exact text",
                where=f"{where}.key",
                hint="Cast it in the query to an integer, a decimal or text.",
            )
