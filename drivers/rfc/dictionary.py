"""What the system's dictionary says of tables, structures and function modules; asked once, then kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from drivers.contract import DriverError, SourceChanged
from drivers.rfc.abap import Field, Interface, Table
from drivers.rfc.caller import Caller, CallFailed, Trouble, number, rows, text
from drivers.rfc.errors import translate

_DESCRIBE: Final = "DDIF_FIELDINFO_GET"
# The next call would fare no better.
_HOPELESS: Final = frozenset(
    {
        Trouble.UNREACHED,
        Trouble.LOST,
        Trouble.LOGON,
        Trouble.LOCKED,
        Trouble.EXPIRED,
        Trouble.CLIENT,
        Trouble.ROUTE,
        Trouble.SETUP,
        Trouble.BUSY,
    }
)


class Dictionary:
    def __init__(
        self, caller: Caller, other_way: Callable[[Dictionary, str], Table | None] | None = None
    ) -> None:
        """`other_way`: asks for a table's definition where DDIF_FIELDINFO_GET does not answer."""
        self._caller = caller
        self._other_way = other_way
        self._tables: dict[str, Table] = {}
        self._interfaces: dict[str, Interface | None] = {}

    def table(self, name: str, *, where: str = "") -> Table:
        """Raises DriverError."""
        if name not in self._tables:
            self._tables[name] = self._described(name, where)
        return self._tables[name]

    def interface(self, function: str, *, where: str = "") -> Interface | None:
        """None: there is no such function module here."""
        if function not in self._interfaces:
            try:
                self._interfaces[function] = self._caller.interface(function)
            except CallFailed as error:
                raise translate(error, where=where) from error
        return self._interfaces[function]

    def forget(self) -> None:
        self._tables.clear()
        self._interfaces.clear()

    def field(self, table: str, name: str, *, where: str) -> Field:
        found = self.table(table, where=where).find(name)
        if found is None:
            raise SourceChanged(
                f"{table} has no column {name!r}",
                where=where,
                hint="Compare with `groundwire discover`; names are written in capitals.",
            )
        return found

    def _described(self, name: str, where: str) -> Table:
        try:
            reply = self._caller.call(_DESCRIBE, TABNAME=name, ALL_TYPES="X", DFIES_TAB=[])
        except CallFailed as error:
            if error.key == "NOT_FOUND":
                raise _no_table(name, where) from error
            if self._other_way is None or error.trouble in _HOPELESS:
                raise translate(error, where=where) from error
            found = self._otherwise(name, error, where)
            if found is None:
                raise _no_table(name, where) from error
            return found
        fields = tuple(
            _field(row) for row in rows(reply, "DFIES_TAB") if not text(row, "FIELDNAME").startswith(".")
        )
        if not fields:
            raise SourceChanged(f"the system's dictionary describes no fields of {name!r}", where=where)
        return Table(name, fields)

    def _otherwise(self, name: str, error: CallFailed, where: str) -> Table | None:
        if self._other_way is None:
            return None
        try:
            return self._other_way(self, name)
        except DriverError:
            raise translate(error, where=where) from error  # what was asked first says more


def _no_table(name: str, where: str) -> SourceChanged:
    return SourceChanged(
        f"the system's dictionary has no table {name!r}",
        where=where,
        hint="Correct the name; a table of a component that is not installed here cannot be read.",
    )


def _field(row: Mapping[str, Any]) -> Field:
    return Field(
        name=text(row, "FIELDNAME"),
        datatype=text(row, "DATATYPE"),
        length=number(row, "LENG"),
        decimals=number(row, "DECIMALS"),
        output_length=number(row, "OUTPUTLEN"),
        is_key=text(row, "KEYFLAG") == "X",
        conversion=text(row, "CONVEXIT"),
        reference=(text(row, "REFTABLE"), text(row, "REFFIELD")),
        text=text(row, "FIELDTEXT"),
        letter=text(row, "INTTYPE"),
    )
