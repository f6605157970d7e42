"""WSDLs of pages in the shape of captured ones, for pages of which none was captured, and the captured ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

CAPTURED = Path(__file__).resolve().parents[3] / "shared" / "erp" / "dynamics" / "nav"


def captured(page: str) -> bytes:
    path = CAPTURED / f"{page}.wsdl"
    if not path.is_file():
        pytest.skip(f"the captured WSDL {path} is not at hand")
    return path.read_bytes()


@dataclass(frozen=True)
class PageDefinition:
    name: str
    fields: Mapping[str, str | Sequence[str]]  # name: XML type without prefix, or the values of an option
    primary: Sequence[str]
    parts: Mapping[str, tuple[str, Mapping[str, str | Sequence[str]]]] = field(default_factory=dict)
    read_only: bool = False


def page_wsdl(page: PageDefinition) -> str:
    space = f"urn:microsoft-dynamics-schemas/page/{page.name.lower()}"
    options = {
        name: values
        for fields in (page.fields, *(held for _, held in page.parts.values()))
        for name, values in fields.items()
        if not isinstance(values, str)
    }
    types = "".join(_simple(name, values) for name, values in options.items())
    for line, fields in page.parts.values():
        types += _complex(line, _members(fields)) + _listed(line)
    parts = "".join(_element(part, f"tns:{line}_List") for part, (line, _) in page.parts.items())
    types += _complex(page.name, _members(page.fields) + parts) + _listed(page.name)
    types += _simple(f"{page.name}_Fields", list(page.fields))
    types += _complex(
        f"{page.name}_Filter",
        _element("Field", f"tns:{page.name}_Fields", 1) + _element("Criteria", "xsd:string", 1),
    )
    operations = _operations(page)
    types += "".join(
        _called(name, asked) + _called(f"{name}_Result", told) for name, (asked, told) in operations.items()
    )
    return _document(page.name, space, types, list(operations), f"Page/{page.name}")


def codeunit_wsdl(name: str, functions: Mapping[str, Sequence[str]]) -> str:
    space = f"urn:microsoft-dynamics-schemas/codeunit/{name}"
    types = "".join(
        _called(function, "".join(_element(each, "xsd:string", 1) for each in parameters))
        + _called(f"{function}_Result", "")
        for function, parameters in functions.items()
    )
    return _document(name, space, types, list(functions), f"Codeunit/{name}")


def system_wsdl() -> str:
    space = "urn:microsoft-dynamics-schemas/nav/system/"
    many = '<xsd:element minOccurs="0" maxOccurs="unbounded" name="return_value" type="xsd:string"/>'
    types = _called("Companies", "") + _called("Companies_Result", many)
    return _document("SystemService", space, types, ["Companies"], "SystemService")


def _operations(page: PageDefinition) -> dict[str, tuple[str, str]]:
    entity = _element(page.name, f"tns:{page.name}")
    needed = _element(page.name, f"tns:{page.name}", 1)
    listed = _element(f"{page.name}_List", f"tns:{page.name}_List", 1)
    key = _element("Key", "xsd:string", 1)
    asked = (
        f'<xsd:element minOccurs="1" maxOccurs="unbounded" name="filter" type="tns:{page.name}_Filter"/>'
        + _element("bookmarkKey", "xsd:string")
        + _element("setSize", "xsd:int", 1)
    )
    primary = "".join(_element(name, "xsd:string", 1) for name in page.primary)
    found = {
        "Read": (primary, entity),
        "ReadByRecId": (_element("recId", "xsd:string", 1), entity),
        "ReadMultiple": (asked, _element("ReadMultiple_Result", f"tns:{page.name}_List")),
        "IsUpdated": (key, _element("IsUpdated_Result", "xsd:boolean", 1)),
        "GetRecIdFromKey": (key, _element("GetRecIdFromKey_Result", "xsd:string", 1)),
    }
    if page.read_only:
        return found
    found |= {
        "Create": (needed, needed),
        "CreateMultiple": (listed, listed),
        "Update": (needed, needed),
        "UpdateMultiple": (listed, listed),
        "Delete": (key, _element("Delete_Result", "xsd:boolean", 1)),
    }
    for part in page.parts:
        name = f"Delete_{part}"
        found[name] = (
            _element(f"{part}_Key", "xsd:string", 1),
            _element(f"{name}_Result", "xsd:boolean", 1),
        )
    return found


def _members(fields: Mapping[str, str | Sequence[str]]) -> str:
    named = {name: f"xsd:{kind}" if isinstance(kind, str) else f"tns:{name}" for name, kind in fields.items()}
    return _element("Key", "xsd:string") + "".join(_element(name, kind) for name, kind in named.items())


def _element(name: str, kind: str, least: int = 0) -> str:
    return f'<xsd:element minOccurs="{least}" maxOccurs="1" name="{name}" type="{kind}"/>'


def _simple(name: str, values: Sequence[str]) -> str:
    inner = "".join(f"<xsd:enumeration value={quoteattr(each)}/>" for each in values)
    return f'<xsd:simpleType name="{name}"><xsd:restriction base="xsd:string">{inner}</xsd:restriction></xsd:simpleType>'


def _complex(name: str, members: str) -> str:
    return f'<xsd:complexType name="{name}"><xsd:sequence>{members}</xsd:sequence></xsd:complexType>'


def _listed(name: str) -> str:
    return _complex(
        f"{name}_List",
        f'<xsd:element minOccurs="1" maxOccurs="unbounded" name="{name}" type="tns:{name}"/>',
    )


def _called(name: str, members: str) -> str:
    inner = f"<xsd:complexType><xsd:sequence>{members}</xsd:sequence></xsd:complexType>"
    return f'<xsd:element name="{name}">{inner}</xsd:element>'


def _document(name: str, space: str, types: str, operations: Sequence[str], path: str) -> str:
    soap = "http://schemas.xmlsoap.org/wsdl/soap/"
    messages = "".join(
        f'<message name="{each}"><part name="parameters" element="tns:{each}"/></message>'
        for operation in operations
        for each in (operation, f"{operation}_Result")
    )
    port = "".join(
        f'<operation name="{each}"><input name="{each}" message="tns:{each}"/>'
        f'<output name="{each}_Result" message="tns:{each}_Result"/></operation>'
        for each in operations
    )
    body = f'<body use="literal" xmlns="{soap}"/>'
    bound = "".join(
        f'<operation name="{each}"><operation soapAction="{space}:{each}" style="document" xmlns="{soap}"/>'
        f'<input name="{each}">{body}</input><output name="{each}_Result">{body}</output></operation>'
        for each in operations
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><definitions xmlns:tns="{space}" targetNamespace="{space}" '
        f'xmlns="http://schemas.xmlsoap.org/wsdl/"><types><xsd:schema elementFormDefault="qualified" '
        f'targetNamespace="{space}" xmlns:xsd="http://www.w3.org/2001/XMLSchema">{types}</xsd:schema></types>'
        f'{messages}<portType name="{name}_Port">{port}</portType><binding name="{name}_Binding" type="tns:{name}_Port">'
        f'<binding transport="http://schemas.xmlsoap.org/soap/http" xmlns="{soap}"/>{bound}</binding>'
        f'<service name="{name}_Service"><port name="{name}_Port" binding="tns:{name}_Binding">'
        f'<address location="http://localhost:7047/DynamicsNAV100/WS/CRONUS/{path}" xmlns="{soap}"/></port></service>'
        "</definitions>"
    )
