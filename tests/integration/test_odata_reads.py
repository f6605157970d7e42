"""Reading over OData where the server is slow, busy, cut short, wrongly certified or hostile."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme

from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    DriverError,
    Mark,
    MarkKind,
    ReadMode,
    ReadRequest,
    SourceBusy,
    SourceChanged,
    StreamSpec,
    Throttled,
    Unreachable,
)
from tests.conformance.suite import keys, pages, rows
from tests.odata.orders import BEGIN, driver, orders, scan, service
from tests.odata.server import Fault, ODataServer


@pytest.fixture(params=[2, 4], ids=["v2", "v4"])
def server(request: pytest.FixtureRequest) -> Iterator[ODataServer]:
    made = service(request.param)
    made.start()
    yield made
    made.stop()


async def failing(server: ODataServer, kind: type[DriverError], **options: Any) -> DriverError:
    with pytest.raises(kind) as caught:
        await scan(server, orders(), **options)
    return caught.value


async def test_every_order_and_line_arrives_digit_for_digit(server: ODataServer) -> None:
    found = await scan(server, orders(expand=["to_Vendor"]), page_rows=7)

    by_key = {row["__key"]: row for row in found}
    assert len(by_key) == len(server.rows["Orders"]) == len(found)
    for order in server.rows["Orders"]:
        key = order["OrderNo"].replace("%", "%25").replace("~", "%7E")
        row = by_key[key]
        assert row["Title"] == order["Title"]
        assert row["Amount"] == (None if order["Amount"] is None else str(order["Amount"]))
        lines = sorted((line for line in server.rows["Lines"] if line["OrderNo"] == order["OrderNo"]), key=lambda line: line["LineNo"])  # fmt: skip
        assert [(line["LineNo"], line["Qty"], line["Text"]) for line in row["lines"]] == [
            (line["LineNo"], str(line["Qty"]), line["Text"]) for line in lines
        ]
        vendors = [vendor["Name"] for vendor in server.rows["Vendors"] if vendor["Code"] == order["Vendor"]]
        assert row["to_Vendor/Name"] == (vendors[0] if vendors else None)


async def test_lines_two_steps_away_and_lines_of_their_own_set_agree(server: ODataServer) -> None:
    server.nested_limit = 1
    near = await scan(
        server, orders(lines={"lines": {"expand": "to_Lines"}, "days": {"expand": "to_Lines/to_Schedule"}})
    )
    server.nested_limit = None
    far = await scan(server, orders(own_set=True))

    assert [row["lines"] for row in near] == [row["lines"] for row in far]
    assert sum(len(row["days"]) for row in near) == len(server.rows["Schedule"])


async def test_what_is_read_back_comes_from_no_copy_nor_do_its_lines(server: ODataServer) -> None:
    server.nested_limit = 1
    made = driver(server, read_headers={"Data-Access-Intent": "ReadOnly"})
    await pages(made, ReadRequest(orders(), ReadMode.SCAN))
    assert any("data-access-intent" in seen.headers for seen in server.seen)
    server.seen.clear()
    row = next(each for each in server.rows["Lines"] if each["LineNo"] == 20)
    for stream in (orders(), orders(own_set=True)):
        (found,) = rows(await pages(made, ReadRequest(stream, ReadMode.BY_KEYS, keys=[row["OrderNo"]])))
        assert len(found["lines"]) > 1
    await made.aclose()

    assert len(server.seen) > 3
    assert not any("data-access-intent" in seen.headers for seen in server.seen)


async def test_only_what_the_mapping_uses_is_asked_for(server: ODataServer) -> None:
    stream = StreamSpec("o", "purchase_order", orders().options, columns=["Vendor", "lines.Qty"])
    server.seen.clear()

    found = await scan(server, stream)

    asked = [seen.query for seen in server.seen if seen.path.endswith("/Orders")]
    assert asked
    assert all("Title" not in query["$select"] and "Vendor" in query["$select"] for query in asked)
    assert "Title" not in found[0]
    assert "Item" not in found[0]["lines"][0] if found[0]["lines"] else True


async def test_the_operators_filter_holds_in_every_mode(server: ODataServer) -> None:
    stream = orders(filter="Vendor eq 'V1' or Vendor eq 'V2'")
    made = driver(server)
    whole = rows(await pages(made, ReadRequest(stream, ReadMode.SCAN, page_rows=3)))
    end = await made.signpost(stream)
    since = Mark(MarkKind.TIMESTAMP, BEGIN.isoformat())
    changed = rows(await pages(made, ReadRequest(stream, ReadMode.CHANGES, since, end, page_rows=3)))
    other = next(row["OrderNo"] for row in server.rows["Orders"] if row["Vendor"] == "V3")
    by_key = await pages(made, ReadRequest(stream, ReadMode.BY_KEYS, keys=[other, whole[0]["__key"]]))
    await made.aclose()

    assert {row["Vendor"] for row in (*whole, *changed)} == {"V1", "V2"}
    assert keys(by_key) == [whole[0]["__key"]]


async def test_rows_that_move_while_they_are_read_cost_no_other(server: ODataServer) -> None:
    """Deleted and added rows between pages: keyset paging skips none of those that stay."""
    made = driver(server)
    stay = {row["OrderNo"] for row in server.rows["Orders"][::2]}
    found: list[str] = []
    async for page in made.read(ReadRequest(orders(), ReadMode.SCAN, page_rows=4)):
        found += page.table.column("OrderNo").to_pylist()
        with server.lock:
            gone = next((row for row in server.rows["Orders"] if row["OrderNo"] not in stay), None)
            if gone is not None:
                server.rows["Orders"].remove(gone)
    await made.aclose()

    assert stay <= set(found)
    assert len(found) == len(set(found))


async def test_answers_without_records_but_with_a_link_are_gone_through(server: ODataServer) -> None:
    server.empty_answers = 3

    assert len(await scan(server, orders())) == len(server.rows["Orders"])


async def test_a_link_to_another_host_is_not_followed(server: ODataServer) -> None:
    server.nested_limit, server.host_in_links = 1, "http://169.254.169.254"

    error = await failing(server, SourceChanged)
    assert "169.254.169.254" in error.message


async def test_a_redirect_to_another_host_is_not_followed(server: ODataServer) -> None:
    server.faults.append(Fault("Orders", 302, {"Location": "http://169.254.169.254/latest"}))

    assert "169.254.169.254" in (await failing(server, BadConfiguration)).message


async def test_busy_and_failing_answers_are_what_they_are(server: ODataServer) -> None:
    server.faults.append(Fault("Orders", 429, {"Retry-After": "17"}))
    error = await failing(server, Throttled)
    assert isinstance(error, Throttled)
    assert error.retry_after == 17
    server.faults.append(
        Fault("Orders", 500, body=b'{"error":{"code":"SY/530","message":{"value":"Short dump"}}}')
    )
    assert "Short dump" in (await failing(server, SourceBusy)).message


async def test_a_silent_server_is_left_after_the_limit(server: ODataServer) -> None:
    server.faults.append(Fault("Orders", seconds=1, times=9))

    await failing(server, Unreachable, silence_seconds=0.1)


async def test_a_line_that_breaks_before_the_answer_is_asked_again_once(server: ODataServer) -> None:
    server.faults.append(Fault("/Orders", drop="before"))
    assert len(await scan(server, orders())) == len(server.rows["Orders"])
    server.faults.append(Fault("/Orders", drop="before", times=2))
    await failing(server, Unreachable)


async def test_a_server_that_ignores_top_or_filter_is_not_read_wrongly(server: ODataServer) -> None:
    whole = server.collection
    server.collection = lambda name, query, *rest, **more: whole(
        name, {k: v for k, v in query.items() if k != "$top"}, *rest, **more
    )  # type: ignore[method-assign]
    with pytest.raises(SourceChanged, match="top"):
        await scan(server, orders(), page_rows=5)
    server.collection = lambda name, query, *rest, **more: whole(
        name, {k: v for k, v in query.items() if k != "$filter"}, *rest, **more
    )  # type: ignore[method-assign]
    with pytest.raises(SourceChanged):
        await scan(server, orders(), page_rows=5)


async def test_a_server_that_ignores_the_order_is_not_read_with_holes(server: ODataServer) -> None:
    whole = server.collection
    server.collection = lambda name, query, *rest, **more: whole(
        name, {k: v for k, v in query.items() if k != "$orderby"}, *rest, **more
    )  # type: ignore[method-assign]
    server.rows["Orders"].reverse()
    made = driver(server)
    by_number = orders(order_by=["Version"], key=["Version"], replication_key=None, lines={})
    with pytest.raises(SourceChanged, match="out of the order"):
        await pages(made, ReadRequest(by_number, ReadMode.SCAN, page_rows=5))
    end = await made.signpost(orders())
    with pytest.raises(SourceChanged, match="out of the order"):
        await pages(made, ReadRequest(orders(), ReadMode.CHANGES, end=end, page_rows=5))
    await made.aclose()


async def test_a_key_that_comes_twice_is_named(server: ODataServer) -> None:
    twice = dict(server.rows["Orders"][3])
    server.rows["Orders"].append(twice)
    for page_rows in (1, 2, 3, 1_000):
        with pytest.raises(SourceChanged, match=r"more than one record|again"):
            await scan(server, orders(), page_rows=page_rows)


@pytest.mark.parametrize("own_set", [True, False])
async def test_a_key_that_no_literal_can_be_ends_the_read_with_its_place(
    server: ODataServer,
    own_set: bool,
) -> None:
    for row in server.rows["Orders"]:
        row["OrderNo"] += "\0"
    made = driver(server)
    with pytest.raises(SourceChanged, match="can be no such value") as caught:
        await pages(made, ReadRequest(orders(own_set=own_set), ReadMode.SCAN, page_rows=5))
    await made.aclose()
    assert caught.value.where == "streams.orders.read"


async def test_headers_that_change_while_their_lines_are_read_are_read_again(server: ODataServer) -> None:
    whole, asked = server.collection, []

    def moving(name: str, query: Any, *rest: Any, **more: Any) -> Any:
        answer = whole(name, query, *rest, **more)
        if name == "Lines" and len(asked) < 2:
            asked.append(name)
            server.rows["Orders"][0]["Title"] = f"changed {len(asked)}"
        return answer

    server.collection = moving  # type: ignore[method-assign]
    found = await scan(server, orders(own_set=True))

    assert len(asked) == 2
    assert "changed 2" in {row["Title"] for row in found}


async def test_the_signpost_is_the_servers_time(server: ODataServer) -> None:
    server.clock = lambda: BEGIN.replace(year=2031)
    made = driver(server)
    found = await made.signpost(orders())
    local = await made.signpost(orders(replication_key="Created", time_zone="Europe/Berlin"))
    number = await made.signpost(orders(replication_key="Version"))
    await made.aclose()

    assert found == Mark(MarkKind.TIMESTAMP, "2031-01-05T08:00:00+00:00")
    assert local is not None
    assert local.value == ("2031-01-05T09:00:00" if server.version == 2 else "2031-01-05T08:00:00+00:00")
    assert number == Mark(MarkKind.INTEGER, "42")


async def test_a_compressed_answer_reads_the_same(server: ODataServer) -> None:
    plain = await scan(server, orders())
    server.gzip = True

    assert await scan(server, orders()) == plain


async def test_sign_in_by_password_and_by_session(server: ODataServer) -> None:
    server.user = ("ann", "pässwörd")
    basic = {"kind": "basic", "user": "ann"}
    made = driver(server, {"password": "pässwörd"}, auth=basic)
    assert keys(await pages(made, ReadRequest(orders(), ReadMode.KEYS)))
    await made.aclose()
    made = driver(server, {"password": "wrong"}, auth=basic)
    with pytest.raises(CredentialsRefused, match="Logon failed") as caught:
        await pages(made, ReadRequest(orders(), ReadMode.KEYS))
    assert "wrong" not in str(caught.value.message)
    steps = await made.check([orders()])
    assert (steps[-1].name, steps[-1].ok, steps[-1].code) == ("answer", False, "credentials_refused")
    await made.aclose()

    server.user, server.logon, server.session_limit = None, {"CompanyDB": "A", "Password": "p"}, 3
    body = {"CompanyDB": "A", "Password": {"secret": "password"}}
    made = driver(server, {"password": "p"}, auth={"kind": "session", "path": "/Login", "body": body})
    found = rows(await pages(made, ReadRequest(orders(), ReadMode.SCAN, page_rows=5)))
    await made.aclose()
    assert len(found) == len(server.rows["Orders"])
    assert len(server.sessions) > 1


async def test_a_certificate_is_checked_against_the_configured_authority(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    server = service(4)
    server.start(context)
    try:
        assert await scan(server, orders(), ca_file=str(tmp_path / "ca.pem"))
        for options in ({}, {"ca_file": str(tmp_path / "other.pem")}):
            assert "certificate" in (await failing(server, BadConfiguration, **options)).message
        server.url = server.url.replace("localhost", "127.0.0.1")
        await failing(server, BadConfiguration, ca_file=str(tmp_path / "ca.pem"))
    finally:
        server.stop()


async def test_a_client_certificate_signs_in(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    mine = authority.issue_cert("agent@example.org")
    mine.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "me.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    server = service(4)
    server.start(context)
    files = {"ca_file": str(tmp_path / "ca.pem"), "auth": {"kind": "certificate"}}
    try:
        assert await scan(server, orders(), **files, certificate_file=str(tmp_path / "me.pem"))
        await failing(server, DriverError, **files)
    finally:
        server.stop()


async def test_environment_proxies_are_not_used(server: ODataServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert await scan(server, orders())


async def test_check_tells_each_stream_and_discover_names_each_set(server: ODataServer) -> None:
    made = driver(server)
    wrong = [
        orders(entity_set="Order"),
        orders(replication_key="Chnged"),
        orders(lines={"l": {"expand": "to_Line"}}),
        orders(key=["Nothing"]),
        orders(filter="Nothing eq 1"),
    ]
    steps = [step for step in await made.check([*wrong, orders()]) if step.stream]
    found = {table.name: table for table in (await made.discover()).tables}
    columns = [column.name for column in await made.columns(orders())]
    await made.aclose()

    assert [step.ok for step in steps] == [False] * 5 + [True]
    assert all(step.hint and step.code == "source_changed" for step in steps[:5])
    assert "Did you mean 'Orders'?" in steps[0].hint
    assert set(found) == set(server.types)
    assert found["Lines"].key == ("OrderNo", "LineNo")
    assert {"OrderNo", "Amount", "lines.Qty"} <= set(columns)


async def test_a_service_that_cuts_its_answers_without_a_word_is_read_to_the_end(
    server: ODataServer,
) -> None:
    """Its records would be missing otherwise, and be taken for deleted."""
    whole = server.collection

    def capped(name: str, query: Any, *rest: Any, **more: Any) -> Any:
        return whole(name, {**query, "$top": str(min(int(query.get("$top", 12)), 12))}, *rest, **more)

    every = await scan(server, orders(own_set=True))
    names = [row["__key"] for row in every]
    server.collection = capped  # type: ignore[method-assign]

    assert await scan(server, orders(own_set=True)) == every
    made = driver(server)
    found = rows(
        await pages(made, ReadRequest(orders(), ReadMode.BY_KEYS, keys=["none", *names, "nor this"]))
    )
    await made.aclose()
    assert sorted(row["__key"] for row in found) == sorted(names)


async def test_a_service_that_gained_a_property_is_learnt_anew(server: ODataServer) -> None:
    made = driver(server)
    assert await made.columns(orders())
    server.types["Orders"].properties["Extra"] = "Edm.String"
    for row in server.rows["Orders"]:
        row["Extra"] = "x"
    found = rows(
        await pages(
            made, ReadRequest(orders(replication_key=None, key=["OrderNo", "Extra"], lines={}), ReadMode.SCAN)
        )
    )
    await made.aclose()

    assert {row["Extra"] for row in found} == {"x"}


async def test_the_configured_proxy_is_used_and_nothing_else_is_connected_to(server: ODataServer) -> None:
    async with _proxy() as (port, log):
        found = await scan(server, orders(), proxy=f"http://127.0.0.1:{port}", proxy_user="me")

    assert len(found) == len(server.rows["Orders"])
    assert log
    assert all(line.startswith(f"GET {server.url}/") for line in log)


@asynccontextmanager
async def _proxy() -> AsyncIterator[tuple[int, list[str]]]:
    """A forward proxy that does no more than pass on, and notes what for."""
    log: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, _, rest = head.decode().partition("\r\n")
        log.append(first)
        assert "proxy-authorization: basic " in rest.lower()
        method, target, version = first.split(" ")
        parts = urlsplit(target)
        upstream, sending = await asyncio.open_connection(parts.hostname, parts.port)
        path = target.partition(parts.netloc)[2]
        sending.write(f"{method} {path} {version}\r\nConnection: close\r\n{rest}".encode())
        body = await upstream.read()
        writer.write(body)
        await writer.drain()
        writer.close()
        sending.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1], log
