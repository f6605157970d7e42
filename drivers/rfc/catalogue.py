"""What could be read: a bounded list of tables, with what the dictionary says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from drivers.contract import Catalogue, Column, SourceChanged, StreamSpec, Table
from drivers.rfc.abap import Field, Kind
from drivers.rfc.abap import Table as AbapTable
from drivers.rfc.engine import Engine

# A system has a hundred thousand tables; these hold what the agent's entities are made of.
KNOWN: Final = (
    "EKKO", "EKPO", "EKET", "EKBE", "EKKN", "LFA1", "LFB1", "LFM1", "ADRC", "MARA", "MAKT", "MARC", "MARD", "MBEW",
    "MKPF", "MSEG", "MATDOC", "AUFK", "AFIH", "AFKO", "AFVC", "AFVV", "RESB", "JEST", "TJ02T", "EQUI", "EQKT", "EQUZ",
    "ILOA", "IFLOT", "IFLOTX", "T001", "T001W", "CDHDR", "BUT000",
)  # fmt: skip
_MISLEADING: Final = {("EKKO", "AEDAT")}  # the day on which the order was made
_CHANGED: Final = ("LASTCHANGEDATETIME", "AEDAT", "LAEDA", "CPUDT", "CHDAT", "UDATE")


def discover(engine: Engine) -> Catalogue:
    """Tables that are not on this system are left out. Raises DriverError where none can be described."""
    found: list[Table] = []
    for name in KNOWN:
        try:
            found.append(_described(engine.dictionary.table(name)))
        except SourceChanged:
            continue
    return Catalogue(tuple(found))


def columns_of(engine: Engine, stream: StreamSpec) -> Sequence[Column]:
    shape = engine.shape(replace(stream, columns=None))
    columns = [_column(name, shape.header.fields[name]) for name in shape.header.outputs]
    for detail in shape.details:
        columns += [_column(name, field) for name, (_, _, field) in detail.columns.items()]
    for detail in shape.details:
        for set_of in detail.lines:
            columns += [_column(f"{set_of.name}.{name}", field) for name, field in set_of.columns.items()]
    for lines in shape.lines:
        rows = lines.rows
        columns += [_column(f"{rows.name}.{name}", rows.fields[name]) for name in rows.outputs]
    return columns


def _described(table: AbapTable) -> Table:
    fields = [field for field in table.fields if field.datatype != "CLNT"]
    replication = next(
        (name for name in _CHANGED if table.find(name) and (table.name, name) not in _MISLEADING), None
    )
    return Table(
        table.name,
        tuple(_column(field.name, field) for field in fields if field.kind is not Kind.LONG),
        table.key,
        replication_key=replication,
    )


def _column(name: str, field: Field) -> Column:
    length = f"{field.length},{field.decimals}" if field.decimals else f"{field.length}"
    # ABAP has no null; what is null in a page is the initial date.
    nullable = field.kind in {Kind.DATE, Kind.TIME}
    return Column(name, f"{field.datatype or field.letter} {length}", nullable)
