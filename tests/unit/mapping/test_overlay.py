"""Laws of the overlay: what is set is there, what is not touched stays, and the file shows through."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigurationError
from agent.mapping.overlay import (
    ABSENT,
    Action,
    Change,
    Overlay,
    apply,
    changed,
    changes_between,
    differing,
    overlay_of,
    overlay_to_plain,
    same,
    to_plain,
    value_at,
)
from agent.mapping.paths import path_of, read_changes, text_of

NAMES = st.sampled_from(["a", "b", "c", "map"])
SPECS = st.recursive(
    st.sampled_from(["x", "y", True, 1, ["p"]]),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=4,
)
TABLES = st.dictionaries(NAMES, SPECS, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)
CHANGES = st.one_of(
    st.builds(Change, PATHS, st.just(Action.SET), SPECS),
    st.builds(Change, PATHS, st.sampled_from([Action.REMOVE, Action.RESET])),
)


@given(TABLES, st.lists(CHANGES, max_size=6))
def test_after_a_change_its_place_says_what_the_change_says(
    base: dict[str, Any], changes: list[Change]
) -> None:
    overlay = Overlay()
    for change in changes:
        overlay = changed(base, overlay, [change])
        there = value_at(apply(base, overlay), change.path)
        if change.action is Action.SET:
            assert same(there, change.spec)
        elif change.action is Action.REMOVE:
            assert there is ABSENT


@given(TABLES, st.lists(CHANGES, max_size=6))
def test_the_base_is_never_altered(base: dict[str, Any], changes: list[Change]) -> None:
    before = copy.deepcopy(base)

    apply(base, changed(base, Overlay(), changes))

    assert base == before


@given(TABLES, st.lists(CHANGES, max_size=6), PATHS)
def test_what_lies_apart_of_every_change_stays_as_the_file_says(
    base: dict[str, Any], changes: list[Change], path: tuple[str, ...]
) -> None:
    if any(path[: len(one.path)] == one.path or one.path[: len(path)] == path for one in changes):
        return
    there = value_at(base, path)
    if there is ABSENT:
        return
    # A text or a number is no table: a change inside it replaces it.
    if any(not isinstance(value_at(base, one.path[:-1]), dict) for one in changes):
        return

    assert same(value_at(apply(base, changed(base, Overlay(), changes)), path), there)


@given(TABLES, st.lists(CHANGES, max_size=6))
def test_no_place_of_an_overlay_lies_inside_another(base: dict[str, Any], changes: list[Change]) -> None:
    places = list(changed(base, Overlay(), changes).entries)

    assert [
        (one, other) for one in places for other in places if one != other and other[: len(one)] == one
    ] == []


@given(TABLES, st.lists(CHANGES, max_size=6))
def test_resetting_every_place_leaves_what_the_file_says(base: dict[str, Any], changes: list[Change]) -> None:
    overlay = changed(base, Overlay(), changes)

    reset = changed(base, overlay, [Change(path, Action.RESET) for path in overlay.entries])

    assert not reset
    assert apply(base, reset) == base


@given(TABLES, PATHS, SPECS)
def test_setting_again_what_the_file_says_lets_the_place_go(
    base: dict[str, Any], path: tuple[str, ...], spec: Any
) -> None:
    there = value_at(base, path)
    once = changed(base, Overlay(), [Change(path, spec=spec)])
    back = Change(path, Action.REMOVE) if there is ABSENT else Change(path, spec=there)

    assert not changed(base, once, [back])


@given(TABLES, st.lists(CHANGES, max_size=6), st.lists(CHANGES, max_size=6))
def test_the_difference_of_two_overlays_leads_from_one_to_the_other(
    base: dict[str, Any], first: list[Change], second: list[Change]
) -> None:
    one = changed(base, Overlay(), first)
    other = changed(base, one, second)

    reached = changed({}, one, changes_between(one, other)) if one or other else one

    assert {path: str(value) for path, value in reached.entries.items() if path in other.entries} == {
        path: str(value) for path, value in other.entries.items() if path in reached.entries
    }
    assert apply(base, other) == apply(base, overlay_of([*_read(overlay_to_plain(other))]))


@given(TABLES, st.lists(CHANGES, max_size=6))
def test_an_overlay_is_read_as_it_was_written(base: dict[str, Any], changes: list[Change]) -> None:
    overlay = changed(base, Overlay(), changes)

    assert overlay_of(_read(overlay_to_plain(overlay))).entries == overlay.entries


@given(TABLES, st.lists(CHANGES, max_size=6))
def test_once_the_file_says_what_is_in_force_nothing_differs(
    base: dict[str, Any], changes: list[Change]
) -> None:
    overlay = changed(base, Overlay(), changes)

    assert not differing(apply(base, overlay), overlay)


def _read(plain: list[dict[str, Any]]) -> tuple[Change, ...]:
    return tuple(
        Change(tuple(one["path"]), Action.SET, one["spec"])
        if "spec" in one
        else Change(tuple(one["path"]), Action.REMOVE)
        for one in plain
    )


def test_a_later_edit_of_the_file_shows_through_except_where_the_overlay_holds_a_place() -> None:
    overlay = changed({"title": "a", "notes": "b"}, Overlay(), [Change(("title",), spec="c")])

    assert apply({"title": "edited", "notes": "edited"}, overlay) == {"title": "c", "notes": "edited"}


def test_true_is_not_one() -> None:
    """To Python they are equal, and a change from one to the other would be lost."""
    overlay = changed({"a": {"const": 1}}, Overlay(), [Change(("a",), spec={"const": True})])

    assert apply({"a": {"const": 1}}, overlay)["a"]["const"] is True


def test_a_field_inside_a_list_that_was_set_at_run_time_is_changed_there() -> None:
    whole = Change(("lineItems",), spec={"lines": "l", "map": {"lineNo": "n"}})
    overlay = changed({}, Overlay(), [whole, Change(("lineItems", "map", "quantity"), spec="q")])

    assert overlay_to_plain(overlay) == [
        {"path": ["lineItems"], "spec": {"lines": "l", "map": {"lineNo": "n", "quantity": "q"}}}
    ]


def test_a_table_whose_last_field_is_removed_goes_too() -> None:
    overlay = changed(
        {"shipmentAddress": {"city": "c"}},
        Overlay(),
        [Change(("shipmentAddress", "city"), Action.REMOVE)],
    )

    assert apply({"shipmentAddress": {"city": "c"}}, overlay) == {}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("orderNo", ("orderNo",)),
        ("lineItems.quantity", ("lineItems", "map", "quantity")),
        ("lineItems.where", ("lineItems", "where")),
        ("customFields.Cost. centre", ("custom", "Cost. centre")),
        ("custom.x", ("custom", "x")),
        ("shipmentAddress.city", ("shipmentAddress", "city")),
        ("defaults.zone", ("defaults", "zone")),
        ("updatedAt", ("updatedAt",)),
    ],
)
def test_a_place_has_one_name_for_people_and_one_in_the_table(text: str, path: tuple[str, ...]) -> None:
    assert path_of(text, "purchase_order") == path
    assert path_of(text_of(path), "purchase_order") == path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("orderno", "no field 'orderno'"),
        ("lineItems.qty", "no field 'qty' of lineItems"),
        ("status.values", "changed as a whole"),
        ("lineItems.quantity.from", "changed as a whole"),
        ("customFields", "name one entry of custom"),
        ("lineItems.map", "no field 'map' of lineItems"),
        ("key", "no field 'key'"),
        ("", "a place in a mapping has a name"),
    ],
)
def test_a_place_that_is_no_field_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        path_of(text, "purchase_order")


@pytest.mark.parametrize(
    "changes",
    [
        [],
        "orderNo",
        [{"path": "orderNo", "spec": "x"}],
        [{"path": ["orderNo"]}],
        [{"path": ["orderNo"], "spec": "x", "remove": True}],
        [{"path": ["orderNo"], "remove": False}],
        [{"path": ["orderNo"], "drop": True}],
        [{"path": ["orderNo"], "spec": 1.5}],
        [{"path": ["orderNo"], "spec": None}],
        [{"path": ["orderNo"], "spec": 2**63}],
        [{"path": ["orderNo"], "spec": "\ud800"}],
        [{"path": [], "spec": "x"}],
        [{"path": ["nonsense"], "spec": "x"}],
        [{"path": ["orderNo"], "spec": "x"}] * 201,
    ],
)
def test_what_is_no_change_is_refused(changes: Any) -> None:
    with pytest.raises(ConfigurationError):
        read_changes(changes, "purchase_order")


def test_changes_are_read_as_they_are_written() -> None:
    plain = [
        {"path": ["orderNo"], "spec": {"from": "no", "trim": True}},
        {"path": ["notes"], "remove": True},
        {"path": ["title"], "reset": True},
    ]

    assert to_plain(read_changes(plain, "purchase_order")) == plain
