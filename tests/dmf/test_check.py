"""`groundwire check` tells apart what keeps a connection from working."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from drivers.contract import CheckStep, StreamSpec
from tests.dmf.connections import driver
from tests.dmf.server import DataManagement
from tests.sap_odata.connections import streams
from tests.sap_odata.web import Trouble
from tests.servers import free_port

FO = streams("dynamics-fo-onpremises")
ORDERS, VENDORS = FO["purchase_orders"].spec, FO["vendors"].spec


async def checked(
    fo: DataManagement, folder: Path, specs: Sequence[StreamSpec] = (), **options: Any
) -> list[CheckStep]:
    made = driver(fo, folder, **options)
    try:
        return list(await made.check(specs))
    finally:
        await made.aclose()


async def test_each_hop_has_a_step_of_its_own(fo: DataManagement, tmp_path: Path) -> None:
    steps = await checked(fo, tmp_path, [ORDERS])

    assert [step.name for step in steps] == [
        "host name",
        "port",
        "TLS",
        "sign-in",
        "data management",
        "legal entity usmf",
        "legal entity dat",
        "stream purchase_orders",
        "writes of purchase_orders",
    ]
    assert all(step.ok and step.detail for step in steps)
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]


async def failed(
    fo: DataManagement, folder: Path, specs: Sequence[StreamSpec] = (), **options: Any
) -> CheckStep:
    (step,) = [step for step in await checked(fo, folder, specs, **options) if not step.ok]
    assert step.hint
    assert step.code
    return step


async def test_hops_that_fail_are_told_apart(fo: DataManagement, tmp_path: Path) -> None:
    closed = f"http://127.0.0.1:{free_port()}/namespaces/AXSF/data"
    assert (await failed(fo, tmp_path, url=closed)).name == "port"

    auth = {
        "kind": "oauth2",
        "token_url": f"{fo.url}/adfs/oauth2/token",
        "client_id": "nobody",
        "in_body": True,
    }
    step = await failed(fo, tmp_path, auth=auth)
    assert (step.name, step.code) == ("sign-in", "credentials_refused")
    assert "MSIS9622" in step.detail

    step = await failed(fo, tmp_path, legal_entities=["usmf", "frrt"])
    assert (step.name, step.code) == ("legal entity frrt", "source_changed")

    step = await failed(fo, tmp_path, url=f"{fo.url}/somewhere/data")
    assert step.name == "data management"


async def test_a_token_that_only_adfs_knows_is_told_from_a_wrong_secret(
    fo: DataManagement, tmp_path: Path
) -> None:
    fo.troubles.append(Trouble(r"\$top=1", status=401, body=b"{}", times=9))
    step = await failed(fo, tmp_path)

    assert (step.name, step.code) == ("data management", "credentials_refused")
    assert "Microsoft Entra ID applications" in step.hint


async def test_a_missing_right_is_told(fo: DataManagement, tmp_path: Path) -> None:
    fo.hidden = {"DataManagementDefinitionGroups"}
    step = await failed(fo, tmp_path)

    assert (step.name, step.code) == ("data management", "not_permitted")
    assert "not authorized" in step.detail


async def test_what_may_only_be_exported_is_tried_by_an_export(fo: DataManagement, tmp_path: Path) -> None:
    fo.hidden = {"LegalEntities", "DataManagementDefinitionGroupDetails"}
    steps = await checked(fo, tmp_path, [ORDERS])

    assert all(step.ok for step in steps)
    assert "an export shows" in next(step.detail for step in steps if step.name == "legal entity usmf")


async def test_a_certificate_that_nobody_vouches_for_is_found_before_anything_is_signed(
    tmp_path: Path,
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    fo = DataManagement()
    fo.start(context)
    try:
        step = await failed(fo, tmp_path)
        assert step.name == "TLS"
        assert "certificate" in step.detail
        assert not fo.seen

        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        steps = await checked(fo, tmp_path, ca_file=str(tmp_path / "ca.pem"))
        assert all(step.ok for step in steps)
    finally:
        fo.stop()


def changed(spec: StreamSpec, **options: Any) -> StreamSpec:
    return replace(spec, options={**spec.options, **options})


@pytest.mark.parametrize(
    ("spec", "code", "said"),
    [
        (changed(VENDORS, project="Groundwire vendor"), "source_changed", "no data project 'Groundwire vendor'"),
        (changed(VENDORS, entity="Vendors V3"), "source_changed", "no entity 'Vendors V3'"),
        (changed(VENDORS, key=["DATAAREAID", "VENDORNUMBER"]), "source_changed", "no field VENDORNUMBER"),
        (changed(VENDORS, key=["VENDORACCOUNTNUMBER"]), "configuration", "DATAAREAID, which is not in the key"),
        (replace(VENDORS, columns=("VENDORNAME", "X")), "source_changed", "no field VENDORNAME, and 1 others"),
    ],
)  # fmt: skip
async def test_a_stream_that_does_not_fit_its_project_is_told_with_what_there_is(
    fo: DataManagement, tmp_path: Path, spec: StreamSpec, code: str, said: str
) -> None:
    step = await failed(fo, tmp_path, [replace(spec, write={}), ORDERS])

    assert (step.stream, step.code) == ("vendors", code)
    assert said in step.detail


async def test_a_project_that_exports_changes_is_found_without_exporting(
    fo: DataManagement, tmp_path: Path
) -> None:
    fo.refresh = "IncrementalPush"
    step = await failed(fo, tmp_path, [replace(VENDORS, write={})])

    assert step.code == "configuration"
    assert "full push" in step.hint.lower()
    assert not any(each.path.endswith("ExportToPackage") for each in fo.seen)


async def test_a_recipe_that_cannot_work_is_found(fo: DataManagement, tmp_path: Path) -> None:
    for change, said in (
        ({"delete": {"steps": [{"update": "Vendors V2", "where": {"X": "key"}, "set": {"Y": "name"}}]}}, "deletes nothing"),
        ({"update": {"steps": [{"update": "V", "where": {"X": "key.NAME"}, "set": {"Y": "name"}}]}}, "no field"),
        ({"create": {"steps": [{"create": "V", "values": {"Y": "name"}}]}}, "does not say which number"),
    ):  # fmt: skip
        spec = replace(VENDORS, write={"project": "p", **change})
        step = await failed(fo, tmp_path, [spec])
        assert step.name == "writes of vendors"
        assert said in step.detail
