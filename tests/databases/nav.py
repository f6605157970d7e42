"""Tables of Dynamics NAV, named as SQL Server has them: characters that NAV converts are `_`, FlowFields are not there,
1753-01-01 is no date, and each table has a rowversion named `timestamp`.
"""

from __future__ import annotations

TYPES = {
    "c": "varchar({size}) not null default ''",
    "n": "decimal(38,20) not null default 0",
    "i": "int not null default 0",
    "d": "datetime not null default '1753-01-01 00:00:00'",
    "v": "binary(8) not null default 0x0000000000000001",
}
COMPANY = "CRONUS International Ltd."
SHORT = "B."  # where the app's id has to go into the name as well: MariaDB's names end at 64 characters
# By the names of the tables in NAV; `_` stands for every character that is converted.
COLUMNS = {
    "Purchase Header": "timestamp v; Document Type i; No_ c20; Posting Description c50; Status i; Order Date d;"
    "Buy-from Vendor No_ c20; Buy-from Vendor Name c50; Location Code c10; Purchaser Code c20; Currency Code c10;"
    "Payment Terms Code c10; Shipment Method Code c10; Vendor Order No_ c35; Assigned User ID c50; Due Date d;"
    "Expected Receipt Date d; Requested Receipt Date d",
    "Purchase Line": "timestamp v; Document Type i; Document No_ c20; Line No_ i; Type i; No_ c20; Description c50;"
    "Location Code c10; Unit of Measure Code c10; Quantity n; Quantity Received n; Outstanding Quantity n;"
    "Direct Unit Cost n; Line Discount _ n; Line Amount n; Amount n; Amount Including VAT n; Vendor Item No_ c20;"
    "Expected Receipt Date d; Requested Receipt Date d",
    "Vendor": "timestamp v; No_ c20; Name c50; Name 2 c50; Contact c50; Address c50; Address 2 c50; City c30;"
    "Post Code c20; County c30; Country_Region Code c10; Phone No_ c30; E-Mail c80; Home Page c80;"
    "VAT Registration No_ c20; Blocked i; Currency Code c10; Payment Terms Code c10; Responsibility Center c10;"
    "Vendor Posting Group c20; Our Account No_ c20; Purchaser Code c20; Last Date Modified d",
    "Item": "timestamp v; No_ c20; No_ 2 c20; Description c50; Type i; Blocked i; Base Unit of Measure c10;"
    "Item Category Code c20; Unit Cost n; Vendor No_ c20; Vendor Item No_ c20; Last Direct Cost n;"
    "Purch_ Unit of Measure c10; Shelf No_ c10; Reorder Point n; Reorder Quantity n; Maximum Inventory n;"
    "Safety Stock Quantity n; GTIN c14; Costing Method i; Replenishment System i; Last Date Modified d",
    "Production Order": "timestamp v; Status i; No_ c20; Description c50; Source No_ c20; Routing No_ c20; Quantity n;"
    "Location Code c10; Assigned User ID c50; Creation Date d; Starting Date d; Due Date d; Finished Date d;"
    "Last Date Modified d",
    "Prod_ Order Line": "timestamp v; Status i; Prod_ Order No_ c20; Line No_ i; Finished Quantity n; Remaining Quantity n",
    "Fixed Asset": "timestamp v; No_ c20; Description c50; Description 2 c50; FA Class Code c10; FA Subclass Code c10;"
    "Location Code c10; FA Location Code c10; Vendor No_ c20; Serial No_ c30; Blocked i; Inactive i;"
    "Maintenance Vendor No_ c20; Under Maintenance i; Component of Main Asset c20; Next Service Date d;"
    "Last Date Modified d",
}
# Of tables that no list at hand has.
UNLISTED = {
    "Item Ledger Entry": "timestamp v; Entry No_ i; Item No_ c20; Location Code c10; Quantity n",
    "Prod_ Order Component": "timestamp v; Status i; Prod_ Order No_ c20; Prod_ Order Line No_ i; Line No_ i; Item No_ c20;"
    "Location Code c10; Unit of Measure Code c10; Expected Quantity n; Remaining Quantity n",
    "Prod_ Order Routing Line": "timestamp v; Status i; Prod_ Order No_ c20; Routing Reference No_ i; Operation No_ c10;"
    "Description c50",
}


def table(company: str, name: str, app: str = "") -> str:
    return f'"{company.replace(".", "_")}${name}{app}"'


def tables(company: str, app: str) -> dict[str, str]:
    return {table(company, name, app): columns for name, columns in (COLUMNS | UNLISTED).items()}


ROWS = """
"Purchase Header" "Document Type"=1 No_=106001 Status=1 "Order Date"=2026-02-01 "Buy-from Vendor No_"=10000 "Buy-from Vendor Name"=London_Postmaster "Currency Code"=EUR "timestamp"=0x00000000000007D1
"Purchase Line" "Document Type"=1 "Document No_"=106001 "Line No_"=10000 Type=2 No_=1000 Description=Bicycle "Unit of Measure Code"=PCS Quantity=10 "Quantity Received"=4 "Outstanding Quantity"=6 "Direct Unit Cost"=2.5 "Line Amount"=25 Amount=25 "Amount Including VAT"=29.75 "Line Discount _"=5 "Expected Receipt Date"=2026-04-01 "timestamp"=0x00000000000007D2
"Purchase Line" "Document Type"=1 "Document No_"=106001 "Line No_"=20000 Type=1 No_=8110 Quantity=1 "Outstanding Quantity"=1 "Line Amount"=2.5 Amount=2.5 "Amount Including VAT"=2.5 "timestamp"=0x00000000000007D2
"Purchase Header" "Document Type"=1 No_=106002 Status=0 "Buy-from Vendor No_"=20000 "timestamp"=0x00000000000007D0
"Purchase Header" "Document Type"=0 No_=1001 "timestamp"=0x00000000000007D5
"Purchase Line" "Document Type"=0 "Document No_"=106002 "Line No_"=10000 Amount=99 "timestamp"=0x00000000000007D5
Vendor No_=10000 Name=London_Postmaster Address=10_North_Lake City=London "Post Code"=N12_5XY Blocked=1 "timestamp"=0x0000000000000010
Vendor No_=20000 Name=AR_Day Blocked=2 "timestamp"=0x0000000000000011
Item No_=1000 Description=Bicycle "Base Unit of Measure"=PCS "Unit Cost"=350.594 "Reorder Point"=100 "Vendor No_"=10000 "timestamp"=0x0000000000000020
Item No_=1100 Description=Wheel Blocked=1 "timestamp"=0x0000000000000021
"Item Ledger Entry" "Entry No_"=1 "Item No_"=1000 "Location Code"=BLUE Quantity=10.5 "timestamp"=0x0000000000000022
"Item Ledger Entry" "Entry No_"=2 "Item No_"=1000 "Location Code"=BLUE Quantity=-3 "timestamp"=0x0000000000000030
"Item Ledger Entry" "Entry No_"=3 "Item No_"=1000 Quantity=2 "timestamp"=0x0000000000000023
"Production Order" Status=3 No_=101001 Description=Bicycle "Source No_"=1000 Quantity=5 "Due Date"=2026-05-01 "timestamp"=0x0000000000000040
"Production Order" Status=2 No_=101001 Description=Bicycle Quantity=5 "timestamp"=0x0000000000000039
"Prod_ Order Line" Status=3 "Prod_ Order No_"=101001 "Line No_"=10000 "Finished Quantity"=2 "Remaining Quantity"=3 "timestamp"=0x0000000000000041
"Prod_ Order Component" Status=3 "Prod_ Order No_"=101001 "Prod_ Order Line No_"=10000 "Line No_"=10000 "Item No_"=1100 "Expected Quantity"=10 "Remaining Quantity"=6 "Unit of Measure Code"=PCS "timestamp"=0x0000000000000042
"Prod_ Order Component" Status=2 "Prod_ Order No_"=101001 "Prod_ Order Line No_"=10000 "Line No_"=10000 "Item No_"=OLD "Expected Quantity"=1 "timestamp"=0x0000000000000038
"Prod_ Order Routing Line" Status=3 "Prod_ Order No_"=101001 "Routing Reference No_"=10000 "Operation No_"=10 Description=Wheel_assembly
"Production Order" Status=1 No_=101002 Quantity=1 "timestamp"=0x0000000000000043
"Fixed Asset" No_=FA000010 Description=Mercedes_300 "Serial No_"=EA_12_394_Q "FA Class Code"=TANGIBLE "timestamp"=0x0000000000000050
"Fixed Asset" No_=FA000011 Description=Tyres "Component of Main Asset"=FA000010 Inactive=1 "timestamp"=0x0000000000000051
"""


def rows(company: str, app: str) -> str:
    lines = []
    for line in ROWS.strip().splitlines():
        name, rest = line[1:].split('"', 1) if line.startswith('"') else line.split(" ", 1)
        lines.append(f"{table(company, name, app)} {rest.strip()}")
    return "\n".join(lines)
