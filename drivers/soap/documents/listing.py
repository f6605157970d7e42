"""Which records there are: their keys, by findKeys, by getKeys page after page, or by getChangedKeys since a moment.

A list of keys is held whole, as texts: AIF promises no order, and a bookmark is of no use to another call. A million keys
take some 150 MB.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from drivers.contract import BadConfiguration, DriverError, SourceChanged
from drivers.keys import encode_key
from drivers.soap.documents.criteria import content_of, standing, written
from drivers.soap.documents.faults import AifRefusal
from drivers.soap.documents.options import FIND_KEYS, GET_CHANGED_KEYS, GET_KEYS
from drivers.soap.documents.port import KeyParts, Port
from drivers.soap.documents.shape import StreamShape

_MOST_PAGES: Final = 1_000_000
_FAILURES: Final[dict[str, tuple[type[DriverError], str, str]]] = {
    "ChangeTrackingDisabled": (
        BadConfiguration,
        "change tracking is off",
        "Let the database administrator enable SQL Server's change tracking for every table of the document, or leave changes out.",
    ),
    "ChangedDateTimeOutOfRange": (
        SourceChanged,
        "change tracking does not reach back so far",
        "Run a full re-sync of this stream, and ask for a longer CHANGE_RETENTION than the longest pause between syncs.",
    ),
    "DocumentFiltersChanged": (
        SourceChanged,
        "the port's document filter was changed",
        "Run a full re-sync of this stream: which records belong to it may be others now.",
    ),
}
_NO_FILTER: Final = "the port has no document filter for this service: getKeys and getChangedKeys give nothing, though there are records"
_NO_FILTER_HINT: Final = (
    "Let the AX administrator create one (inbound port, Processing options, Document filters) that lets through what is to be"
    ' read, or set keys_by = "findKeys" and leave changes out.'
)


class KeyLister:
    def __init__(self, port: Port, shape: StreamShape) -> None:
        self._port = port
        self._shape = shape

    async def everything(self) -> list[str]:
        """Each key once, in the order of their texts."""
        if self._shape.options.lister == FIND_KEYS:
            return await self.found(standing(self._shape))
        keys = await self._paged(GET_KEYS, None)
        if not keys:
            await self.refuse_missing_filter()
        return keys

    async def found(self, criteria: list[dict[str, str]]) -> list[str]:
        answer = await self._asked(FIND_KEYS, content_of(criteria), f"{self._shape.where}.where")
        return _sorted(self._port.keys(answer, self._shape.where))

    async def changed(self, since: datetime | None) -> list[str]:
        """By getChangedKeys; without a moment, everything has changed."""
        if since is None:
            return await self.everything()
        keys = await self._paged(GET_CHANGED_KEYS, since)
        if not keys and not await self.has_keys():
            await self.refuse_missing_filter()
        return keys

    async def has_keys(self) -> bool:
        """Whether getKeys gives anything at all: with no document filter it does not, and says nothing of it."""
        if not self._port.document.offers(GET_KEYS):
            return True  # nobody can tell
        return bool(self._port.keys(await self._page(GET_KEYS, None, "", 1), self._shape.where))

    async def refuse_missing_filter(self) -> None:
        """Raises BadConfiguration where findKeys, which no document filter touches, knows records."""
        if self._port.document.offers(FIND_KEYS) and await self.found(standing(self._shape)):
            option = "changes" if self._shape.options.changes else "keys_by"
            raise BadConfiguration(_NO_FILTER, where=f"{self._shape.where}.{option}", hint=_NO_FILTER_HINT)

    async def try_changes(self, since: datetime) -> None:
        """Raises what keeps getChangedKeys from working."""
        await self._page(GET_CHANGED_KEYS, since, "", 1)

    async def _paged(self, operation: str, since: datetime | None) -> list[str]:
        found: list[KeyParts] = []
        bookmark = ""
        for _ in range(_MOST_PAGES):
            answer = await self._page(operation, since, bookmark, self._port.page_size)
            found += self._port.keys(answer, self._shape.where)
            follower = (answer.findtext(".//{*}DocumentPaging/{*}Bookmark") or "").strip()
            if not follower:
                break
            if follower == bookmark:
                raise SourceChanged(
                    f"{operation} gives the same bookmark again",
                    where=self._shape.where,
                    hint='Set keys_by = "findKeys" for this stream.',
                )
            bookmark = follower
        return _sorted(found)

    async def _page(self, operation: str, since: datetime | None, bookmark: str, size: int) -> Any:
        paging = {"PageSize": str(size)} | ({"Bookmark": bookmark} if bookmark else {})
        content: dict[str, Any] = {"DocumentPaging": paging}
        if since is not None:
            content["_changedDateTime"] = f"{written(since)}Z"
        answer = await self._asked(operation, content, f"{self._shape.where}.changes")
        page = answer.find("{*}EntityKeyPage") if answer is not None else None
        if page is None:
            raise SourceChanged(f"the answer to {operation} holds no page of keys", where=self._shape.where)
        details = page.findtext("{*}PageStatusDetails") or ""
        if page.findtext("{*}PageStatus") == "Failure" or details in _FAILURES:
            kind, said, hint = _FAILURES.get(details, (SourceChanged, details, "See AX's exceptions form."))
            raise kind(f"{operation}: {said} ({details})", where=f"{self._shape.where}.changes", hint=hint)
        return page

    async def _asked(self, operation: str, content: dict[str, Any], where: str) -> Any:
        try:
            return await self._port.ask(operation, content, where=where)
        except AifRefusal as refusal:
            raise refusal.as_error(where) from refusal


def _sorted(keys: Iterable[KeyParts]) -> list[str]:
    return sorted({encode_key(key) for key in keys})
