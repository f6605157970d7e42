"""A page value by value: what is sent and taken as bytes, whatever the server keeps its texts in."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from drivers.contract import SourceBusy, SourceChanged, Unreachable
from drivers.odbc.bytewise import BytewiseConnection, reason_to_tell
from drivers.odbc.dialects import POSTGRESQL, SQLITE, Dialect
from drivers.odbc.errors import NotText
from drivers.odbc.options import ConnectionOptions
from drivers.odbc.queries import Sql
from drivers.unreadable import is_unreadable

pytest.importorskip("pyodbc", reason="unixODBC is not installed", exc_type=ImportError)
BAD = b"M\xfcller"


@dataclass
class Raw:
    """A pyodbc connection whose texts are bytes in Latin-1, as they are once it was prepared."""

    rows: list[tuple[Any, ...]]
    encoding: str = "SQL_ASCII"
    sent: list[tuple[str, ...]] = field(default_factory=list)
    autocommit: bool = True

    def execute(self, text: str, *parameters: str) -> Raw:
        self.sent.append((text, *parameters))
        self.left = list(self.rows)
        return self

    @property
    def description(self) -> list[tuple[str]]:
        return [("naïve".encode().decode("latin-1"),), *[(f"c{at}",) for at in range(1, len(self.rows[0]))]]

    def fetchval(self) -> str:
        return self.encoding

    def fetchmany(self, size: int) -> list[tuple[Any, ...]]:
        some, self.left = self.left[:size], self.left[size:]
        return some

    def setdecoding(self, *_: Any, **__: Any) -> None: ...

    def setencoding(self, **_: Any) -> None: ...


def text(raw: bytes) -> str:
    return raw.decode("latin-1")


def connection(raw: Raw, dialect: Dialect = POSTGRESQL, **options: Any) -> BytewiseConnection:
    made = BytewiseConnection(ConnectionOptions(connection={"Driver": "x"}, **options), dialect, raw, ())
    made.prepare()
    return made


def test_a_text_that_is_none_stays_the_bytes_it_is_and_the_rest_has_its_kind() -> None:
    raw = Raw([(text(BAD), 1, Decimal("1.10"), text("ü".encode())), (None, 2, None, text(b"X'41'"))])

    found = connection(raw).read(Sql("select 1"), where="here")

    assert found.column_names[0] == "naïve"
    assert is_unreadable(found.schema.field(0).type)
    assert found.column(0).chunk(0).storage.to_pylist() == [BAD, None]
    assert found.drop_columns("naïve").to_pydict() == {
        "c1": [1, 2],
        "c2": ["1.10", None],
        "c3": ["ü", "X'41'"],
    }
    assert found.schema.field("c3").type == pa.string()


def test_what_is_asked_for_is_sent_as_the_bytes_that_the_source_keeps() -> None:
    raw = Raw([(1,)])

    connection(raw).read(Sql("select 'ß' where a = ?", ("M\udcfcller",)), where="here")
    cyrillic = Raw([(text("ж".encode("cp1251")),)], encoding="WIN1251")
    found = connection(cyrillic).read(Sql("select ?", ("ж",)), where="here")

    assert raw.sent[-1] == (text("select 'ß' where a = ?".encode()), text(BAD))
    assert cyrillic.sent[-1] == ("select ?", text("ж".encode("cp1251")))
    assert found.column(0).to_pylist() == ["ж"]


def test_a_source_that_looks_at_every_text_keeps_none_that_is_none() -> None:
    assert connection(Raw([(1,)])).keeps_anything
    assert not connection(Raw([(1,)], encoding="UTF8")).keeps_anything
    assert connection(Raw([(1,)]), SQLITE).keeps_anything


def test_a_text_that_is_too_long_is_refused_as_by_bulk_reading_and_a_read_that_was_cancelled_asks_nothing() -> (
    None
):
    raw = Raw([(text(b"x" * 2_000_000),)])
    made = connection(raw, SQLITE, max_text_bytes=1_000_000)

    with pytest.raises(SourceChanged, match="max_text_bytes"):
        made.read(Sql("select 1"), where="here")
    made.stopped = True
    with pytest.raises(SourceBusy):
        made.read(Sql("select 2"), where="here")
    assert len(raw.sent) == 1


def test_of_two_failures_the_one_that_may_pass_is_told() -> None:
    bulk, gone = NotText("no text"), Unreachable("gone")

    assert reason_to_tell(bulk, gone) is gone
    assert reason_to_tell(bulk, SourceChanged("other")) is bulk
