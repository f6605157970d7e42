"""Pure: the services, entity sets and calls that streams use, for whoever has to allow them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from drivers.contract import StreamSpec
from drivers.odata.options import PAGE, StreamOptions, parse_stream
from drivers.odata.write_options import LinesTable, StepTable, WriteTable
from drivers.recipes.tables import parse_write


@dataclass(frozen=True, slots=True)
class Use:
    service: str  # its path below `url`; empty: `url` itself
    action: str  # read, create, update, delete or call
    name: str  # an entity set, a way from one (SET/to_Items), or what is called


def uses_of(stream: StreamSpec, service: str) -> tuple[Use, ...]:
    """`service`: the connection's, for a stream that names none. Raises BadConfiguration for options that are wrong."""
    options = parse_stream(stream.name, stream.options)
    mine = service if options.service is None else options.service
    found = [*_reads(options, mine)]
    if stream.write:
        found += _writes(stream, options.entity_set, mine)
    return tuple(dict.fromkeys(found))


def _reads(options: StreamOptions, service: str) -> Iterator[Use]:
    entity_set = options.entity_set
    yield Use(service, "read", entity_set)
    ways = [*options.expand, *(each.expand for each in options.lines.values() if each.expand)]
    for way in ways:
        yield Use(service, "read", f"{entity_set}/{way}")
    for each in options.lines.values():
        if each.entity_set is not None:
            yield Use(service if each.service is None else each.service, "read", each.entity_set)


def _writes(stream: StreamSpec, entity_set: str, service: str) -> Iterator[Use]:
    for _, operation in parse_write(WriteTable, stream, page=PAGE).operations():
        if operation.find is not None:
            yield Use(service, "read", entity_set)
        for step in operation.steps:
            yield from _step(step, service)


def _step(step: StepTable, service: str) -> Iterator[Use]:
    for action, name in (("create", step.create), ("update", step.update), ("delete", step.delete)):
        if name is None:
            continue
        if action != "create":
            yield Use(service, "read", name)  # whether it is there, and in which version
        yield Use(service, action, name)
        yield from _lines(step.lines, name, service)
    if step.call is not None:
        if step.on is not None:
            yield Use(service, "read", step.on)
        yield Use(service, "call", step.call if step.on is None else f"{step.on}/{step.call}")


def _lines(lines: Mapping[str, LinesTable], above: str, service: str) -> Iterator[Use]:
    for name, table in lines.items():
        yield Use(service, "create", f"{above}/{name}")
        yield from _lines(table.lines, f"{above}/{name}", service)


def used_by(streams: Sequence[StreamSpec], service: str) -> Mapping[Use, tuple[str, ...]]:
    """Each use with the streams that need it, services in the order in which they come up."""
    found: dict[Use, list[str]] = {}
    for stream in streams:
        for use in uses_of(stream, service):
            found.setdefault(use, []).append(stream.name)
    services = list(dict.fromkeys(use.service for use in found))
    ordered = sorted(found, key=lambda use: services.index(use.service))
    return {use: tuple(found[use]) for use in ordered}
