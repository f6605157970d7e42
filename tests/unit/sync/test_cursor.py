from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import VersionMismatch
from agent.sync.cursor import Checkpoint, Pass, PassKind, read_checkpoint
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
)
checkpoints = st.builds(
    Checkpoint,
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
