"""Tags that are bombs, and long texts that are none."""

from __future__ import annotations

import codecs

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


CUTS = " ".join(f'\u3c3c{number}=""' for number in range(MAX_TAG_BYTES // 6))  # in bytes full of `<`


@pytest.mark.parametrize(
    "document",
    [
        f'<?xml version="1.0"?><x {CUTS}/>'.encode("utf-16"),
        codecs.BOM_UTF16_BE + f'<?xml version="1.0"?><x {CUTS}/>'.encode("utf-16-be"),
        f'<?xml version="1.0" encoding="utf-16"?><x {CUTS}/>'.encode("utf-16-le"),
        f'<?xml version="1.0"?><x {CUTS}/>'.encode("utf-32"),
        f'<?xml version="1.0" encoding="iso-2022-jp"?><x {MANY.replace(">", "室")}/>'.encode("iso-2022-jp"),
        f'<?xml version="1.0" encoding="hz"?><x {MANY.replace(">", "技")}/>'.encode("hz"),
    ],
    ids=["utf-16", "utf-16-be", "utf-16 without a mark", "utf-32", "iso-2022-jp", "hz"],
)
def test_no_encoding_hides_how_long_a_tag_is(document: bytes) -> None:
    with pytest.raises(LongTag):
        refuse_long_tags(document)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "UTF-16", "iso-8859-1", "windows-1252", "shift_jis", "GB18030", "US-ASCII"]
)
def test_documents_of_the_encodings_that_systems_write_are_read(encoding: str) -> None:
    document = f'<?xml version="1.0" encoding="{encoding}"?><x>{"text > " * MAX_TAG_BYTES}</x>'

    assert parsed(document.encode(encoding)).tag == "x"


def test_elements_lie_in_one_another_up_to_a_bound() -> None:
    refuse_long_tags_and_depth(b"<x>" * 9 + b"</x>" * 9, deepest=9)
    with pytest.raises(ValueError, match="too deep"):
        refuse_long_tags_and_depth(b"<x>" * 10 + b"</x>" * 10, deepest=9)
