"""Pure: what the words of a recipe stand for while one command is carried out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, TypeVar

from drivers.contract import OperationKind
from drivers.keys import decode_key
from drivers.recipes.recipe import Conditional, Recipe, Step, Writes
from drivers.recipes.words import GIVEN, IDEMPOTENCY_KEY, KEY, LINE_NUMBER, RESULT, STATUS, field_of

ABSENT: Final = object()


class Misfit(Exception):
    """The record cannot be written as it is: one of its fields, by its place."""

    def __init__(self, place: str, code: str, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.code = code
        self.message = message


WritesT_co = TypeVar("WritesT_co", bound=Writes[Any], covariant=True)
RecipeT_co = TypeVar("RecipeT_co", bound=Recipe[Any, Any], covariant=True)


@dataclass(frozen=True, kw_only=True)
class Scope(Generic[WritesT_co, RecipeT_co]):
    writes: WritesT_co
    recipe: RecipeT_co
    record: Mapping[str, Any]
    idempotency_key: str  # as it is left at the record, see `shortened`
    key: Mapping[str, str] = field(default_factory=dict)  # of the record, by part of the stream's key
    results: Mapping[str, Any] = field(default_factory=dict)  # texts of keys, truth values, None
    list_name: str | None = None
    line: Mapping[str, Any] = field(default_factory=dict)
    line_index: int = 0
    blank: bool = False  # for a check: every field is there, without a value

    def given(self, name: str) -> bool:
        return self.blank or self.field(name) is not ABSENT

    def value(self, name: str) -> Any:
        """The value of a word; ABSENT for a field that is not in the record. Raises Misfit."""
        head, _, rest = name.partition(".")
        if name == IDEMPOTENCY_KEY:
            return self.idempotency_key
        if name == LINE_NUMBER:
            return self.line_index + 1
        if head == GIVEN:
            return self.given(rest)
        if head == KEY:
            return self.key[rest] if rest else next(iter(self.key.values()), None)
        if head == RESULT:
            return self.result(rest)
        return self._field_value(name)

    def result(self, name: str) -> Any:
        return self.results.get(name)

    def place(self, name: str) -> str:
        """Where the field stands in the record."""
        head, _, rest = name.partition(".")
        return f"{head}[{self.line_index}].{rest}" if head == self.list_name else name

    def field(self, name: str) -> Any:
        """What the record has there; ABSENT where it has nothing."""
        head, _, rest = name.partition(".")
        holder = self.line if head == self.list_name and rest else self.record.get(head, ABSENT)
        if not rest:
            return holder
        return holder.get(rest, ABSENT) if isinstance(holder, Mapping) else ABSENT

    def _field_value(self, name: str) -> Any:
        unified = field_of(name, self.writes.keys) or name
        found = self.field(unified)
        if unified in self.writes.keys and isinstance(found, str):
            return self._part_of_key(found, name, unified)
        if self.recipe.kind is OperationKind.SET_STATUS and unified == STATUS:
            return self.recipe.statuses.get(str(found))
        return found

    def _part_of_key(self, key: str, name: str, unified: str) -> str:
        parts = decode_key(key)
        number = int(name.rpartition(".")[2]) if name != unified else 1
        if not 1 <= number <= len(parts) or (name == unified and len(parts) != 1):
            raise Misfit(self.place(unified), "not_a_key", "is not a key of the records it refers to")
        return parts[number - 1]


ScopeT = TypeVar("ScopeT", bound=Scope[Any, Any])


def lines_of(scope: ScopeT, list_name: str) -> Iterator[ScopeT]:
    """One scope for each line of the list; a blank one has one line."""
    held = scope.record.get(list_name)
    lines = held if isinstance(held, list) else [{}] if scope.blank else []
    for index, line in enumerate(lines):
        yield replace(scope, list_name=list_name, line=line, line_index=index)


def runs_of(step: Step, scope: ScopeT) -> Iterator[ScopeT]:
    """One scope for each run of the step: for each line, or once; none where its condition does not hold."""
    for each in lines_of(scope, step.for_each) if step.for_each is not None else (scope,):
        if holds(step, each):
            yield each


def holds(step: Conditional, scope: Scope[Any, Any]) -> bool:
    """Whether its condition holds; in a check every one does."""
    wanted = step.when is None or scope.given(step.when)
    unwanted = step.unless is not None and scope.given(step.unless)
    return scope.blank or (wanted and not unwanted)


def shortened(idempotency_key: str, length: int | None, *, capitals: bool = True) -> str:
    """The external reference: the key itself, or a hash of it that fits a narrow field.

    In capitals where nothing else is said: some systems, SAP first of all, keep many texts so.
    """
    if length is None:
        return idempotency_key
    digest = hashlib.sha256(idempotency_key.encode()).digest()
    text = base64.b32encode(digest).decode().rstrip("=")
    return (text if capitals else text.lower())[:length]
