"""Runs that are wanted: several wishes for one stream are one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from agent.model.run import RunTrigger
from agent.sync.runner import RunResult
from agent.sync.window import Since, joined_since


@dataclass(frozen=True, slots=True)
class Wish:
    """A run that is wanted."""

    trigger: RunTrigger
    full: bool = False
    since: Since | None = None  # what changed at or after it travels again
    accept_deletions: bool = False
    keys: tuple[str, ...] = ()  # records to be read again by key
    walk: bool = True  # false: only those
    reconcile: bool = False  # the whole set is compared behind the sync
    reconcile_now: bool = False  # also outside of its hours: somebody asked for that
    not_before: float = 0.0  # on the monotonic clock
    waiting: tuple[asyncio.Future[RunResult], ...] = ()
    kept: bool = True  # false: wanted only as long as somebody waits for it
    asked: bool = False  # somebody asked: quiet hours do not bind it
    by_hand: bool = False  # a person at this host asked: nor does a pause that the source wants

    @property
    def abandoned(self) -> bool:
        return not self.kept and all(answer.done() for answer in self.waiting)

    def joined(self, other: Wish) -> Wish:
        since, full = joined_since(self.since, other.since)
        return Wish(
            trigger=other.trigger,
            full=self.full or other.full or full,
            since=since,
            accept_deletions=self.accept_deletions or other.accept_deletions,
            keys=tuple(dict.fromkeys(self.keys + other.keys)),
            walk=self.walk or other.walk,
            reconcile=self.reconcile or other.reconcile,
            reconcile_now=self.reconcile_now or other.reconcile_now,
            not_before=self._start_with(other),
            waiting=self.waiting + other.waiting,
            kept=self.kept or other.kept,
            asked=self.asked or other.asked,
            by_hand=self.by_hand or other.by_hand,
        )

    def _start_with(self, other: Wish) -> float:
        """Whoever asks does not wait; a tick of the schedule does not cut the pause behind a failure short."""
        if self.asked or other.asked:
            return min(self.not_before, other.not_before)
        return max(self.not_before, other.not_before)


def asked_for(trigger: RunTrigger, answer: asyncio.Future[RunResult]) -> Wish:
    """What a command wanted ends with it; what a person asked for does not."""
    return Wish(
        trigger,
        waiting=(answer,),
        kept=trigger is not RunTrigger.COMMAND,
        asked=True,
        by_hand=trigger is RunTrigger.MANUAL,
    )
