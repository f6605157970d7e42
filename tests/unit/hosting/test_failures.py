from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import errors
from agent.hosting.failures import MAX_RETRY_AFTER_SECONDS, translate
from agent.hosting.output import Redactor
from drivers import contract

DRIVER_ERRORS = [
    (contract.DriverError, errors.TransientError),
    (contract.Unreachable, errors.Unreachable),
    (contract.SourceBusy, errors.TransientError),
    (contract.BadConfiguration, errors.ConfigurationError),
    (contract.CredentialsRefused, errors.CredentialsRefused),
    (contract.NotPermitted, errors.NotPermitted),
    (contract.SourceChanged, errors.SourceChanged),
    (contract.RecordFault, errors.RecordError),
]


def failure(header, *secrets: str):
    return translate(header, connection="erp", redact=Redactor(secrets))[0]


@pytest.mark.parametrize(("theirs", "ours"), DRIVER_ERRORS)
def test_each_driver_error_becomes_the_class_of_its_code(theirs, ours):
    raised = theirs("what", where="orders", hint="try")
    translated = failure(
        {
            "error": {
                "code": raised.code,
                "message": raised.message,
                "where": raised.where,
                "hint": raised.hint,
            }
        }
    )

    assert type(translated) is ours
    assert (translated.message, translated.where, translated.hint) == ("what", "erp: orders", "try")


@pytest.mark.parametrize("part", ["message", "hint", "where"])
def test_no_part_of_a_secret_is_left_where_a_long_text_is_cut(part):
    said = {"code": "unreachable", "message": "m", part: "x" * 1_995 + "hunter-two"}

    translated = failure({"error": said}, "hunter-two")

    assert "hunt" not in translated.message + translated.hint + translated.where


def test_an_error_without_a_place_names_the_connection():
    assert str(failure({"error": {"code": "unreachable", "message": "no answer"}})) == "erp: no answer"


def test_a_place_that_names_the_connection_already_is_left_alone():
    assert (
        failure({"error": {"code": "configuration", "message": "m", "where": "erp.options"}}).where
        == "erp.options"
    )


def test_an_error_without_a_hint_has_the_hint_of_its_class():
    assert failure({"error": {"code": "unreachable", "message": "m"}}).hint == errors.Unreachable.default_hint


@pytest.mark.parametrize(
    "code", ["storage_damaged", "identity_refused", "already_running", "made_up", None, ["x"]]
)
def test_a_driver_cannot_speak_for_the_agent(code):
    assert type(failure({"error": {"code": code, "message": "m"}})) is errors.DriverCrashed


@pytest.mark.parametrize(
    ("asked", "kept"), [(5, 5.0), (-1, 60.0), ("soon", 60.0), (None, 60.0), (1e12, MAX_RETRY_AFTER_SECONDS)]
)
def test_the_pause_a_source_asks_for_is_bounded(asked, kept):
    assert failure({"error": {"code": "throttled", "message": "m", "retry_after": asked}}).retry_after == kept


def test_secrets_are_taken_out_of_everything_an_operator_reads():
    described = {"code": "transient", "message": "m s3cret", "where": "w s3cret", "hint": "h s3cret"}
    translated = failure({"error": described}, "s3cret")

    assert "s3cret" not in translated.message + translated.where + translated.hint


def test_a_fault_names_its_type_and_keeps_its_values_for_the_debug_log():
    header = {"fault": {"type": "KeyError", "traceback": "KeyError: 4711 s3cret"}}
    translated, traceback = translate(header, connection="erp", redact=Redactor(["s3cret"]))

    assert type(translated) is errors.DriverCrashed
    assert "KeyError" in str(translated)
    assert "4711" not in str(translated)
    assert traceback == "KeyError: 4711 [redacted]"


@given(
    st.dictionaries(
        st.sampled_from(["error", "fault", "broken", "value", "page", "x"]),
        st.none()
        | st.integers()
        | st.text()
        | st.dictionaries(st.sampled_from(["code", "message", "type"]), st.integers()),
    )
)
def test_any_answer_is_a_value_or_an_error_of_ours(header):
    translated = failure(header)

    assert translated is None or isinstance(translated, errors.GroundwireError)
