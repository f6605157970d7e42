"""A request and its answer, as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str  # a path on the client's host, or a URL on one of its hosts; encoded already
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    where: str = "options.url"  # the place in the connection file that a failure is told of
    repeatable: bool = False  # may be sent again when the line broke before an answer began


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    url: str = ""


@dataclass(frozen=True, slots=True)
class Sink:
    """Where the body of an answer with status 200 goes, a piece at a time, instead of into memory."""

    write: Callable[[bytes], object]
    limit: int  # bytes, inflated
    hint: str  # what to do about a longer one


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text of a source without the secrets that it may repeat."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
