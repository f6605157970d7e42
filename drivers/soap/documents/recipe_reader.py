"""`[streams.NAME.write]` held against the service's document: what would go wrong at the first write is refused here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from drivers.contract import BadConfiguration, OperationKind, SourceChanged, StreamSpec
from drivers.recipes.naming import nearest
from drivers.recipes.reading import Reading, Terms
from drivers.recipes.tables import Source, parse_write, place_of
from drivers.recipes.words import IDEMPOTENCY_KEY
from drivers.soap.documents.options import parse_stream
from drivers.soap.documents.recipes import Assignment, Below, Part, Recipe, Writes
from drivers.soap.documents.shape import HASH, RECORD_ID, RECORD_VERSION, Document
from drivers.soap.documents.write_options import LinesTable, OperationTable, WriteTable
from drivers.soap.model import Type
from drivers.soap.options import PAGE

_TERMS: Final = Terms(step="part", part="field", parts="fields", gives="returns")
_CALLS: Final[Mapping[OperationKind, str]] = {
    OperationKind.CREATE: "create",
    OperationKind.UPDATE: "update",
    OperationKind.DELETE: "delete",
    OperationKind.SET_STATUS: "update",
}
_OURS: Final = frozenset({HASH, RECORD_ID, RECORD_VERSION})  # set by what was read
_LONGEST_KEY: Final = 64  # characters of an idempotency key


def call_of(kind: OperationKind) -> str:
    """The service operation that carries out a write."""
    return _CALLS[kind]


def read_writes(spec: StreamSpec, document: Document) -> Writes:
    """Raises BadConfiguration or SourceChanged with the place of the first mistake."""
    if not spec.write:
        return Writes(stream=spec.name, recipes={})
    place = place_of(spec)
    table = parse_write(WriteTable, spec, page=PAGE)
    key = parse_stream(spec.name, spec.options).key
    keys = frozenset(table.keys)
    recipes = {}
    for kind, operation in table.operations():
        where = f"{place}.{kind.value}"
        document.need(call_of(kind), where)
        if kind is not OperationKind.CREATE:
            document.need("read", where)
        lists = {each.for_each for each in operation.lines.values() if each.for_each}
        reading = Reading(kind, operation, where, key, keys, lists, _TERMS)
        recipes[kind] = _Reader(document, operation, reading, table.idempotency_key_length).recipe()
    return Writes(
        stream=spec.name,
        recipes=recipes,
        keys=keys,
        **table.timing(place),
    )


class _Reader:
    """Makes one operation's table a recipe."""

    def __init__(
        self, document: Document, table: OperationTable, reading: Reading, reference_length: int | None
    ) -> None:
        self._document = document
        self._table = table
        self._reading = reading
        self._where = reading.where
        self._reference_length = reference_length

    def recipe(self) -> Recipe:
        parts = tuple(self._parts())
        kind = self._reading.kind
        if kind is OperationKind.DELETE and any(part.values or part.path for part in parts):
            raise BadConfiguration("a delete writes no fields", where=self._where)
        if kind is not OperationKind.DELETE and not any(part.values or part.match for part in parts):
            raise BadConfiguration(
                "nothing is written", where=self._where, hint="Name fields under values, or lines."
            )
        results = {each.name for each in self._document.fields(self._document.type)}
        return Recipe(**self._reading.parts(parts, results=results), steps=parts, find=self._find(parts))

    def _parts(self) -> Iterator[Part]:
        header = self._document.type
        values = tuple(self._assignments(header, self._table.values, f"{self._where}.values", ()))
        yield Part(self._where, values=values)
        for path, table in self._table.lines.items():
            yield self._lines(path, table, f"{self._where}.lines.{path}")

    def _lines(self, path: str, table: LinesTable, where: str) -> Part:
        members = self._document.path(path, where)
        if len(members) > 1:
            raise BadConfiguration(
                "lines lie right below the header",
                where=where,
                hint=f"Write lines.{members[0].name}, and in it lines.{members[-1].name} for one inside each line.",
            )
        updates = self._reading.kind is OperationKind.UPDATE
        if not updates and (table.match or table.create_missing or table.delete):
            raise BadConfiguration("match, create_missing and delete belong to an update", where=where)
        if table.delete and (table.values or table.lines or not table.match):
            raise BadConfiguration("delete needs match, and takes no values", where=where)
        if table.one and (table.for_each or table.match or table.delete):
            raise BadConfiguration("one takes no for_each, match or delete", where=where)
        entity = self._document.definitions.type_of(members[-1])
        lists = (table.for_each,) if table.for_each is not None else ()
        return Part(
            where,
            members,
            tuple(self._assignments(entity, table.values, f"{where}.values", lists)),
            tuple(self._assignments(entity, table.match, f"{where}.match", lists)),
            tuple(self._below(entity, table, where, lists)),
            create_missing=table.create_missing,
            delete=table.delete,
            one=table.one,
            derived=table.type,
            for_each=table.for_each,
            when=table.when,
            unless=table.unless,
            otherwise=table.otherwise,
        )

    def _below(self, entity: Type, table: LinesTable, where: str, lists: tuple[str, ...]) -> Iterator[Below]:
        known = self._document.below(entity)
        for name, inside in table.lines.items():
            place = f"{where}.lines.{name}"
            if name not in known:
                raise SourceChanged(
                    f"{entity.name} has no entity {name!r} below it", where=place, hint=nearest(name, known)
                )
            type_ = self._document.definitions.type_of(known[name])
            yield Below(known[name], tuple(self._assignments(type_, inside.values, f"{place}.values", lists)))

    def _assignments(
        self, entity: Type, sources: Mapping[str, Source], where: str, lists: tuple[str, ...]
    ) -> Iterator[Assignment]:
        for name, source in sources.items():
            place = f"{where}.{name}"
            member = self._document.field(entity, name, place)
            if name in _OURS:
                raise BadConfiguration(f"{name} is set by what was read before", where=place)
            if (source.field is None) == (source.const is None):
                raise BadConfiguration(
                    "a value is a field or a constant", where=place, hint='Write "FIELD" or { const = ... }.'
                )
            if source.field is not None:
                self._reading.check_name(source.field, lists=lists, results=(), where=place)
            type_ = self._document.definitions.type_of(member)
            yield Assignment(member, type_, source.field or "", source.const)

    def _find(self, parts: tuple[Part, ...]) -> Assignment | None:
        name, where = self._table.find, f"{self._where}.find"
        if name is None:
            return None
        member = self._document.field(self._document.type, name, where)
        header = parts[0]
        if not any(each.member == member and each.name == IDEMPOTENCY_KEY for each in header.values):
            raise BadConfiguration(
                f"the header's {name} is not where idempotencyKey is written",
                where=where,
                hint=f'Add {name} = "idempotencyKey" to values.',
            )
        self._document.need("find", where)
        type_ = self._document.definitions.type_of(member)
        needed = self._reference_length or _LONGEST_KEY
        if type_.max_length is not None and type_.max_length < needed:
            raise BadConfiguration(
                f"{name} takes {type_.max_length} characters, the external reference has up to {needed}",
                where=where,
                hint=f"Set idempotency_key_length = {type_.max_length}: then a hash of that length is left there.",
            )
        return Assignment(member, type_, IDEMPOTENCY_KEY)
