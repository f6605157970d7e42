"""An outbox in a temporary folder, written and read for real, and secrets sealed and opened."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.clock import SystemClock
from agent.doctor.check import Check, Told
from agent.outbox.store import Outbox
from agent.outbox.values import BatchDraft, BatchKind, Entry
from agent.sealing import NotAuthentic, new_key, seal, unseal
from agent.selfcheck.words import part, plain

STREAM: Final = "selfcheck/records"
PAYLOAD: Final = bytes(range(256)) * 64
OUTBOX: Final = "outbox in a temporary folder"


async def store(told: Told) -> None:
    """What was written is there after the file was closed, and gone from the queue with its ack."""
    with tempfile.TemporaryDirectory(prefix="groundwire-selfcheck-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "outbox.db"
        clock = SystemClock()
        outbox = await Outbox.open(path, clock=clock)
        try:
            draft = BatchDraft(kind=BatchKind.RECORDS, count=1, payload=PAYLOAD)
            (seq,) = await outbox.append(
                Entry(stream=STREAM, run="selfcheck", entity="vendor", batches=(draft,), checkpoint="{}")
            )
        finally:
            await outbox.aclose()
        outbox = await Outbox.open(path, clock=clock)
        try:
            (found,) = await outbox.pending(0, limit_batches=10, limit_bytes=1024 * 1024)
            if (found.seq, found.payload) != (seq, PAYLOAD):
                raise ValueError("what was read is not what was written")
            if await outbox.mark_acked(STREAM, seq) != 1:
                raise ValueError("the ack was not stored")
        finally:
            await outbox.aclose()
        told.fine(OUTBOX, "written, closed, read, acked", f"{len(PAYLOAD)} bytes in {folder}")


def sealed() -> str:
    key = new_key()
    there = seal(key, PAYLOAD, bound_to="selfcheck")
    if unseal(key, there, bound_to="selfcheck") != PAYLOAD:
        raise ValueError("what was opened is not what was sealed")
    try:
        unseal(new_key(), there, bound_to="selfcheck")
    except NotAuthentic:
        pass
    else:
        raise ValueError("another key opens what was sealed")
    signer = Ed25519PrivateKey.generate()
    signer.public_key().verify(signer.sign(PAYLOAD), PAYLOAD)
    return "AES-256-GCM and Ed25519"


STORE: Final[Check] = part("store", OUTBOX, "An outbox cannot be written or read here", store)
SEALING: Final[Check] = plain(
    "sealing", "sealing and signing", "Secrets cannot be sealed, or nothing can be signed", sealed
)
