from __future__ import annotations

from agent.commands.standing import standing
from drivers.contract import OperationKind

PRESENT = {
    "status": "draft",
    "currencyKey": "EUR",
    "lineItems": [
        {"lineNo": "10", "key": "1-10", "quantity": "1", "price": "5"},
        {"lineNo": "20", "key": "1-20", "quantity": "2", "price": "7"},
    ],
}


def test_a_record_that_is_deleted_stands_as_it_is():
    assert standing(OperationKind.DELETE, PRESENT, {}) == PRESENT


def test_a_status_is_the_new_one():
    assert standing(OperationKind.SET_STATUS, PRESENT, {"status": "approved"}) == PRESENT | {
        "status": "approved"
    }


def test_a_line_that_is_changed_keeps_what_is_not_given_and_no_line_is_left_out():
    change = {"lineItems": [{"lineNo": "20", "quantity": "3"}, {"lineNo": "30", "quantity": "4"}]}

    whole = standing(OperationKind.UPDATE, PRESENT, change)

    assert whole["lineItems"] == [
        PRESENT["lineItems"][0],
        PRESENT["lineItems"][1] | {"quantity": "3"},
        {"lineNo": "30", "quantity": "4"},
    ]
    assert whole["currencyKey"] == "EUR"


def test_a_line_is_known_by_its_key_too():
    whole = standing(OperationKind.UPDATE, PRESENT, {"lineItems": [{"key": "1-10", "price": "6"}]})

    assert [line["price"] for line in whole["lineItems"]] == ["6", "7"]


def test_lines_of_another_shape_are_taken_as_they_are():
    assert standing(OperationKind.UPDATE, PRESENT, {"lineItems": None})["lineItems"] is None
    assert standing(OperationKind.UPDATE, {}, {"lineItems": [{"a": 1}]})["lineItems"] == [{"a": 1}]


def test_a_line_that_names_two_lines_may_mean_either():
    change = {"lineItems": [{"key": "1-10", "lineNo": "20", "price": "99"}]}

    whole = standing(OperationKind.UPDATE, PRESENT, change)

    assert [line["price"] for line in whole["lineItems"]] == ["99", "99"]


def test_two_lines_that_name_one_may_both_be_meant():
    change = {"lineItems": [{"lineNo": "20", "price": "1"}, {"lineNo": "20", "price": "99"}]}

    whole = standing(OperationKind.UPDATE, PRESENT, change)

    assert [line["price"] for line in whole["lineItems"]] == ["5", "1", "99"]
