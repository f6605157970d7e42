"""A recipe's words are checked before anything is written; each mistake has its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from drivers.contract import BadConfiguration, OperationKind
from drivers.recipes.naming import refuse_unknown
from drivers.recipes.reading import Reading, Terms, statuses_of, updatable_in
from drivers.recipes.tables import OperationOptions, Otherwise

CREATE, UPDATE, DELETE, SET_STATUS = OperationKind


@dataclass(frozen=True)
class Step:
    names: tuple[str, ...]
    for_each: str | None = None
    when: str | None = None
    unless: str | None = None
    otherwise: Otherwise | None = None


def reading(kind: OperationKind, **table: Any) -> Reading:
    return Reading(kind, OperationOptions(**table), "w", ("id",), {"vendorKey"}, {"lineItems"})


def test_an_unknown_name_is_told_with_the_nearest_one_or_with_all() -> None:
    with pytest.raises(BadConfiguration) as near:
        refuse_unknown("note", {"notes", "key"}, "no step uses the field", "here")
    with pytest.raises(BadConfiguration) as far:
        refuse_unknown("zzz", {"notes", "key"}, "no step uses the field", "here")

    assert (near.value.message, near.value.hint) == ("no step uses the field 'note'", "Did you mean 'notes'?")
    assert far.value.hint == "Known here: key, notes."


def test_statuses_hold_for_every_field_or_for_those_that_are_named() -> None:
    fields = ("notes", "lineItems.quantity")
    assert updatable_in(("draft",), UPDATE, fields, "w") == dict.fromkeys(fields, ("draft",))
    assert updatable_in((), CREATE, fields, "w") == {}
    assert updatable_in({"lineItems": ("draft",)}, UPDATE, fields, "w") == {"lineItems": ("draft",)}
    for given, kind in ((("draft",), CREATE), ({"note": ("draft",)}, UPDATE)):
        with pytest.raises(BadConfiguration) as caught:
            updatable_in(given, kind, fields, "w")
        assert caught.value.where == "w.updatable_in"


def test_statuses_belong_to_set_status_alone() -> None:
    assert statuses_of(("approved",), SET_STATUS, "w") == {"approved": "approved"}
    assert statuses_of({"approved": "2"}, SET_STATUS, "w") == {"approved": "2"}
    for given, kind in (((), SET_STATUS), (("approved",), UPDATE)):
        with pytest.raises(BadConfiguration, match="no other operation does"):
            statuses_of(given, kind, "w")


@pytest.mark.parametrize(
    ("kind", "name", "lists", "about"),
    [
        (CREATE, "result.nr", (), "no earlier step gives 'nr'"),
        (CREATE, "key", (), "no key yet"),
        (UPDATE, "key.nr", (), "the key has no column 'nr'"),
        (UPDATE, "line.number", (), "there is no 'line.number' here"),
        (UPDATE, "line.no", ("lineItems",), "there is no 'line.no' here"),
        (UPDATE, "lineItems.quantity", (), "is a field of many lines"),
        (DELETE, "title", (), "a delete has no field 'title'"),
        (SET_STATUS, "given.title", (), "a set_status has no field"),
    ],
)
def test_a_word_that_means_nothing_where_it_stands_is_refused(
    kind: OperationKind, name: str, lists: tuple[str, ...], about: str
) -> None:
    with pytest.raises(BadConfiguration) as caught:
        reading(kind).check_name(name, lists=lists, results={"id"}, where="w.steps[0]")

    assert about in caught.value.message
    assert caught.value.where == "w.steps[0]"


def test_words_that_have_a_meaning_there_pass() -> None:
    for kind, name, lists in (
        (CREATE, "result.id", ()),
        (CREATE, "lineItems.quantity", ("lineItems",)),
        (CREATE, "line.number", ("lineItems",)),
        (UPDATE, "key.id", ()),
        (UPDATE, "given.title", ()),
        (UPDATE, "vendorKey.2", ()),
        (SET_STATUS, "status", ()),
        (DELETE, "idempotencyKey", ()),
    ):
        reading(kind).check_name(name, lists=lists, results={"id"}, where="w")


def test_a_key_of_several_parts_is_named_by_its_parts_as_the_driver_writes_words() -> None:
    terms = Terms(mark=":")
    both = Reading(UPDATE, OperationOptions(), "w", ("site", "id"), terms=terms)

    with pytest.raises(BadConfiguration) as caught:
        both.check_name("key", lists=(), results=(), where="w")

    assert caught.value.hint == "Name one: :key.site, :key.id."


def test_a_recipe_has_the_fields_that_its_steps_use_and_no_words_of_ours() -> None:
    steps = [
        Step(("vendorKey.1", "idempotencyKey", "given.title"), when="notes"),
        Step(("lineItems", "lineItems.quantity", "line.number", "result.id"), for_each="lineItems"),
    ]

    parts = reading(CREATE, required=["vendorKey", "lineItems"]).parts(steps, results={"id"})

    assert parts["fields"] == ("vendorKey", "title", "notes", "lineItems.quantity")
    assert parts["required"] == ("vendorKey", "lineItems")
    assert parts["key"] == ("result.id",)


def test_what_the_system_does_not_take_is_not_required_of_anybody() -> None:
    steps = [Step(("vendorKey", "title"))]
    table = reading(UPDATE, required=["title", "vendorKey"])

    parts = table.parts(steps, results=(), offered=[Step(("vendorKey",))])

    assert (parts["fields"], parts["required"]) == (("vendorKey",), ("vendorKey",))


@pytest.mark.parametrize(
    ("kind", "table", "where"),
    [
        (CREATE, {"required": ["titel"]}, "w.required"),
        (CREATE, {"any_of": [["title", "nots"]]}, "w.any_of"),
        (CREATE, {"key": ["result.nr"]}, "w.key"),
        (CREATE, {"key": ["result.id", "result.id"]}, "w.key"),
        (CREATE, {"key": ["line.number"]}, "w.key"),
        (CREATE, {"reference": "key"}, "w.reference"),
        (UPDATE, {"key": ["title"]}, "w.key"),
        (UPDATE, {"reference": "nots"}, "w.reference"),
    ],
)
def test_what_a_recipe_promises_has_to_come_from_its_steps(
    kind: OperationKind, table: dict[str, Any], where: str
) -> None:
    with pytest.raises(BadConfiguration) as caught:
        reading(kind, **table).parts([Step(("title",))], results={"id"})

    assert caught.value.where == where


def test_fields_of_which_one_is_needed_lie_beside_each_other() -> None:
    """Nobody could say which line has to have one of them."""
    steps = [Step(("title",)), Step(("lineItems.quantity", "lineItems.notes"), for_each="lineItems")]
    reading(CREATE, any_of=[["lineItems.quantity", "lineItems.notes"]], key=["title"]).parts(
        steps, results=()
    )

    with pytest.raises(BadConfiguration, match="same list or object") as caught:
        reading(CREATE, any_of=[["title", "lineItems.notes"]], key=["title"]).parts(steps, results=())

    assert caught.value.where == "w.any_of"


def test_find_finds_what_a_step_wrote_and_asks_for_nothing_else() -> None:
    written = [Step(("idempotencyKey",))]
    reading(UPDATE).check_find(["idempotencyKey", "key"], written)

    with pytest.raises(BadConfiguration, match="find can find nothing"):
        reading(UPDATE).check_find(["idempotencyKey"], [Step(("title",))])
    with pytest.raises(BadConfiguration, match="find does not know :title"):
        reading(UPDATE).check_find(["idempotencyKey", "title"], written)
