"""Pure: a document service of a port, from its WSDL: operations, actions, the document and its entities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drivers.contract import BadConfiguration, SourceChanged
from drivers.recipe_tables import nearest
from drivers.soap.documents.schemas import XSD, Entity, Schemas, Unreadable

WSDL: Final = "{http://schemas.xmlsoap.org/wsdl/}"
SOAP11: Final = "{http://schemas.xmlsoap.org/wsdl/soap/}"
SOAP12: Final = "{http://schemas.xmlsoap.org/wsdl/soap12/}"
_ACTION: Final = "{http://www.w3.org/2006/05/addressing/wsdl}Action"
KEY_LIST: Final = "EntityKeyList"
READ: Final = "read"
FIND: Final = "find"
FIND_KEYS: Final = "findKeys"
GET_KEYS: Final = "getKeys"
GET_CHANGED_KEYS: Final = "getChangedKeys"
CREATE: Final = "create"
UPDATE: Final = "update"
DELETE: Final = "delete"
# The answer or the question of these has the document in it.
_HOLDS_DOCUMENT: Final = ((READ, "output"), (FIND, "output"), (CREATE, "input"), (UPDATE, "input"))


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    action: str
    request: tuple[str, str]  # the wrapper's namespace and name


@dataclass(frozen=True, slots=True)
class Contract:
    service: str
    operations: Mapping[str, Operation]
    document: tuple[str, str]  # its element's namespace and name
    members: tuple[str, ...]  # of the document, in their order
    entity: Entity

    def need(self, operation: str, where: str) -> Operation:
        """Raises BadConfiguration for an operation that the port does not expose."""
        found = self.operations.get(operation)
        if found is None:
            raise BadConfiguration(
                f"the port does not expose the operation {operation} of {self.service}",
                where=where,
                hint="Ask the AX administrator to add it to the inbound port (Service operations) and to activate it again."
                f" Exposed: {', '.join(sorted(self.operations)) or 'none'}.",
            )
        return found


def contract_of(documents: list[Any], service: str, where: str) -> Contract:
    """`documents`: the root elements of the port's WSDL and of everything that it imports.

    Raises SourceChanged or BadConfiguration.
    """
    ports = {name: each for name, each in _port_types(documents) if len(each)}
    if service not in ports:
        raise SourceChanged(
            f"the port has no service {service!r}",
            where=f"{where}.service",
            hint=nearest(service, ports) + " The name is the service's external name, as the WSDL has it.",
        )
    _refuse_other_bindings(documents, service, where)
    messages = _messages(documents)
    actions = dict(_actions(documents, service))
    schemas = Schemas([*_schema_roots(documents)])
    operations: dict[str, Operation] = {}
    wrappers: dict[tuple[str, str], tuple[str, str]] = {}
    for each in ports[service].iterfind(f"{WSDL}operation"):
        name = each.get("name", "")
        for side in ("input", "output"):
            found = each.find(f"{WSDL}{side}")
            if found is not None:
                wrappers[name, side] = messages.get(_local(found.get("message", "")), ("", ""))
        given = each.find(f"{WSDL}input")
        action = (given.get(_ACTION) if given is not None else None) or actions.get(name, "")
        operations[name] = Operation(name, action, wrappers.get((name, "input"), ("", "")))
    try:
        document = _document(schemas, wrappers)
        members, entities = schemas.document(document)
    except Unreadable as error:
        raise SourceChanged(
            f"{service} is not described as a document service: {error}",
            where=f"{where}.service",
            hint="Name a document service: one with create, read, find and the like.",
        ) from None
    if not entities:
        raise SourceChanged(f"the document {document[1]} has no records", where=f"{where}.service")
    return Contract(service, operations, document, members, entities[0])


def imported(document: Any) -> Iterator[str]:
    """The places of what a WSDL or a schema imports."""
    for tag, name in (
        (f"{WSDL}import", "location"),
        (f"{XSD}import", "schemaLocation"),
        (f"{XSD}include", "schemaLocation"),
    ):
        for each in document.iter(tag):
            if each.get(name):
                yield each.get(name)


def _port_types(documents: list[Any]) -> Iterator[tuple[str, Any]]:
    for document in documents:
        for each in document.iterfind(f"{WSDL}portType"):
            yield each.get("name", ""), each


def _messages(documents: list[Any]) -> dict[str, tuple[str, str]]:
    """The wrapper element of each message."""
    found: dict[str, tuple[str, str]] = {}
    for document in documents:
        for message in document.iterfind(f"{WSDL}message"):
            for part in message.iterfind(f"{WSDL}part"):
                prefix, _, name = part.get("element", "").rpartition(":")
                found[message.get("name", "")] = (part.nsmap.get(prefix or None, ""), name)
    return found


def _actions(documents: list[Any], service: str) -> Iterator[tuple[str, str]]:
    for binding in _bindings(documents, service):
        for each in binding.iterfind(f"{WSDL}operation"):
            spoken = each.find(f"{SOAP11}operation")
            if spoken is not None:
                yield each.get("name", ""), spoken.get("soapAction", "")


def _bindings(documents: list[Any], service: str) -> Iterator[Any]:
    for document in documents:
        for binding in document.iterfind(f"{WSDL}binding"):
            if _local(binding.get("type", "")) == service:
                yield binding


def _refuse_other_bindings(documents: list[Any], service: str, where: str) -> None:
    bindings = list(_bindings(documents, service))
    if bindings and not any(each.find(f"{SOAP11}binding") is not None for each in bindings):
        raise BadConfiguration(
            f"the port speaks another SOAP to {service} than 1.1 over HTTP",
            where=f"{where}.port",
            hint="Ask the AX administrator for an HTTP port with basicHttpBinding (Adapter: HTTP, Configure).",
        )


def _schema_roots(documents: list[Any]) -> Iterator[Any]:
    for document in documents:
        yield from document.iter(f"{XSD}schema")


def _document(schemas: Schemas, wrappers: Mapping[tuple[str, str], tuple[str, str]]) -> tuple[str, str]:
    for place in _HOLDS_DOCUMENT:
        if place in wrappers:
            for each in schemas.wrapped(wrappers[place]):
                if each[1] != KEY_LIST:
                    return each
    raise Unreadable("no operation has a document")


def _local(written: str) -> str:
    return written.rpartition(":")[2]
