"""Pure: XML documents as trees of dicts, lists and texts.

Documents with a DTD are refused before anything in them is expanded, and so are those that nest too deep or have too
many elements; their size in bytes is bounded by who fetched them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from xml.parsers import expat

from drivers.xml_bounds import LongTag, feed

MAX_DEPTH: Final = 64
MAX_ELEMENTS: Final = (
    2_000_000  # twice what the largest table read has; each takes some 300 bytes here, and 4 in a reply
)


class BadXml(ValueError):
    pass


@dataclass(slots=True)
class Element:
    """An element by its local name; namespaces only tell apart what their names tell apart already."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def first(self, name: str) -> Element | None:
        return next((child for child in self.children if child.name == name), None)

    def all(self, name: str) -> list[Element]:
        """Every element of this name below, in the document's order."""
        found = [self] if self.name == name else []
        for child in self.children:
            found += child.all(name)
        return found

    def value(self) -> Any:
        """A text; a dict of the children by name; a list where all of them are `item`s."""
        if not self.children:
            return self.text
        if all(child.name == "item" for child in self.children):
            return [child.value() for child in self.children]
        return {child.name: child.value() for child in self.children}


def parse(document: bytes) -> Element:
    """Raises BadXml."""
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.EntityDeclHandler = _refuse_doctype
    try:
        feed(parser, document)
    except (expat.ExpatError, LongTag) as error:
        raise BadXml(str(error)) from error
    if builder.root is None:
        raise BadXml("an empty document")
    return builder.root


def _refuse_doctype(*_: Any) -> None:
    raise BadXml("a document type declaration is not taken")


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._parts: list[list[str]] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise BadXml(f"more than {MAX_DEPTH} elements in one another")
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise BadXml(f"more than {MAX_ELEMENTS} elements")
        element = Element(
            name.rpartition("}")[2], {key.rpartition("}")[2]: value for key, value in attributes.items()}
        )
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._parts.append([])

    def end(self, _name: str) -> None:
        element = self._open.pop()
        parts = self._parts.pop()
        if not element.children:
            element.text = "".join(parts)

    def characters(self, data: str) -> None:
        self._parts[-1].append(data)
