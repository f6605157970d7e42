"""Pure: what the agent tells of its connections and of itself, in frames that the relay can read.

A status that does not fit, or that holds what no frame may hold, would end every session that sends it. So a connection
too large for a frame is told with less: what is nice to know goes first, its name and state never.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from agent.protocol.faults import KIB, ProtocolFault
from agent.protocol.frames import Status, decode, encode

STATUS_BYTES: Final = 32 * KIB  # of connections in one status frame; well under the limit of a control frame
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
CONNECTIONS_PER_FRAME: Final = 150  # of what waits for each: under 250 bytes
_OF_A_STREAM: Final = ("name", "entity", "state", "error", "remap")  # the rest is told by its runs
_OF_A_CONNECTION: Final = ("name", "system", "driver", "state", "paused", "error", "commands", "certificates")


def status_frames(connections: Sequence[Mapping[str, Any]]) -> list[Status]:
    portions: list[list[dict[str, Any]]] = [[]]
    room = STATUS_BYTES
    for connection in map(_fitting, connections):
        size = len(json.dumps(connection))
        if portions[-1] and size > room:
            portions.append([])
            room = STATUS_BYTES
        portions[-1].append(connection)
        room -= size
    return [Status(tuple(portion)) for portion in portions]


def configured_frames(names: Iterable[str] | None) -> list[Status]:
    """Which connections there are: one that is not among them was taken out of the configuration.

    None, or more than fit into a frame: nothing is said of it.
    """
    if names is None:
        return []
    # A name that no frame can hold was never told either.
    told = Status((), configured=tuple(sorted(name for name in names if _NAME.fullmatch(name))))
    return [told] if _is_frame(told) else []


def health_frames(health: Mapping[str, Any], at: str, certificates: Mapping[str, str]) -> list[Status]:
    """`at` is this moment on the agent's clock; `certificates` says of each hop when its certificate ends."""
    connections = list(health.get("connections", {}).items())
    portions = [
        dict(connections[first : first + CONNECTIONS_PER_FRAME])
        for first in range(0, len(connections), CONNECTIONS_PER_FRAME)
    ] or [{}]
    ends = [{"hop": hop, "expiresAt": expires} for hop, expires in certificates.items()]
    whole = {**health, "at": at, "certificates": ends, "connections": portions[0]}
    return [
        Status((), whole),
        *(Status((), {"at": at, "connections": portion}) for portion in portions[1:]),
    ]


def _fitting(connection: Mapping[str, Any]) -> dict[str, Any]:
    return next(smaller for smaller in _ever_smaller(connection) if _travels(smaller))


def _ever_smaller(connection: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield dict(connection)
    streams = [_part(stream, _OF_A_STREAM) for stream in connection.get("streams", ())]
    yield {**connection, "streams": streams}
    rest = _part(connection, _OF_A_CONNECTION)
    while streams:
        yield {**rest, "streams": streams}
        streams = streams[: len(streams) // 2]
    yield rest
    yield _part(connection, ("name", "state"))
    yield {}  # which the relay reads past


def _part(whole: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: whole[name] for name in names if name in whole}


def _travels(connection: dict[str, Any]) -> bool:
    return _is_frame(Status((connection,)))


def _is_frame(status: Status) -> bool:
    try:
        decode(encode(status))
    except ProtocolFault:
        return False
    return True
