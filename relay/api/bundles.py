"""An agent's diagnostics bundle: asked for as a command, and taken out of its outcome as the file that it is."""

from __future__ import annotations

import base64
import binascii
import hashlib
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Response

from relay import kinds
from relay.api.command_schemas import BundleIn, CommandOut
from relay.api.commanding import COMMAND_RESPONSES, Ask, AskOptions, submit
from relay.api.context import CommandingTenant, Context, Tenant
from relay.api.exact import exact_body
from relay.api.problems import Problem, not_found
from relay.store import roster

router = APIRouter(tags=["commands"])
MEDIA_TYPE: Final = "application/zip"
_ZIP: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The bundle.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    },
    409: {
        "description": "The command has no bundle: it has not ended, did not succeed, or asked for the list alone."
    },
}


@router.post(
    "/agents/{agent}/diagnostics-bundle",
    status_code=HTTPStatus.ACCEPTED,
    summary="Ask an agent for its diagnostics bundle, or for the list of what would be in it",
    responses=COMMAND_RESPONSES,
    dependencies=[Depends(exact_body)],
)
async def diagnostics_bundle(  # noqa: PLR0913, RUF100 - what FastAPI injects
    ctx: Context,
    tenant: CommandingTenant,
    agent: str,
    options: AskOptions,
    response: Response,
    body: Annotated[BundleIn | None, Body()] = None,
) -> CommandOut:
    """The agent's own policy decides whether it is made: `commands` must name `diagnostics_bundle`."""
    found = await ctx.store.engine.read(lambda db: roster.agent(db, tenant, agent))
    if found is None:
        raise not_found("agent")
    args = {"list": True} if body is not None and body.only_list else {}
    return await submit(ctx, Ask(tenant, found.id, None, kinds.DIAGNOSTICS_BUNDLE, args), options, response)


@router.get(
    "/commands/{command}/bundle",
    summary="Download the diagnostics bundle of a command",
    response_class=Response,
    responses=_ZIP,
)
async def download(ctx: Context, tenant: Tenant, command: str) -> Response:
    found = await ctx.store.command(tenant, command)
    if found is None or found.kind != kinds.DIAGNOSTICS_BUNDLE:
        raise not_found("diagnostics bundle")
    told = found.result or {}
    content = _content(told.get("zip"))
    if content is None:
        raise Problem(
            HTTPStatus.CONFLICT,
            f"The command has no bundle: it is {found.state}, or asked for the list alone.",
        )
    if hashlib.sha256(content).hexdigest() != told.get("sha256"):
        raise Problem(
            HTTPStatus.CONFLICT,
            "The bundle is not as its agent made it: its SHA-256 is another. Ask the agent for a new one.",
        )
    headers = {"Content-Disposition": f'attachment; filename="groundwire-diagnostics-{found.id}.zip"'}
    return Response(content, media_type=MEDIA_TYPE, headers=headers)


def _content(text: object) -> bytes | None:
    """What the agent said is not trusted to be what it should be."""
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) and text else None
    except (binascii.Error, ValueError):
        return None
