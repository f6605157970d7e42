"""The second part of set-up: a connection, asked for, tested, looked at, and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from agent.control import error_from
from agent.errors import ConfigurationError, GroundwireError
from agent.odbc_registry import OdbcSources
from agent.setup.asking import NO, YES, Choice, Kind, Person, Question, Saying, Tone, chosen, confirmed
from agent.setup.drafts import Draft, connection_text
from agent.setup.files import CAREFUL, EVERYTHING, NOTHING, names_connection, policy_text
from agent.setup.filing import Filing
from agent.setup.gathering import Gatherer, connection_name, free_name
from agent.setup.machine_port import Found, Machine
from agent.setup.needs import ANY_DATABASE
from agent.setup.records import shown
from agent.setup.relay_part import SetupLeft, tell_error
from agent.unbroken import to_its_end
from drivers.contract import CheckStep

POLICY: Final = "policy.toml"
RECORDS: Final = 10
LEAVE: Final = "leave"  # the answer that gives a connection up


@dataclass(frozen=True, slots=True)
class Added:
    """A connection that is written now."""

    name: str
    system: str
    streams: tuple[str, ...]
    enabled: bool
    leaves: bool  # whether anything of it may leave this host


class _GivenUp(Exception):
    """Whoever is asked leaves this connection out."""


async def add_connection(person: Person, machine: Machine, filing: Filing, found: Found) -> Added | None:
    """None where it was left out. Raises, with nobody there to mend an answer, what is wrong."""
    sources = await machine.odbc_sources()
    gatherer = Gatherer(person, machine, sources)
    try:
        draft = await _begin(person, machine, found)
        if draft.system.is_database:
            _require_drivers(draft, sources)
        _prepare(person, draft)
        draft = await gatherer.gather(draft)
        part = _Connection(person, machine, filing, gatherer)
        draft = await part.tested(draft)
        draft, how, policy = await part.looked_at(draft)
        return await part.written(draft, how, policy)
    except _GivenUp:
        person.tell(Saying(Tone.NOTE, "Left out; nothing of it was written."))
        return None
    except SetupLeft:
        raise
    except GroundwireError as error:
        if not person.present:
            raise
        tell_error(person, error)
        return None


async def _begin(person: Person, machine: Machine, found: Found) -> Draft:
    person.tell(
        Saying(Tone.STEP, "A connection", "A system to read: an ERP, or a database. There may be any number.")
    )
    systems = {one.name: one for one in await machine.systems()}
    answer = await person.ask(
        Question(
            "connection.system",
            "What is to be read?",
            kind=Kind.CHOICE,
            choices=tuple(
                Choice(one.name, f"{one.title} ({one.way})", one.group) for one in systems.values()
            ),
        )
    )
    system = systems[answer]
    while True:
        name = await person.ask(
            Question(
                "connection.name",
                "A name for this connection",
                why="Short; it stands before every stream, in the logs and at the relay.",
                default=free_name(system, list(found.connections)),
                read=connection_name,
            )
        )
        if not person.present or name not in found.connections:
            return Draft(name, system, ())
        again = Question(
            "connection.again",
            f"There is a connection {name} already. Answer for it anew?",
            kind=Kind.YES,
            default=NO,
            kept=False,
        )
        if await confirmed(person, again):
            return Draft(name, system, ())


def _require_drivers(draft: Draft, sources: OdbcSources) -> None:
    if not (sources.drivers or sources.sources):
        raise ConfigurationError(
            "this machine has no ODBC driver and no data source",
            where=draft.system.title,
            hint="Install the driver of the database (on Debian odbc-postgresql, odbc-mariadb, tdsodbc; others come from "
            "their makers), then choose it again.",
        )


def _prepare(person: Person, draft: Draft) -> None:
    if draft.system.prepare:
        person.tell(Saying(Tone.NOTE, f"Its administrator prepares: {draft.system.prepare}"))
    if draft.system.page:
        person.tell(Saying(Tone.NOTE, f"More: {draft.system.page}"))


@dataclass(frozen=True, slots=True)
class _Connection:
    person: Person
    machine: Machine
    filing: Filing
    gatherer: Gatherer

    # --- the connection itself

    async def tested(self, draft: Draft) -> Draft:
        """With the streams that work; `enabled` false where it is kept although it does not. Raises _GivenUp."""
        while True:
            self.person.tell(Saying(Tone.BUSY, f"Testing {draft.name} ..."))
            steps = await self.machine.try_connection(draft)
            failed = [step for step in steps if not step.ok and not step.stream]
            self._show(steps)
            if not failed:
                return await self._streams(draft, steps)
            draft = await self._mend(draft, failed[0])
            if not draft.enabled:
                return draft

    async def _mend(self, draft: Draft, failed: CheckStep) -> Draft:
        if not self.person.present:
            raise _as_error(failed, draft)
        secrets = [need.name for need in draft.needs if need.is_secret]
        first = secrets[0] if secrets and failed.code == "credentials_refused" else "again"
        answer = await self.person.ask(
            Question(
                "connection.mend",
                "What would you like to change?",
                kind=Kind.CHOICE,
                default=first,
                kept=False,
                choices=(
                    *self.gatherer.mendable(draft),
                    Choice("again", "nothing; try again", "Or"),
                    Choice("later", "keep the answers, and let the connection rest until it works", "Or"),
                    Choice(LEAVE, "leave this connection out", "Or"),
                ),
            )
        )
        if answer == LEAVE:
            raise _GivenUp
        if answer == "later":
            return replace(draft, enabled=False)
        return draft if answer == "again" else await self.gatherer.ask_again(draft, answer)

    def _show(self, steps: Sequence[CheckStep]) -> None:
        for step in steps:
            if step.ok and step.stream:
                continue  # told together below
            tone = Tone.DONE if step.ok else (Tone.WARNING if step.stream else Tone.PROBLEM)
            self.person.tell(Saying(tone, f"{step.name}: {step.detail}", "" if step.ok else step.hint))
        broken = {step.stream for step in steps if not step.ok}
        fine = [
            name for name in dict.fromkeys(step.stream for step in steps if step.stream) if name not in broken
        ]
        if fine:
            noun = "stream" if len(fine) == 1 else "streams"
            text = f"{len(fine)} {noun} can be read, and the first records map: {', '.join(fine)}"
            self.person.tell(Saying(Tone.DONE, text))

    # --- its streams

    async def _streams(self, draft: Draft, steps: Sequence[CheckStep]) -> Draft:
        if draft.system.name == ANY_DATABASE:
            return await self._proposed(draft)
        return self._with_streams(draft, await self.machine.streams_of(draft), steps)

    def _with_streams(self, draft: Draft, known: Mapping[str, str], steps: Sequence[CheckStep]) -> Draft:
        broken = {step.stream for step in steps if not step.ok and not step.name.startswith("writes of ")}
        return replace(
            draft, all_streams=tuple(known), streams=tuple(name for name in known if name not in broken)
        )

    async def _proposed(self, draft: Draft) -> Draft:
        self.person.tell(Saying(Tone.BUSY, "Reading the catalogue of its tables ..."))
        proposed = await self.machine.propose(draft)
        if not proposed.streams:
            self.person.tell(
                Saying(
                    Tone.WARNING,
                    f"In {proposed.tables} tables there is none that looks like orders, items, vendors or assets.",
                    "The connection is written, at rest; `groundwire discover` lists its tables, and "
                    "docs/systems/any-database.md goes through a stream of your own.",
                )
            )
            return replace(draft, enabled=False)
        self.person.tell(
            Saying(
                Tone.RECORDS,
                f"Of {proposed.tables} tables these look like something Groundwire knows:",
                columns=("stream", "made of"),
                rows=tuple(proposed.streams.items()),
            )
        )
        draft = replace(draft, proposed=proposed.text)
        self.person.tell(Saying(Tone.BUSY, "Trying the proposals on real records ..."))
        steps = [step for step in await self.machine.try_connection(draft) if step.stream]
        self._show(steps)
        return self._with_streams(draft, await self.machine.streams_of(draft), steps)

    # --- what leaves

    async def looked_at(self, draft: Draft) -> tuple[Draft, str, str]:
        """The draft with its streams chosen, how much leaves, and the text of the policy that says so."""
        if not draft.streams or not draft.enabled:
            return draft, NOTHING, self._policy(draft, (), NOTHING)
        entities = await self.machine.streams_of(draft)
        usual = draft.streams
        ask = True
        while True:
            if ask:
                draft = await self._choose(draft, entities, usual)
            if not draft.streams:
                return draft, NOTHING, self._policy(draft, (), NOTHING)
            how = await self._how_much(draft)
            policy = self._policy(draft, {entities[name] for name in draft.streams}, how)
            await self._preview(draft, policy)
            again = await self._content(draft)
            if again == YES:
                return draft, how, policy
            ask = again == "streams"
            if again == "answers":
                draft = await self.tested(
                    await self.gatherer.gather(replace(draft, proposed="", streams=None))
                )
                entities, usual, ask = await self.machine.streams_of(draft), draft.streams or (), True

    async def _choose(self, draft: Draft, entities: Mapping[str, str], usual: Sequence[str]) -> Draft:
        names = list(entities)
        picked = await chosen(
            self.person,
            Question(
                f"connections.{draft.name}.streams",
                "Which streams?",
                why="A stream is one kind of record.",
                kind=Kind.SOME,
                default=",".join(usual),
                choices=tuple(
                    Choice(
                        name,
                        entities[name].replace("_", " ")
                        + ("" if name in usual else ", did not pass the test"),
                    )
                    for name in names
                ),
            ),
        )
        return replace(draft, streams=tuple(picked), all_streams=tuple(names))

    async def _how_much(self, draft: Draft) -> str:
        if names_connection(self.machine.read(POLICY), draft.name):
            self.person.tell(
                Saying(
                    Tone.NOTE,
                    f"What may leave of {draft.name} is in policy.toml already, and stays as it is.",
                )
            )
            return EVERYTHING
        return await self.person.ask(
            Question(
                f"connections.{draft.name}.leave",
                "What of them may leave this network?",
                why="Only what policy.toml names ever leaves. You can change it there at any time, field by field.",
                kind=Kind.CHOICE,
                default=CAREFUL,
                choices=(
                    Choice(
                        CAREFUL, "business data; names and addresses masked, and what people typed stays here"
                    ),
                    Choice(EVERYTHING, "everything in these streams"),
                    Choice(NOTHING, "nothing yet; I write policy.toml myself"),
                ),
            )
        )

    def _policy(self, draft: Draft, entities: Sequence[str] | set[str], how: str) -> str:
        return policy_text(self.machine.read(POLICY), draft.name, entities, how)

    async def _preview(self, draft: Draft, policy: str) -> None:
        self.person.tell(
            Saying(Tone.BUSY, f"Reading up to {RECORDS} records of each stream; none of them is sent ...")
        )
        found: list[dict[str, Any]] = await self.machine.preview(draft, policy, draft.streams or (), RECORDS)
        for document in found:
            if document["error"]:
                tell_error(self.person, error_from(document["error"]))
            else:
                for saying in shown(document, values=self.person.present):
                    self.person.tell(saying)

    async def _content(self, draft: Draft) -> str:
        if not self.person.present:
            return YES
        return await self.person.ask(
            Question(
                "connection.content",
                "Does this look right?",
                kind=Kind.CHOICE,
                default=YES,
                kept=False,
                choices=(
                    Choice(YES, "write it down like this"),
                    Choice("leave", "change what may leave"),
                    Choice("streams", "choose other streams"),
                    Choice("answers", f"answer for {draft.name} anew"),
                ),
            )
        )

    # --- and down

    async def written(self, draft: Draft, how: str, policy: str) -> Added | None:
        # Asked before anything is done: a connection that stays as it is keeps its password, and its policy.
        name, text = f"connections/{draft.name}.toml", connection_text(draft)
        if not await self.filing.agreed(name, text):
            self.person.tell(Saying(Tone.NOTE, f"{name} stays as it is."))
            return None
        leaves = how != NOTHING
        wanted = leaves or self.machine.read(POLICY) is None
        rules = policy if wanted and await self.filing.agreed(POLICY, policy) else None
        await to_its_end(self._put_down(draft, rules, name, text))
        leaves = leaves and rules is not None
        return Added(draft.name, draft.system.name, tuple(draft.streams or ()), draft.enabled, leaves=leaves)

    async def _put_down(self, draft: Draft, policy: str | None, name: str, text: str) -> None:
        """Everything that was agreed to, and nothing is asked between. The policy first, and the connection last: an
        agent that runs takes it up the moment it is there.
        """
        if policy is not None:
            await self.filing.write(POLICY, policy)
        if not self.filing.dry_run:
            for need, value in draft.secrets.items():
                await self.machine.store(draft.vault_name(need), value)
                self.person.tell(Saying(Tone.DONE, f"Stored {draft.vault_name(need)} in the vault."))
        await self.filing.write(name, text)


def _as_error(step: CheckStep, draft: Draft) -> GroundwireError:
    document = {
        "code": step.code,
        "message": f"{step.name}: {step.detail}",
        "where": draft.name,
        "hint": step.hint,
    }
    return error_from(document)
