"""What a connection needs, asked for one by one, and asked again for what was wrong."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from agent.configuration.model import NAME_PATTERN
from agent.odbc_registry import OdbcSources
from agent.secrets import Secret
from agent.setup.asking import Choice, Kind, Person, Question, Saying, Tone, Unfit
from agent.setup.databases import SOURCE, needs_of, source_need
from agent.setup.drafts import Draft
from agent.setup.machine_port import Machine
from agent.setup.needs import Need, System

_NEAR: Final = re.compile(r"^(127\.|localhost$|::1$|/)")
_NAME: Final = re.compile(NAME_PATTERN)
MAX_SHOWN: Final = 60  # characters of an answer in a list


@dataclass(frozen=True, slots=True)
class Gatherer:
    """Asks for what `draft.system` needs."""

    person: Person
    machine: Machine
    sources: OdbcSources

    async def gather(self, draft: Draft) -> Draft:
        """Every need in turn; answers that are there already are what Enter means."""
        asked: list[Need] = []
        for need in self._needs(draft):
            draft = await self._one(draft, need)
            asked.append(need)
        # The driver or data source that was chosen brings needs of its own.
        if draft.system.is_database:
            for need in (*needs_of(draft.answers[SOURCE]), *draft.system.needs):
                draft = await self._one(draft, need)
                asked.append(need)
        wanted = [need for need in asked if need.asked(draft.answers)]
        return replace(draft, needs=tuple(wanted))

    async def ask_again(self, draft: Draft, name: str) -> Draft:
        """One answer, and what hangs on it."""
        need = next(one for one in draft.needs if one.name == name)
        before = draft.answers.get(name)
        draft = await self._one(draft, need, again=True)
        hangs_on_it = name == SOURCE or any(name in one.when for one in draft.system.needs)
        return await self.gather(draft) if hangs_on_it and draft.answers.get(name) != before else draft

    def mendable(self, draft: Draft) -> list[Choice]:
        """The answers that could be given otherwise, as choices."""
        return [
            Choice(need.name, f"{need.text.rstrip('?')}: {_shown(draft, need)}")
            for need in draft.needs
            if need.kind != "fixed"
        ]

    def _needs(self, draft: Draft) -> tuple[Need, ...]:
        return (source_need(self.sources),) if draft.system.is_database else draft.system.needs

    async def _one(self, draft: Draft, need: Need, *, again: bool = False) -> Draft:
        if not need.asked(draft.answers):
            return draft
        if need.kind == "fixed":
            return replace(draft, answers={**draft.answers, need.name: need.default or ""})
        key = f"connections.{draft.name}.answers.{need.name}"
        if need.is_secret:
            return await self._secret(draft, need, key, again=again)
        question = Question(
            key,
            need.text,
            why=need.why,
            kind=Kind.CHOICE if need.choices else Kind.TEXT,
            default=_default(draft, need),
            choices=tuple(Choice(value, text) for value, text in need.choices.items()),
            example=need.example,
            read=self._reader(need),
        )
        return replace(draft, answers={**draft.answers, need.name: await self.person.ask(question)})

    async def _secret(self, draft: Draft, need: Need, key: str, *, again: bool) -> Draft:
        typed = need.name in draft.secrets
        kept = not typed and self.machine.vault_holds(draft.vault_name(need.name))
        why = [need.why] if need.why else []
        why.append("It goes into the vault; it is not shown.")
        if typed or kept:
            why.append(f"Left empty: the one that {'you gave' if typed else 'the vault holds'}.")
        elif need.optional:
            why.append("Left empty: none.")
        answer = await self.person.ask(
            Question(
                key,
                need.text,
                why=" ".join(why),
                kind=Kind.SECRET,
                default="" if need.optional or typed or kept else None,
                kept=False,
            )
        )
        references = {name: ref for name, ref in draft.references.items() if name != need.name}
        if answer.startswith("secret:") and not self.person.present:
            return replace(draft, references={**references, need.name: answer})
        if answer:
            return replace(draft, secrets={**draft.secrets, need.name: Secret(answer)}, references=references)
        if kept:
            return replace(
                draft, references={**references, need.name: f"secret:{draft.vault_name(need.name)}"}
            )
        if again and not typed:
            self.person.tell(Saying(Tone.NOTE, f"{need.text}: none."))
        return draft

    def _reader(self, need: Need) -> Callable[[str], str]:
        readers: dict[str, Callable[[str], str]] = {
            "number": _number,
            "url": _url,
            "zone": _zone,
            "file": self.machine.file_named,
            "key_file": self.machine.file_named,
        }
        return readers.get(need.kind, _line)


def connection_name(text: str) -> str:
    if not _NAME.match(text):
        raise Unfit("A name has small letters, digits, - and _, and begins with a letter or digit.")
    return text


def free_name(system: System, taken: list[str]) -> str:
    """A name for a connection to the system that no other has."""
    first = system.name
    return next(
        name for name in (first, *(f"{first}-{number}" for number in range(2, 1_000))) if name not in taken
    )


def _default(draft: Draft, need: Need) -> str | None:
    if need.name in draft.answers:
        return draft.answers[need.name]
    if need.name == "tls" and _NEAR.match(draft.answers.get("server", "")) and "off" in need.choices:
        return "off"  # it does not leave this machine
    return "" if need.optional else need.default


def _shown(draft: Draft, need: Need) -> str:
    if need.is_secret:
        return "not shown" if need.name in draft.secrets or need.name in draft.references else "none"
    answer = draft.answers.get(need.name, "")
    text = need.choices.get(answer, answer) or "none"
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _line(text: str) -> str:
    if not text.isprintable():
        raise Unfit("It holds characters that cannot be shown: please type it.")
    return text


def _number(text: str) -> str:
    if not re.fullmatch("[0-9]{1,9}", text):
        raise Unfit("Please give a number.")
    return text


def _url(text: str) -> str:
    parts = urlsplit(_line(text))
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unfit("An address begins with https:// and names a host.")
    if parts.username is not None or parts.password is not None:
        raise Unfit("User and password are asked for on their own: leave them out of the address.")
    return text


def _zone(text: str) -> str:
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise Unfit(
            "There is no such time zone: they are called Europe/Berlin, America/Chicago or UTC."
        ) from None
    return text
