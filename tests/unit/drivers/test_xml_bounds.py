"""Tags that are bombs, and long texts that are none."""

from __future__ import annotations

import pytest

from drivers.soap.xml import BadXml, parsed
from drivers.xml_bounds import MAX_TAG_BYTES, LongTag, refuse_long_tags, refuse_long_tags_and_depth

MANY = " ".join(f'a{number}=">"' for number in range(MAX_TAG_BYTES // 6))


@pytest.mark.parametrize(
    "document",
    [
        f"<x {MANY}/>",
        f"<x><y {MANY}>t</y></x>",
        f"<x a='{'v' * 2 * MAX_TAG_BYTES}'/>",
        f'<x a="{"v" * 2 * MAX_TAG_BYTES}',
    ],
    ids=["of the root", "inside", "one value", "without an end"],
)
def test_a_tag_that_is_too_long_is_refused(document: str) -> None:
    with pytest.raises(LongTag):
        refuse_long_tags(document.encode())
    with pytest.raises(LongTag):
        refuse_long_tags_and_depth(document.encode(), deepest=9)
    with pytest.raises(BadXml):
        parsed(document.encode())


@pytest.mark.parametrize(
    "document",
    [
        f"<x>{'text > ' * MAX_TAG_BYTES}</x>",
        f"<x a=\"it's\" b='>'>{'t' * 2 * MAX_TAG_BYTES}</x>",
        f"<x><![CDATA[{'t' * 2 * MAX_TAG_BYTES}]]></x>",
        "<x>" + "<y a='1'/>" * 50_000 + "</x>",
    ],
    ids=["text", "quotes", "cdata", "many"],
)
def test_a_long_text_or_many_tags_are_not(document: str) -> None:
    refuse_long_tags(document.encode())
    refuse_long_tags_and_depth(document.encode(), deepest=9)
    assert parsed(document.encode()).tag == "x"


def test_elements_lie_in_one_another_up_to_a_bound() -> None:
    refuse_long_tags_and_depth(b"<x>" * 9 + b"</x>" * 9, deepest=9)
    with pytest.raises(ValueError, match="too deep"):
        refuse_long_tags_and_depth(b"<x>" * 10 + b"</x>" * 10, deepest=9)
