"""When a new version has shown that it works, and when the old one comes back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    WAIT = "wait"
    WELL = "well"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at a running agent found; all of it since its process began."""

    connected: bool
    acked: bool  # the relay has acked a batch
    beats_answered: int  # heartbeats of the session that is open
    waiting: int  # batches
    held_back: bool = False  # by the relay, which takes nothing of some connection
    error: str = ""  # why it is not connected


def seen_in(status: Mapping[str, Any]) -> Seen:
    """From the agent's own `status`."""
    relay, outbox = status["relay"], status["outbox"]
    error = relay.get("error") or {}
    return Seen(
        connected=relay["phase"] == "connected",
        acked=relay["last_ack"] is not None,
        beats_answered=relay["beats_answered"],
        waiting=outbox["pending_batches"],
        held_back=relay.get("held_back") is not None,
        error=str(error.get("message", "")),
    )


def judge(seen: Seen | None, *, elapsed: float, within: float) -> Judgement:
    """`seen` None: nobody answers. Connected and acked is well; with nothing to send an answered heartbeat is."""
    if seen is not None and seen.connected:
        if seen.acked:
            return Judgement(Verdict.WELL, "connected, and the relay has acked")
        if seen.beats_answered > 0 and (seen.waiting == 0 or seen.held_back):
            return Judgement(Verdict.WELL, "connected, and the relay answers")
    reason = _missing(seen)
    return Judgement(Verdict.WAIT if elapsed < within else Verdict.FAILED, reason)


def _missing(seen: Seen | None) -> str:
    if seen is None:
        return "the agent does not answer"
    if not seen.connected:
        return f"the agent is not connected: {seen.error}" if seen.error else "the agent is not connected"
    if seen.waiting:
        return f"the relay has acked nothing, and {seen.waiting} batches wait"
    return "the relay has answered no heartbeat"
