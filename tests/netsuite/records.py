"""The record service of the fake: JSON records over the same tables that SuiteQL reads."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tests.netsuite.company import insert

# name in JSON: (column, kind)
Fields = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class RecordType:
    table: str
    fields: Fields
    fixed: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    lines: Fields = field(default_factory=dict)
    prefix: str = ""
    changed: str = "lastmodifieddate"
    created: str = "createddate"


# "Any string containing letters, numbers, underscore (_), and hyphen (-)" (docs.oracle.com, section_156334828635).
EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]+")
_LINE: Fields = {
    "line": ("id", "integer"),
    "item": ("item", "ref"),
    "quantity": ("quantity", "number"),
    "rate": ("rate", "number"),
    "expectedReceiptDate": ("expectedreceiptdate", "date"),
    "location": ("location", "ref"),
    "description": ("memo", "text"),
    "isClosed": ("isclosed", "boolean"),
}
_TRANSACTION: Fields = {
    "entity": ("entity", "ref"),
    "tranId": ("tranid", "text"),
    "tranDate": ("trandate", "date"),
    "dueDate": ("duedate", "date"),
    "memo": ("memo", "text"),
    "currency": ("currency", "ref"),
    "location": ("location", "ref"),
    "approvalStatus": ("approvalstatus", "123"),
    "custbody_gw_command": ("custbody_gw_command", "text"),
}
TYPES: Mapping[str, RecordType] = {
    "purchaseorder": RecordType(
        "transaction", _TRANSACTION, {"type": "PurchOrd", "status": "B"}, ("entity", "item"), _LINE, "PO"
    ),
    "workorder": RecordType(
        "transaction",
        {
            **_TRANSACTION,
            "startDate": ("startdate", "date"),
            "endDate": ("enddate", "date"),
            "orderStatus": ("status", "ABDGH"),
        },
        {"type": "WorkOrd", "status": "A"},
        (),
        _LINE,
        "WO",
    ),
    "vendor": RecordType(
        "vendor",
        {
            "entityId": ("entityid", "text"),
            "companyName": ("companyname", "text"),
            "email": ("email", "text"),
            "phone": ("phone", "text"),
            "url": ("url", "text"),
            "comments": ("comments", "text"),
            "isInactive": ("isinactive", "boolean"),
            "subsidiary": ("subsidiary", "ref"),
            "vatRegNumber": ("vatregnumber", "text"),
        },
        {},
        ("companyName",),
        prefix="V",
        created="datecreated",
    ),
    "inventoryitem": RecordType(
        "item",
        {
            "itemId": ("itemid", "text"),
            "displayName": ("displayname", "text"),
            "purchaseDescription": ("purchasedescription", "text"),
        },
        {"itemtype": "InvtPart"},
    ),
    "customrecord_ncfar_asset": RecordType(
        "customrecord_ncfar_asset",
        {
            "altName": ("altname", "text"),
            "custrecord_assetserialno": ("custrecord_assetserialno", "text"),
            "custrecord_assetdescr": ("custrecord_assetdescr", "text"),
        },
        {},
        changed="lastmodified",
        created="created",
    ),
}


class Refused(Exception):
    def __init__(self, status: int, code: str, text: str, path: str = "") -> None:
        super().__init__(text)
        self.status, self.code, self.text, self.path = status, code, text, path


class Records:
    def __init__(self, database: sqlite3.Connection, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self.locked: set[int] = set()
        self.script_fails = False  # one that runs when a record has been saved

    def handle(
        self,
        method: str,
        type_name: str,
        address: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> tuple[int, dict[str, str], bytes]:
        """One request: all of it or nothing. `address`: an internal id, `eid:...`, or nothing for a new record."""
        self._database.execute("savepoint request")
        try:
            answered = self._handle(method, type_name, address, query, headers, body)
        except BaseException:
            self._database.execute("rollback to request")
            raise
        finally:
            self._database.execute("release request")
        if self.script_fails and method != "GET":
            raise Refused(400, "USER_ERROR", "Error while accessing a resource. TypeError: x is null")
        return answered

    def _handle(
        self,
        method: str,
        type_name: str,
        address: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> tuple[int, dict[str, str], bytes]:
        kind = TYPES.get(type_name.lower())
        if kind is None:
            raise Refused(404, "NONEXISTENT_ID", f"Record type '{type_name}' does not exist.")
        external = address.removeprefix("eid:")
        if external != address and not EXTERNAL_ID.fullmatch(external):
            raise Refused(400, "INVALID_ID", f"Invalid external ID '{external}'.")
        content = json.loads(body, parse_float=Decimal) if body else {}
        if body and headers.get("x-netsuite-propertynamevalidation", "").lower() == "error":
            self._names(kind, content)
        row = self._find(kind, address) if address else None
        created = method == "POST" or (method == "PUT" and row is None)
        if not created and row is None:
            raise Refused(
                404,
                "NONEXISTENT_ID",
                "The record instance does not exist. Provide a valid record instance ID.",
            )
        if method == "GET":
            assert row is not None
            return 200, {}, json.dumps(self._shown(kind, row)).encode()
        if created:
            number = self._create(kind, content, address.removeprefix("eid:") if address else None)
        else:
            assert row is not None
            number = int(row["id"])
            if number in self.locked:
                raise Refused(
                    400,
                    "USER_ERROR",
                    "Error while accessing a resource. This record has been locked by a user defined workflow.",
                )
            if method == "DELETE":
                self._database.execute(f'delete from "{kind.table}" where id = ?', [number])
                self._database.execute('delete from transactionline where "transaction" = ?', [number])
                return 204, {}, b""
            self._write(kind, number, content, replaced=query.get("replace", "").split(","))
        place = f"/services/rest/record/v1/{type_name.lower()}/{number}"
        return 204, {"Location": place}, b""

    def _names(self, kind: RecordType, content: Mapping[str, Any]) -> None:
        known = {*kind.fields, "externalId", "id", *(["item"] if kind.lines else [])}
        for name in content:
            if name not in known:
                raise Refused(
                    400, "INVALID_CONTENT", f"Error while accessing a resource. Unknown field '{name}'.", name
                )
        for number, line in enumerate(content.get("item", {}).get("items", [])):
            for name in line:
                if name not in kind.lines:
                    raise Refused(
                        400, "INVALID_CONTENT", f"Unknown field '{name}'.", f"item.items[{number}].{name}"
                    )

    def _find(self, kind: RecordType, address: str) -> sqlite3.Row | None:
        column, value = (
            ("externalid", address.removeprefix("eid:")) if address.startswith("eid:") else ("id", address)
        )
        if column == "id" and not value.isdigit():
            raise Refused(404, "NONEXISTENT_ID", "The record instance does not exist.")
        fixed = "".join(f' and "{name}" = ?' for name in kind.fixed if name != "status")
        values = [value, *(each for name, each in kind.fixed.items() if name != "status")]
        # Capitals and small letters are the same to an external id.
        query = f'select * from "{kind.table}" where {column} = ? collate nocase{fixed}'
        found = self._database.execute(query, values)
        return found.fetchone()

    def _create(self, kind: RecordType, content: dict[str, Any], external: str | None) -> int:
        external = external or content.get("externalId")
        for name in kind.required:
            if not content.get(name) or (name == "item" and not content["item"].get("items")):
                raise Refused(
                    400,
                    "USER_ERROR",
                    f"Error while accessing a resource. Please enter value(s) for: {name}.",
                    name,
                )
        if external is not None and self._find(kind, f"eid:{external}") is not None:
            raise Refused(400, "DUP_RCRD", "Error while accessing a resource. This record already exists.")
        (highest,) = self._database.execute(f'select max(id) from "{kind.table}" where id < 90000').fetchone()
        number = (highest or 0) + 1
        row = {"id": number, **kind.fixed, "externalid": external, kind.created: self._moment()}
        if kind.table == "transaction":
            row |= {"tranid": f"{kind.prefix}{number}", "trandate": f"D:{self._clock():%Y-%m-%d}"}
        if kind.table == "vendor":
            row["entityid"] = content.get("entityId") or f"V{number}"
            if self._database.execute(
                "select 1 from vendor where entityid = ?", [row["entityid"]]
            ).fetchone():
                raise Refused(
                    400, "USER_ERROR", "Error while accessing a resource. This entity already exists."
                )
        insert(self._database, kind.table, [row])
        if kind.lines:
            line = {"transaction": number, "id": 0, "linesequencenumber": 0, "mainline": "T"}
            insert(self._database, "transactionline", [line])
        self._write(kind, number, content, replaced=["item"])
        return number

    def _write(
        self, kind: RecordType, number: int, content: Mapping[str, Any], *, replaced: list[str]
    ) -> None:
        values = {
            kind.fields[name][0]: self._kept(kind.fields[name][1], value, name)
            for name, value in content.items()
            if name in kind.fields
        }
        values[kind.changed] = self._moment()
        sets = ", ".join(f'"{name}" = ?' for name in values)
        self._database.execute(f'update "{kind.table}" set {sets} where id = ?', [*values.values(), number])
        if "item" not in content:
            return
        if "item" in replaced:
            self._database.execute('delete from transactionline where "transaction" = ? and id > 0', [number])
        for place, line in enumerate(content["item"]["items"]):
            self._write_line(kind, number, line, f"item.items[{place}]")

    def _write_line(self, kind: RecordType, number: int, line: Mapping[str, Any], place: str) -> None:
        values = {
            kind.lines[name][0]: self._kept(kind.lines[name][1], value, f"{place}.{name}")
            for name, value in line.items()
        }
        if (
            "item" in values
            and not self._database.execute("select 1 from item where id = ?", [values["item"]]).fetchone()
        ):
            raise Refused(
                400,
                "INVALID_CONTENT",
                f"Error while accessing resource: You have entered an Invalid Field Value {values['item']} for the following field: item",
                f"{place}.item",
            )
        if "quantity" in values and Decimal(values["quantity"]) < 0:
            raise Refused(
                400,
                "USER_ERROR",
                "Error while accessing a resource. Quantity must not be negative.",
                f"{place}.quantity",
            )
        at = values.pop("id", None)
        known = [
            row[0]
            for row in self._database.execute(
                'select id from transactionline where "transaction" = ?', [number]
            )
        ]
        if at is not None and int(at) in known:
            sets = ", ".join(f'"{name}" = ?' for name in values)
            self._database.execute(
                f'update transactionline set {sets} where "transaction" = ? and id = ?',
                [*values.values(), number, at],
            )
            return
        new = max(known) + 1
        insert(
            self._database,
            "transactionline",
            [
                {
                    "transaction": number,
                    "id": new,
                    "linesequencenumber": new,
                    "mainline": "F",
                    "itemtype": "InvtPart",
                    "quantityshiprecv": "0",
                    **values,
                }
            ],
        )

    def _kept(self, kind: str, value: Any, place: str) -> Any:
        if kind.isupper() or kind.isdigit():  # one of a list
            if not isinstance(value, dict) or value.get("id") not in tuple(kind):
                raise Refused(400, "INVALID_CONTENT", f"Invalid value for the field '{place}'.", place)
            return value["id"]
        fits = {
            "ref": isinstance(value, dict) and str(value.get("id", "")).isalnum(),
            "number": isinstance(value, int | Decimal) and not isinstance(value, bool),
            "integer": isinstance(value, int),
            "boolean": isinstance(value, bool),
            "date": isinstance(value, str),
            "text": isinstance(value, str),
        }[kind]
        if value is None:
            return None
        if not fits:
            raise Refused(
                400,
                "INVALID_CONTENT",
                f"Invalid value for the resource or sub-resource field '{place}'.",
                place,
            )
        if kind == "date":
            return f"D:{date.fromisoformat(value)}"
        if kind == "boolean":
            return "T" if value else "F"
        return value["id"] if kind == "ref" else str(value)

    def _shown(self, kind: RecordType, row: sqlite3.Row) -> dict[str, Any]:
        found: dict[str, Any] = {"links": [], "id": str(row["id"]), "externalId": row["externalid"]}
        for name, (column, kept) in kind.fields.items():
            if row[column] is not None:
                found[name] = (
                    {"id": str(row[column])}
                    if kept == "ref" or kept.isupper() or kept.isdigit()
                    else str(row[column]).removeprefix("D:")
                )
        return found

    def _moment(self) -> str:
        return f"T:{self._clock().astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def schema_of(type_name: str) -> dict[str, Any] | None:
    """JSON Schema of a record, in the form of the documentation (section_1545129726)."""
    kind = TYPES.get(type_name.lower())
    if kind is None:
        return None
    shapes: dict[str, dict[str, Any]] = {
        "text": {"type": "string", "nullable": True},
        "date": {"type": "string", "format": "date", "nullable": True},
        "number": {"type": "number", "format": "double", "nullable": True},
        "integer": {"type": "integer", "format": "int64", "nullable": True},
        "boolean": {"type": "boolean"},
        "ref": {"$ref": "/services/rest/record/v1/metadata-catalog/nsResource"},
    }
    properties = {
        name: {"title": name, **shapes.get(kept, shapes["ref"])} for name, (_, kept) in kind.fields.items()
    }
    properties |= {
        "id": {"title": "Internal ID", "type": "string", "nullable": False},
        "lastModifiedDate": {"type": "string", "format": "date-time"},
        "links": {"type": "array", "readOnly": True},
    }
    if kind.lines:
        properties["item"] = {"$ref": f"/services/rest/record/v1/metadata-catalog/{type_name}-itemCollection"}
    return {
        "type": "object",
        "properties": properties,
        "$schema": "https://json-schema.org/draft-06/hyper-schema#",
    }
