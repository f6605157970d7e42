"""What a document service of AX 2012 publishes: its documents as data, its WSDL and schemas as AX's ports print them.

The shape (wrapper elements, header, namespaces, order of fields, `class="entity"`) is that of published contracts of two
services that a site built; `tests/integration/test_ax_contract.py` holds one against the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import quoteattr

PAGING: Final = "http://schemas.microsoft.com/dynamics/2011/02/documents/DocumentPaging"
KEY: Final = "http://schemas.microsoft.com/dynamics/2006/02/documents/EntityKey"
KEY_LIST: Final = "http://schemas.microsoft.com/dynamics/2006/02/documents/EntityKeyList"
KEY_PAGE: Final = "http://schemas.microsoft.com/dynamics/2011/02/documents/EntityKeyPage"
CRITERIA: Final = "http://schemas.microsoft.com/dynamics/2006/02/documents/QueryCriteria"
CONTEXT: Final = "http://schemas.microsoft.com/dynamics/2010/01/datacontracts"
FAULT: Final = "http://schemas.microsoft.com/dynamics/2008/01/documents/Fault"
ARRAYS: Final = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
INFOLOG: Final = "http://schemas.datacontract.org/2004/07/Microsoft.Dynamics.AX.Framework.Services"
SHARED: Final = "http://schemas.microsoft.com/dynamics/2008/01/sharedtypes"
DOCUMENTS: Final = "http://schemas.microsoft.com/dynamics/2008/01/documents/"
ROUTING: Final = "http://schemas.microsoft.com/netfx/2009/05/routing"
SERVICES: Final = "http://schemas.microsoft.com/dynamics/2008/01/services"
OPERATIONS: Final = (
    "create",
    "update",
    "delete",
    "getChangedKeys",
    "getKeys",
    "read",
    "findKeys",
    "find",
)
_BASES: Final = {
    "text": "xs:string",
    "decimal": "xs:decimal",
    "int": "xs:int",
    "int64": "xs:long",
    "date": "xs:date",
    "time": "xs:time",
    "enum": "xs:string",
}


@dataclass(frozen=True)
class Field:
    name: str
    kind: str = "text"  # a key of _BASES, or "datetime"
    length: int = 0
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entity:
    name: str  # of the data source in the document's query, too
    fields: tuple[Field, ...]
    below: tuple[Entity, ...] = ()
    derived: str = ""  # the only type that such an entity can be, derived from its own

    def field(self, name: str) -> Field | None:
        return next((each for each in self.fields if each.name == name), None)

    def named(self, name: str) -> Entity | None:
        found = [self, *(each.named(name) for each in self.below)]
        return next((each for each in found if each is not None and each.name == name), None)


@dataclass(frozen=True)
class Contract:
    service: str  # its external name
    document: str
    entity: Entity
    key: tuple[str, ...]
    operations: tuple[str, ...] = OPERATIONS
    namespace: str = SERVICES

    @property
    def document_namespace(self) -> str:
        return DOCUMENTS + self.document

    def action(self, operation: str) -> str:
        return f"{self.namespace}/{self.service}/{operation}"


def entity(name: str, fields: str, *below: Entity) -> Entity:
    """`fields`: a text such as `AccountNum text 20; Blocked enum No,All; CreditMax decimal`."""
    found = [_field(each.split()) for each in fields.split(";") if each.strip()]
    system = [Field("RecId", "int64"), Field("RecVersion", "int")]
    return Entity(name, tuple(sorted([*found, *system], key=lambda each: each.name.lower())), below)


def _field(parts: list[str]) -> Field:
    name, kind, *rest = parts
    if kind == "enum":
        return Field(name, kind, values=tuple(rest[0].split(",")))
    return Field(name, kind, length=int(rest[0]) if rest else 0)


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def files(contracts: tuple[Contract, ...], address: str) -> dict[str, str]:
    """Every document of a port by the query of its URL: `wsdl`, `wsdl=wsdl0`, `xsd=xsd0` ..."""
    schemas = dict(_schemas(contracts))
    numbers = {namespace: f"xsd=xsd{number}" for number, namespace in enumerate(schemas)}
    found = {"wsdl": _port(contracts, address), "wsdl=wsdl1": _routing()}
    found["wsdl=wsdl0"] = _interface(contracts, address, numbers)
    for namespace, body in schemas.items():
        imports = "".join(
            f'<xs:import schemaLocation="{address}?{numbers[other]}" namespace="{other}"/>'
            for other in schemas
            if other != namespace and other in body
        )
        found[numbers[namespace]] = (
            f'<xs:schema xmlns:tns="{namespace}" xmlns:xs="http://www.w3.org/2001/XMLSchema"'
            f' elementFormDefault="qualified" targetNamespace="{namespace}">{imports}{body}</xs:schema>'
        )
    return found


def _schemas(contracts: tuple[Contract, ...]) -> Iterator[tuple[str, str]]:
    yield contracts[0].namespace, "".join(_wrappers(each) for each in contracts)
    yield CONTEXT, _CONTEXT
    yield FAULT, _FAULT
    yield ARRAYS, _ARRAYS
    yield INFOLOG, _INFOLOG
    yield PAGING, _PAGING
    yield KEY, _KEY
    yield KEY_LIST, _KEY_LIST
    yield KEY_PAGE, _KEY_PAGE
    yield CRITERIA, _CRITERIA
    for each in contracts:
        yield each.document_namespace, _document(each)
    yield SHARED, "".join(dict.fromkeys(_shared(contracts)))


def _wrappers(contract: Contract) -> str:
    document = _reference(contract.document_namespace, contract.document)
    keys, paging = _reference(KEY_LIST, "EntityKeyList"), _reference(PAGING, "DocumentPaging")
    page, criteria = _reference(KEY_PAGE, "EntityKeyPage"), _reference(CRITERIA, "QueryCriteria")
    since = '<xs:element minOccurs="0" name="_changedDateTime" type="xs:dateTime"/>'
    parts = {
        "create": (document, keys),
        "update": (keys + document, ""),
        "delete": (keys, ""),
        "getChangedKeys": (paging + since, page),
        "getKeys": (paging, page),
        "read": (keys, document),
        "findKeys": (criteria, keys),
        "find": (criteria, document),
    }
    return "".join(
        f'<xs:element name="{contract.service}{upper_first(operation)}{word}">'
        f"<xs:complexType><xs:sequence>{part}</xs:sequence></xs:complexType></xs:element>"
        for operation in contract.operations
        for word, part in zip(("Request", "Response"), parts[operation], strict=True)
    )


def _reference(namespace: str, name: str) -> str:
    return f'<xs:element xmlns:q="{namespace}" minOccurs="0" ref="q:{name}"/>'


def _document(contract: Contract) -> str:
    first = _optional("ClearNilFieldsOnUpdate", "AxdEnum_boolean")
    first += _optional("DocPurpose", "AxdEnum_XMLDocPurpose") + _optional("SenderId", "AxdExtType_DataAreaId")
    held = (
        f'<xs:element name="{contract.document}" type="tns:Axd{contract.document}"/>'
        f'<xs:complexType name="Axd{contract.document}"><xs:sequence>{first}{_many(contract.entity)}'
        "</xs:sequence></xs:complexType>"
    )
    return held + "".join(_entity(each, top=each is contract.entity) for each in _all(contract.entity))


def _all(entity_: Entity) -> Iterator[Entity]:
    yield entity_
    for each in entity_.below:
        yield from _all(each)


def _many(entity_: Entity) -> str:
    return (
        f'<xs:element minOccurs="0" maxOccurs="unbounded" name="{entity_.name}"'
        f' type="tns:AxdEntity_{entity_.name}"/>'
    )


def _optional(name: str, type_: str) -> str:
    return f'<xs:element xmlns:st="{SHARED}" minOccurs="0" name="{name}" nillable="true" type="st:{type_}"/>'


def _entity(entity_: Entity, *, top: bool) -> str:
    own = f"AxdEntity_{entity_.name}"
    abstract = ' abstract="true"' if entity_.derived else ""
    hash_ = '<xs:element minOccurs="0" name="_DocumentHash" nillable="true" type="xs:string"/>' if top else ""
    fields = "".join(_optional(each.name, _type_name(each)) for each in entity_.fields)
    below = "".join(_many(each) for each in entity_.below)
    return (
        f'<xs:complexType name="{own}"{abstract}><xs:sequence>{hash_}{fields}{below}</xs:sequence>'
        f'<xs:attribute fixed="entity" name="class" use="required"/>'
        f'<xs:attribute xmlns:st="{SHARED}" name="action" type="st:AxdEnum_AxdEntityAction"/></xs:complexType>'
        + (
            f'<xs:complexType name="{entity_.derived}"><xs:complexContent><xs:extension base="tns:{own}"/>'
            "</xs:complexContent></xs:complexType>"
            if entity_.derived
            else ""
        )
    )


def _type_name(field: Field) -> str:
    return f"AxdEnum_{field.name}" if field.kind == "enum" else f"AxdExtType_{field.kind}{field.length or ''}"


def _shared(contracts: tuple[Contract, ...]) -> Iterator[str]:
    yield _restricted("AxdEnum_boolean", "xs:string", ("false", "true"))
    yield _restricted("AxdEnum_XMLDocPurpose", "xs:string", ("Original", "Duplicate", "Proforma"))
    yield _restricted("AxdEnum_AxdEntityAction", "xs:string", ("create", "update", "replace", "delete"))
    yield _restricted("AxdExtType_DataAreaId", "xs:string", length=4)
    yield (
        '<xs:complexType name="AxdExtType_datetime"><xs:simpleContent><xs:extension base="xs:dateTime">'
        '<xs:attribute name="localDateTime" type="xs:dateTime"/><xs:attribute name="timezone" type="xs:string"/>'
        "</xs:extension></xs:simpleContent></xs:complexType>"
    )
    for contract in contracts:
        for each in _all(contract.entity):
            for field in each.fields:
                if field.kind != "datetime":
                    yield _restricted(_type_name(field), _BASES[field.kind], field.values, field.length)


def _restricted(name: str, base: str, values: tuple[str, ...] = (), length: int = 0) -> str:
    inside = "".join(f"<xs:enumeration value={quoteattr(each)}/>" for each in values)
    if length:
        inside += f'<xs:minLength value="0"/><xs:maxLength value="{length}"/>'
    return f'<xs:simpleType name="{name}"><xs:restriction base="{base}">{inside}</xs:restriction></xs:simpleType>'


def _port(contracts: tuple[Contract, ...], address: str) -> str:
    bindings = "".join(_binding(each) for each in contracts)
    ports = "".join(
        f'<wsdl:port name="BasicHttpBinding_{each.service}" binding="tns:BasicHttpBinding_{each.service}">'
        f'<soap:address location="{address}"/></wsdl:port>'
        for each in contracts
    )
    return (
        f'<wsdl:definitions xmlns:tns="http://tempuri.org/" xmlns:i0="{ROUTING}"'
        f' xmlns:i1="{contracts[0].namespace}" {_WSDL} name="RoutingService" targetNamespace="http://tempuri.org/">'
        f'<wsdl:import namespace="{ROUTING}" location="{address}?wsdl=wsdl1"/>'
        f'<wsdl:import namespace="{contracts[0].namespace}" location="{address}?wsdl=wsdl0"/><wsdl:types/>'
        '<wsdl:binding name="serviceEndpoint" type="i0:IRequestReplyRouter">'
        '<soap:binding transport="http://schemas.xmlsoap.org/soap/http"/></wsdl:binding>'
        f'{bindings}<wsdl:service name="RoutingService">'
        '<wsdl:port name="serviceEndpoint" binding="tns:serviceEndpoint">'
        f'<soap:address location="{address}"/></wsdl:port>{ports}</wsdl:service></wsdl:definitions>'
    )


def _binding(contract: Contract) -> str:
    def operation(name: str) -> str:
        message = f"{contract.service}{upper_first(name)}"
        return (
            f'<wsdl:operation name="{name}"><soap:operation soapAction="{contract.action(name)}" style="document"/>'
            f'<wsdl:input name="{message}Request"><soap:header message="i1:{message}Request_Headers"'
            ' part="context" use="literal"/><soap:body use="literal"/></wsdl:input>'
            f'<wsdl:output name="{message}Response"><soap:body use="literal"/></wsdl:output>'
            '<wsdl:fault name="AifFaultFault"><soap:fault use="literal" name="AifFaultFault" namespace=""/>'
            "</wsdl:fault></wsdl:operation>"
        )

    return (
        f'<wsdl:binding name="BasicHttpBinding_{contract.service}" type="i1:{contract.service}">'
        '<soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>'
        f"{''.join(operation(each) for each in contract.operations)}</wsdl:binding>"
    )


def _routing() -> str:
    return (
        f'<wsdl:definitions xmlns:tns="{ROUTING}" {_WSDL} targetNamespace="{ROUTING}"><wsdl:types/>'
        '<wsdl:portType name="IRequestReplyRouter"/></wsdl:definitions>'
    )


def _interface(contracts: tuple[Contract, ...], address: str, numbers: dict[str, str]) -> str:
    imports = "".join(
        f'<xsd:import schemaLocation="{address}?{number}" namespace="{namespace}"/>'
        for namespace, number in numbers.items()
    )
    namespace = contracts[0].namespace
    messages = "".join(_messages(each, operation) for each in contracts for operation in each.operations)
    types = "".join(
        f'<wsdl:portType name="{each.service}">'
        + "".join(_port_operation(each, operation) for operation in each.operations)
        + "</wsdl:portType>"
        for each in contracts
    )
    return (
        f'<wsdl:definitions xmlns:tns="{namespace}" {_WSDL} xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
        f' targetNamespace="{namespace}"><wsdl:types>'
        f'<xsd:schema targetNamespace="{namespace}/Imports">{imports}</xsd:schema></wsdl:types>'
        f"{messages}{types}</wsdl:definitions>"
    )


def _messages(contract: Contract, operation: str) -> str:
    name = f"{contract.service}{upper_first(operation)}"
    return (
        f'<wsdl:message name="{name}Request"><wsdl:part name="parameters" element="tns:{name}Request"/></wsdl:message>'
        f'<wsdl:message name="{name}Request_Headers"><wsdl:part xmlns:q="{CONTEXT}" name="context"'
        ' element="q:CallContext"/></wsdl:message>'
        f'<wsdl:message name="{name}Response"><wsdl:part name="parameters" element="tns:{name}Response"/>'
        f'</wsdl:message><wsdl:message name="{contract.service}_{operation}_AifFaultFault_FaultMessage">'
        f'<wsdl:part xmlns:q="{FAULT}" name="detail" element="q:AifFault"/></wsdl:message>'
    )


def _port_operation(contract: Contract, operation: str) -> str:
    name = f"{contract.service}{upper_first(operation)}"
    action = contract.action(operation)
    return (
        f'<wsdl:operation name="{operation}">'
        f'<wsdl:input wsaw:Action="{action}" name="{name}Request" message="tns:{name}Request"/>'
        f'<wsdl:output wsaw:Action="{action}Response" name="{name}Response" message="tns:{name}Response"/>'
        f'<wsdl:fault wsaw:Action="{action}AifFaultFault" name="AifFaultFault"'
        f' message="tns:{contract.service}_{operation}_AifFaultFault_FaultMessage"/></wsdl:operation>'
    )


_WSDL: Final = (
    'xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"'
    ' xmlns:wsaw="http://www.w3.org/2006/05/addressing/wsdl"'
)


def _record(name: str, members: str, *, nillable: bool = True) -> str:
    mark = ' nillable="true"' if nillable else ""
    return (
        f'<xs:complexType name="{name}"><xs:sequence>{members}</xs:sequence></xs:complexType>'
        f'<xs:element name="{name}"{mark} type="tns:{name}"/>'
    )


def _texts(*names: str) -> str:
    return "".join(
        f'<xs:element minOccurs="0" name="{name}" nillable="true" type="xs:string"/>' for name in names
    )


def _array(name: str) -> str:
    inside = (
        f'<xs:element minOccurs="0" maxOccurs="unbounded" name="{name}" nillable="true" type="tns:{name}"/>'
    )
    return _record(f"ArrayOf{name}", inside)


_CONTEXT: Final = _record(
    "CallContext",
    _texts("Company", "Language", "LogonAsUser", "MessageId", "PartitionKey")
    + f'<xs:element xmlns:q="{ARRAYS}" minOccurs="0" name="PropertyBag" nillable="true"'
    ' type="q:ArrayOfKeyValueOfstringstring"/>',
)
_ARRAYS: Final = _record(
    "ArrayOfKeyValueOfstringstring",
    '<xs:element minOccurs="0" maxOccurs="unbounded" name="KeyValueOfstringstring"><xs:complexType><xs:sequence>'
    '<xs:element name="Key" nillable="true" type="xs:string"/><xs:element name="Value" nillable="true" type="xs:string"/>'
    "</xs:sequence></xs:complexType></xs:element>",
)
_FAULT: Final = (
    _record(
        "AifFault",
        _texts("CustomDetailXml")
        + '<xs:element minOccurs="0" name="FaultMessageListArray" nillable="true" type="tns:ArrayOfFaultMessageList"/>'
        + f'<xs:element xmlns:q="{INFOLOG}" minOccurs="0" name="InfologMessageList" nillable="true"'
        ' type="q:ArrayOfInfologMessage"/>'
        + _texts("StackTrace")
        + '<xs:element minOccurs="0" name="XppExceptionType" type="xs:int"/>',
    )
    + _array("FaultMessageList")
    + _record(
        "FaultMessageList",
        _texts("Document", "DocumentOperation")
        + '<xs:element minOccurs="0" name="FaultMessageArray" nillable="true" type="tns:ArrayOfFaultMessage"/>'
        + _texts("Field", "Service", "ServiceOperation", "ServiceOperationParameter", "XPath")
        + _texts("XmlLine", "XmlPosition"),
    )
    + _array("FaultMessage")
    + _record("FaultMessage", _texts("Code", "Message"))
)
_INFOLOG: Final = (
    _array("InfologMessage")
    + _record(
        "InfologMessage",
        '<xs:element minOccurs="0" name="InfologMessageType" type="tns:InfologMessageType"/>'
        + _texts("Message"),
    )
    + _restricted("InfologMessageType", "xs:string", ("Info", "Warning", "Error"))
    + '<xs:element name="InfologMessageType" nillable="true" type="tns:InfologMessageType"/>'
)
_PAGING: Final = _record(
    "DocumentPaging", _texts("Bookmark") + '<xs:element name="PageSize" type="xs:int"/>', nillable=False
)
_KEY: Final = (
    '<xs:element name="EntityKey" type="tns:EntityKey"/><xs:complexType name="EntityKey"><xs:sequence>'
    '<xs:element name="KeyData" type="tns:KeyData"/></xs:sequence></xs:complexType>'
    '<xs:complexType name="KeyData"><xs:sequence><xs:element maxOccurs="unbounded" name="KeyField" type="tns:KeyField"/>'
    '</xs:sequence></xs:complexType><xs:complexType name="KeyField"><xs:sequence>'
    '<xs:element name="Field" type="xs:string"/><xs:element name="Value" type="xs:string"/></xs:sequence></xs:complexType>'
)
_KEY_LIST: Final = _record(
    "EntityKeyList",
    f'<xs:element xmlns:ek="{KEY}" minOccurs="0" maxOccurs="unbounded" ref="ek:EntityKey"/>',
    nillable=False,
)
_KEY_PAGE: Final = (
    _record(
        "EntityKeyPage",
        _reference(KEY_LIST, "EntityKeyList")
        + _reference(PAGING, "DocumentPaging")
        + '<xs:element name="PageStatus" type="tns:EntityKeyPageStatus"/>'
        '<xs:element name="PageStatusDetails" type="tns:EntityKeyPageStatusDetails"/>',
        nillable=False,
    )
    + _restricted("EntityKeyPageStatus", "xs:string", ("Success", "Failure"))
    + _restricted(
        "EntityKeyPageStatusDetails",
        "xs:string",
        ("None", "DocumentFiltersChanged", "ChangeTrackingDisabled", "ChangedDateTimeOutOfRange"),
    )
)
_CRITERIA: Final = (
    '<xs:element name="QueryCriteria" type="tns:QueryCriteria"/><xs:complexType name="QueryCriteria">'
    '<xs:sequence minOccurs="1" maxOccurs="unbounded"><xs:element name="CriteriaElement" type="tns:CriteriaElement"/>'
    '</xs:sequence></xs:complexType><xs:complexType name="CriteriaElement"><xs:sequence>'
    '<xs:element name="DataSourceName" type="xs:string"/><xs:element name="FieldName" type="xs:string"/>'
    '<xs:element name="Operator" type="tns:Operator"/><xs:element name="Value1" type="xs:string"/>'
    '<xs:element minOccurs="0" name="Value2" type="xs:string"/></xs:sequence></xs:complexType>'
) + _restricted(
    "Operator",
    "xs:string",
    ("Equal", "NotEqual", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Range"),
)
