"""The tables of a small company, as SuiteQL names them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

SCHEMA = """
create table "transaction" (id integer primary key, type text, tranid text, externalid text, trandate text,
  duedate text, startdate text, enddate text, status text, approvalstatus text, entity integer, memo text,
  currency integer, foreigntotal text, terms integer, location integer, subsidiary integer, employee integer,
  createddate text, lastmodifieddate text, lastmodifiedby integer, assemblyitem integer, quantity text,
  custbody_gw_command text, voided text default 'F', shipdate text, title text);
create table transactionline (uniquekey integer primary key, "transaction" integer, id integer,
  linesequencenumber integer, mainline text, taxline text default 'F', item integer, itemtype text, quantity text,
  quantityshiprecv text, rate text, foreignamount text, memo text, expectedreceiptdate text, location integer,
  units integer, subsidiary integer, isclosed text default 'F', department integer, expenseaccount integer);
create table item (id integer primary key, itemid text, displayname text, itemtype text, isinactive text default 'F',
  description text, purchasedescription text, stockunit integer, saleunit integer, vendorname text, class integer,
  manufacturer text, mpn text, externalid text, lastmodifieddate text, createddate text, subsidiary integer,
  averagecost text);
create table aggregateitemlocation (item integer, location integer, quantityonhand text, quantityavailable text,
  quantitycommitted text, quantityonorder text, averagecostmli text, reorderpoint text, preferredstocklevel text);
create table currency (id integer primary key, name text, symbol text);
create table location (id integer primary key, name text, isinactive text default 'F');
create table vendor (id integer primary key, entityid text, companyname text, legalname text, isinactive text
  default 'F', isperson text default 'F', email text, phone text, url text, currency integer, terms integer,
  subsidiary integer, comments text, externalid text, datecreated text, lastmodifieddate text, taxidnum text,
  vatregnumber text, defaultbillingaddress integer);
create table vendoraddressbook (entity integer, internalid integer, addressbookaddress integer, label text);
create table vendoraddressbookentityaddress (nkey integer primary key, addressee text, addr1 text, addr2 text,
  city text, state text, zip text, country text);
create table itemvendor (item integer, vendor integer, vendorcode text, purchaseprice text, vendorcurrency integer,
  preferredvendor text);
create table customrecord_ncfar_asset (id integer primary key, name text, altname text, isinactive text default 'F',
  externalid text, custrecord_assetdescr text, custrecord_assetserialno text, custrecord_assetalternateno text,
  custrecord_assettype integer, custrecord_assetstatus integer, custrecord_assetparent integer,
  custrecord_assetcost text, custrecord_assetpurchasedate text, custrecord_assetdeprstartdate text,
  custrecord_assetdisposaldate text, custrecord_assetlocation integer, custrecord_assetsubsidiary integer,
  custrecord_assetsupplier integer, created text, lastmodified text);
"""


def load(database: sqlite3.Connection, *, orders: int, ties: int) -> None:
    database.executescript(SCHEMA)
    insert(database, "currency", [{"id": 1, "name": "US Dollar", "symbol": "USD"}])
    insert(database, "location", [{"id": number, "name": f"Store {number}"} for number in (1, 2, 3)])
    _vendors(database)
    _items(database)
    _orders(database, orders)
    _work_orders(database)
    _ties(database, ties)
    _assets(database)


def _vendors(database: sqlite3.Connection) -> None:
    insert(
        database,
        "vendor",
        (
            {
                "id": 100 + number,
                "entityid": f"V{number:04d}",
                "companyname": f"Vendor {number} Ltd",
                "email": f"v{number}@example.com" if number % 2 else None,
                "currency": 1,
                "datecreated": "T:2025-03-01 10:00:00",
                "lastmodifieddate": f"T:2026-03-{number % 28 + 1:02d} 10:00:00",
                "vatregnumber": f"DE{number:09d}",
            }
            for number in range(1, 6)
        ),
    )
    insert(
        database,
        "vendoraddressbook",
        [{"entity": 101, "internalid": number, "addressbookaddress": 900 + number} for number in (1, 2)],
    )
    insert(
        database,
        "vendoraddressbookentityaddress",
        [
            {"nkey": 900 + number, "addressee": "Vendor 1", "addr1": f"Road {number}", "country": "DE"}
            for number in (1, 2)
        ],
    )


def _items(database: sqlite3.Connection) -> None:
    insert(
        database,
        "item",
        (
            {
                "id": 200 + number,
                "itemid": f"ITEM-{number}",
                "displayname": f"Part {number}",
                "itemtype": "Assembly" if number == 9 else "InvtPart",
                "stockunit": 1,
                "createddate": "T:2025-01-01 08:00:00",
                "lastmodifieddate": "T:2026-02-01 08:00:00",
            }
            for number in range(1, 10)
        ),
    )
    stocks = (
        {
            "item": 200 + number,
            "location": place,
            "quantityonhand": f"{number}.5",
            "quantityavailable": "1",
            "quantitycommitted": ".25",
            "averagecostmli": "12.34567",
            "reorderpoint": "2",
        }
        for number in range(1, 10)
        for place in (1, 2)
    )
    insert(database, "aggregateitemlocation", stocks)
    insert(
        database,
        "itemvendor",
        [{"item": 201, "vendor": 101, "vendorcode": "AB-1", "purchaseprice": "3.5", "preferredvendor": "T"}],
    )


def _assets(database: sqlite3.Connection) -> None:
    insert(
        database,
        "customrecord_ncfar_asset",
        (
            {
                "id": number,
                "name": f"FAM{number:06d}",
                "altname": f"Press {number}",
                "custrecord_assetserialno": f"SN{number}",
                "custrecord_assetstatus": 2,
                "custrecord_assettype": 1,
                "custrecord_assetcost": "1999.99",
                "custrecord_assetpurchasedate": "D:2024-05-06",
                "created": "T:2024-05-06 09:00:00",
                "lastmodified": "T:2026-01-06 09:00:00",
            }
            for number in range(1, 4)
        ),
    )


def insert(database: sqlite3.Connection, table: str, rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * len(row))
        database.execute(f'insert into "{table}" ({names}) values ({marks})', list(row.values()))


def _orders(database: sqlite3.Connection, count: int) -> None:
    for number in range(1, count + 1):
        order = 1000 + number * 7
        insert(
            database,
            "transaction",
            [
                {
                    "id": order,
                    "type": "PurchOrd",
                    "tranid": f"PO{number:05d}",
                    "trandate": f"D:2026-01-{number % 28 + 1:02d}",
                    "duedate": f"D:2026-02-{number % 28 + 1:02d}" if number % 3 else None,
                    "status": "BDEFGH"[number % 6],
                    "approvalstatus": "2",
                    "entity": 101 + number % 5,
                    "memo": "O'Brien 😀 ü" if number % 4 == 0 else None,
                    "currency": 1,
                    "foreigntotal": f"{number}.10",
                    "createddate": "T:2026-01-01 08:00:00",
                    "lastmodifieddate": f"T:2026-03-{number % 5 + 1:02d} 0{number % 3}:30:00",
                }
            ],
        )
        insert(database, "transactionline", _lines(order, number % 4))


def _lines(order: int, count: int) -> Sequence[dict[str, Any]]:
    main = {
        "transaction": order,
        "id": 0,
        "linesequencenumber": 0,
        "mainline": "T",
        "location": 1,
        "subsidiary": 1,
    }
    lines = [
        {
            "transaction": order,
            "id": line,
            "linesequencenumber": line,
            "mainline": "F",
            "item": 200 + line,
            "itemtype": "InvtPart",
            "quantity": f"{line}.5",
            "quantityshiprecv": "0",
            "rate": "12345678.01",
            "foreignamount": "1",
            "expectedreceiptdate": f"D:2026-04-{line:02d}",
            "location": 1,
        }
        for line in range(1, count + 1)
    ]
    return [main, *lines]


def _work_orders(database: sqlite3.Connection) -> None:
    for number in range(1, 4):
        order = 5000 + number
        insert(
            database,
            "transaction",
            [
                {
                    "id": order,
                    "type": "WorkOrd",
                    "tranid": f"WO{number}",
                    "trandate": "D:2026-01-05",
                    "startdate": "D:2026-01-06",
                    "enddate": "D:2026-01-09",
                    "status": "ABD"[number - 1],
                    "location": 1,
                    "createddate": "T:2026-01-01 08:00:00",
                    "lastmodifieddate": "T:2026-03-01 08:00:00",
                }
            ],
        )
        lines = [
            {
                "transaction": order,
                "id": 0,
                "linesequencenumber": 0,
                "mainline": "T",
                "item": 209,
                "quantity": "10",
                "quantityshiprecv": "2",
            },
            {
                "transaction": order,
                "id": 1,
                "linesequencenumber": 1,
                "mainline": "F",
                "item": 201,
                "quantity": "-20",
                "quantityshiprecv": "4",
                "location": 1,
            },
            {
                "transaction": order,
                "id": 2,
                "linesequencenumber": 2,
                "mainline": "F",
                "item": 202,
                "quantity": "-30.5",
                "quantityshiprecv": "0",
                "location": 1,
            },
        ]
        insert(database, "transactionline", lines)


def _ties(database: sqlite3.Connection, count: int) -> None:
    """Records with one and the same moment of change."""
    rows = (
        {"id": 100_000 + number, "type": "Tie", "lastmodifieddate": "T:2026-03-01 08:00:00"}
        for number in range(count)
    )
    insert(database, "transaction", rows)
