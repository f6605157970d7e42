"""Pure: a client's signed statement of who it is, as OAuth 2.0 takes it in a secret's place (RFC 7523)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from drivers.contract import BadConfiguration

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_SHORTEST_RSA: Final = 2_048  # bits
_CURVES: Final[Mapping[str, tuple[str, hashes.HashAlgorithm]]] = {
    "secp256r1": ("ES256", hashes.SHA256()),
    "secp384r1": ("ES384", hashes.SHA384()),
    "secp521r1": ("ES512", hashes.SHA512()),
}


def load_key(pem: str, password: str, *, where: str) -> PrivateKey:
    """Raises BadConfiguration for what is no key, or none that such a statement can be signed with."""
    try:
        key = load_pem_private_key(pem.encode(), password.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadConfiguration(
            "the private key cannot be read",  # not why: the library may repeat parts of it
            where=where,
            hint="Name the whole PEM file with file:/path; a password of it is the secret `key_password`.",
        ) from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _SHORTEST_RSA:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key
    raise BadConfiguration(
        "the private key is of a kind that cannot sign here",
        where=where,
        hint=f"Make an RSA key of at least {_SHORTEST_RSA} bits or one of the curve P-256.",
    )


def signed_token(key: PrivateKey, key_id: str, claims: Mapping[str, Any]) -> str:
    """A JWT in its compact form: PS256 with an RSA key, ES256 to ES512 by an elliptic one's curve."""
    header = {"typ": "JWT", "alg": _algorithm(key), "kid": key_id}
    signed = ".".join(_part(json.dumps(each, separators=(",", ":")).encode()) for each in (header, claims))
    return f"{signed}.{_part(_signature(key, signed.encode()))}"


def _algorithm(key: PrivateKey) -> str:
    return "PS256" if isinstance(key, rsa.RSAPrivateKey) else _CURVES[key.curve.name][0]


def _signature(key: PrivateKey, text: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        sha = hashes.SHA256()
        return key.sign(text, padding.PSS(padding.MGF1(sha), salt_length=sha.digest_size), sha)
    # ASN.1 is what the library gives; a JWT holds both numbers side by side, each as wide as the curve (RFC 7518, 3.4).
    pair = decode_dss_signature(key.sign(text, ec.ECDSA(_CURVES[key.curve.name][1])))
    width = (key.curve.key_size + 7) // 8
    return b"".join(number.to_bytes(width, "big") for number in pair)


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
