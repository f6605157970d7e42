"""Pure: what comes of a command, in the words that all drivers use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from drivers.contract import (
    BadConfiguration,
    DriverError,
    Message,
    OperationKind,
    Outcome,
    OutcomeStatus,
    SourceBusy,
    Throttled,
    WriteCommand,
)
from drivers.keys import encode_key
from drivers.recipes.recipe import Recipe, Step, Writes
from drivers.recipes.scope import Misfit, Scope
from drivers.recipes.tables import place_of
from drivers.recipes.words import KEY

NOT_FOUND: Final = Message("there is no such record, or it may not be changed any more", "not_found", KEY)


class Refusal(Exception):
    """The write is not carried out, and nothing was changed."""

    def __init__(self, *messages: Message) -> None:
        super().__init__(messages[0].text)
        self.messages = messages

    @property
    def outcome(self) -> Outcome:
        return Outcome(OutcomeStatus.FAILED, messages=self.messages)


RecipeT = TypeVar("RecipeT", bound=Recipe[Any, Any])


def recipe_to_execute(command: WriteCommand, writes: Writes[RecipeT]) -> RecipeT:
    """Raises Refusal for an operation that the stream does not know, and for a record that does not fit it."""
    recipe = writes.recipes.get(command.operation)
    if recipe is None:
        text = f"the stream {command.stream.name!r} knows no {command.operation.value}"
        raise Refusal(Message(text, "not_supported"))
    faults = recipe.faults_of(command.record)
    if faults:
        raise Refusal(*faults)
    return recipe


def recipe_to_look_up(command: WriteCommand, writes: Writes[RecipeT], *, hint: str) -> RecipeT:
    """Raises BadConfiguration where nobody can tell: that nothing was found would say that there is no effect."""
    recipe = writes.recipes.get(command.operation)
    if recipe is None or recipe.find is None:
        raise BadConfiguration(
            f"the effect of a {command.operation.value} cannot be looked up",
            where=f"{place_of(command.stream)}.{command.operation.value}.find",
            hint=hint,
        )
    return recipe


def outcome_of(scope: Scope[Any, Any], messages: Sequence[Message] = ()) -> Outcome:
    """Of a write that succeeded. Without a key where the system did not give all that it is made of."""
    recipe = scope.recipe
    key = str(scope.record.get(KEY, ""))
    if recipe.kind is OperationKind.CREATE:
        parts = [_text(scope, name) for name in recipe.key]
        key = encode_key([part for part in parts if part is not None]) if None not in parts else ""
    reference = _text(scope, recipe.reference) if recipe.reference is not None else None
    return Outcome(OutcomeStatus.SUCCEEDED, key=key, reference=reference or "", messages=tuple(messages))


def missing(step: Step, scope: Scope[Any, Any]) -> Message:
    """What a step says that does not find what it is to change."""
    if step.otherwise is not None:
        place = scope.place(step.otherwise.field) if step.otherwise.field else ""
        return Message(step.otherwise.text, step.otherwise.code, place)
    if step.for_each is not None:
        return Message("there is no such line", "not_found", f"{step.for_each}[{scope.line_index}].key")
    return NOT_FOUND


def not_reached(error: DriverError, what: str) -> Message:
    """`what`: "the database", "the system"."""
    said = "is busy" if isinstance(error, SourceBusy | Throttled) else "could not be reached"
    return Message(f"{what} {said}; nothing was sent, so nothing was changed", error.code)


def _text(scope: Scope[Any, Any], name: str) -> str | None:
    """A word that stands for nothing here leaves the success what it is."""
    try:
        value = scope.value(name)
    except Misfit:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None
