from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem_document import ProblemDocument
from ...models.tenant_out import TenantOut
from ...types import UNSET, Response, Unset


def _get_kwargs(
    tenant: str,
    *,
    grace_days: int | Unset = 7,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    params: dict[str, Any] = {}

    params["graceDays"] = grace_days

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "delete",
        "url": "/api/v1/admin/tenants/{tenant}".format(
            tenant=quote(str(tenant), safe=""),
        ),
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ProblemDocument | TenantOut | None:
    if response.status_code == 202:
        response_202 = TenantOut.from_dict(response.json())

        return response_202

    if response.status_code == 400:
        response_400 = ProblemDocument.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = ProblemDocument.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ProblemDocument.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = ProblemDocument.from_dict(response.json())

        return response_404

    if response.status_code == 409:
        response_409 = ProblemDocument.from_dict(response.json())

        return response_409

    if response.status_code == 413:
        response_413 = ProblemDocument.from_dict(response.json())

        return response_413

    if response.status_code == 422:
        response_422 = ProblemDocument.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = ProblemDocument.from_dict(response.json())

        return response_429

    if response.status_code == 503:
        response_503 = ProblemDocument.from_dict(response.json())

        return response_503

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[ProblemDocument | TenantOut]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    tenant: str,
    *,
    client: AuthenticatedClient,
    grace_days: int | Unset = 7,
    idempotency_key: str | Unset = UNSET,
) -> Response[ProblemDocument | TenantOut]:
    """Delete a tenant with everything that it has

     It is disabled at once. When the grace is over everything of it is removed, by and by; `enable` it
    to keep it.

    Args:
        tenant (str):
        grace_days (int | Unset): For how long it can be taken back. Default: 7.
        idempotency_key (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDocument | TenantOut]
    """

    kwargs = _get_kwargs(
        tenant=tenant,
        grace_days=grace_days,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    tenant: str,
    *,
    client: AuthenticatedClient,
    grace_days: int | Unset = 7,
    idempotency_key: str | Unset = UNSET,
) -> ProblemDocument | TenantOut | None:
    """Delete a tenant with everything that it has

     It is disabled at once. When the grace is over everything of it is removed, by and by; `enable` it
    to keep it.

    Args:
        tenant (str):
        grace_days (int | Unset): For how long it can be taken back. Default: 7.
        idempotency_key (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDocument | TenantOut
    """

    return sync_detailed(
        tenant=tenant,
        client=client,
        grace_days=grace_days,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    tenant: str,
    *,
    client: AuthenticatedClient,
    grace_days: int | Unset = 7,
    idempotency_key: str | Unset = UNSET,
) -> Response[ProblemDocument | TenantOut]:
    """Delete a tenant with everything that it has

     It is disabled at once. When the grace is over everything of it is removed, by and by; `enable` it
    to keep it.

    Args:
        tenant (str):
        grace_days (int | Unset): For how long it can be taken back. Default: 7.
        idempotency_key (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDocument | TenantOut]
    """

    kwargs = _get_kwargs(
        tenant=tenant,
        grace_days=grace_days,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    tenant: str,
    *,
    client: AuthenticatedClient,
    grace_days: int | Unset = 7,
    idempotency_key: str | Unset = UNSET,
) -> ProblemDocument | TenantOut | None:
    """Delete a tenant with everything that it has

     It is disabled at once. When the grace is over everything of it is removed, by and by; `enable` it
    to keep it.

    Args:
        tenant (str):
        grace_days (int | Unset): For how long it can be taken back. Default: 7.
        idempotency_key (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDocument | TenantOut
    """

    return (
        await asyncio_detailed(
            tenant=tenant,
            client=client,
            grace_days=grace_days,
            idempotency_key=idempotency_key,
        )
    ).parsed
