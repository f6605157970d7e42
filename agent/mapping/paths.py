"""Names of the places of a mapping: "lineItems.quantity" to people, ("lineItems", "map", "quantity") in the table. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.errors import ConfigurationError
from agent.mapping.overlay import Action, Change, Path
from agent.model.entities import ENTITIES, MAPPABLE_PROVENANCE, PROVENANCE, Entity, Field, Kind

CUSTOM: Final = "custom"
CUSTOM_FIELDS: Final = "customFields"  # as the entity's documents and the policy call them
NAMED_TABLES: Final = (CUSTOM, "defaults", "lookups")
LINE_WORDS: Final = ("lines", "where")  # of a list, beside its fields
FIELDS: Final = "map"
MAX_CHANGES: Final = 200  # of one version
MAX_DEPTH: Final = 16  # of a value
MAX_TEXT: Final = 1_000  # characters of a name
MAX_INTEGER: Final = 2**63


def mappable(entity: Entity) -> tuple[Field, ...]:
    own = tuple(field for field in entity.fields if field.name != "key")
    return (*own, *(field for field in PROVENANCE if field.name in MAPPABLE_PROVENANCE))


def path_of(text: str, entity: str) -> Path:
    """The place that a text names: a field, `customFields.NAME`, `defaults.WORD`, `lookups.NAME`.

    Raises ConfigurationError for one that the entity does not have.
    """
    first, dot, rest = text.partition(".")
    if first in (CUSTOM_FIELDS, *NAMED_TABLES):
        name = CUSTOM if first == CUSTOM_FIELDS else first
        path: Path = (name, rest) if dot else (name,)
    elif _kind(entity, first) is Kind.LIST and dot and rest not in LINE_WORDS:
        path = (first, FIELDS, *rest.split("."))
    else:
        path = tuple(text.split("."))
    check_path(path, entity)
    return path


def text_of(path: Path) -> str:
    """What `path_of` reads."""
    if path[0] == CUSTOM:
        return ".".join((CUSTOM_FIELDS, *path[1:]))
    if len(path) > 2 and path[1] == FIELDS:  # noqa: PLR2004 - list, map, field
        return f"{path[0]}.{'.'.join(path[2:])}"
    return ".".join(path)


def check_path(path: Path, entity: str) -> None:
    """Raises ConfigurationError unless the place may be changed as one: a field, never a part of its recipe."""
    if not path or not all(path):
        raise ConfigurationError("a place in a mapping has a name")
    if path[0] in NAMED_TABLES:
        if len(path) != 2:  # noqa: PLR2004 - table and name
            raise ConfigurationError(f"name one entry of {path[0]}", hint=f"Such as {path[0]}.NAME.")
        return
    fields = {field.alias: field for field in mappable(ENTITIES[entity])}
    field = fields.get(path[0])
    if field is None:
        raise _unknown(path[0], fields)
    inside = path[1:]
    if field.kind is Kind.LIST and inside and inside[0] == FIELDS:
        inside = inside[1:]
        if not inside:
            raise ConfigurationError(f"name one field of {field.alias}", hint=f"Such as {field.alias}.NAME.")
    elif field.kind is Kind.LIST and len(inside) == 1 and inside[0] in LINE_WORDS:
        return
    _check_member(field, inside)


def _check_member(field: Field, inside: Path) -> None:
    if not inside:
        return
    members = {member.alias: member for member in field.fields}
    if not members:
        raise ConfigurationError(
            f"{field.alias} is one value and is changed as a whole", hint=f"Name {field.alias} alone."
        )
    if inside[0] not in members:
        raise _unknown(inside[0], members, of=f" of {field.alias}")
    _check_member(members[inside[0]], inside[1:])


def read_changes(value: Any, entity: str) -> tuple[Change, ...]:
    """Changes as commands and files write them. Raises ConfigurationError naming what is wrong."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not 0 < len(value) <= MAX_CHANGES:
        raise ConfigurationError(f"changes is a list of 1 to {MAX_CHANGES} changes")
    return tuple(read_change(one, entity) for one in value)


def read_change(value: Any, entity: str) -> Change:
    path, words = _shape(value)
    check_path(path, entity)
    if words == {"spec"}:
        check_value(value["spec"], where=text_of(path))
        return Change(path, Action.SET, value["spec"])
    (word,) = words
    return Change(path, Action(word))


def _shape(value: Any) -> tuple[Path, set[str]]:
    sentence = (
        'a change is {"path": [...], "spec": VALUE}, or "remove" or "reset" set to true instead of "spec"'
    )
    if not isinstance(value, Mapping):
        raise ConfigurationError(sentence)
    path, words = value.get("path"), set(value) - {"path"}
    if not isinstance(path, list | tuple) or not all(isinstance(name, str) for name in path):
        raise ConfigurationError(sentence)
    flagged = len(words) == 1 and words <= {"remove", "reset"} and value[next(iter(words))] is True
    if not flagged and words != {"spec"}:
        raise ConfigurationError(sentence)
    for name in path:
        _check_text(name, "path")
    return tuple(path), words


def check_value(value: Any, *, where: str, depth: int = 0) -> None:
    """Raises ConfigurationError for what a mapping file could not hold either."""
    if depth > MAX_DEPTH:
        raise ConfigurationError(f"tables are nested deeper than {MAX_DEPTH} levels", where=where)
    if isinstance(value, Mapping):
        for name, below in value.items():
            _check_text(name, where)
            check_value(below, where=where, depth=depth + 1)
    elif isinstance(value, list):
        for below in value:
            check_value(below, where=where, depth=depth + 1)
    elif isinstance(value, str):
        _check_text(value, where, longest=None)
    elif not isinstance(value, int) or not -MAX_INTEGER <= value < MAX_INTEGER:
        raise ConfigurationError(
            "a mapping holds texts, whole numbers, true and false, lists and tables",
            where=where,
            hint="Write an amount as a text, so that it stays exact.",
        )


def _check_text(text: Any, where: str, *, longest: int | None = MAX_TEXT) -> None:
    if not isinstance(text, str) or (longest is not None and len(text) > longest):
        raise ConfigurationError(f"a name is a text of at most {longest} characters", where=where)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError("a text holds half a character", where=where) from error


def _kind(entity: str, alias: str) -> Kind | None:
    return next((field.kind for field in mappable(ENTITIES[entity]) if field.alias == alias), None)


def _unknown(name: str, known: Mapping[str, Field], *, of: str = "") -> ConfigurationError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
    if not of and not near:
        hint += f" What the model lacks is mapped as {CUSTOM_FIELDS}.NAME."
    return ConfigurationError(f"the unified model has no field {name!r}{of}", hint=hint)
