"""What set-up asks and says, without saying how. A terminal, a file of answers and the console are each a `Person`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

ALL: Final = "all"
NONE: Final = "none"
YES: Final = "yes"
NO: Final = "no"
_RANGE: Final = re.compile(r"^([0-9]{1,4})-([0-9]{1,4})$")


class Unfit(ValueError):
    """An answer that cannot be; the text says why, and never repeats a secret."""


class Kind(StrEnum):
    TEXT = "text"
    SECRET = "secret"  # noqa: S105 - a word; its answer is never shown and never remembered
    CHOICE = "choice"
    SOME = "some"  # any number of the choices
    YES = "yes"


@dataclass(frozen=True, slots=True)
class Choice:
    value: str  # its word in a file of answers
    text: str
    group: str = ""  # choices of one group stand below its name


def _as_it_is(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Question:
    key: str  # where its answer stands in a file of answers
    text: str
    why: str = ""
    kind: Kind = Kind.TEXT
    default: str | None = None  # what Enter means; None: an answer has to be given
    choices: tuple[Choice, ...] = ()
    example: str = ""
    read: Callable[[str], str] = _as_it_is  # raises Unfit
    kept: bool = True  # whether the answer is worth remembering; of a secret it never is

    def answer(self, text: str) -> str:
        """What the typed text means. Raises Unfit with a sentence for whoever typed it."""
        text = text if self.kind is Kind.SECRET else text.strip()
        if not text:
            if self.default is None:
                raise Unfit("Please choose one." if self.kind is Kind.CHOICE else "This needs an answer.")
            return self.default
        if self.kind is Kind.YES:
            return _yes_or_no(text)
        if self.kind is Kind.CHOICE:
            return self._one(text)
        if self.kind is Kind.SOME:
            return self._some(text)
        return self.read(text)

    def _one(self, text: str) -> str:
        values = [choice.value for choice in self.choices]
        if text in values:
            return text
        if text.isdecimal():
            if 1 <= int(text[:4]) <= len(values):
                return values[int(text) - 1]
            raise Unfit(f"There are numbers from 1 to {len(values)}.")
        near = [choice.value for choice in self.choices if _begins(choice, text)]
        if len(near) == 1:
            return near[0]
        raise Unfit(
            f"That could be {' or '.join(near)}: please give the number."
            if near
            else f"Please give a number from 1 to {len(values)}, or one of the words."
        )

    def _some(self, text: str) -> str:
        if text.lower() == ALL:
            return ",".join(choice.value for choice in self.choices)
        if text.lower() == NONE:
            return ""
        chosen: set[str] = set()
        for part in filter(None, re.split(r"[,\s]+", text)):
            span = _RANGE.match(part)
            if span is None:
                chosen.add(self._one(part))
                continue
            first, last = int(span[1]), int(span[2])
            if not 1 <= first <= last <= len(self.choices):
                raise Unfit(f"There are numbers from 1 to {len(self.choices)}.")
            chosen.update(choice.value for choice in self.choices[first - 1 : last])
        return ",".join(choice.value for choice in self.choices if choice.value in chosen)


def _begins(choice: Choice, text: str) -> bool:
    return any(words.lower().startswith(text.lower()) for words in (choice.value, choice.text))


def _yes_or_no(text: str) -> str:
    if text.lower() in ("y", "yes", "true"):
        return YES
    if text.lower() in ("n", "no", "false"):
        return NO
    raise Unfit("Please answer yes or no.")


class Tone(StrEnum):
    STEP = "step"  # a heading
    NOTE = "note"
    BUSY = "busy"  # what is being done; may take a moment
    DONE = "done"
    NOTICE = "notice"
    WARNING = "warning"
    PROBLEM = "problem"
    FILE = "file"  # `lines` is a file, or the difference to the one that is there
    RECORDS = "records"  # `columns` and `rows`
    COMMAND = "command"  # to be typed by whoever reads it


@dataclass(frozen=True, slots=True)
class Saying:
    tone: Tone
    text: str
    hint: str = ""
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


class Person(Protocol):
    """Whoever set-up talks with."""

    @property
    def present(self) -> bool:
        """Whether there is somebody who can give another answer when one did not do."""

    async def ask(self, question: Question) -> str:
        """An answer as `Question.answer` gives it; of several choices their values with commas between."""

    def tell(self, saying: Saying) -> None: ...


async def confirmed(person: Person, question: Question) -> bool:
    return await person.ask(question) == YES


async def chosen(person: Person, question: Question) -> Sequence[str]:
    return [value for value in (await person.ask(question)).split(",") if value]
