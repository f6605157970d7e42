"""What the services of the tests' AX answer to questions: by criteria, by document filter, since a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import InvalidOperation
from typing import Any

from tests.ax.contract import Contract
from tests.ax.system import AifFault, Context, Document, KeyValues, System, comparable


@dataclass(frozen=True)
class Criterion:
    source: str
    field: str
    operator: str
    value: str
    value2: str = ""


@dataclass
class KeyPage:
    keys: list[KeyValues]
    bookmark: str = ""
    status: str = "Success"
    details: str = "None"


def find(system: System, contract: Contract, context: Context, criteria: list[Criterion]) -> list[Document]:
    if not criteria:
        raise AifFault("No query criteria are specified.", code="NoCriteria")
    rows = system.home(contract, context)
    ranges: dict[tuple[str, str], list[Criterion]] = {}
    for one in criteria:
        alike = ("", "") if system.habits.joined == "or" else (one.source, one.field)
        ranges.setdefault(alike, []).append(one)
    return [
        each
        for each in rows.values()
        if all(any(_matches(contract, each.record, one) for one in alike) for alike in ranges.values())
    ]


def _matches(contract: Contract, record: dict[str, Any], criterion: Criterion) -> bool:
    entity = contract.entity.named(criterion.source)
    if entity is None:
        raise AifFault(f"The data source {criterion.source} does not exist.", code="InvalidDataSource")
    field = entity.field(criterion.field)
    if field is None:
        raise AifFault(f"The field {criterion.field} does not exist.", code="InvalidField")
    records = [record] if entity is contract.entity else record[entity.name]
    try:
        low = comparable(field.kind, criterion.value)
        high = comparable(field.kind, criterion.value2) if criterion.value2 else low
    except (ValueError, InvalidOperation):
        raise AifFault(f"The value {criterion.value} is not valid.", code="InvalidValue") from None
    found = [comparable(field.kind, str(each[field.name])) for each in records]
    compared = {
        "Equal": lambda each: each == low,
        "NotEqual": lambda each: each != low,
        "Greater": lambda each: each > low,
        "GreaterOrEqual": lambda each: each >= low,
        "Less": lambda each: each < low,
        "LessOrEqual": lambda each: each <= low,
        "Range": lambda each: low <= each <= high,
    }[criterion.operator]
    return any(compared(each) for each in found)


def get_keys(
    system: System,
    contract: Contract,
    context: Context,
    size: int,
    bookmark: str,
    since: datetime | None = None,
    *,
    changed: bool = False,
) -> KeyPage:
    """A page in no order that a client could know: that of the records' ids."""
    habits = system.habits
    if changed and not habits.change_tracking:
        return KeyPage([], status="Failure", details="ChangeTrackingDisabled")
    if habits.filter_changed:
        return KeyPage([], status="Failure", details="DocumentFiltersChanged")
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    if since is not None and since < system.clock() - habits.tracked_for:
        return KeyPage([], status="Failure", details="ChangedDateTimeOutOfRange")
    if not habits.document_filter:
        return KeyPage([])
    found = sorted(
        (int(document.record["RecId"]), key)
        for key, document in system.home(contract, context).items()
        if (since is None or document.changed_at >= since) and habits.lets_through(document.record)
    )
    found = [each for each in found if each[0] > int(bookmark or 0)]
    size = min(size, habits.largest_page) if size else habits.largest_page
    page = found[:size]
    if habits.bookmarks_in_a_circle and page:
        return KeyPage([key for _, key in page], str(page[-1][0]) if len(found) > size else "1")
    return KeyPage([key for _, key in page], str(page[-1][0]) if len(found) > size else "")
