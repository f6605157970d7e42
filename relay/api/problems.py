"""Every error as a problem document (RFC 9457), none with a traceback or a value from elsewhere."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from agent.errors import GroundwireError, TransientError
from relay.store.base import IndexIncomplete, OutcomeUnknown

log = structlog.get_logger()

MEDIA_TYPE: Final = "application/problem+json"
UNSETTLED: Final = "unsettled"  # in the request's state: what it asked for may have been done or not
OWN_FAULT: Final = (
    "The relay cannot answer this request, by a fault of its own, which its log names. Send it again in a minute, a write "
    "with the same Idempotency-Key; if this answer stays, tell the relay's operator."
)
MAX_FAULTS: Final = 20  # of one request; the first few say it


class Fault(BaseModel):
    where: str = Field(description="The parameter or the member of the body.", examples=["query.limit"])
    message: str


class ProblemDocument(BaseModel):
    """RFC 9457."""

    type: str = Field(description="Names the kind of problem.", examples=["about:blank"])
    title: str = Field(examples=["Unauthorized"])
    status: int = Field(examples=[401])
    detail: str = Field(description="What is wrong with this request.")
    errors: list[Fault] | None = Field(default=None, description="The single faults of an invalid request.")


class Problem(Exception):
    """Ends a request with this answer."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.errors = errors


def not_found(what: str) -> Problem:
    """The same whether it is another tenant's or nobody's."""
    return Problem(HTTPStatus.NOT_FOUND, f"There is no such {what}.")


def response(
    status: int,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> Response:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors is not None:
        body["errors"] = errors
    return Response(orjson.dumps(body), status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(GroundwireError, _ours)


async def _problem(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    return response(error.status, error.detail, headers=error.headers, errors=error.errors)


async def _invalid(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    faults = [
        {"where": ".".join(str(part) for part in fault["loc"])[:200], "message": str(fault["msg"])[:200]}
        for fault in error.errors()[:MAX_FAULTS]
    ]
    return response(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "The request is not valid; `errors` says where, and why.",
        errors=faults,
    )


async def _http(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself."""
    if not isinstance(error, HTTPException):
        raise error
    headers = dict(error.headers) if error.headers else None
    words = {
        HTTPStatus.NOT_FOUND: "There is no such path; /api/v1/openapi.json describes all there are.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"There is no {request.method} of this path; `Allow` says what there is.",
    }
    return response(
        error.status_code, words.get(HTTPStatus(error.status_code), str(error.detail)), headers=headers
    )


async def _ours(request: Request, error: Exception) -> Response:
    if not isinstance(error, GroundwireError):
        raise error
    if isinstance(error, IndexIncomplete):  # it is known, and passes
        return response(HTTPStatus.SERVICE_UNAVAILABLE, error.message, headers={"Retry-After": "5"})
    log.error("request_failed", code=error.code, error=str(error), hint=error.hint)
    if isinstance(error, OutcomeUnknown):
        setattr(request.state, UNSETTLED, True)
    if isinstance(error, TransientError):
        return response(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The relay cannot answer now. Send the same request again after `Retry-After`, a write with the same "
            "Idempotency-Key.",
            headers={"Retry-After": "5"},
        )
    return response(HTTPStatus.INTERNAL_SERVER_ERROR, OWN_FAULT)


def crashed(error: Exception) -> Response:
    """For an error that nobody foresaw."""
    log.error("request_crashed", error=type(error).__name__, exc_info=error)
    return response(HTTPStatus.INTERNAL_SERVER_ERROR, OWN_FAULT)
