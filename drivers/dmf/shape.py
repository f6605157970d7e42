"""What a stream reads: its entities, with the key, the order of lines and the types of fields. Values only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from drivers.contract import BadConfiguration, StreamSpec
from drivers.dmf.options import parse_stream

COMPANY: Final = "DATAAREAID"  # the field of the legal entity, which no export has by itself


class Kind(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"  # Yes and No
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMP_UTC = "timestamp_utc"


@dataclass(frozen=True, slots=True)
class EntityShape:
    """The headers, or a line set."""

    entity: str  # as data management calls it
    identity: tuple[str, ...]  # fields of the key, or of the header's key
    where: str
    name: str = ""  # of the line set
    order_by: tuple[str, ...] = ()
    types: Mapping[str, Kind] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamShape:
    name: str
    project: str
    headers: EntityShape
    lines: tuple[EntityShape, ...]
    companies: tuple[str, ...]
    shared: bool
    where: str

    @property
    def entities(self) -> tuple[EntityShape, ...]:
        return (self.headers, *self.lines)

    @property
    def fingerprint(self) -> str:
        """The same for what asks for the same export and sorts it alike."""
        sorted_by = [(each.entity, each.identity, each.name) for each in self.entities]
        said = json.dumps([self.project, self.companies, self.shared, sorted_by])
        return hashlib.sha256(said.encode()).hexdigest()[:32]


def shape_of(spec: StreamSpec, companies: Sequence[str]) -> StreamShape:
    """`companies`: of the connection, where the stream names none. Raises BadConfiguration."""
    options = parse_stream(spec.name, spec.options)
    where = f"streams.{spec.name}.read"
    chosen = options.legal_entities or tuple(companies)
    headers = EntityShape(options.entity, options.key, where, types=_kinds(options.types))
    lines = tuple(
        EntityShape(
            each.entity, each.parent, f"{where}.lines.{name}", name, each.order_by, _kinds(each.types)
        )
        for name, each in options.lines.items()
    )
    if len(chosen) > 1 and not options.shared and COMPANY not in options.key:
        raise BadConfiguration(
            f"records of {len(chosen)} legal entities are told apart by {COMPANY}, which is not in the key",
            where=f"{where}.key",
            hint=f'Write key = ["{COMPANY}", ...], or shared = true where the entity has no company.',
        )
    return StreamShape(
        spec.name, options.project, headers, lines, chosen[:1] if options.shared else chosen, options.shared,
        where,
    )  # fmt: skip


def of_company(shape: StreamShape, company: str) -> StreamShape:
    return shape if shape.shared else replace(shape, companies=(company,))


def _kinds(types: Mapping[str, str]) -> dict[str, Kind]:
    return {name: Kind(kind) for name, kind in types.items()}
