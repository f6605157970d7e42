"""Calls the operations of a document service: call context there, AIF's refusals back as what they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from drivers.contract import RecordFault
from drivers.http.client import HttpClient, server_time
from drivers.soap.channel import Channel
from drivers.soap.documents.faults import translated
from drivers.soap.documents.options import DocumentsOptions
from drivers.soap.documents.shape import KEY_LIST, Document
from drivers.soap.envelope import Unsendable
from drivers.soap.faults import SoapFault

KeyParts = tuple[str, ...]  # the values of an entity key, in the order of the stream's key
_CONTEXT: Final = "CallContext"


class Port:
    """One service of one inbound port."""

    def __init__(
        self,
        client: HttpClient,
        options: DocumentsOptions,
        document: Document,
        *,
        target: str,
        key: Sequence[str],
    ) -> None:
        self._client = client
        self._channel = Channel(client)
        self._options = options
        self._target = target
        self._key = tuple(key)
        self.document = document

    @property
    def page_size(self) -> int:
        return self._options.page_size

    @property
    def now(self) -> datetime | None:
        """The server's own time when it answered last."""
        return None if self._channel.answer is None else server_time(self._channel.answer)

    async def ask(self, operation: str, content: Mapping[str, Any], *, where: str) -> Any:
        """The answer to a question, which changes nothing. Raises AifRefusal and DriverErrors."""
        return await self._call(operation, content, where, {}, repeatable=True)

    async def change(self, operation: str, content: Mapping[str, Any], *, message_id: str, where: str) -> Any:
        return await self._call(operation, content, where, {"MessageId": message_id}, repeatable=False)

    async def read(self, keys: Iterable[KeyParts], *, where: str) -> list[Any]:
        """The records of these keys; AX may refuse all of them where one is not there."""
        return self.records(await self.ask("read", {KEY_LIST: self.key_list(keys)}, where=where))

    def records(self, answer: Any) -> list[Any]:
        """The header entities of a document."""
        tag = self.document.entity.tag
        held = answer.find(self.document.member.tag) if answer is not None else None
        return [] if held is None else [each for each in held if each.tag == tag]

    def key_list(self, keys: Iterable[KeyParts]) -> dict[str, Any]:
        return {"EntityKey": [{"KeyData": {"KeyField": self._key_fields(key)}} for key in keys]}

    def keys(self, answer: Any, where: str) -> list[KeyParts]:
        """The entity keys of an answer. Raises RecordFault where they are of other fields than the stream's key."""
        found: list[KeyParts] = []
        for element in answer.iter("{*}KeyData") if answer is not None else ():
            parts = {each.findtext("{*}Field"): each.findtext("{*}Value") or "" for each in element}
            if set(parts) != set(self._key):
                raise RecordFault(
                    f"the service's entity key is made of {', '.join(str(each) for each in parts)}",
                    where=f"{where.partition('.read')[0]}.read.key",
                    hint="Name these fields in key.",
                )
            found.append(tuple(parts[name] for name in self._key))
        return found

    def _key_fields(self, key: KeyParts) -> list[dict[str, str]]:
        return [{"Field": name, "Value": part} for name, part in zip(self._key, key, strict=True)]

    async def _call(
        self,
        operation: str,
        content: Mapping[str, Any],
        where: str,
        context: Mapping[str, str],
        *,
        repeatable: bool,
    ) -> Any:
        self.document.need(operation, where)
        definitions = self.document.definitions
        headers = [
            (each, self._context(context))
            for each in definitions.operations[operation].headers
            if each.name == _CONTEXT
        ]
        try:
            return await self._channel.call(
                definitions,
                operation,
                content,
                target=self._target,
                where=where,
                headers=headers,
                repeatable=repeatable,
            )
        except SoapFault as fault:
            raise translated(fault, operation, where, self._client.secrets, changes=not repeatable) from fault
        except Unsendable as error:
            raise RecordFault(str(error), where=where, hint="Take the character out.") from error

    def _context(self, context: Mapping[str, str]) -> dict[str, str]:
        options = self._options
        held = {"Company": options.company, "Language": options.language, "PartitionKey": options.partition}
        return {name: value for name, value in (held | dict(context)).items() if value}
