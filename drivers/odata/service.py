"""One OData service: its metadata, kept in memory, and its requests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from drivers.contract import BadConfiguration, SourceChanged
from drivers.http.client import HttpClient
from drivers.http.messages import Answer, Request
from drivers.odata.companies import company_key, company_path, link_of
from drivers.odata.edm import Model
from drivers.odata.errors import refusal
from drivers.odata.literals import V4
from drivers.odata.metadata import read_model
from drivers.odata.options import ConnectionOptions
from drivers.odata.requests import address, followed

FAILED: Final = 400
_COMPANY_ANSWERS: Final = 100  # that the list of companies may take
_NAMES_WRONG: Final = frozenset({400, 404, 410})
_TOKEN: Final = "x-csrf-token"  # noqa: S105 - the name of a header
_VERSIONS: Final[Mapping[int, Mapping[str, str]]] = {
    2: {"DataServiceVersion": "2.0", "MaxDataServiceVersion": "2.0"},
    4: {"OData-Version": "4.0", "OData-MaxVersion": "4.0"},
}
_ACCEPT: Final[Mapping[int, str]] = {
    2: "application/json",
    # Decimals and 64-bit integers as texts, so that no reader on the way can round them.
    4: "application/json;odata.metadata=minimal;IEEE754Compatible=true",
}


class Service:
    def __init__(self, client: HttpClient, options: ConnectionOptions, path: str) -> None:
        self._client = client
        self._options = options
        self.root = "/".join(part for part in (options.url, path.strip("/")) if part)
        known = {each.strip("/"): table for each, table in options.companies.items()}
        self._path = path.strip("/")
        self._companies = known.get(self._path)
        self._within = ""  # the company that the entity sets lie in, known with the model
        self._model: Model | None = None
        self._learning = asyncio.Lock()
        self._token = ""
        self._fetching = asyncio.Lock()

    @property
    def max_body_bytes(self) -> int:
        return self._options.max_body_bytes

    @property
    def secrets(self) -> tuple[str, ...]:
        return self._client.secrets

    async def model(self, *, where: str) -> Model:
        async with self._learning:
            if self._model is None:
                answer = await self._client.send(
                    Request(
                        "GET",
                        self.address("$metadata", {}),
                        {"Accept": "application/xml"},
                        where=where,
                        repeatable=True,
                    )
                )
                self._refuse(answer, where)
                if len(answer.body) > self._options.max_metadata_bytes:
                    raise SourceChanged(
                        f"$metadata is longer than {self._options.max_metadata_bytes} bytes",
                        where=where,
                        hint="Raise options.max_metadata_bytes.",
                    )
                model = await asyncio.to_thread(read_model, answer.body, where=where)
                self._as_configured(model, where)
                self._within = await self._company(model, where)
                self._model = model
            return self._model

    def forget(self) -> None:
        """Read the metadata anew when it is needed next: the service may have changed."""
        self._model = None

    async def _company(self, model: Model, where: str) -> str:
        if self._companies is None:
            if self._options.company:
                raise BadConfiguration(
                    f"options.company is set, and nothing says where the service {self._path!r} keeps its companies",
                    where="options.companies",
                    hint=f'Add [options.companies."{self._path}"] with entity_set and by; without them another company '
                    "might be read.",
                )
            return ""
        key = company_key(model, self._companies, where)
        names = ",".join(dict.fromkeys((key.name, *self._companies.by)))
        url = self.address(self._companies.entity_set, {"$select": names})
        bodies: list[bytes] = []
        while len(bodies) < _COMPANY_ANSWERS:
            answer = await self.get(url, version=model.version, where=where)
            bodies.append(answer.body)
            link = link_of(answer.body)
            if link is None:
                break
            url = self.followed(link, where=where)
        return company_path(bodies, self._options.company, self._companies, key)

    def within(self, path: str) -> str:
        """The path of an entity set or of a record, below the root. Known once the model is."""
        return f"{self._within}{path}"

    def _as_configured(self, model: Model, where: str) -> None:
        if self._options.version not in {None, model.version}:
            raise SourceChanged(
                f"the service speaks OData V{model.version}, options.version says {self._options.version}",
                where=where,
                hint="Correct options.version, or leave it out.",
            )

    def address(self, path: str, query: Mapping[str, str]) -> str:
        return address(self.root, path, {**query, **self._options.query})

    def with_parameters(self, path: str) -> str:
        """A path below the root that may have a query already, with the connection's own parameters."""
        _, _, constant = address("", "", self._options.query).partition("?")
        return f"{path}{'&' if '?' in path else '?'}{constant}" if constant else path

    def followed(self, link: str, *, where: str) -> str:
        return followed(link, self.root, self._options.query, where=where)

    def headers(self, version: int) -> dict[str, str]:
        return {"Accept": _ACCEPT[version], **_VERSIONS[version]}

    async def get(
        self, url: str, *, version: int, where: str, page_size: int | None = None, newest: bool = False
    ) -> Answer:
        """`newest`: a page that has to hold what was just written. Raises the DriverError of an answer that is none."""
        headers = {} if newest or page_size is None else self._options.read_headers
        answer = await self.ask(url, version=version, where=where, page_size=page_size, headers=headers)
        if answer.status in _NAMES_WRONG:
            self.forget()
        self._refuse(answer, where)
        return answer

    async def ask(
        self,
        url: str,
        *,
        version: int,
        where: str,
        page_size: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any answer may come back."""
        sent = {**self.headers(version), **(headers or {})}
        if page_size is not None and version == V4:
            sent["Prefer"] = f"odata.maxpagesize={page_size}"
        return await self._client.send(Request("GET", url, sent, where=where, repeatable=True))

    async def make_ready(self, *, where: str) -> None:
        """What a change needs before it is sent. Whatever fails here leaves it unsent."""
        await self._client.sign_in()
        if self._options.csrf != "none":
            await self._learn_token(where)

    async def change(self, request: Request) -> Answer:
        """Send what changes something, with a token where the server asks for one. Any answer may come back."""
        if self._options.csrf == "none":
            return await self._client.send(request)
        answer = await self._client.send(await self._with_token(request))
        if answer.status == 403 and answer.headers.get(_TOKEN, "").lower() == "required":  # noqa: PLR2004 - HTTP's number
            # The token belonged to a session that ended. The request was turned away before anything was done.
            self._token = ""
            answer = await self._client.send(await self._with_token(request))
        return answer

    async def _with_token(self, request: Request) -> Request:
        await self._learn_token(request.where)
        headers = {**request.headers, "X-CSRF-Token": self._token}
        return Request(request.method, request.target, headers, request.body, request.where)

    async def _learn_token(self, where: str) -> None:
        async with self._fetching:
            if not self._token:
                await self._fetch_token(where)

    async def _fetch_token(self, where: str) -> None:
        # With the slash at its end: without it some servers redirect, and the token is lost on the way.
        headers = {"Accept": "application/json", "X-CSRF-Token": "Fetch"}
        answer = await self._client.send(
            Request("GET", self.address("", {}), headers, where=where, repeatable=True)
        )
        self._refuse(answer, where)
        self._token = answer.headers.get(_TOKEN, "")
        if not self._token or not self._token.isprintable():
            self._token = ""
            raise SourceChanged(
                "the server gave no CSRF token",
                where=where,
                hint='Set options.csrf = "none" if it asks for none.',
            )

    def refuse_sign_in(self, answer: Answer) -> None:
        if answer.status in {401, 403}:
            self._refuse(answer, "options.auth")

    def _refuse(self, answer: Answer, where: str) -> None:
        if answer.status >= FAILED:
            raise refusal(answer, where=where, hidden=self._client.secrets)
