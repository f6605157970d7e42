"""Function modules that write, each into its session's unit of work and no further."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.sap.modules import module
from tests.sap.system import Session

Message = dict[str, str]
# Field of the BAPI's header: column of EKKO.
_PO_HEADER = {
    "COMP_CODE": "BUKRS", "DOC_TYPE": "BSART", "VENDOR": "LIFNR", "PMNTTRMS": "ZTERM", "PURCH_ORG": "EKORG",
    "PUR_GROUP": "EKGRP", "CURRENCY": "WAERS", "DOC_DATE": "BEDAT", "REF_1": "IHREZ", "OUR_REF": "UNSEZ",
    "DELETE_IND": "LOEKZ", "SALES_PERS": "VERKF",
}  # fmt: skip
_PO_ITEM = {
    "SHORT_TEXT": "TXZ01", "MATERIAL": "MATNR", "PLANT": "WERKS", "STGE_LOC": "LGORT", "TRACKINGNO": "BEDNR",
    "MATL_GROUP": "MATKL", "QUANTITY": "MENGE", "PO_UNIT": "MEINS", "NET_PRICE": "NETPR", "PRICE_UNIT": "PEINH",
    "NO_MORE_GR": "ELIKZ", "DELETE_IND": "LOEKZ",
}  # fmt: skip
_PO_TABLES = """T RETURN BAPIRET2; T POITEM BAPIMEPOITEM; T POITEMX BAPIMEPOITEMX; T POSCHEDULE BAPIMEPOSCHEDULE
    T POSCHEDULEX BAPIMEPOSCHEDULX; E EXPHEADER BAPIMEPOHEADER"""


def told(
    kind: str, area: str, number: str, text: str, parameter: str = "", row: int = 0, field: str = ""
) -> Message:
    return {
        "TYPE": kind,
        "ID": area,
        "NUMBER": number,
        "MESSAGE": text,
        "PARAMETER": parameter,
        "ROW": str(row),
        "FIELD": field,
    }


@module("BAPI_TRANSACTION_COMMIT", "I WAIT CHAR 1 ?; E RETURN BAPIRET2")
def commit(session: Session, _given: dict[str, Any]) -> Mapping[str, Any]:
    session.commit()
    return {"RETURN": {}}


@module("BAPI_TRANSACTION_ROLLBACK", "E RETURN BAPIRET2")
def rollback(session: Session, _given: dict[str, Any]) -> Mapping[str, Any]:
    session.rollback()
    return {"RETURN": {}}


def _decimals(session: Session, currency: str) -> int:
    found = session.system.row("TCURX", CURRKEY=currency)
    return int(found["CURRDEC"]) if found else 2


def _kept(session: Session, amount: str, currency: str) -> str:
    """A real amount as CURR fields keep it: with two decimals, whatever the currency has."""
    unscaled = Decimal(amount).scaleb(_decimals(session, currency))
    return format(unscaled.to_integral_value().scaleb(-2), ".2f")


def _shown(session: Session, kept: str, currency: str) -> str:
    return format(Decimal(kept).scaleb(2 - _decimals(session, currency)), ".9f")


def _changed_items(
    session: Session, given: dict[str, Any], currency: str, messages: list[Message]
) -> list[dict[str, str]]:
    flags = {row["PO_ITEM"]: row for row in given.get("POITEMX", [])}
    found = []
    for number, row in enumerate(given.get("POITEM", []), 1):
        marked = flags.get(row["PO_ITEM"], {})
        item = {"EBELP": row["PO_ITEM"]}
        for name, column in _PO_ITEM.items():
            if marked.get(name) == "X":  # what has no X is not looked at
                item[column] = _kept(session, row[name], currency) if name == "NET_PRICE" else row[name]
        if item.get("WERKS") == "9999":
            messages.append(told("E", "ME", "069", "Plant 9999 does not exist", "POITEM", number, "PLANT"))
        if "MENGE" in item and Decimal(item["MENGE"]) <= 0:
            messages.append(told("E", "06", "401", "Enter a quantity", "POITEM", number, "QUANTITY"))
        if "NETPR" in item and Decimal(item["NETPR"]) != Decimal(row["NET_PRICE"]).scaleb(
            _decimals(session, currency) - 2
        ):
            messages.append(told("W", "06", "207", "Net price was rounded", "POITEM", number, "NET_PRICE"))
        found.append(item)
    return found


@module("BAPI_PO_CREATE1", f"""I POHEADER BAPIMEPOHEADER; I POHEADERX BAPIMEPOHEADERX ?; I TESTRUN CHAR 1 ?
    E EXPPURCHASEORDER CHAR 10; {_PO_TABLES}""")  # fmt: skip
def po_create(session: Session, given: dict[str, Any]) -> Mapping[str, Any]:
    marked = given.get("POHEADERX", {})
    header = {
        column: given["POHEADER"][name] for name, column in _PO_HEADER.items() if marked.get(name) == "X"
    }
    messages: list[Message] = []
    for column, text in (
        ("BUKRS", "company code"),
        ("LIFNR", "vendor"),
        ("EKORG", "purchasing organization"),
    ):
        if not header.get(column):
            messages.append(told("E", "06", "022", f"Enter {text}", "POHEADER", 0, column))
    vendor = session.system.row("LFA1", LIFNR=header.get("LIFNR", ""))
    if header.get("LIFNR") and (vendor is None or vendor["LOEVM"]):
        messages.append(
            told("E", "06", "321", f"Vendor {header['LIFNR']} does not exist", "POHEADER", 0, "VENDOR")
        )
    header.setdefault("WAERS", "EUR")
    items = _changed_items(session, given, header["WAERS"], messages)
    if not items:
        messages.append(told("E", "06", "045", "Document contains no items"))
    if any(message["TYPE"] == "E" for message in messages):
        messages.insert(
            0, told("E", "BAPI", "001", "No instance of object type PurchaseOrder has been created")
        )
        return {"RETURN": messages}
    if given.get("TESTRUN") == "X":
        return {
            "RETURN": [*messages, told("S", "06", "017", "Standard PO created under the number ##########")]
        }
    number = session.system.next_number("EBELN")
    session.write("EKKO", {
        "BSTYP": "F", "AEDAT": session.system.today, "ERNAM": session.user.name, "BEDAT": session.system.today,
        "BSART": "NB", "STATU": "9", "FRGKE": "B", **header, "EBELN": number,
    })  # fmt: skip
    for item in items:
        total = (
            Decimal(item.get("MENGE", "0"))
            * Decimal(item.get("NETPR", "0"))
            / Decimal(item.get("PEINH") or 1)
        )
        session.write("EKPO", {
            "AEDAT": session.system.today, "PEINH": "1", "NETWR": f"{total:.2f}", **item, "EBELN": number,
        })  # fmt: skip
    for row in given.get("POSCHEDULE", []):
        session.write("EKET", {"EBELN": number, "EBELP": row["PO_ITEM"], "ETENR": row["SCHED_LINE"], "EINDT": row["DELIVERY_DATE"], "MENGE": row["QUANTITY"]})  # fmt: skip
    session.system.changed(session, "EINKBELEG", number, "ME21N")
    messages.append(told("S", "06", "017", f"Standard PO created under the number {number}"))
    return {"EXPPURCHASEORDER": number, "RETURN": messages}


@module("BAPI_PO_CHANGE", f"""I PURCHASEORDER CHAR 10; I POHEADER BAPIMEPOHEADER ?; I POHEADERX BAPIMEPOHEADERX ?
    I TESTRUN CHAR 1 ?; {_PO_TABLES}""")  # fmt: skip
def po_change(session: Session, given: dict[str, Any]) -> Mapping[str, Any]:
    number = given["PURCHASEORDER"]
    order = session.system.row("EKKO", EBELN=number)
    if order is None:
        return {"RETURN": [told("E", "06", "019", f"Purchase order {number} does not exist")]}
    if not session.lock("EKKO", number):
        return {"RETURN": [told("E", "06", "006", f"User OTHER already processing Standard PO {number}")]}
    if order["FRGKE"] == "R":
        return {
            "RETURN": [told("E", "MEPO", "822", f"Purchase order {number} is released and cannot be changed")]
        }
    marked = given.get("POHEADERX", {})
    header = {
        column: given["POHEADER"][name] for name, column in _PO_HEADER.items() if marked.get(name) == "X"
    }
    messages: list[Message] = []
    items = _changed_items(session, given, order["WAERS"], messages)
    if any(message["TYPE"] == "E" for message in messages):
        return {"RETURN": messages}
    if given.get("TESTRUN") == "X":
        return {"RETURN": messages}
    session.write("EKKO", {**header, "EBELN": number})
    for item in items:
        session.write("EKPO", {"AEDAT": session.system.today, **item, "EBELN": number})
    flags = {(row["PO_ITEM"], row["SCHED_LINE"]): row for row in given.get("POSCHEDULEX", [])}
    for row in given.get("POSCHEDULE", []):
        if flags.get((row["PO_ITEM"], row["SCHED_LINE"]), {}).get("DELIVERY_DATE") == "X":
            session.write("EKET", {"EBELN": number, "EBELP": row["PO_ITEM"], "ETENR": row["SCHED_LINE"], "EINDT": row["DELIVERY_DATE"]})  # fmt: skip
    session.system.changed(session, "EINKBELEG", number, "ME22N")
    return {"RETURN": [*messages, told("S", "06", "023", f"Standard PO {number} changed")]}


@module("BAPI_PO_GETDETAIL1", """I PURCHASEORDER CHAR 10; E POHEADER BAPIMEPOHEADER; T POITEM BAPIMEPOITEM
    T POSCHEDULE BAPIMEPOSCHEDULE; T RETURN BAPIRET2""")  # fmt: skip
def po_detail(session: Session, given: dict[str, Any]) -> Mapping[str, Any]:
    number = given["PURCHASEORDER"]
    order = session.system.row("EKKO", EBELN=number)
    if order is None:
        return {"RETURN": [told("E", "W5", "033", f"Purchase order {number} does not exist")]}
    header = {name: order[column] for name, column in _PO_HEADER.items()} | {
        "PO_NUMBER": number,
        "STATUS": order["STATU"],
    }
    items = [
        {
            name: _shown(session, row[column], order["WAERS"]) if name == "NET_PRICE" else row[column]
            for name, column in _PO_ITEM.items()
        }
        | {"PO_ITEM": row["EBELP"]}
        for row in session.system.rows("EKPO", EBELN=number)
    ]
    return {"POHEADER": header, "POITEM": items}


@module("BAPI_EQUI_CHANGE", """I EQUIPMENT CHAR 18; I DATA_GENERAL BAPI_ITOB ?; I DATA_GENERALX BAPI_ITOBX ?
    I DATA_SPECIFIC BAPI_ITOB_EQ_ONLY ?; I DATA_SPECIFICX BAPI_ITOB_EQ_ONLYX ?; E RETURN BAPIRET2""")  # fmt: skip
def equi_change(session: Session, given: dict[str, Any]) -> Mapping[str, Any]:
    number = given["EQUIPMENT"]
    if session.system.row("EQUI", EQUNR=number) is None:
        return {"RETURN": told("E", "IS", "055", f"Equipment {number} does not exist")}
    if not session.lock("EQUI", number):
        return {"RETURN": told("E", "IS", "056", f"Equipment {number} is being processed by OTHER")}
    columns = {"MANFACTURE": "HERST", "MANMODEL": "TYPBZ", "MANSERNO": "SERGE", "INVENTORY": "INVNR"}
    flags, data = given.get("DATA_GENERALX", {}), given.get("DATA_GENERAL", {})
    changed = {column: data[name] for name, column in columns.items() if flags.get(name) == "X"}
    session.write("EQUI", {**changed, "EQUNR": number, "AEDAT": session.system.today})
    if flags.get("DESCRIPT") == "X":
        session.write("EQKT", {"EQUNR": number, "SPRAS": session.language, "EQKTX": data["DESCRIPT"]})
    return {"RETURN": {}}


@module("BAPI_ALM_ORDER_MAINTAIN", """T IT_METHODS BAPI_ALM_ORDER_METHOD; T IT_HEADER BAPI_ALM_ORDER_HEADERS_I
    T IT_HEADER_UP BAPI_ALM_ORDER_HEADERS_UP; T ET_NUMBERS BAPI_ALM_NUMBERS; T RETURN BAPIRET2""")  # fmt: skip
def alm_order_maintain(session: Session, given: dict[str, Any]) -> Mapping[str, Any]:
    methods = given.get("IT_METHODS", [])
    if not any(row["METHOD"] == "SAVE" for row in methods):
        return {"RETURN": [told("E", "IW", "085", "No method SAVE: nothing is saved")]}
    numbers: list[Message] = []
    for row in methods:
        if row["OBJECTTYPE"] != "HEADER":
            continue
        headers = given.get("IT_HEADER", [])
        header = headers[int(row["REFNUMBER"]) - 1] if headers else {}
        failed = _maintained(session, row, header, numbers)
        if failed:
            return {"RETURN": [failed]}
    return {"RETURN": [told("S", "IW", "080", "Order saved")], "ET_NUMBERS": numbers}


def _maintained(session: Session, row: Message, header: Message, numbers: list[Message]) -> Message | None:
    system, number = session.system, row["OBJECTKEY"][:12].strip()
    if row["METHOD"] == "CREATE":
        number = system.next_number("AUFNR").rjust(12, "0")
        numbers.append({"AUFNR_IN": row["OBJECTKEY"][:12], "AUFNR_NEW": number})
        session.write("AUFK", {
            "AUFNR": number, "AUART": header["ORDER_TYPE"], "AUTYP": "30", "KTEXT": header["SHORT_TEXT"],
            "WERKS": header["PLANPLANT"], "OBJNR": f"OR{number}", "ERDAT": system.today,
        })  # fmt: skip
        session.write(
            "AFKO", {"AUFNR": number, "GSTRP": header["START_DATE"], "GLTRP": header["FINISH_DATE"]}
        )
        session.write("JEST", {"OBJNR": f"OR{number}", "STAT": "I0001"})
        return None
    order = system.row("AUFK", AUFNR=number)
    if order is None:
        return told("E", "IW", "060", f"Order {number} does not exist")
    statuses = {r["STAT"] for r in system.rows("JEST", OBJNR=order["OBJNR"]) if not r["INACT"]}
    if row["METHOD"] == "RELEASE":
        new, old = "I0002", "I0001"
    elif row["METHOD"] == "TECHNICALCOMPLETE":
        if "I0002" not in statuses:
            return told("E", "IW", "064", f"Order {number} is not released")
        new, old = "I0045", "I0002"
    else:
        return told("E", "IW", "081", f"Method {row['METHOD']} is not known")
    session.write("JEST", {"OBJNR": order["OBJNR"], "STAT": old, "INACT": "X"})
    session.write("JEST", {"OBJNR": order["OBJNR"], "STAT": new})
    session.write("AUFK", {"AUFNR": number, "AEDAT": system.today, "AEZEIT": system.clock})
    return None


def _refused_item(session: Session, item: Mapping[str, str]) -> Message | None:
    """A receipt for an order that is none, and a transfer to nowhere."""
    if (
        item["MVT_IND"] == "B"
        and session.system.row("EKPO", EBELN=item["PO_NUMBER"], EBELP=item["PO_ITEM"]) is None
    ):
        text = f"Document {item['PO_NUMBER']} does not contain item {item['PO_ITEM']}"
        return told("E", "M7", "061", text, "GOODSMVT_ITEM", 1, "PO_ITEM")
    if item["MOVE_TYPE"] == "311" and not item["MOVE_STLOC"]:
        return told("E", "M7", "018", "Enter Receiving storage loc.", "GOODSMVT_ITEM", 1, "MOVE_STLOC")
    return None


def _move(session: Session, material: str, plant: str, place: str, quantity: Decimal) -> None:
    here = {"MATNR": material, "WERKS": plant, "LGORT": place}
    stock = session.system.row("MARD", **here) or {"LABST": "0.000"}
    session.write("MARD", {**here, "LABST": f"{Decimal(stock['LABST']) + quantity:.3f}"})


@module("BAPI_GOODSMVT_CREATE", """I GOODSMVT_HEADER BAPI2017_GM_HEAD_01; I GOODSMVT_CODE BAPI2017_GM_CODE
    I TESTRUN CHAR 1 ?; E MATERIALDOCUMENT CHAR 10; E MATDOCUMENTYEAR NUMC 4
    T GOODSMVT_ITEM BAPI2017_GM_ITEM_CREATE; T RETURN BAPIRET2""")  # fmt: skip
def goodsmvt_create(session: Session, given: dict[str, Any]) -> Mapping[str, Any]:
    header, system = given["GOODSMVT_HEADER"], session.system
    if header["PSTNG_DATE"][:6] in system.closed_periods:
        return {
            "RETURN": [
                told(
                    "E",
                    "M7",
                    "053",
                    f"Posting only possible in periods that are open, not {header['PSTNG_DATE'][:6]}",
                )
            ]
        }
    refused = next(
        filter(None, (_refused_item(session, item) for item in given.get("GOODSMVT_ITEM", []))), None
    )
    if refused is not None:
        return {"RETURN": [refused]}
    if given.get("TESTRUN") == "X":
        return {"RETURN": []}
    number, year = system.next_number("MBLNR"), system.today[:4]
    session.write("MKPF", {
        "MBLNR": number, "MJAHR": year, "CPUDT": system.today, "CPUTM": system.clock, "XBLNR": header["REF_DOC_NO"],
        "BUDAT": header["PSTNG_DATE"], "BLDAT": header["DOC_DATE"], "USNAM": session.user.name,
    })  # fmt: skip
    for line, item in enumerate(given.get("GOODSMVT_ITEM", []), 1):
        session.write("MSEG", {
            "MBLNR": number, "MJAHR": year, "ZEILE": f"{line:04d}", "BWART": item["MOVE_TYPE"], "MATNR": item["MATERIAL"],
            "WERKS": item["PLANT"], "LGORT": item["STGE_LOC"], "MENGE": item["ENTRY_QNT"], "MEINS": item["ENTRY_UOM"],
        })  # fmt: skip
        quantity = Decimal(item["ENTRY_QNT"])
        leaves = item["MOVE_TYPE"] in {"201", "261", "311"}
        _move(session, item["MATERIAL"], item["PLANT"], item["STGE_LOC"], -quantity if leaves else quantity)
        if item["MOVE_STLOC"]:
            plant = item["MOVE_PLANT"] or item["PLANT"]
            _move(session, item["MATERIAL"], plant, item["MOVE_STLOC"], quantity)
        if item["MVT_IND"] == "B":
            session.write("EKBE", {
                "EBELN": item["PO_NUMBER"], "EBELP": item["PO_ITEM"], "ZEKKN": "00", "VGABE": "1", "GJAHR": year,
                "BELNR": number, "BUZEI": f"{line:04d}", "CPUDT": system.today, "CPUTM": system.clock,
            })  # fmt: skip
    return {"MATERIALDOCUMENT": number, "MATDOCUMENTYEAR": year, "RETURN": []}
