"""What somebody looked at and how it stands: the words in which doctor, set-up, console and bundle tell of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final


class Level(StrEnum):
    """How much a finding matters, the least first."""

    OK = "ok"  # looked at, and as it should be
    NOTICE = "notice"  # worth knowing; nothing is wrong
    WARNING = "warning"  # works today, and will not for ever, or not safely
    PROBLEM = "problem"  # something does not work until it is mended


_WEIGHT: Final[Mapping[Level, int]] = {level: weight for weight, level in enumerate(Level)}


@dataclass(frozen=True, slots=True)
class Finding:
    """`cause` says what is wrong, `evidence` what was seen of it, `next_step` what a person does about it.

    `code` is `GROUP.WHAT` and stays the same over versions: scripts and docs/doctor.md know it. No text holds a secret.
    """

    code: str
    level: Level
    where: str
    cause: str
    evidence: str = ""
    next_step: str = ""

    @property
    def group(self) -> str:
        return self.code.partition(".")[0]

    def to_document(self) -> dict[str, str]:
        """As JSON: the names of the fields, all of them texts."""
        return {**asdict(self), "level": self.level.value}


def finding_from(document: Mapping[str, Any]) -> Finding:
    """The finding that `to_document` wrote. Raises ValueError for what is none."""
    try:
        texts = {name: document[name] for name in ("code", "where", "cause", "evidence", "next_step")}
        level = Level(document["level"])
    except KeyError as error:
        raise ValueError(f"a finding without {error}") from None
    if not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("a finding of other things than texts")
    return Finding(level=level, **texts)


def worst(findings: Iterable[Finding]) -> Level:
    """The level of the gravest; OK where there is none."""
    return max((finding.level for finding in findings), key=_WEIGHT.__getitem__, default=Level.OK)


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Problems, warnings, notices, and what is fine; within a level in the order they came."""
    return sorted(findings, key=lambda finding: -_WEIGHT[finding.level])


def counts(findings: Sequence[Finding]) -> dict[Level, int]:
    """How many there are of each level, the gravest first."""
    return {level: sum(finding.level is level for finding in findings) for level in reversed(Level)}
