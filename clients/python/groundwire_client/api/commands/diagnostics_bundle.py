from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.bundle_in import BundleIn
from ...models.command_out import CommandOut
from ...models.problem_document import ProblemDocument
from ...types import UNSET, Response, Unset


def _get_kwargs(
    agent: str,
    *,
    body: BundleIn | None | Unset = UNSET,
    deadline_seconds: int | None | Unset = UNSET,
    idempotency_key: None | str | Unset = UNSET,
    prefer: None | str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(idempotency_key, Unset):
        headers["idempotency-key"] = idempotency_key

    if not isinstance(prefer, Unset):
        headers["prefer"] = prefer

    params: dict[str, Any] = {}

    json_deadline_seconds: int | None | Unset
    if isinstance(deadline_seconds, Unset):
        json_deadline_seconds = UNSET
    else:
        json_deadline_seconds = deadline_seconds
    params["deadlineSeconds"] = json_deadline_seconds

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/v1/agents/{agent}/diagnostics-bundle".format(
            agent=quote(str(agent), safe=""),
        ),
        "params": params,
    }

    if isinstance(body, BundleIn):
        _kwargs["json"] = body.to_dict()
    else:
        _kwargs["json"] = body

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> CommandOut | ProblemDocument | None:
    if response.status_code == 200:
        response_200 = CommandOut.from_dict(response.json())

        return response_200

    if response.status_code == 202:
        response_202 = CommandOut.from_dict(response.json())

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
) -> Response[CommandOut | ProblemDocument]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    agent: str,
    *,
    client: AuthenticatedClient,
    body: BundleIn | None | Unset = UNSET,
    deadline_seconds: int | None | Unset = UNSET,
    idempotency_key: None | str | Unset = UNSET,
    prefer: None | str | Unset = UNSET,
) -> Response[CommandOut | ProblemDocument]:
    """Ask an agent for its diagnostics bundle, or for the list of what would be in it

     The agent's own policy decides whether it is made: `commands` must name `diagnostics_bundle`.

    Args:
        agent (str):
        deadline_seconds (int | None | Unset): How long the agent may take to begin. By default a
            day for syncs, pausing and cancelling, an hour for what changes something, ten minutes for
            what somebody waits for.
        idempotency_key (None | str | Unset): Makes the request safe to repeat: the same key with
            the same request answers with the same command.
        prefer (None | str | Unset): `wait=N`: answer with 200 and the outcome if it comes within
            N seconds, 30 at most. Nothing is waited for while the agent is not connected.
        body (BundleIn | None | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CommandOut | ProblemDocument]
    """

    kwargs = _get_kwargs(
        agent=agent,
        body=body,
        deadline_seconds=deadline_seconds,
        idempotency_key=idempotency_key,
        prefer=prefer,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    agent: str,
    *,
    client: AuthenticatedClient,
    body: BundleIn | None | Unset = UNSET,
    deadline_seconds: int | None | Unset = UNSET,
    idempotency_key: None | str | Unset = UNSET,
    prefer: None | str | Unset = UNSET,
) -> CommandOut | ProblemDocument | None:
    """Ask an agent for its diagnostics bundle, or for the list of what would be in it

     The agent's own policy decides whether it is made: `commands` must name `diagnostics_bundle`.

    Args:
        agent (str):
        deadline_seconds (int | None | Unset): How long the agent may take to begin. By default a
            day for syncs, pausing and cancelling, an hour for what changes something, ten minutes for
            what somebody waits for.
        idempotency_key (None | str | Unset): Makes the request safe to repeat: the same key with
            the same request answers with the same command.
        prefer (None | str | Unset): `wait=N`: answer with 200 and the outcome if it comes within
            N seconds, 30 at most. Nothing is waited for while the agent is not connected.
        body (BundleIn | None | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CommandOut | ProblemDocument
    """

    return sync_detailed(
        agent=agent,
        client=client,
        body=body,
        deadline_seconds=deadline_seconds,
        idempotency_key=idempotency_key,
        prefer=prefer,
    ).parsed


async def asyncio_detailed(
    agent: str,
    *,
    client: AuthenticatedClient,
    body: BundleIn | None | Unset = UNSET,
    deadline_seconds: int | None | Unset = UNSET,
    idempotency_key: None | str | Unset = UNSET,
    prefer: None | str | Unset = UNSET,
) -> Response[CommandOut | ProblemDocument]:
    """Ask an agent for its diagnostics bundle, or for the list of what would be in it

     The agent's own policy decides whether it is made: `commands` must name `diagnostics_bundle`.

    Args:
        agent (str):
        deadline_seconds (int | None | Unset): How long the agent may take to begin. By default a
            day for syncs, pausing and cancelling, an hour for what changes something, ten minutes for
            what somebody waits for.
        idempotency_key (None | str | Unset): Makes the request safe to repeat: the same key with
            the same request answers with the same command.
        prefer (None | str | Unset): `wait=N`: answer with 200 and the outcome if it comes within
            N seconds, 30 at most. Nothing is waited for while the agent is not connected.
        body (BundleIn | None | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CommandOut | ProblemDocument]
    """

    kwargs = _get_kwargs(
        agent=agent,
        body=body,
        deadline_seconds=deadline_seconds,
        idempotency_key=idempotency_key,
        prefer=prefer,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    agent: str,
    *,
    client: AuthenticatedClient,
    body: BundleIn | None | Unset = UNSET,
    deadline_seconds: int | None | Unset = UNSET,
    idempotency_key: None | str | Unset = UNSET,
    prefer: None | str | Unset = UNSET,
) -> CommandOut | ProblemDocument | None:
    """Ask an agent for its diagnostics bundle, or for the list of what would be in it

     The agent's own policy decides whether it is made: `commands` must name `diagnostics_bundle`.

    Args:
        agent (str):
        deadline_seconds (int | None | Unset): How long the agent may take to begin. By default a
            day for syncs, pausing and cancelling, an hour for what changes something, ten minutes for
            what somebody waits for.
        idempotency_key (None | str | Unset): Makes the request safe to repeat: the same key with
            the same request answers with the same command.
        prefer (None | str | Unset): `wait=N`: answer with 200 and the outcome if it comes within
            N seconds, 30 at most. Nothing is waited for while the agent is not connected.
        body (BundleIn | None | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CommandOut | ProblemDocument
    """

    return (
        await asyncio_detailed(
            agent=agent,
            client=client,
            body=body,
            deadline_seconds=deadline_seconds,
            idempotency_key=idempotency_key,
            prefer=prefer,
        )
    ).parsed
