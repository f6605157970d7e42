"""Pure: what the administrator of a source grants to the agent's user, one line for each thing that is used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from drivers.contract import StreamSpec

if TYPE_CHECKING:
    from drivers.rfc.authorisations import Authorisations

_FUNCTION: Final = ("S_RFC", "ACTVT 16, RFC_TYPE FUNC, RFC_NAME")
_TABLE: Final = ("S_TABU_NAM", "ACTVT 03, TABLE")
_OWN_SERVICE: Final = "service"  # the one of a connection whose options.url is all there is
_GATEWAY: Final = re.compile(r"(?:^|/)odata/sap/(?P<service>\w+)|(?:^|/)odata4/sap/(?P<group>\w+)/")


@dataclass(frozen=True, slots=True)
class Grant:
    object: str
    fields: str
    values: tuple[str, ...]  # more than one: one of them is enough
    read_by: tuple[str, ...] = ()  # streams; neither these nor `written_by`: whatever is read
    written_by: tuple[str, ...] = ()


def grants_of(
    driver: str, streams: Sequence[StreamSpec], options: Mapping[str, Any] | None = None
) -> tuple[Grant, ...] | None:
    """`options`: the connection's, as far as they are known. None: this driver has no such list.

    Raises BadConfiguration for a stream whose options are wrong.
    """
    makers = {
        "dmf": _package_grants,
        "netsuite": _netsuite_grants,
        "odata": _odata_grants,
        "odbc": _database_grants,
        "rfc": _rfc_grants,
    }
    if driver == "soap" and (options or {}).get("services") == "ax-documents":
        return _document_grants(streams)
    if driver == "soap" and (options or {}).get("services") == "nav-pages":
        return _page_grants(streams)
    return makers[driver](streams, options or {}) if driver in makers else None


def _package_grants(streams: Sequence[StreamSpec], _: Mapping[str, Any]) -> tuple[Grant, ...]:
    from drivers.dmf.authorisations import used_by  # noqa: PLC0415 - only where it is used

    return tuple(
        Grant(f"data project {use.project}", use.action, (use.entity,), readers, writers)
        for use, readers, writers in _uses(streams, used_by)
    )


def _document_grants(streams: Sequence[StreamSpec]) -> tuple[Grant, ...]:
    from drivers.soap.documents.authorisations import used_by  # noqa: PLC0415 - only where it is used

    return tuple(
        Grant(f"inbound port {use.port}", f"operation of {use.service}", (use.operation,), readers, writers)
        for use, readers, writers in _uses(streams, used_by)
    )


def _page_grants(streams: Sequence[StreamSpec]) -> tuple[Grant, ...]:
    from drivers.soap.pages.authorisations import used_by  # noqa: PLC0415 - only where it is used

    return tuple(
        Grant(f"{use.kind} {use.service}", "operation", (use.operation,), readers, writers)
        for use, readers, writers in _uses(streams, used_by)
    )


def _database_grants(streams: Sequence[StreamSpec], options: Mapping[str, Any]) -> tuple[Grant, ...]:
    from drivers.odbc.authorisations import used_by  # noqa: PLC0415 - only where it is used
    from drivers.odbc.names import with_names  # noqa: PLC0415 - only where it is used
    from drivers.odbc.options import parse_connection  # noqa: PLC0415 - only where it is used

    known = parse_connection({"connection": {}} | dict(options))
    named = [with_names(stream, known, partly=True) for stream in streams]
    return tuple(
        Grant(use.name, use.privilege, (use.statement,), readers, writers)
        for use, readers, writers in _uses(named, used_by)
    )


_Use = TypeVar("_Use")


def _uses(
    streams: Sequence[StreamSpec], used_by: Callable[[Iterable[StreamSpec]], Mapping[_Use, tuple[str, ...]]]
) -> Iterator[tuple[_Use, tuple[str, ...], tuple[str, ...]]]:
    """What is used, with the streams that read by it and those that only write."""
    reading = used_by([replace(stream, write={}) for stream in streams])
    for use, names in used_by(streams).items():
        readers = reading.get(use, ())
        yield use, readers, tuple(name for name in names if name not in readers)


def _netsuite_grants(streams: Sequence[StreamSpec], _: Mapping[str, Any]) -> tuple[Grant, ...]:
    from drivers.netsuite.authorisations import ALWAYS, used_by  # noqa: PLC0415 - only where it is used

    reading = used_by([replace(stream, write={}) for stream in streams])
    return (
        *(Grant(*each) for each in ALWAYS),
        *(
            Grant(use.subtab, use.level, (use.name,), *((by, ()) if use in reading else ((), by)))
            for use, by in used_by(streams).items()
        ),
    )


def _odata_grants(streams: Sequence[StreamSpec], options: Mapping[str, Any]) -> tuple[Grant, ...]:
    from drivers.odata.authorisations import used_by  # noqa: PLC0415 - only where it is used

    service = str(options.get("service", ""))
    whole = used_by(streams, service)
    reading = used_by([replace(stream, write={}) for stream in streams], service)
    paths = dict.fromkeys(use.service for use in whole)
    found = []
    for path in paths:
        mine = [use for use in whole if use.service == path]
        read_by = tuple(dict.fromkeys(name for use in mine for name in reading.get(use, ())))
        written_by = dict.fromkeys(name for use in mine for name in whole[use] if name not in read_by)
        holder = _OWN_SERVICE
        if path:
            guard = _service(path)
            holder = guard[2][0]
            found.append(Grant(*guard, read_by, tuple(written_by)))
        for use in mine:
            by = reading.get(use, ())
            writers = tuple(name for name in whole[use] if name not in by)
            found.append(Grant(holder, use.action, (use.name,), by, writers))
    return tuple(found)


def _service(path: str) -> tuple[str, str, tuple[str, ...]]:
    """SAP guards each service of its Gateway by S_SERVICE: V2 by its name, V4 by the name of its group."""
    found = _GATEWAY.search(path)
    if found is None:
        return "service", "path", (path,)
    return "S_SERVICE", "SRV_TYPE HT, SRV_NAME of", ((found["service"] or found["group"]).upper(),)


def _rfc_grants(streams: Sequence[StreamSpec], _: Mapping[str, Any]) -> tuple[Grant, ...]:
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
