"""Frames between the agent and a driver's child process: lengths, a JSON header, and a body of Arrow IPC or nothing.

    u32 header length | u32 body length | header (UTF-8 JSON object) | body

Both lengths are big-endian. Sans-I/O: bytes in, frames out. A broken frame cannot be skipped, because nothing says
where the next one begins: `WireFault` ends the child.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from agent.hosting.limits import MAX_BODY_BYTES, MAX_HEADER_BYTES

LENGTHS: Final = struct.Struct(">II")


class WireFault(Exception):
    """The other side sent something that is not a frame, or not one of this conversation."""


@dataclass(frozen=True, slots=True)
class Frame:
    header: Mapping[str, Any]
    body: pa.Buffer | None = None


def encode_head(header: Mapping[str, Any], body_bytes: int = 0) -> bytes:
    """Everything of a frame before its body, so that a large body is written as it lies in memory."""
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if len(text) > MAX_HEADER_BYTES:
        raise WireFault(f"a header of {len(text)} bytes; the limit is {MAX_HEADER_BYTES}")
    if body_bytes > MAX_BODY_BYTES:
        raise WireFault(f"a body of {body_bytes} bytes; the limit is {MAX_BODY_BYTES}")
    return LENGTHS.pack(len(text), body_bytes) + text


def decode_lengths(raw: bytes) -> tuple[int, int]:
    header_bytes, body_bytes = LENGTHS.unpack(raw)
    if not 0 < header_bytes <= MAX_HEADER_BYTES:
        raise WireFault(f"a header of {header_bytes} bytes; the limit is {MAX_HEADER_BYTES}")
    if body_bytes > MAX_BODY_BYTES:
        raise WireFault(f"a body of {body_bytes} bytes; the limit is {MAX_BODY_BYTES}")
    return header_bytes, body_bytes


def decode_header(raw: bytes) -> dict[str, Any]:
    try:
        header = json.loads(raw.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise WireFault("a header that is not JSON") from error
    if not isinstance(header, dict):
        raise WireFault("a header that is not a JSON object")
    return header


class FrameAssembler:
    """Puts frames together from whatever pieces a pipe delivers. A body is filled in place and never copied again."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._lengths: tuple[int, int] | None = None
        self._header: dict[str, Any] = {}
        self._body: pa.Buffer | None = None
        self._filled = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Take the bytes that arrived and return the frames that are complete now."""
        frames: list[Frame] = []
        rest = memoryview(data)
        while len(rest) > 0:
            rest = self._fill_head(rest) if self._body is None else self._fill_body(self._body, rest)
            frame = self._finished()
            if frame is not None:
                frames.append(frame)
        return frames

    @property
    def midway(self) -> bool:
        """Whether a frame has begun and is not complete."""
        return bool(self._head) or self._body is not None

    def _fill_head(self, data: memoryview) -> memoryview:
        wanted = LENGTHS.size if self._lengths is None else LENGTHS.size + self._lengths[0]
        taken = min(wanted - len(self._head), len(data))
        self._head += data[:taken]
        if len(self._head) == wanted:
            self._head_complete()
        return data[taken:]

    def _head_complete(self) -> None:
        if self._lengths is None:
            self._lengths = decode_lengths(bytes(self._head))
            return
        self._header = decode_header(bytes(self._head[LENGTHS.size :]))
        self._body = pa.allocate_buffer(self._lengths[1])
        self._filled = 0
        self._head.clear()

    def _fill_body(self, body: pa.Buffer, data: memoryview) -> memoryview:
        taken = min(body.size - self._filled, len(data))
        memoryview(body).cast("B")[self._filled : self._filled + taken] = data[:taken]
        self._filled += taken
        return data[taken:]

    def _finished(self) -> Frame | None:
        if self._body is None or self._filled < self._body.size:
            return None
        frame = Frame(self._header, self._body if self._body.size else None)
        self._body, self._lengths = None, None
        return frame
