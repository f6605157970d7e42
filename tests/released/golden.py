"""The files that a released version left, and a deployment that stands on them.

`tests/released/VERSION/` holds `files.tar.xz` (the agent's folder, the relay's store and the source), `expected.json`
(what is in them) and `frames/` (what that version says and takes on the wire). tests/released/make.py writes them.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import tomlkit

from tests.faults.order_book import OrderBook
from tests.faults.site import Site

FOLDER: Final = Path(__file__).parent
VERSIONS: Final = tuple(
    sorted(
        (path.name for path in FOLDER.iterdir() if re.fullmatch(r"[0-9]+(\.[0-9]+)+", path.name)),
        key=lambda name: tuple(map(int, name.split("."))),
    )
)
FILES: Final = "files.tar.xz"
EXPECTED: Final = "expected.json"
STORE: Final = "relay.db"
BOOK: Final = "erp.db"
CONNECTION: Final = "erp"


def expected_of(version: str) -> Any:
    return json.loads((FOLDER / version / EXPECTED).read_text())


def unpack(version: str, folder: Path) -> Path:
    """`agent/` with its state, `relay.db` and `erp.db`."""
    with tarfile.open(FOLDER / version / FILES) as archive:
        archive.extractall(folder, filter="data")
    return folder


class ReleasedSite(Site):
    """A released version's agent and relay, moved here and run by the present code."""

    def __init__(self, folder: Path, version: str) -> None:
        super().__init__(folder)
        self.version = version
        self.expected = expected_of(version)

    def _make_relay(self) -> str:
        """A relay's folder of today, for its certificates, around the released store."""
        code = super()._make_relay()
        kept = unpack(self.version, self.folder / "kept")
        for leftover in (self.relay / "data").iterdir():
            leftover.unlink()
        (kept / STORE).rename(self.relay / "data" / STORE)
        scopes = [word for scope in ("read", "command", "enrol") for word in ("--scope", scope)]
        made = json.loads(self._groundwire("relay", "token", "create", str(self.relay), *scopes, "--json"))
        self.token = made["token"]
        return code

    def _make_agent(self, code: str) -> None:
        kept = self.folder / "kept"
        (kept / "agent").rename(self.config)
        (kept / BOOK).rename(self.folder / BOOK)
        agent = self.config / "agent.toml"
        document = tomlkit.parse(agent.read_text())
        document["relay"] = {"url": f"wss://127.0.0.1:{self.gateway}", "ca_file": self._authority}
        agent.write_text(tomlkit.dumps(document))
        for file in (self.config / "connections").glob("*.toml"):
            file.write_text(re.sub(r'"[^"]*/erp\.db"', json.dumps(str(self.folder / BOOK)), file.read_text()))

    def book(self) -> OrderBook:
        return OrderBook.found(self.folder / BOOK)


@contextmanager
def released_site(folder: Path, version: str) -> Iterator[ReleasedSite]:
    with ReleasedSite(folder, version) as site:
        yield site
