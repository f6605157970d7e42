"""How a stream is written: `[streams.NAME.write]` as values, checked as far as it can be without the system.

A step is the records of one entity in a package; all steps of an operation travel in one package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from drivers.contract import BadConfiguration, OperationKind, StreamSpec
from drivers.dmf.options import PAGE, parse_stream
from drivers.dmf.write_options import OperationTable, Sources, StepTable, WriteTable
from drivers.recipes import recipe
from drivers.recipes.reading import Reading, Terms
from drivers.recipes.tables import (
    Otherwise,
    Source,
    Takes,
    form_of,
    parse_write,
    place_of,
)
from drivers.recipes.types import Type, refuse_unused, types_of

TYPES: Final = ("text", "decimal", "integer", "boolean", "date", "timestamp", "key")
EXECUTION: Final = "execution"  # the find of every operation: the execution whose id is the command's
_TERMS: Final = Terms(part="field", parts="fields")


class Form(StrEnum):
    CREATE = "create"
    UPDATE = "update"


_TAKES: Final[Takes[Form]] = {
    Form.CREATE: (frozenset({"values", "for_each"}), frozenset({"values"})),
    Form.UPDATE: (frozenset({"where", "set"}), frozenset({"where", "set"})),
}
_FORMS: Final = {
    OperationKind.CREATE: Form.CREATE,
    OperationKind.UPDATE: Form.UPDATE,
    OperationKind.SET_STATUS: Form.UPDATE,
}


@dataclass(frozen=True, slots=True)
class Assignment:
    """A field of the entity, and what it gets."""

    name: str
    word: str = ""  # a field of the record, or one of the recipe's words; empty: the constant
    constant: str | int | bool | None = None


@dataclass(frozen=True, slots=True)
class Step:
    where: str
    entity: str
    identity: tuple[Assignment, ...]  # of an update: the fields by which the record is known
    values: tuple[Assignment, ...]
    for_each: str | None = None
    when: str | None = None
    unless: str | None = None
    otherwise: Otherwise | None = None

    @property
    def names(self) -> Iterator[str]:
        yield from (each.word for each in (*self.identity, *self.values) if each.word)


@dataclass(frozen=True, slots=True)
class _LegalEntity:
    """The word that names the legal entity is used as those of a step are."""

    word: str | None
    when: None = None
    unless: None = None

    @property
    def names(self) -> tuple[str, ...]:
        return () if self.word is None else (self.word,)


@dataclass(frozen=True, kw_only=True)
class Recipe(recipe.Recipe[Step, str]):
    legal_entity: str | None = None  # the word that names it; None: the stream has one


@dataclass(frozen=True, kw_only=True)
class Writes(recipe.Writes[Recipe]):
    project: str = ""
    types: Mapping[str, Type] = field(default_factory=dict)


def read_writes(spec: StreamSpec) -> Writes:
    """Raises BadConfiguration with the place of the first mistake."""
    if not spec.write:
        return Writes(stream=spec.name, recipes={})
    place = place_of(spec)
    table = parse_write(WriteTable, spec, page=PAGE)
    held = types_of(table.types, TYPES, place=place)
    keys = frozenset({*table.keys, *(name for name, type_ in held.items() if type_.word == "key")})
    stream = parse_stream(spec.name, spec.options)
    recipes = {
        kind: _recipe(kind, operation, f"{place}.{kind.value}", stream.key, keys)
        for kind, operation in table.operations()
    }
    refuse_unused(held, recipes.values(), place=place)
    return Writes(
        stream=spec.name,
        recipes=recipes,
        keys=keys,
        types=held,
        project=table.project,
        **table.timing(place),
    )


def _recipe(
    kind: OperationKind, table: OperationTable, where: str, key: tuple[str, ...], keys: frozenset[str]
) -> Recipe:
    if kind not in _FORMS:
        raise BadConfiguration(
            "a data package deletes nothing",
            where=where,
            hint="Leave it out, or set a status.",
        )
    lists = {step.for_each for step in table.steps if step.for_each is not None}
    reading = Reading(kind, table, where, key, keys, lists, _TERMS)
    steps = tuple(_step(kind, each, f"{where}.steps[{n}]", reading) for n, each in enumerate(table.steps))
    if kind is not OperationKind.CREATE and len(steps) != 1:
        raise BadConfiguration(
            f"{kind.value} is one step: of several records in a package some may be changed and others not",
            where=f"{where}.steps",
            hint="Write one step that updates one record.",
        )
    if kind is OperationKind.CREATE and not table.key:
        raise BadConfiguration(
            "a package does not say which number a record was given, so that its key has to be known before",
            where=f"{where}.key",
            hint='Name a value for each field of the stream\'s key, such as key = ["organizationKey", "code"].',
        )
    told = _LegalEntity(table.legal_entity)
    for name in told.names:
        reading.check_name(name, lists=(), results=(), where=f"{where}.legal_entity")
    parts = reading.parts((told, *steps), results=())
    return Recipe(**parts, steps=steps, find=EXECUTION, legal_entity=table.legal_entity)


def _step(kind: OperationKind, table: StepTable, where: str, reading: Reading) -> Step:
    form = form_of(table, Form, _TAKES, where)
    if form is not _FORMS[kind]:
        raise BadConfiguration(
            f"a {kind.value} is made of {_FORMS[kind].value}", where=f"{where}.{form.value}"
        )
    identity = _assignments(table.where, f"{where}.where")
    values = _assignments({**table.values, **table.set}, f"{where}.{'set' if table.set else 'values'}")
    step = Step(
        where, str(getattr(table, form.value)), identity, values, for_each=table.for_each,
        when=table.when, unless=table.unless, otherwise=table.otherwise,
    )  # fmt: skip
    for name in step.names:
        lists = {table.for_each} if table.for_each else set()
        reading.check_name(name, lists=lists, results=(), where=where)
    return step


def _assignments(sources: Sources, where: str) -> tuple[Assignment, ...]:
    return tuple(_assignment(name, source, f"{where}.{name}") for name, source in sources.items())


def _assignment(name: str, source: Source, where: str) -> Assignment:
    if (source.field is None) == (source.const is None):
        raise BadConfiguration(
            "a field gets exactly one of a field of the record and const",
            where=where,
            hint='Write NAME = "name" or VENDORGROUPID = { const = "10" }.',
        )
    return Assignment(name, source.field or "", source.const)
