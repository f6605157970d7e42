"""Who signs in, looked at by libraries that the driver does not use: PyJWT and oauthlib."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, RequestValidator, ResourceEndpoint

from tests.canaries import canary

CLIENT_ID, CERTIFICATE_ID = "c" * 64, "cert-1"
CONSUMER, CONSUMER_SECRET = "k" * 64, canary(" consumer/+&=")
TOKEN, TOKEN_SECRET = "t" * 64, canary(" token%~")


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def token_for(form: bytes, *, public_key: Any, endpoint: str, now: float) -> str:
    """A new access token for a signed statement. Raises jwt.PyJWTError or KeyError."""
    fields = {name: values[0] for name, values in parse_qs(form.decode(), strict_parsing=True).items()}
    assertion = fields["client_assertion"]
    if fields["grant_type"] != "client_credentials" or not fields["client_assertion_type"].endswith(
        ":jwt-bearer"
    ):
        raise jwt.InvalidTokenError("not a client assertion")
    if jwt.get_unverified_header(assertion)["kid"] != CERTIFICATE_ID:
        raise jwt.InvalidTokenError("no such certificate")
    claims = jwt.decode(
        assertion,
        public_key,
        algorithms=["PS256", "ES256"],
        audience=endpoint,
        issuer=CLIENT_ID,
        options={"require": ["iss", "scope", "aud", "exp", "iat"], "verify_exp": False, "verify_iat": False},
    )
    if not claims["iat"] - 60 <= now <= claims["exp"] or claims["exp"] - claims["iat"] >= 3600:
        raise jwt.ExpiredSignatureError("not now")
    if "rest_webservices" not in claims["scope"]:
        raise jwt.InvalidTokenError("scope")
    return secrets.token_urlsafe(32)


class Validator(RequestValidator):  # type: ignore[misc]  # oauthlib is without types
    """The checks of token-based authentication."""

    allowed_signature_methods = (SIGNATURE_HMAC_SHA256,)
    enforce_ssl = False
    client_key_length = access_token_length = (20, 100)
    nonce_length = (11, 64)
    realms = ("1234567_SB1",)
    dummy_client = dummy_access_token = "x" * 30
    timestamp_lifetime = 10**12  # looked at by `clock`

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self.used: set[tuple[str, str]] = set()
        self.last = ("", "")

    def check_client_key(self, key: str) -> bool:
        return True

    check_nonce = check_access_token = check_client_key

    def validate_timestamp_and_nonce(
        self, client_key: str, timestamp: str, nonce: str, request: Any, **_: Any
    ) -> bool:
        once = (timestamp, nonce)
        self.last = once
        return once not in self.used and abs(int(timestamp) - self._clock()) <= 300

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        return client_key == CONSUMER

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        return token == TOKEN

    def validate_realms(
        self, client_key: str, token: str, request: Any, uri: Any = None, realms: Any = None
    ) -> bool:
        return 'realm="1234567_SB1"' in request.headers["Authorization"]

    def get_client_secret(self, client_key: str, request: Any) -> str:
        return CONSUMER_SECRET

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return TOKEN_SECRET


def is_signed(validator: Validator, method: str, urls: Sequence[str], header: str) -> bool:
    """Whether it is a signature of the request at one of these places."""
    endpoint = ResourceEndpoint(validator)
    for url in urls:
        valid, _ = endpoint.validate_protected_resource_request(
            url, method, "", {"Authorization": header}, []
        )
        if valid:
            validator.used.add(validator.last)
            return True
    return False
