from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem_document import ProblemDocument
from ...models.tenant_change import TenantChange
from ...models.tenant_out import TenantOut
from ...types import UNSET, Response, Unset


def _get_kwargs(
    tenant: str,
    *,
    body: TenantChange,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "patch",
        "url": "/api/v1/admin/tenants/{tenant}".format(
            tenant=quote(str(tenant), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ProblemDocument | TenantOut | None:
    if response.status_code == 200:
        response_200 = TenantOut.from_dict(response.json())

        return response_200

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
    body: TenantChange,
    idempotency_key: str | Unset = UNSET,
) -> Response[ProblemDocument | TenantOut]:
    """Disable or enable a tenant, or change its pool of connection credits

     A disabled tenant's tokens open nothing and its agents wait with what they have; nothing of it is
    lost.

    A tenant that was deleted and is enabled again stays, unless its removal has begun.

    Args:
        tenant (str):
        idempotency_key (str | Unset):
        body (TenantChange): What is left out stays.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDocument | TenantOut]
    """

    kwargs = _get_kwargs(
        tenant=tenant,
        body=body,
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
    body: TenantChange,
    idempotency_key: str | Unset = UNSET,
) -> ProblemDocument | TenantOut | None:
    """Disable or enable a tenant, or change its pool of connection credits

     A disabled tenant's tokens open nothing and its agents wait with what they have; nothing of it is
    lost.

    A tenant that was deleted and is enabled again stays, unless its removal has begun.

    Args:
        tenant (str):
        idempotency_key (str | Unset):
        body (TenantChange): What is left out stays.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDocument | TenantOut
    """

    return sync_detailed(
        tenant=tenant,
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    tenant: str,
    *,
    client: AuthenticatedClient,
    body: TenantChange,
    idempotency_key: str | Unset = UNSET,
) -> Response[ProblemDocument | TenantOut]:
    """Disable or enable a tenant, or change its pool of connection credits

     A disabled tenant's tokens open nothing and its agents wait with what they have; nothing of it is
    lost.

    A tenant that was deleted and is enabled again stays, unless its removal has begun.

    Args:
        tenant (str):
        idempotency_key (str | Unset):
        body (TenantChange): What is left out stays.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDocument | TenantOut]
    """

    kwargs = _get_kwargs(
        tenant=tenant,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    tenant: str,
    *,
    client: AuthenticatedClient,
    body: TenantChange,
    idempotency_key: str | Unset = UNSET,
) -> ProblemDocument | TenantOut | None:
    """Disable or enable a tenant, or change its pool of connection credits

     A disabled tenant's tokens open nothing and its agents wait with what they have; nothing of it is
    lost.

    A tenant that was deleted and is enabled again stays, unless its removal has begun.

    Args:
        tenant (str):
        idempotency_key (str | Unset):
        body (TenantChange): What is left out stays.

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
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
