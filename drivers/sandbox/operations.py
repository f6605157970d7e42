"""What the sandbox can write: its operation matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from drivers.contract import Operation, OperationKind, StreamSpec

AT_ONCE: Final = timedelta(0)  # the sandbox answers when it is done, and remembers
_ADDRESS: Final = tuple(
    f"shipmentAddress.{name}" for name in ("addressee", "addressLines", "city", "postCode", "country")
)
_LINE: Final = tuple(
    f"lineItems.{name}"
    for name in (
        "key", "lineNo", "code", "materialKey", "quantity", "price", "priceUnit", "discount", "lineTotalValue",
        "uomKey", "accountKey", "deliveryAt", "dueAt", "notes",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Writable:
    """What of one entity can be written. A required member of the lines is required of an update's lines too."""

    fields: tuple[str, ...]
    required: tuple[str, ...]
    any_of: tuple[tuple[str, ...], ...] = ()
    open_in: tuple[str, ...] = ()  # the statuses in which a record takes changes; empty: in every one
    statuses: tuple[str, ...] = ()  # that can be set


_WRITABLE: Final[Mapping[str, _Writable]] = {
    "purchase_order": _Writable(
        (
            "title", "vendorKey", "vendorCode", "organizationKey", "siteKey", "currencyKey", "terms", "shippingMethod",
            "orderDate", "dueAt", "totalNetValue", "totalTaxValue", "totalGrossValue", "notes", *_ADDRESS, *_LINE,
            "customFields.project", "customFields.budget", "customFields.urgent",
        ),
        required=("lineItems", "lineItems.quantity"),
        any_of=(("vendorKey", "vendorCode"), ("lineItems.materialKey", "lineItems.code")),
        open_in=("draft", "pending_approval", "approved", "rejected", "ordered", "partially_received", "received"),
        statuses=("draft", "pending_approval", "approved", "rejected", "ordered", "closed", "cancelled"),
    ),
    "work_order": _Writable(
        ("title", "description", "type", "assetKey", "siteKey", "organizationKey", "scheduledAt", "dueAt", "notes"),
        required=("title",),
        open_in=("draft", "planned", "released", "in_progress", "on_hold", "completed"),
        statuses=(
            "draft", "planned", "released", "in_progress", "on_hold", "completed", "closed", "cancelled",
        ),
    ),
    "inventory_item": _Writable(
        ("code", "name", "description", "type", "isActive", "uomKey", "categoryName", "notes"), required=("code",)
    ),
    "vendor": _Writable(
        ("code", "name", "taxNumber", "isBlocked", "currencyKey", "terms", "emailAddress", "phone", "notes"),
        required=("name",),
    ),
    "asset": _Writable(
        ("code", "name", "description", "type", "parentKey", "serialNumber", "siteKey", "locationKey", "notes"),
        required=("code",),
    ),
}  # fmt: skip


def operations_of(streams: Sequence[StreamSpec]) -> tuple[Operation, ...]:
    return tuple(operation for stream in streams for operation in _of(stream))


def can(kind: OperationKind, entity: str) -> bool:
    return any(operation.kind == kind for operation in _of(StreamSpec("", entity)))


def _of(stream: StreamSpec) -> Sequence[Operation]:
    writable = _WRITABLE.get(stream.entity)
    if writable is None:
        return ()
    found = [_create(stream, writable), _update(stream, writable)]
    if writable.statuses:
        found.append(
            Operation(
                stream.name,
                stream.entity,
                OperationKind.SET_STATUS,
                required=("status",),
                fields=("status",),
                updatable_in={"status": writable.open_in},
                statuses=writable.statuses,
                effect_settles_after=AT_ONCE,
            )
        )
    return found


def _create(stream: StreamSpec, writable: _Writable) -> Operation:
    return Operation(
        stream.name,
        stream.entity,
        OperationKind.CREATE,
        writable.required,
        writable.fields,
        any_of=writable.any_of,
        effect_settles_after=AT_ONCE,
    )


def _update(stream: StreamSpec, writable: _Writable) -> Operation:
    return Operation(
        stream.name,
        stream.entity,
        OperationKind.UPDATE,
        tuple(name for name in writable.required if "." in name),
        writable.fields,
        any_of=tuple(group for group in writable.any_of if "." in group[0]),
        updatable_in=dict.fromkeys(writable.fields, writable.open_in) if writable.open_in else {},
        effect_settles_after=AT_ONCE,
    )
