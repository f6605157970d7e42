"""Numbers of a source, which may be anything."""

from __future__ import annotations

import pytest

from drivers.digits import natural
from drivers.rfc.caller import number


@pytest.mark.parametrize(
    ("text", "found"), [("0", 0), ("0012", 12), ("9" * 18, 10**18 - 1), ("9" * 19, None), ("9" * 5_000, None),
                        ("²", None), ("٣", None), ("-1", None), ("+1", None), ("1_0", None), (" 1", None), ("", None)]
)  # fmt: skip
def test_only_digits_are_a_number(text: str, found: int | None) -> None:
    assert natural(text) == found


@pytest.mark.parametrize(
    ("text", "found"), [("-12", -12), ("12", 12), ("--12", 0), ("-", 0), ("²", 0), ("x", 0)]
)
def test_a_number_of_a_reply_may_have_a_sign(text: str, found: int) -> None:
    assert number({"N": text}, "N") == found
