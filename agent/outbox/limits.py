"""The bounds of the outbox. Lowering one below what the file holds never stops it from opening."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from agent.errors import ConfigurationError

OUTBOX_FILE: Final = "outbox.db"  # in the state folder

KiB: Final = 1024
MiB: Final = 1024 * KiB
GiB: Final = 1024 * MiB

# Read whole at opening up to here, about a second on a slow disk; above it only the tables without payloads are.
WHOLE_CHECK_BYTES: Final = 64 * MiB

# A prune deletes this many batches per transaction: appends wait behind one chunk, and a full disk needs room
# in the write-ahead log for the pages of one chunk only.
PRUNE_BATCHES: Final = 64

# Pages given back to the file system per step; at 8 KiB a page one step moves at most 4 MiB.
VACUUM_PAGES: Final = 512

# Free pages are kept for the next batches up to here, so that a normal day never shrinks and regrows the file.
FREE_BYTES_KEPT: Final = 256 * MiB

# The first letters of a stream keep their source row for inspection, the others only its hash: a wrong mapping
# rejects every row, and 1,000 rows of at most 64 KiB are enough to see why.
LETTERS_WITH_RAW: Final = 1_000
LETTER_RAW_BYTES: Final = 64 * KiB
LETTER_MESSAGE_CHARS: Final = 2_000

# Each append adds a segment, and reading merges all of them. A run asks for compaction at its end, above the first
# number; above the second, which an initial sync passes every half million records, an append does it itself.
SEGMENTS_BEFORE_COMPACTION: Final = 32
SEGMENTS_AT_MOST: Final = 256
BASE_SEGMENT_ROWS: Final = 262_144  # 4 MiB of hashes: what a change to one range of keys rewrites at most

# What emptying a full outbox may need at once: a whole write-ahead log copied into the file, and the acks and deletions
# behind it.
RESERVE_BYTES: Final = 24 * MiB

# A command and its answer each travel in one control frame of at most this size.
COMMAND_BYTES: Final = 64 * KiB

# Numbers travel as JSON, where integers are exact only up to here.
MAX_SEQ: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Limits:
    """What an operator may tune."""

    high_water_bytes: int = 4 * GiB  # unacked payload at which reading pauses
    low_water_bytes: int = 3 * GiB  # ... and at which it goes on
    replay_window: timedelta = timedelta(
        hours=24
    )  # acked batches stay this long, for a relay restored from a backup
    replay_bytes: int = 1 * GiB  # ... but never more of them than this
    batch_bytes: int = 16 * MiB - 64 * KiB  # one frame of the wire without its header
    runs_per_stream: int = 200  # a day of syncs at seven-minute intervals
    open_commands: int = 10_000  # commands without an acked answer; the relay is asked to wait above it
    command_retention: timedelta = timedelta(days=7)  # how long a repeat of an answered command is recognised
    wal_bytes: int = 16 * MiB  # write-ahead log at which it is copied into the file
    reserve_bytes: int = 0  # room set aside for emptying the outbox on a full disk; see reserve.py

    def __post_init__(self) -> None:
        if not 0 <= self.low_water_bytes <= self.high_water_bytes or self.high_water_bytes == 0:
            raise ConfigurationError(
                f"The outbox's low-water mark ({self.low_water_bytes} bytes) must lie between 0 and its high-water"
                f" mark ({self.high_water_bytes} bytes)",
                where="outbox",
            )
