"""Every name of SAP that the shipped profiles use, held against SAP's published metadata (S/4HANA) or against the models
that an independent client has made of Service Layer's metadata (Business One).
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from b1sl.b1sl.models._generated import complex_types
from b1sl.b1sl.models._generated.entities import businesspartners, general, inventory, production

from agent.model.entities import ENTITIES
from agent.systems import profile
from tests.sap_odata import metadata as published
from tests.sap_odata.company import FILES, V4_FILE, published_here
from tests.sap_odata.connections import streams
from tests.sap_odata.metadata import ABSENT, EntityType, Metadata, load

SYSTEMS = ("sap-s4hana", "sap-business-one")
ALSO = {
    "API_BUSINESS_PARTNER": "API_BUSINESS_PARTNER.v2.edmx",
    "API_MAINTENANCEORDER": "API_MAINTENANCEORDER.v2.alt.edmx",
}
B1_SETS = {
    "PurchaseOrders": general.Document,
    "Items": inventory.Item,
    "BusinessPartners": businesspartners.BusinessPartner,
    "ProductionOrders": production.ProductionOrder,
}
S4 = profile("sap-s4hana")["streams"]
B1 = profile("sap-business-one")["streams"]


def models(path: str) -> list[Metadata]:
    """The service's metadata; of some there are two releases."""
    if not published_here():
        pytest.skip(ABSENT)
    name = path.rpartition("/")[2]
    if path.startswith("odata4/"):
        return [load(V4_FILE)]
    files = [FILES[name]] + ([ALSO[name]] if name in ALSO and (published.EDMX / ALSO[name]).is_file() else [])
    return [load(file) for file in files]


def walked(model: Metadata, type_: EntityType, path: str) -> EntityType:
    for step in path.split("/"):
        assert step in type_.navigations, f"{type_.name} has no {step}"
        type_ = model.types[type_.navigations[step].target]
    return type_


def line_types(model: Metadata, read: Mapping[str, Any]) -> dict[str, EntityType]:
    header = model.type_of(read["entity_set"])
    found = {}
    for name, lines in read.get("lines", {}).items():
        if "expand" in lines:
            found[name] = walked(model, header, lines["expand"])
            continue
        other = models(lines["service"])[0] if "service" in lines else model
        found[name] = other.type_of(lines["entity_set"])
        assert set(lines["parent"]) <= found[name].properties.keys()
    return found


@pytest.mark.parametrize("name", S4)
def test_every_column_of_a_mapping_is_a_property_that_the_service_has(name):
    read = S4[name]["read"]
    for model in models(read["service"]):
        header, lines = model.type_of(read["entity_set"]), line_types(model, read)
        for column in streams("sap-s4hana")[name].mapping.source_columns - lines.keys():
            set_name, dot, rest = column.partition(".")
            type_ = lines[set_name] if dot else header
            *way, last = (rest if dot else column).split("/")
            type_ = walked(model, type_, "/".join(way)) if way else type_
            assert last in type_.properties, f"{type_.name} has no {last}"


@pytest.mark.parametrize("name", S4)
def test_what_a_stream_is_read_by_can_be_compared_and_ordered(name):
    read = S4[name]["read"]
    for model in models(read["service"]):
        type_ = model.type_of(read["entity_set"])
        key = tuple(read.get("key", type_.key))
        ordering = [*key, *([read["replication_key"]] if "replication_key" in read else [])]
        assert all(type_.properties[each].filterable and type_.properties[each].sortable for each in ordering)
        plain = re.sub(r"\w*'[^']*'", " ", read.get("filter", ""))
        compared = set(re.findall(r"\w+", plain)) - {"eq", "ne", "and", "or"}
        assert all(type_.properties[each].filterable for each in compared)


@pytest.mark.parametrize("name", [name for name, stream in S4.items() if "write" in stream])
def test_what_a_recipe_writes_is_there_and_may_be_written(name):
    stream = S4[name]
    for model in models(stream["read"]["service"]):
        for kind, step in steps(stream["write"]):
            check_step(model, kind, step)
        for operation in ("create", "update"):
            find = stream["write"].get(operation, {}).get("find", "")
            header = model.type_of(stream["read"]["entity_set"])
            assert all(header.properties[each].filterable for each in re.findall(r"(\w+) eq", find))


def steps(write: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind in ("create", "update", "set_status", "delete"):
        for step in write.get(kind, {}).get("steps", ()):
            yield kind, step


def check_step(model: Metadata, kind: str, step: Mapping[str, Any]) -> None:
    if "call" in step:
        routine = model.routines[step["call"]]
        assert kind == "set_status"
        assert routine.method == "POST"
        assert step["values"].keys() <= routine.parameters.keys()
        return
    set_ = model.sets[step.get("create") or step["update"]]
    type_ = model.types[set_.type]
    if "create" in step:
        assert set_.creatable
        assert all(type_.properties[each].creatable for each in step["values"])
        check_lines(model, type_, step)
        return
    assert set_.updatable
    assert tuple(step["where"]) == type_.key
    assert all(type_.properties[each].updatable for each in step["set"])


def check_lines(model: Metadata, type_: EntityType, table: Mapping[str, Any]) -> None:
    for navigation, lines in table.get("lines", {}).items():
        below = walked(model, type_, navigation)
        assert all(below.properties[each].creatable for each in lines["values"])
        check_lines(model, below, lines)


# --- Business One


def aliases(model: Any) -> dict[str, Any]:
    return {field.alias: field.annotation for field in model.model_fields.values()}


def of_lines(model: Any, name: str) -> dict[str, Any]:
    """The fields of a collection's entries."""
    words = re.findall(r"\w+", str(aliases(model)[name]))
    return aliases(
        next(
            getattr(complex_types, word) for word in words if hasattr(complex_types, word) and word != "list"
        )
    )


@pytest.mark.parametrize("name", B1)
def test_every_column_of_a_business_one_mapping_is_one_that_service_layer_has(name):
    read = B1[name]["read"]
    model = B1_SETS[read["entity_set"]]
    lines = {each: of_lines(model, table["expand"]) for each, table in read.get("lines", {}).items()}
    for column in streams("sap-business-one")[name].mapping.source_columns - lines.keys():
        set_name, dot, rest = column.partition(".")
        assert (rest if dot else column) in (lines[set_name] if dot else aliases(model))
    for each, table in read.get("lines", {}).items():
        assert set(table.get("order_by", ())) <= lines[each].keys()
    if "replication_key" in read:
        assert read["replication_key"] in aliases(model)


@pytest.mark.parametrize("name", [name for name, stream in B1.items() if "write" in stream])
def test_what_a_business_one_recipe_writes_is_there(name):
    for _, step in steps(B1[name]["write"]):
        model = B1_SETS[step.get("create") or step.get("update") or step["on"]]
        written = {**step.get("values", {}), **step.get("set", {}), **step.get("where", {})}
        assert written.keys() <= aliases(model).keys()
        for collection, lines in step.get("lines", {}).items():
            assert lines["values"].keys() <= of_lines(model, collection).keys()


# --- both


@pytest.mark.parametrize("system", SYSTEMS)
def test_all_five_entities_are_read(system):
    enabled = {each["entity"] for each in profile(system)["streams"].values() if each.get("enabled", True)}

    assert enabled == set(ENTITIES)


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_statuses_of_a_mapping_are_those_of_the_model(system):
    for stream in profile(system)["streams"].values():
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
