"""Commands about the mapping of a stream."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Body, Depends, Header, Path

from relay import kinds
from relay.api.command_schemas import ChangeIn, CommandOut, PreviewIn, ReadMappingIn, RevertIn
from relay.api.commanding import COMMAND_RESPONSES, Asked
from relay.api.exact import exact_body
from relay.api.problems import Problem

router = APIRouter(
    prefix="/connections/{connection}/streams/{stream}/mapping",
    tags=["mappings"],
    responses=COMMAND_RESPONSES,
    dependencies=[Depends(exact_body)],
)

StreamName = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")]
_VERSION: Final = re.compile(r'"?([0-9]{1,15})"?')


@router.post("/read", status_code=HTTPStatus.ACCEPTED, summary="Read a stream's mapping, side by side")
async def read_mapping(
    asked: Asked, stream: StreamName, body: Annotated[ReadMappingIn | None, Body()] = None
) -> CommandOut:
    samples = None if body is None else body.samples
    return await asked.send(kinds.READ_MAPPING, stream=stream, samples=samples)


@router.post("/preview", status_code=HTTPStatus.ACCEPTED, summary="Try changes of a mapping on real rows")
async def preview_mapping(asked: Asked, stream: StreamName, body: Annotated[PreviewIn, Body()]) -> CommandOut:
    return await asked.send(kinds.PREVIEW_MAPPING, stream=stream, changes=body.changes, rows=body.rows)


@router.patch(
    "",
    status_code=HTTPStatus.ACCEPTED,
    summary="Change a mapping",
    responses={428: {"description": "It is not said which version the changes were made from."}},
)
async def change_mapping(
    asked: Asked,
    stream: StreamName,
    body: Annotated[ChangeIn, Body()],
    if_match: Annotated[
        str | None, Header(description="The version the changes were made from; or `basedOn` in the body.")
    ] = None,
) -> CommandOut:
    """Refused by the agent where somebody else changed the mapping meanwhile."""
    based_on = _based_on(if_match, body.based_on)
    return await asked.send(
        kinds.CHANGE_MAPPING, stream=stream, changes=body.changes, based_on=based_on, note=body.note
    )


def _based_on(header: str | None, said: int | None) -> int:
    match = None if header is None else _VERSION.fullmatch(header.strip())
    if header is not None and match is None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, 'If-Match names one version, such as "3".')
    version = said if match is None else int(match[1])
    if version is None:
        raise Problem(
            HTTPStatus.PRECONDITION_REQUIRED,
            "Say which version the changes were made from: in If-Match, or as `basedOn`.",
        )
    if said is not None and said != version:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "If-Match and `basedOn` name different versions.")
    return version


@router.post("/revert", status_code=HTTPStatus.ACCEPTED, summary="Bring an earlier version of a mapping back")
async def revert_mapping(asked: Asked, stream: StreamName, body: Annotated[RevertIn, Body()]) -> CommandOut:
    return await asked.send(kinds.REVERT_MAPPING, stream=stream, to=body.to)
