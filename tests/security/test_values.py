"""A value stays a value in every language that a driver speaks: it comes out as it went in, or is refused.

Each text is written by the driver and read back by a reader that shares nothing with it. In CI GROUNDWIRE_STRINGS is 2,000
texts a language; `make security` reads 100,000.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest
import sqlglot
from sqlglot import exp

from drivers.contract import BadConfiguration, ReadMode
from drivers.cursors import Position, decode_cursor, encode_cursor
from drivers.keys import decode_key, encode_key
from drivers.netsuite.queries import literal as suiteql_literal
from drivers.odata.edm import Kind
from drivers.odata.literals import NoLiteral, literal
from drivers.odata.requests import address, key_predicate
from drivers.odbc.connection_string import build
from drivers.rfc.conditions import Compare, Unwritable, lines
from drivers.rfc.soap_text import Unsendable as UnsendableToSap
from drivers.rfc.soap_text import envelope as sap_envelope
from drivers.soap.documents.criteria import content_of, criterion
from drivers.soap.envelope import Unsendable, envelope
from drivers.soap.pages.criteria import quoted
from tests.nav.filters import compiled
from tests.odata.filters import Parser, parse_key
from tests.security.odd_texts import COUNT, odd_texts
from tests.unit.drivers.odata.test_literals import through_url
from tests.unit.drivers.odbc.test_connection_string import parse
from tests.unit.drivers.rfc.test_conditions import Parser as OptionsParser
from tests.unit.drivers.soap.test_core import definitions

SERVICE = definitions()


class Refused(Exception):
    """The language cannot hold the text, and the driver says so."""


def odata_filter(version: int) -> Callable[[str], str]:
    def through(text: str) -> str:
        try:
            found = Parser(str(through_url(version, "A", text))).parse()
        except NoLiteral:
            raise Refused from None
        assert not found({"A": text + "x"})
        return text if found({"A": text}) else "something else"

    return through


def odata_key(text: str) -> str:
    try:
        predicate = key_predicate(["K"], [literal(Kind.TEXT, text, 2)])
    except NoLiteral:
        raise Refused from None
    url = urlsplit(address("http://erp/s", f"Set{predicate}", {}))
    assert (url.query, url.fragment, url.path.count("/")) == ("", "", 2)
    return str(parse_key(unquote(url.path.partition("(")[2].removesuffix(")")))[""])


def suiteql(text: str) -> str:
    (statement,) = sqlglot.parse(f"SELECT a FROM t WHERE a = {suiteql_literal(text)}", read="oracle")
    assert statement is not None
    found = statement.find(exp.Where).this.expression  # type: ignore[union-attr]
    assert isinstance(found, exp.Literal)
    return str(found.this)


def rfc_option(text: str) -> str:
    try:
        options = lines(Compare("EBELN", "=", text))
    except Unwritable:
        raise Refused from None
    words = OptionsParser(options).words
    assert words[:2] == ["EBELN", "="]
    assert len(words) == 3
    return words[2][1:-1].replace("''", "'")


def nav_filter(text: str) -> str:
    test = compiled(quoted(text), "string", "")
    assert not test(text + "x")
    return text if test(text) else "something else"


def odbc_attribute(text: str) -> str:
    try:
        found = parse(build({"Driver": "X", "Server": "s"}, {"Pwd": text}))
    except BadConfiguration:
        raise Refused from None
    assert found.keys() == {"driver", "server", "pwd"}
    return found["pwd"]


def aif_criterion(text: str) -> str:
    element = content_of(criterion("VendTable", "AccountNum", "Equal", text))["QueryCriteria"]
    (only,) = element["CriteriaElement"]  # type: ignore[index]
    return soap_element(only["Value1"])


def soap_element(text: str) -> str:
    made = SERVICE
    try:
        document = envelope(made, made.operations["Put"], {"Thing": {"Key": text}}, where="x")
    except Unsendable:
        raise Refused from None
    (found,) = ET.fromstring(document).iter("{urn:things}Key")  # noqa: S314 - our own text
    return found.text or ""


def soap_attribute(text: str) -> str:
    made = SERVICE
    try:
        document = envelope(made, made.operations["Put"], {"Thing": {"@action": text}}, where="x")
    except Unsendable:
        raise Refused from None
    (found,) = ET.fromstring(document).iter("{urn:things}Thing")  # noqa: S314 - our own text
    return found.attrib["action"]


def sap_parameter(text: str) -> str:
    try:
        document = sap_envelope("BAPI_PO_CREATE1", {"TEXT": text})
    except UnsendableToSap:
        raise Refused from None
    (found,) = ET.fromstring(document).iter("TEXT")  # noqa: S314 - our own text
    return found.text or ""


def cursor(text: str) -> str:
    kept = encode_cursor(Position(ReadMode.CHANGES, values=(text, "k")))
    return decode_cursor(kept, mode=ReadMode.CHANGES, width=2, where="x").values[0]


def key_of_two(text: str) -> str:
    first, second = decode_key(encode_key([text, "~" + text]))
    assert second == "~" + text
    return first


LANGUAGES = {
    "OData 2 filter": odata_filter(2),
    "OData 4 filter": odata_filter(4),
    "OData key": odata_key,
    "SuiteQL": suiteql,
    "RFC OPTIONS": rfc_option,
    "NAV filter": nav_filter,
    "ODBC connection string": odbc_attribute,
    "AIF criterion": aif_criterion,
    "SOAP element": soap_element,
    "SOAP attribute": soap_attribute,
    "SOAP-RFC parameter": sap_parameter,
    "cursor": cursor,
    "key of two parts": key_of_two,
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.timeout(1800)
def test_any_text_comes_out_as_it_went_in_or_is_refused(language: str) -> None:
    through, refused = LANGUAGES[language], 0
    for text in odd_texts(seed=10):
        try:
            assert through(text) == text
        except Refused:
            refused += 1

    assert refused < COUNT / 2, "what is refused shows nothing"
