"""The slow way to a page that holds a text in no character set: value by value, as the bytes that came.

What reads in bulk gives a batch of rows, or one error that names none of them. Here every text is fetched as bytes and
read in Python, so that the one that is none is known by row and column, and all the others are what they are.
"""

from __future__ import annotations

import codecs
import contextlib
import os
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa

from drivers.contract import DriverError, SourceBusy, SourceChanged
from drivers.odbc.dialects import Dialect
from drivers.odbc.errors import NotText, is_no_text, translate
from drivers.odbc.native import load_pyodbc
from drivers.odbc.options import ConnectionOptions
from drivers.odbc.queries import Sql
from drivers.unreadable import column_of, is_raw, to_bytes

FETCH_ROWS: Final = 500
_UTF8: Final = "utf-8"
_BYTES: Final = "latin-1"  # in which every byte is a character and every character a byte
_NO_CODEC: Final = frozenset({"SQL_ASCII", "MULE_INTERNAL"})  # the server does not say what the bytes are
# Windows' drivers hand over UTF-16, and would replace by ? what their code page lacks.
_WIDE: Final = os.name == "nt"


class BytewiseConnection:
    """One pyodbc connection for one page, in a transaction from `begin` to `end`. As `BulkConnection`, and blocks."""

    def __init__(
        self, options: ConnectionOptions, dialect: Dialect, connection: Any, secrets: Sequence[str]
    ) -> None:
        self._options = options
        self._dialect = dialect
        self._connection = connection
        self._secrets = secrets
        self.number = ""  # by which the source knows it
        self.stopped = False
        self.told_to_stop = False
        self._codec = _UTF8
        # Whether the source keeps texts that are none: one that looks at every text has none to be asked for.
        self.keeps_anything = True

    def prepare(self) -> None:
        """Let the source give bytes. Called once, outside of a transaction; raises pyodbc's errors."""
        pyodbc = load_pyodbc()
        for statement in self._dialect.bytes_session:
            self._connection.execute(statement)
        if self._dialect.bytes_encoding:
            named = str(self._connection.execute(self._dialect.bytes_encoding).fetchval())
            self._codec = _codec_of(named)
            self.keeps_anything = named in _NO_CODEC
        if self._dialect.number:
            self.number = str(self._connection.execute(self._dialect.number).fetchval())
        ctype = pyodbc.SQL_WCHAR if _WIDE else pyodbc.SQL_CHAR
        for kind in (pyodbc.SQL_CHAR, pyodbc.SQL_WCHAR):
            self._connection.setdecoding(kind, encoding=_BYTES, ctype=ctype)
        if not _WIDE:
            self._connection.setencoding(encoding=_BYTES, ctype=pyodbc.SQL_CHAR)
        self._connection.autocommit = False

    def begin(self, where: str) -> None:
        pyodbc = load_pyodbc()
        try:
            for statement in self._dialect.snapshot:
                self._connection.execute(statement)
        except pyodbc.Error as error:
            raise translate(error, where=where, hidden=self._secrets) from error

    def end(self) -> None:
        with contextlib.suppress(load_pyodbc().Error):
            self._connection.rollback()

    def close(self) -> None:
        with contextlib.suppress(load_pyodbc().Error):
            self._connection.close()

    def read(self, sql: Sql, *, where: str) -> pa.Table:
        """The whole answer; columns of texts that are not all readable are `UnreadableText`."""
        if self.stopped:
            raise SourceBusy("the read was cancelled", where=where, hint="Nothing is to be done.")
        pyodbc = load_pyodbc()
        try:
            cursor = self._connection.execute(
                self._sent(sql.text + self._dialect.reading), *map(self._sent_value, sql.parameters)
            )
            rows: list[Any] = []
            while some := cursor.fetchmany(FETCH_ROWS):
                rows += some
            columns = [
                self._column([row[at] for row in rows], where) for at in range(len(cursor.description))
            ]
            # The names came as bytes too.
            return pa.table(columns, names=[self._text(name[0]) for name in cursor.description])
        except pyodbc.Error as error:
            fault = translate(error, where=where, hidden=self._secrets)
            if is_no_text(error):
                raise NotText(fault.message, where=where, hint=fault.hint) from error
            raise fault from error
        except (ValueError, OverflowError) as error:  # a date of pyodbc's that is none
            raise SourceChanged(
                f"the ODBC driver hands over a value that is none of its kind: {error}",
                where=where,
                hint="Cast its column to text in the query, or leave it out.",
            ) from error

    def _sent(self, text: str) -> str:
        return text if _WIDE else self._encoded(text)

    def _sent_value(self, value: str | None) -> str | None:
        return None if value is None else self._sent(value)

    def _encoded(self, text: str) -> str:
        raw = to_bytes(text) if is_raw(text) or self._codec == _UTF8 else text.encode(self._codec, "replace")
        return raw.decode(_BYTES)

    def _text(self, name: str) -> str:
        return self._decoded(name).decode(_UTF8, "replace") if not _WIDE else name

    def _decoded(self, text: str) -> bytes:
        """UTF-8, in which the bytes that are no text stay as they came."""
        raw = text.encode(_BYTES)
        if _WIDE:
            return raw.decode("utf-16-le", "surrogatepass").encode(_UTF8, "surrogatepass")
        return raw if self._codec == _UTF8 else to_bytes(raw.decode(self._codec, "surrogateescape"))

    def _column(self, values: list[Any], where: str) -> pa.Array:
        first = next((value for value in values if value is not None), None)
        if first is None:
            return pa.nulls(len(values), pa.string())
        if isinstance(first, str):
            texts = [None if value is None else self._decoded(value) for value in values]
            self._refuse_long(max(len(text) for text in texts if text is not None), where)
            return column_of(texts)
        for kind, made in _KINDS:
            if isinstance(first, kind):
                return pa.array(values, made)
        return pa.array([None if value is None else _printed(value) for value in values], pa.string())

    def _refuse_long(self, size: int, where: str) -> None:
        if size > self._options.max_text_bytes:
            raise SourceChanged(
                f"a value of {size} bytes is longer than max_text_bytes ({self._options.max_text_bytes})",
                where=where,
                hint="Raise options.max_text_bytes, or leave the column out of the query or shorten it there.",
            )


# In this order: a truth value is an integer to Python, and a moment a date.
_KINDS: Final[tuple[tuple[Any, pa.DataType], ...]] = (
    (bool, pa.bool_()),
    (int, pa.int64()),
    (float, pa.float64()),
    (datetime, pa.timestamp("us")),
    (date, pa.date32()),
    ((bytes, bytearray), pa.binary()),
)


def _printed(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _codec_of(name: str) -> str:
    """Python's name of a character set of PostgreSQL's; UTF-8 for one that means nothing, or that Python lacks."""
    if name in _NO_CODEC:
        return _UTF8
    known = name.replace("WIN", "cp") if name.startswith("WIN") else name
    for tried in (known, known.replace("KOI8", "koi8_")):
        with contextlib.suppress(LookupError):
            return codecs.lookup(tried).name
    return _UTF8


def reason_to_tell(bulk: NotText, bytewise: DriverError) -> DriverError:
    """Of two failures of one page: trouble that may pass is told, for the page is tried again; else what began it."""
    return bytewise if isinstance(bytewise, SourceBusy) or bytewise.code == "unreachable" else bulk
