"""Pure: which data projects the streams need, with what in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from drivers.contract import StreamSpec
from drivers.dmf.recipes import read_writes
from drivers.dmf.shape import shape_of

_ANY: Final = "any"  # the legal entities stand in the connection file


@dataclass(frozen=True, slots=True)
class Use:
    project: str
    action: str
    entity: str


def used_by(streams: Iterable[StreamSpec]) -> Mapping[Use, tuple[str, ...]]:
    """The names of the streams by what they use. Raises BadConfiguration."""
    found: dict[Use, dict[str, None]] = {}
    for stream in streams:
        for use in _uses(stream):
            found.setdefault(use, {})[stream.name] = None
    return {use: tuple(names) for use, names in found.items()}


def _uses(stream: StreamSpec) -> Iterator[Use]:
    shape = shape_of(stream, (_ANY,))
    for entity in shape.entities:
        yield Use(shape.project, "export, full push", entity.entity)
    writes = read_writes(stream)
    for recipe in writes.recipes.values():
        for step in recipe.steps:
            yield Use(writes.project, "import", step.entity)
