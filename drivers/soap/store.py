"""The WSDLs of one connection: fetched once, kept on disk between starts, and fetched anew when a service changed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit, urlunsplit

from drivers.contract import DriverError, SourceChanged
from drivers.http.client import HttpClient
from drivers.http.messages import Answer, Request
from drivers.soap.faults import fault_of, refusal
from drivers.soap.model import Definitions
from drivers.soap.wsdl import imports_of, read_definitions
from drivers.soap.xml import SOAP, BadXml, parsed

VERSION: Final = 1
_MOST_DOCUMENTS: Final = 200  # of one WSDL
_MOST_BYTES: Final = 64 * 2**20  # of all of them
_OK: Final = 200


class WsdlStore:
    def __init__(self, client: HttpClient, root: str, folder: Path | None) -> None:
        """`root`: the URL that addresses are relative to; `folder`: this connection's own, None: nothing is kept."""
        self._client = client
        self._root = root
        self._folder = folder
        self._known: dict[tuple[str, str], Definitions] = {}
        self._learning = asyncio.Lock()

    async def definitions(self, address: str, *, where: str, interface: str = "") -> Definitions:
        """`address`: of the WSDL, relative to the root; `interface`: one of several port types."""
        url = urljoin(f"{self._root}/", address)
        async with self._learning:
            if (url, interface) not in self._known:
                kept = await asyncio.to_thread(self._kept, url, interface)
                if kept is not None:
                    self._known[url, interface] = kept
                else:
                    await self._learn(url, interface, where)
            return self._known[url, interface]

    async def refresh(self, address: str, *, where: str, interface: str = "") -> Definitions:
        """As the service describes itself now."""
        url = urljoin(f"{self._root}/", address)
        async with self._learning:
            await self._learn(url, interface, where)
            return self._known[url, interface]

    async def _learn(self, url: str, interface: str, where: str) -> None:
        documents = await self._fetch(url, where)
        self._known[url, interface] = await asyncio.to_thread(
            read_definitions, documents, url, where=where, interface=interface
        )
        await asyncio.to_thread(self._keep, url, documents)

    async def _fetch(self, url: str, where: str) -> dict[str, bytes]:
        """By the addresses that the documents use for each other, asked for at the connection's own host."""
        documents: dict[str, bytes] = {}
        wanted, room = [url], _MOST_BYTES
        while wanted:
            each = wanted.pop()
            if each in documents:
                continue
            if len(documents) == _MOST_DOCUMENTS:
                raise SourceChanged(
                    f"the WSDL consists of more than {_MOST_DOCUMENTS} documents", where=where
                )
            request = Request("GET", self._at_home(each), {"Accept": "*/*"}, where=where, repeatable=True)
            answer = await self._client.send(request)
            if answer.status != _OK:
                raise self._refused(answer, where)
            documents[each] = answer.body
            room -= len(answer.body)
            if room < 0:
                raise SourceChanged(f"the WSDL is longer than {_MOST_BYTES} bytes", where=where)
            wanted += await asyncio.to_thread(lambda: list(imports_of(answer.body, each, where=where)))  # noqa: B023 - awaited at once
        return documents

    def _refused(self, answer: Answer, where: str) -> DriverError:
        """A server may say in a fault why there is no description."""
        try:
            root = parsed(answer.body)
        except BadXml:
            return refusal(answer, where=where)
        found = next(root.iter(f"{{{SOAP}}}Fault"), None)
        if found is None:
            return refusal(answer, where=where)
        fault = fault_of(found, answer.status, self._client.secrets)
        return SourceChanged(
            f"{fault.text} [{fault.code.rpartition('.')[2]}]",
            where=where,
            hint="See that the service is published under this name, and for this account.",
        )

    def _at_home(self, url: str) -> str:
        """Servers write the name that their machine has at home into what they import."""
        home, there = urlsplit(self._root), urlsplit(url)
        return urlunsplit((home.scheme, home.netloc, there.path, there.query, ""))

    # --- on disk: what cannot be read or written is fetched again, and no error

    def _path(self, url: str) -> Path | None:
        name = hashlib.sha256(url.encode()).hexdigest()[:40]
        return None if self._folder is None else self._folder / f"{name}.json"

    def _kept(self, url: str, interface: str) -> Definitions | None:
        path = self._path(url)
        try:
            content = json.loads(path.read_bytes()) if path is not None else {}
            if content.get("v") != VERSION or content.get("url") != url:
                return None
            documents = {key: base64.b64decode(value) for key, value in content["documents"].items()}
            return read_definitions(documents, url, where="", interface=interface)
        except (OSError, ValueError, KeyError, AttributeError, TypeError, SourceChanged):
            return None

    def _keep(self, url: str, documents: Mapping[str, bytes]) -> None:
        path = self._path(url)
        if path is None:
            return
        held = {key: base64.b64encode(value).decode() for key, value in documents.items()}
        content = json.dumps({"v": VERSION, "url": url, "documents": held})
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(content)
            Path(temporary).replace(path)
        except OSError:
            return
