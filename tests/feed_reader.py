"""A platform that keeps a copy by following the feed, one line at a time, and may stop at any of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass
class FeedReader:
    """Its copy and its cursor: what it has durably, so both are there again after it was killed."""

    copy: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    cursor: str = ""
    more: bool = True
    took: list[dict[str, Any]] = field(default_factory=list)  # records and tombstones, in their order

    def params(self, **others: Any) -> dict[str, Any]:
        return {**({"cursor": self.cursor} if self.cursor else {}), **others}

    def read(self, content: bytes, *, stop_after: int | None = None) -> None:
        """`stop_after` so many lines, as one that is killed there."""
        self.take(content.splitlines()[:stop_after])

    def take(self, lines: Iterable[bytes | str]) -> None:
        for line in lines:
            self._take(orjson.loads(line))

    def _take(self, line: dict[str, Any]) -> None:
        match line["type"]:
            case "record" | "tombstone":
                self.took.append(line)
                key = line["connection"], line["entity"], line["key"]
                if line["type"] == "record":
                    self.copy[key] = line["document"]
                else:
                    self.copy.pop(key, None)
            case "checkpoint":
                self.cursor = line["cursor"]
            case "end":
                self.cursor, self.more = line["cursor"], line["more"]

    @property
    def keys(self) -> list[str]:
        return [line["key"] for line in self.took]

    def begin_anew(self) -> None:
        self.copy.clear()
        self.cursor, self.more = "", True
