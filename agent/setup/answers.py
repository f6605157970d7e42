"""Answers that were given: kept for the next sitting, written for a set-up with nobody present. Never a secret. Pure."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from typing import Any, Final

import tomlkit

from agent.configuration.answers import PROMPT
from agent.setup.asking import YES, Kind, Person, Question, Saying, Unfit

SYSTEM: Final = "connection.system"
NAME: Final = "connection.name"
MAX_KEPT: Final = 1_000  # answers; a sitting has some dozens
_HEAD: Final = """\
#:schema ./schemas/setup.schema.json
# Answers to `groundwire setup`, for `groundwire setup --from`: docs/setup.md. No secret stands here. Where one is
# needed it says "prompt"; with nobody there to be asked write env:NAME or file:/path instead.
"""


@dataclass(slots=True)
class Remembering:
    """A person whose answers are noted down. What was answered in an earlier sitting is what Enter means now."""

    person: Person
    earlier: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    _kinds: dict[str, Kind] = field(default_factory=dict)

    @property
    def present(self) -> bool:
        return self.person.present

    async def ask(self, question: Question) -> str:
        answer = await self.person.ask(self._with_default(question))
        self._kinds[question.key] = question.kind
        if question.kind is Kind.SECRET or not question.kept:
            self.given[question.key] = PROMPT
            return answer
        self.given[question.key] = answer
        if question.key == NAME:
            self.given[f"connections.{answer}.system"] = self.given.get(SYSTEM, "")
        return answer

    def tell(self, saying: Saying) -> None:
        self.person.tell(saying)

    def _with_default(self, question: Question) -> Question:
        before = self.earlier.get(question.key)
        if before is None or not question.kept or question.kind is Kind.SECRET:
            return question
        try:
            return replace(question, default=question.answer(before))
        except Unfit:
            return question  # what it named is gone since

    def draft(self) -> str:
        """For the next sitting, with what this one has not come to."""
        kept = {key: value for key, value in {**self.earlier, **self.given}.items() if value != PROMPT}
        return tomlkit.dumps(dict(list(kept.items())[:MAX_KEPT]))

    def document(self) -> str:
        """As a file of answers."""
        whole: dict[str, Any] = {}
        for key, answer in self.given.items():
            path = key.split(".")
            if path[0] not in ("relay", "connections", "service") or path[-1] == "mend" or answer == "":
                continue
            table = whole
            for part in path[:-1]:
                table = table.setdefault(part, {})
            table[path[-1]] = self._value(key, answer)
        return f"{_HEAD}\n{tomlkit.dumps(whole)}"

    def _value(self, key: str, answer: str) -> Any:
        kind = self._kinds.get(key, Kind.TEXT)
        if kind is Kind.YES:
            return answer == YES
        if kind is Kind.SOME:
            return [part for part in answer.split(",") if part]
        return answer


def earlier_answers(text: str) -> dict[str, str]:
    """What `draft` wrote; nothing of what is no such file."""
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}
    return {key: value for key, value in list(read.items())[:MAX_KEPT] if isinstance(value, str)}
