from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import VersionMismatch
from agent.model.run import Differences
from agent.sync.cursor import Checkpoint, Pass, PassKind, Reconciled, read_checkpoint
from drivers.contract import Mark, MarkKind, ReadMode

marks = st.builds(Mark, st.sampled_from(MarkKind), st.text(max_size=40))
passes = st.builds(
    Pass,
    kind=st.sampled_from(PassKind),
    mode=st.sampled_from(ReadMode),
    start=st.none() | marks,
    end=st.none() | marks,
    cursor=st.none() | st.text(),
    resend=st.booleans(),
    resumed=st.just(True),
    form=st.text(max_size=4),
)
checkpoints = st.builds(
    Checkpoint,
    form=st.text(max_size=4),
    floor=st.none() | marks,
    under_way=st.none() | passes,
    initial_done=st.booleans(),
    covers_everything=st.booleans(),
    compared_at=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@given(checkpoints)
def test_a_checkpoint_survives_its_text(checkpoint: Checkpoint) -> None:
    assert read_checkpoint(checkpoint.to_text()) == checkpoint


def test_no_text_is_the_first_time() -> None:
    assert read_checkpoint(None) == Checkpoint()


def test_a_pass_read_back_knows_that_it_was_cut_short() -> None:
    """Deletions may not be concluded from what a resumed pass has seen."""
    text = Checkpoint(under_way=Pass(PassKind.INITIAL, ReadMode.SCAN)).to_text()

    resumed = read_checkpoint(text).under_way

    assert resumed is not None
    assert resumed.resumed


def test_a_checkpoint_of_a_newer_version_is_refused() -> None:
    with pytest.raises(VersionMismatch, match="version 99"):
        read_checkpoint('{"version":99}')


def test_the_floor_moves_only_when_the_pass_is_complete() -> None:
    signpost = Mark(MarkKind.INTEGER, "7")
    step = Pass(PassKind.CHANGES, ReadMode.CHANGES, start=Mark(MarkKind.INTEGER, "1"), end=signpost)
    begun = Checkpoint(floor=Mark(MarkKind.INTEGER, "1"), initial_done=True).within(step.at("c1"))

    assert begun.floor == Mark(MarkKind.INTEGER, "1")
    assert begun.completed(step).floor == signpost
    assert begun.completed(step).under_way is None


def test_an_empty_page_leaves_the_cursor_where_it_is() -> None:
    step = Pass(PassKind.CHANGES, ReadMode.CHANGES).at("c1")

    assert step.at(None).cursor == "c1"


@pytest.mark.parametrize(("mode", "everything"), [(ReadMode.SCAN, True), (ReadMode.WINDOW, False)])
def test_the_initial_pass_says_whether_it_covers_everything(mode: ReadMode, everything: bool) -> None:
    done = Checkpoint().completed(Pass(PassKind.INITIAL, mode))

    assert done.initial_done
    assert done.covers_everything is everything


def test_a_later_pass_does_not_change_what_the_initial_one_covered() -> None:
    before = Checkpoint(initial_done=True, covers_everything=False)

    after = before.completed(Pass(PassKind.COMPARE, ReadMode.SCAN))

    assert not after.covers_everything


def test_a_comparison_is_dated() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    assert Checkpoint().compared(now).compared_at == now


def test_a_reconciliation_is_dated_as_every_other_moment_that_is_told() -> None:
    reconciled = Reconciled(
        datetime(2026, 1, 1, 12, tzinfo=UTC), Differences(changed=1, at_source=20, held=20)
    )

    assert reconciled.to_document()["at"] == "2026-01-01T12:00:00Z"
    assert read_checkpoint(Checkpoint(reconciled=reconciled).to_text()).reconciled == reconciled


class TestForm:
    def initial(self, form: str) -> Pass:
        return Pass(PassKind.INITIAL, ReadMode.SCAN, form=form)

    def test_after_an_initial_pass_of_one_form_nothing_needs_to_be_mapped_again(self) -> None:
        done = Checkpoint().in_form("A").completed(self.initial("A"))

        assert not done.needs_remap("A")
        assert done.needs_remap("B")

    def test_before_the_first_pass_is_complete_there_is_nothing_to_map_again(self) -> None:
        assert not Checkpoint().in_form("A").within(self.initial("A")).needs_remap("B")

    def test_a_pass_that_another_form_cut_in_two_has_to_be_made_again(self) -> None:
        under_way = Checkpoint().within(self.initial("A")).in_form("B")
        assert under_way.under_way is not None

        done = under_way.completed(under_way.under_way)

        assert done.needs_remap("A")
        assert done.needs_remap("B")

    def test_going_back_to_the_old_form_does_not_undo_what_was_enqueued_in_between(self) -> None:
        done = Checkpoint().completed(self.initial("A"))

        assert done.in_form("B").in_form("A").needs_remap("A")

    def test_a_pass_over_changes_alone_makes_no_form_whole(self) -> None:
        done = Checkpoint().completed(self.initial("A")).in_form("B")

        assert done.completed(Pass(PassKind.CHANGES, ReadMode.CHANGES, form="B")).needs_remap("B")

    def test_the_form_is_kept_in_the_checkpoint(self) -> None:
        checkpoint = Checkpoint().completed(self.initial("A")).within(self.initial("B"))

        read = read_checkpoint(checkpoint.to_text())

        assert read.form == "A"
        assert read.under_way is not None
        assert read.under_way.form == "B"
