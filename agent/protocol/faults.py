"""What breaking the protocol looks like, and every bound of the wire."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from agent.errors import TransientError

KIB: Final = 1024
MIB: Final = 1024 * KIB

PROTOCOL_MIN: Final = 1
PROTOCOL_MAX: Final = 1

MAX_CONTROL_BYTES: Final = 64 * KIB  # control frames are small; a larger one is a mistake or an attack
MAX_BATCH_BYTES: Final = 16 * MIB  # the whole binary frame; bounds what either side holds of one frame
MAX_HEADER_BYTES: Final = 8 * KIB  # of a batch frame's JSON header; a real one is under 700 bytes
MAX_FRAGMENTS: Final = 4_096  # parts of one message; ours have 16 KiB each, empty ones would have no end
MAX_DEPTH: Final = 16  # of JSON nesting; command arguments are the deepest thing sent, and need 5
MAX_SEQ: Final = 2**53 - 1  # the largest integer that every JSON reader keeps exact
MAX_CREDIT: Final = 1_024  # batches granted and not yet used; bounds the agent's in-flight window
MAX_POSITIONS_PER_FRAME: Final = (
    300  # taken by a reader; 300 of the longest stream names stay under MAX_CONTROL_BYTES
)
POSITIONS_SENT_PER_FRAME: Final = 150  # the same with a hash for each, and room left for more fields
SHORT_HASH_DIGITS: Final = (
    16  # of a batch's SHA-256, beside its position: tells two batches apart, proves nothing
)
MAX_REFUSED: Final = (
    500  # connections named as refused in one frame; names and reason stay under MAX_CONTROL_BYTES
)
MAX_STREAMS: Final = 10_000  # of one agent; bounds the positions held in a session
HANDSHAKE_SECONDS: Final = 20.0  # from the first byte to `confirm`; a peer that is slower is hung or hostile
MIN_HEARTBEAT_SECONDS: Final = 0.05  # lower than any real setting; lets tests be quick
MAX_HEARTBEAT_SECONDS: Final = 18.0  # 2.5 intervals are 45 s: the longest a dead link may go unnoticed
DEAD_AFTER_INTERVALS: Final = 2.5  # two lost heartbeats are chance, half an interval more is a dead link


class Fault(StrEnum):
    """Why a frame was refused; also the `code` of the error frame that answers it."""

    MALFORMED = "malformed"  # not a frame: bad JSON, missing or wrong field, bad binary layout
    TOO_BIG = "too_big"
    UNKNOWN_TYPE = "unknown_type"
    ILLEGAL = "illegal"  # a good frame at the wrong time
    BAD_HASH = "bad_hash"  # a batch whose payload is not what its header says
    CREDIT = "credit"  # more batches than granted, or a grant above MAX_CREDIT
    UNKNOWN_SEQ = "unknown_seq"  # an ack for a batch that was never sent
    VERSION = "version"


class ProtocolFault(TransientError):
    """The other side broke the protocol."""

    code = "protocol"
    default_hint = "The connection is made anew by itself. If it repeats, the two sides' software does not fit together: compare their versions."

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message, where="protocol")
        self.fault = fault
        self.code = fault.value
