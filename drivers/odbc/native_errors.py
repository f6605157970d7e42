"""What the products' own error numbers say to do, as data.

A number means something only together with the product that gave it: 1045 is a refused password to MariaDB and a
missing right to Oracle. Which product it was stands in what its ODBC driver puts before the text. The numbers of
MariaDB, MySQL and PostgreSQL were met; those of SQL Server, Oracle, DB2 and HANA are from the vendors' lists:
`sys.messages` of SQL Server, Oracle's "Database Error Messages", IBM's "SQL messages", SAP's "SQL Error Codes".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    DriverError,
    NotPermitted,
    SourceBusy,
    SourceChanged,
    Unreachable,
)

_Kinds = Mapping[int, type[DriverError]]


@dataclass(frozen=True, slots=True)
class Product:
    says: re.Pattern[str]  # what stands in its messages and in nobody else's
    number: re.Pattern[str] | None  # the number in the text, where the driver's native one is another
    kinds: _Kinds
    again: frozenset[
        int
    ]  # a lock or a deadlock: the transaction was undone, and the same may work in a moment
    time_limit: frozenset[int] = frozenset()
    sign: int = 1  # of the number in the text


def _kinds(groups: Mapping[type[DriverError], tuple[int, ...]]) -> _Kinds:
    return {number: kind for kind, numbers in groups.items() for number in numbers}


MARIADB: Final = Product(
    re.compile(r"\[ma-|MariaDB|MySQL|mysqld", re.IGNORECASE),
    None,
    _kinds(
        {
            CredentialsRefused: (1045, 1698, 1862),
            NotPermitted: (1044, 1142, 1143, 1227, 1370),
            BadConfiguration: (1049, 1064),
            SourceChanged: (1146, 1054, 1305),
            SourceBusy: (1205, 1213, 1969, 3024, 1317),
            Unreachable: (1927, 2002, 2003, 2005, 2006, 2013, 1040, 1053),
        }
    ),
    again=frozenset({1020, 1205, 1213}),  # 1020: another changed the row first
    time_limit=frozenset({1969, 3024}),
)
SQL_SERVER: Final = Product(
    re.compile(r"SQL Server|FreeTDS", re.IGNORECASE),
    None,
    _kinds(
        {
            CredentialsRefused: (18452, 18456, 18470, 18486, 18487, 18488),
            NotPermitted: (229, 230, 262, 297, 300, 916),
            BadConfiguration: (102, 105, 156, 170, 911, 4060, 3952),  # 3952: snapshots are not allowed here
            SourceChanged: (207, 208, 2812, 22105),  # 22105: the changes of the table are not tracked
            SourceBusy: (701, 802, 1205, 1222, 3960, 3961, 8645, 8651, 10928, 10929, 40501),
            Unreachable: (64, 121, 233, 596, 6005, 10053, 10054, 10060, 10061, 17142, 18401, 40197, 40613),
        }
    ),
    again=frozenset({1205, 1222, 3960}),
)
ORACLE: Final = Product(
    re.compile(r"ORA-\d{5}|\[Oracle\]", re.IGNORECASE),
    re.compile(r"ORA-(\d{5})"),
    _kinds(
        {
            CredentialsRefused: (1005, 1017, 28000, 28001, 28002, 28007),
            NotPermitted: (1031, 1039, 1045),
            BadConfiguration: (900, 903, 905, 907, 911, 923, 933, 936, 1756, 6550, 12154, 28759, 28860, 29024),
            SourceChanged: (904, 942, 4043, 4063, 6564),
            SourceBusy: (18, 20, 54, 60, 1013, 1555, 1652, 4021, 8177, 30006),
            Unreachable: (
                28, 1012, 1033, 1034, 1089, 1090, 3113, 3114, 3135, 12170, 12505, 12514, 12528, 12537, 12541, 12543, 12545,
                12560, 25408,
            ),
        }
    ),
    again=frozenset({54, 60, 8177, 30006}),
    time_limit=frozenset({1013}),
)  # fmt: skip
DB2: Final = Product(
    re.compile(r"\bSQL\d{4,5}[NCW]\b|\[IBM\]|\[DB2", re.IGNORECASE),
    re.compile(r"\bSQL(\d{4,5})[NCW]\b"),
    _kinds(
        {
            CredentialsRefused: (-30082,),
            NotPermitted: (-551, -552, -1060, -1092),
            BadConfiguration: (-7, -10, -104, -199, -805, -1013, -30061),
            SourceChanged: (-204, -205, -206, -440),
            SourceBusy: (-905, -911, -913, -952, -964),
            Unreachable: (-1015, -1032, -1224, -1776, -20157, -30080, -30081),
        }
    ),
    again=frozenset({-911, -913}),
    time_limit=frozenset({-905, -952}),
    sign=-1,
)
HANA: Final = Product(
    re.compile(r"HDBODBC|\[SAP AG\]|SAP HANA|SAP DBTech", re.IGNORECASE),
    None,
    _kinds(
        {
            CredentialsRefused: (10, 414, 415, 416),
            NotPermitted: (258,),
            BadConfiguration: (257,),
            SourceChanged: (259, 260, 328, 397, 430),
            SourceBusy: (4, 131, 133, 138, 139, 146, 613),
            Unreachable: (-10108, -10709, -10807, -10821),
        }
    ),
    again=frozenset({131, 133, 138, 146}),
    time_limit=frozenset({139, 613}),
)
# Oracle before SQL Server: Microsoft's own driver for Oracle says both.
_PRODUCTS: Final = (ORACLE, DB2, HANA, MARIADB, SQL_SERVER)
# Without a product's name only these two are meant, whose numbers do not meet but where they mean the same.
_UNNAMED: Final = (MARIADB, SQL_SERVER)
_AMBIGUOUS: Final = frozenset({0, 1, 101})  # what psqlODBC and SQLite's driver say of everything


def kind_of(native: int, message: str) -> type[DriverError] | None:
    """None: the number says nothing."""
    for product, number in _numbers(native, message):
        if number in product.kinds:
            return product.kinds[number]
    return None


def works_again(native: int, message: str) -> bool:
    return any(number in product.again for product, number in _numbers(native, message))


def is_time_limit(native: int, message: str) -> bool:
    return any(number in product.time_limit for product, number in _numbers(native, message))


def _numbers(native: int, message: str) -> Iterator[tuple[Product, int]]:
    named = next((product for product in _PRODUCTS if product.says.search(message)), None)
    for product in (named,) if named is not None else _UNNAMED:
        told = product.number.search(message) if product.number is not None else None
        number = product.sign * int(told.group(1)) if told is not None else native
        if number not in _AMBIGUOUS:
            yield product, number
