from __future__ import annotations

import pytest

from drivers.contract import BadConfiguration, OperationKind
from drivers.recipe_tables import refuse_unknown, statuses_of, updatable_in

CREATE, UPDATE, _, SET_STATUS = OperationKind


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
