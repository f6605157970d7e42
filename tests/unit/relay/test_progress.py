from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from relay.progress import MAX_COMMANDS, SECONDS_BETWEEN_WRITES, Progress


def test_the_first_word_is_written_at_once_and_the_next_a_second_later() -> None:
    progress = Progress()
    progress.put("a", {"done": 1})
    assert progress.next_due() == 0.0
    assert progress.take(100.0) == [("a", {"done": 1})]

    progress.put("a", {"done": 2})
    progress.put("a", {"done": 3})

    assert progress.take(100.9) == []
    assert progress.next_due() == 101.0
    assert progress.take(101.0) == [("a", {"done": 3})]
    assert progress.next_due() is None


def test_what_has_its_outcome_is_written_no_more() -> None:
    progress = Progress()
    progress.put("a", {})
    progress.forget("a")

    assert (progress.take(5.0), progress.next_due()) == ([], None)


def test_invented_commands_fill_no_memory() -> None:
    progress = Progress()
    for number in range(MAX_COMMANDS + 10):
        progress.put(str(number), {})

    assert len(progress.take(1.0)) == MAX_COMMANDS


@given(words=st.lists(st.tuples(st.floats(0, 0.5), st.sampled_from("abc")), max_size=60))
def test_no_command_is_written_twice_within_a_second_and_the_newest_word_gets_there(
    words: list[tuple[float, str]],
) -> None:
    progress, now = Progress(), 10.0
    written: dict[str, list[float]] = {}
    newest: dict[str, int] = {}
    stored: dict[str, int] = {}

    def write(at: float) -> None:
        for command, told in progress.take(at):
            written.setdefault(command, []).append(at)
            stored[command] = told["n"]

    for number, (pause, command) in enumerate(words):
        now += pause
        progress.put(command, {"n": number})
        newest[command] = number
        write(now)
    while (due := progress.next_due()) is not None:
        now = max(now, due)
        write(now)

    assert stored == newest
    for moments in written.values():
        assert all(b - a >= SECONDS_BETWEEN_WRITES - 1e-9 for a, b in itertools.pairwise(moments))


def test_what_is_due_may_be_written_then_wherever_the_clock_began() -> None:
    """`0.763 + 1.0 - 0.763` is less than 1.0: who waits for that moment must not wait on."""
    for began in (0.763, 15.159, 1.305, 7.659):
        progress = Progress()
        progress.put("c", {"done": 1})
        progress.take(began)
        progress.put("c", {"done": 2})
        due = progress.next_due()
        assert due is not None

        assert progress.take(due) == [("c", {"done": 2})]
