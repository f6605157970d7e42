"""`groundwire check` of page services: the hops, in the order in which they can fail."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.check_steps import tried_in_turn
from drivers.contract import BadConfiguration, CheckStep
from drivers.http.client import HttpClient
from drivers.http.hops import way_to
from drivers.http.messages import Request
from drivers.soap.faults import refusal
from drivers.soap.pages.companies import companies
from drivers.soap.pages.options import PageConnection
from drivers.soap.pages.service import PageService
from drivers.soap.pages.shape import PageShape

SIGN_IN = "server, TLS and sign-in"
_OK = 200
_SHOWN = 10  # companies in a hint
_MOST_NAME = 100  # characters of what a server calls itself


async def hops(options: PageConnection, client: HttpClient, service: PageService) -> list[CheckStep]:
    async def signed_in() -> str:
        return await _signed_in(options, client, service)

    async def company() -> str:
        return await _company(options, service)

    return await tried_in_turn([*way_to(options), (SIGN_IN, signed_in), ("company", company)])


def product(steps: Sequence[CheckStep]) -> str:
    """What answered, as far as it says."""
    return next((step.detail for step in steps if step.name == SIGN_IN), "")


def describe_stream(shape: PageShape) -> str:
    mark = f", changes by {shape.replication.name}" if shape.replication else ", no replication key"
    sets = f", {len(shape.lines)} line sets" if shape.lines else ""
    taken = ", ".join(sorted(shape.model.writable)) or "none: a page that is read only"
    return (
        f"{len(shape.columns)} columns, key {', '.join(each.name for each in shape.key)}{mark}{sets}; "
        f"operations that write: {taken}"
    )


async def _signed_in(options: PageConnection, client: HttpClient, service: PageService) -> str:
    """TLS, proxy and sign-in, by the WSDL that every server has, whatever is published."""
    request = Request("GET", service.system_service, {"Accept": "*/*"}, where="options.url", repeatable=True)
    answer = await client.send(request)
    if answer.status != _OK:
        raise refusal(answer, where="options.url")
    server = answer.headers.get("server", "")[:_MOST_NAME] or "a server without a name"
    how = options.auth.kind if options.auth is not None else "nothing"
    return f"NAV SOAP services at {server}, signed in by {how}"


async def _company(options: PageConnection, service: PageService) -> str:
    found = await companies(service, where="options.company")
    if options.company and options.company not in found:
        raise BadConfiguration(
            f"there is no company {options.company!r}",
            where="options.company",
            hint=f"The server has: {', '.join(found[:_SHOWN]) or 'none that this account may see'}.",
        )
    if not options.company:
        return f"the service's default company, of {', '.join(found[:_SHOWN]) or 'none'}"
    return options.company
