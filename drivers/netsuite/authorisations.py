"""Pure: which permissions a role needs for what the streams really ask and write.

The names are those of a role's subtabs in NetSuite; which table needs which is from Oracle's help ("Permissions
Documentation") and not proven: a table that nobody here knows stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.contract import OperationKind, StreamSpec
from drivers.netsuite.planning import tables_in
from drivers.netsuite.recipes import read_writes
from drivers.netsuite.shape import shape_of

ALWAYS: Final = (
    ("Setup", "Full", ("REST Web Services",)),
    ("Setup", "Full", ("Log in using OAuth 2.0 Access Tokens", "Log in using Access Tokens")),
    ("Reports", "Edit", ("SuiteAnalytics Workbook",)),
)
_TYPE: Final = re.compile(r"'(\w+)'")
_BY_TYPE: Final = {
    "PurchOrd": ("Transactions", "Purchase Order"),
    "WorkOrd": ("Transactions", "Work Order"),
    "ItemRcpt": ("Transactions", "Item Receipt"),
}
_TRANSACTIONS: Final = frozenset({"transaction", "transactionline"})
_BY_TABLE: Final[Mapping[str, tuple[str, str]]] = {
    "item": ("Lists", "Items"),
    "aggregateitemlocation": ("Lists", "Items"),
    "inventoryitem": ("Lists", "Items"),
    "assemblyitem": ("Lists", "Items"),
    "vendor": ("Lists", "Vendors"),
    "vendoraddressbook": ("Lists", "Vendors"),
    "vendoraddressbookentityaddress": ("Lists", "Vendors"),
    "location": ("Lists", "Locations"),
    "currency": ("Lists", "Currency"),
    "subsidiary": ("Lists", "Subsidiaries"),
    "purchaseorder": ("Transactions", "Purchase Order"),
    "workorder": ("Transactions", "Work Order"),
}


@dataclass(frozen=True, slots=True)
class Permission:
    subtab: str
    level: str
    name: str


def used_by(streams: Sequence[StreamSpec]) -> Mapping[Permission, tuple[str, ...]]:
    """The streams that need each. Raises BadConfiguration for a stream whose options are wrong."""
    found: dict[Permission, dict[str, None]] = {}
    for stream in streams:
        for permission in (*_reads(stream), *_writes(stream)):
            found.setdefault(permission, {})[stream.name] = None
    return {permission: tuple(names) for permission, names in found.items()}


def _reads(stream: StreamSpec) -> Iterator[Permission]:
    shape = shape_of(stream)
    queries = [shape.query, *(each.query for each in shape.lines)]
    types = [name for query in queries for name in _TYPE.findall(query) if name in _BY_TYPE]
    for name in tables_in(queries):
        if name not in _TRANSACTIONS:
            yield Permission(*_of_table(name, "View"))
    for name in dict.fromkeys(types):
        subtab, title = _BY_TYPE[name]
        yield Permission(subtab, "View", title)


def _writes(stream: StreamSpec) -> Iterator[Permission]:
    for kind, recipe in read_writes(stream).recipes.items():
        level = "Full" if kind is OperationKind.DELETE else "Edit"
        for step in recipe.steps:
            yield Permission(*_of_table(step.record.lower(), level))


def _of_table(name: str, level: str) -> tuple[str, str, str]:
    if name.startswith("customrecord"):
        return "Custom Record", level, name
    subtab, title = _BY_TABLE.get(name, ("table", name))
    return subtab, level, title
