"""Judges a whole deployment from its two ends: what the source holds, and what the relay shows and has stored."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PATHS: Final = {"purchase_order": "purchase-orders", "vendor": "vendors"}
Contents = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass
class Story:
    """What the feed told of one key, in its order."""

    newest: Mapping[str, Any] | None = None  # None: deleted
    hashes: list[str | None] = field(default_factory=list)  # None: a tombstone
    revs: list[int] = field(default_factory=list)


def judge_feed(lines: list[dict[str, Any]], contents: Contents, *, repeats: bool = False) -> list[str]:
    """Every record in its newest version and nothing else; versions in order, each once unless `repeats`."""
    told: dict[tuple[str, str], Story] = {}
    faults: list[str] = []
    for line in lines:
        story = told.setdefault((line["entity"], line["key"]), Story())
        if line["type"] == "tombstone":
            story.newest = None
            story.hashes.append(None)
            continue
        document = line["document"]
        story.newest = document
        story.hashes.append(document["contentHash"])
        story.revs.append(int(document["customFields"]["rev"]))
    for (entity, key), story in told.items():
        if story.revs != sorted(story.revs):
            faults.append(f"{entity} {key}: an older version came after a newer one: {story.revs}")
        if not repeats and any(one == two for one, two in zip(story.hashes, story.hashes[1:], strict=False)):
            faults.append(f"{entity} {key}: one version came twice: {story.hashes}")
    for entity, records in contents.items():
        newest = {key: story.newest for (kind, key), story in told.items() if kind == entity and story.newest}
        faults += compare(entity, newest, records)
    return faults


def compare(
    entity: str, found: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    faults = [f"{entity} {key}: lost" for key in wanted if key not in found]
    faults += [f"{entity} {key}: is not, or no longer, in the source" for key in found if key not in wanted]
    for key in found.keys() & wanted.keys():
        said = said_by(entity, found[key])
        if said != wanted[key]:
            faults.append(f"{entity} {key}: {said} instead of {wanted[key]}")
    return faults


def said_by(entity: str, document: Mapping[str, Any]) -> dict[str, Any]:
    rev = int(document["customFields"]["rev"])
    if entity == "vendor":
        return {"name": document["name"], "rev": rev}
    lines = [(line["lineNo"], line["quantity"]) for line in document["lineItems"] or []]
    return {"amount": document["totalNetValue"], "note": document["notes"], "rev": rev, "lines": lines}


def judge_store(relay_data: Path, outbox: Path) -> list[str]:
    return judge_chains(chains(relay_data), outbox)


def judge_chains(stored: Mapping[str, Sequence[tuple[int, int, bytes, bytes]]], outbox: Path) -> list[str]:
    """Each stream is one unbroken chain of intact batches, as long as the agent believes."""
    faults: list[str] = []
    ends: dict[str, int] = {}
    for stream, rows in stored.items():
        previous = 0
        for seq, prev, digest, payload in rows:
            if prev != previous or seq <= prev:
                faults.append(f"{stream}: batch {seq} names {prev}, the one before it is {previous}")
            if hashlib.sha256(payload).digest() != digest:
                faults.append(f"{stream}: batch {seq} is not what its hash says")
            previous = seq
        ends[stream] = previous
    for stream, last, acked, pending in _outbox_ends(outbox):
        if pending or acked != last or ends.get(stream, 0) != acked:
            faults.append(
                f"{stream}: enqueued to {last}, acked to {acked}, {pending} pending; stored to {ends.get(stream)}"
            )
    return faults


def chains(relay_data: Path) -> dict[str, list[tuple[int, int, bytes, bytes]]]:
    """Of the newest enrolment of each stream; older ones ended where they ended."""
    with _Copy(relay_data / "relay.db") as db:
        newest = dict(db.execute("select stream, id from streams order by lineage"))
        return {
            stream: db.execute(
                "select seq, prev, hash, payload from batches where stream = ? order by position", (number,)
            ).fetchall()
            for stream, number in newest.items()
        }


def _outbox_ends(outbox: Path) -> list[tuple[str, int, int, int]]:
    with _Copy(outbox) as db:
        return db.execute(
            "select name, last_seq, acked_seq,"
            " (select count(*) from batch b where b.stream = s.id and b.settled_at is null) from stream s"
        ).fetchall()


def damage_of(path: Path) -> list[str]:
    """What SQLite finds wrong with a file that no process writes."""
    with _Copy(path) as db:
        found = [said for (said,) in db.execute("pragma integrity_check")]
    return [] if found == ["ok"] else [f"{path.name}: {said}" for said in found]


class _Copy:
    """A file that its process holds for itself, read from a copy made in a quiet moment.

    A copy of a file that is written meanwhile may be torn: reading it raises sqlite3.DatabaseError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> sqlite3.Connection:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        for suffix in ("", "-wal"):
            source = self._path.with_name(self._path.name + suffix)
            if source.exists():
                shutil.copy(source, folder / source.name)
        self._db = sqlite3.connect(folder / self._path.name)
        return self._db

    def __exit__(self, *_: object) -> None:
        self._db.close()
        self._folder.cleanup()


def parsed(feed: Any, connection: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in feed]
    return [line for line in lines if line["connection"] == connection]
