"""Everything wrong with a file, each with its line and the nearest right name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from agent.configuration.positions import Path
from agent.errors import ConfigurationError

MAX_PROBLEMS: Final = 50  # per file: more is one mistake many times

_SENTENCES: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": 'must be text, in quotes: "..."',
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "tuple_type": "must be a list: [...]",
    "invalid_key": "has a name that is not text",
}


class ConfigurationProblems(ConfigurationError):
    """One or more files are wrong; `problems` holds each fault with its place."""

    def __init__(self, problems: Iterable[ConfigurationError], *, hint: str = "") -> None:
        """`hint`: what to do about all of them; each may say more."""
        self.problems = tuple(sorted(problems, key=_place_of))
        first = self.problems[0]
        if len(self.problems) == 1:
            super().__init__(first.message, where=first.where, hint=_own_hint(first) or hint)
        else:
            lines = [line for one in self.problems for line in _lines_of(one)]
            super().__init__("\n".join([f"{len(self.problems)} problems:", *lines]), hint=hint)


def _lines_of(problem: ConfigurationError) -> list[str]:
    hint = _own_hint(problem)
    return [f"  {problem}", *([f"    {hint}"] if hint else [])]


def _own_hint(problem: ConfigurationError) -> str:
    return "" if problem.hint == ConfigurationError.default_hint else problem.hint


def _place_of(problem: ConfigurationError) -> tuple[str, int]:
    file, _, line = problem.where.rpartition(":")
    return (file, int(line)) if line.isdecimal() else (problem.where, 0)


def problems_of(error: ConfigurationError) -> tuple[ConfigurationError, ...]:
    return error.problems if isinstance(error, ConfigurationProblems) else (error,)


def from_validation(
    error: ValidationError, *, model: type[BaseModel], lines: Mapping[Path, int], file: str
) -> list[ConfigurationError]:
    """Word pydantic's findings for the operator. Never repeats a value: it may be a secret in the wrong place."""
    return [
        _problem(
            detail["type"], detail["msg"], tuple(detail["loc"]), detail.get("ctx") or {}, model, lines, file
        )
        for detail in error.errors(include_url=False, include_input=False)[:MAX_PROBLEMS]
    ]


def _problem(
    kind: str,
    message: str,
    loc: Path,
    context: Mapping[str, Any],
    model: type[BaseModel],
    lines: Mapping[Path, int],
    file: str,
) -> ConfigurationError:
    is_key = bool(loc) and loc[-1] == "[key]"
    path = loc[:-1] if is_key else loc
    where = place(file, path, lines)
    if kind == "extra_forbidden":
        return ConfigurationError(f'unknown key "{dotted(path)}"', where=where, hint=_nearest(model, path))
    if kind == "literal_error":
        return ConfigurationError(f'"{dotted(path)}" must be {context["expected"]}', where=where)
    if kind == "value_error" and "error" in context:
        sentence = str(context["error"])
    else:
        sentence = _SENTENCES.get(kind) or message.replace("Input should", "must", 1).replace(
            "must be a valid", "must be a"
        )
    return ConfigurationError(f'"{dotted(path)}": {sentence}' if path else sentence, where=where)


def place(file: str, path: Path, lines: Mapping[Path, int]) -> str:
    """`file:line` of the key, or of the nearest table around it that the file has."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return f"{file}:{lines[path[:length]]}"
    return file


def dotted(path: Sequence[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _nearest(model: type[BaseModel], path: Path) -> str:
    names = sorted(_fields_at(model, path[:-1]))
    close = difflib.get_close_matches(str(path[-1]), names, n=1, cutoff=0.6)
    if close:
        return f'Did you mean "{close[0]}"?'
    return f"Known here: {', '.join(names)}." if names else ""


def _fields_at(model: type[BaseModel], path: Path) -> frozenset[str]:
    """The keys that the table at `path` may hold."""
    current: Any = model
    for part in path:
        fields = getattr(current, "model_fields", None)
        # In a table of named tables (streams), any name leads to the same model.
        current = _model_in(fields[str(part)].annotation) if fields and str(part) in fields else current
    fields = getattr(current, "model_fields", {})
    return frozenset(field.alias or name for name, field in fields.items())


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((one for one in found if one is not None), None)
