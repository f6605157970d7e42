"""Pure: the service operations that a port has to expose, and the account's role has to have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from drivers.contract import OperationKind, StreamSpec
from drivers.recipes.tables import parse_write
from drivers.soap.documents.options import FIND_KEYS, GET_KEYS, StreamOptions, parse_stream
from drivers.soap.documents.recipe_reader import call_of
from drivers.soap.documents.write_options import WriteTable
from drivers.soap.options import PAGE


@dataclass(frozen=True, slots=True)
class Use:
    port: str
    service: str
    operation: str


def used_by(streams: Iterable[StreamSpec]) -> dict[Use, tuple[str, ...]]:
    """Each operation with the streams that call it. Raises BadConfiguration for wrong options."""
    found: dict[Use, tuple[str, ...]] = {}
    for stream in streams:
        options = parse_stream(stream.name, stream.options)
        for operation in dict.fromkeys((*_reading(options), *_writing(stream))):
            use = Use(options.port, options.service, operation)
            found[use] = (*found.get(use, ()), stream.name)
    return found


def _reading(options: StreamOptions) -> Iterator[str]:
    yield "read"
    yield FIND_KEYS  # also where others list: it tells an empty table from a missing document filter
    yield options.lister
    if options.changes is not None:
        yield from (GET_KEYS, options.changes)


def _writing(stream: StreamSpec) -> Iterator[str]:
    if not stream.write:
        return
    for kind, operation in parse_write(WriteTable, stream, page=PAGE).operations():
        yield call_of(kind)
        if kind is not OperationKind.CREATE or operation.reference is not None:
            yield "read"
        if operation.find is not None:
            yield "find"
