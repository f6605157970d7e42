"""A conversation with somebody who comes and goes, as at a web page: a question waits here until its answer comes."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from agent.clock import Clock
from agent.configuration.answers import PROMPT
from agent.errors import GroundwireError, NeedsPersonError, UnexpectedError
from agent.secrets import MAX_SECRET_BYTES, Secret, learn
from agent.setup.answers import Remembering
from agent.setup.asking import NO, YES, Kind, Person, Question, Saying, Unfit
from agent.setup.conversation import Outcome

log = structlog.get_logger(__name__)

IDLE_SECONDS: Final = (
    900.0  # without an answer, and the sitting ends: what was typed does not lie in memory for ever
)
MAX_ENTRIES: Final = 400  # of what was said; the oldest are forgotten
MAX_ANSWER: Final = 8 * 1024  # characters of an answer that is no secret


class SittingEnded(NeedsPersonError):
    """Set-up in a browser was not continued."""

    code = "setup_idle"
    default_hint = (
        "Begin again: what is done is kept, and what was answered, but for secrets, stands there already."
    )


@dataclass(frozen=True, slots=True)
class Answered:
    """A question of before, with its answer as it may be shown."""

    text: str
    answer: str


@dataclass(frozen=True, slots=True)
class _Given:
    key: str
    answer: Secret  # each of them: whoever shows an answer has to say so


Talk = Callable[[Person, Callable[[], None]], Coroutine[Any, Any, Outcome]]


@dataclass(slots=True)
class Sitting:
    """One conversation as a `Person` hears it. `talk` holds it, and calls its second argument with each deed.

    Going back begins `talk` anew and gives the same answers again up to the question before. Nothing of that is a deed:
    what was answered before a deed is not gone back to.
    """

    talk: Talk
    by: str
    clock: Clock
    changed: Callable[[], None] = lambda: None
    earlier: dict[str, str] = field(default_factory=dict)  # answers of an earlier sitting
    id: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    number: int = 0  # of the question that waits, or waited last
    question: Question | None = None
    outcome: Outcome | None = None
    error: GroundwireError | None = None
    entries: deque[Saying | Answered] = field(default_factory=lambda: deque(maxlen=MAX_ENTRIES))
    remembering: Remembering = field(init=False)
    _waiting: asyncio.Future[str] | None = None
    _given: list[_Given] = field(default_factory=list)
    _script: list[_Given] = field(default_factory=list)
    _talking: asyncio.Task[None] | None = None
    _touched: float = 0.0
    _at_rest: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.remembering = Remembering(self, self.earlier)

    # --- as set-up sees it

    @property
    def present(self) -> bool:
        return True

    def tell(self, saying: Saying) -> None:
        self.entries.append(saying)
        self.changed()

    async def ask(self, question: Question) -> str:
        answer = self._from_script(question)
        if answer is None:
            answer = await self._asked(question)
        self._given.append(_Given(question.key, Secret(answer)))
        self.entries.append(Answered(question.text, _shown(question, answer)))
        return answer

    async def _asked(self, question: Question) -> str:
        self.number += 1
        self.question, self._waiting = question, asyncio.get_running_loop().create_future()
        self._touched = self.clock.monotonic()  # a test before it may have taken longer than anybody is idle
        self._at_rest.set()
        self.changed()
        try:
            return await self._waiting
        finally:
            self.question = self._waiting = None

    def _from_script(self, question: Question) -> str | None:
        if not self._script:
            return None
        next_one = self._script.pop(0)
        answer = next_one.answer.reveal()
        if next_one.key != question.key or not _fits(question, answer):
            self._script.clear()  # the conversation goes another way now
            return None
        return answer

    # --- as whoever answers sees it

    def begin(self) -> None:
        """Once, inside a running loop."""
        self._touched = self.clock.monotonic()
        self._talking = asyncio.create_task(self._talk(), name="setup")

    @property
    def over(self) -> bool:
        return self.outcome is not None or self.error is not None

    @property
    def can_go_back(self) -> bool:
        return self.question is not None and bool(self._given)

    def answer(self, number: int, text: str) -> bool:
        """Whether it was taken: not where the question is another by now. Raises Unfit."""
        question, waiting = self.question, self._waiting
        if question is None or waiting is None or waiting.done() or number != self.number:
            return False
        self._touched = self.clock.monotonic()
        if len(text) > (MAX_SECRET_BYTES if question.kind is Kind.SECRET else MAX_ANSWER):
            raise Unfit("This is too long.")
        if not text.isprintable() and question.kind is not Kind.SECRET:
            raise Unfit("It holds characters that cannot be shown: please type it.")
        answer = question.answer(text)
        if question.kind is Kind.SECRET and answer:
            learn(Secret(answer))
        self._at_rest.clear()
        self.question = None  # at once: the same form sent twice is one answer
        waiting.set_result(answer)
        return True

    async def back(self, number: int) -> bool:
        """To the question before, with its answer as what is offered. Whether there was one to go to."""
        if number != self.number or not self.can_go_back:
            return False
        await self._anew(self._given[:-1])
        return True

    async def anew(self) -> None:
        """From the beginning, with what was answered as what is offered."""
        await self._anew([])

    async def _anew(self, script: list[_Given]) -> None:
        await self._stop()
        self.remembering = Remembering(self, self.answers())
        self._script, self._given = script, []
        self.entries.clear()
        self.outcome = self.error = None
        self._at_rest.clear()
        self.begin()

    def answers(self) -> dict[str, str]:
        """What was answered so far, by the keys of the questions; no secret."""
        given = {**self.remembering.earlier, **self.remembering.given}
        return {key: value for key, value in given.items() if value != PROMPT}

    async def settled(self, seconds: float) -> None:
        """Until a question waits or it is over, and at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._at_rest.wait()
        except TimeoutError:
            return

    async def look(self) -> None:
        """End it where nobody has answered for long. What is at work is not idle."""
        idle = self.clock.monotonic() - self._touched
        if self.question is not None and idle >= IDLE_SECONDS:
            await self.end(
                SittingEnded(f"nobody has answered for {IDLE_SECONDS / 60:.0f} minutes, so set-up has ended")
            )

    async def end(self, error: GroundwireError) -> None:
        """Ask no more, and forget what was typed. What has begun to be written is written whole."""
        await self._stop()
        if not self.over:
            self.error = error
        self._forget()

    async def _stop(self) -> None:
        if self._talking is not None:
            self._talking.cancel()
            await asyncio.wait({self._talking})
            self._talking = None

    async def _talk(self) -> None:
        try:
            self.outcome = await self.talk(self.remembering, self._given.clear)
        except GroundwireError as error:
            self.error = error
        except Exception:
            log.exception("setup_failed")
            self.error = UnexpectedError()
        self._forget()

    def _forget(self) -> None:
        self._given.clear()
        self._script.clear()
        self._at_rest.set()
        self.changed()


def _fits(question: Question, answer: str) -> bool:
    """Whether an answer that was one before still is: what it chose from may be gone."""
    values = {choice.value for choice in question.choices}
    if question.kind is Kind.CHOICE:
        return answer in values
    if question.kind is Kind.SOME:
        return set(filter(None, answer.split(","))) <= values
    return True


def _shown(question: Question, answer: str) -> str:
    if question.kind is Kind.SECRET:
        return "not shown" if answer else "none"
    if question.kind is Kind.YES:
        return {YES: "yes", NO: "no"}[answer]
    named: Mapping[str, str] = {choice.value: choice.text for choice in question.choices}
    if question.kind is Kind.CHOICE:
        return named.get(answer, answer)
    return answer.replace(",", ", ") or "none" if question.kind is Kind.SOME else answer or "none"
