"""The shipped profiles over the fakes: each stream with its mapping, and a driver as a connection file would make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.mapping.compile import CompiledMapping, compile_mapping
from agent.model.render import to_documents
from agent.systems import profile
from drivers.contract import Mark, ReadMode, ReadRequest, StreamSpec
from drivers.odata.driver import ODataDriver
from tests.canaries import canary
from tests.sap_odata.gateway import Gateway
from tests.sap_odata.service_layer import ServiceLayer


@dataclass(frozen=True)
class Stream:
    spec: StreamSpec
    mapping: CompiledMapping


def streams(system: str) -> dict[str, Stream]:
    found = {}
    for name, table in profile(system)["streams"].items():
        mapping = compile_mapping(table["map"], entity=table["entity"], where=name)
        spec = StreamSpec(
            name,
            table["entity"],
            table["read"],
            tuple(sorted(mapping.source_columns)),
            table.get("write", {}),
        )
        found[name] = Stream(spec, mapping)
    return found


def s4hana(gateway: Gateway, **options: Any) -> ODataDriver:
    given = {
        **profile("sap-s4hana")["options"],
        "url": f"{gateway.url}/sap/opu",
        "query": {"sap-client": "100"},
        "auth": {"kind": "basic", "user": "GROUNDWIRE"},
        **options,
    }
    return ODataDriver("erp", given, {"password": canary("-1"), "client_secret": canary("-2")})


def business_one(server: ServiceLayer) -> ODataDriver:
    options = profile("sap-business-one")["options"]
    body = {"CompanyDB": "SBODEMO", "UserName": "manager", "Password": {"secret": "password"}}
    given = {**options, "url": f"{server.url}/b1s/v2", "auth": {**options["auth"], "body": body}}
    return ODataDriver("erp", given, {"password": canary("-3")})


async def documents(
    driver: ODataDriver, stream: Stream, *, since: Mark | None = None, page_rows: int = 7
) -> list[Mapping[str, Any]]:
    """Every record, mapped; a record that the mapping rejects is a failure of the test."""
    mode = ReadMode.SCAN if since is None else ReadMode.CHANGES
    request = ReadRequest(stream.spec, mode, start=since, page_rows=page_rows)
    if since is not None:
        request = ReadRequest(
            stream.spec, mode, start=since, end=await driver.signpost(stream.spec), page_rows=page_rows
        )
    found: list[Mapping[str, Any]] = []
    async for page in driver.read(request):
        mapped = stream.mapping.apply(page.table)
        assert [(reject.field, reject.message) for reject in mapped.rejects] == []
        assert mapped.unknown_statuses == 0
        rows = range(mapped.records.num_rows)
        found += to_documents(mapped.records, rows, entity=stream.spec.entity)
    return found


async def keys(driver: ODataDriver, stream: Stream) -> set[str]:
    request = ReadRequest(stream.spec, ReadMode.KEYS)
    return {key async for page in driver.read(request) for key in page.table.column("__key").to_pylist()}
