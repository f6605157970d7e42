"""$batch: the parts of a multipart body, and the multipart answer. A changeset is one unit of work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP

from tests.sap_odata.errors import Refused, bad_request


@dataclass(frozen=True)
class Part:
    method: str
    address: str  # relative to the service, with its query
    headers: Mapping[str, str]
    body: bytes
    content_id: str = ""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def parts_of(content_type: str, body: bytes) -> list[Part | list[Part]]:
    """Single requests, and changesets as lists."""
    found: list[Part | list[Part]] = []
    for headers, content in _split(content_type, body):
        inner = headers.get("content-type", "")
        if inner.startswith("multipart/mixed"):
            found.append([_request(*each) for each in _split(inner, content)])
        else:
            found.append(_request(headers, content))
    return found


def _split(content_type: str, body: bytes) -> list[tuple[dict[str, str], bytes]]:
    """`email` splits the parts; what is inside of one is bytes, and stays as it came."""
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body
    )
    boundary = message.get_boundary()
    if boundary is None:
        raise bad_request("Malformed multipart: no boundary")
    mark = b"--" + boundary.encode()
    found = []
    for chunk in body.replace(b"\r\n", b"\n").split(mark)[1:]:
        if chunk.startswith(b"--"):
            return found
        head, _, content = chunk.lstrip(b"\n").partition(b"\n\n")
        headers = dict(_header(line) for line in head.decode().splitlines() if ":" in line)
        found.append((headers, content))
    raise bad_request("Malformed multipart: no end")


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


def _request(outer: Mapping[str, str], content: bytes) -> Part:
    if not outer.get("content-type", "").startswith("application/http"):
        raise bad_request("Malformed multipart: application/http expected")
    head, _, body = content.lstrip(b"\n").partition(b"\n\n")
    first, *lines = head.decode().splitlines()
    method, _, rest = first.partition(" ")
    address, _, _ = rest.rpartition(" ")
    return Part(
        method,
        address.strip(),
        dict(_header(line) for line in lines),
        body.rstrip(b"\n"),
        outer.get("content-id", ""),
    )


def performed(parts: list[Part | list[Part]], atomically: Callable[[list[Part]], list[Answer]]) -> bytes:
    """`atomically` answers each part, or with the one refusal that undid them all."""
    blocks = []
    for part in parts:
        if isinstance(part, Part):
            blocks.append(_http(atomically([part])[0], part))
            continue
        answers = atomically(part)
        if len(answers) == 1 and answers[0].status >= 400:
            blocks.append(_http(answers[0], part[0]))
            continue
        inner = b"".join(
            b"--changeset_1\r\n" + _http(answer, each) for answer, each in zip(answers, part, strict=True)
        )
        blocks.append(
            b"Content-Type: multipart/mixed; boundary=changeset_1\r\n\r\n" + inner + b"--changeset_1--\r\n"
        )
    return b"".join(b"--batch_1\r\n" + block for block in blocks) + b"--batch_1--\r\n"


def _http(answer: Answer, part: Part) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} Answer"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines.append(f"Content-Length: {len(answer.body)}")
    inner = ("\r\n".join(lines) + "\r\n\r\n").encode() + answer.body
    head = f"Content-Type: application/http\r\nContent-Length: {len(inner)}\r\ncontent-transfer-encoding: binary\r\n"
    if part.content_id:
        head += f"Content-ID: {part.content_id}\r\n"
    return head.encode() + b"\r\n" + inner + b"\r\n"


def refused(error: Refused, version: int) -> Answer:
    return Answer(error.status, {"Content-Type": "application/json"}, error.body(version))
