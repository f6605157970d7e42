"""Pure: facts -> a state with its reasons. What is alerted and what is judged goes by the same thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from agent.certificates import WORDS
from relay.health.facts import AgentFacts, Certificate, ConnectionFacts
from relay.health.rules import (
    KINDS,
    Measure,
    Rule,
    Rules,
    measures_of_agent,
    measures_of_certificates,
    measures_of_connection,
)


class HealthState(StrEnum):
    OK = "ok"
    ATTENTION = "attention"  # works, and somebody should look
    FAILING = "failing"  # does not do what it is for

    @property
    def rank(self) -> int:
        """The worst first."""
        return {HealthState.FAILING: 0, HealthState.ATTENTION: 1, HealthState.OK: 2}[self]


@dataclass(frozen=True, slots=True)
class Reason:
    code: str  # a rule's name, or a word of its own
    state: HealthState  # that this alone would make of it
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Verdict:
    state: HealthState
    reasons: tuple[Reason, ...] = ()


def judge_agent(
    facts: AgentFacts,
    rules: Rules,
    now: datetime,
    *,
    minimum: tuple[int, ...] | None = None,
    relay_certificate: Certificate | None = None,
) -> Verdict:
    """`minimum`: the oldest version that the relay's operator wants to see."""
    measures = list(measures_of_agent(facts, now))
    if relay_certificate is not None:
        measures.extend(measures_of_certificates((relay_certificate,), now))
    return _verdict([*_beyond(measures, rules), *_of_agent(facts, rules, now, minimum)])


def _of_agent(
    facts: AgentFacts, rules: Rules, now: datetime, minimum: tuple[int, ...] | None
) -> Iterator[Reason]:
    offline = _is_beyond(Rule.AGENT_OFFLINE, measures_of_agent(facts, now), rules)
    if not facts.connected and not offline:
        yield Reason(
            "not_connected",
            HealthState.ATTENTION,
            "The agent is not connected at this moment."
            if facts.seen_at is not None
            else "The agent has enrolled and has not connected since.",
            "It comes back by itself after a short break of the line or a restart. If it does not, `groundwire status` on its host says why.",
        )
    if facts.room is not None and facts.room.reading_paused:
        yield Reason(
            "reading_paused",
            HealthState.ATTENTION,
            "The agent's outbox is full: it reads nothing more until the relay has taken some of it.",
            "It goes on by itself when there is room. If it does not, look at the line to the relay and at the relay's disk.",
        )
    if minimum is not None and facts.version is not None and facts.version < minimum:
        wanted = ".".join(map(str, minimum))
        yield Reason(
            "version_old",
            HealthState.ATTENTION,
            f"The agent's version is older than {wanted}.",
            "Upgrade the agent; its state folder is taken over as it is.",
        )


def judge_connection(facts: ConnectionFacts, agent: AgentFacts, rules: Rules, now: datetime) -> Verdict:
    return _verdict(
        [*_beyond(measures_of_connection(facts, now), rules), *_of_connection(facts, agent, rules, now)]
    )


def _of_connection(
    facts: ConnectionFacts, agent: AgentFacts, rules: Rules, now: datetime
) -> Iterator[Reason]:
    if not agent.connected:
        gone = _is_beyond(Rule.AGENT_OFFLINE, measures_of_agent(agent, now), rules)
        yield Reason(
            "agent_not_connected",
            HealthState.FAILING if gone else HealthState.ATTENTION,
            "Its agent is not connected: what stands here is from before.",
            "See the agent's own health.",
        )
    if facts.refused_since is not None:
        yield Reason(
            "credentials_refused",
            HealthState.FAILING,
            "The source refuses the credentials; nothing tries them again by itself.",
            facts.error_hint or "Set the corrected ones at the agent with `groundwire secret set NAME`.",
        )
    elif facts.error_code and not facts.paused:
        yield Reason(
            facts.error_code,
            HealthState.ATTENTION,
            f"The last run ended with the error `{facts.error_code}`.",
            facts.error_hint,
        )
    if facts.paused:
        yield Reason(
            "paused",
            HealthState.ATTENTION,
            "Somebody paused the connection: nothing of it runs.",
            "The command `resume` lets it run again, as does `groundwire resume` at the agent.",
        )


def _beyond(measures: Iterable[Measure], rules: Rules) -> Iterator[Reason]:
    exceeding = [measure for measure in measures if _exceeds(measure, rules)]
    urgent = {one.subject[1:] for one in exceeding if one.rule is Rule.CERTIFICATE_URGENT}
    for measure in exceeding:
        # What is urgent is said once; as an alert each of the two stands for itself.
        if measure.rule is not Rule.CERTIFICATE_EXPIRES or measure.subject[1:] not in urgent:
            kind = KINDS[measure.rule]
            state = HealthState.FAILING if kind.failing else HealthState.ATTENTION
            yield Reason(measure.rule.value, state, sentence(measure), kind.hint)


def sentence(measure: Measure) -> str:
    """What is measured, in words."""
    value = measure.value or 0
    said = KINDS[measure.rule].says
    if measure.hop:
        said = "A certificate on the way has ended." if value < 0 else said
        # A word that is not ours is an agent's own text.
        whose = f"The certificate of {WORDS[measure.hop]}" if measure.hop in WORDS else ""
        said = said.replace("A certificate on the way", whose) if whose else said
    return said.format(int(value))


def _exceeds(measure: Measure, rules: Rules) -> bool:
    setting = rules[measure.rule]
    if not setting.enabled or measure.value is None:
        return False
    return KINDS[measure.rule].beyond(measure.value, setting.threshold)


def _is_beyond(rule: Rule, measures: Iterable[Measure], rules: Rules) -> bool:
    return any(measure.rule is rule and _exceeds(measure, rules) for measure in measures)


def _verdict(reasons: Sequence[Reason]) -> Verdict:
    ordered = tuple(sorted(reasons, key=lambda reason: reason.state.rank))
    return Verdict(ordered[0].state if ordered else HealthState.OK, ordered)
