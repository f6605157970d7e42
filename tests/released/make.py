"""Writes tests/released/VERSION/ for the version at hand; `make release` runs it: `python -m tests.released.make`.

A real relay, a real agent and a real source are brought to a state that has something of everything: records that
arrived and records that wait, dead letters, a changed mapping, a secret, a paused connection, finished commands. Then
both are ended and their files packed. What is in them is said by the source and by what was done, not by the product.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.credentials.refused import Offered, RefusedCredentials
from agent.errors import CredentialsRefused
from agent.identity import IdentityStore, PendingEnrolment
from agent.protocol.frames import CONTROL_TYPES, Batch
from agent.version import VERSION
from tests.canaries import canary
from tests.deployment import GROUNDWIRE, ROOT
from tests.faults.order_book import OrderBook
from tests.faults.site import Site
from tests.released.golden import BOOK, CONNECTION, EXPECTED, FILES, FOLDER, STORE

MOST_BYTES: Final = 300 * 1024
SECRET: Final = "erp_password"
VECTORS: Final = ROOT / "tests" / "protocol" / "vectors" / "frames.json"


def main() -> None:
    target = FOLDER / VERSION
    if target.exists():
        sys.exit(f"{target} is there; a released version's files are never written anew. Remove it first.")
    with tempfile.TemporaryDirectory(prefix="groundwire-golden-") as scratch:
        draft = Path(scratch, VERSION)
        draft.mkdir()
        write_files(Path(scratch, "site"), draft)
        write_frames(draft / "frames")
        size = sum(path.stat().st_size for path in draft.rglob("*") if path.is_file())
        if size > MOST_BYTES:
            sys.exit(f"{size} bytes are too many to be kept for ever; {MOST_BYTES} at most")
        shutil.copytree(draft, target)
    print(f"{target.relative_to(ROOT)}: {size} bytes")


def write_files(folder: Path, draft: Path) -> None:
    folder.mkdir()
    with Site(folder) as site:
        book = OrderBook(folder / BOOK, orders=60)
        site.connect(CONNECTION, book.connection(every=None))
        site.connect("box", {"system": "sandbox", "sync": {"manual": True}})
        site.start_agent()
        expected = fill(site, book)
        pack(site, draft / FILES)
    (draft / EXPECTED).write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n")


def fill(site: Site, book: OrderBook) -> dict[str, Any]:
    """Everything that the files are to hold; ends with both processes ended."""
    typed(site, canary("-released"), "secret", "set", SECRET)
    typed(site, canary("-console-password"), "console", "password")
    # A command that is done, and a mapping that is not the file's.
    site.sync(CONNECTION)
    command = site.post(f"/connections/{CONNECTION}/syncs", {"streams": ["orders"]})
    done = site.wait_for_command(command["id"])
    site.wait_until_acked()
    site.command_line("mapping", "set", f"{CONNECTION}/vendors", "emailAddress", '"code"')
    site.command_line("pause", "box")
    spoil(book)
    site.sync(CONNECTION)
    site.stop_relay()
    for _ in range(12):
        book.change()
    site.call("sync", {"streams": [CONNECTION]})
    pending = site.call("outbox")["pending_batches"]
    assert site.end_agent() == 0, site.log_tail()
    state = site.state
    IdentityStore(state).save_pending(
        PendingEnrolment("wss://relay.example", "7QK2M", Ed25519PrivateKey.generate())
    )
    refused = CredentialsRefused("the password was refused", where="erp")
    RefusedCredentials(state).remember(Offered("gone", "odbc", {}, {"password": canary("-old")}), refused)
    identity = IdentityStore(state).load()
    return {
        "version": VERSION,
        "agent": identity.agent,
        "epoch": identity.epoch,
        "secrets": {SECRET: "-released"},  # the ends of canaries
        "console_password": "-console-password",
        "pending_batches": pending,
        "dead_letters": ["SPOILT"],
        "paused": ["box"],
        "command": {"id": done["id"], "state": done["state"]},
        "refused": {"connection": "gone", "password": "-old"},
    }


def spoil(book: OrderBook) -> None:
    """An order that cannot be mapped: a dead letter."""
    with closing(sqlite3.connect(book.path)) as db, db:
        rev = db.execute("update clock set rev = rev + 1 returning rev").fetchone()[0]
        db.execute("insert into orders values ('SPOILT', 'not a number', '', ?)", (rev,))


def typed(site: Site, text: str, *words: str) -> None:
    """A command that reads from its standard input."""
    done = subprocess.run(
        [*GROUNDWIRE, *words, "--config", str(site.config)],
        input=f"{text}\n",
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def pack(site: Site, target: Path) -> None:
    leave = {"log", "control.sock", "control.json", "outbox.db.reserve", "audit.lock", "vault.lock"}

    def fit(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if Path(entry.name).name in leave:
            return None
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    for path in (site.folder / BOOK, site.relay / "data" / STORE):
        with closing(sqlite3.connect(path)) as db:
            db.execute("pragma wal_checkpoint(truncate)")
    with tarfile.open(target, "w:xz", preset=9) as archive:
        archive.add(site.config, "agent", filter=fit)
        archive.add(site.relay / "data" / STORE, STORE, filter=fit)
        archive.add(site.folder / BOOK, BOOK, filter=fit)


def write_frames(folder: Path) -> None:
    """What this version sends and reads: its golden vectors, and which fields its frames have."""
    folder.mkdir()
    shutil.copy(VECTORS, folder / "frames.json")
    types = {**CONTROL_TYPES, "batch": Batch}
    shapes = {
        name: {one.name: is_required(one) for one in fields(frame)} for name, frame in sorted(types.items())
    }
    (folder / "fields.json").write_text(json.dumps(shapes, indent=1) + "\n")


def is_required(one: Any) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


if __name__ == "__main__":
    main()
