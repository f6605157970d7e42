"""Which records there are: their keys, by findKeys, by getKeys page after page, or by getChangedKeys since a moment.

A list of keys is held whole, as texts: AIF promises no order, and a bookmark is of no use to another call. A million keys
take some 150 MB.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from drivers.contract import BadConfiguration, DriverError, SourceChanged
from drivers.keys import encode_key
from drivers.soap.documents.criteria import Criterion, anything, content_of, standing, written
from drivers.soap.documents.faults import AifRefusal
from drivers.soap.documents.options import FIND_KEYS, GET_CHANGED_KEYS, GET_KEYS
from drivers.soap.documents.port import Port
from drivers.soap.documents.shape import StreamShape

FEW: Final = 20  # keys that are looked at one by one; more are held against the list of all
_RECENT: Final = timedelta(minutes=15)
_MOST_IDLE: Final = 100  # pages in a row that bring no new key
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
_SILENCE: Final = (
    "getKeys gives nothing: the port has no document filter for this service, or there is no record"
)
_SILENCE_HINT: Final = (
    "Let the AX administrator see to the document filter (inbound port, Processing options), and add the service operation"
    " findKeys to the port, which tells the two apart."
)


class KeyLister:
    def __init__(self, port: Port, shape: StreamShape) -> None:
        """For one read: what the stream has is listed once."""
        self._port = port
        self._shape = shape
        self._chosen: frozenset[str] | None = None
        self._all: frozenset[str] | None = None

    async def everything(self) -> list[str]:
        """Each key once, in the order of their texts."""
        if self._shape.options.lister == FIND_KEYS:
            return await self.found()
        keys = await self._paged(GET_KEYS, None)
        if not keys:
            await self.refuse_missing_filter()
        return keys

    async def found(self, criterion: Criterion | None = None) -> list[str]:
        """By findKeys: the keys of the stream's own criteria that this one finds, too."""
        if criterion is not None:
            keys = await self._asked_for(criterion)
            return sorted(keys & await self._own()) if keys and standing(self._shape) else sorted(keys)
        return sorted(await self._own())

    @property
    def chooses(self) -> bool:
        """Whether there may be records that `read` gives and the stream does not have."""
        return self._shape.options.lister != FIND_KEYS or bool(self._shape.options.where)

    async def held(self, keys: Sequence[str]) -> list[str]:
        """Those of the keys that are in the stream: `read` knows neither criteria nor document filters."""
        if self._all is None and len(keys) <= FEW and self._shape.options.changes and self._port.now:
            # A record that was just written is in a short list, which has passed the document filter, too.
            recent = set(await self._paged(GET_CHANGED_KEYS, self._port.now - _RECENT))
            if recent.issuperset(keys):
                return list(keys)
        if self._all is None:
            self._all = frozenset(await self.everything())
        return [key for key in keys if key in self._all]

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
        return bool(self._port.keys(await self._page(GET_KEYS, None, "", 1), self._shape.where))

    async def refuse_missing_filter(self) -> None:
        """After getKeys gave nothing. Raises BadConfiguration unless findKeys, which no filter touches, knows no record either."""
        option = "changes" if self._shape.options.changes else "keys_by"
        where = f"{self._shape.where}.{option}"
        if not self._port.document.offers(FIND_KEYS):
            raise BadConfiguration(_SILENCE, where=where, hint=_SILENCE_HINT)
        if await self.found():
            raise BadConfiguration(_NO_FILTER, where=where, hint=_NO_FILTER_HINT)

    async def try_changes(self, since: datetime) -> None:
        """Raises what keeps getChangedKeys from working."""
        await self._page(GET_CHANGED_KEYS, since, "", 1)

    async def _own(self) -> frozenset[str]:
        """What the stream's own criteria find. AIF joins several by "or", so each is asked for by itself."""
        if self._chosen is None:
            found: frozenset[str] | None = None
            for each in standing(self._shape) or [anything(self._shape)]:
                keys = await self._asked_for(each)
                found = keys if found is None else found & keys
            self._chosen = found or frozenset()
        return self._chosen

    async def _asked_for(self, criterion: Criterion) -> frozenset[str]:
        answer = await self._asked(FIND_KEYS, content_of(criterion), f"{self._shape.where}.where")
        return frozenset(encode_key(each) for each in self._port.keys(answer, self._shape.where))

    async def _paged(self, operation: str, since: datetime | None) -> list[str]:
        found: set[str] = set()
        met: set[str] = set()
        bookmark, idle = "", 0
        while bookmark not in met and idle < _MOST_IDLE:
            met.add(bookmark)
            before = len(found)
            answer = await self._page(operation, since, bookmark, self._port.page_size)
            found.update(encode_key(each) for each in self._port.keys(answer, self._shape.where))
            idle = idle + 1 if len(found) == before else 0
            bookmark = (answer.findtext(".//{*}DocumentPaging/{*}Bookmark") or "").strip()
            if not bookmark:
                return sorted(found)
        raise SourceChanged(
            f"{operation} gives the same pages again and does not come to an end",
            where=self._shape.where,
            hint='Set keys_by = "findKeys" for this stream.',
        )

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
