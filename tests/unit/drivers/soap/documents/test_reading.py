"""Laws of paging: whatever the stamps, the ties, the page size and the place of a stop, each change comes once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from drivers.contract import Mark, MarkKind, Page, ReadMode, ReadRequest, SourceChanged, StreamSpec
from drivers.soap.documents.port import KeyParts
from drivers.soap.documents.reading import PageReader
from drivers.soap.documents.shape import StreamShape, shape_of
from drivers.soap.wsdl import read_definitions
from tests.ax import site
from tests.ax.contract import files

ADDRESS = "http://ax/x.svc"
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STREAM = StreamSpec(
    "ties",
    "vendor",
    {"port": "TiePort", "service": "TieService", "key": ["Number"], "replication_key": "ModifiedDateTime"},
)


def shape() -> StreamShape:
    documents = {f"{ADDRESS}?{name}": text.encode() for name, text in files((site.TIES,), ADDRESS).items()}
    found = read_definitions(documents, f"{ADDRESS}?wsdl", where="", interface="TieService")
    return shape_of(STREAM, found)


SHAPE = shape()


class Stamped:
    """A port that holds records with a stamp, and gives their keys in no order; it counts what it is asked."""

    page_size = 7
    document = SHAPE.document

    def __init__(self, stamps: dict[str, datetime]) -> None:
        self.stamps = stamps
        self.most_read = 0
        self.minds_bounds = True

    async def ask(self, operation: str, content: dict[str, Any], *, where: str) -> list[KeyParts]:
        assert operation == "findKeys", where
        (each,) = content["QueryCriteria"]["CriteriaElement"]
        low, high = None, None
        if each["FieldName"] == "ModifiedDateTime" and self.minds_bounds:
            assert each["Operator"] == "Range"
            low, high = (
                datetime.fromisoformat(each[name]).replace(tzinfo=UTC) for name in ("Value1", "Value2")
            )
        return [
            (key,)
            for key, stamp in reversed(self.stamps.items())
            if (low is None or stamp >= low) and (high is None or stamp <= high)
        ]

    def keys(self, answer: list[KeyParts], where: str) -> list[KeyParts]:
        assert where
        return answer

    async def read(self, keys: Sequence[KeyParts], *, where: str) -> list[Any]:
        assert where
        self.most_read = max(self.most_read, len(keys))
        return [self._record(key) for (key,) in reversed(keys) if key in self.stamps]

    def _record(self, key: str) -> Any:
        entity = etree.Element(SHAPE.document.entity.tag)
        for name, text in (("ModifiedDateTime", f"{self.stamps[key]:%Y-%m-%dT%H:%M:%SZ}"), ("Number", key)):
            member = SHAPE.document.type.member(name)
            assert member is not None
            etree.SubElement(entity, member.tag).text = text
        return entity


def read(port: Stamped, request: ReadRequest) -> list[Page]:
    async def pages() -> list[Page]:
        reader = PageReader(port, SHAPE, request, unknown=lambda _: None, least_stretch=3)  # type: ignore[arg-type]
        return [page async for page in reader.pages()]

    return asyncio.run(pages())


def keys(pages: Sequence[Page]) -> list[str]:
    return [str(key) for page in pages for key in page.table.column("__key").to_pylist()]


def mark(moment: datetime) -> Mark:
    return Mark(MarkKind.TIMESTAMP, moment.isoformat())


stamps = st.dictionaries(
    st.integers(0, 10**6).map(str),
    st.integers(0, 40).map(lambda n: BEGIN + timedelta(seconds=n)),
    max_size=40,
)


@given(stamps, st.integers(1, 9), st.integers(0, 40), st.integers(0, 40))
def test_changes_between_two_marks_come_once_in_their_order_from_every_stop(
    held: dict[str, datetime], size: int, first: int, length: int
) -> None:
    start, end = BEGIN + timedelta(seconds=first), BEGIN + timedelta(seconds=first + length)
    request = ReadRequest(STREAM, ReadMode.CHANGES, start=mark(start), end=mark(end), page_rows=size)
    expected = [key for stamp, key in sorted((s, k) for k, s in held.items()) if start <= stamp <= end]

    whole = read(Stamped(held), request)

    assert keys(whole) == expected
    assert all(0 < page.table.num_rows <= size for page in whole[:-1])
    assert [page.complete for page in whole] == [False] * (len(whole) - 1) + [True]
    for number, page in enumerate(whole[:-1]):
        rest = ReadRequest(
            STREAM, ReadMode.CHANGES, start=mark(start), end=mark(end), after=page.cursor, page_rows=size + 1
        )
        assert keys(read(Stamped(held), rest)) == expected[len(keys(whole[: number + 1])) :]


@given(stamps, st.integers(1, 9))
def test_a_scan_gives_every_key_once_in_order_whatever_order_ax_has(
    held: dict[str, datetime], size: int
) -> None:
    port = Stamped(held)

    assert keys(read(port, ReadRequest(STREAM, ReadMode.SCAN, page_rows=size))) == sorted(held)
    assert port.most_read <= min(size, port.page_size)


@given(stamps, st.integers(0, 40))
def test_what_changes_while_it_is_read_is_left_to_the_next_pass(
    held: dict[str, datetime], moved: int
) -> None:
    """A record whose stamp moves past the end between list and read is not given as it was."""
    end = BEGIN + timedelta(seconds=40)
    port = Stamped(dict(held))
    plain = port.read

    async def read_later(wanted: Sequence[KeyParts], *, where: str) -> list[Any]:
        for (key,) in list(wanted)[:moved]:
            port.stamps[key] = end + timedelta(seconds=1)
        return await plain(wanted, where=where)

    port.read = read_later  # type: ignore[method-assign]
    found = keys(read(port, ReadRequest(STREAM, ReadMode.CHANGES, end=mark(end), page_rows=5)))

    assert set(found) == {key for key, stamp in port.stamps.items() if stamp <= end}
    assert len(found) == len(set(found))


def test_a_server_that_does_not_keep_to_the_bounds_is_told_and_not_asked_for_ever() -> None:
    port = Stamped({str(n): BEGIN + timedelta(seconds=n) for n in range(20)})
    port.minds_bounds = False
    request = ReadRequest(STREAM, ReadMode.CHANGES, end=mark(BEGIN + timedelta(days=1)), page_rows=3)

    with pytest.raises(SourceChanged, match="bounds"):
        read(port, request)
