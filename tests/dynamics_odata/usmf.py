"""The records of two companies of Finance & Operations, made the same each time.

Entity sets, keys, properties and their types are those of a client that SAP's Cloud SDK generated from the $metadata of
a real environment ("service d365_metadata": PurchaseOrderHeadersV2, PurchaseOrderLinesV2, ProductionOrderHeaders with
its BOM lines and route operations, ReleasedProductsV2, InventorySitesOnHandV2, FixedAssetsV2); those of VendorsV2 from
public code that reads it. Days are moments at noon, and the first of January 1900 is none.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.dynamics_odata.model import Entity, Row, entity

NAMESPACE = "Microsoft.Dynamics.DataEntities"
ENUMS = {
    "PurchStatus": ("None", "Backorder", "Received", "Invoiced", "Canceled"),
    "VersioningDocumentState": (
        "Draft", "InReview", "Rejected", "Approved", "InExternalReview", "Finalized", "Confirmed",
    ),
    "ProdStatus": (
        "Created", "CostEstimated", "Scheduled", "Released", "StartedUp", "ReportedFinished", "Completed",
    ),
    "RouteOprPriority": ("Primary", "Secondary1"),
    "CustVendorBlocked": ("No", "Invoice", "All", "Payment", "Requisition", "Never", "PurchOrder"),
    "EcoResProductType": ("Item", "Service"),
    "AssetType": ("Tangible", "Intangible", "Financial"),
    "NoYes": ("No", "Yes"),
}  # fmt: skip
SETS: dict[str, Entity] = {
    each.set_name: each
    for each in (
        entity(
            "PurchaseOrderHeadersV2",
            "PurchaseOrderHeaderV2",
            "dataAreaId PurchaseOrderNumber",
            "dataAreaId:4 PurchaseOrderNumber:20 PurchaseOrderName OrderVendorAccountNumber InvoiceVendorAccountNumber "
            "AccountingDate#moment RequestedDeliveryDate#moment ConfirmedDeliveryDate#moment! CurrencyCode "
            "PaymentTermsName DeliveryModeId DeliveryTermsId DeliveryAddressName DeliveryAddressStreet "
            "DeliveryAddressStreetNumber DeliveryAddressCity DeliveryAddressStateId DeliveryAddressZipCode "
            "DeliveryAddressCountryRegionId DefaultReceivingSiteId DefaultReceivingWarehouseId "
            "RequesterPersonnelNumber OrdererPersonnelNumber BuyerGroupId VendorOrderReference PurchaseOrderPoolId "
            "PurchaseOrderStatus! DocumentApprovalStatus!",
            enums={"PurchaseOrderStatus": "PurchStatus", "DocumentApprovalStatus": "VersioningDocumentState"},
            below={
                "PurchaseOrderLinesV2": (
                    "PurchaseOrderLinesV2",
                    (("dataAreaId", "dataAreaId"), ("PurchaseOrderNumber", "PurchaseOrderNumber")),
                )
            },
        ),
        entity(
            "PurchaseOrderLinesV2",
            "PurchaseOrderLineV2",
            "dataAreaId PurchaseOrderNumber LineNumber",
            "dataAreaId:4 PurchaseOrderNumber:20 LineNumber#long ItemNumber LineDescription "
            "OrderedPurchaseQuantity#decimal PurchaseUnitSymbol PurchasePrice#decimal PurchasePriceQuantity#decimal "
            "LineDiscountPercentage#decimal LineAmount#decimal! MainAccountIdDisplayValue ReceivingSiteId "
            "ReceivingWarehouseId ReceivingWarehouseLocationId RequestedDeliveryDate#moment "
            "ConfirmedDeliveryDate#moment PurchaseRequisitionId! ExternalItemNumber PurchaseOrderLineStatus! IsDeleted!",
            enums={"PurchaseOrderLineStatus": "PurchStatus", "IsDeleted": "NoYes"},
        ),
        entity(
            "ProductionOrderHeaders",
            "ProductionOrderHeader",
            "dataAreaId ProductionOrderNumber",
            "dataAreaId:4 ProductionOrderNumber:20 ProductionOrderName ItemNumber ProductionOrderStatus! "
            "ParentProductionOrderNumber ScheduledQuantity#decimal StartedQuantity#decimal! EstimatedQuantity#decimal "
            "RemainingReportAsFinishedQuantity#decimal! ScheduledStartDate#moment! ScheduledEndDate#moment! "
            "DeliveryDate#moment StartedDate#moment! ReportedAsFinishedDate#moment! EndedDate#moment! "
            "ProductionSiteId ProductionWarehouseId ProductionPoolId ProductionGroupId SourceRouteId SourceBOMId "
            "ProductionOrderPriority#int",
            enums={"ProductionOrderStatus": "ProdStatus"},
            below={
                name: (
                    target,
                    (("dataAreaId", "dataAreaId"), ("ProductionOrderNumber", "ProductionOrderNumber")),
                )
                for name, target in (
                    ("ProdutionOrderBOMLines", "ProductionOrderBillOfMaterialLines"),
                    ("ProdutionOrderRouteOperations", "ProductionOrderRouteOperations"),
                )
            },
        ),
        entity(
            "ProductionOrderBillOfMaterialLines",
            "ProductionOrderBillOfMaterialLine",
            "dataAreaId ProductionOrderNumber LineNumber",
            "dataAreaId:4 ProductionOrderNumber:20 LineNumber#decimal ItemNumber BOMLineQuantity#decimal "
            "EstimatedInventoryQuantity#decimal StartedInventoryQuantity#decimal RemainingInventoryQuantity#decimal "
            "ConsumptionWarehouseId "
            "PositionNumber",
        ),
        entity(
            "ProductionOrderRouteOperations",
            "ProductionOrderRouteOperation",
            "dataAreaId ProductionOrderNumber OperationNumber OperationPriority",
            "dataAreaId:4 ProductionOrderNumber:20 OperationNumber#int OperationPriority OperationId "
            "ProcessTime#decimal EstimatedProcessTime#decimal ScheduledFromDate#moment ScheduledEndDate#moment "
            "IsOperationStarted! IsOperationCompleted!",
            enums={
                "OperationPriority": "RouteOprPriority",
                "IsOperationStarted": "NoYes",
                "IsOperationCompleted": "NoYes",
            },
        ),
        entity(
            "ReleasedProductsV2",
            "ReleasedProductV2",
            "dataAreaId ItemNumber",
            "dataAreaId:4 ItemNumber:20 ProductNumber SearchName ProductSearchName ProductType InventoryUnitSymbol "
            "PurchaseUnitSymbol ProductGroupId PrimaryVendorAccountNumber BuyerGroupId ProductLifecycleStateId "
            "UnitCost#decimal UnitCostQuantity#decimal PurchasePrice#decimal ValueABCCode",
            enums={"ProductType": "EcoResProductType"},
        ),
        entity(
            "InventorySitesOnHandV2",
            "InventorySiteOnHandV2",
            "dataAreaId ItemNumber ProductColorId ProductConfigurationId ProductSizeId ProductStyleId ProductVersionId "
            "InventorySiteId",
            "dataAreaId:4! ItemNumber:20! ProductColorId! ProductConfigurationId! ProductSizeId! ProductStyleId! "
            "ProductVersionId! InventorySiteId! ProductName! OnHandQuantity#decimal! ReservedOnHandQuantity#decimal! "
            "AvailableOnHandQuantity#decimal! OrderedQuantity#decimal! OnOrderQuantity#decimal!",
            insertable=False,
            updatable=False,
            deletable=False,
        ),
        entity(
            "VendorsV2",
            "VendorV2",
            "dataAreaId VendorAccountNumber",
            "dataAreaId:4 VendorAccountNumber:20 VendorOrganizationName VendorSearchName VendorGroupId CurrencyCode "
            "TaxExemptNumber OnHoldStatus DefaultPaymentTermsName AddressStreet AddressCity AddressStateId "
            "AddressZipCode AddressCountryRegionId PrimaryEmailAddress PrimaryPhoneNumber",
            enums={"OnHoldStatus": "CustVendorBlocked"},
        ),
        entity(
            "FixedAssetsV2",
            "FixedAssetV2",
            "dataAreaId FixedAssetNumber",
            "dataAreaId:4 FixedAssetNumber:20 Name SearchName Type Make Model ModelYear SerialNumber FixedAssetGroupId "
            "MajorTypeId MainAssetId AssetLocationId AssetConditionId ResponsiblePersonnelNumber "
            "AcquisitionDate#moment AcquisitionPrice#decimal BarCode Comments PhysicalAssetNumber "
            "DepartmentOperatingUnitNumber",
            enums={"Type": "AssetType"},
        ),
    )
}
NEVER = datetime(1900, 1, 1, 12, tzinfo=UTC)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
COMPANIES = ("usmf", "dat")


class Books:
    def __init__(self, *, orders: int = 23) -> None:
        self.lock = threading.RLock()
        self.changes = 0
        self.versions: dict[tuple[str, Any], int] = {}
        self.tables: dict[str, dict[Any, Row]] = {name: {} for name in SETS}
        for company in COMPANIES:
            self._fill(company, orders if company == "usmf" else 4)

    def add(self, set_name: str, **values: Any) -> Row:
        kind = SETS[set_name]
        row = {name: _initial(kind, name) for name in kind.properties}
        unknown = values.keys() - row.keys()
        assert not unknown, unknown
        row |= values
        self.tables[set_name][kind.key_of(row)] = row
        self.touch(set_name, row)
        return row

    def touch(self, set_name: str, row: Row) -> None:
        self.changes += 1
        self.versions[set_name, SETS[set_name].key_of(row)] = self.changes

    def below(self, set_name: str, row: Row, way: str) -> list[Row]:
        target, join = SETS[set_name].below[way]
        found = [
            each
            for each in self.tables[target].values()
            if all(each[theirs] == row[mine] for mine, theirs in join)
        ]
        return sorted(found, key=lambda each: tuple(map(str, SETS[target].key_of(each))))

    def number(self, company: str) -> str:
        taken = [
            int(row["PurchaseOrderNumber"])
            for row in self.tables["PurchaseOrderHeadersV2"].values()
            if row["dataAreaId"] == company
        ]
        return f"{max(taken, default=0) + 1:08}"

    def amount(self, line: Row) -> None:
        line["LineAmount"] = (
            line["OrderedPurchaseQuantity"] * line["PurchasePrice"] / (line["PurchasePriceQuantity"] or 1)
        )

    # --- what is there from the beginning

    def _fill(self, company: str, orders: int) -> None:
        for number in range(1, 6):
            self.add(
                "VendorsV2", dataAreaId=company, VendorAccountNumber=f"100{number}", VendorOrganizationName=f"Acme & Söhne {number}",
                VendorGroupId="10", CurrencyCode="USD", AddressStreet="123 Gray Road", AddressCity="Redmond",
                AddressStateId="WA", AddressZipCode="98052", AddressCountryRegionId="USA", DefaultPaymentTermsName="Net30",
                OnHoldStatus={4: "Payment", 5: "All"}.get(number, "No"), PrimaryEmailAddress=f"v{number}@acme.example",
                TaxExemptNumber=f"{number:09}",
            )  # fmt: skip
            self.add(
                "FixedAssetsV2", dataAreaId=company, FixedAssetNumber=f"FORK-{number:03}", Name=f"Forklift {number}", Make="Toyota",
                Model="8FGU25", SerialNumber=f"SN{number}", FixedAssetGroupId="FORK", MainAssetId="FORK-001" if number == 2 else "",
                AcquisitionDate=NOON - timedelta(days=900) if number > 1 else NEVER, AcquisitionPrice=Decimal("25000.5"),
                AssetLocationId="W1", Type="Tangible",
            )  # fmt: skip
        for number in range(1, 9):
            self._product(company, number)
        for number in range(1, orders + 1):
            self._order(company, number)
        for number, status in enumerate(ENUMS["ProdStatus"], 1):
            self._production(company, number, status)

    def _product(self, company: str, number: int) -> None:
        item = f"D{number:04}"
        self.add(
            "ReleasedProductsV2", dataAreaId=company, ItemNumber=item, ProductNumber=item, SearchName=f"Cabinet{number}",
            ProductSearchName=f"Cabinet {number}", ProductType="Item" if number < 8 else "Service", InventoryUnitSymbol="ea",
            ProductGroupId="CarAudio", UnitCost=Decimal("54.25") * number, UnitCostQuantity=Decimal(1),
            PrimaryVendorAccountNumber="1001" if number == 1 else "",
        )  # fmt: skip
        for site in range(1, 1 + number % 4):
            self.add(
                "InventorySitesOnHandV2", dataAreaId=company, ItemNumber=item, InventorySiteId=str(site), ProductName=f"Cabinet {number} oak",
                OnHandQuantity=Decimal(number * site), ReservedOnHandQuantity=Decimal("0.5"), ProductColorId="Red" if site == 3 else "",
            )  # fmt: skip

    def _order(self, company: str, number: int) -> None:
        status = ("Backorder", "Received", "Invoiced", "Canceled", "None")[number % 5]
        state = ENUMS["VersioningDocumentState"][number % 7]
        order = self.add(
            "PurchaseOrderHeadersV2", dataAreaId=company, PurchaseOrderNumber=f"{number:08}", PurchaseOrderName=f"Order {number}",
            OrderVendorAccountNumber=f"100{1 + number % 3}", CurrencyCode="USD", AccountingDate=NOON + timedelta(days=number),
            RequestedDeliveryDate=NOON + timedelta(days=number + 9), ConfirmedDeliveryDate=NEVER, PaymentTermsName="Net30",
            PurchaseOrderStatus=status, DocumentApprovalStatus=state, DeliveryAddressCity="Redmond", DefaultReceivingSiteId="1",
        )  # fmt: skip
        for line in range(1, 2 + number % 4):
            made = self.add(
                "PurchaseOrderLinesV2", dataAreaId=company, PurchaseOrderNumber=order["PurchaseOrderNumber"], LineNumber=line,
                ItemNumber=f"D{1 + (number + line) % 8:04}", OrderedPurchaseQuantity=Decimal(line * 2), PurchaseUnitSymbol="ea",
                PurchasePrice=Decimal("10.99"), PurchasePriceQuantity=Decimal(1), PurchaseOrderLineStatus=status, IsDeleted="No",
                RequestedDeliveryDate=NOON + timedelta(days=line), ReceivingSiteId="1", ReceivingWarehouseId="11",
            )  # fmt: skip
            self.amount(made)

    def _production(self, company: str, number: int, status: str) -> None:
        order = f"P{number:06}"
        self.add(
            "ProductionOrderHeaders", dataAreaId=company, ProductionOrderNumber=order, ProductionOrderName=f"Speaker {number}",
            ItemNumber="D0003", ProductionOrderStatus=status, ScheduledQuantity=Decimal(number) / 4, ProductionSiteId="1",
            DeliveryDate=NOON + timedelta(days=number), EndedDate=NOON if status == "Completed" else NEVER,
            ParentProductionOrderNumber="P000001" if number == 2 else "",
        )  # fmt: skip
        for line in range(1, 3):
            self.add(
                "ProductionOrderBillOfMaterialLines", dataAreaId=company, ProductionOrderNumber=order, LineNumber=Decimal(line),
                ItemNumber=f"D000{line}", BOMLineQuantity=Decimal("1.5"), RemainingInventoryQuantity=Decimal("0.5"),
                EstimatedInventoryQuantity=Decimal("1.5"), StartedInventoryQuantity=Decimal(1), ConsumptionWarehouseId="12",
            )  # fmt: skip
            self.add(
                "ProductionOrderRouteOperations", dataAreaId=company, ProductionOrderNumber=order, OperationNumber=line * 10,
                OperationPriority="Primary", OperationId="Assembly", IsOperationStarted="Yes" if line == 1 else "No",
                IsOperationCompleted="Yes" if status == "Completed" else "No",
            )  # fmt: skip


def _initial(kind: Entity, name: str) -> Any:
    each = kind.properties[name]
    if each.type == "Edm.DateTimeOffset":
        return NEVER
    return ENUMS[each.type][0] if each.type in ENUMS else each.initial
