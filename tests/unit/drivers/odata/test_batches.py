from __future__ import annotations

import email

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.http.messages import Answer
from drivers.odata.batches import Change, answers_of, changeset


@given(
    bodies=st.lists(
        st.binary(max_size=60).filter(lambda body: b"\r" not in body and b"\n" not in body),
        min_size=1,
        max_size=4,
    )
)
def test_a_changeset_is_read_by_a_parser_of_mail(bodies: list[bytes]) -> None:
    changes = [
        Change("MERGE", f"Set('{number}')?sap-client=100", body, {"If-Match": 'W/"1\'"'})
        for number, body in enumerate(bodies)
    ]

    content_type, body = changeset(changes, "mark")

    batch = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    (inner,) = batch.get_payload()
    parts = inner.get_payload()
    assert [part["Content-ID"] for part in parts] == [str(number + 1) for number in range(len(changes))]
    for part, change in zip(parts, changes, strict=True):
        head, _, content = part.get_payload(decode=True).partition(b"\r\n\r\n")
        assert head.startswith(f"MERGE {change.path} HTTP/1.1\r\n".encode())
        assert f"Content-Length: {len(change.body)}".encode() in head
        assert content == change.body


WHOLE = (
    b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\nContent-Length: 9\r\n\r\n"
    b'--c\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\nHTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n{"d":{}}\r\n'
    b"--c\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\nDataServiceVersion: 2.0\r\n\r\n\r\n--c--\r\n\r\n--b--\r\n"
)
REFUSED = b"--b\r\nContent-Type: application/http\r\ncontent-transfer-encoding: binary\r\n\r\nHTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}\r\n--b--"


def answered(body: bytes, content_type: str = "multipart/mixed; boundary=b") -> list[Answer]:
    return answers_of(Answer(202, {"content-type": content_type}, body))


def test_answers_come_in_the_order_of_the_changes() -> None:
    assert [(each.status, each.body) for each in answered(WHOLE)] == [(201, b'{"d":{}}'), (204, b"")]
    assert [(each.status, each.body) for each in answered(WHOLE, 'multipart/mixed; boundary="b"')] == [
        (201, b'{"d":{}}'),
        (204, b""),
    ]


@pytest.mark.parametrize("inside", [True, False])
def test_answers_that_name_their_change_are_put_in_order(*, inside: bool) -> None:
    def part(number: int) -> bytes:
        name = b"Content-ID: %d\r\n" % number
        head, inner = (b"", name) if inside else (name, b"")
        return b"--b\r\nContent-Type: application/http\r\n%s\r\nHTTP/1.1 201 Created\r\n%s\r\n{%d}\r\n" % (
            head,
            inner,
            number,
        )

    found = answered(b"".join(map(part, (10, 2, 1, 3, 4, 5, 6, 7, 8, 9))) + b"--b--")

    assert [each.body for each in found] == [b"{%d}" % number for number in range(1, 11)]


def test_a_changeset_that_was_refused_has_one_answer() -> None:
    assert [(each.status, each.body) for each in answered(REFUSED)] == [(400, b"{}")]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b"", "application/json"), (b"x", "multipart/mixed"), (b"--b\r\nContent-Type: text/html\r\n\r\nx\r\n--b--", "multipart/mixed; boundary=b"),
     (b"--b\r\nContent-Type: application/http\r\n\r\nnonsense\r\n--b--", "multipart/mixed; boundary=b")],
)  # fmt: skip
def test_what_is_no_batch_is_no_answer(body: bytes, content_type: str) -> None:
    with pytest.raises(ValueError, match="no "):
        answered(body, content_type)
