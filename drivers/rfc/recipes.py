"""How a stream is written, as values, checked as far as it can be without the system."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drivers.contract import BadConfiguration, Message, Operation, OperationKind, StreamSpec
from drivers.recipes.naming import refuse_unknown
from drivers.record_faults import faults_of
from drivers.rfc.options import ConnectionOptions, parse_stream
from drivers.rfc.write_options import CallTable, FindTable, OperationTable, Source, parse_write

IDEMPOTENCY_KEY: Final = "idempotencyKey"
KEY: Final = "key"
RESULT: Final = "result"
STATUS: Final = "status"
_RESERVED: Final = frozenset({KEY, RESULT, IDEMPOTENCY_KEY})


@dataclass(frozen=True, slots=True)
class Recipe:
    """One operation of one stream."""

    kind: OperationKind
    where: str
    table: OperationTable
    fields: tuple[str, ...]
    required: tuple[str, ...]
    updatable_in: Mapping[str, tuple[str, ...]]
    statuses: Mapping[str, str]  # status: what the calls are given for it
    key: tuple[str, ...]  # of a create: results
    idempotency_key_length: int | None

    @property
    def calls(self) -> tuple[CallTable, ...]:
        return self.table.calls

    @property
    def find(self) -> FindTable | None:
        return self.table.find

    def faults_of(self, record: Mapping[str, Any]) -> list[Message]:
        return faults_of(
            record,
            self.kind,
            required=self.required,
            any_of=self.table.any_of,
            fields=self.fields,
            statuses=self.statuses,
        )


def recipes_of(spec: StreamSpec) -> Mapping[OperationKind, Recipe]:
    """Raises BadConfiguration with the place of the first mistake."""
    if not spec.write:
        return {}
    table = parse_write(spec.name, spec.write)
    key = tuple(parse_stream(spec.name, spec.options).key)
    found = {}
    for kind in OperationKind:
        operation: OperationTable | None = getattr(table, kind.value)
        if operation is not None:
            where = f"streams.{spec.name}.write.{kind.value}"
            found[kind] = _Reader(kind, operation, where, key).recipe(table.idempotency_key_length)
    return found


def operations_of(spec: StreamSpec, options: ConnectionOptions) -> Iterator[Operation]:
    for recipe in recipes_of(spec).values():
        settles = None
        if recipe.find is not None:
            # A call whose line broke may work on until SAP's own limit ends it.
            settles = options.settling
        yield Operation(
            stream=spec.name,
            entity=spec.entity,
            kind=recipe.kind,
            required=recipe.required,
            fields=recipe.fields,
            any_of=recipe.table.any_of,
            updatable_in=recipe.updatable_in,
            statuses=tuple(recipe.statuses),
            effect_settles_after=settles,
        )


class _Reader:
    def __init__(
        self, kind: OperationKind, table: OperationTable, where: str, stream_key: tuple[str, ...]
    ) -> None:
        self._kind = kind
        self._table = table
        self._where = where
        self._stream_key = stream_key

    def recipe(self, length: int | None) -> Recipe:
        names = tuple(dict.fromkeys(self._fields()))
        known = {*names, *(name.partition(".")[0] for name in names)}
        for option in ("required", "any_of"):
            for entry in getattr(self._table, option):
                for name in (entry,) if isinstance(entry, str) else entry:
                    refuse_unknown(name, known, "no call uses the field", f"{self._where}.{option}")
        self._check_find()
        if self._table.commits_itself and len(self._table.calls) > 1:
            raise BadConfiguration(
                "what a function commits by itself cannot be undone when a later call fails",
                where=f"{self._where}.commits_itself",
                hint="Name this one call only, or leave commits_itself out where BAPI_TRANSACTION_COMMIT is needed.",
            )
        return Recipe(
            self._kind,
            self._where,
            self._table,
            names,
            tuple(dict.fromkeys(((STATUS,) if self._kind is OperationKind.SET_STATUS else ()) + self._table.required)),
            self._updatable_in(names, known),
            self._statuses(),
            self._key(),
            length,
        )  # fmt: skip

    def _fields(self) -> Iterator[str]:
        returned: set[str] = set()
        if self._kind is OperationKind.SET_STATUS:
            yield STATUS
        for number, call in enumerate(self._table.calls):
            where = f"{self._where}.calls[{number}]"
            for source, list_name in sources(call):
                name = self._checked(source, list_name, returned, where)
                if name is not None:
                    yield name
            for condition in (call.when, call.unless):
                if condition is not None:
                    yield condition
            if call.when is not None and call.unless is not None:
                raise BadConfiguration("when and unless exclude each other", where=where)
            returned |= set(call.returns)

    def _checked(self, source: Source, list_name: str | None, returned: set[str], where: str) -> str | None:
        """The field of the record that the source stands for; None: none of it."""
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
        name = source.field or source.key
        if name is None:
            return None
        head, _, rest = name.partition(".")
        if head == RESULT:
            refuse_unknown(rest, returned, "no earlier call returns", where)
        if head == KEY and self._kind is OperationKind.CREATE:
            raise BadConfiguration("a record that is to be created has no key yet", where=where)
        if head == KEY and rest and self._stream_key:
            refuse_unknown(rest, self._stream_key, "the key has no column", where)
        if head in _RESERVED:
            return None
        if self._kind in {OperationKind.DELETE, OperationKind.SET_STATUS} and name != STATUS:
            raise BadConfiguration(f"a {self._kind.value} has no field {name!r}", where=where)
        return name

    def _check_find(self) -> None:
        if self._table.find is None:
            return
        used = {source.field for call in self._table.calls for source, _ in sources(call)}
        if IDEMPOTENCY_KEY not in used:
            raise BadConfiguration(
                "no call is given idempotencyKey, so find can find nothing",
                where=f"{self._where}.find",
                hint="Write it into a field that the system keeps, such as POHEADER.REF_1 (EKKO-IHREZ).",
            )

    def _updatable_in(self, names: tuple[str, ...], known: set[str]) -> Mapping[str, tuple[str, ...]]:
        given = self._table.updatable_in
        if not isinstance(given, dict):
            return dict.fromkeys(names, given) if given else {}
        for name in given:
            refuse_unknown(name, known, "no call uses the field", f"{self._where}.updatable_in")
        return given

    def _statuses(self) -> Mapping[str, str]:
        given = self._table.statuses
        if bool(given) != (self._kind is OperationKind.SET_STATUS):
            raise BadConfiguration(
                "set_status names the statuses that can be set, and no other operation does",
                where=f"{self._where}.statuses",
                hint='Write statuses = { released = "RELEASE" }: the unified status and what the call is given.',
            )
        return given if isinstance(given, dict) else {name: name for name in given}

    def _key(self) -> tuple[str, ...]:
        if self._kind is not OperationKind.CREATE:
            return ()
        returned = {name for call in self._table.calls for name in call.returns}
        if not self._table.key:
            raise BadConfiguration(
                "the key of what is created is not named",
                where=f"{self._where}.key",
                hint='Write key = ["result.order"], and what the call returns: returns = { order = "EXPPURCHASEORDER" }.',
            )
        for name in self._table.key:
            head, _, rest = name.partition(".")
            if head == RESULT:
                refuse_unknown(rest, returned, "no call returns", f"{self._where}.key")
        return self._table.key


def sources(call: CallTable) -> Iterator[tuple[Source, str | None]]:
    """Every value of a call, with the list that it belongs to."""
    yield from ((source, None) for source in call.values.values())
    for values in call.structures.values():
        yield from ((source, None) for source in values.values())
    for table in call.tables.values():
        yield from ((source, table.for_each) for source in table.values.values())
        for row in table.rows:
            yield from ((source, None) for source in row.values())
