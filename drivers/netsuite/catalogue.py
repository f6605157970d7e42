"""What NetSuite says of its records (`metadata-catalog`), as the contract's catalogue.

SuiteQL names entities, items and custom records as the record service does; all transactions lie in one table
`transaction` with lines in `transactionline`, whichever record they are written as.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drivers.contract import Catalogue, Column, NotPermitted, SourceChanged, Table
from drivers.netsuite.service import FAILED, Service, path
from drivers.netsuite.together import together

RECORDS: Final = (
    "purchaseOrder",
    "workOrder",
    "inventoryItem",
    "assemblyItem",
    "vendor",
    "location",
)
_SCHEMA: Final = "application/schema+json"
_CHANGED: Final = ("lastModifiedDate", "lastModified")
_PLACE: Final = "metadata-catalog"


async def discover(service: Service, records: tuple[str, ...]) -> Catalogue:
    """The records of the profile and those named, as far as the role sees them."""
    where = "options.records"
    wanted = dict.fromkeys((*RECORDS, *records))
    found = await together([_table(service, name, where) for name in wanted])
    tables = tuple(each for each in found if isinstance(each, Table))
    if not tables:
        for each in found:
            if isinstance(each, NotPermitted):
                raise each
        raise SourceChanged(
            "the role sees none of the records",
            where=where,
            hint="Give the role View on purchase orders, items and vendors, or name records in options.records.",
        )
    return Catalogue(tables)


async def record_types(service: Service) -> int:
    """How many record types the role sees. Raises the DriverError of a refusal."""
    content = service.object_of(
        await service.record(_PLACE, where="options", accept="application/json"), "options"
    )
    items = content.get("items")
    return len(items) if isinstance(items, list) else 0


async def _table(service: Service, name: str, where: str) -> Table | SourceChanged | NotPermitted:
    """What a record consists of, or why it is not seen: a feature that is off, or a right that the role has not."""
    answer = await service.record(path(_PLACE, name), where=where, accept=_SCHEMA)
    if answer.status >= FAILED:
        try:
            service.refuse(answer, where)
        except (SourceChanged, NotPermitted) as error:
            return error
    properties = service.object_of(answer, where).get("properties")
    columns = tuple(_columns(properties)) if isinstance(properties, Mapping) else ()
    names = {column.name for column in columns}
    return Table(
        name,
        columns,
        key=("id",) if "id" in names else (),
        replication_key=next((each.lower() for each in _CHANGED if each.lower() in names), None),
    )


def _columns(properties: Mapping[str, Any]) -> list[Column]:
    found = []
    for name, described in properties.items():
        if not isinstance(described, Mapping) or name == "links":
            continue
        type_ = described.get("format") or described.get("type") or _referred(described)
        nullable = str(described.get("nullable", True)).lower() != "false"
        found.append(Column(name.lower(), str(type_), nullable))
    return found


def _referred(described: Mapping[str, Any]) -> str:
    """`.../metadata-catalog/purchaseOrder-itemCollection` is that record's lines."""
    return str(described.get("$ref", "other")).rpartition("/")[2]
