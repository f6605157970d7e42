"""What the sandbox can write: its operation matrix."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from drivers.contract import Operation, OperationKind, StreamSpec

_AT_ONCE: Final = timedelta(0)  # the sandbox answers when it is done, and remembers
_PURCHASE_ORDER: Final = (
    "title", "vendorKey", "vendorCode", "organizationKey", "siteKey", "currencyKey", "terms", "shippingMethod",
    "dueAt", "notes", "lineItems.key", "lineItems.lineNo", "lineItems.code", "lineItems.materialKey",
    "lineItems.quantity", "lineItems.price", "lineItems.uomKey", "lineItems.deliveryAt",
)  # fmt: skip
_WORK_ORDER: Final = (
    "title", "description", "type", "assetKey", "siteKey", "organizationKey", "scheduledAt", "dueAt", "notes",
)  # fmt: skip
_INVENTORY_ITEM: Final = ("code", "name", "description", "type", "uomKey", "categoryName", "notes")
_VENDOR: Final = ("code", "name", "taxNumber", "currencyKey", "terms", "emailAddress", "phone", "notes")
_ASSET: Final = (
    "code", "name", "description", "type", "parentKey", "serialNumber", "siteKey", "locationKey", "notes",
)  # fmt: skip

_OPEN: Final = {
    "purchase_order": (
        "draft",
        "pending_approval",
        "approved",
        "rejected",
        "ordered",
        "partially_received",
        "received",
    ),
    "work_order": ("draft", "planned", "released", "in_progress", "on_hold", "completed"),
}
_CAN_BE_SET: Final = {
    "purchase_order": ("draft", "pending_approval", "approved", "rejected", "ordered", "closed", "cancelled"),
    "work_order": (
        "draft",
        "planned",
        "released",
        "in_progress",
        "on_hold",
        "completed",
        "closed",
        "cancelled",
    ),
}
_FIELDS: Final = {
    "purchase_order": (_PURCHASE_ORDER, ("vendorKey", "lineItems.materialKey", "lineItems.quantity")),
    "work_order": (_WORK_ORDER, ("title",)),
    "inventory_item": (_INVENTORY_ITEM, ("code",)),
    "vendor": (_VENDOR, ("name",)),
    "asset": (_ASSET, ("code",)),
}


def operations_of(streams: Sequence[StreamSpec]) -> tuple[Operation, ...]:
    return tuple(operation for stream in streams for operation in _of(stream))


def _of(stream: StreamSpec) -> Sequence[Operation]:
    if stream.entity not in _FIELDS:
        return ()
    fields, required = _FIELDS[stream.entity]
    statuses = _OPEN.get(stream.entity)
    found = [
        Operation(
            stream.name, stream.entity, OperationKind.CREATE, required, fields, effect_settles_after=_AT_ONCE
        ),
        Operation(
            stream.name,
            stream.entity,
            OperationKind.UPDATE,
            (),
            fields,
            updatable_in=dict.fromkeys(fields, statuses) if statuses else {},
            effect_settles_after=_AT_ONCE,
        ),
    ]
    if stream.entity in _CAN_BE_SET:
        found.append(
            Operation(
                stream.name,
                stream.entity,
                OperationKind.SET_STATUS,
                ("status",),
                ("status",),
                statuses=_CAN_BE_SET[stream.entity],
                effect_settles_after=_AT_ONCE,
            )
        )
    return found
