"""Dead letters for the people of this host: list, look at, ask for again, forget.

The command line (`groundwire outbox`) and the console use the same calls, whose documents docs/cli.md has:

    dead_letters        {connection?, stream?, field?, reason?, key?, after_id?, limit?, raw?}
                        -> {dead_letters: [...], next: the `after_id` of the next page, or null}
    dead_letter         {id}  -> one, with its source record where that was kept
    dead_letter_groups  {connection?, stream?}  -> {groups: [...], total}: by cause, the largest first
    requeue             {ids} or {chosen: {stream, field?, reason?, key?, connection?}}, {wait?}
                        -> {requeued, left, runs, streams}; wait = false does not wait for the end of the runs
    drop                {ids} or {chosen}  -> {dropped, left}

Each letter and each group says what to do about it, as `remedy`. `left`: how many of the chosen ones remain, for at most MAX_AT_ONCE are taken at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, Protocol

from agent.calls.arguments import maybe_text, number, numbers
from agent.calls.running import ended, left_alone, result_document
from agent.control import Handler, Progress
from agent.errors import ConfigurationError, GroundwireError
from agent.mapping.faults import REMEDIES
from agent.model.run import RunTrigger, rfc3339
from agent.outbox.values import Choice, LetterGroup, StoredLetter
from agent.sync.runner import RunResult

MAX_LETTERS: Final = 1_000  # of one answer
MAX_GROUPS: Final = 500
MAX_AT_ONCE: Final = 10_000  # of one requeue or drop
_WORDS: Final = ("connection", "stream", "field", "reason", "key")


class LetterUnknown(GroundwireError):
    """There is no such dead letter any more."""

    code = "not_found"
    default_hint = (
        "Its record has passed meanwhile, is gone at the source, or was dropped; if it was read again and still cannot "
        "pass, the list has it anew."
    )


class Letters(Protocol):
    """What these calls need of the outbox."""

    async def letters(
        self, choice: Choice, *, after_id: int = 0, limit: int = 100, with_raw: bool = False
    ) -> list[StoredLetter]: ...

    async def letter(self, letter_id: int) -> StoredLetter | None: ...

    async def letter_groups(self, choice: Choice, *, limit: int = 100) -> list[LetterGroup]: ...

    async def letter_ids(self, choice: Choice, *, limit: int) -> list[int]: ...

    async def letter_streams(self, ids: Sequence[int]) -> list[str]: ...

    async def requeue(self, ids: Sequence[int]) -> dict[str, tuple[str, ...]]: ...

    async def drop(self, ids: Sequence[int]) -> int: ...


class Fetching(Protocol):
    """What asking for records again needs of the connections."""

    def require(self, wanted: Sequence[tuple[str, str]]) -> None: ...

    def fetch(
        self, keys: Mapping[str, Sequence[str]], trigger: RunTrigger
    ) -> list[asyncio.Future[RunResult]]: ...


class LetterCalls:
    def __init__(self, letters: Letters, connections: Fetching) -> None:
        self._letters = letters
        self._connections = connections

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "dead_letters": self._list,
            "dead_letter": self._one,
            "dead_letter_groups": self._groups,
            "requeue": self._requeue,
            "drop": self._drop,
        }

    async def _list(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        limit = min(number(args, "limit", 100), MAX_LETTERS)
        # One more than asked for tells whether there is a next page.
        found = await self._letters.letters(
            _choice(args),
            after_id=number(args, "after_id", 0),
            limit=limit + 1,
            with_raw=bool(args.get("raw")),
        )
        shown = found[:limit]
        following = shown[-1].id if shown and len(found) > limit else None
        return {"dead_letters": [letter_document(letter) for letter in shown], "next": following}

    async def _one(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        letter_id = number(args, "id", None)
        found = await self._letters.letter(letter_id)
        if found is None:
            raise LetterUnknown(where=str(letter_id))
        return letter_document(found)

    async def _groups(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        found = await self._letters.letter_groups(_choice(args), limit=MAX_GROUPS)
        return {
            "groups": [_group_document(group) for group in found],
            "total": sum(group.count for group in found),
        }

    async def _requeue(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        """Read the records of dead letters again, with the mapping that is in force now."""
        ids, left = await self._meant(args)
        addresses = await self._letters.letter_streams(ids)
        # Before any is marked: a paused connection would never come back to what it was asked for.
        self._connections.require([_pair(address) for address in addresses])
        keys = await self._letters.requeue(ids)
        futures = self._connections.fetch(keys, RunTrigger.MANUAL)
        answer = {
            "requeued": sum(map(len, keys.values())),
            "left": left,
            "streams": list(keys),
            "runs": [],
        }
        if args.get("wait", True) is False:
            left_alone(futures)
            return answer
        return {**answer, "runs": [result_document(result) for result in await ended(futures)]}

    async def _drop(self, args: dict[str, Any], _progress: Progress) -> dict[str, Any]:
        ids, left = await self._meant(args)
        return {"dropped": await self._letters.drop(ids), "left": left}

    async def _meant(self, args: dict[str, Any]) -> tuple[list[int], int]:
        """The ids, and how many of those that were chosen are more than are taken at once."""
        chosen = args.get("chosen")
        if chosen is None:
            ids = numbers(args, "ids")
            return ids[:MAX_AT_ONCE], max(0, len(ids) - MAX_AT_ONCE)
        if not isinstance(chosen, dict) or not isinstance(chosen.get("stream"), str):
            raise ConfigurationError("chosen names a stream, and may name field, reason and key")
        choice = _choice(chosen)
        ids = await self._letters.letter_ids(choice, limit=MAX_AT_ONCE)
        if len(ids) < MAX_AT_ONCE:
            return ids, 0
        groups = await self._letters.letter_groups(choice, limit=MAX_GROUPS)
        return ids, max(0, sum(group.count for group in groups) - len(ids))


def letter_document(letter: StoredLetter) -> dict[str, Any]:
    document = {**asdict(letter), "created_at": rfc3339(letter.created_at)}
    document["requeued_at"] = rfc3339(letter.requeued_at) if letter.requeued_at else None
    document["raw"] = letter.raw.decode("utf-8", "replace") if letter.raw is not None else None
    document["remedy"] = REMEDIES.get(letter.reason, "")
    return document


def _group_document(group: LetterGroup) -> dict[str, Any]:
    moments = {"oldest_at": rfc3339(group.oldest_at), "newest_at": rfc3339(group.newest_at)}
    return {**asdict(group), **moments, "remedy": REMEDIES.get(group.reason, "")}


def _pair(address: str) -> tuple[str, str]:
    connection, _, stream = address.partition("/")
    return connection, stream


def _choice(args: Mapping[str, Any]) -> Choice:
    return Choice(**{word: maybe_text(args, word) for word in _WORDS})
