"""Collecting a bundle: each part by itself, within its own time; one that cannot be had says so in its place.

Nothing of a part is taken as it is. A document passes `masking.told`, which keeps what is known to be harmless; the
configuration passes `configured`; and all of it passes the redaction of secrets at the end.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent.audit.reading import AuditFolder
from agent.bundle import facts, logs
from agent.bundle.archive import MAX_PART_BYTES, Bundle, Collected, bounded, document_bytes
from agent.bundle.configured import policy_told, settings_told
from agent.bundle.masking import last_redaction, place, plain, told
from agent.bundle.outbox_file import read_outbox
from agent.bundle.sources import sources_told
from agent.clock import Clock
from agent.configuration.policy_file import policy_in
from agent.errors import ERRORS_BY_CODE, ConfigurationError, GroundwireError
from agent.secrets import learn
from agent.settings import Settings
from agent.vault.references import resolve
from agent.vault.store import Vault

PART_SECONDS: Final = 15.0
OUTBOX_FILE: Final = "outbox.db"
LOG_FOLDER: Final = "logs"  # of the bundle
AUDIT_LINES: Final = 500  # the newest

Ask = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""A call of the running agent; raises GroundwireError where none answers."""

Make = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Site:
    """The agent that a bundle tells of, as far as its files can be read."""

    settings: Settings | ConfigurationError  # the error: why there are none
    ask: Ask
    clock: Clock
    inside: bool = False  # whether this is that agent's own process

    @property
    def known(self) -> Settings:
        if isinstance(self.settings, ConfigurationError):
            raise self.settings
        return self.settings

    @property
    def state_dir(self) -> Path:
        return self.known.state_dir


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    reason: str
    make: Make


async def collect(site: Site) -> Bundle:
    """Every part, in the order of its worth. Raises nothing but cancellation."""
    if not isinstance(site.settings, ConfigurationError):
        await asyncio.to_thread(learn_secrets, site.settings)
    files = [await _collected(part) for part in parts_of(site)]
    files += await _logs(site)
    return bounded(Bundle(site.clock.utcnow(), tuple(files)))


def parts_of(site: Site) -> list[Part]:
    """Those that are documents; logs come behind them, one a file."""

    def made(function: Callable[[], Any]) -> Make:
        async def make() -> Any:
            return await asyncio.to_thread(function)

        return make

    async def health() -> Any:
        return told(await site.ask("status", {}))

    async def outbox() -> Any:
        try:
            groups = await site.ask("dead_letter_groups", {})
            return told({**await site.ask("outbox", {}), **groups})
        except GroundwireError as error:
            # Its file is there whether anybody answers for it or not.
            found = await asyncio.to_thread(read_outbox, site.state_dir / OUTBOX_FILE)
            return {"agent": {"code": error.code}, **told(found)}

    return [
        Part(
            "health.json",
            "the link to the relay, every stream and its last run: states, counts, codes of errors",
            health,
        ),
        Part(
            "findings.json",
            "what `groundwire doctor` found: codes, levels and what they mean",
            lambda: findings(site),
        ),
        Part(
            "outbox.json",
            "what waits, and dead letters counted by field and reason; no record, no key",
            outbox,
        ),
        Part("versions.json", "of Groundwire, Python, its packages and libraries", made(facts.versions)),
        Part(
            "system.json",
            "operating system, memory, disk, time zone",
            made(lambda: facts.system(_state_dir(site))),
        ),
        Part(
            "configuration.json",
            "the settings in force; secrets only as references, no constants",
            made(lambda: settings_told(site.known)),
        ),
        Part("policy.json", "what may leave, by name; no limits and no values", made(lambda: policy(site))),
        Part(
            "sources.json",
            "the columns that each stream uses, by name; no value",
            made(lambda: sources_told(site.known, site.clock)),
        ),
        Part(
            "audit.json",
            "the newest lines of the audit log: what was asked, by which side, and the decision",
            made(lambda: audit(site.state_dir)),
        ),
        Part(
            "state-folder.json",
            "names, sizes and permissions of the files in the state folder",
            made(lambda: facts.state_folder(site.state_dir)),
        ),
    ]


async def _collected(part: Part) -> Collected:
    missing = ""
    try:
        async with asyncio.timeout(PART_SECONDS):
            document = await part.make()
    except TimeoutError:
        missing = f"it was not there after {PART_SECONDS:g} s"
    except GroundwireError as error:
        kind = ERRORS_BY_CODE.get(error.code, type(error))
        missing = f"{error.code}: {kind.__doc__} {place(error.where)}".rstrip()
    except OSError as error:
        missing = f"it cannot be read: {error.strerror or type(error).__name__}"
    except Exception as error:  # noqa: BLE001 - a bundle is made when something is broken; one part must not cost the others
        missing = f"it could not be made: {type(error).__name__}"
    if missing:
        document = {"missing": missing}
    return Collected(part.name, part.reason, document_bytes(last_redaction(document)), missing)


async def _logs(site: Site) -> list[Collected]:
    reason = "the newest lines: events, names, counts, codes; no sentence of an error"
    try:
        files = await asyncio.to_thread(logs.newest_files, site.known.log_dir)
    except (OSError, GroundwireError):
        files = []
    if not files:
        return [Collected(f"{LOG_FOLDER}/", reason, b"", "there are no log files that can be read")]
    return [await asyncio.to_thread(_log, path, reason) for path in files]


def _log(path: Path, reason: str) -> Collected:
    name = f"{LOG_FOLDER}/{plain(path.name).removesuffix('.gz')}"
    try:
        content = "\n".join(logs.told_lines(logs.tail_of(path))).encode("utf-8", "replace")
    except (OSError, EOFError, zlib.error) as error:
        return Collected(name, reason, b"", f"it cannot be read: {type(error).__name__}")
    return Collected(
        name,
        reason,
        content[-MAX_PART_BYTES:].partition(b"\n")[2] if len(content) > MAX_PART_BYTES else content,
        lines=True,
    )


def _state_dir(site: Site) -> Path | None:
    return None if isinstance(site.settings, ConfigurationError) else site.settings.state_dir


async def findings(site: Site) -> dict[str, Any]:
    """In the words that are the same for everybody: cause and evidence may name what something was seen on."""
    from agent.doctor.check import examine  # noqa: PLC0415 - heavy, and only for a bundle
    from agent.doctor.checks import CHECKS, every_known  # noqa: PLC0415
    from agent.doctor.installation import look_at  # noqa: PLC0415

    meanings = {known.code: known.meaning for known in every_known()}
    # No source is asked for a bundle: the platform may want one where the policy lets it test no connection.
    checks = [check for check in CHECKS if check.name != "sources"]
    installation = await look_at(site.known.config_dir, clock=site.clock, inside=site.inside)
    report = await examine(installation, checks)
    return {
        "findings": [
            {
                **told(
                    {"code": one.code, "level": one.level.value, "where": one.where, "evidence": one.evidence}
                ),
                "meaning": meanings.get(one.code, ""),
            }
            for one in report.findings
        ]
    }


def policy(site: Site) -> dict[str, Any]:
    found = policy_in(site.known.config_dir)
    return {"fault": bool(found.fault), **policy_told(found.file)}


def audit(state_dir: Path) -> dict[str, Any]:
    newest = deque(AuditFolder(state_dir).lines(), maxlen=AUDIT_LINES)
    return {"lines": [_audit_line(line.as_document()) for line in newest]}


def _audit_line(document: Mapping[str, Any]) -> Any:
    actor = document.get("actor")
    origin = actor.get("origin") if isinstance(actor, Mapping) else None  # not the name: a person's
    facts_told = document.get("facts")
    return told(
        {
            "n": document.get("n"),
            "moment": document.get("moment"),
            "action": document.get("action"),
            "origin": origin,
            "facts": facts_told,
        }
    )


def learn_secrets(settings: Settings) -> None:
    """Every secret that can be read from here, so that none passes the last redaction."""
    references: Iterable[Any] = (
        *(ref for one in settings.connections.values() for ref in one.secrets.values()),
        *([settings.relay.proxy_password] if settings.relay.proxy_password is not None else []),
    )
    for reference in references:
        with suppress(GroundwireError, OSError):
            resolve(reference, state_dir=settings.state_dir)
    with suppress(GroundwireError, OSError):
        for value in Vault(settings.state_dir).values().values():
            learn(value)
