"""Pure: the interface of a function module from the WSDL that SAP writes for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from drivers.rfc.abap import Direction, Field, Interface, Parameter
from drivers.rfc.soap_text import abap_name, element_name
from drivers.rfc.xml_text import Element, parse

# XML Schema's types as the dictionary's; a restriction says more.
_TYPES: Final[Mapping[str, str]] = {
    "int": "INT4",
    "integer": "INT4",
    "short": "INT2",
    "unsignedByte": "INT1",
    "long": "INT8",
    "decimal": "DEC",
    "double": "FLTP",
    "float": "FLTP",
    "date": "DATS",
    "time": "TIMS",
    "base64Binary": "RAW",
    "hexBinary": "RAW",
    "string": "CHAR",
}
_DATE_PATTERN: Final = r"\d\d\d\d-\d\d-\d\d"
_TIME_PATTERN: Final = r"\d\d:\d\d:\d\d"


def interface_of(function: str, document: bytes) -> Interface:
    """Raises BadXml, and ValueError where the document describes something else."""
    root = parse(document)
    types = {
        each.attributes.get("name", ""): each for each in root.all("complexType") + root.all("simpleType")
    }
    elements = {
        each.attributes["name"]: each
        for schema in root.all("schema")
        for each in schema.children
        if each.name == "element" and "name" in each.attributes
    }
    name = element_name(function)
    asked = elements.get(name)
    answered = elements.get(f"{name}.Response") or elements.get(f"{name}Response")
    if asked is None or answered is None:
        raise ValueError(f"the document does not describe {function}")
    inputs = dict(_members(asked, types))
    outputs = dict(_members(answered, types))
    return Interface(function, tuple(_parameters(inputs, outputs, types)))


def _parameters(
    inputs: Mapping[str, Element], outputs: Mapping[str, Element], types: Mapping[str, Element]
) -> Iterator[Parameter]:
    for name in [*inputs, *(name for name in outputs if name not in inputs)]:
        element = inputs.get(name) or outputs[name]
        fields, structure, is_table = _structure(element, types)
        direction = Direction.IMPORT if name not in outputs else Direction.EXPORT
        if name in inputs and name in outputs:
            direction = Direction.TABLES if is_table else Direction.CHANGING
        yield Parameter(
            name=abap_name(name),
            direction=direction,
            structure=abap_name(structure) if fields else "",
            field=None if fields else _field(element, types),
            optional=element.attributes.get("minOccurs") == "0" or name not in inputs,
            fields=fields,
        )


def _structure(element: Element, types: Mapping[str, Element]) -> tuple[tuple[Field, ...], str, bool]:
    """Fields, the type's name where it has one, and whether it is a table."""
    members = dict(_members(element, types))
    is_table = list(members) == ["item"]
    holder = members["item"] if is_table else element
    fields = tuple(_field(each, types) for each in dict(_members(holder, types)).values())
    return fields, _local(holder.attributes.get("type", "")), is_table


def _members(element: Element, types: Mapping[str, Element]) -> Iterator[tuple[str, Element]]:
    """The elements inside an element's complex type, named or on the spot."""
    kind = element if element.name == "complexType" else element.first("complexType")
    if kind is None:
        kind = types.get(_local(element.attributes.get("type", "")))
    if kind is None or kind.name != "complexType":
        return
    for holder in ("all", "sequence"):
        for group in kind.children:
            if group.name == holder:
                yield from (
                    (each.attributes["name"], each)
                    for each in group.children
                    if each.name == "element" and "name" in each.attributes
                )


def _field(element: Element, types: Mapping[str, Element]) -> Field:
    kind = element.first("simpleType") or types.get(_local(element.attributes.get("type", "")))
    base = _local(element.attributes.get("type", "string"))
    facets: dict[str, str] = {}
    for _ in range(4):  # a type made of a type made of a type
        if kind is None or kind.name != "simpleType":
            break
        restriction = kind.first("restriction")
        if restriction is None:
            break
        facets = {each.name: each.attributes.get("value", "") for each in restriction.children} | facets
        base = _local(restriction.attributes.get("base", "string"))
        kind = types.get(base)
    pattern = facets.get("pattern", "")
    datatype = _TYPES.get(base, "CHAR")
    if datatype == "CHAR":
        datatype = {_DATE_PATTERN: "DATS", _TIME_PATTERN: "TIMS", r"\d*": "NUMC", r"\d+": "NUMC"}.get(
            pattern, "CHAR"
        )
    digits = facets.get("totalDigits") or facets.get("maxLength") or facets.get("length") or "0"
    return Field(
        name=abap_name(element.attributes.get("name", "")),
        datatype=datatype,
        length=int(digits),
        decimals=int(facets.get("fractionDigits", "0")),
    )


def _local(name: str) -> str:
    return name.rpartition(":")[2]
