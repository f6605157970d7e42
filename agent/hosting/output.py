"""What a child prints: lines of foreign libraries, on their way into the agent's log.

Bounded in length and rate, because nothing else bounds a native library's talk, and with secrets taken out, because
some libraries print the connection string they were given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from agent.hosting.limits import LINE_PERIOD_SECONDS, MAX_LINE_BYTES, MAX_LINES_PER_PERIOD
from agent.secrets import forms_of

REDACTED: Final = "[redacted]"
MAX_REPORTED_CHARS: Final = (
    1_000  # far below MAX_LINE_BYTES: a secret that begins in the reported part is kept whole
)


class Redactor:
    """Takes the values of secrets out of text, the longest first, so that no part of a longer one stays."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._pieces: list[str] = []
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        pieces = (
            {piece.strip() for piece in (secret, *secret.splitlines())} | forms_of(secret) | set(self._pieces)
        )
        self._pieces = sorted((piece for piece in pieces if piece), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for piece in self._pieces:
            text = text.replace(piece, REDACTED)
        return text


class LineReporter:
    """Cuts a byte stream into lines and reports them: `report(line)` for each, `suppressed(count)` for the rest."""

    def __init__(
        self, redact: Redactor, report: Callable[[str], None], suppressed: Callable[[int], None]
    ) -> None:
        self._redact = redact
        self._report = report
        self._suppressed = suppressed
        self._line = bytearray()
        self._period_began = 0.0
        self._reported = 0
        self._dropped = 0

    def feed(self, data: bytes, now: float) -> None:
        *whole, rest = data.split(b"\n")
        for part in whole:
            self._extend(part)
            self._finish_line(now)
        self._extend(rest)

    def close(self, now: float) -> None:
        self._finish_line(now)
        self._end_period(now)

    def _extend(self, part: bytes) -> None:
        self._line += part[: MAX_LINE_BYTES - len(self._line)]

    def _finish_line(self, now: float) -> None:
        text = self._line.decode("utf-8", "replace").strip()
        self._line.clear()
        if not text:
            return
        if now - self._period_began >= LINE_PERIOD_SECONDS:
            self._end_period(now)
        if self._reported < MAX_LINES_PER_PERIOD:
            self._reported += 1
            self._report(self._redact(text)[:MAX_REPORTED_CHARS])
        else:
            self._dropped += 1

    def _end_period(self, now: float) -> None:
        if self._dropped:
            self._suppressed(self._dropped)
        self._period_began, self._reported, self._dropped = now, 0, 0
