"""A deployment whose two sides are of different ages: each runs its own source tree, in real processes over real TLS.

An older tree is a worktree of its commit, run with the packages of the present environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import tomlkit

from tests.faults.site import HASTY, Site
from tests.life import ROOT

# The version before the one at hand: what `make compatibility` holds this one against. A release names its own commit.
PREVIOUS: Final = "0901c0b53efbf59863f8258bcf67468e4e065788"
GROUNDWIRE: Final = "agent.cli"
WRITE_POLICY: Final = (
    "import sys, pathlib; from tests.permissive import allow_everything;"
    " allow_everything(pathlib.Path(sys.argv[1]), sys.argv[2:])"
)


def older_tree(folder: Path, commit: str = PREVIOUS) -> Path | None:
    """The commit's tree in a new worktree; None where this clone does not have it."""
    if git("cat-file", "-e", f"{commit}^{{commit}}").returncode != 0:
        return None
    made = git("worktree", "add", "--detach", str(folder), commit)
    assert made.returncode == 0, made.stderr
    return folder


def drop_tree(folder: Path) -> None:
    git("worktree", "remove", "--force", str(folder))


def git(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)


class MixedSite(Site):
    def __init__(self, folder: Path, *, agent: Path = ROOT, relay: Path = ROOT) -> None:
        super().__init__(folder)
        self.trees = {"agent": agent, "relay": relay}

    def connect(self, name: str, document: object) -> None:
        self._allow(name)
        (self.config / "connections" / f"{name}.toml").write_text(tomlkit.dumps(document))  # type: ignore[arg-type]

    def feed(self) -> Iterator[bytes]:
        try:
            yield from super().feed()
        except urllib.error.HTTPError as refused:  # a relay from before the feed had cursors
            if refused.code not in {400, 422}:
                raise
            yield from self._feed_by_position()

    def _feed_by_position(self) -> Iterator[bytes]:
        after = 0
        while True:
            body, headers = self._request(f"/api/v1/feed?after={after}&limit=500")
            yield from body.splitlines()
            position = int(headers["Groundwire-Next-Position"])
            if position == after:
                return
            after = position

    def spawn_agent(self, config: Path) -> subprocess.Popen[bytes]:
        process = self._start("agent", HASTY, "run", "--config", str(config))
        self._loose.append(process)
        return process

    def _spawn(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        return self._start(kind, GROUNDWIRE, *arguments)

    def _start(self, kind: str, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._of(kind),
                cwd=self.trees[kind],
            )

    def _make_agent(self, code: str) -> None:
        (self.config / "connections").mkdir(parents=True)
        url = f"wss://127.0.0.1:{self.gateway}"
        agent = {"name": "site-1", "state_dir": "state", "log_format": "json"}
        relay = {"url": url, "ca_file": self._authority}
        (self.config / "agent.toml").write_text(tomlkit.dumps({"agent": agent, "relay": relay}))
        self._allow("erp")
        self._groundwire("enroll", url, code, "--config", str(self.config))

    def _allow(self, name: str) -> None:
        """In the words of the agent's own version."""
        self._run("agent", "-c", WRITE_POLICY, str(self.config), name)

    def _groundwire(self, *arguments: str) -> str:
        kind = "relay" if arguments[0] == "relay" else "agent"
        return self._run(kind, "-m", GROUNDWIRE, *arguments)

    def _run(self, kind: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self._of(kind),
            cwd=self.trees[kind],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr}\n{self.log_tail()}"
        return done.stdout

    def _of(self, kind: str) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.trees[kind])}

    def software(self) -> str:
        """What the relay was told that the agent is."""
        return json.dumps(self.get("/agents")["items"])
