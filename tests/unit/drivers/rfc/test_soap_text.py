"""Classic SOAP-RFC against what a real system wrote, and against hostile XML."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.rfc import xml_text
from drivers.rfc.abap import Direction
from drivers.rfc.caller import CallFailed, Trouble, Unsendable
from drivers.rfc.soap_text import abap_name, element_name, envelope, reply
from drivers.rfc.wsdl import interface_of
from drivers.rfc.xml_text import MAX_DEPTH, BadXml, parse

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


def document(content: str) -> bytes:
    return f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{content}</s:Body></s:Envelope>'.encode()


@pytest.fixture
def captured(shared_dir: Path) -> Path:
    return shared_dir / "erp" / "sap" / "wsdl-captured"


class TestCaptured:
    def test_the_reply_of_a_real_system_is_read_by_its_elements_names(self, captured: Path) -> None:
        assert reply("Z_SSRT_SUM", (captured / "Z_SSRT_SUM.response.xml").read_bytes()) == {"E_RESULT": "7"}

    def test_the_wsdl_of_a_real_system_tells_the_interface(self, captured: Path) -> None:
        found = interface_of("Z_SSRT_SUM", (captured / "Z_SSRT_SUM.classic.wsdl").read_bytes())

        assert [(p.name, p.direction) for p in found.parameters] == [
            ("I_NUM1", Direction.IMPORT),
            ("I_NUM2", Direction.IMPORT),
            ("E_RESULT", Direction.EXPORT),
        ]
        assert all(p.field is not None and p.field.datatype == "INT4" for p in found.parameters)

    def test_the_wsdl_of_another_function_is_refused(self, captured: Path) -> None:
        with pytest.raises(ValueError):
            interface_of("BAPI_PO_CREATE1", (captured / "Z_SSRT_SUM.classic.wsdl").read_bytes())


class TestReplies:
    def test_an_added_field_shifts_no_other(self) -> None:
        before = document("<F.Response><A>1</A><T><item><X>2</X><Y>3</Y></item></T></F.Response>")
        after = document(
            "<F.Response><NEW>0</NEW><A>1</A><T><item><NEW/><X>2</X><Y>3</Y></item></T></F.Response>"
        )

        old, new = reply("F", before), reply("F", after)
        assert (old["A"], old["T"][0]["X"], old["T"][0]["Y"]) == (
            new["A"],
            new["T"][0]["X"],
            new["T"][0]["Y"],
        )

    def test_tables_are_lists_structures_dicts_and_blanks_in_front_stay(self) -> None:
        found = reply("/BODS/X", document(
            "<_-BODS_-X.Response><DATA><item><WA>  a b </WA></item><item><WA/></item></DATA>"
            "<RETURN><TYPE>E</TYPE></RETURN><EMPTY/></_-BODS_-X.Response>"
        ))  # fmt: skip

        assert found == {
            "DATA": [{"WA": "  a b "}, {"WA": ""}],
            "RETURN": {"TYPE": "E"},
            "EMPTY": "",
        }

    def test_the_other_dialects_name_of_a_reply_is_taken_too(self) -> None:
        assert reply("F", document("<FResponse><A>1</A></FResponse>")) == {"A": "1"}

    @pytest.mark.parametrize("content", ["", "<G.Response/>", "<F/>"])
    def test_a_reply_to_something_else_leaves_open_what_happened(self, content: str) -> None:
        with pytest.raises(CallFailed) as raised:
            reply("F", document(content))
        assert raised.value.trouble is Trouble.LOST

    def test_an_exception_of_the_function_has_its_name_text_and_number(self) -> None:
        fault = document(
            "<s:Fault><faultcode>s:Client</faultcode><faultstring>TABLE_NOT_AVAILABLE</faultstring><detail>"
            "<F.Exception><Name>TABLE_NOT_AVAILABLE</Name><Text>No table</Text>"
            "<Message><ID>AD</ID><Number>029</Number></Message></F.Exception></detail></s:Fault>"
        )
        with pytest.raises(CallFailed) as raised:
            reply("F", fault)
        assert (raised.value.trouble, raised.value.key, raised.value.text) == (
            Trouble.EXCEPTION, "TABLE_NOT_AVAILABLE", "No table",
        )  # fmt: skip
        assert str(raised.value.message_id) == "AD/029"

    @pytest.mark.parametrize(
        ("text", "trouble"),
        [
            ("No RFC authorization for function module RFC_READ_TABLE.", Trouble.AUTHORITY),
            ("TSV_TNEW_PAGE_ALLOC_FAILED: No more memory available", Trouble.BUSY),
            ("ASSIGN_BASE_TOO_SHORT", Trouble.FAILURE),
            ("User is locked. Please notify the person responsible", Trouble.LOCKED),
            ("Benutzer MEIER ist gesperrt", Trouble.LOCKED),
            ("User MEIER has locked order 4711", Trouble.FAILURE),
            ("Material M-1 ist durch Benutzer MEIER gesperrt", Trouble.FAILURE),
        ],
    )
    def test_other_faults_are_told_by_their_words(self, text: str, trouble: Trouble) -> None:
        with pytest.raises(CallFailed) as raised:
            reply("F", document(f"<s:Fault><faultstring>{text}</faultstring></s:Fault>"))
        assert raised.value.trouble is trouble


class TestHostileXml:
    @pytest.mark.parametrize(
        "content",
        [
            b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
            b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
            b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><l>&b;</l>',
            b"<a>&undefined;</a>",
            b"<a><b></a>",
            b"",
            b"\x00",
            b"<a>" * (MAX_DEPTH + 1),
        ],
    )
    def test_is_refused_before_anything_is_expanded(self, content: bytes) -> None:
        with pytest.raises(BadXml):
            parse(content)

    def test_more_elements_than_any_reply_has_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(xml_text, "MAX_ELEMENTS", 10)

        assert len(parse(b"<a>" + b"<b/>" * 9 + b"</a>").children) == 9
        with pytest.raises(BadXml):
            parse(b"<a>" + b"<b/>" * 10 + b"</a>")


class TestRequests:
    @given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=40))
    def test_a_value_arrives_as_it_is(self, value: str) -> None:
        sent = parse(envelope("F", {"A": value, "T": [{"X": value}]}).replace(b"urn:F", b"urn:F"))

        body = sent.first("Body")
        assert body is not None
        assert body.children[0].value() == {"A": value, "T": [{"X": value}]}

    def test_values_are_written_as_soap_has_them(self) -> None:
        sent = envelope("F", {"D": date(2026, 1, 31), "T": time(24 - 1, 5), "N": Decimal("1E+3"), "X": True, "I": "00000000", "S": {"A": "1"}, "R": b"\x00\x01", "L": []})  # fmt: skip

        for part in (
            b"<D>2026-01-31</D>",
            b"<T>23:05:00</T>",
            b"<N>1000</N>",
            b"<X>X</X>",
            b"<I>0000-00-00</I>",
            b"<S><A>1</A></S>",
            b"<R>AAE=</R>",
            b"<L></L>",
        ):
            assert part in sent

    def test_names_with_slashes_and_back(self) -> None:
        assert element_name("/BODS/RFC_READ_TABLE2") == "_-BODS_-RFC_READ_TABLE2"
        assert abap_name("_-BODS_-RFC_READ_TABLE2") == "/BODS/RFC_READ_TABLE2"

    @pytest.mark.parametrize("name", ["F><x", "f", "", "A" * 61])
    def test_a_name_that_is_none_is_not_sent(self, name: str) -> None:
        with pytest.raises(Unsendable):
            envelope(name, {})
        with pytest.raises(Unsendable):
            envelope("F", {name: "x"})

    @pytest.mark.parametrize("value", ["\x00", "a\x1fb", "\ud800"])
    def test_a_character_that_xml_cannot_hold_is_not_sent(self, value: str) -> None:
        with pytest.raises(Unsendable):
            envelope("F", {"A": value})
