"""Signed statements, read by a library that the client does not use."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import BadConfiguration
from drivers.http.assertions import load_key, signed_token

RSA = rsa.generate_private_key(65537, 2048)
CURVES = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
}


def pem(key: Any, password: str = "") -> str:
    how = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)
    return text.decode()


@pytest.mark.parametrize("algorithm", ["PS256", *CURVES])
def test_a_statement_is_signed_by_the_algorithm_of_its_key(algorithm: str) -> None:
    key = CURVES.get(algorithm, RSA)
    loaded = load_key(pem(key), "", where="here")

    token = signed_token(loaded, "cert-1", {"iss": "me", "aud": "you"})

    assert jwt.get_unverified_header(token) == {"typ": "JWT", "alg": algorithm, "kid": "cert-1"}
    read = jwt.decode(token, key.public_key(), algorithms=[algorithm], audience="you")
    assert read == {"iss": "me", "aud": "you"}


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(max_size=9), st.text(max_size=20) | st.integers(), max_size=4))
def test_any_statement_of_a_curve_is_read_as_it_was_made(claims: dict[str, Any]) -> None:
    """The two numbers of a signature may begin with zeros."""
    claims = {
        name: value
        for name, value in claims.items()
        if name not in {"exp", "nbf", "iat", "aud", "iss", "sub", "jti"}
    }

    token = signed_token(CURVES["ES256"], "k", claims)

    assert jwt.decode(token, CURVES["ES256"].public_key(), algorithms=["ES256"]) == claims


def test_a_key_with_a_password_needs_it() -> None:
    text = pem(RSA, "open sesame")

    assert isinstance(load_key(text, "open sesame", where="here"), rsa.RSAPrivateKey)
    with pytest.raises(BadConfiguration, match="cannot be read"):
        load_key(text, "", where="here")


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 1024),  # noqa: S505 - too short is what is tried
        ec.generate_private_key(ec.SECP256K1()),
        dsa.generate_private_key(2048),
    ],
    ids=["short", "curve", "dsa"],
)
def test_a_key_that_cannot_sign_is_refused(key: Any) -> None:
    with pytest.raises(BadConfiguration, match="cannot sign"):
        load_key(pem(key), "", where="here")


def test_what_is_no_key_is_refused_without_being_repeated() -> None:
    with pytest.raises(BadConfiguration) as caught:
        load_key("not a secret key", "", where="options.auth.secret")

    assert "not a secret" not in str(caught.value)
    assert caught.value.where == "options.auth.secret"
