"""A profile's stream, read through driver and mapping from tables of its system in MariaDB, whose results have the names
that a query writes, as SQL Server's and Oracle's have.
"""

from __future__ import annotations

from typing import Any

from agent.mapping.compile import CompiledMapping, compile_mapping
from agent.model.render import to_documents
from drivers.contract import Driver, ReadMode, ReadRequest, StreamSpec


def mapping_of(table: dict[str, Any], name: str) -> CompiledMapping:
    return compile_mapping(table["map"], entity=table["entity"], where=name)


def spec_of(table: dict[str, Any], name: str) -> StreamSpec:
    """As the agent asks: no more columns than the mapping uses."""
    columns = tuple(sorted(mapping_of(table, name).source_columns))
    return StreamSpec(name, table["entity"], table["read"], columns, table.get("write", {}))


async def documents(
    driver: Driver, table: dict[str, Any], name: str, request: ReadRequest | None = None
) -> dict[str, dict[str, Any]]:
    """By key; a record that the mapping rejects, or a code that it does not know, fails the test."""
    mapping = mapping_of(table, name)
    found: dict[str, dict[str, Any]] = {}
    async for page in driver.read(request or ReadRequest(spec_of(table, name), ReadMode.SCAN, page_rows=2)):
        mapped = mapping.apply(page.table)
        assert mapped.rejects == ()
        assert not mapped.unknown_statuses
        for each in to_documents(mapped.records, range(mapped.records.num_rows), entity=table["entity"]):
            found[each["key"]] = each
    return found


async def keys(driver: Driver, table: dict[str, Any], name: str) -> list[str]:
    request = ReadRequest(spec_of(table, name), ReadMode.KEYS, page_rows=2)
    return [key async for page in driver.read(request) for key in page.table.column("__key").to_pylist()]
