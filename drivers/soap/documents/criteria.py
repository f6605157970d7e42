"""Pure: the query criteria of AIF, joined by "and": operators, values, and the moments that changes lie between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from drivers.contract import Mark, MarkKind, SourceChanged
from drivers.soap.documents.options import Condition
from drivers.soap.documents.shape import EMPTY_MOMENT, StreamShape

Criterion = dict[str, str]
_OPERATORS: Final = {
    "eq": "Equal",
    "ne": "NotEqual",
    "gt": "Greater",
    "ge": "GreaterOrEqual",
    "lt": "Less",
    "le": "LessOrEqual",
}


def content_of(criteria: list[Criterion]) -> dict[str, object]:
    return {"QueryCriteria": {"CriteriaElement": criteria}}


def criterion(entity: str, field: str, operator: str, value: str, value2: str = "") -> Criterion:
    found = {"DataSourceName": entity, "FieldName": field, "Operator": operator, "Value1": value}
    return found | ({"Value2": value2} if value2 else {})


def standing(shape: StreamShape) -> list[Criterion]:
    """The stream's own criteria. AIF takes no question without one, so where there is none all keys but the empty one."""
    header = shape.document.entity.name
    found = [
        each
        for name, condition in shape.options.where.items()
        for each in _conditions(header, name, condition)
    ]
    return found or [criterion(header, shape.options.key[0], "NotEqual", "")]


def _conditions(header: str, name: str, condition: Condition) -> Iterator[Criterion]:
    entity, _, field = name.rpartition(".")
    given: Mapping[str, str | int | None] = condition.model_dump()
    for word, operator in _OPERATORS.items():
        value = given[word]
        if value is not None:
            yield criterion(entity or header, field, operator, str(value))


def between(shape: StreamShape, low: datetime, high: datetime | None) -> list[Criterion]:
    """Both ends are in it."""
    name = _replication(shape)
    header = shape.document.entity.name
    bounds = [criterion(header, name, "GreaterOrEqual", written(low))]
    if high is not None:
        bounds.append(criterion(header, name, "LessOrEqual", written(high)))
    return [*standing(shape), *bounds]


def unstamped(shape: StreamShape) -> list[Criterion]:
    header = shape.document.entity.name
    return [*standing(shape), criterion(header, _replication(shape), "Equal", EMPTY_MOMENT)]


def named(shape: StreamShape, key: tuple[str, ...]) -> list[Criterion]:
    header = shape.document.entity.name
    return [criterion(header, name, "Equal", part) for name, part in zip(shape.options.key, key, strict=True)]


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
