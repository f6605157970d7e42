"""A Business One company as its Service Layer shows it: the model, from the public documentation, and the books."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import quoteattr

from tests.sap_odata.metadata import EntitySet, EntityType, Metadata, Property

Row = dict[str, Any]
_TEXT, _WHOLE, _NUMBER, _DAY, _CLOCK = (
    "Edm.String",
    "Edm.Int32",
    "Edm.Double",
    "Edm.DateTimeOffset",
    "Edm.TimeOfDay",
)


@dataclass(frozen=True)
class Lines:
    """A collection inside a record, and what tells its entries apart."""

    type: str
    key: str
    fields: dict[str, str]


@dataclass(frozen=True)
class Entity:
    type: str
    key: str
    fields: dict[str, str]
    lines: dict[str, Lines] = field(default_factory=dict)


_KINDS = {"text": _TEXT, "whole": _WHOLE, "number": _NUMBER, "day": _DAY, "clock": _CLOCK}


def _fields(**names: str) -> dict[str, str]:
    return {name: _KINDS[kind] for kind, found in names.items() for name in found.split()}


_LINE = Lines(
    "DocumentLine",
    "LineNum",
    _fields(
        whole="LineNum VisualOrder DocEntry",
        text="ItemCode ItemDescription WarehouseCode AccountCode Currency MeasureUnit UoMCode LineStatus ProjectCode FreeText",
        number="Quantity Price UnitPrice DiscountPercent LineTotal TaxTotal RowTotalFC NetTaxAmountFC RemainingOpenQuantity",
        day="ShipDate ActualDeliveryDate",
    ),
)
MODEL: dict[str, Entity] = {
    "PurchaseOrders": Entity(
        "Document",
        "DocEntry",
        _fields(
            whole="DocEntry DocNum PaymentGroupCode Series DocumentsOwner BPL_IDAssignedToInvoice",
            text="CardCode CardName NumAtCard Comments DocCurrency DocumentStatus Cancelled Address Address2 Confirmed "
            "AuthorizationStatus BPLName Project DocType",
            day="DocDate DocDueDate TaxDate CreationDate UpdateDate CancelDate ClosingDate",
            clock="UpdateTime DocTime",
            number="DocTotal DocTotalFc VatSum VatSumFc TotalDiscount DocRate",
        ),
        {"DocumentLines": _LINE},
    ),
    "Items": Entity(
        "Item",
        "ItemCode",
        _fields(
            text="ItemCode ItemName ForeignName ItemType InventoryItem PurchaseItem SalesItem AssetItem Valid Frozen "
            "InventoryUOM Mainsupplier SupplierCatalogNo BarCode User_Text TreeType AssetClass AssetGroup AssetStatus "
            "AssetSerialNumber InventoryNumber DefaultWarehouse",
            whole="ItemsGroupCode Manufacturer Series Location",
            number="QuantityOnStock MovingAveragePrice MinInventory MaxInventory DesiredInventory",
            day="CreateDate UpdateDate CapitalizationDate",
            clock="UpdateTime",
        ),
        {
            "ItemWarehouseInfoCollection": Lines(
                "ItemWarehouseInfo",
                "WarehouseCode",
                _fields(
                    text="WarehouseCode ItemCode Locked",
                    number="InStock Committed Ordered MinimalStock MaximalStock MinimalOrder StandardAveragePrice",
                    whole="DefaultBin",
                ),
            ),
            "ItemPreferredVendors": Lines("ItemPreferredVendor", "BPCode", _fields(text="BPCode")),
        },
    ),
    "BusinessPartners": Entity(
        "BusinessPartner",
        "CardCode",
        _fields(
            text="CardCode CardName CardType CardForeignName FederalTaxID VatIDNum Currency EmailAddress Phone1 Phone2 Website Valid "
            "Frozen Notes FreeText CompanyPrivate",
            whole="GroupCode PayTermsGrpCode Series",
            day="CreateDate UpdateDate",
            clock="UpdateTime",
            number="CurrentAccountBalance",
        ),
        {
            "BPAddresses": Lines(
                "BPAddress",
                "RowNum",
                _fields(
                    whole="RowNum",
                    text="AddressName Street StreetNo Block ZipCode City County Country State AddressType BPCode",
                ),
            )
        },
    ),
    "ProductionOrders": Entity(
        "ProductionOrder",
        "AbsoluteEntry",
        _fields(
            whole="AbsoluteEntry DocumentNumber Series Priority UserSignature",
            text="ItemNo ProductDescription ProductionOrderStatus ProductionOrderType Warehouse InventoryUOM CustomerCode Remarks "
            "Project JournalRemarks",
            number="PlannedQuantity CompletedQuantity RejectedQuantity",
            day="PostingDate DueDate StartDate ReleaseDate ClosingDate CreationDate",
        ),
        {
            "ProductionOrderLines": Lines(
                "ProductionOrderLine",
                "LineNumber",
                _fields(
                    whole="LineNumber DocumentAbsoluteEntry VisualOrder StageID",
                    text="ItemNo ItemName ItemType Warehouse UoMCode ProductionOrderIssueType LineText",
                    number="BaseQuantity PlannedQuantity IssuedQuantity",
                    day="StartDate EndDate",
                ),
            ),
            "ProductionOrdersStages": Lines(
                "ProductionOrdersStage",
                "StageID",
                _fields(whole="StageID SequenceNumber StageEntry", text="Name", day="StartDate EndDate"),
            ),
        },
    ),
}


def metadata() -> Metadata:
    """For filters and keys: the plain fields alone."""
    types = {
        entity.type: EntityType(
            entity.type, (entity.key,), {name: Property(name, kind) for name, kind in entity.fields.items()}
        )
        for entity in MODEL.values()
    }
    sets = {name: EntitySet(name, entity.type) for name, entity in MODEL.items()}
    return Metadata(4, "SAPB1", document(), types, sets, {}, quoted_dates=True)


def document() -> bytes:
    parts = []
    for entity in MODEL.values():
        parts += [
            f'<ComplexType Name="{lines.type}">{_properties(lines.fields)}</ComplexType>'
            for lines in entity.lines.values()
        ]
        inner = "".join(
            f'<Property Name="{name}" Type="Collection(SAPB1.{lines.type})" Nullable="false"/>'
            for name, lines in entity.lines.items()
        )
        parts.append(
            f'<EntityType Name="{entity.type}"><Key><PropertyRef Name="{entity.key}"/></Key>'
            f"{_properties(entity.fields, entity.key)}{inner}</EntityType>"
        )
    sets = "".join(
        f'<EntitySet Name="{name}" EntityType="SAPB1.{entity.type}"/>' for name, entity in MODEL.items()
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">'
        '<edmx:DataServices><Schema Namespace="SAPB1" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        f'{"".join(parts)}<EntityContainer Name="ServiceLayer">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    ).encode()


def _properties(fields: dict[str, str], key: str = "") -> str:
    return "".join(
        f"<Property Name={quoteattr(name)} Type={quoteattr(kind)} Nullable={quoteattr(str(name != key).lower())}/>"
        for name, kind in fields.items()
    )


class Books:
    """Records by entity set and key; each holds its collections as lists of rows."""

    def __init__(self, *, orders: int = 25, items: int = 12) -> None:
        self.now = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
        self.rows: dict[str, dict[Any, Row]] = {name: {} for name in MODEL}
        for number in range(1, 6):
            self._partner(number)
        for number in range(1, items + 1):
            self._item(number)
        for number in range(1, 4):
            self._asset(number)
        for number in range(1, orders + 1):
            self._order(number)
        for number in range(1, 9):
            self._production_order(number)

    def add(self, set_name: str, row: Row) -> Row:
        entity = MODEL[set_name]
        whole = dict.fromkeys(entity.fields) | {name: [] for name in entity.lines} | row
        for name, lines in entity.lines.items():
            whole[name] = [dict.fromkeys(lines.fields) | line for line in whole[name]]
        self.rows[set_name][whole[entity.key]] = whole
        return whole

    def stamp(self) -> Row:
        self.now += timedelta(seconds=7)
        return {"UpdateDate": self.day(), "UpdateTime": self.now.time().replace(microsecond=0)}

    def day(self) -> datetime:
        return self.now.replace(hour=0, minute=0, second=0, microsecond=0)

    def _partner(self, number: int) -> None:
        self.add(
            "BusinessPartners",
            {
                "CardCode": f"V{number}0000", "CardName": f"O'Hara & Sons {number}", "Currency": "EUR", "GroupCode": 101,
                "CardType": "cCustomer" if number == 5 else "cSupplier", "FederalTaxID": f"DE{number:09}", "PayTermsGrpCode": 1,
                "EmailAddress": f"orders{number}@vendor.example", "Phone1": f"+49 30 {number:06}", "Valid": "tYES",
                "Frozen": "tYES" if number == 3 else "tNO", "CreateDate": self.day(), **self.stamp(),
                "BPAddresses": [
                    {"RowNum": 0, "AddressName": "Main", "Street": "Allee", "StreetNo": str(number), "City": "Berlin",
                     "ZipCode": "10115", "Country": "DE", "AddressType": "bo_BillTo", "BPCode": f"V{number}0000"},
                ],
            },
        )  # fmt: skip

    def _item(self, number: int) -> None:
        code = f"A{number:05}"
        self.add(
            "Items",
            {
                "ItemCode": code, "ItemName": f"Printer part {number}", "ItemType": "itItems", "InventoryItem": "tYES",
                "PurchaseItem": "tYES", "Valid": "tYES", "Frozen": "tNO", "InventoryUOM": "pcs", "Mainsupplier": "V10000",
                "SupplierCatalogNo": f"S-{number}", "ItemsGroupCode": 100, "QuantityOnStock": Decimal(number * 10), **self.stamp(),
                "ItemWarehouseInfoCollection": [
                    {"WarehouseCode": place, "ItemCode": code, "InStock": Decimal(f"{number * 5}.5"), "Committed": Decimal(2),
                     "Ordered": Decimal(4), "MinimalStock": Decimal(3), "MaximalStock": Decimal(90), "StandardAveragePrice": Decimal("12.34")}
                    for place in ("01", "02")
                ],
                "ItemPreferredVendors": [{"BPCode": "V10000"}],
            },
        )  # fmt: skip

    def _asset(self, number: int) -> None:
        self.add(
            "Items",
            {
                "ItemCode": f"FA{number:03}", "ItemName": f"Fork lift {number}", "ItemType": "itFixedAssets", "AssetItem": "tYES",
                "Valid": "tYES", "Frozen": "tNO", "AssetClass": "VEHICLES", "AssetSerialNumber": f"SN{number:04}",
                "AssetStatus": "New", "CapitalizationDate": self.day(), **self.stamp(),
            },
        )  # fmt: skip

    def _order(self, number: int) -> None:
        """Every seventh in another currency than the company's: totals are told in both."""
        self.now += timedelta(hours=8)
        rate = Decimal("0.8") if number % 7 == 0 else None
        price = Decimal("10.55")
        lines = [
            {"LineNum": at, "VisualOrder": at, "DocEntry": number, "ItemCode": f"A{1 + (number + at) % 12:05}",
             "ItemDescription": "Printer part", "Quantity": Decimal(3 + at), "Price": price, "UnitPrice": price,
             "LineTotal": price * (3 + at) * (rate or 1), "RowTotalFC": price * (3 + at) if rate else Decimal("0.0"),
             "TaxTotal": Decimal(at) * (rate or 1), "NetTaxAmountFC": Decimal(at) if rate else Decimal("0.0"),
             "WarehouseCode": "01", "Currency": "USD" if rate else "EUR", "MeasureUnit": "pcs",
             "LineStatus": "bost_Open", "RemainingOpenQuantity": Decimal(2), "ShipDate": self.day() + timedelta(days=9)}
            for at in range(1 + number % 3)
        ]  # fmt: skip
        self.add(
            "PurchaseOrders",
            {
                "DocEntry": number, "DocNum": 1000 + number, "CardCode": f"V{1 + number % 4}0000", "CardName": "O'Hara & Sons",
                "DocDate": self.day(), "DocDueDate": self.day() + timedelta(days=10), "TaxDate": self.day(), "DocCurrency": "USD" if rate else "EUR", "DocRate": rate or Decimal("1.0"),
                "DocTotal": sum((line["LineTotal"] + line["TaxTotal"] for line in lines), Decimal(0)),
                "DocTotalFc": sum((line["RowTotalFC"] + line["NetTaxAmountFC"] for line in lines), Decimal("0.0")),
                "VatSum": sum((line["TaxTotal"] for line in lines), Decimal(0)),
                "VatSumFc": sum((line["NetTaxAmountFC"] for line in lines), Decimal("0.0")), "DocType": "dDocument_Items",
                "DocumentStatus": "bost_Close" if number % 5 == 0 else "bost_Open", "Confirmed": "tYES",
                "Cancelled": "tYES" if number % 10 == 0 else "tNO", "NumAtCard": f"REQ-{number}", **self.stamp(),
                "CreationDate": self.day(), "DocumentLines": lines,
            },
        )  # fmt: skip

    def _production_order(self, number: int) -> None:
        status = ("boposPlanned", "boposReleased", "boposClosed", "boposCancelled")[number % 4]
        self.add(
            "ProductionOrders",
            {
                "AbsoluteEntry": number, "DocumentNumber": 500 + number, "ItemNo": "A00001", "ProductDescription": "Printer part 1",
                "ProductionOrderStatus": status, "ProductionOrderType": "bopotStandard", "PlannedQuantity": Decimal(5),
                "CompletedQuantity": Decimal(1), "Warehouse": "01", "PostingDate": self.day(), "DueDate": self.day() + timedelta(days=5),
                "StartDate": self.day(), "CreationDate": self.day(), "Remarks": "as ever",
                "ProductionOrderLines": [
                    {"LineNumber": 0, "DocumentAbsoluteEntry": number, "ItemNo": "A00002", "ItemType": "pit_Item", "Warehouse": "01",
                     "BaseQuantity": Decimal(2), "PlannedQuantity": Decimal(10), "IssuedQuantity": Decimal(4), "UoMCode": "Manual"},
                ],
                "ProductionOrdersStages": [{"StageID": 1, "SequenceNumber": 1, "StageEntry": 1, "Name": "Assemble"}],
            },
        )  # fmt: skip


def shown(value: Any) -> Any:
    """As Service Layer prints it: days as midnights, times of day, numbers as numbers."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, time):
        return value.isoformat()
    return value
