"""Pure: the thresholds of alerts, and what is measured against them.

| rule | of | measured in | beyond the threshold |
|---|---|---|---|
| agent_offline | agent | minutes since it was last connected | above |
| backlog_records | agent | records waiting in its outbox | above |
| backlog_time | agent | minutes until its outbox is empty; while that does not come nearer, how long the oldest waits | above |
| outbox_full | agent | percent of the outbox's high-water mark, or of its disk, whichever is fuller | above |
| clock_skew | agent | seconds between its clock and the relay's | above |
| certificate_expires | agent, connection, relay | days until the certificate that ends first | below |
| certificate_urgent | agent, connection, relay | the same, where nobody has acted | below |
| no_successful_sync | connection | hours since the stream that waits longest last succeeded | above |
| dead_letters | connection | records of one run that could not pass | above |
| connection_error | connection | minutes for which it has been failing | above |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from agent.certificates import RENEW_BEFORE, URGENT_BEFORE
from relay.health.facts import AgentFacts, Certificate, ConnectionFacts

MAX_THRESHOLD: Final = 2**53 - 1
CLEAR_SHARE: Final = 0.8  # what has risen above a threshold is over when it is below this part of it
CLEAR_DAYS: Final = 1  # what has fallen below a threshold is over when it is this much above it
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


class Rule(StrEnum):
    AGENT_OFFLINE = "agent_offline"
    BACKLOG_RECORDS = "backlog_records"
    BACKLOG_TIME = "backlog_time"
    OUTBOX_FULL = "outbox_full"
    CLOCK_SKEW = "clock_skew"
    CERTIFICATE_EXPIRES = "certificate_expires"
    CERTIFICATE_URGENT = "certificate_urgent"
    NO_SUCCESSFUL_SYNC = "no_successful_sync"
    DEAD_LETTERS = "dead_letters"
    CONNECTION_ERROR = "connection_error"


@dataclass(frozen=True, slots=True)
class RuleKind:
    """`says` is filled with the value, which is a number; `hint` is what to try."""

    default: int
    unit: str
    says: str
    hint: str
    failing: bool = False  # whether what is beyond it does not work any more, rather than asks for attention
    falling: bool = False  # a value below the threshold is beyond it

    def beyond(self, value: float, threshold: int) -> bool:
        return value < threshold if self.falling else value > threshold

    def over(self, value: float, threshold: int) -> bool:
        """Whether what was beyond has come back, a little further than the threshold: else it might flutter."""
        if self.falling:
            return value >= threshold + CLEAR_DAYS
        return value <= threshold * CLEAR_SHARE


KINDS: Final[Mapping[Rule, RuleKind]] = MappingProxyType(
    {
        Rule.AGENT_OFFLINE: RuleKind(
            15,
            "minutes",
            "The agent has not been connected for {} minutes.",
            "Look whether its host runs and may reach the relay: `groundwire status` and `groundwire check` there say what fails. What it reads meanwhile waits in its outbox.",
            failing=True,
        ),
        Rule.BACKLOG_RECORDS: RuleKind(
            1_000_000,
            "records",
            "{} records wait in the agent's outbox.",
            "A first full read looks like this and passes. If it does not shrink, look at the line between agent and relay and at the relay's disk.",
        ),
        Rule.BACKLOG_TIME: RuleKind(
            240,
            "minutes",
            "What waits in the agent's outbox takes {} minutes or more to arrive.",
            "Look at the line between agent and relay and at the relay's disk; `gateway.agent_bytes_per_second` bounds one agent.",
        ),
        Rule.OUTBOX_FULL: RuleKind(
            80,
            "percent",
            "The agent's outbox, or the disk it lies on, is {} % full.",
            "Make room on that disk, raise `outbox.high_water`, or find out why the relay takes no more. When it is full reading pauses; nothing is lost.",
        ),
        Rule.CLOCK_SKEW: RuleKind(
            120,
            "seconds",
            "The clocks of agent and relay differ by {} seconds.",
            "Let both hosts take their time from a time server. Deadlines of commands and times in reports are wrong by as much.",
        ),
        Rule.CERTIFICATE_EXPIRES: RuleKind(
            RENEW_BEFORE.days,
            "days",
            "A certificate on the way ends in {} days.",
            "Renew it and restart what serves it. Agents refuse a certificate that has ended, and cannot be told so.",
            falling=True,
        ),
        Rule.CERTIFICATE_URGENT: RuleKind(
            URGENT_BEFORE.days,
            "days",
            "A certificate on the way ends in {} days, and has not been renewed.",
            "Renew it now and restart what serves it. Agents refuse a certificate that has ended, and cannot be told so.",
            falling=True,
        ),
        Rule.NO_SUCCESSFUL_SYNC: RuleKind(
            24,
            "hours",
            "A stream has not been synced successfully for {} hours.",
            "Its last sync runs say why: `GET /sync-runs?connection=...`. A stream that is disabled on purpose is best taken out of its connection file.",
            failing=True,
        ),
        Rule.DEAD_LETTERS: RuleKind(
            100,
            "records",
            "{} records of one sync run could not pass.",
            "`GET /dead-letters?connection=...` says which field refused them and why; a corrected mapping and a requeue bring them.",
        ),
        Rule.CONNECTION_ERROR: RuleKind(
            30,
            "minutes",
            "The connection has been failing for {} minutes.",
            "The error's own hint says what to do; `groundwire check` at the agent tries every hop to the source.",
            failing=True,
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Setting:
    threshold: int
    enabled: bool = True


Rules = Mapping[Rule, Setting]
DEFAULTS: Final[Rules] = MappingProxyType({rule: Setting(kind.default) for rule, kind in KINDS.items()})


@dataclass(frozen=True, slots=True)
class Measure:
    rule: Rule
    value: float | None  # None: not known, so that nothing changes by it
    agent: str = ""
    connection: str = ""
    hop: str = ""  # whose certificate it is

    @property
    def subject(self) -> tuple[str, str, str]:
        return (self.rule.value, self.agent, self.connection)


def measures_of_agent(facts: AgentFacts, now: datetime) -> Iterator[Measure]:
    waiting = facts.waiting
    offline = 0.0 if facts.connected else (now - (facts.seen_at or facts.enrolled_at)) / MINUTE
    yield Measure(Rule.AGENT_OFFLINE, max(0.0, offline), facts.id)
    yield Measure(Rule.BACKLOG_RECORDS, None if waiting is None else waiting.records, facts.id)
    yield Measure(Rule.BACKLOG_TIME, _backlog_minutes(facts, now), facts.id)
    yield Measure(Rule.OUTBOX_FULL, _fullness(facts), facts.id)
    yield Measure(Rule.CLOCK_SKEW, None if facts.skew is None else abs(facts.skew.total_seconds()), facts.id)
    yield from measures_of_certificates(facts.certificates, now, facts.id)


def measures_of_certificates(
    certificates: tuple[Certificate, ...], now: datetime, agent: str = "", connection: str = ""
) -> Iterator[Measure]:
    """`agent` empty: the relay's own."""
    first = min(certificates, key=lambda one: one.expires_at, default=None)
    left, hop = (None, "") if first is None else ((first.expires_at - now) / DAY, first.hop)
    for rule in (Rule.CERTIFICATE_EXPIRES, Rule.CERTIFICATE_URGENT):
        yield Measure(rule, left, agent, connection, hop)


def _backlog_minutes(facts: AgentFacts, now: datetime) -> float | None:
    if facts.empty_in is not None:
        return facts.empty_in / MINUTE
    if facts.waiting is None or facts.waiting.oldest_at is None:
        return None
    # Spans alone are added: on a clock of the year 9999 there is no moment a little later.
    return max(0.0, (now - facts.waiting.oldest_at + (facts.skew or timedelta(0))) / MINUTE)


def _fullness(facts: AgentFacts) -> float | None:
    room = facts.room
    if room is None:
        return None
    shares = []
    if facts.waiting is not None and room.high_water_bytes:
        shares.append(facts.waiting.bytes / room.high_water_bytes)
    if room.disk_bytes and room.disk_free_bytes is not None:
        shares.append(1 - room.disk_free_bytes / room.disk_bytes)
    return 100 * max(shares) if shares else None


def measures_of_connection(facts: ConnectionFacts, now: datetime) -> Iterator[Measure]:
    """Nothing is expected of a connection that is paused: it neither fails nor is late."""
    at = (facts.agent, facts.id)
    since = facts.late_since
    late = 0.0 if facts.paused else None if since is None else max(0.0, (now - since) / HOUR)
    yield Measure(Rule.NO_SUCCESSFUL_SYNC, late, *at)
    yield Measure(Rule.DEAD_LETTERS, facts.dead_letters, *at)
    failing = 0.0
    if facts.error_since is not None and not facts.paused:
        failing = max(0.0, (now - facts.error_since) / MINUTE)
    yield Measure(Rule.CONNECTION_ERROR, failing, *at)
    yield from measures_of_certificates(facts.certificates, now, *at)
