"""WSDLs, envelopes, replies and faults: what both kinds of services share."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import httpx
import pyarrow as pa
import pytest
from lxml import etree

from drivers.contract import BadConfiguration, CredentialsRefused, DriverError, SourceBusy, SourceChanged
from drivers.http.client import HttpClient
from drivers.http.options import HttpOptions
from drivers.soap.channel import Channel
from drivers.soap.columns import UTC_STAMP, Column, Lines, arrays, line_array, texts_of, unknown_tags
from drivers.soap.envelope import NIL, Unsendable, envelope
from drivers.soap.faults import SoapFault
from drivers.soap.model import Definitions, Kind
from drivers.soap.store import WsdlStore
from drivers.soap.wsdl import read_definitions
from drivers.soap.xml import BadXml, parsed
from tests.canaries import canary
from tests.unit.drivers.soap.wsdls import OTHER, ROOT

URL = "http://erp.example:7047/WS"
ZONE = ZoneInfo("Europe/Berlin")
W = "streams.s.read"


class Service:
    """Answers GET with the documents and POST with `reply`."""

    def __init__(self) -> None:
        self.documents = {"/WS/things": ROOT, "/other.xsd": OTHER}
        self.reply: tuple[int, str] = (200, "")
        self.headers: dict[str, str] = {}
        self.seen: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if request.method == "GET":
            text = self.documents.get(request.url.path)
            return _response(200 if text else 404, text or "")
        return _response(*self.reply, self.headers)

    def client(self) -> HttpClient:
        return HttpClient(
            HttpOptions(url=URL), {"password": canary()}, transport=httpx.MockTransport(self.__call__)
        )

    def gets(self) -> list[str]:
        return [str(each.url) for each in self.seen if each.method == "GET"]


def _response(status: int, text: str, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(text.encode()))


def definitions() -> Definitions:
    documents = {f"{URL}/things": ROOT.encode(), "http://HOME:99/other.xsd": OTHER.encode()}
    return read_definitions(documents, f"{URL}/things", where=W)


def soap(inner: str) -> str:
    return f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{inner}</s:Body></s:Envelope>'


# --- WSDLs


async def test_what_a_wsdl_imports_is_asked_for_at_the_connections_own_host() -> None:
    service = Service()

    found = await WsdlStore(service.client(), URL, None).definitions("things", where=W)

    assert service.gets() == [f"{URL}/things", "http://erp.example:7047/other.xsd"]
    thing = found.types["{urn:things}Thing"]
    assert [each.name for each in thing.members] == ["Key", "Colour", "Price", "Line"]
    assert found.types["{urn:other}Colour"].values == ("_blank_", "Red_x0026_Blue")
    assert found.operations["Put"].action == "urn:things:Put"
    assert [each.name for each in found.operations["Put"].headers] == ["Context"]


async def test_a_wsdl_is_kept_on_disk_for_the_next_start_and_fetched_anew_on_request(tmp_path: Path) -> None:
    service = Service()
    await WsdlStore(service.client(), URL, tmp_path / "a").definitions("things", where=W)
    fetched = len(service.seen)

    again = WsdlStore(service.client(), URL, tmp_path / "a")
    await again.definitions("things", where=W)
    assert len(service.seen) == fetched

    service.documents["/other.xsd"] = OTHER.replace("_blank_", "Green")
    renewed = await again.refresh("things", where=W)
    assert renewed.types["{urn:other}Colour"].values[0] == "Green"
    third = await WsdlStore(service.client(), URL, tmp_path / "a").definitions("things", where=W)
    assert third.types["{urn:other}Colour"].values[0] == "Green"


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"v":1}', json.dumps({"v": 1, "url": f"{URL}/things", "documents": {"x": "!"}})],
)
async def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    service = Service()
    store = WsdlStore(service.client(), URL, tmp_path)
    await store.definitions("things", where=W)
    (kept,) = tmp_path.iterdir()
    kept.write_text(content)

    found = await WsdlStore(service.client(), URL, tmp_path).definitions("things", where=W)

    assert "Put" in found.operations


async def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    found = await WsdlStore(Service().client(), URL, tmp_path / "file" / "x").definitions("things", where=W)

    assert "Put" in found.operations


_SELF: Final = (
    '<xsd:complexType name="Thing"><xsd:group ref="t:G"/></xsd:complexType>'
    '<xsd:group name="G"><xsd:sequence><xsd:group ref="t:G"/></xsd:sequence></xsd:group>'
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('type="o:Line" minOccurs="0"', f'type="o:Line" minOccurs="{"9" * 5_000}"'),
        ("http://HOME:99/other.xsd", "http://[/other.xsd"),
        ('type="t:Port"', 'type="t:None"'),
        ("<xsd:sequence>", "<xsd:sequence><xsd:schema/>"),
        (ROOT[ROOT.index('<xsd:complexType name="Thing">') : ROOT.index('<xsd:element name="Put">')], _SELF),
    ],
    ids=["number", "address", "port type", "child", "circle"],
)
async def test_a_wsdl_that_is_unsound_is_said_so_and_nothing_worse(old: str, new: str) -> None:
    service = Service()
    assert old in ROOT
    service.documents["/WS/things"] = ROOT.replace(old, new)
    client = service.client()
    with pytest.raises(SourceChanged, match="WSDL"):
        await WsdlStore(client, URL, None).definitions("things", where=W)
    await client.aclose()


async def test_a_wsdl_without_end_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.soap.store._MOST_BYTES", len(ROOT) + 10)
    service = Service()
    client = service.client()
    with pytest.raises(SourceChanged, match="longer than"):
        await WsdlStore(client, URL, None).definitions("things", where=W)
    await client.aclose()


@pytest.mark.parametrize("text", ["<html><body>Sign in</body></html>", "not xml", "<!DOCTYPE x []><x/>"])
async def test_what_is_no_wsdl_is_said_so(text: str) -> None:
    service = Service()
    service.documents["/WS/things"] = text

    with pytest.raises(SourceChanged) as raised:
        await WsdlStore(service.client(), URL, None).definitions("things", where=W)

    assert raised.value.where == W
    assert raised.value.hint


# --- envelopes


def test_elements_are_sent_in_the_order_of_the_wsdl_whatever_the_order_they_are_given_in() -> None:
    content = {
        "Thing": {
            "Line": [{"Due": date(2026, 1, 2), "No": 1}, {"No": 2}],
            "Price": Decimal("1.50"),
            "Key": "a<b",
            "@action": "update",
        }
    }

    sent = envelope(definitions(), definitions().operations["Put"], content, [(_header(), "c & d")], where=W)

    root = etree.fromstring(sent)
    schema = etree.XMLSchema(_schema())
    put = root.find(".//{urn:things}Put")
    schema.assertValid(put)
    assert put[0].get("action") == "update"
    assert [each.text for each in put[0]][:2] == ["a<b", "1.50"]
    assert root.findtext(".//{urn:things}Context") == "c & d"


def test_what_is_not_given_is_not_sent_and_nil_is_said() -> None:
    content = {"Thing": {"Key": None, "Price": NIL}}

    sent = envelope(definitions(), definitions().operations["Put"], content, where=W)

    thing = etree.fromstring(sent).find(".//{urn:things}Thing")
    assert [each.tag for each in thing] == ["{urn:things}Price"]
    etree.XMLSchema(_schema()).assertValid(thing.getparent())


def test_a_field_that_the_service_does_not_have_is_named() -> None:
    with pytest.raises(SourceChanged, match="'Prise'"):
        envelope(definitions(), definitions().operations["Put"], {"Thing": {"Prise": "1"}}, where=W)


def test_a_character_that_xml_cannot_hold_is_not_sent() -> None:
    with pytest.raises(Unsendable):
        envelope(definitions(), definitions().operations["Put"], {"Thing": {"Key": "a\0"}}, where=W)


def _header() -> Any:
    return definitions().operations["Put"].headers[0]


def _schema() -> Any:
    """The schema of the service, with its import resolved in memory."""

    class Resolver(etree.Resolver):
        def resolve(self, url: str, pubid: Any, context: Any) -> Any:
            return self.resolve_string(OTHER, context)

    parser = etree.XMLParser()
    parser.resolvers.add(Resolver())
    schema = etree.fromstring(ROOT.encode(), parser).find(".//{*}schema")
    return etree.fromstring(etree.tostring(schema), parser)


# --- answers


async def test_a_call_answers_the_element_inside_the_body() -> None:
    service = Service()
    service.reply = (200, soap('<Put_Result xmlns="urn:things"/>'))

    found = await Channel(service.client()).call(
        definitions(), "Put", {"Thing": {"Key": "1"}}, target="things", where=W
    )

    assert found.tag == "{urn:things}Put_Result"
    assert service.seen[0].headers["SOAPAction"] == '"urn:things:Put"'


FAULT = soap(
    '<s:Fault><faultcode xmlns:a="urn:e">a:Some.Exception</faultcode><faultstring>No '
    + canary()
    + "\n today</faultstring>"
    "<detail><string>more</string></detail></s:Fault>"
)


async def test_a_fault_says_its_code_and_its_words_without_secrets() -> None:
    service = Service()
    service.reply = (500, FAULT)

    with pytest.raises(SoapFault) as raised:
        await Channel(service.client()).call(definitions(), "Put", {}, target="things", where=W)

    found = raised.value
    assert (found.code, found.text, found.detail) == ("Some.Exception", "No *** today", "more")


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (401, "", CredentialsRefused),
        (404, "<html/>", SourceChanged),
        (500, "", SourceBusy),
        (200, "<html>sign in</html>", SourceChanged),
        (200, "half <", SourceChanged),
        (400, "", BadConfiguration),
    ],
)
async def test_what_is_no_soap_is_an_error_by_its_status(
    status: int, text: str, kind: type[DriverError]
) -> None:
    service = Service()
    service.reply = (status, text)
    service.headers = {"WWW-Authenticate": "Negotiate"}

    with pytest.raises(kind) as raised:
        await Channel(service.client()).call(definitions(), "Put", {}, target="things", where=W)

    assert raised.value.hint
    if status == 401:
        assert "Negotiate" in raised.value.message


async def test_an_operation_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(BadConfiguration, match="no operation Get") as raised:
        await Channel(Service().client()).call(definitions(), "Get", {}, target="things", where=W)

    assert "Put" in raised.value.hint


# --- columns

COLUMNS = (
    Column("Key", ("{urn:things}Key",), Kind.TEXT),
    Column("Price", ("{urn:things}Price",), Kind.DECIMAL),
    Column("On", ("{urn:things}On",), Kind.DATE, empty=frozenset({"0001-01-01"})),
    Column("Yes", ("{urn:things}Yes",), Kind.BOOLEAN),
    Column("At", ("{urn:things}At",), Kind.TIMESTAMP),
    Column("Deep", ("{urn:things}In", "{urn:things}No"), Kind.INTEGER),
)


def records(*inner: str) -> list[Any]:
    return list(parsed(f'<l xmlns="urn:things">{"".join(f"<T>{each}</T>" for each in inner)}</l>'.encode()))


def read(found: list[Any]) -> dict[str, pa.Array]:
    made = arrays(texts_of(found, COLUMNS), COLUMNS, ZONE)
    return {column.name: each for column, each in zip(COLUMNS, made, strict=True)}


def test_a_field_that_was_added_anywhere_moves_no_other() -> None:
    plain = read(records("<Key>1</Key><Price>1.10</Price><Yes>true</Yes><In><No>7</No></In>"))
    grown = read(
        records(
            "<New>x</New><Price>1.10</Price><New2><Key>9</Key></New2><In><A/><No>7</No></In><Yes>1</Yes><Key>1</Key>"
        )
    )

    assert {name: each.to_pylist() for name, each in grown.items()} == {
        name: each.to_pylist() for name, each in plain.items()
    }


def test_values_have_the_types_of_their_columns_and_amounts_their_digits() -> None:
    found = read(
        records(
            "<Key/><Price>0012345678901234.567800</Price><On>2026-10-05</On><At>2026-10-05T10:00:00.1234567Z</At>",
            '<Key p:nil="true" xmlns:p="http://www.w3.org/2001/XMLSchema-instance"/><On>0001-01-01</On>'
            "<At>2026-10-05T12:00:00</At>",
        )
    )

    assert found["Key"].to_pylist() == ["", None]
    assert found["Price"].to_pylist() == ["0012345678901234.567800", None]
    assert found["On"].to_pylist() == [date(2026, 10, 5), None]
    assert found["At"].type == UTC_STAMP
    assert found["At"].to_pylist() == [
        datetime(2026, 10, 5, 10, 0, 0, 123456, UTC),
        datetime(2026, 10, 5, 10, 0, tzinfo=UTC),  # noon in Berlin
    ]


def test_what_is_none_of_its_type_leaves_the_column_a_text() -> None:
    assert read(records("<On>2026-13-45</On>"))["On"].to_pylist() == ["2026-13-45"]


def test_lines_lie_under_their_record_and_none_is_an_empty_list() -> None:
    lines = Lines(
        "lines", ("{urn:things}Ls", "{urn:things}L"), (Column("No", ("{urn:things}No",), Kind.INTEGER),)
    )

    found = line_array(
        records("<Ls><L><No>1</No></L><X/><L><Y/><No>2</No></L></Ls>", "<Ls/>", ""), lines, ZONE
    )

    assert found.to_pylist() == [[{"No": 1}, {"No": 2}], [], []]


def test_an_element_that_nobody_described_is_noticed() -> None:
    known = frozenset({"{urn:things}Key"})

    assert unknown_tags(records("<Key/>"), known) == set()
    assert unknown_tags(records("<Key/>", "<New/>"), known) == {"{urn:things}New"}


# --- XML


def test_a_character_that_no_xml_may_refer_to_costs_itself_and_not_the_answer() -> None:
    assert parsed(b"<a>x&#x1F;y&#31;z&#228;</a>").text == "xyzä"


def test_references_that_are_nested_into_each_other_are_cleaned_once_and_not_for_ever() -> None:
    with pytest.raises(BadXml):
        parsed(b"<a>" + b"&#" * 3_000 + b"1;" * 3_000 + b"</a>")


@pytest.mark.parametrize(
    "document",
    [b"", b"<a>", b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', b"<a>" * 400 + b"</a>" * 400, b"<a>&#0;"],
)
def test_xml_that_is_broken_or_declares_things_is_refused(document: bytes) -> None:
    with pytest.raises(BadXml):
        parsed(document)
