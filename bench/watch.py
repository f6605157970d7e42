"""Memory and processor time of process trees, sampled from outside."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import psutil

SAMPLE_SECONDS: Final = 0.2
MIB: Final = 1024 * 1024


class Watch:
    """PSS summed over the processes and their children: shared pages are counted once, unlike with RSS."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._roots = [psutil.Process(pid) for pid in pids]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._processor: dict[int, float] = {}
        self._samples: list[int] = []
        self.peak_bytes = 0
        self.peak_rss_bytes = 0

    def __enter__(self) -> Self:
        self._sample()
        self._before = sum(self._processor.values())
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sample()
        self._stopping.set()
        self._thread.join()

    @property
    def peak_mib(self) -> float:
        return self.peak_bytes / MIB

    def peak_mib_between(self, begin: float, end: float) -> float:
        """The peak in a part of the time watched: 0.75 to 1.0 is its last quarter."""
        count = len(self._samples)
        part = self._samples[int(count * begin) : max(int(count * end), int(count * begin) + 1)]
        return max(part) / MIB

    @property
    def peak_rss_mib(self) -> float:
        return self.peak_rss_bytes / MIB

    @property
    def processor_seconds(self) -> float:
        """Of processes seen so far, ended ones included up to their last sample."""
        return sum(self._processor.values()) - self._before

    def _run(self) -> None:
        while not self._stopping.wait(SAMPLE_SECONDS):
            self._sample()

    def _sample(self) -> None:
        pss = rss = 0
        for process in self._tree():
            try:
                memory = process.memory_full_info()
                times = process.cpu_times()
            except psutil.Error:
                continue
            pss += memory.pss
            rss += memory.rss
            self._processor[process.pid] = times.user + times.system
        self._samples.append(pss)
        self.peak_bytes = max(self.peak_bytes, pss)
        self.peak_rss_bytes = max(self.peak_rss_bytes, rss)

    def _tree(self) -> list[psutil.Process]:
        found = []
        for root in self._roots:
            try:
                found += [root, *root.children(recursive=True)]
            except psutil.Error:
                continue
        return found
