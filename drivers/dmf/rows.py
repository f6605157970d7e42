"""The file of an entity -> its records, one at a time: CSV, or XML with a value in each element or attribute.

A file begins with its fields (CSV), or each record names its own (XML-Element, XML-Attribute: a root with one element
for each record). Names come in capitals. What is empty is null: neither form tells the two apart.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import IO, Any, Final

from lxml import etree

from drivers.contract import SourceChanged

Row = Sequence[str | None]
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHUNK: Final = 65_536  # bytes
_SAFE: Final[dict[str, Any]] = {
    "resolve_entities": False, "no_network": True, "load_dtd": False, "remove_comments": True, "remove_pis": True,
}  # fmt: skip


class Columns:
    """The fields of an entity, in the order in which they appeared."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self.names: list[str] = list(names)
        self._places = {name: place for place, name in enumerate(self.names)}

    def place(self, name: str) -> int:
        if name not in self._places:
            self._places[name] = len(self.names)
            self.names.append(name)
        return self._places[name]


def rows_of(
    stream: IO[bytes],
    columns: Columns,
    *,
    fields: Sequence[str],
    delimiter: str,
    encoding: str,
    where: str,
) -> Iterator[Row]:
    """Rows by the places of `columns`, which grow as fields appear; a row may be shorter than they are in the end.

    `fields`: what the manifest says that there is; XML may leave out what is empty. Raises SourceChanged for a file
    that is neither.
    """
    begin = stream.peek(4)[:4] if isinstance(stream, io.BufferedReader) else b""
    name = next((name for mark, name in _MARKS if begin.startswith(mark)), "")
    if begin.lstrip(codecs.BOM_UTF8).startswith(b"<") or _is_wide_xml(begin):
        for field in fields:
            columns.place(field)
        return _of_xml(stream, columns, where)
    return _of_csv(stream, columns, delimiter, name or encoding, where)


def _is_wide_xml(begin: bytes) -> bool:
    return begin in {codecs.BOM_UTF16_LE + b"<\0", codecs.BOM_UTF16_BE + b"\0<"}


# --- CSV


def _of_csv(stream: IO[bytes], columns: Columns, delimiter: str, encoding: str, where: str) -> Iterator[Row]:
    text = io.TextIOWrapper(stream, encoding=encoding, newline="")
    lines = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        places = [columns.place(name) for name in _header(next(lines, []), where)]
        straight = places == list(range(len(places)))
        for line in lines:
            if not line:
                continue
            if len(line) != len(places):
                raise SourceChanged(
                    f"line {lines.line_num} has {len(line)} values, the file has {len(places)} fields",
                    where=where,
                    hint="See that options.delimiter and the text qualifier are those of the data project's source data "
                    "format; XML-Element knows no such doubt.",
                )
            values = [value or None for value in line]
            yield values if straight else _placed(places, values, len(columns.names))
    except UnicodeDecodeError as error:
        raise SourceChanged(
            f"the file is not {error.encoding}",
            where=where,
            hint="Let the data project export as CSV-Unicode or XML-Element, or set options.encoding.",
        ) from error
    except csv.Error as error:
        raise SourceChanged(
            f"line {lines.line_num} is no CSV: {error}",
            where=where,
            hint="See that options.delimiter and the text qualifier are those of the data project's source data format.",
        ) from error


def _header(line: Sequence[str], where: str) -> list[str]:
    names = [name.strip().upper() for name in line]
    if not names or not all(names) or len(set(names)) != len(names):
        raise SourceChanged(
            "the file does not begin with a line of different fields",
            where=where,
            hint="Let the source data format of the data project write the first row as header.",
        )
    return names


def _placed(places: Sequence[int], values: Sequence[str | None], width: int) -> Row:
    row: list[str | None] = [None] * width
    for place, value in zip(places, values, strict=True):
        row[place] = value
    return row


# --- XML


def _of_xml(stream: IO[bytes], columns: Columns, where: str) -> Iterator[Row]:
    """The parser tells of whole records only: their element is what the root begins with."""
    places: dict[str, int] = {}  # of a field, by its tag
    try:
        root_tag, record_tag, begin = _beginning(stream, where)
        if record_tag is None:
            return
        parser = etree.XMLPullParser(events=("end",), tag=record_tag, **_SAFE)
        for chunk in chain(begin, iter(lambda: stream.read(_CHUNK), b"")):
            parser.feed(chunk)
            for _, element in parser.read_events():
                root = element.getparent()
                if root is not None and root.tag == root_tag and root.getparent() is None:
                    _refuse_other(element.getprevious(), where)
                    yield _record(element, columns, places, where)
                    root.remove(element)
        _refuse_other(next(iter(parser.close()), None), where)
    except etree.XMLSyntaxError as error:
        raise SourceChanged(f"the file is no XML that can be read: {error}", where=where) from error


def _beginning(stream: IO[bytes], where: str) -> tuple[str, str | None, list[bytes]]:
    """The tags of the root and of its first element, and what was read to find them. Refuses a DTD."""
    parser = etree.XMLPullParser(events=("start",), **_SAFE)
    chunks: list[bytes] = []
    tags: list[str] = []
    while len(tags) < 2:  # noqa: PLR2004 - the root, and the first record
        chunk = stream.read(_CHUNK)
        if chunk:
            chunks.append(chunk)
            parser.feed(chunk)
        else:
            parser.close()
        for _, element in parser.read_events():
            if not tags and element.getroottree().docinfo.doctype:
                raise SourceChanged("the file declares a document type, which is not taken", where=where)
            tags.append(element.tag)
        if not chunk:
            break
    return tags[0], tags[1] if tags[1:] else None, chunks


def _refuse_other(element: Any, where: str) -> None:
    """Records of two kinds in one file: one of them would be left out without a word."""
    if element is not None:
        raise SourceChanged(f"the file has records of two kinds, one is {_name(element)}", where=where)


def _record(element: Any, columns: Columns, places: dict[str, int], where: str) -> Row:
    found = [(each.tag, each.text) for each in element]
    if any(map(len, element)):
        nested = next(each for each in element if len(each))
        raise SourceChanged(
            f"a value of {_name(nested[0])} lies inside of another",
            where=where,
            hint="Name entities that are not composite.",
        )
    found += element.attrib.items()
    for tag, _ in found:
        if tag not in places:
            places[tag] = columns.place(str(etree.QName(tag).localname).upper())
    row: list[str | None] = [None] * len(columns.names)
    for tag, value in found:
        row[places[tag]] = value or None
    return row


def _name(element: Any) -> str:
    return str(etree.QName(element).localname).upper()
