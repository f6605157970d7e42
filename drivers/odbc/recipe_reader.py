"""`[streams.NAME.write]`, checked as far as it can be without the database.

What would go wrong at the first write is refused here, with its place: a name that nobody knows, a value that nobody
returns, an update that would set to null what it was not given, a change that would not notice that nothing is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from drivers.contract import BadConfiguration, OperationKind, StreamSpec
from drivers.odbc.binding import parse_type
from drivers.odbc.options import PAGE, parse_stream
from drivers.odbc.recipes import Assignment, Form, Recipe, Step, Writes
from drivers.odbc.statements import Parameter, Statement, parse, table_name
from drivers.odbc.write_options import OperationTable, Source, StepTable, WriteTable
from drivers.recipes.reading import Reading, Terms
from drivers.recipes.tables import Takes, form_of, parse_write, place_of
from drivers.recipes.types import refuse_unused
from drivers.recipes.words import GIVEN, IDEMPOTENCY_KEY, field_of

_TERMS: Final = Terms(
    gives="returns",
    mark=":",
    kept="Write it into a column of the record, or into a table of commands that were carried out.",
)
_TAKES: Final[Takes[Form]] = {
    Form.SQL: (frozenset(), frozenset()),
    Form.CALL: (frozenset(), frozenset()),
    Form.INSERT: (frozenset({"values"}), frozenset({"values"})),
    Form.UPDATE: (frozenset({"set", "where"}), frozenset({"set", "where"})),
    Form.DELETE: (frozenset({"where"}), frozenset({"where"})),
}


def read_writes(spec: StreamSpec) -> Writes:
    """Raises BadConfiguration with the place of the first mistake."""
    if not spec.write:
        return Writes(stream=spec.name, recipes={})
    place = place_of(spec)
    table = parse_write(WriteTable, spec, page=PAGE)
    key = parse_stream(spec.name, spec.options).key
    types = {
        name: parse_type(text, where=f"{place}.types.{name}") for name, text in sorted(table.types.items())
    }
    keys = frozenset(name for name, type_ in types.items() if type_.is_key)
    recipes = {
        kind: _Reader(operation, _reading(kind, operation, f"{place}.{kind.value}", key, keys)).recipe()
        for kind, operation in table.operations()
    }
    refuse_unused(types, recipes.values(), place=place)
    return Writes(
        stream=spec.name,
        recipes=recipes,
        keys=keys,
        types=types,
        **table.timing(place),
    )


def _reading(
    kind: OperationKind, table: OperationTable, where: str, key: tuple[str, ...], keys: frozenset[str]
) -> Reading:
    lists = {step.for_each for step in table.steps if step.for_each}
    return Reading(kind, table, where, key, keys, lists, _TERMS)


class _Reader:
    """Makes one operation's table a recipe."""

    def __init__(self, table: OperationTable, reading: Reading) -> None:
        self._table = table
        self._reading = reading
        self._where = reading.where

    def recipe(self) -> Recipe:
        steps = tuple(self._steps())
        find = self._table.find
        returned = {column for step in steps for column in step.returns}
        recipe = Recipe(
            **self._reading.parts(steps, results=returned),
            steps=steps,
            find=parse(find, where=f"{self._where}.find") if find is not None else None,
            commits_itself=self._table.commits_itself,
        )
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
                lists = {step.for_each} if step.for_each is not None else set[str]()
                self._reading.check_name(name, lists=lists, results=returned, where=where)
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
        form = form_of(table, Form, _TAKES, where)
        _check_rows(form, table, where)
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

    def _check_absent(self, step: Step, table: StepTable, where: str) -> None:
        """An update has only what is to change; a plain statement would set the rest to null unawares."""
        plain = step.form in {Form.SQL, Form.CALL}
        if self._reading.kind is not OperationKind.UPDATE or not plain or table.absent_as_null:
            return
        asked = {name.partition(".")[2] for name in step.names if name.startswith(f"{GIVEN}.")}
        for name in step.names:
            found = field_of(name, self._reading.keys)
            if found is None or found in asked or found in self._table.required or found == step.when:
                continue
            raise BadConfiguration(
                f"an update may lack {found!r}, which would then be null here",
                where=where,
                hint=f"Use :given.{found} beside it, or add when, required or absent_as_null = true.",
            )

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
        self._reading.check_find(recipe.find.names, recipe.steps)


def _check_rows(form: Form, table: StepTable, where: str) -> None:
    if table.returns and (table.for_each or form in {Form.UPDATE, Form.DELETE}):
        raise BadConfiguration(
            "returns belongs to one sql, call or insert",
            where=f"{where}.returns",
            hint="Ask for the values in a step of its own.",
        )
    if table.expect_rows is not None and form in {Form.CALL, Form.INSERT}:
        raise BadConfiguration(f"{form.value} takes no expect_rows", where=f"{where}.expect_rows")


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
