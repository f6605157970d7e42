"""The eight invariants, judged from what the source committed and what the relay stored. Pure.

| id | what must hold |
|---|---|
| I1 | conservation: each committed version is at the relay, superseded there, or dead-lettered, and the counts add up |
| I2 | no false ack: what the relay acked is in its store |
| I3 | the newest version of a record is what the source holds; an older never comes after a newer; no false tombstone |
| I4 | enqueued = delivered + dead-lettered + pending: chains without a gap, runs that count what they sent |
| I5 | bounds |
| I6 | liveness: what is committed after the faults arrives in time |
| I7 | a command has at most one effect, and its outcome is true |
| I8 | repeats on the wire are bounded; none is visible in the store |

A fault begins with the id of the invariant that it breaks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Version:
    """One commit of one record, in the order of `rev`, which grows over the whole source."""

    stream: str
    key: str
    rev: int
    body: str | None  # None: it was deleted
    bad: bool = False  # no mapping takes it: it is to become a dead letter


@dataclass(frozen=True, slots=True)
class Report:
    """The last word of a run."""

    status: str
    enqueued: int
    dead_letters: int


@dataclass(frozen=True, slots=True)
class Stored:
    """One batch of the relay's store."""

    stream: str
    seq: int
    prev: int
    run: str
    digest: str
    whole: bool = True  # its payload is what its hash and its header say
    records: tuple[tuple[str, int, str | None], ...] = ()  # key, rev, body
    gone: tuple[str, ...] = ()
    letters: tuple[str, ...] = ()  # keys
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How far the agent believes that a stream has come."""

    enqueued: int
    acked: int
    pending: int


@dataclass(frozen=True, slots=True)
class Wire:
    """What an onlooker saw between the two."""

    acked: Mapping[str, int] = field(default_factory=dict)  # the highest seq that the relay acked
    sent: Mapping[tuple[str, int, str], int] = field(default_factory=dict)  # stream, seq, digest: how often
    window: int = 0
    lines: int = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A command, with what it did and what was said of it."""

    id: str
    effects: int
    outcome: str | None
    tellable: bool = True  # the source can say what became of a write


@dataclass(frozen=True, slots=True)
class Bound:
    name: str
    found: float
    most: float


@dataclass(frozen=True, slots=True)
class Account:
    history: Sequence[Version]
    stored: Sequence[Stored]  # in the order of the store
    ends: Mapping[str, End] = field(default_factory=dict)
    wire: Wire = field(default_factory=Wire)
    shown: Mapping[tuple[str, str], tuple[int, str | None]] | None = None  # what the relay's index shows
    commands: Sequence[Asked] = ()
    arrivals: Sequence[Bound] = ()  # seconds from commit to store after the faults
    bounds: Sequence[Bound] = ()


NO_EFFECT = frozenset({"failed", "refused", "expired", "cancelled"})


def judge(account: Account) -> list[str]:
    """Every breach that is found; empty: all eight hold."""
    return [
        *_conservation(account),
        *_false_acks(account),
        *_states(account),
        *_chains(account),
        *_counts(account),
        *(
            f"I5: {one.name}: {one.found} of at most {one.most}"
            for one in account.bounds
            if one.found > one.most
        ),
        *(
            f"I6: {one.name} took {one.found:.1f} s of at most {one.most:.1f}"
            for one in account.arrivals
            if one.found > one.most
        ),
        *_commands(account.commands),
        *_repeats(account),
    ]


@dataclass(slots=True)
class _Story:
    """What the store tells of one record, in its order: a rev, or None for a tombstone, or "letter"."""

    told: list[int | str | None] = field(default_factory=list)
    bodies: dict[int, str | None] = field(default_factory=dict)

    @property
    def newest(self) -> int | None:
        """The revision that stands at the relay now; None: there is none."""
        return next((word for word in reversed(self.told) if word != "letter"), None)  # type: ignore[return-value]

    @property
    def revs(self) -> list[int]:
        return [word for word in self.told if isinstance(word, int)]


def _stories(stored: Sequence[Stored]) -> dict[tuple[str, str], _Story]:
    stories: dict[tuple[str, str], _Story] = defaultdict(_Story)
    for batch in stored:
        for key, rev, body in batch.records:
            story = stories[batch.stream, key]
            story.told.append(rev)
            story.bodies[rev] = body
        for key in batch.gone:
            stories[batch.stream, key].told.append(None)
        for key in batch.letters:
            stories[batch.stream, key].told.append("letter")
    return stories


def _by_record(history: Sequence[Version]) -> dict[tuple[str, str], list[Version]]:
    records: dict[tuple[str, str], list[Version]] = defaultdict(list)
    for version in history:
        records[version.stream, version.key].append(version)
    return records


def _conservation(account: Account) -> Iterator[str]:
    stories = _stories(account.stored)
    fates: Counter[str] = Counter()
    for record, versions in _by_record(account.history).items():
        story = stories.get(record, _Story())
        for version in versions:
            fate = _fate(version, versions[-1], story)
            fates[fate] += 1
            if fate == "lost":
                yield f"I1: {record[0]} {record[1]}: version {version.rev} is lost (the store tells {story.told})"
    if fates.total() != len(account.history):
        yield f"I1: {len(account.history)} versions were committed, {dict(fates)} are accounted for"


def _fate(version: Version, last: Version, story: _Story) -> str:
    if version.rev in story.bodies:
        return "delivered"
    if version.bad and story.told and story.told[-1] == "letter":
        return "dead-lettered"
    if version.body is None and (not story.told or None in story.told):
        return "delivered"  # or nobody had ever told the relay of the record
    if any(rev > version.rev for rev in story.revs):
        return "superseded"
    if version is last:
        return "lost"
    ended = story.told and story.told[-1] == "letter" if last.bad else last.body is None
    return "superseded" if ended else "lost"


def _false_acks(account: Account) -> Iterator[str]:
    there = {(batch.stream, batch.seq): batch.digest for batch in account.stored}
    for stream, seq, digest in account.wire.sent:
        acked = seq <= account.wire.acked.get(stream, 0)
        if acked and there.get((stream, seq)) != digest:
            yield f"I2: {stream}: batch {seq} was acked and is not in the store"


def _states(account: Account) -> Iterator[str]:
    stories = _stories(account.stored)
    records = _by_record(account.history)
    for record, story in stories.items():
        versions = {version.rev: version for version in records.get(record, ())}
        where = f"I3: {record[0]} {record[1]}"
        if story.revs != sorted(story.revs):
            yield f"{where}: an older version came after a newer one: {story.told}"
        yield from _altered(where, story, versions)
        yield from _false_tombstones(where, story, versions)
    for record, versions_of in records.items():
        story = stories.get(record, _Story())
        last = versions_of[-1]
        wanted = None if last.body is None else last.rev
        if not last.bad and story.newest != wanted:
            yield f"I3: {record[0]} {record[1]}: the relay has version {story.newest}, the source {wanted}"
        yield from _shown(account, record, story)


def _altered(where: str, story: _Story, versions: Mapping[int, Version]) -> Iterator[str]:
    for rev, body in story.bodies.items():
        if rev not in versions:
            yield f"{where}: version {rev} was never committed"
        elif versions[rev].body != body:
            yield f"{where}: version {rev} says {body!r} instead of {versions[rev].body!r}"


def _false_tombstones(where: str, story: _Story, versions: Mapping[int, Version]) -> Iterator[str]:
    """A tombstone is true if the record was deleted after what came before it, and before what came behind it."""
    deletions = [rev for rev, version in versions.items() if version.body is None]
    before = 0
    for place, word in enumerate(story.told):
        if isinstance(word, int):
            before = word
        elif word is None:
            behind = next((other for other in story.told[place:] if isinstance(other, int)), None)
            if not any(before < rev and (behind is None or rev < behind) for rev in deletions):
                yield f"{where}: a tombstone without a deletion: {story.told}"


def _shown(account: Account, record: tuple[str, str], story: _Story) -> Iterator[str]:
    if account.shown is None:
        return
    found = account.shown.get(record)
    wanted = None if story.newest is None else (story.newest, story.bodies[story.newest])
    if found != wanted:
        yield f"I3: {record[0]} {record[1]}: the index shows {found}, the batches say {wanted}"


def _chains(account: Account) -> Iterator[str]:
    last: dict[str, int] = {}
    for batch in account.stored:
        before = last.get(batch.stream, 0)
        if batch.prev != before or batch.seq <= before:
            yield f"I4: {batch.stream}: batch {batch.seq} names {batch.prev}, the one before it is {before}"
        if not batch.whole:
            yield f"I4: {batch.stream}: batch {batch.seq} is not what its hash or its header says"
        last[batch.stream] = batch.seq
    for stream, end in account.ends.items():
        if end.pending or end.acked != end.enqueued or last.get(stream, 0) != end.acked:
            yield f"I4: {stream}: {end}; the store ends at {last.get(stream, 0)}"


def _counts(account: Account) -> Iterator[str]:
    """What a run that came to its end says it enqueued is what arrived of it."""
    records: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    reports: dict[str, Report] = {}
    for batch in account.stored:
        records[batch.run] += len(batch.records) + len(batch.gone)
        letters[batch.run] += len(batch.letters)
        if batch.report is not None:
            reports[batch.run] = batch.report
    for run, report in reports.items():
        if report.status == "running":
            yield f"I4: run {run} never ended"
        exact = report.status in ("succeeded", "failed")
        if exact and (records[run], letters[run]) != (report.enqueued, report.dead_letters):
            yield (
                f"I4: run {run} enqueued {report.enqueued} and {report.dead_letters} dead letters;"
                f" {records[run]} and {letters[run]} arrived"
            )


def _commands(commands: Sequence[Asked]) -> Iterator[str]:
    for command in commands:
        said = f"I7: {command.id}: {command.effects} effects, told {command.outcome}"
        if (
            command.effects > 1
            or command.outcome is None
            or (command.outcome == "succeeded" and not command.effects)
            or (command.outcome in NO_EFFECT and command.effects)
        ):
            yield said
        elif command.outcome == "in_doubt" and command.tellable:
            yield f"{said}, though the source could tell"


def _repeats(account: Account) -> Iterator[str]:
    for (stream, key), story in _stories(account.stored).items():
        twice = sorted(rev for rev, times in Counter(story.revs).items() if times > 1)
        if twice:
            yield f"I8: {stream} {key}: the store has version {twice[0]} more than once"
    again = sum(times - 1 for times in account.wire.sent.values())
    most = account.wire.window * max(0, account.wire.lines - 1)
    if again > most:
        yield f"I8: {again} batches were sent again, at most {most} may be"
