"""The captured WSDL behind a SOAP server that nobody here wrote (node-soap): how it reads requests and writes replies,
prefixes, namespaces and faults are its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from drivers.contract import (
    Driver,
    OperationKind,
    OutcomeStatus,
    ReadMode,
    ReadRequest,
    StreamSpec,
    WriteCommand,
)
from drivers.soap.driver import soap_driver
from tests.conformance.suite import keys, pages, rows
from tests.nav.wsdls import CAPTURED, captured
from tests.peers.node import served

ROWS = 57
WRITE = {
    "create": {"steps": [{"create": "Vendors", "values": {"Name": "name"}}]},
    "update": {"steps": [{"update": "Vendors", "set": {"Name": "name"}}]},
    "delete": {"steps": [{"delete": "Vendors"}]},
}
STREAM = StreamSpec("vendors", "vendor", {"page": "Vendors"}, write=WRITE)


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    captured("Vendors")
    with served("nav_page.js", str(CAPTURED / "Vendors.wsdl"), str(ROWS)) as address:
        yield address


@pytest.fixture
async def driver(root: str, tmp_path: Path) -> AsyncIterator[Driver]:
    options = {
        "services": "nav-pages",
        "url": root,
        "company": "CRONUS",
        "auth": {"kind": "basic", "user": "agent"},
        "wsdl_folder": str(tmp_path),
        "time_zone": "UTC",
    }
    made = soap_driver("nav", options, {"password": "pw"})
    yield made
    await made.aclose()


def write(kind: OperationKind, **record: str) -> WriteCommand:
    return WriteCommand(kind, "vendor", record, "c-1", STREAM)


async def test_a_server_of_others_is_read_whole_and_by_key(driver: Driver) -> None:
    found = await pages(driver, ReadRequest(STREAM, ReadMode.SCAN, page_rows=10))

    read = {row["No"]: row for row in rows(found) if row["No"].startswith("V")}
    assert len(read) == ROWS
    assert read["V00007"]["Name"] == "Vendor & Söhne 7"
    assert read["V00007"]["Balance_LCY"] == "7.10"
    assert len(found) > ROWS // 10

    named = await pages(driver, ReadRequest(STREAM, ReadMode.BY_KEYS, keys=("V00003", "V00055", "none")))
    assert keys(named) == ["V00003", "V00055"]


async def test_a_server_of_others_is_written(driver: Driver) -> None:
    made = await driver.execute(write(OperationKind.CREATE, name="N & N <Köln>"))
    assert made.status is OutcomeStatus.SUCCEEDED
    changed = await driver.execute(write(OperationKind.UPDATE, key=made.key, name="Other"))
    assert changed.status is OutcomeStatus.SUCCEEDED

    (row,) = rows(await pages(driver, ReadRequest(STREAM, ReadMode.BY_KEYS, keys=(made.key,))))
    assert row["Name"] == "Other"

    removed = await driver.execute(write(OperationKind.DELETE, key=made.key))
    assert removed.status is OutcomeStatus.SUCCEEDED
    assert rows(await pages(driver, ReadRequest(STREAM, ReadMode.BY_KEYS, keys=(made.key,)))) == []


async def test_a_fault_of_a_server_of_others_comes_back_in_its_own_words(driver: Driver) -> None:
    before = keys(await pages(driver, ReadRequest(STREAM, ReadMode.KEYS)))

    refused = await driver.execute(write(OperationKind.CREATE, name="!"))

    assert refused.status is OutcomeStatus.FAILED
    assert refused.messages[0].text == "Name must not be '!' in Vendor."
    assert keys(await pages(driver, ReadRequest(STREAM, ReadMode.KEYS))) == before


async def test_a_record_that_a_server_of_others_has_not_is_not_changed(driver: Driver) -> None:
    refused = await driver.execute(write(OperationKind.UPDATE, key="V99999", name="Nobody"))

    assert (refused.status, refused.messages[0].code) == (OutcomeStatus.FAILED, "not_found")
