"""Set-up at a page: one sitting at a time, asked and answered through these calls. They are on no control socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from agent.clock import Clock
from agent.control import Handler, Progress, caller, error_document
from agent.errors import ConfigurationError, Throttled
from agent.secrets import redact
from agent.setup.asking import NONE, Kind, Question, Saying, Tone, Unfit
from agent.setup.sitting import Answered, Sitting, SittingEnded, Talk
from agent.telemetry.text import clean_text

SOON_SECONDS: Final = 1.5  # for the next question to come: longer a person sees what is being done


class SetupCalls:
    def __init__(
        self,
        talk: Talk,
        clock: Clock,
        changed: Callable[[], None],
        *,
        earlier: Mapping[str, str] | None = None,
    ) -> None:
        """`earlier`: the answers of a sitting that was broken off before."""
        self._talk = talk
        self._clock = clock
        self._changed = changed
        self._earlier = dict(earlier or {})
        self._one_at_a_time = asyncio.Lock()
        self.sitting: Sitting | None = None
        self.finished = asyncio.Event()  # somebody has read the last page

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "setup_state": self._state,
            "setup_begin": self._begin,
            "setup_answer": self._answer,
            "setup_back": self._back,
            "setup_end": self._end,
        }

    async def look(self) -> None:
        """End a sitting that nobody goes on with."""
        async with self._one_at_a_time:
            if self.sitting is not None:
                await self.sitting.look()

    async def aclose(self) -> None:
        async with self._one_at_a_time:
            if self.sitting is not None:
                await self.sitting.end(SittingEnded("set-up has ended"))

    async def _state(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        sitting = self.sitting
        if sitting is None:
            return {"state": "none"}
        if sitting.by != caller().name:
            return {"state": "none" if sitting.over else "another", "by": sitting.by, "sitting": sitting.id}
        return document(sitting)

    async def _begin(self, _args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        async with self._one_at_a_time:
            sitting = self.sitting
            if sitting is not None and not sitting.over:
                if sitting.by != caller().name:
                    raise Throttled(
                        f"{sitting.by} is at it already",
                        retry_after=0.0,
                        hint="Wait until that is done, or end it on this page.",
                    )
                await sitting.anew()
            else:
                self.sitting = sitting = Sitting(
                    self._talk, caller().name, self._clock, self._changed, self._left_of(sitting)
                )
                sitting.begin()
        await sitting.settled(SOON_SECONDS)
        return {}

    def _left_of(self, before: Sitting | None) -> dict[str, str]:
        """What is offered as answers: of a sitting that came to its end nothing."""
        if before is None:
            return self._earlier
        return before.answers() if before.outcome is None and before.by == caller().name else {}

    async def _answer(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """`taken` false: it was answered already. `wrong`: what is wrong with the answer; it was not taken."""
        sitting, number, text = self._meant(args), args.get("number"), args.get("answer")
        if sitting is None or not isinstance(number, int) or not isinstance(text, str):
            return {"taken": False, "wrong": ""}
        async with self._one_at_a_time:
            try:
                taken = sitting.answer(number, text)
            except Unfit as error:
                return {"taken": False, "wrong": str(error)}
        if taken:
            await sitting.settled(SOON_SECONDS)
        return {"taken": taken, "wrong": ""}

    async def _back(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        sitting, number = self._meant(args), args.get("number")
        if sitting is None or not isinstance(number, int):
            return {"taken": False}
        async with self._one_at_a_time:
            taken = await sitting.back(number)
        await sitting.settled(SOON_SECONDS)
        return {"taken": taken}

    async def _end(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """Also somebody else's: it may have been forgotten."""
        async with self._one_at_a_time:
            sitting = self.sitting
            if sitting is None or sitting.id != args.get("sitting"):
                return {"taken": False}
            if sitting.over:
                self.finished.set()
            await sitting.end(SittingEnded(f"set-up was left by {caller().name}"))
        return {"taken": True}

    def _meant(self, args: Mapping[str, Any]) -> Sitting | None:
        """None where the page is of a sitting that is no more. Raises ConfigurationError for somebody else's."""
        sitting = self.sitting
        if sitting is None or sitting.id != args.get("sitting"):
            return None
        if sitting.by != caller().name:
            raise ConfigurationError(
                f"{sitting.by} answers here", hint="End it on this page, and begin anew."
            )
        return sitting


def document(sitting: Sitting) -> dict[str, Any]:
    """A sitting as a page shows it: no secret, and of the question nothing that was typed. Pure."""
    entries = list(sitting.entries)
    last = max((at for at, one in enumerate(entries) if isinstance(one, Answered)), default=-1)
    question = sitting.question
    state = "over" if sitting.over else "asks" if question is not None else "busy"
    return {
        "state": state,
        "sitting": sitting.id,
        "by": sitting.by,
        "number": sitting.number,
        "title": next((one.text for one in reversed(entries) if _is_step(one)), ""),
        "said": [_entry(one) for one in entries[last + 1 :]],
        "before": [_entry(one) for one in entries[: last + 1]],
        "question": None if question is None else _question(question),
        "can_go_back": sitting.can_go_back,
        "error": None if sitting.error is None else error_document(sitting.error),
        "outcome": None if sitting.outcome is None else sitting.outcome.document(),
    }


def _is_step(one: Saying | Answered) -> bool:
    return isinstance(one, Saying) and one.tone is Tone.STEP


def _entry(one: Saying | Answered) -> dict[str, Any]:
    if isinstance(one, Answered):
        return {"tone": "answered", "text": _safe(one.text), "answer": _safe(one.answer)}
    return {
        "tone": one.tone.value,
        "text": _safe(one.text),
        "hint": _safe(one.hint),
        "lines": [_safe(line) for line in one.lines],
        "columns": list(one.columns),
        "rows": [list(map(_safe, row)) for row in one.rows],
    }


def _question(question: Question) -> dict[str, Any]:
    chosen = (
        {question.default} if question.kind is not Kind.SOME else set((question.default or "").split(","))
    )
    return {
        "text": _safe(question.text),
        "why": _safe(question.why),
        "example": _safe(question.example),
        "kind": question.kind.value,
        "default": "" if question.kind is Kind.SECRET else question.default or "",
        "optional": question.default is not None,
        "choices": [{**asdict(one), "chosen": one.value in chosen} for one in question.choices],
    }


def _safe(text: str) -> str:
    """A driver may repeat what it was given; the page shows none of it."""
    return clean_text(redact(text))


def some(values: list[str]) -> str:
    """Ticked boxes as an answer."""
    return ",".join(values) or NONE
