from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.dead_letter_choice import DeadLetterChoice
from ...models.dead_letter_list import DeadLetterList
from ...models.problem_document import ProblemDocument
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    key: str | Unset = "",
    cursor: str | Unset = "",
    limit: int | Unset = 100,
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

    params["key"] = key

    params["cursor"] = cursor

    params["limit"] = limit

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
        "url": "/api/v1/dead-letters",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> DeadLetterList | ProblemDocument | None:
    if response.status_code == 200:
        response_200 = DeadLetterList.from_dict(response.json())

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
) -> Response[DeadLetterList | ProblemDocument]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    key: str | Unset = "",
    cursor: str | Unset = "",
    limit: int | Unset = 100,
    connection: str | Unset = "",
    entity: str | Unset = "",
    run: str | Unset = "",
    field: str | Unset = "",
    reason: str | Unset = "",
    since: str | Unset = "",
    state: DeadLetterChoice | Unset = UNSET,
    fields: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[DeadLetterList | ProblemDocument]:
    """List dead letters in the order they came

     Records that could not pass; the open ones, unless `state` says otherwise. A filter that few pass
    may give a page
    with fewer items, or none, and `hasMore`: go on with its cursor.

    Args:
        key (str | Unset): Only of the record with this key. Default: ''.
        cursor (str | Unset): `nextCursor` of an earlier answer. It stays valid: what comes later
            is behind it. Default: ''.
        limit (int | Unset): How many at most. Default: 100.
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
        Response[DeadLetterList | ProblemDocument]
    """

    kwargs = _get_kwargs(
        key=key,
        cursor=cursor,
        limit=limit,
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
    key: str | Unset = "",
    cursor: str | Unset = "",
    limit: int | Unset = 100,
    connection: str | Unset = "",
    entity: str | Unset = "",
    run: str | Unset = "",
    field: str | Unset = "",
    reason: str | Unset = "",
    since: str | Unset = "",
    state: DeadLetterChoice | Unset = UNSET,
    fields: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> DeadLetterList | ProblemDocument | None:
    """List dead letters in the order they came

     Records that could not pass; the open ones, unless `state` says otherwise. A filter that few pass
    may give a page
    with fewer items, or none, and `hasMore`: go on with its cursor.

    Args:
        key (str | Unset): Only of the record with this key. Default: ''.
        cursor (str | Unset): `nextCursor` of an earlier answer. It stays valid: what comes later
            is behind it. Default: ''.
        limit (int | Unset): How many at most. Default: 100.
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
        DeadLetterList | ProblemDocument
    """

    return sync_detailed(
        client=client,
        key=key,
        cursor=cursor,
        limit=limit,
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
    key: str | Unset = "",
    cursor: str | Unset = "",
    limit: int | Unset = 100,
    connection: str | Unset = "",
    entity: str | Unset = "",
    run: str | Unset = "",
    field: str | Unset = "",
    reason: str | Unset = "",
    since: str | Unset = "",
    state: DeadLetterChoice | Unset = UNSET,
    fields: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[DeadLetterList | ProblemDocument]:
    """List dead letters in the order they came

     Records that could not pass; the open ones, unless `state` says otherwise. A filter that few pass
    may give a page
    with fewer items, or none, and `hasMore`: go on with its cursor.

    Args:
        key (str | Unset): Only of the record with this key. Default: ''.
        cursor (str | Unset): `nextCursor` of an earlier answer. It stays valid: what comes later
            is behind it. Default: ''.
        limit (int | Unset): How many at most. Default: 100.
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
        Response[DeadLetterList | ProblemDocument]
    """

    kwargs = _get_kwargs(
        key=key,
        cursor=cursor,
        limit=limit,
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
    key: str | Unset = "",
    cursor: str | Unset = "",
    limit: int | Unset = 100,
    connection: str | Unset = "",
    entity: str | Unset = "",
    run: str | Unset = "",
    field: str | Unset = "",
    reason: str | Unset = "",
    since: str | Unset = "",
    state: DeadLetterChoice | Unset = UNSET,
    fields: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> DeadLetterList | ProblemDocument | None:
    """List dead letters in the order they came

     Records that could not pass; the open ones, unless `state` says otherwise. A filter that few pass
    may give a page
    with fewer items, or none, and `hasMore`: go on with its cursor.

    Args:
        key (str | Unset): Only of the record with this key. Default: ''.
        cursor (str | Unset): `nextCursor` of an earlier answer. It stays valid: what comes later
            is behind it. Default: ''.
        limit (int | Unset): How many at most. Default: 100.
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
        DeadLetterList | ProblemDocument
    """

    return (
        await asyncio_detailed(
            client=client,
            key=key,
            cursor=cursor,
            limit=limit,
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
