"""Every frame, and the two functions between frames and websocket messages.

Text messages are control frames, binary messages are batches. docs/protocol.md describes them for other languages.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from agent.protocol.faults import (
    MAX_BATCH_BYTES,
    MAX_CONTROL_BYTES,
    MAX_CREDIT,
    MAX_HEADER_BYTES,
    MAX_HEARTBEAT_SECONDS,
    MAX_POSITIONS_PER_FRAME,
    MAX_REFUSED,
    MAX_SEQ,
    MIB,
    MIN_HEARTBEAT_SECONDS,
    Fault,
    ProtocolFault,
)
from agent.protocol.strict import parse_object

__all__ = [
    "Fault",
    "ProtocolFault",
    "decode",
    "encode",
]  # callers look here for what `decode` raises; frames by name

_NAME = "[a-z0-9][a-z0-9_-]{0,62}"
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$")]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{0,63}$")]
ConnectionName = Annotated[str, Field(pattern=rf"^{_NAME}$")]
StreamAddress = Annotated[str, Field(pattern=rf"^{_NAME}/{_NAME}$")]
Text = Annotated[str, Field(max_length=256)]
Key32 = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]  # 32 bytes, base64url without padding
Signature64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{86}$")]  # 64 bytes, the same
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Instant = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$"),
]  # RFC 3339
Version = Annotated[int, Field(ge=1, le=65_535)]
Count = Annotated[int, Field(ge=0, le=MAX_SEQ)]
Seq = Annotated[int, Field(ge=1, le=MAX_SEQ)]
Grant = Annotated[int, Field(ge=0, le=MAX_CREDIT)]
Positions = Annotated[dict[StreamAddress, Count], Field(max_length=MAX_POSITIONS_PER_FRAME)]
ShortHash = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]  # the first 64 bits of a payload's SHA-256
Hashes = Annotated[dict[StreamAddress, ShortHash], Field(max_length=MAX_POSITIONS_PER_FRAME)]
Object: TypeAlias = dict[str, Any]
BatchKindName = Literal["records", "tombstones", "dead_letters", "run"]


# From the agent


@dataclass(frozen=True, slots=True)
class Hello:
    protocol_min: Version
    protocol_max: Version
    agent: Identifier
    epoch: Count
    software: Text
    capabilities: Annotated[tuple[Word, ...], Field(max_length=32)] = ()


@dataclass(frozen=True, slots=True)
class Enroll:
    protocol_min: Version
    protocol_max: Version
    public_key: Key32
    name: Annotated[str, Field(min_length=1, max_length=128)]
    software: Text
    code_id: Annotated[str, Field(pattern=r"^[0-9A-Z]{5}$")]  # the public part of the one-time code


@dataclass(frozen=True, slots=True)
class Proof:
    signature: Signature64
    code_proof: Sha256 | None = None  # only when enrolling


@dataclass(frozen=True, slots=True)
class Confirm:
    epoch: Count


@dataclass(frozen=True, slots=True)
class Batch:
    """The only binary frame."""

    stream: StreamAddress
    entity: Word
    seq: Seq
    prev: Count
    run: Identifier
    kind: BatchKindName
    count: Count
    hash: Sha256  # of the payload
    enqueued_at: Instant
    payload: bytes = field(repr=False)

    def intact(self) -> bool:
        return hashlib.sha256(self.payload).hexdigest() == self.hash


@dataclass(frozen=True, slots=True)
class Result:
    command: Identifier
    state: Word  # accepted, running, succeeded, failed, in_doubt, refused, expired, cancelled
    result: Object = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Status:
    """Each connection named replaces what was known of it; the others stay as they are."""

    connections: Annotated[tuple[Object, ...], Field(max_length=1_000)]
    health: Object | None = None  # of the agent itself; None: it does not say
    configured: Annotated[tuple[ConnectionName, ...], Field(max_length=1_000)] | None = (
        None  # every connection there is now; None: not told in this frame
    )


@dataclass(frozen=True, slots=True)
class Heartbeat:
    n: Count


@dataclass(frozen=True, slots=True)
class Drain:
    pass


# From the relay


@dataclass(frozen=True, slots=True)
class Challenge:
    nonce: Key32
    protocol: Version
    relay: Annotated[str, Field(min_length=1, max_length=128)]


@dataclass(frozen=True, slots=True)
class Enrolled:
    agent: Identifier
    tenant: Identifier


@dataclass(frozen=True, slots=True)
class Limits:
    batch_bytes: Annotated[int, Field(ge=MIB, le=MAX_BATCH_BYTES)] = MAX_BATCH_BYTES
    control_bytes: Annotated[int, Field(ge=4_096, le=MAX_CONTROL_BYTES)] = MAX_CONTROL_BYTES


@dataclass(frozen=True, slots=True)
class Welcome:
    session: Identifier
    epoch: Count
    credit: Grant
    heartbeat_seconds: Annotated[float, Field(ge=MIN_HEARTBEAT_SECONDS, le=MAX_HEARTBEAT_SECONDS)]
    positions: Positions = field(default_factory=dict)
    more: bool = False  # the rest of the positions follows
    limits: Limits = field(default_factory=Limits)
    hashes: Hashes | None = None  # of the batches at these positions; None: from a relay that does not tell


@dataclass(frozen=True, slots=True)
class MorePositions:
    positions: Positions
    more: bool = False
    hashes: Hashes | None = None


@dataclass(frozen=True, slots=True)
class Ack:
    stream: StreamAddress
    seq: Seq


@dataclass(frozen=True, slots=True)
class Credit:
    batches: Annotated[int, Field(ge=1, le=MAX_CREDIT)]


@dataclass(frozen=True, slots=True)
class Command:
    id: Identifier
    name: Word
    args: Object
    deadline: Instant


@dataclass(frozen=True, slots=True)
class ResultAck:
    command: Identifier
    state: Word  # of the result that is stored: an earlier state's ack must not settle a later one


@dataclass(frozen=True, slots=True)
class HeartbeatAck:
    n: Count


@dataclass(frozen=True, slots=True)
class Error:
    code: Word
    message: Annotated[str, Field(max_length=1_024)]
    fatal: bool
    stream: StreamAddress | None = None  # gap
    last: Count | None = None  # gap: the seq that the next batch's `prev` must name
    retry_after: Annotated[float, Field(ge=0, le=86_400)] | None = None  # throttled, superseded
    protocol_min: Version | None = None  # version
    protocol_max: Version | None = None  # version


@dataclass(frozen=True, slots=True)
class Draining:
    pass


@dataclass(frozen=True, slots=True)
class ConnectionsRefused:
    """Replaces the one before: no batches of these connections are taken. Older agents read past it."""

    connections: Annotated[tuple[ConnectionName, ...], Field(max_length=MAX_REFUSED)]
    reason: Annotated[str, Field(max_length=1_024)]
    optional: bool = True


@dataclass(frozen=True, slots=True)
class Unknown:
    """A frame of a later version that its sender flagged `optional`; it is read past."""

    type: str


AgentFrame: TypeAlias = Hello | Enroll | Proof | Confirm | Batch | Result | Status | Heartbeat | Drain
RelayFrame: TypeAlias = (
    Challenge
    | Enrolled
    | Welcome
    | MorePositions
    | Ack
    | Credit
    | Command
    | ResultAck
    | HeartbeatAck
    | Error
    | Draining
    | ConnectionsRefused
)
Frame: TypeAlias = AgentFrame | RelayFrame | Unknown
ControlFrame: TypeAlias = Hello | Enroll | Proof | Confirm | Result | Status | Heartbeat | Drain | RelayFrame

CONTROL_TYPES: Final[dict[str, type[Any]]] = {
    "hello": Hello,
    "enroll": Enroll,
    "proof": Proof,
    "confirm": Confirm,
    "result": Result,
    "status": Status,
    "heartbeat": Heartbeat,
    "drain": Drain,
    "challenge": Challenge,
    "enrolled": Enrolled,
    "welcome": Welcome,
    "positions": MorePositions,
    "ack": Ack,
    "credit": Credit,
    "command": Command,
    "result_ack": ResultAck,
    "heartbeat_ack": HeartbeatAck,
    "error": Error,
    "draining": Draining,
    "connections_refused": ConnectionsRefused,
}
TYPE_NAMES: Final = {cls: name for name, cls in CONTROL_TYPES.items()} | {Batch: "batch"}

BATCH_MAGIC: Final = b"GWB\x00"
BATCH_VERSION: Final = 1
_PREFIX: Final = struct.Struct(">4sBI")  # magic, frame version, header length


@dataclass(frozen=True, slots=True)
class _Header:
    stream: StreamAddress
    entity: Word
    seq: Seq
    prev: Count
    run: Identifier
    kind: BatchKindName
    count: Count
    hash: Sha256
    length: Annotated[int, Field(ge=0, le=MAX_BATCH_BYTES)]
    enqueued_at: Instant


_ADAPTERS: Final[dict[str, TypeAdapter[Any]]] = {n: TypeAdapter(cls) for n, cls in CONTROL_TYPES.items()}
_HEADER: Final = TypeAdapter(_Header)


def encode(frame: AgentFrame | RelayFrame) -> str | bytes:
    return _encode_batch(frame) if isinstance(frame, Batch) else _encode_control(frame)


def decode(message: str | bytes) -> Frame:
    """Read one websocket message; raises ProtocolFault and nothing else."""
    return _decode_control(message) if isinstance(message, str) else _decode_batch(message)


def _encode_control(frame: ControlFrame) -> str:
    body = {"type": TYPE_NAMES[type(frame)]} | _plain(frame)
    text = _dump(body)
    if len(text) > MAX_CONTROL_BYTES:  # the text is ASCII, so characters are bytes
        raise ProtocolFault(Fault.TOO_BIG, f"a {body['type']} frame of {len(text)} bytes")
    return text


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass as a dict without absent fields."""
    found = {f.name: getattr(value, f.name) for f in fields(value)}
    return {
        name: _plain(item) if isinstance(item, Limits) else item
        for name, item in found.items()
        if item is not None
    }


def _dump(value: dict[str, Any]) -> str:
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolFault(Fault.MALFORMED, "holds something that JSON cannot") from error


def _decode_control(text: str) -> Frame:
    if len(text) > MAX_CONTROL_BYTES or len(text.encode("utf-8", "replace")) > MAX_CONTROL_BYTES:
        raise ProtocolFault(Fault.TOO_BIG, f"a control frame above {MAX_CONTROL_BYTES} bytes")
    body = parse_object(text)
    name = body.get("type")
    if not isinstance(name, str):
        raise ProtocolFault(Fault.MALFORMED, "a frame without a type")
    if name in _ADAPTERS:
        return _validated(_ADAPTERS[name], name, text)
    if body.get("optional") is True:
        return Unknown(name[:64])
    raise ProtocolFault(Fault.UNKNOWN_TYPE, f"unknown frame type {name[:64]!r}")


def _validated(adapter: TypeAdapter[Any], name: str, text: str) -> Any:
    try:
        return adapter.validate_json(text, strict=True)
    except (ValidationError, ValueError) as error:
        raise ProtocolFault(Fault.MALFORMED, f"{name}: {_first_problem(error)}") from error


def _first_problem(error: Exception) -> str:
    """The field and the rule, never the value: it may be a secret."""
    if not isinstance(error, ValidationError):
        return "not readable"
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part)[:64] for part in problem["loc"][:3])
    return f"{place}: {problem['type']}" if place else problem["type"]


def _encode_batch(batch: Batch) -> bytes:
    body = {f.name: getattr(batch, f.name) for f in fields(batch) if f.name != "payload"}
    header = _dump(body | {"length": len(batch.payload)}).encode()
    size = _PREFIX.size + len(header) + len(batch.payload)
    if len(header) > MAX_HEADER_BYTES or size > MAX_BATCH_BYTES:
        raise ProtocolFault(Fault.TOO_BIG, f"a batch frame of {size} bytes")
    return _PREFIX.pack(BATCH_MAGIC, BATCH_VERSION, len(header)) + header + batch.payload


def _decode_batch(message: bytes) -> Batch:
    if len(message) > MAX_BATCH_BYTES:
        raise ProtocolFault(Fault.TOO_BIG, f"a batch frame above {MAX_BATCH_BYTES} bytes")
    if len(message) < _PREFIX.size:
        raise ProtocolFault(Fault.MALFORMED, "a batch frame cut short")
    magic, version, size = _PREFIX.unpack_from(message)
    if magic != BATCH_MAGIC:
        raise ProtocolFault(Fault.MALFORMED, "a binary message that is no batch frame")
    if version != BATCH_VERSION:
        raise ProtocolFault(Fault.VERSION, f"batch frame version {version}; {BATCH_VERSION} is spoken here")
    if size > MAX_HEADER_BYTES or _PREFIX.size + size > len(message):
        raise ProtocolFault(Fault.MALFORMED, "a batch frame whose header length cannot be")
    end = _PREFIX.size + size
    header = _decode_header(message[_PREFIX.size : end])
    payload = message[end:]
    if len(payload) != header.length:
        raise ProtocolFault(Fault.MALFORMED, f"a payload of {len(payload)} bytes, announced {header.length}")
    if header.prev >= header.seq:
        raise ProtocolFault(Fault.MALFORMED, "a batch that does not follow the one it names before it")
    known = {f.name: getattr(header, f.name) for f in fields(header) if f.name != "length"}
    return Batch(**known, payload=payload)


def _decode_header(raw: bytes) -> _Header:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ProtocolFault(Fault.MALFORMED, "a batch header that is not UTF-8") from error
    parse_object(text)
    header: _Header = _validated(_HEADER, "batch", text)
    return header
