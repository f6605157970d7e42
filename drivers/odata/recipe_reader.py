"""`[streams.NAME.write]` held against the service's model.

What would go wrong at the first write is refused here, with its place: a name that nobody knows, a property that the
entity set does not have, a change that does not name the whole key. What the service itself says it does not take (a
set that cannot be created in, a property that cannot be updated) is left out of the recipe, so nobody is promised it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final
from zoneinfo import ZoneInfo

from drivers.contract import BadConfiguration, OperationKind, SourceChanged, StreamSpec
from drivers.odata.edm import Model, Property, Routine, StructuredType
from drivers.odata.literals import V4
from drivers.odata.options import is_closed, parse_stream
from drivers.odata.recipe_checks import (
    assignments,
    check_form,
    check_whole_key,
    settable,
)
from drivers.odata.recipes import (
    IDEMPOTENCY_KEY,
    KEY,
    LINE,
    LINE_NUMBER,
    RESERVED,
    RESULT,
    Form,
    Lines,
    Recipe,
    Step,
    Writes,
    field_of,
)
from drivers.odata.shape import entity_type, named
from drivers.odata.write_options import LinesTable, OperationTable, StepTable, duration, parse_write
from drivers.recipe_tables import nearest, refuse_unknown, statuses_of, updatable_in

PARAMETER: Final = re.compile(r"'(?:[^']|'')*'|:([A-Za-z_]\w*(?:\.\w+)*)")


def read_writes(spec: StreamSpec, model: Model) -> Writes:
    """Raises BadConfiguration or SourceChanged with the place of the first mistake."""
    place = f"streams.{spec.name}.write"
    options = parse_stream(spec.name, spec.options)
    type_ = entity_type(model, options.entity_set, f"streams.{spec.name}.read.entity_set")
    key = tuple(named(type_, each, f"streams.{spec.name}.read.key") for each in (options.key or type_.key))
    if not spec.write:
        return Writes(spec.name, options.entity_set, key, {})
    table = parse_write(spec.name, spec.write)
    recipes = {}
    for kind in OperationKind:
        operation: OperationTable | None = getattr(table, kind.value)
        if operation is not None:
            reader = _Reader(
                kind, operation, f"{place}.{kind.value}", key, frozenset(table.keys), model, type_
            )
            recipe = reader.recipe()
            if recipe is not None:
                recipes[kind] = recipe
    try:
        zone = ZoneInfo(table.time_zone)
    except (KeyError, ValueError, OSError):
        raise BadConfiguration(
            f"{table.time_zone!r} is not a time zone",
            where=f"{place}.time_zone",
            hint='Write a name such as "Europe/Berlin".',
        ) from None
    return Writes(
        spec.name,
        options.entity_set,
        key,
        recipes,
        frozenset(table.keys),
        zone,
        duration(table.settles_after, where=f"{place}.settles_after"),
        table.idempotency_key_length,
    )


class _Reader:
    """Makes one operation's table a recipe."""

    def __init__(
        self,
        kind: OperationKind,
        table: OperationTable,
        where: str,
        key: tuple[Property, ...],
        keys: frozenset[str],
        model: Model,
        type_: StructuredType,
    ) -> None:
        self._kind = kind
        self._table = table
        self._where = where
        self._key = key
        self._keys = keys
        self._model = model
        self._type = type_
        self._lists = {each.for_each for each in table.steps if each.for_each}
        self._lists |= {
            lines.for_each for each in table.steps for lines in each.lines.values() if lines.for_each
        }

    def recipe(self) -> Recipe | None:
        """None: the service says that it does not take such a write."""
        steps = tuple(self._steps())
        self._check_together(steps)
        statuses = statuses_of(self._table.statuses, self._kind, self._where)
        offered = tuple(self._offered(step) for step in steps)
        if any(step is None for step in offered):
            return None
        kept = tuple(step for step in offered if step is not None)
        fields = self._fields(kept)
        recipe = Recipe(
            kind=self._kind,
            where=self._where,
            steps=kept,
            required=self._required(fields, self._fields(steps)),
            any_of=self._table.any_of,
            fields=fields,
            updatable_in=updatable_in(self._table.updatable_in, self._kind, fields, self._where),
            statuses=statuses,
            key=self._key_names(),
            reference=self._table.reference,
            find=self._table.find,
            separately=self._table.separately,
        )
        self._check_outcome(recipe)
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
        forms = [form for form in Form if getattr(table, form.value) is not None]
        if len(forms) != 1:
            raise BadConfiguration(
                "a step is exactly one of create, update, delete and call",
                where=where,
                hint="Split it into several steps, or remove what is too much.",
            )
        form = forms[0]
        check_form(form, table, where)
        if table.status is not None and table.status not in statuses_of(
            self._table.statuses, self._kind, self._where
        ):
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
        conditions = assignments(type_.properties, table.where, f"{where}.where", type_.name)
        if form is not Form.CREATE:
            check_whole_key(type_, conditions, f"{where}.where")
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
            lines=tuple(self._lines(type_, name, table, where) for name in table.lines),
            method=method.upper(),
        )

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
        head, _, rest = name.partition(".")
        lists = {step.for_each, *(lines.for_each for lines in step.lines)}
        if head == RESULT:
            refuse_unknown(rest, known, "no earlier step gives", where)
            if not self._table.separately:
                raise BadConfiguration(
                    f"{name!r} is known only when an earlier step was carried out",
                    where=where,
                    hint="Add separately = true to the operation: then its steps are no longer one.",
                )
        elif head == KEY:
            self._check_key_name(rest, where)
        elif head == LINE and (name != LINE_NUMBER or lists == {None}):
            raise BadConfiguration(
                f"there is no {name!r} here", where=where, hint="line.number is known in lines and for_each."
            )
        elif head in self._lists and head not in lists:
            raise BadConfiguration(
                f"{name!r} is a field of many lines",
                where=where,
                hint=f'Add for_each = "{head}" to the step.',
            )
        elif field_of(name, self._keys) not in _ALLOWED.get(self._kind, {field_of(name, self._keys)}):
            raise BadConfiguration(
                f"a {self._kind.value} has no field {name!r}",
                where=where,
                hint="It has key and idempotencyKey"
                + (", and status." if self._kind is OperationKind.SET_STATUS else "."),
            )

    def _check_key_name(self, part: str, where: str) -> None:
        if self._kind is OperationKind.CREATE:
            raise BadConfiguration(
                "a record that is to be created has no key yet",
                where=where,
                hint="Use idempotencyKey, or what an earlier step gave.",
            )
        if not part and len(self._key) > 1:
            raise BadConfiguration(
                f"the key has {len(self._key)} parts",
                where=where,
                hint=f"Name one: {', '.join(f'key.{each.name}' for each in self._key)}.",
            )
        if part:
            refuse_unknown(part, {each.name for each in self._key}, "the key has no property", where)

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

    # --- fields

    def _fields(self, steps: Iterable[Step]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        if self._kind is OperationKind.SET_STATUS:
            found["status"] = None
        for step in steps:
            for name in (*step.names, *(each for each in (step.when, step.unless) if each)):
                unified = field_of(name, self._keys)
                if unified is not None and unified not in self._lists:
                    found[unified] = None
        return tuple(found)

    def _required(self, fields: tuple[str, ...], all_fields: tuple[str, ...]) -> tuple[str, ...]:
        known = {*all_fields, *(name.partition(".")[0] for name in all_fields)}
        for name in self._table.required:
            refuse_unknown(name, known, "no step uses the field", f"{self._where}.required")
        for group in self._table.any_of:
            for name in group:
                refuse_unknown(name, set(all_fields), "no step uses the field", f"{self._where}.any_of")
        implied = ("status",) if self._kind is OperationKind.SET_STATUS else ()
        left = {*fields, *(name.partition(".")[0] for name in fields)}
        return tuple(dict.fromkeys((*implied, *(name for name in self._table.required if name in left))))

    # --- outcome

    def _key_names(self) -> tuple[str, ...]:
        if self._table.key and self._kind is not OperationKind.CREATE:
            raise BadConfiguration(
                f"the record of {self._kind.value} has its key already", where=f"{self._where}.key"
            )
        if self._kind is not OperationKind.CREATE:
            return ()
        names = self._table.key or tuple(f"{RESULT}.{each.name}" for each in self._key)
        if len(names) != len(self._key):
            raise BadConfiguration(
                f"key names {len(names)} values, the stream's key has {len(self._key)} properties",
                where=f"{self._where}.key",
                hint=f"Name one value for each of: {', '.join(each.name for each in self._key)}.",
            )
        return names

    def _check_outcome(self, recipe: Recipe) -> None:
        given = set(self._type.properties) if recipe.find else set[str]()
        for step in recipe.steps:
            if step.form is Form.CREATE and step.for_each is None:
                given |= set(entity_type(self._model, step.entity_set, step.where).properties)
        places = [(name, "key") for name in recipe.key]
        if recipe.reference is not None:
            places.append((recipe.reference, "reference"))
        for name, option in places:
            where = f"{self._where}.{option}"
            head, _, rest = name.partition(".")
            if head == RESULT:
                refuse_unknown(rest, given, "no step gives", where)
            elif head in RESERVED - {KEY} or (head == KEY and recipe.kind is OperationKind.CREATE):
                raise BadConfiguration(f"{name!r} cannot be the {option}", where=where)
            elif head != KEY:
                refuse_unknown(name, set(recipe.fields), "no step uses the field", where)

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
        if not any(IDEMPOTENCY_KEY in step.names for step in recipe.steps):
            raise BadConfiguration(
                "no step writes idempotencyKey, so find can find nothing",
                where=where,
                hint="Write it into a property of the record: the system's external reference.",
            )
        for name in names:
            head, _, rest = name.partition(".")
            if head == KEY:
                self._check_key_name(rest, where)
            elif name != IDEMPOTENCY_KEY:
                raise BadConfiguration(
                    f"find does not know :{name}", where=where, hint="It knows :idempotencyKey and :key."
                )


_ALLOWED: Final[Mapping[OperationKind, set[str | None]]] = {
    OperationKind.DELETE: {None},
    OperationKind.SET_STATUS: {None, "status"},
}
