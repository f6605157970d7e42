"""`[streams.NAME.write]` held against the service's model.

What would go wrong at the first write is refused here, with its place: a name that nobody knows, a property that the
entity set does not have, a change that does not name the whole key. What the service itself says it does not take (a
set that cannot be created in, a property that cannot be updated) is left out of the recipe, so nobody is promised it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from drivers.contract import BadConfiguration, OperationKind, SourceChanged, StreamSpec
from drivers.odata.edm import Model, Property, Routine, StructuredType
from drivers.odata.literals import V4
from drivers.odata.options import PAGE, is_closed, parse_stream
from drivers.odata.recipe_checks import assignments, check_whole_key, settable
from drivers.odata.recipes import Assignment, Form, Lines, Recipe, Step, Writes
from drivers.odata.shape import entity_type, named
from drivers.odata.write_options import LinesTable, OperationTable, StepTable, WriteTable
from drivers.recipes.naming import nearest
from drivers.recipes.reading import Reading, Terms
from drivers.recipes.tables import Takes, form_of, parse_write, place_of
from drivers.recipes.words import IDEMPOTENCY_KEY, RESULT

PARAMETER: Final = re.compile(r"'(?:[^']|'')*'|:([A-Za-z_]\w*(?:\.\w+)*)")


_TERMS: Final = Terms(
    part="property",
    parts="properties",
    kept="Write it into a property of the record: the system's external reference.",
)
_TAKES: Final[Takes[Form]] = {
    Form.CREATE: (frozenset({"values", "lines"}), frozenset({"values"})),
    Form.UPDATE: (frozenset({"set", "where", "match", "method"}), frozenset({"set"})),
    Form.DELETE: (frozenset({"where", "match"}), frozenset()),
    Form.CALL: (frozenset({"values", "where", "on"}), frozenset()),
}


def read_writes(spec: StreamSpec, model: Model) -> Writes:
    """Raises BadConfiguration or SourceChanged with the place of the first mistake."""
    place = place_of(spec)
    options = parse_stream(spec.name, spec.options)
    type_ = entity_type(model, options.entity_set, f"streams.{spec.name}.read.entity_set")
    key = tuple(named(type_, each, f"streams.{spec.name}.read.key") for each in (options.key or type_.key))
    if not spec.write:
        return Writes(stream=spec.name, recipes={}, entity_set=options.entity_set, key=key)
    table = parse_write(WriteTable, spec, page=PAGE)
    keys = frozenset(table.keys)
    recipes = {}
    for kind, operation in table.operations():
        reading = _reading(kind, operation, f"{place}.{kind.value}", key, keys)
        recipe = _Reader(operation, reading, model, type_).recipe()
        if recipe is not None:
            recipes[kind] = recipe
    return Writes(
        stream=spec.name,
        recipes=recipes,
        keys=keys,
        **table.timing(place),
        entity_set=options.entity_set,
        key=key,
    )


def _reading(
    kind: OperationKind,
    table: OperationTable,
    where: str,
    key: tuple[Property, ...],
    keys: frozenset[str],
) -> Reading:
    lists = {each.for_each for each in table.steps if each.for_each}
    lists |= {lines.for_each for each in table.steps for lines in each.lines.values() if lines.for_each}
    return Reading(kind, table, where, tuple(each.name for each in key), keys, lists, _TERMS)


class _Reader:
    """Makes one operation's table a recipe."""

    def __init__(self, table: OperationTable, reading: Reading, model: Model, type_: StructuredType) -> None:
        self._table = table
        self._reading = reading
        self._kind = reading.kind
        self._where = reading.where
        self._model = model
        self._type = type_

    def recipe(self) -> Recipe | None:
        """None: the service says that it does not take such a write."""
        steps = tuple(self._steps())
        self._check_together(steps)
        offered = tuple(self._offered(step) for step in steps)
        if any(step is None for step in offered):
            self._reading.statuses()
            return None
        kept = tuple(step for step in offered if step is not None)
        recipe = Recipe(
            **self._reading.parts(steps, results=self._results(kept), offered=kept),
            steps=kept,
            find=self._table.find,
            separately=self._table.separately,
        )
        self._check_find(recipe)
        return recipe

    # --- steps

    def _steps(self) -> Iterator[Step]:
        known: set[str] = set()
        for number, table in enumerate(self._table.steps):
            where = f"{self._where}.steps[{number}]"
            step = self._step(table, where)
            for name in step.names:
                self._check_name(name, step, known, where)
            if step.form is Form.CREATE and step.for_each is None:
                known |= set(entity_type(self._model, step.entity_set, where).properties)
            yield step

    def _step(self, table: StepTable, where: str) -> Step:
        form = form_of(table, Form, _TAKES, where)
        if table.status is not None and table.status not in self._reading.statuses():
            raise BadConfiguration(
                f"there is no status {table.status!r}", where=f"{where}.status", hint="Name it in statuses."
            )
        shared = Step(
            where, form, for_each=table.for_each, when=table.when, unless=table.unless, status=table.status,
            otherwise=table.otherwise,
        )  # fmt: skip
        if form is Form.CALL:
            return self._call(table, shared, where)
        entity_set = str(getattr(table, form.value))
        type_ = entity_type(self._model, entity_set, f"{where}.{form.value}")
        conditions = self._conditions(table, type_, where) if form is not Form.CREATE else ()
        method = table.method or ("patch" if self._model.version == V4 else "merge")
        return replace(
            shared,
            entity_set=entity_set,
            values=assignments(
                type_.properties,
                {**table.values, **table.set},
                f"{where}.{'set' if table.set else 'values'}",
                type_.name,
            ),
            conditions=conditions,
            matched=bool(table.match),
            lines=tuple(self._lines(type_, name, table, where) for name in table.lines),
            method=method.upper(),
        )

    def _conditions(self, table: StepTable, type_: StructuredType, where: str) -> tuple[Assignment, ...]:
        if table.match:
            if table.where:
                raise BadConfiguration("where and match exclude each other", where=where)
            return assignments(type_.properties, table.match, f"{where}.match", type_.name)
        conditions = assignments(type_.properties, table.where, f"{where}.where", type_.name)
        check_whole_key(type_, conditions, f"{where}.where")
        return conditions

    def _lines(self, type_: StructuredType, name: str, table: StepTable | LinesTable, where: str) -> Lines:
        place = f"{where}.lines.{name}"
        navigation = type_.navigations.get(name)
        held = type_.properties.get(name)
        target = navigation.target if navigation is not None and navigation.many else ""
        if held is not None and held.collection:
            target = held.type
        if target not in self._model.types:
            many = [each.name for each in type_.navigations.values() if each.many]
            raise SourceChanged(
                f"{type_.name} has no navigation property {name!r} to many records",
                where=place,
                hint=nearest(name, many),
            )
        below = self._model.types[target]
        lines = table.lines[name]
        deeper = tuple(self._lines(below, each, lines, place) for each in lines.lines)
        if any(each.for_each is not None for each in deeper):
            raise BadConfiguration(
                "for_each stands inside of for_each",
                where=f"{place}.lines",
                hint="A line of a record has no lists: leave for_each out, and one record is made of its fields.",
            )
        values = assignments(below.properties, lines.values, f"{place}.values", below.name)
        return Lines(name, lines.for_each, values, lines.when, deeper)

    def _call(self, table: StepTable, step: Step, where: str) -> Step:
        name = str(table.call).rpartition(".")[2]
        if table.on is not None:
            return self._bound_call(table, step, where)
        routine = self._model.routines.get(name)
        if routine is None:
            bound = [known.partition("/")[2] for known in self._model.routines if "/" in known]
            hint = f"{name} is bound: name the entity set in `on`." if name in bound else ""
            raise SourceChanged(
                f"the service has no function or action {table.call!r}",
                where=f"{where}.call",
                hint=hint or nearest(name, self._model.routines),
            )
        parameters = {each.name: each for each in routine.parameters}
        values = assignments(parameters, table.values, f"{where}.values", name)
        return replace(step, routine=routine, values=values)

    def _bound_call(self, table: StepTable, step: Step, where: str) -> Step:
        """The name stands in the path as it is written: some services want it qualified, some do not."""
        written, entity_set = str(table.call), str(table.on)
        type_ = entity_type(self._model, entity_set, f"{where}.on")
        known = self._model.routines.get(f"{type_.name}/{written.rpartition('.')[2]}")
        parameters = {each.name: each for each in known.parameters} if known is not None else {}
        conditions = assignments(type_.properties, table.where, f"{where}.where", type_.name)
        check_whole_key(type_, conditions, f"{where}.where")
        return replace(
            step,
            routine=Routine(written, "POST", tuple(parameters.values()), bound_to=type_.name),
            values=assignments(parameters, table.values, f"{where}.values", written),
            entity_set=entity_set,
            conditions=conditions,
        )

    def _check_name(self, name: str, step: Step, known: set[str], where: str) -> None:
        lists = {each for each in (step.for_each, *(lines.for_each for lines in step.lines)) if each}
        self._reading.check_name(name, lists=lists, results=known, where=where)
        if name.partition(".")[0] == RESULT and not self._table.separately:
            raise BadConfiguration(
                f"{name!r} is known only when an earlier step was carried out",
                where=where,
                hint="Add separately = true to the operation: then its steps are no longer one.",
            )

    def _check_together(self, steps: tuple[Step, ...]) -> None:
        if (
            self._kind is not OperationKind.CREATE
            and not any(step.conditions and step.for_each is None for step in steps)
            and not any(step.form is Form.CALL for step in steps)
        ):
            raise BadConfiguration(
                "no step notices that the record is not there",
                where=self._where,
                hint="Begin with a step that changes the record itself.",
            )

    # --- what the service says it takes

    def _offered(self, step: Step) -> Step | None:
        if step.form is Form.CALL:
            return step
        held = self._model.sets[step.entity_set]
        allowed = {Form.CREATE: held.creatable, Form.UPDATE: held.updatable, Form.DELETE: held.deletable}
        if not allowed[step.form]:
            return None
        if step.form is Form.DELETE:
            return step
        word = "creatable" if step.form is Form.CREATE else "updatable"
        type_ = self._model.type_of(step.entity_set)
        lines = tuple(self._offered_lines(type_, each) for each in step.lines)
        return replace(step, values=settable(step.values, word, type_), lines=lines)

    def _offered_lines(self, above: StructuredType, lines: Lines) -> Lines:
        type_ = self._below(above, lines.navigation)
        below = tuple(self._offered_lines(type_, each) for each in lines.below)
        return replace(lines, values=settable(lines.values, "creatable", type_), below=below)

    def _below(self, type_: StructuredType, name: str) -> StructuredType:
        navigation = type_.navigations.get(name)
        return self._model.types[navigation.target if navigation else type_.properties[name].type]

    # --- outcome

    def _results(self, steps: tuple[Step, ...]) -> set[str]:
        given = set(self._type.properties) if self._table.find else set[str]()
        for step in steps:
            if step.form is Form.CREATE and step.for_each is None:
                given |= set(entity_type(self._model, step.entity_set, step.where).properties)
        return given

    def _check_find(self, recipe: Recipe) -> None:
        if recipe.find is None:
            return
        where = f"{self._where}.find"
        names = [found.group(1) for found in PARAMETER.finditer(recipe.find) if found.group(1)]
        if IDEMPOTENCY_KEY not in names or not is_closed(recipe.find):
            raise BadConfiguration(
                "find is a filter that asks for :idempotencyKey",
                where=where,
                hint="Write `ExternalReference eq :idempotencyKey`: it finds the effect of one command.",
            )
        self._reading.check_find(names, recipe.steps)
