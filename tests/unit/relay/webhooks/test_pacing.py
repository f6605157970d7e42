from __future__ import annotations

from relay.webhooks.pacing import MAX_WIDTH, Pace, Places, Turns


def test_an_endpoint_that_answers_is_given_more_and_one_that_fails_ends_with_one() -> None:
    pace = Pace()
    for _ in range(100):
        pace.answered(well=True)
    assert pace.width == MAX_WIDTH

    for _ in range(5):
        pace.answered(well=False)

    assert (pace.width, pace.suspect) == (1, True)


def test_one_good_answer_ends_the_suspicion() -> None:
    pace = Pace(width=1)

    pace.answered(well=True)

    assert not pace.suspect


def test_endpoints_that_hang_take_no_place_from_those_that_answer() -> None:
    places = Places(trusted=4, suspect=2, kept=0)
    hanging = [Pace(width=1) for _ in range(50)]
    for pace in hanging:
        if places.room(pace, sharers=50):
            places.take(pace)

    assert sum(pace.on_their_way for pace in hanging) == 2
    assert places.room(Pace(width=3), sharers=1) == 3


def test_a_place_goes_back_where_it_came_from() -> None:
    """An endpoint may have become suspect, or trusted, while its delivery was on its way."""
    places, pace = Places(trusted=1, suspect=1, kept=0), Pace(width=2)
    suspect = places.take(pace)
    pace.answered(well=False)

    places.give_back(pace, suspect=suspect)

    assert places.room(Pace(width=2), sharers=1) == 1
    assert pace.on_their_way == 0


def test_one_that_is_slow_gives_its_place_to_those_that_are_quick() -> None:
    places, pace = Places(trusted=1, suspect=1), Pace(width=2)
    places.take(pace)

    assert places.demote(pace)

    assert (pace.trusted, pace.suspected) == (0, 1)
    assert places.room(Pace(width=2), sharers=1) == 1
    assert not places.demote(pace)


def test_suspects_leave_room_for_those_that_turn_out_to_be_slow() -> None:
    places, suspect = Places(suspect=3, kept=2), Pace(width=1)

    assert places.room(suspect, sharers=1) == 1
    places.take(suspect)
    assert places.room(Pace(width=1), sharers=1) == 0


def test_few_places_are_shared() -> None:
    assert Places(trusted=8).room(Pace(width=16), sharers=4) == 2


def test_with_fewer_places_than_sharers_each_takes_one_while_there_are_any() -> None:
    assert Places(trusted=2).room(Pace(width=16), sharers=10) == 1
    assert Places(trusted=0).room(Pace(width=16), sharers=10) == 0


def test_who_was_served_longest_ago_is_first() -> None:
    turns = Turns()
    for who in ("a", "b", "a"):
        turns.served(who)

    assert sorted(("a", "b", "c"), key=turns.before) == ["c", "b", "a"]
