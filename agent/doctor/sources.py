"""The systems themselves: each connection tried as `groundwire check` tries it, its streams and first records too."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from agent.checking import check_connection
from agent.control import ControlClient
from agent.credentials.access import Access
from agent.doctor.check import Check, Known, Told
from agent.doctor.hosts import source_hosts
from agent.doctor.installation import Installation
from agent.doctor.patience import patient
from agent.doctor.reaching import addresses_of, connected
from agent.errors import ConfigurationError, GroundwireError, Unreachable
from agent.findings import Level
from agent.mappings.service import amend
from agent.mappings.versions import VersionStore
from agent.settings import ConnectionSettings, Settings

SOURCE_SECONDS: Final = 6.0  # of one connection; a healthy one answers within one or two
AT_ONCE: Final = 4  # a driver's process takes a second of a core to start

KNOWN: Final = (
    Known(
        "sources.unreachable",
        Level.PROBLEM,
        "A system does not answer",
        "Check that the system is up, the name and port are right, and a firewall lets this host to it.",
    ),
    Known(
        "sources.credentials",
        Level.PROBLEM,
        "A system refuses the user or password",
        "Set the right one with `groundwire secret set NAME`; `groundwire check CONNECTION` then tries it.",
    ),
    Known(
        "sources.permission",
        Level.PROBLEM,
        "The user signs in, but may not read or write what a stream needs",
        "Have the system's administrator grant it: `groundwire system authorisations SYSTEM` lists what is needed.",
    ),
    Known(
        "sources.changed",
        Level.PROBLEM,
        "The system has no such table, column or key as a stream names",
        "`groundwire discover CONNECTION` lists what there is; correct the stream's query, key or mapping.",
    ),
    Known(
        "sources.mapping",
        Level.PROBLEM,
        "A stream is read, but its records do not map",
        "`groundwire mapping show CONNECTION/STREAM --samples 3` shows values beside the rules; correct the rule of the field that is named.",
    ),
    Known(
        "sources.options",
        Level.PROBLEM,
        "An option of the connection is wrong",
        "Correct it in the connection's file; `groundwire check CONNECTION` tries it.",
    ),
    Known(
        "sources.failed",
        Level.PROBLEM,
        "A step towards a system failed in another way",
        "Do what the finding says; `groundwire check CONNECTION --debug` shows more.",
    ),
    Known(
        "sources.slow",
        Level.WARNING,
        "A system takes so long that it could not be tried to the end here",
        "`groundwire check CONNECTION` has no limit of time and tells how far it comes.",
    ),
    Known(
        "sources.untried",
        Level.NOTICE,
        "A connection was not tried: it would only fail as was found before, or lock an account",
        "Mend what the other checks say of it first.",
    ),
)
_CODES: Final[Mapping[str, str]] = {
    "unreachable": "unreachable",
    "credentials_refused": "credentials",
    "not_permitted": "permission",
    "source_changed": "changed",
    "record": "mapping",
    "configuration": "options",
    "bad_configuration": "options",
}


async def check_sources(installation: Installation, told: Told) -> None:
    turns = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(_in_turn(turns, installation, one, told) for one in installation.connections))


async def _in_turn(
    turns: asyncio.Semaphore, installation: Installation, connection: ConnectionSettings, told: Told
) -> None:
    if not await _answers(installation, connection, told):
        return
    async with turns:
        try:
            async with asyncio.timeout(patient(SOURCE_SECONDS)):
                steps = await _steps(installation, connection)
        except TimeoutError:
            told.found(
                "slow", connection.name, f"it was not tried to the end within {patient(SOURCE_SECONDS):g} s"
            )
        except _Refused:
            told.found("untried", connection.name, "its credentials were refused, and are not tried again")
        except GroundwireError as error:
            code = _CODES.get(error.code, "failed")
            told.found(code, connection.name, str(error), next_step=error.hint)
        else:
            _judge(connection, steps, told)


class _Refused(Exception):
    """These credentials were refused before: one more try could lock an account."""


async def _answers(installation: Installation, connection: ConnectionSettings, told: Told) -> bool:
    """Its hosts first: a host that drops packets would take all the time that there is."""
    answers = True
    for host in source_hosts(installation):
        if host.what != connection.name or host.port is None:
            continue
        try:
            sock = await connected(host.host, host.port, await addresses_of(host.host, host.port))
            sock.close()
        except Unreachable as error:
            told.found("unreachable", host.where, str(error), next_step=_way_to(error, connection))
            answers = False
    return answers


def _way_to(error: Unreachable, connection: ConnectionSettings) -> str:
    if error.where.startswith("name "):
        return f"Correct the host's name in {connection.where}, or see what `names` says."
    return (
        f"See that the system of {connection.name} is up and listens on this port, and that a firewall lets this host to it; "
        f"host and port stand in {connection.where}."
    )


async def _steps(installation: Installation, connection: ConnectionSettings) -> Sequence[Mapping[str, Any]]:
    settings = installation.settings
    if settings is None:
        return ()
    if installation.running and connection.enabled:
        await _refuse_refused(installation, settings, connection)
        answer = await ControlClient(settings.state_dir).ask("check", {"connection": connection.name})
        return list(answer["steps"])
    await _refuse_refused(installation, settings, connection)
    access = Access(settings.limits, settings.state_dir, installation.clock)
    driver = access.trial(connection, {})
    try:
        return [asdict(step) for step in await check_connection(driver, _as_in_force(settings, connection))]
    finally:
        await driver.aclose()


def _as_in_force(settings: Settings, connection: ConnectionSettings) -> ConnectionSettings:
    try:
        return amend(VersionStore(settings.state_dir), connection)
    except GroundwireError:
        return connection  # `configuration` says so


async def _refuse_refused(
    installation: Installation, settings: Settings, connection: ConnectionSettings
) -> None:
    """What the running agent says, else what an earlier one wrote down."""
    states = {
        one.get("name"): one.get("state") for one in (installation.status or {}).get("connections") or []
    }
    if states.get(connection.name) == "needs_reauthorisation":
        raise _Refused
    access = Access(settings.limits, settings.state_dir, installation.clock)
    if installation.running or not access.knows_refusal(connection):
        return
    try:
        if await access.refusal(connection, access.secrets_of(connection)) is not None:
            raise _Refused
    except ConfigurationError:
        return  # a secret without a value: the try says so


def _judge(connection: ConnectionSettings, steps: Sequence[Mapping[str, Any]], told: Told) -> None:
    failed = [step for step in steps if not step["ok"]]
    for step in failed:
        code = _CODES.get(step.get("code", ""), "failed")
        if code == "options" and step.get("stream") and str(step["name"]).startswith("mapping of "):
            code = "mapping"
        place = f"{connection.name}/{step['stream']}" if step.get("stream") else connection.name
        told.found(code, f"{place}: {step['name']}", step["detail"], next_step=step.get("hint", ""))
    done = [step for step in steps if step["ok"]]
    if done:
        told.fine(
            connection.name, f"{len(done)} steps of its check work", ", ".join(step["name"] for step in done)
        )


CHECK: Final = Check(
    "sources", "each system, tried as `groundwire check` does", check_sources, KNOWN, seconds=9.0
)
