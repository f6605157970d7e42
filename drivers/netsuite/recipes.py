"""How a stream is written: `[streams.NAME.write]` as values, checked as far as it can be without NetSuite."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from drivers.contract import BadConfiguration, OperationKind, StreamSpec
from drivers.netsuite.options import PAGE, parse_stream
from drivers.netsuite.select_list import as_subquery, columns_of
from drivers.netsuite.write_options import OperationTable, Source, Sources, StepTable, WriteTable
from drivers.recipes import recipe
from drivers.recipes.reading import Reading, Terms
from drivers.recipes.tables import (
    Otherwise,
    Takes,
    form_of,
    parse_write,
    place_of,
)
from drivers.recipes.types import Type, refuse_unused, types_of
from drivers.recipes.words import IDEMPOTENCY_KEY, KEY, RESULT

# The words of a find, outside of its texts.
PARAMETER: Final = re.compile(r"'(?:[^']|'')*'|:([A-Za-z_]\w*(?:\.\w+)*)")
EXTERNAL_ID: Final = "external id"  # the find of every create: the record whose external id is the command's
ID: Final = "id"
TYPES: Final = ("text", "decimal", "integer", "boolean", "date", "timestamp_tz", "key", "reference")
_TERMS: Final = Terms(gives="gives", mark=":", kept="Write it into a custom field of the record.")


class Form(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


_TAKES: Final[Takes[Form]] = {
    Form.CREATE: (frozenset({"values", "lines"}), frozenset({"values"})),
    Form.UPDATE: (frozenset({"set", "lines"}), frozenset()),
    Form.DELETE: (frozenset(), frozenset()),
}
_FORMS: Final = {
    OperationKind.CREATE: Form.CREATE,
    OperationKind.UPDATE: Form.UPDATE,
    OperationKind.DELETE: Form.DELETE,
    OperationKind.SET_STATUS: Form.UPDATE,
}


@dataclass(frozen=True, slots=True)
class Assignment:
    """A property, and what it gets."""

    name: str
    word: str = ""  # a field, or one of the recipe's words; empty: the constant
    constant: Any = None


@dataclass(frozen=True, slots=True)
class Lines:
    sublist: str
    for_each: str
    values: tuple[Assignment, ...]
    replace: bool


@dataclass(frozen=True, slots=True)
class Step:
    where: str
    form: Form
    record: str
    values: tuple[Assignment, ...]
    lines: tuple[Lines, ...]
    for_each: None = None  # a request is one record
    when: str | None = None
    unless: str | None = None
    otherwise: Otherwise | None = None

    @property
    def names(self) -> Iterator[str]:
        """Every word that the step uses; a create writes the external id by itself."""
        if self.form is Form.CREATE:
            yield IDEMPOTENCY_KEY
        yield from (each.word for each in self.values if each.word)
        for lines in self.lines:
            yield from (each.word for each in lines.values if each.word)


@dataclass(frozen=True, kw_only=True)
class Recipe(recipe.Recipe[Step, str]):
    """`find` is SuiteQL with words, or `EXTERNAL_ID`."""


@dataclass(frozen=True, kw_only=True)
class Writes(recipe.Writes[Recipe]):
    types: Mapping[str, Type] = field(default_factory=dict)


def read_writes(spec: StreamSpec) -> Writes:
    """Raises BadConfiguration with the place of the first mistake."""
    if not spec.write:
        return Writes(stream=spec.name, recipes={})
    place = place_of(spec)
    table = parse_write(WriteTable, spec, page=PAGE)
    key = tuple(name.lower() for name in parse_stream(spec.name, spec.options).key)
    if key != (ID,):
        raise BadConfiguration(
            "a stream that is written has the internal id as its key",
            where=f"streams.{spec.name}.read.key",
            hint='Write key = ["id"].',
        )
    held = types_of(table.types, TYPES, place=place)
    keys = frozenset(name for name, type_ in held.items() if type_.word == KEY)
    recipes = {
        kind: _recipe(kind, operation, f"{place}.{kind.value}", keys)
        for kind, operation in table.operations()
    }
    refuse_unused(held, recipes.values(), place=place)
    return Writes(
        stream=spec.name,
        recipes=recipes,
        keys=keys,
        types=held,
        **table.timing(place),
    )


def _recipe(kind: OperationKind, table: OperationTable, where: str, keys: frozenset[str]) -> Recipe:
    lists = {lines.for_each for step in table.steps for lines in step.lines.values()}
    reading = Reading(kind, table, where, (ID,), keys, lists, _TERMS)
    (step,) = (_step(kind, each, f"{where}.steps[{n}]", reading) for n, each in enumerate(table.steps))
    find = _find(kind, table, reading, step)
    results = (
        {ID} if find is None else set(columns_of(find, f"{where}.find")) if find != EXTERNAL_ID else {ID}
    )
    if kind is OperationKind.CREATE and (table.reference or "").startswith(f"{RESULT}."):
        results.add(str(table.reference).partition(".")[2])  # any property: the record is asked for it
    return Recipe(**reading.parts([step], results=results), steps=(step,), find=find)


def _step(kind: OperationKind, table: StepTable, where: str, reading: Reading) -> Step:
    form = form_of(table, Form, _TAKES, where)
    if form is not _FORMS[kind]:
        raise BadConfiguration(
            f"a {kind.value} is made of {_FORMS[kind].value}", where=f"{where}.{form.value}"
        )
    if form is Form.UPDATE and not table.set and not table.lines:
        raise BadConfiguration("update needs set or lines", where=where)
    if table.for_each is not None:
        raise BadConfiguration(
            "a request is one record", where=f"{where}.for_each", hint="Go through lines in lines.SUBLIST."
        )
    values = _assignments({**table.values, **table.set}, f"{where}.{'set' if table.set else 'values'}")
    lines = tuple(
        Lines(
            name, each.for_each, _assignments(each.values, f"{where}.lines.{name}.values"),
            replace=each.replace or form is Form.CREATE,
        )
        for name, each in table.lines.items()
    )  # fmt: skip
    step = Step(
        where, form, str(getattr(table, form.value)), values, lines,
        when=table.when, unless=table.unless, otherwise=table.otherwise,
    )  # fmt: skip
    for each in values:
        if each.word:
            reading.check_name(each.word, lists=(), results=(), where=where)
    for below in lines:
        for each in below.values:
            if each.word:
                reading.check_name(each.word, lists={below.for_each}, results=(), where=where)
    return step


def _find(kind: OperationKind, table: OperationTable, reading: Reading, step: Step) -> str | None:
    where = f"{reading.where}.find"
    if kind is OperationKind.CREATE:
        if table.find is not None:
            raise BadConfiguration(
                "a create is found by its external id", where=where, hint="Leave find out."
            )
        return EXTERNAL_ID
    if table.find is None:
        return None
    text = as_subquery(table.find, where)
    names = [found.group(1) for found in PARAMETER.finditer(text) if found.group(1)]
    if IDEMPOTENCY_KEY not in names:
        raise BadConfiguration(
            "find does not ask for :idempotencyKey",
            where=where,
            hint="It finds the effect of one command.",
        )
    reading.check_find(names, [step])
    return text


def _assignments(sources: Sources, where: str) -> tuple[Assignment, ...]:
    return tuple(_assignment(name, source, f"{where}.{name}") for name, source in sources.items())


def _assignment(name: str, source: Source, where: str) -> Assignment:
    if (source.field is None) == (source.const is None):
        raise BadConfiguration(
            "a property gets exactly one of a field and const",
            where=where,
            hint='Write memo = "notes" or subsidiary = { const = { id = "1" } }.',
        )
    return Assignment(name, source.field or "", source.const)
