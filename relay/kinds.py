"""The commands that the relay sends, as the API's part of them: how long each may wait for its agent."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

SYNC: Final = "sync"
RESYNC: Final = "resync"
PAUSE: Final = "pause"
RESUME: Final = "resume"
TEST: Final = "test"
DISCOVER: Final = "discover"
READ_RECORD: Final = "read_record"
CREATE: Final = "create"
UPDATE: Final = "update"
DELETE: Final = "delete"
SET_STATUS: Final = "set_status"
READ_MAPPING: Final = "read_mapping"
PREVIEW_MAPPING: Final = "preview_mapping"
CHANGE_MAPPING: Final = "change_mapping"
REVERT_MAPPING: Final = "revert_mapping"
REQUEUE: Final = "requeue"
DIAGNOSTICS: Final = "diagnostics"
DIAGNOSTICS_BUNDLE: Final = "diagnostics_bundle"
CANCEL: Final = "cancel"

_A_DAY: Final = timedelta(hours=24)
_AN_HOUR: Final = timedelta(hours=1)  # a write that takes effect much later than it was asked for surprises
_A_MOMENT: Final = timedelta(minutes=10)  # somebody waits for the answer

DEADLINES: Final = {
    SYNC: _A_DAY,  # an agent that was away for longer syncs by its own schedule anyway
    RESYNC: _A_DAY,
    PAUSE: _A_DAY,
    RESUME: _A_DAY,
    TEST: _A_MOMENT,
    DISCOVER: _A_MOMENT,
    READ_RECORD: _A_MOMENT,
    CREATE: _AN_HOUR,
    UPDATE: _AN_HOUR,
    DELETE: _AN_HOUR,
    SET_STATUS: _AN_HOUR,
    READ_MAPPING: _A_MOMENT,
    PREVIEW_MAPPING: _A_MOMENT,
    CHANGE_MAPPING: _AN_HOUR,
    REVERT_MAPPING: _AN_HOUR,
    REQUEUE: _AN_HOUR,
    DIAGNOSTICS: _A_MOMENT,
    DIAGNOSTICS_BUNDLE: _A_MOMENT,
    CANCEL: _A_DAY,
}
MIN_DEADLINE: Final = timedelta(seconds=5)
MAX_DEADLINE: Final = timedelta(days=7)
