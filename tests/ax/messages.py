"""SOAP messages of the tests' AX: requests taken apart, replies and faults put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from tests.ax.contract import (
    FAULT,
    INFOLOG,
    KEY,
    KEY_LIST,
    KEY_PAGE,
    PAGING,
    Contract,
    Entity,
    upper_first,
)
from tests.ax.queries import Criterion, KeyPage
from tests.ax.system import AifFault, Context, Document, KeyValues, Record

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


@dataclass
class Asked:
    keys: list[KeyValues] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    criteria: list[Criterion] = field(default_factory=list)
    page_size: int = 0
    bookmark: str = ""
    since: str = ""


def opened(body: bytes) -> tuple[Context, Any]:
    root = etree.fromstring(body)
    found = root.find("{*}Header/{*}CallContext")
    texts = {etree.QName(each).localname: each.text or "" for each in found} if found is not None else {}
    context = Context(
        texts.get("Company", ""),
        texts.get("PartitionKey", ""),
        texts.get("Language", ""),
        texts.get("MessageId", ""),
    )
    (request,) = root.find("{*}Body")
    return context, etree.ElementTree(request)


def asked(request: Any, contract: Contract) -> Asked:
    root = request.getroot()
    found = Asked()
    for key in root.iterfind("{*}EntityKeyList/{*}EntityKey"):
        parts = {
            each.findtext("{*}Field"): each.findtext("{*}Value") or "" for each in key.iter("{*}KeyField")
        }
        found.keys.append(tuple(parts[name] for name in contract.key))
    for each in root.iterfind(f"{{*}}{contract.document}/{{*}}{contract.entity.name}"):
        found.records.append(_record(each, contract.entity))
    for each in root.iter("{*}CriteriaElement"):
        texts = {etree.QName(part).localname: part.text or "" for part in each}
        found.criteria.append(
            Criterion(
                texts["DataSourceName"],
                texts["FieldName"],
                texts["Operator"],
                texts["Value1"],
                texts.get("Value2", ""),
            )
        )
    found.page_size = int(root.findtext("{*}DocumentPaging/{*}PageSize") or 0)
    found.bookmark = root.findtext("{*}DocumentPaging/{*}Bookmark") or ""
    found.since = root.findtext("{*}_changedDateTime") or ""
    return found


def _record(element: Any, entity: Entity) -> Record:
    below = {each.name: each for each in entity.below}
    record: Record = {name: value for name, value in element.attrib.items() if not name.startswith("{")}
    for each in element:
        name = etree.QName(each).localname
        if name in below:
            record.setdefault(name, []).append(_record(each, below[name]))
        else:
            record[name] = None if each.get(_NIL) == "true" else each.text or ""
    return record


def response(contract: Contract, operation: str, inside: str) -> bytes:
    name = f"{contract.service}{upper_first(operation)}Response"
    return _enveloped(f'<{name} xmlns="{contract.namespace}">{inside}</{name}>')


def _enveloped(inside: str) -> bytes:
    return (
        f'<s:Envelope xmlns:s="{_ENVELOPE}"><s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"{inside}</s:Body></s:Envelope>"
    ).encode()


def key_list(contract: Contract, keys: list[KeyValues]) -> str:
    inside = "".join(
        f'<EntityKey xmlns="{KEY}"><KeyData>'
        + "".join(
            f"<KeyField><Field>{name}</Field><Value>{escape(part)}</Value></KeyField>"
            for name, part in zip(contract.key, key, strict=True)
        )
        + "</KeyData></EntityKey>"
        for key in keys
    )
    return f'<EntityKeyList xmlns="{KEY_LIST}">{inside}</EntityKeyList>'


def key_page(contract: Contract, page: KeyPage, size: int) -> str:
    keys = key_list(contract, page.keys)
    bookmark = f"<Bookmark>{page.bookmark}</Bookmark>" if page.bookmark else '<Bookmark xsi:nil="true"/>'
    return (
        f'<EntityKeyPage xmlns="{KEY_PAGE}">{keys}<DocumentPaging xmlns="{PAGING}">{bookmark}'
        f"<PageSize>{size}</PageSize></DocumentPaging><PageStatus>{page.status}</PageStatus>"
        f"<PageStatusDetails>{page.details}</PageStatusDetails></EntityKeyPage>"
    )


def document(contract: Contract, found: list[Document]) -> str:
    inside = "".join(_entity(contract.entity, each.record, each.hash()) for each in found)
    return (
        f'<{contract.document} xmlns="{contract.document_namespace}"><DocPurpose>Original</DocPurpose>'
        f"<SenderId>ceu</SenderId>{inside}</{contract.document}>"
    )


def _entity(entity: Entity, record: Record, hash_: str = "") -> str:
    fields = "".join(f"<{each.name}>{escape(str(record[each.name]))}</{each.name}>" for each in entity.fields)
    below = "".join(_entity(each, line) for each in entity.below for line in record[each.name])
    told = f"<_DocumentHash>{hash_}</_DocumentHash>" if hash_ else ""
    kind = f' xsi:type="{entity.derived}"' if entity.derived else ""
    return f'<{entity.name}{kind} class="entity">{told}{fields}{below}</{entity.name}>'


def aif_fault(fault: AifFault, contract: Contract, operation: str) -> bytes:
    """As a port that includes exceptions in faults prints it."""
    infolog = "".join(
        f'<InfologMessage xmlns="{INFOLOG}"><InfologMessageType>Error</InfologMessageType>'
        f"<Message>{escape(each)}</Message></InfologMessage>"
        for each in fault.infolog
    )
    field_name = f"<Field>{fault.field_name}</Field>" if fault.field_name else '<Field xsi:nil="true"/>'
    detail = (
        f'<AifFault xmlns="{FAULT}"><CustomDetailXml xsi:nil="true"/><FaultMessageListArray><FaultMessageList>'
        f"<Document>{contract.document}</Document><DocumentOperation>{operation}</DocumentOperation>"
        f"<FaultMessageArray><FaultMessage><Code>{fault.code}</Code><Message>{escape(fault.text)}</Message>"
        f"</FaultMessage></FaultMessageArray>{field_name}<Service>{contract.service}</Service>"
        f"</FaultMessageList></FaultMessageListArray><InfologMessageList>{infolog}</InfologMessageList>"
        "<XppExceptionType>3</XppExceptionType></AifFault>"
    )
    return _enveloped(
        "<s:Fault><faultcode>s:Client</faultcode>"
        '<faultstring xml:lang="en-US">Request Failed. See the Exception Log for details.</faultstring>'
        f"<detail>{detail}</detail></s:Fault>"
    )


def wcf_fault(code: str, text: str) -> bytes:
    return _enveloped(
        '<s:Fault xmlns:a="http://schemas.microsoft.com/ws/2005/05/addressing/none">'
        f"<faultcode>{code}</faultcode><faultstring>{escape(text)}</faultstring></s:Fault>"
    )
