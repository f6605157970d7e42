"""What Finance & Operations says, and what is said to it."""

from __future__ import annotations

import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import (
    CredentialsRefused,
    DriverError,
    NotPermitted,
    SourceBusy,
    SourceChanged,
)
from drivers.dmf.building import package_of
from drivers.dmf.composing import Part
from drivers.dmf.deadline import Deadline
from drivers.dmf.errors import execution_errors, is_unknown_execution, refusal
from drivers.dmf.shape import Kind
from drivers.dmf.values import table_of
from drivers.http.messages import Answer
from tests.dmf.packages import imported

lines = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=12)


def answer(status: int, inner: str = "") -> Answer:
    body = {"error": {"code": "", "message": "An error has occurred.", "innererror": {"message": inner}}}
    return Answer(status, {}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (401, "", CredentialsRefused),
        (403, "", NotPermitted),
        (400, "User is not authorized to run this job.", NotPermitted),
        (400, "The data project 'X' does not exist.", SourceChanged),
        (404, "", SourceChanged),
        (500, "Deadlock", SourceBusy),
    ],
)
def test_refusals_say_what_to_do(status: int, said: str, kind: type[DriverError]) -> None:
    error = refusal(answer(status, said), where="w", hidden=["project"])

    assert type(error) is kind
    assert error.hint
    assert "project" not in error.message


def test_an_execution_that_is_not_known_is_told_from_other_refusals() -> None:
    assert is_unknown_execution(answer(400, "Execution details were not found for execution id: a-1"))
    assert not is_unknown_execution(answer(400, "The legal entity does not exist"))
    assert not is_unknown_execution(answer(500, "Records of the batch were not found"))


@given(st.lists(st.tuples(lines, lines, lines), max_size=5), st.booleans())
def test_errors_are_read_whether_their_list_is_json_or_not(
    given_: list[tuple[str, str, str]],
    escaped: bool,
) -> None:
    if escaped:
        text = json.dumps([{"RecordId": r, "Field": f, "ErrorMessage": m} for r, f, m in given_])
    else:
        given_ = [
            (r.replace('"', "").replace("\\", ""), f.replace('"', "").replace("\\", ""), m)
            for r, f, m in given_
        ]
        text = (
            "["
            + ",".join(f'{{"RecordId":"{r}","Field":"{f}","ErrorMessage":"{m}"}}' for r, f, m in given_)
            + "]"
        )

    found = execution_errors(text)

    for record, _, message in given_:
        said = " ".join(message.split())
        if said and (escaped or "\\" not in message):
            assert any(said in each.text and " ".join(record.split()) in each.text for each in found)


def test_quotes_and_line_breaks_that_nobody_escaped_cost_no_message() -> None:
    text = (
        '[{"RecordId":"V 1","Field":"GROUP","ErrorMessage":"Value "x" in\r\nfield "Group" is wrong"},'
        '{"RecordId":"","Field":"","ErrorMessage":"Second"}]'
    )
    first, second = execution_errors(text)

    assert (first.text, first.field) == ('V 1: Value "x" in field "Group" is wrong', "GROUP")
    assert (second.text, second.field) == ("Second", "")


@given(
    st.lists(lines.filter(bool), min_size=1, max_size=4, unique=True),
    st.lists(st.lists(lines, min_size=4, max_size=4), min_size=1, max_size=4),
)
def test_a_package_says_to_an_independent_reader_what_was_put_into_it(
    entities: list[str], rows: list[list[str]]
) -> None:
    entities = [f"Entity {number}" for number, _ in enumerate(entities)]
    fields = ("A", "B", "C", "D")
    parts = [Part(entity, fields, tuple(tuple(row) for row in rows)) for entity in entities]

    found = imported(package_of("My project & more", parts), entities)

    assert found == [(entity, [dict(zip(fields, row, strict=True)) for row in rows]) for entity in entities]
    assert package_of("p", parts) == package_of("p", parts)


def typed(kind: Kind, *texts: str | None) -> pa.Array:
    column = table_of([[text] for text in texts], ["A"], {"A": kind}, ["A"])["A"]
    return column.combine_chunks()


@pytest.mark.parametrize(
    ("kind", "texts", "type_"),
    [
        (Kind.DATE, ["2026-01-05", "2026-01-05 00:00:00", "2026-01-05T00:00:00Z", None], pa.date32()),
        (Kind.TIMESTAMP, ["2026-01-05 10:11:12", "2026-01-05T10:11:12.1234567"], pa.timestamp("us")),
        (Kind.TIMESTAMP_UTC, ["2026-01-05 10:11:12", "2026-01-05T12:11:12+02:00"], pa.timestamp("us", "UTC")),
        (Kind.INTEGER, ["1", "2.0000", None], pa.int64()),
        (Kind.BOOLEAN, ["Yes", "No", None, "true"], pa.bool_()),
        (Kind.DATE, ["2026-01-05 10:00:00"], pa.string()),
        (Kind.DATE, ["1/5/2026"], pa.string()),
        (Kind.INTEGER, ["1.5"], pa.string()),
        (Kind.BOOLEAN, ["Perhaps", "Yes"], pa.string()),
        (Kind.TIMESTAMP, ["05.01.2026"], pa.string()),
    ],
)
def test_what_is_of_none_of_its_type_stays_text(
    kind: Kind, texts: list[str | None], type_: pa.DataType
) -> None:
    column = typed(kind, *texts)

    assert column.type == type_
    assert column.null_count == texts.count(None)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_decimals_keep_their_digits(number: Decimal) -> None:
    (found,) = typed(Kind.DECIMAL, str(number)).to_pylist()

    assert Decimal(found) == number
    assert "E" not in found


async def test_jobs_are_looked_at_soon_and_then_at_the_pace_that_was_set() -> None:
    at: list[float] = [0.0]
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        at[0] += seconds

    deadline = Deadline(40, poll_seconds=10, monotonic=lambda: at[0], pause=pause)
    while await deadline.next_look():
        pass

    assert pauses[:5] == [1.0, 2.0, 4.0, 8.0, 10.0]
    assert sum(pauses) == pytest.approx(40)
    assert deadline.passed


def test_nothing_of_a_secret_is_said() -> None:
    found = execution_errors('[{"RecordId":"s3cret","Field":"","ErrorMessage":"a s3cret b"}]', ["s3cret"])

    assert "s3cret" not in found[0].text
