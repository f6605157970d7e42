"""Pure: which alerts to raise and which to clear. Raised once, cleared once; in between nothing is said.

- An alert is raised when what is measured is beyond its rule's threshold, and cleared when it has come back a little
  further than that (`rules.RuleKind.over`), so that a value that flutters around its threshold is one alert.
- What is not known changes nothing: an agent that falls silent takes no alert back.
- A rule that is switched off, and a subject that is gone, clear what they had raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from relay.health.facts import Fleet
from relay.health.judging import sentence
from relay.health.rules import (
    KINDS,
    Measure,
    Rule,
    Rules,
    measures_of_agent,
    measures_of_certificates,
    measures_of_connection,
)

Subject = tuple[str, str, str]  # rule, agent, connection; empty texts where it is about neither


@dataclass(frozen=True, slots=True)
class Alert:
    id: str
    tenant: str
    rule: Rule
    agent: str  # empty: about the relay
    connection: str  # empty: about the agent
    threshold: int  # when it was raised
    value: int
    message: str
    hint: str
    raised_at: datetime
    cleared_at: datetime | None = None

    @property
    def subject(self) -> Subject:
        return (self.rule.value, self.agent, self.connection)


@dataclass(frozen=True, slots=True)
class Steps:
    raised: tuple[Measure, ...]
    cleared: tuple[Alert, ...]


def steps(measures: Iterable[Measure], rules: Rules, standing: Sequence[Alert]) -> Steps:
    """`standing`: the alerts that have not been cleared."""
    measured = {measure.subject: measure for measure in measures}
    known: Mapping[Subject, Alert] = {alert.subject: alert for alert in standing}
    raised = [
        measure for subject, measure in measured.items() if subject not in known and _begins(measure, rules)
    ]
    cleared = [alert for subject, alert in known.items() if _ends(measured.get(subject), rules, alert)]
    return Steps(tuple(raised), tuple(cleared))


def _begins(measure: Measure, rules: Rules) -> bool:
    setting = rules[measure.rule]
    if not setting.enabled or measure.value is None:
        return False
    return KINDS[measure.rule].beyond(measure.value, setting.threshold)


def _ends(measure: Measure | None, rules: Rules, alert: Alert) -> bool:
    setting = rules[alert.rule]
    if measure is None or not setting.enabled:
        return True
    return measure.value is not None and KINDS[alert.rule].over(measure.value, setting.threshold)


def measures_of(fleet: Fleet, now: datetime) -> Iterator[Measure]:
    if fleet.relay_certificate is not None:
        yield from measures_of_certificates((fleet.relay_certificate,), now)
    for agent, connections in fleet.agents:
        yield from measures_of_agent(agent, now)
        for connection in connections:
            yield from measures_of_connection(connection, now)


def raised(measure: Measure, *, alert_id: str, tenant: str, rules: Rules, now: datetime) -> Alert:
    return Alert(
        id=alert_id,
        tenant=tenant,
        rule=measure.rule,
        agent=measure.agent,
        connection=measure.connection,
        threshold=rules[measure.rule].threshold,
        value=int(measure.value or 0),
        message=sentence(measure),
        hint=KINDS[measure.rule].hint,
        raised_at=now,
    )
