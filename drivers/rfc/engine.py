"""One connection at work: its caller, what is known of the system, and the reader of tables. Blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from drivers.contract import Mark, MarkKind, Page, ReadRequest, StreamSpec
from drivers.rfc import clock
from drivers.rfc.caller import Caller, CallFailed, structure, text
from drivers.rfc.changes import plan_of
from drivers.rfc.composing import Composer
from drivers.rfc.conditions import EVERYTHING
from drivers.rfc.definitions import read_definition
from drivers.rfc.dictionary import Dictionary
from drivers.rfc.errors import translate
from drivers.rfc.groups import refuse_long
from drivers.rfc.learning import learn
from drivers.rfc.options import ConnectionOptions
from drivers.rfc.positions import mark_at
from drivers.rfc.readers import Form, Reader, choose
from drivers.rfc.reading import PageReader
from drivers.rfc.shape import StreamShape
from drivers.rfc.tables import TableReader

_CURRENCIES: Final = "TCURX"
_WHERE: Final = "options"  # no stream's own


class Engine:
    def __init__(self, options: ConnectionOptions, caller: Caller, secrets: Iterable[str] = ()) -> None:
        self.options = options
        self.caller = caller
        self.secrets = tuple(secrets)
        self.dictionary = Dictionary(
            caller, lambda _, name: read_definition(caller, lambda: self._chosen()[1] or self.reader, name)
        )
        self.product = ""
        self._readers: tuple[Reader, Reader | None] | None = None
        self._decimals: Mapping[str, int] | None = None
        self._call_rows: int | None = None  # of the read under way

    @property
    def reader(self) -> Reader:
        return self._chosen()[0]

    def tables(self, call_rows: int | None = None) -> TableReader:
        """`call_rows`: no more rows to a call than this."""
        best, by_offset = self._chosen()
        rows = self.options.rows_per_call
        if call_rows is not None:
            rows = min(rows, max(1, call_rows - 1))  # one more is asked for, to see whether there is another
        return TableReader(self.caller, best, by_offset, rows_per_call=rows)

    def shape(self, stream: StreamSpec) -> StreamShape:
        shape = learn(self.dictionary, stream)
        if self.reader.form is not Form.DELIMITED:
            # These end with a short dump where a table has such a column, asked for or not.
            for rows in (shape.header, *(lines.rows for lines in shape.lines)):
                for table in (rows.table, *(lookup.table for lookup in rows.lookups)):
                    refuse_long(table.name, table.fields, where=f"{rows.where}.table")
        return shape

    def composer(self, stream: StreamSpec, call_rows: int | None = None) -> Composer:
        return Composer(self.caller, self.tables(call_rows), self.shape(stream), self.decimals)

    def pages(self, request: ReadRequest) -> Iterable[Page]:
        self._decimals = (
            None  # a currency may be added while the agent runs, and its amounts would be scaled wrongly
        )
        self._call_rows = request.call_rows
        return PageReader(self.composer(request.stream, request.call_rows), request).pages()

    def signpost(self, stream: StreamSpec) -> Mark | None:
        shape = self.shape(stream)
        kind = shape.mark_kind
        if kind is None:
            return None
        if kind is MarkKind.TIMESTAMP and shape.in_utc:
            return mark_at(clock.utc_time(self.caller, self.options.time_zone), kind)
        return mark_at(clock.settled_time(self.caller, self.options.time_zone), kind)

    def decimals(self) -> Mapping[str, int]:
        """Of currencies that have more or less than two; as they are for this read."""
        if self._decimals is None:
            table = self.dictionary.table(_CURRENCIES)
            plan = plan_of(table, table.fields, EVERYTHING, _WHERE)
            found: dict[str, int] = {}
            for part in self.tables(self._call_rows).every(plan):
                rows = zip(
                    part.column("CURRKEY").to_pylist(), part.column("CURRDEC").to_pylist(), strict=True
                )
                found |= {currency: int(decimals or 0) for currency, decimals in rows}
            self._decimals = found
        return self._decimals

    def ask_product(self) -> str:
        """Raises DriverError."""
        try:
            told = structure(self.caller.call("RFC_SYSTEM_INFO"), "RFCSI_EXPORT")
        except CallFailed as error:
            raise translate(error, where="options", hidden=self.secrets) from error
        release, database = text(told, "RFCSAPRL"), text(told, "RFCDBSYS")
        self.product = f"SAP {text(told, 'RFCSYSID')} {release} on {database}".strip()
        return self.product

    def close(self) -> None:
        self.caller.close()

    def _chosen(self) -> tuple[Reader, Reader | None]:
        if self._readers is None:
            self._readers = choose(self.dictionary, self.options.reader)
        return self._readers
