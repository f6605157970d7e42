"""A websocket message: read as a frame, or refused with a ProtocolFault; what was read is written as the same frame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from agent.protocol.faults import Fault
from agent.protocol.frames import ProtocolFault, Unknown, decode, encode
from tests.protocol.scripts import message_of

VECTORS = Path(__file__).parents[2] / "protocol" / "vectors"
TEXT = b"t"  # in front of an input that arrives as text; anything else arrives as bytes


def seeds() -> Iterator[bytes]:
    for name in ("frames.json", "refused.json"):
        for vector in json.loads((VECTORS / name).read_text()):
            yield as_input(message_of(vector["wire"]))


def as_input(message: str | bytes) -> bytes:
    return TEXT + message.encode("utf-8", "replace") if isinstance(message, str) else message


def message_from(data: bytes) -> str | bytes:
    return data[1:].decode("utf-8", "replace") if data.startswith(TEXT) else data


def feed(data: bytes) -> None:
    try:
        frame = decode(message_from(data))
    except ProtocolFault:
        return
    if isinstance(frame, Unknown):
        return
    try:
        again = encode(frame)
    except ProtocolFault as fault:
        if fault.fault is not Fault.TOO_BIG:  # written in ASCII it is longer
            raise
        return
    assert decode(again) == frame
