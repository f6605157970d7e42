"""The fake's books: purchase orders, maintenance orders, products, stocks, partners, equipment; made the same each time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.sap_odata import metadata as published
from tests.sap_odata.metadata import EntityType, Metadata
from tests.sap_odata.tables import Record, Table

FILES = {
    "API_PURCHASEORDER_PROCESS_SRV": "API_PURCHASEORDER_PROCESS_SRV.v2.edmx",
    "API_MAINTENANCEORDER": "API_MAINTENANCEORDER.v2.edmx",
    "API_MATERIAL_STOCK_SRV": "API_MATERIAL_STOCK_SRV.v2.edmx",
    "API_PRODUCT_SRV": "API_PRODUCT_SRV.v2.edmx",
    "API_BUSINESS_PARTNER": "API_BUSINESS_PARTNER.v2.newer.edmx",
    "API_EQUIPMENT": "API_EQUIPMENT.v2.edmx",
    "API_FUNCTIONALLOCATION": "API_FUNCTIONALLOCATION.v2.edmx",
}
V4_FILE = "CE_PURCHASEORDER_0001.v4.edmx"
START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31)
PLANTS = ("1010", "1710")
LOCATIONS = ("101A", "101B")
PROCESSING = ("02", "03", "05", "08", "02", "05")
PHASES = {"CRTD": "03", "REL": "07", "TECO": "09", "CLSD": "09"}


def published_here() -> bool:
    return all((published.EDMX / name).is_file() for name in (*FILES.values(), V4_FILE))


class Company:
    """One client of one system. All services read and write the same records."""

    def __init__(self, *, orders: int = 30, work_orders: int = 12, products: int = 20) -> None:
        self.models: dict[str, Metadata] = {name: published.load(file) for name, file in FILES.items()}
        self.types: dict[str, EntityType] = {
            name: type_ for model in self.models.values() for name, type_ in model.types.items()
        }
        self.tables: dict[str, Table] = {name: Table(type_) for name, type_ in self.types.items()}
        self.lock = threading.RLock()
        self.locks: dict[tuple[str, str], str] = {}  # (object, number) -> the user who has it open
        self.now = START
        self.clock: Callable[[], datetime] = self._tick
        self.number_ranges = {
            "order": 4500000000,
            "work_order": 4000000,
            "partner": 1000100,
            "equipment": 10000100,
        }
        self._fill(orders, work_orders, products)

    def __getitem__(self, type_: str) -> Table:
        return self.tables[type_]

    def record(self, type_: str, **values: Any) -> Record:
        return Record(self.types[type_], **values)

    def number(self, range_: str) -> str:
        self.number_ranges[range_] += 1
        return str(self.number_ranges[range_])

    def stamp(self) -> datetime:
        """Kept to the ten-millionth in the system; here to the microsecond, finer than V2 prints."""
        return self.clock()

    def open_by(self, object_: str, number: str, user: str = "MUELLER") -> None:
        self.locks[object_, number] = user

    @contextmanager
    def unit_of_work(self) -> Iterator[None]:
        """All of it or nothing."""
        before = {name: table.snapshot() for name, table in self.tables.items() if len(table)}
        ranges = dict(self.number_ranges)
        try:
            yield
        except BaseException:
            for name, table in self.tables.items():
                table.restore(before.get(name, {}))
            self.number_ranges = ranges
            raise

    def _tick(self) -> datetime:
        self.now += timedelta(seconds=1, microseconds=337)
        return self.now

    # --- what is there from the beginning

    def _fill(self, orders: int, work_orders: int, products: int) -> None:
        for number in range(1, 9):
            self._supplier(number)
        for number in range(1, products + 1):
            self._product(number)
        for number in range(1, 7):
            self._location(number)
        for number in range(1, 13):
            self._equipment(number)
        for number in range(1, orders + 1):
            self._order(number)
        for number in range(1, work_orders + 1):
            self._work_order(number)

    def _supplier(self, number: int) -> None:
        supplier, partner = f"10{number:05}", f"30{number:05}"  # the two numbers need not be equal
        created = datetime(2025, 3, number)
        name = f"O'Brien & Söhne {number}" if number == 3 else f"Inlandslieferant {number}"
        self["A_BusinessPartnerType"].insert(
            BusinessPartner=partner, Supplier=supplier, BusinessPartnerCategory="2", BusinessPartnerGrouping="BP02",
            BusinessPartnerFullName=name, OrganizationBPName1=name, BusinessPartnerIsBlocked=False,
            CreationDate=created, LastChangeDate=None if number == 1 else datetime(2026, 1, 1 + number),
        )  # fmt: skip
        self["A_SupplierType"].insert(
            Supplier=supplier, SupplierFullName=name.upper(), SupplierName=name, CreationDate=created,
            PurchasingIsBlocked=number == 5, PostingIsBlocked=number == 5, DeletionIndicator=number == 6,
            PaymentIsBlockedForSupplier=False, VATRegistration=f"DE{number:09}", TaxNumber1=f"{number:011}",
        )  # fmt: skip
        address = f"{20000 + number}"
        self["A_BusinessPartnerAddressType"].insert(
            BusinessPartner=partner, AddressID=address, StreetName="Dietmar-Hopp-Allee", HouseNumber=str(number),
            CityName="Walldorf", PostalCode="69190", Country="DE", Region="BW", FullName=name,
        )  # fmt: skip
        self["A_AddressEmailAddressType"].insert(
            AddressID=address, Person="", OrdinalNumber="001", IsDefaultEmailAddress=True,
            EmailAddress=f"einkauf{number}@lieferant.example",
        )  # fmt: skip
        self["A_AddressPhoneNumberType"].insert(
            AddressID=address, Person="", OrdinalNumber="001", PhoneNumberType="1", PhoneNumber=f"06227 74{number:04}",
            InternationalPhoneNumber=f"+49622774{number:04}", IsDefaultPhoneNumber=True,
        )  # fmt: skip
        self["A_BusinessPartnerRoleType"].insert(BusinessPartner=partner, BusinessPartnerRole="FLVN01")
        self["A_SupplierCompanyType"].insert(
            Supplier=supplier, CompanyCode="1010", PaymentTerms="0004", ReconciliationAccount="21100000"
        )
        self["A_SupplierPurchasingOrgType"].insert(
            Supplier=supplier, PurchasingOrganization="1010", PaymentTerms="0004", PurchaseOrderCurrency="EUR"
        )

    def _product(self, number: int) -> None:
        product = f"TG{number:04}"
        self["A_ProductType"].insert(
            Product=product, ProductType="HAWA", ProductGroup="L001", BaseUnit="ST", CreationDate=datetime(2025, 1, 1),
            LastChangeDate=datetime(2026, 1, 2), LastChangeDateTime=self.stamp(), IsMarkedForDeletion=number == 7,
            ManufacturerNumber="", ProductManufacturerNumber=f"MPN-{number}", ProductOldID="", GrossWeight=Decimal("1.250"),
        )  # fmt: skip
        for language, text in (("EN", "Trading good"), ("DE", "Handelsware")):
            self["A_ProductDescriptionType"].insert(
                Product=product, Language=language, ProductDescription=f"{text} {number}"
            )
        self["A_MaterialStockType"].insert(Material=product, MaterialBaseUnit="ST")
        for plant in PLANTS[: 1 + number % 2]:
            self["A_ProductPlantType"].insert(
                Product=product, Plant=plant, ABCIndicator="A", PurchasingGroup="001"
            )
            self["A_ProductSupplyPlanningType"].insert(
                Product=product, Plant=plant, ReorderThresholdQuantity=Decimal("10.000"), SafetyStockQuantity=Decimal("5.000"),
                MaximumStockQuantity=Decimal("500.000"), FixedLotSizeQuantity=Decimal("25.000"), BaseUnit="ST",
            )  # fmt: skip
            self["A_ProductValuationType"].insert(
                Product=product, ValuationArea=plant, ValuationType="", StandardPrice=Decimal("10.500"), Currency="EUR",
                MovingAveragePrice=Decimal("10.430"), PriceUnitQty=Decimal(1), InventoryValuationProcedure="V",
            )  # fmt: skip
            for location in LOCATIONS[: 1 + number % 2]:
                self["A_ProductStorageLocationType"].insert(
                    Product=product,
                    Plant=plant,
                    StorageLocation=location,
                    WarehouseStorageBin=f"R{number % 9}",
                )
                for kind, quantity in (("01", f"{number * 7}.5"), ("02", "3"), ("07", "1")):
                    self._stock(product, plant, location, kind, quantity)

    def _stock(self, product: str, plant: str, location: str, kind: str, quantity: str) -> None:
        self["A_MatlStkInAcctModType"].insert(
            Material=product, Plant=plant, StorageLocation=location, Batch="", Supplier="", Customer="",
            WBSElementInternalID="00000000", SDDocument="", SDDocumentItem="000000", InventorySpecialStockType="",
            InventoryStockType=kind, MaterialBaseUnit="ST",
            MatlWrhsStkQtyInMatlBaseUnit=Decimal(quantity).quantize(Decimal(1).scaleb(-14)),
        )  # fmt: skip

    def _location(self, number: int) -> None:
        self["FunctionalLocationType"].insert(
            FunctionalLocation=f"1010-SPA-{number:02}", FunctionalLocationLabelName=f"1010-SPA-{number:02}",
            FunctionalLocationName=f"Line {number}", FunctionalLocationCategory="M", MaintenancePlant="1010",
            SuperiorFunctionalLocation="1010-SPA-01" if number > 1 else "", LastChangeDateTime=self.stamp().replace(microsecond=0),
            FunctionalLocationIsActive=True, FuncnlLocIsMarkedForDeletion=number == 6, CompanyCode="1010",
            AssetManufacturerName="", CreationDate=datetime(2025, 2, 1), FunctionalLocationIsCreated=True,
        )  # fmt: skip

    def _equipment(self, number: int) -> None:
        equipment = str(10000000 + number)
        common = {
            "Equipment": equipment, "EquipmentName": f"Pump {number}", "EquipmentCategory": "M",
            "TechnicalObjectType": "1000", "MaintenancePlant": "1010", "AssetManufacturerName": "KSB",
            "ManufacturerPartTypeName": "Etanorm", "ManufacturerSerialNumber": f"SN-{number:06}", "CompanyCode": "1010",
            "FunctionalLocation": f"1010-SPA-{1 + number % 5:02}", "CostCenter": "17101321", "ABCIndicator": "B",
            "SuperordinateEquipment": "10000001" if number % 4 == 0 else "", "EquipmentIsAvailable": True,
            "AcquisitionValue": Decimal("12500.000"), "Currency": "EUR", "AcquisitionDate": datetime(2024, 6, number),
            "OperationStartDate": datetime(2024, 7, number), "LastChangeDateTime": self.stamp().replace(microsecond=0),
            "CreationDate": datetime(2024, 6, 1), "EquipmentIsMarkedForDeletion": number == 9, "EquipmentIsInstalled": True,
            "EquipmentIsInactive": number == 10,
        }  # fmt: skip
        if number == 2:  # it hung elsewhere before: a time slice of its own
            self["EquipmentType"].insert(
                **{**common, "ValidityEndDate": datetime(2025, 5, 31), "FunctionalLocation": "1010-SPA-06"}
            )
        self["EquipmentType"].insert(
            **common, ValidityEndDate=FOREVER, ValidityStartDate=datetime(2025, 6, 1)
        )

    def _order(self, number: int) -> None:
        order = self.number("order")
        self["A_PurchaseOrderType"].insert(
            PurchaseOrder=order, CompanyCode="1010", PurchaseOrderType="NB", PurchasingOrganization="1010",
            PurchasingGroup="001", Supplier=f"10{1 + number % 4:05}", DocumentCurrency="EUR", Language="EN",
            PurchaseOrderDate=datetime(2026, 1, 1 + number % 28), CreationDate=datetime(2026, 1, 1 + number % 28),
            PurchasingProcessingStatus=PROCESSING[number % len(PROCESSING)], LastChangeDateTime=self.stamp(),
            PaymentTerms="0004", CreatedByUser="CB9980000010", AddressName=f"Inlandslieferant {number % 4}",
            AddressCityName="Walldorf", AddressCountry="DE", AddressPostalCode="69190", AddressStreetName="Allee 1",
            PurchasingDocumentDeletionCode="L" if number % 11 == 0 else "", CorrespncInternalReference=f"REQ-{number}",
        )  # fmt: skip
        for line in range(1, 2 + number % 4):
            self._order_item(order, line, number)
        if number % 5 == 0:
            self["A_PurchaseOrderNoteType"].insert(
                PurchaseOrder=order,
                TextObjectType="F01",
                Language="EN",
                PlainLongText="Deliver to gate 3\nby noon",
            )

    def _order_item(self, order: str, line: int, number: int) -> None:
        item = f"{line * 10}"
        product = f"TG{1 + (number * 3 + line) % 20:04}"
        self["A_PurchaseOrderItemType"].insert(
            PurchaseOrder=order, PurchaseOrderItem=item, Material=product, PurchaseOrderItemText=f"Trading good {line}",
            Plant="1010", StorageLocation="101A", OrderQuantity=Decimal(f"{line * 5}.000"), PurchaseOrderQuantityUnit="ST",
            NetPriceAmount=Decimal("10.99"), NetPriceQuantity=Decimal(1), DocumentCurrency="EUR", OrderPriceUnit="ST",
            IsCompletelyDelivered=line == 2, PurchasingDocumentDeletionCode="L" if (number + line) % 13 == 0 else "",
            AccountAssignmentCategory="K" if line == 1 else "", TaxCode="V1", MaterialGroup="L001",
        )  # fmt: skip
        if line == 1:
            self["A_PurOrdAccountAssignmentType"].insert(
                PurchaseOrder=order, PurchaseOrderItem=item, AccountAssignmentNumber="1", CostCenter="17101301",
                GLAccount="61003000", Quantity=Decimal("5.000"),
            )  # fmt: skip
        for schedule in range(1, 2 + (number + line) % 2):
            self["A_PurchaseOrderScheduleLineType"].insert(
                PurchasingDocument=order, PurchasingDocumentItem=item, ScheduleLine=str(schedule),
                ScheduleLineDeliveryDate=datetime(2026, 2, 3 + schedule), ScheduleLineOrderQuantity=Decimal("2.500"),
                PurchaseOrderQuantityUnit="ST",
            )  # fmt: skip

    def _work_order(self, number: int) -> None:
        order = self.number("work_order")
        status = ("CRTD", "REL", "TECO", "CLSD")[number % 4]
        self["MaintenanceOrderType"].insert(
            MaintenanceOrder=order, MaintenanceOrderType="YA01", MaintenanceOrderDesc=f"Pump is leaking {number}",
            MaintenancePlant="1010", MaintenancePlanningPlant="1010", MaintPriority=str(1 + number % 4), CompanyCode="1010",
            Equipment=str(10000000 + number) if number % 3 else "", FunctionalLocation=f"1010-SPA-{1 + number % 5:02}",
            MainWorkCenter="RES-0100", MainWorkCenterPlant="1010", SystemStatusText=f"{status} MANC NMAT PRC",
            MaintOrdProcessPhaseCode=PHASES[status], MaintOrdBasicStartDateTime=datetime(2026, 1, 10, 6, tzinfo=UTC),
            MaintOrdBasicEndDateTime=datetime(2026, 1, 10 + number, 14, tzinfo=UTC), CostCenter="17101321",
            LastChangeDateTime=self.stamp().replace(microsecond=0), MaintenanceNotification=f"1000{number:04}", CreatedByUser="TECH",
        )  # fmt: skip
        for line in range(1, 3 + number % 2):
            operation = f"{line * 10:04}"
            self["MaintenanceOrderOperationType"].insert(
                MaintenanceOrder=order, MaintenanceOrderOperation=operation, MaintenanceOrderSubOperation="",
                OperationDescription=f"Step {line}", OperationControlKey="YBM1", WorkCenter="RES-0100", Plant="1010",
                MaintOrdOperationWorkDuration=Decimal("2.5"), MaintOrdOpWorkDurationUnit="H", ActualWorkQuantity=Decimal("1.250"),
                MaintOrdOpProcessPhaseCode=PHASES[status], SystemStatusText=status,
            )  # fmt: skip
            self["MaintOrderOpComponentType"].insert(
                MaintenanceOrder=order, MaintenanceOrderOperation=operation, MaintenanceOrderSubOperation="",
                MaintenanceOrderComponent="0010", Product=f"TG{line:04}", QuantityInUnitOfEntry=Decimal("2.000"), UnitOfEntry="ST",
                MaintOrdOpCompRequiredQuantity=Decimal("2.000"), BaseUnit="ST", Plant="1010", StorageLocation="101A",
            )  # fmt: skip
