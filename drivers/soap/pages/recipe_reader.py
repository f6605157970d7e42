"""Pure: `[streams.NAME.write]` held against the WSDLs of the pages and codeunits that it names.

What the page itself does not offer (a page over a table that cannot be written) is left out, so nobody is promised it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from drivers.contract import BadConfiguration, SourceChanged, StreamSpec
from drivers.recipes.naming import nearest
from drivers.recipes.reading import Reading, Terms
from drivers.recipes.tables import Takes, duration, form_of, parse_write, place_of
from drivers.recipes.words import IDEMPOTENCY_KEY
from drivers.soap.model import Definitions, Type
from drivers.soap.options import PAGE
from drivers.soap.pages.names import option_text, option_value
from drivers.soap.pages.options import PageConnection, zone_of
from drivers.soap.pages.recipes import Assignment, Form, PartLines, Recipe, Step, Writes
from drivers.soap.pages.service import PageModel
from drivers.soap.pages.shape import PageShape, plain_columns
from drivers.soap.pages.write_options import LinesTable, OperationTable, Sources, StepTable, WriteTable

_TERMS: Final = Terms(
    part="field",
    parts="fields",
    kept="Write it into a field of the record, such as Your_Reference or Vendor_Order_No.",
)
_TAKES: Final[Takes[Form]] = {
    Form.CREATE: (frozenset({"values", "lines"}), frozenset({"values"})),
    Form.UPDATE: (frozenset({"set", "lines"}), frozenset()),
    Form.DELETE: (frozenset(), frozenset()),
    Form.CALL: (frozenset({"values"}), frozenset({"values"})),
}
Models = Mapping[str, PageModel]
Codeunits = Mapping[str, Definitions]


def targets_of(spec: StreamSpec) -> tuple[list[str], list[str]]:
    """The pages and the codeunits that a stream's recipes name."""
    table = parse_write(WriteTable, spec, page=PAGE)
    steps = [step for _, operation in table.operations() for step in operation.steps]
    pages = [page for step in steps for page in (step.create, step.update, step.delete) if page]
    return pages, [step.call.partition(".")[0] for step in steps if step.call]


def read_writes(
    spec: StreamSpec, shape: PageShape, models: Models, codeunits: Codeunits, options: PageConnection
) -> Writes:
    """Raises BadConfiguration or SourceChanged with the place of the first mistake."""
    table = parse_write(WriteTable, spec, page=PAGE)
    place = place_of(spec)
    recipes = {}
    for kind, operation in table.operations():
        lists = {lines.for_each for step in operation.steps for lines in step.lines.values()}
        key = tuple(each.name for each in shape.key)
        reading = Reading(kind, operation, f"{place}.{kind.value}", key, frozenset(table.keys), lists, _TERMS)
        recipe = _Reader(operation, reading, models, codeunits, shape).recipe()
        if recipe is not None:
            recipes[kind] = recipe
    return Writes(
        stream=spec.name,
        recipes=recipes,
        keys=frozenset(table.keys),
        zone=zone_of(options),
        settles_after=duration(table.settles_after, where=f"{place}.settles_after"),
        idempotency_key_length=table.idempotency_key_length,
        key=shape.key,
    )


class _Reader:
    def __init__(
        self, table: OperationTable, reading: Reading, models: Models, codeunits: Codeunits, shape: PageShape
    ) -> None:
        self._table = table
        self._reading = reading
        self._models = models
        self._codeunits = codeunits
        self._shape = shape

    def recipe(self) -> Recipe | None:
        """None: the page does not take such a write."""
        where = self._reading.where
        steps = tuple(
            self._step(each, f"{where}.steps[{number}]") for number, each in enumerate(self._table.steps)
        )
        results = {
            each.name
            for step in steps
            if step.model is not None and (step.form is Form.CREATE or self._table.find is not None)
            for each in plain_columns(step.definitions, step.model.type)
        }
        parts = self._reading.parts(steps, results=results)
        if self._table.find is not None:
            self._check_find(self._table.find, steps)
        if not all(step.offered for step in steps):
            return None
        return Recipe(**parts, steps=steps, find=self._table.find)

    def _check_find(self, find: str, steps: tuple[Step, ...]) -> None:
        where = f"{self._reading.where}.find"
        self._reading.check_find([IDEMPOTENCY_KEY], steps)
        if find not in self._shape.model.fields:
            raise SourceChanged(
                f"the page {self._shape.options.page} has no field {find!r} to be found by",
                where=where,
                hint=nearest(find, self._shape.model.fields),
            )

    def _step(self, table: StepTable, where: str) -> Step:
        form = form_of(table, Form, _TAKES, where)
        if table.for_each is not None:
            raise BadConfiguration(
                "a step is one call, for the whole record",
                where=f"{where}.for_each",
                hint="Write lines through `lines` of the record above them.",
            )
        step = self._called(table, where) if form is Form.CALL else self._paged(table, form, where)
        for name in (each.name for each in step.values if each.name):
            self._reading.check_name(name, lists=(), results=(), where=where)
        for lines in step.lines:
            for name in lines.names:
                self._reading.check_name(
                    name, lists={lines.for_each}, results=(), where=f"{where}.lines.{lines.holder.name}"
                )
        return step

    def _paged(self, table: StepTable, form: Form, where: str) -> Step:
        page = str(getattr(table, form.value))
        model = self._models[page]
        if form is Form.UPDATE and not table.set and not table.lines:
            raise BadConfiguration("the update sets nothing", where=where, hint="Add set = {...} or lines.")
        if form is not Form.CREATE:
            for each in self._shape.key:
                if each.name not in model.fields:
                    raise SourceChanged(
                        f"the page {page} has no field {each.name!r}, by which the record is found",
                        where=where,
                    )
        option = "set" if form is Form.UPDATE else "values"
        return Step(
            where,
            form,
            page,
            model.definitions,
            model=model,
            values=tuple(
                _assignments(model.definitions, model.type, getattr(table, option), f"{where}.{option}", page)
            ),
            lines=tuple(
                self._lines(model, form, part, each, f"{where}.lines.{part}")
                for part, each in table.lines.items()
            ),
            when=table.when,
            unless=table.unless,
            otherwise=table.otherwise,
        )

    def _lines(self, model: PageModel, form: Form, name: str, table: LinesTable, where: str) -> PartLines:
        found = model.part(name)
        if found is None:
            parts = [each.name for each in model.type.members if model.part(each.name) is not None]
            raise SourceChanged(f"the page has no sub-page {name!r}", where=where, hint=nearest(name, parts))
        if form is Form.CREATE and (table.match or table.others != "keep"):
            raise BadConfiguration("a record that is created has no lines yet", where=where)
        if form is Form.UPDATE and not table.match:
            raise BadConfiguration(
                "nothing says which line is meant",
                where=where,
                hint='Add match = { Line_No = "lineItems.lineNo" }: a line that has it is changed, others are added.',
            )
        holder, line = found
        type_ = model.definitions.type_of(line)
        return PartLines(
            holder,
            line,
            table.for_each,
            tuple(_assignments(model.definitions, type_, table.values, f"{where}.values", name)),
            tuple(_assignments(model.definitions, type_, table.match, f"{where}.match", name)),
            delete_others=table.others == "delete",
            when=table.when,
            unless=table.unless,
        )

    def _called(self, table: StepTable, where: str) -> Step:
        codeunit, _, function = str(table.call).partition(".")
        definitions = self._codeunits[codeunit]
        operation = definitions.operations.get(function)
        if operation is None or operation.request is None:
            raise SourceChanged(
                f"the codeunit {codeunit} has no function {function!r}",
                where=f"{where}.call",
                hint=nearest(function, definitions.operations),
            )
        type_ = definitions.type_of(operation.request)
        values = tuple(_assignments(definitions, type_, table.values, f"{where}.values", str(table.call)))
        given = {each.target.name for each in values}
        for member in type_.members:
            if member.required and member.name not in given:
                raise BadConfiguration(
                    f"the function {table.call} needs {member.name!r}", where=f"{where}.values"
                )
        return Step(
            where,
            Form.CALL,
            codeunit,
            definitions,
            function=function,
            values=values,
            when=table.when,
            unless=table.unless,
            otherwise=table.otherwise,
        )


def _assignments(
    definitions: Definitions, type_: Type, sources: Sources, where: str, holder: str
) -> Iterator[Assignment]:
    for name, source in sources.items():
        member = type_.member(name)
        kind = definitions.type_of(member) if member is not None else None
        if member is None or kind is None or kind.kind is None or member.many:
            plain = [each.name for each in type_.members if definitions.type_of(each).kind is not None]
            raise SourceChanged(
                f"{holder} has no field {name!r}", where=f"{where}.{name}", hint=nearest(name, plain)
            )
        if not source.field and kind.values and option_value(str(source.const), kind) is None:
            known = ", ".join(option_text(each) or '""' for each in kind.values)
            raise BadConfiguration(
                f"{holder} takes no {source.const!r} in {name}",
                where=f"{where}.{name}",
                hint=f"It takes: {known}.",
            )
        yield Assignment(member, kind, source.field or "", source.const)
