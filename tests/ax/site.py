"""A company of the tests' own: services behind a port each, and what lies in their tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.ax.contract import Contract, entity
from tests.ax.server import AxServer
from tests.ax.system import AifFault, Record, System

NOW = datetime(2026, 3, 20, 12, 0, 0, tzinfo=UTC)
TEMPURI = "http://tempuri.org"

VENDORS = Contract(
    "VendorService",
    "Vendor",
    entity(
        "VendTable",
        "AccountNum text 20; Blocked enum No,Invoice,All,Payment,Requisition,Never; CreditMax decimal; Currency text 3; Memo text 1000;"
        "ModifiedDateTime datetime; Name text 100; NameAlias text 20; PaymTermId text 10; VATNum text 20;"
        "VendGroup text 10; YourAccountNum text 20",
    ),
    ("AccountNum",),
)
PARTY = replace(
    entity("DirParty", "LanguageId text 7; Name text 100; NameAlias text 20; PartyNumber text 20"),
    derived="AxdEntity_DirParty_DirOrganization",
)
# As the standard service has it: the name is the party's.
PARTY_VENDORS = Contract(
    "VendorService",
    "Vendor",
    entity(
        "VendTable",
        "AccountNum text 20; Blocked enum No,Invoice,All,Payment,Requisition,Never; CreditMax decimal; Currency text 3;"
        "Memo text 1000; VATNum text 20; VendGroup text 10; YourAccountNum text 20",
        PARTY,
    ),
    ("AccountNum",),
)
ITEMS = Contract(
    "ItemService",
    "Item",
    entity(
        "InventTable",
        "BOMUnitId text 10; CostGroupId text 10; ItemId text 20; ItemType enum Item,DEL_BOM,Service;"
        "NameAlias text 20; NetWeight decimal; PrimaryVendorId text 20; ProdGroupId text 10",
        entity("Invent", "ItemId text 20; Price decimal; UnitId text 10"),
        entity("Purch", "ItemId text 20; Price decimal; UnitId text 10"),
    ),
    ("ItemId",),
    ("create", "read", "find", "findKeys", "getKeys", "getChangedKeys"),
)
ASSETS = Contract(
    "FixedAssetService",
    "FixedAsset",
    entity(
        "AssetTable",
        "AssetGroup text 10; AssetId text 20; AssetType enum Tangible,Intangible,Financial,LandBuilding,Goodwill; Location text 10;"
        "Make text 20; MajorType text 10; Model text 20; Name text 60; NameAlias text 20; SerialNum text 20;"
        "TechInfo1 text 60; UnitOfMeasure text 10",
    ),
    ("AssetId",),
    ("create", "update", "read", "find", "findKeys", "getKeys", "getChangedKeys"),
)
ORDERS = Contract(
    "TEC_STG_PurchOrderService",
    "TEC_STG_PurchOrder",
    entity(
        "TEC_STG_PurchTable",
        "DeliveryDate date; DlvName text 60; EXTERNAL_ORD_ID text 20; InventLocationId text 10; InventSiteId text 10;"
        "InvoiceDate date; Order_Total_Gross decimal; Order_Total_Net decimal; OrderUpdateType enum Order,Delivery,Receipt,Invoice;"
        "PurchaseType enum Journal,DEL_Quotation,DEL_Subscription,Purch,ReturnItem,DEL_Blanket; PurchID text 20; StagingID text 40; Type text 10;"
        "VATAmount decimal; VendAccount text 20; VendorRef text 60",
        entity(
            "TEC_STG_PurchLine",
            "DeliveryDate date; EXTERNAL_DEL_ID text 20; EXTERNAL_ORD_ID text 20; InventTransId text 20; Itemid text 20;"
            "LineAmount decimal; LineNum decimal; Name text 1000; PriceUnit decimal; PurchID text 20; PurchPrice decimal;"
            "PurchQty decimal; PurchReceivedNow decimal; VATLineAmount decimal",
        ),
    ),
    ("StagingID",),
    namespace=TEMPURI,
)
TIES = Contract(
    "TieService", "Tie", entity("TieTable", "ModifiedDateTime datetime; Number text 20"), ("Number",)
)
PORTS = {"TiePort": TIES, "VendorPort": VENDORS, "ItemPort": ITEMS, "AssetPort": ASSETS, "OrderPort": ORDERS}


def system(**other: Contract) -> System:
    """`other`: contracts in the place of those of the same service."""
    contracts = {each.service: each for each in PORTS.values()} | other
    found = System(contracts, clock=lambda: NOW)
    found.checks["TEC_STG_PurchOrderService"] = _only_known_vendors
    return found


def _only_known_vendors(record: Record) -> None:
    if record["VendAccount"] == "BLOCKED":
        raise AifFault(
            "Vendor account BLOCKED is on hold.",
            code="VendorOnHold",
            field_name="VendAccount",
            infolog=("Update has been canceled.",),
        )


@contextmanager
def site(found: System, *, user: tuple[str, str] | None = None) -> Iterator[AxServer]:
    server = AxServer(found, {port: (contract,) for port, contract in PORTS.items()}, user=user)
    try:
        yield server
    finally:
        server.close()


def fill(found: System, orders: int = 16) -> None:
    """Vendors, items, assets, and orders with none to three lines; another company has records of its own."""
    party = found.contracts["VendorService"] is PARTY_VENDORS
    for number in range(12):
        name = {"Name": f"Schraubenhandel Müller & O'Hara <{number}>"}
        found.put(
            "VendorService",
            AccountNum=f"V-{number:04d}",
            **({"DirParty": [name]} if party else name),
            CreditMax=f"{number}000.50",
            Currency="EUR",
            VendGroup="10",
            changed_at=NOW - timedelta(days=number, minutes=5),
        )
    found.put("VendorService", company="dat", AccountNum="V-OTHER")
    for number in range(5):
        found.put(
            "ItemService",
            ItemId=f"I-{number}",
            NameAlias=f"Item {number}",
            Invent=[{"ItemId": f"I-{number}", "UnitId": "pcs", "Price": "12.34"}],
        )
        found.put("FixedAssetService", AssetId=f"FA-{number}", Name=f"Pump {number}", SerialNum=f"SN{number}")
    for number in range(orders):
        found.put(
            "TEC_STG_PurchOrderService",
            StagingID=f"ST{number:05d}",
            PurchID=f"PO{number:05d}",
            VendAccount=f"V-{number % 12:04d}",
            DeliveryDate="2026-04-01" if number % 2 else "1900-01-01",
            Order_Total_Net="12345678901234.56" if number == 3 else f"{number}.10",
            changed_at=NOW - timedelta(hours=number + 1),
            TEC_STG_PurchLine=[
                {
                    "LineNum": f"{line}.0000000000000000",
                    "Itemid": f"I-{line}",
                    "PurchQty": f"{line}.5",
                    "PurchPrice": "0.1",
                }
                for line in range(1, number % 4 + 1)
            ],
        )
