"""The unified model as data. Everything else (Arrow and JSON Schemas, rendering, checks of a mapping) is made from it.

Names ending in `_at` are moments in UTC, names ending in `_date` are calendar days. Money, quantities and hours are
decimals. `*_key` refers to another record by its source key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Final

UNKNOWN_STATUS: Final = "unknown"  # what a code of the source becomes that the mapping does not name


class Kind(StrEnum):
    STRING = "string"
    DECIMAL = "decimal"
    DATE = "date"
    TIMESTAMP = "timestamp"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    OBJECT = "object"  # one nested value with `fields`, such as an address
    LIST = "list"  # many nested values with `fields`, such as line items
    STRINGS = "strings"  # a list of plain texts
    CUSTOM = "custom"  # an open object: the operator's own names


SCALARS: Final = frozenset(
    {Kind.STRING, Kind.DECIMAL, Kind.DATE, Kind.TIMESTAMP, Kind.BOOLEAN, Kind.INTEGER},
)


class Classification(StrEnum):
    """How careful to be with a value outside its proper place, such as a diagnostics bundle."""

    BUSINESS = "business"
    PERSONAL = "personal"  # names, addresses, telephone numbers of people or small firms
    FREE_TEXT = "free_text"  # may hold anything somebody typed


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: Kind = Kind.STRING
    fields: tuple[Field, ...] = ()
    required: bool = False
    classification: Classification = Classification.BUSINESS
    values: frozenset[str] | None = None  # the enumeration that a status belongs to

    @property
    def alias(self) -> str:
        return camel(self.name)


@dataclass(frozen=True)
class Entity:
    name: str
    path: str
    fields: tuple[Field, ...]
    statuses: frozenset[str] | None = None

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """Every column a table of this entity may have, provenance included."""
        return MappingProxyType({field.name: field for field in (*self.fields, *PROVENANCE)})


@lru_cache(maxsize=1_024)
def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _texts(names: str, classification: Classification = Classification.BUSINESS) -> tuple[Field, ...]:
    return tuple(Field(name, classification=classification) for name in names.split())


def _personal(names: str) -> tuple[Field, ...]:
    return _texts(names, Classification.PERSONAL)


def _free(names: str) -> tuple[Field, ...]:
    return _texts(names, Classification.FREE_TEXT)


def _kind(kind: Kind, names: str) -> tuple[Field, ...]:
    return tuple(Field(name, kind) for name in names.split())


def _status(statuses: frozenset[str] | None) -> tuple[Field, ...]:
    return (Field("status", values=statuses), Field("status_key"))


def _required(name: str) -> tuple[Field, ...]:
    return (Field(name, required=True),)


def _address(name: str) -> Field:
    return Field(name, Kind.OBJECT, ADDRESS, classification=Classification.PERSONAL)


_KEY: Final = Field("key", required=True)

PURCHASE_ORDER_STATUSES: Final = frozenset(
    {
        "draft",
        "pending_approval",
        "approved",
        "rejected",
        "ordered",
        "partially_received",
        "received",
        "closed",
        "cancelled",
        UNKNOWN_STATUS,
    },
)
WORK_ORDER_STATUSES: Final = frozenset(
    {
        "draft",
        "planned",
        "released",
        "in_progress",
        "on_hold",
        "completed",
        "closed",
        "cancelled",
        UNKNOWN_STATUS,
    },
)

ADDRESS: Final = (
    *_personal("addressee"),
    Field("address_lines", Kind.STRINGS, classification=Classification.PERSONAL),
    *_personal("city state post_code country phone email"),
    *_free("notes"),
)

PO_LINE_ITEM: Final = (
    *_texts("key line_no type code name"),
    *_free("description"),
    *_texts("material_key product_key asset_key account_key vendor_key storeroom_key location_key"),
    *_status(PURCHASE_ORDER_STATUSES),
    *_kind(Kind.DECIMAL, "quantity received_quantity"),
    *_texts("uom_key"),
    *_kind(Kind.DECIMAL, "price price_unit discount line_tax_value line_total_value"),
    *_texts("currency_key"),
    *_kind(Kind.TIMESTAMP, "delivery_at due_at"),
    *_texts("line_ref"),
    *_free("notes"),
)

PURCHASE_ORDER: Final = Entity(
    "purchase_order",
    "purchase-orders",
    (
        _KEY,
        *_required("order_no"),
        *_free("title description"),
        *_status(PURCHASE_ORDER_STATUSES),
        *_kind(Kind.DATE, "order_date"),
        *_kind(Kind.TIMESTAMP, "due_at approved_at completed_at"),
        *_kind(Kind.DATE, "shipment_date"),
        *_kind(Kind.TIMESTAMP, "delivery_at"),
        *_texts("vendor_key vendor_code"),
        *_personal("vendor_name"),
        *_texts("organization_key site_key location_key user_requested_key user_approved_key"),
        *_texts("currency_key terms shipping_method"),
        _address("billing_address"),
        _address("shipment_address"),
        _address("delivery_address"),
        *_kind(Kind.DECIMAL, "total_net_value total_tax_value total_gross_value"),
        *_free("notes"),
        Field("line_items", Kind.LIST, PO_LINE_ITEM),
    ),
    PURCHASE_ORDER_STATUSES,
)

WORK_ORDER_TASK: Final = (
    *_texts("key code"),
    *_free("title description"),
    *_texts("priority"),
    Field("status", values=WORK_ORDER_STATUSES),
)
WORK_ORDER_MATERIAL: Final = (
    *_texts("material_key storeroom_key"),
    *_kind(Kind.DECIMAL, "required_quantity used_quantity"),
    *_texts("uom_key"),
)
WORK_ORDER_RESOURCE: Final = (
    *_texts("labor_key vendor_key"),
    *_personal("name"),
    *_kind(Kind.DECIMAL, "estimated_time registered_time rate cost"),
    *_kind(Kind.TIMESTAMP, "started_at finished_at"),
)

WORK_ORDER: Final = Entity(
    "work_order",
    "work-orders",
    (
        _KEY,
        *_required("code"),
        *_texts("parent_key"),
        *_free("title description instructions"),
        *_texts("type"),
        *_status(WORK_ORDER_STATUSES),
        *_texts(
            "severity asset_key location_key site_key organization_key account_key service_request_key pm_key"
        ),
        *_texts("team_key labor_assigned_key user_approved_key storeroom_key category_name"),
        *_kind(Kind.DECIMAL, "estimated_time actual_time"),
        *_kind(Kind.TIMESTAMP, "scheduled_at due_at approved_at started_at completed_at"),
        *_free("completion_remarks notes"),
        Field("tasks", Kind.LIST, WORK_ORDER_TASK),
        Field("materials", Kind.LIST, WORK_ORDER_MATERIAL),
        Field("resources", Kind.LIST, WORK_ORDER_RESOURCE),
    ),
    WORK_ORDER_STATUSES,
)

SUPPLY_OPTION: Final = (
    *_texts("vendor_key part_number"),
    *_kind(Kind.DECIMAL, "price"),
    *_texts("currency_key uom_key"),
)
STOCK: Final = (
    *_texts("key site_key location_key storeroom_key position"),
    *_kind(Kind.DECIMAL, "quantity reserved_quantity"),
    *_texts("uom_key"),
    *_kind(Kind.DECIMAL, "unit_cost"),
    *_texts("currency_key"),
    *_kind(Kind.DECIMAL, "min_level max_level reorder_point reorder_quantity"),
)

INVENTORY_ITEM: Final = Entity(
    "inventory_item",
    "inventory-items",
    (
        _KEY,
        *_required("code"),
        *_texts("part_number name"),
        *_free("description"),
        *_texts("type"),
        *_kind(Kind.BOOLEAN, "is_active is_assembly"),
        *_texts("uom_key manufacturer_name category_name criticality organization_key"),
        *_free("notes"),
        Field("supply_options", Kind.LIST, SUPPLY_OPTION),
        Field("stocks", Kind.LIST, STOCK),
    ),
)

VENDOR: Final = Entity(
    "vendor",
    "vendors",
    (
        _KEY,
        *_texts("code"),
        Field("name", required=True, classification=Classification.PERSONAL),
        *_personal("legal_name tax_number"),
        *_kind(Kind.BOOLEAN, "is_active is_blocked"),
        *_texts("company_key organization_key currency_key terms"),
        *_personal("email_address phone"),
        *_texts("website"),
        Field("addresses", Kind.LIST, ADDRESS, classification=Classification.PERSONAL),
        *_free("notes"),
    ),
)

ASSET: Final = Entity(
    "asset",
    "assets",
    (
        _KEY,
        *_required("code"),
        *_texts("parent_key name"),
        *_free("description"),
        *_texts("type"),
        *_kind(Kind.BOOLEAN, "is_physical is_active"),
        *_status(None),
        *_texts("serial_number make_name model_name category_name criticality site_key location_key"),
        *_texts("organization_key vendor_key team_key customer_key account_key"),
        *_kind(Kind.TIMESTAMP, "activated_at deactivated_at purchased_at"),
        *_kind(Kind.DECIMAL, "purchase_cost"),
        *_texts("currency_key"),
        *_free("notes"),
    ),
)

# Where a record comes from. The moments are the source's own and a mapping may fill them; the rest is filled by the
# agent. `content_hash` is a uint64 column and renders as 16 hex digits; `raw` is JSON text.
PROVENANCE: Final = (
    Field("custom_fields", Kind.CUSTOM, classification=Classification.FREE_TEXT),
    Field("source_key"),
    Field("content_hash"),
    Field("created_at", Kind.TIMESTAMP),
    Field("updated_at", Kind.TIMESTAMP),
    Field("deleted_at", Kind.TIMESTAMP),
    Field("raw", classification=Classification.FREE_TEXT),
)
MAPPABLE_PROVENANCE: Final = frozenset({"created_at", "updated_at", "deleted_at"})

# What holds for all records of a batch; kept once in its metadata and rendered into each document.
BATCH_PROVENANCE: Final = (
    Field("connection"),
    Field("system"),
    Field("sync_run"),
    Field("read_at", Kind.TIMESTAMP),
)

ENTITIES: Final[Mapping[str, Entity]] = MappingProxyType(
    {entity.name: entity for entity in (PURCHASE_ORDER, WORK_ORDER, INVENTORY_ITEM, VENDOR, ASSET)},
)
