"""An installation as an administrator leaves it, for doctor to look at: enrolled, guarded, with one sandbox connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomlkit
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.clock import Clock
from agent.doctor.check import Check, examine
from agent.doctor.installation import Installation, look_at
from agent.findings import Finding, Level
from agent.identity import Identity, IdentityStore
from tests.permissive import allow_everything


class Premises:
    def __init__(self, folder: Path, *, relay_url: str = "wss://127.0.0.1:1/agent", **relay: Any) -> None:
        self.folder = folder / "site"
        self.state = self.folder / "state"
        self.root = folder / "root"  # in the place of the host's own files
        self.environ: dict[str, str] = {"PATH": "/usr/bin:/bin"}
        self.folder.mkdir(parents=True, mode=0o755)
        self.state.mkdir(mode=0o700)
        for name in ("etc", "proc"):
            (self.root / name).mkdir(parents=True)
        self.write(
            "agent.toml",
            tomlkit.dumps({"agent": {"name": "berlin", "state_dir": "state"}, "relay": relay}),
        )
        self.connect("box", {"system": "sandbox", "sync": {"manual": True}})
        self.enrol(relay_url)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        path.write_text(text)
        path.chmod(0o644)
        return path

    def connect(self, name: str, document: Mapping[str, Any], *, allowed: bool = True) -> Path:
        if allowed:
            allow_everything(self.folder, [name])
        return self.write(f"connections/{name}.toml", tomlkit.dumps(document))

    def enrol(self, relay_url: str) -> None:
        key = Ed25519PrivateKey.generate()
        IdentityStore(self.state).save(Identity("agent-1", "default", relay_url, 1, key))

    async def look(self, *, connection: str = "", clock: Clock | None = None, **changes: Any) -> Installation:
        found = await look_at(self.folder, connection=connection, environ=self.environ, clock=clock)
        return replace(found, root=self.root, **changes)

    async def ask(self, *checks: Check, **changes: Any) -> dict[str, Finding]:
        """What these checks find, by code; of several with one code the first."""
        report = await examine(await self.look(**changes), checks)
        found: dict[str, Finding] = {}
        for one in report.findings:
            found.setdefault(one.code, one)
        return found

    async def bad(self, *checks: Check, **changes: Any) -> set[str]:
        """The codes of what is not fine, nor only worth knowing."""
        found = await self.ask(*checks, **changes)
        return {code for code, one in found.items() if one.level in {Level.WARNING, Level.PROBLEM}}
