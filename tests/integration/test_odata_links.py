"""Sets that a service cannot put in order: read by its own links, and none of what stays is missed while others go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from agent.hosting.pages import PageCheck
from drivers.contract import (
    BadConfiguration,
    Capabilities,
    Page,
    ReadMode,
    ReadRequest,
    SourceBusy,
    SourceChanged,
    StreamSpec,
)
from drivers.odata.driver import ODataDriver
from tests.conformance.suite import DriverConformance, Subject, keys, pages, rows
from tests.odata.orders import driver, orders, service
from tests.odata.server import Fault, ODataServer, Refused

BY_LINKS = orders(replication_key=None, paging="links")


def unordered(version: int) -> ODataServer:
    """Knows no order, counts the records that it gave, and gives 5 at a time."""
    server = service(version)
    server.page_limit, server.nested_limit = 5, 2
    whole = server.collection

    def refusing(name: str, query: Any, *rest: Any, **more: Any) -> Any:
        if {"$orderby", "$top", "$skip"} & set(query):
            raise Refused(501, "ORDER", "no order")
        return whole(name, query, *rest, **more)

    server.collection = refusing  # type: ignore[method-assign]
    return server


@pytest.fixture(params=[2, 4], ids=["v2", "v4"])
def server(request: pytest.FixtureRequest) -> Iterator[ODataServer]:
    made = unordered(request.param)
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def made(server: ODataServer) -> AsyncIterator[ODataDriver]:
    made = driver(server)
    yield made
    await made.aclose()


class TestODataByLinks(DriverConformance):
    @pytest.fixture
    async def subject(self, server: ODataServer, made: ODataDriver) -> AsyncIterator[Subject]:
        yield Subject(made, BY_LINKS, line_sets=frozenset({"lines"}), page_sizes=(2, 7))  # noqa: PT022 - as the suite's own

    async def capabilities(self, subject: Subject) -> Capabilities:
        """Those of this stream: it has no replication key."""
        return replace(await super().capabilities(subject), incremental=False)


def before_answers(server: ODataServer, change: Callable[[int], None]) -> None:
    """`change` gets the number of each answer over the orders, before it is made."""
    whole, count = server.collection, 0

    def counted(name: str, query: Any, *rest: Any, base: str = "") -> Any:
        nonlocal count
        if name == "Orders" and not base:
            count += 1
            change(count)
        return whole(name, query, *rest, base=base)

    server.collection = counted  # type: ignore[method-assign]


@pytest.mark.parametrize("mode", [ReadMode.SCAN, ReadMode.KEYS])
async def test_what_moves_when_others_are_deleted_is_not_passed_over(
    server: ODataServer, made: ODataDriver, mode: ReadMode
) -> None:
    gone = [row["OrderNo"] for row in server.rows["Orders"][:3]]

    def delete(number: int) -> None:
        if number in {2, 4, 6}:
            server.rows["Orders"].pop(0)

    before_answers(server, delete)
    found = keys(await pages(made, ReadRequest(BY_LINKS, mode, page_rows=5)))

    stay = {row["OrderNo"].replace("~", "%7E") for row in server.rows["Orders"]}
    assert stay <= set(found) <= stay | set(gone)
    assert len(found) == len(set(found))


async def test_what_is_added_before_the_place_reached_is_given_once(
    server: ODataServer, made: ODataDriver
) -> None:
    first = server.rows["Orders"][0]

    def add(number: int) -> None:
        if number in {2, 3}:
            server.rows["Orders"].insert(0, {**first, "OrderNo": f"new {number}"})

    before_answers(server, add)
    found = rows(await pages(made, ReadRequest(BY_LINKS, ReadMode.SCAN, page_rows=5)))

    assert sorted(row["OrderNo"] for row in found) == sorted(row["OrderNo"] for row in server.rows["Orders"])


async def checked(made: ODataDriver, request: ReadRequest) -> list[Page]:
    """The pages of a read, as the agent takes them."""
    check = PageCheck(request)
    return [check.accept(page) async for page in made.read(request)]


@pytest.mark.parametrize("page_rows", [1, 5, 43])
async def test_records_that_were_passed_over_come_in_pages_that_go_on(
    server: ODataServer, made: ODataDriver, page_rows: int
) -> None:
    first = server.rows["Orders"][0]

    def add(number: int) -> None:
        if number in {2, 3}:
            server.rows["Orders"].insert(0, {**first, "OrderNo": f"new {number}"})

    before_answers(server, add)
    found = rows(await checked(made, ReadRequest(BY_LINKS, ReadMode.SCAN, page_rows=page_rows)))

    assert sorted(row["OrderNo"] for row in found) == sorted(row["OrderNo"] for row in server.rows["Orders"])


async def test_a_read_that_begins_anew_comes_by_its_old_places_again(
    server: ODataServer, made: ODataDriver
) -> None:
    request = ReadRequest(BY_LINKS, ReadMode.SCAN, page_rows=7)
    whole = await checked(made, request)
    server.faults.append(Fault("skiptoken=5", 410))

    rest = await checked(made, replace(request, after=whole[0].cursor))

    assert sorted(keys(rest)) == sorted(keys(whole))


async def test_a_set_that_never_rests_is_busy_and_not_complete(
    server: ODataServer, made: ODataDriver
) -> None:
    before_answers(server, lambda number: number > 1 and server.rows["Orders"].pop(0))

    with pytest.raises(SourceBusy, match="deleted during each of 4 walks"):
        await pages(made, ReadRequest(BY_LINKS, ReadMode.KEYS, page_rows=50))


async def test_a_place_that_the_server_forgot_begins_the_read_anew(
    server: ODataServer, made: ODataDriver
) -> None:
    whole = await pages(made, ReadRequest(BY_LINKS, ReadMode.SCAN, page_rows=5))
    server.faults.append(Fault("skiptoken=10", 410))

    rest = await pages(made, ReadRequest(BY_LINKS, ReadMode.SCAN, page_rows=5, after=whole[2].cursor))

    assert sorted(keys(rest)) == sorted(keys(whole))


async def test_a_last_record_that_moved_gives_its_answer_again_and_misses_nothing(
    server: ODataServer, made: ODataDriver
) -> None:
    whole = await pages(made, ReadRequest(BY_LINKS, ReadMode.SCAN, page_rows=5))
    last = keys(whole[:1])[-1]
    server.rows["Orders"] = [row for row in server.rows["Orders"] if row["OrderNo"] != last]

    rest = keys(await pages(made, ReadRequest(BY_LINKS, ReadMode.SCAN, page_rows=5, after=whole[0].cursor)))

    assert set(keys(whole[1:])) <= set(rest)


async def test_a_plan_tells_of_the_second_walk(made: ODataDriver) -> None:
    by_links = await made.plan(ReadRequest(BY_LINKS, ReadMode.KEYS))

    assert any(note.startswith("Behind the last answer the keys are walked again") for note in by_links.notes)
    with pytest.raises(BadConfiguration, match="no order"):  # as the read by key would be
        await made.plan(ReadRequest(orders(replication_key=None), ReadMode.KEYS))


async def test_links_that_go_in_circles_are_left(server: ODataServer, made: ODataDriver) -> None:
    whole = server.collection

    def circling(name: str, query: Any, *rest: Any, base: str = "") -> Any:
        query = {**query, "$skiptoken": "0"} if int(query.get("$skiptoken", 0)) > 10 else query
        return whole(name, query, *rest, base=base)

    server.collection = circling  # type: ignore[method-assign]

    with pytest.raises(SourceChanged, match="in circles"):
        await pages(made, ReadRequest(BY_LINKS, ReadMode.SCAN))


async def test_a_link_out_of_the_service_is_not_followed(server: ODataServer, made: ODataDriver) -> None:
    server.host_in_links = "http://169.254.169.254"

    with pytest.raises(SourceChanged, match=r"169\.254\.169\.254"):
        await pages(made, ReadRequest(BY_LINKS, ReadMode.SCAN))


@pytest.mark.parametrize(
    ("stream", "where"),
    [
        (orders(paging="links"), "replication_key"),
        (orders(paging="links", replication_key=None, own_set=True), "lines.lines.entity_set"),
        (orders(paging="links", replication_key=None, order_by=["Version"]), "order_by"),
    ],
    ids=["replication_key", "lines of their own", "order"],
)
async def test_what_cannot_be_read_by_links_is_refused_by_name(
    made: ODataDriver, stream: StreamSpec, where: str
) -> None:
    with pytest.raises(BadConfiguration) as caught:
        await made.columns(stream)

    assert caught.value.where == f"streams.orders.read.{where}"
