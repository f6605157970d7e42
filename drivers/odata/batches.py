"""Pure: several changes as one changeset of a `$batch`, and the answers out of its answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

from drivers.http.messages import Answer

_BOUNDARY: Final = re.compile(r'boundary="?([^";,]{1,200})"?', re.IGNORECASE)
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})")
_NUMBER: Final = "content-id"  # services name the change in the head of the part, or in that of the answer
_DEPTH: Final = 3  # batch, changeset, answer


@dataclass(frozen=True, slots=True)
class Change:
    """One request that changes something."""

    method: str
    path: str  # below the service's root, encoded
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def changeset(changes: Sequence[Change], mark: str) -> tuple[str, bytes]:
    """The content type and the body. `mark` has to be a text that stands in none of the changes."""
    lines: list[bytes] = [
        f"--batch_{mark}".encode(),
        f"Content-Type: multipart/mixed; boundary=changeset_{mark}".encode(),
        b"",
    ]
    for number, change in enumerate(changes, start=1):
        lines += [
            f"--changeset_{mark}".encode(),
            b"Content-Type: application/http",
            b"Content-Transfer-Encoding: binary",
            f"Content-ID: {number}".encode(),
            b"",
            f"{change.method} {change.path} HTTP/1.1".encode(),
            *(f"{name}: {value}".encode() for name, value in change.headers.items()),
            f"Content-Length: {len(change.body)}".encode(),
            b"",
            change.body,
        ]
    lines += [f"--changeset_{mark}--".encode(), b"", f"--batch_{mark}--".encode(), b""]
    return f"multipart/mixed; boundary=batch_{mark}", b"\r\n".join(lines)


def answers_of(answer: Answer) -> list[Answer]:
    """The answers of the changes, in their order; one alone where the whole changeset was refused.

    Raises ValueError for an answer that is no batch's.
    """
    answers = _parts(answer.headers.get("content-type", ""), answer.body, 0)
    numbers = [each.headers.get(_NUMBER, "") for each in answers]
    if sorted(numbers) != sorted(str(number) for number in range(1, len(answers) + 1)):
        return answers
    # A changeset has no order, so its answers may have another one than it was written in.
    return [each for _, each in sorted(zip(map(int, numbers), answers, strict=True), key=itemgetter(0))]


def _parts(content_type: str, body: bytes, depth: int, number: str = "") -> list[Answer]:
    if content_type.lower().startswith("application/http"):
        return [_answer(body, number)]
    found = _BOUNDARY.search(content_type)
    if found is None or depth >= _DEPTH or not content_type.lower().startswith("multipart/"):
        raise ValueError("no batch")
    answers: list[Answer] = []
    mark = b"--" + found.group(1).strip().encode()
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            break
        headers, content = _head(piece.lstrip(b" \t").removeprefix(b"\r\n"))
        answers += _parts(headers.get("content-type", ""), content, depth + 1, headers.get(_NUMBER, ""))
    return answers


def _answer(content: bytes, number: str) -> Answer:
    first, _, rest = content.lstrip().partition(b"\r\n")
    found = _STATUS.match(first)
    if found is None:
        raise ValueError("no answer")
    headers, body = _head(rest)
    return Answer(int(found.group(1)), {_NUMBER: number, **headers}, body.strip())


def _head(content: bytes) -> tuple[dict[str, str], bytes]:
    if content.startswith(b"\r\n"):
        return {}, content[2:]
    head, _, body = content.partition(b"\r\n\r\n")
    headers = {}
    for line in head.split(b"\r\n"):
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return headers, body
