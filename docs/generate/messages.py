"""The reference of messages: every code that an operator can meet, from the code, with the causes in the files beside."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import agent
import relay
from agent.commandline.exits import code_of
from agent.doctor.checks import every_known
from agent.errors import GroundwireError
from agent.mapping.faults import REMEDIES
from relay.health.rules import KINDS
from relay.materialise import LETTER_REMEDIES

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
PAGE: Final = ROOT / "docs" / "messages.md"
REFERENCE: Final = ROOT / "agent" / "commandline" / "reference.json"
LEVELS: Final = ("warning", "error", "exception", "critical")

KINDS_IN_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "error": (
        "Errors",
        (
            "What a command, `groundwire status`, the console or a log line names as `code`. With it come a sentence of"
            " its own, the place, and a hint. The exit code is that of a command which ends with it."
        ),
    ),
    "doctor": ("Findings of doctor", "What `groundwire doctor` finds; see [doctor.md](doctor.md)."),
    "log": ("Log events", "Lines at level warning or above, by their `event`."),
    "letter": ("Reasons of dead letters", "Why a record cannot pass, in `reason`."),
    "health": (
        "Reasons of health",
        "What the relay says of agents and connections; see [health.md](health.md).",
    ),
    "command": (
        "Results of commands",
        "`result.code` of a command that is no error of its own; see [commands.md](commands.md).",
    ),
    "api": ("Statuses of the API", "Of the relay's answers; see [api.md](api.md)."),
}


@dataclass(frozen=True, slots=True)
class Entry:
    code: str
    kind: str
    meaning: str
    cause: str
    remedy: str
    exit_code: int | None = None
    level: str = ""


@cache
def entries() -> tuple[Entry, ...]:
    """Sorted by kind as on the page, then by code."""
    order = list(KINDS_IN_WORDS)
    return tuple(sorted(_entries(), key=lambda entry: (order.index(entry.kind), entry.code)))


def _entries() -> Iterator[Entry]:
    yield from _errors()
    for known in every_known():
        yield Entry(known.code, "doctor", known.meaning, known.meaning, known.remedy, level=known.level.value)
    written = texts("events")
    for event, (level, _) in events().items():
        told = written.get(event, {})
        yield Entry(event, "log", "", told.get("cause", ""), told.get("remedy", ""), level=level)
    for reason, remedy in {**REMEDIES, **LETTER_REMEDIES}.items():
        cause, _, rest = remedy.partition(". ")
        yield Entry(reason, "letter", "", f"{cause}.", rest)
    for rule, kind in KINDS.items():
        yield Entry(rule.value, "health", "", kind.says.format("N"), kind.hint)
    for name in ("health", "commands", "api"):
        for code, told in texts(name).items():
            yield Entry(code, name.removesuffix("s"), "", told["cause"], told["remedy"])


def _errors() -> Iterator[Entry]:
    written = texts("errors")
    for code, kinds in errors().items():
        told = written.get(code, {})
        first = kinds[0]
        yield Entry(
            code,
            "error",
            _first_line(first),
            told.get("cause", ""),
            told.get("remedy", "") or next((kind.default_hint for kind in kinds if kind.default_hint), ""),
            int(code_of(_made(first))),
        )


def _made(kind: type[GroundwireError]) -> GroundwireError:
    made = GroundwireError.__new__(kind)
    GroundwireError.__init__(made, "x")
    return made


def _first_line(kind: type[GroundwireError]) -> str:
    return (kind.__doc__ or "").split("\n", 1)[0]


@cache
def errors() -> Mapping[str, list[type[GroundwireError]]]:
    """Every class of errors by its code, the common one first."""
    for package in (agent, relay):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    found: dict[str, list[type[GroundwireError]]] = {}
    for kind in _family(GroundwireError):
        if kind.__module__.partition(".")[0] in {"agent", "relay"}:
            found.setdefault(kind.code, []).append(kind)
    return dict(sorted(found.items()))


def _family(kind: type[GroundwireError]) -> Iterator[type[GroundwireError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)


@cache
def events() -> Mapping[str, tuple[str, str]]:
    """Every event that is logged at warning or above, with its level and one place."""
    found: dict[str, tuple[str, str]] = {}
    for path in sources():
        tree = parsed(path)
        named = _constants(tree)
        for call in ast.walk(tree):
            if _logs(call):
                level = call.func.attr  # type: ignore[attr-defined]
                for event in _texts_of(call.args[0], named):  # type: ignore[attr-defined]
                    shown = "error" if level == "exception" else level
                    found.setdefault(event, (shown, str(path.relative_to(ROOT))))
    return dict(sorted(found.items()))


def sources() -> list[Path]:
    """Drivers log through the standard library, in sentences: they stand in the log with the driver's process."""
    return sorted(path for folder in ("agent", "relay") for path in (ROOT / folder).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def _logs(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and "log" in ast.unparse(node.func.value)
        and bool(node.args)
    )


def _constants(tree: ast.Module) -> dict[str, set[str]]:
    """The texts that a name of the file is ever given, also as one of several."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                pairs = (
                    zip(target.elts, node.value.elts, strict=False)
                    if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
                    else [(target, node.value)]
                )
                for name, value in pairs:
                    if (
                        isinstance(name, ast.Name)
                        and isinstance(value, ast.Constant)
                        and isinstance(value.value, str)
                    ):
                        found.setdefault(name.id, set()).add(value.value)
    return found


def _texts_of(node: ast.expr, named: Mapping[str, set[str]]) -> set[str]:
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.IfExp):
        return _texts_of(node.body, named) | _texts_of(node.orelse, named)
    if isinstance(node, ast.Name) and node.id in named:
        return named[node.id]
    raise ValueError(f"which event this logs cannot be told: {ast.unparse(node)}")


def texts(name: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((HERE / f"{name}.toml").read_text("utf-8"))


def reference_of() -> str:
    """What `groundwire explain` reads."""
    told = [
        {name: value for name, value in asdict(entry).items() if value not in ("", None)}
        for entry in entries()
    ]
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def page_of() -> str:
    lines = [
        "# Messages",
        "",
        "Every code that the product can show, with its cause and what to do. `groundwire explain CODE` shows an entry. This page is made of the code (`make messages`).",
        "",
        "How to read an error: first where it is and what is wrong, then what to do. The code stays the same over versions, its sentence may not.",
    ]
    for kind, (title, words) in KINDS_IN_WORDS.items():
        lines += [
            "",
            f"## {title}",
            "",
            words,
            "",
            *_table([entry for entry in entries() if entry.kind == kind]),
        ]
    return "\n".join(lines) + "\n"


def _table(found: list[Entry]) -> Iterator[str]:
    kind = found[0].kind
    columns = {
        "error": ["code", "meaning", "cause", "what to do", "exit code"],
        "doctor": ["code", "level", "cause", "what to do"],
        "log": ["event", "level", "cause", "what to do"],
    }.get(kind, ["code", "cause", "what to do"])
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for entry in found:
        cells: list[Any] = [f"`{entry.code}`"]
        cells += [entry.meaning] if kind == "error" else [entry.level] if entry.level else []
        cells += [entry.cause, entry.remedy]
        cells += [entry.exit_code] if kind == "error" else []
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in cells)} |"
