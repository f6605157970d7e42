"""What the running agent says is wrong: its link to the relay, its identity there, its streams and its audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.doctor.check import Check, Known, Told
from agent.doctor.installation import Installation
from agent.findings import Finding, Level
from agent.standing import findings_of

MAX_TOLD: Final = 50  # findings; streams with the same trouble are one
_COPY: Final = "another copy of this agent"
_SUPERSEDED: Final = "a newer session of this agent"
_CODES: Final[Mapping[str, str]] = {
    "relay.held_back": "held_back",
    "connection.paused": "paused",
    "commands.in_doubt": "in_doubt",
    "audit.unavailable": "audit",
}

KNOWN: Final = (
    Known(
        "agent.stopped",
        Level.WARNING,
        "No agent runs here, so nothing is read or sent",
        "Start it: `groundwire run`, or the service (`systemctl start groundwire`).",
    ),
    Known(
        "agent.silent",
        Level.PROBLEM,
        "An agent runs, but did not say how it stands",
        "Look at its log; if it hangs, restart it: nothing that is stored is lost.",
    ),
    Known(
        "agent.identity",
        Level.PROBLEM,
        "The file of this agent's identity cannot be used",
        "Do what the finding says of it; else enrol again: `groundwire enroll wss://RELAY CODE --replace`.",
    ),
    Known(
        "agent.twin",
        Level.PROBLEM,
        "A second agent uses the same identity: a machine that was cloned, or a state folder that was restored elsewhere",
        "Stop one of the two. The one that stays goes on, or is enrolled anew: `groundwire enroll wss://RELAY CODE --replace`.",
    ),
    Known(
        "agent.refused",
        Level.PROBLEM,
        "The relay does not take this agent",
        "Ask the relay's operator for a new code, and enrol again: `groundwire enroll wss://RELAY CODE --replace`.",
    ),
    Known(
        "agent.unconnected",
        Level.PROBLEM,
        "The running agent has no connection to the relay",
        "See what `names`, `proxy`, `clock` and `relay` say; the agent tries again by itself.",
    ),
    Known(
        "agent.held_back",
        Level.PROBLEM,
        "The relay takes nothing of some connections",
        "Ask the relay's operator; what waits is kept.",
    ),
    Known(
        "agent.stream",
        Level.PROBLEM,
        "A stream cannot go on until somebody changes something",
        "Do what the finding says; `groundwire sync CONNECTION/STREAM` then tries it at once.",
    ),
    Known(
        "agent.retrying",
        Level.WARNING,
        "A stream failed in a way that may pass, and is tried again by itself",
        "Nothing to do if it passes; else see what `sources` says of the same connection.",
    ),
    Known(
        "agent.paused",
        Level.NOTICE,
        "Somebody paused a connection",
        "`groundwire resume CONNECTION` lets it run again.",
    ),
    Known(
        "agent.in_doubt",
        Level.PROBLEM,
        "Nobody knows of some writes whether the system took them",
        "`groundwire commands list --state in_doubt` lists them; look in the system, then `groundwire commands settle`.",
    ),
    Known(
        "agent.audit",
        Level.PROBLEM,
        "The audit log cannot be written, so what has to be audited is refused",
        "Make room on the disk of the state folder, or give the agent's user write access to it.",
    ),
)


async def check_agent(installation: Installation, told: Told) -> None:
    _identity(installation, told)
    if installation.settings is None:
        return
    where = str(installation.state_dir)
    if not installation.running:
        told.found("stopped", where, "no agent runs on this state folder")
        return
    status = installation.status
    if status is None:
        told.found("silent", where, "the agent did not answer")
        return
    names = {one.name for one in installation.connections}
    chosen = [one for one in status.get("connections") or [] if one.get("name") in names]
    judged = findings_of({**status, "connections": chosen}, installation.clock.utcnow())
    _tell(judged, status.get("relay") or {}, told)
    troubled = {
        one.where.partition("/")[0].partition(":")[0] for one in judged if one.code.startswith("stream.")
    }
    for connection in chosen:
        if connection["name"] not in troubled:
            told.fine(connection["name"], "no stream has an error")


def _identity(installation: Installation, told: Told) -> None:
    error = installation.identity_error
    if error is not None and "not enrolled" not in error.message:
        told.found("identity", error.where, error.message, next_step=error.hint)
    elif installation.identity is not None:
        told.fine("identity.json", f"enrolled as {installation.identity.agent}")


def _tell(judged: Sequence[Finding], relay: Mapping[str, Any], told: Told) -> None:
    """What agent/standing.py makes of the status, in doctor's words; of what other checks look at nothing."""
    phase = relay.get("phase", "")
    link = f"{phase} since {relay.get('since')}; last ack {relay.get('last_ack') or 'never'}"
    codes = [(one, _code_of(one)) for one in judged]
    for one, code in [pair for pair in codes if pair[1]][:MAX_TOLD]:
        evidence = link if one.where == "relay" else one.evidence
        told.found(code, one.where, one.cause, evidence=evidence, next_step=one.next_step)
    if any(one.where == "relay" for one in judged):
        return
    if phase == "connected":
        told.fine("relay", "the running agent is connected", link)
    else:
        told.found("unconnected", "relay", f"the link is {phase}", evidence=link)


def _code_of(finding: Finding) -> str:
    """The code without the check's name; empty for what is not told here."""
    room, _, code = finding.code.partition(".")
    if finding.code in _CODES:
        return _CODES[finding.code]
    if room == "relay":
        twin = _COPY in finding.cause or _SUPERSEDED in finding.cause
        return "twin" if twin else "refused" if code == "identity_refused" else "unconnected"
    if room == "stream" and code not in {"policy", "paused"}:  # `policy` and `agent.paused` say so
        return "stream" if finding.level is Level.PROBLEM else "retrying"
    return ""


CHECK: Final = Check("agent", "what the running agent says of itself", check_agent, KNOWN)
