"""An answer is cut as it says itself, and one that says too little is no answer."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.contract import SourceChanged
from drivers.rfc.abap import Field
from drivers.rfc.readers import Form, Reader, fetch

FIELDS = [Field("A", "CHAR", 3), Field("B", "NUMC", 2), Field("C", "CHAR", 4)]
TOLD = [
    ("A", 0, 3),
    ("C", 4, 6),
    ("B", 13, 2),
]  # with room between them, wider than declared, in another order
ROWS = ["abc-wide 1   07", "de  x        42"]


class Answers:
    """A session whose reader gives these rows and says this of its fields."""

    def __init__(self, rows: list[str], told: list[tuple[str, int, int]]) -> None:
        self._reply = {
            "DATA": [{"WA": row} for row in rows],
            "FIELDS": [
                {"FIELDNAME": name, "OFFSET": f"{offset:06d}", "LENGTH": f"{length:06d}"}
                for name, offset, length in told
            ],
        }

    def call(self, _function: str, **_parameters: Any) -> Any:
        return self._reply


class Orders:
    name = "ZORDERS"


def fetched(rows: list[str], told: list[tuple[str, int, int]], limit: int = 10) -> dict[str, list[str]]:
    session: Any = Answers(rows, told)
    table: Any = Orders()
    found = fetch(session, Reader("Z_READ", Form.PADDED, 512), table, FIELDS, [], limit=limit, where="s")
    return {name: [text.strip() for text in column.to_pylist()] for name, column in found.items()}


def test_fields_lie_where_the_answer_says_and_not_where_they_should() -> None:
    assert fetched(ROWS, TOLD) == {"A": ["abc", "de"], "B": ["07", "42"], "C": ["wide 1", "x"]}


def test_a_field_of_which_the_answer_says_nothing_ends_the_read() -> None:
    with pytest.raises(SourceChanged, match="ZORDERS-B"):
        fetched(ROWS, TOLD[:2])


def test_more_rows_than_were_asked_for_end_the_read() -> None:
    """Whoever gives what was not asked for may have left out what was."""
    with pytest.raises(SourceChanged, match="2 rows of ZORDERS where 1 were asked for"):
        fetched(ROWS, TOLD, limit=1)
