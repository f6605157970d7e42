"""`groundwire check` of document services: the way there, then the port, the company and the operations of each stream."""

from __future__ import annotations

from typing import Final

from drivers.check_steps import AsyncStep
from drivers.contract import Mark
from drivers.http.client import HttpClient
from drivers.http.hops import way_to
from drivers.http.messages import Request
from drivers.keys import decode_key
from drivers.soap.documents.criteria import between, moment_of
from drivers.soap.documents.fetching import Fetcher
from drivers.soap.documents.listing import KeyLister
from drivers.soap.documents.options import GET_CHANGED_KEYS, GET_KEYS, DocumentsOptions
from drivers.soap.documents.port import Port
from drivers.soap.documents.shape import StreamShape
from drivers.soap.faults import refusal

SIGN_IN: Final = "server, TLS and sign-in"
_FORBIDDEN: Final = frozenset({401, 407})


def hops(options: DocumentsOptions, client: HttpClient) -> list[AsyncStep]:
    async def signed_in() -> str:
        """Whatever the site says of its root: only the sign-in is looked at, for the ports are tried with the streams."""
        request = Request("GET", options.url, {"Accept": "*/*"}, where="options.url", repeatable=True)
        answer = await client.send(request)
        if answer.status in _FORBIDDEN:
            raise refusal(answer, where="options.url")
        server = answer.headers.get("server") or "a server without a name"
        return f"AX document services at {server}"

    return [*way_to(options), (SIGN_IN, signed_in)]


async def try_stream(port: Port, shape: StreamShape, now: Mark | None) -> str:
    """One record of the stream is read, by every operation that its reads will need. `now`: the stream's signpost."""
    where = shape.where
    document = port.document
    filtered = shape.options.changes is not None or shape.options.lister == GET_KEYS
    lasting = (GET_KEYS, GET_CHANGED_KEYS) if shape.options.changes else ()
    for operation in ("read", shape.options.lister, *lasting):
        document.need(operation, where)
    lister = KeyLister(port, shape)
    if filtered and not await lister.has_keys():
        await lister.refuse_missing_filter()
    keys = await lister.everything()
    await Fetcher(port, shape).records([tuple(decode_key(key)) for key in keys[:1]])
    if shape.options.changes and now is not None:
        await lister.try_changes(moment_of(now, where))
    if shape.replication is not None and now is not None:
        await lister.found(between(shape, moment_of(now, where), None))
    return f"{len(keys)} records, {described(shape)}"


def described(shape: StreamShape) -> str:
    options = shape.options
    mark = (
        f"changes by {options.replication_key}"
        if options.replication_key
        else f"changes by {options.changes}"
        if options.changes
        else "no changes, compared in full"
    )
    sets = f", {len(shape.lines)} line sets" if shape.lines else ""
    exposed = ", ".join(sorted(shape.document.definitions.operations))
    return f"{len(shape.columns)} columns, key {', '.join(options.key)}, {mark}{sets}; the port exposes {exposed}"
