"""What the filter lets through equals a reference that goes record by record and field by field."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.entities import ENTITIES, PO_LINE_ITEM, Kind, camel
from agent.model.envelope import unpack
from agent.model.payload import encode_records
from agent.model.render import to_documents
from agent.model.schema import arrow_type
from agent.policy.explain import explain_record
from agent.policy.leave import EVERYTHING, LeaveFilter, compile_leave
from agent.policy.model import LeaveRule, Policy, PolicyFile

KEY = b"k" * 32
ORDER = ENTITIES["purchase_order"]
HEADER = (
    "order_no",
    "status",
    "vendor_code",
    "vendor_name",
    "organization_key",
    "total_net_value",
    "notes",
    "due_at",
)
LINE = ("key", "quantity", "name", "status")
NAMES = (
    *map(camel, HEADER),
    "lineItems",
    *(f"lineItems.{camel(name)}" for name in LINE),
    "billingAddress",
    "billingAddress.city",
    "billingAddress.addressLines",
    "customFields",
    "customFields.project",
    "customFields.Project",
    "customFields.a.b",
    "customFields.count",
    "updatedAt",
)
TEXT_NAMES = (
    *(
        name
        for name in NAMES
        if name.rpartition(".")[2] in {"orderNo", "vendorCode", "vendorName", "notes", "name", "city"}
    ),
    "customFields.project",
    "customFields",
)
ROW_NAMES = (
    "organizationKey",
    "status",
    "billingAddress.city",
    "customFields.project",
    "customFields.count",
    "key",
)
WORDS = ("1000", "2000", "approved", "")


def table_of(records: list[dict[str, Any]]) -> pa.Table:
    line_type = pa.struct([pa.field(f.name, arrow_type(f)) for f in PO_LINE_ITEM if f.name in LINE])
    types = {
        "key": pa.string(),
        **{name: arrow_type(ORDER.by_name[name]) for name in HEADER},
        "line_items": pa.list_(line_type),
        "billing_address": pa.struct([("city", pa.string()), ("address_lines", pa.list_(pa.string()))]),
        "custom_fields": pa.struct(
            [("project", pa.string()), ("Project", pa.string()), ("a.b", pa.string()), ("count", pa.int64())]
        ),
        "updated_at": arrow_type(ORDER.by_name["updated_at"]),
        "content_hash": pa.uint64(),
    }
    return pa.Table.from_pylist(records, pa.schema(types, metadata={"entity": "purchase_order"}))


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Every text of a table is one of a kind, but for those that rows choose by."""
    count = iter(range(10_000))

    def text() -> str | None:
        return draw(st.one_of(st.none(), st.sampled_from(WORDS), st.just(f"T{next(count):04}T")))

    def number() -> Decimal | None:
        return draw(st.one_of(st.none(), st.just(Decimal(next(count)) + Decimal("0.5"))))

    def record(key: int) -> dict[str, Any]:
        made: dict[str, Any] = {name: text() for name in HEADER if name not in ("total_net_value", "due_at")}
        made |= {"key": f"K{key}", "content_hash": 2**63 + next(count), "total_net_value": number()}
        made["due_at"] = draw(st.one_of(st.none(), st.just(datetime(2026, 1, 1, tzinfo=UTC))))
        made["line_items"] = draw(st.one_of(st.none(), st.just([]), st.just("lines")))
        if made["line_items"] == "lines":
            lines = range(draw(st.integers(1, 3)))
            made["line_items"] = [
                {"key": text(), "quantity": number(), "name": text(), "status": text()} for _ in lines
            ]
        made["billing_address"] = draw(st.sampled_from([None, {}]))
        if made["billing_address"] is not None:
            made["billing_address"] = {"city": text(), "address_lines": [f"T{next(count):04}T"]}
        made["custom_fields"] = {"project": text(), "Project": text(), "a.b": text(), "count": next(count)}
        return made

    table = table_of([record(key) for key in range(draw(st.integers(0, 5)))])
    # Pages are slices now and then, and have several chunks.
    return (
        table.slice(draw(st.integers(0, 2)))
        if draw(st.booleans())
        else pa.concat_tables([table, table.slice(0, 0)])
    )


def some(names: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), max_size=4, unique=True)


RULES = st.fixed_dictionaries(
    {
        "fields": st.one_of(st.just("all"), some(NAMES)),
        "except": some(NAMES),
        "mask": some(NAMES),
        "hash": some(TEXT_NAMES),
        "rows": st.dictionaries(
            st.sampled_from(ROW_NAMES), st.lists(st.sampled_from(WORDS), min_size=1, max_size=2), max_size=2
        ),
    }
).map(LeaveRule.model_validate)


def word(rule: LeaveRule, path: str) -> str:
    names = {path, path.split(".", 1)[0]}
    if names & set(rule.stay):
        return "stays"
    if names & set(rule.mask):
        return "masked"
    if names & set(rule.hash):
        return "hashed"
    return "leaves" if rule.fields == "all" or names & set(rule.fields) else "stays"


def left(rule: LeaveRule, path: str, value: Any, *, is_text: bool, absent: Any = None) -> Any:
    verdict = word(rule, path)
    if path == "orderNo" and verdict == "stays":
        verdict = "masked"  # the model requires it
    if verdict == "leaves":
        return value
    if verdict == "stays" or not is_text:
        return absent
    if value is None:
        return None
    return (
        "***"
        if verdict == "masked"
        else "h1:" + hmac.new(KEY, value.encode(), hashlib.sha256).hexdigest()[:32]
    )


def by_hand(rule: LeaveRule, document: dict[str, Any]) -> dict[str, Any] | None:
    for path, texts in rule.rows.items():
        above, _, below = path.partition(".")
        value = document[above] if not below else (document[above] or {}).get(below)
        if value not in texts:
            return None
    made: dict[str, Any] = {}
    for field in ORDER.by_name.values():
        name, value = field.alias, document.get(field.alias)
        if name in ("key", "sourceKey"):
            made[name] = value
        elif name == "lineItems":
            lines = [
                {
                    member.alias: left(
                        rule, f"{name}.{member.alias}", line[member.alias], is_text=member.kind is Kind.STRING
                    )
                    for member in field.fields
                }
                for line in value
            ]
            reached = [word(rule, f"{name}.{camel(member)}") for member in LINE]
            text = [
                word(rule, f"{name}.{camel(member)}") != "stays" for member in LINE if member != "quantity"
            ]
            gone = word(rule, name) == "masked" or not (any(text) or reached[1] == "leaves")
            made[name] = [] if gone else lines
        elif name == "billingAddress":
            members = {
                member.alias: left(
                    rule,
                    f"{name}.{member.alias}",
                    (value or {}).get(member.alias),
                    is_text=member.kind is Kind.STRING,
                )
                for member in field.fields
            }
            lines_leave = word(rule, f"{name}.addressLines") == "leaves"
            gone = word(rule, name) == "masked" or (word(rule, f"{name}.city") == "stays" and not lines_leave)
            made[name] = None if value is None or gone else members
        elif name == "customFields":
            made[name] = {}
            for member, one in value.items():
                verdict = word(rule, f"customFields.{member}")
                if verdict == "leaves" or (verdict != "stays" and member != "count"):
                    made[name][member] = left(rule, f"customFields.{member}", one, is_text=True)
        elif name not in ("contentHash", "raw"):
            made[name] = left(rule, name, value, is_text=field.kind is Kind.STRING)
    return made


def documents(table: pa.Table) -> list[dict[str, Any]]:
    made = to_documents(table, range(table.num_rows))
    return [{name: value for name, value in one.items() if name in ALIASES} for one in made]


ALIASES = {field.alias for field in ORDER.by_name.values()} - {"contentHash", "raw"}


@given(tables(), RULES)
def test_what_leaves_is_what_the_rule_says_record_by_record(table: pa.Table, rule: LeaveRule) -> None:
    found = compile_leave(rule, "purchase_order", KEY).apply(table)

    expected = [by_hand(rule, one) for one in documents(table)]
    assert documents(found.records) == [one for one in expected if one is not None]
    kept = [True] * table.num_rows if found.kept is None else found.kept.tolist()
    assert kept == [one is not None for one in expected]


@given(tables(), RULES)
def test_nothing_forbidden_is_in_the_bytes_of_a_payload(table: pa.Table, rule: LeaveRule) -> None:
    found = compile_leave(rule, "purchase_order", KEY).apply(table)
    if not found.records.num_rows:
        return
    sent = b"".join(
        buffer.to_pybytes()
        for buffer in buffers_of(unpack(encode_records(found.records, {"entity": "purchase_order"})))
    )

    allowed = str([by_hand(rule, one) for one in documents(table)])
    for token in {f"T{number:04}T" for number in range(10_000)} & set(tokens_of(str(documents(table)))):
        assert (token.encode() in sent) <= (token in allowed), token


def tokens_of(text: str) -> list[str]:
    return [text[at : at + 6] for at in range(len(text)) if text[at] == "T" and text[at + 5 : at + 6] == "T"]


def buffers_of(table: pa.Table) -> list[pa.Buffer]:
    found = []
    for column in table.columns:
        for chunk in column.chunks:
            found += [buffer for buffer in every_buffer(chunk) if buffer is not None]
    return found


def every_buffer(array: pa.Array) -> list[pa.Buffer | None]:
    own = list(array.buffers())
    return own + (every_buffer(array.dictionary) if isinstance(array, pa.DictionaryArray) else [])


@given(tables(), RULES)
def test_the_explanation_says_what_the_filter_does(table: pa.Table, rule: LeaveRule) -> None:
    file = PolicyFile.model_validate(
        {"connections": {"erp": {"leave": {"purchase_order": rule.model_dump(by_alias=True)}}}}
    )
    policy = Policy(file)
    found = compile_leave(rule, "purchase_order", KEY).apply(table)
    kept = [True] * table.num_rows if found.kept is None else found.kept.tolist()
    for leaves, document in zip(kept, documents(table), strict=True):
        said = explain_record(policy, "erp", "purchase_order", document)
        assert said.allowed == leaves
        words = {one.path: one.what for one in said.fields}
        for path in ("status", "vendorName", "lineItems.name", "billingAddress.city", "customFields.a.b"):
            assert words[path] == word(rule, path)


def test_all_fields_and_nothing_else_is_the_same_table() -> None:
    table = table_of([])
    found = compile_leave(LeaveRule.model_validate({"fields": "all"}), "purchase_order", KEY).apply(table)
    assert found.records is table
    assert found.kept is None
    assert EVERYTHING.apply(table).records is table


def test_equal_texts_have_equal_hashes_under_one_key_and_others_under_another() -> None:
    table = table_of([{"key": "1", "vendor_code": "V1"}, {"key": "2", "vendor_code": "V1"}, {"key": "3"}])
    rule = LeaveRule.model_validate({"fields": "all", "hash": ["vendorCode"]})

    one = compile_leave(rule, "purchase_order", KEY).apply(table).records["vendor_code"].to_pylist()
    other = compile_leave(rule, "purchase_order", b"x" * 32).apply(table).records["vendor_code"].to_pylist()
    assert one[0] == one[1] != other[0]
    assert one[2] is None
    assert len(one[0] or "") == 35


def test_the_content_hash_does_not_confirm_a_guess_of_what_is_hidden() -> None:
    table = table_of([{"key": "1", "content_hash": 5}])
    hidden = compile_leave(
        LeaveRule.model_validate({"fields": "all", "except": ["notes"]}), "purchase_order", KEY
    )
    shown = compile_leave(
        LeaveRule.model_validate({"fields": "all", "rows": {"key": ["1"]}}), "purchase_order", KEY
    )
    assert hidden.apply(table).records["content_hash"].to_pylist() == [hidden.stamp(5)] != [5]
    assert shown.apply(table).records["content_hash"].to_pylist() == [5]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"fields": "all"}, {"fields": "all", "raw": True}, True),
        ({"fields": "all"}, {"fields": "all", "mask": ["notes"]}, False),
        ({"fields": "all", "rows": {"status": ["a"]}}, {"fields": "all", "rows": {"status": ["b"]}}, False),
    ],
)
def test_a_fingerprint_tells_whether_records_leave_in_another_form(
    one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    def fingerprint(rule: dict[str, Any]) -> str:
        made: LeaveFilter = compile_leave(LeaveRule.model_validate(rule), "purchase_order", KEY)
        return made.fingerprint

    assert (fingerprint(one) == fingerprint(other)) is same
