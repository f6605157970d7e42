"""Pure: XML fed to a parser such that no tag of a document can be a bomb.

An element's attributes are made all at once, each some hundred bytes of memory for six of the document; a million of
them is a megabyte or ten on the wire.
"""

from __future__ import annotations

import codecs
import re
from typing import Any, Final
from xml.parsers import expat

MAX_TAG_BYTES: Final = 128 * 1024  # of one tag, comment or instruction; a real one has a few hundred
_CHUNK: Final = 64 * 1024


class LongTag(ValueError):
    pass


def feed(parser: Any, document: bytes) -> None:
    """All of a document, to expat. Raises LongTag as soon as one is too long, and what the parser raises."""
    fed = 0
    view = memoryview(document)
    while fed < len(view):
        parser.Parse(view[fed : fed + _CHUNK], False)  # noqa: FBT003 - the library's own signature
        fed += _CHUNK
        if fed - parser.CurrentByteIndex > MAX_TAG_BYTES:
            raise LongTag(f"a tag is longer than {MAX_TAG_BYTES} bytes")
    parser.Parse(b"", True)  # noqa: FBT003 - the library's own signature


def refuse_long_tags(document: bytes) -> None:
    """Before a parser that makes an element of a tag in one go has the document. Raises LongTag."""
    plain = _with_plain_marks(document)
    for run in _RUN.finditer(plain):
        tag = _TAG.match(plain, run.start(), run.start() + MAX_TAG_BYTES)
        if tag is None or not tag.group().endswith(b">"):
            raise LongTag(f"a tag is longer than {MAX_TAG_BYTES} bytes")


# No tag holds a `<` but at its begin; what is long and begins with one is a long tag, or a tag and a long text.
_RUN: Final = re.compile(rb"<[^<!?/][^<]{%d}" % MAX_TAG_BYTES)
_TAG: Final = re.compile(rb"""<(?:[^"'>]++|"[^"]*"|'[^']*')*+>?""")


def _with_plain_marks(document: bytes) -> bytes:
    """The document such that a byte `<` is always the character: in UTF-16 it is also half of another one.

    Raises LongTag for an encoding in which that cannot be told, as in those that shift between sets of characters.
    """
    head = document[:4]
    if b"\0\0" in head:
        raise LongTag("a document in four bytes for each character, whose tags cannot be measured")
    for start, encoding in _WIDE.items():
        if head.startswith(start):
            return document.decode(encoding, "replace").encode()
    declared = _DECLARED.match(document)
    if declared is not None and not _BUILT_ON_ASCII.fullmatch(declared[1]):
        name = declared[1][:40].decode("ascii", "replace")
        raise LongTag(f"a document in {name!r}, whose tags cannot be measured")
    return document


_WIDE: Final = {
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    b"<\0": "utf-16-le",
    b"\0<": "utf-16-be",
}
_DECLARED: Final = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml\b[^>]*?\bencoding\s*=\s*["']([^"'>]*)""")
_BUILT_ON_ASCII: Final = re.compile(
    rb"utf-?8|(?:us-)?ascii|iso[-_]?8859-\d+|latin-?\d|windows-\w+|cp(?:125\d|437|8\d\d|9\d\d)"
    rb"|koi8-\w+|tis-620|euc-\w+|gb\w+|big5(?:-\w+)?|shift[-_]jis|utf-?16(?:[bl]e)?",
    re.IGNORECASE,
)


def refuse_long_tags_and_depth(document: bytes, *, deepest: int) -> None:
    """For a parser without a bound of its own to how far elements lie in one another. Raises ValueError.

    What expat cannot read is for that parser to judge, and a document type is for it to refuse.
    """
    parser, depth = expat.ParserCreate(), _Depth(deepest)
    parser.StartElementHandler, parser.EndElementHandler = depth.start, depth.end
    parser.StartDoctypeDeclHandler = _stop
    try:
        feed(parser, document)
    except (expat.ExpatError, _Stopped):
        return


class _Stopped(Exception):
    pass


def _stop(*_: Any) -> None:
    """Nothing behind a document type is looked at: the other parser refuses it, and here it must not be expanded."""
    raise _Stopped


class _Depth:
    def __init__(self, deepest: int) -> None:
        self._left = deepest

    def start(self, _name: str, _attributes: Any) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError("elements lie too deep in one another")

    def end(self, _name: str) -> None:
        self._left += 1
