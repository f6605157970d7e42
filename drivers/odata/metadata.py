"""Pure: a service's $metadata document -> its model.

Read by local names, so that the many namespaces that the versions of EDMX and EDM use make no difference. Documents
with a DOCTYPE, entities or references to elsewhere are refused by the parser; `edmx:Reference` is never followed.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from typing import Final

import defusedxml.ElementTree as DefusedTree
from defusedxml import DefusedXmlException

from drivers.contract import SourceChanged
from drivers.digits import natural
from drivers.odata.edm import (
    KINDS,
    EntitySet,
    Kind,
    Model,
    Navigation,
    Parameter,
    Property,
    Routine,
    StructuredType,
)
from drivers.xml_bounds import refuse_long_tags_and_depth

_SAP: Final = "{http://www.sap.com/Protocols/SAPData}"
_METHOD: Final = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}HttpMethod"
_NESTING: Final = 64  # of elements; annotations are the deepest, and need ten
_DEPTH: Final = 20  # of base types; a deeper chain is a circle
_CAPABILITIES: Final = {
    "InsertRestrictions": "Insertable",
    "UpdateRestrictions": "Updatable",
    "DeleteRestrictions": "Deletable",
}


def read_model(document: bytes, *, where: str) -> Model:
    """Raises SourceChanged for what is no metadata."""
    try:
        refuse_long_tags_and_depth(document, deepest=_NESTING)
        root = DefusedTree.fromstring(document, forbid_dtd=True)
    except (ET.ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise SourceChanged(
            f"$metadata cannot be read: {type(error).__name__}",
            where=where,
            hint="See that the service's root is right: a logon page or an error page is no metadata.",
        ) from error
    schemas = [element for element in root.iter() if _local(element) == "Schema"]
    if _local(root) != "Edmx" or not schemas:
        raise SourceChanged(
            f"$metadata is a document <{_local(root)}> without a schema",
            where=where,
            hint="See that the service's root is right.",
        )
    version = 4 if root.get("Version", "").startswith("4") else 2
    return _Reader(version, schemas).model()


class _Reader:
    def __init__(self, version: int, schemas: list[ET.Element]) -> None:
        self._version = version
        self._schemas = schemas
        self._aliases = {
            schema.get("Alias", ""): schema.get("Namespace", "") for schema in schemas if schema.get("Alias")
        }
        self._elements = {
            f"{schema.get('Namespace', '')}.{element.get('Name', '')}": element
            for schema in schemas
            for element in schema
            if _local(element) in {"EntityType", "ComplexType", "EnumType", "TypeDefinition"}
        }
        self._ends = dict(self._association_ends())

    def model(self) -> Model:
        types = {
            name: self._type(name)
            for name, element in self._elements.items()
            if _local(element) in {"EntityType", "ComplexType"}
        }
        sets = {}
        restricted = self._restrictions()
        for element in self._contained("EntitySet"):
            found = self._set(element, restricted)
            if found.type in types:
                sets[found.name] = found
        enums = {name for name, element in self._elements.items() if _local(element) == "EnumType"}
        return Model(self._version, types, sets, dict(self._routines()), frozenset(enums))

    # --- types

    def _type(self, name: str) -> StructuredType:
        key: tuple[str, ...] = ()
        properties: dict[str, Property] = {}
        navigations: dict[str, Navigation] = {}
        for element in self._lineage(name):
            for child in element:
                match _local(child):
                    case "Key":
                        key = tuple(each.get("Name", "") for each in child if _local(each) == "PropertyRef")
                    case "Property":
                        properties[child.get("Name", "")] = self._property(child)
                    case "NavigationProperty":
                        navigations[child.get("Name", "")] = self._navigation(child)
        return StructuredType(name, key, properties, navigations)

    def _lineage(self, name: str) -> list[ET.Element]:
        """The type's element behind those of its base types, the most general first."""
        found: list[ET.Element] = []
        while name in self._elements and len(found) < _DEPTH:
            found.insert(0, self._elements[name])
            name = self._full(found[0].get("BaseType", ""))
        return found

    def _property(self, element: ET.Element) -> Property:
        type_, collection = _uncollected(element.get("Type", ""))
        type_ = self._full(type_)
        declared = self._elements.get(type_)
        if declared is not None and _local(declared) == "TypeDefinition":
            type_ = declared.get("UnderlyingType", "Edm.String")
            declared = None
        return Property(
            name=element.get("Name", ""),
            type=type_,
            kind=_kind(type_, declared),
            nullable=element.get("Nullable", "true") == "true",
            collection=collection,
            complex=declared is not None and _local(declared) == "ComplexType",
            max_length=natural(element.get("MaxLength", "")),
            precision=natural(element.get("Precision", "")),
            scale=natural(element.get("Scale", "")),
            date_only=type_ == "Edm.DateTime" and element.get(f"{_SAP}display-format") == "Date",
            creatable=_says(element, "creatable"),
            updatable=_says(element, "updatable"),
            filterable=_says(element, "filterable"),
            sortable=_says(element, "sortable"),
        )

    def _navigation(self, element: ET.Element) -> Navigation:
        name = element.get("Name", "")
        if self._version == 4:  # noqa: PLR2004 - OData's version
            target, many = _uncollected(element.get("Type", ""))
            return Navigation(name, self._full(target), many)
        end = (self._full(element.get("Relationship", "")), element.get("ToRole", ""))
        target, multiplicity = self._ends.get(end, ("", ""))
        return Navigation(name, target, multiplicity == "*")

    def _association_ends(self) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
        """V2 only: (association, role) -> (entity type, multiplicity)."""
        for schema in self._schemas:
            for association in schema:
                if _local(association) != "Association":
                    continue
                name = f"{schema.get('Namespace', '')}.{association.get('Name', '')}"
                for end in association:
                    if _local(end) == "End":
                        held = self._full(end.get("Type", "")), end.get("Multiplicity", "")
                        yield (name, end.get("Role", "")), held

    # --- what a container holds

    def _set(self, element: ET.Element, restricted: Mapping[tuple[str, str], bool]) -> EntitySet:
        name = element.get("Name", "")
        return EntitySet(
            name=name,
            type=self._full(element.get("EntityType", "")),
            creatable=_says(element, "creatable") and restricted.get((name, "Insertable"), True),
            updatable=_says(element, "updatable") and restricted.get((name, "Updatable"), True),
            deletable=_says(element, "deletable") and restricted.get((name, "Deletable"), True),
            addressable=_says(element, "addressable"),
        )

    def _restrictions(self) -> dict[tuple[str, str], bool]:
        """V4 only: (entity set, Insertable | Updatable | Deletable) -> what Org.OData.Capabilities says."""
        found: dict[tuple[str, str], bool] = {}
        for schema in self._schemas:
            for group in (each for each in schema if _local(each) == "Annotations"):
                _, _, name = group.get("Target", "").rpartition("/")
                found |= _capabilities(group, name)
            for container in (each for each in schema if _local(each) == "EntityContainer"):
                for element in container:
                    found |= _capabilities(element, element.get("Name", ""))
        return found

    def _routines(self) -> Iterator[tuple[str, Routine]]:
        if self._version == 2:  # noqa: PLR2004 - OData's version
            for element in self._contained("FunctionImport"):
                name = element.get("Name", "")
                parameters = tuple(self._parameters(element))
                yield name, Routine(name, element.get(_METHOD, "GET"), parameters)
            return
        for schema in self._schemas:
            for element in schema:
                if _local(element) not in {"Action", "Function"}:
                    continue
                name = element.get("Name", "")
                parameters = tuple(self._parameters(element))
                bound_to = parameters[0].type if element.get("IsBound") == "true" and parameters else None
                # Many types may have an action of the same name.
                yield (
                    f"{bound_to}/{name}" if bound_to else name,
                    Routine(
                        name,
                        "POST" if _local(element) == "Action" else "GET",
                        parameters[1:] if bound_to else parameters,
                        bound_to=bound_to,
                    ),
                )

    def _parameters(self, element: ET.Element) -> Iterator[Parameter]:
        for child in element:
            if _local(child) == "Parameter" and child.get("Mode", "In") == "In":
                type_ = self._full(_uncollected(child.get("Type", ""))[0])
                kind = _kind(type_, self._elements.get(type_))
                yield Parameter(child.get("Name", ""), type_, kind, child.get("Nullable", "true") == "true")

    def _contained(self, tag: str) -> Iterator[ET.Element]:
        for schema in self._schemas:
            for container in schema:
                if _local(container) == "EntityContainer":
                    yield from (element for element in container if _local(element) == tag)

    def _full(self, name: str) -> str:
        """The name with its namespace, where it was written with an alias."""
        space, _, last = name.rpartition(".")
        return f"{self._aliases[space]}.{last}" if space in self._aliases else name


def _capabilities(element: ET.Element, name: str) -> dict[tuple[str, str], bool]:
    found = {}
    for annotation in element:
        term = annotation.get("Term", "").rpartition(".")[2]
        wanted = _CAPABILITIES.get(term)
        if _local(annotation) != "Annotation" or wanted is None:
            continue
        for value in annotation.iter():
            if _local(value) == "PropertyValue" and value.get("Property") == wanted:
                said = value.get("Bool") or "".join(value.itertext()).strip() or "true"
                found[name, wanted] = said != "false"
    return found


def _kind(type_: str, declared: ET.Element | None) -> Kind:
    if declared is not None and _local(declared) == "EnumType":
        return Kind.ENUM
    return KINDS.get(type_, Kind.OTHER)


def _uncollected(type_: str) -> tuple[str, bool]:
    if type_.startswith("Collection(") and type_.endswith(")"):
        return type_[len("Collection(") : -1], True
    return type_, False


def _says(element: ET.Element, word: str) -> bool:
    """What SAP's annotation allows; nothing said is allowed."""
    return element.get(f"{_SAP}{word}") != "false"


def _local(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]
