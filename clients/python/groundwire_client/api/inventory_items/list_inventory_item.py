from http import HTTPStatus
from typing import Any

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.deleted import Deleted
from ...models.inventory_item_list import InventoryItemList
from ...models.problem_document import ProblemDocument
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    connection: str | Unset = "",
    key: str | Unset = "",
    code: str | Unset = "",
    status: str | Unset = "",
    vendor_key: str | Unset = "",
    updated_after: str | Unset = "",
    deleted: Deleted | Unset = UNSET,
    include: str | Unset = "",
    cursor: str | Unset = "",
    limit: int | Unset = 100,
    fields: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(if_none_match, Unset):
        headers["If-None-Match"] = if_none_match

    params: dict[str, Any] = {}

    params["connection"] = connection

    params["key"] = key

    params["code"] = code

    params["status"] = status

    params["vendorKey"] = vendor_key

    params["updated_after"] = updated_after

    json_deleted: str | Unset = UNSET
    if not isinstance(deleted, Unset):
        json_deleted = deleted.value

    params["deleted"] = json_deleted

    params["include"] = include

    params["cursor"] = cursor

    params["limit"] = limit

    params["fields"] = fields

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/api/v1/inventory-items",
        "params": params,
    }

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> InventoryItemList | ProblemDocument | None:
    if response.status_code == 200:
        response_200 = InventoryItemList.from_dict(response.json())

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
) -> Response[InventoryItemList | ProblemDocument]:
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
    key: str | Unset = "",
    code: str | Unset = "",
    status: str | Unset = "",
    vendor_key: str | Unset = "",
    updated_after: str | Unset = "",
    deleted: Deleted | Unset = UNSET,
    include: str | Unset = "",
    cursor: str | Unset = "",
    limit: int | Unset = 100,
    fields: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[InventoryItemList | ProblemDocument]:
    """List inventory items in the order of their last change

    Args:
        connection (str | Unset): Only of this connection. Default: ''.
        key (str | Unset): Only with this key. Default: ''.
        code (str | Unset): Only with this number or code, such as an order number. Default: ''.
        status (str | Unset): Only in this status. Default: ''.
        vendor_key (str | Unset): Only of the vendor with this key. Default: ''.
        updated_after (str | Unset): Only changed after this moment by the source's own stamp
            (`updatedAt`), or by the time of receipt where the source has none. To follow changes
            without missing any, use `cursor` instead. Default: ''.
        deleted (Deleted | Unset):
        include (str | Unset): `raw` adds the source record, as far as the agent sends it.
            Default: ''.
        cursor (str | Unset): `nextCursor` of an earlier answer. It stays valid: what changes
            later is behind it. Default: ''.
        limit (int | Unset): How many records at most. Default: 100.
        fields (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[InventoryItemList | ProblemDocument]
    """

    kwargs = _get_kwargs(
        connection=connection,
        key=key,
        code=code,
        status=status,
        vendor_key=vendor_key,
        updated_after=updated_after,
        deleted=deleted,
        include=include,
        cursor=cursor,
        limit=limit,
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
    key: str | Unset = "",
    code: str | Unset = "",
    status: str | Unset = "",
    vendor_key: str | Unset = "",
    updated_after: str | Unset = "",
    deleted: Deleted | Unset = UNSET,
    include: str | Unset = "",
    cursor: str | Unset = "",
    limit: int | Unset = 100,
    fields: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> InventoryItemList | ProblemDocument | None:
    """List inventory items in the order of their last change

    Args:
        connection (str | Unset): Only of this connection. Default: ''.
        key (str | Unset): Only with this key. Default: ''.
        code (str | Unset): Only with this number or code, such as an order number. Default: ''.
        status (str | Unset): Only in this status. Default: ''.
        vendor_key (str | Unset): Only of the vendor with this key. Default: ''.
        updated_after (str | Unset): Only changed after this moment by the source's own stamp
            (`updatedAt`), or by the time of receipt where the source has none. To follow changes
            without missing any, use `cursor` instead. Default: ''.
        deleted (Deleted | Unset):
        include (str | Unset): `raw` adds the source record, as far as the agent sends it.
            Default: ''.
        cursor (str | Unset): `nextCursor` of an earlier answer. It stays valid: what changes
            later is behind it. Default: ''.
        limit (int | Unset): How many records at most. Default: 100.
        fields (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        InventoryItemList | ProblemDocument
    """

    return sync_detailed(
        client=client,
        connection=connection,
        key=key,
        code=code,
        status=status,
        vendor_key=vendor_key,
        updated_after=updated_after,
        deleted=deleted,
        include=include,
        cursor=cursor,
        limit=limit,
        fields=fields,
        if_none_match=if_none_match,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    connection: str | Unset = "",
    key: str | Unset = "",
    code: str | Unset = "",
    status: str | Unset = "",
    vendor_key: str | Unset = "",
    updated_after: str | Unset = "",
    deleted: Deleted | Unset = UNSET,
    include: str | Unset = "",
    cursor: str | Unset = "",
    limit: int | Unset = 100,
    fields: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> Response[InventoryItemList | ProblemDocument]:
    """List inventory items in the order of their last change

    Args:
        connection (str | Unset): Only of this connection. Default: ''.
        key (str | Unset): Only with this key. Default: ''.
        code (str | Unset): Only with this number or code, such as an order number. Default: ''.
        status (str | Unset): Only in this status. Default: ''.
        vendor_key (str | Unset): Only of the vendor with this key. Default: ''.
        updated_after (str | Unset): Only changed after this moment by the source's own stamp
            (`updatedAt`), or by the time of receipt where the source has none. To follow changes
            without missing any, use `cursor` instead. Default: ''.
        deleted (Deleted | Unset):
        include (str | Unset): `raw` adds the source record, as far as the agent sends it.
            Default: ''.
        cursor (str | Unset): `nextCursor` of an earlier answer. It stays valid: what changes
            later is behind it. Default: ''.
        limit (int | Unset): How many records at most. Default: 100.
        fields (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[InventoryItemList | ProblemDocument]
    """

    kwargs = _get_kwargs(
        connection=connection,
        key=key,
        code=code,
        status=status,
        vendor_key=vendor_key,
        updated_after=updated_after,
        deleted=deleted,
        include=include,
        cursor=cursor,
        limit=limit,
        fields=fields,
        if_none_match=if_none_match,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    connection: str | Unset = "",
    key: str | Unset = "",
    code: str | Unset = "",
    status: str | Unset = "",
    vendor_key: str | Unset = "",
    updated_after: str | Unset = "",
    deleted: Deleted | Unset = UNSET,
    include: str | Unset = "",
    cursor: str | Unset = "",
    limit: int | Unset = 100,
    fields: str | Unset = UNSET,
    if_none_match: str | Unset = UNSET,
) -> InventoryItemList | ProblemDocument | None:
    """List inventory items in the order of their last change

    Args:
        connection (str | Unset): Only of this connection. Default: ''.
        key (str | Unset): Only with this key. Default: ''.
        code (str | Unset): Only with this number or code, such as an order number. Default: ''.
        status (str | Unset): Only in this status. Default: ''.
        vendor_key (str | Unset): Only of the vendor with this key. Default: ''.
        updated_after (str | Unset): Only changed after this moment by the source's own stamp
            (`updatedAt`), or by the time of receipt where the source has none. To follow changes
            without missing any, use `cursor` instead. Default: ''.
        deleted (Deleted | Unset):
        include (str | Unset): `raw` adds the source record, as far as the agent sends it.
            Default: ''.
        cursor (str | Unset): `nextCursor` of an earlier answer. It stays valid: what changes
            later is behind it. Default: ''.
        limit (int | Unset): How many records at most. Default: 100.
        fields (str | Unset):
        if_none_match (str | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        InventoryItemList | ProblemDocument
    """

    return (
        await asyncio_detailed(
            client=client,
            connection=connection,
            key=key,
            code=code,
            status=status,
            vendor_key=vendor_key,
            updated_after=updated_after,
            deleted=deleted,
            include=include,
            cursor=cursor,
            limit=limit,
            fields=fields,
            if_none_match=if_none_match,
        )
    ).parsed
