"""What is guessed, with how sure it is and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drivers.contract import Table


class Sureness(StrEnum):
    SURE = "sure"
    LIKELY = "likely"
    GUESS = "a guess"


@dataclass(frozen=True, slots=True)
class FieldGuess:
    field: str  # by its name in the model
    column: str
    sureness: Sureness
    why: str


@dataclass(frozen=True, slots=True)
class LinesGuess:
    field: str  # the list of the model, such as lineItems
    table: Table
    parent: tuple[str, ...]  # in the order of the header's key
    order_by: tuple[str, ...]
    fields: tuple[FieldGuess, ...]
    sureness: Sureness
    why: str


@dataclass(frozen=True, slots=True)
class StreamGuess:
    name: str
    entity: str
    table: Table
    key: tuple[str, ...]
    key_is_primary: bool
    fields: tuple[FieldGuess, ...]
    lines: tuple[LinesGuess, ...]
    sureness: Sureness
    why: str
    others: tuple[str, ...] = ()  # tables that look like it too
    children: tuple[str, ...] = ()  # tables that lead to it and are no line set of the model


@dataclass(frozen=True, slots=True)
class Proposal:
    streams: tuple[StreamGuess, ...]
    missing: tuple[str, ...]  # entities of which no table was found
    taken: tuple[str, ...] = ()  # streams that the file has already
