"""Write docs/messages.md and what `groundwire explain` reads."""

from __future__ import annotations

from docs.generate.messages import PAGE, REFERENCE, page_of, reference_of

REFERENCE.write_text(reference_of(), encoding="utf-8")
PAGE.write_text(page_of(), encoding="utf-8")
