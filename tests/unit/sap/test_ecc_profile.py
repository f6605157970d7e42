"""Every SAP name in the profile `sap-ecc`, held against field lists and parameters that were taken from real systems."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.mapping.compile import compile_mapping
from agent.model.entities import ENTITIES
from agent.systems import profile
from tests.sap.ecc import EccSystem

PAGE = Path(__file__).parents[3] / "docs" / "systems" / "sap-ecc.md"
ECC = profile("sap-ecc")["streams"]
# No list of these was at hand: their names come from documentation, as the page says.
UNPROVEN_TABLES = {
    "ADR6", "AFIH", "AFRU", "CDHDR", "CRHD", "EQKT", "EQUI", "EQUZ", "IFLOT", "IFLOTX", "ILOA", "JCDS", "LFM1", "T001K",
}  # fmt: skip
UNPROVEN_FUNCTIONS = {"BAPI_GOODSMVT_CREATE"}
_CDHDR = {"OBJECTCLAS", "OBJECTID", "UDATE", "UTIME"}


def tables(read: Mapping[str, Any]) -> Iterator[tuple[str, set[str]]]:
    """Each table that a stream names, with the columns that it names of it."""
    yield read["table"], {*columns(read), *read.get("where", {}), *listed(read.get("replication_key", ()))}
    for lines in read.get("lines", {}).values():
        yield lines["table"], {*columns(lines), *lines["parent"], *lines.get("where", {})}
    for holder in (read, *read.get("lines", {}).values()):
        for lookup in holder.get("lookups", {}).values():
            yield lookup["table"], {*columns(lookup), *lookup["on"], *lookup.get("where", {})}
    for changed in read.get("changes", {}).get("tables", {}).values():
        via = changed.get("via")
        own = {*listed(changed["replication_key"]), *changed.get("where", {})}
        yield changed["table"], own | ({*via["on"].values()} if via else {*changed["parent"]})
        if via:
            yield via["table"], {*via["on"], *changed["parent"]}
    if "documents" in read.get("changes", {}):
        yield "CDHDR", _CDHDR


def columns(holder: Mapping[str, Any]) -> set[str]:
    found = holder.get("columns", ())
    return set(found.values() if isinstance(found, Mapping) else found)


def listed(names: Any) -> set[str]:
    return {names} if isinstance(names, str) else set(names)


def given(holder: Mapping[str, Any]) -> set[str]:
    """Names that a mapping may use of a header's or a line's row."""
    looked_up = {column for lookup in holder.get("lookups", {}).values() for column in lookup["columns"]}
    return set(holder.get("columns", ())) | looked_up


def finds(stream: Mapping[str, Any]) -> Iterator[tuple[str, set[str]]]:
    """The tables and columns by which a lost write is found again."""
    for each in stream.get("write", {}).values():
        if isinstance(each, Mapping) and "find" in each:
            yield each["find"]["table"], {each["find"]["column"], *each["find"].get("key", ())}


@cache
def captured(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    functions: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    for path in sorted(folder.glob("*/parameters.yaml")):
        functions |= yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    for path in sorted(folder.glob("*/fields.yaml")):
        for name, members in yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader).items():
            fields.setdefault(name, {}).update(members)
    # Of the header itself only the number was captured; its structure of flags has the same names.
    fields["BAPIMEPOHEADER"] = fields["BAPIMEPOHEADERX"]
    return functions, fields


def calls() -> Iterator[Mapping[str, Any]]:
    for stream in ECC.values():
        for operation in ("create", "update", "set_status"):
            yield from stream.get("write", {}).get(operation, {}).get("calls", ())


def test_every_column_that_is_read_is_one_of_its_table(shared_dir: Path) -> None:
    folder = shared_dir / "erp" / "sap" / "tables" / "ecc"
    proven: set[str] = set()
    for stream in ECC.values():
        for table, names in (*tables(stream["read"]), *finds(stream)):
            if table in UNPROVEN_TABLES:
                continue
            listing = yaml.load(
                (folder / f"{table.lower()}.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
            )
            assert names <= {field["name"].upper() for field in listing["fields"]}, table
            proven.add(table)
    assert len(proven) >= 20


@pytest.mark.parametrize("name", ECC)
def test_every_column_of_a_mapping_is_one_that_is_read(name: str) -> None:
    read = ECC[name]["read"]
    mapping = compile_mapping(ECC[name]["map"], entity=ECC[name]["entity"], where=name)
    known = given(read) | {
        f"{lines}.{column}" for lines, each in read.get("lines", {}).items() for column in given(each)
    }

    assert mapping.source_columns <= known | set(read.get("lines", {}))


def test_every_parameter_and_field_of_a_recipe_is_one_of_its_function(shared_dir: Path) -> None:
    functions, fields = captured(shared_dir / "erp" / "sap" / "bapi")
    proven: set[str] = set()
    for call in calls():
        if call["function"] in UNPROVEN_FUNCTIONS:
            continue
        parameters = functions[call["function"]]
        for name in call.get("values", {}):
            assert parameters[name]["PARAMCLASS"] == "I"
        for name, values in call.get("structures", {}).items():
            assert values.keys() <= fields[parameters[name]["TABNAME"]].keys(), name
        for name, table in call.get("tables", {}).items():
            assert parameters[name]["PARAMCLASS"] == "T"
            for row in (table.get("values", {}), *table.get("rows", ())):
                assert row.keys() <= fields[parameters[name]["TABNAME"]].keys(), name
            if "x" in table:
                flags = fields[parameters[table["x"]]["TABNAME"]]
                assert table["values"].keys() <= flags.keys(), table["x"]
        for structure, flags in call.get("x", {}).items():
            assert call["structures"][structure].keys() <= fields[parameters[flags]["TABNAME"]].keys()
        assert call.get("test_run", "RETURN") in parameters
        assert {each.partition(".")[0] for each in call.get("returns", {}).values()} <= parameters.keys()
        proven.add(call["function"])
    assert proven == {"BAPI_PO_CREATE1", "BAPI_PO_CHANGE", "BAPI_ALM_ORDER_MAINTAIN", "BAPI_EQUI_CHANGE"}


@pytest.mark.parametrize("name", ECC)
def test_nothing_is_read_that_no_field_is_made_of(name: str) -> None:
    """The list of authorisations names every table of the profile."""
    read = ECC[name]["read"]
    used = compile_mapping(ECC[name]["map"], entity=ECC[name]["entity"], where=name).source_columns

    for lines, table in read.get("lines", {}).items():
        assert any(column.startswith(f"{lines}.") for column in used), lines
        for lookup in table.get("lookups", {}).values():
            needed = {f"{lines}.{column}" for column in lookup["columns"]}
            chained = {ours for other in table["lookups"].values() for ours in other["on"].values()}
            assert needed & used or set(lookup["columns"]) & chained


def test_all_five_entities_are_read() -> None:
    assert {each["entity"] for each in ECC.values()} == set(ENTITIES)


def test_the_statuses_of_a_mapping_are_those_of_the_model() -> None:
    for stream in ECC.values():
        known = ENTITIES[stream["entity"]].statuses
        for status in statuses(stream["map"]) if known else ():
            assert status in known


def statuses(table: Any) -> Iterator[str]:
    """What each `status` of a mapping, and of the mappings of its lines, can become."""
    if not isinstance(table, typing.Mapping):
        return
    for name, value in table.items():
        if name == "status":
            yield from value["values"].values()
        else:
            yield from statuses(value)


def test_the_fake_system_has_no_column_that_a_table_has_not(shared_dir: Path) -> None:
    folder = shared_dir / "erp" / "sap" / "tables" / "ecc"
    system = EccSystem()
    for definition in system.dictionary.values():
        path = folder / f"{definition.name.lower()}.yaml"
        if definition.is_table and path.is_file():
            listing = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
            assert set(definition.names) <= {field["name"].upper() for field in listing["fields"]}, (
                definition.name
            )
    system.close()


def test_the_page_says_of_each_table_and_function_whether_it_was_proven() -> None:
    text = PAGE.read_text(encoding="utf-8")
    proven, _, rest = text.partition("**Against captured shapes**")[2].partition("**Against a system")
    documented = rest.partition("**From documentation alone**")[2]
    read = {table for stream in ECC.values() for table, _ in (*tables(stream["read"]), *finds(stream))}
    called = {call["function"] for call in calls()}

    for name in read | called:
        where = documented if name in UNPROVEN_TABLES | UNPROVEN_FUNCTIONS else proven
        assert re.search(rf"\b{name}\b", where), name
    assert read >= UNPROVEN_TABLES
