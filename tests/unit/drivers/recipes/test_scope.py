"""What the words of a recipe stand for while one command is carried out, and what comes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import (
    BadConfiguration,
    Message,
    OperationKind,
    OutcomeStatus,
    SourceBusy,
    StreamSpec,
    Unreachable,
    WriteCommand,
)
from drivers.recipes.outcomes import (
    NOT_FOUND,
    Refusal,
    missing,
    not_reached,
    outcome_of,
    recipe_to_execute,
    recipe_to_look_up,
)
from drivers.recipes.recipe import Recipe, Writes
from drivers.recipes.scope import ABSENT, Misfit, Scope, runs_of, shortened
from drivers.recipes.tables import Otherwise
from tests.unit.drivers.recipes.test_reading import Step

ORDER = {
    "key": "7",
    "title": None,
    "vendorKey": "1000~V-1",
    "lineItems": [{"quantity": "1"}, {"quantity": "2", "notes": "x"}],
    "customFields": {"project": "P-1"},
}


def recipe(kind: OperationKind = OperationKind.UPDATE, **more: Any) -> Recipe[Step, str]:
    blank: dict[str, Any] = {
        "kind": kind, "where": "w", "steps": (), "required": (), "any_of": (), "fields": ("title",),
        "updatable_in": {}, "statuses": {}, "key": (), "reference": None, "find": None,
    }  # fmt: skip
    return Recipe(**{**blank, **more})


def scope(record: dict[str, Any] | None = None, **more: Any) -> Scope[Any, Any]:
    own = more.pop("recipe", recipe())
    writes = Writes(stream="orders", recipes={own.kind: own}, keys=frozenset({"vendorKey"}))
    return Scope(writes=writes, recipe=own, record=record or ORDER, idempotency_key="c-1", **more)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("idempotencyKey", "c-1"),
        ("key", "7"),
        ("key.id", "7"),
        ("result.nr", "4711"),
        ("result.other", None),
        ("given.title", True),
        ("given.notes", False),
        ("title", None),
        ("notes", ABSENT),
        ("vendorKey.2", "V-1"),
        ("customFields.project", "P-1"),
        ("customFields.site", ABSENT),
    ],
)
def test_a_word_stands_for_its_value_and_an_absent_field_for_nothing(name: str, value: Any) -> None:
    assert scope(key={"id": "7"}, results={"nr": "4711"}).value(name) == value


@pytest.mark.parametrize("name", ["vendorKey", "vendorKey.3", "vendorKey.0"])
def test_a_part_that_another_records_key_does_not_have_is_told_by_its_place(name: str) -> None:
    with pytest.raises(Misfit) as caught:
        scope().value(name)

    assert (caught.value.place, caught.value.code) == ("vendorKey", "not_a_key")


def test_a_status_is_written_as_the_source_calls_it() -> None:
    own = recipe(OperationKind.SET_STATUS, statuses={"approved": "2"})

    assert scope({"key": "7", "status": "approved"}, recipe=own).value("status") == "2"


def test_a_step_runs_for_each_line_for_which_its_condition_holds() -> None:
    found = list(runs_of(Step((), for_each="lineItems", when="lineItems.notes"), scope()))

    assert [(each.line_index, each.value("line.number"), each.value("lineItems.quantity")) for each in found] == [(1, 2, "2")]  # fmt: skip
    assert found[0].place("lineItems.quantity") == "lineItems[1].quantity"
    assert list(runs_of(Step((), unless="vendorKey"), scope())) == []
    assert len(list(runs_of(Step((), unless="notes"), scope()))) == 1


def test_a_check_runs_each_step_once_as_if_every_field_were_there() -> None:
    blank = scope({"key": "7"}, blank=True)

    for step in (Step((), for_each="lineItems"), Step((), when="notes"), Step((), unless="notes")):
        assert len(list(runs_of(step, blank))) == 1
    assert blank.given("notes")


def test_an_outcome_has_the_key_only_where_each_part_of_it_was_given() -> None:
    own = recipe(OperationKind.CREATE, key=("result.site", "result.nr"), reference="result.nr")

    made = outcome_of(scope({}, recipe=own, results={"site": "A~1", "nr": "7"}))
    half = outcome_of(scope({}, recipe=own, results={"nr": "7"}), [Message("no site")])
    changed = outcome_of(scope())

    assert (made.status, made.key, made.reference) == (OutcomeStatus.SUCCEEDED, "A%7E1~7", "7")
    assert (half.key, half.reference, half.messages) == ("", "7", (Message("no site"),))
    assert changed.key == "7"


def test_a_success_stays_one_where_a_word_of_its_outcome_stands_for_nothing() -> None:
    """The vendor's key has two parts, of which the reference names none; the order is there all the same."""
    own = recipe(OperationKind.CREATE, key=("result.nr",), reference="vendorKey")

    made = outcome_of(scope(recipe=own, results={"nr": "7"}))

    assert (made.status, made.key, made.reference) == (OutcomeStatus.SUCCEEDED, "7", "")


def test_a_step_that_finds_nothing_says_what_it_looked_for() -> None:
    line = next(iter(runs_of(Step((), for_each="lineItems"), scope())))

    assert missing(Step(()), scope()) == NOT_FOUND
    assert missing(Step((), for_each="lineItems"), line).field == "lineItems[0].key"
    said = Step((), otherwise=Otherwise(text="is closed", code="closed", field="lineItems.quantity"))
    assert missing(said, line) == Message("is closed", "closed", "lineItems[0].quantity")


def test_a_command_without_a_recipe_is_refused_and_its_effect_cannot_be_looked_up() -> None:
    stream = StreamSpec("orders", "purchase_order")
    command = WriteCommand(OperationKind.UPDATE, "purchase_order", {"key": "7", "titel": "x"}, "c-1", stream)
    without = Writes[Recipe[Step, str]](stream="orders", recipes={})
    own = recipe()

    with pytest.raises(Refusal) as unknown:
        recipe_to_execute(command, without)
    with pytest.raises(Refusal) as unfit:
        recipe_to_execute(command, scope(recipe=own).writes)
    with pytest.raises(BadConfiguration) as lost:
        recipe_to_look_up(command, scope(recipe=own).writes, hint="Name it.")

    assert unknown.value.outcome.messages[0].code == "not_supported"
    assert [each.field for each in unfit.value.messages] == ["titel"]
    assert lost.value.where == "streams.orders.write.update.find"


def test_that_nothing_was_sent_is_said_with_the_reason() -> None:
    assert not_reached(Unreachable("x"), "the system").text.startswith("the system could not be reached")
    assert not_reached(SourceBusy("x"), "the database").text.startswith("the database is busy")


@given(
    st.text("abcdef0123456789-_.:", min_size=1, max_size=64),
    st.integers(12, 52),
    st.booleans(),
)
def test_a_shortened_idempotency_key_fits_and_stays_the_same(key: str, length: int, capitals: bool) -> None:
    made = shortened(key, length, capitals=capitals)

    assert len(made) == length
    assert made == shortened(key, length, capitals=capitals)
    assert made != shortened(key + "x", length, capitals=capitals)
    assert made == (made.upper() if capitals else made.lower())
    assert shortened(key, None) == key
