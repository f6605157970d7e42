"""What an OData service answers: records, `$metadata`, errors and batches; a value or a SourceChanged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

from drivers.contract import DriverError, SourceChanged
from drivers.http.messages import Answer
from drivers.odata.answers import AnswerReader, unfinished
from drivers.odata.batches import Change, answers_of, changeset
from drivers.odata.catalogue import tables_of
from drivers.odata.columns import header_columns, key_texts, line_list
from drivers.odata.edm import KINDS, Property
from drivers.odata.errors import messages_of, refusal
from drivers.odata.metadata import read_model
from drivers.odata.shape import Node

TYPES = (
    "Edm.String", "Edm.Decimal", "Edm.Int64", "Edm.Boolean", "Edm.Date", "Edm.DateTime", "Edm.DateTimeOffset",
    "Edm.TimeOfDay", "Edm.Time", "Edm.Guid", "Edm.Double",
)  # fmt: skip
FIELDS = tuple(Property(f"P{place}", name, KINDS[name]) for place, name in enumerate(TYPES))
NODE = Node(FIELDS, lists={"Items": Node(FIELDS)})
READERS = {version: AnswerReader(NODE, version) for version in (2, 4)}
VALUES = (
    "x",
    "1.5",
    "7",
    True,
    "2026-01-05",
    "/Date(1767614400000+0000)/",
    "2026-01-05T12:00:00Z",
    "12:00:00",
)
METADATA = b"""<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0"><edmx:DataServices>
<Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="n" Alias="Self"><EnumType Name="E"/>
<EntityType Name="B"><Key><PropertyRef Name="Id"/></Key><Property Name="Id" Type="Edm.String" MaxLength="10"/></EntityType>
<EntityType Name="O" BaseType="Self.B"><Property Name="A" Type="Edm.Decimal" Precision="10" Scale="2"/>
<Property Name="C" Type="Collection(Self.E)"/><NavigationProperty Name="L" Type="Collection(n.O)"/></EntityType>
<Action Name="Do" IsBound="true"><Parameter Name="it" Type="n.O"/></Action>
<EntityContainer Name="c"><EntitySet Name="Os" EntityType="n.O"/></EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"""
METADATA_2 = b"""<edmx:Edmx xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx" Version="1.0">
<edmx:DataServices xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"><Schema Namespace="n"
xmlns:sap="http://www.sap.com/Protocols/SAPData"><EntityType Name="O"><Key><PropertyRef Name="Id"/></Key>
<Property Name="Id" Type="Edm.DateTime" sap:display-format="Date"/><NavigationProperty Name="L" Relationship="n.R"
ToRole="t"/></EntityType><Association Name="R"><End Type="n.O" Role="t" Multiplicity="*"/></Association>
<EntityContainer Name="c"><EntitySet Name="Os" EntityType="n.O" sap:creatable="false"/>
<FunctionImport Name="F" m:HttpMethod="POST"><Parameter Name="p" Type="Edm.String" Mode="In"/></FunctionImport>
</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"""


def seeds() -> Iterator[bytes]:
    row = {each.name: VALUES[place % len(VALUES)] for place, each in enumerate(FIELDS)}
    whole = row | {"Items": [row], "Items@odata.nextLink": "next"}
    yield (
        b"\x00"
        + json.dumps({"d": {"results": [row | {"Items": {"results": [row], "__next": "n"}}]}}).encode()
    )
    yield b"\x01" + json.dumps({"value": [whole], "@odata.nextLink": "more"}).encode()
    yield b"\x01" + json.dumps({"value": [{each.name: 1.5 for each in FIELDS}]}).encode()
    yield b"\x02" + METADATA
    yield b"\x02" + METADATA_2
    error = {"message": {"value": "No"}, "code": "C", "innererror": {"errordetails": [{"message": "m"}]}}
    yield b"\x03" + json.dumps({"error": error}).encode()
    yield b"\x03<error><code>C</code><message>No</message></error>"
    yield b"\x03<html><title>Log on</title></html>"
    _, body = changeset([Change("POST", "Os", b"{}"), Change("PATCH", "Os('1')", b'{"a":1}')], "x")
    yield b"\x04" + body
    reply = b"HTTP/1.1 201 Created\r\nContent-ID: 1\r\nContent-Type: application/json\r\n\r\n{}"
    yield (
        b"\x04--batch_x\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\n"
        + reply
        + b"\r\n--batch_x--"
    )


def feed(data: bytes) -> None:
    kind, body = (data[0] % 5, data[1:]) if data else (0, b"")
    try:
        if kind < 2:
            _records(body, 2 if kind == 0 else 4)
        elif kind == 2:
            tables_of(read_model(body, where="w"), "")
        elif kind == 3:
            answer = Answer(400, {}, body, "http://erp/x")
            assert all(len(each.text) <= 4_096 for each in messages_of(answer, hidden=["secret"]))
            assert isinstance(refusal(answer, where="w"), DriverError)
        else:
            _batch(body)
    except SourceChanged:
        pass


def _records(body: bytes, version: int) -> None:
    found = READERS[version].read(body, where="w").rows
    for cut in unfinished(found, NODE, where="w"):
        assert cut.next
    for _, column in header_columns(found, NODE):
        assert len(column) == len(found)
    for place, each in enumerate(FIELDS):
        key_texts(each, [getattr(row, f"p{place}") for row in found])
    assert len(line_list(found, NODE, ["Items"], NODE.lists["Items"], [], where="w")) == len(found)


def _batch(body: bytes) -> None:
    with suppress(ValueError):  # no batch: what its caller waits for
        answers_of(Answer(200, {"content-type": "multipart/mixed; boundary=batch_x"}, body))
