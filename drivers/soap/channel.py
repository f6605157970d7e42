"""Calls the operations of a service: an envelope there, the element of its answer back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from drivers.contract import BadConfiguration, SourceChanged
from drivers.http.client import HttpClient
from drivers.http.messages import Answer, Request
from drivers.soap.envelope import envelope
from drivers.soap.faults import fault_of, refusal
from drivers.soap.model import Definitions, Member
from drivers.soap.xml import SOAP, BadXml, parsed

_OK: Final = range(200, 300)
_SOAP12: Final = "http://www.w3.org/2003/05/soap-envelope"


class Channel:
    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self.answer: Answer | None = (
            None  # the newest one without its body: its Date is the server's own time
        )

    async def call(
        self,
        definitions: Definitions,
        name: str,
        content: Mapping[str, Any],
        *,
        target: str,
        where: str,
        headers: Sequence[tuple[Member, Any]] = (),
        repeatable: bool = False,
    ) -> Any:
        """The element inside the answer's body, None for an empty one.

        Raises SoapFault for the service's own refusal, Unsendable for a value that XML cannot hold, and DriverErrors.
        `repeatable`: a call that only reads.
        """
        operation = definitions.operations.get(name)
        if operation is None:
            raise BadConfiguration(
                f"the service {definitions.service} has no operation {name}",
                where=where,
                hint=f"It has: {', '.join(sorted(definitions.operations))}.",
            )
        body = envelope(definitions, operation, content, headers, where=where)
        sent = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{operation.action}"'}
        answer = await self._client.send(Request("POST", target, sent, body, where, repeatable=repeatable))
        self.answer = replace(answer, body=b"")
        return await asyncio.to_thread(self._opened, answer, where)

    async def get(self, request: Request) -> Answer:
        """A document beside the operations, whatever its status."""
        answer = await self._client.send(request)
        self.answer = replace(answer, body=b"")
        return answer

    def _opened(self, answer: Answer, where: str) -> Any:
        try:
            root = parsed(answer.body)
        except BadXml as error:
            if answer.status not in _OK:
                raise refusal(answer, where=where) from error
            raise SourceChanged(
                f"the answer is no XML that can be read: {error}",
                where=where,
                hint="A logon page or a proxy may have answered instead of the service; open the address in a browser.",
            ) from error
        body = next((each for each in root if each.tag in {f"{{{SOAP}}}Body", f"{{{_SOAP12}}}Body"}), None)
        if body is None:
            if answer.status not in _OK:
                raise refusal(answer, where=where)
            raise SourceChanged(
                "the answer is no SOAP", where=where, hint="See that options.url names the SOAP services."
            )
        held = body[0] if len(body) else None
        if held is not None and held.tag.rpartition("}")[2] == "Fault":
            raise fault_of(held, answer.status, self._client.secrets)
        if answer.status not in _OK:
            raise refusal(answer, where=where)
        return held
