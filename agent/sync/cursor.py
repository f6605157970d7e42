"""Checkpoints: what a stream's durable position is made of, and how it moves. Pure.

A *pass* is one walk over a stream. While it is under way the checkpoint keeps its bounds and the driver's cursor of the
last durable page, so a stop at any page resumes right behind that page. The floor moves only when a pass is complete,
to the signpost that was taken before its first page.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from agent.errors import VersionMismatch
from agent.model.run import Differences, read_differences, rfc3339
from drivers.contract import Mark, MarkKind, ReadMode

CHECKPOINT_VERSION: Final = 1
WITHDRAWN: Final = "withdrawn"  # in place of a rule; no rule has this fingerprint
MIXED: Final = ""  # in place of a form: there are several, or none is known


class PassKind(StrEnum):
    INITIAL = "initial"  # the first walk, or a full re-sync
    CHANGES = "changes"  # what changed since the floor
    COMPARE = "compare"  # every row, only those with another hash travel
    RESEND = "resend"  # what changed since a moment that somebody named; known records travel again


@dataclass(frozen=True, slots=True)
class Pass:
    kind: PassKind
    mode: ReadMode
    start: Mark | None = None
    end: Mark | None = None  # the signpost: the floor once the pass is complete
    cursor: str | None = None  # of the last page that is durable
    resend: bool = False  # a full re-sync: known records travel again
    reading: str = ""  # what the cursor is a place in: stands for query, key and the like
    form: str = MIXED  # that of every record it has enqueued, see `Checkpoint.form`
    resumed: bool = False  # it was cut short at least once: what it saw is not all there is

    def at(self, cursor: str | None) -> Pass:
        """The same pass behind another page; an empty page has no cursor and leaves it where it is."""
        return self if cursor is None else replace(self, cursor=cursor)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """When the whole set of the source was compared, and what had been other."""

    at: datetime  # when that run began
    found: Differences

    def to_document(self) -> dict[str, Any]:
        return {"at": rfc3339(self.at), **self.found.to_document()}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    floor: Mark | None = None
    under_way: Pass | None = None
    initial_done: bool = False
    covers_everything: bool = False  # the initial pass had no window, so a key unknown to us was missed
    compared_at: datetime | None = None  # when keys were last compared to the end
    # What the mapping and the policy made of every record enqueued since the last initial pass, see `Stream.form`.
    form: str = MIXED
    leave: str = (
        ""  # the policy's rule for what leaves that holds at the relay, see `LeaveFilter.fingerprint`
    )

    covers_from: Mark | None = None  # where the initial pass's window began, if it had one
    reconciled: Reconciled | None = None  # the last time that the whole set was compared

    # Records that no pass has met since that rule changed may be at the relay as an earlier one let them leave.
    overtaken: bool = False

    def under_rule(self, leave: str) -> Checkpoint:
        """What is enqueued from now on left under this rule."""
        return replace(self, leave=leave, overtaken=self.overtaken or self.needs_resend(leave))

    def caught_up(self) -> Checkpoint:
        """Every record at the relay left under the rule in force."""
        return replace(self, overtaken=False)

    def withdrawn(self) -> Checkpoint:
        """Records that it covers were taken back before they left: whatever rule comes next, all are sent again."""
        return self.under_rule(WITHDRAWN)

    def needs_resend(self, leave: str) -> bool:
        """Whether records may be at the relay in a form that this rule does not give them."""
        return self.leave != leave and (self.initial_done or self.under_way is not None)

    def in_form(self, form: str) -> Checkpoint:
        """What is enqueued from now on has this form; where that is another than before, forms are mixed."""
        step = self.under_way
        if step is not None and step.form != form:
            step = replace(step, form=MIXED)
        return replace(self, under_way=step, form=self.form if self.form == form else MIXED)

    def needs_remap(self, form: str) -> bool:
        """Whether records that were enqueued may have another form than this one."""
        return self.initial_done and self.form != form

    def within(self, step: Pass) -> Checkpoint:
        return replace(self, under_way=step)

    def completed(self, step: Pass) -> Checkpoint:
        """The pass reached its last page: the floor moves to its signpost."""
        initial = step.kind is PassKind.INITIAL
        return replace(
            self,
            floor=step.end if step.end is not None else self.floor,
            under_way=None,
            initial_done=self.initial_done or initial,
            covers_everything=(step.mode is ReadMode.SCAN) if initial else self.covers_everything,
            covers_from=step.start if initial else self.covers_from,
            form=step.form if initial else self.form,
        )

    def compared(self, now: datetime) -> Checkpoint:
        return replace(self, compared_at=now)

    def to_text(self) -> str:
        return json.dumps(
            {
                "version": CHECKPOINT_VERSION,
                "floor": _mark_out(self.floor),
                "pass": _pass_out(self.under_way),
                "initial_done": self.initial_done,
                "covers_everything": self.covers_everything,
                "compared_at": self.compared_at.isoformat() if self.compared_at else None,
                "form": self.form,
                "leave": self.leave,
                "overtaken": self.overtaken,
                "covers_from": _mark_out(self.covers_from),
                "reconciled": self.reconciled.to_document() if self.reconciled else None,
            },
            separators=(",", ":"),
        )


def read_checkpoint(text: str | None) -> Checkpoint:
    """Parse what `Checkpoint.to_text` wrote; None, the stream's first time, is an empty checkpoint.

    Raises VersionMismatch for a checkpoint of a newer Groundwire.
    """
    if text is None:
        return Checkpoint()
    value = json.loads(text)
    if value.get("version") != CHECKPOINT_VERSION:
        raise VersionMismatch(
            f"a checkpoint has version {value.get('version')}, this Groundwire knows {CHECKPOINT_VERSION}",
            hint="Upgrade Groundwire, or start a full re-sync of the stream.",
        )
    compared_at = value["compared_at"]
    return Checkpoint(
        floor=_mark_in(value["floor"]),
        under_way=_pass_in(value["pass"]),
        initial_done=value["initial_done"],
        covers_everything=value["covers_everything"],
        compared_at=datetime.fromisoformat(compared_at) if compared_at else None,
        form=value.get("form", MIXED),
        leave=value.get("leave", ""),
        overtaken=value.get("overtaken", False),
        covers_from=_mark_in(value.get("covers_from")),
        reconciled=_reconciled_in(value.get("reconciled")),
    )


def _reconciled_in(value: dict[str, Any] | None) -> Reconciled | None:
    found = read_differences(value)
    return Reconciled(datetime.fromisoformat(value["at"]), found) if value and found else None


def _mark_out(mark: Mark | None) -> list[str] | None:
    return [mark.kind.value, mark.value] if mark else None


def _mark_in(value: list[str] | None) -> Mark | None:
    return Mark(MarkKind(value[0]), value[1]) if value else None


def _pass_out(step: Pass | None) -> dict[str, Any] | None:
    if step is None:
        return None
    return {
        "kind": step.kind.value,
        "mode": step.mode.value,
        "start": _mark_out(step.start),
        "end": _mark_out(step.end),
        "cursor": step.cursor,
        "resend": step.resend,
        "reading": step.reading,
        "form": step.form,
    }


def _pass_in(value: dict[str, Any] | None) -> Pass | None:
    if value is None:
        return None
    return Pass(
        kind=PassKind(value["kind"]),
        mode=ReadMode(value["mode"]),
        start=_mark_in(value["start"]),
        end=_mark_in(value["end"]),
        cursor=value["cursor"],
        resend=value["resend"],
        reading=value.get("reading", ""),
        form=value.get("form", MIXED),
        resumed=True,
    )
