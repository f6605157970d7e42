"""Pure: what a stream reads, from its options and the service's WSDL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from drivers.contract import BadConfiguration, SourceChanged, StreamSpec
from drivers.recipes.naming import nearest
from drivers.soap.columns import Column, Lines
from drivers.soap.documents.options import StreamOptions, parse_stream, target_of
from drivers.soap.model import Definitions, Kind, Member, Type

KEY_LIST: Final = "EntityKeyList"
HASH: Final = "_DocumentHash"
RECORD_ID: Final = "RecId"
RECORD_VERSION: Final = "RecVersion"
# 64 bits, and nothing to count with.
_TEXTS: Final = frozenset({RECORD_ID, RECORD_VERSION})
# AX knows no null: an empty date is its first day.
EMPTY_DAY: Final = "1900-01-01"
EMPTY_MOMENT: Final = "1900-01-01T00:00:00"
_EMPTY: Final = {
    Kind.DATE: frozenset({EMPTY_DAY, f"{EMPTY_DAY}Z"}),
    Kind.TIMESTAMP: frozenset(
        {EMPTY_MOMENT, f"{EMPTY_MOMENT}Z", f"{EMPTY_MOMENT}+00:00", f"{EMPTY_MOMENT}.0Z"}
    ),
}
# The question or the answer of these holds the document.
_WITH_DOCUMENT: Final = (("read", True), ("find", True), ("create", False), ("update", False))


@dataclass(frozen=True, slots=True)
class Document:
    definitions: Definitions
    member: Member  # the document's own element
    entity: Member  # the header's

    def need(self, operation: str, where: str) -> None:
        """Raises BadConfiguration for an operation that the port does not expose."""
        if operation not in self.definitions.operations:
            raise BadConfiguration(
                f"the port does not expose the operation {operation} of {self.definitions.service}",
                where=where,
                hint="Ask the AX administrator to add it to the inbound port (Service operations) and to activate the port"
                f" again. Exposed: {', '.join(sorted(self.definitions.operations)) or 'none'}.",
            )

    def offers(self, operation: str) -> bool:
        return operation in self.definitions.operations

    @property
    def type(self) -> Type:
        return self.definitions.type_of(self.entity)

    def fields(self, entity: Type) -> Iterator[Member]:
        """The single values of an entity."""
        return (each for each in entity.members if self.definitions.type_of(each).kind is not None)

    def below(self, entity: Type) -> dict[str, Member]:
        return {each.name: each for each in entity.members if _is_entity(self.definitions, each)}

    def path(self, names: str, where: str) -> tuple[Member, ...]:
        """The entities at `A/B` below the header."""
        found: list[Member] = []
        for name in names.split("/"):
            above = self.definitions.type_of(found[-1]) if found else self.type
            known = self.below(above)
            if name not in known:
                raise SourceChanged(
                    f"{above.name} has no entity {name!r} below it", where=where, hint=nearest(name, known)
                )
            found.append(known[name])
        return tuple(found)

    def field(self, entity: Type, name: str, where: str) -> Member:
        known = {each.name: each for each in self.fields(entity)}
        if name not in known:
            raise SourceChanged(
                f"{entity.name} has no field {name!r}", where=where, hint=nearest(name, known)
            )
        return known[name]


@dataclass(frozen=True, slots=True)
class StreamShape:
    name: str
    where: str
    options: StreamOptions
    document: Document
    key: tuple[Column, ...]
    replication: Column | None
    columns: tuple[Column, ...]
    lines: tuple[Lines, ...]
    ones: frozenset[tuple[str, ...]]  # tags of entities of which a record may have one at most

    @property
    def target(self) -> str:
        return target_of(self.options.port)

    @property
    def changes(self) -> bool:
        return self.replication is not None or self.options.changes is not None


def document_of(definitions: Definitions, where: str) -> Document:
    """Raises SourceChanged for a service that is none of documents."""
    for name, answered in _WITH_DOCUMENT:
        operation = definitions.operations.get(name)
        wrapper = (operation.reply if answered else operation.request) if operation is not None else None
        if wrapper is None:
            continue
        for member in definitions.type_of(wrapper).members:
            if member.name == KEY_LIST:
                continue
            for each in definitions.type_of(member).members:
                if _is_entity(definitions, each):
                    return Document(definitions, member, each)
    raise SourceChanged(
        f"{definitions.service} is no document service: none of its operations has a document",
        where=where,
        hint="Name a service with read, find, create or update of a document.",
    )


def shape_of(spec: StreamSpec, definitions: Definitions) -> StreamShape:
    """Raises BadConfiguration or SourceChanged."""
    options = parse_stream(spec.name, spec.options)
    where = f"streams.{spec.name}.read"
    document = document_of(definitions, f"{where}.service")
    header = document.type
    key = tuple(
        _column(document, document.field(header, name, f"{where}.key"), text=True) for name in options.key
    )
    replication = None
    if options.replication_key is not None:
        place = f"{where}.replication_key"
        replication = _column(document, document.field(header, options.replication_key, place))
        if replication.kind is not Kind.TIMESTAMP:
            raise BadConfiguration(
                f"{options.replication_key} is a {replication.kind.value}, no date with time",
                where=place,
                hint='Take ModifiedDateTime, or changes = "getChangedKeys", or leave it out and compare in full.',
            )
    columns = list(_columns(document, header))
    ones: set[tuple[str, ...]] = set()
    for path in options.expand:
        members = document.path(path, f"{where}.expand")
        tags = tuple(each.tag for each in members)
        ones.add(tags)
        columns += _columns(document, document.definitions.type_of(members[-1]), f"{path}/", tags)
    lines = [
        _lines(document, name, each.entity, f"{where}.lines.{name}") for name, each in options.lines.items()
    ]
    return StreamShape(
        name=spec.name,
        where=where,
        options=options,
        document=document,
        key=key,
        replication=replication,
        columns=tuple(each for each in columns if _wanted(spec.columns, each.name)),
        lines=tuple(each for each in lines if _any_wanted(spec.columns, each.name)),
        ones=frozenset(ones),
    )


def _lines(document: Document, name: str, path: str, where: str) -> Lines:
    members = document.path(path, f"{where}.entity")
    entity = document.definitions.type_of(members[-1])
    return Lines(name, tuple(each.tag for each in members), tuple(_columns(document, entity)))


def _columns(
    document: Document, entity: Type, prefix: str = "", above: tuple[str, ...] = ()
) -> Iterator[Column]:
    for each in document.fields(entity):
        if each.name != HASH:
            yield _column(document, each, prefix=prefix, above=above)


def _column(
    document: Document, member: Member, *, prefix: str = "", above: tuple[str, ...] = (), text: bool = False
) -> Column:
    kind = document.definitions.type_of(member).kind or Kind.TEXT
    if text or member.name in _TEXTS:
        kind = Kind.TEXT
    return Column(
        f"{prefix}{member.name}",
        (*above, member.tag),
        kind,
        decode=plain_decimal if kind is Kind.DECIMAL else None,
        empty=_EMPTY.get(kind, frozenset()),
    )


def plain_decimal(text: str) -> str:
    """Without the zeros at its end: AX prints 16 places, whatever the value."""
    return text.rstrip("0").rstrip(".") if "." in text and text.rpartition(".")[2].isdigit() else text


def _is_entity(definitions: Definitions, member: Member) -> bool:
    """An entity carries `class="entity"`; nothing else in a document does."""
    found = definitions.type_of(member)
    return found.kind is None and "class" in found.attributes


def _wanted(columns: Sequence[str] | None, name: str) -> bool:
    return columns is None or name in columns


def _any_wanted(columns: Sequence[str] | None, name: str) -> bool:
    return columns is None or any(each.partition(".")[0] == name for each in columns)
