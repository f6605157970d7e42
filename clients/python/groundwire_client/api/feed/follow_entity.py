from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.problem_document import ProblemDocument
from ...types import UNSET, Response, Unset


def _get_kwargs(
    connection: str,
    entity: str,
    *,
    cursor: str | Unset = "",
    limit: int | Unset = 1000,
    wait: int | Unset = 0,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["cursor"] = cursor

    params["limit"] = limit

    params["wait"] = wait

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/feed/{connection}/{entity}".format(
            connection=quote(str(connection), safe=""),
            entity=quote(str(entity), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ProblemDocument | str | None:
    if response.status_code == 200:
        response_200 = cast(str, response.content)
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

    if response.status_code == 410:
        response_410 = ProblemDocument.from_dict(response.json())

        return response_410

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
) -> Response[ProblemDocument | str]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    connection: str,
    entity: str,
    *,
    client: AuthenticatedClient,
    cursor: str | Unset = "",
    limit: int | Unset = 1000,
    wait: int | Unset = 0,
) -> Response[ProblemDocument | str]:
    """Follow the changes of one entity of a connection

     Everything that was stored behind the cursor, oldest first: records as they became, new or changed,
    and tombstones for
    those that are gone at the source. Whoever takes each line in its turn, puts a `record` in the place
    of the one with its
    key, and removes what a `tombstone` names, has an exact copy. Without a cursor it begins with the
    oldest. `cursor=now`
    answers with a cursor alone: what the lists do not show yet comes behind it.

    JSON lines by default. Their `type` says what each is:

    - `record` and `tombstone`: `connection`, `entity`, `key`, `document` as in the lists;
    - `checkpoint`: `cursor`, good for going on behind the lines above it;
    - `end`, the last: `cursor` for the next request, and `more`, whether there is something behind it
    already. An answer
      without it was cut short: go on with the last cursor that came.

    With `Accept: application/vnd.apache.arrow.stream` Arrow IPC streams, one behind the other, each
    with the columns of its records, or `key` and
    `deleted_at`. The metadata of each schema has `type`, `connection`, `entity` and `cursor`; the last
    stream is of type `end`
    and says `more`.

    A cursor stays valid, however old. It is answered with 410 when the relay came back from a backup
    that is older than
    what the reader has: then begin without a cursor, and remove what has not come again by the first
    `end` without `more`.

    Args:
        connection (str):
        entity (str):
        cursor (str | Unset): The last cursor that came; `now`; or nothing: from the beginning.
            Default: ''.
        limit (int | Unset): How many records at most. Default: 1000.
        wait (int | Unset): Seconds to wait for something, if there is nothing. Default: 0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDocument | str]
    """

    kwargs = _get_kwargs(
        connection=connection,
        entity=entity,
        cursor=cursor,
        limit=limit,
        wait=wait,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    connection: str,
    entity: str,
    *,
    client: AuthenticatedClient,
    cursor: str | Unset = "",
    limit: int | Unset = 1000,
    wait: int | Unset = 0,
) -> ProblemDocument | str | None:
    """Follow the changes of one entity of a connection

     Everything that was stored behind the cursor, oldest first: records as they became, new or changed,
    and tombstones for
    those that are gone at the source. Whoever takes each line in its turn, puts a `record` in the place
    of the one with its
    key, and removes what a `tombstone` names, has an exact copy. Without a cursor it begins with the
    oldest. `cursor=now`
    answers with a cursor alone: what the lists do not show yet comes behind it.

    JSON lines by default. Their `type` says what each is:

    - `record` and `tombstone`: `connection`, `entity`, `key`, `document` as in the lists;
    - `checkpoint`: `cursor`, good for going on behind the lines above it;
    - `end`, the last: `cursor` for the next request, and `more`, whether there is something behind it
    already. An answer
      without it was cut short: go on with the last cursor that came.

    With `Accept: application/vnd.apache.arrow.stream` Arrow IPC streams, one behind the other, each
    with the columns of its records, or `key` and
    `deleted_at`. The metadata of each schema has `type`, `connection`, `entity` and `cursor`; the last
    stream is of type `end`
    and says `more`.

    A cursor stays valid, however old. It is answered with 410 when the relay came back from a backup
    that is older than
    what the reader has: then begin without a cursor, and remove what has not come again by the first
    `end` without `more`.

    Args:
        connection (str):
        entity (str):
        cursor (str | Unset): The last cursor that came; `now`; or nothing: from the beginning.
            Default: ''.
        limit (int | Unset): How many records at most. Default: 1000.
        wait (int | Unset): Seconds to wait for something, if there is nothing. Default: 0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDocument | str
    """

    return sync_detailed(
        connection=connection,
        entity=entity,
        client=client,
        cursor=cursor,
        limit=limit,
        wait=wait,
    ).parsed


async def asyncio_detailed(
    connection: str,
    entity: str,
    *,
    client: AuthenticatedClient,
    cursor: str | Unset = "",
    limit: int | Unset = 1000,
    wait: int | Unset = 0,
) -> Response[ProblemDocument | str]:
    """Follow the changes of one entity of a connection

     Everything that was stored behind the cursor, oldest first: records as they became, new or changed,
    and tombstones for
    those that are gone at the source. Whoever takes each line in its turn, puts a `record` in the place
    of the one with its
    key, and removes what a `tombstone` names, has an exact copy. Without a cursor it begins with the
    oldest. `cursor=now`
    answers with a cursor alone: what the lists do not show yet comes behind it.

    JSON lines by default. Their `type` says what each is:

    - `record` and `tombstone`: `connection`, `entity`, `key`, `document` as in the lists;
    - `checkpoint`: `cursor`, good for going on behind the lines above it;
    - `end`, the last: `cursor` for the next request, and `more`, whether there is something behind it
    already. An answer
      without it was cut short: go on with the last cursor that came.

    With `Accept: application/vnd.apache.arrow.stream` Arrow IPC streams, one behind the other, each
    with the columns of its records, or `key` and
    `deleted_at`. The metadata of each schema has `type`, `connection`, `entity` and `cursor`; the last
    stream is of type `end`
    and says `more`.

    A cursor stays valid, however old. It is answered with 410 when the relay came back from a backup
    that is older than
    what the reader has: then begin without a cursor, and remove what has not come again by the first
    `end` without `more`.

    Args:
        connection (str):
        entity (str):
        cursor (str | Unset): The last cursor that came; `now`; or nothing: from the beginning.
            Default: ''.
        limit (int | Unset): How many records at most. Default: 1000.
        wait (int | Unset): Seconds to wait for something, if there is nothing. Default: 0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ProblemDocument | str]
    """

    kwargs = _get_kwargs(
        connection=connection,
        entity=entity,
        cursor=cursor,
        limit=limit,
        wait=wait,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    connection: str,
    entity: str,
    *,
    client: AuthenticatedClient,
    cursor: str | Unset = "",
    limit: int | Unset = 1000,
    wait: int | Unset = 0,
) -> ProblemDocument | str | None:
    """Follow the changes of one entity of a connection

     Everything that was stored behind the cursor, oldest first: records as they became, new or changed,
    and tombstones for
    those that are gone at the source. Whoever takes each line in its turn, puts a `record` in the place
    of the one with its
    key, and removes what a `tombstone` names, has an exact copy. Without a cursor it begins with the
    oldest. `cursor=now`
    answers with a cursor alone: what the lists do not show yet comes behind it.

    JSON lines by default. Their `type` says what each is:

    - `record` and `tombstone`: `connection`, `entity`, `key`, `document` as in the lists;
    - `checkpoint`: `cursor`, good for going on behind the lines above it;
    - `end`, the last: `cursor` for the next request, and `more`, whether there is something behind it
    already. An answer
      without it was cut short: go on with the last cursor that came.

    With `Accept: application/vnd.apache.arrow.stream` Arrow IPC streams, one behind the other, each
    with the columns of its records, or `key` and
    `deleted_at`. The metadata of each schema has `type`, `connection`, `entity` and `cursor`; the last
    stream is of type `end`
    and says `more`.

    A cursor stays valid, however old. It is answered with 410 when the relay came back from a backup
    that is older than
    what the reader has: then begin without a cursor, and remove what has not come again by the first
    `end` without `more`.

    Args:
        connection (str):
        entity (str):
        cursor (str | Unset): The last cursor that came; `now`; or nothing: from the beginning.
            Default: ''.
        limit (int | Unset): How many records at most. Default: 1000.
        wait (int | Unset): Seconds to wait for something, if there is nothing. Default: 0.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ProblemDocument | str
    """

    return (
        await asyncio_detailed(
            connection=connection,
            entity=entity,
            client=client,
            cursor=cursor,
            limit=limit,
            wait=wait,
        )
    ).parsed
