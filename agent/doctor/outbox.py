"""The outbox: whether it opens and is whole, what waits in it and for how long, and what cannot pass."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from agent.beside import beside
from agent.doctor.check import Check, Known, Told
from agent.doctor.installation import Installation
from agent.errors import GroundwireError, NotPermitted, VersionMismatch
from agent.findings import Level
from agent.outbox.inspecting import can_inspect, holder, inspect
from agent.outbox.limits import OUTBOX_FILE

OLD: Final = timedelta(hours=1)  # a relay that is there takes a batch within seconds
NEARLY_FULL: Final = 0.8  # of the high-water mark

KNOWN: Final = (
    Known(
        "outbox.damaged",
        Level.PROBLEM,
        "The outbox file cannot be trusted",
        "Stop the agent, move the file away together with its -wal file (keep both), and start again: a full re-sync rebuilds what was lost.",
    ),
    Known(
        "outbox.version",
        Level.PROBLEM,
        "A newer program wrote the outbox",
        "Start the newer program again; the file was left as it is.",
    ),
    Known(
        "outbox.no_access",
        Level.PROBLEM,
        "The outbox cannot be read by whoever runs this",
        "Run it as the agent's user or root.",
    ),
    Known(
        "outbox.batches_damaged",
        Level.PROBLEM,
        "Some batches in the outbox failed their check and were not sent",
        "Look at the disk (`dmesg`, `smartctl -a`), then `groundwire resync CONNECTION/STREAM` of the streams that `groundwire outbox` names.",
    ),
    Known(
        "outbox.held",
        Level.PROBLEM,
        "A process holds the outbox, but no agent answers on the control socket",
        "Look at that process: an agent that hangs or is stopping, or another program. End it if it does not end by itself, then start the agent.",
    ),
    Known(
        "outbox.paused",
        Level.PROBLEM,
        "So much waits for the relay that reading is paused",
        "Mend the way to the relay (see `relay`); reading goes on by itself when enough was taken.",
    ),
    Known(
        "outbox.filling",
        Level.WARNING,
        "What waits for the relay is near the mark at which reading pauses",
        "Mend the way to the relay (see `relay`), or raise [outbox] high_water where the disk has room.",
    ),
    Known(
        "outbox.old",
        Level.WARNING,
        "Records have waited for the relay for longer than an hour",
        "See what `relay` and `agent` say; without a running agent, start it: `groundwire run`.",
    ),
    Known(
        "outbox.dead_letters",
        Level.WARNING,
        "Records cannot pass, and wait for a person",
        "`groundwire outbox reasons` says why, what to do, and the command that asks for them again.",
    ),
)


async def check_outbox(installation: Installation, told: Told) -> None:
    folder = installation.state_dir
    if folder is None or not folder.is_dir():
        return
    path = folder / OUTBOX_FILE
    if installation.running:
        _judge_status(installation, path, told)
    elif path.exists():
        await beside(lambda: _judge_file(installation, path, told), name="outbox")


def _judge_status(installation: Installation, path: Path, told: Told) -> None:
    """A running agent has the file for itself, and checked it when it opened it."""
    figures = (installation.status or {}).get("outbox")
    if not figures:
        return  # `agent` says that it does not answer
    oldest = figures.get("oldest_enqueued_at")
    _judge(
        installation,
        path,
        told,
        batches=figures["pending_batches"],
        size=figures["pending_bytes"],
        oldest=datetime.fromisoformat(oldest) if oldest else None,
        letters=figures["dead_letters"],
        damaged=figures["damaged"],
        paused=bool(figures.get("reading_paused")),
    )


def _judge_file(installation: Installation, path: Path, told: Told) -> None:
    process = holder(path)
    if process is not None:
        told.found("held", str(path), "a process holds the outbox", evidence=f"process {process}")
        return
    if not can_inspect(path):
        return
    try:
        found = inspect(path)
    except NotPermitted as error:
        told.found("no_access", str(path), error.message)
    except VersionMismatch as error:
        told.found("version", str(path), error.message)
    except GroundwireError as error:
        if holder(path) is None:  # else an agent has begun meanwhile, and what was read is torn
            told.found("damaged", str(path), error.message)
    else:
        told.fine(str(path), "the file is whole" if found.whole else "the tables without payloads are whole")
        _judge(
            installation,
            path,
            told,
            batches=found.pending_batches,
            size=found.pending_bytes,
            oldest=found.oldest,
            letters=found.dead_letters,
            damaged=found.damaged,
            paused=False,
        )


def _judge(
    installation: Installation,
    path: Path,
    told: Told,
    *,
    batches: int,
    size: int,
    oldest: datetime | None,
    letters: int,
    damaged: int,
    paused: bool,
) -> None:
    where = str(path)
    high_water = installation.settings.outbox.high_water if installation.settings is not None else 0
    evidence = f"{batches} batches wait, {size} of {high_water} bytes"
    if damaged:
        told.found("batches_damaged", where, f"{damaged} batches or segments failed their check")
    if paused or (high_water and size >= high_water):
        told.found("paused", where, "the outbox is at its high-water mark", evidence=evidence)
    elif high_water and size >= NEARLY_FULL * high_water:
        told.found("filling", where, "the outbox is nearly at its high-water mark", evidence=evidence)
    if oldest is not None and installation.clock.utcnow() - oldest > OLD:
        told.found(
            "old", where, f"the oldest batch waits since {oldest:%Y-%m-%d %H:%M} UTC", evidence=evidence
        )
    if letters:
        words = "record cannot pass" if letters == 1 else "records cannot pass"
        told.found("dead_letters", where, f"{letters} {words}", evidence=_streams(installation.status))
    if not (damaged or letters or oldest):
        told.fine(where, "nothing waits")


def _streams(status: Any) -> str:
    """The streams that have dead letters, as the running agent tells."""
    streams = ((status or {}).get("outbox") or {}).get("streams") or {}
    found = {name: one.get("dead_letters", 0) for name, one in streams.items() if one.get("dead_letters")}
    return ", ".join(f"{name}: {count}" for name, count in sorted(found.items()))


CHECK: Final = Check("outbox", "the outbox: whole, and how much waits", check_outbox, KNOWN)
