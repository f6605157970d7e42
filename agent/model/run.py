"""The report of one sync run, as the agent sends it and the relay shows it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from agent.model.entities import camel


class RunTrigger(StrEnum):
    SCHEDULE = "schedule"
    MANUAL = "manual"
    COMMAND = "command"


class RunMode(StrEnum):
    INITIAL = "initial"
    INCREMENTAL = "incremental"
    RESYNC = "resync"


class RunStatus(StrEnum):
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RunCounts:
    """Numbers of records, but for `pages`."""

    read: int = 0
    changed: int = 0
    unchanged: int = 0
    mapped: int = 0
    enqueued: int = 0
    tombstones: int = 0
    dead_letters: int = 0
    pages: int = 0


@dataclass(frozen=True, slots=True)
class Differences:
    """What no change stamp had told, found by comparing: numbers of records, and the keys of a few."""

    missing: int = 0  # at the source, and never sent
    changed: int = 0  # other than when they were sent
    gone: int = 0  # sent, and not at the source any more
    examples: tuple[str, ...] = ()
    at_source: int | None = (
        None  # where the whole set was walked: the records of it that belong to the stream
    )
    held: int | None = None  # and those that the agent has sent or turned down, behind the repair

    @property
    def total(self) -> int:
        return self.missing + self.changed + self.gone

    def to_document(self) -> dict[str, Any]:
        return {camel(name): value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class RunError:
    code: str
    message: str
    where: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class RunReport:
    run: str
    stream: str
    connection: str
    entity: str
    trigger: RunTrigger
    mode: RunMode
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None = None
    counts: RunCounts = field(default_factory=RunCounts)
    error: RunError | None = None
    differences: Differences | None = None  # None: it compared nothing, or found nothing

    def to_document(self) -> dict[str, Any]:
        """JSON-ready, camelCase, times in RFC 3339 UTC."""
        document = {camel(item.name): getattr(self, item.name) for item in fields(self)}
        document["startedAt"] = rfc3339(self.started_at)
        document["finishedAt"] = None if self.finished_at is None else rfc3339(self.finished_at)
        document["counts"] = {camel(name): value for name, value in asdict(self.counts).items()}
        document["error"] = None if self.error is None else asdict(self.error)
        document["differences"] = None if self.differences is None else self.differences.to_document()
        return document

    @classmethod
    def from_document(cls, document: Any) -> RunReport:
        """The other way; raises ValueError for anything that `to_document` did not make."""
        if not isinstance(document, dict):
            raise ValueError("a run report is a JSON object")  # noqa: TRY004 - one error type for all bad input
        texts = {name: _text(document, name) for name in ("run", "stream", "connection", "entity")}
        finished = document.get("finishedAt")
        return cls(
            **texts,
            trigger=RunTrigger(_text(document, "trigger")),
            mode=RunMode(_text(document, "mode")),
            status=RunStatus(_text(document, "status")),
            started_at=_moment(_text(document, "startedAt")),
            finished_at=None if finished is None else _moment(_text(document, "finishedAt")),
            counts=_counts(document.get("counts")),
            error=_error(document.get("error")),
            differences=read_differences(document.get("differences")),
        )


def rfc3339(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text")  # noqa: TRY004 - one error type for all bad input
    return value


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a moment is out of range") from error


def _counts(value: Any) -> RunCounts:
    if not isinstance(value, dict):
        raise ValueError("counts must be an object")  # noqa: TRY004 - one error type for all bad input
    numbers = {item.name: value.get(camel(item.name), 0) for item in fields(RunCounts)}
    if not all(type(number) is int and number >= 0 for number in numbers.values()):
        raise ValueError("counts must be whole numbers")
    return RunCounts(**numbers)


def read_differences(value: Any) -> Differences | None:
    """What `Differences.to_document` made; raises ValueError for anything else."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError("differences must be an object or null")  # noqa: TRY004 - one error type for all bad input
    examples = value.get("examples", [])
    if not isinstance(examples, list | tuple) or not all(isinstance(key, str) for key in examples):
        raise ValueError("examples must be a list of texts")
    found = {
        item.name: value.get(camel(item.name), item.default)
        for item in fields(Differences)
        if item.name != "examples"
    }
    whole = [found["at_source"], found["held"]]
    numbers = [found["missing"], found["changed"], found["gone"], *(one for one in whole if one is not None)]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("differences must be whole numbers")
    return Differences(examples=tuple(examples), **found)


def _error(value: Any) -> RunError | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ValueError("error must be an object or null")  # noqa: TRY004 - one error type for all bad input
    return RunError(**{item.name: _text(value, item.name) for item in fields(RunError)})
