"""The tables that a connection needs so that everything it reads may leave: text to paste, for a person to cut down.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from agent.model.entities import ENTITIES, Classification, Entity
from agent.policy import names

READING: tuple[str, ...] = ("sync", "resync", "pause", "resume", "test")


def suggestion(connection: str, entities: Iterable[str]) -> str:
    return (
        "\n".join(chain(_head(connection), *(_table(connection, name) for name in sorted(set(entities)))))
        + "\n"
    )


def _head(connection: str) -> Iterator[str]:
    yield f"[connections.{connection}]"
    commands = ", ".join(f'"{name}"' for name in READING)
    yield f"commands = [{commands}]  # what the relay may ask for"


def _table(connection: str, name: str) -> Iterator[str]:
    yield ""
    yield f"[connections.{connection}.leave.{name}]"
    yield 'fields = "all"  # or exact names: ["orderNo", "lineItems.quantity"]'
    entity = ENTITIES.get(name)
    personal = _of(entity, Classification.PERSONAL) if entity else ""
    free = _of(entity, Classification.FREE_TEXT) if entity else ""
    if personal:
        yield f"# personal: mask = [{personal}]"
    if free:
        yield f"# typed by people: except = [{free}]"


def _of(entity: Entity, classification: Classification) -> str:
    """The fields of this kind, a list or object as a whole where it is of the kind itself."""
    known = names.fields_of(entity)
    found = []
    for path, field in known.items():
        above = names.parent_of(path)
        covered = above is not None and known[above].classification is classification
        if field.classification is classification and not covered:
            found.append(f'"{path}"')
    return ", ".join(found)
