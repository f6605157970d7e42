"""Records asked for by their keys over OData, and lines told from those of other headers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from drivers.contract import (
    DriverError,
    ReadMode,
    ReadRequest,
    SourceChanged,
    StreamSpec,
)
from tests.conformance.suite import keys, pages, rows
from tests.odata.orders import driver, orders, scan, service
from tests.odata.server import ODataServer


@pytest.fixture(params=[2, 4], ids=["v2", "v4"])
def server(request: pytest.FixtureRequest) -> Iterator[ODataServer]:
    made = service(request.param)
    made.start()
    yield made
    made.stop()


async def test_keys_of_several_parts_are_asked_for_one_by_one_where_a_service_refuses_or(
    server: ODataServer,
) -> None:
    stream = StreamSpec("lines", "purchase_order", {"entity_set": "Lines"})
    server.or_over_columns = False
    whole = await scan(server, stream, page_rows=7)
    wanted = [row["__key"] for row in whole][::9]
    made = driver(server, keys_per_request=1)
    found = keys(await pages(made, ReadRequest(stream, ReadMode.BY_KEYS, keys=wanted)))
    await made.aclose()
    careless = driver(server)
    with pytest.raises(DriverError):
        await pages(careless, ReadRequest(stream, ReadMode.BY_KEYS, keys=wanted))
    await careless.aclose()

    assert len(whole) == len(server.rows["Lines"])
    assert sorted(found) == sorted(wanted)


async def test_long_lists_of_keys_are_split_to_fit_a_url(server: ODataServer) -> None:
    stream = orders(own_set=True, filter="Urgent ne true")
    whole = await scan(server, stream)
    server.seen.clear()

    assert await scan(server, stream, url_chars=2_000) == whole
    assert max(len(seen.raw) for seen in server.seen) <= 2_000


async def test_long_filters_leave_less_room_for_keys(server: ODataServer) -> None:
    long = " and ".join(f"Vendor ne 'nobody {number}'" for number in range(20))
    lines = {"entity_set": "Lines", "parent": ["OrderNo"], "filter": long.replace("Vendor", "Text")}
    made = driver(server, url_chars=2_000)
    named = keys(await pages(made, ReadRequest(orders(), ReadMode.KEYS)))
    server.seen.clear()
    stream = orders(filter=long, lines={"lines": lines})
    found = keys(await pages(made, ReadRequest(stream, ReadMode.BY_KEYS, keys=named)))
    await made.aclose()

    assert sorted(found) == sorted(named)
    assert max(len(seen.raw) for seen in server.seen) <= 2_000


async def test_keys_that_the_server_takes_for_one_keep_their_lines_apart(server: ODataServer) -> None:
    """Its equality ignores case, ours does not."""
    for name in ("ab", "AB"):
        server.rows["Orders"].append({**server.rows["Orders"][0], "OrderNo": name})
        server.rows["Lines"].append({"OrderNo": name, "LineNo": 1, "Item": name, "Qty": None, "Text": None})
    whole = server.collection

    def blind(name: str, query: Any, *rest: Any, **more: Any) -> Any:
        asked = query.get("$filter", "")
        for text in ("'ab'", "'AB'"):
            asked = asked.replace(f"OrderNo eq {text}", "(OrderNo eq 'ab' or OrderNo eq 'AB')")
        return whole(name, {**query, "$filter": asked}, *rest, **more)

    server.collection = blind  # type: ignore[method-assign]
    made = driver(server, keys_per_request=1)
    found = rows(await pages(made, ReadRequest(orders(own_set=True), ReadMode.BY_KEYS, keys=["ab", "AB"])))
    await made.aclose()

    assert sorted((row["__key"], [line["Item"] for line in row["lines"]]) for row in found) == [
        ("AB", ["AB"]),
        ("ab", ["ab"]),
    ]


def _takes_for_one(server: ODataServer, *names: str) -> None:
    """Its equality does not tell these keys apart."""
    whole = server.collection
    either = " or ".join(f"OrderNo eq '{name}'" for name in names)

    def blind(name: str, query: Any, *rest: Any, **more: Any) -> Any:
        parts = query.get("$filter", "").split("OrderNo eq ")
        for number, part in enumerate(parts[1:], 1):
            same = next((name for name in names if part.startswith(f"'{name}'")), None)
            parts[number] = f"({either}){part[len(same) + 2 :]}" if same else f"OrderNo eq {part}"
        return whole(name, {**query, "$filter": "".join(parts)}, *rest, **more)

    server.collection = blind  # type: ignore[method-assign]


@pytest.mark.parametrize("mode", [ReadMode.SCAN, ReadMode.BY_KEYS])
async def test_lines_whose_key_is_written_unlike_their_headers_are_the_headers(
    server: ODataServer, mode: ReadMode
) -> None:
    for name in ("AB", "zz"):
        server.rows["Orders"].append({**server.rows["Orders"][0], "OrderNo": name})
    for name in ("AB", "Ab", "ab "):
        server.rows["Lines"].append({"OrderNo": name, "LineNo": 1, "Item": name, "Qty": None, "Text": None})
    _takes_for_one(server, "AB", "Ab", "ab ")
    stream = orders(own_set=True, replication_key=None)
    made = driver(server)
    found = rows(await pages(made, ReadRequest(stream, mode, keys=["AB", "zz"])))
    await made.aclose()

    lines = {row["__key"]: sorted(line["Item"] for line in row["lines"]) for row in found}
    assert (lines["AB"], lines["zz"]) == (["AB", "Ab", "ab "], [])
    assert lines["45/0 '0"] == [] if mode is ReadMode.SCAN else set(lines) == {"AB", "zz"}


async def test_lines_of_a_header_that_was_not_asked_for_are_left_to_it(server: ODataServer) -> None:
    for name in ("ab", "AB"):
        server.rows["Orders"].append({**server.rows["Orders"][0], "OrderNo": name})
        server.rows["Lines"].append({"OrderNo": name, "LineNo": 1, "Item": name, "Qty": None, "Text": None})
    _takes_for_one(server, "AB", "ab")
    made = driver(server)
    found = rows(await pages(made, ReadRequest(orders(own_set=True), ReadMode.BY_KEYS, keys=["ab"])))
    await made.aclose()

    assert [(row["__key"], [line["Item"] for line in row["lines"]]) for row in found] == [("ab", ["ab"])]


@pytest.mark.parametrize("odd", ["Ab", "4711"], ids=["of one of two", "of none"])
async def test_lines_that_could_be_anybodys_end_the_read_by_name(server: ODataServer, odd: str) -> None:
    for name in ("AB", "ab"):
        server.rows["Orders"].append({**server.rows["Orders"][0], "OrderNo": name})
    server.rows["Lines"].append({"OrderNo": odd, "LineNo": 1, "Item": "?", "Qty": None, "Text": None})
    _takes_for_one(server, "AB", "ab", odd)
    made = driver(server)
    with pytest.raises(SourceChanged, match=f"lines of '{odd}' for other headers"):
        await pages(made, ReadRequest(orders(own_set=True), ReadMode.BY_KEYS, keys=["AB", "ab"]))
    await made.aclose()
