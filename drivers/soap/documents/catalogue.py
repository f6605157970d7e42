"""Pure: a document service as tables of the catalogue, its header and each entity below it."""

from __future__ import annotations

from collections.abc import Iterator

from drivers.contract import Column, Table
from drivers.soap.documents.shape import Document
from drivers.soap.model import Kind, Type

_MODIFIED = "ModifiedDateTime"
_DEEPEST = 8


def tables_of(port: str, service: str, document: Document) -> Iterator[Table]:
    name = f"{port}/{service}/{document.entity.name}"
    yield Table(name, tuple(_columns(document, document.type)), replication_key=_modified(document))
    yield from _below(document, document.type, name, 0)


def _below(document: Document, entity: Type, above: str, depth: int) -> Iterator[Table]:
    if depth == _DEEPEST:
        return
    for name, member in document.below(entity).items():
        type_ = document.definitions.type_of(member)
        yield Table(f"{above}/{name}", tuple(_columns(document, type_)))
        yield from _below(document, type_, f"{above}/{name}", depth + 1)


def _columns(document: Document, entity: Type) -> Iterator[Column]:
    for each in document.fields(entity):
        yield Column(each.name, document.definitions.type_of(each).name)


def _modified(document: Document) -> str | None:
    found = document.type.member(_MODIFIED)
    kind = document.definitions.type_of(found).kind if found is not None else None
    return _MODIFIED if kind is Kind.TIMESTAMP else None
