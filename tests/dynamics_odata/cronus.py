"""The books of one company of Business Central, made the same each time.

Names, types and lengths of API v2.0's properties, and which of them are read-only, are those of the pages that make
the API (microsoft/ALAppExtensions, Apps/W1/APIV2/app/src/pages: APIV2PurchaseOrders 30066, APIV2PurchaseOrderLines
30067, APIV2Vendors 30010, APIV2Items 30008, APIV2FixedAssets 30098); those of the published page 99000815 "Production
Order List" follow from its controls. Members of enumerations stand as the services write them, blanks as _x0020_.
"""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.dynamics_odata.model import Entity, Row, entity

ENUMS = {
    "purchaseOrderEntityBufferStatus": ("Draft", "In_x0020_Review", "Open"),
    "invoiceLineAggLineType": (
        "Comment", "Account", "Item", "Resource", "Fixed_x0020_Asset", "Charge", "Allocation_x0020_Account",
    ),
    "vendorBlocked": ("_x0020_", "Payment", "All"),
    "itemType": ("Inventory", "Service", "Non_x002D_Inventory"),
}  # fmt: skip
API: dict[str, Entity] = {
    each.set_name: each
    for each in (
        entity(
            "companies",
            "company",
            "id",
            "id#guid! systemVersion! name:30! displayName:250! businessProfileId!",
        ),
        entity(
            "purchaseOrders",
            "purchaseOrder",
            "id",
            "id#guid! number:20! orderDate#date postingDate#date vendorId#guid vendorNumber:20 vendorName:100! "
            "payToName:100! payToVendorId#guid payToVendorNumber:20 shipToName:100 shipToContact:100 "
            "buyFromAddressLine1:100 buyFromCity:30 buyFromCountry:10 buyFromState:30 buyFromPostCode:20 "
            "payToAddressLine1:100! payToAddressLine2:50! payToCity:30! payToCountry:10! payToState:30! payToPostCode:20! "
            "shipToAddressLine1:100 shipToAddressLine2:50 shipToCity:30 shipToCountry:10 shipToState:30 "
            "shipToPostCode:20 shortcutDimension1Code:20 shortcutDimension2Code:20 currencyId#guid currencyCode "
            "pricesIncludeTax#bool paymentTermsId#guid shipmentMethodId#guid purchaser:20 requestedReceiptDate#date "
            "discountAmount#decimal discountAppliedBeforeTax#bool! totalAmountExcludingTax#decimal! "
            "totalTaxAmount#decimal! totalAmountIncludingTax#decimal! fullyReceived#bool status! "
            "lastModifiedDateTime#moment!",
            enums={"status": "purchaseOrderEntityBufferStatus"},
            below={"purchaseOrderLines": ("purchaseOrderLines", (("id", "documentId"),))},
        ),
        entity(
            "purchaseOrderLines",
            "purchaseOrderLine",
            "id",
            "id#guid! documentId#guid sequence#int itemId#guid accountId#guid lineType lineObjectNumber:20 "
            "description:100 unitOfMeasureId#guid unitOfMeasureCode:10 quantity#decimal directUnitCost#decimal "
            "discountAmount#decimal discountPercent#decimal amountExcludingTax#decimal! taxCode:20 taxPercent#decimal! "
            "totalTaxAmount#decimal! amountIncludingTax#decimal! netAmount#decimal! expectedReceiptDate#date "
            "receivedQuantity#decimal invoicedQuantity#decimal invoiceQuantity#decimal receiveQuantity#decimal "
            "itemVariantId#guid locationId#guid",
            enums={"lineType": "invoiceLineAggLineType"},
        ),
        entity(
            "vendors",
            "vendor",
            "id",
            "id#guid! number:20 displayName:100 addressLine1:100 addressLine2:50 city:30 state:30 country:10 "
            "postalCode:20 phoneNumber:30 email:80 website:80 taxRegistrationNumber:50 currencyId#guid currencyCode "
            "irs1099Code paymentTermsId#guid paymentMethodId#guid taxLiable#bool blocked balance#decimal! "
            "lastModifiedDateTime#moment!",
            enums={"blocked": "vendorBlocked"},
        ),
        entity(
            "items",
            "item",
            "id",
            "id#guid! number:20 displayName:100 type itemCategoryId#guid itemCategoryCode:20 blocked#bool gtin:14 "
            "inventory#decimal unitPrice#decimal priceIncludesTax#bool unitCost#decimal taxGroupCode:20 "
            "baseUnitOfMeasureId#guid baseUnitOfMeasureCode:10 lastModifiedDateTime#moment!",
            enums={"type": "itemType"},
        ),
        entity(
            "fixedAssets",
            "fixedAsset",
            "id",
            "id#guid! number:20 displayName:100 fixedAssetLocationCode:10 fixedAssetLocationId#guid classCode:10 "
            "subclassCode:10 blocked#bool serialNumber:50 employeeNumber:20 employeeId#guid underMaintenance#bool "
            "lastModifiedDateTime#moment!",
        ),
    )
}
PAGES: dict[str, Entity] = {
    each.set_name: each
    for each in (
        entity("Company", "Company", "Name", "Name:30! Evaluation_Company#bool! Display_Name:250! Id#guid!"),
        entity(
            "ProductionOrders",
            "ProductionOrders",
            "Status No",
            "Status! No:20! Description:100! Source_No:20! Routing_No:20! Quantity#decimal! "
            "Shortcut_Dimension_1_Code:20! Shortcut_Dimension_2_Code:20! Location_Code:10! "
            "Starting_Date_Time#moment! Ending_Date_Time#moment! Due_Date#date! Assigned_User_ID:50! "
            "Finished_Date#date! Search_Description:100!",
            insertable=False,
            updatable=False,
            deletable=False,
        ),
    )
}
NEVER = date(1, 1, 1)
START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
CRONUS, OTHER = "CRONUS International Ltd.", "My Company"


def guid(word: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, word)


class Books:
    """One company. `tables` by entity set; rows by key."""

    def __init__(self, *, orders: int = 25) -> None:
        self.lock = threading.RLock()
        self.now = START
        self.versions: dict[tuple[str, Any], int] = {}
        self.changes = 0
        self.tables: dict[str, dict[Any, Row]] = {name: {} for name in (*API, *PAGES)}
        self._fill(orders)

    def moment(self) -> datetime:
        """To the millisecond."""
        self.now += timedelta(seconds=1, milliseconds=137)
        return self.now

    def add(self, set_name: str, **values: Any) -> Row:
        kind = {**API, **PAGES}[set_name]
        row = {name: each.initial for name, each in kind.properties.items()}
        unknown = values.keys() - row.keys()
        assert not unknown, unknown
        row |= values
        self.tables[set_name][kind.key_of(row)] = row
        self.touch(set_name, row)
        return row

    def touch(self, set_name: str, row: Row) -> None:
        self.changes += 1
        self.versions[set_name, {**API, **PAGES}[set_name].key_of(row)] = self.changes
        if "lastModifiedDateTime" in row:
            row["lastModifiedDateTime"] = self.moment()

    def by_number(self, set_name: str, number: str) -> Row:
        return next(row for row in self.tables[set_name].values() if row["number"] == number)

    def lines(self, order: Row) -> list[Row]:
        found = [
            row for row in self.tables["purchaseOrderLines"].values() if row["documentId"] == order["id"]
        ]
        return sorted(found, key=lambda row: row["sequence"])

    def total(self, order: Row) -> None:
        """Totals of an order as its lines make them; that touches the order, as the events of its lines do."""
        for line in self.lines(order):
            line["amountExcludingTax"] = line["netAmount"] = line["quantity"] * line["directUnitCost"]
            line["totalTaxAmount"] = line["amountExcludingTax"] * Decimal("0.25")
            line["amountIncludingTax"] = line["amountExcludingTax"] + line["totalTaxAmount"]
        for total, part in (
            ("totalAmountExcludingTax", "amountExcludingTax"), ("totalTaxAmount", "totalTaxAmount"),
            ("totalAmountIncludingTax", "amountIncludingTax"),
        ):  # fmt: skip
            order[total] = sum((line[part] for line in self.lines(order)), Decimal(0))
        self.touch("purchaseOrders", order)

    # --- what is there from the beginning

    def _fill(self, orders: int) -> None:
        for number in range(1, 6):
            self._vendor(number)
        for number in range(1, 9):
            self.add(
                "items", id=guid(f"item {number}"), number=f"19{number:02}-S", displayName=f"Chair {number} ø",
                type="Service" if number == 8 else "Inventory", baseUnitOfMeasureCode="PCS", itemCategoryCode="CHAIR",
                inventory=Decimal(number * 11) - Decimal("0.5"), unitCost=Decimal("97.10") * number, blocked=number == 7,
            )  # fmt: skip
        for number in range(1, 5):
            self.add(
                "fixedAssets", id=guid(f"asset {number}"), number=f"FA{number:06}", displayName=f"Mercedes {number}",
                classCode="TANGIBLE", subclassCode="CAR", serialNumber=f"EA 12 39{number} Q", blocked=number == 4,
                fixedAssetLocationCode="ADM", underMaintenance=number == 2, employeeNumber="EH",
            )  # fmt: skip
        for number in range(1, orders + 1):
            self._order(number)
        for number, status in enumerate(
            ("Simulated", "Planned", "Firm_x0020_Planned", "Released", "Finished"), 1
        ):
            self.add(
                "ProductionOrders", Status=status, No=f"10100{number}", Description=f"Bicycle {number}",
                Source_No=f"190{number}-S", Quantity=Decimal(number) / 4, Location_Code="BLUE",
                Starting_Date_Time=START + timedelta(days=number), Ending_Date_Time=START + timedelta(days=number + 2),
                Due_Date=date(2026, 2, number), Finished_Date=date(2026, 2, 1) if status == "Finished" else NEVER,
                Assigned_User_ID="MANUFACTURING" if number > 3 else "",
            )  # fmt: skip

    def _vendor(self, number: int) -> None:
        self.add(
            "vendors", id=guid(f"vendor {number}"), number=f"{number}0000", displayName=f"O'Brien & Söhne {number}",
            addressLine1="100 Day Drive", city="Chicago", country="US", state="IL", postalCode="61236",
            email=f"sales{number}@vendor.example", phoneNumber="+1 425 555 0100", website="www.vendor.example",
            taxRegistrationNumber=f"GB{number:09}", currencyCode="EUR", balance=Decimal("12.34") * number,
            blocked={4: "Payment", 5: "All"}.get(number, "_x0020_"),
        )  # fmt: skip

    def _order(self, number: int) -> None:
        vendor = self.by_number("vendors", f"{1 + number % 3}0000")
        order = self.add(
            "purchaseOrders", id=guid(f"order {number}"), number=str(106000 + number), vendorId=vendor["id"],
            vendorNumber=vendor["number"], vendorName=vendor["displayName"], payToName=vendor["displayName"],
            payToCity="Chicago", shipToName=CRONUS, shipToAddressLine1="7122 South Ashford Street", shipToCity="Atlanta",
            shipToCountry="US", shipToPostCode="31772", currencyCode="EUR", orderDate=date(2026, 1, 1 + number % 28),
            postingDate=date(2026, 1, 2), requestedReceiptDate=date(2026, 2, 1) if number % 2 else NEVER, purchaser="RL",
            status=("Draft", "Open", "In_x0020_Review")[number % 3], fullyReceived=number % 10 == 0,
        )  # fmt: skip
        for line in range(1, 2 + number % 4):
            item = self.by_number("items", f"19{1 + (number + line) % 7:02}-S")
            self.add(
                "purchaseOrderLines", id=guid(f"order {number} line {line}"), documentId=order["id"],
                sequence=line * 10000, lineType="Item", itemId=item["id"], lineObjectNumber=item["number"],
                description=item["displayName"], unitOfMeasureCode="PCS", quantity=Decimal(line * 3),
                directUnitCost=Decimal("10.99"), receivedQuantity=Decimal(line) if line == 2 else Decimal(0),
                expectedReceiptDate=date(2026, 2, line),
            )  # fmt: skip
        if number % 5 == 0:
            self.add(
                "purchaseOrderLines", id=guid(f"order {number} freight"), documentId=order["id"], sequence=90000,
                lineType="Account", accountId=guid("account 7110"), lineObjectNumber="7110", description="Freight",
                quantity=Decimal(1), directUnitCost=Decimal("25.5"), expectedReceiptDate=NEVER,
            )  # fmt: skip
        self.total(order)
