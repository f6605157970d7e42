from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem_document import ProblemDocument
from ...models.rotate_secret_in import RotateSecretIn
from ...models.rotated_secret_out import RotatedSecretOut
from ...types import UNSET, Response, Unset


def _get_kwargs(
    endpoint: str,
    *,
    body: None | RotateSecretIn | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["Idempotency-Key"] = idempotency_key

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/v1/webhook-endpoints/{endpoint}/secret".format(
            endpoint=quote(str(endpoint), safe=""),
        ),
    }

    if isinstance(body, RotateSecretIn):
        _kwargs["json"] = body.to_dict()
    else:
        _kwargs["json"] = body

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ProblemDocument | RotatedSecretOut | None:
    if response.status_code == 200:
        response_200 = RotatedSecretOut.from_dict(response.json())

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
) -> Response[ProblemDocument | RotatedSecretOut]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    endpoint: str,
    *,
    client: AuthenticatedClient,
    body: None | RotateSecretIn | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[ProblemDocument | RotatedSecretOut]:
    """Make a new secret; the one before stays in force for a while

    Args:
        endpoint (str):
        idempotency_key (str | Unset):
        body (None | RotateSecretIn | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDocument | RotatedSecretOut]
    """

    kwargs = _get_kwargs(
        endpoint=endpoint,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    endpoint: str,
    *,
    client: AuthenticatedClient,
    body: None | RotateSecretIn | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> ProblemDocument | RotatedSecretOut | None:
    """Make a new secret; the one before stays in force for a while

    Args:
        endpoint (str):
        idempotency_key (str | Unset):
        body (None | RotateSecretIn | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDocument | RotatedSecretOut
    """

    return sync_detailed(
        endpoint=endpoint,
        client=client,
        body=body,
        idempotency_key=idempotency_key,
    ).parsed


async def asyncio_detailed(
    endpoint: str,
    *,
    client: AuthenticatedClient,
    body: None | RotateSecretIn | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> Response[ProblemDocument | RotatedSecretOut]:
    """Make a new secret; the one before stays in force for a while

    Args:
        endpoint (str):
        idempotency_key (str | Unset):
        body (None | RotateSecretIn | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDocument | RotatedSecretOut]
    """

    kwargs = _get_kwargs(
        endpoint=endpoint,
        body=body,
        idempotency_key=idempotency_key,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    endpoint: str,
    *,
    client: AuthenticatedClient,
    body: None | RotateSecretIn | Unset = UNSET,
    idempotency_key: str | Unset = UNSET,
) -> ProblemDocument | RotatedSecretOut | None:
    """Make a new secret; the one before stays in force for a while

    Args:
        endpoint (str):
        idempotency_key (str | Unset):
        body (None | RotateSecretIn | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDocument | RotatedSecretOut
    """

    return (
        await asyncio_detailed(
            endpoint=endpoint,
            client=client,
            body=body,
            idempotency_key=idempotency_key,
        )
    ).parsed
