"""One published page: its WSDL and its operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from drivers.contract import SourceChanged
from drivers.http.messages import Answer, Request
from drivers.soap.channel import Channel
from drivers.soap.faults import SoapFault
from drivers.soap.model import Definitions, Member, Type
from drivers.soap.pages import faults
from drivers.soap.pages.options import PageConnection
from drivers.soap.store import WsdlStore

READ_MULTIPLE: Final = "ReadMultiple"
KEY: Final = "Key"  # the record's mark of concurrency; not the stream's key


@dataclass(frozen=True, slots=True)
class PageModel:
    """A page as its WSDL describes it."""

    definitions: Definitions
    entity: Member  # the record, as it stands in a list
    type: Type
    fields: tuple[str, ...]  # that filters may name
    primary: tuple[str, ...]  # fields of the table's primary key, as far as `Read` asks for them

    @property
    def writable(self) -> frozenset[str]:
        """Which of Create, Update and Delete the page has: one over a table that cannot be written has none."""
        return frozenset({"Create", "Update", "Delete"} & set(self.definitions.operations))

    def part(self, name: str) -> tuple[Member, Member] | None:
        """A sub-page: the element that holds its list, and the line in it."""
        holder = self.type.member(name)
        held = self.definitions.type_of(holder).members if holder is not None else ()
        if holder is None or len(held) != 1 or not held[0].many:
            return None
        return holder, held[0]


@dataclass(slots=True)
class PageService:
    """Addresses and calls of the pages of one connection."""

    channel: Channel
    store: WsdlStore
    options: PageConnection
    accepted: dict[str, set[str]] = field(
        default_factory=dict
    )  # by page: unknown elements that a new WSDL has not
    drifted: set[str] = field(default_factory=set)  # pages whose answers hold what their WSDL has not
    empty: dict[str, set[str]] = field(
        default_factory=dict
    )  # by page: fields that answers may lack, for they are in a WSDL that was fetched since

    def address(self, kind: str, name: str) -> str:
        company = f"{quote(self.options.company, safe='')}/" if self.options.company else ""
        return f"{self.root()}/{company}{kind}/{quote(name, safe='')}{self._tenant}"

    def root(self) -> str:
        return self.options.url

    @property
    def system_service(self) -> str:
        return f"{self.root()}/SystemService{self._tenant}"

    async def list_services(self) -> Answer:
        """The document that names what is published in the company."""
        company = f"{quote(self.options.company, safe='')}/" if self.options.company else ""
        url = f"{self.root()}/{company}Services{self._tenant}"
        return await self.channel.get(
            Request("GET", url, {"Accept": "*/*"}, where="options.url", repeatable=True)
        )

    @property
    def _tenant(self) -> str:
        return f"?tenant={self.options.tenant}" if self.options.tenant else ""

    async def model(self, page: str, *, where: str) -> PageModel:
        if page in self.drifted:
            self.drifted.discard(page)
            return await self.model_now(page, where=where)
        address = self.address("Page", page)
        return model_of(await self.store.definitions(address, where=where), page, where=where)

    async def model_now(self, page: str, *, where: str) -> PageModel:
        """As the page describes itself now, whatever was kept."""
        return model_of(await self.store.refresh(self.address("Page", page), where=where), page, where=where)

    async def call(
        self, page: str, model: PageModel, operation: str, content: Mapping[str, Any], *, where: str
    ) -> Any:
        """Raises SoapFault, Unsendable and DriverErrors."""
        return await self.channel.call(
            model.definitions,
            operation,
            content,
            target=self.address("Page", page),
            where=where,
            repeatable=operation.startswith(("Read", "IsUpdated", "GetRecId")),
        )

    async def read_multiple(
        self,
        page: str,
        model: PageModel,
        filters: Sequence[tuple[str, str]],
        *,
        size: int,
        bookmark: str | None = None,
        where: str,
    ) -> list[Any]:
        """The elements of the records. Raises SoapFault, Unsendable and DriverErrors."""
        # The schema wants a filter; one without criteria filters nothing.
        named = filters or [
            (next((each for each in model.primary if each in model.fields), model.fields[0]), "")
        ]
        content = {
            "filter": [{"Field": name, "Criteria": criteria} for name, criteria in named],
            "bookmarkKey": bookmark,
            "setSize": size,
        }
        answer = await self.call(page, model, READ_MULTIPLE, content, where=where)
        records = self._listed(answer, model, page, where)
        if bookmark and records and text_in(records[-1], KEY) == bookmark:
            raise SourceChanged(
                "the server does not go on behind a record: it gives the same one again",
                where=where,
                hint="A proxy between may keep answers. Ask the administrator whether the page is sorted by its key.",
            )
        return records

    def _listed(self, answer: Any, model: PageModel, page: str, where: str) -> list[Any]:
        """The records of an answer. That there are none ends a read, so nothing else may look like it."""
        reply = model.definitions.operations[READ_MULTIPLE].reply
        held = answer[0] if answer is not None and len(answer) else ()
        if (
            answer is None
            or reply is None
            or answer.tag != reply.tag
            or any(each.tag != model.entity.tag for each in held)
        ):
            self.drifted.add(page)
            raise SourceChanged(
                f"the answer to ReadMultiple is not as the page's WSDL describes it: {_tag_of(answer, held)}",
                where=where,
                hint="The page may have been published anew: its WSDL is fetched again with the next try.",
            )
        return list(held)

    async def records(
        self, page: str, model: PageModel, filters: Sequence[tuple[str, str]], **more: Any
    ) -> list[Any]:
        """As read_multiple, with faults translated."""
        try:
            return await self.read_multiple(page, model, filters, **more)
        except SoapFault as fault:
            raise faults.translated(fault, where=more["where"]) from fault


def model_of(definitions: Definitions, page: str, *, where: str) -> PageModel:
    """Raises SourceChanged for a service that is no page."""
    operation = definitions.operations.get(READ_MULTIPLE)
    reply = operation.reply if operation is not None else None
    listed = definitions.type_of(reply).members if reply is not None else ()
    entities = definitions.type_of(listed[0]).members if listed else ()
    if operation is None or operation.request is None or not entities:
        raise SourceChanged(
            f"{page!r} is no page service: it has no ReadMultiple",
            where=where,
            hint="Name a page that is published with object type Page; codeunits and queries are read in other ways.",
        )
    asked = definitions.type_of(operation.request).member("filter")
    filters = definitions.type_of(asked).member("Field") if asked is not None else None
    read = definitions.operations.get("Read")
    primary = (
        definitions.type_of(read.request).members if read is not None and read.request is not None else ()
    )
    return PageModel(
        definitions,
        entities[0],
        definitions.type_of(entities[0]),
        definitions.type_of(filters).values if filters is not None else (),
        tuple(each.name for each in primary),
    )


def _tag_of(answer: Any, held: Any) -> str:
    element = held[0] if len(held) else answer
    return "nothing is in it" if element is None else f"it holds {str(element.tag)[:200]}"


def text_in(record: Any, name: str) -> str | None:
    """The text of an element of a record, by its local name."""
    for each in record:
        if each.tag.rpartition("}")[2] == name:
            return each.text or ""
    return None
