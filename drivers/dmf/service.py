"""The package API of one connection: its actions, and the files that they name.

The actions are those of Microsoft's page "Data management package REST API"
(learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/data-management-api). A value comes as the text
itself or inside of `{"value": ...}`: that page shows both.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote, urlsplit

from drivers.contract import (
    BadConfiguration,
    Hop,
    Message,
    SeenCertificate,
    SourceBusy,
    SourceChanged,
    unseen,
)
from drivers.dmf.errors import execution_errors, is_unknown_execution, refusal
from drivers.dmf.options import ConnectionOptions, package_origins
from drivers.http.client import HttpClient, origin
from drivers.http.messages import Answer, Request, Sink
from drivers.http.options import HttpOptions

FAILED: Final = 400
_OK: Final = 200
_ACTIONS: Final = "DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities."
_JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}
_NO_PROJECT: Final = (
    "See the data project in Data management: its name is streams.NAME.read.project, it exports, and it holds the "
    "entities of the stream."
)


class Status(StrEnum):
    """`DMFExecutionSummaryStatus`."""

    UNKNOWN = "Unknown"
    NOT_RUN = "NotRun"
    EXECUTING = "Executing"
    SUCCEEDED = "Succeeded"
    PARTIALLY = "PartiallySucceeded"
    FAILED = "Failed"
    CANCELED = "Canceled"

    @property
    def ended(self) -> bool:
        return self not in {Status.UNKNOWN, Status.NOT_RUN, Status.EXECUTING}


class Service:
    def __init__(
        self,
        options: ConnectionOptions,
        secrets: Mapping[str, str],
        *,
        seen: SeenCertificate = unseen,
    ) -> None:
        self._options = options
        self.client = HttpClient(options, secrets, seen=seen)
        # Packages are fetched without the token: their addresses carry a right of their own, and a token is for nobody
        # but Finance & Operations. Its own host may ask for it all the same.
        fields = {name: getattr(options, name) for name in HttpOptions.model_fields}
        self._home = origin(options.url)
        self._plain = {
            place: HttpClient(
                HttpOptions(**(fields | {"url": url, "auth": None, "headers": {}})),
                secrets,
                seen=seen,
                leads_to=Hop.SOURCE if place == self._home else Hop.PACKAGES,
            )
            for place, url in package_origins(options).items()
        }

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.client.secrets

    async def aclose(self) -> None:
        await asyncio.gather(self.client.aclose(), *(each.aclose() for each in self._plain.values()))

    # --- questions

    async def reached(self) -> str:
        """Have an answer of the host, whatever it says: then TLS is good, and nobody has signed in."""
        answer = await self._plain[self._home].send(
            Request("GET", f"{self._options.url}/", where="options.url", repeatable=True)
        )
        return f"answers {answer.status} to whom has not signed in"

    async def known(self, entity_set: str, key: str, *, where: str) -> Mapping[str, Any] | None:
        """One record of an entity set; None: there is none. Raises what keeps it from being read."""
        literal = quote(key.replace("'", "''"), safe="")
        answer = await self._get(f"{entity_set}('{literal}')", where)
        if answer.status == 404:  # noqa: PLR2004 - HTTP's number
            return None
        self._refuse(answer, where)
        return self._object(answer, where)

    async def listed(self, entity_set: str, query: str, *, where: str) -> Sequence[Mapping[str, Any]]:
        answer = await self._get(f"{entity_set}{query}", where)
        self._refuse(answer, where)
        rows = self._object(answer, where).get("value")
        return [each for each in rows if isinstance(each, dict)] if isinstance(rows, list) else []

    async def status(self, execution: str, *, where: str) -> Status | None:
        """None: nobody knows an execution of this id."""
        answer = await self._post("GetExecutionSummaryStatus", {"executionId": execution}, where, again=True)
        if answer.status >= FAILED and is_unknown_execution(answer):
            return None
        value = self._value(answer, where)
        try:
            return Status(str(value))
        except ValueError:
            raise SourceChanged(
                f"an execution has the status {str(value)[:40]!r}, which is none that is documented",
                where=where,
                hint="Look into Data management > Job history.",
            ) from None

    async def errors(self, execution: str, *, where: str) -> tuple[Message, ...]:
        answer = await self._post("GetExecutionErrors", {"executionId": execution}, where, again=True)
        return execution_errors(str(self._value(answer, where) or ""), self.secrets)

    # --- exports

    async def export(self, project: str, execution: str, company: str, *, where: str) -> None:
        body = {
            "definitionGroupId": project,
            "packageName": execution,
            "executionId": execution,
            "reExecute": False,
            "legalEntityId": company,
        }
        answer = await self._post("ExportToPackage", body, where)
        self._value(answer, where, _NO_PROJECT)

    async def package_url(self, execution: str, *, where: str) -> str:
        """Empty while the package is being made."""
        answer = await self._post("GetExportedPackageUrl", {"executionId": execution}, where, again=True)
        return str(self._value(answer, where) or "")

    async def download(self, url: str, write: Callable[[bytes], object], *, where: str) -> None:
        sink = Sink(
            write,
            self._options.max_package_bytes,
            "Let the data project export less, or raise options.max_package_bytes.",
        )
        place = self._place(url, where)
        request = Request("GET", url, where=where)
        answer = await self._plain[place].send(request, sink=sink)
        if answer.status == 401 and place == self._home:  # noqa: PLR2004 - HTTP's number
            answer = await self.client.send(request, sink=sink)
        if answer.status != _OK:
            raise _no_file(answer, "the package cannot be fetched", where)

    # --- imports

    async def upload_url(self, name: str, *, where: str) -> str:
        answer = await self._post("GetAzureWriteUrl", {"uniqueFileName": name}, where)
        value = self._value(answer, where)
        try:
            url = json.loads(value)["BlobUrl"] if isinstance(value, str) else value["BlobUrl"]
        except (ValueError, KeyError, TypeError):
            raise SourceChanged("the answer names no BlobUrl to write a package to", where=where) from None
        self._place(str(url), where)
        return str(url)

    async def upload(self, url: str, package: bytes, *, where: str) -> None:
        place = self._place(url, where)
        headers = {"Content-Type": "application/zip", "x-ms-blob-type": "BlockBlob"}
        request = Request("PUT", url, headers, package, where=where)
        answer = await self._plain[place].send(request)
        if answer.status == 401 and place == self._home:  # noqa: PLR2004 - HTTP's number
            answer = await self.client.send(request)
        if answer.status >= FAILED:
            raise _no_file(answer, "the package cannot be left there", where)

    async def start_import(
        self, url: str, project: str, execution: str, company: str, *, where: str
    ) -> Answer:
        """Any answer may come back."""
        body = {
            "packageUrl": url,
            "definitionGroupId": project,
            "executionId": execution,
            "execute": True,
            "overwrite": True,
            "legalEntityId": company,
        }
        return await self._post("ImportFromPackage", body, where)

    # --- below

    async def _get(self, place: str, where: str) -> Answer:
        url = f"{self._options.url}/{place}"
        return await self.client.send(
            Request("GET", url, {"Accept": "application/json"}, where=where, repeatable=True)
        )

    async def _post(self, action: str, body: Mapping[str, Any], where: str, *, again: bool = False) -> Answer:
        url = f"{self._options.url}/{_ACTIONS}{action}"
        content = json.dumps(body).encode()
        return await self.client.send(Request("POST", url, _JSON, content, where=where, repeatable=again))

    def _value(self, answer: Answer, where: str, hint: str = "") -> Any:
        self._refuse(answer, where, hint)
        value = self._object(answer, where).get("value")
        return value.get("value") if isinstance(value, dict) and set(value) == {"value"} else value

    def _refuse(self, answer: Answer, where: str, hint: str = "") -> None:
        if answer.status >= FAILED:
            raise refusal(answer, where=where, hint=hint, hidden=self.secrets)

    def _object(self, answer: Answer, where: str) -> Mapping[str, Any]:
        try:
            content = json.loads(answer.body)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise SourceChanged(
                "the answer holds no JSON object",
                where=where,
                hint="See that options.url ends with /data (on-premises /namespaces/AXSF/data), and that nothing "
                "between here and Finance & Operations answers in its place.",
            )
        return content

    def _place(self, url: str, where: str) -> tuple[str, str, int]:
        place = origin(url)
        if place not in self._plain:
            scheme = place[0] if place[0] in {"http", "https"} else ""
            raise BadConfiguration(
                f"the package is at {scheme}://{place[1]}:{place[2]}, which is no host of this connection"
                if scheme
                else f"the package is at no web address ({urlsplit(url).scheme[:20] or 'a path'})",
                where="options.package_hosts",
                hint=f"If that is where {where.partition('.')[0] or 'it'} belongs, name it in options.package_hosts."
                if scheme
                else "Ask the administrator how the file storage of the installation is reached over HTTP.",
            )
        return place


def _no_file(answer: Answer, what: str, where: str) -> SourceBusy:
    """Its own words are left out: those of a file storage may repeat the address with its right."""
    return SourceBusy(
        f"{what}: its host answered {answer.status}",
        where=where,
        hint="It is tried again by itself. The address is good for a limited time, and for who may reach the file "
        "storage; if it lasts, ask the administrator of the installation.",
    )
