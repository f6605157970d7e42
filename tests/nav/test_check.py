"""What a check of a connection to pages says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drivers.contract import (
    BadConfiguration,
    CheckStep,
    DriverError,
    SourceChanged,
    StreamSpec,
)
from tests.conformance.suite import pages
from tests.nav.company import COMPANY
from tests.nav.driving import driving, scan
from tests.nav.server import NavServer
from tests.nav.test_conformance import vendors


async def steps(server: NavServer, folder: Path, *streams: StreamSpec, **options: Any) -> list[CheckStep]:
    async with driving(server, folder, **options) as driver:
        return list(await driver.check(streams))


async def test_check_goes_through_every_hop_and_every_stream(server: NavServer, tmp_path: Path) -> None:
    ledger = StreamSpec("ledger", "vendor", {"page": "VendorLedgerEntries"})
    found = await steps(server, tmp_path, vendors(), ledger)

    assert [each.name for each in found] == [
        "host name", "port", "server, TLS and sign-in", "company", "stream vendors", "stream ledger",
    ]  # fmt: skip
    assert all(each.ok for each in found)
    assert found[3].detail == COMPANY
    assert "Create" in found[4].detail
    assert "none: a page that is read only" in found[5].detail


@pytest.mark.parametrize(
    ("options", "step", "code", "said"),
    [
        ({"url": "http://nowhere.invalid:7047/WS"}, "host name", "unreachable", "does not resolve"),
        ({"url": "http://127.0.0.1:9/WS"}, "port", "unreachable", "nothing answers"),
        (
            {"auth": {"kind": "basic", "user": "nobody"}},
            "server, TLS and sign-in",
            "credentials_refused",
            "401",
        ),
        (
            {"auth": {"kind": "windows", "user": "CRONUS\\agent"}},
            "server, TLS and sign-in",
            "configuration",
            "offers Basic",
        ),
        ({"company": "CRONUS"}, "company", "configuration", "no company 'CRONUS'"),
    ],
)
async def test_check_says_which_hop_failed_and_what_to_do(
    server: NavServer, tmp_path: Path, options: dict[str, Any], step: str, code: str, said: str
) -> None:
    found = (await steps(server, tmp_path, **options))[-1]

    assert (found.name, found.ok, found.code) == (step, False, code)
    assert said in found.detail
    assert found.hint


async def test_check_tells_a_server_that_takes_only_windows_accounts(
    server: NavServer, tmp_path: Path
) -> None:
    server.schemes = "Negotiate"

    found = (await steps(server, tmp_path, auth={"kind": "basic", "user": "CRONUS\\agent"}))[-1]

    assert found.code == "credentials_refused"
    assert "the server takes Negotiate" in found.detail


async def test_check_speaks_of_tls_where_the_port_speaks_none(server: NavServer, tmp_path: Path) -> None:
    found = (await steps(server, tmp_path, url=server.root.replace("http:", "https:")))[-1]

    assert (found.name, found.ok) == ("server, TLS and sign-in", False)
    assert "TLS" in found.detail


async def test_check_tells_a_page_that_is_not_published(server: NavServer, tmp_path: Path) -> None:
    wrong = StreamSpec("w", "vendor", {"page": "Vendor"})
    found = (await steps(server, tmp_path, wrong))[-1]

    assert (found.stream, found.ok, found.code) == ("w", False, "source_changed")
    assert "Publish" in found.hint or "published" in found.hint


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"page": "Vendors", "replication_key": "Name"}, "streams.v.read.replication_key"),
        ({"page": "Vendors", "key": ["Numero"]}, "streams.v.read.key"),
        ({"page": "Vendors", "filter": {"Numero": "1"}}, "streams.v.read.filter.Numero"),
        ({"page": "PurchaseOrder", "lines": {"l": {"part": "Lines"}}}, "streams.v.read.lines.l.part"),
        ({"page": "Vendors", "pag": "x"}, "streams.v.read.pag"),
    ],
)
async def test_a_stream_that_cannot_work_is_told_with_its_place(
    server: NavServer, tmp_path: Path, options: dict[str, Any], place: str
) -> None:
    async with driving(server, tmp_path) as driver:
        with pytest.raises(DriverError) as raised:
            await pages(driver, scan(StreamSpec("v", "vendor", options)))

    assert isinstance(raised.value, BadConfiguration | SourceChanged)
    assert raised.value.where == place
    assert raised.value.hint
