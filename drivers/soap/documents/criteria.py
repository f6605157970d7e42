"""Pure: the query criteria of AIF: operators, values, and the moments that changes lie between.

Each is asked for by itself. Microsoft's "Query Criteria Overview" of AX 2012 says that AIF joins several by "or"; its
reference of AxdBase.initQueryFromQuery says that they become ranges of the document's query, and those are joined by "or" on
one field and by "and" on several.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from drivers.contract import Mark, MarkKind, SourceChanged
from drivers.soap.documents.options import Condition
from drivers.soap.documents.shape import EMPTY_DAY, EMPTY_MOMENT, StreamShape
from drivers.soap.model import Kind

Criterion = dict[str, str]
_NOBODYS: Final = {
    Kind.INTEGER: "-1",
    Kind.DECIMAL: "-1",
    Kind.DATE: EMPTY_DAY,
    Kind.TIMESTAMP: EMPTY_MOMENT,
}
_OPERATORS: Final = {
    "eq": "Equal",
    "ne": "NotEqual",
    "gt": "Greater",
    "ge": "GreaterOrEqual",
    "lt": "Less",
    "le": "LessOrEqual",
}


def content_of(criterion: Criterion) -> dict[str, object]:
    return {"QueryCriteria": {"CriteriaElement": [criterion]}}


def criterion(entity: str, field: str, operator: str, value: str, value2: str = "") -> Criterion:
    found = {"DataSourceName": entity, "FieldName": field, "Operator": operator, "Value1": value}
    return found | ({"Value2": value2} if value2 else {})


def standing(shape: StreamShape) -> list[Criterion]:
    """The stream's own criteria, all of which hold."""
    header = shape.document.entity.name
    return [
        each
        for name, condition in shape.options.where.items()
        for each in _conditions(header, name, condition)
    ]


def anything(shape: StreamShape) -> Criterion:
    """AIF takes no question without a criterion: all keys but one that no record has."""
    document, name = shape.document, shape.options.key[0]
    member = document.field(document.type, name, f"{shape.where}.key")
    kind = document.definitions.type_of(member).kind
    return criterion(document.entity.name, name, "NotEqual", _NOBODYS.get(kind or Kind.TEXT, ""))


def _conditions(header: str, name: str, condition: Condition) -> Iterator[Criterion]:
    entity, _, field = name.rpartition(".")
    given: Mapping[str, str | int | None] = condition.model_dump()
    for word, operator in _OPERATORS.items():
        value = given[word]
        if value is not None:
            yield criterion(entity or header, field, operator, str(value))


def between(shape: StreamShape, low: datetime, high: datetime | None) -> Criterion:
    """Both ends are in it."""
    name, header = _replication(shape), shape.document.entity.name
    if high is None:
        return criterion(header, name, "GreaterOrEqual", written(low))
    return criterion(header, name, "Range", written(low), written(high))


def unstamped(shape: StreamShape) -> Criterion:
    return criterion(shape.document.entity.name, _replication(shape), "Equal", EMPTY_MOMENT)


def named(shape: StreamShape, key: tuple[str, ...]) -> Criterion:
    """The records that have the last part of a key: of several parts it is the one that says most."""
    return criterion(shape.document.entity.name, shape.options.key[-1], "Equal", key[-1])


def written(moment: datetime) -> str:
    """UTC, to the second: finer than that AX keeps nothing."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def moment_of(mark: Mark, where: str) -> datetime:
    try:
        found = datetime.fromisoformat(mark.value)
        if mark.kind is not MarkKind.TIMESTAMP or found.tzinfo is None:
            raise ValueError  # noqa: TRY301 - one message for everything that does not fit
    except ValueError:
        raise SourceChanged(
            f"the mark {mark.kind.value}:{mark.value!r} does not fit the stream",
            where=where,
            hint="The replication key was changed: run a full re-sync of this stream.",
        ) from None
    return found.astimezone(UTC)


def _replication(shape: StreamShape) -> str:
    return shape.options.replication_key or ""
