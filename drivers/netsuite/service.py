"""The two services of one account: queries and records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import msgspec

from drivers.contract import DriverError, Message, SourceChanged
from drivers.digits import natural
from drivers.http.client import HttpClient
from drivers.http.messages import Answer, Request
from drivers.netsuite.errors import ANSWERED_BY_OTHERS, is_about_the_query, messages_of, refusal

FAILED: Final = 400
_QUERY: Final = "/services/rest/query/v1/suiteql"
_RECORDS: Final = "/services/rest/record/v1"
_JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}
# A property that NetSuite does not know would be left out in silence.
_STRICT: Final = {
    "X-NetSuite-PropertyNameValidation": "Error",
    "X-NetSuite-PropertyValueValidation": "Error",
}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    items: Sequence[Row]  # by column in lower case; numbers as they were printed, what is null is not there
    more: bool  # there are rows behind these
    total: int | None
    answer: Answer


class Service:
    def __init__(self, client: HttpClient, url: str) -> None:
        self._client = client
        self._url = url

    async def answers(self, *, where: str) -> None:
        """Whether queries are answered, whatever is said of the one that is tried.

        Raises the DriverError of a service that is closed. A role that may not see transactions is told that there are
        none; its streams show what it sees.
        """
        answer = await self._ask("SELECT id FROM transaction WHERE 1 = 0", 1, where)
        if answer.status < FAILED:
            self._object(answer, where)
        elif not is_about_the_query(answer):
            self.refuse(answer, where)

    async def query(self, suiteql: str, *, limit: int, where: str) -> Rows:
        """The first rows of a query. Raises the DriverError of a refusal."""
        answer = await self._ask(suiteql, limit, where)
        self.refuse(answer, where)
        content = self._object(answer, where)
        items = content.get("items")
        more = content.get("hasMore")
        rows: Sequence[Any] = items if isinstance(items, list) else [None]
        if not isinstance(more, bool) or not all(isinstance(row, dict) for row in rows):
            raise self._unreadable("no list of rows", where)
        total = content.get("totalResults")
        return Rows(
            [_lowered(row) for row in rows],
            more,
            natural(total) if isinstance(total, str) else None,
            answer,
        )

    async def _ask(self, suiteql: str, limit: int, where: str) -> Answer:
        return await self._client.send(
            Request(
                "POST",
                f"{self._url}{_QUERY}?limit={limit}&offset=0",
                {**_JSON, "Prefer": "transient"},
                msgspec.json.encode({"q": suiteql}),
                where=where,
                repeatable=True,
            )
        )

    async def record(self, place: str, *, where: str, accept: str = "application/json") -> Answer:
        """Whatever is at a place below the record service; any answer may come back."""
        return await self._client.send(
            Request("GET", f"{self._url}{_RECORDS}/{place}", {"Accept": accept}, where=where, repeatable=True)
        )

    async def change(self, method: str, place: str, body: bytes, *, where: str) -> Answer:
        """Any answer may come back."""
        headers = {**_JSON, **_STRICT} if body else {"Accept": "application/json"}
        return await self._client.send(
            Request(method, f"{self._url}{_RECORDS}/{place}", headers, body, where=where)
        )

    async def make_ready(self) -> None:
        """What a change needs before it is sent. Whatever fails here leaves it unsent."""
        await self._client.sign_in()

    def refuse(self, answer: Answer, where: str) -> None:
        if answer.status >= FAILED:
            raise self.refusal(answer, where)

    def refusal(self, answer: Answer, where: str) -> DriverError:
        """The error of an answer whose status is 400 or above."""
        doubt = self._client.clock_doubt(answer)
        return refusal(answer, where=where, hidden=self._client.secrets, clock=doubt)

    def said(self, answer: Answer) -> tuple[Message, ...]:
        return messages_of(answer, hidden=self._client.secrets)

    def object_of(self, answer: Answer, where: str) -> Mapping[str, Any]:
        """Raises SourceChanged for an answer that is none of the record service."""
        self.refuse(answer, where)
        return self._object(answer, where)

    def _object(self, answer: Answer, where: str) -> Mapping[str, Any]:
        try:
            content = json.loads(answer.body, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise self._unreadable("no JSON object", where)
        return content

    def _unreadable(self, what: str, where: str) -> SourceChanged:
        return SourceChanged(
            f"the answer holds {what}",
            where=where,
            hint=ANSWERED_BY_OTHERS,
        )


def path(*parts: str) -> str:
    """A place below the record service; each part is encoded."""
    return "/".join(quote(part, safe=":") for part in parts)


def _lowered(row: Mapping[str, Any]) -> Row:
    return {name.lower(): value for name, value in row.items() if value is not None}
