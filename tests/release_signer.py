"""Signs as minisign does, with a key of the test's own: CI has no minisign."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.releases import sums


@dataclass
class Signer:
    key_id: bytes = b"\x01\x23\x45\x67\x89\xab\xcd\xef"
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public(self) -> str:
        raw = b"Ed" + self.key_id + self.private.public_key().public_bytes_raw()
        return f"untrusted comment: a test's key\n{base64.b64encode(raw).decode()}\n"

    def sign(self, content: bytes, comment: str = "groundwire 9.9.9") -> str:
        signature = self.private.sign(hashlib.blake2b(content).digest())
        of_comment = self.private.sign(signature + comment.encode())
        first = base64.b64encode(b"ED" + self.key_id + signature).decode()
        second = base64.b64encode(of_comment).decode()
        return f"untrusted comment: made by a test\n{first}\ntrusted comment: {comment}\n{second}\n"

    def release(self, folder: Path, files: dict[str, bytes]) -> Path:
        """A folder of files with the list of them and its signature."""
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        listed = sums.render({name: hashlib.sha256(content).hexdigest() for name, content in files.items()})
        (folder / "SHA256SUMS").write_text(listed, "ascii")
        (folder / "SHA256SUMS.minisig").write_text(self.sign(listed.encode()), "ascii")
        return folder
