from __future__ import annotations

import base64
import copy
import json
import os
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigurationError
from agent.secrets import MASK, MAX_SECRET_BYTES, Redaction, Secret, SecretRef, redact, resolve
from tests.canaries import betrayed, canary

CANARY = canary('/å "x"')


def test_a_secret_shows_its_value_only_when_asked() -> None:
    secret = Secret(CANARY)

    shown = f"{secret} {secret!r} {secret!s} {secret:>20} {[secret]} { ({'a': secret}) }"

    assert "canary" not in shown
    assert secret.reveal() == CANARY


def test_a_secret_cannot_be_pickled_copied_into_a_dump_or_hashed() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARY))
    with pytest.raises(TypeError):
        copy.deepcopy(Secret(CANARY))
    with pytest.raises(TypeError):
        json.dumps({"x": Secret(CANARY)})
    with pytest.raises(TypeError):
        hash(Secret(CANARY))


def test_secrets_compare_by_value_with_secrets_only() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert not Secret("")


@pytest.mark.parametrize(
    "text", ["env:AW_PASSWORD", "file:/run/secrets/x", "secret:erp-password", "file:C:\\keys\\x"]
)
def test_references_read_back_as_written(text: str) -> None:
    assert str(SecretRef.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "canary",
        "env:",
        "env:1A",
        "file:relative",
        "secret:../up",
        "secret:a/b",
        "vault:x",
        7,
        None,
        "env:A B",
        "ENV:A",
    ],
)
def test_anything_else_is_refused_without_repeating_it(text: object) -> None:
    with pytest.raises(ValueError, match="written as a reference") as caught:
        SecretRef.parse(text)

    assert str(text) not in str(caught.value).split()


def private(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_variable_is_read_from_the_environment(tmp_path: Path) -> None:
    ref = SecretRef.parse("env:AW")

    assert resolve(ref, state_dir=tmp_path, environ={"AW": "v"}).reveal() == "v"


def test_a_variable_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """The environment holds bytes; what of them is no UTF-8 comes as half characters that no driver takes."""
    with pytest.raises(ConfigurationError, match="the secret env:PW is not UTF-8 text"):
        resolve(SecretRef("env", "PW"), state_dir=tmp_path, environ={"PW": os.fsdecode(b"pa\xffss")})


def test_secrets_that_are_learned_at_the_same_time_are_all_masked() -> None:
    redaction = Redaction()
    values = [f"value-number-{number}" for number in range(400)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda value: redaction.learn(Secret(value)), values))
    finally:
        sys.setswitchinterval(interval)

    assert [value for value in values if redaction.redact(value) != MASK] == []


@pytest.mark.parametrize("content", [b"word", b"word\n", b"word\r\n"])
def test_a_secret_file_loses_one_line_end_and_nothing_else(tmp_path: Path, content: bytes) -> None:
    file = private(tmp_path / "x", content)

    assert resolve(SecretRef("file", str(file)), state_dir=tmp_path).reveal() == "word"


def test_a_named_secret_is_a_systemd_credential_or_a_file_of_the_state_folder(tmp_path: Path) -> None:
    ref = SecretRef.parse("secret:erp")
    private(tmp_path / "state" / "secrets" / "erp", b"own\n")
    private(tmp_path / "cred" / "erp", b"systemd's", 0o440)

    assert resolve(ref, state_dir=tmp_path / "state", environ={}).reveal() == "own"
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "cred")}
    assert resolve(ref, state_dir=tmp_path / "state", environ=environ).reveal() == "systemd's"
    assert (
        resolve(ref, state_dir=tmp_path / "state", environ={"CREDENTIALS_DIRECTORY": "/none"}).reveal()
        == "own"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    file = private(tmp_path / "x", b"canary", mode)

    with pytest.raises(ConfigurationError, match="other users") as caught:
        resolve(SecretRef("file", str(file)), state_dir=tmp_path, where="connections/a.toml:4")

    assert caught.value.where == "connections/a.toml:4"
    assert "canary" not in f"{caught.value} {caught.value.hint} {caught.value.__context__}"


@pytest.mark.parametrize(
    ("content", "about"),
    [(b"", "empty"), (b"\n", "empty"), (b"\xff\xfe", "UTF-8"), (b"x" * (MAX_SECRET_BYTES + 1), "larger")],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes, about: str) -> None:
    file = private(tmp_path / "x", content)

    with pytest.raises(ConfigurationError, match=about):
        resolve(SecretRef("file", str(file)), state_dir=tmp_path)


@pytest.mark.parametrize("ref", ["env:NONE", "file:/no/such", "secret:none", "file:/tmp"])
def test_a_missing_secret_says_which_and_what_to_do(tmp_path: Path, ref: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        resolve(SecretRef.parse(ref), state_dir=tmp_path, environ={"NONE": ""})

    assert ref in caught.value.message
    assert caught.value.hint


def test_a_resolved_secret_is_masked_from_then_on(tmp_path: Path) -> None:
    resolve(SecretRef("env", "A"), state_dir=tmp_path, environ={"A": "canary-resolved-1"})

    assert redact("login with canary-resolved-1 failed") == f"login with {MASK} failed"


def test_encoded_forms_are_masked_too() -> None:
    redaction = Redaction()
    redaction.learn(Secret(CANARY))
    encoded = [CANARY, quote_plus(CANARY), json.dumps(CANARY), base64.b64encode(CANARY.encode()).decode()]

    shown = redaction.redact(" | ".join(encoded))

    assert all(form.strip('"=') not in shown for form in encoded)


@given(before=st.binary(max_size=9), behind=st.binary(max_size=9))
def test_a_secret_inside_of_base64_is_masked_wherever_it_stands(before: bytes, behind: bytes) -> None:
    redaction = Redaction()
    redaction.learn(Secret(canary()))

    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert not betrayed(redaction.redact(encode(before + canary().encode() + behind).decode()))


def test_of_two_secrets_the_longer_is_masked_first() -> None:
    redaction = Redaction()
    redaction.learn(Secret("word"))
    redaction.learn(Secret("password-word-1"))

    assert redaction.redact("a password-word-1 b") == f"a {MASK} b"


def test_a_key_of_many_lines_is_masked_line_by_line() -> None:
    redaction = Redaction()
    redaction.learn(Secret("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n-----END KEY-----"))

    assert "MIIEvQIBADANBgkqhkiG9w0" not in redaction.redact("dump:\n  MIIEvQIBADANBgkqhkiG9w0\n")


@given(
    st.lists(st.text(min_size=4, max_size=12), min_size=1, max_size=5),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_no_known_secret_survives_redaction(secrets: list[str], before: str, after: str) -> None:
    redaction = Redaction()
    for secret in secrets:
        redaction.learn(Secret(secret))

    shown = redaction.redact(before + secrets[0] + after)

    assert secrets[0].strip("*") == "" or secrets[0] not in shown.replace(MASK, "\x00")
