from __future__ import annotations

import pytest

from agent.errors import (
    CredentialsRefused,
    GroundwireError,
    IdentityRefused,
    Throttled,
    Unreachable,
    VersionMismatch,
)
from agent.protocol.frames import Error
from agent.tunnel.refusals import translate_refusal


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("identity_refused", IdentityRefused),
        ("stale_epoch", IdentityRefused),
        ("version", VersionMismatch),
        ("code_refused", CredentialsRefused),
        ("superseded", Unreachable),
        ("internal", Unreachable),
        ("a_code_of_tomorrow", Unreachable),
    ],
)
def test_each_code_becomes_what_to_do_about_it(code: str, kind: type[GroundwireError]) -> None:
    error = translate_refusal(Error(code, "no", fatal=True), "relay x")

    assert type(error) is kind
    assert error.where == "relay x"
    assert error.hint


@pytest.mark.parametrize("code", ["identity_refused", "stale_epoch"])
def test_the_hint_gives_up_the_identity_that_there_is(code: str) -> None:
    error = translate_refusal(Error(code, "no", fatal=True), "relay x")

    assert "enroll wss://RELAY CODE --replace" in error.hint  # without it enrolling is refused


@pytest.mark.parametrize("code", ["throttled", "superseded", "internal"])
def test_a_wish_for_a_pause_is_kept(code: str) -> None:
    error = translate_refusal(Error(code, "later", fatal=True, retry_after=30.0), "relay x")

    assert isinstance(error, Throttled)
    assert error.retry_after == 30


def test_versions_are_named_on_both_sides() -> None:
    error = translate_refusal(Error("version", "", fatal=True, protocol_min=4, protocol_max=5), "relay x")

    assert "4 to 5" in error.message
    assert "1 to 1" in error.message


def test_the_relays_words_are_shown_short_and_without_control_characters() -> None:
    said = translate_refusal(Error("internal", "\x1b[31m\r\n\u202e" + "x" * 1_000, fatal=True), "").message

    assert said.isprintable()
    assert len(said) < 300
