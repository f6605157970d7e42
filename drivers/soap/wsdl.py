"""Pure: WSDL documents -> `Definitions`, by zeep, which asks nobody: it sees the documents that were fetched before.

zeep drops the values of enumerations, so those are read from the schemas beside it. It deserialises replies by the
position of their elements; nothing here uses that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urljoin

import zeep.exceptions
from lxml import etree
from zeep import Settings, xsd
from zeep.wsdl import Document
from zeep.wsdl.bindings.soap import SoapBinding

from drivers.contract import SourceChanged
from drivers.soap.model import Definitions, Kind, Member, Operation, Type
from drivers.soap.xml import XSD, BadXml, parsed

_MOST_DEPTH: Final = 12  # of restrictions upon restrictions
_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("decimal",), Kind.DECIMAL),
    **dict.fromkeys(("double", "float"), Kind.FLOAT),
    **dict.fromkeys(
        (
            "byte", "short", "int", "long", "integer", "unsignedByte", "unsignedShort", "unsignedInt",
            "nonNegativeInteger", "nonPositiveInteger", "positiveInteger", "negativeInteger",
        ),
        Kind.INTEGER,
    ),  # unsignedLong does not fit 64 bits with a sign, and stays a text
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "dateTime": Kind.TIMESTAMP,
    "time": Kind.TIME,
    "base64Binary": Kind.BINARY,
}  # fmt: skip


def imports_of(document: bytes, url: str, *, where: str) -> Iterator[str]:
    """The addresses of the documents that this one needs, resolved."""
    for element in _root(document, where).iter("{*}import", "{*}include"):
        location = element.get("location") or element.get("schemaLocation")
        if location:
            yield urljoin(url, location)


def read_definitions(documents: Mapping[str, bytes], root: str, *, where: str) -> Definitions:
    """`documents`: by address, with everything that `imports_of` them names. Raises SourceChanged."""
    enumerations = _enumerations(documents, where)
    try:
        document = Document(root, _Fetched(documents), settings=Settings(strict=False, forbid_dtd=True))
        found = _Reader(enumerations).definitions(document)
    except SourceChanged:
        raise
    except (zeep.exceptions.Error, etree.LxmlError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceChanged(
            f"the WSDL cannot be understood: {type(error).__name__}: {str(error)[:200]}",
            where=where,
            hint="Open the address in a browser: a logon page or an error page is no WSDL.",
        ) from error
    if found is None:
        raise SourceChanged(
            "the WSDL describes no service that speaks SOAP over HTTP",
            where=where,
            hint="For AX, add an inbound port with an HTTP adapter; net.tcp cannot be used from here.",
        )
    return found


class _Fetched:
    """zeep's transport, without a network."""

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self._documents = documents

    def load(self, url: str) -> bytes:
        if url not in self._documents:
            raise zeep.exceptions.TransportError(f"{url} was not fetched")
        return self._documents[url]


class _Reader:
    def __init__(self, enumerations: Mapping[str, tuple[str, ...]]) -> None:
        self._enumerations = enumerations
        self._types: dict[str, Type] = {}
        self._objects: dict[str, Any] = {}

    def definitions(self, document: Any) -> Definitions | None:
        for service in document.services.values():
            for port in service.ports.values():
                address = str(port.binding_options.get("address", ""))
                if not isinstance(port.binding, SoapBinding) or not address.lower().startswith("http"):
                    continue
                operations = {name: self._operation(each) for name, each in port.binding._operations.items()}  # noqa: SLF001 - zeep has no public list of them
                return Definitions(service.name, address, operations, self._types)
        return None

    def _operation(self, operation: Any) -> Operation:
        headers = getattr(operation.input, "header", None)
        held = headers.type.elements if headers is not None and hasattr(headers.type, "elements") else ()
        return Operation(
            name=operation.name,
            action=operation.soapaction or "",
            request=self._body(operation.input),
            reply=self._body(operation.output),
            headers=tuple(self._member(each) for _, each in held),
        )

    def _body(self, message: Any) -> Member | None:
        body = getattr(message, "body", None)
        return None if body is None or body.qname is None else self._member(body)

    def _member(self, element: Any) -> Member:
        name = etree.QName(element.qname if element.qname is not None else element.name)
        many = element.max_occurs == "unbounded" or int(element.max_occurs) > 1
        return Member(
            name=name.localname,
            namespace=name.namespace or "",
            type=self._type(element.type, name.text),
            required=int(element.min_occurs) > 0,
            many=many,
            nillable=bool(element.nillable),
        )

    def _type(self, found: Any, holder: str) -> str:
        """The key of a type; `holder`: the element that a type without a name is named for."""
        key = str(getattr(found, "qname", None) or holder)
        # A type without a name may be called after an element that has the name of another type.
        while self._objects.setdefault(key, found) is not found:
            key = f"{key}#"
        if key in self._types:
            return key
        if not isinstance(found, xsd.ComplexType):
            self._types[key] = self._plain(found, key)
            return key
        self._types[key] = Type(key)  # a type may hold itself
        members = tuple(self._member(each) for _, each in found.elements if isinstance(each, xsd.Element))
        attributes = tuple(
            etree.QName(each.qname or name).localname
            for name, each in found.attributes
            if isinstance(each, xsd.Attribute)
        )
        kind = Kind.TEXT if not members and _holds_text(found) else None
        self._types[key] = Type(_local(key), kind, members, attributes=attributes)
        return key

    def _plain(self, found: Any, key: str) -> Type:
        name = getattr(found, "qname", None)
        values = self._enumerations.get(str(name), ())
        for kind in type(found).__mro__[:_MOST_DEPTH]:
            builtin = getattr(kind, "_default_qname", None)
            local = etree.QName(builtin).localname if builtin is not None else ""
            if local in _KINDS:
                return Type(_local(key), _KINDS[local], values=values)
        return Type(_local(key), Kind.TEXT, values=values)


def _holds_text(found: Any) -> bool:
    """A type with attributes and nothing else in it but a text."""
    return any(name == "_value_1" for name, _ in found.elements)


def _enumerations(documents: Mapping[str, bytes], where: str) -> dict[str, tuple[str, ...]]:
    """The values of each named simple type, by its qualified name."""
    found = {}
    for document in documents.values():
        for schema in _root(document, where).iter(f"{{{XSD}}}schema"):
            space = schema.get("targetNamespace", "")
            for element in schema.findall(f"{{{XSD}}}simpleType"):
                values = tuple(each.get("value", "") for each in element.iter(f"{{{XSD}}}enumeration"))
                if values:
                    found[f"{{{space}}}{element.get('name')}"] = values
    return found


def _root(document: bytes, where: str) -> Any:
    try:
        return parsed(document)
    except BadXml as error:
        raise SourceChanged(
            f"the WSDL is no XML that can be read: {error}",
            where=where,
            hint="Open the address in a browser: a logon page or an error page is no WSDL.",
        ) from error


def _local(key: str) -> str:
    return key.partition("#")[0].rpartition("}")[2]
