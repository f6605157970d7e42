"""What a plan makes of the answers of services that count, count oddly, or refuse."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.contract import (
    CredentialsRefused,
    DriverError,
    ReadMode,
    ReadPlan,
    ReadRequest,
    SourceChanged,
    StreamSpec,
)
from drivers.http.messages import Answer
from drivers.odata.edm import EntitySet, Kind, Model, Property, StructuredType
from drivers.odata.errors import refusal
from drivers.odata.options import parse_connection, parse_stream
from drivers.odata.planning import plan
from drivers.odata.reading import PageReader
from drivers.odata.shape import shape_of

NUMBER = Property("Number", "Edm.Int32", Kind.INTEGER, nullable=False)
MODEL = Model(
    4,
    {"N.Order": StructuredType("N.Order", ("Number",), {"Number": NUMBER})},
    {"Orders": EntitySet("Orders", "N.Order")},
    {},
)
OPTIONS = parse_connection({"url": "https://erp.example/odata"})


class Scripted:
    """Answers by what is asked for: the count of the set, a count inside of an answer, or records."""

    def __init__(
        self, bare: tuple[int, bytes], inline: tuple[int, bytes], records: tuple[int, bytes]
    ) -> None:
        self.answers = (bare, inline, records)

    def address(self, path: str, query: Any) -> str:
        return f"{path}?{query}"

    def within(self, path: str) -> str:
        return f"companies(1)/{path}"

    async def ask(self, url: str, **_: Any) -> Answer:
        assert url.startswith("companies(1)/Orders")
        status, body = self.answers[0 if "$count?" in url else 1 if "$count" in url else 2]
        return Answer(status, {}, body, url)

    async def get(self, url: str, **more: Any) -> Answer:
        answer = await self.ask(url, **more)
        if answer.status >= 400:
            raise refusal(answer, where="here")
        return answer


async def planned(bare: tuple[int, bytes], inline: tuple[int, bytes], records: tuple[int, bytes]) -> ReadPlan:
    stream = StreamSpec("orders", "purchase_order", {"entity_set": "Orders"})
    shape = shape_of("orders", parse_stream("orders", stream.options), MODEL, service="")
    request = ReadRequest(stream, ReadMode.SCAN)
    service: Any = Scripted(bare, inline, records)
    return await plan(
        service, OPTIONS, shape, PageReader(lambda _: service, OPTIONS, shape, request), request
    )


NOT_FOUND, RECORDS = (404, b"{}"), (200, b'{"value": []}')


@pytest.mark.parametrize(
    ("bare", "inline", "rows"),
    [
        ((200, b"\xef\xbb\xbf 17\r\n"), NOT_FOUND, 17),
        (NOT_FOUND, (200, b'{"@odata.count": 18, "value": []}'), 18),
        (NOT_FOUND, (200, b'{"@odata.count": "19", "value": []}'), 19),
        (NOT_FOUND, NOT_FOUND, None),
        ((200, b"9" * 5_000), (200, b'{"@odata.count": "' + b"9" * 5_000 + b'"}'), None),
        ((200, "٣".encode()), (200, b"[" * 100_000), None),
        ((200, b"<html>"), (200, b'{"@odata.count": -1}'), None),
    ],
)  # fmt: skip
async def test_a_count_is_a_number_or_none_at_all(
    bare: tuple[int, bytes], inline: tuple[int, bytes], rows: int | None
) -> None:
    found = await planned(bare, inline, RECORDS)

    assert (found.rows, found.exact) == (rows, rows is not None)
    assert any("neither by $count" in note for note in found.notes) == (rows is None)


@pytest.mark.parametrize(("status", "error"), [(401, CredentialsRefused), (400, SourceChanged)])
async def test_what_would_keep_the_read_from_working_is_raised(status: int, error: type[DriverError]) -> None:
    with pytest.raises(error):
        await planned((status, b"{}"), (status, b"{}"), (status, b"{}"))
