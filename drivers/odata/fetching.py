"""Answers of one set, whole: whatever the server cuts out of an answer is fetched before it is given on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from drivers.contract import SourceChanged
from drivers.http.client import server_time
from drivers.odata.answers import AnswerReader, Records, unfinished
from drivers.odata.edm import Property
from drivers.odata.ordering import OrderedBy, Values, all_conditions, order
from drivers.odata.requests import all_of, choices
from drivers.odata.service import Service
from drivers.odata.shape import Node

_ROOM_FOR_CONDITIONS: Final = 800  # characters of a URL for the conditions and the order of one page
_ANSWERS_TOGETHER: Final = 4  # of full length, for one page
MAX_LINKS: Final = (
    10_000  # followed for one list or one empty answer; longer is a server that goes in circles
)


class Allowance:
    """Bytes that the answers of one page may have together, so that answers without end do not fill the memory."""

    def __init__(self, left: int, where: str) -> None:
        self._left = left
        self._where = where

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise SourceChanged(
                "what belongs to one page comes in answers that are too long together",
                where=self._where,
                hint="Lower sync.page_rows, name fewer columns, or raise options.max_body_bytes.",
            )


class SetReader:
    """Reads records of one entity set as one tree of properties."""

    def __init__(
        self,
        service: Service,
        entity_set: str,
        tree: Node,
        version: int,
        *,
        url_chars: int,
        where: str,
        newest: bool = False,
    ) -> None:
        """`newest`: what it reads has to hold what was just written, so no copy of the source will do."""
        self._service = service
        self._newest = newest
        self._entity_set = entity_set
        self._tree = tree
        self._version = version
        self._where = where
        self._choices = choices(tree, version)
        place = service.within(entity_set)
        if len(service.address(place, self._choices)) > url_chars - _ROOM_FOR_CONDITIONS:
            # So wide that naming what is wanted leaves no room to say of which records: take everything.
            self._choices.pop("$select", None)
        self.room = max(url_chars - len(service.address(place, self._choices)), _ROOM_FOR_CONDITIONS)
        self._readers: dict[int, AnswerReader] = {}
        self.answered: datetime | None = None  # the server's time in its last answer
        self.size = 0  # of that answer, in bytes
        self.longest = 0  # records of one answer to a walk, the most so far

    async def ordered(
        self, columns: Sequence[OrderedBy], at: Values, conditions: Sequence[str], rows: int
    ) -> Records:
        """At most `rows` records behind `at`; `next` says that there are more than came."""
        query = {"$filter": all_of([*conditions, *all_conditions(columns, at)])}
        query |= {"$orderby": order(columns, at), "$top": str(rows)}
        found = await self._first(self._url(query), rows)
        if len(found.rows) > rows:
            raise SourceChanged(
                f"{self._entity_set} gave {len(found.rows)} records where {rows} were asked for: it ignores $top",
                where=self._where,
                hint="Such a service cannot be read page by page. Ask for one that supports $top, $orderby and $filter.",
            )
        return found

    async def matching(self, conditions: Sequence[str], order_by: Sequence[str], rows: int) -> Records:
        """The records that meet the conditions, all of them, however the server pages."""
        query = {"$filter": all_of(conditions), "$orderby": ",".join(order_by)}
        found = await self._get(self._url(query), rows, newest=True)
        link, links, allowance = found.next, set[str](), self.allowance()
        while link is not None:
            self._refuse_circle(link, links)
            further = await self._get(self._service.followed(link, where=self._where), rows, newest=True)
            allowance.take(self.size)
            found.rows.extend(further.rows)
            link = further.next
        return Records(found.rows, None)

    async def linked(self, conditions: Sequence[str], link: str, rows: int) -> Records:
        """One answer of a walk by the server's links, in the server's order; an empty link asks for the first."""
        if link:
            return await self._get(self._service.followed(link, where=self._where), rows)
        return await self._get(self._url({"$filter": all_of(conditions)}), rows)

    async def highest(self, column: Property) -> list[Any]:
        """The record with the highest value of a property; none where the set is empty."""
        query = {"$orderby": f"{column.name} desc", "$top": "1"}
        if column.nullable:
            query["$filter"] = f"{column.name} ne null"
        return (await self._first(self._url(query), 1)).rows

    def _url(self, query: Mapping[str, str]) -> str:
        whole = {name: value for name, value in {**self._choices, **query}.items() if value}
        if self._version == 2:  # noqa: PLR2004 - OData's version
            whole["$format"] = "json"
        return self._service.address(self._service.within(self._entity_set), whole)

    async def _first(self, url: str, rows: int) -> Records:
        """A server that searches may answer with nothing but a link to go on."""
        found = await self._get(url, rows)
        links: set[str] = set()
        while not found.rows and found.next is not None:
            self._refuse_circle(found.next, links)
            found = await self._get(self._service.followed(found.next, where=self._where), rows)
        return found

    async def _get(self, url: str, rows: int, *, newest: bool = False) -> Records:
        newest = newest or self._newest
        answer = await self._service.get(
            url, version=self._version, where=self._where, page_size=rows, newest=newest
        )
        self.answered, self.size = server_time(answer), len(answer.body)
        found = self._reader(self._tree).read(answer.body, where=self._where)
        del answer  # its bytes: what is read next needs the room
        await self._complete(found.rows, self._tree, rows, self.allowance(), newest=newest)
        return found

    async def _complete(
        self, rows: list[Any], tree: Node, page: int, allowance: Allowance, *, newest: bool
    ) -> None:
        """Lists that the server cut inside the records."""
        for part in list(unfinished(rows, tree, where=self._where)):
            link: str | None = part.next
            links: set[str] = set()
            while link is not None:
                self._refuse_circle(link, links)
                url = self._service.followed(link, where=self._where)
                answer = await self._service.get(
                    url, version=self._version, where=self._where, page_size=page, newest=newest
                )
                allowance.take(len(answer.body))
                further = self._reader(part.node).read(answer.body, where=self._where)
                await self._complete(further.rows, part.node, page, allowance, newest=newest)
                part.lines.extend(further.rows)
                link = further.next

    def _reader(self, node: Node) -> AnswerReader:
        kept = self._readers.get(id(node))
        if kept is None:
            kept = self._readers[id(node)] = AnswerReader(node, self._version)
        return kept

    def allowance(self) -> Allowance:
        return Allowance(_ANSWERS_TOGETHER * self._service.max_body_bytes, self._where)

    def _refuse_circle(self, link: str, links: set[str]) -> None:
        """`links`: those followed so far, which this one joins."""
        if link not in links and len(links) < MAX_LINKS:
            links.add(link)
            return
        raise SourceChanged(
            f"the server's links of {self._entity_set} go in circles",
            where=self._where,
            hint="This is a fault of the service: tell the ERP's team.",
        )
