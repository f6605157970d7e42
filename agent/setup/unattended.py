"""A file of answers as the person that set-up talks with."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agent.configuration import document
from agent.configuration.answers import INLINE, PROMPT, AnswersFile
from agent.configuration.document import Document
from agent.errors import ConfigurationError
from agent.secrets import Secret, SecretRef, learn, resolve
from agent.setup.answers import NAME, SYSTEM
from agent.setup.asking import ALL, NO, YES, Kind, Person, Question, Saying, Unfit

_ADD: Final = "connection.add"


def read_answers(path: Path) -> Document:
    """Raises ConfigurationError with everything that is wrong; never with a value that may be a secret."""
    found = document.read(path, name=str(path))
    found.validate(AnswersFile)
    if path.name.endswith(INLINE) and os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigurationError(
            "holds secrets, and others may read it", where=str(path), hint=f"chmod 600 {path}"
        )
    return found


@dataclass(slots=True)
class FromFile:
    """Answers from `answers`; nobody is present, so what does not work ends set-up with its error."""

    answers: Document
    told: Callable[[Saying], None]
    prompt: Person | None = None  # asked for secrets that the file leaves to a prompt
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    _left: Iterator[str] = field(init=False)
    _present: str = ""  # the connection that is being answered for
    _used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._left = iter(self.answers.content.get("connections", {}))

    @property
    def present(self) -> bool:
        return False

    def tell(self, saying: Saying) -> None:
        self.told(saying)

    async def ask(self, question: Question) -> str:
        if question.key == _ADD:
            self._present = next(self._left, "")
            return YES if self._present else NO
        value = self._find(question.key)
        if question.kind is Kind.SECRET:
            return await self._secret(question, value)
        if value is None:
            if question.default is None:
                raise ConfigurationError(
                    f"says nothing of {question.key}, which is asked for as {question.text!r}",
                    where=self.answers.name,
                    hint=question.why or "docs/setup.md lists what each system needs.",
                )
            return question.default
        if isinstance(value, Mapping):
            raise ConfigurationError(
                "holds the value of a secret, and this answer is none: it is shown, and written into the file",
                where=self._place(question.key),
            )
        try:
            return question.answer(_text(value, question))
        except Unfit as error:
            raise ConfigurationError(str(error), where=self._place(question.key)) from None

    def unused(self) -> list[str]:
        """Answers that nothing asked for, as a misspelt one is."""
        connections = self.answers.content.get("connections", {}).items()
        given = [
            f"connections.{name}.answers.{key}" for name, one in connections for key in one.get("answers", {})
        ]
        return [self._place(key) for key in given if key not in self._used]

    def _find(self, key: str) -> Any:
        if key == NAME:
            return self._present
        if key == SYSTEM:
            key = f"connections.{self._present}.system"
        self._used.add(key)
        found: Any = self.answers.content
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found

    def _place(self, key: str) -> str:
        return f"{self.answers.place(*key.split('.'))} ({key})"

    async def _secret(self, question: Question, value: Any) -> str:
        where = self._place(question.key)
        if value is None:
            if question.default is None:
                raise ConfigurationError(
                    f"says nothing of {question.key}, which is asked for as {question.text!r}",
                    where=self.answers.name,
                    hint='Write it as "env:NAME", "file:/path" or "prompt".',
                )
            return question.default
        if isinstance(value, Mapping):
            return self._inline(value, where)
        if value == PROMPT:
            if self.prompt is None:
                raise ConfigurationError(
                    "is to be asked for, and there is no terminal to ask at",
                    where=where,
                    hint='Write "env:NAME" or "file:/path" instead of "prompt".',
                )
            return await self.prompt.ask(question)
        try:
            reference = SecretRef.parse(value)
        except ValueError as error:
            raise ConfigurationError(str(error), where=where, hint='Or "prompt".') from None
        if reference.kind == "secret" and not question.key.startswith("connections."):
            raise ConfigurationError(
                "cannot come from the vault, which is opened later",
                where=where,
                hint='Write "env:NAME", "file:/path" or "prompt".',
            )
        if reference.kind == "secret":
            return str(reference)  # it is where the connection looks for it
        return resolve(reference, state_dir=Path(), where=where, environ=self.environ).reveal()

    def _inline(self, value: Mapping[str, Any], where: str) -> str:
        if not self.answers.name.endswith(INLINE):
            raise ConfigurationError(
                f"holds the value of a secret, and only a file named *{INLINE} may",
                where=where,
                hint='Write "env:NAME", "file:/path" or "prompt", or name the file so and close it to others.',
            )
        secret = Secret(str(value.get("value", "")))
        learn(secret)
        return secret.reveal()


def _text(value: Any, question: Question) -> str:
    if isinstance(value, bool):
        return YES if value else NO
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    if value == ALL and question.kind is Kind.SOME:
        return ""  # the default: those that pass their test
    return str(value)
