"""How a stream is written, as values, checked as far as it can be without the system."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from drivers.contract import BadConfiguration, Operation, OperationKind, StreamSpec
from drivers.recipes import recipe
from drivers.recipes.reading import Reading, Terms
from drivers.recipes.tables import check_conditions, parse_write, place_of
from drivers.recipes.words import IDEMPOTENCY_KEY
from drivers.rfc.options import PAGE, ConnectionOptions, parse_stream
from drivers.rfc.write_options import CallTable, FindTable, OperationTable, Source, TableParameter, WriteTable

_TERMS: Final = Terms(
    step="call",
    gives="returns",
    kept="Write it into a field that the system keeps, such as POHEADER.REF_1 (EKKO-IHREZ).",
)


@dataclass(frozen=True, kw_only=True)
class Recipe(recipe.Recipe[CallTable, FindTable]):
    commits_itself: bool


@dataclass(frozen=True, kw_only=True)
class Writes(recipe.Writes[Recipe]):
    pass


def writes_of(spec: StreamSpec) -> Writes:
    """Raises BadConfiguration with the place of the first mistake."""
    if not spec.write:
        return Writes(stream=spec.name, recipes={})
    table = parse_write(WriteTable, spec, page=PAGE)
    key = tuple(parse_stream(spec.name, spec.options).key)
    keys: set[str] = set()
    recipes = {}
    for kind, operation in table.operations():
        reader = _Reader(kind, operation, f"{place_of(spec)}.{kind.value}", key)
        recipes[kind] = reader.recipe()
        keys |= reader.keys
    return Writes(
        stream=spec.name,
        recipes=recipes,
        keys=frozenset(keys),
        idempotency_key_length=table.idempotency_key_length,
    )


def operations_of(spec: StreamSpec, options: ConnectionOptions) -> Iterator[Operation]:
    writes = writes_of(spec)
    # A call whose line broke may work on until SAP's own limit ends it.
    settles = dict.fromkeys(writes.recipes, options.settling)
    return recipe.operations_of(spec, writes.recipes.values(), settles)


class _Reader:
    def __init__(
        self, kind: OperationKind, table: OperationTable, where: str, stream_key: tuple[str, ...]
    ) -> None:
        lists = {each.for_each for call in table.calls for each in call.tables.values() if each.for_each}
        self.keys = {source.key for call in table.calls for source, _ in call.sources() if source.key}
        self._table = table
        self._where = where
        self._reading = Reading(kind, table, where, stream_key, self.keys, lists, _TERMS)

    def recipe(self) -> Recipe:
        table = self._table
        returned = self._returned()
        if self._reading.kind is OperationKind.CREATE and not table.key:
            raise BadConfiguration(
                "the key of what is created is not named",
                where=f"{self._where}.key",
                hint='Write key = ["result.order"], and what the call returns: returns = { order = "EXPPURCHASEORDER" }.',
            )
        if table.commits_itself and len(table.calls) > 1:
            raise BadConfiguration(
                "what a function commits by itself cannot be undone when a later call fails",
                where=f"{self._where}.commits_itself",
                hint="Name this one call only, or leave commits_itself out where BAPI_TRANSACTION_COMMIT is needed.",
            )
        if table.find is not None:
            self._reading.check_find([IDEMPOTENCY_KEY], table.calls)
        return Recipe(
            **self._reading.parts(table.calls, results=returned),
            steps=table.calls,
            find=table.find,
            commits_itself=table.commits_itself,
        )

    def _returned(self) -> set[str]:
        """What the calls return, each checked with what the ones before it do."""
        returned: set[str] = set()
        for number, call in enumerate(self._table.calls):
            where = f"{self._where}.calls[{number}]"
            for source, list_name in call.sources():
                self._check(source, list_name, returned, where)
            check_conditions(call, where)
            for name, table in call.tables.items():
                _check_when(table, f"{where}.tables.{name}.when")
            returned |= set(call.returns)
        return returned

    def _check(self, source: Source, list_name: str | None, returned: set[str], where: str) -> None:
        given = [
            name for name in ("field", "const", "key", "line_number") if getattr(source, name) is not None
        ]
        if len(given) != 1:
            raise BadConfiguration(
                "a value comes from exactly one of a field, const, key and line_number",
                where=where,
                hint='Write COMP_CODE = "organizationKey" or DOC_TYPE = { const = "NB" }.',
            )
        if source.line_number is not None and list_name is None:
            raise BadConfiguration("line_number is known in a table with for_each", where=where)
        name = source.word
        if name is not None:
            lists = {list_name} if list_name is not None else set[str]()
            self._reading.check_name(name, lists=lists, results=returned, where=where)


def _check_when(table: TableParameter, where: str) -> None:
    if table.when is not None and table.when.partition(".")[0] != table.for_each:
        raise BadConfiguration(
            "a row depends on a field of its own line",
            where=where,
            hint='Write for_each = "lineItems" and when = "lineItems.dueAt".',
        )
