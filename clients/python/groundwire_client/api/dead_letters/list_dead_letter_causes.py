from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.dead_letter_cause_list import DeadLetterCauseList
from ...models.dead_letter_choice import DeadLetterChoice
from ...models.problem_document import ProblemDocument
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    connection: str | Unset = "",
    entity: str | Unset = "",
    run: str | Unset = "",
    field: str | Unset = "",
    reason: str | Unset = "",
    since: str | Unset = "",
    state: DeadLetterChoice | Unset = UNSET,
    fields: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(if_none_match, Unset):
        headers["If-None-Match"] = if_none_match

    params: dict[str, Any] = {}

    params["connection"] = connection

    params["entity"] = entity

    params["run"] = run

    params["field"] = field

    params["reason"] = reason

    params["since"] = since

    json_state: str | Unset = UNSET
    if not isinstance(state, Unset):
        json_state = state.value

    params["state"] = json_state

    params["fields"] = fields

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/dead-letters/causes",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> DeadLetterCauseList | ProblemDocument | None:
    if response.status_code == 200:
        response_200 = DeadLetterCauseList.from_dict(response.json())

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
) -> Response[DeadLetterCauseList | ProblemDocument]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    connection: str | Unset = "",
    entity: str | Unset = "",
    run: str | Unset = "",
    field: str | Unset = "",
    reason: str | Unset = "",
    since: str | Unset = "",
    state: DeadLetterChoice | Unset = UNSET,
    fields: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[DeadLetterCauseList | ProblemDocument]:
    """Count dead letters by their cause, the most frequent first

     A cause is a reason at a field of an entity of a connection. `GET /dead-letters` with these four has
    its records;
    a corrected mapping and `requeue` bring them.

    Args:
        connection (str | Unset): Only of this connection. Default: ''.
        entity (str | Unset): Only of this entity. Default: ''.
        run (str | Unset): Only told by this sync run. Default: ''.
        field (str | Unset): Only where this field could not pass. Default: ''.
        reason (str | Unset): Only for this reason, by its code. Default: ''.
        since (str | Unset): Only those that came at this moment or later. Default: ''.
        state (DeadLetterChoice | Unset):
        fields (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DeadLetterCauseList | ProblemDocument]
    """

    kwargs = _get_kwargs(
        connection=connection,
        entity=entity,
        run=run,
        field=field,
        reason=reason,
        since=since,
        state=state,
        fields=fields,
        if_none_match=if_none_match,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    connection: str | Unset = "",
    entity: str | Unset = "",
    run: str | Unset = "",
    field: str | Unset = "",
    reason: str | Unset = "",
    since: str | Unset = "",
    state: DeadLetterChoice | Unset = UNSET,
    fields: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> DeadLetterCauseList | ProblemDocument | None:
    """Count dead letters by their cause, the most frequent first

     A cause is a reason at a field of an entity of a connection. `GET /dead-letters` with these four has
    its records;
    a corrected mapping and `requeue` bring them.

    Args:
        connection (str | Unset): Only of this connection. Default: ''.
        entity (str | Unset): Only of this entity. Default: ''.
        run (str | Unset): Only told by this sync run. Default: ''.
        field (str | Unset): Only where this field could not pass. Default: ''.
        reason (str | Unset): Only for this reason, by its code. Default: ''.
        since (str | Unset): Only those that came at this moment or later. Default: ''.
        state (DeadLetterChoice | Unset):
        fields (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DeadLetterCauseList | ProblemDocument
    """

    return sync_detailed(
        client=client,
        connection=connection,
        entity=entity,
        run=run,
        field=field,
        reason=reason,
        since=since,
        state=state,
        fields=fields,
        if_none_match=if_none_match,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    connection: str | Unset = "",
    entity: str | Unset = "",
    run: str | Unset = "",
    field: str | Unset = "",
    reason: str | Unset = "",
    since: str | Unset = "",
    state: DeadLetterChoice | Unset = UNSET,
    fields: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[DeadLetterCauseList | ProblemDocument]:
    """Count dead letters by their cause, the most frequent first

     A cause is a reason at a field of an entity of a connection. `GET /dead-letters` with these four has
    its records;
    a corrected mapping and `requeue` bring them.

    Args:
        connection (str | Unset): Only of this connection. Default: ''.
        entity (str | Unset): Only of this entity. Default: ''.
        run (str | Unset): Only told by this sync run. Default: ''.
        field (str | Unset): Only where this field could not pass. Default: ''.
        reason (str | Unset): Only for this reason, by its code. Default: ''.
        since (str | Unset): Only those that came at this moment or later. Default: ''.
        state (DeadLetterChoice | Unset):
        fields (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DeadLetterCauseList | ProblemDocument]
    """

    kwargs = _get_kwargs(
        connection=connection,
        entity=entity,
        run=run,
        field=field,
        reason=reason,
        since=since,
        state=state,
        fields=fields,
        if_none_match=if_none_match,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    connection: str | Unset = "",
    entity: str | Unset = "",
    run: str | Unset = "",
    field: str | Unset = "",
    reason: str | Unset = "",
    since: str | Unset = "",
    state: DeadLetterChoice | Unset = UNSET,
    fields: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> DeadLetterCauseList | ProblemDocument | None:
    """Count dead letters by their cause, the most frequent first

     A cause is a reason at a field of an entity of a connection. `GET /dead-letters` with these four has
    its records;
    a corrected mapping and `requeue` bring them.

    Args:
        connection (str | Unset): Only of this connection. Default: ''.
        entity (str | Unset): Only of this entity. Default: ''.
        run (str | Unset): Only told by this sync run. Default: ''.
        field (str | Unset): Only where this field could not pass. Default: ''.
        reason (str | Unset): Only for this reason, by its code. Default: ''.
        since (str | Unset): Only those that came at this moment or later. Default: ''.
        state (DeadLetterChoice | Unset):
        fields (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DeadLetterCauseList | ProblemDocument
    """

    return (
        await asyncio_detailed(
            client=client,
            connection=connection,
            entity=entity,
            run=run,
            field=field,
            reason=reason,
            since=since,
            state=state,
            fields=fields,
            if_none_match=if_none_match,
        )
    ).parsed
