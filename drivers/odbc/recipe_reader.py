"""`[streams.NAME.write]`, checked as far as it can be without the database.

What would go wrong at the first write is refused here, with its place: a name that nobody knows, a value that nobody
returns, an update that would set to null what it was not given, a change that would not notice that nothing is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from zoneinfo import ZoneInfo

from drivers.contract import BadConfiguration, OperationKind, StreamSpec
from drivers.odbc.binding import Type, parse_type
from drivers.odbc.options import parse_stream
from drivers.odbc.recipes import (
    GIVEN,
    IDEMPOTENCY_KEY,
    KEY,
    LINE,
    LINE_NUMBER,
    RESERVED,
    RESULT,
    Assignment,
    Form,
    Recipe,
    Step,
    Writes,
    field_of,
)
from drivers.odbc.statements import Parameter, Statement, parse, table_name
from drivers.odbc.write_options import OperationTable, Source, StepTable, duration, parse_write
from drivers.recipe_tables import refuse_unknown, statuses_of, updatable_in

# Which options besides those of every step a form takes, and which of them it needs.
_TAKES: Final[Mapping[Form, tuple[frozenset[str], frozenset[str]]]] = {
    Form.SQL: (frozenset(), frozenset()),
    Form.CALL: (frozenset(), frozenset()),
    Form.INSERT: (frozenset({"values"}), frozenset({"values"})),
    Form.UPDATE: (frozenset({"set", "where"}), frozenset({"set", "where"})),
    Form.DELETE: (frozenset({"where"}), frozenset({"where"})),
}


def read_writes(spec: StreamSpec) -> Writes:
    """Raises BadConfiguration with the place of the first mistake."""
    place = f"streams.{spec.name}.write"
    if not spec.write:
        return Writes(spec.name, {})
    table = parse_write(spec.name, spec.write)
    key = parse_stream(spec.name, spec.options).key
    types = {
        name: parse_type(text, where=f"{place}.types.{name}") for name, text in sorted(table.types.items())
    }
    recipes = {}
    for kind in OperationKind:
        operation: OperationTable | None = getattr(table, kind.value)
        if operation is not None:
            recipes[kind] = _Reader(kind, operation, f"{place}.{kind.value}", key, types).recipe()
    known = {name for recipe in recipes.values() for name in recipe.fields}
    for name in types:
        refuse_unknown(name, known, "no step uses the field", f"{place}.types.{name}")
    try:
        zone = ZoneInfo(table.time_zone)
    except (KeyError, ValueError, OSError):
        raise BadConfiguration(
            f"{table.time_zone!r} is not a time zone",
            where=f"{place}.time_zone",
            hint='Write a name such as "Europe/Berlin".',
        ) from None
    settles_after = duration(table.settles_after, where=f"{place}.settles_after")
    return Writes(spec.name, recipes, types, zone, settles_after, table.idempotency_key_length)


class _Reader:
    """Makes one operation's table a recipe."""

    def __init__(
        self,
        kind: OperationKind,
        table: OperationTable,
        where: str,
        key: tuple[str, ...],
        types: Mapping[str, Type],
    ) -> None:
        self._kind = kind
        self._table = table
        self._where = where
        self._key = key
        self._types = types
        self._lists = {step.for_each for step in table.steps if step.for_each}

    def recipe(self) -> Recipe:
        steps = tuple(self._steps())
        find = self._table.find
        looked_up = parse(find, where=f"{self._where}.find") if find is not None else None
        statuses = statuses_of(self._table.statuses, self._kind, self._where)
        fields = self._fields(steps)
        recipe = Recipe(
            kind=self._kind,
            where=self._where,
            steps=steps,
            required=self._required(fields),
            any_of=self._table.any_of,
            fields=fields,
            updatable_in=updatable_in(self._table.updatable_in, self._kind, fields, self._where),
            statuses=statuses,
            key=self._key_names(),
            reference=self._table.reference,
            find=looked_up,
            commits_itself=self._table.commits_itself,
        )
        self._check_outcome(recipe)
        self._check_guard(recipe)
        self._check_find(recipe)
        return recipe

    # --- steps

    def _steps(self) -> Iterator[Step]:
        returned: set[str] = set()
        for number, table in enumerate(self._table.steps):
            where = f"{self._where}.steps[{number}]"
            step = self._step(table, where)
            for name in step.names:
                self._check_name(name, step, returned, where)
            self._check_absent(step, table, where)
            for column in step.returns:
                if column in returned:
                    raise BadConfiguration(
                        f"an earlier step returns {column!r} as well",
                        where=f"{where}.returns",
                        hint=f"Give it another name in the statement: `{column} as {column}_2`.",
                    )
            returned |= set(step.returns)
            yield step

    def _step(self, table: StepTable, where: str) -> Step:
        forms = [form for form in Form if getattr(table, form.value) is not None]
        if len(forms) != 1:
            raise BadConfiguration(
                "a step is exactly one of sql, call, insert, update and delete",
                where=where,
                hint="Split it into several steps, or remove what is too much.",
            )
        form = forms[0]
        _check_form(form, table, where)
        expect = table.expect_rows
        if expect is None and form in {Form.UPDATE, Form.DELETE}:
            expect = 1
        return Step(
            where=where,
            form=form,
            text=_text(form, getattr(table, form.value), f"{where}.{form.value}"),
            values=_assignments(table.values, f"{where}.values") + _assignments(table.set, f"{where}.set"),
            conditions=_assignments(table.where, f"{where}.where"),
            for_each=table.for_each,
            when=table.when,
            unless=table.unless,
            returns=table.returns,
            expect_rows=expect if isinstance(expect, int) else None,
            otherwise=table.otherwise,
        )

    def _check_name(self, name: str, step: Step, returned: set[str], where: str) -> None:
        head, _, rest = name.partition(".")
        if head == RESULT:
            refuse_unknown(rest, returned, "no earlier step returns", where)
        elif head == KEY:
            self._check_key_name(rest, where)
        elif head == LINE and (name != LINE_NUMBER or step.for_each is None):
            raise BadConfiguration(
                f"there is no {name!r} here",
                where=where,
                hint="line.number is known in a step with for_each.",
            )
        elif head in self._lists and head != step.for_each:
            raise BadConfiguration(
                f"{name!r} is a field of many lines",
                where=where,
                hint=f'Add for_each = "{head}" to the step.',
            )
        elif self._kind is OperationKind.DELETE and field_of(name, self._types) is not None:
            raise BadConfiguration(
                f"a delete has no field {name!r}", where=where, hint="It has key and idempotencyKey."
            )
        elif self._kind is OperationKind.SET_STATUS and field_of(name, self._types) not in {None, "status"}:
            raise BadConfiguration(
                f"a set_status has no field {name!r}",
                where=where,
                hint="It has key, status and idempotencyKey.",
            )

    def _check_key_name(self, column: str, where: str) -> None:
        if self._kind is OperationKind.CREATE:
            raise BadConfiguration(
                "a record that is to be created has no key yet",
                where=where,
                hint="Use idempotencyKey, or what an earlier step returned.",
            )
        if not column and len(self._key) > 1:
            raise BadConfiguration(
                f"the key has {len(self._key)} parts",
                where=where,
                hint=f"Name one: {', '.join(f':key.{part}' for part in self._key)}.",
            )
        if column:
            refuse_unknown(column, set(self._key), "the key has no column", where)

    def _check_absent(self, step: Step, table: StepTable, where: str) -> None:
        """An update has only what is to change; a plain statement would set the rest to null unawares."""
        plain = step.form in {Form.SQL, Form.CALL}
        if self._kind is not OperationKind.UPDATE or not plain or table.absent_as_null:
            return
        asked = {name.partition(".")[2] for name in step.names if name.startswith(f"{GIVEN}.")}
        for name in step.names:
            found = field_of(name, self._types)
            if found is None or found in asked or found in self._table.required or found == step.when:
                continue
            raise BadConfiguration(
                f"an update may lack {found!r}, which would then be null here",
                where=where,
                hint=f"Use :given.{found} beside it, or add when, required or absent_as_null = true.",
            )

    # --- fields

    def _fields(self, steps: Iterable[Step]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        if self._kind is OperationKind.SET_STATUS:
            found["status"] = None
        for step in steps:
            conditions = [name for name in (step.when, step.unless) if name is not None]
            for name in (*step.names, *conditions):
                unified = field_of(name, self._types)
                if unified is not None and unified not in self._lists:
                    found[unified] = None
        return tuple(found)

    def _required(self, fields: tuple[str, ...]) -> tuple[str, ...]:
        known = {*fields, *(name.partition(".")[0] for name in fields)}
        for name in self._table.required:
            refuse_unknown(name, known, "no step uses the field", f"{self._where}.required")
        for group in self._table.any_of:
            for name in group:
                refuse_unknown(name, set(fields), "no step uses the field", f"{self._where}.any_of")
        implied = ("status",) if self._kind is OperationKind.SET_STATUS else ()
        return tuple(dict.fromkeys((*implied, *self._table.required)))

    # --- outcome

    def _key_names(self) -> tuple[str, ...]:
        if self._table.key and self._kind is not OperationKind.CREATE:
            raise BadConfiguration(
                f"the record of {self._kind.value} has its key already", where=f"{self._where}.key"
            )
        if self._kind is not OperationKind.CREATE:
            return ()
        names = self._table.key or tuple(f"{RESULT}.{column}" for column in self._key)
        if len(names) != len(self._key):
            raise BadConfiguration(
                f"key names {len(names)} values, the stream's key has {len(self._key)} columns",
                where=f"{self._where}.key",
                hint=f"Name one value for each of: {', '.join(self._key)}.",
            )
        return names

    def _check_outcome(self, recipe: Recipe) -> None:
        returned = {column for step in recipe.steps for column in step.returns}
        places = [(name, "key") for name in recipe.key]
        if recipe.reference is not None:
            places.append((recipe.reference, "reference"))
        for name, option in places:
            where = f"{self._where}.{option}"
            head, _, column = name.partition(".")
            if head == RESULT:
                refuse_unknown(column, returned, "no step returns", where)
            elif head in RESERVED - {KEY, IDEMPOTENCY_KEY} or (
                head == KEY and recipe.kind is OperationKind.CREATE
            ):
                raise BadConfiguration(f"{name!r} cannot be the {option}", where=where)
            elif head not in {KEY, IDEMPOTENCY_KEY}:
                refuse_unknown(name, set(recipe.fields), "no step uses the field", where)

    def _check_guard(self, recipe: Recipe) -> None:
        if recipe.kind is OperationKind.CREATE or any(
            not step.conditional and (step.form is Form.CALL or step.returns or step.expect_rows is not None)
            for step in recipe.steps
        ):
            return
        raise BadConfiguration(
            "no step notices that the record is not there",
            where=self._where,
            hint="Add expect_rows = 1 to the step that changes it, or begin with a step that selects it.",
        )

    def _check_find(self, recipe: Recipe) -> None:
        if recipe.find is None:
            return
        where = f"{self._where}.find"
        if IDEMPOTENCY_KEY not in recipe.find.names:
            raise BadConfiguration(
                "find does not ask for :idempotencyKey",
                where=where,
                hint="It finds the effect of one command.",
            )
        if not any(IDEMPOTENCY_KEY in step.names for step in recipe.steps):
            raise BadConfiguration(
                "no step writes :idempotencyKey, so find can find nothing",
                where=where,
                hint="Write it into a column of the record, or into a table of commands that were carried out.",
            )
        for name in recipe.find.names:
            head, _, rest = name.partition(".")
            if head == KEY:
                self._check_key_name(rest, where)
            elif name != IDEMPOTENCY_KEY:
                raise BadConfiguration(
                    f"find does not know :{name}", where=where, hint="It knows :idempotencyKey and :key."
                )


def _check_form(form: Form, table: StepTable, where: str) -> None:
    takes, needs = _TAKES[form]
    for option in ("values", "set", "where"):
        if getattr(table, option) and option not in takes:
            raise BadConfiguration(f"{form.value} takes no {option}", where=f"{where}.{option}")
        if not getattr(table, option) and option in needs:
            raise BadConfiguration(f"{form.value} needs {option}", where=where)
    if table.returns and (table.for_each or form in {Form.UPDATE, Form.DELETE}):
        raise BadConfiguration(
            "returns belongs to one sql, call or insert",
            where=f"{where}.returns",
            hint="Ask for the values in a step of its own.",
        )
    if table.expect_rows is not None and form in {Form.CALL, Form.INSERT}:
        raise BadConfiguration(f"{form.value} takes no expect_rows", where=f"{where}.expect_rows")
    if table.when is not None and table.unless is not None:
        raise BadConfiguration("when and unless exclude each other", where=where)


def _text(form: Form, text: str, where: str) -> Statement:
    if form in {Form.SQL, Form.CALL}:
        return parse(text, where=where)
    table_name(text, where=where)
    return Statement((text.strip(),))


def _assignments(sources: Mapping[str, Source], where: str) -> tuple[Assignment, ...]:
    return tuple(_assignment(column, source, f"{where}.{column}") for column, source in sources.items())


def _assignment(column: str, source: Source, where: str) -> Assignment:
    given = [name for name in ("field", "const", "sql") if getattr(source, name) is not None]
    if len(given) != 1:
        raise BadConfiguration(
            "a column gets exactly one of a field, const and sql",
            where=where,
            hint='Write duedate = "dueAt", plant = { const = "1000" } or changed = { sql = "now()" }.',
        )
    if source.const is not None:
        return Assignment(column, Statement(()), source.const, is_constant=True)
    if source.sql is not None:
        return Assignment(column, parse(source.sql, where=where))
    assert source.field is not None  # noqa: S101 - the one of three that is left
    return Assignment(column, Statement((Parameter(source.field),)))
