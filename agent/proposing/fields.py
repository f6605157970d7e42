"""Which column is probably which field. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from agent.model.entities import ENTITIES, Kind
from agent.policy.names import fields_of
from agent.proposing.guesses import FieldGuess, Sureness
from agent.proposing.knowledge import Phrases
from agent.proposing.words import ends_with, without, word_set, words_of
from drivers.contract import Column

# A single word that many columns have, whatever they mean.
_GENERIC: Final = word_set(
    "number code date total amount class hour type text title status state group note comment remark cost line"
    " position price unit reference name start created updated"
)
_FITS: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.STRING: frozenset({"text", "number"}),
    Kind.DECIMAL: frozenset({"number"}),
    Kind.INTEGER: frozenset({"number"}),
    Kind.DATE: frozenset({"day", "moment"}),
    Kind.TIMESTAMP: frozenset({"day", "moment"}),
    Kind.BOOLEAN: frozenset({"boolean", "number", "text"}),
}
_TYPES: Final = (
    ("boolean", ("bool",)),
    ("moment", ("timestamp", "datetime", "smalldatetime")),
    ("day", ("date",)),
    ("time", ("time", "interval", "year")),
    ("binary", ("bytea", "blob", "binary", "varbinary", "image", "rowversion", "longblob", "raw", "bit")),
    ("number", ("int", "serial", "small", "big", "tiny", "medium", "num", "dec", "money", "float", "double", "real")),
)  # fmt: skip


def kind_of(type_: str) -> str:
    """text, number, moment, day, time, boolean or binary, by the first letters of the source's word."""
    word = type_.lower()
    return next((kind for kind, beginnings in _TYPES if word.startswith(beginnings)), "text")


def guess_fields(
    entity: str,
    phrases: Mapping[str, Phrases],
    columns: Sequence[Column],
    *,
    table: tuple[str, ...],
    references: Mapping[str, str],
    list_name: str = "",
) -> tuple[FieldGuess, ...]:
    """Each field with its likeliest column, each column once. `references`: columns whose foreign key names the field.

    `table`: the words of the table's own name, which its columns often repeat.
    """
    known = fields_of(ENTITIES[entity])
    ranked: list[tuple[float, int, FieldGuess]] = []
    for place, (field, wanted) in enumerate(phrases.items()):
        path = f"{list_name}.{field}" if list_name else field
        kind = known[path].kind if path in known else Kind.TIMESTAMP
        for column in columns:
            if kind_of(column.type) in _FITS.get(kind, frozenset()):
                ranked += [(score, place, guess) for score, guess in _scored(field, wanted, column, table)]
    for name, field in references.items():
        ranked.append((2.0, 0, FieldGuess(field, name, Sureness.SURE, "its foreign key")))
    taken_fields: dict[str, FieldGuess] = {}
    taken_columns: set[str] = set()
    for _, _, guess in sorted(ranked, key=lambda each: (-each[0], each[1], each[2].column)):
        if guess.field not in taken_fields and guess.column not in taken_columns:
            taken_fields[guess.field] = guess
            taken_columns.add(guess.column)
    order = [*phrases, *references.values()]
    return tuple(taken_fields[field] for field in dict.fromkeys(order) if field in taken_fields)


def _scored(
    field: str, phrases: Phrases, column: Column, table: tuple[str, ...]
) -> Iterator[tuple[float, FieldGuess]]:
    full = words_of(column.name)
    short = without(full, table)
    for rank, phrase in enumerate(phrases):
        said = " ".join(phrase)
        if phrase in (full, short):
            generic = len(phrase) == 1 and phrase[0] in _GENERIC
            sureness = Sureness.LIKELY if generic else Sureness.SURE
            yield (
                1.0 - 0.02 * rank - (0.2 if generic else 0),
                FieldGuess(field, column.name, sureness, f"named {said!r}"),
            )
        elif len(full) == len(phrase) + 1 and ends_with(full, phrase) and len(phrase) > 1:
            yield 0.6 - 0.02 * rank, FieldGuess(field, column.name, Sureness.GUESS, f"ends with {said!r}")
        elif set(phrase) < set(full) and len(full) == len(phrase) + 1 and len(phrase) > 1:
            yield (
                0.4 - 0.02 * rank,
                FieldGuess(field, column.name, Sureness.GUESS, f"has {said!r} in its name"),
            )
