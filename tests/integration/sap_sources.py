"""The fake SAP behind every way that the driver has, with the streams that tests read and write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from drivers.contract import StreamSpec
from drivers.rfc import native, sdk
from drivers.rfc.caller import Caller
from drivers.rfc.driver import RfcDriver
from tests.canaries import canary
from tests.sap import libraries
from tests.sap.dictionary import define
from tests.sap.soap import SoapServer
from tests.sap.system import Profile, System

OPTIONS = {"client": "100", "user": "RFCUSER", "host": "sap.example", "router": "/H/router/S/3299"}
SECRETS = {"password": canary()}
LOGON = {"ashost": "sap.example", "sysnr": "00", "client": "100", "user": "RFCUSER", "passwd": canary()}

PROFILES = {
    "sdk, plain reader": ("sdk", Profile()),
    "sdk, sorted ET_DATA": ("sdk", Profile(et_data=True, release="757")),
    "native, wide reader": ("native", Profile(readers=("RFC_READ_TABLE", "/BODS/RFC_READ_TABLE2"))),
    "soap, plain reader": ("soap", Profile()),
    "soap, sorted ET_DATA": ("soap", Profile(et_data=True, release="757")),
}


@dataclass
class Site:
    """A system that a driver can be opened to."""

    system: System
    way: str
    server: SoapServer | None = None

    def driver(self, **options: Any) -> RfcDriver:
        if self.server is not None:
            http = {"url": self.server.url}
            given = {
                "client": "100",
                "user": "RFCUSER",
                "way": "soap",
                "http": http,
                "soap": {"sessions": True},
            }
            return RfcDriver("sap", given | options, SECRETS)
        return RfcDriver("sap", OPTIONS | options, SECRETS, caller=self.caller())

    def caller(self) -> Caller:
        if self.way == "native":
            return native.caller(LOGON, lambda: libraries.native(self.system))
        return sdk.caller(LOGON, lambda: libraries.sdk(self.system))


@contextmanager
def site(name: str, fill: Callable[[System], None] | None = None) -> Iterator[Site]:
    way, profile = PROFILES[name]
    system = System(replace(profile))
    (fill or fill_orders)(system)
    server = SoapServer(system) if way == "soap" else None
    try:
        yield Site(system, way, server)
    finally:
        if server is not None:
            server.close()
        system.close()


def fill_orders(system: System) -> None:
    """Orders in three currencies, one without items, and what must not be read: a contract, another client."""
    for number, name in ((100, "Schraubenhandel Müller"), (200, "O'Hara & Sons | Ltd.")):
        system.put("LFA1", LIFNR=f"{number:010d}", NAME1=name, LAND1="DE", ORT01="Köln")
    for number in range(25):
        order, currency = f"45{number:08d}", ("EUR", "JPY", "KWD")[number % 3]
        day = f"202602{number % 28 + 1:02d}"
        system.put(
            "EKKO", EBELN=order, BUKRS="1000", BSTYP="F", BSART="NB", AEDAT=day, ERNAM="MEIER", EKORG="1000",
            LIFNR=f"{number % 2 * 100 + 100:010d}", WAERS=currency, BEDAT=day, WKURS="1.00000", FRGKE="B",
        )  # fmt: skip
        for item in range(1, number % 4 + 1):
            system.put(
                "EKPO", EBELN=order, EBELP=f"{item * 10:05d}", TXZ01=f"Text ¦ | {number}'{item}", MATNR=f"M-{item}",
                AEDAT=day, WERKS="1000", MENGE="12.500", MEINS="ST", NETPR="-12.34" if item == 2 else "120.00",
                PEINH="1", NETWR="1500.00",
            )  # fmt: skip
            system.put(
                "EKET", EBELN=order, EBELP=f"{item * 10:05d}", ETENR="0001", EINDT="20260401", MENGE="12.500"
            )
        system.put(
            "CDHDR",
            OBJECTCLAS="EINKBELEG",
            OBJECTID=order,
            CHANGENR=f"{number:010d}",
            UDATE=day,
            UTIME="120000",
        )
    system.put("EKKO", EBELN="4600000001", BSTYP="K", BUKRS="1000", AEDAT="20260101")
    fill_ties(system)


def fill_ties(system: System) -> None:
    text = "MANDT CLNT 3 k; ID CHAR 10 k; AEDAT DATS 8; AEZEIT TIMS 6; NAME CHAR 20"
    system.add_table(define("ZTIES", text))
    system.put_many("ZTIES", (("100", f"{n:010d}", "20260310", "101112", f"Name {n}") for n in range(1_000)))


def orders(**more: Any) -> StreamSpec:
    options = {
        "table": "EKKO",
        "where": {"BSTYP": "F"},
        "lookups": {"vendor": {"table": "LFA1", "on": {"LIFNR": "LIFNR"}, "columns": ["NAME1", "ORT01"]}},
        "changes": {
            "documents": {"object_class": "EINKBELEG"},
            "tables": {"items": {"table": "EKPO", "parent": ["EBELN"], "replication_key": ["AEDAT"]}},
        },
        "lines": {
            "items": {"table": "EKPO", "parent": ["EBELN"]},
            "schedule": {
                "table": "EKET",
                "parent": ["EBELN"],
                "columns": ["EBELP", "ETENR", "EINDT", "MENGE"],
            },
        },
    } | more
    return StreamSpec("purchase_orders", "purchase_order", options)


def ties() -> StreamSpec:
    return StreamSpec("ties", "vendor", {"table": "ZTIES", "replication_key": ["AEDAT", "AEZEIT"]})


_MARK_X = {"POHEADER": "POHEADERX"}
PURCHASE_ORDER_WRITES: dict[str, Any] = {
    "idempotency_key_length": 12,
    "create": {
        "required": ["organizationKey", "vendorKey", "lineItems", "lineItems.quantity"],
        "key": ["result.order"],
        "find": {"table": "EKKO", "column": "IHREZ"},
        "calls": [
            {
                "function": "BAPI_PO_CREATE1",
                "test_run": "TESTRUN",
                "returns": {"order": "EXPPURCHASEORDER"},
                "x": _MARK_X,
                "structures": {
                    "POHEADER": {
                        "COMP_CODE": "organizationKey",
                        "DOC_TYPE": {"const": "NB"},
                        "VENDOR": {"key": "vendorKey"},
                        "PURCH_ORG": {"const": "1000"},
                        "CURRENCY": "currencyKey",
                        "DOC_DATE": "orderDate",
                        "REF_1": "idempotencyKey",
                    }
                },
                "tables": {
                    "POITEM": {
                        "for_each": "lineItems",
                        "x": "POITEMX",
                        "x_key": ["PO_ITEM"],
                        "values": {
                            "PO_ITEM": {"line_number": 10},
                            "SHORT_TEXT": "lineItems.name",
                            "PLANT": "lineItems.locationKey",
                            "QUANTITY": "lineItems.quantity",
                            "PO_UNIT": "lineItems.uomKey",
                            "NET_PRICE": "lineItems.price",
                        },
                    }
                },
            }
        ],
    },
    "update": {
        "find": {"table": "EKKO", "column": "UNSEZ"},
        "calls": [
            {
                "function": "BAPI_PO_CHANGE",
                "values": {"PURCHASEORDER": "key"},
                "x": _MARK_X,
                "structures": {"POHEADER": {"PMNTTRMS": "terms", "OUR_REF": "idempotencyKey"}},
                "tables": {
                    "POITEM": {
                        "for_each": "lineItems",
                        "x": "POITEMX",
                        "x_key": ["PO_ITEM"],
                        "values": {
                            "PO_ITEM": "lineItems.lineNo",
                            "QUANTITY": "lineItems.quantity",
                            "NET_PRICE": "lineItems.price",
                        },
                    }
                },
            }
        ],
    },
}
NEW_ORDER: dict[str, Any] = {
    "organizationKey": "1000",
    "vendorKey": "0000000100",
    "currencyKey": "KWD",
    "orderDate": "2026-03-15",
    "lineItems": [
        {"name": "Muttern & 'Scheiben'", "quantity": "2.5", "uomKey": "ST", "price": "1.25"},
        {"name": "Öl", "quantity": "1", "price": "0.5"},
    ],
}


def writable_orders(**changes: Any) -> StreamSpec:
    write = {**PURCHASE_ORDER_WRITES, **changes}
    return StreamSpec("purchase_orders", "purchase_order", orders().options, write=write)


def work_orders() -> StreamSpec:
    maintain = {"function": "BAPI_ALM_ORDER_MAINTAIN"}
    header = {"REFNUMBER": {"const": "000001"}, "OBJECTTYPE": {"const": "HEADER"}}
    save = {"REFNUMBER": {"const": "000001"}, "METHOD": {"const": "SAVE"}}
    write = {
        "create": {
            "required": ["title"],
            "key": ["result.order"],
            "calls": [
                maintain
                | {
                    "returns": {"order": "ET_NUMBERS.AUFNR_NEW"},
                    "tables": {
                        "IT_METHODS": {
                            "rows": [
                                header
                                | {"METHOD": {"const": "CREATE"}, "OBJECTKEY": {"const": "%00000000001"}},
                                save,
                            ]
                        },
                        "IT_HEADER": {
                            "values": {
                                "ORDERID": {"const": "%00000000001"},
                                "ORDER_TYPE": "type",
                                "PLANPLANT": "siteKey",
                                "SHORT_TEXT": "title",
                                "START_DATE": "scheduledAt",
                            }
                        },
                    },
                }
            ],
        },
        "set_status": {
            "statuses": {"released": "RELEASE", "completed": "TECHNICALCOMPLETE"},
            "calls": [
                maintain
                | {
                    "tables": {
                        "IT_METHODS": {"rows": [header | {"METHOD": "status", "OBJECTKEY": "key"}, save]}
                    }
                }
            ],
        },
    }
    read = {
        "table": "AUFK",
        "where": {"AUTYP": "30"},
        "replication_key": ["AEDAT", "AEZEIT"],
        "lookups": {"dates": {"table": "AFKO", "on": {"AUFNR": "AUFNR"}, "columns": ["GSTRP", "GLTRP"]}},
        "lines": {
            "status": {
                "table": "JEST",
                "parent": ["OBJNR"],
                "of": ["OBJNR"],
                "where": {"INACT": ""},
                "columns": ["STAT"],
                "lookups": {
                    "text": {
                        "table": "TJ02T",
                        "on": {"ISTAT": "STAT"},
                        "where": {"SPRAS": "E"},
                        "columns": ["TXT04"],
                    }
                },
            }
        },
    }
    return StreamSpec("work_orders", "work_order", read, write=write)
