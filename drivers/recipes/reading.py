"""Pure: one operation's table checked word by word. Each mistake is raised with its place.

What would go wrong at the first write is refused here: a name that nobody knows, a value that no step gives, a field
of many lines outside of them, an external reference that nobody writes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drivers.contract import BadConfiguration, OperationKind
from drivers.recipes.naming import refuse_unknown
from drivers.recipes.recipe import Conditional
from drivers.recipes.tables import OperationOptions
from drivers.recipes.words import (
    IDEMPOTENCY_KEY,
    KEY,
    LINE,
    LINE_NUMBER,
    RESERVED,
    RESULT,
    STATUS,
    field_of,
)


@dataclass(frozen=True, slots=True)
class Terms:
    """How a driver calls what a recipe is made of, for the sentences that an operator reads."""

    step: str = "step"
    part: str = "column"  # of the key
    parts: str = "columns"
    gives: str = "gives"  # a step its results
    mark: str = ""  # what stands before a word in a text
    kept: str = "Write it into a field of the record: the system's external reference."


PLAIN: Final = Terms()
# The fields that these operations have; the others have any.
_FIELDS: Final[Mapping[OperationKind, frozenset[str | None]]] = {
    OperationKind.DELETE: frozenset({None}),
    OperationKind.SET_STATUS: frozenset({None, STATUS}),
}
_HAVE: Final = {
    OperationKind.DELETE: "It has key and idempotencyKey.",
    OperationKind.SET_STATUS: "It has key, status and idempotencyKey.",
}


@dataclass(frozen=True, slots=True)
class Reading:
    kind: OperationKind
    table: OperationOptions
    where: str
    key: tuple[str, ...] = ()  # the parts of the stream's key; empty: not known before the source is asked
    keys: Collection[str] = ()  # fields that hold another record's key
    lists: Collection[str] = ()  # every list that a step goes through line by line
    terms: Terms = PLAIN

    # --- words

    def check_name(self, name: str, *, lists: Collection[str], results: Collection[str], where: str) -> None:
        """`lists`: those whose lines are gone through where the word stands; `results`: what earlier steps give."""
        head, _, rest = name.partition(".")
        field = field_of(name, self.keys)
        if head == RESULT:
            refuse_unknown(rest, results, f"no earlier {self.terms.step} {self.terms.gives}", where)
        elif head == KEY:
            self.check_key_name(rest, where)
        elif head == LINE and (name != LINE_NUMBER or not lists):
            raise BadConfiguration(
                f"there is no {name!r} here",
                where=where,
                hint="line.number is known where for_each goes through the lines.",
            )
        elif head in self.lists and head not in lists:
            raise BadConfiguration(
                f"{name!r} is a field of many lines",
                where=where,
                hint=f'Add for_each = "{head}" to the {self.terms.step}.',
            )
        elif field not in _FIELDS.get(self.kind, {field}):
            raise BadConfiguration(
                f"a {self.kind.value} has no field {name!r}", where=where, hint=_HAVE[self.kind]
            )

    def check_key_name(self, part: str, where: str) -> None:
        if self.kind is OperationKind.CREATE:
            raise BadConfiguration(
                "a record that is to be created has no key yet",
                where=where,
                hint=f"Use idempotencyKey, or what an earlier {self.terms.step} {self.terms.gives}.",
            )
        if not part and len(self.key) > 1:
            raise BadConfiguration(
                f"the key has {len(self.key)} parts",
                where=where,
                hint=f"Name one: {', '.join(f'{self.terms.mark}key.{each}' for each in self.key)}.",
            )
        if part and self.key:
            refuse_unknown(part, self.key, f"the key has no {self.terms.part}", where)

    # --- what a recipe has besides its steps

    def parts(
        self,
        steps: Iterable[Conditional],
        *,
        results: Collection[str],
        offered: Iterable[Conditional] | None = None,
    ) -> dict[str, Any]:
        """Arguments of `Recipe`: all but `steps` and `find`.

        `results`: what the steps and the find give; `offered`: the steps that are left, where the system takes less.
        """
        known = self.fields(steps)
        fields = known if offered is None else self.fields(offered)
        key = self._key_names()
        self._check_outcome(key, fields, results)
        return {
            "kind": self.kind,
            "where": self.where,
            "required": self._required(fields, known),
            "any_of": self.table.any_of,
            "fields": fields,
            "updatable_in": updatable_in(
                self.table.updatable_in, self.kind, fields, self.where, self.terms.step
            ),
            "statuses": self.statuses(),
            "key": key,
            "reference": self.table.reference,
        }

    def statuses(self) -> Mapping[str, Any]:
        return statuses_of(self.table.statuses, self.kind, self.where)

    def fields(self, steps: Iterable[Conditional]) -> tuple[str, ...]:
        found: dict[str, None] = {STATUS: None} if self.kind is OperationKind.SET_STATUS else {}
        for step in steps:
            conditions = [name for name in (step.when, step.unless) if name is not None]
            for name in (*step.names, *conditions):
                field = field_of(name, self.keys)
                if field is not None and field not in self.lists:
                    found[field] = None
        return tuple(found)

    def _required(self, fields: tuple[str, ...], all_fields: tuple[str, ...]) -> tuple[str, ...]:
        sentence = f"no {self.terms.step} uses the field"
        known = with_lists(all_fields)
        for name in self.table.required:
            refuse_unknown(name, known, sentence, f"{self.where}.required")
        for name in (each for group in self.table.any_of for each in group):
            refuse_unknown(name, known, sentence, f"{self.where}.any_of")
        for group in self.table.any_of:
            if len({name.rpartition(".")[0] for name in group}) > 1:
                raise BadConfiguration(
                    f"{', '.join(group)} do not lie in the same list or object",
                    where=f"{self.where}.any_of",
                    hint="Name a group for each list, and one for the fields of the record itself.",
                )
        implied = (STATUS,) if self.kind is OperationKind.SET_STATUS else ()
        left = with_lists(fields)
        return tuple(dict.fromkeys((*implied, *(name for name in self.table.required if name in left))))

    def _key_names(self) -> tuple[str, ...]:
        if self.kind is not OperationKind.CREATE:
            if self.table.key:
                raise BadConfiguration(
                    f"the record of {self.kind.value} has its key already", where=f"{self.where}.key"
                )
            return ()
        names = self.table.key or tuple(f"{RESULT}.{part}" for part in self.key)
        if self.key and len(names) != len(self.key):
            raise BadConfiguration(
                f"key names {len(names)} values, the stream's key has {len(self.key)} {self.terms.parts}",
                where=f"{self.where}.key",
                hint=f"Name one value for each of: {', '.join(self.key)}.",
            )
        return names

    def _check_outcome(self, key: tuple[str, ...], fields: tuple[str, ...], results: Collection[str]) -> None:
        places = [(name, "key") for name in key]
        if self.table.reference is not None:
            places.append((self.table.reference, "reference"))
        for name, option in places:
            where = f"{self.where}.{option}"
            head, _, rest = name.partition(".")
            if head == RESULT:
                refuse_unknown(rest, results, f"no {self.terms.step} {self.terms.gives}", where)
            elif head in RESERVED - {KEY, IDEMPOTENCY_KEY} or (
                head == KEY and self.kind is OperationKind.CREATE
            ):
                raise BadConfiguration(f"{name!r} cannot be the {option}", where=where)
            elif head not in {KEY, IDEMPOTENCY_KEY}:
                known = field_of(name, self.keys) or name
                refuse_unknown(known, fields, f"no {self.terms.step} uses the field", where)

    # --- find

    def check_find(self, names: Iterable[str], steps: Iterable[Conditional]) -> None:
        """`names`: the words of a find in which they stand. It can find what a step wrote, and nothing else."""
        where = f"{self.where}.find"
        if not any(IDEMPOTENCY_KEY in step.names for step in steps):
            raise BadConfiguration(
                f"no {self.terms.step} writes {self.terms.mark}idempotencyKey, so find can find nothing",
                where=where,
                hint=self.terms.kept,
            )
        for name in names:
            head, _, rest = name.partition(".")
            if head == KEY:
                self.check_key_name(rest, where)
            elif name != IDEMPOTENCY_KEY:
                raise BadConfiguration(
                    f"find does not know :{name}", where=where, hint="It knows :idempotencyKey and :key."
                )


def with_lists(fields: Iterable[str]) -> set[str]:
    """The fields, and the lists and objects that they lie in."""
    return {each for name in fields for each in (name, name.partition(".")[0])}


def updatable_in(
    given: tuple[str, ...] | Mapping[str, tuple[str, ...]],
    kind: OperationKind,
    fields: tuple[str, ...],
    where: str,
    step: str = PLAIN.step,
) -> Mapping[str, tuple[str, ...]]:
    """The statuses in which each field may be changed; `where`: the place of the operation."""
    place = f"{where}.updatable_in"
    if given and kind not in {OperationKind.UPDATE, OperationKind.SET_STATUS}:
        raise BadConfiguration(f"updatable_in means nothing for {kind.value}", where=place)
    if not isinstance(given, Mapping):
        return dict.fromkeys(fields, given) if given else {}
    known = with_lists(fields)
    for name in given:
        refuse_unknown(name, known, f"no {step} uses the field", place)
    return given


def statuses_of(
    given: tuple[str, ...] | Mapping[str, Any], kind: OperationKind, where: str
) -> Mapping[str, Any]:
    """The source's own codes by the unified statuses that can be set."""
    if bool(given) != (kind is OperationKind.SET_STATUS):
        raise BadConfiguration(
            "set_status names the statuses that can be set, and no other operation does",
            where=f"{where}.statuses",
            hint='Write statuses = { approved = "2" }: the unified status and the source\'s own code.',
        )
    return given if isinstance(given, Mapping) else {name: name for name in given}
