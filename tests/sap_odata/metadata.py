"""A published $metadata document of SAP -> what the fake serves: sets, types, ways between them, function imports."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

EDMX = Path(__file__).resolve().parents[3] / "shared" / "erp" / "sap" / "edmx"
ABSENT = f"SAP's published metadata is not here: {EDMX}"
_SAP = "{http://www.sap.com/Protocols/SAPData}"
_M = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}"

# Where neither a constraint nor the names of the keys tell how two types belong together.
_JOINS = {
    ("A_PurchaseOrderItemType", "to_ScheduleLine"): (
        ("PurchaseOrder", "PurchasingDocument"),
        ("PurchaseOrderItem", "PurchasingDocumentItem"),
    ),
}


@dataclass(frozen=True)
class Property:
    name: str
    type: str
    length: int | None = None
    scale: int | None = None
    day: bool = False  # a V2 Edm.DateTime that is a date
    creatable: bool = True
    updatable: bool = True
    filterable: bool = True
    sortable: bool = True
    capitals: bool = False


@dataclass(frozen=True)
class Navigation:
    name: str
    target: str  # the entity type's short name
    many: bool
    join: tuple[tuple[str, str], ...] = ()  # (mine, theirs)


@dataclass
class EntityType:
    name: str
    key: tuple[str, ...] = ()
    properties: dict[str, Property] = field(default_factory=dict)
    navigations: dict[str, Navigation] = field(default_factory=dict)


@dataclass(frozen=True)
class EntitySet:
    name: str
    type: str
    creatable: bool = True
    updatable: bool = True
    deletable: bool = True
    addressable: bool = True


@dataclass(frozen=True)
class Routine:
    name: str
    method: str
    parameters: dict[str, str]
    returns: str


@dataclass
class Metadata:
    version: int
    namespace: str
    document: bytes
    types: dict[str, EntityType]
    sets: dict[str, EntitySet]
    routines: dict[str, Routine]
    quoted_dates: bool = False  # whether filters may write moments as texts

    def set_of(self, type_: str) -> str:
        return next(each.name for each in self.sets.values() if each.type == type_)

    def type_of(self, entity_set: str) -> EntityType:
        return self.types[self.sets[entity_set].type]


@cache
def load(file: str) -> Metadata:
    document = (EDMX / file).read_bytes()
    return parse(document)


def parse(document: bytes) -> Metadata:
    root = ET.fromstring(document)  # noqa: S314 - a file of our own choice
    version = 4 if root.get("Version", "").startswith("4") else 2
    schemas = [each for each in root.iter() if _local(each) == "Schema"]
    schema = next(each for each in schemas if any(_local(child) == "EntityType" for child in each))
    ends = dict(_ends(schemas))
    types = {}
    for element in schema:
        if _local(element) == "EntityType":
            type_ = _type(element, ends)
            types[type_.name] = type_
    for type_ in types.values():
        for name, navigation in type_.navigations.items():
            type_.navigations[name] = _joined(type_, navigation, types)
    container = next(each for each in root.iter() if _local(each) == "EntityContainer")
    return Metadata(
        version=version,
        namespace=schema.get("Namespace", ""),
        document=document,
        types=types,
        sets={each.name: each for each in _sets(container)},
        routines={each.name: each for each in _routines(container)},
    )


def _type(element: ET.Element, ends: dict[tuple[str, str], tuple[str, bool, dict[str, str]]]) -> EntityType:
    type_ = EntityType(element.get("Name", ""))
    for child in element:
        name = child.get("Name", "")
        if _local(child) == "Key":
            type_.key = tuple(each.get("Name", "") for each in child)
        elif _local(child) == "Property" and not child.get("Type", "").startswith("Collection("):
            type_.properties[name] = _property(child)
        elif _local(child) == "NavigationProperty":
            type_.navigations[name] = _navigation(child, ends)
    return type_


def _property(element: ET.Element) -> Property:
    length, scale = element.get("MaxLength", ""), element.get("Scale", "")
    return Property(
        name=element.get("Name", ""),
        type=element.get("Type", ""),
        length=int(length) if length.isdigit() else None,
        scale=int(scale) if scale.isdigit() else None,
        day=element.get(f"{_SAP}display-format") == "Date",
        creatable=element.get(f"{_SAP}creatable") != "false",
        updatable=element.get(f"{_SAP}updatable") != "false",
        filterable=element.get(f"{_SAP}filterable") != "false",
        sortable=element.get(f"{_SAP}sortable") != "false",
        capitals=element.get(f"{_SAP}display-format") == "UpperCase",
    )


def _navigation(
    element: ET.Element, ends: dict[tuple[str, str], tuple[str, bool, dict[str, str]]]
) -> Navigation:
    name = element.get("Name", "")
    kind = element.get("Type")
    if kind is not None:
        many = kind.startswith("Collection(")
        target = kind.removeprefix("Collection(").removesuffix(")").rpartition(".")[2]
        join = tuple(
            (each.get("Property", ""), each.get("ReferencedProperty", ""))
            for each in element
            if _local(each) == "ReferentialConstraint"
        )
        return Navigation(name, target, many, join)
    relation = element.get("Relationship", "").rpartition(".")[2]
    target, many, pairs = ends[relation, element.get("ToRole", "")]
    return Navigation(name, target, many, tuple(pairs.items()))


def _ends(schemas: list[ET.Element]) -> Iterator[tuple[tuple[str, str], tuple[str, bool, dict[str, str]]]]:
    """V2: (association, role) -> its type, whether many, and how the other end is joined to it."""
    for association in (child for schema in schemas for child in schema if _local(child) == "Association"):
        roles: dict[str, list[str]] = {}
        for constraint in (each for each in association if _local(each) == "ReferentialConstraint"):
            for side in constraint:
                roles[side.get("Role", "")] = [each.get("Name", "") for each in side]
        for end in (each for each in association if _local(each) == "End"):
            role = end.get("Role", "")
            others = next((names for other, names in roles.items() if other != role), [])
            yield (
                (association.get("Name", ""), role),
                (
                    end.get("Type", "").rpartition(".")[2],
                    end.get("Multiplicity") == "*",
                    dict(zip(others, roles.get(role, []), strict=False)),
                ),
            )


def _joined(type_: EntityType, navigation: Navigation, types: dict[str, EntityType]) -> Navigation:
    target = types[navigation.target]
    join = _JOINS.get((type_.name, navigation.name)) or navigation.join
    if not join:
        names = type_.key if navigation.many else target.key
        join = tuple((each, each) for each in names if each in target.properties and each in type_.properties)
    return Navigation(navigation.name, navigation.target, navigation.many, join)


def _sets(container: ET.Element) -> Iterator[EntitySet]:
    for element in container:
        if _local(element) == "EntitySet":
            allowed = {
                word: element.get(f"{_SAP}{word}") != "false"
                for word in ("creatable", "updatable", "deletable", "addressable")
            }
            yield EntitySet(
                element.get("Name", ""), element.get("EntityType", "").rpartition(".")[2], **allowed
            )


def _routines(container: ET.Element) -> Iterator[Routine]:
    for element in container:
        if _local(element) == "FunctionImport":
            yield Routine(
                element.get("Name", ""),
                element.get(f"{_M}HttpMethod", "GET"),
                {
                    each.get("Name", ""): each.get("Type", "")
                    for each in element
                    if _local(each) == "Parameter"
                },
                element.get("ReturnType", "").rpartition(".")[2],
            )


def _local(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]
