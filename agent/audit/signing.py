"""What is signed in the audit log, and by whom. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SLOT_BYTES: Final = 512  # one disk sector: a power cut tears one slot of the head, never both
_KEY_BEGIN: Final = "groundwire audit key 1\n"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The audit log's own key; the agent's identity has another one."""

    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def make(cls) -> SigningKey:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Read what `render` wrote. Raises ValueError."""
        if not text.startswith(_KEY_BEGIN):
            raise ValueError("not a key of an audit log")
        return cls(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text.removeprefix(_KEY_BEGIN).strip())))

    def render(self) -> str:
        return f"{_KEY_BEGIN}{self.private.private_bytes_raw().hex()}\n"

    @property
    def public(self) -> str:
        return self.private.public_key().public_bytes_raw().hex()

    def sign(self, what: str, n: int, line_hash: str) -> str:
        return self.private.sign(_signed_text(what, n, line_hash)).hex()


def is_signed(public: str, what: str, n: int, line_hash: str, signature: object) -> bool:
    """Whether the holder of the key signed this; False for anything that is no key or no signature."""
    if not isinstance(signature, str):
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), _signed_text(what, n, line_hash))
    except (ValueError, InvalidSignature):
        return False
    return True


def _signed_text(what: str, n: int, line_hash: str) -> bytes:
    return f"groundwire audit {what} 1\n{n}\n{line_hash}".encode()


def fingerprint(public: str) -> str:
    """Short enough to be compared by eye, long enough to be no coincidence."""
    digest = hashlib.sha256(public.encode()).hexdigest()[:32]
    return ":".join(digest[at : at + 4] for at in range(0, len(digest), 4))


@dataclass(frozen=True, slots=True)
class Mark:
    """A signed place in the chain: the line `n` has this hash. The head is one, the start after retention another."""

    n: int
    hash: str

    def render(self, key: SigningKey, what: str) -> bytes:
        document = {
            "n": self.n,
            "hash": self.hash,
            "public_key": key.public,
            "signature": key.sign(what, self.n, self.hash),
        }
        return json.dumps(document).encode().ljust(SLOT_BYTES - 1) + b"\n"


def parse_mark(raw: bytes, what: str, *, public: str | None = None) -> Mark | None:
    """The mark, if it was signed: by `public` where given, else by the key that it names itself."""
    try:
        document: Any = json.loads(raw)
        n, line_hash, signer = document["n"], document["hash"], document["public_key"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(n) is not int or not isinstance(line_hash, str) or not isinstance(signer, str):
        return None
    if public is not None and signer != public:
        return None
    return Mark(n, line_hash) if is_signed(signer, what, n, line_hash, document.get("signature")) else None


def parse_head(raw: bytes, *, public: str | None = None) -> Mark | None:
    """The newest signed slot of a head file."""
    slots = [raw[at : at + SLOT_BYTES] for at in range(0, min(len(raw), 2 * SLOT_BYTES), SLOT_BYTES)]
    marks = [mark for slot in slots if (mark := parse_mark(slot, "head", public=public)) is not None]
    return max(marks, key=lambda mark: mark.n, default=None)
