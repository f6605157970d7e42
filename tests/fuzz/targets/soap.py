"""What a SOAP service answers: replies, faults and WSDLs of NAV and AX, and those of classic SOAP-RFC."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from drivers.contract import DriverError
from drivers.rfc.caller import CallFailed
from drivers.rfc.soap_text import reply
from drivers.rfc.wsdl import interface_of
from drivers.rfc.xml_text import BadXml as BadRfcXml
from drivers.soap.columns import Column, Lines, arrays, line_array, texts_of, unknown_tags
from drivers.soap.faults import fault_of
from drivers.soap.model import Kind
from drivers.soap.wsdl import read_definitions
from drivers.soap.xml import BadXml, parsed
from tests.unit.drivers.soap.wsdls import OTHER, ROOT

ENVELOPE = b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>%s</s:Body></s:Envelope>'
URL = "http://erp/WS/things"
ZONE = ZoneInfo("Europe/Berlin")
NAMESPACE = "urn:things"
COLUMNS = tuple(Column(kind.name, (f"{{{NAMESPACE}}}{kind.name}",), kind) for kind in Kind)
LINES = Lines("lines", (f"{{{NAMESPACE}}}Lines", f"{{{NAMESPACE}}}Line"), COLUMNS)
RFC_WSDL = b"""<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:x="http://www.w3.org/2001/XMLSchema">
<w:types><x:schema><x:simpleType name="char10"><x:restriction base="x:string"><x:maxLength value="10"/></x:restriction>
</x:simpleType><x:complexType name="ROW"><x:sequence><x:element name="A" type="char10"/></x:sequence></x:complexType>
<x:element name="F"><x:complexType><x:all><x:element name="I" type="char10" minOccurs="0"/></x:all></x:complexType>
</x:element><x:element name="F.Response"><x:complexType><x:all><x:element name="T"><x:complexType><x:sequence>
<x:element name="item" type="ROW"/></x:sequence></x:complexType></x:element></x:all></x:complexType></x:element>
</x:schema></w:types></w:definitions>"""


def seeds() -> Iterator[bytes]:
    values = (
        b"x",
        b"1.50",
        b"1.5",
        b"7",
        b"true",
        b"2026-01-05",
        b"2026-01-05T12:00:00",
        b"12:00:00",
        b"AA==",
    )
    names = [kind.name.encode() for kind in Kind]
    members = b"".join(
        b"<%s>%s</%s>" % (name, value, name) for name, value in zip(names, values, strict=True)
    )
    record = b'<R xmlns="urn:things">%s<Lines><Line>%s</Line></Lines></R>' % (members, members)
    yield b"\x00" + ENVELOPE % record
    fault = b"<s:Fault><faultcode>s:Client</faultcode><faultstring>No &#x41;</faultstring><detail>d</detail></s:Fault>"
    yield b"\x00" + ENVELOPE % fault
    yield b"\x01" + ROOT.encode()
    yield b"\x02" + OTHER.encode()
    yield b"\x03" + ENVELOPE % b"<F.Response><A>1</A><T><item><X>2</X></item></T></F.Response>"
    yield b"\x03" + ENVELOPE % fault
    yield b"\x04" + RFC_WSDL


def feed(data: bytes) -> None:
    kind, document = (data[0] % 5, data[1:]) if data else (0, b"")
    try:
        if kind == 0:
            _reply(document)
        elif kind < 3:
            root, other = (document, OTHER.encode()) if kind == 1 else (ROOT.encode(), document)
            read_definitions({URL: root, "http://HOME:99/other.xsd": other}, URL, where="w")
        elif kind == 3:
            reply("F", document)
        else:
            interface_of("F", document)
    except (BadXml, BadRfcXml, CallFailed, DriverError):
        pass
    except ValueError:
        assert kind == 4  # what `interface_of` says of a document about something else


def _reply(document: bytes) -> None:
    root = parsed(document)
    fault_of(root, 500, ["secret"])
    records = [each for each in root.iter() if len(each)][:20]
    for column, each in zip(arrays(texts_of(records, COLUMNS), COLUMNS, ZONE), COLUMNS, strict=True):
        assert len(column) == len(records), each
    assert len(line_array(records, LINES, ZONE)) == len(records)
    unknown_tags(records, {column.path[0] for column in COLUMNS})
