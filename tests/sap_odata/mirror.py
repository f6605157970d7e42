"""The V4 purchase order service: the same documents as the V2 service's, under V4's names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tests.sap_odata.company import Company
from tests.sap_odata.metadata import EntityType, Metadata
from tests.sap_odata.tables import Record, Table

TYPES = {
    "PurchaseOrder_Type": "A_PurchaseOrderType",
    "PurchaseOrderItem_Type": "A_PurchaseOrderItemType",
    "PurchaseOrderScheduleLine_Type": "A_PurchaseOrderScheduleLineType",
    "PurchaseOrderNote_Type": "A_PurchaseOrderNoteType",
    "PurchaseOrderAccountAssignment_Type": "A_PurOrdAccountAssignmentType",
}
_NAMES = {
    ("PurchaseOrder_Type", "PurchaseOrderDeletionCode"): "PurchasingDocumentDeletionCode",
    ("PurchaseOrderScheduleLine_Type", "PurchaseOrder"): "PurchasingDocument",
    ("PurchaseOrderScheduleLine_Type", "PurchaseOrderItem"): "PurchasingDocumentItem",
}
NAVIGATIONS = {
    "_PurchaseOrderItem": "to_PurchaseOrderItem",
    "_PurchaseOrderScheduleLineTP": "to_ScheduleLine",
    "_PurchaseOrderNote": "to_PurchaseOrderNote",
    "_PurOrdAccountAssignment": "to_AccountAssignment",
}


def v2_name(type_: str, name: str) -> str:
    return _NAMES.get((type_, name), name)


class Mirror(Mapping[str, Table]):
    """Tables made anew for each request that asks for them; nothing is kept here."""

    def __init__(self, company: Company, metadata: Metadata) -> None:
        self._company = company
        self._metadata = metadata
        self._made: dict[str, Table] = {}

    def fresh(self) -> None:
        """Call before each request: what was made for the one before it may be outdated."""
        self._made.clear()

    def __getitem__(self, type_: str) -> Table:
        if type_ not in self._made:
            self._made[type_] = self._table(type_)
        return self._made[type_]

    def _table(self, type_: str) -> Table:
        entity_type = self._metadata.types[type_]
        table = Table(entity_type)
        if type_ in TYPES:
            for row in self._company[TYPES[type_]]:
                table.add(self.seen(entity_type, row))
        return table

    def __iter__(self) -> Iterator[str]:
        return iter(self._metadata.types)

    def __len__(self) -> int:
        return len(self._metadata.types)

    def seen(self, type_: EntityType, row: Record) -> Record:
        found: dict[str, Any] = {}
        for name, property_ in type_.properties.items():
            theirs = v2_name(type_.name, name)
            if theirs in row:
                found[name] = _day(row[theirs]) if property_.type == "Edm.Date" else row[theirs]
        if type_.name == "PurchaseOrderItem_Type":
            per = row["NetPriceQuantity"] or Decimal(1)
            found["NetAmount"] = found["GrossAmount"] = row["OrderQuantity"] * row["NetPriceAmount"] / per
        return Record(type_, **found)

    def kept(self, type_: EntityType, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values of V4 under the names that they are kept by; what V2 does not know is left out."""
        known = self._company.types[TYPES[type_.name]].properties
        found = {}
        for name, value in values.items():
            theirs = v2_name(type_.name, name)
            if theirs in known:
                found[theirs] = datetime(value.year, value.month, value.day) if type(value) is date else value
        return found


def _day(value: datetime | None) -> date | None:
    return None if value is None else value.date()
