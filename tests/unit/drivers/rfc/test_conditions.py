"""The WHERE of a table read: typed literals, at most 72 characters a line, and no way out of a quote."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import BadConfiguration
from drivers.rfc.abap import Field
from drivers.rfc.conditions import (
    EVERYTHING,
    LINE,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    OneOf,
    Unwritable,
    all_of,
    among,
    behind,
    lines,
    literal,
)

NAMES = ["EBELN", "EBELP", "BSART", "/BEV/X"]
TEXTS = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Cn"]), max_size=30)


class Parser:
    """Reads OPTIONS as ABAP does, and knows nothing of the code that wrote it: joined lines, words, precedence."""

    WORD = re.compile(r"\s*('(?:[^']|'')*'|<=|>=|<>|[=<>(),]|[A-Z0-9_/]+)")

    def __init__(self, options: list[str]) -> None:
        self.words: list[str] = []
        for line in options:
            # What is open at the end of a line would be torn by the blank between two lines.
            assert line.count("'") % 2 == 0, line
            assert len(line.encode("utf-16-le")) // 2 <= 72
            at = 0
            while at < len(line):
                found = self.WORD.match(line, at)
                assert found, line[at:]
                self.words.append(found.group(1))
                at = found.end()
        self.at = 0

    def take(self, *expected: str) -> str:
        word = self.words[self.at]
        assert not expected or word in expected, (word, expected)
        self.at += 1
        return word

    def peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def whole(self):
        found = self.either()
        assert self.at == len(self.words)
        return found

    def either(self):
        parts = [self.both()]
        while self.peek() == "OR":
            self.take()
            parts.append(self.both())
        return lambda row: any(part(row) for part in parts)

    def both(self):
        parts = [self.single()]
        while self.peek() == "AND":
            self.take()
            parts.append(self.single())
        return lambda row: all(part(row) for part in parts)

    def single(self):
        if self.peek() == "(":
            self.take()
            found = self.either()
            self.take(")")
            return found
        column, operator = self.take(), self.take("=", "<>", "<", "<=", ">", ">=", "IN")
        if operator == "IN":
            self.take("(")
            values = [self.value()]
            while self.take(",", ")") == ",":
                values.append(self.value())
            return lambda row: row[column] in values
        value = self.value()
        compare = {
            "=": lambda a, b: a == b,
            "<>": lambda a, b: a != b,
            "<": lambda a, b: a < b,
            "<=": lambda a, b: a <= b,
            ">": lambda a, b: a > b,
            ">=": lambda a, b: a >= b,
        }[operator]
        return lambda row: compare(row[column], value)

    def value(self) -> str:
        word = self.take()
        assert word[0] == word[-1] == "'"
        return word[1:-1].replace("''", "'")


def holds(condition: Condition, row: dict[str, str]) -> bool:
    """What the condition means."""
    match condition:
        case Compare(column, operator, text):
            return {
                "=": row[column] == text,
                "<>": row[column] != text,
                "<": row[column] < text,
                "<=": row[column] <= text,
                ">": row[column] > text,
                ">=": row[column] >= text,
            }[operator]
        case OneOf(column, texts):
            return row[column] in texts
        case AllOf(parts):
            return all(holds(part, row) for part in parts)
        case AnyOf(parts):
            return any(holds(part, row) for part in parts)


LEAVES = st.one_of(
    st.builds(Compare, st.sampled_from(NAMES), st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), TEXTS),
    st.builds(OneOf, st.sampled_from(NAMES), st.lists(TEXTS, min_size=1, max_size=12).map(tuple)),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, min_size=1, max_size=4).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=4).map(tuple)),
    ),
    max_leaves=12,
)
ROWS = st.fixed_dictionaries(dict.fromkeys(NAMES, TEXTS))


class TestLines:
    @given(CONDITIONS, st.lists(ROWS, min_size=1, max_size=5))
    def test_what_sap_joins_again_means_the_same(
        self, condition: Condition, rows: list[dict[str, str]]
    ) -> None:
        read = Parser(lines(condition)).whole()

        assert [read(row) for row in rows] == [holds(condition, row) for row in rows]

    @given(st.lists(TEXTS, min_size=1, max_size=3))
    def test_a_hostile_value_stays_one_literal(self, values: list[str]) -> None:
        hostile = [f"' OR EBELN <> '{value}" for value in values]

        assert [word for word in Parser(lines(OneOf("EBELN", tuple(hostile)))).words if word[0] == "'"] == [
            "'" + value.replace("'", "''") + "'" for value in hostile
        ]

    def test_a_literal_longer_than_a_line_is_refused(self) -> None:
        assert lines(Compare("TXZ01", "=", "x" * 70)) == ["TXZ01 =", "'" + "x" * 70 + "'"]
        for text in ("x" * 71, "'" * 36, "😀" * 36):
            with pytest.raises(Unwritable):
                lines(Compare("TXZ01", "=", text))

    @pytest.mark.parametrize("text", ["a\nb", "nul\0", "\x1f", "\ud800", "\uffff"])
    def test_characters_that_no_line_can_hold_are_refused(self, text: str) -> None:
        with pytest.raises(Unwritable):
            lines(Compare("TXZ01", "=", text))

    @pytest.mark.parametrize("name", ["ebeln", "EBELN = '1' OR EBELN", "", "A" * 31, "EBELN'"])
    def test_a_name_that_is_none_is_refused(self, name: str) -> None:
        with pytest.raises(BadConfiguration):
            lines(Compare(name, "=", "x"))
        with pytest.raises(BadConfiguration):
            lines(Compare("EBELN", "LIKE", "x"))

    def test_everything_needs_no_lines(self) -> None:
        assert lines(EVERYTHING) == []
        assert all_of(None, EVERYTHING, Compare("A", "=", "1")) == Compare("A", "=", "1")

    def test_no_line_is_longer_than_it_may_be(self) -> None:
        found = lines(OneOf("EBELN", tuple(f"45{number:08d}" for number in range(200))))

        assert max(map(len, found)) <= LINE
        assert " ".join(found).count("'45") == 200


class TestKeys:
    @given(
        st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=20),
        st.tuples(TEXTS, TEXTS, TEXTS),
        st.sampled_from([">", ">=", "<", "<="]),
    )
    def test_behind_a_key_is_lexicographic(
        self, keys: list[tuple[str, str, str]], last: tuple[str, str, str], operator: str
    ) -> None:
        read = Parser(lines(behind(NAMES[:3], last, operator))).whole()
        expected = {
            ">": lambda k: k > last,
            ">=": lambda k: k >= last,
            "<": lambda k: k < last,
            "<=": lambda k: k <= last,
        }

        for key in keys:
            assert read(dict(zip(NAMES, key, strict=False))) == expected[operator](key)

    @given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=8), st.tuples(TEXTS, TEXTS))
    def test_among_keys_finds_exactly_them(self, keys: list[tuple[str, str]], other: tuple[str, str]) -> None:
        read = Parser(lines(among(NAMES[:2], keys))).whole()

        assert all(read(dict(zip(NAMES, key, strict=False))) for key in keys)
        assert read(dict(zip(NAMES, other, strict=False))) == (other in keys)


class TestLiterals:
    @pytest.mark.parametrize(
        ("field", "value", "expected"),
        [
            (Field("A", "DATS", 8), "2026-01-31", "20260131"),
            (Field("A", "TIMS", 6), "10:11:12", "101112"),
            (Field("A", "NUMC", 5), "10", "00010"),
            (Field("A", "CHAR", 10, conversion="ALPHA"), "100", "0000000100"),
            (Field("A", "CHAR", 10), "100", "100"),
            (Field("A", "DEC", 5, 2), "-1.5", "-1.50"),
            (Field("A", "DEC", 15, 8), "0", "0.00000000"),
            (Field("A", "INT4", 10), 5, "5"),
            (Field("A", "RAW", 2), "00ff", "00FF"),
        ],
    )
    def test_a_value_is_written_as_its_column_keeps_it(
        self, field: Field, value: object, expected: str
    ) -> None:
        assert literal(field, value) == expected

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            (Field("A", "DATS", 8), "soon"),
            (Field("A", "NUMC", 5), "123456"),
            (Field("A", "CHAR", 3), "1234"),
            (Field("A", "DEC", 5, 2), "1.555"),
            (Field("A", "RAW", 2), "xyz"),
            (Field("A", "STRG", 0), "x"),
        ],
    )
    def test_a_value_that_the_column_cannot_have_is_refused(self, field: Field, value: str) -> None:
        with pytest.raises(Unwritable):
            literal(field, value)
