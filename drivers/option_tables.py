"""Tables of options, typed; an unknown key is refused with the nearest right name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from drivers.contract import BadConfiguration


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


_Model = TypeVar("_Model", bound=Strict)

# In TOML's words, where the library speaks Python's.
_EXPECTED: Final[Mapping[str, str]] = {
    "tuple_type": 'should be a list of texts, such as ["Supplier"]',
    "dict_type": "should be a table",
    "model_type": "should be a table",
    "string_type": "should be a text",
    "missing": "is missing",
    "too_short": "should not be empty",
}


def parse_table(model: type[_Model], options: Mapping[str, Any], *, where: str, page: str) -> _Model:
    """Raises BadConfiguration with the place of the first mistake. `page`: where the options are described."""
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        # include_input is off: an option may hold a value that must not reach a log.
        first = error.errors(include_input=False, include_url=False)[0]
        path = [str(part) for part in first["loc"]]
        place = ".".join([where, *path])
        if first["type"] == "extra_forbidden":
            raise BadConfiguration(
                f"there is no option {path[-1]!r}", where=place, hint=_nearest(model, path)
            ) from None
        expected = _EXPECTED.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise BadConfiguration(expected, where=place, hint=f"See {page}.") from None


def _nearest(model: type[Strict], path: list[str]) -> str:
    names = sorted(_table_at(model, path[:-1]).model_fields)
    close = difflib.get_close_matches(path[-1], names, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known here: {', '.join(names)}."


def _table_at(model: type[Strict], path: list[str]) -> type[Strict]:
    """The innermost table on the way to a mistake."""
    for name in path:
        if name in model.model_fields:
            model = next(_tables_in(model.model_fields[name].annotation), model)
    return model


def _tables_in(annotation: Any) -> Iterator[type[Strict]]:
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        yield annotation
    for argument in get_args(annotation):
        yield from _tables_in(argument)
