"""Names and option values as NAV writes them into XML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.soap.model import Kind, Type
from drivers.soap.pages.names import option_text, option_value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Profit_x003D_Price_Cost", "Profit=Price_Cost"),
        ("_blank_", ""),
        ("_x0031_st", "1st"),
        ("_xD800_", "_xD800_"),
        ("_xDFFF_x", "_xDFFF_x"),
        ("_x12_", "_x12_"),
    ],
)
def test_a_value_is_decoded_as_far_as_it_is_one(value: str, expected: str) -> None:
    assert option_text(value) == expected


@given(st.text() | st.from_regex(r"(_x[0-9A-Fa-f]{4}_){1,3}", fullmatch=True))
def test_whatever_a_server_writes_becomes_a_text_that_can_be_kept(value: str) -> None:
    assert option_text(value).encode().decode() == option_text(value)


def test_a_value_is_sent_as_the_wsdl_writes_it() -> None:
    kind = Type("Rule", Kind.TEXT, values=("_blank_", "Profit_x003D_Price_Cost", "No_Relationship"))

    assert option_value("", kind) == "_blank_"
    assert option_value("Profit=Price Cost", kind) == "Profit_x003D_Price_Cost"
    assert option_value("No Relationship", kind) == "No_Relationship"
    assert option_value("Other", kind) is None
