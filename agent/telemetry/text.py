"""Text from anywhere made safe to show: on one line, without secrets, of bounded length. Pure but for what it masks."""

from __future__ import annotations

import re
from typing import Final

from agent.secrets import redact

MAX_VALUE_CHARS: Final = 2_000  # per value: a line stays readable and no source can flood a log

# C0 and C1 control characters, line and paragraph separators, bidirectional overrides and isolates,
# zero-width characters and the byte order mark: none may start a line or change how one is read.
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\u061c\ufeff\ud800-\udfff]"
)


def clean_text(text: str) -> str:
    """Text that is safe on one line of a log or terminal."""
    # Redacted first, whole: a cut or an escape could leave half a secret that no longer matches.
    text = redact(text)
    if len(text) > MAX_VALUE_CHARS:
        text = f"{text[:MAX_VALUE_CHARS]}... ({len(text)} characters)"
    return _CONTROL.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(found[0], f"\\u{ord(found[0]):04x}")
