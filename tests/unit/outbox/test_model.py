"""The outbox against a model of a few dictionaries, over restarts, in any order of calls."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.clock import ManualClock
from agent.outbox.store import Limits, Outbox, UnknownAck
from tests.unit.outbox.making import all_pending, entry, hash_of, letter, segment

STREAMS = st.sampled_from(["erp/orders", "erp/vendors"])
KEYS = st.sampled_from([f"k{number}" for number in range(8)])
LIMITS = Limits(replay_window=timedelta(hours=1), replay_bytes=60, wal_bytes=200_000)


@dataclass(slots=True)
class ModelBatch:
    seq: int
    prev: int
    payload: bytes
    acked: bool = False


@dataclass(slots=True)
class ModelStream:
    batches: list[ModelBatch] = field(default_factory=list)
    checkpoint: str | None = None
    last: int = 0
    known: dict[str, int] = field(default_factory=dict)
    letters: set[str] = field(default_factory=set)

    def pending(self) -> list[ModelBatch]:
        return [batch for batch in self.batches if not batch.acked]


class OutboxMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.streams: dict[str, ModelStream] = {}
        self.top = 0

    @initialize()
    def begin(self) -> None:
        self.outbox = self._open()

    @rule(
        stream=STREAMS,
        payloads=st.lists(st.binary(max_size=30), max_size=3),
        checkpoint=st.none() | st.text("abc"),
    )
    def append(self, stream, payloads, checkpoint) -> None:
        model = self._stream(stream)
        seqs = self._do(self.outbox.append(entry(*payloads, stream=stream, checkpoint=checkpoint)))
        for seq, payload in zip(seqs, payloads, strict=True):
            self.top += 1
            assert seq == self.top
            model.batches.append(ModelBatch(seq, model.last, payload))
            model.last = seq
        model.checkpoint = checkpoint if checkpoint is not None else model.checkpoint

    @rule(stream=STREAMS, contents=st.dictionaries(KEYS, st.integers(1, 99)), bad=st.sets(KEYS, max_size=2))
    def learn(self, stream, contents, bad) -> None:
        model = self._stream(stream)
        letters = [letter(key) for key in sorted(bad)]
        self._do(self.outbox.append(entry(stream=stream, fingerprints=segment(contents), letters=letters)))
        model.known |= contents
        model.letters = (model.letters - set(contents)) | bad

    @rule(stream=STREAMS, keys=st.sets(KEYS))
    def bury(self, stream, keys) -> None:
        model = self._stream(stream)
        gone = segment(dict.fromkeys(sorted(keys), 0), removed=True)
        self._do(self.outbox.append(entry(stream=stream, fingerprints=gone)))
        for key in keys:
            model.known.pop(key, None)
        model.letters -= keys

    @rule(stream=STREAMS, seq=st.integers(0, 40))
    def ack(self, stream, seq) -> None:
        model = self.streams.get(stream)
        if model is None or seq > model.last:
            with pytest.raises(UnknownAck):
                self._do(self.outbox.mark_acked(stream, seq))
            return
        due = [batch for batch in model.pending() if batch.seq <= seq]
        assert self._do(self.outbox.mark_acked(stream, seq)) == len(due)
        for batch in due:
            batch.acked = True

    @rule(stream=STREAMS)
    def reset(self, stream) -> None:
        model = self._stream(stream)
        self._do(self.outbox.reset_stream(stream))
        model.checkpoint = None
        model.known = dict.fromkeys(model.known, 0)

    @rule(stream=STREAMS, ahead=st.integers(1, 5))
    def rewind(self, stream, ahead) -> None:
        model = self._stream(stream)
        position = model.last + ahead
        known_or_gone = set(self._keys(stream)) | self._removed_since_compaction(stream)
        self._do(self.outbox.rewound(stream, position))
        self.top = max(self.top, position)
        model.last = position
        model.batches = [batch for batch in model.batches if batch.acked]
        model.checkpoint = None
        model.known = dict.fromkeys(known_or_gone, 0)

    @rule(stream=STREAMS)
    def compact(self, stream) -> None:
        self._do(self.outbox.compact_fingerprints(stream))

    @rule(minutes=st.integers(0, 90))
    def prune(self, minutes) -> None:
        self.clock.advance(minutes * 60)
        self._do(self.outbox.prune())

    @rule()
    def restart(self) -> None:
        self._do(self.outbox.aclose())
        self.outbox = self._open()

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        if not hasattr(self, "outbox"):
            return
        found = [
            (batch.stream, batch.seq, batch.prev, batch.payload)
            for batch in self._do(all_pending(self.outbox))
        ]
        expected = [
            (name, batch.seq, batch.prev, batch.payload)
            for name, model in self.streams.items()
            for batch in model.pending()
        ]
        assert found == sorted(expected, key=lambda batch: batch[1])
        stats = self._do(self.outbox.stats())
        assert stats.pending_bytes == self.outbox.pending_bytes == sum(len(batch[3]) for batch in found)
        assert stats.kept_bytes == self.outbox._db.levels.kept_bytes
        assert stats.damaged == 0
        for name, model in self.streams.items():
            assert self._do(self.outbox.checkpoint(name)) == model.checkpoint
            assert self._known(name) == {hash_of(key): content for key, content in model.known.items()}
            assert {found.key for found in self._do(self.outbox.dead_letters(name))} == model.letters

    def teardown(self) -> None:
        if hasattr(self, "outbox"):
            self._do(self.outbox.aclose())
        self.loop.close()
        self.folder.cleanup()

    def _open(self) -> Outbox:
        return self._do(Outbox.open(Path(self.folder.name) / "outbox.db", clock=self.clock, limits=LIMITS))

    def _do(self, call):
        return self.loop.run_until_complete(call)

    def _stream(self, name: str) -> ModelStream:
        return self.streams.setdefault(name, ModelStream())

    def _known(self, stream: str) -> dict[int, int]:
        found = self._do(self.outbox.fingerprints(stream))
        return dict(zip(found.key_hashes.tolist(), found.content_hashes.tolist(), strict=True))

    def _keys(self, stream: str) -> list[str]:
        hashes = self._do(self.outbox.fingerprints(stream)).key_hashes
        return list(self._do(self.outbox.keys_of(stream, hashes)).values())

    def _removed_since_compaction(self, stream: str) -> set[str]:
        """Removed keys come back when tombstones may be lost; how long they are remembered is compaction's business."""
        every = segment({f"k{number}": 0 for number in range(8)})
        return set(self._do(self.outbox.keys_of(stream, every.key_hashes)).values())


OutboxMachine.TestCase.settings = settings(stateful_step_count=25)
test_outbox_does_what_its_model_does = OutboxMachine.TestCase
