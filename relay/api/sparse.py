"""`fields=key,status`: only these members of each item of a list, or of the one thing that is asked for."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final, get_args

from fastapi import Request
from pydantic import BaseModel

from relay.api.problems import Problem
from relay.api.records import RECORD_MEMBERS

PARAMETER: Final = "fields"
FIELDS: Final = "fields"  # in the request's state: the names that are still to be chosen from its answer
MAX_LENGTH: Final = 2_000
_ITEMS: Final = "items"
Members = frozenset[str]


def members_of(route: Any) -> Members | None:
    """What may be chosen of the answers of a route; None where nothing may."""
    if "GET" not in (getattr(route, "methods", None) or ()):
        return None
    known = RECORD_MEMBERS.get(route.operation_id or "")
    if known is not None:
        return known
    model = route.response_model
    return _members(_item_of(model)) if _is_model(model) else None


def _item_of(model: type[BaseModel]) -> type[BaseModel]:
    items = model.model_fields.get(_ITEMS)
    inner: type[BaseModel] | None = None
    if items is not None:
        inner = next((one for one in get_args(items.annotation) if _is_model(one)), None)
    return model if inner is None else inner


def _members(model: type[BaseModel]) -> Members | None:
    """None for one that may hold whatever an agent tells."""
    if model.model_config.get("extra") == "allow":
        return None
    return frozenset(field.alias or name for name, field in model.model_fields.items())


def _is_model(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, BaseModel)


def chosen(request: Request) -> tuple[str, ...]:
    """The names that this request asks for; none: all of them."""
    text = request.query_params.get(PARAMETER, "")
    members = members_of(request.scope["route"])
    if not text or members is None:
        return ()
    if len(text) > MAX_LENGTH:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{PARAMETER} is longer than {MAX_LENGTH} characters.")
    names = tuple(dict.fromkeys(text.split(",")))
    strange = [name for name in names if name not in members]
    if strange:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"There is no field {strange[0][:64]!r} here; there are {', '.join(sorted(members))}.",
        )
    return names


def names_taken(request: Request) -> tuple[str, ...]:
    """The names that this request asks for, for a route that shows nothing else by itself."""
    names: tuple[str, ...] = getattr(request.state, FIELDS)
    setattr(request.state, FIELDS, ())
    return names


def cut(body: bytes, names: tuple[str, ...]) -> bytes:
    # Not orjson, which makes binary fractions of integers beyond 64 bits.
    found: dict[str, Any] = json.loads(body)
    items = found.get(_ITEMS)
    if isinstance(items, list):
        found[_ITEMS] = [_only(item, names) for item in items]
    else:
        found = _only(found, names)
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


def _only(item: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: item[name] for name in names if name in item}
