from __future__ import annotations

import pytest

from agent.setup.asking import Choice, Kind, Question, Unfit

FRUIT = (Choice("apple", "a red one"), Choice("apricot", "a small one"), Choice("plum", "a blue one"))


def question(kind: Kind, default: str | None = None) -> Question:
    return Question("fruit", "Which?", kind=kind, default=default, choices=FRUIT)


@pytest.mark.parametrize(
    ("typed", "meant"), [("1", "apple"), ("plum", "plum"), ("p", "plum"), ("a blue", "plum"), ("", "apricot")]
)
def test_a_choice_is_known_by_number_word_and_beginning(typed: str, meant: str) -> None:
    assert question(Kind.CHOICE, "apricot").answer(typed) == meant


@pytest.mark.parametrize("typed", ["0", "4", "99999999999999999999", "ap", "pear", "-1"])
def test_what_is_no_choice_or_several_is_refused(typed: str) -> None:
    with pytest.raises(Unfit):
        question(Kind.CHOICE).answer(typed)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1,3", "apple,plum"),
        ("3 1", "apple,plum"),
        ("1-2", "apple,apricot"),
        ("all", "apple,apricot,plum"),
        ("none", ""),
        ("plum, plum", "plum"),
        ("", "plum"),
    ],
)
def test_some_of_the_choices_come_in_their_order_and_once(typed: str, meant: str) -> None:
    assert question(Kind.SOME, "plum").answer(typed) == meant


@pytest.mark.parametrize("typed", ["2-1", "0-2", "1-9", "pear"])
def test_a_part_that_is_no_choice_is_refused(typed: str) -> None:
    with pytest.raises(Unfit):
        question(Kind.SOME).answer(typed)


def test_a_secret_keeps_its_blanks_and_its_complaint_does_not_hold_it() -> None:
    asked = Question("password", "Password", kind=Kind.SECRET)

    assert asked.answer(" two words ") == " two words "
    with pytest.raises(Unfit, match="needs an answer"):
        asked.answer("")


@pytest.mark.parametrize(("typed", "meant"), [("Y", "yes"), ("no", "no"), ("", "no")])
def test_yes_and_no(typed: str, meant: str) -> None:
    assert Question("sure", "Sure?", kind=Kind.YES, default="no").answer(typed) == meant


def test_anything_else_is_neither_yes_nor_no() -> None:
    with pytest.raises(Unfit):
        Question("sure", "Sure?", kind=Kind.YES, default="no").answer("perhaps")
