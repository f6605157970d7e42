"""Set-up from its beginning to its end. Read this first: everything else is a part of it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Any, Final

from agent.errors import GroundwireError
from agent.setup.asking import NO, YES, Kind, Person, Question, Saying, Tone, confirmed
from agent.setup.connection_part import Added, add_connection
from agent.setup.filing import Filing
from agent.setup.machine_port import Enrolled, Found, Machine, Service
from agent.setup.relay_part import reach_relay, tell_error

_WELCOME: Final = (
    "This connects one machine of your network to one relay: first the way there, then what is to be read, then what of "
    "it may leave. Nothing leaves before you have said so. What is done is kept, and set-up goes on from there the next "
    "time."
)


@dataclass(slots=True)
class Outcome:
    """What set-up did, or in a dry run would have done."""

    enrolled: Enrolled | None = None
    connections: list[Added] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    running: bool = False

    def document(self) -> dict[str, Any]:
        return {
            "agent": self.enrolled.agent if self.enrolled else None,
            "relay_url": self.enrolled.relay_url if self.enrolled else None,
            "connections": [
                {"name": one.name, "system": one.system, "streams": list(one.streams), "enabled": one.enabled}
                for one in self.connections
            ],
            "files": self.files,
            "running": self.running,
        }


async def set_up(
    person: Person, machine: Machine, *, dry_run: bool = False, so_far: Outcome | None = None
) -> Outcome:
    """`so_far`: what was done before the same sitting was begun anew.

    Raises GroundwireError: with nobody there to mend an answer whatever is wrong, else SetupLeft.
    """
    found = await machine.look()
    _greet(person, found)
    outcome = so_far or Outcome()
    filing = Filing(person, machine, dry_run, outcome.files)
    outcome.enrolled = await reach_relay(person, machine, filing, found)
    asked = False
    while await _another(person, first=not (found.connections or asked)):
        asked = True
        added = await add_connection(person, machine, filing, found)
        if added is not None:
            outcome.connections = [one for one in outcome.connections if one.name != added.name] + [added]
            found = _with(found, added)
    await _finish(person, machine, outcome, dry_run=dry_run)
    return outcome


async def connect(person: Person, machine: Machine) -> Outcome:
    """A connection more for an agent that runs: set-up's second part alone. Raises GroundwireError."""
    found = await machine.look()
    outcome = Outcome(enrolled=found.enrolled, running=True)
    added = await add_connection(person, machine, Filing(person, machine, written=outcome.files), found)
    if added is not None:
        outcome.connections.append(added)
        person.tell(Saying(Tone.STEP, "Ready"))
        person.tell(Saying(Tone.DONE, f"The agent takes {added.name} up within seconds."))
        _tell_what_rests(person, outcome)
    return outcome


def _greet(person: Person, found: Found) -> None:
    person.tell(Saying(Tone.STEP, "Groundwire set-up", _WELCOME))
    person.tell(Saying(Tone.NOTE, f"Configuration: {found.config_dir}"))
    if found.connections:
        names = ", ".join(f"{name} ({what})" for name, what in found.connections.items())
        person.tell(Saying(Tone.DONE, f"Connections already there: {names}."))


async def _another(person: Person, *, first: bool) -> bool:
    return await confirmed(
        person,
        Question(
            "connection.add",
            "Connect a system now?" if first else "Connect another system?",
            kind=Kind.YES,
            default=YES if first else NO,
            kept=False,
        ),
    )


def _with(found: Found, added: Added) -> Found:
    return Found(
        found.config_dir,
        found.state_setting,
        found.way,
        found.name,
        found.configured,
        found.enrolled,
        found.running,
        {**found.connections, added.name: added.system},
    )


async def _finish(person: Person, machine: Machine, outcome: Outcome, *, dry_run: bool) -> None:
    service = await machine.service()
    person.tell(Saying(Tone.STEP, "Ready"))
    if dry_run:
        person.tell(Saying(Tone.NOTE, "Dry run: nothing was written, stored, enrolled or started."))
        return
    outcome.running = service.running or await _started(person, machine, service)
    if service.running:
        person.tell(Saying(Tone.DONE, "The agent is running, and takes up what is new within seconds."))
    elif not outcome.running:
        person.tell(Saying(Tone.COMMAND, "Run the agent, until Ctrl-C:", lines=(service.run,)))
    _next(person, outcome, service.folder)


async def _started(person: Person, machine: Machine, service: Service) -> bool:
    if not service.installed:
        return False
    question = Question(
        "service.start",
        f"Start the service {service.installed} now?",
        why=f"It runs the agent from now on, also after a restart of the machine: {service.start}",
        kind=Kind.YES,
        default=YES if person.present else NO,
    )
    if not await confirmed(person, question):
        if not person.present:
            text = f"The service {service.installed} is not started: `[service] start = true` in the answers does."
            person.tell(Saying(Tone.NOTE, text))
        return False
    try:
        await machine.start_service()
    except GroundwireError as error:
        if not person.present:
            raise
        tell_error(person, error)
        return False
    person.tell(Saying(Tone.DONE, f"The service {service.installed} is running."))
    return True


def _next(person: Person, outcome: Outcome, folder: str) -> None:
    names = [one.name for one in outcome.connections if one.enabled]
    commands = [("status", "how it goes, and what needs a person")]
    if names:
        commands.append((f"sync {names[0]}", "read it now"))
        commands.append((f"policy explain {names[0]}", "what of it may leave, and why"))
    commands.append(("console", "the same in a browser"))
    commands.append(("doctor", "what is wrong, and what to do about it"))
    _tell_what_rests(person, outcome)
    person.tell(Saying(Tone.COMMAND, "Then look at:", lines=tuple(_aligned(commands, folder))))


def _tell_what_rests(person: Person, outcome: Outcome) -> None:
    resting = [one.name for one in outcome.connections if not one.enabled]
    for name in resting:
        person.tell(
            Saying(
                Tone.NOTICE,
                f"{name} rests (enabled = false).",
                f"`groundwire check {name}` tests it; say enabled = true in connections/{name}.toml once it works.",
            )
        )
    for one in outcome.connections:
        if one.enabled and not one.leaves:
            person.tell(
                Saying(
                    Tone.NOTICE,
                    f"Nothing of {one.name} may leave yet, so none of its streams runs.",
                    f"`groundwire policy suggest {one.name}` prints what would let it; it belongs into policy.toml.",
                )
            )


def _aligned(commands: list[tuple[str, str]], folder: str) -> list[str]:
    typed = [f"groundwire {command}" for command, _ in commands]
    width = max(map(len, typed))
    told = [f"export GROUNDWIRE_CONFIG={shlex.quote(folder)}"] if folder else []
    return [*told, *(f"{one.ljust(width)}  # {word}" for one, (_, word) in zip(typed, commands, strict=True))]
