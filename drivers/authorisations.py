"""Pure: what the administrator of a source grants to the agent's user, one line for each function and table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from drivers.contract import StreamSpec

if TYPE_CHECKING:
    from drivers.rfc.authorisations import Authorisations

_FUNCTION: Final = ("S_RFC", "ACTVT 16, RFC_TYPE FUNC, RFC_NAME")
_TABLE: Final = ("S_TABU_NAM", "ACTVT 03, TABLE")


@dataclass(frozen=True, slots=True)
class Grant:
    object: str
    fields: str
    values: tuple[str, ...]  # more than one: one of them is enough
    read_by: tuple[str, ...] = ()  # streams; neither these nor `written_by`: whatever is read
    written_by: tuple[str, ...] = ()


def grants_of(driver: str, streams: Sequence[StreamSpec]) -> tuple[Grant, ...] | None:
    """None: this driver has no such list. Raises BadConfiguration for a stream whose options are wrong."""
    if driver != "rfc":
        return None
    from drivers.rfc.authorisations import ALWAYS, CURRENCIES, authorisations_of  # noqa: PLC0415 - only where it is used

    whole = authorisations_of(streams)
    reads = [(stream.name, authorisations_of([replace(stream, write={})])) for stream in streams]
    writes = [(stream.name, authorisations_of([stream])) for stream in streams]
    return (
        *(Grant(*_FUNCTION, (name,)) for name in ALWAYS),
        Grant(*_FUNCTION, whole.readers),
        *(_grant(_FUNCTION, name, reads, writes) for name in whole.functions if name not in ALWAYS),
        Grant(*_TABLE, (CURRENCIES,)),
        *(_grant(_TABLE, name, reads, writes) for name in whole.tables if name != CURRENCIES),
    )


_Named = Iterable[tuple[str, "Authorisations"]]


def _grant(kind: tuple[str, str], name: str, reads: _Named, writes: _Named) -> Grant:
    read_by = tuple(_using(name, reads))
    return Grant(*kind, (name,), read_by, tuple(each for each in _using(name, writes) if each not in read_by))


def _using(name: str, found: _Named) -> Iterator[str]:
    yield from (stream for stream, each in found if name in (*each.functions, *each.tables))
