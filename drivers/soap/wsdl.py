"""Pure: WSDL documents -> `Definitions`, by zeep, which asks nobody: it sees the documents that were fetched before.

zeep drops the values of enumerations and the lengths of texts, so those are read from the schemas beside it. It
deserialises replies by the position of their elements; nothing here uses that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin

import zeep.exceptions
from lxml import etree
from zeep import Settings, xsd
from zeep.wsdl import Document
from zeep.wsdl.bindings.soap import SoapBinding

from drivers.contract import SourceChanged
from drivers.digits import natural
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
            try:
                yield urljoin(url, location)
            except ValueError as error:
                raise SourceChanged(
                    f"the WSDL imports what is no address: {location[:100]}", where=where
                ) from error


def read_definitions(
    documents: Mapping[str, bytes], root: str, *, where: str, interface: str = ""
) -> Definitions:
    """`documents`: by address, with everything that `imports_of` them names. Raises SourceChanged.

    `interface`: the port type that is wanted, where the WSDL describes several; without it the first with operations.
    """
    try:
        restrictions = _restrictions(documents, where)
        document = Document(root, _Fetched(documents), settings=Settings(strict=False, forbid_dtd=True))
        found = _Reader(restrictions).definitions(document, interface)
    except SourceChanged:
        raise
    except _FAILURES as error:
        raise SourceChanged(
            f"the WSDL cannot be understood: {type(error).__name__}: {str(error)[:200]}",
            where=where,
            hint="Open the address in a browser: a logon page or an error page is no WSDL.",
        ) from error
    if found is None:
        raise SourceChanged(
            f"the WSDL describes no service {interface or 'with operations'} that speaks SOAP 1.1 over HTTP",
            where=where,
            hint="For AX, add an inbound port with an HTTP adapter; net.tcp cannot be used from here.",
        )
    return found


# Of zeep, which takes a description to be sound.
_FAILURES: Final = (
    zeep.exceptions.Error, etree.LxmlError, ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError,
)  # fmt: skip


class _Fetched:
    """zeep's transport, without a network."""

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self._documents = documents

    def load(self, url: str) -> bytes:
        if url not in self._documents:
            raise zeep.exceptions.TransportError(f"{url} was not fetched")
        return self._documents[url]


class _Reader:
    def __init__(self, restrictions: Mapping[str, _Restriction]) -> None:
        self._restrictions = restrictions
        self._types: dict[str, Type] = {}
        self._objects: dict[str, Any] = {}

    def definitions(self, document: Any, interface: str) -> Definitions | None:
        for service in document.services.values():
            for port in service.ports.values():
                address = str(port.binding_options.get("address", ""))
                if not isinstance(port.binding, SoapBinding) or not address.lower().startswith("http"):
                    continue
                name = port.binding.port_type.name.localname
                found = port.binding._operations  # noqa: SLF001 - zeep has no public list of them
                # AX puts a port type without operations before those of its services.
                if not found or interface not in {"", name}:
                    continue
                operations = {each: self._operation(operation) for each, operation in found.items()}
                return Definitions(interface or service.name, address, operations, self._types)
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
        held = _text_of(found)
        members = tuple(
            self._member(each)
            for _, each in found.elements
            if isinstance(each, xsd.Element) and each.type is not held
        )
        attributes = tuple(
            etree.QName(each.qname or name).localname
            for name, each in found.attributes
            if isinstance(each, xsd.Attribute)
        )
        kind = None if members or held is None else self._plain(held, key).kind
        self._types[key] = Type(_local(key), kind, members, attributes=attributes)
        return key

    def _plain(self, found: Any, key: str) -> Type:
        name = getattr(found, "qname", None)
        told = self._restrictions.get(str(name), _FREE)
        for kind in type(found).__mro__[:_MOST_DEPTH]:
            builtin = getattr(kind, "_default_qname", None)
            local = etree.QName(builtin).localname if builtin is not None else ""
            if local in _KINDS:
                return Type(_local(key), _KINDS[local], values=told.values, max_length=told.max_length)
        return Type(_local(key), Kind.TEXT, values=told.values, max_length=told.max_length)


def _text_of(found: Any) -> Any:
    """The type of what a type with attributes and nothing else in it holds."""
    held = dict(found.elements).get("_value_1")
    return held.type if isinstance(held, xsd.Element) and not isinstance(held.type, xsd.ComplexType) else None


@dataclass(frozen=True, slots=True)
class _Restriction:
    values: tuple[str, ...] = ()
    max_length: int | None = None


_FREE: Final = _Restriction()


def _restrictions(documents: Mapping[str, bytes], where: str) -> dict[str, _Restriction]:
    """What each named simple type says of its values, by its qualified name."""
    found = {}
    for document in documents.values():
        for schema in _root(document, where).iter(f"{{{XSD}}}schema"):
            space = schema.get("targetNamespace", "")
            for element in schema.findall(f"{{{XSD}}}simpleType"):
                values = tuple(each.get("value", "") for each in element.iter(f"{{{XSD}}}enumeration"))
                longest = next((each.get("value", "") for each in element.iter(f"{{{XSD}}}maxLength")), "")
                length = natural(longest)
                if values or length is not None:
                    found[f"{{{space}}}{element.get('name')}"] = _Restriction(values, length)
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
