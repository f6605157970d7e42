"""Pure: the pages and codeunits that have to be published, and the operations of them that the account needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from drivers.contract import StreamSpec
from drivers.recipes.tables import parse_write
from drivers.soap.options import PAGE
from drivers.soap.pages.options import parse_stream
from drivers.soap.pages.write_options import StepTable, WriteTable

_READS: Final = ("ReadMultiple",)


@dataclass(frozen=True, slots=True)
class Use:
    kind: str  # "page" or "codeunit"
    service: str  # the name under which it is published
    operation: str


def used_by(streams: Iterable[StreamSpec]) -> dict[Use, tuple[str, ...]]:
    """Each operation with the streams that call it. Raises BadConfiguration for wrong options."""
    found: dict[Use, tuple[str, ...]] = {}
    for stream in streams:
        page = parse_stream(stream.name, stream.options).page
        for use in dict.fromkeys((*(Use("page", page, each) for each in _READS), *_writing(stream))):
            found[use] = (*found.get(use, ()), stream.name)
    return found


def _writing(stream: StreamSpec) -> Iterator[Use]:
    if not stream.write:
        return
    for _, operation in parse_write(WriteTable, stream, page=PAGE).operations():
        for step in operation.steps:
            yield from _step(step)


def _step(step: StepTable) -> Iterator[Use]:
    if step.call is not None:
        codeunit, _, function = step.call.partition(".")
        yield Use("codeunit", codeunit, function)
    if step.create is not None:
        yield Use("page", step.create, "Create")
    for page, operation in ((step.update, "Update"), (step.delete, "Delete")):
        if page is not None:
            # The record's Key is read before, and asked about when the system says no.
            yield from (Use("page", page, each) for each in (*_READS, "IsUpdated", operation))
            for part, lines in step.lines.items():
                if lines.others == "delete":
                    yield Use("page", page, f"Delete_{part}")
