from __future__ import annotations

from typing import Any

import pytest

from agent.errors import ConfigurationError, SourceChanged
from agent.mapping.compile import compile_mapping
from tests.unit.mapping.mapping_case import WHERE, page_of

LINES = {"lines": "lines", "map": {"lineNo": "no"}}


def refused(mapping: Any, entity: str = "purchase_order") -> ConfigurationError:
    complete = {"orderNo": {"const": "1"}, **mapping} if isinstance(mapping, dict) else mapping
    with pytest.raises(ConfigurationError) as caught:
        compile_mapping(complete, entity=entity, where=WHERE)
    assert caught.value.where.startswith(WHERE)
    return caught.value


@pytest.mark.parametrize(
    ("mapping", "where", "hint"),
    [
        ({"vendorKy": "v"}, ".vendorKy", "vendorKey"),
        ({"vendor_key": "v"}, ".vendor_key", "vendorKey"),
        ({"lineItems": {"lines": "l", "map": {"qantity": "q"}}}, ".lineItems.qantity", "quantity"),
        ({"billingAddress": {"town": "t", "citty": "c"}}, ".billingAddress.town", "There are"),
        ({"title": {"form": "t"}}, ".title", "from"),
        ({"title": {"from": "t", "trimm": True}}, ".title", "trim"),
        ({"orderDate": {"from": "t", "date": "yyymmdd"}}, ".orderDate", "yyyymmdd"),
        ({"dueAt": {"from": "t", "zone": "Europe/Atlantis"}}, ".dueAt", "IANA"),
        ({"status": {"from": "s", "values": {"1": "aproved"}}}, ".status", "approved"),
        ({"status": {"from": "s", "default": "zzz"}}, ".status", "There are"),
        ({"title": {"from": "t", "as": "strng"}}, ".title", "string"),
        ({"title": {"from": "t", "lookup": "trms"}, "lookups": {"terms": {}}}, ".title", "terms"),
        ({"defaults": {"trm": True}}, ".defaults", "trim"),
        ({"customFields": {"a": "b"}}, ".customFields", "custom.NAME"),
        ({"lineItems": {"lines": "l", "maps": {}}}, ".lineItems", "map"),
    ],
)
def test_a_wrong_name_is_refused_with_its_place_and_the_nearest_right_one(
    mapping: dict[str, Any], where: str, hint: str
) -> None:
    error = refused(mapping)

    assert error.where == WHERE + where
    assert hint in error.hint


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("x", "a mapping is a table"),
        ({"key": "k"}, "cannot be mapped"),
        ({"title": 5}, "a value is the name"),
        ({"title": ""}, "must name a source column"),
        ({"title": {}}, "exactly one of"),
        ({"title": {"from": "a", "const": "b"}}, "exactly one of"),
        ({"title": {"header": "a"}}, "belongs inside lines"),
        ({"title": {"from": "a", "trim": "yes"}}, "true or false"),
        ({"title": {"from": "a", "upper": True, "lower": True}}, "either upper or lower"),
        ({"title": {"from": "a", "as": "decimal"}}, "cannot be made as decimal"),
        ({"title": {"from": "a", "values": {}}}, "values is a table"),
        ({"title": {"from": "a", "values": {"x": 5}}}, "must be a string"),
        (
            {"title": {"from": "a", "values": {"x": "y"}, "lookup": "t"}, "lookups": {"t": {}}},
            "either values or lookup",
        ),
        ({"totalNetValue": {"from": "a", "default": 1.5}}, "stays exact"),
        ({"totalNetValue": {"const": True}}, "stays exact"),
        ({"totalNetValue": {"const": "many"}}, "is no decimal"),
        ({"orderDate": {"const": "soon"}}, "is no date"),
        ({"totalNetValue": {"from": "a", "scale": 99}}, "0 to 38"),
        ({"totalNetValue": {"from": "a", "scale": True}}, "0 to 38"),
        ({"totalNetValue": {"from": "a", "decimal_separator": "1"}}, "one character"),
        ({"totalNetValue": {"from": "a", "thousands": "."}}, "other than the decimal separator"),
        ({"orderDate": {"from": "a", "empty_dates": "1753-01-01"}}, "empty_dates must be"),
        ({"orderDate": {"from": "a", "empty_dates": ["no date"]}}, "is no date"),
        ({"title": {"coalesce": "a"}}, "must be a list"),
        ({"title": {"concat": []}}, "must be a list"),
        ({"vendorKey": {"key": []}}, "at least one column"),
        ({"title": {"lookup": {"lines": "l"}}}, "needs lines and take"),
        ({"title": {"lookup": {"lines": "l", "take": "t", "match": "m"}}}, "either key or equals"),
        ({"title": {"lookup": {"lines": "l", "take": "t", "key": "k"}}}, "either key or equals"),
        ({"title": {"lookup": 5}}, "lookup names a table"),
        ({"totalNetValue": {"sum": "lines"}}, "sum is written"),
        ({"lineItems": "lines"}, "lineItems is made as"),
        ({"lineItems": {"lines": "l"}}, "fields of a line are missing"),
        ({"lineItems": {**LINES, "where": {"a": 5}}}, "a text or a list of texts"),
        ({"lineItems": {**LINES, "where": "a"}}, "where is a table"),
        ({"lineItems": {"lines": "l", "map": {"price": {"count": "x"}}}}, "outside lines"),
        ({"lineItems": {"lines": "l", "map": {"price": {"sum": "x", "of": "y"}}}}, "outside lines"),
        ({"billingAddress": "street"}, "a table of its own fields"),
        ({"custom": []}, "custom is a table"),
        ({"custom": {" ": "a"}}, "needs a name"),
        ({"lookups": {"a": "b"}}, "named tables"),
        ({"defaults": []}, "defaults is a table"),
    ],
)
def test_a_mistake_is_refused_when_the_mapping_is_read(mapping: Any, message: str) -> None:
    error = refused(mapping)

    assert message in error.message


def test_a_required_field_that_nothing_makes_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="needs code"):
        compile_mapping({"name": "n"}, entity="asset", where=WHERE)


def test_an_entity_that_the_model_lacks_is_refused() -> None:
    assert "purchase_order" in refused({}, entity="purchase_orders").hint


def test_endless_nesting_is_refused() -> None:
    spec: Any = "c"
    for _ in range(500):
        spec = {"coalesce": [spec]}

    assert "nested deeper" in refused({"title": spec}).message


def test_the_source_columns_are_those_that_the_mapping_reads() -> None:
    compiled = compile_mapping(
        {
            "orderNo": {"coalesce": ["a", {"concat": ["b", {"const": "x"}]}]},
            "dueAt": {"from": "d", "time": "t"},
            "title": {"lookup": {"lines": "texts", "match": "m", "equals": "e", "take": "x"}},
            "totalNetValue": {"sum": "lines", "of": "amount"},
            "deliveryAddress": {"city": "city", "addressLines": ["street"]},
            "lineItems": {
                "lines": "lines",
                "map": {"lineNo": "no", "currencyKey": {"header": "cur"}, "vendorKey": {"key": ["v"]}},
                "where": {"kind": "1"},
            },
            "custom": {"n": {"count": "others"}, "q": "q"},
        },
        entity="purchase_order",
        where=WHERE,
    )

    assert compiled.source_columns == frozenset(
        {"a", "b", "d", "t", "texts", "texts.m", "texts.x", "lines", "lines.amount", "city", "street"}
        | {"lines.no", "cur", "lines.v", "lines.kind", "others", "q"}
    )


def test_a_page_that_lacks_a_column_says_which_and_what_it_has_instead() -> None:
    compiled = compile_mapping(
        {"orderNo": "OrderNo", "lineItems": {"lines": "lines", "map": {"lineNo": "LineNo"}}},
        entity="purchase_order",
        where=WHERE,
    )

    with pytest.raises(SourceChanged) as caught:
        compiled.apply(page_of(OrderNum=["1"], lines=[[{"LineNum": "1"}]]))

    assert "OrderNo (it has OrderNum)" in caught.value.message
    assert "lines.LineNo (it has lines.LineNum)" in caught.value.message
    assert caught.value.where == WHERE


def test_a_page_without_keys_is_refused() -> None:
    compiled = compile_mapping({"orderNo": {"const": "1"}}, entity="purchase_order", where=WHERE)

    with pytest.raises(SourceChanged, match="__key"):
        compiled.apply(page_of(a=["1"]).drop_columns(["__key"]))


def test_a_line_set_that_is_no_longer_one_is_a_changed_source() -> None:
    mapping = {"orderNo": {"const": "1"}, "custom": {"n": {"count": "lines"}}}
    compiled = compile_mapping(mapping, entity="purchase_order", where=WHERE)

    with pytest.raises(SourceChanged, match="no lines in: lines"):
        compiled.apply(page_of(lines=["1"]))
